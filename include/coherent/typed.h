/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The accessors: every way in which a driver touches memory that a device can
 * reach.
 *
 * A plain read or write is one access of the field's width. It does not order
 * other accesses; the forms with _acquire and _release do. Accessors of mems and
 * views check the index and return 0 or -errno. The index of a slot was checked
 * when the slot was made, and that of a ring wraps, so their accessors return the
 * value.
 *
 * A macro evaluates each argument once, but coherent_poll() evaluates its condition
 * many times. An index inside a field, as in .flags[2], must be a constant. For a
 * variable index use coherent_read_item() or coherent_ring_field() (coherent/array.h).
 */
#ifndef COHERENT_TYPED_H
#define COHERENT_TYPED_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/access.h>
#include <coherent/detail/base.h>
#include <coherent/detail/check.h>
#include <coherent/detail/field.h>
#include <coherent/endian.h>
#include <coherent/detail/padding.h>
#include <coherent/detail/parts.h>
#include <coherent/detail/loan_base.h>
#include <coherent/detail/mem.h>
#include <coherent/detail/types.h>

/* --- Getters --- */

/**
 * coherent_addr() - Return the device address of a mem or a view.
 * @mem: A mem or a view.
 *
 * Context: any.
 * Return: the device address of the first element; .raw is ~0 if @mem is empty.
 */
#define coherent_addr(mem)						\
	COHERENT_AGAIN(COHERENT_GET_ADDR)					\
	COHERENT_GET_ADDR(COHERENT_UNIQUE(x), mem)

/**
 * coherent_addr_at() - Get the device address of an element.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @addr: Set to the device address; .raw is ~0 on failure.
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i), -EINVAL (@mem is empty).
 */
#define coherent_addr_at(mem, i, addr)						\
	COHERENT_AGAIN(COHERENT_GET_ADDR_AT)					\
	COHERENT_GET_ADDR_AT(COHERENT_UNIQUE(x), mem, i, addr)

/**
 * coherent_count() - Return how many elements a mem or a view has.
 * @mem: A mem or a view.
 *
 * Context: any.
 * Return: the number of elements; 0 if @mem is empty.
 */
#define coherent_count(mem)						\
	COHERENT_AGAIN(COHERENT_GET_COUNT)					\
	COHERENT_GET_COUNT(COHERENT_UNIQUE(x), mem)

/**
 * coherent_size() - Return how many bytes the elements of a mem or a view have.
 * @mem: A mem or a view.
 *
 * The device can reach whole pages, so it can also reach the bytes behind the last
 * element. They are zero until the device writes them, and belong to no other object.
 * The page of a mem of a pool also holds other objects, which the device can reach too.
 *
 * Context: any.
 * Return: the number of bytes; 0 if @mem is empty.
 */
#define coherent_size(mem)						\
	COHERENT_AGAIN(COHERENT_GET_SIZE)					\
	COHERENT_GET_SIZE(COHERENT_UNIQUE(x), mem)

/**
 * coherent_is_empty() - Check whether an object is empty.
 * @object: A box, mem, loan, view, slot, ring, handle or BAR with a type.
 *
 * Context: any.
 * Return: true if the object was never allocated, was consumed or was freed.
 */
#define coherent_is_empty(object)					\
	COHERENT_BEGIN_VALUE						\
		_Generic(&(object)->base,				\
		struct coherent_box *: coherent_box_is_empty,		\
		const struct coherent_box *: coherent_box_is_empty,	\
		struct coherent_loan *: coherent_loan_is_empty,		\
		const struct coherent_loan *: coherent_loan_is_empty,	\
		struct coherent_slot *: coherent_slot_is_empty,		\
		const struct coherent_slot *: coherent_slot_is_empty,	\
		struct coherent_ring *: coherent_ring_is_empty,		\
		const struct coherent_ring *: coherent_ring_is_empty,	\
		struct coherent_registers *: coherent_registers_is_empty, \
		const struct coherent_registers *: coherent_registers_is_empty, \
		struct coherent_mem *: coherent_mem_is_empty,		\
		const struct coherent_mem *: coherent_mem_is_empty)	\
		((const void *)&(object)->base); COHERENT_END_VALUE

