// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The backend "qemu:": a device model of an installed QEMU, behind QEMU's virtio-iommu. No machine
 * boots: QEMU's processor halts, and this process drives the device over qtest.
 *
 * QEMU's memory is a file of this process. Expose copies a box to the file, and the mem stays in
 * the file until it is reclaimed or freed. A box is private memory, which QEMU cannot reach. The
 * library trusts QEMU with the file, and the IOMMU confines the device model.
 *
 * INVARIANT: a part of the file is used again only if the driver promised that the device is idle,
 * or after a reset of the bus. Otherwise a model may still hold a pointer to it, as models do while
 * they read a disk into memory.
 */
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys_file.h"
#include "base/sys_process.h"
#include "base/sys_socket.h"
#include "device/lookup.h"
#include "qemu/call.h"
#include "qemu/explain.h"
#include "qemu/fault.h"
#include "qemu/irq.h"
#include "qemu/start.h"

static struct qemu *qemu_of(struct backend *backend)
{
	return (struct qemu *)backend;
}

/* --- Mappings --- */

static int compare_mappings(const struct qemu_mapping *a, const struct qemu_mapping *b)
{
	return (a->address > b->address) - (a->address < b->address);
}

RB_GENERATE_INTERNAL(qemu_mappings, qemu_mapping, node, compare_mappings,
		     static __attribute__((unused)))

static struct qemu_mapping *find_mapping_locked(struct qemu *qemu, uint64_t address)
	NEEDS_LOCK(qemu->lock)
{
	struct qemu_mapping key = { .address = address };

	return RB_FIND(qemu_mappings, &qemu->mappings, &key);
}

static void end_mapping_locked(struct qemu *qemu, struct qemu_mapping *mapping)
	NEEDS_LOCK(qemu->lock)
{
	RB_REMOVE(qemu_mappings, &qemu->mappings, mapping);
	iova_release(&qemu->space, &mapping->at);
	free(mapping);
}

/* --- Open --- */

static int start_functions_locked(struct qemu *qemu) NEEDS_LOCK(qemu->lock)
{
	int err = qemu_pci_start(&qemu->pci, &qemu->qtest);

	qemu->iommu = (struct qemu_iommu){
		.qtest = &qemu->qtest,
		.memory = qemu->ram,
		.at = QEMU_IOMMU_AT,
		.endpoint = QEMU_PCI_FUNCTION,
	};
	if (!err)
		err = qemu_iommu_start(&qemu->iommu, QEMU_PCI_IOMMU, QEMU_PCI_IOMMU_BARS);
	return err ? err : qemu_irq_open_locked(qemu);
}

/* A vector of MSI has no word of the mailbox for itself, so a second one would overwrite the first. */
static void report_unused_vectors(const struct qemu *qemu)
{
	const struct coherent_device *dev = qemu->backend.dev;

	if (qemu->pci.msi && qemu->pci.msi_vectors > 1)
		report(&dev->reporter, COHERENT_INFO,
		       "%s: the model has %u vectors of MSI, but qemu: uses only vector 0 of MSI; "
		       "the model may have MSI-X instead",
		       dev->name, qemu->pci.msi_vectors);
}

static int open_machine(struct qemu *qemu, const struct name *name, const char *const *args)
{
	int err;

	qemu->process.poll = qemu_irq_poll;
	qemu->process.arg = qemu;
	err = qemu_start(qemu, name, args);
	if (err)
		return err;
	err = page_owner_reserve(&qemu->backend.dev->store.owners, qemu->ram,
				 qemu->keys.memory * QEMU_MIB);
	if (err)
		return err;
	lock_take(&qemu->lock);
	qemu->qtest.deadline_ns = sys_deadline_ns(QEMU_OPEN_S * SYS_NS_PER_S);
	err = start_functions_locked(qemu);
	lock_drop(&qemu->lock);
	if (err)
		return qemu_explain(qemu->backend.dev, qemu->log, qemu->process.pidfd, err);
	report_unused_vectors(qemu);
	return 0;
}

