/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The base structs, and the functions that work on them after the macros have checked
 * the types: addresses, bounds, accesses. Macros and the library call these functions,
 * and drivers do not.
 *
 * INVARIANT: a mem or a view has count elements, from va on. An empty one is all zero.
 * INVARIANT: va of a mem is a multiple of 16: the start of a page, or a slot of a pool.
 * So an offset that is a multiple of a width is aligned for an access of that width.
 */
#ifndef COHERENT_MEM_H
#define COHERENT_MEM_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/order.h>
#include <coherent/detail/face.h>

struct coherent_bar;
struct coherent_object;

/**
 * typedef coherent_addr_t - A device address.
 * @raw: The number, to give to a device. The library never hands out 0 or ~0.
 *
 * The type is neither a pointer nor a number. So a driver cannot by accident
 * dereference it, calculate with it or pass it as another kind of number.
 */
typedef struct {
	uint64_t raw;
} coherent_addr_t;

/*
 * The base of a mem, and of a view, which owns nothing. The address is stored inverted.
 * So an object of zero bytes is empty and has the address ~0.
 */
struct coherent_mem {
	char COHERENT_SHARED *va;
	size_t count;
	uint64_t inverted_address;
	COHERENT_OBJECT object;
};

/* A box has no address here: the library knows it, but the driver cannot. */
struct coherent_box {
	char *va;
	size_t count;
	COHERENT_OBJECT object;
};

struct coherent_slot {
	char COHERENT_SHARED *va;
};

struct coherent_ring {
	char COHERENT_SHARED *va;
	size_t mask;
};

/* The base of a BAR whose registers have names. */
struct coherent_registers {
	struct coherent_bar *va;
};

COHERENT_INLINE bool coherent_mem_is_empty(const struct coherent_mem *mem)
{
	return !mem->count;
}

COHERENT_INLINE bool coherent_box_is_empty(const struct coherent_box *box)
{
	return !box->va;
}

COHERENT_INLINE bool coherent_slot_is_empty(const struct coherent_slot *slot)
{
	return !slot->va;
}

COHERENT_INLINE bool coherent_ring_is_empty(const struct coherent_ring *ring)
{
	return !ring->va;
}

COHERENT_INLINE bool coherent_registers_is_empty(const struct coherent_registers *registers)
{
	return !registers->va;
}

COHERENT_C_BEGIN

/**
 * coherent_base_refuse_view() - Report why there is no view.
 * @mem: A mem or a view, which may be empty.
 *
 * Return: -EINVAL.
 */
COHERENT_MUST_CHECK COHERENT_BASE_INLINE int coherent_base_refuse_view(const struct coherent_mem *mem);

/**
 * coherent_base_refuse_ring() - Report why there is no ring.
 * @mem: A mem or a view, which may be empty.
 *
 * Return: -EINVAL.
 */
COHERENT_MUST_CHECK COHERENT_BASE_INLINE int coherent_base_refuse_ring(const struct coherent_mem *mem);

COHERENT_C_END

COHERENT_INLINE char *coherent_box_va(const struct coherent_box *box)
{
	return box->va;
}

COHERENT_INLINE size_t coherent_box_count_of(const struct coherent_box *box)
{
	return box->count;
}

COHERENT_INLINE char COHERENT_SHARED *coherent_mem_va(const struct coherent_mem *mem)
{
	return mem->va;
}

COHERENT_INLINE size_t coherent_mem_count(const struct coherent_mem *mem)
{
	return mem->count;
}

COHERENT_INLINE coherent_addr_t coherent_mem_addr(const struct coherent_mem *mem)
{
	coherent_addr_t address = { ~mem->inverted_address };

	return address;
}

/* C++ has no typed accessors, which call these. */
#ifndef __cplusplus

COHERENT_INLINE char *coherent_box_at(const struct coherent_box *box, size_t i, size_t size)
{
	return i < box->count ? box->va + i * size : NULL;
}