/**
 * coherent_unsafe_ptr() - Return a pointer to the memory of a mem.
 * @mem: A mem or a view.
 *
 * Use this to hand the memory to code that keeps the rules of this file by
 * itself. Accesses through the pointer check no bounds, convert no byte order and order
 * nothing. If code reads a value twice, the device may have changed it in between.
 *
 * Context: any.
 * Return: a volatile T *; NULL if @mem is empty. The pointer becomes invalid when the mem
 * is reclaimed or freed.
 */
#define coherent_unsafe_ptr(mem)						\
	COHERENT_AGAIN(COHERENT_GET_UNSAFE_PTR)					\
	COHERENT_GET_UNSAFE_PTR(COHERENT_UNIQUE(x), mem)

/* --- Views, slots, rings --- */

/**
 * coherent_view() - Make a view of some consecutive elements.
 * @mem: A mem or a view.
 * @first: The index of the first element.
 * @n: The number of elements.
 * @view: The view. The call overwrites whatever it held. It is empty on failure.
 *
 * Context: any.
 * Return: 0; -ERANGE (the view is past the end), -EINVAL (@n is 0, or @mem is empty).
 */
#define coherent_view(mem, first, n, view)						\
	COHERENT_AGAIN(COHERENT_MAKE_VIEW)					\
	COHERENT_MAKE_VIEW(COHERENT_UNIQUE(x), mem, first, n, view)

/**
 * coherent_view_field() - Make a view of a field of an element.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @field: The field, with its dot.
 * @view: The view. If its type is the type of the field, it has one element. If it is
 *	the element type of an array field, the view has the elements of the array.
 *	The call overwrites whatever it held. It is empty on failure.
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i), -EINVAL (@mem is empty).
 */
#define coherent_view_field(mem, i, field, view)			\
	COHERENT_BEGIN_RESULT COHERENT_NEEDS_SHARED(mem) COHERENT_NEEDS_VIEW(view) \
		COHERENT_NEEDS_CONST_KEPT(mem, view)			\
		COHERENT_REQUIRE(COHERENT_FIELD_IS(mem, field, COHERENT_T(view)), \
			"the element type of the view is neither that of the field nor of its array elements"); \
		COHERENT_REQUIRE(COHERENT_OFFSET(mem, field) % COHERENT_GRAIN(sizeof(COHERENT_T(view))) == 0 && \
				 sizeof(COHERENT_T(mem)) % COHERENT_GRAIN(sizeof(COHERENT_T(view))) == 0, \
			"misaligned field: a view of it could not be accessed"); \
		COHERENT_NEEDS_INDEX_INSIDE(mem, field, {})		\
		COHERENT_HEARD(mem_part)(COHERENT_MEM(mem), (i), 1, COHERENT_PLACE(mem, field), \
			sizeof(COHERENT_FIELD(mem, field)) / sizeof(COHERENT_T(view)), \
			&(view)->base); COHERENT_END_RESULT
#define COHERENT_FIELD_IS(x, field, T)					\
	(COHERENT_SAME_TYPE(COHERENT_FIELD(x, field), T) ||		\
	 COHERENT_SAME_TYPE(COHERENT_FIELD(x, field),			\
			    T[sizeof(COHERENT_FIELD(x, field)) / sizeof(T)]))
/* The alignment that accesses inside an element of that size may need: 1, 2, 4 or 8. */
#define COHERENT_GRAIN(size) (((size) & -(size)) < 8 ? ((size) & -(size)) : 8)

/**
 * coherent_slot() - Make a slot of one element.
 * @mem: A mem or a view.
 * @i: The index of the element. It is checked here, once.
 * @slot: The slot. The call overwrites whatever it held. It is empty on failure.
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i), -EINVAL (@mem is empty).
 */
