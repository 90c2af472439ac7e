// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver of an edu device, and the model of that device. They run in one process or in two:
 *
 *	three-places drive NAME		makes calls and prints the result of each
 *	three-places serve NAME PATH	serves the device to other processes
 *
 * The name "sim:custom" means the model of this program.
 */
#include <coherent/config.h>
#include <coherent/serve.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edu.h"
#include "sim/model.h"

#define TIMEOUT_NS UINT64_C(60000000000)
#define BATCH_BYTES ((size_t)64 * EDU_PACKET_BYTES)

enum { FACTORIAL = 0x08, STATUS = 0x20, IRQ_STATUS = 0x24, IRQ_RAISE = 0x60, IRQ_ACK = 0x64 };
#define STATUS_IRQ_FACTORIAL 0x80

static void print_report(void *arg, enum coherent_severity severity, const char *line)
{
	(void)arg;
	printf("%s: %s\n", severity == COHERENT_ERROR ? "error" : "warning", line);
}

static void say(const char *what, long long result)
{
	printf("result: %s: %lld\n", what, result);
}

static void print_faults(struct coherent_device *dev)
{
	struct coherent_fault fault;

	while (!coherent_device_next_fault(dev, &fault))
		printf("fault: %s\n", fault.text);
}

/* --- Registers and interrupts --- */

static void use_registers(struct coherent_device *dev, struct coherent_bar *bar)
{
	struct coherent_bar *none;
	uint32_t ids = 0;

	say("configuration space", coherent_config_read32(dev, 0, &ids));
	say("the IDs", ids);
	say("a BAR that is not there", coherent_bar_open(&none, dev, 5));
	for (unsigned int at = 0; at < 0xa0; at += 4)
		if (at != FACTORIAL)
			say("a register of 32 bits", coherent_bar_read32(bar, at));
	say("a register of 64 bits", (long long)coherent_bar_read64(bar, 0x80));
	say("8 bits of a register", coherent_bar_read8(bar, 0));
	say("16 bits of a register", coherent_bar_read16(bar, 2));
	coherent_bar_write32(bar, 0x200, 5);
	say("a register that is not there", coherent_bar_read32(bar, 0x200));
	say("a poll that fails", coherent_bar_poll32(bar, STATUS, 1, 1, 1000000));
}

static void compute(struct coherent_bar *bar, struct coherent_irq *irq, uint32_t number)
{
	coherent_bar_write32(bar, STATUS, STATUS_IRQ_FACTORIAL);
	coherent_bar_write32(bar, FACTORIAL, number);
	say("the interrupt of a factorial", coherent_irq_wait(irq, TIMEOUT_NS));
	say("the factorial", coherent_bar_read32(bar, FACTORIAL));
	say("its cause", coherent_bar_read32(bar, IRQ_STATUS));
	coherent_bar_write32(bar, IRQ_ACK, UINT32_MAX);
	say("no cause", coherent_bar_read32(bar, IRQ_STATUS));
}

static void use_interrupts(struct coherent_device *dev, struct coherent_bar *bar)
{
	struct coherent_irq *irq, *second;
	int err = coherent_irq_open(&irq, dev, 0);

	say("an interrupt", err);
	say("a vector that is not there", coherent_irq_open(&second, dev, 1));
	say("an interrupt twice", coherent_irq_open(&second, dev, 0));
	if (err)
		return;
	say("no interrupt", coherent_irq_wait(irq, 0));
	for (uint32_t number = 0; number < 14; number++)
		compute(bar, irq, number);
	for (uint32_t i = 1; i < 10; i++) {
		coherent_bar_write32(bar, IRQ_RAISE, i);
		say("an interrupt that the driver asks for", coherent_irq_wait(irq, TIMEOUT_NS));
		say("its cause", coherent_bar_read32(bar, IRQ_STATUS));
		coherent_bar_write32(bar, IRQ_ACK, i);
	}
	say("no interrupt any more", coherent_irq_wait(irq, 0));
	coherent_irq_close(irq);
}

/* --- Memory --- */

/* Returns the FNV-1a hash of bytes. */
static long long sum(const uint8_t *bytes, size_t count)
{
	uint32_t value = 2166136261u;

	for (size_t i = 0; i < count; i++)
		value = (value ^ bytes[i]) * 16777619u;
	return value;
}

