/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Devices, in userspace: opened by name, asked what they can do and what they
 * tried to do, fenced, reset, closed. In the kernel the bus has all this, and a
 * struct coherent_device is a struct device.
 *
 * A name is scheme[:where][,key=value]..., for instance
 *
 *	sim:edu			QEMU's edu device, simulated
 *	sim:ring,mask=40,step	a ring device of 40 address bits, single-stepped
 *	sim:custom		a device model of one's own, see coherent/sim.h
 *	vfio:0000:00:01.0	a PCI device that vfio-pci or a variant has, by its group
 *	iommufd:0000:00:01.0	the same by its own node, from Linux 6.6 on
 *	pci:0000:00:01.0	the better of the two that there is
 *	vhost-user:/run/disk	a virtio device in another process, by its socket
 *	qemu:nvme		a device model of an installed QEMU, behind an IOMMU
 *
 * Without an IOMMU, in VFIO's no-IOMMU mode, vfio: opens for .level = COHERENT_NONE
 * only; ,pages=N is how many hugepages of 2 MiB its memory is, 1 if not given.
 *
 * When a PCI device does not open, the report names the command that
 * mends it; nothing of the system is changed. Their faults are in the kernel's log
 * only. When the kernel wants the device back, as when it is unplugged or unbound,
 * it waits until it is closed: exposing and waiting is -ENODEV from then on, memory
 * stays.
 *
 * vhost-user: is COHERENT_PEER: the other process is given what is exposed, and nothing
 * else, as files. BAR 0 is the registers of virtio-mmio, version 2, vector 0 all queues'
 * interrupt. Keys: id=N, the virtio device ID that the registers tell, since vhost-user
 * has none, 2 (a disk) if not given; timeout=N, in ms, for each answer of the peer, 10000
 * if not given; table, for a peer whose memory slots do not work: it gets whole tables,
 * which can change only while it does not run. Read-only exposure is -EOPNOTSUPP. What is
 * freed, other than taken back, keeps its slot until coherent_device_fence(), which
 * connects again: the device is reset, as by a status of 0, which alone stops a queue. A
 * peer hangs up when it finds an address that is not exposed, or ends; exposing and waiting
 * is -ENODEV then, registers read as ones, memory stays, and coherent_device_reset() makes it
 * a device again.
 *
 * qemu: is any PCI model of qemu-system-x86_64, 7.2 or newer, which is started without a
 * machine that boots; this process is the driver. COHERENT_PEER: QEMU is trusted with what is
 * exposed, and its virtio-iommu confines the model to it; faults tell the object. Keys:
 * image=FILE, a raw image as the disk of a model that has one, 64 MiB of zeros if not given;
 * memory=N, in MiB, for all that is exposed, 64 if not given; any other is a property of the
 * model, as in qemu:edu,dma_mask=0xffffffff, but for addr, bus, driver and iommu_platform, which
 * are the library's. Interrupts are MSI-X or MSI. Unmapping is no fence; coherent_device_fence()
 * and coherent_device_reset() reset the bus of the model. edu's transfers outlast that: into
 * what stays exposed, not into what was freed, of which the last 4096 addresses are nobody's for
 * now (and the mask stays as it is). When QEMU is gone, everything is -ENODEV but memory.
 */
#ifndef COHERENT_DEVICE_H
#define COHERENT_DEVICE_H

#include <coherent.h>

struct coherent_sim_model;

/**
 * enum coherent_severity - How bad a report is.
 * @COHERENT_ERROR: Something was lost or refused.
 * @COHERENT_WARNING: It goes on, but not as asked.
 * @COHERENT_INFO: Good to know.
 */
enum coherent_severity {
	COHERENT_ERROR,
	COHERENT_WARNING,
	COHERENT_INFO,
};

