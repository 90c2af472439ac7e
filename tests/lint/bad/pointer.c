// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Pointers, views, slots and rings after the object that they belong to. */
#include "../driver.h"

int kept(struct coherent_device *dev, union desc_mem *mem)
{
	union desc_box box = COHERENT_EMPTY;
	struct desc *desc;
	int err = coherent_box_zeroed(&box, dev, ENTRIES);

	if (err)
		return err;
	desc = coherent_box_ptr(&box);
	desc[1].len = 4;
	err = coherent_expose(&box, mem);
	if (err)
		return err;
	/* want: a pointer into box 'box' is used here after coherent_expose() at line N */
	desc[2].len = 5;
	return 0;
}

int kept_in_a_loop(struct coherent_device *dev, union desc_mem *mem, unsigned int count)
{
	union desc_box box = COHERENT_EMPTY;
	struct desc *desc;
	int err = coherent_box_zeroed(&box, dev, ENTRIES);

	if (err)
		return err;
	desc = coherent_box_ptr(&box);
	err = coherent_expose(&box, mem);
	for (unsigned int i = 0; !err && i < count; i++)
		/* want: a pointer into box 'box' is used here after coherent_expose() at line */
		desc[i].len = i;
	return err;
}

static void clean(struct desc *desc, size_t count)
{
	for (size_t i = 0; i < count; i++)
		/* want: a pointer into box 'box' is used here after coherent_box_free() */
		desc[i].flags = 0;
}

int kept_by_a_helper(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, dev, ENTRIES);
	struct desc *desc = coherent_box_ptr(&box);

	coherent_box_free(&box);
	if (!err)
		clean(desc, ENTRIES);
	return err;
}

struct cursor {
	struct desc *desc;
};

int kept_in_a_struct(union desc_box *box, union desc_mem *mem)
{
	struct cursor cursor = { .desc = coherent_box_ptr(box) };
	int err = coherent_expose(box, mem);

	if (err)
		return err;
	/* want: a pointer into box 'box' is given to memset() here after */
	memset(cursor.desc, 0, sizeof(*cursor.desc));
	return 0;
}

int kept_over_a_move(union desc_box *box, union desc_box *to)
{
	struct desc *desc = coherent_box_ptr(box);

	coherent_move(box, to);
	/* want: a pointer into box 'box' is used here after coherent_move() */
	desc->len = 1;
	return 0;
}

int unsafe_pointer(union desc_mem *mem)
{
	volatile struct desc *desc = coherent_unsafe_ptr(mem);

	coherent_free(mem);
	/* want: a pointer into mem 'mem' is used here after coherent_free() */
	return (int)desc->len;
}

int view(union desc_mem *mem)
{
	union desc_view view = COHERENT_EMPTY;
	int err = coherent_view(mem, 2, 2, &view);

	if (err)
		return err;
	coherent_free(mem);
	/* want: view 'view' is used here after coherent_free() at line N */
	return coherent_write(&view, 0, .len, 1);
}

uint32_t slot(struct driver *driver)
{
	COHERENT_SLOT(struct desc) slot = COHERENT_EMPTY;
	union desc_box box = COHERENT_EMPTY;
	uint32_t len = 0;

	if (coherent_slot(&driver->tx.descs, 0, &slot))
		return 0;
	if (!coherent_reclaim(&driver->tx.descs, &box, .idle = true))
		/* want: slot 'slot' is used here after coherent_reclaim() at line N */
		len = coherent_slot_get(&slot, .len);
	coherent_box_free(&box);
	return len;
}

static void close_queue(struct queue *queue)
{
	coherent_free(&queue->descs);
}

void ring(struct driver *driver)
{
	if (coherent_ring(&driver->tx.descs, &driver->tx.ring))
		return;
	close_queue(&driver->tx);
	/* want: ring 'driver->tx.ring' is used here after coherent_free() */
	coherent_ring_put(&driver->tx.ring, 0, .len, 1);
}

int view_of_a_local(struct coherent_device *dev, union desc_view *view)
{
	union desc_mem mem = COHERENT_EMPTY;
	uint32_t len = 0;
	int err = coherent_zeroed(&mem, dev, ENTRIES);

	if (!err)
		err = coherent_view(&mem, 0, 1, view);
	coherent_free(&mem);
	if (!err)
		/* want: is used here after coherent_free() at line N */
		err = coherent_read(view, 0, .len, &len);
	return err ? err : (int)len;
}
