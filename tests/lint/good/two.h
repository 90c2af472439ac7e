/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A driver of two source files. */
#ifndef TWO_H
#define TWO_H

#include "../driver.h"

struct two {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	union desc_mem done;
	struct coherent_handle scratch;
};

int two_open(struct two *two, const char *name);
int two_transfer(struct two *two, uint32_t len);
int two_reset(struct two *two);
void two_close(struct two *two);
/* Gives the box to the caller, full. */
int two_box(struct two *two, uint32_t len, union desc_box *box);

#endif
