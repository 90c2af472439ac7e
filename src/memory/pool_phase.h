/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The phases of a slot: copies between private memory and memory that the device reaches. All of
 * it is inline, so that the fast paths of pools call nothing.
 *
 * INVARIANT: the exposed place of a slot holds zeros, or what the device wrote there, unless the
 * slot is a mem, or a box in place. The device can read that place all the time.
 */
#ifndef POOL_PHASE_H
#define POOL_PHASE_H

#include <string.h>

#include "memory/pool_slots.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* --- Memory --- */

typedef long long piece __attribute__((vector_size(16), may_alias));

/*
 * SHARED: the device may read an exposed page at any time. These copies use the widest stores,
 * because no order within an object is promised before it is a mem. ThreadSanitizer gets copies
 * by relaxed atomics, which it accepts.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#endif

#ifdef THREAD_SANITIZER

#define IS_CONSTANT(bytes) false

static int slot_clear(char *to, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8)
		__atomic_store_n((uint64_t *)(to + i), 0, __ATOMIC_RELAXED);
	return 0;
}

static int slot_copy(char *to, const char *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8)
		__atomic_store_n((uint64_t *)(to + i),
				 __atomic_load_n((const uint64_t *)(from + i), __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	coherent_wmb();
	return 0;
}

#else

/*
 * Above this size memcpy() and memset() win. Below, the loops here do: with the C library an object
 * of 64 bytes takes 195 instructions instead of 185, and a fifth more time (make bench).
 */
#define FEW_BYTES 128
#define IS_CONSTANT(bytes) __builtin_constant_p(bytes)

/* The callers end with these, so that the fast path saves no registers. All return 0. */
static __attribute__((noinline)) int slot_clear_many(char *to, size_t bytes)
{
	memset(to, 0, bytes);
	return 0;
}

static __attribute__((noinline)) int slot_copy_many(char *to, const char *from, size_t bytes)
{
	memcpy(to, from, bytes);
	coherent_wmb();
	return 0;
}

/* The size is a multiple of 16. The asm keeps the compiler from calling memset() for the loops. */
static inline int slot_clear(char *to, size_t bytes)
{
	ptrdiff_t left = (ptrdiff_t)bytes - 64;

	if (unlikely(bytes > FEW_BYTES))
		return slot_clear_many(to, bytes);
	for (; left >= 0; left -= 64, to += 64) {
		for (size_t i = 0; i < 4; i++)
			((piece *)to)[i] = (piece){ 0 };
		__asm__("" : "+r"(to), "+r"(left));
	}
	for (; left != -64; left -= 16, to += 16) {
		*(piece *)to = (piece){ 0 };
		__asm__("" : "+r"(to), "+r"(left));
	}
	return 0;
}

/* ORDER: pairs with the first access of the device, or of the next owner of @to (expose.litmus). */
static inline int slot_copy(char *to, const char *from, size_t bytes)
{
	ptrdiff_t left = (ptrdiff_t)bytes - 64;

	if (unlikely(bytes > FEW_BYTES))
		return slot_copy_many(to, from, bytes);
	for (; left >= 0; left -= 64, to += 64, from += 64) {
		const piece *source = (const piece *)from;
		const piece a = source[0], b = source[1], c = source[2], d = source[3];

		((piece *)to)[0] = a;
		((piece *)to)[1] = b;
		((piece *)to)[2] = c;
		((piece *)to)[3] = d;
		__asm__("" : "+r"(to), "+r"(left));
	}
	for (; left != -64; left -= 16, to += 16, from += 16) {
		*(piece *)to = *(const piece *)from;
		__asm__("" : "+r"(to), "+r"(left));
	}
	coherent_wmb();
	return 0;
}

#endif

/* For a constant that is one of 16, 32, 48 and 64, these have no loop. */
static inline __attribute__((always_inline)) void slot_clear_constant(char *to, size_t bytes)
{
	if (!IS_CONSTANT(bytes))
		(void)slot_clear(to, bytes);
	else
		for (size_t i = 0; i < bytes; i += sizeof(piece))
			*(piece *)(to + i) = (piece){ 0 };
}

static inline __attribute__((always_inline)) void slot_copy_constant(char *to, const char *from,
								     size_t bytes)
{
	if (!IS_CONSTANT(bytes))
		(void)slot_copy(to, from, bytes);
	else
		for (size_t i = 0; i < bytes; i += sizeof(piece))
			*(piece *)(to + i) = *(const piece *)(from + i);
}

static inline char *slot_box_va(const struct slot *slot)
{
	return slot->chunk->boxes + slot->offset;
}

static inline char *slot_mem_va(const struct slot *slot)
{
	return slot->chunk->mems + slot->offset;
}

/* --- Objects --- */

static inline void slot_set_state(struct slot *slot, enum coherent_state state)
{
	__atomic_store_n(&slot->state, (unsigned char)state, __ATOMIC_RELAXED);
}

static inline void slot_set_site(struct slot *slot, const char *site)
{
	__atomic_store_n(&slot->site, site, __ATOMIC_RELAXED);
}

static inline struct coherent_object *slot_object(struct slot *slot)
{
	return (struct coherent_object *)slot;
}

/* The handle of a box, whose memory is not cleared yet. */
static inline void slot_make_box(struct slot *slot, struct coherent_box *box, const char *site)
{
	slot_set_site(slot, site);
	slot_set_state(slot, COHERENT_STATE_BOX);
	*box = (struct coherent_box){ slot_box_va(slot), 1, slot_object(slot) };
}

static inline int slot_become_box(const struct coherent_slots *pool, struct slot *slot,
				  struct coherent_box *box, const char *site)
{
	slot_make_box(slot, box, site);
	return slot_clear(box->va, pool->private_bytes);
}

/* The handle of a mem. The caller gives the chunk, because it has read it already. */
static inline char *slot_make_mem(struct slot *slot, const struct chunk *chunk,
				  struct coherent_mem *mem)
{
	const uint32_t offset = slot->offset;
	char *va = chunk->mems + offset;

	*mem = (struct coherent_mem){
		.va = va,
		.count = 1,
		.inverted_address = chunk->base.inverted_address - offset,
		.object = slot_object(slot),
	};
	slot_set_state(slot, COHERENT_STATE_MEM);
	return va;
}

static inline int slot_become_mem(struct slot *slot, const struct chunk *chunk, const char *from,
				  struct coherent_mem *mem)
{
	return slot_copy(slot_make_mem(slot, chunk, mem), from, chunk->private_bytes);
}

#endif
