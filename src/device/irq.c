// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An interrupt has two eventfds. The backend signals the first; a peer may have it too. Only this
 * file has the second, which says that no interrupt will come any more. It is never read, so it
 * wakes every waiting thread. A lost device wakes them too.
 */
#include <coherent/bar.h>
#include <stdlib.h>

#include "base/sys.h"
#include "device/device.h"
#include "device/irq.h"
#include "device/wait.h"
#include "memory/watch.h"

/**
 * struct coherent_irq - An open interrupt.
 * @link: In dev->irqs, whose lock guards it.
 * @dev: The device, which it holds.
 * @vector: The number of the vector.
 * @fd: Signalled on each interrupt.
 * @gone_fd: Signalled when the interrupt or the device is closed.
 * @lock: Guards what follows.
 * @waiters: Threads inside coherent_irq_wait().
 */
struct coherent_irq {
	LIST_ENTRY(coherent_irq) link;
	struct coherent_device *dev;
	unsigned int vector;
	int fd;
	int gone_fd;
	struct lock lock;
	unsigned int waiters;
};

/* The close of the device wakes the waiting threads of each interrupt in the list. */
static int enlist(struct coherent_irq *irq)
{
	struct irq_list *irqs = &irq->dev->irqs;
	struct coherent_irq *other;
	int err = 0;

	lock_take(&irqs->lock);
	LIST_FOREACH(other, &irqs->open, link)
		if (other->vector == irq->vector)
			err = -EBUSY;
	if (!err)
		LIST_INSERT_HEAD(&irqs->open, irq, link);
	lock_drop(&irqs->lock);
	return err;
}

static void delist(struct coherent_irq *irq)
{
	struct irq_list *irqs = &irq->dev->irqs;

	lock_take(&irqs->lock);
	LIST_REMOVE(irq, link);
	lock_drop(&irqs->lock);
}

static int open_fds(struct coherent_irq *irq)
{
	int err = sys_eventfd(&irq->fd);

	if (err)
		return err;
	err = sys_eventfd(&irq->gone_fd);
	if (err)
		sys_close(irq->fd);
	return err;
}

static int connect_irq(struct coherent_irq *irq)
{
	struct coherent_device *dev = irq->dev;
	int err;

	err = open_fds(irq);
	if (err == -EMFILE || err == -ENFILE) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no descriptor is left for vector %u; raise ulimit -n", dev->name,
		       irq->vector);
		err = -ENOSPC;
	}
	if (err)
		return err;
	err = enlist(irq);
	if (err) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: vector %u is open already; close it before it is opened again",
		       dev->name, irq->vector);
		goto close_fds;
	}
	err = dev->backend->ops->irq_connect(dev->backend, irq->vector, irq->fd);
	if (err)
		goto delist;
	return 0;

delist:
	delist(irq);
close_fds:
	sys_close(irq->gone_fd);
	sys_close(irq->fd);
	return err;
}

int coherent_irq_open(struct coherent_irq **irq, struct coherent_device *dev, unsigned int vector)
{
	int err = device_usable(dev);

	*irq = NULL;
	if (!err && backend_refuses(dev->backend, "coherent_irq_open()"))
		err = -EBUSY;
	if (err)
		return err;
	if (vector >= dev->backend->limits.vectors) {
		report(&dev->reporter, COHERENT_ERROR, "%s: there is no vector %u, it has %u",
		       dev->name, vector, dev->backend->limits.vectors);
		return -ENODEV;
	}
	*irq = calloc(1, sizeof(**irq));
	if (!*irq)
		return -ENOMEM;
	(*irq)->dev = dev;
	(*irq)->vector = vector;
	lock_init(&(*irq)->lock);
	/* Another thread may close the device while the backend asks a peer. */
	ref_hold(&dev->ref);
	err = connect_irq(*irq);
	if (err) {
		lock_destroy(&(*irq)->lock);
		free(*irq);
		*irq = NULL;
		ref_put(&dev->ref);
	}
	return err;
}

void coherent_irq_close(struct coherent_irq *irq)
{
	struct coherent_device *dev;

	if (!irq || device_forked(irq->dev))
		return;
	dev = irq->dev;
	if (backend_refuses(dev->backend, "coherent_irq_close()"))
		return;
	/* This fails only if the device is disconnected, and then no interrupt comes either. */
	(void)dev->backend->ops->irq_connect(dev->backend, irq->vector, -1);
	/* From here on another thread may open the vector. */
	delist(irq);
	sys_eventfd_signal(irq->gone_fd);
	lock_take(&irq->lock);
	while (irq->waiters)
		lock_wait(&irq->lock, sys_deadline_ns(SYS_NS_PER_S));
	lock_drop(&irq->lock);
	sys_close(irq->gone_fd);
	sys_close(irq->fd);
	lock_destroy(&irq->lock);
	free(irq);
	ref_put(&dev->ref);
}

