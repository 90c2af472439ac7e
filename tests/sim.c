// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The simulator: its two devices, models of one's own, and every way to
 * misbehave.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096
#define BUFFER 0x40000

enum {
	EDU_ID = 0x00,
	EDU_LIVENESS = 0x04,
	EDU_FACTORIAL = 0x08,
	EDU_STATUS = 0x20,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_RAISE = 0x60,
	EDU_IRQ_ACK = 0x64,
	EDU_SRC = 0x80,
	EDU_DST = 0x88,
	EDU_COUNT = 0x90,
	EDU_CMD = 0x98,
};
enum { RUN = 1, TO_MEMORY = 2, WITH_IRQ = 4 };

struct edu {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	struct log log;
};

static void open_edu(struct edu *edu, const char *name)
{
	edu->log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&edu->dev, name, .report = log_report,
				       .report_arg = &edu->log));
	assert_ok(coherent_bar_open(&edu->bar, edu->dev, 0));
	assert_ok(coherent_irq_open(&edu->irq, edu->dev, 0));
}

static void close_edu(struct edu *edu)
{
	coherent_irq_close(edu->irq);
	coherent_bar_close(edu->bar);
	coherent_device_close(edu->dev);
}

static void edu_command(struct edu *edu, uint64_t src, uint64_t dst, uint64_t count, uint64_t cmd)
{
	coherent_bar_write64(edu->bar, EDU_SRC, src);
	coherent_bar_write64(edu->bar, EDU_DST, dst);
	coherent_bar_write64(edu->bar, EDU_COUNT, count);
	coherent_bar_write64(edu->bar, EDU_CMD, cmd | RUN);
}

/* --- edu --- */

static void edu_has_the_registers_of_qemu(void **state)
{
	struct edu edu;

	(void)state;
	open_edu(&edu, "sim:edu,step");
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_ID), 0x010000ed);
	coherent_bar_write32(edu.bar, EDU_LIVENESS, 0x12345678);
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_LIVENESS), ~UINT32_C(0x12345678));
	/* 4 bytes below 0x80, 4 or 8 from there on. */
	coherent_bar_write64(edu.bar, EDU_FACTORIAL, 3);
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_STATUS), 0);
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_ID), UINT64_MAX);
	assert_int_equal(coherent_bar_read16(edu.bar, EDU_SRC), UINT16_MAX);
	coherent_bar_write32(edu.bar, EDU_SRC, 0x1234);
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_SRC), 0x1234);
	assert_int_equal(coherent_bar_read32(edu.bar, 0x200), UINT32_MAX);

	coherent_bar_write32(edu.bar, EDU_FACTORIAL, 6);
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_STATUS), 1);
	/* Not while one is computed. */
	coherent_bar_write32(edu.bar, EDU_FACTORIAL, 9);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_STATUS), 0);
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_FACTORIAL), 720);
	assert_err(coherent_irq_wait(edu.irq, 0), -ETIMEDOUT);
	coherent_bar_write32(edu.bar, EDU_STATUS, 0x80);
	coherent_bar_write32(edu.bar, EDU_FACTORIAL, UINT32_MAX);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_FACTORIAL), 0);
	assert_ok(coherent_irq_wait(edu.irq, 0));
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_IRQ_STATUS), 1);
	coherent_bar_write32(edu.bar, EDU_IRQ_RAISE, 0x30);
	assert_ok(coherent_irq_wait(edu.irq, 0));
	coherent_bar_write32(edu.bar, EDU_IRQ_ACK, 0x21);
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_IRQ_STATUS), 0x10);
	close_edu(&edu);
}

static void edu_copies_both_ways(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct edu edu;
	uint64_t address;

	(void)state;
	open_edu(&edu, "sim:edu,step");
	assert_ok(coherent_zeroed(&mem, edu.dev, 2 * PAGE));
	address = coherent_addr(&mem).raw;
	for (size_t i = 0; i < 100; i++)
		assert_ok(coherent_write(&mem, i, (uint8_t)(i + 1)));
	edu_command(&edu, address, BUFFER + 10, 100, 0);
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), RUN);
	/* Registers are closed while it runs. */
	coherent_bar_write64(edu.bar, EDU_DST, 0);
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_DST), BUFFER + 10);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), 0);
	edu_command(&edu, BUFFER + 10, address + PAGE - 50, 100, TO_MEMORY | WITH_IRQ);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_ok(coherent_irq_wait(edu.irq, 0));
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_IRQ_STATUS), 0x100);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(coherent_unsafe_ptr(&mem)[PAGE - 50 + i], i + 1);
	/* A command without the run bit is none. */
	coherent_bar_write64(edu.bar, EDU_CMD, TO_MEMORY);
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), TO_MEMORY | WITH_IRQ);
	coherent_free(&mem);
	close_edu(&edu);
}