#define coherent_slot(mem, i, slot)						\
	COHERENT_AGAIN(COHERENT_MAKE_SLOT)					\
	COHERENT_MAKE_SLOT(COHERENT_UNIQUE(x), mem, i, slot)

/**
 * coherent_ring() - Make a ring of all elements, with an index that wraps.
 * @mem: A mem or a view.
 * @ring: The ring. The call overwrites whatever it held. It is empty on failure.
 *
 * Context: any.
 * Return: 0; -EINVAL (the count of @mem is not a power of two, or @mem is empty).
 */
#define coherent_ring(mem, ring)						\
	COHERENT_AGAIN(COHERENT_MAKE_RING)					\
	COHERENT_MAKE_RING(COHERENT_UNIQUE(x), mem, ring)

/* --- Reading and writing a field --- */

/**
 * coherent_read() - Read a field of an element.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @...: The field with its dot, such as .len or .in.flags[2], and a pointer to a
 *	variable of its type. For coherent_le32 and its like the variable has the CPU's
 *	type: uint32_t. If T itself is a number, only the pointer.
 *
 * This is one relaxed access of the field's width. The device may write at any time:
 * read a value once, check that copy, and use that copy.
 *
 * For instance:
 *
 *	err = coherent_read(&mem, 3, .len, &len);
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i), -EINVAL (@mem is empty). On failure the
 * variable keeps its value.
 */
#define coherent_read(mem, i, ...)					\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_READ_MANY, COHERENT_READ_MANY, COHERENT_READ_MANY, COHERENT_READ, COHERENT_READ_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_READ_MANY, COHERENT_READ_MANY, COHERENT_READ_MANY, COHERENT_READ, COHERENT_READ_WHOLE, )(COHERENT_UNIQUE(x), mem, i, __ATOMIC_RELAXED, __VA_ARGS__)

/**
 * coherent_read_acquire() - Read a field before all later reads.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @...: As for coherent_read().
 *
 * Suppose that the device wrote the value that this call reads. Later reads then see
 * all that the device wrote before that value. Use it for owner bits, phase bits and
 * indexes.
 *
 * Context: any.
 * Return: as coherent_read().
 */
#define coherent_read_acquire(mem, i, ...)				\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_READ_MANY, COHERENT_READ_MANY, COHERENT_READ_MANY, COHERENT_READ, COHERENT_READ_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_READ_MANY, COHERENT_READ_MANY, COHERENT_READ_MANY, COHERENT_READ, COHERENT_READ_WHOLE, )(COHERENT_UNIQUE(x), mem, i, __ATOMIC_ACQUIRE, __VA_ARGS__)

/**
 * coherent_write() - Write a field of an element.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @...: The field with its dot, and the value. If T itself is a number, only the value.
 *	The value is converted as in an assignment, and to the byte order of the field.
 *	A variable of 64 bits does not compile if the field has 32 bits or fewer.
 *
 * This is one relaxed access of the field's width.
 *
 * For instance:
 *
 *	err = coherent_write(&mem, 3, .len, 512);
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i), -EINVAL (@mem is empty).
 */
#define coherent_write(mem, i, ...)					\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_WRITE_MANY, COHERENT_WRITE_MANY, COHERENT_WRITE_MANY, COHERENT_WRITE, COHERENT_WRITE_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_WRITE_MANY, COHERENT_WRITE_MANY, COHERENT_WRITE_MANY, COHERENT_WRITE, COHERENT_WRITE_WHOLE, )(COHERENT_UNIQUE(x), mem, i, __ATOMIC_RELAXED, __VA_ARGS__)

/**
 * coherent_write_release() - Write a field after all earlier writes.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @...: As for coherent_write().
 *
 * A device that sees this value also sees all earlier writes. Use it for the field that
 * hands an element over to the device.
 *
 * Context: any.
 * Return: as coherent_write().
 */
