/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The table of a device model, which coherent/sim.h describes. coherent_device_open() gives its
 * size to the library.
 */
#ifndef COHERENT_SIM_MODEL_H
#define COHERENT_SIM_MODEL_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/face.h>

struct coherent_sim;

/**
 * struct coherent_sim_model - A device model.
 * @name: The name of the model. Reports have it behind the name of the device, as in
 *	"sim:custom,step (adder)".
 * @mask: The DMA mask, from coherent_mask(). 0 is refused unless the key "mask" is given.
 * @vectors: The number of interrupt vectors, at most 32.
 * @reserved: 0.
 * @bar_size: The size of each BAR in bytes; 0 if there is no such BAR.
 * @open: Called when the device is opened. Returns 0, or -errno to fail the open. May be
 *	NULL, like every callback.
 * @close: Called when the device is closed, if @open succeeded.
 * @reg_read: Called when the driver reads @width bytes at @offset. If it is NULL, the
 *	driver reads all ones.
 * @reg_write: Called when the driver writes @width bytes at @offset.
 * @tick: Called when time passes. The device does its work here.
 * @reset: Called when the device is reset, which a fence does too. The model must forget all
 *	state.
 * @config_read: Called when the driver reads @width bytes of configuration space, at most 4, at
 *	an @offset that is a multiple of @width and at most 4095. If it is NULL, the device is not
 *	a PCI device.
 * @config_write: Called when the driver writes @width bytes of configuration space. If it is
 *	NULL, the device has no configuration space that can be written to.
 *
 * To use a model, open the device "sim:custom" with the options .model and .model_arg of
 * coherent_device_open(). The table and the argument must outlive the device.
 */
struct coherent_sim_model {
	const char *name;
	uint64_t mask;
	uint32_t vectors;
	uint32_t reserved;
	uint64_t bar_size[6];
	int (*open)(struct coherent_sim *sim, void *arg);
	void (*close)(struct coherent_sim *sim, void *arg);
	uint64_t (*reg_read)(struct coherent_sim *sim, void *arg, unsigned int bar,
			     uint64_t offset, unsigned int width);
	void (*reg_write)(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value);
	void (*tick)(struct coherent_sim *sim, void *arg);
	void (*reset)(struct coherent_sim *sim, void *arg);
	uint32_t (*config_read)(struct coherent_sim *sim, void *arg, unsigned int offset,
				unsigned int width);
	void (*config_write)(struct coherent_sim *sim, void *arg, unsigned int offset,
			     unsigned int width, uint32_t value);
};

#endif