static void edu_clamps_addresses_to_its_mask(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct edu edu;

	(void)state;
	open_edu(&edu, "sim:edu,step");
	assert_ok(coherent_zeroed(&mem, edu.dev, 16));
	assert_ok(coherent_write(&mem, 0, 77));
	edu_command(&edu, coherent_addr(&mem).raw | UINT64_C(1) << 28, BUFFER, 1, 0);
	assert_ok(coherent_sim_step(edu.dev, 1));
	edu_command(&edu, BUFFER, coherent_addr(&mem).raw + 8, 1, TO_MEMORY);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_int_equal(coherent_unsafe_ptr(&mem)[8], 77);
	assert_no_fault(edu.dev);
	coherent_free(&mem);
	close_edu(&edu);

	open_edu(&edu, "sim:edu,step,mask=40");
	assert_ok(coherent_zeroed(&mem, edu.dev, 16));
	edu_command(&edu, coherent_addr(&mem).raw | UINT64_C(1) << 28, BUFFER, 1, 0);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_fault(edu.dev, COHERENT_STATE_NONE);
	coherent_free(&mem);
	close_edu(&edu);
}

static void edu_hangs_where_qemu_aborts(void **state)
{
	static const struct {
		uint64_t at;
		uint64_t count;
		bool fits;
	} transfers[] = {
		{ BUFFER, 4095, true },
		{ BUFFER, 4096, false },
		{ BUFFER + 1, 4094, true },
		{ BUFFER + 1, 4095, false },
		{ BUFFER + 4094, 1, true },
		{ BUFFER + 4095, 1, false },
		{ BUFFER - 1, 1, false },
		{ 0, 1, false },
		{ BUFFER, 0, false },
		{ BUFFER, UINT64_MAX, false },
		{ BUFFER + 8, UINT64_MAX - 7, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(transfers); i++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		struct edu edu;

		open_edu(&edu, "sim:edu,step");
		assert_ok(coherent_zeroed(&mem, edu.dev, 2 * PAGE));
		edu_command(&edu, coherent_addr(&mem).raw, transfers[i].at, transfers[i].count, 0);
		assert_ok(coherent_sim_step(edu.dev, 3));
		assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD),
				 transfers[i].fits ? 0 : RUN);
		assert_int_equal(edu.log.count, !transfers[i].fits);
		if (!transfers[i].fits)
			assert_true(log_has(&edu.log, "QEMU 7.2 aborts, this device hangs"));
		assert_ok(coherent_device_reset(edu.dev));
		assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), 0);
		coherent_free(&mem);
		close_edu(&edu);
	}
}

static void edu_transfers_the_mapped_part_and_reads_zeros(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct edu edu;
	uint64_t address;

	(void)state;
	open_edu(&edu, "sim:edu,step");
	assert_ok(coherent_zeroed(&mem, edu.dev, PAGE));
	address = coherent_addr(&mem).raw;
	for (size_t i = 0; i < 16; i++)
		assert_ok(coherent_write(&mem, PAGE - 8 + i % 8, 0x11));
	edu_command(&edu, address + PAGE - 8, BUFFER, 16, 0);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_fault(edu.dev, COHERENT_STATE_NONE);
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), 0);
	edu_command(&edu, BUFFER, address, 16, TO_MEMORY);
	assert_ok(coherent_sim_step(edu.dev, 1));
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(coherent_unsafe_ptr(&mem)[i], i < 8 ? 0x11 : 0);
	assert_no_fault(edu.dev);
	coherent_free(&mem);
	close_edu(&edu);
}

static void delay_holds_a_transfer_back(void **state)
{
	struct edu edu;

	(void)state;
	open_edu(&edu, "sim:edu,step,delay=100");
	edu_command(&edu, 0, BUFFER, 1, 0);
	assert_ok(coherent_sim_step(edu.dev, 100));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), RUN);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), 0);
	close_edu(&edu);

	/* With a thread a tick is a millisecond. */
	open_edu(&edu, "sim:edu,delay=20");
	edu_command(&edu, 0, BUFFER, 1, WITH_IRQ);
	assert_err(coherent_irq_wait(edu.irq, 10 * MS), -ETIMEDOUT);
	assert_ok(coherent_irq_wait(edu.irq, LONG));
	close_edu(&edu);
}

/* How many steps a transfer takes. */
static unsigned int steps_taken(struct edu *edu)
{
	unsigned int steps = 0;

	edu_command(edu, 0, BUFFER, 1, 0);
	while (coherent_bar_read64(edu->bar, EDU_CMD)) {
		assert_ok(coherent_sim_step(edu->dev, 1));
		assert_true(++steps <= 11);
	}
	return steps;
}

