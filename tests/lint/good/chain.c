// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver in the style "if (!err) err = next();", with objects that are freed at the end of a scope. */
#include "../driver.h"

int start(struct driver *driver, const char *name);
void stop(struct driver *driver);
int restart(struct driver *driver);
int echo(struct driver *driver, const struct desc *from, struct desc *to);
int rebuild(struct driver *driver);
int run(const char *name);

static int fill_table(struct desc *descs, size_t count, void *arg)
{
	const uint32_t *len = arg;

	for (size_t i = 0; i < count; i++)
		descs[i].len = *len;
	return 0;
}

int start(struct driver *driver, const char *name)
{
	COHERENT_BOX_AUTO(struct desc, box);
	uint32_t len = 512;
	int err;

	*driver = (struct driver){ .count = 4 };
	err = coherent_device_open(&driver->dev, name);
	if (!err)
		err = coherent_device_set_mask(driver->dev, coherent_mask(32));
	if (!err)
		err = coherent_bar_open(&driver->bar, driver->dev, 0);
	if (!err)
		err = coherent_box_zeroed(&box, driver->dev, ENTRIES);
	if (!err)
		coherent_box_ptr(&box)[ENTRIES - 1].flags = 1;
	if (!err)
		err = coherent_expose(&box, &driver->tx.descs);
	if (!err)
		err = coherent_ring(&driver->tx.descs, &driver->tx.ring);
	for (unsigned int i = 0; !err && i < driver->count; i++)
		err = coherent_init(&driver->table[i], driver->dev, 8, fill_table, &len);
	if (err)
		stop(driver);
	return err;
}

void stop(struct driver *driver)
{
	for (unsigned int i = 0; i < driver->count; i++)
		coherent_free(&driver->table[i]);
	coherent_free(&driver->tx.descs);
	coherent_free(&driver->rx.descs);
	coherent_bar_close(driver->bar);
	coherent_device_close(driver->dev);
	driver->bar = NULL;
	driver->dev = NULL;
}

/* Takes the ring back, changes it and gives it to the device again. */
int restart(struct driver *driver)
{
	COHERENT_BOX_AUTO(struct desc, box);
	int err;

	err = coherent_reclaim(&driver->tx.descs, &box, .idle = true);
	if (!err)
		memset(coherent_box_ptr(&box), 0, ENTRIES * sizeof(struct desc));
	if (!err)
		err = coherent_expose(&box, &driver->tx.descs);
	return err ? err : coherent_ring(&driver->tx.descs, &driver->tx.ring);
}

int echo(struct driver *driver, const struct desc *from, struct desc *to)
{
	COHERENT_AUTO(struct desc, mem);
	union desc_view view = COHERENT_EMPTY;
	COHERENT_SLOT(struct desc) slot = COHERENT_EMPTY;
	uint32_t flags, first = 0;
	int err;

	err = coherent_from(&mem, driver->dev, from, 4);
	if (!err)
		err = coherent_view(&mem, 1, 2, &view);
	if (!err)
		err = coherent_read(&view, 0, .flags, &first);
	if (!err)
		err = coherent_slot(&mem, 2, &slot);
	if (!err) {
		coherent_slot_put(&slot, .len, first);
		coherent_bar_write64(driver->bar, 0, coherent_addr(&mem).raw);
		err = coherent_poll(&mem, 3, .flags, &flags, flags & 1, 1000000);
	}
	if (!err)
		err = coherent_copy_out(&mem, 0, to, 4);
	return err;
}

/* The new table replaces the old one only if it is complete. */
int rebuild(struct driver *driver)
{
	union desc_mem fresh = COHERENT_EMPTY;
	int err = coherent_zeroed(&fresh, driver->dev, 8);

	for (size_t i = 0; !err && i < coherent_count(&fresh); i++)
		err = coherent_write(&fresh, i, .len, 64);
	if (err) {
		coherent_free(&fresh);
		return err;
	}
	coherent_free(&driver->table[0]);
	coherent_move(&fresh, &driver->table[0]);
	return coherent_write(&driver->table[0], 0, .flags, 1);
}

int run(const char *name)
{
	struct driver driver;
	struct desc from[4] = { { .len = 1 } }, to[4];
	int err = start(&driver, name);

	if (err)
		return err;
	err = echo(&driver, from, to);
	if (!err)
		err = rebuild(&driver);
	if (!err)
		err = restart(&driver);
	stop(&driver);
	return err;
}
