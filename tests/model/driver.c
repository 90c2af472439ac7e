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
	if (!device->bars[index].bar)
		EXPECT(coherent_bar_open(&device->bars[index].bar, device->dev, index), 0);
}

static void close_bar(struct device *device, unsigned int index)
{
	coherent_bar_close(device->bars[index].bar);
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

/* Writes a register and checks that the engine got the write. A write may delay ticks. */
static void put_register(struct device *device, unsigned int index, uint64_t offset,
			 unsigned int width, uint64_t value)
{
	const unsigned long writes = device->engine.writes;

	write_register(device->bars[index].bar, offset, width, value);
	CHECK(device->engine.writes == writes + 1 && device->engine.bar == index);
	CHECK(device->engine.offset == offset && device->engine.width == width);
	CHECK(device->engine.value == low_bytes(value, width));
	if (!device->delay || device->held)
		return;
	device->held = true;
	device->held_until = device->ticks + device->delay;
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

void driver_registers(struct device *device)
{
	const unsigned int index = chance(2) ? 4 : 0;
	struct coherent_bar *none = NULL;

	open_bar(device, 0);
	open_bar(device, index);
	use_register(device, index);
	poll_register(device);
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

static void try_address(unsigned int i, uint64_t address)
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
		try_address(i, space_pick(i));
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
	close_bar(device, 0);
	close_bar(device, 4);
}
