/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A device model of QEMU's, as device.c has it.
 */
#ifndef QEMU_DEVICE_H
#define QEMU_DEVICE_H

#include <bsd/sys/tree.h>

#include "qemu/iommu.h"
#include "qemu/pci.h"
#include "qemu/process.h"

#define QEMU_MIB ((uint64_t)1 << 20)
/* Where in its memory objects are. */
#define QEMU_OBJECTS_AT (2 * QEMU_MIB)

/**
 * struct qemu_mapping - An object in QEMU's memory.
 * @node: Of qemu->mappings.
 * @at: Where it is in that memory.
 * @address: Its device address, the key.
 * @waiting: It is nobody's, and kept until a fence.
 */
struct qemu_mapping {
	RB_ENTRY(qemu_mapping) node;
	struct iova_range at;
	uint64_t address;
	bool waiting;
};

RB_HEAD(qemu_mappings, qemu_mapping);

/* The keys of its name that are not the model's. */
struct qemu_keys {
	const char *image;
	uint64_t memory;
};

/**
 * struct qemu - A device.
 * @backend: For the library.
 * @keys: As the name has them. Never change.
 * @process: QEMU.
 * @running: @process is started. Never changes.
 * @memory: File of its memory. Never changes.
 * @log: File of its messages. Never changes.
 * @ram: Its memory, here. Never changes.
 * @pci: The device as PCI has it; its BARs never change.
 * @lock: Guards what follows, and the conversation.
 * @qtest: The conversation; without descriptor if it is over.
 * @closed: The device is closed.
 * @lost: QEMU is gone.
 * @iommu: The IOMMU.
 * @space: Memory for objects.
 * @used_end: Up to here all of it was used before.
 * @mappings: Objects there.
 * @irq_fds: What to signal; -1 for nobody.
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
	struct iova_space space;
	uint64_t used_end;
	struct qemu_mappings mappings;
	int irq_fds[QEMU_PCI_VECTORS_MAX];
};

#endif
