// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver that copies from one device to another through one buffer. */
#include "../driver.h"

static int start(struct driver *driver, coherent_addr_t address)
{
	coherent_bar_write64(driver->bar, 0, address.raw);
	return coherent_irq_wait(driver->irq, 1000000000);
}

int copy_between(struct driver *from, struct driver *to)
{
	COHERENT_TWIN_AUTO(struct desc, twin);
	union desc_mem mem = COHERENT_EMPTY;
	union desc_box box = COHERENT_EMPTY;
	int err;

	err = coherent_zeroed(&mem, from->dev, ENTRIES);
	if (!err)
		err = coherent_share(&mem, to->dev, &twin, .permission = COHERENT_READ_ONLY);
	if (!err)
		err = start(from, coherent_addr(&mem));
	if (!err)
		err = start(to, coherent_addr(&twin));
	coherent_free(&twin);
	if (!err)
		err = coherent_reclaim(&mem, &box);
	coherent_free(&mem);
	coherent_box_free(&box);
	return err;
}

/* Each turn of the loop makes a twin by the same call, and another mem. */
int share_in_turn(struct driver *driver, struct coherent_device *other, union desc_box *boxes)
{
	int err = 0;
	int i;

	for (i = 0; i < 4 && !err; i++) {
		union desc_twin twin = COHERENT_EMPTY;

		err = coherent_share(&driver->table[i], other, &twin);
		if (err)
			break;
		err = start(driver, coherent_addr(&twin));
		if (i == 2)
			other_file_takes(&twin);
		else
			coherent_free(&twin);
		if (!err && i != 2)
			err = coherent_reclaim(&driver->table[i], &boxes[i]);
	}
	return err;
}

/* The other device is optional, and so is the twin. */
int share_or_not(union desc_mem *mem, struct coherent_device *other, union desc_box *box)
{
	COHERENT_TWIN_AUTO(struct desc, twin);
	int err = other ? coherent_share(mem, other, &twin) : 0;

	if (err)
		return coherent_reclaim(mem, box);
	if (!coherent_is_empty(&twin))
		coherent_free(&twin);
	return coherent_reclaim(mem, box);
}

/* The twin goes on when its mem was freed. The next mem does not have twins. */
int next_mem(struct driver *driver, struct coherent_device *other, union desc_box *box)
{
	COHERENT_TWIN_AUTO(struct desc, twin);
	union desc_mem *mem = &driver->tx.descs;
	int err = coherent_share(mem, other, &twin);

	if (err)
		return err;
	coherent_free(mem);
	err = coherent_zeroed(mem, driver->dev, ENTRIES);
	if (err)
		return err;
	return coherent_reclaim(mem, box);
}

/* Another file may free the first mem, and make another one. */
int replaced_mem(struct driver *driver, struct coherent_device *other, union desc_box *box)
{
	COHERENT_TWIN_AUTO(struct desc, twin);
	int err;

	other_file_takes(driver);
	err = coherent_share(&driver->tx.descs, other, &twin);
	if (err)
		return err;
	other_file_takes(driver);
	err = start(driver, coherent_addr(&driver->tx.descs));
	return err ? err : coherent_reclaim(&driver->tx.descs, box);
}

struct pair {
	union desc_mem mem;
	union desc_twin twin;
	union desc_twin more[2];
	struct pair *next;
};

/* The other file can reach the twin, although the call does not name it. */
int twin_of_the_caller(struct pair *pair, struct coherent_device *other, union desc_box *box)
{
	int err = coherent_share(&pair->mem, other, &pair->twin);

	if (!err)
		err = other_file();
	return err ? err : coherent_reclaim(&pair->mem, box);
}

int twin_that_another_file_keeps(struct pair *pair, struct coherent_device *other,
				 union desc_box *box)
{
	int err;

	other_file_takes(pair);
	err = coherent_share(&pair->mem, other, &pair->twin);
	return err ? err : coherent_reclaim(&pair->mem, box);
}

/* The other file knows where the twin is, and a callback of it may free the twin. */
int known_twin(union desc_mem *mem, struct coherent_device *other, union desc_box *box)
{
	union desc_twin twin = COHERENT_EMPTY;
	int err;

	other_file_takes(&twin);
	err = coherent_share(mem, other, &twin);
	return err ? err : coherent_reclaim(mem, box);
}

