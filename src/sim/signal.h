/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Signals the eventfds of interrupts.
 */
#ifndef SIM_SIGNAL_H
#define SIM_SIGNAL_H

#include "sim/sim.h"

/**
 * sim_signal() - Signal a vector, if a thread waits for it. The caller runs in a callback.
 * @sim: The device.
 * @vector: The vector, which the model has.
 */
void sim_signal(struct coherent_sim *sim, unsigned int vector);

#endif
