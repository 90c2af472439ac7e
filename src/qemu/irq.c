// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Interrupts: the mailbox and the line that the model uses, and the eventfds that wait for them.
 */
#include <stdlib.h>

#include "base/size.h"
#include "qemu/call.h"
#include "qemu/irq.h"

int qemu_irq_open_locked(struct qemu *qemu)
{
	const size_t bytes = align_up(QEMU_PCI_VECTORS_MAX * sizeof(uint32_t), sys_page_bytes());

	/* A model may have no vector, and the array must not be NULL. */
	qemu->irq_fds = malloc((qemu->pci.vectors + 1) * sizeof(*qemu->irq_fds));
	if (!qemu->irq_fds)
		return -ENOMEM;
	for (unsigned int i = 0; i < qemu->pci.vectors; i++)
		qemu->irq_fds[i] = -1;
	return qemu_iommu_map(&qemu->iommu, QEMU_IRQ_ADDRESS, QEMU_MAILBOX_AT, bytes, true);
}

static uint32_t *mailbox_of(const struct qemu *qemu)
{
	return (void *)(qemu->ram + QEMU_MAILBOX_AT);
}

/*
 * A model sends an interrupt by a write of a word that is not zero.
 * ORDER: the exchange acquires what the model wrote to memory before it wrote the word
 * (mailbox.litmus).
 */
static void poll_mailbox(struct qemu *qemu)
{
	uint32_t *mailbox = mailbox_of(qemu);

	for (unsigned int i = 0; i < qemu->pci.vectors; i++) {
		if (!__atomic_load_n(&mailbox[i], __ATOMIC_RELAXED) ||
		    !__atomic_exchange_n(&mailbox[i], 0, __ATOMIC_ACQUIRE))
			continue;
		lock_take(&qemu->lock);
		if (qemu->irq_fds[i] >= 0)
			sys_eventfd_signal(qemu->irq_fds[i]);
		lock_drop(&qemu->lock);
	}
}

/*
 * The device asserts its line until the driver has serviced it. So the line is masked after a
 * signal, as VFIO does.
 */
static void poll_line_locked(struct qemu *qemu) NEEDS_LOCK(qemu->lock)
{
	bool is_raised = false;

	if (qemu->line_is_masked || qemu->irq_fds[0] < 0 || qemu_call_begin_locked(qemu))
		return;
	if (qemu_call_result_locked(qemu, qemu_pci_read_line(&qemu->pci, &is_raised)) || !is_raised)
		return;
	qemu->line_is_masked = true;
	sys_eventfd_signal(qemu->irq_fds[0]);
}

void qemu_irq_poll(void *arg)
{
	struct qemu *qemu = arg;

	if (!qemu->pci.has_line) {
		poll_mailbox(qemu);
		return;
	}
	lock_take(&qemu->lock);
	poll_line_locked(qemu);
	lock_drop(&qemu->lock);
}

static bool has_listener_locked(const struct qemu *qemu) NEEDS_LOCK(qemu->lock)
{
	for (unsigned int i = 0; i < qemu->pci.vectors; i++)
		if (qemu->irq_fds[i] >= 0)
			return true;
	return false;
}

int qemu_irq_connect(struct backend *backend, unsigned int vector, int fd)
{
	struct qemu *qemu = (struct qemu *)backend;
	int err = 0;

	lock_take(&qemu->lock);
	if (fd >= 0)
		err = qemu_call_begin_locked(qemu);
	if (!err && fd >= 0)
		err = qemu_call_result_locked(qemu,
					      qemu_pci_enable_irqs(&qemu->pci, QEMU_IRQ_ADDRESS));
	/* An interrupt that came before the vector was connected is dropped. */
	if (!err && fd >= 0)
		__atomic_store_n(mailbox_of(qemu) + vector, 0, __ATOMIC_RELAXED);
	qemu->irq_fds[vector] = err ? -1 : fd;
	qemu->line_is_masked = false;
	/* While this thread has the lock, a close cannot end the process. */
	if (!qemu->closed)
		qemu_process_poll(&qemu->process, has_listener_locked(qemu));
	lock_drop(&qemu->lock);
	return err;
}

void qemu_irq_rearm(struct backend *backend, unsigned int vector)
{
	struct qemu *qemu = (struct qemu *)backend;

	(void)vector;
	if (!qemu->pci.has_line)
		return;
	lock_take(&qemu->lock);
	qemu->line_is_masked = false;
	lock_drop(&qemu->lock);
}