static void qemu_close(struct backend *backend)
{
	struct qemu *qemu = qemu_of(backend);
	const int fds[] = { qemu->qtest.fd, qemu->memory, qemu->log, qemu->process.pidfd };
	struct qemu_mapping *mapping;

	/* QEMU's thread polls the mailbox, so it ends before that memory is unmapped. */
	if (qemu->running)
		qemu_process_stop(&qemu->process);
	lock_take(&qemu->lock);
	while ((mapping = RB_MIN(qemu_mappings, &qemu->mappings)))
		end_mapping_locked(qemu, mapping);
	lock_drop(&qemu->lock);
	iova_close(&qemu->space);
	if (qemu->ram)
		sys_unmap(qemu->ram, qemu->keys.memory * QEMU_MIB);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			sys_close(fds[i]);
	for (char **argv = qemu->process.argv; argv && *argv; argv++)
		free(*argv);
	free(qemu->process.argv);
	lock_destroy(&qemu->lock);
	free(qemu->irq_fds);
	free(qemu);
}

static int qemu_open(struct backend **backend, struct coherent_device *dev, const struct name *name,
		     const struct coherent_open_options *options)
{
	struct qemu *qemu = calloc(1, sizeof(*qemu));
	int err;

	if (!qemu)
		return -ENOMEM;
	qemu->backend = (struct backend){
		.ops = &backend_qemu,
		.dev = dev,
		.level = COHERENT_PEER,
		.idle_is_fence = true,
		.idle_when_lost = true,
		/* The timer of edu survives a reset and then transfers to an old address. */
		.addresses_linger = true,
	};
	qemu->keys.memory = 64;
	qemu->used_end = QEMU_OBJECTS_AT;
	qemu->memory = qemu->log = qemu->qtest.fd = qemu->process.pidfd = -1;
	RB_INIT(&qemu->mappings);
	lock_init(&qemu->lock);
	err = open_machine(qemu, name, options->qemu_args);
	if (err) {
		qemu_close(&qemu->backend);
		return err;
	}
	*backend = &qemu->backend;
	return 0;
}

/* --- Expose and reclaim --- */

/*
 * A part of the file that was never used is filled with a write(). If the system has no memory
 * left, a write() returns an error, but a copy would raise SIGBUS.
 */
static int fill_locked(struct qemu *qemu, uint64_t at, const void *from, size_t bytes)
	NEEDS_LOCK(qemu->lock)
{
	if (at + bytes <= qemu->used_end) {
		memcpy(qemu->ram + at, from, bytes);
		return 0;
	}
	if (sys_write_more(qemu->memory, at, from, bytes))
		return -ENOMEM;
	if (at <= qemu->used_end)
		qemu->used_end = at + bytes;
	return 0;
}

static int copy_and_map_locked(struct qemu *qemu, const struct qemu_mapping *mapping,
			       const struct backend_mapping *asked) NEEDS_LOCK(qemu->lock)
{
	const uint64_t at = mapping->at.first;
	int err = fill_locked(qemu, at, asked->va, asked->bytes);

	if (err)
		return err;
	return qemu_call_result_locked(
		qemu, qemu_iommu_map(&qemu->iommu, asked->address, at, asked->bytes,
				     asked->permission != COHERENT_READ_ONLY));
}

/* Consumes @mapping: the tree of mappings owns it, or it is freed after an error. */
static int expose_locked(struct qemu *qemu, struct qemu_mapping *mapping,
			 const struct backend_mapping *asked) NEEDS_LOCK(qemu->lock)
{
	const struct iova_want want = { .bytes = asked->bytes, .align = sys_page_bytes() };
	int err = qemu_call_begin_locked(qemu);

	mapping->address = asked->address;
	mapping->va = asked->va;
	mapping->bytes = asked->bytes;
	if (!err)
		err = iova_reserve(&qemu->space, &want, &mapping->at);
	if (err)
		goto free_mapping;
	RB_INSERT(qemu_mappings, &qemu->mappings, mapping);
	err = copy_and_map_locked(qemu, mapping, asked);
	if (err)
		goto remove_mapping;
	return 0;

remove_mapping:
	RB_REMOVE(qemu_mappings, &qemu->mappings, mapping);
	iova_release(&qemu->space, &mapping->at);
free_mapping:
	free(mapping);
	return err;
}

static void *qemu_cpu_view(struct backend *backend, uint64_t address)
{
	struct qemu *qemu = qemu_of(backend);
	void *va;

	lock_take(&qemu->lock);
	va = qemu->ram + find_mapping_locked(qemu, address)->at.first;
	lock_drop(&qemu->lock);
	return va;
}

