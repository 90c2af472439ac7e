/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for virtio-iommu over virtio-pci (Virtual I/O Device 1.2, 5.13 and 4.1). It reaches the
 * registers by qtest. Its rings are in memory that this process shares with QEMU.
 */
#ifndef QEMU_IOMMU_H
#define QEMU_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qemu/qtest.h"

/* The size of its rings, requests and events in QEMU's memory. */
#define QEMU_IOMMU_BYTES 0x8000

/**
 * struct qemu_iommu_queue - A queue of the IOMMU.
 * @at: The offset of the rings in the memory of the IOMMU.
 * @notify: The address of the register that tells QEMU of new entries.
 * @next: The number of entries made available so far.
 * @seen: The number of used entries seen so far.
 */
struct qemu_iommu_queue {
	uint64_t at;
	uint64_t notify;
	uint16_t next;
	uint16_t seen;
};

/**
 * struct qemu_iommu - The IOMMU.
 * @qtest: The connection to QEMU.
 * @memory: QEMU's memory, mapped into this process.
 * @at: The offset in @memory of the part that the IOMMU uses.
 * @endpoint: The number of the device behind the IOMMU.
 * @common: The physical address of the common configuration registers.
 * @notify: The physical address of the notification registers.
 * @notify_step: The distance between the notification registers of two queues.
 * @config: The physical address of the configuration of virtio-iommu.
 * @requests: The request queue.
 * @events: The event queue.
 * @first: The first device address that the IOMMU translates.
 * @last: The last one.
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
 * struct qemu_iommu_fault - An access that the IOMMU refused. If QEMU does not say whether it was
 *	a read or a write, @read and @write are false, as for an address without a mapping.
 * @address: The device address.
 * @bytes: The number of bytes, which can be up to 3 more than the device accessed.
 * @read: The access was a read.
 * @write: The access was a write.
 */
struct qemu_iommu_fault {
	uint64_t address;
	size_t bytes;
	bool read;
	bool write;
};

/**
 * qemu_iommu_start() - Start the IOMMU. From then on the device reaches only mapped memory.
 * @iommu: The IOMMU; qtest, memory, at and endpoint are filled in.
 * @function: The PCI function of the IOMMU.
 * @bar_first: The first physical address for the BARs of the IOMMU.
 *
 * Return: 0; -EIO (the function is not a virtio-iommu, or it refuses), or an error of qtest.h.
 */
int qemu_iommu_start(struct qemu_iommu *iommu, uint16_t function, uint64_t bar_first);

/**
 * qemu_iommu_map() - Let the device reach memory.
 * @iommu: The IOMMU.
 * @address: The device address.
 * @physical: The physical address.
 * @bytes: The size in whole pages.
 * @writable: Whether the device may write.
 *
 * Return: 0; -EIO (the IOMMU refuses), -ENOMEM, or an error of qtest.h.
 */
int qemu_iommu_map(struct qemu_iommu *iommu, uint64_t address, uint64_t physical, uint64_t bytes,
		   bool writable);

/**
 * qemu_iommu_unmap() - End a mapping. The function does not wait for accesses in flight.
 * @iommu: The IOMMU.
 * @address: The device address.
 * @bytes: The size of the mapping.
 *
 * Return: as qemu_iommu_map().
 */
int qemu_iommu_unmap(struct qemu_iommu *iommu, uint64_t address, uint64_t bytes);

/**
 * qemu_iommu_next_fault() - Take the oldest refused access that was not read yet. The function does
 *	not ask QEMU. The accesses of other devices are dropped.
 * @iommu: The IOMMU.
 * @fault: Receives the access.
 *
 * Return: 0; -EAGAIN (there is none).
 */
int qemu_iommu_next_fault(struct qemu_iommu *iommu, struct qemu_iommu_fault *fault);

/**
 * qemu_iommu_notify_events() - Tell QEMU that it may use the places of the faults that were taken.
 * @iommu: The IOMMU.
 *
 * Return: 0, or an error of qtest.h.
 */
int qemu_iommu_notify_events(struct qemu_iommu *iommu);

#endif
