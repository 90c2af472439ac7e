/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The types of objects, and the checks that macros make of their arguments.
 *
 * An object is a union. Its first member is a base struct, and functions use only
 * that. Two more members exist only for their types, as in the kernel's kfifo. One has
 * the element type T. The other has the kind: a box, a mem, a view, a slot or a ring.
 * In names of checks, SHARED means a mem or a view.
 *
 * INVARIANT: base is the first and the largest member, so that its initialiser clears
 * the whole object.
 */
#ifndef COHERENT_TYPES_H
#define COHERENT_TYPES_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/endian.h>
#include <coherent/detail/mem.h>
#include <coherent/detail/value.h>

/* --- Types --- */

/* These structs are never defined. Pointers to them tell the kinds apart. */
struct coherent_is_box;
struct coherent_is_mem;
struct coherent_is_view;
struct coherent_is_slot;
struct coherent_is_ring;
struct coherent_is_registers;
struct coherent_is_loan;
struct coherent_is_twin;

/* Not all users include the headers of these. */
struct coherent_loan;
struct coherent_pool;

/* A function type carries T, because no code can use it as memory, and because it keeps const. */
#define COHERENT_BODY(basis, what, T)					\
	{								\
		struct coherent_##basis base;				\
		__typeof__(T) *(*type)(void);				\
		const struct coherent_is_##what *kind;			\
		_Static_assert(_Generic((__typeof__(T) *)0, void *: 0,	\
					const void *: 0, default: 1),	\
			       "an element cannot be void: name the type that the device reads"); \
		_Static_assert(sizeof(T) > 0, "an element needs a size"); \
		_Static_assert(_Alignof(__typeof__(T)) <= 4096,		\
			       "an element cannot need more than page alignment"); \
	}

/**
 * COHERENT_BOX() - Declare a box: CPU-owned memory that no device can reach yet.
 * @T: The element type: any complete type of at most page alignment.
 *
 * coherent_box_zeroed() and its like make a box. The driver uses it as plain memory
 * through coherent_box_ptr(). coherent_expose() or coherent_box_free() ends it.
 *
 * Initialise the variable with COHERENT_EMPTY or zero bytes. Each use of this macro is a
 * type of its own; COHERENT_BOX_TYPE() gives a type a name.
 */
#define COHERENT_BOX(T) union COHERENT_BODY(box, box, T)

/**
 * COHERENT() - Declare a mem: memory shared with a device.
 * @T: The element type.
 *
 * coherent_expose() makes a mem. The driver touches it only through the accessors of
 * coherent/typed.h. coherent_reclaim() or coherent_free() ends it.
 *
 * If T is an array, as in COHERENT(struct desc[64]), the compiler knows the number of
 * elements, and refuses a constant index past the end (coherent/array.h).
 *
 * Initialise the variable with COHERENT_EMPTY or zero bytes.
 */
#define COHERENT(T) union COHERENT_BODY(mem, mem, T)

/**
 * COHERENT_VIEW() - Declare a view: some consecutive elements of a mem, or a field.
 * @T: The element type.
 *
 * coherent_view() or coherent_view_field() makes a view. All accessors of mems accept it.
 * It owns nothing, and becomes invalid when its mem is reclaimed or freed.
 */
#define COHERENT_VIEW(T) union COHERENT_BODY(mem, view, T)

/**
 * COHERENT_SLOT() - Declare a slot: one element of a mem.
 * @T: The element type.
 *
 * coherent_slot() makes a slot. An access to it cannot fail, but an access to an empty slot
 * faults. A slot owns nothing, and becomes invalid when its mem is reclaimed or freed.
 */
#define COHERENT_SLOT(T) union COHERENT_BODY(slot, slot, T)

/**
 * COHERENT_RING() - Declare a ring: the elements of a mem, with an index that wraps.
 * @T: The element type.
 *
 * coherent_ring() makes a ring of a power of two of elements. An access to it cannot fail,
 * but an access to an empty ring faults. A ring owns nothing, and becomes invalid when its
 * mem is reclaimed or freed. It has no device address: pass its mem to coherent_addr().
 */
#define COHERENT_RING(T) union COHERENT_BODY(ring, ring, T)

/**
 * COHERENT_TYPE() - Name the type of a mem, to pass it to functions.
 * @name: The type becomes union @name.
 * @T: The element type.
 */
#define COHERENT_TYPE(name, T) union name COHERENT_BODY(mem, mem, T)

/**
 * COHERENT_BOX_TYPE() - Name the type of a box.
 * @name: The type becomes union @name.
 * @T: The element type.
 */
#define COHERENT_BOX_TYPE(name, T) union name COHERENT_BODY(box, box, T)

