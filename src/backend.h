/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The interface of a backend: what stands between memory and a device. It can be an IOMMU behind
 * VFIO or iommufd, a process at the other end of a socket, QEMU, or the simulator.
 *
 * A backend knows addresses, memory and permissions. It knows no objects and no states. The core
 * calls it from any thread and without the store lock. A backend may call lookup_fault() and
 * report() at any time.
 *
 * Some peers can only be given memory as a file. Then @map copies the memory to a file and puts
 * the file in the place of the pages, or the CPU finds the contents in @cpu_view while they are
 * mapped. @unmap brings the contents back to private, populated pages that the peer never had. If
 * the device was not idle, @fence or @disconnect does that.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <coherent.h>
#include <endian.h>
#include <poll.h>
#include <string.h>

#include "base/name.h"

/**
 * struct backend - An open device, as its backend sees it. Embedded in the backend's own struct.
 * @ops: The functions of the backend.
 * @dev: The device it belongs to.
 * @level: It tells who keeps the device from memory that is not mapped.
 * @limits: The limits; the mask is that at open. Never changes.
 * @cannot_stop_writes: @map refuses COHERENT_READ_ONLY.
 * @lends_copies: A loan is a copy of the lent box, so that a driver that touches the box finds out.
 * @idle_is_fence: @unmap with idle cuts the device off at once, also if the driver was wrong and
 *	the device is not idle. Without idle, @unmap does not.
 * @idle_when_lost: A device that is lost has ended for good, so nothing of it is in flight.
 * @step_ns: The device runs only in @step, and its clock advances by this in each. 0 for a device
 *	that runs by itself.
 * @random_addresses: At open the device may still execute commands of its last owner. So the
 *	addresses begin at a random page of the lowest quarter.
 * @copies_words: Registers take 4 bytes at most, so a copy to or from a BAR makes no wider access.
 * @checks_memory: @map returns -EFAULT for memory that the kernel cannot pin.
 * @leaves_decoys: A request that is in flight at @unmap goes on at the address of the memory in this
 *	process. So the contents move, and empty pages stay at the old place until a fence.
 * @addresses_linger: After a fence the device may still execute commands that it got before it.
 *	So an address that is freed goes to quarantine.
 */
struct backend {
	const struct backend_ops *ops;
	struct coherent_device *dev;
	enum coherent_level level;
	struct coherent_limits limits;
	uint64_t step_ns;
	bool cannot_stop_writes;
	bool lends_copies;
	bool idle_is_fence;
	bool idle_when_lost;
	bool random_addresses;
	bool addresses_linger;
	bool checks_memory;
	bool copies_words;
	bool leaves_decoys;
};

/**
 * struct backend_mapping - Memory that a device may reach, or could reach until now.
 * @address: The device address, a multiple of the page size.
 * @va: The memory.
 * @bytes: Its size in whole pages.
 * @permission: The permission of the device.
 */
struct backend_mapping {
	uint64_t address;
	void *va;
	size_t bytes;
	enum coherent_permission permission;
};

/**
 * struct backend_config - An access to configuration space.
 * @offset: The offset, a multiple of @width and at most 4095.
 * @width: 1, 2 or 4 bytes.
 * @is_write: It is a write.
 * @value: The value in the CPU's byte order; of a read that succeeded, or of a write.
 */
struct backend_config {
	unsigned int offset;
	unsigned int width;
	bool is_write;
	uint32_t value;
};

/**
 * struct backend_copy - A copy between memory of the driver and a BAR.
 * @bar: The number of the BAR.
 * @offset: The offset in the BAR.
 * @bytes: The size, which is in bounds and not 0.
 * @from: The memory to copy to the BAR; NULL for a copy from it.
 * @to: The memory to copy the BAR to; NULL for a copy to it.
 */
struct backend_copy {
	unsigned int bar;
	uint64_t offset;
	size_t bytes;
	const char *from;
	char *to;
};

/**
 * backend_copy_width() - The width of the next access of a copy: as wide as is aligned.
 * @at: The offset in the BAR.
 * @bytes: How many bytes are left, at least 1.
 * @max: The greatest width: 4 or 8.
 */
static inline unsigned int backend_copy_width(uint64_t at, size_t bytes, unsigned int max)
{
	unsigned int width = max;

	while (width > bytes || at % width)
		width /= 2;
	return width;
}

