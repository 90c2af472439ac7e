// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * copy: compares copies to and from a mem with memcpy(), which need not access each word once.
 */
#include <coherent.h>
#include <stdio.h>
#include <string.h>

#include "../src/base/size.h"
#include "bench.h"

#define BYTES 4096
#define TURNS 10000

struct dense {
	uint64_t words[8];
};

struct padded {
	uint32_t a;
	uint64_t b;
};
COHERENT_FIELDS(struct dense, .words);
COHERENT_FIELDS(struct padded, .a, .b);

COHERENT_TYPE(byte_mem, uint8_t);
COHERENT_TYPE(dense_mem, struct dense);
COHERENT_TYPE(padded_mem, struct padded);

static struct {
	union byte_mem bytes;
	union dense_mem dense;
	union padded_mem padded;
	/* A mem begins at a page. On some CPUs a copy takes longer if its source begins there too. */
	_Alignas(4096) char begin[256];
	union {
		uint8_t bytes[BYTES];
		struct dense dense[BYTES / sizeof(struct dense)];
		struct padded padded[BYTES / sizeof(struct padded)];
	} from;
	uint8_t to[BYTES];
} all;

static int copy_bytes_in(void *arg, unsigned int turns)
{
	int err = 0;

	(void)arg;
	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_copy_in(&all.bytes, 0, all.from.bytes, BYTES);
	return err;
}

static int copy_bytes_out(void *arg, unsigned int turns)
{
	int err = 0;

	(void)arg;
	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_copy_out(&all.bytes, 0, all.to, BYTES);
		bench_use(all.to);
	}
	return err;
}

static int copy_dense_in(void *arg, unsigned int turns)
{
	int err = 0;

	(void)arg;
	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_copy_in(&all.dense, 0, all.from.dense, ARRAY_SIZE(all.from.dense));
	return err;
}

static int copy_padded_in(void *arg, unsigned int turns)
{
	int err = 0;

	(void)arg;
	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_copy_in(&all.padded, 0, all.from.padded,
				       ARRAY_SIZE(all.from.padded));
	return err;
}

static int copy_raw(void *arg, unsigned int turns)
{
	(void)arg;
	for (unsigned int i = 0; i < turns; i++) {
		memcpy(all.to, all.from.bytes, BYTES);
		bench_use(all.to);
	}
	return 0;
}

static int open_mems(struct coherent_device **dev)
{
	int err = coherent_device_open(dev, "sim:edu", .report = coherent_report_stderr);

	if (!err)
		err = coherent_zeroed(&all.bytes, *dev, BYTES);
	if (!err)
		err = coherent_zeroed(&all.dense, *dev, ARRAY_SIZE(all.from.dense));
	if (!err)
		err = coherent_zeroed(&all.padded, *dev, ARRAY_SIZE(all.from.padded));
	return err;
}

int main(void)
{
	static const struct {
		const char *name;
		int (*run)(void *arg, unsigned int turns);
	} cases[] = {
		{ "copy 4096 bytes in", copy_bytes_in },
		{ "copy 4096 bytes out", copy_bytes_out },
		{ "copy 64 structs of 64 bytes in", copy_dense_in },
		{ "copy 256 structs with padding in", copy_padded_in },
	};
	struct coherent_device *dev;
	int err = open_mems(&dev);

	for (size_t i = 0; !err && i < ARRAY_SIZE(cases); i++)
		err = bench(&(struct bench_case){
			.name = cases[i].name,
			.peer = "memcpy",
			.ours = { .run = cases[i].run },
			.theirs = { .run = copy_raw },
			.turns = TURNS,
		});
	coherent_free(&all.bytes);
	coherent_free(&all.dense);
	coherent_free(&all.padded);
	coherent_device_close(dev);
	return err ? 1 : 0;
}
