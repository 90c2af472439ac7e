/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory that the driver has: its heap, hugepages, a file that it mapped, a buffer of another
 * library. coherent_box_adopt() makes a box of it, and the device then uses this memory in place.
 * coherent_handle_adopt() joins several pieces to one object. In the kernel coherent/kernel.h has
 * coherent_box_adopt().
 *
 *     adopt                expose                       free
 *   ─────────▶ box ───────────────▶ mem ───────────────────▶ .release(memory)
 *               │  ◀─────────────── │
 *               │       reclaim
 *               └──▶ free ──▶ .release(memory)
 *
 * The contents stay. The library does not clear this memory, and does not use it for anything
 * else. It calls .release once, when no device can reach the memory through the object any more.
 * So .release may free the memory, or give it to another owner.
 *
 * The driver keeps the memory mapped, readable and writable, until the library calls .release, or
 * without .release until the free returns. Otherwise an access of a device of sim: or vfio-user:
 * ends the process with SIGSEGV, and other devices reach the old pages. While the box is exposed,
 * the driver uses the mem, as for other mems: the compiler cannot see what the driver does through
 * its own pointer. A forked child shares the memory or has a copy, as the driver mapped it.
 */
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

/* This file needs the boxes and the handles of coherent.h. So the include is before the guard. */
#include <coherent.h>

#ifndef COHERENT_ADOPT_H
#define COHERENT_ADOPT_H

#include <sys/uio.h>

COHERENT_C_BEGIN

/**
 * struct coherent_adopt_options - Options of coherent_box_adopt().
 * @struct_size: See struct coherent_box_options, also for the next two.
 * @attrs: Values of enum coherent_attr, or'ed.
 * @level: The lowest level that the caller accepts.
 * @tail: The memory may end within a page. The device then reaches the rest of that page too.
 * @copy: Where the device cannot use this memory in place, the library gives it a copy.
 * @reserved: Do not set this.
 * @count: The number of elements, at least 1.
 * @COHERENT_NAMES: Do not set this.
 * @align: See struct coherent_box_options, also for the next one.
 * @boundary: The boundary that the object does not cross.
 * @release: A callback that gets the memory back. NULL for none.
 * @release_arg: The last argument of @release.
 * @COHERENT_ADDRESS_LIMITS: See struct coherent_box_options. A driver that wants the device address
 *	to be the pointer gives .address = (uintptr_t)memory.
 */
struct coherent_adopt_options {
	uint32_t struct_size;
	uint32_t attrs;
	enum coherent_level level;
	bool tail;
	bool copy;
	uint16_t reserved;
	size_t count;
	COHERENT_NAMES
	size_t align;
	uint64_t boundary;
	void (*release)(void *memory, void *release_arg);
	void *release_arg;
	COHERENT_ADDRESS_LIMITS;
};

/**
 * coherent_base_box_adopt() - coherent_box_adopt() after the checks of types.
 * @box: The box.
 * @dev: The device.
 * @memory: The memory.
 * @size: The size of an element.
 * @options: The count and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_box_adopt().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_box_adopt(struct coherent_box *box, struct coherent_device *dev, void *memory,
			    size_t size, const struct coherent_adopt_options *options,
			    const char *site);

/**
 * struct coherent_handle_adopt_options - Options of coherent_handle_adopt().
 * @struct_size: See struct coherent_box_options, also for the next two.
 * @attrs: Values of enum coherent_attr, or'ed.
 * @level: The lowest level that the caller accepts.
 * @permission: The permission of the device.
 * @count: The number of pieces, at least 1.
 * @COHERENT_NAMES: Do not set this.
 * @align: See struct coherent_box_options, also for the next one.
 * @boundary: The boundary that the memory does not cross.
 * @release: As for coherent_box_adopt().
 * @release_arg: The last argument of @release.
 * @COHERENT_ADDRESS_LIMITS: See struct coherent_box_options.
 */
struct coherent_handle_adopt_options {
	uint32_t struct_size;
	uint32_t attrs;
	enum coherent_level level;
	enum coherent_permission permission;
	size_t count;
	COHERENT_NAMES
	size_t align;
	uint64_t boundary;
	void (*release)(void *memory, void *release_arg);
	void *release_arg;
	COHERENT_ADDRESS_LIMITS;
};

