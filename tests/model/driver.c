// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The driver of the engine. It programs channels with addresses of all kinds, lets time pass,
 * and applies the engine's log to the model's copy of memory.
 */
#include <coherent/order.h>
#include <poll.h>
#include <string.h>

#include "model.h"

/* --- Registers --- */

static void open_bar(struct device *device, unsigned int index)
{
	if (device->bars[index].bar)
		return;
	if (index) {
		EXPECT(coherent_bar_open(&device->bars[index].bar, device->dev, index), 0);
		return;
	}
	EXPECT(coherent_bar_open(&device->registers, device->dev, 0), 0);
	CHECK(!coherent_is_empty(&device->registers));
	device->bars[0].bar = coherent_bar_untyped(&device->registers);
}

static void close_bar(struct device *device, unsigned int index)
{
	if (index)
		coherent_bar_close(device->bars[index].bar);
	else
		coherent_bar_close(&device->registers);
	device->bars[index] = (struct bar){ .bar = NULL };
}

static void write_register(struct coherent_bar *bar, uint64_t offset, unsigned int width,
			   uint64_t value)
{
	if (width == 1)
		coherent_bar_write8(bar, offset, (uint8_t)value);
	else if (width == 2)
		coherent_bar_write16(bar, offset, (uint16_t)value);
	else if (width == 4)
		coherent_bar_write32(bar, offset, (uint32_t)value);
	else
		coherent_bar_write64(bar, offset, value);
}

static uint64_t read_register(struct coherent_bar *bar, uint64_t offset, unsigned int width)
{
	if (width == 1)
		return coherent_bar_read8(bar, offset);
	if (width == 2)
		return coherent_bar_read16(bar, offset);
	if (width == 4)
		return coherent_bar_read32(bar, offset);
	return coherent_bar_read64(bar, offset);
}

static uint64_t low_bytes(uint64_t value, unsigned int width)
{
	return value & UINT64_MAX >> (64 - 8 * width);
}

static void hold_ticks(struct device *device)
{
	if (!device->delay || device->held)
		return;
	device->held = true;
	device->held_until = device->ticks + device->delay;
}

/* Checks that the engine got a write, and no other after @writes. A write may delay ticks. */
static void check_write(struct device *device, unsigned long writes, unsigned int index,
			uint64_t offset, unsigned int width, uint64_t value)
{
	CHECK(device->engine.writes == writes + 1 && device->engine.bar == index);
	CHECK(device->engine.offset == offset && device->engine.width == width);
	CHECK(device->engine.value == low_bytes(value, width));
	hold_ticks(device);
}

static void put_register(struct device *device, unsigned int index, uint64_t offset,
			 unsigned int width, uint64_t value)
{
	const unsigned long writes = device->engine.writes;

	write_register(device->bars[index].bar, offset, width, value);
	check_write(device, writes, index, offset, width, value);
}

/* Uses a register that does not exist or is misaligned. */
static void use_bad_register(struct device *device, unsigned int index, uint64_t offset,
			     unsigned int width)
{
	const unsigned long writes = device->engine.writes;

	CHECK(read_register(device->bars[index].bar, offset, width) ==
	      low_bytes(UINT64_MAX, width));
	write_register(device->bars[index].bar, offset, width, 1);
	CHECK(device->engine.writes == writes);
	/* A read of a register that exists is not reported if the device is closed. */
	if (coherent_device_level(device->dev) && !device->bars[index].read_reported) {
		expect_report(device, COHERENT_WARNING);
		device->bars[index].read_reported = true;
	}
	if (!device->bars[index].write_reported)
		expect_report(device, COHERENT_WARNING);
	device->bars[index].write_reported = true;
}

static void use_register(struct device *device, unsigned int index)
{
	const uint64_t size = engine_model.bar_size[index];
	const uint64_t offset = chance(64) ? UINT64_MAX - 3 : pick((uint32_t)size + 16);
	const unsigned int width = 1u << pick(4);
	const uint64_t value = (uint64_t)pick(UINT32_MAX) * 0x9e3779b97f4a7c15;

	if (offset % width || offset >= size || size - offset < width) {
		use_bad_register(device, index, offset, width);
		return;
	}
	/* Random values in the registers of a channel would start transfers the model did not plan. */
	if (index || offset >= CHANNELS * sizeof(struct channel))
		put_register(device, index, offset, width, value);
	CHECK(read_register(device->bars[index].bar, offset, width) ==
	      low_bytes(device->engine.value, width));
	CHECK(device->engine.offset == offset && device->engine.width == width);
}