COHERENT_INLINE int coherent_mem_error(const struct coherent_mem *mem)
{
	return mem->count ? -ERANGE : -EINVAL;
}

COHERENT_INLINE void coherent_word_out(void *out, union coherent_word word, size_t width)
{
	switch (width) {
	case 1:
		*(coherent_u8 *)out = word.u8;
		break;
	case 2:
		*(coherent_u16 *)out = word.u16;
		break;
	case 4:
		*(coherent_u32 *)out = word.u32;
		break;
	default:
		*(coherent_u64 *)out = word.u64;
		break;
	}
}

COHERENT_INLINE int coherent_mem_read(const struct coherent_mem *mem, size_t i, size_t size,
				      size_t offset, size_t width, int swap, int order, void *out)
{
	if (__builtin_expect(i >= mem->count, 0))
		return coherent_mem_error(mem);
	coherent_word_out(out, coherent_load(mem->va + i * size, offset, width, swap, order), width);
	coherent_after_load(order);
	return 0;
}

COHERENT_INLINE int coherent_mem_write(const struct coherent_mem *mem, size_t i, size_t size,
				       size_t offset, size_t width, int swap, int order,
				       union coherent_word word)
{
	if (__builtin_expect(i >= mem->count, 0))
		return coherent_mem_error(mem);
	coherent_before_store(order);
	coherent_store(mem->va + i * size, offset, word, width, swap, order);
	return 0;
}

/* item and items: the index of an item of an array inside the element, and their number. */
COHERENT_INLINE int coherent_mem_read_item(const struct coherent_mem *mem, size_t i, size_t item,
					   size_t size, size_t items, size_t stride, size_t offset,
					   size_t width, int swap, int order, void *out)
{
	const char COHERENT_SHARED *at;

	if (__builtin_expect(i >= mem->count || item >= items, 0))
		return coherent_mem_error(mem);
	at = mem->va + i * size + item * stride;
	coherent_word_out(out, coherent_load(at, offset, width, swap, order), width);
	coherent_after_load(order);
	return 0;
}

COHERENT_INLINE int coherent_mem_write_item(const struct coherent_mem *mem, size_t i, size_t item,
					    size_t size, size_t items, size_t stride,
					    size_t offset, size_t width, int swap, int order,
					    union coherent_word word)
{
	if (__builtin_expect(i >= mem->count || item >= items, 0))
		return coherent_mem_error(mem);
	coherent_before_store(order);
	coherent_store(mem->va + i * size + item * stride, offset, word, width, swap, order);
	return 0;
}

/* The call overwrites whatever part held, because a view owns nothing. */
COHERENT_INLINE int coherent_mem_part(const struct coherent_mem *mem, size_t first,
				      size_t elements, size_t size, size_t offset, size_t count,
				      struct coherent_mem *part)
{
	const struct coherent_mem whole = *mem;
	const bool is_refused = !elements || !whole.count;
	int err = is_refused ? coherent_base_refuse_view(mem) : 0;

	*part = (struct coherent_mem){ .va = NULL };
	if (is_refused)
		return err;
	if (first > whole.count || elements > whole.count - first)
		return -ERANGE;
	part->va = whole.va + first * size + offset;
	part->count = count;
	part->inverted_address = ~(~whole.inverted_address + first * size + offset);
	part->object = whole.object;
	return 0;
}

COHERENT_INLINE int coherent_mem_view(const struct coherent_mem *mem, size_t first, size_t count,
				      size_t size, struct coherent_mem *view)
{
	return coherent_mem_part(mem, first, count, size, 0, count, view);
}

COHERENT_INLINE int coherent_mem_slot(const struct coherent_mem *mem, size_t i, size_t size,
				      struct coherent_slot *slot)
{
	slot->va = i < mem->count ? mem->va + i * size : NULL;
	return slot->va ? 0 : coherent_mem_error(mem);
}

