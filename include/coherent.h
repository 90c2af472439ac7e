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
 * A box is memory that the CPU owns. It is zeroed, and the driver fills it
 * through an ordinary pointer. The library keeps its device address secret. At
 * COHERENT_IOMMU and COHERENT_PEER the device cannot reach it even with the address.
 *
 * coherent_expose() turns a box into a mem: memory that CPU and device share. A
 * mem has a device address. The driver touches it only through accessors, such
 * as coherent_read() and coherent_write(). coherent_reclaim() turns a mem back
 * into a box. A call for a box does not compile with a mem, and the reverse.
 *
 * Types. COHERENT_BOX(T) declares a box and COHERENT(T) a mem, with elements of
 * type T. A view, COHERENT_VIEW(T), is some elements of a mem, or a field. A
 * slot, COHERENT_SLOT(T), is one element. A ring, COHERENT_RING(T), is all
 * elements, with an index that wraps. Accessors of slots and rings return no errors.
 *
 * Objects. The variables belong to the driver. A variable is an empty object if
 * it is initialised with COHERENT_EMPTY or all its bytes are zero. Initialise
 * each one. coherent-lint reports a box, a mem, a loan, a handle or a pool that was never
 * initialised. clang warns of it from -O2 on. gcc warns with -Wall, but only if the
 * function made no call before. Do not copy an object; coherent_move() moves a box, a
 * mem or a loan. On an empty object a getter returns NULL, 0 or the address ~0, a call
 * returns -EINVAL, and a free does nothing. Views, slots and rings own nothing, and they
 * become invalid when their mem is reclaimed or freed.
 *
 * Results. A call that makes a box, a mem or a handle needs an empty output. If
 * the output is not empty, the call leaves it as it is and returns -EBUSY, or the
 * error of a wrong argument. After any other failure the output is empty. A view,
 * a slot or a ring is overwritten, whatever it held.
 *
 * Errors. A call that can fail returns 0 or one of these, negative. A call whose
 * result is ignored does not compile. In userspace coherent_sim_serve() has more errors.
 *   EINVAL      an argument, a device name or a file is wrong; an object is empty
 *   ERANGE      an index or a view is past the end
 *   ENOMEM      no memory or locked memory is left; a size overflows
 *   ENOSPC      no device address, mapping, slot or file descriptor is left
 *   EBUSY       the device may still use the mem; an output is not empty; another
 *               user has the device; objects exist, so the mask cannot change
 *   EOPNOTSUPP  the backend does not support the call, a level, a permission, a known
 *               attribute or hugepages; there is no IOMMU; the peer lacks a feature;
 *               the library is older than the headers and does not know an option
 *   EACCES, EPERM  this process may not open a device node or an IOMMU group
 *   ENODEV      the device is NULL, closed, absent, unknown or gone; the caller is
 *               a forked child
 *   EIO         the device or the IOMMU refused; no address range is under a mask
 *   EAGAIN      no fault waits to be read
 *   ETIMEDOUT   an interrupt, a polled value or a peer did not come in time
 *   EINTR       in the kernel only: the task was killed
 * A call checks its arguments first, then state, then resources. The library does
 * not use errno or global results, prints nothing and does not abort. It explains
 * errors to the report function that coherent_device_open() takes. Each -EINVAL,
 * -EBUSY and -EOPNOTSUPP of a call on memory has a report. In userspace a call that
 * knows no device makes no report: its device is NULL, or its object is empty or a
 * stale copy. The kernel logs a call on an empty object too. An empty object gets
 * -EINVAL. In userspace a stale copy gets it too, unless its object is of a pool. In the
 * kernel a stale copy gets it only if its object is of a pool. Any other call with a stale
 * copy uses memory that was freed. Initialise
 * each object with COHERENT_EMPTY: a call that uses one that was never initialised
 * may crash, as with a pointer. If an output was never initialised, the call
 * returns -EBUSY, and the report says so.
 *
 * Units. A size is in bytes, a count in elements and a time in nanoseconds,
 * unless a name says otherwise. A "last" is inclusive. The library rounds sizes
 * up to pages and zeroes them, because a device gets access to whole pages.
 *
 * Reclaim. At COHERENT_IOMMU and COHERENT_PEER the device cannot reach the memory
 * of the box when coherent_reclaim() returns. If coherent_device_limits() does not
 * set unmap_is_fence, or the level is COHERENT_HIDDEN in the kernel, the driver must pass
 * .idle = true: it promises that no command in flight names the mem. In userspace
 * coherent_free() needs no promise, except for a mem of a pool: while such a command may
 * be in flight, no other object gets the memory and the address. coherent_device_fence()
 * ends this wait. In the kernel each coherent_free() makes this promise, because another
 * object may get the memory and the address at once.
 *
 * Order. A plain accessor makes one access of the field's width, and does not
 * order it with others. The _release and _acquire forms and the barriers of
 * coherent/order.h do. The device sees a write to a mem before it sees a later
 * coherent_bar_write32() or _release write. After an _acquire read, a poll or an
 * interrupt wait, later reads see what the device wrote before. Expose is a
 * release, and reclaim is an acquire.
 *
 * Threads. Threads may use different objects at the same time, also of one
 * device. They may use accessors of one mem at the same time. While one thread
 * exposes, reclaims, frees or moves an object, no other thread may use it: the
 * driver must see to that. Devices, BARs and interrupts are thread-safe, but
 * no thread may use one that is closed. One thread may use an object that another
 * thread made. A signal handler must not call the library. In userspace pthread_cancel()
 * does not end a thread within a call: the thread ends after the call. The fabric: backend
 * is an exception, because libfabric has cancellation points.
 *
 * Stack. In userspace a call takes at most 16 KiB of the stack of its thread, and callbacks
 * of the driver come on top. The figure holds for x86-64. The C library puts the thread-local
 * variables on the same stack, so give a thread that calls the library 32 KiB. libfabric may
 * take more in calls of a fabric: device. The library's own threads have stacks of the default
 * size of the process.
 *
 * Fork. A forked child has no devices and no objects. Its calls return -ENODEV
 * and touch nothing. Freeing and closing do nothing. The memory is not mapped in
 * the child, so an accessor there ends with SIGSEGV.
 *
 * C++. A C++17 program can include each header. It has devices, registers,
 * interrupts, device models, faults and handles; options are a struct there. The
 * macros for boxes and mems need C, so they belong in a .c file that the program calls.
 */