static void seeded_delays_vary_and_repeat(void **state)
{
	unsigned int seen[2][40], distinct = 0;

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct edu edu;

		open_edu(&edu, "sim:edu,step,delay=10,seed=7");
		for (size_t i = 0; i < 40; i++)
			seen[turn][i] = steps_taken(&edu);
		close_edu(&edu);
	}
	assert_memory_equal(seen[0], seen[1], sizeof(seen[0]));
	for (size_t i = 1; i < 40; i++)
		distinct += seen[0][i] != seen[0][0];
	assert_true(distinct > 10);
}

/* --- ring --- */

COHERENT_FIELDS(struct coherent_sim_ring_desc, .src, .dst, .len, .op, .cookie, .reserved);

struct ring {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(struct coherent_sim_ring_desc) descs;
	COHERENT(struct coherent_sim_ring_completion) completions;
	COHERENT_RING(struct coherent_sim_ring_desc) desc;
	COHERENT_RING(struct coherent_sim_ring_completion) completion;
	uint32_t tail;
	uint32_t head;
};

static void start_ring(struct ring *ring, uint32_t entries)
{
	coherent_bar_write32(ring->bar, COHERENT_SIM_RING_ENTRIES, entries);
	coherent_bar_write64(ring->bar, COHERENT_SIM_RING_DESCS, coherent_addr(&ring->descs).raw);
	coherent_bar_write64(ring->bar, COHERENT_SIM_RING_COMPLETIONS,
			     coherent_addr(&ring->completions).raw);
	coherent_bar_write32(ring->bar, COHERENT_SIM_RING_RUN, 1);
	ring->tail = 0;
	ring->head = 0;
}

static void open_ring(struct ring *ring, const char *name, uint32_t entries)
{
	memset(ring, 0, sizeof(*ring));
	assert_ok(coherent_device_open(&ring->dev, name));
	assert_ok(coherent_bar_open(&ring->bar, ring->dev, 0));
	assert_ok(coherent_irq_open(&ring->irq, ring->dev, 0));
	assert_ok(coherent_zeroed(&ring->descs, ring->dev, entries, .may = COHERENT_MAY_READ));
	assert_ok(coherent_zeroed(&ring->completions, ring->dev, entries));
	assert_ok(coherent_ring(&ring->descs, &ring->desc));
	assert_ok(coherent_ring(&ring->completions, &ring->completion));
	start_ring(ring, entries);
}

static void close_ring(struct ring *ring)
{
	coherent_free(&ring->descs);
	coherent_free(&ring->completions);
	coherent_irq_close(ring->irq);
	coherent_bar_close(ring->bar);
	coherent_device_close(ring->dev);
}

static void submit(struct ring *ring, uint16_t op, uint64_t src, uint64_t dst, uint32_t len,
		   uint16_t cookie)
{
	coherent_ring_put(&ring->desc, ring->tail, .src, src);
	coherent_ring_put(&ring->desc, ring->tail, .dst, dst);
	coherent_ring_put(&ring->desc, ring->tail, .len, len);
	coherent_ring_put(&ring->desc, ring->tail, .op, op);
	coherent_ring_put(&ring->desc, ring->tail, .cookie, cookie);
	coherent_bar_write32(ring->bar, COHERENT_SIM_RING_TAIL, ++ring->tail);
}

/* The next completion, waited for. */
static void complete(struct ring *ring, uint16_t cookie, uint16_t status, uint32_t sum)
{
	uint32_t slot = ring->head++;

	while (coherent_ring_get_acquire(&ring->completion, slot, .seq) != ring->head)
		assert_ok(coherent_irq_wait(ring->irq, LONG));
	assert_int_equal(coherent_ring_get(&ring->completion, slot, .cookie), cookie);
	assert_int_equal(coherent_ring_get(&ring->completion, slot, .status), status);
	assert_int_equal(coherent_ring_get(&ring->completion, slot, .sum), sum);
}

static void ring_sums_fills_and_copies(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct ring ring;
	uint64_t address;

	(void)state;
	open_ring(&ring, "sim:ring", 8);
	assert_ok(coherent_zeroed(&mem, ring.dev, 20000));
	address = coherent_addr(&mem).raw;
	for (uint16_t turn = 0; turn < 30; turn++) {
		submit(&ring, COHERENT_SIM_RING_FILL, 0, address + 3, 9000, turn);
		submit(&ring, COHERENT_SIM_RING_COPY, address + 3, address + 10001, 9000,
		       (uint16_t)(turn + 1));
		submit(&ring, COHERENT_SIM_RING_SUM, address, 0, 20000, 500);
		complete(&ring, turn, 0, 0);
		complete(&ring, (uint16_t)(turn + 1), 0, 9000u * turn);
		complete(&ring, 500, 0, 18000u * turn);
		assert_int_equal(coherent_unsafe_ptr(&mem)[2], 0);
		assert_int_equal(coherent_unsafe_ptr(&mem)[10001 + 8999], turn);
		assert_int_equal(coherent_unsafe_ptr(&mem)[10001 + 9000], 0);
	}
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_HEAD), 90);
	assert_no_fault(ring.dev);
	coherent_free(&mem);
	close_ring(&ring);
}

