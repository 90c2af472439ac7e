// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A disk that is aimed at what it must not reach: it reads memory to its first sectors, and
 * writes memory from them. What it cannot reach makes its process hang up.
 */
#include <errno.h>
#include <string.h>

#include "blk_tries.h"

#define PATTERN 0x5a
#define BYTES 4096

static int open_again(struct blk *blk)
{
	struct coherent_device *dev = blk->dev;
	const unsigned int depth = blk->depth;
	int err;

	blk_close(blk);
	err = coherent_device_reset(dev);
	return err ? err : blk_open(blk, dev, depth);
}

/* Memory at an address from or to the disk. That it hangs up is an answer. */
static int transfer(struct blk *blk, bool write, coherent_addr_t address, bool *hung_up)
{
	int err;

	blk_start_at(blk, 0, write, 0, address, BYTES);
	err = blk_wait(blk, 0);
	*hung_up = err == -ENODEV;
	return *hung_up ? open_again(blk) : err;
}

static int fill_disk(struct blk *blk, uint8_t byte)
{
	static uint8_t bytes[BYTES];
	int err;

	memset(bytes, byte, BYTES);
	err = blk_fill(blk, 0, bytes, BYTES);
	if (err)
		return err;
	blk_start(blk, 0, true, 0, BYTES);
	return blk_wait(blk, 0);
}

static int first_byte_of_disk(struct blk *blk, uint8_t *byte)
{
	int err;

	blk_start(blk, 0, false, 0, BYTES);
	err = blk_wait(blk, 0);
	return err ? err : blk_take(blk, 0, byte, 1);
}

static int keep_address(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	(void)elements;
	(void)count;
	*(coherent_addr_t *)arg = address;
	return -ECANCELED;
}

/* The next box has the address that this one would have had. */
static int guess_next(struct blk *blk, coherent_addr_t *next)
{
	COHERENT_AUTO(uint8_t, mem);
	int err = coherent_zeroed(&mem, blk->dev, BYTES, .seal = keep_address, .seal_arg = next);

	return err == -ECANCELED ? 0 : err;
}

static int try_box(struct blk *blk, struct tries *tries, const char *(*why)(void))
{
	COHERENT_BOX_AUTO(uint8_t, box);
	coherent_addr_t address;
	bool hung_up;
	uint8_t byte;
	int err = guess_next(blk, &address);

	if (!err)
		err = coherent_box_zeroed(&box, blk->dev, BYTES);
	if (err)
		return err;
	memset(coherent_box_ptr(&box), PATTERN, BYTES);
	err = fill_disk(blk, 0);
	if (!err)
		err = transfer(blk, true, address, &hung_up);
	if (!err)
		err = first_byte_of_disk(blk, &byte);
	if (err)
		return err;
	tries_add(tries, "read a box", false, byte == PATTERN, why());
	err = transfer(blk, false, address, &hung_up);
	tries_add(tries, "write a box", false, coherent_box_ptr(&box)[0] != PATTERN, why());
	return err;
}

static int try_mem_and_past_it(struct blk *blk, struct tries *tries, const char *(*why)(void))
{
	COHERENT_AUTO(uint8_t, mem);
	coherent_addr_t after;
	bool hung_up;
	uint8_t byte;
	int err;

	err = coherent_zeroed(&mem, blk->dev, BYTES);
	if (!err)
		err = fill_disk(blk, PATTERN);
	if (!err)
		err = transfer(blk, false, coherent_addr(&mem), &hung_up);
	if (!err)
		err = coherent_read(&mem, 0, &byte);
	if (err)
		return err;
	tries_add(tries, "write a mem", true, byte == PATTERN, why());
	after.raw = coherent_addr(&mem).raw + coherent_size(&mem);
	err = transfer(blk, true, after, &hung_up);
	if (!err)
		tries_add(tries, "read past the end", false, !hung_up, why());
	return err;
}

static int try_reclaimed(struct blk *blk, struct tries *tries, const char *(*why)(void))
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	coherent_addr_t old;
	bool hung_up;
	int err = coherent_zeroed(&mem, blk->dev, BYTES);

	if (err)
		return err;
	old = coherent_addr(&mem);
	err = coherent_reclaim(&mem, &box, .idle = true);
	if (!err)
		err = fill_disk(blk, PATTERN);
	if (!err)
		err = transfer(blk, false, old, &hung_up);
	if (!err)
		tries_add(tries, "write a mem after reclaim", false,
			  coherent_box_ptr(&box)[0] == PATTERN, why());
	return err;
}

int blk_try_all(struct blk *blk, struct tries *tries, const char *(*why)(void))
{
	int err = try_box(blk, tries, why);

	if (!err)
		err = try_mem_and_past_it(blk, tries, why);
	return err ? err : try_reclaimed(blk, tries, why);
}
