/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The options of the calls of coherent.h. A driver writes them by name, such as .align = 64. The
 * macros of coherent.h make the structs.
 */
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

/* coherent.h needs the structs of this file. So the include is before the guard. */
#include <coherent.h>

#ifndef COHERENT_OPTIONS_H
#define COHERENT_OPTIONS_H

/**
 * enum coherent_attr - Attributes of an allocation, or'ed.
 * @COHERENT_ATTR_WEAK_ORDERING: As DMA_ATTR_WEAK_ORDERING.
 * @COHERENT_ATTR_WRITE_COMBINE: As DMA_ATTR_WRITE_COMBINE.
 * @COHERENT_ATTR_FORCE_CONTIGUOUS: As DMA_ATTR_FORCE_CONTIGUOUS.
 * @COHERENT_ATTR_ALLOC_SINGLE_PAGES: As DMA_ATTR_ALLOC_SINGLE_PAGES.
 * @COHERENT_ATTR_NO_WARN: Make no report when memory, addresses or mappings are missing.
 *	A wrong argument is still reported.
 * @COHERENT_ATTR_PRIVILEGED: As DMA_ATTR_PRIVILEGED.
 *
 * A backend honours an attribute or refuses it with -EOPNOTSUPP. Every backend honours
 * NO_WARN. In userspace the library refuses the attributes that only a kernel can honour.
 * Other bits are -EINVAL. In the kernel each value is that of the DMA_ATTR_* with the same
 * name, so that a driver may write either.
 */
enum coherent_attr {
	COHERENT_ATTR_WEAK_ORDERING = 1 << COHERENT_BIT_WEAK_ORDERING,
	COHERENT_ATTR_WRITE_COMBINE = 1 << COHERENT_BIT_WRITE_COMBINE,
	COHERENT_ATTR_FORCE_CONTIGUOUS = 1 << COHERENT_BIT_FORCE_CONTIGUOUS,
	COHERENT_ATTR_ALLOC_SINGLE_PAGES = 1 << COHERENT_BIT_ALLOC_SINGLE_PAGES,
	COHERENT_ATTR_NO_WARN = 1 << COHERENT_BIT_NO_WARN,
	COHERENT_ATTR_PRIVILEGED = 1 << COHERENT_BIT_PRIVILEGED,
} COHERENT_32_BITS;

/**
 * enum coherent_permission - What a device may do with a mem.
 * @COHERENT_READ_WRITE: Read and write. This is the default.
 * @COHERENT_READ_ONLY: Read only.
 *
 * The library does not offer write-only: VT-d before Linux 6.2 and the SMMU make it
 * read-write.
 */
enum coherent_permission {
	COHERENT_READ_WRITE,
	COHERENT_READ_ONLY,
} COHERENT_32_BITS;

/**
 * struct coherent_box_options - Options of coherent_box_zeroed() and coherent_box_from().
 * @struct_size: Do not set this. The macros set it to the size of the struct.
 * @attrs: Values of enum coherent_attr, or'ed.
 * @level: The lowest level that the caller accepts; 0 for COHERENT_HIDDEN.
 * @reserved: Do not set this.
 * @count: The number of elements, at least 1.
 * @COHERENT_NAMES: Do not set this.
 * @align: The alignment of the device address: a power of two. 0, or less than a
 *	page, means a page.
 * @boundary: A power of two, at least the size of the object. The object does
 *	not cross a device address that is a multiple of it. 0 for no boundary.
 * @COHERENT_IN_PLACE: Only in userspace. With .in_place = true the device reaches the
 *	box; see coherent_box_zeroed().
 * @COHERENT_ADDRESS_LIMITS: Only in userspace. .mask is a limit, such as coherent_mask(32):
 *	the device address of the last byte is at most this; 0 for the mask of the device
 *	alone. .address is the device address of the object; 0 for any. See
 *	coherent_box_zeroed().
 * @COHERENT_OWN_MEMORY: Only in userspace. .nodes has a bit for each NUMA node that gives the
 *	memory; 0 for those of the device. With .address_is_pointer = true the device address
 *	is the pointer of the CPU. See coherent_box_zeroed().
 * @COHERENT_KERNEL_OPTIONS: Only in the kernel. .gfp says how to allocate; 0 for
 *	GFP_KERNEL. With .managed = true the kernel frees the object with its device, as
 *	after coherent_manage() (coherent/kernel.h).
 */
struct coherent_box_options {
	uint32_t struct_size;
	uint32_t attrs;
	enum coherent_level level;
	uint32_t reserved;
	size_t count;
	COHERENT_NAMES
	size_t align;
	uint64_t boundary;
	COHERENT_IN_PLACE;
	COHERENT_ADDRESS_LIMITS;
	COHERENT_OWN_MEMORY;
	COHERENT_KERNEL_OPTIONS
};

/**
 * struct coherent_expose_options - Options of coherent_expose().
 * @struct_size: See struct coherent_box_options.
 * @permission: The permission of the device.
 * @mem: The mem.
 * @COHERENT_NAMES: Do not set this.
 * @seal: A callback that runs before the device can reach the memory; see
 *	coherent_expose(). NULL for none.
 * @seal_arg: The last argument of @seal.
 */
struct coherent_expose_options {
	uint32_t struct_size;
	enum coherent_permission permission;
	void *mem;
	COHERENT_NAMES
	int (*seal)(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
	void *seal_arg;
};

/**
 * struct coherent_reclaim_options - Options of coherent_reclaim().
 * @struct_size: See struct coherent_box_options.
 * @idle: The driver promises that no command in flight names the object.
 * @box: The box.
 * @COHERENT_NAMES: Do not set this.
 */
struct coherent_reclaim_options {
	uint32_t struct_size;
	bool idle;
	void *box;
	COHERENT_NAMES
};

/**
 * struct coherent_mem_options - Options of coherent_zeroed(), coherent_from() and coherent_init().
 * @struct_size: See struct coherent_box_options, also for the next two.
 * @attrs: Values of enum coherent_attr, or'ed.
 * @level: The lowest level that the caller accepts.
 * @permission: See struct coherent_expose_options.
 * @count: The number of elements, at least 1.
 * @COHERENT_NAMES: Do not set this.
 * @arg: The last argument of the initialiser of coherent_init().
 * @COHERENT_ARG_NAMES: Do not set this.
 * @align: See struct coherent_box_options, also for the next one.
 * @boundary: The boundary that the object does not cross.
 * @seal: A callback that runs before the device can reach the memory.
 * @seal_arg: The last argument of @seal.
 * @COHERENT_IN_PLACE: Only in userspace. .in_place is as for coherent_box_zeroed(), but with
 *	@permission.
 * @COHERENT_ADDRESS_LIMITS: See struct coherent_box_options, also for the next one.
 * @COHERENT_OWN_MEMORY: See @COHERENT_ADDRESS_LIMITS.
 * @COHERENT_KERNEL_OPTIONS: See struct coherent_box_options.
 */
struct coherent_mem_options {
	uint32_t struct_size;
	uint32_t attrs;
	enum coherent_level level;
	enum coherent_permission permission;
	size_t count;
	COHERENT_NAMES
	void *arg;
	COHERENT_ARG_NAMES
	size_t align;
	uint64_t boundary;
	int (*seal)(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
	void *seal_arg;
	COHERENT_IN_PLACE;
	COHERENT_ADDRESS_LIMITS;
	COHERENT_OWN_MEMORY;
	COHERENT_KERNEL_OPTIONS
};

#endif