static void ring_reports_bad_descriptors(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct ring ring;

	(void)state;
	open_ring(&ring, "sim:ring", 4);
	assert_ok(coherent_zeroed(&mem, ring.dev, 100, .may = COHERENT_MAY_READ));
	submit(&ring, 0, 0, 0, 0, 1);
	complete(&ring, 1, EINVAL, 0);
	submit(&ring, 4, 0, 0, 0, 2);
	complete(&ring, 2, EINVAL, 0);
	submit(&ring, COHERENT_SIM_RING_SUM, coherent_addr(&mem).raw, 0, 65537, 3);
	complete(&ring, 3, EINVAL, 0);
	submit(&ring, COHERENT_SIM_RING_FILL, 0, coherent_addr(&mem).raw, 1, 4);
	complete(&ring, 4, EIO, 0);
	assert_fault(ring.dev, COHERENT_STATE_MEM);
	submit(&ring, COHERENT_SIM_RING_SUM, coherent_addr(&mem).raw, 0, 0, 5);
	complete(&ring, 5, 0, 0);
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_RUN), 1);
	coherent_free(&mem);
	close_ring(&ring);
}

static void ring_stops_when_it_cannot_reach_its_rings(void **state)
{
	struct ring ring;

	(void)state;
	open_ring(&ring, "sim:ring,step", 4);
	coherent_free(&ring.descs);
	coherent_bar_write32(ring.bar, COHERENT_SIM_RING_TAIL, 1);
	assert_ok(coherent_sim_step(ring.dev, 1));
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_RUN), 2);
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_HEAD), 0);
	assert_fault(ring.dev, COHERENT_STATE_FREED);
	/* It is not set up again before it is stopped. */
	coherent_bar_write32(ring.bar, COHERENT_SIM_RING_ENTRIES, 8);
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_ENTRIES), 4);
	coherent_bar_write32(ring.bar, COHERENT_SIM_RING_RUN, 0);
	for (uint32_t entries = 0; entries < 70000; entries += 3 + entries / 2) {
		const bool good = entries == 1 || entries == 2 || entries == 4;

		coherent_bar_write32(ring.bar, COHERENT_SIM_RING_RUN, 0);
		coherent_bar_write32(ring.bar, COHERENT_SIM_RING_ENTRIES, entries);
		coherent_bar_write32(ring.bar, COHERENT_SIM_RING_RUN, 1);
		assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_RUN),
				 good ? 1 : 2);
	}
	/* Registers have one width each. */
	assert_int_equal(coherent_bar_read64(ring.bar, 0), UINT64_MAX);
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_DESCS), UINT32_MAX);
	assert_int_equal(coherent_bar_read32(ring.bar, 0x100), UINT32_MAX);
	assert_ok(coherent_device_reset(ring.dev));
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_ENTRIES), 0);
	assert_int_equal(coherent_bar_read64(ring.bar, COHERENT_SIM_RING_DESCS), 0);
	close_ring(&ring);
}

/* --- Models of one's own --- */

struct counter {
	unsigned int opened;
	unsigned int closed;
	unsigned int ticks;
	unsigned int resets;
	uint64_t last_write;
	uint64_t now;
	uint64_t mask;
	uint64_t target;
	size_t bytes;
	int result;
};

static int counter_open(struct coherent_sim *sim, void *arg)
{
	struct counter *counter = arg;

	counter->opened++;
	counter->mask = coherent_sim_mask(sim);
	return 0;
}

static void counter_close(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	((struct counter *)arg)->closed++;
}

static uint64_t counter_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			     unsigned int width)
{
	struct counter *counter = arg;

	(void)sim;
	return bar == 2 ? UINT64_C(0x1122334455667788) + offset + width : counter->ticks;
}

/* Register 8: write that many bytes of 0x5a to .target at the next tick. */
static void counter_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value)
{
	struct counter *counter = arg;

	(void)bar;
	(void)width;
	counter->last_write = value;
	if (offset == 8)
		counter->bytes = (size_t)value;
	if (offset == 16)
		coherent_sim_irq(sim, (unsigned int)value);
}

static void counter_tick(struct coherent_sim *sim, void *arg)
{
	struct counter *counter = arg;
	uint8_t bytes[256];

	counter->ticks++;
	counter->now = coherent_sim_now(sim);
	if (!counter->bytes)
		return;
	memset(bytes, 0x5a, sizeof(bytes));
	counter->result = coherent_sim_dma_write(sim, counter->target, bytes, counter->bytes);
	counter->bytes = 0;
}

static void counter_reset(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	((struct counter *)arg)->resets++;
}

static const struct coherent_sim_model counter_model = {
	.name = "counter",
	.mask = UINT64_MAX >> 24,
	.vectors = 3,
	.bar_size = { 64, 0, 32 },
	.open = counter_open,
	.close = counter_close,
	.reg_read = counter_read,
	.reg_write = counter_write,
	.tick = counter_tick,
	.reset = counter_reset,
};

