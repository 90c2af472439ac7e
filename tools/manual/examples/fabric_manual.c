/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver itself serves its peers, in its own loop. */
#include <coherent.h>
#include <coherent/fabric.h>

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	int err = 0;

	if (coherent_device_open(&dev, "fabric:tcp,node=127.0.0.1,manual"))
		return 77;	/* there is no libfabric here */
	for (int i = 0; !err && i < 3; i++)
		err = coherent_fabric_progress(dev, 1000000);
	return !!err;
}
