// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Registers: the bounds of a BAR, the order with DMA, and the answers of a device that is gone.
 */
#include <coherent/bar.h>
#include <inttypes.h>
#include <stdlib.h>

#include "device/bar.h"
#include "device/wait.h"

int coherent_bar_open(struct coherent_bar **bar, struct coherent_device *dev, unsigned int index)
{
	return coherent_base_bar_open(bar, dev, index, 0);
}

int coherent_base_bar_open(struct coherent_bar **bar, struct coherent_device *dev,
			   unsigned int index, size_t bytes)
{
	int err = device_usable(dev);

	*bar = NULL;
	if (err)
		return err;
	if (index >= 6 || !dev->backend->limits.bar_bytes[index]) {
		report(&dev->reporter, COHERENT_ERROR, "%s: there is no BAR %u", dev->name, index);
		return -ENODEV;
	}
	if (bytes > dev->backend->limits.bar_bytes[index]) {
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the registers have %zu bytes, but BAR %u has %" PRIu64, dev->name,
		       bytes, index, dev->backend->limits.bar_bytes[index]);
		return -ERANGE;
	}
	err = dev->backend->ops->bar_open ? dev->backend->ops->bar_open(dev->backend) : 0;
	if (err)
		return err;
	*bar = calloc(1, sizeof(**bar));
	if (!*bar)
		return -ENOMEM;
	(*bar)->dev = dev;
	(*bar)->index = index;
	(*bar)->bytes = dev->backend->limits.bar_bytes[index];
	ref_hold(&dev->ref);
	return 0;
}

void coherent_bar_close(struct coherent_bar *bar)
{
	if (!bar || device_forked(bar->dev))
		return;
	ref_put(&bar->dev->ref);
	free(bar);
}

/* A BAR with a type begins with the pointer, as does the variable of one without. */
void coherent_base_bar_cleanup(void *bar)
{
	struct coherent_bar **variable = bar;

	coherent_bar_close(*variable);
	*variable = NULL;
}

static bool inside(const struct coherent_bar *bar, uint64_t offset, unsigned int width)
{
	return offset < bar->bytes && width <= bar->bytes - offset && offset % width == 0;
}

static const char *why_refused(const struct coherent_bar *bar, uint64_t offset, unsigned int width)
{
	if (inside(bar, offset, width))
		return "the device is closed";
	return offset % width ? "misaligned" : "past its end";
}

/* A driver may read registers of a device that is gone, to learn that it is gone. */
static __attribute__((noinline)) uint64_t refuse_read(struct coherent_bar *bar, uint64_t offset,
						      unsigned int width)
{
	if (!bar || device_usable(bar->dev) ||
	    atomic_exchange_explicit(&bar->read_reported, true, memory_order_relaxed))
		return UINT64_MAX;
	report(&bar->dev->reporter, COHERENT_WARNING,
	       "%s: read of %u bytes at 0x%" PRIx64 " of BAR %u gives all ones: %s", bar->dev->name,
	       width, offset, bar->index, why_refused(bar, offset, width));
	return UINT64_MAX;
}

static uint64_t reg_read(struct coherent_bar *bar, uint64_t offset, unsigned int width)
{
	uint64_t value;

	if (!bar || device_usable(bar->dev) || !inside(bar, offset, width))
		return refuse_read(bar, offset, width);
	value = bar->dev->backend->ops->reg_read(bar->dev->backend, bar->index, offset, width);
	/* ORDER: pairs with the device's DMA before it changed the register (completion.litmus). */
	coherent_rmb();
	return value;
}

static void reg_write(struct coherent_bar *bar, uint64_t offset, unsigned int width, uint64_t value)
{
	struct coherent_device *dev;

	if (!bar || device_forked(bar->dev))
		return;
	dev = bar->dev;
	if (!device_usable(dev) && inside(bar, offset, width)) {
		/* ORDER: pairs with the DMA that this register starts (doorbell.litmus). */
		coherent_wmb();
		dev->backend->ops->reg_write(dev->backend, bar->index, offset, width, value);
		return;
	}
	if (!atomic_exchange_explicit(&bar->write_reported, true, memory_order_relaxed))
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: write of %u bytes at 0x%" PRIx64 " of BAR %u dropped: %s", dev->name,
		       width, offset, bar->index, why_refused(bar, offset, width));
}

