// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Results that the driver does not look at. */
#include "../driver.h"

void cast_away(struct coherent_device *dev, union desc_mem *mem)
{
	union desc_box box = COHERENT_EMPTY;

	/* want: the result of coherent_box_zeroed() is ignored */
	(void)!coherent_box_zeroed(&box, dev, ENTRIES);
	/* want: 'box' is used here, but coherent_box_zeroed() at line N may have failed */
	coherent_box_ptr(&box)->len = 1;
	/* want: the result of coherent_expose() is ignored */
	(void)!coherent_expose(&box, mem);
}

void address_of_nothing(struct driver *driver)
{
	union desc_box box = COHERENT_EMPTY;

	if (coherent_box_zeroed(&box, driver->dev, ENTRIES))
		return;
	/* want: the result of coherent_expose() is ignored */
	(void)!coherent_expose(&box, &driver->tx.descs);
	/* want: 'driver->tx.descs' is used here, but coherent_expose() at line N may have */
	coherent_bar_write64(driver->bar, 0, coherent_addr(&driver->tx.descs).raw);
}

int overwritten(struct driver *driver)
{
	int err;

	err = coherent_zeroed(&driver->tx.descs, driver->dev, ENTRIES);
	/* want: the result of coherent_zeroed() at line N is overwritten here */
	err = coherent_zeroed(&driver->rx.descs, driver->dev, ENTRIES);
	return err;
}

int overwritten_with_a_number(union desc_mem *mem)
{
	int err = coherent_write(mem, 0, .len, 1);

	/* want: the result of coherent_write() at line N is overwritten here */
	err = 0;
	return err;
}

static void setup(struct coherent_device *dev, union desc_box *box)
{
	int err = coherent_box_zeroed(box, dev, ENTRIES);

	if (err)
		fprintf(stderr, "no memory\n");
}

void ignored_by_a_helper(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;

	setup(dev, &box);
	/* want: 'box' is used here, but coherent_box_zeroed() at line N may have failed */
	coherent_box_ptr(&box)->len = 3;
	coherent_box_free(&box);
}

void ring_in_a_struct(struct driver *driver)
{
	(void)!coherent_ring(&driver->tx.descs, &driver->tx.ring);
	/* want: ring 'driver->tx.ring' is used here, but coherent_ring() at line N may have */
	coherent_ring_put(&driver->tx.ring, 0, .len, 1);
}

int device_not_open(struct driver *driver, const char *name)
{
	/* want: the result of coherent_device_open() is ignored */
	(void)!coherent_device_open(&driver->dev, name);
	/* want: 'driver->dev' is used here, but coherent_device_open() at line N may have */
	return coherent_zeroed(&driver->tx.descs, driver->dev, ENTRIES);
}

int in_a_loop(struct driver *driver)
{
	int err = 0;

	for (int i = 0; i < 4; i++)
		/* want: the result of coherent_zeroed() at line N is overwritten here */
		err = coherent_zeroed(&driver->table[i], driver->dev, 1);
	return err;
}

int said_but_used(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, dev, ENTRIES);

	if (err)
		printf("error %d\n", err);
	/* want: 'box' is used here, but coherent_box_zeroed() at line N may have failed */
	coherent_box_ptr(&box)->flags = 1;
	coherent_box_free(&box);
	return err;
}

void refused_by_gcc(struct coherent_device *dev, union desc_mem *mem)
{
	/* want: the result of coherent_zeroed() is ignored */
	(void)coherent_zeroed(mem, dev, 1);
}

void never_read(struct driver *driver)
{
	/* want: the result of coherent_expose() is ignored */
	int err = coherent_expose(&driver->spare, &driver->tx.descs);

	(void)err;
}

#define RESET(driver) coherent_device_reset((driver)->dev)

int two_calls_in_a_line(struct driver *driver)
{
	/* want: the result of coherent_device_fence() is ignored */
	if (coherent_is_empty(&driver->tx.descs) || (coherent_device_fence(driver->dev), false))
		return 1;
	/* want: the result of RESET() is ignored */
	return coherent_write(&driver->tx.descs, 0, .len, 1) ? (puts("äöü"), RESET(driver), -1) : 0;
}