COHERENT_INLINE int coherent_mem_ring(const struct coherent_mem *mem,
				      struct coherent_ring *ring)
{
	*ring = (struct coherent_ring){ .va = NULL };
	if (!mem->count || mem->count & (mem->count - 1))
		return coherent_base_refuse_ring(mem);
	*ring = (struct coherent_ring){ .va = mem->va, .mask = mem->count - 1 };
	return 0;
}

COHERENT_INLINE int coherent_mem_ring_field(const struct coherent_mem *mem, size_t i, size_t size,
					    size_t offset, size_t items, struct coherent_ring *ring)
{
	const struct coherent_mem whole = *mem;

	*ring = (struct coherent_ring){ .va = NULL };
	if (i >= whole.count)
		return coherent_mem_error(&whole);
	*ring = (struct coherent_ring){ .va = whole.va + i * size + offset, .mask = items - 1 };
	return 0;
}

COHERENT_INLINE int coherent_mem_addr_at(const struct coherent_mem *mem, size_t i,
					 size_t size, coherent_addr_t *addr)
{
	*addr = (coherent_addr_t){ ~(uint64_t)0 };
	if (i >= mem->count)
		return coherent_mem_error(mem);
	addr->raw = ~mem->inverted_address + i * size;
	return 0;
}

COHERENT_INLINE union coherent_word coherent_slot_load(const struct coherent_slot *slot,
						       size_t offset, size_t width, int swap,
						       int order)
{
	union coherent_word word = coherent_load(slot->va, offset, width, swap, order);

	coherent_after_load(order);
	return word;
}

COHERENT_INLINE void coherent_slot_store(const struct coherent_slot *slot, size_t offset,
					 size_t width, int swap, int order,
					 union coherent_word word)
{
	coherent_before_store(order);
	coherent_store(slot->va, offset, word, width, swap, order);
}

COHERENT_INLINE union coherent_word coherent_ring_load(const struct coherent_ring *ring, size_t i,
						       size_t size, size_t offset, size_t width,
						       int swap, int order)
{
	const char COHERENT_SHARED *at = ring->va + (i & ring->mask) * size;
	union coherent_word word = coherent_load(at, offset, width, swap, order);

	coherent_after_load(order);
	return word;
}

COHERENT_INLINE void coherent_ring_store(const struct coherent_ring *ring, size_t i, size_t size,
					 size_t offset, size_t width, int swap, int order,
					 union coherent_word word)
{
	coherent_before_store(order);
	coherent_store(ring->va + (i & ring->mask) * size, offset, word, width, swap, order);
}

#ifdef __KERNEL__
COHERENT_IN_KERNEL void coherent_bytes_out(const char COHERENT_SHARED *from, void *to,
					   size_t bytes, int order);
COHERENT_IN_KERNEL void coherent_bytes_in(char COHERENT_SHARED *to, const void *from,
					  size_t bytes, int order);
COHERENT_IN_KERNEL void coherent_bytes_clear(char COHERENT_SHARED *to, size_t bytes, int order);
#else
#include <coherent/detail/copy.h>
#endif

COHERENT_INLINE int coherent_mem_check(const struct coherent_mem *mem, size_t first,
				       size_t count)
{
	if (!mem->count || first > mem->count || count > mem->count - first)
		return coherent_mem_error(mem);
	return 0;
}

COHERENT_MAY_INLINE COHERENT_MUST_CHECK int
coherent_mem_copy_out(const struct coherent_mem *mem, size_t first, void *to, size_t count,
			size_t size)
{
	int err = coherent_mem_check(mem, first, count);

	if (!err)
		coherent_bytes_out(mem->va + first * size, to, count * size, __ATOMIC_RELAXED);
	return err;
}

/*
 * Padding of the caller may have no value, and its mask is 0. clang's analyzer complains about
 * the operator on it, so the analyzer gets a copy, about which it does not complain.
 */
