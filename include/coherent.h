/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory that a driver shares with its device.
 *
 *     zeroed, from                expose                       free
 *   ───────────────────▶ box ───────────────▶ mem ───────────────────▶
 *                         │  ◀─────────────── │
 *                         │       reclaim     └──▶ views, slots, rings
 *                         └──▶ free
 *
 * A box is CPU-owned: plain memory, zeroed, of which no device knows an address
 * and which, at COHERENT_IOMMU, no device can reach. Exposing it makes a mem:
 * it has a device address and is touched only through accessors. The wrong
 * phase does not compile.
 *
 * Objects. COHERENT_BOX(T), COHERENT(T) and the rest are variables of yours;
 * all zero bytes, or COHERENT_EMPTY, is an empty one. Initialise them: an
 * output that is not empty stays as it is, and the call is -EBUSY if nothing
 * else was wrong; any other output is empty after an error. Do not copy an
 * object, coherent_move() it. On an empty object getters give NULL, 0 and
 * address ~0, calls give -EINVAL, and freeing does nothing. Views, slots and
 * rings own nothing: as outputs they are overwritten, and they die with their
 * mem.
 *
 * Errors. A call that can fail returns 0 or one of these, negative, and does
 * not compile if the result is ignored:
 *   EINVAL      an argument, a malformed name, a file of the wrong kind, an
 *               empty object
 *   ERANGE      an index, a view
 *   ENOMEM      memory, memlock, a size that overflows
 *   ENOSPC      no device address, mapping or slot left
 *   EBUSY       in flight, output in use, mask change with live objects
 *   EOPNOTSUPP  this backend cannot: level, permission, known attribute; or the
 *               peer lacks a feature
 *   EACCES, EPERM  a node or group is not ours to open
 *   ENODEV      NULL, closed, absent or unknown device, gone, forked child
 *   EIO         the device or IOMMU refused; a mask no range meets
 *   EAGAIN      no fault waiting
 *   ETIMEDOUT   an interrupt, poll or peer did not answer
 * Arguments are checked before state, state before resources. No errno, no
 * globals, no printing, no abort; reasons go to the report function that
 * coherent_device_open() is given.
 *
 * Units. Sizes are bytes, counts are elements, times are nanoseconds unless a
 * name says otherwise. A last is inclusive. Sizes are rounded up to pages, and
 * the page is what a device is given or denied: all of it is zeroed.
 *
 * Order. Accessors of a mem are single accesses of a field's width without
 * order; _release, _acquire and the barriers of coherent/order.h give it.
 * Writes to a mem are visible to the device before any later
 * coherent_bar_write32() or _release. After an _acquire read, a poll or an
 * interrupt wait, later reads see what the device wrote before. Expose is a
 * release, reclaim an acquire.
 *
 * Threads. Different objects freely, also of one device. On one mem, accessors
 * run concurrently; expose, reclaim, free and move exclude everything else on
 * that object, which is the driver's job. Devices, bars and interrupts are
 * thread-safe, except that closing one ends its use. An object may change
 * threads. Nothing here is async-signal-safe.
 *
 * Fork. A child has none of it: calls are -ENODEV and touch nothing, freeing and
 * closing do nothing, and the memory is not there, so an accessor is a SIGSEGV.
 */
#ifndef COHERENT_H
#define COHERENT_H

#include <coherent/detail/base.h>
#include <coherent/detail/check.h>
#include <coherent/endian.h>
#include <coherent/order.h>
#include <coherent/detail/mem.h>
#include <coherent/typed.h>
#include <coherent/detail/types.h>
#include <coherent/detail/face.h>

struct coherent_device;

/**
 * enum coherent_level - Who keeps a device from reaching a box.
 * @COHERENT_NONE: Nobody.
 * @COHERENT_HIDDEN: Nobody, but no address is out.
 * @COHERENT_PEER: The kernel, against another process.
 * @COHERENT_IOMMU: Hardware, or the simulator.
 *
 * Ordered. As a requirement, 0 stands for COHERENT_HIDDEN: COHERENT_NONE has to
 * be asked for.
 */