static void model_gets_its_callbacks(void **state)
{
	struct coherent_irq *irqs[3], *again;
	struct counter counter = { .opened = 0 };
	struct coherent_bar *bars[2];
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &counter_model,
				       .model_arg = &counter));
	assert_int_equal(counter.opened, 1);
	assert_int_equal(counter.mask, UINT64_MAX >> 24);
	assert_ok(coherent_bar_open(&bars[0], dev, 0));
	assert_err(coherent_bar_open(&bars[1], dev, 1), -ENODEV);
	assert_ok(coherent_bar_open(&bars[1], dev, 2));
	assert_int_equal(coherent_bar_read64(bars[1], 16), UINT64_C(0x1122334455667788) + 24);
	assert_int_equal(coherent_bar_read32(bars[1], 4), 0x55667788 + 8);
	assert_int_equal(coherent_bar_read16(bars[1], 2), 0x7788 + 4);
	assert_int_equal(coherent_bar_read8(bars[1], 1), 0x88 + 2);
	assert_ok(coherent_sim_step(dev, 5));
	assert_int_equal(coherent_bar_read32(bars[0], 0), 5);
	/* Stepping, a tick is a millisecond. */
	assert_int_equal(counter.now, 4 * MS);
	coherent_bar_write8(bars[0], 1, 0xfe);
	assert_int_equal(counter.last_write, 0xfe);

	for (unsigned int i = 0; i < 3; i++)
		assert_ok(coherent_irq_open(&irqs[i], dev, i));
	assert_err(coherent_irq_open(&again, dev, 3), -ENODEV);
	assert_err(coherent_irq_open(&again, dev, 1), -EBUSY);
	coherent_bar_write32(bars[0], 16, 1);
	coherent_bar_write32(bars[0], 16, 7);
	assert_err(coherent_irq_wait(irqs[0], 0), -ETIMEDOUT);
	assert_ok(coherent_irq_wait(irqs[1], 0));
	assert_err(coherent_irq_wait(irqs[1], 0), -ETIMEDOUT);
	coherent_irq_close(irqs[1]);
	coherent_bar_write32(bars[0], 16, 1);
	assert_ok(coherent_irq_open(&irqs[1], dev, 1));
	assert_err(coherent_irq_wait(irqs[1], 0), -ETIMEDOUT);

	assert_ok(coherent_device_reset(dev));
	assert_int_equal(counter.resets, 1);
	for (unsigned int i = 0; i < 3; i++)
		coherent_irq_close(irqs[i]);
	coherent_bar_close(bars[0]);
	coherent_bar_close(bars[1]);
	coherent_device_close(dev);
	assert_int_equal(counter.closed, 1);
}

static void interrupt_nobody_listens_to_is_dropped(void **state)
{
	struct counter counter = { .opened = 0 };
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	int fds[2];
	uint64_t count;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &counter_model,
				       .model_arg = &counter));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 1));
	coherent_irq_close(irq);
	/* Their numbers are somebody else's now. */
	for (size_t i = 0; i < 2; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK);
	coherent_bar_write32(bar, 16, 1);
	coherent_bar_write32(bar, 16, 1 << 20);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(read(fds[i], &count, sizeof(count)), -1);
		close(fds[i]);
	}
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static void model_may_have_32_vectors(void **state)
{
	const struct coherent_sim_model model = { .name = "many",
						  .mask = UINT32_MAX,
						  .vectors = 32 };
	struct coherent_device *dev;
	struct coherent_irq *irq;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model));
	assert_ok(coherent_irq_open(&irq, dev, 31));
	coherent_irq_close(irq);
	coherent_device_close(dev);
}

static void threaded_model_has_a_clock(void **state)
{
	struct counter counter = { .opened = 0 };
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &counter_model,
				       .model_arg = &counter));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	while (coherent_bar_read32(bar, 0) < 3)
		;
	coherent_bar_close(bar);
	coherent_device_close(dev);
	assert_true(counter.now > 0);
}

static void reset_lets_a_held_tick_go(void **state)
{
	struct edu edu;

	(void)state;
	open_edu(&edu, "sim:edu,step,delay=100");
	edu_command(&edu, 0, BUFFER, 1, 0);
	assert_ok(coherent_device_reset(edu.dev));
	edu_command(&edu, 0, BUFFER, 1, 0);
	assert_ok(coherent_sim_step(edu.dev, 50));
	assert_ok(coherent_device_reset(edu.dev));
	edu_command(&edu, 0, BUFFER, 1, 0);
	/* A new delay, not what is left of the old one. */
	assert_ok(coherent_sim_step(edu.dev, 100));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), RUN);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), 0);
	close_edu(&edu);
}

