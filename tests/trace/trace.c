// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "trace.h"

#define SLOTS 2
#define PAGE 4096
#define BYTES 64
#define PATTERN 0x5a

COHERENT_TYPE(trace_mem, uint8_t);
COHERENT_BOX_TYPE(trace_box, uint8_t);

struct slot {
	union trace_box box;
	union trace_mem mem;
	bool read_only;
	coherent_addr_t old;
};

static struct slot slots[SLOTS];
static struct edu *device;
static enum coherent_level wanted_level;
static int (*fence_device)(struct coherent_device *dev);

/* Gives the same numbers on every machine. */
static uint32_t random_number(uint32_t below)
{
	static uint32_t state = 12345;

	state = state * 1103515245 + 12345;
	return (state >> 16) % below;
}

/* Returns the FNV-1a hash of bytes. */
static long long sum(const uint8_t *bytes, size_t count)
{
	uint32_t value = 2166136261u;
	size_t i;

	for (i = 0; i < count; i++)
		value = (value ^ bytes[i]) * 16777619u;
	return value;
}

/* Returns a hash of the first and the last bytes of a box or mem, or an error. */
static long long contents(struct slot *slot)
{
	uint8_t bytes[2 * BYTES];
	size_t count = coherent_box_count(&slot->box), i;
	int err;

	if (count) {
		for (i = 0; i < BYTES; i++) {
			bytes[i] = coherent_box_ptr(&slot->box)[i];
			bytes[BYTES + i] = coherent_box_ptr(&slot->box)[count - BYTES + i];
		}
		return sum(bytes, sizeof(bytes));
	}
	count = coherent_count(&slot->mem);
	if (!count)
		return -1;
	err = coherent_copy_out(&slot->mem, 0, bytes, BYTES);
	if (!err)
		err = coherent_copy_out(&slot->mem, count - BYTES, bytes + BYTES, BYTES);
	return err ? err : sum(bytes, sizeof(bytes));
}

/* --- Steps --- */

static long long allocate(struct slot *slot)
{
	return coherent_box_zeroed(&slot->box, device->dev, (1 + random_number(3)) * PAGE - 100,
				   .level = wanted_level);
}

static long long fill_box(struct slot *slot)
{
	const size_t count = coherent_box_count(&slot->box);
	const uint8_t byte = (uint8_t)random_number(256);
	size_t i;

	for (i = 0; i < count; i++)
		coherent_box_ptr(&slot->box)[i] = (uint8_t)(byte + i);
	return contents(slot);
}

static long long expose(struct slot *slot)
{
	const bool read_only = random_number(3) == 0;
	const bool was_empty = coherent_is_empty(&slot->mem);
	int err;

	err = coherent_expose(&slot->box, &slot->mem,
			      .permission = read_only ? COHERENT_READ_ONLY : COHERENT_READ_WRITE);
	if (!err && was_empty)
		slot->read_only = read_only;
	return err;
}

static long long reclaim(struct slot *slot)
{
	const coherent_addr_t address = coherent_addr(&slot->mem);
	int err = coherent_reclaim(&slot->mem, &slot->box, .idle = true);

	if (!err)
		slot->old = address;
	return err;
}

static long long free_both(struct slot *slot)
{
	if (!coherent_is_empty(&slot->mem))
		slot->old = coherent_addr(&slot->mem);
	coherent_free(&slot->mem);
	coherent_box_free(&slot->box);
	return coherent_is_empty(&slot->mem) && coherent_is_empty(&slot->box);
}

static long long cpu_writes(struct slot *slot)
{
	const size_t at = random_number(2 * PAGE);

	return coherent_write(&slot->mem, at, (uint8_t)random_number(256));
}

static long long cpu_reads(struct slot *slot)
{
	uint8_t byte = 0;
	int err = coherent_read(&slot->mem, random_number(2 * PAGE), &byte);

	return err ? err : byte;
}

/* Fills the device's buffer with a pattern, through a mem of its own. */
static int load_device(uint8_t byte)
{
	COHERENT_AUTO(uint8_t, mem);
	size_t i;
	int err = coherent_zeroed(&mem, device->dev, BYTES, .level = wanted_level);

	for (i = 0; !err && i < BYTES; i++)
		err = coherent_write(&mem, i, (uint8_t)(byte + i));
	return err ? err : edu_read(device, coherent_addr(&mem), BYTES);
}

