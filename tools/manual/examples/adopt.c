/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device uses a buffer of the program, which gets it back. */
#include <coherent.h>
#include <stdlib.h>

static void put(void *memory, void *arg)
{
	(void)arg;
	free(memory);
}

int example(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	void *memory = aligned_alloc(4096, 65536);
	int err;

	if (!memory)
		return -1;
	err = coherent_box_adopt(&box, dev, (uint8_t *)memory, 65536,
				 .release = put);
	if (err)
		free(memory);
	else
		err = coherent_expose(&box, &mem);
	return err;
}