#ifndef COHERENT_H
#define COHERENT_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/array.h>
#include <coherent/detail/base.h>
#include <coherent/detail/calls.h>
#include <coherent/detail/check.h>
#include <coherent/endian.h>
#include <coherent/detail/known.h>
#include <coherent/order.h>
#include <coherent/detail/mem.h>
#include <coherent/typed.h>
#include <coherent/detail/types.h>
#include <coherent/detail/value.h>
#include <coherent/detail/face.h>
#include <coherent/version.h>

struct coherent_device;

/**
 * enum coherent_level - What keeps a device from reaching a box.
 * @COHERENT_NONE: Nothing.
 * @COHERENT_HIDDEN: Nothing, but the library keeps the device address secret.
 * @COHERENT_PEER: The kernel; the device is in another process.
 * @COHERENT_IOMMU: An IOMMU in hardware, or that of the simulator.
 *
 * A higher value protects more. If an option asks for level 0, the library requires
 * COHERENT_HIDDEN. COHERENT_NONE must be asked for by name.
 */
enum coherent_level {
	COHERENT_NONE = 1,
	COHERENT_HIDDEN,
	COHERENT_PEER,
	COHERENT_IOMMU,
} COHERENT_32_BITS;

#include <coherent/options.h>

/* --- Devices --- */

/**
 * coherent_mask() - Return the DMA mask of a number of address bits.
 * @bits: 0 to 64. A constant over 64 does not compile.
 *
 * Context: any.
 * Return: a mask of the lowest @bits bits; over 64: 0, a mask that no device can use.
 */
