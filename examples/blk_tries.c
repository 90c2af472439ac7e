// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Aims a disk at memory. A write request makes the disk read the memory, and a read request makes
 * it write the memory, always with its first sectors. If the process of the disk cannot reach an
 * address, it hangs up.
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

/* Transfers between the disk and an address. It is not an error that the process hangs up. */
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

/*
 * Finds the device address of the next object. The seal function learns the address and then
 * cancels the expose, so the next object gets the same address.
 */
static int guess_next(struct blk *blk, coherent_addr_t *next)
{
	COHERENT_AUTO(uint8_t, mem);
	int err = coherent_zeroed(&mem, blk->dev, BYTES, .seal = keep_address, .seal_arg = next);

	return err == -ECANCELED ? 0 : err;
}

static int try_box(struct blk *blk, struct tries *tries, const char *(*reason)(void))
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
	tries_add(tries, "read a box", false, byte == PATTERN, reason());
	err = transfer(blk, false, address, &hung_up);
	tries_add(tries, "write a box", false, coherent_box_ptr(&box)[0] != PATTERN, reason());
	return err;
}

static int try_mem_and_past_it(struct blk *blk, struct tries *tries, const char *(*reason)(void))
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
	tries_add(tries, "write a mem", true, byte == PATTERN, reason());
	after.raw = coherent_addr(&mem).raw + coherent_size(&mem);
	err = transfer(blk, true, after, &hung_up);
	if (!err)
		tries_add(tries, "read past the end", false, !hung_up, reason());
	return err;
}

static int try_reclaimed(struct blk *blk, struct tries *tries, const char *(*reason)(void))
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
		tries_add(tries, "write a reclaimed mem", false,
			  coherent_box_ptr(&box)[0] == PATTERN, reason());
	return err;
}

int blk_try_all(struct blk *blk, struct tries *tries, const char *(*reason)(void))
{
	int err = try_box(blk, tries, reason);

	if (!err)
		err = try_mem_and_past_it(blk, tries, reason);
	return err ? err : try_reclaimed(blk, tries, reason);
}
