// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model records when each range was exposed, and compares the logs of the devices with that
 * record. No device reached a byte outside, and none was refused a byte inside.
 */
#include "model.h"

#define EXPOSURES 256

/**
 * struct exposure - The time in which a device could reach some memory.
 * @dev: The number of the device.
 * @address: The device address.
 * @bytes: The size, in whole pages.
 * @readonly: Whether the device could only read.
 * @from: When the exposure began.
 * @until: When the exposure ended; 0 if it did not end yet.
 */
struct exposure {
	unsigned int dev;
	uint64_t address;
	uint64_t bytes;
	bool readonly;
	uint64_t from;
	uint64_t until;
};

static struct exposure exposures[EXPOSURES];
static unsigned int exposure_count;

void exposure_start(void)
{
	exposure_count = 0;
}

void exposure_begin(const struct place *place)
{
	exposures[exposure_count++] = (struct exposure){
		.dev = place->dev,
		.address = place->address,
		.bytes = place->pages * PAGE,
		.readonly = place->readonly,
		.from = ++model.now,
	};
}

void exposure_end(const struct place *place)
{
	for (unsigned int i = 0; i < exposure_count; i++) {
		struct exposure *exposure = &exposures[i];

		if (exposure->dev != place->dev || exposure->address != place->address ||
		    exposure->until)
			continue;
		exposure->until = ++model.now;
		return;
	}
	CHECK(!"what ends was exposed");
}

static bool was_exposed(unsigned int dev, const struct access *access, uint64_t address)
{
	for (unsigned int i = 0; i < exposure_count; i++) {
		const struct exposure *exposure = &exposures[i];

		if (exposure->dev == dev && address - exposure->address < exposure->bytes &&
		    access->when >= exposure->from &&
		    (!exposure->until || access->when < exposure->until))
			return access->what == COHERENT_ACCESS_READ || !exposure->readonly;
	}
	return false;
}

static void replay(unsigned int dev, const struct access *access)
{
	bool all = true;

	for (size_t i = 0; i < access->bytes; i++)
		/* Exposures are whole pages, so that it is enough to check one byte of each page. */
		if (!i || i == access->bytes - 1 || (access->address + i) % PAGE == 0)
			all = all && was_exposed(dev, access, access->address + i);
	CHECK(all == !access->err);
}

void exposure_replay(bool in_any_case)
{
	bool due = in_any_case || exposure_count > EXPOSURES - 8;
	unsigned int kept = 0;

	for (unsigned int dev = 0; dev < DEVICES; dev++)
		due = due || model.devices[dev].engine.logged > LOG - 8;
	if (!due)
		return;
	for (unsigned int dev = 0; dev < DEVICES; dev++) {
		struct device *device = &model.devices[dev];

		for (unsigned int i = 0; i < device->engine.logged; i++)
			replay(dev, &device->engine.log[i]);
		device->engine.logged = device->checked = 0;
	}
	for (unsigned int i = 0; i < exposure_count; i++)
		if (!exposures[i].until)
			exposures[kept++] = exposures[i];
	exposure_count = kept;
}