enum coherent_level {
	COHERENT_NONE = 1,
	COHERENT_HIDDEN,
	COHERENT_PEER,
	COHERENT_IOMMU,
};

/**
 * enum coherent_attr - Attributes of an allocation, or'ed.
 * @COHERENT_ATTR_WEAK_ORDERING: As DMA_ATTR_WEAK_ORDERING.
 * @COHERENT_ATTR_WRITE_COMBINE: As DMA_ATTR_WRITE_COMBINE.
 * @COHERENT_ATTR_FORCE_CONTIGUOUS: As DMA_ATTR_FORCE_CONTIGUOUS.
 * @COHERENT_ATTR_ALLOC_SINGLE_PAGES: As DMA_ATTR_ALLOC_SINGLE_PAGES.
 * @COHERENT_ATTR_NO_WARN: No report when the allocation fails.
 * @COHERENT_ATTR_PRIVILEGED: As DMA_ATTR_PRIVILEGED.
 *
 * A backend honours an attribute or refuses it, -EOPNOTSUPP; those that mean
 * something to a kernel only are refused in userspace. NO_WARN is honoured
 * everywhere. Other bits are -EINVAL.
 */
enum coherent_attr {
	COHERENT_ATTR_WEAK_ORDERING = 1 << 0,
	COHERENT_ATTR_WRITE_COMBINE = 1 << 1,
	COHERENT_ATTR_FORCE_CONTIGUOUS = 1 << 2,
	COHERENT_ATTR_ALLOC_SINGLE_PAGES = 1 << 3,
	COHERENT_ATTR_NO_WARN = 1 << 4,
	COHERENT_ATTR_PRIVILEGED = 1 << 5,
};

/**
 * enum coherent_permission - What a device may do with a mem.
 * @COHERENT_READ_WRITE: Read and write; what you get without asking.
 * @COHERENT_READ_ONLY: Read only.
 *
 * Write-only is not offered: VT-d before Linux 6.2 and the SMMU make it
 * read-write.
 */
enum coherent_permission {
	COHERENT_READ_WRITE,
	COHERENT_READ_ONLY,
};

/**
 * struct coherent_box_options - Options of coherent_box_zeroed() and coherent_box_from().
 * @count: Elements, at least 1.
 * @options_have_names: Not to be set.
 * @attrs: enum coherent_attr, or'ed.
 * @align: Of the device address: a power of two, 0 for a page. Less than a page
 *	is a page.
 * @boundary: A power of two that the device addresses of the object do not
 *	cross a multiple of, at least the size of the object; 0 for none.
 * @level: The least level that will do; 0 for COHERENT_HIDDEN.
 * @COHERENT_GFP: In the kernel .gfp, how to allocate; 0 for GFP_KERNEL.
 */
struct coherent_box_options {
	size_t count;
	const struct coherent_options_have_names *options_have_names;
	unsigned int attrs;
	size_t align;
	uint64_t boundary;
	enum coherent_level level;
	COHERENT_GFP
};

/**
 * struct coherent_expose_options - Options of coherent_expose().
 * @mem: The mem.
 * @options_have_names: Not to be set.
 * @permission: What the device may do.
 * @seal: See coherent_expose(); NULL for none.
 * @seal_arg: Handed to @seal.
 */