#define coherent_write_release(mem, i, ...)				\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_WRITE_MANY, COHERENT_WRITE_MANY, COHERENT_WRITE_MANY, COHERENT_WRITE, COHERENT_WRITE_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_WRITE_MANY, COHERENT_WRITE_MANY, COHERENT_WRITE_MANY, COHERENT_WRITE, COHERENT_WRITE_WHOLE, )(COHERENT_UNIQUE(x), mem, i, __ATOMIC_RELEASE, __VA_ARGS__)

/**
 * coherent_poll() - Read a field until a condition is true.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @...: The field with its dot, a pointer to a variable, a condition that uses the
 *	variable, and a timeout in ns. If T itself is a number, there is no field.
 *
 * The last read is an acquire. The call first spins, then sleeps between two reads. It
 * reads once more after the time is up. A simulated device with the key "step" runs
 * between two reads, and its own clock counts the timeout (coherent/sim.h).
 *
 * For instance:
 *
 *	err = coherent_poll(&mem, 3, .status, &status, status != BUSY, 1000000);
 *
 * Context: may sleep.
 * Return: 0; -ETIMEDOUT, -ENODEV (the device is closed or gone), -ERANGE (there is no
 * element @i), -EINVAL (@mem is empty), -EBUSY (a callback of the device's own model waits).
 * In the kernel: -EINTR (a wait without a timeout, and the task is killed).
 */
#define coherent_poll(mem, i, ...)					\
	COHERENT_AGAIN(COHERENT_9TH(__VA_ARGS__, COHERENT_POLL_MANY, COHERENT_POLL_MANY, COHERENT_POLL_MANY, COHERENT_POLL_MANY, COHERENT_POLL, COHERENT_POLL_WHOLE, COHERENT_POLL_MANY, COHERENT_POLL_MANY, )) \
	COHERENT_9TH(__VA_ARGS__, COHERENT_POLL_MANY, COHERENT_POLL_MANY, COHERENT_POLL_MANY, COHERENT_POLL_MANY, COHERENT_POLL, COHERENT_POLL_WHOLE, COHERENT_POLL_MANY, COHERENT_POLL_MANY, )(COHERENT_UNIQUE(x), mem, i, __VA_ARGS__)

/**
 * coherent_slot_get() - Read a field of a slot.
 * @...: The slot, and the field with its dot. If T itself is a number, only the slot.
 *
 * This is one relaxed access of the field's width. On an empty slot the process gets SIGSEGV.
 *
 * For instance:
 *
 *	len = coherent_slot_get(&slot, .len);
 *
 * Context: any.
 * Return: the value, in the CPU's byte order.
 */
#define coherent_slot_get(...)						\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET, COHERENT_SLOT_GET_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET, COHERENT_SLOT_GET_WHOLE, )(COHERENT_UNIQUE(x), __ATOMIC_RELAXED, __VA_ARGS__)

/**
 * coherent_slot_get_acquire() - Read a field of a slot before all later reads.
 * @...: As for coherent_slot_get().
 *
 * The order is that of coherent_read_acquire().
 *
 * Context: any.
 * Return: the value, in the CPU's byte order.
 */
#define coherent_slot_get_acquire(...)					\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET, COHERENT_SLOT_GET_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET_MANY, COHERENT_SLOT_GET, COHERENT_SLOT_GET_WHOLE, )(COHERENT_UNIQUE(x), __ATOMIC_ACQUIRE, __VA_ARGS__)

/**
 * coherent_slot_put() - Write a field of a slot.
 * @slot: The slot.
 * @...: The field with its dot, and the value. If T itself is a number, only the value.
 *
 * This is one relaxed access of the field's width. On an empty slot the process gets SIGSEGV.
 *
 * For instance:
 *
 *	coherent_slot_put(&slot, .len, 512);
 *
 * Context: any.
 */
#define coherent_slot_put(slot, ...)					\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT, COHERENT_SLOT_PUT_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT, COHERENT_SLOT_PUT_WHOLE, )(COHERENT_UNIQUE(x), slot, __ATOMIC_RELAXED, __VA_ARGS__)

