// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The built-in model "ring": a device with a descriptor ring and a completion ring. coherent/sim.h
 * documents its registers and formats. A tick processes at most BATCH descriptors and interrupts
 * once after them.
 */
#include <errno.h>
#include <string.h>

#include "base/size.h"
#include "sim/model.h"

/* In memory, with the lowest byte first, this number spells "ring". */
#define ID UINT32_C(0x676e6972)
#define ENTRIES_MAX 65536
#define LEN_MAX 65536
/* A chunk is on the stack, so a long descriptor is done in several. */
#define CHUNK 4096
/* The lock of the device is held during a tick, so this limits how long a register access waits. */
#define BATCH 256

enum run { RUN_STOPPED, RUN_RUNNING, RUN_FAILED };

struct ring {
	uint32_t entries;
	uint64_t descs;
	uint64_t completions;
	uint32_t run;
	uint32_t tail;
	uint32_t head;
};

static uint64_t ring_reg_read(struct coherent_sim *sim, void *arg, unsigned int bar,
			      uint64_t offset, unsigned int width)
{
	const struct ring *ring = arg;

	(void)sim;
	(void)bar;
	switch (offset) {
	case COHERENT_SIM_RING_ID:
		return width == 4 ? ID : UINT64_MAX;
	case COHERENT_SIM_RING_ENTRIES:
		return width == 4 ? ring->entries : UINT64_MAX;
	case COHERENT_SIM_RING_DESCS:
		return width == 8 ? ring->descs : UINT64_MAX;
	case COHERENT_SIM_RING_COMPLETIONS:
		return width == 8 ? ring->completions : UINT64_MAX;
	case COHERENT_SIM_RING_RUN:
		return width == 4 ? ring->run : UINT64_MAX;
	case COHERENT_SIM_RING_TAIL:
		return width == 4 ? ring->tail : UINT64_MAX;
	case COHERENT_SIM_RING_HEAD:
		return width == 4 ? ring->head : UINT64_MAX;
	}
	return UINT64_MAX;
}

static bool has_valid_setup(const struct ring *ring)
{
	/*
	 * process_next() uses the low bits of a count that does not wrap with the ring. That works
	 * only for a power of two.
	 */
	return ring->entries <= ENTRIES_MAX && is_power_of_two(ring->entries);
}

static void start_or_stop(struct ring *ring, bool start)
{
	ring->run = RUN_STOPPED;
	if (!start)
		return;
	ring->head = 0;
	ring->tail = 0;
	/* A write of a register cannot fail, so the driver reads the failure from the register. */
	ring->run = has_valid_setup(ring) ? RUN_RUNNING : RUN_FAILED;
}

static void write_register32(struct ring *ring, uint64_t offset, uint32_t value)
{
	if (offset == COHERENT_SIM_RING_RUN)
		start_or_stop(ring, value == 1);
	else if (offset == COHERENT_SIM_RING_TAIL)
		ring->tail = value;
	/*
	 * If the ring changed during a run, the device would read descriptors that the driver never
	 * wrote.
	 */
	else if (offset == COHERENT_SIM_RING_ENTRIES && ring->run == RUN_STOPPED)
		ring->entries = value;
}

static void ring_reg_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			   unsigned int width, uint64_t value)
{
	struct ring *ring = arg;

	(void)sim;
	(void)bar;
	if (width == 4)
		write_register32(ring, offset, (uint32_t)value);
	else if (width == 8 && offset == COHERENT_SIM_RING_DESCS && ring->run == RUN_STOPPED)
		ring->descs = value;
	else if (width == 8 && offset == COHERENT_SIM_RING_COMPLETIONS && ring->run == RUN_STOPPED)
		ring->completions = value;
}

static uint32_t sum_of(const unsigned char *bytes, size_t n)
{
	uint32_t sum = 0;

	while (n--)
		sum += *bytes++;
	return sum;
}

