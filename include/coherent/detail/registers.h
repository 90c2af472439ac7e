/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Registers with names: the checks of the macros in coherent/bar.h, and the accesses
 * behind them. Callers do not use this file.
 */
#ifndef COHERENT_REGISTERS_H
#define COHERENT_REGISTERS_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/bar.h>
#include <coherent/detail/check.h>
#include <coherent/detail/field.h>
#include <coherent/detail/mem.h>
#include <coherent/detail/padding.h>
#include <coherent/detail/types.h>

/* Both kinds of variables hold the pointer to the BAR. A cast in the macro would break aliasing. */
COHERENT_INLINE struct coherent_bar **coherent_bar_variable(void *bar)
{
	return (struct coherent_bar **)bar;
}

/* As struct coherent_bar has no type of registers, this gives it one that fits each BAR. */
#ifndef __cplusplus
COHERENT_BAR_TYPE(coherent_any_registers, char);
#define COHERENT_BAR_WITH_TYPE(bar, plain)				\
	_Generic((bar), plain: (union coherent_any_registers *)NULL,	\
		 void *: (union coherent_any_registers *)NULL, default: (bar))
#define COHERENT_BAR_BYTES(bar)						\
	sizeof(COHERENT_T(COHERENT_BAR_WITH_TYPE(bar, struct coherent_bar **)))
#define COHERENT_BAR_CHECKS(bar, plain)					\
	COHERENT_NEEDS_BAR(COHERENT_BAR_WITH_TYPE(bar, plain))		\
	COHERENT_NEEDS_MUTABLE(COHERENT_BAR_WITH_TYPE(bar, plain))
#define COHERENT_NEEDS_PLAIN_BAR(bar)					\
	COHERENT_REQUIRE(_Generic((bar), struct coherent_bar *: 1, void *: 1, default: 0), \
		"this needs a struct coherent_bar *: coherent_bar_untyped(), or coherent_bar_get() and coherent_bar_put()");
/* Objects are unions. A union of the driver that is to be copied has a member, or a cast. */
#ifdef __CHECKER__
#define COHERENT_NEEDS_PLAIN_MEMORY(pointer)
#else
#define COHERENT_NEEDS_PLAIN_MEMORY(pointer)				\
	COHERENT_REQUIRE(__builtin_classify_type(*COHERENT_COMPLETE(pointer)) != 13, \
		"a BAR is copied from and to plain memory: of a mem, use coherent_copy_out() or coherent_copy_in(); of another union, take a member");
#endif
#define COHERENT_IS_PLAIN_BAR(bar)					\
	_Generic((bar), struct coherent_bar *: 1, void *: 1, default: 0)
#define COHERENT_PLAIN_BAR(bar)						\
	((struct coherent_bar *)__builtin_choose_expr(COHERENT_IS_PLAIN_BAR(bar), (bar), NULL))
#define COHERENT_BAD_PLAIN_BAR(bar)					\
	COHERENT_WRONG(!COHERENT_IS_PLAIN_BAR(bar)),			\
	"this needs a struct coherent_bar *: coherent_bar_untyped(), or coherent_bar_get() and coherent_bar_put()"
#define COHERENT_BAD_REGISTER_VALUE(value)				\
	COHERENT_WRONG(!COHERENT_IS_VALUE(value)),			\
	"the value must be an integer: of a device address, take .raw"
#define COHERENT_BAD_REGISTER_FIT(value)				\
	COHERENT_WRONG(COHERENT_IS_VALUE(value) && !COHERENT_FIT_VALUE(value)), \
	"the value has more bits than the register: cast it, if you mean its low half"