/* Copies to BAR 4 and back. A write may delay ticks. */
static void copy_registers(struct device *device)
{
	const uint64_t size = engine_model.bar_size[4], offset = pick((uint32_t)size + 2);
	const size_t bytes = pick((uint32_t)size + 2);
	const bool fits = offset <= size && bytes <= size - offset;
	uint8_t from[32], to[32];

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)pick(256);
	EXPECT(coherent_bar_copy_in(device->bars[4].bar, offset, from, bytes), fits ? 0 : -ERANGE);
	EXPECT(coherent_bar_copy_out(device->bars[4].bar, offset, to, bytes), fits ? 0 : -ERANGE);
	if (!fits) {
		expect_report(device, COHERENT_ERROR);
		expect_report(device, COHERENT_ERROR);
		return;
	}
	CHECK(!memcmp(to, from, bytes) && !memcmp(&device->engine.bars[4][offset], from, bytes));
	if (bytes)
		hold_ticks(device);
}

static void poll_register(struct device *device)
{
	const uint64_t offset = chance(8) ? 254 : 4 * pick(64);
	const uint32_t mask = 1u << pick(8), want = chance(2) ? mask : 0;
	uint32_t value = 0;
	int err = -EINVAL;

	if (offset % 4 == 0) {
		memcpy(&value, &device->engine.bars[0][offset], 4);
		err = (value & mask) == want ? 0 : -ETIMEDOUT;
	} else {
		expect_report(device, COHERENT_ERROR);
	}
	EXPECT(coherent_bar_poll32(device->bars[0].bar, offset, mask, want, 0), err);
}

/* --- Registers with names --- */

/**
 * struct named - A register that has a name.
 * @offset: Its offset.
 * @width: Its width in bytes.
 * @is_big: Whether it is big-endian.
 */
struct named {
	uint64_t offset;
	unsigned int width;
	bool is_big;
};

#define NAMED(field, is_big)                                                            \
	{                                                                               \
		offsetof(struct registers, field),                                      \
			(unsigned int)sizeof(((struct registers *)NULL)->field), is_big \
	}

/*
 * named_put() and named_get() have the same order, and compute an index of a few from it. The
 * driver only reads the last ones.
 */
static const struct named named[] = {
	NAMED(notes[0].u8, false),	NAMED(notes[0].u16, false),  NAMED(notes[1].be32, true),
	NAMED(notes[0].be64, true),	NAMED(notes[1].le16, false), NAMED(notes[0].be16, true),
	NAMED(notes[0].le32, false),	NAMED(notes[1].le64, false), NAMED(notes[0].u64, false),
	NAMED(notes[1].s32, false),	NAMED(notes[1].u32, false),  NAMED(channels[0].src, false),
	NAMED(channels[2].done, false),
};

#define NAMED_COUNT (sizeof(named) / sizeof(named[0]))
#define NAMED_NOTES (NAMED_COUNT - 2)

static void named_put(union engine_bar *bar, unsigned int r, uint64_t value)
{
	switch (r) {
	case 0:
		coherent_bar_put(bar, .notes[0].u8, (uint8_t)value);
		break;
	case 1:
		coherent_bar_put(bar, .notes[0].u16, (uint16_t)value);
		break;
	case 2:
		coherent_bar_put(bar, .notes[1].be32, (uint32_t)value);
		break;
	case 3:
		coherent_bar_put(bar, .notes[0].be64, value);
		break;
	case 4:
		coherent_bar_put_item(bar, .notes, r - 3, .le16, (uint16_t)value);
		break;
	case 5:
		coherent_bar_put(bar, .notes[0].be16, (uint16_t)value);
		break;
	case 6:
		coherent_bar_put(bar, .notes[0].le32, (uint32_t)value);
		break;
	case 7:
		coherent_bar_put(bar, .notes[1].le64, value);
		break;
	case 8:
		coherent_bar_put(bar, .notes[0].u64, value);
		break;
	case 9:
		coherent_bar_put(bar, .notes[1].s32, (int32_t)value);
		break;
	default:
		coherent_bar_put(bar, .notes[1].u32, (uint32_t)value);
		break;
	}
}

