/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device tries to read a box, and the fault names the box. */
#include <coherent.h>
#include <coherent/sim.h>
#include <stdio.h>

int example(struct coherent_device *dev)
{
	struct coherent_fault fault;
	COHERENT_BOX_AUTO(uint32_t, box);
	uint32_t stolen;
	int err;

	err = coherent_box_zeroed(&box, dev, 64);
	if (err)
		return err;
	if (!coherent_sim_try(dev, &box, 0, &stolen, 4, COHERENT_ACCESS_READ))
		return -1;
	err = coherent_device_next_fault(dev, &fault);
	if (!err)
		puts(fault.text);
	return err ? err : fault.state == COHERENT_STATE_BOX ? 0 : -1;
}
