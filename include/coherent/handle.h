/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Handles: memory for the device alone. A handle has a device address and no CPU
 * pointer. It is for memory that firmware asks for and the driver never looks at:
 * scratch pages, flush pages, save areas. It is zeroed.
 */
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

/* coherent.h needs the struct of this file. So the include is before the guard. */
#include <coherent.h>

#ifndef COHERENT_HANDLE_H
#define COHERENT_HANDLE_H

COHERENT_C_BEGIN

/**
 * struct coherent_handle - Device memory without a CPU pointer.
 * @base: For the library only: a mem of bytes, without its pointer.
 *
 * A handle is empty if it is initialised with COHERENT_EMPTY or all its bytes are zero.
 * Do not copy it.
 */
struct coherent_handle {
	struct coherent_mem base;
};

/**
 * struct coherent_handle_options - Options of coherent_handle_zeroed().
 * @struct_size: See struct coherent_box_options, also for the next two.
 * @attrs: Values of enum coherent_attr, or'ed.
 * @level: The lowest level that the caller accepts.
 * @permission: The permission of the device.
 * @bytes: The size in bytes, at least 1.
 * @COHERENT_NAMES: Do not set this.
 * @align: See struct coherent_box_options, also for the next one.
 * @boundary: The boundary that the memory does not cross.
 * @COHERENT_ADDRESS_LIMITS: See struct coherent_box_options.
 * @COHERENT_OWN_NODES: Only in userspace. .nodes is as in struct coherent_box_options.
 * @COHERENT_KERNEL_OPTIONS: See struct coherent_box_options.
 */
struct coherent_handle_options {
	uint32_t struct_size;
	uint32_t attrs;
	enum coherent_level level;
	enum coherent_permission permission;
	size_t bytes;
	COHERENT_NAMES
	size_t align;
	uint64_t boundary;
	COHERENT_ADDRESS_LIMITS;
	COHERENT_OWN_NODES;
	COHERENT_KERNEL_OPTIONS
};

/**
 * coherent_base_handle_zeroed() - coherent_handle_zeroed() with its options in a struct.
 * @handle: The new handle.
 * @dev: The device.
 * @options: The size and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_handle_zeroed().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_handle_zeroed(struct coherent_handle *handle, struct coherent_device *dev,
				const struct coherent_handle_options *options, const char *site);

/**
 * coherent_base_handle_cleanup() - Call coherent_handle_free() at the end of a scope.
 * @handle: The variable.
 */
COHERENT_BASE void coherent_base_handle_cleanup(struct coherent_handle *handle);

/**
 * coherent_handle_zeroed() - Allocate zeroed memory for the device alone.
 * @handle: The new handle. It must be empty, and is empty on failure. Free it with
 *	coherent_handle_free().
 * @dev: The device. It can reach the memory when the call returns.
 * @...: The size in bytes, then options of struct coherent_handle_options by name: .attrs,
 *	.align, .boundary, .level, .permission; in userspace .mask, .address,
 *	.nodes. In C++, such a struct follows the size, and may be left out.
 *
 * For instance:
 *
 *	err = coherent_handle_zeroed(&handle, dev, 65536, .align = 65536);
 *
 * Context: may sleep.
 * Return: as coherent_box_zeroed() and coherent_expose(); -EINVAL for 0 bytes.
 */
#define coherent_handle_zeroed(handle, dev, ...)			\
	COHERENT_AGAIN(COHERENT_HANDLE_ZEROED)				\
	COHERENT_HANDLE_ZEROED(COHERENT_UNIQUE(x), handle, dev, __VA_ARGS__, )

#ifdef __cplusplus
#undef coherent_handle_zeroed
extern "C++" COHERENT_MUST_CHECK inline int
coherent_handle_zeroed(coherent_handle *handle, coherent_device *dev, size_t bytes,
		       coherent_handle_options options = {},
		       const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
	char site[256];

	__builtin_snprintf(site, sizeof(site), "%s:%d", file, line);
	options.struct_size = sizeof(options);
	options.bytes = bytes;
	return coherent_base_handle_zeroed(handle, dev, &options, site);
}
#endif

/**
 * coherent_handle_addr() - Return the device address of a handle.
 * @handle: The handle.
 *
 * Context: any.
 * Return: the device address; .raw is ~0 if @handle is empty.
 */
COHERENT_INLINE coherent_addr_t coherent_handle_addr(const struct coherent_handle *handle)
{
	coherent_addr_t address = { ~handle->base.inverted_address };

	return address;
}

/**
 * coherent_handle_size() - Return the size of a handle.
 * @handle: The handle.
 *
 * Context: any.
 * Return: the number of bytes that the driver asked for; 0 if @handle is empty.
 */
COHERENT_INLINE size_t coherent_handle_size(const struct coherent_handle *handle)
{
	return handle->base.count;
}

/**
 * coherent_handle_free() - Free a handle.
 * @handle: The handle. It is empty afterwards. Nothing happens if it was empty.
 *
 * The rest is as for coherent_free().
 *
 * Context: may sleep.
 */
COHERENT_CHANGES_1ST COHERENT_BASE void coherent_handle_free(struct coherent_handle *handle);

COHERENT_C_END

/**
 * COHERENT_HANDLE_AUTO() - Declare a handle that is freed at the end of its scope.
 * @name: The variable. It is initialised as empty.
 */
#define COHERENT_HANDLE_AUTO(name)					\
	struct coherent_handle name __attribute__((cleanup(coherent_base_handle_cleanup))) = \
		COHERENT_EMPTY

/* With these macros another object does not compile. The kernel's flags refuse it anyway. */
#if !defined(COHERENT_LIBRARY) && !defined(__cplusplus) && !defined(__KERNEL__)
#define coherent_handle_addr(handle)					\
	COHERENT_AGAIN(COHERENT_HANDLE_ADDR)				\
	COHERENT_HANDLE_ADDR(COHERENT_UNIQUE(x), handle)
#define coherent_handle_size(handle)					\
	COHERENT_AGAIN(COHERENT_HANDLE_SIZE)				\
	COHERENT_HANDLE_SIZE(COHERENT_UNIQUE(x), handle)
#define coherent_handle_free(handle)					\
	COHERENT_AGAIN(COHERENT_HANDLE_FREE)				\
	COHERENT_HANDLE_FREE(COHERENT_UNIQUE(x), handle)
#endif

#endif