/**
 * COHERENT_VIEW_TYPE() - Name the type of a view.
 * @name: The type becomes union @name.
 * @T: The element type.
 */
#define COHERENT_VIEW_TYPE(name, T) union name COHERENT_BODY(mem, view, T)

/**
 * COHERENT_SLOT_TYPE() - Name the type of a slot.
 * @name: The type becomes union @name.
 * @T: The element type.
 */
#define COHERENT_SLOT_TYPE(name, T) union name COHERENT_BODY(slot, slot, T)

/**
 * COHERENT_RING_TYPE() - Name the type of a ring.
 * @name: The type becomes union @name.
 * @T: The element type.
 */
#define COHERENT_RING_TYPE(name, T) union name COHERENT_BODY(ring, ring, T)

/**
 * COHERENT_EMPTY - Initialise any object as empty: all its bytes are zero.
 */
#define COHERENT_EMPTY { .base = { .va = NULL } }

/**
 * COHERENT_BOX_AUTO() - Declare a box that is freed at the end of its scope.
 * @T: The element type.
 * @name: The variable. It is initialised as empty.
 */
#define COHERENT_BOX_AUTO(T, name)					\
	COHERENT_BOX(T) name __attribute__((cleanup(coherent_base_box_cleanup))) = COHERENT_EMPTY

/**
 * COHERENT_AUTO() - Declare a mem that is freed at the end of its scope.
 * @T: The element type.
 * @name: The variable. It is initialised as empty.
 */
#define COHERENT_AUTO(T, name)						\
	COHERENT(T) name __attribute__((cleanup(coherent_base_cleanup))) = COHERENT_EMPTY

/* --- Checks --- */

#define COHERENT_T(x) __typeof__(*(x)->type())