static uint64_t named_get(const union engine_bar *bar, unsigned int r)
{
	switch (r) {
	case 0:
		return coherent_bar_get(bar, .notes[0].u8);
	case 1:
		return coherent_bar_get(bar, .notes[0].u16);
	case 2:
		return coherent_bar_get(bar, .notes[1].be32);
	case 3:
		return coherent_bar_get(bar, .notes[0].be64);
	case 4:
		return coherent_bar_get_item(bar, .notes, r - 3, .le16);
	case 5:
		return coherent_bar_get(bar, .notes[0].be16);
	case 6:
		return coherent_bar_get(bar, .notes[0].le32);
	case 7:
		return coherent_bar_get(bar, .notes[1].le64);
	case 8:
		return coherent_bar_get(bar, .notes[0].u64);
	case 9:
		return (uint32_t)coherent_bar_get(bar, .notes[1].s32);
	case 10:
		return coherent_bar_get(bar, .notes[1].u32);
	case 11:
		return coherent_bar_get(bar, .channels[0].src);
	}
	return coherent_bar_get_item(bar, .channels, r - 10, .done);
}

/* Turns the value of a named register into the value that the engine has, or back. */
static uint64_t engine_value(const struct named *at, uint64_t value)
{
	uint64_t swapped = 0;

	if (!at->is_big)
		return low_bytes(value, at->width);
	for (unsigned int k = 0; k < at->width; k++)
		swapped |= (value >> 8 * k & 0xff) << 8 * (at->width - 1 - k);
	return swapped;
}

static void use_named_register(struct device *device)
{
	const unsigned int r = pick(NAMED_COUNT);
	const struct named *at = &named[r];
	const uint64_t value = (uint64_t)pick(UINT32_MAX) * 0x9e3779b97f4a7c15;
	const unsigned long writes = device->engine.writes;
	uint64_t got;

	if (r < NAMED_NOTES && chance(2)) {
		named_put(&device->registers, r, value);
		check_write(device, writes, 0, at->offset, at->width, engine_value(at, value));
		CHECK(named_get(&device->registers, r) == low_bytes(value, at->width));
	}
	got = named_get(&device->registers, r);
	CHECK(device->engine.bar == 0 && device->engine.offset == at->offset);
	CHECK(device->engine.width == at->width);
	CHECK(engine_value(at, got) == low_bytes(device->engine.value, at->width));
}

static uint32_t number_at(const struct device *device, uint64_t offset)
{
	uint32_t value;

	memcpy(&value, &device->engine.bars[0][offset], sizeof(value));
	return value;
}

static void poll_named_register(struct device *device)
{
	const uint32_t mask = 1u << pick(32), want = chance(2) ? mask : 0;
	const union engine_bar *bar = &device->registers;
	const struct named *be32 = &named[2], *u32 = &named[10], *done = &named[12];
	uint64_t value = number_at(device, u32->offset);

	EXPECT(coherent_bar_poll(bar, .notes[1].u32, mask, want, 0),
	       (value & mask) == want ? 0 : -ETIMEDOUT);
	value = number_at(device, done->offset);
	EXPECT(coherent_bar_poll(bar, .channels[2].done, mask, want, 0),
	       (value & mask) == want ? 0 : -ETIMEDOUT);
	value = engine_value(be32, number_at(device, be32->offset));
	EXPECT(coherent_bar_poll(bar, .notes[1].be32, mask, want, 0),
	       (value & mask) == want ? 0 : -ETIMEDOUT);
}

/* Uses a BAR that is empty, or whose device is closed. The device gets no access. */
static void use_dead_bar(struct device *device, union engine_bar *bar, int err)
{
	const unsigned int r = pick(NAMED_COUNT), note = pick(NAMED_NOTES);
	const unsigned long writes = device->engine.writes;

	CHECK(named_get(bar, r) == low_bytes(UINT64_MAX, named[r].width));
	named_put(bar, note, (uint64_t)pick(UINT32_MAX));
	CHECK(device->engine.writes == writes);
	EXPECT(coherent_bar_poll(bar, .notes[1].be32, 1, 0, UINT64_MAX), err);
}