static int qemu_map(struct backend *backend, const struct backend_mapping *asked)
{
	struct qemu *qemu = qemu_of(backend);
	struct qemu_mapping *mapping = calloc(1, sizeof(*mapping));
	int err;

	if (!mapping)
		return -ENOMEM;
	lock_take(&qemu->lock);
	err = expose_locked(qemu, mapping, asked);
	lock_drop(&qemu->lock);
	return err == -ENOSPC ? -ENOBUFS : err;
}

/* Returns how many MiB QEMU needs to have room for another object, as a power of two. */
static uint64_t wanted_memory(const struct qemu *qemu, size_t bytes)
{
	uint64_t wanted = 2 * qemu->keys.memory;

	while (wanted < QEMU_MEMORY_MAX && wanted - qemu->keys.memory <= bytes / QEMU_MIB)
		wanted *= 2;
	return wanted < QEMU_MEMORY_MAX ? wanted : QEMU_MEMORY_MAX;
}

static void explain_map(struct backend *backend, size_t bytes, int err)
{
	const struct qemu *qemu = qemu_of(backend);

	if (err == -ENOBUFS)
		report(&backend->dev->reporter, COHERENT_WARNING,
		       "%s: QEMU's memory of %" PRIu64
		       " MiB is full; free mems and call coherent_device_fence(), or open the device "
		       "with the key memory=%" PRIu64 "; the most is %u",
		       backend->dev->name, qemu->keys.memory, wanted_memory(qemu, bytes),
		       QEMU_MEMORY_MAX);
}

/*
 * If QEMU does not confirm the unmapping, the device may still reach the memory. Then the library
 * kills QEMU.
 */
static void unmap_locked(struct qemu *qemu, const struct backend_mapping *asked)
	NEEDS_LOCK(qemu->lock)
{
	int err;

	if (qemu_call_begin_locked(qemu))
		return;
	/* Later the fault of a read-only mem would look like one of freed memory. */
	qemu_fault_note_locked(qemu);
	if (qemu->lost)
		return;
	err = qemu_iommu_unmap(&qemu->iommu, asked->address, asked->bytes);
	if (err)
		qemu_call_lose_locked(qemu, err == -ENOMEM ? -EIO : err);
}

/* The file belongs to this process, so the contents are there even if QEMU is gone. */
static void copy_back_locked(struct qemu *qemu, const struct qemu_mapping *mapping)
	NEEDS_LOCK(qemu->lock)
{
	memcpy(mapping->va, qemu->ram + mapping->at.first, mapping->bytes);
}

static void take_back_locked(struct qemu *qemu, struct qemu_mapping *mapping) NEEDS_LOCK(qemu->lock)
{
	copy_back_locked(qemu, mapping);
	end_mapping_locked(qemu, mapping);
}

static int qemu_unmap(struct backend *backend, const struct backend_mapping *asked, bool idle)
{
	struct qemu *qemu = qemu_of(backend);
	struct qemu_mapping *mapping;
	bool is_closed;

	lock_take(&qemu->lock);
	mapping = find_mapping_locked(qemu, asked->address);
	is_closed = qemu->closed;
	if (!is_closed)
		unmap_locked(qemu, asked);
	/* After the close a reclaim fails and leaves the mem where it is, until the driver frees it. */
	if (is_closed)
		copy_back_locked(qemu, mapping);
	else if (idle)
		take_back_locked(qemu, mapping);
	else
		mapping->waiting = true;
	lock_drop(&qemu->lock);
	return is_closed ? -ENODEV : 0;
}

/* --- Fence --- */

static void end_waiting_locked(struct qemu *qemu) NEEDS_LOCK(qemu->lock)
{
	struct qemu_mapping *mapping, *next;

	RB_FOREACH_SAFE(mapping, qemu_mappings, &qemu->mappings, next)
		if (mapping->waiting)
			take_back_locked(qemu, mapping);
}

/* After a reset of the bus no model holds a pointer to freed memory. */
static int fence_locked(struct qemu *qemu) NEEDS_LOCK(qemu->lock)
{
	int err;

	err = qemu_call_begin_locked(qemu);
	if (!err)
		err = qemu_call_result_locked(qemu, qemu_pci_reset(&qemu->pci));
	if (!err)
		end_waiting_locked(qemu);
	return err;
}

static int qemu_fence(struct backend *backend)
{
	struct qemu *qemu = qemu_of(backend);
	int err;

	lock_take(&qemu->lock);
	err = fence_locked(qemu);
	lock_drop(&qemu->lock);
	return err;
}

/* --- Close, limits, registers and interrupts --- */

