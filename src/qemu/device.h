/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A device of QEMU, as device.c keeps it. start.c fills in a part of the struct.
 *
 * The lock of struct qemu is held during every exchange with QEMU. The thread of process.c takes it
 * when an interrupt comes.
 */
#ifndef QEMU_DEVICE_H
#define QEMU_DEVICE_H

#include <bsd/sys/tree.h>

#include "qemu/iommu.h"
#include "qemu/pci.h"
#include "qemu/process.h"

#define QEMU_MIB ((uint64_t)1 << 20)
/* The layout of QEMU's memory: the queues of the IOMMU, the mailbox for interrupts, the objects. */
#define QEMU_IOMMU_AT QEMU_MIB
#define QEMU_MAILBOX_AT (QEMU_IOMMU_AT + QEMU_IOMMU_BYTES)
#define QEMU_OBJECTS_AT (2 * QEMU_MIB)
/* The most MiB that the key memory gives to QEMU. */
#define QEMU_MEMORY_MAX 2048
#define QEMU_FAULTS 64

/**
 * struct qemu_mapping - The place of a mem in the memory of QEMU.
 * @node: The entry in the tree @mappings of struct qemu.
 * @at: The range of the file.
 * @address: The device address, which is the key of the tree.
 * @va: The pages of the object, which get the contents back when the mapping ends.
 * @bytes: Their size.
 * @waiting: The mem was freed while the device may have been using it. The range is kept until a
 *	fence.
 */
struct qemu_mapping {
	RB_ENTRY(qemu_mapping) node;
	struct iova_range at;
	uint64_t address;
	void *va;
	size_t bytes;
	bool waiting;
};

RB_HEAD(qemu_mappings, qemu_mapping);

/**
 * struct qemu_keys - The keys of a device name that the library reads itself.
 * @image: The file of a disk; NULL for a disk of zeros.
 * @memory: The size of QEMU's memory in MiB.
 */
struct qemu_keys {
	const char *image;
	uint64_t memory;
};

/**
 * struct qemu - A device.
 * @backend: The part that the library knows.
 * @keys: The keys of the device name. Never change.
 * @process: The process of QEMU.
 * @running: @process was started and not stopped. Only open, disconnect and close use it.
 * @memory: The descriptor of the file that is QEMU's memory. Never changes.
 * @log: The descriptor of the file that QEMU writes its messages to. Never changes.
 * @ram: QEMU's memory, mapped into this process. Never changes.
 * @pci: The PCI function of the device. Its BARs never change.
 * @lock: Guards the fields below, and each exchange with QEMU.
 * @qtest: The connection to QEMU.
 * @closed: The device is closed.
 * @lost: QEMU is gone.
 * @iommu: The driver of QEMU's IOMMU.
 * @faults: A ring of the refused accesses that the driver has not read yet.
 * @fault_first: The index of the oldest one.
 * @fault_count: Their number.
 * @space: The free ranges of @memory for objects.
 * @used_end: The end of the part of @memory that was used before.
 * @mappings: The mems in @memory.
 * @irq_fds: The eventfd of each vector; -1 if no thread waits for it.
 * @line_is_masked: An INTx was signalled, and no thread has waited for the next one yet.
 */
struct qemu {
	struct backend backend;
	struct qemu_keys keys;
	struct qemu_process process;
	bool running;
	int memory;
	int log;
	char *ram;
	struct qemu_pci pci;
	struct lock lock;
	struct qtest qtest;
	bool closed;
	bool lost;
	struct qemu_iommu iommu;
	struct coherent_fault faults[QEMU_FAULTS];
	unsigned int fault_first;
	unsigned int fault_count;
	struct iova_space space;
	uint64_t used_end;
	struct qemu_mappings mappings;
	int *irq_fds;
	bool line_is_masked;
};

#endif