/* Opens BARs that are too small for the registers, or do not exist. */
static void misuse_names(struct device *device)
{
	union engine_bar none;

	EXPECT(coherent_bar_open(&none, device->dev, 4), -ERANGE);
	CHECK(coherent_is_empty(&none) && !coherent_bar_untyped(&none));
	expect_report(device, COHERENT_ERROR);
	use_dead_bar(device, &none, -EINVAL);
	EXPECT(coherent_bar_open(&none, device->dev, 1 + pick(3)), -ENODEV);
	CHECK(coherent_is_empty(&none));
	expect_report(device, COHERENT_ERROR);
	coherent_bar_close(&none);
}

void driver_registers(struct device *device)
{
	const unsigned int index = chance(2) ? 4 : 0;
	struct coherent_bar *none = NULL;

	open_bar(device, 0);
	open_bar(device, index);
	use_register(device, index);
	if (index == 4)
		copy_registers(device);
	poll_register(device);
	use_named_register(device);
	poll_named_register(device);
	if (chance(8))
		misuse_names(device);
	if (chance(8)) {
		EXPECT(coherent_bar_open(&none, device->dev, 1 + pick(3)), -ENODEV);
		CHECK(!none);
		expect_report(device, COHERENT_ERROR);
	}
	if (chance(8))
		close_bar(device, index);
}

/* --- Interrupts --- */

static void open_irq(struct device *device, unsigned int vector)
{
	struct irq *irq = &device->irqs[vector];
	struct coherent_irq *other;

	if (irq->irq) {
		EXPECT(coherent_irq_open(&other, device->dev, vector), -EBUSY);
		CHECK(!other);
		expect_report(device, COHERENT_ERROR);
		return;
	}
	EXPECT(coherent_irq_open(&irq->irq, device->dev, vector), 0);
	irq->pending = false;
}

static void wait_irq(struct irq *irq)
{
	struct pollfd fd = { .fd = coherent_irq_fd(irq->irq), .events = POLLIN };

	CHECK(poll(&fd, 1, 0) == irq->pending);
	EXPECT(coherent_irq_wait(irq->irq, 0), irq->pending ? 0 : -ETIMEDOUT);
	irq->pending = false;
}

void driver_interrupts(struct device *device)
{
	const unsigned int vector = pick(CHANNELS);
	struct coherent_irq *none;

	if (chance(4))
		open_irq(device, vector);
	if (device->irqs[vector].irq)
		wait_irq(&device->irqs[vector]);
	if (chance(16)) {
		EXPECT(coherent_irq_open(&none, device->dev, CHANNELS + pick(64)), -ENODEV);
		CHECK(!none);
		expect_report(device, COHERENT_ERROR);
	}
	if (chance(16)) {
		coherent_irq_close(device->irqs[vector].irq);
		device->irqs[vector].irq = NULL;
	}
}

/* --- Transfers --- */

void driver_program(struct device *device)
{
	const unsigned int i = (unsigned int)(device - model.devices);
	const uint64_t at = pick(CHANNELS) * sizeof(struct channel);

	open_bar(device, 0);
	put_register(device, 0, at + offsetof(struct channel, cmd), 4, 0);
	put_register(device, 0, at + offsetof(struct channel, src), 8, space_pick(i));
	put_register(device, 0, at + offsetof(struct channel, dst), 8, space_pick(i));
	put_register(device, 0, at + offsetof(struct channel, len), 4, pick(4 * CHUNK));
	put_register(device, 0, at + offsetof(struct channel, done), 4, 0);
	put_register(device, 0, at + offsetof(struct channel, status), 4, 0);
	coherent_wmb();
	put_register(device, 0, at + offsetof(struct channel, cmd), 4, 1 + pick(3));
}

/* Checks the result of an access of the engine and applies it to the model's memory. */
static void check_access(struct device *device, const struct access *access)
{
	struct coherent_fault fault;
	struct place *place;
	uint8_t *bytes;

	EXPECT(access->err, space_predict((unsigned int)(device - model.devices), access->address,
					  access->bytes, access->what, &place, &fault));
	if (access->err) {
		expect_fault(device, &fault);
		return;
	}
	if (!access->bytes) {
		expect_report(device, COHERENT_INFO);
		return;
	}
	bytes = place->bytes + (access->address - place->address);
	if (access->what == COHERENT_ACCESS_WRITE)
		memcpy(bytes, access->data, access->bytes);
	else
		CHECK(!memcmp(bytes, access->data, access->bytes));
}