struct coherent_expose_options {
	void *mem;
	const struct coherent_options_have_names *options_have_names;
	enum coherent_permission permission;
	int (*seal)(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
	void *seal_arg;
};

/**
 * struct coherent_reclaim_options - Options of coherent_reclaim().
 * @box: The box.
 * @options_have_names: Not to be set.
 * @idle: The driver's word that no command in flight names the object.
 */
struct coherent_reclaim_options {
	void *box;
	const struct coherent_options_have_names *options_have_names;
	bool idle;
};

/**
 * struct coherent_mem_options - Options of coherent_zeroed(), coherent_from() and coherent_init().
 * @count: Elements, at least 1.
 * @options_have_names: Not to be set.
 * @arg: Handed to the initialiser of coherent_init().
 * @arg_options_have_names: Not to be set.
 * @attrs: See struct coherent_box_options, as the next three.
 * @align: Of the device address.
 * @boundary: What the device addresses do not cross.
 * @level: The least level that will do.
 * @permission: See struct coherent_expose_options, as the next two.
 * @seal: The last moment before the device can reach the memory.
 * @seal_arg: Handed to @seal.
 * @COHERENT_GFP: See struct coherent_box_options.
 */
struct coherent_mem_options {
	size_t count;
	const struct coherent_options_have_names *options_have_names;
	void *arg;
	const struct coherent_options_have_names *arg_options_have_names;
	unsigned int attrs;
	size_t align;
	uint64_t boundary;
	enum coherent_level level;
	enum coherent_permission permission;
	int (*seal)(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
	void *seal_arg;
	COHERENT_GFP
};

/* --- Devices --- */

/**
 * coherent_mask() - The DMA mask of a number of address bits.
 * @bits: 0 to 64.
 *
 * Context: any.
 * Return: the lowest @bits bits; over 64: 0, which no device can use.
 */
COHERENT_INLINE uint64_t coherent_mask(unsigned int bits)
{
	return bits - 1 < 64 ? ~(uint64_t)0 >> (64 - bits) : 0;
}

/* --- Boxes --- */

/**
 * coherent_box_zeroed() - Allocate zeroed memory that no device can reach.
 * @box: The new box; must be empty, and is on failure. Free with
 *	coherent_box_free() or give to coherent_expose().
 * @dev: The device it will be exposed to.
 * @...: The count of elements; then options by name: .attrs, .align, .boundary,
 *	.level of struct coherent_box_options.
 *
 * Zero to the end of the last page. The elements are contiguous, for the CPU
 * and for the device. The device address is reserved here and withheld.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (count 0, .align or .boundary no power of two or .boundary
 * too small, unknown attribute), -EBUSY (@box in use), -ENOMEM (memory, or the
 * size overflows), -ENODEV, -EOPNOTSUPP (.level, attribute), -ENOSPC (no device
 * address left that meets mask, .align and .boundary).
 */
#define coherent_box_zeroed(box, dev, ...)				\
	COHERENT_RESULT(COHERENT_NEEDS_BOX(box),			\
		coherent_base_box_zeroed(&(box)->base, (dev), sizeof(COHERENT_T(box)), \
			&(const struct coherent_box_options){ .count = __VA_ARGS__ }, \
			COHERENT_HERE))

/**
 * coherent_box_from() - Allocate a box and fill it from an array.
 * @box: As for coherent_box_zeroed().
 * @dev: As for coherent_box_zeroed().
 * @src: A const T * to the elements to copy.
 * @...: The count of elements; then options as for coherent_box_zeroed().
 *
 * Padding of T arrives as zero; clang needs COHERENT_FIELDS() for that.
 *
 * Context: may sleep.
 * Return: as coherent_box_zeroed(); -EINVAL also if @src is NULL.
 */
#define coherent_box_from(box, dev, src, ...)				\
	COHERENT_RESULT(COHERENT_NEEDS_BOX(box) COHERENT_NEEDS_MASK(COHERENT_T(box)) \
		COHERENT_NEEDS_SAME(*(src), COHERENT_T(box),		\
				    "the source has another element type"), \
		coherent_base_box_from(&(box)->base, (dev), (src),	\
			COHERENT_MASK(COHERENT_T(box)), sizeof(COHERENT_T(box)), \
			&(const struct coherent_box_options){ .count = __VA_ARGS__ }, \
			COHERENT_HERE))

/**
 * coherent_box_init_at() - Let a function fill one element of a box.
 * @box: The box.
 * @i: The element.
 * @fn: int fn(T *element, void *arg), called once; 0 or -errno.
 * @arg: Handed to @fn.
 *
 * If @fn fails the box stays usable and other elements are untouched; what @fn
 * wrote into this one stays.
 *
 * Context: that of @fn.
 * Return: what @fn returned; -EINVAL (no element @i, @box empty; @fn not called).
 */
#define coherent_box_init_at(box, i, fn, arg)				\
	COHERENT_INIT_AT(COHERENT_UNIQUE(element), box, i, fn, arg)
#define COHERENT_INIT_AT(element, box, i, fn, arg)			\
	COHERENT_RESULT(COHERENT_NEEDS_BOX(box)				\
		COHERENT_REQUIRE(__builtin_types_compatible_p(__typeof__(*(fn)), \
						int(COHERENT_T(box) *, void *)), \
			"the initialiser must be int fn(T *element, void *arg)");, \
		coherent_result(__extension__({				\
			COHERENT_T(box) *element = (void *)coherent_box_at(&(box)->base, (i), \
									   sizeof(*element)); \
			element ? (fn)(element, (arg)) : -EINVAL;	\
		})))

/**
 * coherent_box_ptr() - The memory of a box.
 * @box: The box.
 *
 * Plain memory: nobody else can reach it. An assignment of a whole struct
 * through it copies the padding of the source too, which a device reads after
 * expose: fill fields, or take coherent_box_from().
 *
 * Context: any.
 * Return: a T * to the first element, const if @box is; NULL if it is empty. Dead
 * after expose, free and move.
 */
#define coherent_box_ptr(box)						\
	COHERENT_VALUE(COHERENT_NEEDS_BOX(box),				\
		(__typeof__(_Generic(&(box)->base,			\
			const struct coherent_box *: (const COHERENT_T(box) *)0, \
			default: (COHERENT_T(box) *)0)))(void *)(&(box)->base)->va)

/**
 * coherent_box_count() - How many elements a box has.
 * @box: The box.
 *
 * Context: any.
 * Return: elements; 0 if @box is empty.
 */
#define coherent_box_count(box)						\
	COHERENT_VALUE(COHERENT_NEEDS_BOX(box), (size_t)(&(box)->base)->count)

/**
 * coherent_box_level() - Who keeps the device from reaching this box.
 * @box: The box.
 *
 * Context: any.
 * Return: the level; 0 if @box is empty.
 */
#define coherent_box_level(box)						\
	COHERENT_VALUE(COHERENT_NEEDS_BOX(box),				\
		((struct { enum coherent_level level; }){		\
			coherent_base_box_level(&(box)->base) }).level)

/**
 * coherent_box_free() - Free a box.
 * @box: The box; empty afterwards. Freeing an empty one does nothing.
 *
 * Its address was never out, so memory and address are free for others at once.
 *
 * Context: may sleep.
 */
#define coherent_box_free(box)						\
	COHERENT_NOTHING(COHERENT_NEEDS_BOX(box), coherent_base_box_free(&(box)->base))

/* --- Between the phases --- */

/**
 * coherent_expose() - Let the device reach the memory of a box.
 * @box: The box. Always consumed, also on failure (then it is freed).
 * @...: The mem, which must be empty, and is on failure; then options by name:
 *	.permission = COHERENT_READ_ONLY for a device that must not write; .seal, .seal_arg.
 *
 * Everything the CPU wrote before the call is visible to the device when it
 * returns. Pointers taken from coherent_box_ptr() are dead.
 *
 * .seal is called as int seal(void *elements, size_t count, coherent_addr_t
 * address, void *seal_arg) at the last moment at which the device cannot reach
 * the memory, with the address it is going to have: for tables that hold their
 * own addresses, and for checksums over them. If it fails, the box is freed and
 * its address was never in use.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@box is empty, .permission), -EBUSY (the mem is in use and stays),
 * -EOPNOTSUPP (.permission), -ENOSPC (no mapping left, see coherent_device_limits()),
 * -ENOMEM, -ENODEV, -EIO, or what .seal returned: -errno, else -EINVAL.
 */
#define coherent_expose(box, ...)					\
	COHERENT_RESULT(COHERENT_NEEDS_BOX(box)				\
		COHERENT_NEEDS_MEM(COHERENT_FIRST(__VA_ARGS__))		\
		COHERENT_NEEDS_MUTABLE(COHERENT_FIRST(__VA_ARGS__))	\
		COHERENT_NEEDS_SAME(COHERENT_T(box), COHERENT_T(COHERENT_FIRST(__VA_ARGS__)), \
				    "the box and the mem hold different element types"), \
		coherent_base_expose(&(box)->base,			\
			&(const struct coherent_expose_options){ .mem = __VA_ARGS__ }))

/**
 * coherent_reclaim() - Take memory back from the device, with its contents.
 * @mem: The mem; empty on success and on -EIO.
 * @...: The box, which must be empty, and is on failure; then .idle = true, the
 *	driver's word that no command in flight names the object.
 *
 * When it returns, the device cannot reach the memory, and what it wrote before
 * is visible. Views, slots and rings of @mem are dead. The box will have another
 * address; the old one is not handed out while something may be in flight.
 *
 * Where unmapping is no fence (coherent_device_limits()), .idle is required; of a
 * pool always, and there the box keeps its place (coherent/pool.h).
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@mem is empty), -EBUSY (.idle is required; the box is in
 * use), -ENOSPC (no device address for the box), -ENOMEM, -ENODEV: @mem stays as
 * it is. -EIO: the device may still reach the memory; @mem is consumed, its pages
 * are leaked and reported.
 */
#define coherent_reclaim(mem, ...)					\
	COHERENT_RESULT(COHERENT_NEEDS_MEM(mem)				\
		COHERENT_NEEDS_BOX(COHERENT_FIRST(__VA_ARGS__))		\
		COHERENT_NEEDS_MUTABLE(COHERENT_FIRST(__VA_ARGS__))	\
		COHERENT_NEEDS_SAME(COHERENT_T(mem), COHERENT_T(COHERENT_FIRST(__VA_ARGS__)), \
				    "the mem and the box hold different element types"), \
		coherent_base_reclaim(&(mem)->base,			\
			&(const struct coherent_reclaim_options){ .box = __VA_ARGS__ }))

/* --- Mems in one step --- */

/**
 * coherent_zeroed() - Allocate zeroed memory and expose it.
 * @mem: The new mem; must be empty, and is on failure. Free with coherent_free().
 * @dev: The device.
 * @...: The count of elements; then options by name: those of
 *	coherent_box_zeroed() and coherent_expose().
 *
 * Context: may sleep.
 * Return: as coherent_box_zeroed() and coherent_expose().
 */
#define coherent_zeroed(mem, dev, ...)					\
	COHERENT_RESULT(COHERENT_NEEDS_MEM(mem),			\
		coherent_base_zeroed(&(mem)->base, (dev), sizeof(COHERENT_T(mem)), \
			&(const struct coherent_mem_options){ .count = __VA_ARGS__ }, \
			COHERENT_HERE))

/**
 * coherent_from() - Allocate memory, fill it from an array and expose it.
 * @mem: As for coherent_zeroed().
 * @dev: As for coherent_zeroed().
 * @src: A const T * to the elements to copy.
 * @...: The count of elements; then options as for coherent_zeroed().
 *
 * Padding of T arrives as zero; clang needs COHERENT_FIELDS() for that.
 *
 * Context: may sleep.
 * Return: as coherent_box_from() and coherent_expose().
 */
#define coherent_from(mem, dev, src, ...)				\
	COHERENT_RESULT(COHERENT_NEEDS_MEM(mem) COHERENT_NEEDS_MASK(COHERENT_T(mem)) \
		COHERENT_NEEDS_SAME(*(src), COHERENT_T(mem),		\
				    "the source has another element type"), \
		coherent_base_from(&(mem)->base, (dev), (src),		\
			COHERENT_MASK(COHERENT_T(mem)), sizeof(COHERENT_T(mem)), \
			&(const struct coherent_mem_options){ .count = __VA_ARGS__ }, \
			COHERENT_HERE))

/**
 * coherent_init() - Allocate memory, let a function fill it and expose it.
 * @mem: As for coherent_zeroed().
 * @dev: As for coherent_zeroed().
 * @n: The count of elements.
 * @fn: int fn(T *elements, size_t count, void *arg), called once; 0 or -errno.
 * @...: What @fn gets as arg; then options as for coherent_zeroed().
 *
 * If @fn fails the memory is freed, once, and its address was never out.
 *
 * Context: may sleep, and that of @fn.
 * Return: as coherent_zeroed(), or what @fn returned: -errno, else -EINVAL.
 */
#define coherent_init(mem, dev, n, fn, ...)				\
	COHERENT_INIT(COHERENT_UNIQUE(init), mem, dev, n, fn, __VA_ARGS__)
#define COHERENT_INIT(init, x, dev, n, fn, ...)				\
	COHERENT_RESULT(COHERENT_NEEDS_MEM(x) COHERENT_NEEDS_MUTABLE(x)	\
		COHERENT_REQUIRE(__builtin_types_compatible_p(__typeof__(*(fn)), \
					int(COHERENT_T(x) *, size_t, void *)), \
			"the initialiser must be int fn(T *elements, size_t count, void *arg)");, \
		__extension__({						\
			struct {					\
				struct coherent_mem_options options;	\
				struct coherent_mem *mem;		\
				struct coherent_box box;		\
				int err;				\
			} init = { .options = { .arg = __VA_ARGS__ }, .mem = &(x)->base }; \
									\
			init.err = coherent_base_init_begin(init.mem, &init.box, (dev), (n), \
							    sizeof(COHERENT_T(x)), \
							    &init.options, COHERENT_HERE); \
			if (!init.err)					\
				init.err = coherent_base_init_end(init.mem, &init.box, \
					(fn)((void *)init.box.va, init.box.count, \
					     init.options.arg), &init.options); \
			init.err;					\
		}))

/**
 * coherent_free() - Free a mem.
 * @mem: The mem; empty afterwards. Freeing an empty one does nothing.
 *
 * The device loses access. What may still be in flight keeps memory and address
 * away from others until it is over: coherent_device_fence(), or the close. If
 * access cannot be revoked, the pages are leaked and reported.
 *
 * Context: may sleep.
 */
#define coherent_free(mem)						\
	COHERENT_NOTHING(COHERENT_NEEDS_MEM(mem), coherent_base_free(&(mem)->base))

/* --- Variables --- */

/**
 * coherent_move() - Move a box or a mem to another variable.
 * @from: The object; empty afterwards.
 * @to: An empty object of the same kind and element type. If it is not empty,
 *	nothing moves.
 *
 * Context: any.
 */
#define coherent_move(from, to)						\
	COHERENT_NOTHING(COHERENT_NEEDS_SAME((from)->base, (to)->base,	\
					   "one is a box and the other a mem") \
		COHERENT_NEEDS_SAME(COHERENT_T(from), COHERENT_T(to),	\
				    "the two hold different element types") \
		COHERENT_REQUIRE((COHERENT_IS_KIND(from, box) || COHERENT_IS_KIND(from, mem)) && \
				 COHERENT_SAME_TYPE((from)->kind, (to)->kind), \
				 "only a box or a mem is moved; assign a view");, \
		_Generic(&(from)->base,					\
			 struct coherent_box *: coherent_base_box_move,	\
			 const struct coherent_box *: coherent_base_box_move, \
			 default: coherent_base_move)(&(from)->base, &(to)->base))

/**
 * COHERENT_BOX_AUTO() - Declare a box that is freed at the end of its scope.
 * @T: The element type.
 * @name: The variable, initialised as empty.
 */
#define COHERENT_BOX_AUTO(T, name)					\
	COHERENT_BOX(T) name __attribute__((cleanup(coherent_base_box_cleanup))) = COHERENT_EMPTY

/**
 * COHERENT_AUTO() - Declare a mem that is freed at the end of its scope.
 * @T: The element type.
 * @name: The variable, initialised as empty.
 */
#define COHERENT_AUTO(T, name)						\
	COHERENT(T) name __attribute__((cleanup(coherent_base_cleanup))) = COHERENT_EMPTY

#include <coherent/expose_all.h>
#include <coherent/handle.h>
#ifdef __KERNEL__
#include <coherent/kernel.h>
#else
#include <coherent/device.h>
#endif

#endif