COHERENT_INLINE uint64_t coherent_mask(unsigned int bits)
{
	return bits - 1 < 64 ? ~0ull >> (64 - bits) : 0;
}
#ifndef __cplusplus
#define coherent_mask(bits)						\
	COHERENT_VALUE(COHERENT_NEEDS_AT_MOST(bits, 64, "a mask has at most 64 bits"), \
		coherent_mask(bits))
#endif

/* --- Boxes --- */

/**
 * coherent_box_zeroed() - Allocate zeroed memory that no device can reach.
 * @box: The new box. It must be empty, and is empty on failure. Free it with
 *	coherent_box_free() or give it to coherent_expose().
 * @dev: The device that the box will be exposed to.
 * @...: The count of elements, then options of struct coherent_box_options by
 *	name: .attrs, .align, .boundary, .level; in userspace .in_place, .mask, .address,
 *	.nodes, .address_is_pointer.
 *
 * The memory is zero to the end of its last page. The elements are contiguous, for the CPU
 * and for the device. The call reserves the device address and keeps it secret.
 *
 * In userspace, with .in_place = true the library maps the memory for the device when it is
 * allocated, as other libraries do, and unmaps it when it is freed. Exposing and reclaiming map
 * and copy nothing, and the object keeps its address. The library keeps the address of the box
 * secret, but nothing else keeps the device from the box: coherent_box_level() is
 * COHERENT_HIDDEN. A device that uses a wrong address may read and write such a box. Then a
 * new box may not be zero. The device may read and write from the allocation on,
 * so coherent_expose() refuses COHERENT_READ_ONLY. For memory that the device may only read, use
 * coherent_zeroed() with .permission and .in_place, and reclaim it. All else stays: types, bounds
 * checks, lookups, the names in faults, and the quarantine of the address of a freed object. Where
 * the device gives COHERENT_HIDDEN or less, .in_place changes nothing.
 *
 * In userspace, .mask is for a device whose rings or tables need lower addresses than its
 * buffers. The object, and also the box that coherent_reclaim() makes of it, is under the lower
 * one of .mask and the mask of the device. .address is for a device that knows some addresses in
 * advance. It is a multiple of the size of a page and of .align, and the whole object is under
 * both masks. The library gives up an address that it keeps, but neither that of an object nor one
 * in quarantine. A command in flight may still name those. A reclaim makes a box with another
 * address, and the old one is in quarantine then. coherent_device_fence() does not end the
 * quarantine. So a driver that needs .address again keeps the mem, or uses .in_place.
 *
 * In userspace, .nodes takes the memory from these NUMA nodes, as the option of the device does.
 * With .address_is_pointer the device address is the pointer to the memory, until a reclaim. So
 * the driver and the device may use one number for both. The library looks for an address that is
 * free in both places, or takes .address. A sanitizer may leave no such address below a mask of 39
 * bits. The memory of both options is a mapping that the object has for itself, of small pages,
 * so it costs more time than other memory. Devices whose memory is a file, sim: with the key
 * lazy, hardened devices and devices without an IOMMU refuse both options with -EOPNOTSUPP.
 *
 * For instance:
 *
 *	err = coherent_box_zeroed(&box, dev, 64, .align = 65536);
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (the count is 0, .align or .boundary is not a power of two, .boundary
 * is too small, an attribute is unknown), -EBUSY (@box is not empty), -ENOMEM (no memory is
 * left, or the size overflows), -ENODEV, -EOPNOTSUPP (.level, a known attribute), -ENOSPC
 * (no device address is left that meets the mask, .align and .boundary). In the kernel also
 * -EIO (@dev has no DMA mask), and -EINVAL for a .gfp with a zone. In userspace, with
 * .in_place also what coherent_expose() returns when it maps memory, and -EOPNOTSUPP if .level is
 * more than COHERENT_HIDDEN. In userspace, .mask and .address also cause -EINVAL (.mask is not of
 * the form 2^n - 1, or is less than the size; .address is not aligned, or the object would cross
 * .boundary or end above a mask), -EBUSY (an object or the quarantine has some of the addresses or
 * the page behind them; the report names it; or the process has a mapping there and
 * .address_is_pointer is given) and -ENOSPC (the device cannot use .address, or there is no free
 * address for .address_is_pointer).
 */
