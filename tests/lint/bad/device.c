// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Devices, BARs, interrupts and pools after their end, and indexes past it. */
#include "../driver.h"

int closed_device(struct driver *driver)
{
	coherent_device_close(driver->dev);
	/* want: 'driver->dev' is used here after coherent_device_close() at line N */
	return coherent_zeroed(&driver->tx.descs, driver->dev, 1);
}

int never_opened(void)
{
	struct driver driver = { .count = 0 };
	/* want: coherent_zeroed() gets NULL here */
	int err = coherent_zeroed(&driver.tx.descs, driver.dev, 1);

	coherent_free(&driver.tx.descs);
	return err;
}

uint32_t closed_bar(struct coherent_bar *bar)
{
	coherent_bar_close(bar);
	/* want: 'bar' is used here after coherent_bar_close() at line N */
	return coherent_bar_read32(bar, 0);
}

static void close_all(struct driver *driver)
{
	coherent_irq_close(driver->irq);
	coherent_bar_close(driver->bar);
}

int closed_irq(struct driver *driver)
{
	close_all(driver);
	/* want: 'driver->irq' is used here after coherent_irq_close() at line N */
	return coherent_irq_wait(driver->irq, 1000);
}

int bar_of_a_closed_device(const char *name)
{
	struct coherent_device *dev;
	struct coherent_bar *bar;
	int err = coherent_device_open(&dev, name);

	if (err)
		return err;
	err = coherent_bar_open(&bar, dev, 0);
	coherent_device_close(dev);
	if (err)
		return err;
	/* want: bar 'bar' is used here after coherent_device_close() at line N closed its */
	coherent_bar_write32(bar, 0, 1);
	coherent_bar_close(bar);
	return 0;
}

void closed_twice(struct driver *driver)
{
	coherent_device_close(driver->dev);
	if (driver->count)
		/* want: device 'driver->dev' is closed twice */
		coherent_device_close(driver->dev);
}

int box_of_a_closed_device(const char *name, union desc_mem *mem)
{
	union desc_box box = COHERENT_EMPTY;
	struct coherent_device *dev;
	int err = coherent_device_open(&dev, name);

	if (err)
		return err;
	err = coherent_box_zeroed(&box, dev, 1);
	coherent_device_close(dev);
	if (!err)
		/* want: box 'box' is used here after coherent_device_close() at line N */
		err = coherent_expose(&box, mem);
	return err;
}

int destroyed_pool(union desc_pool *pool, union desc_box *box)
{
	int err = coherent_pool_destroy(pool);

	if (err)
		return err;
	/* want: pool 'pool' is used here after coherent_pool_destroy() at line N */
	return coherent_pool_box(pool, box);
}

int boxes_of_a_destroyed_pool(union desc_pool *pool, union desc_box *boxes)
{
	int err = coherent_pool_destroy(pool);

	if (err)
		return err;
	/* want: pool 'pool' is used here after coherent_pool_destroy() at line N */
	return coherent_pool_boxes(pool, boxes, 8);
}

int box_of_a_pool(struct coherent_device *dev)
{
	union desc_pool pool = COHERENT_EMPTY;
	union desc_box box = COHERENT_EMPTY;
	int err = coherent_pool_create(&pool, dev);

	if (err)
		return err;
	err = coherent_pool_box(&pool, &box);
	if (!err)
		/* want: pool 'pool' is destroyed here, but box 'box' from coherent_pool_box() */
		err = coherent_pool_destroy(&pool);
	else
		(void)!coherent_pool_destroy(&pool);
	coherent_box_free(&box);
	return err;
}

int mem_of_a_pool(struct coherent_device *dev, const struct desc *desc)
{
	union desc_pool pool = COHERENT_EMPTY;
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_pool_create(&pool, dev);

	if (err)
		return err;
	err = coherent_pool_from(&pool, &mem, desc);
	if (!err)
		/* want: pool 'pool' is destroyed here, but mem 'mem' from coherent_pool_from() */
		err = coherent_pool_destroy(&pool);
	else
		(void)!coherent_pool_destroy(&pool);
	coherent_free(&mem);
	return err;
}

int mem_of_a_pool_that_leaks(union desc_pool *pool, const struct desc *desc)
{
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_pool_from(pool, &mem, desc);

	if (err)
		return err;
	/* want: mem 'mem' from coherent_pool_from() at line N is never freed on this path */
	return coherent_write(&mem, 0, .len, 1);
}

int index_past_the_end(struct coherent_device *dev)
{
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, ENTRIES);

	if (!err)
		/* want: index 16 is past the end of mem 'mem', which has 16 elements */
		err = coherent_write(&mem, ENTRIES, .len, 1);
	coherent_free(&mem);
	return err;
}

int index_of_an_exposed_box(struct coherent_device *dev, union desc_mem *mem)
{
	union desc_box box = COHERENT_EMPTY;
	coherent_addr_t addr;
	int err = coherent_box_zeroed(&box, dev, 4);

	if (!err)
		err = coherent_expose(&box, mem);
	if (!err)
		/* want: index 7 is past the end of mem 'mem', which has 4 elements */
		err = coherent_addr_at(mem, 7, &addr);
	return err;
}

int pointer_past_the_end(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, dev, 4);

	if (err)
		return err;
	/* want: this is past the end of box 'box', which has 4 elements */
	coherent_box_ptr(&box)[4].len = 1;
	coherent_box_free(&box);
	return 0;
}

void bar_beside_a_closed_device(struct driver *driver)
{
	coherent_device_close(driver->dev);
	/* want: 'driver->bar' is used here after coherent_device_close() at line N closed its device */
	coherent_bar_write32(driver->bar, 0, 0);
}

int view_past_the_end(struct coherent_device *dev)
{
	union desc_view view = COHERENT_EMPTY;
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, 8);

	if (!err)
		/* want: element 11 is past the end of mem 'mem', which has 8 elements */
		err = coherent_view(&mem, 4, 8, &view);
	coherent_free(&mem);
	return err;
}

int index_past_a_view(struct coherent_device *dev)
{
	union desc_view view = COHERENT_EMPTY, part = COHERENT_EMPTY;
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, 8);

	if (!err)
		err = coherent_view(&mem, 2, 4, &view);
	if (!err)
		/* want: index 4 is past the end of view 'view', which has 4 elements at line N */
		err = coherent_write(&view, 4, .len, 1);
	if (!err)
		/* want: element 5 is past the end of view 'view', which has 4 elements at line N */
		err = coherent_view(&view, 3, 3, &part);
	coherent_free(&mem);
	return err;
}

int first_of_an_array_that_leaks(void)
{
	struct coherent_device *devs[2] = { NULL, NULL };
	int err = coherent_device_open(&devs[0], "sim:edu");

	if (err)
		return err;
	err = coherent_device_open(&devs[1], "sim:edu");
	if (err)
		/* want: device 'devs' from coherent_device_open() at line N is never closed */
		return err;
	coherent_device_close(devs[0]);
	coherent_device_close(devs[1]);
	return 0;
}

int polled_after_the_close(const char *name)
{
	union desc_mem mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint32_t len = 0;
	int err = coherent_device_open(&dev, name);

	if (err)
		return err;
	err = coherent_zeroed(&mem, dev, 1);
	coherent_device_close(dev);
	if (!err)
		err = coherent_read(&mem, 0, .len, &len);
	if (!err)
		/* want: mem 'mem' is used here after coherent_device_close() at line N closed its device */
		err = coherent_poll(&mem, 0, .len, &len, len == 1, 1000);
	coherent_free(&mem);
	return err;
}
