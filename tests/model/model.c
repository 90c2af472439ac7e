// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model chooses the next call here, and reports failures.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

struct model model;

void fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: step %lu: %s\n", file, line, model.step, what);
	abort();
}

void expect(const char *file, int line, const char *call, int got, int err)
{
	if (got == err)
		return;
	fprintf(stderr, "%s:%d: step %lu: %s is %d, not %d\n", file, line, model.step, call, got,
		err);
	abort();
}

uint32_t pick(uint32_t n)
{
	struct source *source = model.source;
	uint32_t value = 0;

	if (source->bytes) {
		for (unsigned int i = 0; i < (n > 256 ? 3 : 1) && source->left; i++, source->left--)
			value = value << 8 | *source->bytes++;
		return value % n;
	}
	source->random ^= source->random << 13;
	source->random ^= source->random >> 7;
	source->random ^= source->random << 17;
	return (uint32_t)(source->random >> 32) % n;
}

bool chance(uint32_t n)
{
	return !pick(n);
}

void pattern(void *to, size_t bytes)
{
	uint8_t *at = to;
	uint8_t value = (uint8_t)pick(256);

	for (size_t i = 0; i < bytes; i++) {
		value = (uint8_t)(value * 5 + 1);
		at[i] = value ? value : 0x5a;
	}
}

static void make_a_call(void)
{
	struct slot *slot = &model.slots[pick(SLOTS)];
	struct device *device = &model.devices[pick(DEVICES)];
	const unsigned int i = (unsigned int)(device - model.devices);

	switch (pick(80)) {
	case 0 ... 9:
		object_allocate(slot);
		break;
	case 10 ... 13:
		object_fill(slot);
		break;
	case 14 ... 20:
		object_expose(slot);
		break;
	case 21 ... 25:
		object_reclaim(slot);
		break;
	case 26 ... 28:
		object_free(slot);
		break;
	case 29:
		object_move(slot);
		break;
	case 30 ... 36:
		field_use(slot);
		break;
	case 37 ... 39:
		field_copy(slot);
		break;
	case 40 ... 41:
		field_view(slot);
		break;
	case 42 ... 47:
		driver_program(device);
		break;
	case 48 ... 53:
		driver_run(device);
		break;
	case 54:
		if (chance(2))
			driver_registers(device);
		else
			config_use(device);
		break;
	case 55:
		driver_interrupts(device);
		break;
	case 56 ... 60:
		driver_tries(slot);
		break;
	case 61:
		device_fence(i);
		break;
	case 62:
		device_ask(i);
		break;
	case 63 ... 70:
		pool_step();
		break;
	case 71 ... 72:
		object_expose_all(slot);
		break;
	case 73:
		if (chance(2))
			share_step(slot);
		else
			share_pieces(i);
		break;
	case 74:
		object_find(slot);
		break;
	case 75 ... 76:
		loan_step(slot);
		break;
	case 77:
		array_use(slot);
		break;
	case 78:
		array_clear(slot);
		break;
	default:
		if (chance(4))
			device_change_mask(i);
		else if (chance(8))
			device_misuse();
	}
}

/* Checks what must hold after each call. */
static void check_devices(void)
{
	for (unsigned int i = 0; i < DEVICES; i++) {
		const struct device *device = &model.devices[i];

		CHECK(!memcmp(device->reports, device->expected, sizeof(device->expected)));
		CHECK(device->engine.ticked == device->ran);
	}
}

void model_run(struct source *source, unsigned long steps)
{
	memset(&model, 0, sizeof(model));
	model.source = source;
	exposure_start();
	pool_start();
	for (unsigned int i = 0; i < DEVICES; i++)
		device_open(i);
	while (model.step < steps && (!source->bytes || source->left)) {
		model.step++;
		for (unsigned int i = 0; i < DEVICES && space_is_crowded(); i++)
			device_fence(i);
		make_a_call();
		check_devices();
		exposure_replay(false);
		for (unsigned int i = 0; i < DEVICES; i++) {
			if (model.step < model.devices[i].until)
				continue;
			device_close(i);
			device_open(i);
		}
	}
	for (unsigned int i = 0; i < DEVICES; i++)
		device_close(i);
	pool_end();
	adopt_end();
}