/* A BAR has the bytes of a register in little-endian order. */
static inline void backend_put_bytes(char *to, uint64_t value, unsigned int width)
{
	value = htole64(value);
	memcpy(to, &value, width);
}

static inline uint64_t backend_get_bytes(const char *from, unsigned int width)
{
	uint64_t value = 0;

	memcpy(&value, from, width);
	return le64toh(value);
}

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
	BACKEND_TAKES_BUS_MASTER = 1 << 8,
	BACKEND_TAKES_BESIDE = 1 << 9,
	BACKEND_TAKES_QEMU_ARGS = 1 << 10,
	BACKEND_TAKES_DOMAIN = 1 << 11,
	BACKEND_TAKES_ENDPOINT = 1 << 12,
	BACKEND_TAKES_DOMAIN_INFO = 1 << 13,
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
 * @disconnect: Stop the device: it can reach nothing and does nothing any more. From then on
 *	every function but @close answers -ENODEV, all ones, or nothing. Called once.
 * @close: Free everything. Called last, when nothing uses the backend.
 * @limits: Fill in all limits. Ranges are ascending and in whole pages of the CPU.
 * @memory_at: The memory at an address, for a backend that cannot map other memory there. The
 *	backend owns it until @close. NULL where any memory can be mapped at any address.
 * @map: Let the device reach memory at an address. On failure the device can reach none of it.
 *	-ENOSPC (all mappings are in use), -EMFILE (no descriptor is left), -ENOBUFS (something else
 *	is used up), -ENOMEM, -EIO, -EFAULT (memory that cannot be pinned), -EOPNOTSUPP (the
 *	permission), -ENODEV. With the first four it makes no report: the core may try again, or
 *	the driver wants no report.
 * @explain: Report what is used up, after @map of this many bytes returned one of these four errors.
 *	The core reports the lack itself, too. NULL where the backend has nothing to add.
 * @cpu_view: The place where the CPU sees what is mapped at an address. @map copies the memory
 *	to it. It is copied back by @unmap with idle or after @disconnect, and by @fence. NULL
 *	where memory stays in its place. Valid until @close.
 * @unmap: End the mapping. Where unmap is a fence, the device reaches none of the memory and has
 *	nothing in flight when this returns. Elsewhere @idle is the driver's promise that nothing
 *	is in flight; without it the mapping may stay until @fence, and the answer is 0.
 *	-EIO: the device may still reach the memory. -ENOMEM and -EBUSY, with @idle: nothing has
 *	changed. -ENODEV: the device cannot reach the memory, now or later; this is the answer
 *	from @disconnect on.
 * @fence: End what is in flight after unmaps that were not a fence, and end those mappings. Reset the
 *	device, if it has a reset.
 * @reset: Reset the device, with the effect of @fence. Mappings stay. -EIO if the device does not
 *	have a reset.
 * @next_fault: Take the oldest refused access that was not read yet, with its object named;
 *	-EAGAIN if there is none. Also called after @disconnect, for what happened until then.
 *	NULL where the driver cannot learn of refused accesses.
 * @reg_read: Read a register that is in bounds and aligned. All ones after @disconnect.
 * @reg_write: Write a register that is in bounds and aligned.
 * @reg_copy: Copy to or from a BAR in aligned accesses of up to 8 bytes, with ascending offsets.
 *	-ENODEV after @disconnect, -EIO. NULL where @reg_read and @reg_write do.
 * @reg_write_line: Write 64 bytes to a BAR by one store. -EOPNOTSUPP: this BAR is not memory of the
 *	process. -ENODEV after @disconnect. NULL where no BAR is. Only called if line_is_supported().
 * @config: Access configuration space. -ERANGE: it ends before. -EOPNOTSUPP: the device has none.
 *	NULL where no device has one.
 * @irq_connect: Signal this eventfd on each interrupt of a vector from now on; -1 for none.
 * @irq_rearm: A thread waits, so an interrupt that was masked when it came may come again. NULL
 *	where there is nothing to do.
 * @allocate: Called before an object gets memory. An error ends the allocation. NULL where nothing
 *	is to be done.
 * @bar_open: Called before a BAR is opened, in the same way.
 * @step: Let a device run for some steps, which may be none. Returns the time of its clock in ns.
 *	NULL where no device runs in steps.
 * @refuses: Whether this thread runs a callback of the device's model, so that a call that waits
 *	for the device would wait for itself. A report then names the call. NULL where a device
 *	has no callbacks.
 * @lost_fd: The descriptor that becomes readable when the device is lost. NULL where it cannot be.
 * @is_lost: Whether the device is lost, asked after @lost_fd was readable. It may have been found
 *	again by then.
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
	void *(*memory_at)(struct backend *backend, uint64_t address);
	int (*map)(struct backend *backend, const struct backend_mapping *mapping);
	void (*explain)(struct backend *backend, size_t bytes, int err);
	void *(*cpu_view)(struct backend *backend, uint64_t address);
	int (*unmap)(struct backend *backend, const struct backend_mapping *mapping, bool idle);
	int (*fence)(struct backend *backend);
	int (*reset)(struct backend *backend);
	int (*next_fault)(struct backend *backend, struct coherent_fault *fault);
	uint64_t (*reg_read)(struct backend *backend, unsigned int bar, uint64_t offset,
			     unsigned int width);
	void (*reg_write)(struct backend *backend, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value);
	int (*reg_copy)(struct backend *backend, const struct backend_copy *copy);
	int (*reg_write_line)(struct backend *backend, unsigned int bar, uint64_t offset,
			      const void *line);
	int (*config)(struct backend *backend, struct backend_config *access);
	int (*irq_connect)(struct backend *backend, unsigned int vector, int fd);
	void (*irq_rearm)(struct backend *backend, unsigned int vector);
	int (*allocate)(struct backend *backend);
	int (*bar_open)(struct backend *backend);
	uint64_t (*step)(struct backend *backend, unsigned int steps);
	bool (*refuses)(struct backend *backend, const char *call);
	struct pollfd (*lost_fd)(const struct backend *backend);
	bool (*is_lost)(struct backend *backend);
};

