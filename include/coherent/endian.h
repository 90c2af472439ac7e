/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Types for fields with a fixed byte order.
 *
 * Each type is a struct, so arithmetic on the raw bytes and the assignment of a plain
 * number do not compile. A driver does not convert fields of a mem: coherent_read(),
 * coherent_write() and their like do that. The functions here are for boxes, where a
 * field is plain memory:
 *
 *	coherent_box_ptr(&box)[0].len = coherent_cpu_to_le32(512);
 *
 * A value that has more bits than the field does not compile, as in coherent_write().
 */
#ifndef COHERENT_ENDIAN_H
#define COHERENT_ENDIAN_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/detail/value.h>
#include <coherent/detail/face.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define COHERENT_LE_SWAPS 0
#define COHERENT_BE_SWAPS 1
#else
#define COHERENT_LE_SWAPS 1
#define COHERENT_BE_SWAPS 0
#endif

/**
 * typedef coherent_le16 - A little-endian field of 16 bits.
 * @raw: The bytes in the order of the device. Do not use them as a number.
 */
typedef struct {
	uint16_t raw;
} coherent_le16;

/**
 * typedef coherent_le32 - A little-endian field of 32 bits.
 * @raw: The bytes in the order of the device. Do not use them as a number.
 */
typedef struct {
	uint32_t raw;
} coherent_le32;

/**
 * typedef coherent_le64 - A little-endian field of 64 bits.
 * @raw: The bytes in the order of the device. Do not use them as a number.
 */
typedef struct {
	uint64_t raw;
} coherent_le64;

/**
 * typedef coherent_be16 - A big-endian field of 16 bits.
 * @raw: The bytes in the order of the device. Do not use them as a number.
 */
typedef struct {
	uint16_t raw;
} coherent_be16;

/**
 * typedef coherent_be32 - A big-endian field of 32 bits.
 * @raw: The bytes in the order of the device. Do not use them as a number.
 */
typedef struct {
	uint32_t raw;
} coherent_be32;

/**
 * typedef coherent_be64 - A big-endian field of 64 bits.
 * @raw: The bytes in the order of the device. Do not use them as a number.
 */
typedef struct {
	uint64_t raw;
} coherent_be64;

/**
 * coherent_cpu_to_le16() - Convert a number to a little-endian field.
 * @value: The number.
 *
 * Context: any.
 * Return: the field, to store in a box.
 */
COHERENT_INLINE coherent_le16 coherent_cpu_to_le16(uint16_t value)
{
	coherent_le16 field = { COHERENT_LE_SWAPS ? __builtin_bswap16(value) : value };

	return field;
}

/**
 * coherent_le16_to_cpu() - Convert a little-endian field to a number.
 * @field: The field, read from a box or copied out of a mem.
 *
 * Context: any.
 * Return: the number.
 */
COHERENT_INLINE uint16_t coherent_le16_to_cpu(coherent_le16 field)
{
	return COHERENT_LE_SWAPS ? __builtin_bswap16(field.raw) : field.raw;
}

/**
 * coherent_cpu_to_le32() - Convert a number to a little-endian field.
 * @value: The number.
 *
 * Context: any.
 * Return: the field, to store in a box.
 */
COHERENT_INLINE coherent_le32 coherent_cpu_to_le32(uint32_t value)
{
	coherent_le32 field = { COHERENT_LE_SWAPS ? __builtin_bswap32(value) : value };

	return field;
}

/**
 * coherent_le32_to_cpu() - Convert a little-endian field to a number.
 * @field: The field, read from a box or copied out of a mem.
 *
 * Context: any.
 * Return: the number.
 */
COHERENT_INLINE uint32_t coherent_le32_to_cpu(coherent_le32 field)
{
	return COHERENT_LE_SWAPS ? __builtin_bswap32(field.raw) : field.raw;
}

/**
 * coherent_cpu_to_le64() - Convert a number to a little-endian field.
 * @value: The number.
 *
 * Context: any.
 * Return: the field, to store in a box.
 */
COHERENT_INLINE coherent_le64 coherent_cpu_to_le64(uint64_t value)
{
	coherent_le64 field = { COHERENT_LE_SWAPS ? __builtin_bswap64(value) : value };

	return field;
}

/**
 * coherent_le64_to_cpu() - Convert a little-endian field to a number.
 * @field: The field, read from a box or copied out of a mem.
 *
 * Context: any.
 * Return: the number.
 */