uint8_t coherent_bar_read8(struct coherent_bar *bar, uint64_t offset)
{
	return (uint8_t)reg_read(bar, offset, 1);
}

uint16_t coherent_bar_read16(struct coherent_bar *bar, uint64_t offset)
{
	return (uint16_t)reg_read(bar, offset, 2);
}

uint32_t coherent_bar_read32(struct coherent_bar *bar, uint64_t offset)
{
	return (uint32_t)reg_read(bar, offset, 4);
}

uint64_t coherent_bar_read64(struct coherent_bar *bar, uint64_t offset)
{
	return reg_read(bar, offset, 8);
}

void coherent_bar_write8(struct coherent_bar *bar, uint64_t offset, uint8_t value)
{
	reg_write(bar, offset, 1, value);
}

void coherent_bar_write16(struct coherent_bar *bar, uint64_t offset, uint16_t value)
{
	reg_write(bar, offset, 2, value);
}

void coherent_bar_write32(struct coherent_bar *bar, uint64_t offset, uint32_t value)
{
	reg_write(bar, offset, 4, value);
}

void coherent_bar_write64(struct coherent_bar *bar, uint64_t offset, uint64_t value)
{
	reg_write(bar, offset, 8, value);
}

/* A read of this width returns these bits. */
static uint32_t low_bits(uint64_t value, unsigned int width)
{
	return (uint32_t)value & UINT32_MAX >> (32 - 8 * width);
}

/* All ones may be the value of the register, or the answer of a device that is gone. */
static bool is_from_the_device(const struct coherent_bar *bar, uint32_t value, unsigned int width)
{
	return value != low_bits(UINT64_MAX, width) ||
	       (!device_usable(bar->dev) && !backend_is_lost(bar->dev->backend));
}

static int refuse_poll(const struct coherent_bar *bar, uint64_t offset, unsigned int width)
{
	if (!device_forked(bar->dev))
		report(&bar->dev->reporter, COHERENT_ERROR,
		       "%s: BAR %u has no register of %u bytes at 0x%" PRIx64 " to poll: %s",
		       bar->dev->name, bar->index, width, offset, why_refused(bar, offset, width));
	return -EINVAL;
}

/* @call is the function that the driver called, for a report. */
static int poll_register(struct coherent_bar *bar, uint64_t offset, unsigned int width,
			 uint32_t mask, uint32_t want, uint64_t timeout_ns, const char *call)
{
	struct coherent_wait wait;
	uint32_t value;
	int err;

	/* The macros give only these widths, but a binding calls coherent_base_bar_poll() itself. */
	if (!bar || (width != 1 && width != 2 && width != 4))
		return -EINVAL;
	if (!inside(bar, offset, width))
		return refuse_poll(bar, offset, width);
	coherent_base_wait_begin(&wait, timeout_ns);
	err = device_usable(bar->dev);
	if (!err && backend_refuses(bar->dev->backend, call))
		err = -EBUSY;
	while (!err) {
		value = low_bits(reg_read(bar, offset, width), width);
		if ((value & mask) == want)
			return is_from_the_device(bar, value, width) ? 0 : -ENODEV;
		err = wait_more(&wait, bar->dev);
	}
	return err;
}

int coherent_base_bar_poll(struct coherent_bar *bar, uint64_t offset, unsigned int width,
			   uint32_t mask, uint32_t want, uint64_t timeout_ns)
{
	return poll_register(bar, offset, width, mask, want, timeout_ns, "coherent_bar_poll()");
}

int coherent_bar_poll32(struct coherent_bar *bar, uint64_t offset, uint32_t mask, uint32_t want,
			uint64_t timeout_ns)
{
	return poll_register(bar, offset, 4, mask, want, timeout_ns, "coherent_bar_poll32()");
}
