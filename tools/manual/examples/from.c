/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: coherent_mem_options */
/* The device gets a copy of a table. */
#include <coherent.h>

static const uint8_t table[256] = { 1, 2, 3 };

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(uint8_t, mem);

	return coherent_from(&mem, dev, table, sizeof(table),
			     .permission = COHERENT_READ_ONLY);
}
