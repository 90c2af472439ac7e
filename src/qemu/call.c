// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Limits the time of a call of the driver, and gives up a QEMU that does not answer as it must. The
 * first error of a QEMU is reported, and no call asks that QEMU again.
 */
#include "base/sys_process.h"
#include "qemu/call.h"
#include "qemu/explain.h"

/* The time that QEMU has to answer all that one call of the driver asks. */
#define CALL_NS (10 * SYS_NS_PER_S)

int qemu_call_begin_locked(struct qemu *qemu)
{
	if (qemu->closed || qemu->lost)
		return -ENODEV;
	qemu->qtest.deadline_ns = sys_deadline_ns(CALL_NS);
	return 0;
}

static void report_loss(const struct qemu *qemu, int err)
{
	const struct coherent_device *dev = qemu->backend.dev;

	if (err == -ETIMEDOUT)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: QEMU did not answer in time and was killed", dev->name);
	else if (err == -EPROTO)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: QEMU sent a malformed reply and was killed", dev->name);
	else if (err == -EIO)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: QEMU's IOMMU did not unmap memory, so QEMU was killed", dev->name);
	else
		qemu_explain_loss(dev, qemu->log, qemu->process.pidfd);
}

int qemu_call_lose_locked(struct qemu *qemu, int err)
{
	if (!qemu->lost)
		report_loss(qemu, err);
	qemu->lost = true;
	sys_pidfd_kill(qemu->process.pidfd);
	if (err == -EPROTO || err == -EIO)
		return -EIO;
	return err == -ETIMEDOUT ? err : -ENODEV;
}

static bool is_loss(int err)
{
	return err == -ETIMEDOUT || err == -EPIPE || err == -EPROTO;
}

int qemu_call_result_locked(struct qemu *qemu, int err)
{
	return is_loss(err) ? qemu_call_lose_locked(qemu, err) : err;
}
