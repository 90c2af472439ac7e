/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The keys of a sim: device, and the choice of its device model.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <coherent/sim.h>

#include "base/name.h"

#define SIM_VECTORS_MAX 32

/**
 * struct sim_options - The keys of a sim: device; coherent/sim.h explains them.
 * @mask: The number of address bits; 0 for those of the model.
 * @step: 1 if the key is given.
 * @seed: The seed; 0 if none is given.
 * @delay: The number of ticks.
 * @torn: 1 if the key is given.
 * @late: 1 if the key is given.
 * @lazy: 1 if the key is given.
 * @exact: 1 if the key is given.
 * @maps: The largest number of mappings at a time; 0 for no limit.
 * @fail_map: The number of the mapping that fails; 0 for none.
 * @fail_unmap: The number of the unmapping that fails; 0 for none.
 * @fail_alloc: The number of the allocation that fails; 0 for none.
 * @fail_bar: The number of the opening of a BAR that fails; 0 for none.
 * @fail_irq: The number of the opening of an interrupt that fails; 0 for none.
 * @unplug: The number of register accesses after which the device is gone; 0 for never.
 * @stuck: The number of register writes after which the device stops its work; 0 for never.
 * @drop_irq: The number of the interrupt that is lost; 0 for none. With a seed, one in so many is.
 * @extra_irq: The number of the register write that raises an interrupt; as @drop_irq.
 * @drop_write: The number of the DMA write that is lost; as @drop_irq.
 * @repeat_write: The number of the DMA write that arrives twice; as @drop_irq.
 */
struct sim_options {
	uint64_t mask;
	uint64_t step;
	uint64_t seed;
	uint64_t delay;
	uint64_t torn;
	uint64_t late;
	uint64_t lazy;
	uint64_t exact;
	uint64_t maps;
	uint64_t fail_map;
	uint64_t fail_unmap;
	uint64_t fail_alloc;
	uint64_t fail_bar;
	uint64_t fail_irq;
	uint64_t unplug;
	uint64_t stuck;
	uint64_t drop_irq;
	uint64_t extra_irq;
	uint64_t drop_write;
	uint64_t repeat_write;
};

/**
 * struct sim_choice - The device model that a device name chooses.
 * @own: Room for a copy of the driver's model, whose struct may be smaller than the library's.
 * @model: The device model; @own for sim:custom.
 * @arg: The argument of the model's callbacks.
 * @state: The state of a built-in model, which @arg points to; NULL for sim:custom. The owner of
 *	the choice frees it.
 */
struct sim_choice {
	struct coherent_sim_model *own;
	const struct coherent_sim_model *model;
	void *arg;
	void *state;
};

/**
 * sim_options_read() - Read the keys of a device name.
 * @options: Zero bytes. Receives the keys.
 * @name: The device name.
 * @to: The receiver of a report.
 *
 * Return: 0; -EINVAL (a key is unknown, or its value is bad).
 */
int sim_options_read(struct sim_options *options, const struct name *name,
		     const struct reporter *to);

/**
 * sim_options_choose() - Choose the device model.
 * @choice: @own is set. Receives the model.
 * @keys_read: The keys of the name.
 * @name: The device name.
 * @options: The options of coherent_device_open().
 * @to: The receiver of a report.
 *
 * Return: 0; -ENODEV (there is no such model), -EINVAL (the .model is missing or wrong, or does not
 * belong to this name), -EOPNOTSUPP (the library does not know a callback), -ENOMEM.
 */
int sim_options_choose(struct sim_choice *choice, const struct sim_options *keys_read,
		       const struct name *name, const struct coherent_open_options *options,
		       const struct reporter *to);

#endif
