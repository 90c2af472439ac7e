/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory that several devices use. A mem belongs to one device. coherent_share() makes a twin of it
 * for another device: the same memory, with a device address of that device.
 *
 *                 share                      free
 *     mem ─────────────────────▶ twin ───────────────────▶
 *      │ stays the mem of its device
 *      └──▶ reclaim, once its twins are freed
 *
 * A twin has the accessors of a mem, so views, slots and rings of it work too, and
 * coherent_addr(), coherent_count(), coherent_size(), coherent_is_empty(), coherent_move() and
 * coherent_free(). The compiler refuses the rest: a twin cannot be reclaimed, and there is no
 * box of it. The permission of a device is that of the call that gave it the mem:
 * coherent_expose() or coherent_share(). The other devices do not change it.
 *
 * The two devices need not know of each other. Neither reaches other memory of the other
 * one, unless they were opened with .beside (coherent/device.h), which sharing does not
 * need.
 *
 * Lifetime. A mem cannot be reclaimed while it has twins, because a device would reach the
 * box. It can be freed: then its device loses access as usual, and the twins go on. The
 * memory gets another owner when no device can reach it any more: after the last twin was
 * freed and, where unmapping is not a fence, after coherent_device_fence() of the device
 * of the twin. The release callback of coherent_box_adopt() waits as long. When the device
 * of a twin is closed, the device loses access, and the driver can still use the twin
 * until it frees it. When the device of the mem is closed, the twins go on.
 *
 * Threads may use a mem and its twins at the same time, also to free them.
 */
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>

#ifdef __KERNEL__
#error "coherent/share.h is for userspace: in the kernel a mem belongs to one device"
#endif

#ifndef COHERENT_SHARE_H
#define COHERENT_SHARE_H

COHERENT_C_BEGIN

/**
 * COHERENT_TWIN() - Declare a twin: the memory of a mem, as another device has it.
 * @T: The element type, which is that of the mem.
 *
 * coherent_share() makes a twin, and coherent_free() ends it. Initialise the variable with
 * COHERENT_EMPTY or zero bytes. Do not copy it; coherent_move() moves it.
 */
#define COHERENT_TWIN(T) union COHERENT_BODY(mem, twin, T)

/**
 * COHERENT_TWIN_TYPE() - Name the type of a twin, to pass it to functions.
 * @name: The type becomes union @name.
 * @T: The element type.
 */
#define COHERENT_TWIN_TYPE(name, T) union name COHERENT_BODY(mem, twin, T)

/**
 * COHERENT_TWIN_AUTO() - Declare a twin that is freed at the end of its scope.
 * @T: The element type.
 * @name: The variable. It is initialised as empty.
 */
#define COHERENT_TWIN_AUTO(T, name)					\
	COHERENT_TWIN(T) name __attribute__((cleanup(coherent_base_cleanup))) = COHERENT_EMPTY

/**
 * struct coherent_share_options - Options of coherent_share().
 * @struct_size: See struct coherent_box_options.
 * @permission: The permission of the device of the twin.
 * @twin: The twin.
 * @COHERENT_NAMES: Do not set this.
 * @same_address: The twin has the device address of the mem.
 * @reserved: Do not set this.
 */
struct coherent_share_options {
	uint32_t struct_size;
	enum coherent_permission permission;
	void *twin;
	COHERENT_NAMES
	bool same_address;
	uint8_t reserved[7];
};

/**
 * coherent_base_share() - coherent_share() after the checks of types.
 * @mem: The mem.
 * @other: The other device.
 * @options: The twin and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_share().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST
int coherent_base_share(struct coherent_mem *mem, struct coherent_device *other,
			const struct coherent_share_options *options, const char *site);

COHERENT_C_END

#define COHERENT_TEXT_TWIN "this needs a twin: COHERENT_TWIN(T), made by coherent_share()"

/**
 * coherent_share() - Let another device reach the memory of a mem.
 * @mem: The mem. It stays as it is.
 * @other: The other device.
 * @...: The twin, which must be empty, and is empty on failure; then options of
 *	struct coherent_share_options by name: .permission, .same_address.
 *
 * When the call returns, the other device sees what the CPU wrote before. The twin has the .align,
 * the .boundary and the .mask of the mem. .permission holds for the other device only: it may
 * write to a mem that is COHERENT_READ_ONLY for the first device, and the reverse. The call maps
 * the memory once more, and copies nothing.
 *
 * With .same_address = true both devices use one address, so that one command or one table serves
 * both. Devices that were opened beside each other cannot have that: their addresses differ.
 *
 * Faults, coherent_find_addr() and coherent_find_ptr() of the other device name the line of this
 * call. Its counters have the twin as an object and a mem.
 *
 * Both devices must use memory in its place: sim:, vfio:, iommufd: and vfio-user: do. Without an
 * IOMMU, or with the key files of vfio-user:, they do not. The mem must not be of a pool.
 *
 * For instance:
 *
 *	COHERENT_TWIN_AUTO(struct block, twin);
 *
 *	err = coherent_share(&mem, disk, &twin, .permission = COHERENT_READ_ONLY);
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@mem is empty, @other is its device already, .permission), -EBUSY (the twin
 * is not empty, and stays as it is; an object of @other has one of the pages, other than a twin of
 * @mem; with .same_address an object of @other has the address or had it until lately; the report
 * names the object), -EOPNOTSUPP (a mem of a pool, memory that was adopted
 * in pieces or by a copy, a device that does not use memory in its place), -ENODEV (one of the
 * devices is closed), -ENOSPC (no device address or mapping is left), -ENOMEM, -EIO.
 */
#define coherent_share(mem, other, ...)					\
	COHERENT_AGAIN(COHERENT_SHARE_MEM)				\
	COHERENT_SHARE_MEM(COHERENT_UNIQUE(x), mem, other, __VA_ARGS__, )
#define COHERENT_SHARE_MEM(x, old, dev, new, ...)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) dev COHERENT_LET_END(x, 2)		\
		COHERENT_LET(x, 3) new COHERENT_LET_END(x, 3) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (old) COHERENT_OBJECT_END(x, 1) \
		COHERENT_VALUE_OF(x, 2) (dev) COHERENT_VALUE_END(x, 2)	\
		COHERENT_OBJECT_OF(x, 3) (new) COHERENT_OBJECT_END(x, 3) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, mem), 1, COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, mem), 1)); \
		_Static_assert(COHERENT_FIT_DEVICE(x, 2, COHERENT_IS_ARG(x, 1, mem) && sizeof(COHERENT_ARG_GIVEN(x, 3)))); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 3, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_ONCE(x, 3, COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT_KIND(x, 3, COHERENT_IS_ARG(x, 3, twin), COHERENT_IS_RIGHT_DEVICE(x, 2) && COHERENT_IS_ARG(x, 1, mem), COHERENT_TEXT_TWIN)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 3, COHERENT_IS_ARG(x, 3, twin), COHERENT_IS_ARG(x, 1, mem))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, mem) || !COHERENT_IS_ARG(x, 3, twin) || COHERENT_SAME_TYPE(COHERENT_T_OF(x, 1), COHERENT_T_OF(x, 3))), "the mem and the twin hold different element types"); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_share_options, #__VA_ARGS__) \
			.twin = COHERENT_BASE_FOR(x, 3, mem), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_share(COHERENT_BASE_FOR(x, 1, mem), COHERENT_DEVICE(x, 2), \
			COHERENT_OPTIONS_OF(x), COHERENT_HERE))		\
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#include <coherent/detail/c_only.h>

#endif