/**
 * struct coherent_open_options - Options of coherent_device_open().
 * @name: The device's name.
 * @options_have_names: Not to be set.
 * @report: Called with every report, one line without newline; NULL for silence.
 *	Any thread may be the caller; it must not call the library. It is called as
 *	long as anything of the device exists: objects, BARs, interrupts.
 * @report_arg: Handed to @report.
 * @level: The least level that will do; 0 for COHERENT_HIDDEN.
 * @hugepages: Take memory from 2 MiB hugepages. Where there are none, ordinary
 *	pages serve, and a report says so once. Not where memory is files: vhost-user:
 *	and qemu:; nor are the next two.
 * @gigapages: The same with hugepages of 1 GiB; with @hugepages, those are next.
 * @nodes: Take memory from these NUMA nodes, a bit each; 0 for any. Where they have
 *	none, others serve, and a report says so once.
 * @model: sim:custom only, and needed there: the device model.
 * @model_arg: Handed to the model.
 * @container: vfio: only: a VFIO container that has an IOMMU (type1v2) already. It
 *	stays the caller's, as the next two; 0 for none. Only the name of the device
 *	and what is in @window is used, and only that is unmapped at the close.
 * @iommufd: iommufd: only: an iommufd; @ioas is the IOAS in it.
 * @ioas: See @iommufd.
 * @device_fd: With @container or @iommufd: the device, attached to it, for registers
 *	and interrupts; 0 for none. Whether it is bus master is the caller's business.
 * @window: With @container or @iommufd: the device addresses that are the library's,
 *	in whole pages. Nobody else maps there.
 * @window.first: The first address.
 * @window.last: The last address.
 * @socket_fd: vhost-user: without a path: a connected socket; it stays the caller's, the
 *	connection ends with the device. It cannot be made again, so that there is no
 *	fence and no reset. 0 for none.
 * @listen_fd: vhost-user: without a path: a socket that listens; the peer connects. It
 *	stays the caller's. 0 for none.
 */
struct coherent_open_options {
	const char *name;
	const struct coherent_options_have_names *options_have_names;
	void (*report)(void *arg, enum coherent_severity severity, const char *line);
	void *report_arg;
	enum coherent_level level;
	bool hugepages;
	bool gigapages;
	uint64_t nodes;
	const struct coherent_sim_model *model;
	void *model_arg;
	int container;
	int iommufd;
	uint32_t ioas;
	int device_fd;
	struct {
		uint64_t first;
		uint64_t last;
	} window;
	int socket_fd;
	int listen_fd;
};

/**
 * coherent_base_device_open() - coherent_device_open() with its options in a struct.
 * @dev: Set to the device, to NULL on failure.
 * @options: The name and what else was asked for.
 *
 * Return: as coherent_device_open().
 */
COHERENT_MUST_CHECK
int coherent_base_device_open(struct coherent_device **dev,
			      const struct coherent_open_options *options);

/**
 * coherent_base_device_cleanup() - coherent_device_close() at the end of a scope.
 * @dev: The variable.
 */
void coherent_base_device_cleanup(struct coherent_device **dev);

/**
 * coherent_device_open() - Open a device by name.
 * @dev: Set to the device, to NULL on failure. Close with coherent_device_close().
 * @...: The name; then options by name of struct coherent_open_options.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (malformed name, unknown key or bad value: the report lists
 * what there is), -ENODEV (no such device), -EOPNOTSUPP (.level, no IOMMU, the peer
 * lacks a feature), -EIO (its mask or .window meets no range, or it refused), -EBUSY
 * (somebody has it, or another device of its group), -ENOSPC (no descriptors left),
 * -EACCES, -EPERM, -ETIMEDOUT (the peer does not answer), -ENOMEM.
 */
#define coherent_device_open(dev, ...)					\
	COHERENT_RESULT(, coherent_base_device_open((dev),		\
		&(const struct coherent_open_options){ .name = __VA_ARGS__ }))

/**
 * coherent_device_close() - Close a device.
 * @dev: The device; NULL is harmless.
 *
 * The device can reach nothing any more, and waiting threads wake with -ENODEV.
 * Objects that still exist are named in a report, with the place where they were
 * allocated. Their memory stays readable until they are freed; all else on them
 * is -ENODEV.
 *
 * Context: may sleep.
 */
void coherent_device_close(struct coherent_device *dev);

/**
 * coherent_device_fence() - End everything that is in flight.
 * @dev: The device.
 *
 * When it returns, memory that was freed or reclaimed before can no longer be
 * reached, and goes back to use. Where unmapping is a fence there is nothing to
 * wait for; a PCI device is stopped all the same, and reset if it has a reset.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV, -EIO, -ETIMEDOUT, -ENOMEM; of a device that connects again also what
 * opening it gives.
 */
COHERENT_MUST_CHECK int coherent_device_fence(struct coherent_device *dev);

/**
 * coherent_device_reset() - Reset the device.
 * @dev: The device.
 *
 * A fence, and the device forgets all it was told. Mems keep their addresses and
 * contents.
 *
 * Context: may sleep.
 * Return: as coherent_device_fence().
 */
COHERENT_MUST_CHECK int coherent_device_reset(struct coherent_device *dev);

