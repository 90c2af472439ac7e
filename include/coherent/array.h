/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Arrays inside an element, and many elements at once.
 *
 * An element may have a field that is an array, for instance the ring of a virtqueue
 * behind its index. A driver takes a ring over the array, whose index wraps. Or it gives
 * an index that the call checks. In coherent_read() and coherent_write() an index inside a
 * field is a constant.
 *
 * If the number of elements is known when the driver is compiled, T itself may be an
 * array: COHERENT(struct desc[64]), allocated with the count 1. A constant index past its
 * end then does not compile, and a slot of it reaches all 64 without a check:
 *
 *	err = coherent_write(&mem, 0, [63].len, 512);
 *	err = coherent_slot(&mem, 0, &slot);
 *	coherent_slot_put(&slot, [3].len, 512);
 *
 * For a variable index leave the field out. A view of the elements has all accessors:
 *
 *	err = coherent_write_item(&mem, 0, , k, .len, 512);
 *	err = coherent_ring_field(&mem, 0, , &ring);
 *	err = coherent_view_field(&mem, 0, , &view);
 */
#ifndef COHERENT_ARRAY_H
#define COHERENT_ARRAY_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/argument.h>
#include <coherent/detail/check.h>
#include <coherent/detail/mem.h>
#include <coherent/detail/padding.h>
#include <coherent/detail/types.h>
#include <coherent/typed.h>

/* An item is an array field with an index, such as .ring[0]. All items have the same type. */
#define COHERENT_NEEDS_ARRAY(x, field)					\
	COHERENT_REQUIRE(COHERENT_IS_ARRAY(COHERENT_FIELD(x, field)),	\
		"this field is not an array: coherent_read(), coherent_write()");
#define COHERENT_NEEDS_ITEM(x, field, part)				\
	COHERENT_NEEDS_SHARED(x)					\
	COHERENT_NEEDS_ARRAY(x, field)					\
	COHERENT_NEEDS_FIELD(x, field[0] part)				\
	COHERENT_REQUIRE(sizeof(COHERENT_FIELD(x, field[0])) %		\
			 sizeof(COHERENT_FIELD(x, field[0] part)) == 0,	\
		"misaligned field: no single access can reach it in every item of the array");
/* Where the items are: the size of the element, the number of items, and the size of one. */
#define COHERENT_ITEM_PLACE(x, field, part)				\
	sizeof(COHERENT_T(x)), COHERENT_ITEMS(x, field),		\
	sizeof(COHERENT_FIELD(x, field[0])), COHERENT_OFFSET(x, field[0] part)

/**
 * coherent_ring_field() - Make a ring of an array field, with an index that wraps.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @field: The array field, with its dot. Its number of items is a power of two. Leave it
 *	out if T itself is an array, also in the other calls of this file.
 * @ring: The ring. Its element type is that of the items. The call overwrites whatever it
 *	held. It is empty on failure.
 *
 * For instance:
 *
 *	struct virtq_avail {
 *		coherent_le16 flags;
 *		coherent_le16 index;
 *		coherent_le16 ring[256];
 *	};
 *	COHERENT_RING(coherent_le16) ring;
 *
 *	err = coherent_ring_field(&avail, 0, .ring, &ring);
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i), -EINVAL (@mem is empty).
 */
