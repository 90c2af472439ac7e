/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Padding is the bytes of a struct that belong to no field. Padding on the stack holds
 * old data, and a device reads it like all other bytes. So copies of whole elements into
 * memory for a device leave the padding zero.
 *
 * A mask has a byte for each byte of T: 0 for padding, 0xff for the rest. gcc can tell the
 * padding of a type. clang 14 cannot, but it supports overloading in C: COHERENT_FIELDS()
 * declares a coherent_padding() for one T. A copy of a T without it does not compile.
 */
#ifndef COHERENT_PADDING_H
#define COHERENT_PADDING_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/endian.h>
#include <coherent/detail/face.h>

#ifdef __cplusplus
#define COHERENT_FIELDS(T, ...) struct coherent_options_have_names
#else

/*
 * x(T, p, k, a, n) for each field a in the list. p is the field before it, as a designator in a
 * COHERENT_PAIR(T): ".e .len". Before the first field it is ".before", because e begins behind it.
 * n is a number of the field, and k is that of the field before it, or 0.
 */
#define COHERENT_EACH_1(x, T, p, k, a) x(T, p, k, a, 1)
#define COHERENT_EACH_2(x, T, p, k, a, ...) x(T, p, k, a, 2) COHERENT_EACH_1(x, T, .e a, 2, __VA_ARGS__)
#define COHERENT_EACH_3(x, T, p, k, a, ...) x(T, p, k, a, 3) COHERENT_EACH_2(x, T, .e a, 3, __VA_ARGS__)
#define COHERENT_EACH_4(x, T, p, k, a, ...) x(T, p, k, a, 4) COHERENT_EACH_3(x, T, .e a, 4, __VA_ARGS__)
#define COHERENT_EACH_5(x, T, p, k, a, ...) x(T, p, k, a, 5) COHERENT_EACH_4(x, T, .e a, 5, __VA_ARGS__)
#define COHERENT_EACH_6(x, T, p, k, a, ...) x(T, p, k, a, 6) COHERENT_EACH_5(x, T, .e a, 6, __VA_ARGS__)
#define COHERENT_EACH_7(x, T, p, k, a, ...) x(T, p, k, a, 7) COHERENT_EACH_6(x, T, .e a, 7, __VA_ARGS__)
#define COHERENT_EACH_8(x, T, p, k, a, ...) x(T, p, k, a, 8) COHERENT_EACH_7(x, T, .e a, 8, __VA_ARGS__)
#define COHERENT_EACH_9(x, T, p, k, a, ...) x(T, p, k, a, 9) COHERENT_EACH_8(x, T, .e a, 9, __VA_ARGS__)
#define COHERENT_EACH_10(x, T, p, k, a, ...) x(T, p, k, a, 10) COHERENT_EACH_9(x, T, .e a, 10, __VA_ARGS__)
#define COHERENT_EACH_11(x, T, p, k, a, ...) x(T, p, k, a, 11) COHERENT_EACH_10(x, T, .e a, 11, __VA_ARGS__)
#define COHERENT_EACH_12(x, T, p, k, a, ...) x(T, p, k, a, 12) COHERENT_EACH_11(x, T, .e a, 12, __VA_ARGS__)
#define COHERENT_EACH_13(x, T, p, k, a, ...) x(T, p, k, a, 13) COHERENT_EACH_12(x, T, .e a, 13, __VA_ARGS__)
#define COHERENT_EACH_14(x, T, p, k, a, ...) x(T, p, k, a, 14) COHERENT_EACH_13(x, T, .e a, 14, __VA_ARGS__)
#define COHERENT_EACH_15(x, T, p, k, a, ...) x(T, p, k, a, 15) COHERENT_EACH_14(x, T, .e a, 15, __VA_ARGS__)
#define COHERENT_EACH_16(x, T, p, k, a, ...) x(T, p, k, a, 16) COHERENT_EACH_15(x, T, .e a, 16, __VA_ARGS__)
#define COHERENT_EACH_17(x, T, p, k, a, ...) x(T, p, k, a, 17) COHERENT_EACH_16(x, T, .e a, 17, __VA_ARGS__)
#define COHERENT_EACH_18(x, T, p, k, a, ...) x(T, p, k, a, 18) COHERENT_EACH_17(x, T, .e a, 18, __VA_ARGS__)
#define COHERENT_EACH_19(x, T, p, k, a, ...) x(T, p, k, a, 19) COHERENT_EACH_18(x, T, .e a, 19, __VA_ARGS__)
#define COHERENT_EACH_20(x, T, p, k, a, ...) x(T, p, k, a, 20) COHERENT_EACH_19(x, T, .e a, 20, __VA_ARGS__)
#define COHERENT_EACH_21(x, T, p, k, a, ...) x(T, p, k, a, 21) COHERENT_EACH_20(x, T, .e a, 21, __VA_ARGS__)
#define COHERENT_EACH_22(x, T, p, k, a, ...) x(T, p, k, a, 22) COHERENT_EACH_21(x, T, .e a, 22, __VA_ARGS__)
#define COHERENT_EACH_23(x, T, p, k, a, ...) x(T, p, k, a, 23) COHERENT_EACH_22(x, T, .e a, 23, __VA_ARGS__)
#define COHERENT_EACH_24(x, T, p, k, a, ...) x(T, p, k, a, 24) COHERENT_EACH_23(x, T, .e a, 24, __VA_ARGS__)
#define COHERENT_EACH_25(x, T, p, k, a, ...) x(T, p, k, a, 25) COHERENT_EACH_24(x, T, .e a, 25, __VA_ARGS__)
#define COHERENT_EACH_26(x, T, p, k, a, ...) x(T, p, k, a, 26) COHERENT_EACH_25(x, T, .e a, 26, __VA_ARGS__)
#define COHERENT_EACH_27(x, T, p, k, a, ...) x(T, p, k, a, 27) COHERENT_EACH_26(x, T, .e a, 27, __VA_ARGS__)
#define COHERENT_EACH_28(x, T, p, k, a, ...) x(T, p, k, a, 28) COHERENT_EACH_27(x, T, .e a, 28, __VA_ARGS__)
#define COHERENT_EACH_29(x, T, p, k, a, ...) x(T, p, k, a, 29) COHERENT_EACH_28(x, T, .e a, 29, __VA_ARGS__)
#define COHERENT_EACH_30(x, T, p, k, a, ...) x(T, p, k, a, 30) COHERENT_EACH_29(x, T, .e a, 30, __VA_ARGS__)
#define COHERENT_EACH_31(x, T, p, k, a, ...) x(T, p, k, a, 31) COHERENT_EACH_30(x, T, .e a, 31, __VA_ARGS__)
#define COHERENT_EACH_32(x, T, p, k, a, ...) x(T, p, k, a, 32) COHERENT_EACH_31(x, T, .e a, 32, __VA_ARGS__)
#define COHERENT_COUNT(...)						\
	COHERENT_COUNT_AGAIN(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, \
			     15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define COHERENT_COUNT_AGAIN(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, \
			     a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, \
			     count, ...) count
#define COHERENT_EACH(x, T, ...)					\
	COHERENT_PASTE(COHERENT_EACH_, COHERENT_COUNT(__VA_ARGS__))(x, T, .before, 0, __VA_ARGS__)

/* An element of an array. For any other field, a char. */
#define COHERENT_IS_ARRAY(x)						\
	(!COHERENT_SAME_TYPE(x, ((void)0, (x))))
#define COHERENT_ITEM(x)						\
	(*__builtin_choose_expr(COHERENT_IS_ARRAY(x), (x), (char *)0))
#define COHERENT_IS_SOLID(x)						\
	(__builtin_classify_type(x) < 12 || COHERENT_IS_ENDIAN(x))
#define COHERENT_IS_FLAT(x)						\
	(COHERENT_IS_SOLID(x) && COHERENT_IS_SOLID(COHERENT_ITEM(x)) &&	\
	 COHERENT_IS_SOLID(COHERENT_ITEM(COHERENT_ITEM(x))))
#define COHERENT_DIMENSIONS(x)						\
	(COHERENT_IS_ARRAY(x) + COHERENT_IS_ARRAY(COHERENT_ITEM(x)) +	\
	 COHERENT_IS_ARRAY(COHERENT_ITEM(COHERENT_ITEM(x))))
#define COHERENT_MASK_FIELD(T, p, k, field, n)				\
	__builtin_memset(coherent_m + __extension__ __builtin_offsetof(struct { T e; }, e field), \
			 0xff, sizeof(((T *)0)[0] field));

/*
 * A forgotten field may lie where padding would be. Then no size and no offset tells about it.
 * But an initialiser without a designator goes to the next field, whether it is listed or not.
 * clang evaluates the initialised value, so its check sees which field that was. gcc does not
 * evaluate it, but the length of an array shows how many initialisers fill an element.
 *
 * INVARIANT: the order of the list is that of the struct. Members of a union overlap.
 */
#define COHERENT_PAIR(T) struct { T before, e; }
#define COHERENT_OFFSET_OF(T, at)					\
	(__extension__ __builtin_offsetof(struct { COHERENT_PAIR(T) pair; }, pair at))
#define COHERENT_END_OF(T, at) (COHERENT_OFFSET_OF(T, at) + sizeof(((COHERENT_PAIR(T) *)0)[0] at))
/* A declaration without effect, which takes the semicolon. */
#define COHERENT_FIELDS_END struct coherent_options_have_names
#define COHERENT_LIST_TEXT						\
	"fields are missing in the list, or are not in the order of the struct"

#if defined(__CHECKER__)

#define COHERENT_NEEDS_ALL_FIELDS(T, ...) COHERENT_FIELDS_END

#elif defined(__clang__)

/* A field that is 1, until the field after p becomes 0. Both should be the same field. */
#define COHERENT_PROBE(T, p, field)					\
	((COHERENT_PAIR(T)){ .e field = { 1 }, p = { 0 }, 0 }).e field
#define COHERENT_PROBE_AT(T, p, field, n, type)				\
	__builtin_choose_expr(COHERENT_DIMENSIONS(((T *)0)[0] field) == n, \
			      COHERENT_PROBE(T, p, field), (type)0)
#define COHERENT_PROBE_VALUE(T, p, field)				\
	__builtin_choose_expr(COHERENT_DIMENSIONS(((T *)0)[0] field) == 0, \
			      COHERENT_PROBE(T, p, field),		\
	__builtin_choose_expr(COHERENT_DIMENSIONS(((T *)0)[0] field) == 1, \
			      *COHERENT_PROBE_AT(T, p, field, 1, char *), \
	__builtin_choose_expr(COHERENT_DIMENSIONS(((T *)0)[0] field) == 2, \
			      **COHERENT_PROBE_AT(T, p, field, 2, char **), \
			      ***COHERENT_PROBE_AT(T, p, field, 3, char ***))))
#define COHERENT_PROBE_NUMBER(x)					\
	__builtin_choose_expr(COHERENT_IS_ENDIAN(x),			\
			      __builtin_choose_expr(COHERENT_IS_ENDIAN(x), x, (coherent_le16){ 0 }).raw, x)
#define COHERENT_FOLLOWS(T, p, k, field, n)				\
	_Static_assert(COHERENT_IS_FLAT(((T *)0)[0] field),		\
		       "list the members of a nested struct one by one"); \
	COHERENT_REQUIRE(COHERENT_OFFSET_OF(T, .e field) < COHERENT_END_OF(T, p) || \
			 !__builtin_constant_p(COHERENT_PROBE_NUMBER(COHERENT_PROBE_VALUE(T, p, field)) ? \
					       1 : coherent_result(0)),	\
			 COHERENT_LIST_TEXT);
/* The initialiser after the last field goes to another element. */
#define COHERENT_IS_LAST(T, p, k, field, n) + (sizeof((T[]){ [0] field = { 0 }, 0 }) > sizeof(T))
#define COHERENT_NEEDS_ALL_FIELDS(T, ...)				\
	_Pragma("GCC diagnostic push")					\
	_Pragma("GCC diagnostic ignored \"-Weverything\"")		\
	_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")		\
	COHERENT_EACH(COHERENT_FOLLOWS, T, __VA_ARGS__)			\
	COHERENT_REQUIRE(0 COHERENT_EACH(COHERENT_IS_LAST, T, __VA_ARGS__), COHERENT_LIST_TEXT); \
	_Pragma("GCC diagnostic pop")					\
	COHERENT_FIELDS_END

#else

#define COHERENT_ZEROS_16 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define COHERENT_ZEROS_64 COHERENT_ZEROS_16, COHERENT_ZEROS_16, COHERENT_ZEROS_16, COHERENT_ZEROS_16
#define COHERENT_ZEROS_256 COHERENT_ZEROS_64, COHERENT_ZEROS_64, COHERENT_ZEROS_64, COHERENT_ZEROS_64
#define COHERENT_IS_INSIDE(T, field, k) (COHERENT_OFFSET_OF(T, .e field) < coherent_end_##k)
/* The largest end of this field and of those before it. */
#define COHERENT_END(T, p, k, field, n)					\
	coherent_end_##n = COHERENT_END_OF(T, .e field) > coherent_end_##k ? \
			   COHERENT_END_OF(T, .e field) : coherent_end_##k,
#define COHERENT_OVERLAP(T, p, k, field, n) || COHERENT_IS_INSIDE(T, field, k)
#define COHERENT_NUMBER_BYTES(x)					\
	(COHERENT_DIMENSIONS(x) == 0 ? sizeof(x) :			\
	 COHERENT_DIMENSIONS(x) == 1 ? sizeof(COHERENT_ITEM(x)) :	\
	 COHERENT_DIMENSIONS(x) == 2 ? sizeof(COHERENT_ITEM(COHERENT_ITEM(x))) : \
	 sizeof(COHERENT_ITEM(COHERENT_ITEM(COHERENT_ITEM(x)))))
#define COHERENT_NUMBERS(T, p, k, field, n)				\
	+ (COHERENT_IS_INSIDE(T, field, k) ? 0 :			\
	   sizeof(((T *)0)[0] field) / COHERENT_NUMBER_BYTES(((T *)0)[0] field))
/* One initialiser, also for an array. gcc takes an array only in a static object. */
#define COHERENT_WHOLE(T, p, k, field, n)				\
	__builtin_choose_expr(coherent_overlaps, 0, (__typeof__(((T *)0)[0] field)){ 0 }),

/*
 * One initialiser for each field and one more must begin a second element. If members of a
 * union overlap, the check counts numbers instead: each element of an array takes one zero.
 * It then counts up to 256, and a member that reaches past the first one counts twice.
 *
 * Nothing calls the function, so gcc emits neither it nor its objects.
 */
#define COHERENT_NEEDS_ALL_FIELDS(T, ...)				\
	static inline __attribute__((unused)) void			\
	COHERENT_UNIQUE(fields)(void)					\
	{								\
		_Pragma("GCC diagnostic push")				\
		_Pragma("GCC diagnostic ignored \"-Wpedantic\"")	\
		_Pragma("GCC diagnostic ignored \"-Wmissing-braces\"") \
		_Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
		enum {							\
			coherent_end_0,					\
			COHERENT_EACH(COHERENT_END, T, __VA_ARGS__)	\
			coherent_overlaps = 0 COHERENT_EACH(COHERENT_OVERLAP, T, __VA_ARGS__), \
			coherent_numbers = 0 COHERENT_EACH(COHERENT_NUMBERS, T, __VA_ARGS__), \
			coherent_rest = coherent_numbers < 256 ? 257 - coherent_numbers : 1, \
		};							\
		static const T coherent_fields[] = {			\
			COHERENT_EACH(COHERENT_WHOLE, T, __VA_ARGS__) 0 \
		};							\
		static const struct { T e; char rest[coherent_rest]; } coherent_zeros[] = { \
			COHERENT_ZEROS_256, 0, 0			\
		};							\
		_Static_assert(coherent_overlaps ? coherent_numbers > 256 || \
			       sizeof(coherent_zeros) > sizeof(coherent_zeros[0]) : \
			       sizeof(coherent_fields) > sizeof(T), COHERENT_LIST_TEXT); \
		_Pragma("GCC diagnostic pop")				\
	}								\
	COHERENT_FIELDS_END

#endif

#if __has_builtin(__builtin_clear_padding) || defined(__CHECKER__)

/* T is in a struct of its own, which is not const if T is const. */
#define COHERENT_MASK_FILL(T, mask)					\
	(__builtin_memset((mask), 0xff, sizeof(T)),			\
	 __builtin_clear_padding((struct { T e; } *)(void *)(mask)))
/* cell points to a struct whose only member is a T. */
#define COHERENT_CLEAR_PADDING(T, cell) __builtin_clear_padding(cell)
#define COHERENT_FIELDS(T, ...) COHERENT_NEEDS_ALL_FIELDS(T, __VA_ARGS__)

#else

#define COHERENT_CLEAR_PADDING(T, cell)					\
	coherent_clear_padding((unsigned char *)(cell), COHERENT_MASK(T), sizeof(T))

COHERENT_INLINE void coherent_clear_padding(unsigned char *bytes, const unsigned char *mask,
					    __SIZE_TYPE__ size)
{
	__SIZE_TYPE__ i = 0;

	/* The compiler computes with whole words when it builds, so that nothing is left to do. */
	for (; i + 8 <= size; i += 8) {
		uint64_t word, kept;

		__builtin_memcpy(&word, bytes + i, 8);
		__builtin_memcpy(&kept, mask + i, 8);
		word &= kept;
		__builtin_memcpy(bytes + i, &word, 8);
	}
	for (; i < size; i++)
		bytes[i] &= mask[i];
}

#define COHERENT_OVERLOAD static inline __attribute__((unused, overloadable))
#define COHERENT_MASK_FILL(T, mask)					\
	coherent_padding(__builtin_choose_expr(COHERENT_IS_FLAT(*(T *)0), \
				(const volatile char *)0, (const volatile T *)0), \
			 (mask), sizeof(T))

void coherent_padding(const volatile void *coherent_e, unsigned char *coherent_m,
		      __SIZE_TYPE__ coherent_size) __attribute__((overloadable,
	unavailable("clang cannot see the padding of this type: "
		    "write COHERENT_FIELDS(T, .a, .b) beside it")));

/**
 * COHERENT_FIELDS() - Tell clang which fields a type has.
 * @T: The element type.
 * @...: All its fields, at most 32, each with its dot and in the order of the struct: .len,
 *	 .flags, .in.x. List the members of a nested struct or of a union one by one, and an
 *	 array as a whole. A bit-field cannot be listed, and clang takes no vector.
 *
 * coherent_copy_in(), coherent_box_from() and coherent_from() copy whole elements and leave
 * padding zero. clang cannot tell where the padding is, so it needs this macro. gcc can, and
 * there the macro only checks the list. Put it at file scope, beside T.
 *
 * A list without one of the fields does not compile. The compiler cannot tell whether a member
 * of a union is missing. If several members of a union are listed, gcc may not see that a field
 * is missing, but clang does.
 */
#define COHERENT_FIELDS(T, ...)						\
	COHERENT_OVERLOAD void coherent_padding(const volatile T *coherent_e, \
			unsigned char *coherent_m, __SIZE_TYPE__ coherent_size) \
	{								\
		(void)coherent_e;					\
		__builtin_memset(coherent_m, 0, coherent_size);		\
		COHERENT_EACH(COHERENT_MASK_FIELD, T, __VA_ARGS__)	\
	}								\
	COHERENT_NEEDS_ALL_FIELDS(T, __VA_ARGS__)

/* Types without padding: numbers, and arrays of numbers. */
COHERENT_OVERLOAD void coherent_padding(const volatile char *coherent_e, unsigned char *coherent_m,
					__SIZE_TYPE__ coherent_size)
{
	(void)coherent_e;
	__builtin_memset(coherent_m, 0xff, coherent_size);
}

#endif

/* The mask is on the stack, so its size is limited. */
#define COHERENT_MASK_MAX 65536

/* The mask is a temporary that lives until the call with this argument ends (C11 6.2.4p8). */
#define COHERENT_MASK(T) COHERENT_MASK_AGAIN(COHERENT_UNIQUE(mask), T)
#define COHERENT_MASK_AGAIN(x, T)					\
	(__extension__({						\
		struct { unsigned char bytes[sizeof(T)]			\
			 __attribute__((aligned(_Alignof(T)))); } x;	\
		COHERENT_MASK_FILL(T, x.bytes);				\
		x;							\
	}).bytes)

/* A number or an array of numbers has no padding, but a long double may have. */
#define COHERENT_IS_DENSE(T)						\
	(COHERENT_IS_FLAT(*(T *)0) &&					\
	 COHERENT_NUMBER_CLASS(*(T *)0) < 8 &&				\
	 COHERENT_NUMBER_CLASS(COHERENT_ITEM(*(T *)0)) < 8 &&		\
	 COHERENT_NUMBER_CLASS(COHERENT_ITEM(COHERENT_ITEM(*(T *)0))) < 8)
#define COHERENT_NUMBER_CLASS(x)					\
	(COHERENT_IS_ENDIAN(x) ? 1 : __builtin_classify_type(x))

#endif

#endif
