/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The types and variables of bad.c and good.c. */
#include <coherent.h>
#include <coherent/loan.h>
#include <coherent/pool.h>
#include <stdlib.h>
#include <string.h>

struct desc {
	uint32_t a;
	uint32_t b;
};
COHERENT_FIELDS(struct desc, .a, .b);
COHERENT_BOX_TYPE(box, struct desc);
COHERENT_TYPE(mem, struct desc);
COHERENT_LOAN_TYPE(loan, struct desc);
COHERENT_POOL_TYPE(pool, struct desc);

struct driver {
	int number;
	union box box;
	union mem mems[4];
	struct coherent_handle handle;
	union pool pool;
};

extern struct coherent_device *dev;
extern const struct desc *desc;
extern union box *box;
extern union mem *mem;
extern union pool *pool;

int fill(struct desc *elements, size_t count, void *arg);
int fill_one(struct desc *element, void *arg);
void start_box(union box *new_box);
void start_mem(union mem *new_mem);
void start_driver(struct driver *driver);