#define coherent_ring_field(mem, i, field, ring)			\
	COHERENT_RESULT(COHERENT_NEEDS_SHARED(mem) COHERENT_NEEDS_RING(ring) \
		COHERENT_NEEDS_CONST_KEPT(mem, ring)			\
		COHERENT_REQUIRE(COHERENT_SAME_TYPE(COHERENT_FIELD(mem, field), \
			COHERENT_T(ring)[sizeof(COHERENT_FIELD(mem, field)) / sizeof(COHERENT_T(ring))]), \
			"the field is not an array of the element type of the ring"); \
		COHERENT_REQUIRE((sizeof(COHERENT_FIELD(mem, field)) / sizeof(COHERENT_T(ring)) & \
				  (sizeof(COHERENT_FIELD(mem, field)) / sizeof(COHERENT_T(ring)) - 1)) == 0, \
			"a ring needs a power of two of items: take coherent_view_field(), or coherent_read_item() with an index that is checked"); \
		COHERENT_REQUIRE(COHERENT_OFFSET(mem, field) % COHERENT_GRAIN(sizeof(COHERENT_T(ring))) == 0 && \
				 sizeof(COHERENT_T(mem)) % COHERENT_GRAIN(sizeof(COHERENT_T(ring))) == 0, \
			"misaligned field: a ring of it could not be accessed"); \
		COHERENT_NEEDS_INDEX_INSIDE(mem, field, {}),		\
		coherent_mem_ring_field(COHERENT_MEM(mem), (i), COHERENT_PLACE(mem, field), \
			sizeof(COHERENT_FIELD(mem, field)) / sizeof(COHERENT_T(ring)), \
			&(ring)->base))

/**
 * coherent_read_item() - Read an item of an array field.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @field: The array field, with its dot.
 * @k: The index of the item, which may be a variable.
 * @...: A pointer to a variable of the type of the item, as for coherent_read(). If the
 *	items are structs, the field of the item with its dot, then the pointer.
 *
 * This is one relaxed access of the item's width.
 *
 * For instance:
 *
 *	err = coherent_read_item(&mem, 3, .counters, cpu, &value);
 *	err = coherent_read_item(&mem, 3, .segments, k, .len, &len);
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i or no item @k), -EINVAL (@mem is empty). On
 * failure the variable keeps its value.
 */
#define coherent_read_item(mem, i, field, k, ...)			\
	COHERENT_3RD(__VA_ARGS__, COHERENT_READ_ITEM, COHERENT_READ_WHOLE_ITEM, ) \
		(mem, i, field, k, __ATOMIC_RELAXED, __VA_ARGS__)

/**
 * coherent_read_item_acquire() - Read an item of an array field before all later reads.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @field: The array field, with its dot.
 * @k: The index of the item.
 * @...: As for coherent_read_item().
 *
 * The order is that of coherent_read_acquire().
 *
 * Context: any.
 * Return: as coherent_read_item().
 */
#define coherent_read_item_acquire(mem, i, field, k, ...)		\
	COHERENT_3RD(__VA_ARGS__, COHERENT_READ_ITEM, COHERENT_READ_WHOLE_ITEM, ) \
		(mem, i, field, k, __ATOMIC_ACQUIRE, __VA_ARGS__)
#define COHERENT_READ_WHOLE_ITEM(x, i, field, k, order, out)		\
	COHERENT_READ_ITEM(x, i, field, k, order, , out)
#define COHERENT_READ_ITEM(x, i, field, k, order, part, out)		\
	COHERENT_RESULT(COHERENT_NEEDS_ITEM(x, field, part)		\
		COHERENT_NEEDS_SAME(*(out), COHERENT_VALUE_TYPE(x, field[0] part), \
			"the last argument must point to a variable of the type of the item"), \
		coherent_mem_read_item(COHERENT_MEM(x), (i), (k),	\
			COHERENT_ITEM_PLACE(x, field, part),		\
			COHERENT_SHAPE(x, field[0] part), order, (out)))

/**
 * coherent_write_item() - Write an item of an array field.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @field: The array field, with its dot.
 * @k: The index of the item, which may be a variable.
 * @...: The value, as for coherent_write(). If the items are structs, the field of the
 *	item with its dot, then the value.
 *
 * This is one relaxed access of the item's width.
 *
 * For instance:
 *
 *	err = coherent_write_item(&mem, 3, .counters, cpu, 0);
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i or no item @k), -EINVAL (@mem is empty).
 */