/* Returns a hash of the device's buffer. */
static long long unload_device(void)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t bytes[BYTES];
	int err = coherent_zeroed(&mem, device->dev, BYTES, .level = wanted_level);

	if (!err)
		err = edu_write(device, coherent_addr(&mem), BYTES);
	if (!err)
		err = coherent_copy_out(&mem, 0, bytes, BYTES);
	return err ? err : sum(bytes, BYTES);
}

static long long device_writes(struct slot *slot)
{
	int err = coherent_is_empty(&slot->mem) ? -ENOENT : load_device(PATTERN);

	if (!err)
		err = edu_write(device, coherent_addr(&slot->mem), BYTES);
	return err ? err : contents(slot);
}

static long long device_reads(struct slot *slot)
{
	int err = coherent_is_empty(&slot->mem) ? -ENOENT : load_device(PATTERN);

	if (!err)
		err = edu_read(device, coherent_addr(&slot->mem), BYTES);
	return err ? err : unload_device();
}

/*
 * Whether another object has the address meanwhile. If unmapping is a fence, the kernel may give the
 * address to the next object at once.
 */
static bool is_in_use(coherent_addr_t address)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (!coherent_is_empty(&slots[i].mem) &&
		    address.raw + BYTES > coherent_addr(&slots[i].mem).raw &&
		    address.raw < coherent_addr(&slots[i].mem).raw + coherent_count(&slots[i].mem))
			return true;
	return false;
}

/* The device uses an address that it was told earlier. It must reach no object. */
static long long device_writes_late(struct slot *slot)
{
	long long before[SLOTS];
	size_t i;
	int err = slot->old.raw ? load_device(PATTERN) : -ENOENT;

	for (i = 0; i < SLOTS; i++)
		before[i] = contents(&slots[i]);
	if (!err && !is_in_use(slot->old))
		err = edu_write(device, slot->old, BYTES);
	for (i = 0; !err && i < SLOTS; i++)
		err = before[i] == contents(&slots[i]) ? 0 : -EBADMSG;
	return err;
}

/* A read that is refused returns zeros. */
static long long device_reads_late(struct slot *slot)
{
	static const uint8_t zeros[BYTES];
	int err = slot->old.raw ? load_device(PATTERN) : -ENOENT;

	if (!err && is_in_use(slot->old))
		return sum(zeros, BYTES);
	if (!err)
		err = edu_read(device, slot->old, BYTES);
	return err ? err : unload_device();
}

/* After a fence other objects may reuse the old addresses. */
static long long fence_all(struct slot *slot)
{
	size_t i;

	(void)slot;
	for (i = 0; i < SLOTS; i++)
		slots[i].old = (coherent_addr_t){ 0 };
	return fence_device(device->dev);
}

static long long registers(struct slot *slot)
{
	const uint32_t value = random_number(65536);

	(void)slot;
	coherent_bar_put(&device->bar, .liveness, value);
	return coherent_bar_get(&device->bar, .liveness);
}

static const struct {
	const char *what;
	long long (*run)(struct slot *slot);
} steps[] = {
	{ "allocate", allocate },
	{ "allocate", allocate },
	{ "fill", fill_box },
	{ "expose", expose },
	{ "expose", expose },
	{ "reclaim", reclaim },
	{ "free", free_both },
	{ "cpu writes", cpu_writes },
	{ "cpu reads", cpu_reads },
	{ "device writes", device_writes },
	{ "device reads", device_reads },
	{ "device writes late", device_writes_late },
	{ "device reads late", device_reads_late },
	{ "fence", fence_all },
	{ "registers", registers },
};

void trace(struct edu *edu, enum coherent_level level, int (*fence)(struct coherent_device *dev),
	   void (*say)(unsigned int step, const char *what, unsigned int slot, long long result))
{
	unsigned int step;

	device = edu;
	wanted_level = level;
	fence_device = fence;
	for (step = 0; step < TRACE_STEPS; step++) {
		const uint32_t i = random_number(sizeof(steps) / sizeof(*steps));
		const uint32_t slot = random_number(SLOTS);

		say(step, steps[i].what, slot, steps[i].run(&slots[slot]));
	}
	for (step = 0; step < SLOTS; step++)
		free_both(&slots[step]);
}
