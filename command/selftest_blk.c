// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A virtio disk in another process. The request GET_ID makes it write the name of the disk to memory,
 * and it reads the header of each request from memory. So the disk is neither read nor written.
 */
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

#include "../examples/blk.h"
#include "selftest.h"

enum { SLOT = 0, HEADER = 0, DATA = 1, SEEN_AT = 0 };

static int start(struct tester *tester)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	int err;

	tester->state = blk;
	if (!blk)
		return -ENOMEM;
	err = blk_open(blk, tester->dev, 1);
	tester->problem = blk->problem;
	return err ? err : coherent_zeroed(&tester->window, tester->dev, SELFTEST_PAGE);
}

static void stop(struct tester *tester)
{
	struct blk *blk = tester->state;

	if (blk)
		blk_close(blk);
	coherent_free(&tester->window);
	free(blk);
	tester->state = NULL;
}

static void prepare(uint8_t *bytes)
{
	const struct blk_header header = { .type = coherent_cpu_to_le32(VIRTIO_BLK_T_GET_ID) };

	memcpy(bytes, &header, sizeof(header));
}

/* The device does not know of the request before the kick. */
static int arm(struct tester *tester, uint64_t to)
{
	struct blk *blk = tester->state;

	blk_start_at(blk, SLOT, false, 0, (coherent_addr_t){ to }, VIRTIO_BLK_ID_BYTES);
	coherent_ring_put(&blk->headers, SLOT, .type, VIRTIO_BLK_T_GET_ID);
	return 0;
}

/* blk_wait() has no time limit, so this waits for the device first. */
static int fire(struct tester *tester)
{
	struct blk *blk = tester->state;
	uint16_t used;
	int err;

	blk_kick(blk);
	err = coherent_poll(&blk->rings, 0, .used.index, &used, used != blk->seen,
			    SELFTEST_TIMEOUT_NS);
	if (!err)
		err = blk_wait(blk, SLOT);
	/* The device may end a request with an error if it cannot reach the memory. */
	return err == -EIO || err == -EOPNOTSUPP ? 0 : err;
}

/* The device reads the header of a request from memory that the test names. */
static int load(struct tester *tester, uint64_t from, bool *reached)
{
	const uint8_t zeros[VIRTIO_BLK_ID_BYTES] = { 0 };
	struct blk *blk = tester->state;
	const uint64_t own = coherent_ring_get(&blk->desc, HEADER, .address);
	uint8_t seen = 0;
	int err = coherent_copy_in(&tester->window, SEEN_AT, zeros, sizeof(zeros));

	if (!err)
		err = arm(tester, coherent_addr(&tester->window).raw + SEEN_AT);
	if (err)
		return err;
	coherent_ring_put(&blk->desc, HEADER, .address, from);
	err = fire(tester);
	coherent_ring_put(&blk->desc, HEADER, .address, own);
	if (!err)
		err = coherent_read(&tester->window, SEEN_AT, &seen);
	*reached = seen;
	return err;
}

/* The name of the disk is not a header, so the device does not read it again. */
static int round_trip(struct tester *tester, uint64_t at, bool *reached)
{
	struct blk *blk = tester->state;
	int err = arm(tester, at);

	if (!err)
		err = fire(tester);
	*reached = !err && !blk->results[SLOT];
	return err;
}

const struct tester_driver selftest_blk = {
	.tries = selftest_tries,
	.start = start,
	.stop = stop,
	.bytes = VIRTIO_BLK_ID_BYTES,
	.prepare = prepare,
	.load = load,
	.round_trip = round_trip,
	.arm = arm,
	.fire = fire,
};
