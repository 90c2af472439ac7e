// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * edu copies between memory and a buffer of its own. It does not tell whether it reached the memory,
 * so the driver looks at what the buffer holds afterwards.
 */
#include <stdlib.h>

#include "../examples/edu.h"
#include "selftest.h"

/* The device writes this byte. The window has it here, and a zero behind it. */
#define DIRT 0x5a
#define DIRT_AT 64
#define ZERO_AT 128
#define SEEN_AT 0

enum { EDU_RUN = 1, EDU_TO_MEMORY = 2, EDU_BUFFER = 0x40000 };

static coherent_addr_t window_at(struct tester *tester, size_t offset)
{
	return (coherent_addr_t){ coherent_addr(&tester->window).raw + offset };
}

static int start(struct tester *tester)
{
	struct edu *edu = calloc(1, sizeof(*edu));
	int err = edu ? 0 : -ENOMEM;

	tester->state = edu;
	if (err)
		return err;
	edu->dev = tester->dev;
	err = coherent_bar_open(&edu->bar, edu->dev, 0);
	if (!err)
		err = edu_probe(edu);
	if (!err)
		err = coherent_zeroed(&tester->window, tester->dev, SELFTEST_PAGE);
	return err ? err : coherent_write(&tester->window, DIRT_AT, DIRT);
}

static void stop(struct tester *tester)
{
	struct edu *edu = tester->state;

	coherent_free(&tester->window);
	if (edu)
		coherent_bar_close(&edu->bar);
	free(edu);
	tester->state = NULL;
}

static void prepare(uint8_t *bytes)
{
	*bytes = DIRT;
}

static int load(struct tester *tester, uint64_t from, bool *reached)
{
	uint8_t seen = 0;
	int err = edu_read(tester->state, window_at(tester, ZERO_AT), 1);

	if (!err)
		err = edu_read(tester->state, (coherent_addr_t){ from }, 1);
	if (!err)
		err = edu_write(tester->state, window_at(tester, SEEN_AT), 1);
	if (!err)
		err = coherent_read(&tester->window, SEEN_AT, &seen);
	*reached = seen == DIRT;
	return err;
}

static int arm(struct tester *tester, uint64_t to)
{
	struct edu *edu = tester->state;
	const int err = edu_read(edu, window_at(tester, DIRT_AT), 1);

	if (err)
		return err;
	coherent_bar_put(&edu->bar, .dma_src, EDU_BUFFER);
	coherent_bar_put(&edu->bar, .dma_dst, to);
	coherent_bar_put(&edu->bar, .dma_count, 1);
	coherent_bar_put(&edu->bar, .dma_command, EDU_RUN | EDU_TO_MEMORY);
	return 0;
}

static bool is_armed(struct tester *tester)
{
	struct edu *edu = tester->state;

	return coherent_bar_get(&edu->bar, .dma_command) & EDU_RUN;
}

static int fire(struct tester *tester)
{
	struct edu *edu = tester->state;

	return coherent_bar_poll(&edu->bar, .dma_command, EDU_RUN, 0, SELFTEST_TIMEOUT_NS);
}

const struct tester_driver selftest_edu = {
	.tries = selftest_tries,
	.start = start,
	.stop = stop,
	.bytes = 1,
	.prepare = prepare,
	.load = load,
	.arm = arm,
	.is_armed = is_armed,
	.fire = fire,
};