#define coherent_write_item(mem, i, field, k, ...)			\
	COHERENT_3RD(__VA_ARGS__, COHERENT_WRITE_ITEM, COHERENT_WRITE_WHOLE_ITEM, ) \
		(mem, i, field, k, __ATOMIC_RELAXED, __VA_ARGS__)

/**
 * coherent_write_item_release() - Write an item of an array field after all earlier writes.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @field: The array field, with its dot.
 * @k: The index of the item.
 * @...: As for coherent_write_item().
 *
 * The order is that of coherent_write_release().
 *
 * Context: any.
 * Return: as coherent_write_item().
 */
#define coherent_write_item_release(mem, i, field, k, ...)		\
	COHERENT_3RD(__VA_ARGS__, COHERENT_WRITE_ITEM, COHERENT_WRITE_WHOLE_ITEM, ) \
		(mem, i, field, k, __ATOMIC_RELEASE, __VA_ARGS__)
#define COHERENT_WRITE_WHOLE_ITEM(x, i, field, k, order, value)		\
	COHERENT_WRITE_ITEM(x, i, field, k, order, , value)
#define COHERENT_WRITE_ITEM(x, i, field, k, order, part, value)		\
	COHERENT_RESULT(COHERENT_NEEDS_ITEM(x, field, part) COHERENT_NEEDS_MUTABLE(x) \
		COHERENT_NEEDS_VALUE(x, field[0] part, value),		\
		coherent_mem_write_item(COHERENT_MEM(x), (i), (k),	\
			COHERENT_ITEM_PLACE(x, field, part),		\
			COHERENT_SHAPE(x, field[0] part), order,	\
			COHERENT_TO_WORD(x, field[0] part, value)))

/**
 * coherent_clear() - Set elements of a mem to zero.
 * @mem: A mem or a view.
 * @first: The index of the first element.
 * @n: The number of elements; 0 clears nothing.
 *
 * All bytes of the elements become zero, also their padding. As in coherent_copy_in(),
 * the accesses have no particular width and no order: while the call runs, the device may
 * see any mixture of old bytes and zeros. Hand the elements over to the device with a
 * _release write.
 *
 * Context: any.
 * Return: 0; -ERANGE (past the end; nothing is cleared), -EINVAL (@mem is empty).
 */
#define coherent_clear(mem, first, n)					\
	COHERENT_AGAIN(COHERENT_CLEAR)					\
	COHERENT_CLEAR(COHERENT_UNIQUE(x), mem, first, n)
#define COHERENT_CLEAR(x, at, first, n)					\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) at COHERENT_LET_END(x, 1)		\
		COHERENT_LET_NUMBER(x, 2) first COHERENT_LET_NUMBER_END(x, 2) \
		COHERENT_LET_NUMBER(x, 3) n COHERENT_LET_NUMBER_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (at) COHERENT_VALUE_END(x, 1)	\
		COHERENT_ARG_NUMBER_OF(x, 2) (first) COHERENT_ARG_NUMBER_END(x, 2) \
		COHERENT_ARG_NUMBER_OF(x, 3) (n) COHERENT_ARG_NUMBER_END(x, 3)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, !COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_NO_BOX)); \
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_SHARED(x, 1), !COHERENT_IS_ARG(x, 1, box), COHERENT_TEXT_SHARED)); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_SHARED(x, 1) || COHERENT_IS_WRITABLE(COHERENT_OBJECT_FOR(COHERENT_ARG(x, 1)))), \
			       "this object or its elements are const: they can only be read"); \
		_Static_assert(COHERENT_FIT_COUNT(x, 2, #first, COHERENT_IS_SHARED(x, 1))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 2, #first, COHERENT_IS_SHARED(x, 1))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 3, #n, COHERENT_IS_SHARED(x, 1))); \
		COHERENT_ERR(x, coherent_mem_clear_elements(COHERENT_CONST_BASE_FOR(x, 1, mem), \
			COHERENT_ARG(x, 2), COHERENT_ARG(x, 3), COHERENT_SIZE_OF(x, 1))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#include <coherent/detail/c_only.h>

#endif
