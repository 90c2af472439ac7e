// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Copies between memory of the driver and a BAR: their arguments, and their order with DMA. A
 * backend without a copy of its own gets one access after the other.
 */
#include <inttypes.h>

#include "base/line.h"
#include "device/bar.h"

static int refuse_pointer(const struct coherent_bar *bar, const char *call)
{
	if (!device_forked(bar->dev))
		report(&bar->dev->reporter, COHERENT_ERROR,
		       "%s: %s: the pointer to the memory of the driver is NULL", bar->dev->name,
		       call);
	return -EINVAL;
}

static int refuse_range(const struct coherent_bar *bar, const struct backend_copy *copy,
			const char *call)
{
	if (!device_forked(bar->dev))
		report(&bar->dev->reporter, COHERENT_ERROR,
		       "%s: %s: %zu bytes at 0x%" PRIx64
		       " do not fit into BAR %u, which has %" PRIu64,
		       bar->dev->name, call, copy->bytes, copy->offset, bar->index, bar->bytes);
	return -ERANGE;
}

static int check(const struct coherent_bar *bar, const struct backend_copy *copy, const char *call)
{
	int err;

	if (copy->offset > bar->bytes || copy->bytes > bar->bytes - copy->offset)
		return refuse_range(bar, copy, call);
	err = device_usable(bar->dev);
	if (!err && backend_refuses(bar->dev->backend, call))
		err = -EBUSY;
	return err;
}

static void access_once(struct backend *backend, const struct backend_copy *copy, size_t done,
			unsigned int width)
{
	const uint64_t at = copy->offset + done;

	if (copy->from)
		backend->ops->reg_write(backend, copy->bar, at, width,
					backend_get_bytes(copy->from + done, width));
	else
		backend_put_bytes(copy->to + done,
				  backend->ops->reg_read(backend, copy->bar, at, width), width);
}

/* A device that is gone takes writes and answers reads, so the last step asks whether it is. */
static int copy_by_accesses(struct coherent_device *dev, const struct backend_copy *copy)
{
	const unsigned int max = dev->backend->copies_words ? 4 : 8;
	unsigned int width;

	for (size_t done = 0; done < copy->bytes; done += width) {
		width = backend_copy_width(copy->offset + done, copy->bytes - done, max);
		access_once(dev->backend, copy, done, width);
	}
	return device_usable(dev) || backend_is_lost(dev->backend) ? -ENODEV : 0;
}

static int copy_bar(struct coherent_bar *bar, const struct backend_copy *copy, const char *call)
{
	struct backend *backend;
	int err = check(bar, copy, call);

	if (err || !copy->bytes)
		return err;
	backend = bar->dev->backend;
	return backend->ops->reg_copy ? backend->ops->reg_copy(backend, copy) :
					copy_by_accesses(bar->dev, copy);
}

int coherent_bar_copy_in(struct coherent_bar *bar, uint64_t offset, const void *from, size_t bytes)
{
	static const char call[] = "coherent_bar_copy_in()";

	if (!bar)
		return -EINVAL;
	if (!from && bytes)
		return refuse_pointer(bar, call);
	/* ORDER: pairs with the DMA that the copy starts (doorbell.litmus). */
	coherent_wmb();
	return copy_bar(bar,
			&(struct backend_copy){
				.bar = bar->index, .offset = offset, .bytes = bytes, .from = from },
			call);
}

int coherent_bar_copy_out(struct coherent_bar *bar, uint64_t offset, void *to, size_t bytes)
{
	static const char call[] = "coherent_bar_copy_out()";
	int err;

	if (!bar)
		return -EINVAL;
	if (!to && bytes)
		return refuse_pointer(bar, call);
	err = copy_bar(bar,
		       &(struct backend_copy){
			       .bar = bar->index, .offset = offset, .bytes = bytes, .to = to },
		       call);
	/* ORDER: pairs with the device's DMA before it changed the BAR (completion.litmus). */
	coherent_rmb();
	return err;
}

/* --- 64 bytes at once --- */

static int refuse_line(const struct coherent_bar *bar, const char *why)
{
	report(&bar->dev->reporter, COHERENT_ERROR,
	       "%s: coherent_bar_write512(): %s; coherent_bar_copy_in() writes in pieces of 8 bytes",
	       bar->dev->name, why);
	return -EOPNOTSUPP;
}

static int refuse_misaligned(const struct coherent_bar *bar, uint64_t offset, const char *call)
{
	if (!device_forked(bar->dev))
		report(&bar->dev->reporter, COHERENT_ERROR,
		       "%s: %s: 0x%" PRIx64 " of BAR %u is not a multiple of 64", bar->dev->name,
		       call, offset, bar->index);
	return -EINVAL;
}

static int write_line(const struct coherent_bar *bar, uint64_t offset, const void *line)
{
	static const char no_memory[] = "the registers of this BAR are not memory of this process";
	struct backend *backend = bar->dev->backend;
	int err;

	if (!backend->ops->reg_write_line)
		return refuse_line(bar, no_memory);
	if (!line_is_supported())
		return refuse_line(bar, "this CPU has no store of 64 bytes, which is MOVDIR64B");
	/* ORDER: line_store() orders earlier writes to mems before it (doorbell.litmus). */
	err = backend->ops->reg_write_line(backend, bar->index, offset, line);
	return err == -EOPNOTSUPP ? refuse_line(bar, no_memory) : err;
}

int coherent_bar_write512(struct coherent_bar *bar, uint64_t offset, const void *line)
{
	static const char call[] = "coherent_bar_write512()";
	const struct backend_copy copy = { .offset = offset, .bytes = LINE_BYTES };
	int err;

	if (!bar)
		return -EINVAL;
	if (!line)
		return refuse_pointer(bar, call);
	if (offset % LINE_BYTES)
		return refuse_misaligned(bar, offset, call);
	err = check(bar, &copy, call);
	return err ? err : write_line(bar, offset, line);
}
