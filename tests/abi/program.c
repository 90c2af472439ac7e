// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A program that shares each public struct with the library. run.py builds it in several ways and
 * runs it with one library. It prints TAP.
 */
#include <coherent.h>
#include <coherent/pool.h>
#include <coherent/sim.h>
#include <stdio.h>
#include <string.h>

static int count, failed;

static void say(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	failed += !good;
}

/* The library writes to each enum of these structs. */
static void check_enums(struct coherent_device *dev)
{
	struct coherent_info info = { .state = COHERENT_STATE_NONE };
	struct coherent_fault fault = { .state = COHERENT_STATE_NONE };
	COHERENT_BOX_AUTO(uint32_t, box);
	uint32_t value = 1;
	bool good;

	good = !coherent_box_zeroed(&box, dev, 1, .level = COHERENT_IOMMU) &&
	       !coherent_find_ptr(dev, coherent_box_ptr(&box), &info);
	say(good && info.state == COHERENT_STATE_BOX, "a lookup gives the state of the object");
	good = coherent_sim_try(dev, &box, 0, &value, 4, COHERENT_ACCESS_WRITE) == -EIO &&
	       !coherent_device_next_fault(dev, &fault);
	say(good && fault.access == COHERENT_ACCESS_WRITE && fault.state == COHERENT_STATE_BOX,
	    "a fault gives the access and the state of the object");
}

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	int err = coherent_device_open(&dev, "sim:edu,step", .level = COHERENT_PEER,
				       .report = coherent_report_stderr);

	say(!err, "a device opens");
	if (!err)
		check_enums(dev);
	printf("1..%d\n", count);
	return failed || err;
}
