/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * field.c and array.c share these functions, which pick the element of an access and the value.
 */
#ifndef FIELD_H
#define FIELD_H

#include "model.h"

enum order { NATIVE, LITTLE, BIG };

/**
 * struct target - The element that an access is aimed at.
 * @slot: The object.
 * @i: The index of the element, which may be out of range.
 * @err: The result that an access by index must have.
 * @at: The bytes of the element.
 * @first: The element at which a view begins.
 * @in_view: The index of the element in that view.
 * @in_ring: An index that a ring maps to the element after some turns.
 */
struct target {
	struct slot *slot;
	size_t i;
	int err;
	uint8_t *at;
	size_t first;
	size_t in_view;
	size_t in_ring;
};

struct target target_pick(struct slot *slot);
uint64_t pick_value(void);
/* Writes a number as the device finds it in memory. */
void encode(uint8_t *to, const void *value, size_t bytes, enum order order);

#endif