/**
 * coherent_slot_put_release() - Write a field of a slot after all earlier writes.
 * @slot: The slot.
 * @...: As for coherent_slot_put().
 *
 * The order is that of coherent_write_release().
 *
 * Context: any.
 */
#define coherent_slot_put_release(slot, ...)				\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT, COHERENT_SLOT_PUT_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT_MANY, COHERENT_SLOT_PUT, COHERENT_SLOT_PUT_WHOLE, )(COHERENT_UNIQUE(x), slot, __ATOMIC_RELEASE, __VA_ARGS__)

/**
 * coherent_ring_get() - Read a field of an element of a ring.
 * @ring: The ring.
 * @...: The index, which wraps, and the field with its dot. If T itself is a number,
 *	only the index.
 *
 * This is one relaxed access of the field's width. On an empty ring the process gets SIGSEGV.
 *
 * For instance:
 *
 *	len = coherent_ring_get(&ring, head, .len);
 *
 * Context: any.
 * Return: the value, in the CPU's byte order.
 */
#define coherent_ring_get(ring, ...)					\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_RING_GET_MANY, COHERENT_RING_GET_MANY, COHERENT_RING_GET_MANY, COHERENT_RING_GET, COHERENT_RING_GET_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_RING_GET_MANY, COHERENT_RING_GET_MANY, COHERENT_RING_GET_MANY, COHERENT_RING_GET, COHERENT_RING_GET_WHOLE, )(COHERENT_UNIQUE(x), ring, __ATOMIC_RELAXED, __VA_ARGS__)

/**
 * coherent_ring_get_acquire() - Read a field in a ring before all later reads.
 * @ring: The ring.
 * @...: As for coherent_ring_get().
 *
 * The order is that of coherent_read_acquire().
 *
 * Context: any.
 * Return: the value, in the CPU's byte order.
 */
#define coherent_ring_get_acquire(ring, ...)				\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_RING_GET_MANY, COHERENT_RING_GET_MANY, COHERENT_RING_GET_MANY, COHERENT_RING_GET, COHERENT_RING_GET_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_RING_GET_MANY, COHERENT_RING_GET_MANY, COHERENT_RING_GET_MANY, COHERENT_RING_GET, COHERENT_RING_GET_WHOLE, )(COHERENT_UNIQUE(x), ring, __ATOMIC_ACQUIRE, __VA_ARGS__)

/**
 * coherent_ring_put() - Write a field of an element of a ring.
 * @ring: The ring.
 * @i: The index, which wraps.
 * @...: The field with its dot, and the value. If T itself is a number, only the value.
 *
 * This is one relaxed access of the field's width. On an empty ring the process gets SIGSEGV.
 *
 * For instance:
 *
 *	coherent_ring_put(&ring, tail, .len, 512);
 *
 * Context: any.
 */
#define coherent_ring_put(ring, i, ...)					\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT, COHERENT_RING_PUT_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT, COHERENT_RING_PUT_WHOLE, )(COHERENT_UNIQUE(x), ring, i, __ATOMIC_RELAXED, __VA_ARGS__)

/**
 * coherent_ring_put_release() - Write a field in a ring after all earlier writes.
 * @ring: The ring.
 * @i: The index, which wraps.
 * @...: As for coherent_ring_put().
 *
 * The order is that of coherent_write_release().
 *
 * Context: any.
 */
#define coherent_ring_put_release(ring, i, ...)				\
	COHERENT_AGAIN(COHERENT_6TH(__VA_ARGS__, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT, COHERENT_RING_PUT_WHOLE, )) \
	COHERENT_6TH(__VA_ARGS__, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT_MANY, COHERENT_RING_PUT, COHERENT_RING_PUT_WHOLE, )(COHERENT_UNIQUE(x), ring, i, __ATOMIC_RELEASE, __VA_ARGS__)

/* --- Copies --- */