/**
 * coherent_base_handle_adopt() - coherent_handle_adopt() with its options in a struct.
 * @handle: The new handle.
 * @dev: The device.
 * @pieces: The pieces.
 * @options: Their number and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_handle_adopt().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_handle_adopt(struct coherent_handle *handle, struct coherent_device *dev,
			       const struct iovec *pieces,
			       const struct coherent_handle_adopt_options *options,
			       const char *site);

COHERENT_C_END

/**
 * coherent_box_adopt() - Make a box of memory that the driver has.
 * @box: The new box. It must be empty, and is empty on failure. Then the memory stays the
 *	driver's, and the library does not call .release.
 * @dev: The device that the box will be exposed to.
 * @memory: A T * to the memory. It begins at a page, and it may be read and written.
 * @...: The count of elements, then options of struct coherent_adopt_options by name: .release,
 *	.release_arg, .tail, .copy, .attrs, .align, .boundary, .level, .mask, .address.
 *
 * The device reaches whole pages, so the memory consists of whole pages. With .tail = true it may
 * end within a page, and the device also reaches the rest of that page. coherent_box_ptr() is
 * @memory, also after coherent_reclaim(). All calls work as for other boxes and mems, except that
 * the contents stay.
 *
 *	void release(void *memory, void *release_arg);
 *
 * The library calls .release once, when the box or the mem was freed, or consumed by a call that
 * failed, and the device cannot reach the memory. This may be in that call, or in a later
 * coherent_device_fence() or coherent_device_close(). If the device could not be cut off, it is in
 * the free of the last object after the close. No lock of the library is held, so .release may call
 * the library, also to adopt the memory again. A forked child does not call .release.
 *
 * Adoption works in place on sim:, vfio:, iommufd: and vfio-user:. On qemu: and vhost-user:, on
 * sim: with the key lazy, and on vfio: without an IOMMU, the device reaches only memory of the
 * library. There the call returns -EOPNOTSUPP without .copy. With .copy = true, coherent_expose()
 * copies the elements to memory of the library, and coherent_reclaim() copies them back. A free
 * copies them back when it calls .release. Without .release it does so before it returns, and what
 * the device writes after that is lost. If a peer is lost, a free cannot copy what the peer wrote.
 * A source with .copy runs on each device.
 *
 * The library looks for the pages among the objects of @dev only. If the driver gives pages to
 * several devices, or takes them from coherent_box_ptr() of another device, it must itself keep
 * the devices apart.
 *
 * The kernel pins the memory for an IOMMU. It cannot pin each kind of memory: not a shared mapping
 * of a file on a disk, nor memory that the driver may not write to. On vfio: and iommufd: the
 * kernel finds out at coherent_expose(), which then returns -EINVAL. Elsewhere this call does.
 * Memory behind the end of its file makes coherent_expose() return -EINVAL everywhere.
 *
 * For instance:
 *
 *	err = coherent_box_adopt(&box, dev, buffer, 4096, .release = put, .release_arg = heap);
 *
 * Context: may sleep; in the kernel not if .gfp is GFP_ATOMIC.
 * Return: 0; -EINVAL (@memory is NULL, does not begin at a page, does not consist of whole pages
 * and .tail is not given, is not mapped, may not be written, is a shared mapping of a file on disk,
 * or is memory of the library; otherwise as coherent_box_zeroed()), -EBUSY (@box is not empty, or
 * an object of @dev has one of the pages or .address; the report names it), -EOPNOTSUPP (the
 * device needs .copy; .level, a known attribute), -ENOMEM, -ENOSPC, -ENODEV.
 */
#define coherent_box_adopt(box, dev, memory, ...)			\
	COHERENT_AGAIN(COHERENT_BOX_ADOPT)				\
	COHERENT_BOX_ADOPT(COHERENT_UNIQUE(x), box, dev, memory, __VA_ARGS__, )
