// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdlib.h>

#include "../examples/nvme.h"
#include "bench.h"
#include "vfio_nvme.h"

#define READS 512

/* nvme_raw.c defines this driver. */
int raw_nvme_open(struct nvme *nvme, struct coherent_device *dev, unsigned int depth);
void raw_nvme_close(struct nvme *nvme);
void raw_nvme_start(struct nvme *nvme, unsigned int slot, bool write, uint64_t block,
		    uint32_t count);
int raw_nvme_wait(struct nvme *nvme, unsigned int slot);

struct reads {
	struct coherent_device *dev;
	struct nvme nvme;
	unsigned int depth;
};

static int read_ours(void *arg, unsigned int turns)
{
	struct reads *reads = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns + reads->depth; i++) {
		if (i >= reads->depth)
			err = nvme_wait(&reads->nvme, i % reads->depth);
		if (!err && i < turns)
			nvme_start(&reads->nvme, i % reads->depth, false, i * 8 % 8192,
				   4096 / reads->nvme.block_bytes);
	}
	return err;
}

static int read_raw(void *arg, unsigned int turns)
{
	struct reads *reads = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns + reads->depth; i++) {
		if (i >= reads->depth)
			err = raw_nvme_wait(&reads->nvme, i % reads->depth);
		if (!err && i < turns)
			raw_nvme_start(&reads->nvme, i % reads->depth, false, i * 8 % 8192,
				       4096 / reads->nvme.block_bytes);
	}
	return err;
}

static int open_ours(void *arg)
{
	struct reads *reads = arg;

	return nvme_open(&reads->nvme, reads->dev, reads->depth);
}

static int open_raw(void *arg)
{
	struct reads *reads = arg;

	return raw_nvme_open(&reads->nvme, reads->dev, reads->depth);
}

static void close_ours(void *arg)
{
	nvme_close(&((struct reads *)arg)->nvme);
}

static void close_raw(void *arg)
{
	raw_nvme_close(&((struct reads *)arg)->nvme);
}

int bench_nvme(const char *device)
{
	COHERENT_DEVICE_AUTO(dev);
	int err = coherent_device_open(&dev, device, .report = coherent_report_stderr);

	for (unsigned int depth = 1; !err && depth <= 32; depth += 31) {
		struct reads ours = { .dev = dev, .depth = depth };
		struct reads raw = { .dev = dev, .depth = depth };
		const struct bench_case what = {
			.name = depth == 1 ? "NVMe 4 KiB reads, depth 1" :
					     "NVMe 4 KiB reads, depth 32",
			.peer = "raw pointers",
			.ours = { read_ours, &ours, open_ours, close_ours },
			.theirs = { read_raw, &raw, open_raw, close_raw },
			.turns = READS,
			.waits = true,
			.goal_ratio = 1.05,
		};

		err = bench(&what);
	}
	return err;
}
