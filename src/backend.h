/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the library asks of whatever stands between memory and a device: an
 * IOMMU driven through VFIO or iommufd, a process at the other end of a socket,
 * the simulator.
 *
 * A backend knows addresses, memory and permissions; it knows no objects and no
 * states. It is called without the device's lock, by any thread, and may call
 * device_name_fault() and report() from anywhere.
 *
 * Memory that a peer can only be given as a file is put in place by @map, which
 * maps the file over the pages, or is @elsewhere as long as it is mapped. @unmap,
 * or @fence for what was not idle, brings the contents back to private, populated
 * pages, of which the peer has none.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <coherent.h>
#include <poll.h>

#include "name.h"

/**
 * struct backend - An open device, as its backend sees it; embedded in more.
 * @ops: What it can do.
 * @dev: The device it belongs to.
 * @level: Who keeps the device from reaching memory that is not mapped.
 * @limits: The limits; the mask is that at open. Never changes.
 * @idle_is_fence: When @unmap was told that the device is idle, it reaches none of the
 *	memory any more, whether that was so or not, though @unmap is no fence else.
 * @addresses_linger: What was told to the device before a fence it may do after it, where it
 *	finds no memory: an address goes to nobody else at once.
 */
struct backend {
	const struct backend_ops *ops;
	struct coherent_device *dev;
	enum coherent_level level;
	struct coherent_limits limits;
	bool idle_is_fence;
	bool addresses_linger;
};

/**
 * struct backend_mapping - Memory that a device may reach, or could until now.
 * @address: Device address, a multiple of the page.
 * @va: The memory.
 * @bytes: Whole pages.
 * @permission: What the device may do.
 */
struct backend_mapping {
	uint64_t address;
	void *va;
	size_t bytes;
	enum coherent_permission permission;
};

/*
 * The options of coherent_device_open() that only some backends take. The core refuses an
 * option that a backend does not take.
 */
enum {
	BACKEND_TAKES_MODEL = 1 << 0,
	BACKEND_TAKES_CONTAINER = 1 << 1,
	BACKEND_TAKES_IOMMUFD = 1 << 2,
	BACKEND_TAKES_IOAS = 1 << 3,
	BACKEND_TAKES_DEVICE_FD = 1 << 4,
	BACKEND_TAKES_WINDOW = 1 << 5,
	BACKEND_TAKES_SOCKET = 1 << 6,
	BACKEND_TAKES_LISTEN = 1 << 7,
};

/**
 * enum backend_memory_kind - The memory that a backend exposes.
 * @BACKEND_MEMORY_PAGES: The library's private pages, which .hugepages, .gigapages and .nodes
 *	choose.
 * @BACKEND_MEMORY_FILES: Files, because another process maps what is exposed.
 */
enum backend_memory_kind {
	BACKEND_MEMORY_PAGES,
	BACKEND_MEMORY_FILES,
};

/**
 * struct backend_ops - A backend.
 * @scheme: The part of a device name before the colon.
 * @options: BACKEND_TAKES_..., or'ed.
 * @memory_kind: The memory that it exposes.
 * @open: Open a device. On failure nothing is left and @backend is untouched.
 * @disconnect: The device can reach nothing and does nothing any more, and every
 *	op but @close is -ENODEV, all ones or nothing. Called once.
 * @close: Free everything. Called last, when nothing uses the backend.
 * @limits: Fill in everything; ranges ascending, in whole pages, which are the
 *	CPU's.
 * @memory: Where the memory of an address is, if there is no choice: it is the
 *	backend's as long as it exists. NULL where any memory can be mapped anywhere.
 * @map: Let the device reach memory at an address. On failure it cannot reach any
 *	of it. -ENOSPC, -ENOMEM, -EIO, -EOPNOTSUPP (.permission), -ENODEV.
 * @elsewhere: Where the CPU finds what is mapped at an address, if @map copies it there
 *	and @unmap, told that the device is idle, copies it back. NULL where it stays in
 *	place. Valid until @close.
 * @unmap: End that. Where it is a fence, the device reaches none of it and has
 *	nothing in flight when this returns. Where it is none, @idle is the driver's
 *	word that nothing is in flight; without it the mapping may stay until @fence,
 *	and the answer is 0. -EIO if the device may still reach it; -ENOMEM and -EBUSY,
 *	with @idle, if nothing has changed; -ENODEV says that it cannot reach it, now
 *	and later, which is the answer from @disconnect on.
 * @fence: End what is in flight after unmaps that were none, and those mappings.
 * @reset: Reset the device, with the effect of @fence. Mappings stay.
 * @next_fault: The oldest refused access not read yet, named; -EAGAIN.
 * @reg_read: Read a register. In bounds and aligned. All ones if disconnected.
 * @reg_write: Write a register. In bounds and aligned.
 * @irq_connect: From now on signal this eventfd on an interrupt; -1 for none.
 * @irq_rearm: Somebody waits: an interrupt that was masked as it came may come
 *	again. NULL where there is nothing to do.
 * @lost: What to poll for the moment when the device is lost. NULL where it cannot be.
 * @is_lost: Whether it is, asked after that; it may be found again by then.
 */
struct backend_ops {
	const char *scheme;
	unsigned int options;
	enum backend_memory_kind memory_kind;
	int (*open)(struct backend **backend, struct coherent_device *dev, const struct name *name,
		    const struct coherent_open_options *options);
	void (*disconnect)(struct backend *backend);
	void (*close)(struct backend *backend);
	void (*limits)(struct backend *backend, struct coherent_limits *limits);
	void *(*memory)(struct backend *backend, uint64_t address);
	int (*map)(struct backend *backend, const struct backend_mapping *mapping);
	void *(*elsewhere)(struct backend *backend, uint64_t address);
	int (*unmap)(struct backend *backend, const struct backend_mapping *mapping, bool idle);
	int (*fence)(struct backend *backend);
	int (*reset)(struct backend *backend);
	int (*next_fault)(struct backend *backend, struct coherent_fault *fault);
	uint64_t (*reg_read)(struct backend *backend, unsigned int bar, uint64_t offset,
			     unsigned int width);
	void (*reg_write)(struct backend *backend, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value);
	int (*irq_connect)(struct backend *backend, unsigned int vector, int fd);
	void (*irq_rearm)(struct backend *backend, unsigned int vector);
	struct pollfd (*lost)(const struct backend *backend);
	bool (*is_lost)(struct backend *backend);
};

#define BACKEND(name) extern const struct backend_ops backend_##name;
#include "backend_list.h"
#undef BACKEND

/**
 * backend_lost() - The descriptor that becomes readable when a device is lost.
 * @backend: The backend.
 *
 * Return: what to poll; its descriptor is -1 where a device cannot be lost.
 */
static inline struct pollfd backend_lost(const struct backend *backend)
{
	return backend->ops->lost ? backend->ops->lost(backend) : (struct pollfd){ .fd = -1 };
}

/**
 * backend_is_lost() - Whether a device is lost, asked after backend_lost() was readable.
 * @backend: The backend.
 */
static inline bool backend_is_lost(struct backend *backend)
{
	return backend->ops->is_lost && backend->ops->is_lost(backend);
}

/**
 * backend_open() - Open a device with the backend that its name chooses.
 * @dev: The device; its backend is set.
 * @name: The device name.
 * @options: Of coherent_device_open().
 *
 * Return: 0; -ENODEV (unknown scheme), -EINVAL or -EOPNOTSUPP (an option that the backend does
 * not take), or what the backend's open returns. A report says what was wrong.
 */
int backend_open(struct coherent_device *dev, const struct name *name,
		 const struct coherent_open_options *options);

#endif