#ifdef __clang_analyzer__
#define COHERENT_BYTE(at, copy) (__builtin_memcpy((copy), (at), 1), *(copy))
#else
#define COHERENT_BYTE(at, copy) (*(at))
#endif

/* mask has a byte for each byte of an element; see coherent/detail/padding.h. */
COHERENT_INLINE bool coherent_has_padding(const unsigned char *mask, size_t size)
{
	const uint64_t full = ~(uint64_t)0;
	uint64_t word = full;
	size_t k = 0;

	for (; size - k >= 8 && word == full; k += 8)
		__builtin_memcpy(&word, mask + k, 8);
	for (; k < size && word == full; k++)
		word = mask[k] ? full : 0;
	return word != full;
}

/* Copies one element. The compiler folds the mask of a small one. */
COHERENT_MAY_INLINE void coherent_element_in(char COHERENT_SHARED *to, const unsigned char *from,
					     size_t size, const unsigned char *mask)
{
	unsigned char clean[64];

	for (size_t i = 0; i < size; i += sizeof(clean)) {
		const size_t bytes = size - i < sizeof(clean) ? size - i : sizeof(clean);

		for (size_t k = 0; k < bytes; k++)
			clean[k] = COHERENT_BYTE(&from[i + k], &clean[k]) & mask[i + k];
		coherent_bytes_in(to + i, clean, bytes, __ATOMIC_RELAXED);
	}
}

COHERENT_MAY_INLINE COHERENT_MUST_CHECK int
coherent_mem_copy_in(const struct coherent_mem *mem, size_t first, const void *from,
		       size_t count, size_t size, const unsigned char *mask)
{
	int err = coherent_mem_check(mem, first, count);

	/* The compiler folds the mask of one small element. Most others have no padding. */
	if (!err && (count > 1 || size > 64) && !coherent_has_padding(mask, size)) {
		coherent_bytes_in(mem->va + first * size, from, count * size, __ATOMIC_RELAXED);
		return 0;
	}
	for (size_t i = 0; !err && i < count; i++)
		coherent_element_in(mem->va + (first + i) * size,
				    (const unsigned char *)from + i * size, size, mask);
	return err;
}

COHERENT_MAY_INLINE COHERENT_MUST_CHECK int
coherent_mem_clear_elements(const struct coherent_mem *mem, size_t first, size_t count, size_t size)
{
	int err = coherent_mem_check(mem, first, count);

	if (!err)
		coherent_bytes_clear(mem->va + first * size, count * size, __ATOMIC_RELAXED);
	return err;
}

COHERENT_MAY_INLINE COHERENT_MUST_CHECK int
coherent_mem_field_out(const struct coherent_mem *mem, size_t i, size_t size, size_t field,
			 size_t field_bytes, size_t offset, void *to, size_t bytes)
{
	if (i >= mem->count || offset > field_bytes || bytes > field_bytes - offset)
		return coherent_mem_error(mem);
	coherent_bytes_out(mem->va + i * size + field + offset, to, bytes, __ATOMIC_RELAXED);
	return 0;
}

COHERENT_MAY_INLINE COHERENT_MUST_CHECK int
coherent_mem_field_in(const struct coherent_mem *mem, size_t i, size_t size, size_t field,
			size_t field_bytes, size_t offset, const void *from, size_t bytes)
{
	if (i >= mem->count || offset > field_bytes || bytes > field_bytes - offset)
		return coherent_mem_error(mem);
	coherent_bytes_in(mem->va + i * size + field + offset, from, bytes, __ATOMIC_RELAXED);
	return 0;
}

#endif

/*
 * The state of a poll loop. In userspace @deadline_ns is the timeout until the first pause: the
 * library then reads the clock that the device counts in, and sets @begun.
 */
struct coherent_wait {
	uint64_t deadline_ns;
	unsigned int turns;
	bool late;
	bool begun;
};

#endif