#define coherent_box_zeroed(box, dev, ...)				\
	COHERENT_AGAIN(COHERENT_BOX_ZEROED)				\
	COHERENT_BOX_ZEROED(COHERENT_UNIQUE(x), box, dev, __VA_ARGS__, )

/**
 * coherent_box_from() - Allocate a box and copy an array into it.
 * @box: As for coherent_box_zeroed().
 * @dev: As for coherent_box_zeroed().
 * @src: A const T * to the elements to copy.
 * @...: The count of elements, then options as for coherent_box_zeroed().
 *
 * The padding of T becomes zero in the copy. With clang the driver must declare
 * COHERENT_FIELDS() of T for that, as in COHERENT_FIELDS(struct entry, .kind, .len).
 *
 * Context: may sleep.
 * Return: as coherent_box_zeroed(); also -EINVAL if @src is NULL.
 */
#define coherent_box_from(box, dev, src, ...)				\
	COHERENT_AGAIN(COHERENT_BOX_FROM)				\
	COHERENT_BOX_FROM(COHERENT_UNIQUE(x), box, dev, src, __VA_ARGS__, )

/**
 * coherent_box_init_at() - Let a function fill one element of a box.
 * @box: The box.
 * @i: The index of the element.
 * @fn: int fn(T *element, void *arg). It is called once and returns 0 or -errno.
 * @arg: The last argument of @fn.
 *
 * If @fn fails, the box stays usable. The element keeps what @fn wrote, and the other
 * elements are unchanged.
 *
 * Context: the context that @fn needs.
 * Return: 0; what @fn returned, if that is negative; -EINVAL (@fn returned a positive
 * number; there is no element @i, or @box is empty, and then @fn is not called).
 */
#define coherent_box_init_at(box, i, fn, arg)				\
	COHERENT_AGAIN(COHERENT_BOX_INIT_AT)				\
	COHERENT_BOX_INIT_AT(COHERENT_UNIQUE(x), box, i, fn, arg)

/**
 * coherent_box_ptr() - Return a pointer to the memory of a box.
 * @box: The box.
 *
 * A box is plain memory that only the CPU can reach. Do not assign a whole struct through
 * the pointer: that copies the padding of the source, and the device can read it after
 * expose. Assign fields, or use coherent_box_from().
 *
 * Context: any.
 * Return: a T * to the first element, const if @box is; NULL if @box is empty. The pointer
 * becomes invalid when the box is exposed, freed or moved.
 */
#define coherent_box_ptr(box)						\
	COHERENT_AGAIN(COHERENT_BOX_PTR)				\
	COHERENT_BOX_PTR(COHERENT_UNIQUE(x), box)

/**
 * coherent_box_count() - Return how many elements a box has.
 * @box: The box.
 *
 * Context: any.
 * Return: the number of elements; 0 if @box is empty.
 */
#define coherent_box_count(box)						\
	COHERENT_AGAIN(COHERENT_BOX_COUNT)				\
	COHERENT_BOX_COUNT(COHERENT_UNIQUE(x), box)

/**
 * coherent_box_level() - Return what keeps the device from reaching a box.
 * @box: The box.
 *
 * Context: any.
 * Return: the level; 0 if @box is empty.
 */
#define coherent_box_level(box)						\
	COHERENT_AGAIN(COHERENT_BOX_LEVEL)				\
	COHERENT_BOX_LEVEL(COHERENT_UNIQUE(x), box)

/**
 * coherent_box_free() - Free a box.
 * @box: The box. It is empty afterwards. Nothing happens if it was empty.
 *
 * Other objects get the memory and the address of the box at once. In userspace a box in place is
 * unmapped first, and its address waits as that of a mem; see coherent_free().
 *
 * Context: may sleep.
 */
