/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Single accesses to memory that a device can reach, and barriers between them.
 *
 * The compiler makes each access exactly once and at its full width. Barriers order
 * the accesses to exposed memory as a device sees them. coherent/detail/face.h defines
 * both for userspace and for the kernel.
 */
#ifndef COHERENT_ORDER_H
#define COHERENT_ORDER_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/detail/face.h>
#include <coherent/detail/note.h>

/**
 * coherent_wmb() - Order earlier writes to mems before later writes.
 *
 * Use it when the driver publishes a write by hand. The _release forms and
 * coherent_bar_write32() contain it.
 *
 * Context: any.
 */
COHERENT_INLINE void coherent_wmb(void)
{
	COHERENT_WMB();
}

/**
 * coherent_rmb() - Order earlier reads of mems before later reads.
 *
 * Use it when the driver reads a flag by hand. The _acquire forms, coherent_poll() and
 * coherent_irq_wait() contain it.
 *
 * Context: any.
 */
COHERENT_INLINE void coherent_rmb(void)
{
	COHERENT_RMB();
	COHERENT_NOTE_ORDER();
}

/**
 * coherent_mb() - Order all earlier accesses to mems before all later ones.
 *
 * Only this barrier orders a write before a later read. An example: the driver
 * publishes an index, then reads whether the device wants a doorbell.
 *
 * Context: any.
 */
COHERENT_INLINE void coherent_mb(void)
{
	COHERENT_MB();
	COHERENT_NOTE_ORDER();
}

#ifndef __cplusplus

/* The value of a field in the CPU's byte order, in the member of the field's width. */
union coherent_word {
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
};

typedef uint8_t __attribute__((may_alias)) coherent_u8;
typedef uint16_t __attribute__((may_alias)) coherent_u16;
typedef uint32_t __attribute__((may_alias)) coherent_u32;
typedef uint64_t __attribute__((may_alias)) coherent_u64;

/*
 * width, swap and order are constants, so the compiler keeps one case: one instruction.
 * The offset is added here, because gcc does not change the address of a volatile access.
 * If the caller added the offset, that would take one more instruction.
 */
#define COHERENT_PART(constant, type, at, offset)			\
	((constant volatile type *)(constant void COHERENT_FORCE *)((at) + (offset)))

COHERENT_INLINE union coherent_word coherent_load(const char COHERENT_SHARED *at, size_t offset,
						  size_t width, int swap, int order)
{
	union coherent_word word;

	COHERENT_NOTE_READ(at + offset, width);
	switch (width) {
	case 1:
		word.u8 = COHERENT_LOAD_ONCE(COHERENT_PART(const, coherent_u8, at, offset), order);
		break;
	case 2:
		word.u16 = COHERENT_LOAD_ONCE(COHERENT_PART(const, coherent_u16, at, offset), order);
		word.u16 = swap ? __builtin_bswap16(word.u16) : word.u16;
		break;
	case 4:
		word.u32 = COHERENT_LOAD_ONCE(COHERENT_PART(const, coherent_u32, at, offset), order);
		word.u32 = swap ? __builtin_bswap32(word.u32) : word.u32;
		break;
	case 8:
		word.u64 = COHERENT_LOAD_ONCE(COHERENT_PART(const, coherent_u64, at, offset), order);
		word.u64 = swap ? __builtin_bswap64(word.u64) : word.u64;
		break;
	default:
		__builtin_unreachable();
	}
	return word;
}

/*
 * These barriers are apart from the accesses. So the compiler stores a value before the
 * barrier and computes an address after it, which saves an instruction.
 *
 * ORDER: the barrier after a load pairs with the device's write of a field after the data
 * that the field announces. The barrier before a store pairs with the device's read of a
 * field before that data (completion.litmus and doorbell.litmus of tests/proofs).
 */
COHERENT_INLINE void coherent_after_load(int order)
{
	if (order == __ATOMIC_ACQUIRE)
		coherent_rmb();
}

COHERENT_INLINE void coherent_before_store(int order)
{
	if (order == __ATOMIC_RELEASE)
		coherent_wmb();
}

COHERENT_INLINE void coherent_store(char COHERENT_SHARED *at, size_t offset,
				    union coherent_word word, size_t width, int swap, int order)
{
	COHERENT_NOTE_WRITE(at + offset, width);
	switch (width) {
	case 1:
		COHERENT_STORE_ONCE(COHERENT_PART(, coherent_u8, at, offset), word.u8, order);
		break;
	case 2:
		word.u16 = swap ? __builtin_bswap16(word.u16) : word.u16;
		COHERENT_STORE_ONCE(COHERENT_PART(, coherent_u16, at, offset), word.u16, order);
		break;
	case 4:
		word.u32 = swap ? __builtin_bswap32(word.u32) : word.u32;
		COHERENT_STORE_ONCE(COHERENT_PART(, coherent_u32, at, offset), word.u32, order);
		break;
	case 8:
		word.u64 = swap ? __builtin_bswap64(word.u64) : word.u64;
		COHERENT_STORE_ONCE(COHERENT_PART(, coherent_u64, at, offset), word.u64, order);
		break;
	default:
		__builtin_unreachable();
	}
}

#endif

#endif