static void echo(struct edu *edu, size_t bytes, size_t size)
{
	uint8_t *data = calloc(2, BATCH_BYTES), *back = data ? data + BATCH_BYTES : NULL;
	union edu_packets packets = COHERENT_EMPTY;

	for (size_t i = 0; data && i < bytes; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	say("the number of bytes", (long long)bytes);
	say("packets", data ? edu_load(edu, data, bytes, &packets) : -1);
	say("their number", (long long)coherent_count(&packets));
	say("their echo", data ? edu_echo(edu, &packets, back, size) : -1);
	say("what came back", data ? sum(back, BATCH_BYTES) : -1);
	/* A transfer that failed may still write to the echo, so the driver frees it. */
	say("the echo that the driver frees", (long long)coherent_count(&edu->echo));
	coherent_free(&edu->echo);
	coherent_free(&packets);
	free(data);
}

static void use_memory(struct edu *edu)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	const uint8_t zeros[64] = { 0 };
	uint8_t bytes[64];
	coherent_addr_t old;

	say("memory of no byte", coherent_zeroed(&mem, edu->dev, 0));
	say("memory above the mask", coherent_zeroed(&mem, edu->dev, (size_t)1 << 29));
	say("a mask that has no page", coherent_device_set_mask(edu->dev, coherent_mask(8)));
	say("memory", coherent_zeroed(&mem, edu->dev, 100));
	say("a byte behind it", coherent_write(&mem, 100, 1));
	for (uint8_t i = 0; i < 64; i++)
		say("a byte", coherent_write(&mem, i, i + 3));
	say("the device reads", edu_read(edu, coherent_addr(&mem), 64));
	say("the driver forgets the bytes", coherent_copy_in(&mem, 0, zeros, 64));
	say("the device writes", edu_write(edu, coherent_addr(&mem), 64));
	say("the bytes", coherent_copy_out(&mem, 0, bytes, 64));
	say("their sum", sum(bytes, 64));
	old = coherent_addr(&mem);
	say("the memory is taken back", coherent_reclaim(&mem, &box, .idle = true));
	say("it is taken back twice", coherent_reclaim(&mem, &box, .idle = true));
	memset(coherent_box_ptr(&box), 0, 64);
	say("the device writes again", edu_write(edu, old, 64));
	say("the memory that it does not reach", sum(coherent_box_ptr(&box), 64));
	print_faults(edu->dev);
}

/* --- The program --- */

static int drive(struct coherent_device *dev)
{
	struct edu edu = { .dev = dev };
	struct coherent_bar *bar;
	int err = coherent_bar_open(&bar, dev, 0);

	if (err)
		return err;
	use_registers(dev, bar);
	use_interrupts(dev, bar);
	coherent_bar_close(bar);
	err = coherent_bar_open(&edu.bar, dev, 0);
	if (err)
		return err;
	err = edu_probe(&edu);
	say("it is an edu", err);
	if (!err) {
		static const size_t sizes[] = { 0, 1, 2040, 2041, 5000, BATCH_BYTES };

		use_memory(&edu);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
			echo(&edu, sizes[i], BATCH_BYTES);
		echo(&edu, 5000, 4999);
		print_faults(dev);
	}
	coherent_bar_close(&edu.bar);
	return err;
}

static int drive_name(const char *name, void *state)
{
	const bool has_model = !strcmp(name, "sim:custom");
	struct coherent_device *dev;
	int err = coherent_device_open(&dev, name, .report = print_report,
				       .model = has_model ? &sim_edu.model : NULL,
				       .model_arg = has_model ? state : NULL);

	if (err)
		return err;
	err = drive(dev);
	coherent_device_close(dev);
	return err;
}

int main(int argc, char **argv)
{
	void *state = calloc(1, sim_edu.state_bytes);
	int err = -1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (state && argc == 3 && !strcmp(argv[1], "drive"))
		err = drive_name(argv[2], state);
	else if (state && argc == 4 && !strcmp(argv[1], "serve"))
		err = coherent_sim_serve(argv[2], argv[3], .model = &sim_edu.model,
					 .model_arg = state, .report = print_report);
	else
		fputs("usage: three-places drive NAME | serve NAME PATH\n", stderr);
	free(state);
	return err ? 2 : 0;
}