static void model_without_callbacks_is_a_device(void **state)
{
	const struct coherent_sim_model model = {
		.name = "rock",
		.mask = UINT32_MAX,
		.bar_size = { 16 },
	};
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_int_equal(coherent_bar_read64(bar, 0), UINT64_MAX);
	coherent_bar_write64(bar, 0, 1);
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_device_reset(dev));
	assert_err(coherent_sim_step(dev, 1), -EINVAL);
	coherent_free(&mem);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static void threaded_model_runs_by_itself(void **state)
{
	struct counter counter = { .opened = 0 };
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &counter_model,
				       .model_arg = &counter));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	/* Without any register write, too. */
	for (unsigned int i = 0; coherent_bar_read32(bar, 0) < 3; i++)
		assert_true(i < 100000000);
	assert_ok(coherent_zeroed(&mem, dev, 16));
	counter.target = coherent_addr(&mem).raw;
	coherent_bar_write32(bar, 8, 16);
	assert_ok(coherent_poll(&mem, 15, &byte, byte == 0x5a, LONG));
	coherent_free(&mem);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

/* --- Misbehaviour --- */

struct misfit {
	struct counter counter;
	struct coherent_device *dev;
	struct coherent_bar *bar;
};

static void open_misfit(struct misfit *misfit, const char *name)
{
	memset(misfit, 0, sizeof(*misfit));
	assert_ok(coherent_device_open(&misfit->dev, name, .model = &counter_model,
				       .model_arg = &misfit->counter));
	assert_ok(coherent_bar_open(&misfit->bar, misfit->dev, 0));
}

static void close_misfit(struct misfit *misfit)
{
	coherent_bar_close(misfit->bar);
	coherent_device_close(misfit->dev);
}

/* The device writes at the next step. */
static void make_write(struct misfit *misfit, uint64_t address, uint32_t bytes)
{
	misfit->counter.target = address;
	coherent_bar_write32(misfit->bar, 8, bytes);
	assert_ok(coherent_sim_step(misfit->dev, 1));
}

/* One torn write: how many bytes were there at first, and were they the head. */
static size_t torn_write(struct misfit *misfit, size_t offset, uint32_t bytes, bool *head)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t seen[512];
	size_t there = 0;

	assert_ok(coherent_zeroed(&mem, misfit->dev, 512));
	make_write(misfit, coherent_addr(&mem).raw + offset, bytes);
	assert_ok(coherent_copy_out(&mem, 0, seen, 512));
	for (size_t i = 0; i < 512; i++)
		there += seen[i] == 0x5a;
	*head = seen[offset] == 0x5a;
	/* The parts are whole words, and one piece each. */
	for (size_t i = offset + 1; i < offset + bytes; i++)
		if (seen[i] != seen[i - 1])
			assert_int_equal(i % 8, 0);
	assert_ok(coherent_sim_step(misfit->dev, 1));
	assert_ok(coherent_copy_out(&mem, 0, seen, 512));
	for (size_t i = 0; i < 512; i++)
		assert_int_equal(seen[i], i - offset < bytes ? 0x5a : 0);
	return there;
}

static void torn_writes_arrive_in_two_parts(void **state)
{
	size_t seen[2][60], heads = 0, torn = 0;
	bool head;

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct misfit misfit;

		open_misfit(&misfit, "sim:custom,step,torn,seed=3");
		for (size_t i = 0; i < 60; i++) {
			const uint32_t bytes = (uint32_t)(16 + i * 4);

			seen[turn][i] = torn_write(&misfit, i % 24, bytes, &head);
			assert_true(seen[turn][i] > 0);
			heads += head;
			torn += seen[turn][i] < bytes;
		}
		/* Within one word nothing is torn. */
		for (size_t i = 0; i < 20; i++)
			assert_int_equal(torn_write(&misfit, 64, 8, &head), 8);
		assert_no_fault(misfit.dev);
		close_misfit(&misfit);
	}
	assert_memory_equal(seen[0], seen[1], sizeof(seen[0]));
	assert_int_equal(torn, 120);
	assert_true(heads > 20 && heads < 100);
}

static void second_part_of_a_torn_write_is_checked_when_it_arrives(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct misfit misfit;
	size_t there = 0;

	(void)state;
	open_misfit(&misfit, "sim:custom,step,torn,seed=3");
	assert_ok(coherent_zeroed(&mem, misfit.dev, 64));
	make_write(&misfit, coherent_addr(&mem).raw, 64);
	assert_int_equal(misfit.counter.result, 0);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ok(coherent_sim_step(misfit.dev, 1));
	assert_fault(misfit.dev, COHERENT_STATE_RECLAIMED);
	for (size_t i = 0; i < 64; i++)
		there += coherent_box_ptr(&box)[i] == 0x5a;
	assert_true(there > 0 && there < 64);
	coherent_box_free(&box);
	/* A write that is refused is refused as a whole. */
	assert_ok(coherent_zeroed(&mem, misfit.dev, PAGE));
	make_write(&misfit, coherent_addr(&mem).raw + PAGE - 32, 64);
	assert_err(misfit.counter.result, -EIO);
	for (size_t i = PAGE - 32; i < PAGE; i++)
		assert_int_equal(coherent_unsafe_ptr(&mem)[i], 0);
	coherent_free(&mem);
	close_misfit(&misfit);
}

