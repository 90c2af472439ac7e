/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A mock of a kernel with VFIO and iommufd. It keeps the files of /sys and /dev in a directory of
 * its own and answers the ioctls of the nodes there. Opening a node fails with EACCES, EPERM or
 * ENODEV if its mode is 0, 1 or 2, and with EBUSY if it is a directory. A device is a file. Each
 * region is a MiB of it; the eighth is the configuration space.
 */
#ifndef MOCK_H
#define MOCK_H

#include <stdint.h>

#include "../inject.h"

#define MOCK_REGION_BYTES (UINT64_C(1) << 20)
#define MOCK_MAPPINGS_MAX 70000
#define MOCK_RANGES_MAX 80
/* As many as MSI-X has. */
#define MOCK_VECTORS_MAX 2048
/* The only IOAS. */
#define MOCK_IOAS 7

/**
 * struct mock_mapping - Memory that a device can reach.
 * @iova: The device address.
 * @bytes: The size; 0 for a free slot.
 * @va: The memory.
 * @flags: VFIO_DMA_MAP_FLAG_READ and VFIO_DMA_MAP_FLAG_WRITE.
 */
struct mock_mapping {
	uint64_t iova;
	uint64_t bytes;
	uint64_t va;
	uint32_t flags;
};

/**
 * struct mock - The properties of the kernel, and the state that the library has set.
 * @no_type1: The kernel has no type1v2.
 * @not_viable: The group is not viable.
 * @unsafe: The IOMMU does not remap interrupts.
 * @no_frames: The pagemap hides physical addresses.
 * @absent: The kernel is moving the pages, so that they have no frame.
 * @gone: The device is unplugged.
 * @refuse: The result of the next ioctl of that request, see mock_refuse().
 * @refuse_map: The negative result of the next map; 0 to let it succeed.
 * @refuse_unmap: The negative result of the next unmap; 0 to let it succeed.
 * @find_less: The next unmap returns that it found nothing.
 * @memlock: The number of bytes that can be pinned.
 * @mappings_max: The maximum of mappings of a container.
 * @last: The last address of the address space.
 * @hole: The first and the last address of a range that the IOMMU does not translate.
 * @holes: Pages below @hole that the IOMMU does not translate; 0 ends the list.
 * @no_ranges: A container does not give the ranges that the IOMMU translates.
 * @page_sizes: A bit for each page size of the IOMMU, as a container gives them.
 * @alignment: The page size of the IOMMU, as iommufd gives it.
 * @can_reset: The device has a reset.
 * @random: The number that the kernel gives as a random one.
 * @no_random: The kernel has no random numbers yet.
 * @at_barrier: Called when the library makes all threads pass a barrier; NULL to call nothing.
 * @busy_resets: The number of resets that fail with -EAGAIN, as if the device were locked.
 * @no_mmap: The BARs cannot be mapped.
 * @config_bytes: The size of configuration space; 0 for 4096.
 * @irqs: The numbers of INTx, MSI and MSI-X vectors.
 * @no_eventfd: Whether the kernel does not signal an eventfd for this kind of interrupt.
 * @not_pci: The device is on another bus.
 * @vectors_max: The number of vectors that the kernel has for the device.
 * @adds_vectors: The kernel can enable a vector of MSI-X while others are enabled.
 * @lies_about_vectors: The kernel says that it can add vectors, but cannot.
 * @mappings: The mappings.
 * @count: The number of mappings.
 * @ioctls: The number of ioctls.
 * @pinned: The number of bytes that are pinned.
 * @may_barrier: The process has said that it will use such barriers.
 * @resets: How often the device was reset while bus mastering was off.
 * @unmasks: How often the INTx was unmasked.
 * @request_fd: The eventfd that the kernel signals if it wants the device back.
 * @intx: Whether the device asserts its INTx; see mock_intx().
 * @masked: Whether vfio-pci has masked the INTx.
 * @irq_index: The kind of interrupt that is enabled.
 * @irq_count: The number of enabled vectors; 0 for none. Vectors that were added do not count.
 * @irq_has: Whether the kernel has taken a vector for the device.
 * @irqs_taken: The number of these.
 * @irq_fds: The eventfd of each vector.
 * @irq_changes: How often each vector was set up.
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
	uint64_t random;
	bool no_random;
	void (*at_barrier)(void);
	unsigned int busy_resets;
	bool no_mmap;
	uint64_t config_bytes;
	unsigned int irqs[3];
	bool no_eventfd[3];
	bool not_pci;
	unsigned int vectors_max;
	bool adds_vectors;
	bool lies_about_vectors;
	struct mock_mapping mappings[MOCK_MAPPINGS_MAX];
	size_t count;
	unsigned int ioctls;
	uint64_t pinned;
	bool may_barrier;
	unsigned int resets;
	unsigned int unmasks;
	int32_t request_fd;
	uint32_t irq_index;
	uint32_t irq_count;
	bool irq_has[MOCK_VECTORS_MAX];
	unsigned int irqs_taken;
	int32_t irq_fds[MOCK_VECTORS_MAX];
	unsigned int irq_changes[MOCK_VECTORS_MAX];
	bool intx;
	bool masked;
} mock;

/* Boots. The devices 0000:00:01.0 and 0000:00:02.0 are in groups 1 and 2, bound to vfio-pci. */
void mock_boot(void);

/* Removes the files of the mock. */
void mock_halt(void);

/* Runs a shell command in the directory of the mock. */
void mock_shell(const char *format);

/* Makes the next ioctl of that request return @err, which may be positive. */
void mock_refuse(unsigned long request, int err);

/* Returns the mapping that begins at an address, or NULL. */
const struct mock_mapping *mock_find(uint64_t iova);

/* Returns the physical address of memory, which a device without an IOMMU uses. */
uint64_t mock_physical(uint64_t va);

/* Makes the device assert or deassert its INTx. */
void mock_intx(bool asserted);

/* Reads a word of a device's configuration space. */
uint16_t mock_config(const char *bdf, unsigned int offset);

#endif
