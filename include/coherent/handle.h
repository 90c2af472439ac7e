/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory for the device alone: it has a device address and no pointer. For what
 * firmware asks for and a driver never looks at: scratch pages, flush pages,
 * save areas. Zeroed like all else.
 */
#ifndef COHERENT_HANDLE_H
#define COHERENT_HANDLE_H

#include <coherent.h>

/**
 * struct coherent_handle - Device memory without a CPU pointer.
 * @base: A mem of bytes, less the pointer. The library's.
 *
 * All zero bytes, or COHERENT_EMPTY, is an empty one. Do not copy it.
 */
struct coherent_handle {
	struct coherent_mem base;
};

/**
 * struct coherent_handle_options - Options of coherent_handle_zeroed().
 * @bytes: At least 1.
 * @options_have_names: Not to be set.
 * @attrs: See struct coherent_box_options, as the next three.
 * @align: Of the device address.
 * @boundary: What the device addresses do not cross.
 * @level: The least level that will do.
 * @permission: What the device may do.
 * @COHERENT_GFP: See struct coherent_box_options.
 */
struct coherent_handle_options {
	size_t bytes;
	const struct coherent_options_have_names *options_have_names;
	unsigned int attrs;
	size_t align;
	uint64_t boundary;
	enum coherent_level level;
	enum coherent_permission permission;
	COHERENT_GFP
};

/**
 * coherent_base_handle_zeroed() - coherent_handle_zeroed() with its options in a struct.
 * @handle: The new handle.
 * @dev: The device.
 * @options: The size and what else was asked for.
 * @where: File and line of the caller; must outlive @dev.
 *
 * Return: as coherent_handle_zeroed().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_handle_zeroed(struct coherent_handle *handle, struct coherent_device *dev,
				const struct coherent_handle_options *options, const char *where);

/**
 * coherent_base_handle_cleanup() - coherent_handle_free() at the end of a scope.
 * @handle: The variable.
 */
COHERENT_BASE void coherent_base_handle_cleanup(struct coherent_handle *handle);

/**
 * coherent_handle_zeroed() - Allocate zeroed memory for the device alone.
 * @handle: The new handle; must be empty, and is on failure. Free with
 *	coherent_handle_free().
 * @dev: The device, which can reach the memory when this returns.
 * @...: The size in bytes; then options by name: .attrs, .align, .boundary,
 *	.level, .permission.
 *
 * Context: may sleep.
 * Return: as coherent_box_zeroed() and coherent_expose(); -EINVAL for 0 bytes.
 */
#define coherent_handle_zeroed(handle, dev, ...)			\
	COHERENT_RESULT(, coherent_base_handle_zeroed((handle), (dev),	\
		&(const struct coherent_handle_options){ .bytes = __VA_ARGS__ }, \
		COHERENT_HERE))

/**
 * coherent_handle_addr() - Where the device finds the memory of a handle.
 * @handle: The handle.
 *
 * Context: any.
 * Return: the device address; .raw is ~0 if @handle is empty.
 */
COHERENT_INLINE coherent_addr_t coherent_handle_addr(const struct coherent_handle *handle)
{
	return (coherent_addr_t){ ~handle->base.inverted_address };
}

/**
 * coherent_handle_size() - How many bytes a handle has.
 * @handle: The handle.
 *
 * Context: any.
 * Return: bytes as asked for; 0 if @handle is empty.
 */
COHERENT_INLINE size_t coherent_handle_size(const struct coherent_handle *handle)
{
	return handle->base.count;
}

/**
 * coherent_handle_free() - Free a handle.
 * @handle: The handle; empty afterwards. Freeing an empty one does nothing.
 *
 * As coherent_free().
 *
 * Context: may sleep.
 */
COHERENT_BASE void coherent_handle_free(struct coherent_handle *handle);

/**
 * COHERENT_HANDLE_AUTO() - Declare a handle that is freed at the end of its scope.
 * @name: The variable, initialised as empty.
 */
#define COHERENT_HANDLE_AUTO(name)					\
	struct coherent_handle name __attribute__((cleanup(coherent_base_handle_cleanup))) = \
		COHERENT_EMPTY

#endif
