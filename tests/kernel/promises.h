/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * This header declares the test of each promise in the kernel, and types that several of these
 * files use.
 */
#ifndef KERNEL_PROMISES_H
#define KERNEL_PROMISES_H

#include <linux/string.h>

#include "../promises/list.h"
#include "world.h"

#define PROMISE_TEST(promise) void promise(struct kunit *test);
#define NO_TEST(promise)
PROMISES(PROMISE_TEST, NO_TEST)
#undef PROMISE_TEST

/* The device address of a box; 0 if the box has none yet. The library gives it to no driver. */
#define ADDRESS_OF_BOX(box) ((box)->base.object.address)

struct page_bytes {
	u8 bytes[PAGE_SIZE];
};

struct element {
	u32 a;
	u32 b;
	u64 c;
};
COHERENT_FIELDS(struct element, .a, .b, .c);

COHERENT_TYPE(page_mem, struct page_bytes);

/*
 * At COHERENT_HIDDEN the device reaches memory after it was freed. Makes the device write to
 * @old, the address of a freed page, and asserts that it hits the mem that has this page next.
 */
void device_hits_next_owner(struct kunit *test, u64 old);

static inline bool is_all(const void *memory, u8 byte, size_t bytes)
{
	return !memchr_inv(memory, byte, bytes);
}

#endif