/* The faults of a device that uses old addresses, as a string. */
static void late_run(char *trace, size_t size)
{
	COHERENT(uint64_t) others[16] = { COHERENT_EMPTY };
	COHERENT(uint64_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint64_t) box = COHERENT_EMPTY;
	struct coherent_fault fault;
	struct misfit misfit;
	size_t used = 0;

	trace[0] = '\0';
	open_misfit(&misfit, "sim:custom,step,late,seed=11");
	for (unsigned int turn = 0; turn < 8; turn++) {
		assert_ok(coherent_zeroed(&mem, misfit.dev, 8));
		make_write(&misfit, coherent_addr(&mem).raw, 64);
		assert_no_fault(misfit.dev);
		if (turn % 2) {
			coherent_free(&mem);
		} else {
			assert_ok(coherent_reclaim(&mem, &box));
			coherent_box_ptr(&box)[0] = 1;
		}
		for (size_t i = 0; i < 16; i++)
			assert_ok(coherent_zeroed(&others[i], misfit.dev, 8));
		for (unsigned int step = 0; step < 20; step++) {
			assert_ok(coherent_sim_step(misfit.dev, 1));
			while (!coherent_device_next_fault(misfit.dev, &fault)) {
				assert_int_equal(fault.state, turn % 2 ? COHERENT_STATE_FREED :
									 COHERENT_STATE_RECLAIMED);
				assert_int_equal(fault.access, COHERENT_ACCESS_WRITE);
				used += (size_t)snprintf(trace + used, size - used, "%u:%u ", turn,
							 step);
				assert_true(used < size);
			}
		}
		/* Nobody else was hit. */
		for (size_t i = 0; i < 16; i++) {
			uint64_t value;

			assert_ok(coherent_read(&others[i], 0, &value));
			assert_int_equal(value, 0);
			coherent_free(&others[i]);
		}
		if (!(turn % 2)) {
			assert_int_equal(coherent_box_ptr(&box)[0], 1);
			coherent_box_free(&box);
		}
	}
	close_misfit(&misfit);
}

static void late_device_uses_old_addresses_and_hits_nobody(void **state)
{
	char traces[2][1024];

	(void)state;
	late_run(traces[0], sizeof(traces[0]));
	late_run(traces[1], sizeof(traces[1]));
	assert_string_equal(traces[0], traces[1]);
	/* Four times each. */
	for (char turn = '0'; turn < '8'; turn++) {
		const char mark[] = { turn, ':', '\0' };
		unsigned int uses = 0;

		for (const char *at = traces[0]; (at = strstr(at, mark)); at++)
			uses += at == traces[0] || at[-1] == ' ';
		assert_int_equal(uses, 4);
	}
}

static void late_device_forgets_at_a_reset(void **state)
{
	COHERENT(uint64_t) mem = COHERENT_EMPTY;
	struct misfit misfit;

	(void)state;
	open_misfit(&misfit, "sim:custom,step,late");
	assert_ok(coherent_zeroed(&mem, misfit.dev, 8));
	make_write(&misfit, coherent_addr(&mem).raw, 64);
	coherent_free(&mem);
	assert_ok(coherent_device_reset(misfit.dev));
	assert_ok(coherent_sim_step(misfit.dev, 100));
	assert_no_fault(misfit.dev);
	close_misfit(&misfit);
}

static void lazy_iommu_lets_through_until_the_fence(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	const volatile uint8_t *pages;
	coherent_addr_t old;
	uint8_t byte = 9;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,lazy"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_write(&mem, 0, 4));
	old = coherent_addr(&mem);
	pages = coherent_unsafe_ptr(&mem);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_false(coherent_is_empty(&mem));
	assert_true(coherent_is_empty(&box));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	/* The contents came along; the pages wait, and are nobody's. */
	assert_int_equal(coherent_box_ptr(&box)[0], 4);
	assert_ptr_not_equal(coherent_box_ptr(&box), pages);
	assert_ok(coherent_sim_try_addr(dev, old, &byte, 1, COHERENT_ACCESS_WRITE));
	assert_int_equal(coherent_box_ptr(&box)[0], 4);
	for (unsigned int i = 0; i < 100; i++) {
		assert_ok(coherent_zeroed(&next, dev, 1));
		assert_ptr_not_equal(coherent_unsafe_ptr(&next), pages);
		assert_int_not_equal(coherent_addr(&next).raw, old.raw);
		coherent_free(&next);
	}
	assert_err(coherent_device_set_mask(dev, coherent_mask(20)), -EBUSY);
	assert_ok(coherent_device_fence(dev));
	assert_err(coherent_sim_try_addr(dev, old, &byte, 1, COHERENT_ACCESS_WRITE), -EIO);
	coherent_box_free(&box);
	/* Everything is back in use. */
	assert_ok(coherent_device_set_mask(dev, coherent_mask(20)));
	assert_ok(coherent_zeroed(&next, dev, 1));
	coherent_free(&next);
	/* A close ends it too. */
	coherent_device_close(dev);
}