/**
 * coherent_copy_out() - Copy elements of a mem into private memory.
 * @mem: A mem or a view.
 * @first: The index of the first element.
 * @to: A T * to @n elements, which the device cannot reach.
 * @n: The number of elements; 0 copies nothing.
 *
 * Copy what the device wrote first, then check and use the copy. The copy does not
 * use a particular access width. If the device writes meanwhile, the copy is a mixture
 * of old and new bytes.
 *
 * Context: any.
 * Return: 0; -ERANGE (past the end; nothing is copied), -EINVAL (@mem is empty).
 */
#define coherent_copy_out(mem, first, to, n)						\
	COHERENT_AGAIN(COHERENT_COPY_OUT)					\
	COHERENT_COPY_OUT(COHERENT_UNIQUE(x), mem, first, to, n)

/**
 * coherent_copy_in() - Copy elements into a mem.
 * @mem: A mem or a view.
 * @first: The index of the first element.
 * @from: A const T * to @n elements.
 * @n: The number of elements; 0 copies nothing.
 *
 * The padding becomes zero in the copy. With clang the driver must declare
 * COHERENT_FIELDS() of T for that. The copy does not use a particular access width or
 * order: hand the elements over to the device with a _release write.
 *
 * Context: any.
 * Return: 0; -ERANGE (past the end; nothing is copied), -EINVAL (@mem is empty).
 */
#define coherent_copy_in(mem, first, from, n)						\
	COHERENT_AGAIN(COHERENT_COPY_IN)					\
	COHERENT_COPY_IN(COHERENT_UNIQUE(x), mem, first, from, n)

/**
 * coherent_copy_out_field() - Copy bytes of a field into private memory.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @field: The field with its dot. It is an array or a struct.
 * @offset: The offset of the first byte from the start of the field.
 * @to: The destination.
 * @bytes: The number of bytes.
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i, or the bytes are past the end of the
 * field), -EINVAL (@mem is empty). On failure nothing is copied.
 */
#define coherent_copy_out_field(mem, i, field, offset, to, bytes)	\
	COHERENT_BEGIN_RESULT COHERENT_NEEDS_SHARED(mem) COHERENT_NEEDS_PARTS(mem, field) \
		COHERENT_NEEDS_INDEX_INSIDE(mem, field, {})		\
		COHERENT_HEARD(mem_field_out)(COHERENT_MEM(mem), (i), COHERENT_PLACE(mem, field), \
			sizeof(COHERENT_FIELD(mem, field)), (offset), (to), (bytes)); \
	COHERENT_END_RESULT

/**
 * coherent_copy_in_field() - Copy bytes into a field.
 * @mem: A mem or a view.
 * @i: The index of the element.
 * @field: The field with its dot. It is an array of numbers.
 * @offset: The offset of the first byte from the start of the field.
 * @from: The source. The bytes are copied as they are, without a change of byte order.
 * @bytes: The number of bytes.
 *
 * Context: any.
 * Return: 0; -ERANGE (there is no element @i, or the bytes are past the end of the
 * field), -EINVAL (@mem is empty). On failure nothing is copied.
 */
#define coherent_copy_in_field(mem, i, field, offset, from, bytes)	\
	COHERENT_BEGIN_RESULT COHERENT_NEEDS_SHARED(mem) COHERENT_NEEDS_WRITABLE(mem) \
		COHERENT_NEEDS_PARTS(mem, field)			\
		COHERENT_REQUIRE(COHERENT_IS_FLAT(COHERENT_FIELD(mem, field)), \
			"a struct has padding: take coherent_view_field() and coherent_copy_in()"); \
		COHERENT_NEEDS_INDEX_INSIDE(mem, field, {})		\
		COHERENT_HEARD(mem_field_in)(COHERENT_MEM(mem), (i), COHERENT_PLACE(mem, field), \
			sizeof(COHERENT_FIELD(mem, field)), (offset), (from), (bytes)); \
	COHERENT_END_RESULT

#include <coherent/detail/c_only.h>

#endif
