/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A kernel with VFIO and iommufd, as far as the library can tell: what is below /sys and
 * /dev is in a directory of its own, and the ioctls of the nodes there are answered here.
 * A node of mode 0, 1, 2 is refused: EACCES, EPERM, ENODEV; one that is a directory is EBUSY.
 * A device is a file: each region is a MiB of it, the configuration space the eighth.
 */
#ifndef MOCK_H
#define MOCK_H

#include <stdint.h>

#include "../inject.h"

#define MOCK_REGION_BYTES (UINT64_C(1) << 20)
#define MOCK_MAPPINGS_MAX 70000
#define MOCK_RANGES_MAX 80
/* The only IOAS there is. */
#define MOCK_IOAS 7

/**
 * struct mock_mapping - What a device can reach.
 * @iova: Where.
 * @bytes: How much; 0 for a free slot.
 * @va: The memory.
 * @flags: VFIO_DMA_MAP_FLAG_READ, _WRITE.
 */
struct mock_mapping {
	uint64_t iova;
	uint64_t bytes;
	uint64_t va;
	uint32_t flags;
};

/**
 * struct mock - What the kernel is like, and what was done to it.
 * @no_type1: It has no type1v2.
 * @not_viable: The group is not.
 * @unsafe: The IOMMU does not remap interrupts.
 * @no_frames: It does not tell where memory is.
 * @absent: Memory is on its way to somewhere else.
 * @gone: The device is unplugged.
 * @refuse: What the next ioctl of that request answers, see mock_refuse().
 * @refuse_map: What the next map answers, negative; 0 for what it would.
 * @refuse_unmap: The same of unmap.
 * @find_less: The next unmap says that it found nothing.
 * @memlock: Bytes that can be pinned.
 * @mappings_max: Mappings that a container has room for.
 * @last: Of the address space; @hole is where it does not translate.
 * @holes: Pages where it does not translate either, below @hole; 0 for no more.
 * @no_ranges: A container does not say so.
 * @page_sizes: Of the IOMMU, a bit each, as a container says it.
 * @alignment: The same as iommufd does.
 * @can_reset: The device has a reset.
 * @busy_resets: How many resets are -EAGAIN, as somebody has the device's lock.
 * @no_mmap: Its BARs cannot be mapped.
 * @irqs: How many INTx, MSI and MSI-X there are.
 * @no_eventfd: Which of them no eventfd can be had of.
 * @not_pci: It is a device of another bus.
 * @vectors_max: How many vectors the kernel has for it.
 * @mappings: What is mapped.
 * @count: How many there are.
 * @pinned: How many bytes.
 * @resets: How often the device was reset, bus master off.
 * @unmasks: How often the INTx was unmasked.
 * @request_fd: To be signalled when the kernel wants the device back.
 * @intx: The device asserts its INTx; see mock_intx().
 * @masked: vfio-pci has masked it.
 * @irq_index: Which interrupts are enabled, @irq_count of them, 0 for none; and
 *	@irq_fds of each.
 * @irq_changes: How often each of them was set up.
 */
extern struct mock {
	bool no_type1;
	bool not_viable;
	bool unsafe;
	bool no_frames;
	bool absent;
	bool gone;
	struct {
		unsigned long request;
		int err;
	} refuse;
	int refuse_map;
	int refuse_unmap;
	bool find_less;
	uint64_t memlock;
	size_t mappings_max;
	uint64_t last;
	uint64_t hole[2];
	uint64_t holes[MOCK_RANGES_MAX - 1];
	bool no_ranges;
	uint64_t page_sizes;
	uint64_t alignment;
	bool can_reset;
	unsigned int busy_resets;
	bool no_mmap;
	unsigned int irqs[3];
	bool no_eventfd[3];
	bool not_pci;
	unsigned int vectors_max;
	struct mock_mapping mappings[MOCK_MAPPINGS_MAX];
	size_t count;
	uint64_t pinned;
	unsigned int resets;
	unsigned int unmasks;
	int32_t request_fd;
	uint32_t irq_index;
	uint32_t irq_count;
	int32_t irq_fds[64];
	unsigned int irq_changes[64];
	bool intx;
	bool masked;
} mock;

/* A kernel with 0000:00:01.0 and 0000:00:02.0 in groups 1 and 2, both vfio-pci's. */
void mock_boot(void);

/* Its files are gone. */
void mock_halt(void);

/* A file of it, for a shell command with %s for the directory. */
void mock_shell(const char *format);

/* The next ioctl of that request is refused: answered, if @err is positive. */
void mock_refuse(unsigned long request, int err);

/* The only mapping at an address, or NULL. */
const struct mock_mapping *mock_find(uint64_t iova);

/* Where memory is that somebody without an IOMMU asks for. */
uint64_t mock_physical(uint64_t va);

/* The device asserts its INTx, or does so no more. */
void mock_intx(bool asserted);

/* A word of a device's configuration space. */
uint16_t mock_config(const char *bdf, unsigned int offset);

#endif
