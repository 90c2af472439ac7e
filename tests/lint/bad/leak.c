// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Objects that nobody frees, or that are overwritten or copied. */
#include "../driver.h"

int straight(struct coherent_device *dev)
{
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, ENTRIES);

	if (err)
		return err;
	/* want: mem 'mem' from coherent_zeroed() at line N is never freed */
	return coherent_write(&mem, 0, .len, 1);
}

int on_an_error_path(struct coherent_device *dev)
{
	union desc_mem first = COHERENT_EMPTY, second = COHERENT_EMPTY;
	int err = coherent_zeroed(&first, dev, ENTRIES);

	if (err)
		return err;
	err = coherent_zeroed(&second, dev, ENTRIES);
	if (err)
		/* want: mem 'first' from coherent_zeroed() at line N is never freed */
		return err;
	coherent_free(&second);
	coherent_free(&first);
	return 0;
}

int wrong_label(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_mem mem = COHERENT_EMPTY, table = COHERENT_EMPTY;
	int err;

	err = coherent_zeroed(&table, dev, 1);
	if (err)
		goto out;
	err = coherent_box_zeroed(&box, dev, ENTRIES);
	if (err)
		goto out;
	err = coherent_expose(&box, &mem);
	if (err)
		goto free_table;
	coherent_free(&mem);
free_table:
	coherent_free(&table);
out:
	/* want: mem 'table' from coherent_zeroed() at line N is never freed */
	return err;
}

int box_in_a_loop(struct coherent_device *dev, unsigned int count)
{
	int err = 0;

	for (unsigned int i = 0; i < count; i++) {
		union desc_box box = COHERENT_EMPTY;

		err = coherent_box_zeroed(&box, dev, ENTRIES);
		if (err)
			return err;
		/* want: box 'box' from coherent_box_zeroed() at line N is never freed */
		coherent_box_ptr(&box)->len = i;
	}
	return err;
}

static int prepare(struct coherent_device *dev, union desc_mem *mem)
{
	return coherent_zeroed(mem, dev, ENTRIES);
}

int through_a_helper(struct coherent_device *dev)
{
	union desc_mem mem = COHERENT_EMPTY;
	int err = prepare(dev, &mem);

	if (!err)
		err = coherent_write(&mem, 0, .flags, 1);
	/* want: mem 'mem' from coherent_zeroed() at line N is never freed */
	return err;
}

int in_a_struct(struct coherent_device *dev)
{
	struct queue queue = { .next = 0 };
	int err = coherent_zeroed(&queue.descs, dev, ENTRIES);

	if (!err)
		err = coherent_ring(&queue.descs, &queue.ring);
	if (err)
		/* want: mem 'queue.descs' from coherent_zeroed() at line N is never freed */
		return err;
	coherent_free(&queue.descs);
	return 0;
}

int behind_a_pointer(struct coherent_device *dev)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	int err;

	if (!queue)
		return -ENOMEM;
	err = coherent_zeroed(&queue->descs, dev, ENTRIES);
	if (!err)
		err = coherent_write(&queue->descs, 0, .len, 1);
	/* want: mem 'queue->descs' from coherent_zeroed() at line N is never freed */
	free(queue);
	return err;
}

int after_a_failed_reclaim(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, ENTRIES);

	if (err)
		return err;
	err = coherent_reclaim(&mem, &box, .idle = true);
	if (err)
		/* want: mem 'mem' from coherent_zeroed() at line N is never freed */
		return err;
	coherent_box_free(&box);
	return 0;
}

int open_device(const char *name)
{
	struct coherent_device *dev;
	struct coherent_bar *bar;
	int err = coherent_device_open(&dev, name);

	if (err)
		return err;
	err = coherent_bar_open(&bar, dev, 0);
	if (err)
		/* want: device 'dev' from coherent_device_open() at line N is never closed */
		return err;
	coherent_bar_write32(bar, 0, 1);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	return 0;
}

int filled_twice(struct coherent_device *dev, union desc_mem *mem)
{
	int err = coherent_zeroed(mem, dev, ENTRIES);

	if (err)
		return err;
	/* want: mem 'mem' is not empty here: coherent_zeroed() at line N filled it */
	return coherent_zeroed(mem, dev, 2 * ENTRIES);
}