/* Does the work of a descriptor for one chunk of its memory. */
static int run_chunk(struct coherent_sim *sim, const struct coherent_sim_ring_desc *desc,
		     uint32_t done, size_t n, uint32_t *sum)
{
	const uint16_t op = coherent_le16_to_cpu(desc->op);
	const uint64_t src = coherent_le64_to_cpu(desc->src) + done;
	const uint64_t dst = coherent_le64_to_cpu(desc->dst) + done;
	unsigned char bytes[CHUNK];
	int err = 0;

	memset(bytes, coherent_le16_to_cpu(desc->cookie) & 0xff, n);
	if (op != COHERENT_SIM_RING_FILL)
		err = coherent_sim_dma_read(sim, src, bytes, n);
	if (err)
		return err;
	if (op != COHERENT_SIM_RING_FILL)
		*sum += sum_of(bytes, n);
	return op == COHERENT_SIM_RING_SUM ? 0 : coherent_sim_dma_write(sim, dst, bytes, n);
}

static uint16_t run_descriptor(struct coherent_sim *sim, const struct coherent_sim_ring_desc *desc,
			       uint32_t *sum)
{
	const uint16_t op = coherent_le16_to_cpu(desc->op);
	const uint32_t len = coherent_le32_to_cpu(desc->len);

	/* The status field of a completion has no sign, so these errors are positive. */
	if (op < COHERENT_SIM_RING_SUM || op > COHERENT_SIM_RING_COPY || len > LEN_MAX)
		return EINVAL;
	for (uint32_t done = 0; done < len; done += CHUNK)
		if (run_chunk(sim, desc, done, len - done < CHUNK ? len - done : CHUNK, sum))
			return EIO;
	return 0;
}

/* The write of seq comes last and alone, because it tells the driver that the rest is there. */
static int write_completion(struct coherent_sim *sim, const struct ring *ring,
			    const struct coherent_sim_ring_completion *completion)
{
	const uint64_t address =
		ring->completions + (ring->head & (ring->entries - 1)) * sizeof(*completion);
	const size_t rest = offsetof(struct coherent_sim_ring_completion, seq);
	int err;

	err = coherent_sim_dma_write(sim, address, completion, rest);
	if (err)
		return err;
	return coherent_sim_dma_write(sim, address + rest, &completion->seq,
				      sizeof(completion->seq));
}

static int process_next(struct coherent_sim *sim, struct ring *ring)
{
	const uint64_t address = ring->descs + (ring->head & (ring->entries - 1)) *
						       sizeof(struct coherent_sim_ring_desc);
	struct coherent_sim_ring_completion completion = { .sum = coherent_cpu_to_le32(0) };
	struct coherent_sim_ring_desc desc;
	uint32_t sum = 0;
	int err;

	/*
	 * SHARED: the device reads a descriptor once and works on the copy. A driver that changes
	 * it too early cannot make the device use a length that was not checked.
	 */
	err = coherent_sim_dma_read(sim, address, &desc, sizeof(desc));
	if (err)
		return err;
	completion.status = coherent_cpu_to_le16(run_descriptor(sim, &desc, &sum));
	completion.sum = coherent_cpu_to_le32(sum);
	completion.cookie = desc.cookie;
	/* Fresh memory is zero, so the number of the first completion must not be 0. */
	completion.seq = coherent_cpu_to_le32(ring->head + 1);
	err = write_completion(sim, ring, &completion);
	if (!err)
		ring->head++;
	return err;
}

static void ring_tick(struct coherent_sim *sim, void *arg)
{
	struct ring *ring = arg;
	unsigned int done;

	/*
	 * If the device cannot reach its rings, no completion can carry the error, so the device
	 * stops.
	 */
	for (done = 0; ring->run == RUN_RUNNING && ring->head != ring->tail && done < BATCH; done++)
		if (process_next(sim, ring))
			ring->run = RUN_FAILED;
	/* A failure counts too, so that a driver that waits for an interrupt learns of it. */
	if (done)
		coherent_sim_irq(sim, 0);
}

static void ring_reset(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	memset(arg, 0, sizeof(struct ring));
}

const struct sim_builtin sim_ring = {
	.model = {
		.name = "ring",
		.mask = UINT64_MAX >> 16,
		.vectors = 1,
		.bar_size = { COHERENT_SIM_RING_BAR_BYTES },
		.reg_read = ring_reg_read,
		.reg_write = ring_reg_write,
		.tick = ring_tick,
		.reset = ring_reset,
	},
	.state_bytes = sizeof(struct ring),
};
