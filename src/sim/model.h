/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The device models that are built in. They use nothing but coherent/sim.h.
 */
#ifndef SIM_MODELS_H
#define SIM_MODELS_H

#include <coherent/sim.h>

/**
 * struct sim_builtin - A built-in model.
 * @model: The model; its name is what stands in a device name.
 * @state_bytes: Of what each device's callbacks get as arg, zeroed.
 */
struct sim_builtin {
	struct coherent_sim_model model;
	size_t state_bytes;
};

extern const struct sim_builtin sim_edu;
extern const struct sim_builtin sim_ring;

#endif
