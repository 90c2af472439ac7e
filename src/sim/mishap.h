/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Mishaps of a device as a whole, which the keys of its name ask for: it is unplugged or stuck, its
 * interrupts are lost or come without a cause, and calls of the driver fail. The DMA engine has
 * the mishaps of single accesses.
 */
#ifndef SIM_MISHAP_H
#define SIM_MISHAP_H

#include "sim/sim.h"

/**
 * sim_mishap_open() - Prepare for the mishaps of a device.
 * @sim: The device, with its keys.
 *
 * Return: 0; -ENOSPC (no file descriptor is left), -ENOMEM.
 */
int sim_mishap_open(struct coherent_sim *sim);

/**
 * sim_mishap_close() - End that.
 * @sim: The device.
 */
void sim_mishap_close(struct coherent_sim *sim);

/**
 * sim_mishap_after_access_locked() - Let happen what follows an access to a register.
 * @sim: The device. The caller runs as in a callback.
 * @is_write: The access was a write.
 *
 * Return: whether the device is unplugged now. The caller calls sim_mishap_report_unplug() when it
 * has dropped the lock, so that a report function may use the device.
 */
bool sim_mishap_after_access_locked(struct coherent_sim *sim, bool is_write) NEEDS_LOCK(sim->lock);

/**
 * sim_mishap_report_unplug() - Report that the key "unplug" took the device away.
 * @sim: The device.
 */
void sim_mishap_report_unplug(const struct coherent_sim *sim);

/**
 * sim_mishap_loses_irq() - Whether the interrupt that the model raises now is lost.
 * @sim: The device. A callback of it runs.
 */
bool sim_mishap_loses_irq(struct coherent_sim *sim);

/**
 * sim_mishap_irq_open() - Whether the opening of an interrupt fails.
 * @sim: The device.
 *
 * Return: 0; -EIO.
 */
int sim_mishap_irq_open(struct coherent_sim *sim);

/* These are functions of struct backend_ops. */
int sim_mishap_bar_open(struct backend *backend);
int sim_mishap_allocate(struct backend *backend);
struct pollfd sim_mishap_lost_fd(const struct backend *backend);
bool sim_mishap_is_lost(struct backend *backend);

#endif