static void run_a_tick(struct device *device)
{
	struct engine *engine = &device->engine;

	model.now++;
	if (!device->held || device->ticks >= device->held_until) {
		device->held = false;
		device->ran++;
	}
	EXPECT(coherent_sim_step(device->dev, 1), 0);
	device->ticks++;
	while (device->checked < engine->logged)
		check_access(device, &engine->log[device->checked++]);
	for (unsigned int v = 0; v < CHANNELS; v++)
		if (engine->raised & 1u << v && device->irqs[v].irq)
			device->irqs[v].pending = true;
	engine->raised = 0;
	exposure_replay(false);
}

void driver_run(struct device *device)
{
	for (unsigned int ticks = pick(5); ticks; ticks--)
		run_a_tick(device);
	coherent_rmb();
}

/* --- Accesses that the driver did not ask for --- */

void driver_tries_address(unsigned int i, uint64_t address)
{
	const enum coherent_access access = chance(2) ? COHERENT_ACCESS_WRITE :
							COHERENT_ACCESS_READ;
	const size_t n = pick(600);
	struct coherent_fault fault;
	struct place *place;
	uint8_t bytes[600];
	int err;

	pattern(bytes, sizeof(bytes));
	err = space_predict(i, address, n, access, &place, &fault);
	EXPECT(coherent_sim_try_addr(model.devices[i].dev, (coherent_addr_t){ address }, bytes, n,
				     access),
	       err);
	if (err)
		expect_fault(&model.devices[i], &fault);
	else if (n && access == COHERENT_ACCESS_WRITE)
		memcpy(place->bytes + (address - place->address), bytes, n);
	else if (n)
		CHECK(!memcmp(bytes, place->bytes + (address - place->address), n));
}

/* The device reads an object, also a box, whose address the driver does not know. */
static int slot_try(struct slot *slot, size_t offset, uint8_t *byte)
{
	struct coherent_device *dev = device_of(&slot->place)->dev;

	if (slot->kind == BOX && slot->is_records)
		return coherent_sim_try(dev, &slot->records.box, offset, byte, 1,
					COHERENT_ACCESS_READ);
	if (slot->kind == BOX)
		return coherent_sim_try(dev, &slot->bytes.box, offset, byte, 1,
					COHERENT_ACCESS_READ);
	if (slot->is_records)
		return coherent_sim_try(dev, &slot->records.mem, offset, byte, 1,
					COHERENT_ACCESS_READ);
	return coherent_sim_try(dev, &slot->bytes.mem, offset, byte, 1, COHERENT_ACCESS_READ);
}

static void try_object(struct slot *slot)
{
	const size_t offset = pick((uint32_t)slot->place.pages * PAGE + 64);
	const uint64_t address = slot->place.address + offset;
	struct coherent_fault fault;
	struct place *place;
	uint8_t byte = 1;
	int err;

	err = space_predict(slot->place.dev, address, 1, COHERENT_ACCESS_READ, &place, &fault);
	EXPECT(slot_try(slot, offset, &byte), err);
	if (err)
		expect_fault(device_of(&slot->place), &fault);
	else
		CHECK(byte == place->bytes[offset]);
}

void driver_tries(struct slot *slot)
{
	const unsigned int i = pick(DEVICES);
	/* Sometimes there are more faults than the queue holds. */
	unsigned int tries = chance(256) ? FAULTS + pick(64) : 1;

	if (slot->kind == BOX || slot->kind == MEM)
		try_object(slot);
	while (tries--)
		driver_tries_address(i, space_pick(i));
}

/* --- Around the close of a device --- */

void driver_keeps_bar(struct device *device)
{
	open_bar(device, 0);
}

void driver_after_close(struct device *device)
{
	for (unsigned int v = 0; v < CHANNELS; v++) {
		if (device->irqs[v].irq)
			EXPECT(coherent_irq_wait(device->irqs[v].irq, UINT64_MAX), -ENODEV);
		coherent_irq_close(device->irqs[v].irq);
		device->irqs[v].irq = NULL;
	}
	EXPECT(coherent_bar_poll32(device->bars[0].bar, 0, 1, 0, UINT64_MAX), -ENODEV);
	use_bad_register(device, 0, 0, 4);
	use_dead_bar(device, &device->registers, -ENODEV);
	close_bar(device, 0);
	CHECK(coherent_is_empty(&device->registers));
	close_bar(device, 4);
}
