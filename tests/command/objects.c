// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * objects DEVICE COUNT SIZE ALIGN ...: allocates boxes in this order, and prints how many there are when
 * the library finds no device address for one more. Each SIZE is a number of bytes.
 */
#include <coherent.h>
#include <coherent/device.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BOXES_MAX 1000

COHERENT_BOX_TYPE(any_box, uint8_t);

static union any_box boxes[BOXES_MAX];

/* Allocates boxes that stay until the end. Returns 0 or the error of the last one. */
static int allocate(struct coherent_device *dev, unsigned long count, size_t bytes, size_t align,
		    size_t *made)
{
	for (unsigned long i = 0; i < count && *made < BOXES_MAX; i++) {
		const int err = coherent_box_zeroed(&boxes[*made], dev, bytes, .align = align);

		if (err)
			return err;
		++*made;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct coherent_device *dev;
	size_t made = 0;
	int err = 0;

	if (argc < 5 || coherent_device_open(&dev, argv[1]))
		return 2;
	for (int i = 2; !err && i + 2 < argc; i += 3)
		err = allocate(dev, strtoul(argv[i], NULL, 0), strtoul(argv[i + 1], NULL, 0),
			       strtoul(argv[i + 2], NULL, 0), &made);
	printf("%zu %s\n", made, err == -ENOSPC ? "full" : err ? "failed" : "fits");
	while (made)
		coherent_box_free(&boxes[--made]);
	coherent_device_close(dev);
	return 0;
}
