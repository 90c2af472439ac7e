/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * This header declares the test of each promise, and types that several of these files use.
 * Each test opens its world and closes it.
 */
#ifndef PROMISES_H
#define PROMISES_H

#include "../worlds/worlds.h"

#define PROMISE_TEST(promise) void promise(struct world *world);
PROMISES(PROMISE_TEST, PROMISE_TEST)
#undef PROMISE_TEST

struct element {
	uint32_t a;
	uint32_t b;
	uint64_t c;
};

COHERENT_FIELDS(struct element, .a, .b, .c);
COHERENT_TYPE(elements, struct element);

#endif
