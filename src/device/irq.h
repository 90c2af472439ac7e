/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The open interrupts of a device.
 */
#ifndef IRQ_H
#define IRQ_H

#include <bsd/sys/queue.h>

#include "base/lock.h"

/**
 * struct irq_list - The open interrupts of a device.
 * @lock: Guards @open.
 * @open: The interrupts.
 */
struct irq_list {
	struct lock lock;
	LIST_HEAD(, coherent_irq) open;
};

/**
 * irq_list_open() - Begin without interrupts.
 * @irqs: The list.
 */
void irq_list_open(struct irq_list *irqs);

/**
 * irq_list_close() - End an empty list.
 * @irqs: The list.
 */
void irq_list_close(struct irq_list *irqs);

/**
 * irq_list_wake() - Wake the threads that wait for an interrupt: -ENODEV.
 * @irqs: The list of a device that is closed. Threads that wait later wake at once.
 */
void irq_list_wake(struct irq_list *irqs);

#endif
