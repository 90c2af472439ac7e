// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver that reads fields twice, for tests/harden/run.py, which compiles it with -DCOHERENT_HARDEN.
 * The comment at the end of a line says what it is reported for: "again" for a second read.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/pool.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(x)                   \
	do {                      \
		if (x)            \
			exit(99); \
	} while (0)

struct entry {
	uint32_t length;
	uint16_t flags;
	uint8_t status;
	uint8_t kind;
	uint64_t data[4];
};

COHERENT_FIELDS(struct entry, .length, .flags, .status, .kind, .data);

COHERENT_TYPE(mem, struct entry);
COHERENT_RING_TYPE(ring, struct entry);
COHERENT_SLOT_TYPE(slot, struct entry);
COHERENT_POOL_TYPE(pool, struct entry);

int main(void)
{
	union mem mem = COHERENT_EMPTY, table = COHERENT_EMPTY, small = COHERENT_EMPTY;
	union ring ring = COHERENT_EMPTY;
	union slot slot = COHERENT_EMPTY;
	union pool pool = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct entry copy, value = { .length = 5 };
	uint32_t length;
	uint64_t data;
	uint16_t flags;
	uint8_t status;

	MUST(coherent_device_open(&dev, "sim:edu", .report = coherent_report_stderr));
	MUST(coherent_bar_open(&bar, dev, 0));
	MUST(coherent_zeroed(&mem, dev, 8));
	MUST(coherent_zeroed(&table, dev, 8, .permission = COHERENT_READ_ONLY));
	MUST(coherent_pool_create(&pool, dev));
	MUST(coherent_pool_from(&pool, &small, &value));

	/* Other fields, other elements. */
	MUST(coherent_read(&mem, 0, .length, &length));
	MUST(coherent_read(&mem, 0, .flags, &flags));
	MUST(coherent_read(&mem, 0, .status, &status));
	MUST(coherent_read(&mem, 1, .length, &length));

	MUST(coherent_read(&mem, 0, .length, &length)); /* again */
	MUST(coherent_copy_out(&mem, 1, &copy, 1)); /* again */
	coherent_rmb();
	MUST(coherent_copy_out(&mem, 1, &copy, 1));
	MUST(coherent_read_item(&mem, 1, .data, 2, &data)); /* again */

	/* A register, an acquire, and the driver's own write are between these. */
	MUST(coherent_read(&mem, 2, .length, &length));
	(void)coherent_bar_read32(bar, 0);
	MUST(coherent_read(&mem, 2, .length, &length));
	MUST(coherent_read_acquire(&mem, 3, .status, &status));
	MUST(coherent_read(&mem, 2, .length, &length));
	MUST(coherent_write(&mem, 2, .length, 7));
	MUST(coherent_read(&mem, 2, .length, &length) || length != 7);
	MUST(coherent_poll(&mem, 2, .length, &length, length == 7, 1000));
	MUST(coherent_read(&mem, 2, .length, &length));

	/* The device cannot change this table. */
	MUST(coherent_read(&table, 0, .length, &length));
	MUST(coherent_read(&table, 0, .length, &length));

	MUST(coherent_ring(&mem, &ring));
	(void)coherent_ring_get(&ring, 5, .kind);
	(void)coherent_ring_get(&ring, 13, .kind); /* again */
	MUST(coherent_slot(&mem, 6, &slot));
	(void)coherent_slot_get(&slot, .kind);
	(void)coherent_slot_get(&slot, .kind); /* again */
	MUST(coherent_read(&small, 0, .length, &length));
	MUST(coherent_read(&small, 0, .length, &length)); /* again */

	/* A loop reads twice too, and is reported once. */
	for (unsigned int i = 0; i < 3; i++)
		MUST(coherent_read(&mem, 7, .status, &status)); /* again */

	/* Each of these mems has the address of the one before. */
	for (unsigned int i = 0; i < 3; i++) {
		coherent_free(&small);
		MUST(coherent_pool_from(&pool, &small, &value));
		MUST(coherent_read(&small, 0, .flags, &flags));
	}

	coherent_free(&small);
	MUST(coherent_pool_destroy(&pool));
	coherent_free(&mem);
	coherent_free(&table);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	return 0;
}
