// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Keeps the refused accesses of a model until the driver reads them. If there are too many, the rest
 * stays in the queue of QEMU, which drops those that find no place.
 */
#include "base/alive.h"
#include "device/lookup.h"
#include "qemu/call.h"
#include "qemu/fault.h"

static void keep_locked(struct qemu *qemu, const struct qemu_iommu_fault *told)
	NEEDS_LOCK(qemu->lock)
{
	struct coherent_fault *fault =
		&qemu->faults[(qemu->fault_first + qemu->fault_count++) % QEMU_FAULTS];

	*fault = (struct coherent_fault){
		.address = told->address,
		.bytes = told->bytes,
		.access = told->write ? COHERENT_ACCESS_WRITE :
			  told->read  ? COHERENT_ACCESS_READ :
					COHERENT_ACCESS_UNKNOWN,
	};
	lookup_fault(qemu->backend.dev, fault);
}

void qemu_fault_note_locked(struct qemu *qemu)
{
	const uint16_t seen = qemu->iommu.events.seen;
	struct qemu_iommu_fault told;

	while (qemu->fault_count < QEMU_FAULTS && !qemu_iommu_next_fault(&qemu->iommu, &told))
		keep_locked(qemu, &told);
	/* A close also reads faults. It must not wait for a QEMU that hangs. */
	if (qemu->iommu.events.seen != seen && alive_is_open(qemu->backend.dev->alive) &&
	    !qemu->closed && !qemu->lost)
		(void)qemu_call_result_locked(qemu, qemu_iommu_notify_events(&qemu->iommu));
}

static int take_locked(struct qemu *qemu, struct coherent_fault *fault) NEEDS_LOCK(qemu->lock)
{
	if (!qemu->fault_count)
		return qemu->closed || qemu->lost ? -ENODEV : -EAGAIN;
	*fault = qemu->faults[qemu->fault_first];
	qemu->fault_first = (qemu->fault_first + 1) % QEMU_FAULTS;
	qemu->fault_count--;
	return 0;
}

int qemu_fault_next(struct backend *backend, struct coherent_fault *fault)
{
	struct qemu *qemu = (struct qemu *)backend;
	int err;

	lock_take(&qemu->lock);
	/* A QEMU that has ended may have refused accesses before. */
	(void)qemu_call_begin_locked(qemu);
	qemu_fault_note_locked(qemu);
	err = take_locked(qemu, fault);
	lock_drop(&qemu->lock);
	return err;
}