#define COHERENT_BAR_READ(n, bar, offset)				\
	__extension__({							\
		_Static_assert(!COHERENT_BAD_PLAIN_BAR(bar));		\
		(coherent_bar_read##n)(COHERENT_PLAIN_BAR(bar), (offset)); \
	})
#define COHERENT_BAR_WRITE(n, bar, offset, value)			\
	__extension__({							\
		struct coherent_constant { char is[1]; };		\
		struct coherent_field { uint##n##_t f; };		\
		struct coherent_value { uint##n##_t v; };		\
		_Static_assert(!COHERENT_BAD_PLAIN_BAR(bar));		\
		COHERENT_CLASS_OF (value) COHERENT_THEN_BYTES_OF (value) \
		COHERENT_THEN_IS_CONSTANT (value) COHERENT_THEN_UPPER_BITS_OF (value) COHERENT_VALUE_KNOWN \
		_Static_assert(!COHERENT_BAD_REGISTER_VALUE(value));	\
		_Static_assert(!COHERENT_BAD_REGISTER_FIT(value));	\
		COHERENT_SET (value) COHERENT_SET_END			\
		(coherent_bar_write##n)(COHERENT_PLAIN_BAR(bar), (offset), COHERENT_NUMBER_SET(value)); \
	})
/* Each value of at most 64 bits fits. So the value is used once in clang, and twice in gcc. */
#define COHERENT_BAR_WRITE64(bar, offset, value)			\
	__extension__({							\
		_Static_assert(!COHERENT_BAD_PLAIN_BAR(bar));		\
		struct coherent_number { char is[1u << __builtin_classify_type(value) & 0x1au ? 1 : 2]; }; \
		_Static_assert(!COHERENT_BAD_64_BITS);			\
		(coherent_bar_write64)(COHERENT_PLAIN_BAR(bar), (offset), \
			__builtin_choose_expr(!COHERENT_IS_NO_NUMBER, (value), 0)); \
	})
#ifdef __clang__
#define COHERENT_IS_NO_NUMBER (!COHERENT_IS_CLASS(coherent_number, 0x1au))
#else
#define COHERENT_IS_NO_NUMBER (sizeof(struct coherent_number) == 2)
#endif
#define COHERENT_BAD_64_BITS						\
	COHERENT_WRONG(COHERENT_IS_NO_NUMBER), "the value must be an integer: of a device address, take .raw"
#define COHERENT_BAR_CLOSE(bar)						\
	_Generic((bar), struct coherent_bar *: (coherent_bar_close),	\
		 void *: (coherent_bar_close), default: coherent_base_bar_cleanup)((void *)(bar))
#endif

#define COHERENT_NEEDS_BAR(x)						\
	_Static_assert(COHERENT_IS_KIND(x, registers),			\
		       "this needs a BAR with a type: COHERENT_BAR_TYPE(T)");
#define COHERENT_NEEDS_REGISTER(x, field)				\
	COHERENT_NEEDS_BAR(x)						\
	COHERENT_REQUIRE(COHERENT_IS_NUMBER(COHERENT_FIELD(x, field)) || \
			 COHERENT_IS_ENDIAN(COHERENT_FIELD(x, field)),	\
		"a register is an integer: name one element of an array, and one field of a struct"); \
	COHERENT_REQUIRE(!COHERENT_SAME_TYPE(COHERENT_FIELD(x, field), _Bool), \
		"a device may return any bits, but bool holds 0 or 1 only: use uint8_t"); \
	COHERENT_REQUIRE(0x116 >> sizeof(COHERENT_FIELD(x, field)) & 1,	\
		"no single access of this width: a register has 1, 2, 4 or 8 bytes"); \
	COHERENT_REQUIRE(COHERENT_OFFSET(x, field) % sizeof(COHERENT_FIELD(x, field)) == 0, \
		"misaligned register: no single access can reach it");	\
	COHERENT_NEEDS_INDEX_INSIDE(x, field, COHERENT_FIELD(x, field))
#define COHERENT_REGISTER_SHAPE(x, field)				\
	sizeof(COHERENT_FIELD(x, field)),				\
	_Generic(COHERENT_FIELD(x, field), coherent_be16: 1, coherent_be32: 1, \
		 coherent_be64: 1, default: 0)
#define COHERENT_REGISTER(x, field)					\
	COHERENT_OFFSET(x, field), COHERENT_REGISTER_SHAPE(x, field)

/* The register is field[i] part. All elements of the array have the same type. */
#define COHERENT_NEEDS_REGISTER_ITEM(x, field, i, part)			\
	COHERENT_NEEDS_BAR(x)						\
	COHERENT_FATAL							\
	_Static_assert(!COHERENT_BAD_DOT(field));			\
	_Static_assert(!COHERENT_BAD_DOT(part));			\
	COHERENT_FATAL_END						\
	COHERENT_REQUIRE(COHERENT_IS_ARRAY(COHERENT_FIELD(x, field)),	\
		"this field is not an array: coherent_bar_get(), coherent_bar_put()"); \
	COHERENT_NEEDS_REGISTER(x, field[0] part)			\
	COHERENT_REQUIRE(sizeof(COHERENT_FIELD(x, field[0])) %		\
			 sizeof(COHERENT_FIELD(x, field[0] part)) == 0,	\
		"misaligned register: no single access can reach it in every element of the array"); \
	COHERENT_REQUIRE(COHERENT_IS_CLASS(i, 0x1au), "the index must be an integer");
#define COHERENT_REGISTER_ITEM(x, field, i, part)			\
	coherent_registers_item((i), COHERENT_ITEMS(x, field),		\
				sizeof(COHERENT_FIELD(x, field[0])),	\
				COHERENT_OFFSET(x, field[0] part),	\
				sizeof(COHERENT_FIELD(x, field[0] part))), \
	COHERENT_REGISTER_SHAPE(x, field[0] part)

#ifndef __cplusplus

/* A register is little-endian, so that only a big-endian one is swapped, on every CPU. */
COHERENT_INLINE union coherent_word coherent_registers_load(struct coherent_bar *bar,
							    uint64_t offset, size_t width, int swap)
{
	union coherent_word word;

	switch (width) {
	case 1:
		word.u8 = coherent_bar_read8(bar, offset);
		break;
	case 2:
		word.u16 = coherent_bar_read16(bar, offset);
		word.u16 = swap ? __builtin_bswap16(word.u16) : word.u16;
		break;
	case 4:
		word.u32 = coherent_bar_read32(bar, offset);
		word.u32 = swap ? __builtin_bswap32(word.u32) : word.u32;
		break;
	default:
		word.u64 = coherent_bar_read64(bar, offset);
		word.u64 = swap ? __builtin_bswap64(word.u64) : word.u64;
		break;
	}
	return word;
}

COHERENT_INLINE void coherent_registers_store(struct coherent_bar *bar, uint64_t offset,
					      size_t width, int swap, union coherent_word word)
{
	switch (width) {
	case 1:
		coherent_bar_write8(bar, offset, word.u8);
		break;
	case 2:
		word.u16 = swap ? __builtin_bswap16(word.u16) : word.u16;
		coherent_bar_write16(bar, offset, word.u16);
		break;
	case 4:
		word.u32 = swap ? __builtin_bswap32(word.u32) : word.u32;
		coherent_bar_write32(bar, offset, word.u32);
		break;
	default:
		word.u64 = swap ? __builtin_bswap64(word.u64) : word.u64;
		coherent_bar_write64(bar, offset, word.u64);
		break;
	}
}

/*
 * The offset of a register in an array. Past the end of the array it is the last one that is
 * aligned. No BAR has it, so that the access is refused as one past the end of the BAR.
 */
COHERENT_INLINE uint64_t coherent_registers_item(uint64_t i, size_t count, size_t bytes,
						 size_t offset, size_t width)
{
	return i < count ? offset + i * bytes : ~((uint64_t)width - 1);
}

/* If the bits of all three numbers are in another order, the comparison has the same result. */
COHERENT_MUST_CHECK COHERENT_INLINE int
coherent_registers_poll(struct coherent_bar *bar, uint64_t offset, size_t width, int swap,
			uint32_t mask, uint32_t want, uint64_t timeout_ns)
{
	switch (width) {
	case 1:
		mask = (uint8_t)mask;
		want = (uint8_t)want;
		break;
	case 2:
		mask = swap ? __builtin_bswap16((uint16_t)mask) : (uint16_t)mask;
		want = swap ? __builtin_bswap16((uint16_t)want) : (uint16_t)want;
		break;
	default:
		mask = swap ? __builtin_bswap32(mask) : mask;
		want = swap ? __builtin_bswap32(want) : want;
		break;
	}
	return coherent_base_bar_poll(bar, offset, (unsigned int)width, mask, want, timeout_ns);
}

#endif

#endif