void coherent_base_irq_cleanup(struct coherent_irq **irq)
{
	coherent_irq_close(*irq);
}

void irq_list_open(struct irq_list *irqs)
{
	lock_init(&irqs->lock);
	LIST_INIT(&irqs->open);
}

void irq_list_close(struct irq_list *irqs)
{
	lock_destroy(&irqs->lock);
}

void irq_list_wake(struct irq_list *irqs)
{
	struct coherent_irq *irq;

	lock_take(&irqs->lock);
	LIST_FOREACH(irq, &irqs->open, link)
		sys_eventfd_signal(irq->gone_fd);
	lock_drop(&irqs->lock);
}

static void rearm(const struct coherent_irq *irq)
{
	struct backend *backend = irq->dev->backend;

	if (backend->ops->irq_rearm)
		backend->ops->irq_rearm(backend, irq->vector);
}

static int wait_once(const struct coherent_irq *irq, uint64_t deadline_ns)
{
	struct pollfd fds[] = {
		{ .fd = irq->gone_fd, .events = POLLIN },
		{ .fd = irq->fd, .events = POLLIN },
		backend_lost_fd(irq->dev->backend),
	};
	int err = sys_wait_readable(fds, 3, deadline_ns);

	if (err)
		return err;
	if (fds[0].revents)
		return -ENODEV;
	/* An interrupt counts although the device is lost meanwhile. */
	if (fds[1].revents)
		return sys_eventfd_take(irq->fd);
	return backend_is_lost(irq->dev->backend) ? -ENODEV : -EAGAIN;
}

static int wait_in_real_time(const struct coherent_irq *irq, uint64_t timeout_ns)
{
	const uint64_t deadline_ns = sys_deadline_ns(timeout_ns);
	int err;

	/*
	 * The line of an interrupt that has come stays masked until the next wait. If it were
	 * unmasked here, the same interrupt would come again after the driver has serviced it.
	 * -EAGAIN: another thread took the interrupt, or the device was found again.
	 */
	do {
		err = wait_once(irq, 0);
		if (err != -ETIMEDOUT)
			continue;
		rearm(irq);
		err = wait_once(irq, deadline_ns);
	} while (err == -EAGAIN);
	return err;
}

/* The device cannot interrupt by itself, so it gets a step between two looks. */
static int wait_in_steps(const struct coherent_irq *irq, uint64_t timeout_ns)
{
	struct coherent_wait wait;
	int err;

	coherent_base_wait_begin(&wait, timeout_ns);
	do {
		err = wait_once(irq, 0);
		if (err != -ETIMEDOUT && err != -EAGAIN)
			return err;
		err = wait_more(&wait, irq->dev);
	} while (!err);
	return err;
}

int coherent_irq_wait(struct coherent_irq *irq, uint64_t timeout_ns)
{
	int err;

	if (!irq)
		return -EINVAL;
	err = device_usable(irq->dev);
	if (!err && backend_refuses(irq->dev->backend, "coherent_irq_wait()"))
		err = -EBUSY;
	if (err)
		return err;
	lock_take(&irq->lock);
	irq->waiters++;
	lock_drop(&irq->lock);
	err = irq->dev->backend->step_ns ? wait_in_steps(irq, timeout_ns) :
					   wait_in_real_time(irq, timeout_ns);
	/* A driver that polls the descriptor calls again only when it is readable again. */
	if (!err && !timeout_ns)
		rearm(irq);
	if (!err && irq->dev->store.watch)
		watch_interrupt(&irq->dev->store, irq->vector);
	/* ORDER: pairs with the device's DMA before the interrupt (completion.litmus). */
	coherent_rmb();
	lock_take(&irq->lock);
	irq->waiters--;
	lock_wake(&irq->lock);
	lock_drop(&irq->lock);
	return err;
}

int coherent_irq_fd(const struct coherent_irq *irq)
{
	if (!irq)
		return -EINVAL;
	return device_forked(irq->dev) ? -ENODEV : irq->fd;
}