#define coherent_box_free(box)						\
	COHERENT_AGAIN(COHERENT_BOX_FREE)				\
	COHERENT_BOX_FREE(COHERENT_UNIQUE(x), box)

/* --- Between the phases --- */

/**
 * coherent_expose() - Let the device reach the memory of a box.
 * @box: The box. The call always consumes it; on failure it is freed.
 * @...: The mem, which must be empty, and is empty on failure; then options of
 *	struct coherent_expose_options by name: .permission, .seal, .seal_arg.
 *
 * When the call returns, the device sees everything that the CPU wrote before. Pointers
 * from coherent_box_ptr() are invalid. With .permission = COHERENT_READ_ONLY the device
 * cannot write to the mem.
 *
 * .seal is a callback that returns 0 or -errno:
 *
 *	int seal(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
 *
 * It runs at the last moment at which the device cannot reach the memory, and gets the
 * address that the mem will have. Use it for tables that hold their own addresses, and for
 * checksums over them. If it fails, the box is freed, and the device never had its address.
 *
 * In userspace a box may be in place; see coherent_box_zeroed(). The device can reach it before
 * the call, and another .permission than that of its allocation is -EINVAL. .seal runs as for
 * other boxes: the driver does not have the address yet.
 *
 * For instance:
 *
 *	err = coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY);
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@box is empty, .permission, .seal returned a positive number), -EBUSY
 * (the mem is not empty, and stays as it is), -EOPNOTSUPP (.permission), -ENOSPC (no mapping
 * is left, see coherent_device_limits()), -ENOMEM, -ENODEV, -EIO, in userspace -ETIMEDOUT (the
 * process of the device did not answer, and the device is lost). If .seal returned a negative
 * number, the call returns this number.
 */
#define coherent_expose(box, ...)					\
	COHERENT_AGAIN(COHERENT_EXPOSE)					\
	COHERENT_EXPOSE(COHERENT_UNIQUE(x), box, __VA_ARGS__, )

/**
 * coherent_reclaim() - Take memory back from the device, with its contents.
 * @mem: The mem. It is empty on success and on -EIO.
 * @...: The box, which must be empty, and is empty on failure; then .idle = true
 *	if the driver promises that no command in flight names the object.
 *
 * When the call returns, the device cannot reach the memory of the box, and the CPU sees
 * what the device wrote before. Views, slots and rings of @mem are invalid. The box gets
 * another device address, and no object gets the old one while a command with it may be in
 * flight. Pools, boxes in place and the kernel have other rules for addresses.
 *
 * The driver must give .idle if unmapping is not a fence: see unmap_is_fence of
 * coherent_device_limits(). A mem of a pool always needs .idle, and its box keeps its slot
 * and its address (coherent/pool.h). In userspace a mem that was allocated with .in_place needs
 * .idle too: the device can still reach the box, which keeps its address. In the kernel,
 * COHERENT_HIDDEN needs .idle too, and there the device can still reach the memory
 * (coherent/kernel.h).
 *
 * For instance:
 *
 *	err = coherent_reclaim(&mem, &box, .idle = true);
 *
 * Context: may sleep.
 * Return: 0. With these errors @mem stays as it is: -EINVAL (@mem is empty), -EBUSY (.idle
 * is needed, or the box is not empty), -ENOSPC (no device address is left for the box),
 * -ENOMEM, -ENODEV. With this error @mem is consumed: -EIO (the device may still reach the
 * memory; the library leaks the pages and makes a report).
 */
#define coherent_reclaim(mem, ...)					\
	COHERENT_AGAIN(COHERENT_RECLAIM)				\
	COHERENT_RECLAIM(COHERENT_UNIQUE(x), mem, __VA_ARGS__, )

/* --- Mems in one step --- */

