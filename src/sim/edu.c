// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The built-in model "edu", after QEMU's device (docs/specs/edu.rst, hw/misc/edu.c). The model has
 * the limits of QEMU's device too: addresses lose the bits above the mask, a transfer takes at most
 * 4095 bytes of the buffer, registers below 0x80 are 4 bytes wide, and the device does not accept
 * a command while another one runs. If the IOMMU refuses a transfer, the transfer ends like any
 * other: a read delivers zeros, and the device does not tell the driver.
 *
 * QEMU 7.2 aborts on a transfer outside of the buffer. This model reports it, and the transfer
 * never ends.
 */
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "sim/model.h"

enum {
	REG_ID = 0x00,
	REG_LIVENESS = 0x04,
	REG_FACTORIAL = 0x08,
	REG_STATUS = 0x20,
	REG_IRQ_STATUS = 0x24,
	REG_IRQ_RAISE = 0x60,
	REG_IRQ_ACK = 0x64,
	REG_DMA_SRC = 0x80,
	REG_DMA_DST = 0x88,
	REG_DMA_COUNT = 0x90,
	REG_DMA_CMD = 0x98,
};

#define ID UINT32_C(0x010000ed)
#define STATUS_COMPUTING UINT32_C(0x01)
#define STATUS_IRQ_FACTORIAL UINT32_C(0x80)
#define CMD_RUN UINT64_C(1)
#define CMD_TO_MEMORY UINT64_C(2)
#define CMD_IRQ UINT64_C(4)
#define IRQ_FACTORIAL UINT32_C(0x001)
#define IRQ_DMA UINT32_C(0x100)
#define BUFFER_BASE UINT64_C(0x40000)
#define BUFFER_BYTES 4096
/* QEMU's IOMMUs for x86 translate pages of 4 KiB, whatever the pages of this CPU are. */
#define DMA_PAGE UINT64_C(4096)

struct edu {
	uint32_t liveness;
	uint32_t factorial;
	uint32_t status;
	uint32_t irq_status;
	uint64_t src;
	uint64_t dst;
	uint64_t count;
	uint64_t cmd;
	bool hung;
	unsigned char buffer[BUFFER_BYTES];
};

static void raise_irq(struct coherent_sim *sim, struct edu *edu, uint32_t bits)
{
	/* As in QEMU, a write of 0 interrupts again while another bit is pending. */
	edu->irq_status |= bits;
	if (edu->irq_status)
		coherent_sim_irq(sim, 0);
}

static uint64_t edu_reg_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			     unsigned int width)
{
	const struct edu *edu = arg;

	(void)sim;
	(void)bar;
	if (width != 4 && (width != 8 || offset < REG_DMA_SRC))
		return UINT64_MAX;
	switch (offset) {
	case REG_ID:
		return ID;
	case REG_LIVENESS:
		return edu->liveness;
	case REG_FACTORIAL:
		return edu->factorial;
	case REG_STATUS:
		return edu->status;
	case REG_IRQ_STATUS:
		return edu->irq_status;
	case REG_DMA_SRC:
		return edu->src;
	case REG_DMA_DST:
		return edu->dst;
	case REG_DMA_COUNT:
		return edu->count;
	case REG_DMA_CMD:
		return edu->cmd;
	}
	return UINT64_MAX;
}

/* The device ignores writes to the registers of a transfer while the transfer runs. */
static void write_dma_register(struct edu *edu, uint64_t offset, uint64_t value)
{
	if (edu->cmd & CMD_RUN)
		return;
	switch (offset) {
	case REG_DMA_SRC:
		edu->src = value;
		break;
	case REG_DMA_DST:
		edu->dst = value;
		break;
	case REG_DMA_COUNT:
		edu->count = value;
		break;
	case REG_DMA_CMD:
		/*
		 * QEMU drops a command that does not start a transfer, with its direction and its
		 * interrupt.
		 */
		if (value & CMD_RUN)
			edu->cmd = value;
		break;
	}
}

static void edu_reg_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value)
{
	struct edu *edu = arg;

	(void)bar;
	if (width != 4 && (width != 8 || offset < REG_DMA_SRC))
		return;
	switch (offset) {
	case REG_LIVENESS:
		/*
		 * edu.rst: the register reads back inverted, which memory in its place would not
		 * do.
		 */
		edu->liveness = ~(uint32_t)value;
		break;
	case REG_FACTORIAL:
		/* QEMU drops a number that comes while it computes another one. */
		if (edu->status & STATUS_COMPUTING)
			break;
		edu->factorial = (uint32_t)value;
		edu->status |= STATUS_COMPUTING;
		break;
	case REG_STATUS:
		edu->status &= ~STATUS_IRQ_FACTORIAL;
		edu->status |= (uint32_t)value & STATUS_IRQ_FACTORIAL;
		break;
	case REG_IRQ_RAISE:
		raise_irq(sim, edu, (uint32_t)value);
		break;
	case REG_IRQ_ACK:
		edu->irq_status &= ~(uint32_t)value;
		break;
	default:
		write_dma_register(edu, offset, value);
	}
}

