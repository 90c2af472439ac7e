/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which object has a pointer or a device address, and which accesses of a device
 * were refused. coherent/device.h includes this file.
 */
#ifndef COHERENT_LOOKUP_H
#define COHERENT_LOOKUP_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/device_base.h>

COHERENT_C_BEGIN

/**
 * enum coherent_access - How a device accessed memory.
 * @COHERENT_ACCESS_READ: It read.
 * @COHERENT_ACCESS_WRITE: It wrote.
 * @COHERENT_ACCESS_UNKNOWN: It read or wrote; the IOMMU does not tell which.
 */
enum coherent_access {
	COHERENT_ACCESS_READ,
	COHERENT_ACCESS_WRITE,
	COHERENT_ACCESS_UNKNOWN,
} COHERENT_32_BITS;

/**
 * enum coherent_state - The state of the object at an address.
 * @COHERENT_STATE_NONE: There is no object. If one ends right before the address, the text of a
 *	fault names it.
 * @COHERENT_STATE_BOX: A box that is not exposed yet.
 * @COHERENT_STATE_MEM: A mem. In a fault it is a read-only mem that the device tried to write; with
 *	the key exact of sim:, also the neighbour in a pool that an access ran into.
 * @COHERENT_STATE_RECLAIMED: A mem that was reclaimed.
 * @COHERENT_STATE_FREED: A mem that was freed.
 */
enum coherent_state {
	COHERENT_STATE_NONE,
	COHERENT_STATE_BOX,
	COHERENT_STATE_MEM,
	COHERENT_STATE_RECLAIMED,
	COHERENT_STATE_FREED,
} COHERENT_32_BITS;

/**
 * struct coherent_info - The object that has a pointer or a device address.
 * @state: A box or a mem. For a device address, also a mem that was reclaimed or freed.
 * @reserved: 0.
 * @address: The device address of the object; for a box, the address that it would have.
 * @bytes: The size of the object in whole pages; for an object of a pool, the size of its slot.
 * @offset: The offset of the pointer or address from the start of the object, in bytes.
 * @where: The file and line that allocated the object. The string is the library's. It is
 *	valid until the device is closed and its last object is freed, also if the code that
 *	allocated was unloaded. If that code allocated from a pool, the library may not
 *	know the place, and the string says so.
 */
struct coherent_info {
	enum coherent_state state;
	uint32_t reserved;
	uint64_t address;
	uint64_t bytes;
	uint64_t offset;
	const char *where;
};

/**
 * coherent_find_ptr() - Find the box or mem that a pointer points into.
 * @dev: The device.
 * @ptr: Any pointer. If another thread frees or exposes the object meanwhile, the call may find it
 *	or not.
 * @info: Filled in; all zero on failure.
 *
 * Use this in callbacks that get a pointer, and in debuggers. The call takes a lock only for
 * objects of a pool. It is safe for any @ptr, whatever other threads do.
 *
 * Context: any.
 * Return: 0; -ERANGE (@ptr points into no object of @dev), -ENODEV.
 */
COHERENT_MUST_CHECK COHERENT_INLINE int
coherent_find_ptr(struct coherent_device *dev, const void *ptr, struct coherent_info *info)
{
	return coherent_base_find_ptr(dev, ptr, info, sizeof(*info));
}

/**
 * coherent_find_addr() - Find the box or mem that has, or had, a device address.
 * @dev: The device.
 * @address: Any number, for instance one that the device reported.
 * @info: Filled in; all zero on failure.
 *
 * Context: any.
 * Return: 0; -ERANGE (no object has the address; the guard page behind an object is not part
 * of it), -ENODEV.
 */
COHERENT_MUST_CHECK COHERENT_INLINE int
coherent_find_addr(struct coherent_device *dev, uint64_t address, struct coherent_info *info)
{
	return coherent_base_find_addr(dev, address, info, sizeof(*info));
}

/**
 * struct coherent_fault - An access of the device that was refused.
 * @address: The first device address that was refused.
 * @bytes: How many bytes were refused, from @address to the end of the access.
 * @access: Whether it was a read or a write, if the backend knows.
 * @state: The state of the object at @address.
 * @object_address: The first address of this object; 0 if there is none.
 * @object_bytes: The size of this object in bytes of whole pages.
 * @where: The file and line that allocated this object, as in struct coherent_info; NULL if
 *	there is none.
 * @lost: How many earlier faults the library dropped because the driver did not read them.
 * @text: A sentence with all of this.
 */
struct coherent_fault {
	uint64_t address;
	size_t bytes;
	enum coherent_access access;
	enum coherent_state state;
	uint64_t object_address;
	uint64_t object_bytes;
	const char *where;
	uint64_t lost;
	char text[256];
};

/**
 * coherent_device_next_fault() - Read the oldest fault that was not read yet.
 * @dev: The device.
 * @fault: Filled in; all zero on failure.
 *
 * The state of the object, and its age in the text, are those at the moment of the fault. On
 * qemu: they are those at the moment when the library learns of the fault: in this call, or when a
 * mem is reclaimed or freed. So read the faults before you free a box. The close of the device
 * reports the faults that no call returned.
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN (there is no fault), -ENODEV.
 */
COHERENT_MUST_CHECK COHERENT_INLINE int coherent_device_next_fault(struct coherent_device *dev,
								   struct coherent_fault *fault)
{
	return coherent_base_device_next_fault(dev, fault, sizeof(*fault));
}

COHERENT_C_END

/* With these macros an ignored result does not compile. */
#if !defined(COHERENT_LIBRARY) && !defined(__cplusplus)
#define coherent_find_ptr(dev, ptr, info) COHERENT_RESULT(, coherent_find_ptr(dev, ptr, info))
#define coherent_find_addr(dev, address, info)				\
	COHERENT_RESULT(, coherent_find_addr(dev, address, info))
#define coherent_device_next_fault(dev, fault)				\
	COHERENT_RESULT(, coherent_device_next_fault(dev, fault))
#endif

#endif