/**
 * coherent_zeroed() - Allocate zeroed memory and expose it.
 * @mem: The new mem. It must be empty, and is empty on failure. Free it with
 *	coherent_free().
 * @dev: The device.
 * @...: The count of elements, then options of struct coherent_mem_options by
 *	name: those of coherent_box_zeroed() and coherent_expose().
 *
 * Context: may sleep.
 * Return: as coherent_box_zeroed() and coherent_expose().
 */
#define coherent_zeroed(mem, dev, ...)					\
	COHERENT_AGAIN(COHERENT_ZEROED)					\
	COHERENT_ZEROED(COHERENT_UNIQUE(x), mem, dev, __VA_ARGS__, )

/**
 * coherent_from() - Allocate memory, copy an array into it and expose it.
 * @mem: As for coherent_zeroed().
 * @dev: As for coherent_zeroed().
 * @src: A const T * to the elements to copy.
 * @...: The count of elements, then options as for coherent_zeroed().
 *
 * The padding of T becomes zero in the copy, as by coherent_box_from().
 *
 * Context: may sleep.
 * Return: as coherent_box_from() and coherent_expose().
 */
#define coherent_from(mem, dev, src, ...)				\
	COHERENT_AGAIN(COHERENT_FROM)					\
	COHERENT_FROM(COHERENT_UNIQUE(x), mem, dev, src, __VA_ARGS__, )

/**
 * coherent_init() - Allocate memory, let a function fill it and expose it.
 * @mem: As for coherent_zeroed().
 * @dev: As for coherent_zeroed().
 * @n: The count of elements.
 * @fn: int fn(T *elements, size_t count, void *arg). It is called once and returns
 *	0 or -errno.
 * @...: The last argument of @fn, then options as for coherent_zeroed().
 *
 * If @fn fails, the memory is freed once, and the device never had its address.
 *
 * For instance:
 *
 *	err = coherent_init(&mem, dev, 64, fill, &state, .align = 65536);
 *
 * Context: may sleep; the context that @fn needs.
 * Return: as coherent_zeroed(), or what @fn returned if that is negative; -EINVAL if @fn
 * returned a positive number.
 */
#define coherent_init(mem, dev, n, fn, ...)				\
	COHERENT_AGAIN(COHERENT_INIT)					\
	COHERENT_INIT(COHERENT_UNIQUE(x), mem, dev, n, fn, __VA_ARGS__, )

/**
 * coherent_free() - Free a mem.
 * @mem: The mem. It is empty afterwards. Nothing happens if it was empty.
 *
 * The device loses access. In userspace, if a command with the address may be in flight, other
 * objects do not get the memory and the address until coherent_device_fence() or
 * coherent_device_close(). In the kernel another object may get both at once, so the driver
 * frees a mem when no command in flight names it. At COHERENT_HIDDEN in the kernel the device may
 * still reach the memory, which may have another owner by then (coherent/kernel.h). A driver
 * that frees a mem of a pool promises that the device is done with it (coherent/pool.h). If the
 * library cannot revoke the access, it leaks the pages and makes a report.
 *
 * Context: may sleep.
 */
#define coherent_free(mem)						\
	COHERENT_AGAIN(COHERENT_FREE)					\
	COHERENT_FREE(COHERENT_UNIQUE(x), mem)

/* --- Variables --- */

/**
 * coherent_move() - Move a box, a mem or a loan to another variable.
 * @from: The object. It is empty afterwards.
 * @to: An empty object of the same kind and element type. If it is not empty,
 *	nothing moves, and a report says so unless it is @from.
 *
 * Context: any.
 */
#define coherent_move(from, to)						\
	COHERENT_AGAIN(COHERENT_MOVE)					\
	COHERENT_MOVE(COHERENT_UNIQUE(x), from, to)

#include <coherent/expose_all.h>
#include <coherent/handle.h>
#ifdef __KERNEL__
#include <coherent/kernel.h>
#else
#include <coherent/adopt.h>
#include <coherent/device.h>
#endif

#include <coherent/detail/c_only.h>

#endif