static void devices_do_not_share_addresses(void **state)
{
	COHERENT(uint8_t) mems[2] = { COHERENT_EMPTY, COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *devs[2];
	uint8_t byte;

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		assert_ok(coherent_device_open(&devs[i], "sim:edu"));
		assert_ok(coherent_zeroed(&mems[i], devs[i], 1));
		assert_ok(coherent_write(&mems[i], 0, (uint8_t)(i + 1)));
	}
	assert_int_equal(coherent_addr(&mems[0]).raw, coherent_addr(&mems[1]).raw);
	assert_ok(coherent_sim_try(devs[1], &mems[0], 0, &byte, 1, COHERENT_ACCESS_READ));
	assert_int_equal(byte, 2);
	assert_ok(coherent_box_zeroed(&box, devs[0], 1));
	assert_err(coherent_sim_try(devs[1], &box, 0, &byte, 1, COHERENT_ACCESS_READ), -EIO);
	assert_fault(devs[1], COHERENT_STATE_NONE);
	assert_no_fault(devs[0]);
	coherent_box_free(&box);
	for (size_t i = 0; i < 2; i++) {
		coherent_free(&mems[i]);
		coherent_device_close(devs[i]);
	}
}

static void mappings_have_a_limit(void **state)
{
	COHERENT(uint8_t) mems[4] = { COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,maps=3", .report = log_report,
				       .report_arg = &log));
	for (size_t i = 0; i < 3; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, 1));
	assert_int_equal(log.count, 0);
	assert_err(coherent_zeroed(&mems[3], dev, 1), -ENOSPC);
	assert_true(log_has(&log, "all 3 mappings are in use"));
	assert_true(coherent_is_empty(&mems[3]));
	/* A box is no mapping. */
	assert_ok(coherent_reclaim(&mems[0], &box));
	assert_ok(coherent_zeroed(&mems[3], dev, 1));
	coherent_box_free(&box);
	for (size_t i = 1; i < 4; i++)
		coherent_free(&mems[i]);
	coherent_device_close(dev);
}

static void try_needs_a_simulated_device(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_err(coherent_sim_try(dev, &box, 0, &byte, 1, COHERENT_ACCESS_READ), -EINVAL);
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	assert_err(coherent_sim_try(NULL, &box, 0, &byte, 1, COHERENT_ACCESS_READ), -ENODEV);
	/* Nothing at all is allowed everywhere. */
	assert_ok(coherent_sim_try(dev, &box, 0, &byte, 0, COHERENT_ACCESS_READ));
	coherent_box_free(&box);
	coherent_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edu_has_the_registers_of_qemu),
		cmocka_unit_test(edu_copies_both_ways),
		cmocka_unit_test(edu_clamps_addresses_to_its_mask),
		cmocka_unit_test(edu_hangs_where_qemu_aborts),
		cmocka_unit_test(edu_transfers_the_mapped_part_and_reads_zeros),
		cmocka_unit_test(delay_holds_a_transfer_back),
		cmocka_unit_test(seeded_delays_vary_and_repeat),
		cmocka_unit_test(ring_sums_fills_and_copies),
		cmocka_unit_test(ring_reports_bad_descriptors),
		cmocka_unit_test(ring_stops_when_it_cannot_reach_its_rings),
		cmocka_unit_test(model_gets_its_callbacks),
		cmocka_unit_test(model_without_callbacks_is_a_device),
		cmocka_unit_test(threaded_model_runs_by_itself),
		cmocka_unit_test(torn_writes_arrive_in_two_parts),
		cmocka_unit_test(second_part_of_a_torn_write_is_checked_when_it_arrives),
		cmocka_unit_test(late_device_uses_old_addresses_and_hits_nobody),
		cmocka_unit_test(late_device_forgets_at_a_reset),
		cmocka_unit_test(lazy_iommu_lets_through_until_the_fence),
		cmocka_unit_test(devices_do_not_share_addresses),
		cmocka_unit_test(mappings_have_a_limit),
		cmocka_unit_test(try_needs_a_simulated_device),
		cmocka_unit_test(interrupt_nobody_listens_to_is_dropped),
		cmocka_unit_test(model_may_have_32_vectors),
		cmocka_unit_test(threaded_model_has_a_clock),
		cmocka_unit_test(reset_lets_a_held_tick_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