static int share_with(union desc_mem *mem, struct coherent_device *other, union desc_twin *twin)
{
	return coherent_share(mem, other, twin);
}

static int reclaim_later(union desc_mem *mem, union desc_box *box)
{
	return coherent_reclaim(mem, box);
}

/* The driver asks whether the mem is still shared. */
int asks_for_busy(union desc_mem *mem, struct coherent_device *other, union desc_box *box)
{
	COHERENT_TWIN_AUTO(struct desc, twin);
	int err = coherent_share(mem, other, &twin);

	if (!err)
		err = reclaim_later(mem, box);
	if (err != -EBUSY)
		return err;
	coherent_free(&twin);
	return coherent_reclaim(mem, box);
}

int asks_by_a_switch(union desc_mem *mem, struct coherent_device *other, union desc_box *box)
{
	COHERENT_TWIN_AUTO(struct desc, twin);
	int err = coherent_share(mem, other, &twin);

	if (err)
		return err;
	switch (coherent_reclaim(mem, box)) {
	case -EBUSY:
		coherent_free(&twin);
		return coherent_reclaim(mem, box);
	case 0:
		return 0;
	default:
		return -EIO;
	}
}

/* The second twin is not of the first mem, although one line makes both. */
int one_line_makes_two_twins(struct pair *pair, union desc_mem *mem, struct driver *driver,
			     union desc_box *box)
{
	union desc_twin twins[2] = { COHERENT_EMPTY, COHERENT_EMPTY };
	union desc_twin twin = COHERENT_EMPTY;
	int err = share_with(&pair->mem, driver->dev, &twins[1]);
	int i;

	if (err)
		return err;
	for (i = 0; i < 20; i++)
		err |= start(driver, coherent_addr(&twins[1]));
	err |= share_with(mem, driver->dev, &twin);
	coherent_free(&twins[1]);
	if (!err)
		err = coherent_reclaim(&pair->mem, box);
	coherent_free(&twin);
	return err;
}

int twin_of_some_pair(struct pair *pairs, unsigned int which, struct coherent_device *other,
		      union desc_box *box)
{
	int err = coherent_share(&pairs->mem, other, &pairs[which].twin);

	return err ? err : coherent_reclaim(&pairs->mem, box);
}

/* One pair in the list, or one twin of the array, may be the one that was shared. */
int twins_in_a_list(struct pair *pair, struct pair *all, struct coherent_device *other,
		    union desc_box *box)
{
	int err = coherent_share(&pair->mem, other, &pair->twin);

	if (err)
		return err;
	do {
		coherent_free(&all->twin);
		all = all->next;
	} while (all);
	return coherent_reclaim(&pair->mem, box);
}

int twins_in_an_array(struct pair *pair, unsigned int which, unsigned int used,
		      struct coherent_device *other, union desc_box *box)
{
	int err = coherent_share(&pair->mem, other, &pair->more[which]);

	if (err)
		return err;
	coherent_free(&pair->more[used]);
	return coherent_reclaim(&pair->mem, box);
}

int twins_by_pointers(union desc_mem *mem, unsigned int which, struct coherent_device *other,
		      union desc_box *box)
{
	COHERENT_TWIN_AUTO(struct desc, first);
	COHERENT_TWIN_AUTO(struct desc, second);
	union desc_twin *twins[2] = { (union desc_twin *)&first, (union desc_twin *)&second };
	int err = coherent_share(mem, other, twins[0]);

	if (err)
		return err;
	coherent_free(twins[which]);
	return coherent_reclaim(mem, box);
}

static void drop(union desc_twin *twin)
{
	coherent_free(twin);
}

int freed_by_a_helper(struct driver *driver, struct coherent_device *other, union desc_box *box)
{
	union desc_mem mem = COHERENT_EMPTY;
	union desc_mem kept = COHERENT_EMPTY;
	union desc_twin twin = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, driver->dev, ENTRIES);

	if (!err)
		err = coherent_share(&mem, other, &twin);
	if (!err) {
		coherent_move(&mem, &kept);
		drop(&twin);
		err = coherent_reclaim(&kept, box);
	}
	coherent_free(&kept);
	coherent_free(&mem);
	return err;
}
