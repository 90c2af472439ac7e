// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The table of the keys that a sim: device takes, and the choice of its model: a built-in one by
 * the name of the device, or the model of the driver for sim:custom.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sized.h"
#include "sim/model.h"
#include "sim/options.h"

static const struct sim_builtin *const builtins[] = { &sim_edu, &sim_ring };

#define KEY(name, least, most, field)                         \
	{                                                     \
		.key = name, .min = least, .max = most,       \
		.offset = offsetof(struct sim_options, field) \
	}
#define NTH(name, field) KEY(name, 1, UINT64_MAX - 1, field)
#define FLAG(name, field)                                                             \
	{                                                                             \
		.key = name, NAME_FLAG, .offset = offsetof(struct sim_options, field) \
	}

static const struct name_key keys[] = {
	KEY("mask", 1, 64, mask),
	FLAG("step", step),
	KEY("seed", 1, UINT64_MAX - 1, seed),
	KEY("delay", 1, 60000, delay),
	FLAG("torn", torn),
	FLAG("late", late),
	FLAG("lazy", lazy),
	FLAG("exact", exact),
	KEY("maps", 1, SIZE_MAX - 1, maps),
	NTH("fail-map", fail_map),
	NTH("fail-unmap", fail_unmap),
	NTH("fail-alloc", fail_alloc),
	NTH("fail-bar", fail_bar),
	NTH("fail-irq", fail_irq),
	NTH("unplug", unplug),
	NTH("stuck", stuck),
	NTH("drop-irq", drop_irq),
	NTH("extra-irq", extra_irq),
	NTH("drop-write", drop_write),
	NTH("repeat-write", repeat_write),
};

static int report_unknown_model(const struct name *name, const struct reporter *to)
{
	char list[128];
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s, ",
					 builtins[i]->model.name);
	report(to, COHERENT_ERROR,
	       "device name \"%s\": there is no sim device \"%s\", only: %scustom", name->whole,
	       name->target, list);
	return -ENODEV;
}

/* Returns the mistake of a model, or NULL if there is none. */
static const char *mistake_of(const struct coherent_sim_model *model, uint64_t mask_key)
{
	if (!model)
		return "sim:custom needs a .model";
	if (!model->name)
		return "its .model has no .name";
	if (!model->mask && !mask_key)
		return "the .mask of its .model is 0; set it with coherent_mask() to the address bits of the "
		       "device, or use coherent_mask(64)";
	/*
	 * A mask from coherent_mask() has all its ones at the bottom. Only such a number shares no
	 * bit with the next one.
	 */
	if (model->mask & (model->mask + 1))
		return "the .mask of its .model is not from coherent_mask()";
	if (model->vectors > SIM_VECTORS_MAX)
		return "its .model has more than 32 .vectors";
	return NULL;
}

static int refuse_size(const struct name *name, size_t given, int err, const struct reporter *to)
{
	char reason[SIZED_REASON_BYTES];

	report(to, COHERENT_ERROR, "device name \"%s\": its .model: %s", name->whole,
	       sized_explain(reason, err, "coherent_sim_model", given,
			     sizeof(struct coherent_sim_model)));
	return err;
}

static int use_custom_model(struct sim_choice *choice, const struct name *name,
			    const struct coherent_open_options *options, uint64_t mask_key,
			    const struct reporter *to)
{
	struct coherent_sim_model *model = choice->own;
	const char *mistake;
	int err = 0;

	if (options->model)
		err = sized_read(model, sizeof(*model), options->model, options->model_size,
				 SIZED_TO(struct coherent_sim_model, name));
	if (err)
		return refuse_size(name, options->model_size, err, to);
	mistake = mistake_of(options->model ? model : NULL, mask_key);
	if (mistake) {
		report(to, COHERENT_ERROR, "device name \"%s\": %s", name->whole, mistake);
		return -EINVAL;
	}
	choice->model = model;
	choice->arg = options->model_arg;
	return 0;
}

static int use_builtin_model(struct sim_choice *choice, const struct name *name,
			     const struct coherent_open_options *options, const struct reporter *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
		if (strcmp(builtins[i]->model.name, name->target))
			continue;
		if (options->model) {
			report(to, COHERENT_ERROR,
			       "device name \"%s\": only sim:custom takes a .model", name->whole);
			return -EINVAL;
		}
		choice->model = &builtins[i]->model;
		choice->state = calloc(1, builtins[i]->state_bytes);
		choice->arg = choice->state;
		return choice->state ? 0 : -ENOMEM;
	}
	return report_unknown_model(name, to);
}

int sim_options_read(struct sim_options *options, const struct name *name,
		     const struct reporter *to)
{
	return name_read_keys(name, keys, ARRAY_SIZE(keys), options, to);
}

int sim_options_choose(struct sim_choice *choice, const struct sim_options *keys_read,
		       const struct name *name, const struct coherent_open_options *options,
		       const struct reporter *to)
{
	if (!strcmp(name->target, "custom"))
		return use_custom_model(choice, name, options, keys_read->mask, to);
	return use_builtin_model(choice, name, options, to);
}