static void qemu_disconnect(struct backend *backend)
{
	struct qemu *qemu = qemu_of(backend);

	/*
	 * The flag is set before QEMU ends. So no thread mistakes its end for a loss, and no
	 * thread connects an interrupt.
	 */
	lock_take(&qemu->lock);
	qemu->closed = true;
	lock_drop(&qemu->lock);
	if (qemu->running)
		qemu_process_stop(&qemu->process);
	qemu->running = false;
	lock_take(&qemu->lock);
	end_waiting_locked(qemu);
	lock_drop(&qemu->lock);
}

static void qemu_limits(struct backend *backend, struct coherent_limits *limits)
{
	const struct qemu *qemu = qemu_of(backend);

	*limits = (struct coherent_limits){
		.mask = UINT64_MAX,
		.ranges = { { qemu->iommu.first, QEMU_IRQ_ADDRESS - 1 },
			    { QEMU_IRQ_ADDRESS_LAST + 1, qemu->iommu.last } },
		.range_count = 2,
		.page_bytes = sys_page_bytes(),
		.mappings = SIZE_MAX,
		.vectors = qemu->pci.vectors,
	};
	for (unsigned int i = 0; i < 6; i++)
		limits->bar_bytes[i] = qemu->pci.bars[i].bytes;
}

static uint64_t qemu_reg_read(struct backend *backend, unsigned int bar, uint64_t offset,
			      unsigned int width)
{
	struct qemu *qemu = qemu_of(backend);
	uint64_t value = UINT64_MAX;
	int err;

	lock_take(&qemu->lock);
	err = qemu_call_begin_locked(qemu);
	if (!err)
		err = qemu_call_result_locked(qemu, qemu_pci_reg_read(&qemu->pci, bar, offset,
								      width, &value));
	lock_drop(&qemu->lock);
	return err ? UINT64_MAX : value;
}

static void qemu_reg_write(struct backend *backend, unsigned int bar, uint64_t offset,
			   unsigned int width, uint64_t value)
{
	struct qemu *qemu = qemu_of(backend);

	lock_take(&qemu->lock);
	if (!qemu_call_begin_locked(qemu))
		(void)qemu_call_result_locked(qemu, qemu_pci_reg_write(&qemu->pci, bar, offset,
								       width, value));
	lock_drop(&qemu->lock);
}

static int qemu_config(struct backend *backend, struct backend_config *access)
{
	struct qemu *qemu = qemu_of(backend);
	int err;

	if (access->offset >= PCI_CFG_SPACE_SIZE)
		return -ERANGE;
	lock_take(&qemu->lock);
	err = qemu_call_begin_locked(qemu);
	if (!err)
		err = qemu_call_result_locked(qemu, qtest_config_access(&qemu->qtest,
									QEMU_PCI_FUNCTION, access));
	lock_drop(&qemu->lock);
	return err;
}

static struct pollfd qemu_lost_fd(const struct backend *backend)
{
	return (struct pollfd){ .fd = ((const struct qemu *)backend)->process.pidfd,
				.events = POLLIN };
}

static bool qemu_is_lost(struct backend *backend)
{
	struct qemu *qemu = qemu_of(backend);
	bool is_lost;

	lock_take(&qemu->lock);
	if (!qemu->closed && !qemu->lost && !sys_wait_socket(qemu->process.pidfd, POLLIN, 0))
		qemu_call_lose_locked(qemu, -EPIPE);
	is_lost = qemu->closed || qemu->lost;
	lock_drop(&qemu->lock);
	return is_lost;
}

const struct backend_ops backend_qemu = {
	.scheme = "qemu",
	.options = BACKEND_TAKES_QEMU_ARGS,
	.memory_kind = BACKEND_MEMORY_FILES,
	.open = qemu_open,
	.disconnect = qemu_disconnect,
	.close = qemu_close,
	.limits = qemu_limits,
	.map = qemu_map,
	.explain = explain_map,
	.cpu_view = qemu_cpu_view,
	.unmap = qemu_unmap,
	.fence = qemu_fence,
	.reset = qemu_fence,
	.next_fault = qemu_fault_next,
	.config = qemu_config,
	.reg_read = qemu_reg_read,
	.reg_write = qemu_reg_write,
	.irq_connect = qemu_irq_connect,
	.irq_rearm = qemu_irq_rearm,
	.lost_fd = qemu_lost_fd,
	.is_lost = qemu_is_lost,
};