/**
 * coherent_device_set_mask() - Say which addresses the device can put out.
 * @dev: The device.
 * @mask: From coherent_mask(). The last byte of every object will be under it.
 *
 * Before anything is allocated.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (not the lowest bits), -EBUSY (objects exist), -EIO (no
 * address range of the device is under it), -ENODEV, -ENOMEM. On failure the
 * mask is as before.
 */
COHERENT_MUST_CHECK int coherent_device_set_mask(struct coherent_device *dev, uint64_t mask);

/**
 * coherent_device_level() - Who keeps the device from reaching boxes.
 * @dev: The device.
 *
 * Context: any.
 * Return: the level; 0 if @dev is NULL, closed or the parent's.
 */
enum coherent_level coherent_device_level(const struct coherent_device *dev);

/**
 * struct coherent_limits - What a device can do.
 * @mask: The DMA mask in force.
 * @ranges: Where device addresses come from, ascending; both ends inclusive.
 * @ranges.first: The first address.
 * @ranges.last: The last address.
 * @range_count: How many @ranges there are.
 * @page_bytes: What memory and addresses are rounded to.
 * @mappings: How many objects may be exposed at a time; SIZE_MAX for no limit.
 * @unmap_is_fence: When an object was reclaimed or freed, nothing of it is in
 *	flight any more; else coherent_reclaim() needs .idle.
 * @bar_bytes: Size of each BAR; 0 where there is none.
 * @vectors: How many interrupt vectors there are.
 */
struct coherent_limits {
	uint64_t mask;
	struct {
		uint64_t first;
		uint64_t last;
	} ranges[8];
	unsigned int range_count;
	size_t page_bytes;
	size_t mappings;
	bool unmap_is_fence;
	uint64_t bar_bytes[6];
	unsigned int vectors;
};

/**
 * coherent_device_limits() - Ask what a device can do.
 * @dev: The device.
 * @limits: Filled in; all zero on failure.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV.
 */
COHERENT_MUST_CHECK int coherent_device_limits(struct coherent_device *dev,
					       struct coherent_limits *limits);

/**
 * struct coherent_stats - What a device counts.
 * @objects: Boxes, mems and handles that are not freed, what waits for a fence, and what could
 *	not be unmapped; of a pool, its pages.
 * @objects_max: The most there were at a time.
 * @bytes: Of those, in whole pages.
 * @bytes_max: The most at a time.
 * @mems: How many the device can reach, those that could not be unmapped included.
 * @mems_max: The most at a time.
 * @waiting: How many wait for coherent_device_fence().
 * @quarantined: Addresses of what was freed or reclaimed, that nobody gets for now.
 * @quarantined_bytes: Of those, with the page behind each.
 * @allocated: How many boxes, mems and handles there have been.
 * @reused: How often something of the same size that was freed was at hand.
 * @memory: Bytes that the system gave for boxes, and for mems where those are in place.
 */
struct coherent_stats {
	uint64_t objects;
	uint64_t objects_max;
	uint64_t bytes;
	uint64_t bytes_max;
	uint64_t mems;
	uint64_t mems_max;
	uint64_t waiting;
	uint64_t quarantined;
	uint64_t quarantined_bytes;
	uint64_t allocated;
	uint64_t reused;
	uint64_t memory;
};

/**
 * coherent_device_stats() - Ask what a device counts.
 * @dev: The device.
 * @stats: Filled in; all zero on failure.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV.
 */
COHERENT_MUST_CHECK int coherent_device_stats(struct coherent_device *dev,
					      struct coherent_stats *stats);

/**
 * enum coherent_access - What a device did to memory.
 * @COHERENT_ACCESS_READ: It read.
 * @COHERENT_ACCESS_WRITE: It wrote.
 * @COHERENT_ACCESS_UNKNOWN: One or the other: the IOMMU does not tell.
 */
enum coherent_access {
	COHERENT_ACCESS_READ,
	COHERENT_ACCESS_WRITE,
	COHERENT_ACCESS_UNKNOWN,
};

/**
 * enum coherent_state - What a faulting address belongs to.
 * @COHERENT_STATE_NONE: No object; maybe right behind one, which @text then names.
 * @COHERENT_STATE_BOX: A box, not exposed yet.
 * @COHERENT_STATE_MEM: A mem, read-only.
 * @COHERENT_STATE_RECLAIMED: A mem until it was reclaimed.
 * @COHERENT_STATE_FREED: A mem until it was freed.
 */
enum coherent_state {
	COHERENT_STATE_NONE,
	COHERENT_STATE_BOX,
	COHERENT_STATE_MEM,
	COHERENT_STATE_RECLAIMED,
	COHERENT_STATE_FREED,
};

