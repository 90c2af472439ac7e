/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for virtio-iommu over virtio-pci (Virtual I/O Device 1.2, 5.13 and 4.1), whose
 * registers are reached by qtest and whose rings are in memory that is shared with QEMU.
 */
#ifndef QEMU_IOMMU_H
#define QEMU_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qemu/qtest.h"

/* What it takes of memory. */
#define QEMU_IOMMU_BYTES 0x8000

/**
 * struct qemu_iommu_queue - A queue of it.
 * @at: Where its rings are, in memory.
 * @notify: The register that tells of more.
 * @next: Made available so far.
 * @seen: Seen to be used.
 */
struct qemu_iommu_queue {
	uint64_t at;
	uint64_t notify;
	uint16_t next;
	uint16_t seen;
};

/**
 * struct qemu_iommu - The IOMMU.
 * @qtest: How it is reached.
 * @memory: QEMU's memory, here.
 * @at: Where in it is what it takes.
 * @endpoint: The device behind it.
 * @common: Its registers.
 * @notify: More of them.
 * @notify_step: Between those of queues.
 * @config: Its configuration.
 * @requests: The first queue.
 * @events: The second.
 * @first: First address that it translates.
 * @last: Last of them.
 */
struct qemu_iommu {
	const struct qtest *qtest;
	char *memory;
	uint64_t at;
	uint16_t endpoint;
	uint64_t common;
	uint64_t notify;
	uint32_t notify_step;
	uint64_t config;
	struct qemu_iommu_queue requests;
	struct qemu_iommu_queue events;
	uint64_t first;
	uint64_t last;
};

/**
 * struct qemu_iommu_fault - An access that it refused.
 * @address: Where.
 * @bytes: How many, up to 3 more than there were.
 * @read: It was a read.
 * @write: It was a write; neither where QEMU does not tell, as of an address without mapping.
 */
struct qemu_iommu_fault {
	uint64_t address;
	size_t bytes;
	bool read;
	bool write;
};

/**
 * qemu_iommu_start() - Start it; nothing passes it from then on that is not mapped.
 * @iommu: Its qtest, memory, at and endpoint are given.
 * @function: Which PCI function it is.
 * @bar_first: Physical addresses for its BARs.
 *
 * Return: 0; as the functions of qtest.h; -EIO (it is none, or refuses).
 */
int qemu_iommu_start(struct qemu_iommu *iommu, uint16_t function, uint64_t bar_first);

/**
 * qemu_iommu_map() - Let the device reach memory.
 * @iommu: The IOMMU.
 * @address: Device address.
 * @physical: Physical address.
 * @bytes: Whole pages.
 * @writable: Whether it may write.
 *
 * Return: 0; as the functions of qtest.h; -EIO (refused), -ENOMEM.
 */
int qemu_iommu_map(struct qemu_iommu *iommu, uint64_t address, uint64_t physical, uint64_t bytes,
		   bool writable);

/**
 * qemu_iommu_unmap() - End that. What is in flight is not waited for.
 * @iommu: The IOMMU.
 * @address: Device address.
 * @bytes: As many as were mapped.
 *
 * Return: as qemu_iommu_map().
 */
int qemu_iommu_unmap(struct qemu_iommu *iommu, uint64_t address, uint64_t bytes);

/**
 * qemu_iommu_next_fault() - The oldest refused access that was not read yet.
 * @iommu: The IOMMU.
 * @fault: Filled in.
 *
 * Return: 0; -EAGAIN (none); as the functions of qtest.h.
 */
int qemu_iommu_next_fault(struct qemu_iommu *iommu, struct qemu_iommu_fault *fault);

#endif