static void compute_factorial(struct coherent_sim *sim, struct edu *edu)
{
	uint32_t result = 1;

	for (uint32_t n = edu->factorial; n; n--) {
		result *= n;
		/* 34! and every later factorial are multiples of 2^32. */
		if (!result)
			break;
	}
	edu->factorial = result;
	/* The status changes first, because a driver reads it when the interrupt arrives. */
	edu->status &= ~STATUS_COMPUTING;
	if (edu->status & STATUS_IRQ_FACTORIAL)
		raise_irq(sim, edu, IRQ_FACTORIAL);
}

/* QEMU also requires that the byte after the transfer is in the buffer. */
static bool is_in_buffer(uint64_t at, uint64_t count)
{
	/* The tests of at and count come before their sum, which could wrap around. */
	return at >= BUFFER_BASE && at < BUFFER_BASE + BUFFER_BYTES && count &&
	       count < BUFFER_BYTES && at + count < BUFFER_BASE + BUFFER_BYTES;
}

static void hang_device(struct coherent_sim *sim, struct edu *edu, uint64_t at)
{
	char text[192];

	snprintf(text, sizeof(text),
		 "transfer of %" PRIu64 " bytes at 0x%" PRIx64
		 " of its buffer: it takes at most 4095 bytes from 0x40000 to 0x40ffe. QEMU 7.2 "
		 "aborts, this device hangs",
		 edu->count, at);
	coherent_sim_report(sim, COHERENT_ERROR, text);
	edu->hung = true;
}

/* QEMU transfers page by page: a mapped page arrives even if the next page is not mapped. */
static void transfer_pages(struct coherent_sim *sim, struct edu *edu, uint64_t address,
			   unsigned char *at, uint64_t count)
{
	while (count) {
		const uint64_t left = DMA_PAGE - address % DMA_PAGE;
		const size_t n = (size_t)(count < left ? count : left);

		/*
		 * QEMU ignores the result of pci_dma_write(), so the driver learns nothing of a
		 * refusal.
		 */
		if (edu->cmd & CMD_TO_MEMORY)
			(void)!coherent_sim_dma_write(sim, address, at, n);
		else if (coherent_sim_dma_read(sim, address, at, n))
			memset(at, 0, n);
		address += n;
		at += n;
		count -= n;
	}
}

static void run_dma(struct coherent_sim *sim, struct edu *edu)
{
	const bool to_memory = edu->cmd & CMD_TO_MEMORY;
	const uint64_t inner = to_memory ? edu->src : edu->dst;
	const uint64_t outer = to_memory ? edu->dst : edu->src;

	if (!is_in_buffer(inner, edu->count)) {
		hang_device(sim, edu, inner);
		return;
	}
	transfer_pages(sim, edu, outer & coherent_sim_mask(sim),
		       edu->buffer + (inner - BUFFER_BASE), edu->count);
	/*
	 * A driver that gets the interrupt may start the next transfer at once, so this one ends
	 * first.
	 */
	edu->cmd &= ~CMD_RUN;
	if (edu->cmd & CMD_IRQ)
		raise_irq(sim, edu, IRQ_DMA);
}

static void edu_tick(struct coherent_sim *sim, void *arg)
{
	struct edu *edu = arg;

	if (edu->status & STATUS_COMPUTING)
		compute_factorial(sim, edu);
	if (edu->cmd & CMD_RUN && !edu->hung)
		run_dma(sim, edu);
}

static void edu_reset(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	/*
	 * QEMU's edu keeps its timer over a reset, so an armed transfer still runs there. This
	 * model forgets everything, as coherent/sim.h asks of a reset.
	 */
	memset(arg, 0, sizeof(struct edu));
}

/* The IDs of QEMU's edu. It has no capabilities here. */
static uint32_t edu_config_read(struct coherent_sim *sim, void *arg, unsigned int offset,
				unsigned int width)
{
	static const uint8_t header[64] = {
		[PCI_VENDOR_ID] = 0x34,
		0x12,
		0xe8,
		0x11,
		[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
		[PCI_REVISION_ID] = 0x10,
		0x00,
		0xff,
		0x00,
		[PCI_SUBSYSTEM_VENDOR_ID] = 0xf4,
		0x1a,
		0x00,
		0x11,
		[PCI_INTERRUPT_PIN] = 1,
	};
	uint32_t value = 0;

	(void)sim;
	(void)arg;
	for (unsigned int i = 0; i < width; i++)
		if (offset + i < sizeof(header))
			value |= (uint32_t)header[offset + i] << 8 * i;
	return value;
}

const struct sim_builtin sim_edu = {
	.model = {
		.name = "edu",
		.mask = (UINT64_C(1) << 28) - 1,
		.vectors = 1,
		.bar_size = { 1 << 20 },
		.reg_read = edu_reg_read,
		.reg_write = edu_reg_write,
		.tick = edu_tick,
		.reset = edu_reset,
		.config_read = edu_config_read,
	},
	.state_bytes = sizeof(struct edu),
};
