/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The functions behind those of coherent/device.h that fill in a struct. A caller that
 * was built for an older version has a smaller struct, and gets as much as it has. In a
 * larger struct, what the library does not know becomes zero. Code that cannot use the
 * inline functions may call these, for instance a binding of another language.
 *
 * size is the size of the struct as the caller knows it. A size that no version has is
 * -EINVAL, and then nothing is filled in.
 */
#ifndef COHERENT_DEVICE_BASE_H
#define COHERENT_DEVICE_BASE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/detail/face.h>

struct coherent_device;
struct coherent_fault;
struct coherent_info;
struct coherent_limits;
struct coherent_stats;

COHERENT_C_BEGIN

/**
 * coherent_base_device_limits() - See coherent_device_limits().
 * @dev: The device.
 * @limits: Filled in.
 * @size: The size of @limits.
 *
 * Return: as coherent_device_limits(); also -EINVAL (@size).
 */
COHERENT_MUST_CHECK int coherent_base_device_limits(struct coherent_device *dev,
						    struct coherent_limits *limits, size_t size);

/**
 * coherent_base_device_stats() - See coherent_device_stats().
 * @dev: The device.
 * @stats: Filled in.
 * @size: The size of @stats.
 *
 * Return: as coherent_device_stats(); also -EINVAL (@size).
 */
COHERENT_MUST_CHECK int coherent_base_device_stats(struct coherent_device *dev,
						   struct coherent_stats *stats, size_t size);

/**
 * coherent_base_find_ptr() - See coherent_find_ptr().
 * @dev: The device.
 * @ptr: Any pointer.
 * @info: Filled in.
 * @size: The size of @info.
 *
 * Return: as coherent_find_ptr(); also -EINVAL (@size).
 */
COHERENT_MUST_CHECK int coherent_base_find_ptr(struct coherent_device *dev, const void *ptr,
					       struct coherent_info *info, size_t size);

/**
 * coherent_base_find_addr() - See coherent_find_addr().
 * @dev: The device.
 * @address: Any number.
 * @info: Filled in.
 * @size: The size of @info.
 *
 * Return: as coherent_find_addr(); also -EINVAL (@size).
 */
COHERENT_MUST_CHECK int coherent_base_find_addr(struct coherent_device *dev, uint64_t address,
						struct coherent_info *info, size_t size);

/**
 * coherent_base_device_next_fault() - See coherent_device_next_fault().
 * @dev: The device.
 * @fault: Filled in.
 * @size: The size of @fault.
 *
 * Return: as coherent_device_next_fault(); also -EINVAL (@size, and no fault was read).
 */
COHERENT_MUST_CHECK int coherent_base_device_next_fault(struct coherent_device *dev,
							struct coherent_fault *fault, size_t size);

COHERENT_C_END

#endif