#define COHERENT_BOX_ADOPT(x, new, dev, pages, n, ...)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET_DECAYED(x, 3) pages COHERENT_LET_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_VALUE_OF(x, 3) (pages) COHERENT_VALUE_END(x, 3) \
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, box), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_ARG(x, 1, box) && sizeof(COHERENT_ARG_GIVEN(x, 4)))); \
		_Static_assert(COHERENT_FIT_ADOPTED(x, 3, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_adopt_options, #__VA_ARGS__) .count = COHERENT_ARG(x, 4), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_box_adopt(COHERENT_BASE_FOR(x, 1, box), COHERENT_DEVICE(x, 2), \
			(void *)(uintptr_t)COHERENT_ARG(x, 3), COHERENT_SIZE_OF(x, 1), \
			COHERENT_OPTIONS_OF(x), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL
/* The memory is a T *, which may be volatile but not const. */
#define COHERENT_FIT_ADOPTED(x, n, before)				\
	_Generic((char (*)[!(before) || COHERENT_IS(x##n, struct coherent_this_must_be_a_pointer *) || COHERENT_IS(x##n, COHERENT_OBJECT_T(x##1) *) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"the memory must be a pointer to elements of the type of the box, which is not const"

/**
 * coherent_handle_adopt() - Let the device reach pieces of memory as one object.
 * @handle: The new handle. It must be empty, and is empty on failure. Free it with
 *	coherent_handle_free().
 * @dev: The device. It can reach the memory when the call returns.
 * @pieces: A const struct iovec * to the pieces: whole pages of memory that the driver has, in the
 *	order in which the device finds them. The library copies the array.
 * @...: The number of pieces, then options of struct coherent_handle_adopt_options by name:
 *	.release, .release_arg, .permission, .attrs, .align, .boundary, .level, .mask, .address. In
 *	C++, such a struct follows the number.
 *
 * The device addresses are contiguous. Each piece takes a mapping of coherent_device_limits().
 * coherent_find_ptr() does not find the memory, because the CPU has no pointer to all of it. The
 * driver uses its own pointers, with the barriers of coherent/order.h. .release gets @iov_base of
 * the first piece, once, as for coherent_box_adopt(). If this call fails, the library does not call
 * .release, except after -EIO.
 *
 * For instance:
 *
 *	err = coherent_handle_adopt(&handle, dev, pieces, 3, .release = put, .release_arg = heap);
 *
 * Context: may sleep.
 * Return: as coherent_box_adopt() and coherent_expose(); -EINVAL also if there is no piece, or if
 * two have a page in common; -EOPNOTSUPP where the device cannot use the memory in place. After
 * -EIO the library has called .release, or calls it when the device is closed, if it could not
 * cut the device off.
 */
#define coherent_handle_adopt(handle, dev, pieces, ...)			\
	COHERENT_AGAIN(COHERENT_HANDLE_ADOPT)				\
	COHERENT_HANDLE_ADOPT(COHERENT_UNIQUE(x), handle, dev, pieces, __VA_ARGS__, )
#define COHERENT_HANDLE_ADOPT(x, new, dev, list, n, ...)		\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET_DECAYED(x, 3) list COHERENT_LET_END(x, 3)	\
		COHERENT_LET_NUMBER(x, 4) n COHERENT_LET_NUMBER_END(x, 4) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (new) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_VALUE_OF(x, 3) (list) COHERENT_VALUE_END(x, 3)	\
		COHERENT_ARG_NUMBER_OF(x, 4) (n) COHERENT_ARG_NUMBER_END(x, 4) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_HANDLE(x, 1), 1, COHERENT_TEXT_HANDLE)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_HANDLE(x, 1), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_HANDLE(x, 1) && sizeof(COHERENT_ARG_GIVEN(x, 4)))); \
		_Static_assert(COHERENT_FIT_PIECES(x, 3, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_HANDLE(x, 1))); \
		_Static_assert(COHERENT_FIT_COUNT(x, 4, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_HANDLE(x, 1))); \
		_Static_assert(COHERENT_FIT_NUMBER(x, 4, #n, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_HANDLE(x, 1))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_handle_adopt_options, #__VA_ARGS__) .count = COHERENT_ARG(x, 4), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_handle_adopt(COHERENT_HANDLE(x, 1), COHERENT_DEVICE(x, 2), \
			(const struct iovec *)(uintptr_t)COHERENT_ARG(x, 3), COHERENT_OPTIONS_OF(x), COHERENT_HERE)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL
#define COHERENT_FIT_PIECES(x, n, before)				\
	_Generic((char (*)[!(before) || COHERENT_IS(x##n, struct coherent_this_must_be_a_pointer *) || COHERENT_IS(x##n, struct iovec *) || COHERENT_IS(x##n, const struct iovec *) ? 2 : 1])0, char (*)[2]: 1, default: 0), \
	"the pieces must be an array of struct iovec"

#ifdef __cplusplus
#undef coherent_handle_adopt
extern "C++" COHERENT_MUST_CHECK inline int
coherent_handle_adopt(coherent_handle *handle, coherent_device *dev, const iovec *pieces,
		      size_t count, coherent_handle_adopt_options options = {},
		      const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
	char site[256];

	__builtin_snprintf(site, sizeof(site), "%s:%d", file, line);
	options.struct_size = sizeof(options);
	options.count = count;
	return coherent_base_handle_adopt(handle, dev, pieces, &options, site);
}
#endif

#endif
