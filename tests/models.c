// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests drive the two devices that come with the simulator, edu and ring.
 */
#include <time.h>

#include "test.h"

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
	/* edu accepts accesses of 4 bytes below 0x80, and of 4 or 8 bytes from there on. */
	coherent_bar_write64(edu.bar, EDU_FACTORIAL, 3);
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_STATUS), 0);
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_ID), UINT64_MAX);
	assert_int_equal(coherent_bar_read16(edu.bar, EDU_SRC), UINT16_MAX);
	coherent_bar_write32(edu.bar, EDU_SRC, 0x1234);
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_SRC), 0x1234);
	assert_int_equal(coherent_bar_read32(edu.bar, 0x200), UINT32_MAX);

	coherent_bar_write32(edu.bar, EDU_FACTORIAL, 6);
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_STATUS), 1);
	/* edu ignores a new number while it computes a factorial. */
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
	/* edu ignores writes to its registers during a transfer. */
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
	/* edu ignores a command without the run bit. */
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
		assert_int_equal(log_has(&edu.log, "sim:edu,step: transfer of "),
				 !transfers[i].fits);
		assert_int_equal(log_has(&edu.log, "it takes at most 4095 bytes from 0x40000 to "
						   "0x40ffe. QEMU 7.2 aborts, this device hangs"),
				 !transfers[i].fits);
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
	/* First fill the device's buffer, so that the zeros later do not come from there. */
	edu_command(&edu, address + PAGE - 8, BUFFER, 8, 0);
	assert_ok(coherent_sim_step(edu.dev, 1));
	edu_command(&edu, address + PAGE - 8, BUFFER + 8, 8, 0);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_no_fault(edu.dev);
	edu_command(&edu, address + PAGE - 8, BUFFER, 16, 0);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_err(coherent_irq_wait(edu.irq, 0), -ETIMEDOUT);
	assert_int_equal(coherent_bar_read32(edu.bar, EDU_IRQ_STATUS), 0);
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

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void delay_key_delays_a_transfer(void **state)
{
	struct edu edu;
	uint64_t begin;

	(void)state;
	open_edu(&edu, "sim:edu,step,delay=100");
	edu_command(&edu, 0, BUFFER, 1, 0);
	assert_ok(coherent_sim_step(edu.dev, 100));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), RUN);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), 0);
	close_edu(&edu);

	/* If the simulator has a thread, a tick takes a millisecond. */
	open_edu(&edu, "sim:edu,delay=20");
	begin = now_ns();
	edu_command(&edu, 0, BUFFER, 1, WITH_IRQ);
	assert_ok(coherent_irq_wait(edu.irq, LONG));
	assert_true(now_ns() - begin >= 20 * MS);
	close_edu(&edu);
}

/* A driver that writes often does not stop the device. */
static void register_write_does_not_extend_a_delay(void **state)
{
	struct edu edu;

	(void)state;
	open_edu(&edu, "sim:edu,step,delay=100");
	edu_command(&edu, 0, BUFFER, 1, 0);
	for (unsigned int i = 0; i < 101; i++) {
		coherent_bar_write32(edu.bar, EDU_LIVENESS, i);
		assert_ok(coherent_sim_step(edu.dev, 1));
	}
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), 0);
	close_edu(&edu);
}

/* Returns the number of steps that a transfer takes. */
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
	assert_ok(coherent_zeroed(&ring->descs, ring->dev, entries,
				  .permission = COHERENT_READ_ONLY));
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

/* Waits for the next completion and checks it. */
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
	assert_ok(coherent_zeroed(&mem, ring.dev, 100, .permission = COHERENT_READ_ONLY));
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
	/* The ring accepts a length of 64 KiB, but that much is not mapped. */
	submit(&ring, COHERENT_SIM_RING_SUM, coherent_addr(&mem).raw, 0, 65536, 6);
	complete(&ring, 6, EIO, 0);
	assert_fault(ring.dev, COHERENT_STATE_NONE);
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_RUN), 1);
	coherent_free(&mem);
	close_ring(&ring);
}