int overwritten(struct coherent_device *dev)
{
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, ENTRIES);

	if (err)
		return err;
	/* want: mem 'mem' is overwritten here, but nobody freed what coherent_zeroed() */
	mem = (union desc_mem)COHERENT_EMPTY;
	return 0;
}

int struct_overwritten(struct driver *driver)
{
	int err = coherent_zeroed(&driver->tx.descs, driver->dev, ENTRIES);

	if (!err)
		err = coherent_zeroed(&driver->rx.descs, driver->dev, ENTRIES);
	if (err)
		/* want: mem 'driver->tx.descs' is overwritten here */
		memset(driver, 0, sizeof(*driver));
	return err;
}

int copied(struct coherent_device *dev)
{
	union desc_mem mem = COHERENT_EMPTY, twin;
	int err = coherent_zeroed(&mem, dev, ENTRIES);

	if (err)
		return err;
	/* want: mem 'mem' is copied here, so two variables hold one object */
	twin = mem;
	coherent_free(&mem);
	coherent_free(&twin);
	return 0;
}

void struct_copied(struct driver *driver, struct driver *other)
{
	if (coherent_zeroed(&driver->tx.descs, driver->dev, ENTRIES))
		return;
	/* want: mem 'driver->tx.descs' is copied here */
	*other = *driver;
}

void memory_copied(struct coherent_device *dev, struct queue *to)
{
	struct queue queue = { .next = 0 };

	if (coherent_zeroed(&queue.descs, dev, ENTRIES))
		return;
	/* want: mem 'queue.descs' is copied here */
	memcpy(to, &queue, sizeof(queue));
	coherent_free(&queue.descs);
}

void copy_of_an_argument(union desc_mem *mem)
{
	union desc_mem twin = *mem;

	coherent_free(mem);
	/* want: mem 'twin' is freed here, but it is a copy */
	coherent_free(&twin);
}

int forgotten_on_one_path(struct driver *driver)
{
	int err = coherent_zeroed(&driver->tx.descs, driver->dev, ENTRIES);

	if (err)
		return err;
	err = coherent_ring(&driver->tx.descs, &driver->tx.ring);
	if (err)
		/* want: mem 'driver->tx.descs' from coherent_zeroed() at line N is not freed on this error */
		return err;
	err = coherent_zeroed(&driver->rx.descs, driver->dev, ENTRIES);
	if (err) {
		coherent_free(&driver->tx.descs);
		return err;
	}
	return 0;
}

static struct queue make_queue(struct coherent_device *dev)
{
	struct queue queue = { .next = 0 };

	queue.running = !coherent_zeroed(&queue.descs, dev, ENTRIES);
	return queue;
}

bool returned_by_value(struct coherent_device *dev)
{
	struct queue queue = make_queue(dev);

	if (queue.running)
		queue.next = coherent_count(&queue.descs);
	/* want: mem 'queue.descs' from coherent_zeroed() at line N is never freed */
	return queue.running;
}

int device_forgotten_on_one_path(struct driver *driver, const char *name)
{
	int err = coherent_device_open(&driver->dev, name);

	if (err)
		return err;
	err = coherent_bar_open(&driver->bar, driver->dev, 0);
	if (err) {
		coherent_device_close(driver->dev);
		return err;
	}
	err = coherent_irq_open(&driver->irq, driver->dev, 0);
	if (err) {
		coherent_bar_close(driver->bar);
		/* want: device 'driver->dev' from coherent_device_open() at line N is not closed on */
		return err;
	}
	return 0;
}

int adopted(struct coherent_device *dev, struct desc *memory)
{
	union desc_box box = COHERENT_EMPTY;
	int err = coherent_box_adopt(&box, dev, memory, ENTRIES, .tail = true);

	if (err)
		return err;
	/* want: box 'box' from coherent_box_adopt() at line N is never freed */
	return 0;
}

struct queue returned_but_kept(struct driver *driver)
{
	struct queue none = { .next = 0 };

	if (coherent_zeroed(&driver->tx.descs, driver->dev, ENTRIES))
		return none;
	/* want: mem 'driver->tx.descs' is copied here */
	return driver->tx;
}
