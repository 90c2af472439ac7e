/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The types that the good and the bad drivers of tests/lint share. */
#ifndef DRIVER_H
#define DRIVER_H

#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/loan.h>
#include <coherent/pool_many.h>
#include <coherent/share.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 16

struct desc {
	uint64_t addr;
	uint32_t len;
	uint32_t flags;
};

COHERENT_BOX_TYPE(desc_box, struct desc);
COHERENT_TYPE(desc_mem, struct desc);
COHERENT_VIEW_TYPE(desc_view, struct desc);
COHERENT_LOAN_TYPE(desc_loan, struct desc);
COHERENT_TWIN_TYPE(desc_twin, struct desc);
COHERENT_POOL_TYPE(desc_pool, struct desc);

struct queue {
	union desc_mem descs;
	COHERENT_RING(struct desc) ring;
	unsigned int next;
	bool running;
};

struct driver {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	struct queue tx;
	struct queue rx;
	union desc_mem table[4];
	union desc_box spare;
	unsigned int count;
};

/* The program has these in a file that the checker does not see. */
int other_file(void);
void other_file_takes(void *memory);

#endif
