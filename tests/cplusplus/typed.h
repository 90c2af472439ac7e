/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The C++ program calls these functions of typed.c. It sees a table only as a pointer. */
#ifndef TYPED_H
#define TYPED_H

#include <coherent.h>

#ifdef __cplusplus
extern "C" {
#endif

struct entry {
	coherent_le32 value;
	coherent_le32 doubled;
};
COHERENT_FIELDS(struct entry, .value, .doubled);

struct table;

int table_open(struct table **table, struct coherent_device *dev, uint32_t count);
uint64_t table_address(const struct table *table);
int table_doubled(const struct table *table, uint32_t i, uint32_t *doubled);
void table_close(struct table *table);

#ifdef __cplusplus
}
#endif

#endif