/**
 * struct coherent_info - What something belongs to.
 * @state: What that is: a box or a mem; of a device address also what was one.
 * @address: Where the device finds it, or would.
 * @bytes: Its size in bytes: whole pages; of an object of a pool, its slot.
 * @offset: Of what was asked for, in bytes from its start.
 * @where: The file and line that allocated it.
 */
struct coherent_info {
	enum coherent_state state;
	uint64_t address;
	uint64_t bytes;
	uint64_t offset;
	const char *where;
};

/**
 * coherent_find_ptr() - Ask to which box or mem of a device a pointer points.
 * @dev: The device.
 * @ptr: Anything. While another thread ends or exposes what it points into, it may find that or
 *	nothing.
 * @info: Filled in; all zero on failure.
 *
 * For callbacks that are handed a pointer, and for debuggers. Takes no lock, but for objects of
 * a pool. Whatever @ptr is, and whatever other threads do, it is safe.
 *
 * Context: any.
 * Return: 0; -ERANGE (to none), -ENODEV.
 */
COHERENT_MUST_CHECK int coherent_find_ptr(struct coherent_device *dev, const void *ptr,
					  struct coherent_info *info);

/**
 * coherent_find_addr() - Ask to which box or mem a device address belongs, or belonged.
 * @dev: The device.
 * @address: What the device said: any number.
 * @info: Filled in; all zero on failure.
 *
 * Context: any.
 * Return: 0; -ERANGE (to none; the page behind an object is nobody's), -ENODEV.
 */
COHERENT_MUST_CHECK int coherent_find_addr(struct coherent_device *dev, uint64_t address,
					   struct coherent_info *info);

/**
 * struct coherent_fault - An access of the device that was refused.
 * @address: The first byte of it that was refused.
 * @bytes: How many were, from there to its end.
 * @access: Read or write, if that is known.
 * @state: What is at @address.
 * @object_address: Where the object there begins; 0 if there is none.
 * @object_bytes: Its size in bytes, in whole pages.
 * @where: The file and line that allocated it; NULL if there is none.
 * @lost: Faults that were forgotten before this one, because nobody read them.
 * @text: All of it as a sentence.
 */
struct coherent_fault {
	uint64_t address;
	size_t bytes;
	enum coherent_access access;
	enum coherent_state state;
	uint64_t object_address;
	uint64_t object_bytes;
	const char *where;
	unsigned long lost;
	char text[256];
};

/**
 * coherent_device_next_fault() - The oldest fault not read yet.
 * @dev: The device.
 * @fault: Filled in; all zero on failure.
 *
 * State and age are those of the moment of the fault.
 *
 * Context: may sleep.
 * Return: 0; -EAGAIN (none), -ENODEV.
 */
COHERENT_MUST_CHECK int coherent_device_next_fault(struct coherent_device *dev,
						   struct coherent_fault *fault);

/**
 * coherent_report_stderr() - A ready-made report function.
 * @arg: Printed before each line if not NULL: a const char *.
 * @severity: Printed as a word.
 * @line: The report.
 *
 * Context: any thread.
 */
void coherent_report_stderr(void *arg, enum coherent_severity severity, const char *line);

/**
 * COHERENT_DEVICE_AUTO() - Declare a device pointer that is closed at the end of its scope.
 * @name: The variable, initialised as NULL.
 */
#define COHERENT_DEVICE_AUTO(name)					\
	struct coherent_device *name __attribute__((cleanup(coherent_base_device_cleanup))) = NULL

/* Ignoring one of these is an error, as with the macros. */
#ifndef COHERENT_LIBRARY
#define coherent_device_fence(dev) COHERENT_RESULT(, coherent_device_fence(dev))
#define coherent_device_stats(dev, stats) COHERENT_RESULT(, coherent_device_stats(dev, stats))
#define coherent_find_ptr(dev, ptr, info) COHERENT_RESULT(, coherent_find_ptr(dev, ptr, info))
#define coherent_find_addr(dev, address, info)	\
	COHERENT_RESULT(, coherent_find_addr(dev, address, info))
#define coherent_device_reset(dev) COHERENT_RESULT(, coherent_device_reset(dev))
#define coherent_device_set_mask(dev, mask)				\
	COHERENT_RESULT(, coherent_device_set_mask(dev, mask))
#define coherent_device_limits(dev, limits)				\
	COHERENT_RESULT(, coherent_device_limits(dev, limits))
#define coherent_device_next_fault(dev, fault)				\
	COHERENT_RESULT(, coherent_device_next_fault(dev, fault))
#endif

#endif