COHERENT_INLINE uint64_t coherent_le64_to_cpu(coherent_le64 field)
{
	return COHERENT_LE_SWAPS ? __builtin_bswap64(field.raw) : field.raw;
}

/**
 * coherent_cpu_to_be16() - Convert a number to a big-endian field.
 * @value: The number.
 *
 * Context: any.
 * Return: the field, to store in a box.
 */
COHERENT_INLINE coherent_be16 coherent_cpu_to_be16(uint16_t value)
{
	coherent_be16 field = { COHERENT_BE_SWAPS ? __builtin_bswap16(value) : value };

	return field;
}

/**
 * coherent_be16_to_cpu() - Convert a big-endian field to a number.
 * @field: The field, read from a box or copied out of a mem.
 *
 * Context: any.
 * Return: the number.
 */
COHERENT_INLINE uint16_t coherent_be16_to_cpu(coherent_be16 field)
{
	return COHERENT_BE_SWAPS ? __builtin_bswap16(field.raw) : field.raw;
}

/**
 * coherent_cpu_to_be32() - Convert a number to a big-endian field.
 * @value: The number.
 *
 * Context: any.
 * Return: the field, to store in a box.
 */
COHERENT_INLINE coherent_be32 coherent_cpu_to_be32(uint32_t value)
{
	coherent_be32 field = { COHERENT_BE_SWAPS ? __builtin_bswap32(value) : value };

	return field;
}

/**
 * coherent_be32_to_cpu() - Convert a big-endian field to a number.
 * @field: The field, read from a box or copied out of a mem.
 *
 * Context: any.
 * Return: the number.
 */
COHERENT_INLINE uint32_t coherent_be32_to_cpu(coherent_be32 field)
{
	return COHERENT_BE_SWAPS ? __builtin_bswap32(field.raw) : field.raw;
}

/**
 * coherent_cpu_to_be64() - Convert a number to a big-endian field.
 * @value: The number.
 *
 * Context: any.
 * Return: the field, to store in a box.
 */
COHERENT_INLINE coherent_be64 coherent_cpu_to_be64(uint64_t value)
{
	coherent_be64 field = { COHERENT_BE_SWAPS ? __builtin_bswap64(value) : value };

	return field;
}

/**
 * coherent_be64_to_cpu() - Convert a big-endian field to a number.
 * @field: The field, read from a box or copied out of a mem.
 *
 * Context: any.
 * Return: the number.
 */
COHERENT_INLINE uint64_t coherent_be64_to_cpu(coherent_be64 field)
{
	return COHERENT_BE_SWAPS ? __builtin_bswap64(field.raw) : field.raw;
}

#ifndef __cplusplus
#define coherent_cpu_to_le16(value) COHERENT_TO_FIELD(uint16_t, le16, value)
#define coherent_cpu_to_le32(value) COHERENT_TO_FIELD(uint32_t, le32, value)
#define coherent_cpu_to_be16(value) COHERENT_TO_FIELD(uint16_t, be16, value)
#define coherent_cpu_to_be32(value) COHERENT_TO_FIELD(uint32_t, be32, value)
#define COHERENT_TO_FIELD(T, to, value)					\
	COHERENT_VALUE(COHERENT_NEEDS_FIT(T, value, "the field"), (coherent_cpu_to_##to)(value))
#endif

/* The type of a field's value on the CPU: a number for the six types above. */
#define COHERENT_CPU_TYPE(field)					\
	__typeof__(_Generic((field),					\
		coherent_le16: (uint16_t)0, coherent_be16: (uint16_t)0,	\
		coherent_le32: (uint32_t)0, coherent_be32: (uint32_t)0,	\
		coherent_le64: (uint64_t)0, coherent_be64: (uint64_t)0,	\
		default: (field)))

#define COHERENT_IS_ENDIAN(field)					\
	_Generic((field),						\
		coherent_le16: 1, coherent_be16: 1, coherent_le32: 1,	\
		coherent_be32: 1, coherent_le64: 1, coherent_be64: 1,	\
		default: 0)

#define COHERENT_SWAPS(field)						\
	_Generic((field),						\
		coherent_le16: COHERENT_LE_SWAPS, coherent_be16: COHERENT_BE_SWAPS, \
		coherent_le32: COHERENT_LE_SWAPS, coherent_be32: COHERENT_BE_SWAPS, \
		coherent_le64: COHERENT_LE_SWAPS, coherent_be64: COHERENT_BE_SWAPS, \
		default: 0)

#endif
