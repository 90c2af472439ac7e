// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A mem after the call that ended it, and objects that are freed twice. */
#include "../driver.h"

int straight(struct coherent_device *dev)
{
	union desc_mem mem = COHERENT_EMPTY;
	uint32_t len = 0;
	int err = coherent_zeroed(&mem, dev, ENTRIES);

	if (err)
		return err;
	coherent_free(&mem);
	/* want: mem 'mem' is used here after coherent_free() at line N freed */
	err = coherent_read(&mem, 0, .len, &len);
	return err ? err : (int)len;
}

int in_a_branch(struct driver *driver, bool stop)
{
	if (stop)
		coherent_free(&driver->tx.descs);
	/* want: mem 'driver->tx.descs' is used here after coherent_free() at line N */
	return coherent_write(&driver->tx.descs, 0, .len, 4);
}

int in_a_loop(struct driver *driver)
{
	int err = 0;

	for (int i = 0; !err && i < 4; i++) {
		/* want: mem 'driver->rx.descs' is used here after */
		err = coherent_write(&driver->rx.descs, i, .len, 4);
		coherent_free(&driver->rx.descs);
	}
	return err;
}

static void stop_queue(struct queue *queue)
{
	queue->running = false;
	coherent_free(&queue->descs);
}

uint64_t through_a_helper(struct driver *driver)
{
	stop_queue(&driver->tx);
	/* want: mem 'driver->tx.descs' is used here after coherent_free() at line N */
	return coherent_addr(&driver->tx.descs).raw;
}

int after_reclaim(union desc_mem *mem, union desc_box *box)
{
	int err = coherent_reclaim(mem, box, .idle = true);

	if (err)
		return err;
	/* want: mem 'mem' is used here after coherent_reclaim() at line N */
	return coherent_write(mem, 0, .flags, 1);
}

int view_after_reclaim(union desc_mem *mem, union desc_box *box)
{
	COHERENT_VIEW(struct desc) view;
	int err = coherent_view(mem, 0, 1, &view);

	if (!err)
		err = coherent_reclaim(mem, box, .idle = true);
	if (err)
		return err;
	/* want: view 'view' is used here after coherent_reclaim() at line N took mem 'mem' back */
	return coherent_write(&view, 0, .flags, 1);
}

void after_move(union desc_mem *from, union desc_mem *to)
{
	coherent_move(from, to);
	/* want: is used here after coherent_move() at line N */
	printf("%zu\n", coherent_count(from));
}

void freed_twice(struct driver *driver)
{
	coherent_free(&driver->tx.descs);
	coherent_free(&driver->rx.descs);
	/* want: mem 'driver->tx.descs' is freed twice: here, and by coherent_free() at line N */
	coherent_free(&driver->tx.descs);
}

static void drop(union desc_mem *mem)
{
	/* want: mem 'mem' is freed twice: here, and by coherent_free() at line N */
	coherent_free(mem);
}

void freed_twice_through_a_helper(struct coherent_device *dev)
{
	union desc_mem mem = COHERENT_EMPTY;

	if (coherent_zeroed(&mem, dev, ENTRIES))
		return;
	coherent_free(&mem);
	drop(&mem);
}

void box_freed_twice(struct coherent_device *dev, bool verbose)
{
	union desc_box box = COHERENT_EMPTY;

	if (coherent_box_zeroed(&box, dev, ENTRIES))
		return;
	coherent_box_free(&box);
	if (verbose)
		printf("freed\n");
	/* want: box 'box' is freed twice */
	coherent_box_free(&box);
}

void element_of_an_array(struct driver *driver)
{
	coherent_free(&driver->table[1]);
	/* want: mem 'driver->table[1]' is used here after */
	(void)!coherent_write(&driver->table[1], 0, .len, 1);
}

int handle_after_free(struct coherent_device *dev)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	int err = coherent_handle_zeroed(&handle, dev, 4096);

	if (err)
		return err;
	coherent_handle_free(&handle);
	/* want: handle 'handle' is used here after coherent_handle_free() */
	return coherent_handle_addr(&handle).raw != 0;
}

int polled_after_free(struct driver *driver)
{
	uint32_t flags;

	coherent_free(&driver->rx.descs);
	/* want: mem 'driver->rx.descs' is used here */
	return coherent_poll(&driver->rx.descs, 0, .flags, &flags, flags & 1, 1000000);
}
