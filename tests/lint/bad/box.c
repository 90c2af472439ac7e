// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A box after the call that ended it. */
#include "../driver.h"

int straight(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_mem mem = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, dev, ENTRIES);
	if (err)
		return err;
	err = coherent_expose(&box, &mem);
	if (err)
		return err;
	/* want: box 'box' is used here after coherent_expose() at line N */
	coherent_box_ptr(&box)[0].len = 1;
	coherent_free(&mem);
	return 0;
}

int in_a_loop(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_mem mems[2] = { COHERENT_EMPTY, COHERENT_EMPTY };
	int err;

	err = coherent_box_zeroed(&box, dev, ENTRIES);
	for (int i = 0; !err && i < 2; i++)
		/* want: box 'box' is exposed here after coherent_expose() at line N */
		err = coherent_expose(&box, &mems[i]);
	for (int i = 0; i < 2; i++)
		coherent_free(&mems[i]);
	return err;
}

static void fill(union desc_box *box)
{
	/* want: box 'box' is used here after coherent_expose() at line N */
	coherent_box_ptr(box)->len = 1;
}

int through_a_helper(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_mem mem = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, dev, ENTRIES);
	if (!err)
		err = coherent_expose(&box, &mem);
	if (!err)
		fill(&box);
	coherent_free(&mem);
	return err;
}

int in_a_struct(struct driver *driver)
{
	int err;

	err = coherent_box_zeroed(&driver->spare, driver->dev, ENTRIES);
	if (err)
		return err;
	err = coherent_expose(&driver->spare, &driver->tx.descs);
	if (err)
		return err;
	/* want: box 'driver->spare' is used here after coherent_expose() */
	coherent_box_ptr(&driver->spare)->flags = 1;
	return 0;
}

int exposed_twice(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_mem first = COHERENT_EMPTY, second = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, dev, ENTRIES);
	if (err)
		return err;
	err = coherent_expose(&box, &first);
	if (err)
		return err;
	/* want: box 'box' is exposed here after coherent_expose() at line N */
	err = coherent_expose(&box, &second);
	coherent_free(&second);
	coherent_free(&first);
	return err;
}

int exposed_twice_behind_a_pointer(struct driver *driver, union desc_box *box)
{
	int err = coherent_expose(box, &driver->tx.descs);

	if (err)
		return err;
	/* want: box 'box' is exposed here after coherent_expose() at line N */
	return coherent_expose(box, &driver->rx.descs);
}

int after_a_failed_expose(struct driver *driver)
{
	union desc_box box = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, driver->dev, ENTRIES);
	if (err)
		return err;
	err = coherent_expose(&box, &driver->tx.descs);
	if (err) {
		/* want: box 'box' is used here after coherent_expose() */
		coherent_box_ptr(&box)->len = 0;
		return err;
	}
	return 0;
}

int after_free(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, dev, ENTRIES);

	if (err)
		return err;
	coherent_box_free(&box);
	/* want: box 'box' is used here after coherent_box_free() at line N */
	return (int)coherent_box_count(&box);
}

int after_move(struct coherent_device *dev, union desc_box *to)
{
	union desc_box box = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, dev, ENTRIES);

	if (err)
		return err;
	coherent_move(&box, to);
	/* want: box 'box' is used here after coherent_move() at line N */
	coherent_box_ptr(&box)->len = 5;
	return 0;
}

int exposed_with_others(struct coherent_device *dev, struct driver *driver)
{
	union desc_box box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, dev, 1);
	if (!err)
		err = coherent_box_zeroed(&other, dev, 1);
	if (!err)
		err = coherent_expose_all(COHERENT_EXPOSURE(&box, &driver->tx.descs),
					  COHERENT_EXPOSURE(&other, &driver->rx.descs));
	else
		coherent_box_free(&box);
	if (!err)
		/* want: box 'other' is used here after coherent_expose_all() */
		coherent_box_ptr(&other)->len = 1;
	return err;
}

static int fill_one(struct desc *desc, void *arg)
{
	desc->len = *(uint32_t *)arg;
	return 0;
}

int in_a_branch(struct coherent_device *dev, union desc_mem *mem, uint32_t len)
{
	union desc_box box = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, dev, ENTRIES);
	if (!err)
		err = coherent_expose(&box, mem);
	if (!err && len > 4)
		/* want: box 'box' is used here after */
		err = coherent_box_init_at(&box, 0, fill_one, &len);
	return err;
}