#define BACKEND(folder, name) extern const struct backend_ops backend_##name;
#include "backend_list.h"
#undef BACKEND

/**
 * backend_is() - Whether a backend has these functions.
 * @backend: The backend.
 * @ops: The functions of a scheme.
 *
 * A watched device has its own table of functions, but the same one to open it.
 */
static inline bool backend_is(const struct backend *backend, const struct backend_ops *ops)
{
	return backend->ops->open == ops->open;
}

/**
 * backend_refuses() - Whether a call would wait for the callback that makes it, with a report.
 * @backend: The backend.
 * @call: The name of the call.
 */
static inline bool backend_refuses(struct backend *backend, const char *call)
{
	return backend->ops->refuses && backend->ops->refuses(backend, call);
}

/**
 * backend_uses_pages_in_place() - Whether a device reaches private pages of the process where they are.
 * @backend: The backend.
 *
 * Others have memory of their own. Or the process finds the contents elsewhere while they are mapped,
 * or after the reclaim.
 */
static inline bool backend_uses_pages_in_place(const struct backend *backend)
{
	const struct backend_ops *ops = backend->ops;

	return ops->memory_kind == BACKEND_MEMORY_PAGES && !ops->memory_at && !ops->cpu_view &&
	       !backend->leaves_decoys;
}

/**
 * backend_allocate() - Ask whether an object may get memory.
 * @backend: The backend.
 *
 * Return: 0; -ENOMEM.
 */
static inline int backend_allocate(struct backend *backend)
{
	return backend->ops->allocate ? backend->ops->allocate(backend) : 0;
}

/**
 * backend_lost_fd() - The descriptor that becomes readable when a device is lost.
 * @backend: The backend.
 *
 * Return: what to poll; its descriptor is -1 where a device cannot be lost.
 */
static inline struct pollfd backend_lost_fd(const struct backend *backend)
{
	return backend->ops->lost_fd ? backend->ops->lost_fd(backend) : (struct pollfd){ .fd = -1 };
}

/**
 * backend_is_lost() - Whether a device is lost, asked after backend_lost_fd() was readable.
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
 * @options: The options of coherent_device_open().
 *
 * Return: 0; -ENODEV (unknown scheme), -EINVAL or -EOPNOTSUPP (an option that the backend does
 * not take), or what the backend's open returns. A report says what was wrong.
 */
int backend_open(struct coherent_device *dev, const struct name *name,
		 const struct coherent_open_options *options);

#endif