static void stopped_ring_can_start_again(void **state)
{
	struct ring ring;
	uint64_t descs;

	(void)state;
	open_ring(&ring, "sim:ring", 4);
	descs = coherent_bar_read64(ring.bar, COHERENT_SIM_RING_DESCS);
	/* The ring ignores new addresses while it runs. */
	coherent_bar_write64(ring.bar, COHERENT_SIM_RING_DESCS, 0);
	assert_int_equal(coherent_bar_read64(ring.bar, COHERENT_SIM_RING_DESCS), descs);
	for (unsigned int turn = 0; turn < 3; turn++) {
		for (uint16_t i = 0; i < 6; i++) {
			submit(&ring, COHERENT_SIM_RING_SUM, 0, 0, 0, i);
			complete(&ring, i, 0, 0);
		}
		coherent_bar_write32(ring.bar, COHERENT_SIM_RING_RUN, 0);
		for (uint32_t i = 0; i < 4; i++)
			coherent_ring_put(&ring.completion, i, .seq, 0);
		start_ring(&ring, 4);
		assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_HEAD), 0);
		assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_TAIL), 0);
	}
	close_ring(&ring);
}

static void ring_stops_when_it_cannot_reach_its_rings(void **state)
{
	static const uint32_t counts[] = { 0, 1, 2, 3, 4, 6, 65535, 65536, 65537, 131072 };
	struct ring ring;

	(void)state;
	open_ring(&ring, "sim:ring,step", 4);
	coherent_free(&ring.descs);
	coherent_bar_write32(ring.bar, COHERENT_SIM_RING_TAIL, 1);
	assert_ok(coherent_sim_step(ring.dev, 1));
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_RUN), 2);
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_HEAD), 0);
	assert_fault(ring.dev, COHERENT_STATE_FREED);
	/* The ring ignores a new size until the driver has stopped it. */
	coherent_bar_write32(ring.bar, COHERENT_SIM_RING_ENTRIES, 8);
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_ENTRIES), 4);
	coherent_bar_write32(ring.bar, COHERENT_SIM_RING_RUN, 0);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		const uint32_t entries = counts[i];
		const bool good = entries && entries <= 65536 && !(entries & (entries - 1));

		coherent_bar_write32(ring.bar, COHERENT_SIM_RING_RUN, 0);
		coherent_bar_write32(ring.bar, COHERENT_SIM_RING_ENTRIES, entries);
		coherent_bar_write32(ring.bar, COHERENT_SIM_RING_RUN, 1);
		assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_RUN),
				 good ? 1 : 2);
	}
	/* Each register has exactly one width. */
	assert_int_equal(coherent_bar_read64(ring.bar, 0), UINT64_MAX);
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_DESCS), UINT32_MAX);
	assert_int_equal(coherent_bar_read32(ring.bar, 0x100), UINT32_MAX);
	assert_ok(coherent_device_reset(ring.dev));
	assert_int_equal(coherent_bar_read32(ring.bar, COHERENT_SIM_RING_ENTRIES), 0);
	assert_int_equal(coherent_bar_read64(ring.bar, COHERENT_SIM_RING_DESCS), 0);
	close_ring(&ring);
}

static void reset_ends_a_delayed_tick(void **state)
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
	/* The transfer waits for a whole new delay, not for the rest of the old one. */
	assert_ok(coherent_sim_step(edu.dev, 100));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), RUN);
	assert_ok(coherent_sim_step(edu.dev, 1));
	assert_int_equal(coherent_bar_read64(edu.bar, EDU_CMD), 0);
	close_edu(&edu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edu_has_the_registers_of_qemu),
		cmocka_unit_test(edu_copies_both_ways),
		cmocka_unit_test(edu_clamps_addresses_to_its_mask),
		cmocka_unit_test(edu_hangs_where_qemu_aborts),
		cmocka_unit_test(edu_transfers_the_mapped_part_and_reads_zeros),
		cmocka_unit_test(delay_key_delays_a_transfer),
		cmocka_unit_test(register_write_does_not_extend_a_delay),
		cmocka_unit_test(seeded_delays_vary_and_repeat),
		cmocka_unit_test(ring_sums_fills_and_copies),
		cmocka_unit_test(ring_reports_bad_descriptors),
		cmocka_unit_test(stopped_ring_can_start_again),
		cmocka_unit_test(ring_stops_when_it_cannot_reach_its_rings),
		cmocka_unit_test(reset_ends_a_delayed_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
