// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The typed part of the C++ program. */
#include "typed.h"

#include <stdlib.h>

struct table {
	COHERENT(struct entry) entries;
};

int table_open(struct table **out, struct coherent_device *dev, uint32_t count)
{
	COHERENT_BOX(struct entry) box = COHERENT_EMPTY;
	struct table *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	err = coherent_box_zeroed(&box, dev, count);
	if (err)
		goto free_table;
	for (uint32_t i = 0; i < count; i++)
		coherent_box_ptr(&box)[i].value = coherent_cpu_to_le32(i + 10);
	err = coherent_expose(&box, &table->entries);
	if (err)
		goto free_table;
	*out = table;
	return 0;

free_table:
	free(table);
	return err;
}

uint64_t table_address(const struct table *table)
{
	return coherent_addr(&table->entries).raw;
}

int table_doubled(const struct table *table, uint32_t i, uint32_t *doubled)
{
	return coherent_read_acquire(&table->entries, i, .doubled, doubled);
}

void table_close(struct table *table)
{
	coherent_free(&table->entries);
	free(table);
}
