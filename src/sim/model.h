/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The built-in device models: the devices that a name such as sim:edu opens. A built-in model uses
 * nothing of the library but coherent/sim.h, as the model of a driver does.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <coherent/sim.h>

/**
 * struct sim_builtin - A built-in model.
 * @model: The model. Its name is the part of the device name after "sim:".
 * @state_bytes: The size of the state that each device has. The state is zeroed at open, and the
 *	callbacks get it as their argument.
 */
struct sim_builtin {
	struct coherent_sim_model model;
	size_t state_bytes;
};

extern const struct sim_builtin sim_edu;
extern const struct sim_builtin sim_ring;

#endif
