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

/* The headers are of a later version than the library. */
#ifndef NEWER
#define NEWER 0
#endif

#if COHERENT_VERSION < COHERENT_VERSION_OF(0, 1, 0)
#error "the preprocessor can compare versions"
#endif

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

static void check_version(void)
{
	say(coherent_version() / 100 == 1, "the version of the library is a 0.1");
	say((coherent_version() == COHERENT_VERSION) == !NEWER,
	    "the version of the library is not taken from the headers of the program");
}

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	int err = coherent_device_open(&dev, "sim:edu,step", .level = COHERENT_PEER,
				       .report = coherent_report_stderr);

	check_version();
	say(!err, "a device opens");
	if (!err)
		check_enums(dev);
	printf("1..%d\n", count);
	return failed || err;
}
