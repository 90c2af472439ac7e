// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An NVMe controller has a clock, and the feature "timestamp" reads and writes it: 8 bytes of memory.
 * So the disk is neither read nor written. The driver sets the clock to a time that nobody else uses,
 * and sees from the clock whether the controller got it. At the end it sets the clock to 0.
 */
#include <stdlib.h>
#include <string.h>

#include "../examples/nvme.h"
#include "selftest.h"

#define STAMP_BYTES 8
#define STAMP_MASK ((UINT64_C(1) << 48) - 1)
/* A time in ms, in the year 5107. The clock goes on from there. */
#define STAMP UINT64_C(0x5a0000000000)
#define STAMP_LATEST (STAMP + 3600 * UINT64_C(1000))
/* The parts of the window. */
#define SEEN_AT 0
#define STAMP_AT 64
#define ZERO_AT 128

enum { ADMIN_SET_FEATURES = 0x09, ADMIN_GET_FEATURES = 0x0a, FEATURE_TIMESTAMP = 0x0e };

/* Writes a command, but does not tell the controller. */
static void put(struct tester *tester, uint32_t opcode, uint64_t address)
{
	struct nvme *nvme = tester->state;
	const uint32_t at = nvme->admin.tail++;

	coherent_ring_put(&nvme->admin.sq, at, .dw0, opcode);
	coherent_ring_put(&nvme->admin.sq, at, .nsid, 0);
	coherent_ring_put(&nvme->admin.sq, at, .prp1, address);
	coherent_ring_put(&nvme->admin.sq, at, .prp2, 0);
	coherent_ring_put(&nvme->admin.sq, at, .dw10_15[0], FEATURE_TIMESTAMP);
	coherent_ring_put(&nvme->admin.sq, at, .dw10_15[1], 0);
	coherent_ring_put(&nvme->admin.sq, at, .dw10_15[2], 0);
}

/* Tells the controller, and waits. A command that failed was refused, and that is not an error. */
static int fire(struct tester *tester)
{
	struct nvme *nvme = tester->state;
	struct nvme_queue *queue = &nvme->admin;
	const uint16_t phase = !(queue->head / queue->depth % 2);
	uint16_t seen;
	int err;

	coherent_bar_write32(nvme->bar, queue->doorbell, queue->tail & (queue->depth - 1));
	err = coherent_poll(&queue->completions, queue->head % queue->depth, .status, &seen,
			    (seen & 1) == phase, SELFTEST_TIMEOUT_NS);
	if (err)
		return err;
	queue->head++;
	coherent_bar_write32(nvme->bar, queue->doorbell + nvme->stride,
			     queue->head & (queue->depth - 1));
	return 0;
}

static uint64_t window_at(struct tester *tester, size_t offset)
{
	return coherent_addr(&tester->window).raw + offset;
}

static int set_clock(struct tester *tester, uint64_t from)
{
	put(tester, ADMIN_SET_FEATURES, from);
	return fire(tester);
}

static int get_clock(struct tester *tester, uint64_t to)
{
	put(tester, ADMIN_GET_FEATURES, to);
	return fire(tester);
}

static void prepare(uint8_t *bytes)
{
	const coherent_le64 stamp = coherent_cpu_to_le64(STAMP);

	memcpy(bytes, &stamp, sizeof(stamp));
}

static int load(struct tester *tester, uint64_t from, bool *reached)
{
	coherent_le64 seen = { 0 };
	uint64_t clock;
	int err = set_clock(tester, window_at(tester, ZERO_AT));

	if (!err)
		err = set_clock(tester, from);
	if (!err)
		err = get_clock(tester, window_at(tester, SEEN_AT));
	if (!err)
		err = coherent_copy_out(&tester->window, SEEN_AT, (uint8_t *)&seen, sizeof(seen));
	clock = coherent_le64_to_cpu(seen) & STAMP_MASK;
	*reached = clock >= STAMP && clock < STAMP_LATEST;
	return err;
}

static int check_clock(struct tester *tester)
{
	bool reached = false;
	const int err = load(tester, window_at(tester, STAMP_AT), &reached);

	if (!err && !reached)
		tester->problem = "the controller does not have the feature timestamp, which the "
				  "selftest uses";
	return err ? err : reached ? 0 : -EOPNOTSUPP;
}

static int start(struct tester *tester)
{
	struct nvme *nvme = calloc(1, sizeof(*nvme));
	uint8_t stamp[STAMP_BYTES];
	int err;

	tester->state = nvme;
	if (!nvme)
		return -ENOMEM;
	err = nvme_open(nvme, tester->dev, 1);
	tester->problem = nvme->problem;
	if (!err)
		err = coherent_zeroed(&tester->window, tester->dev, SELFTEST_PAGE);
	if (err)
		return err;
	prepare(stamp);
	err = coherent_copy_in(&tester->window, STAMP_AT, stamp, sizeof(stamp));
	return err ? err : check_clock(tester);
}

static void stop(struct tester *tester)
{
	struct nvme *nvme = tester->state;

	if (nvme && !coherent_is_empty(&tester->window))
		(void)!set_clock(tester, window_at(tester, ZERO_AT));
	if (nvme)
		nvme_close(nvme);
	coherent_free(&tester->window);
	free(nvme);
	tester->state = NULL;
}

/* The controller does not know of the command before the doorbell. */
static int arm(struct tester *tester, uint64_t to)
{
	const int err = set_clock(tester, window_at(tester, STAMP_AT));

	if (!err)
		put(tester, ADMIN_GET_FEATURES, to);
	return err;
}

const struct tester_driver selftest_nvme = {
	.tries = selftest_tries,
	.start = start,
	.stop = stop,
	.bytes = STAMP_BYTES,
	.prepare = prepare,
	.load = load,
	.arm = arm,
	.fire = fire,
};