#define COHERENT_IS_KIND(x, what)					\
	_Generic((x)->kind, const struct coherent_is_##what *: 1, default: 0)
#define COHERENT_IS_MUTABLE(x)						\
	_Generic(&(x)->base, const struct coherent_box *: 0, const struct coherent_mem *: 0, \
		 const struct coherent_slot *: 0, const struct coherent_ring *: 0, \
		 const struct coherent_registers *: 0, const struct coherent_loan *: 0, \
		 const struct coherent_pool *: 0, default: 1)

#define COHERENT_NEEDS_BOX(x)						\
	_Static_assert(COHERENT_IS_KIND(x, box),			\
		       "this needs a box: COHERENT_BOX(T), before coherent_expose()");
#define COHERENT_NEEDS_MEM(x)						\
	_Static_assert(COHERENT_IS_KIND(x, mem),			\
		       "this needs a mem: COHERENT(T), filled by coherent_expose()");
#define COHERENT_TEXT_LENT						\
	"a loan has no accessors, because the device has the memory: coherent_take() it first; coherent_loan_addr() has its address"
#define COHERENT_NEEDS_SHARED(x)					\
	_Static_assert(!COHERENT_IS_KIND(x, box),			\
		       "a box has no device address and no accessors: coherent_expose() it, or use coherent_box_ptr()"); \
	_Static_assert(!COHERENT_IS_KIND(x, slot) && !COHERENT_IS_KIND(x, ring), \
		       "this needs a mem or a view of it, not a slot or a ring: pass the mem that it was made from"); \
	_Static_assert(!COHERENT_IS_KIND(x, loan), COHERENT_TEXT_LENT);	\
	_Static_assert(!COHERENT_IS_KIND(x, registers),			\
		       "this needs a mem or a view of it, not a BAR: coherent_bar_get(), coherent_bar_put()");
#define COHERENT_NEEDS_VIEW(x)						\
	_Static_assert(COHERENT_IS_KIND(x, view), "this needs a view: COHERENT_VIEW(T)");
#define COHERENT_NEEDS_RING(x)						\
	_Static_assert(COHERENT_IS_KIND(x, ring), "this needs a ring: COHERENT_RING(T)");
#define COHERENT_NEEDS_MUTABLE(x)					\
	_Static_assert(COHERENT_IS_MUTABLE(x), "this object is const: it can only be read");
#define COHERENT_IS_WRITABLE(x) (COHERENT_IS_MUTABLE(x) && !COHERENT_IS_CONST(COHERENT_T(x)))
#define COHERENT_NEEDS_WRITABLE(x)					\
	COHERENT_REQUIRE(COHERENT_IS_WRITABLE(x), "this object or its elements are const: they can only be read");
#define COHERENT_NEEDS_CONST_KEPT(x, part)				\
	COHERENT_REQUIRE(COHERENT_IS_WRITABLE(x) || COHERENT_IS_CONST(COHERENT_T(part)), \
		"this object or its elements are const: a part of it needs a const element type, as in COHERENT_VIEW(const T)");
#define COHERENT_NEEDS_SAME(a, b, text) COHERENT_REQUIRE(COHERENT_SAME_TYPE(a, b), text);

/* An element is in a struct of its own, so that a field may also be empty. */
#define COHERENT_CELL(x) struct { COHERENT_T(x) e; }
#define COHERENT_FIELD(x, field) ((x)->type()[0] field)
#define COHERENT_OFFSET(x, field) (__extension__ __builtin_offsetof(COHERENT_CELL(x), e field))
#define COHERENT_VALUE_TYPE(x, field) COHERENT_CPU_TYPE(COHERENT_FIELD(x, field))
/* The number of items of an array field. */
#define COHERENT_ITEMS(x, field)					\
	(sizeof(COHERENT_FIELD(x, field)) / sizeof(COHERENT_FIELD(x, field[0])))

/*
 * Refuse a constant index past the end of an array inside an element. Only in an
 * initialiser does C make that an error.
 */
#define COHERENT_NEEDS_INDEX_INSIDE(x, field, value)			\
	_Static_assert(sizeof(__extension__(COHERENT_CELL(x)){ .e field = value }) > 0, "");

#define COHERENT_NEEDS_PARTS(x, field)					\
	COHERENT_REQUIRE(!COHERENT_IS_NUMBER(COHERENT_FIELD(x, field)),	\
		"a number is read and written as a whole: coherent_read(), coherent_write()");

/* One naturally aligned access must reach the field in every element. */
#define COHERENT_NEEDS_FIELD(x, field)					\
	COHERENT_REQUIRE(COHERENT_IS_NUMBER(COHERENT_FIELD(x, field)) || \
			 COHERENT_IS_ENDIAN(COHERENT_FIELD(x, field)),	\
		"a field is an integer, enum or float: for structs and arrays use coherent_copy_in(), coherent_copy_out() or coherent_view_field(); a device holds no CPU pointers"); \
	COHERENT_REQUIRE(!COHERENT_SAME_TYPE(COHERENT_FIELD(x, field), _Bool), \
		"a device may store any byte, but bool holds 0 or 1 only: use uint8_t"); \
	COHERENT_REQUIRE(sizeof(COHERENT_FIELD(x, field)) <= sizeof(long) && \
			 (0x116 >> sizeof(COHERENT_FIELD(x, field)) & 1), \
		"no single access of this width: a field has 1, 2, 4 or, on a 64-bit CPU, 8 bytes"); \
	COHERENT_REQUIRE(COHERENT_OFFSET(x, field) % sizeof(COHERENT_FIELD(x, field)) == 0 && \
			 sizeof(COHERENT_T(x)) % sizeof(COHERENT_FIELD(x, field)) == 0, \
		"misaligned field: no single access can reach it in every element"); \
	COHERENT_NEEDS_INDEX_INSIDE(x, field, COHERENT_FIELD(x, field))

/* The assignment does not run. The compiler refuses it for a const field. */
#define COHERENT_NEEDS_VALUE(x, field, value)				\
	COHERENT_REQUIRE(COHERENT_IS_CLASS(value,			\
			 COHERENT_IS_CLASS(COHERENT_FIELD(x, field), 0x100u) ? 0x11au : 0x1au), \
		"the value must be a number, and an integer for an integer field"); \
	COHERENT_NEEDS_FIT(COHERENT_VALUE_TYPE(x, field), value, "the field") \
	_Static_assert(sizeof(COHERENT_FIELD(x, field) = COHERENT_FIELD(x, field)) > 0, "");

/* --- Calls --- */

/* The base of a mem or a view, whose type was checked before. */
#define COHERENT_MEM(x) ((const struct coherent_mem *)(const void *)&(x)->base)

#define COHERENT_PLACE(x, field) sizeof(COHERENT_T(x)), COHERENT_OFFSET(x, field)
#define COHERENT_SHAPE(x, field)					\
	sizeof(COHERENT_FIELD(x, field)), COHERENT_SWAPS(COHERENT_FIELD(x, field))

/* Convert the bytes of a field to a value of its CPU type, and back. */
#define COHERENT_FROM_WORD(x, field, from)				\
	(((union { union coherent_word word; COHERENT_VALUE_TYPE(x, field) value; }) \
	  { .word = (from) }).value)
#define COHERENT_TO_WORD(x, field, from)				\
	(((union { COHERENT_VALUE_TYPE(x, field) value; union coherent_word word; }) \
	  { .value = (from) }).word)

#endif
