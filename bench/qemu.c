// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * qemu: what the library adds to a round trip to QEMU: of a register beside the same line of
 * text by hand, of expose and reclaim beside the virtio-iommu's request alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <coherent.h>
#include <coherent/bar.h>

#include "../src/qemu_device.h"
#include "bench.h"

#define BYTES 4096
#define TURNS 64
/* Where nothing else is: an address, and memory for it. */
#define RAW_ADDRESS UINT64_C(0x40000000)
#define RAW_PHYSICAL UINT64_C(0x3000000)

COHERENT_BOX_TYPE(box, uint8_t);
COHERENT_TYPE(mem, uint8_t);

struct job {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	union box boxes[TURNS];
	union mem mems[TURNS];
};

static struct qemu *qemu_of(const struct job *job)
{
	return (struct qemu *)job->dev->backend;
}

/* --- A register --- */

static int read_ours(void *arg, unsigned int turns)
{
	struct job *job = arg;

	for (unsigned int i = 0; i < turns; i++)
		if (coherent_bar_read32(job->bar, 0) == UINT32_MAX)
			return -EIO;
	return 0;
}

static int read_raw(void *arg, unsigned int turns)
{
	const struct qemu *qemu = qemu_of(arg);
	char line[64], answer[64];

	for (unsigned int i = 0; i < turns; i++) {
		int bytes = snprintf(line, sizeof(line), "readl 0x%llx\n",
				     (unsigned long long)qemu->pci.bars[0].address);

		if (write(qemu->qtest.fd, line, (size_t)bytes) != bytes ||
		    read(qemu->qtest.fd, answer, sizeof(answer)) <= 0)
			return -EIO;
	}
	return 0;
}

/* --- Expose and reclaim --- */

static int allocate(void *arg)
{
	struct job *job = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < TURNS; i++)
		err = coherent_box_zeroed(&job->boxes[i], job->dev, BYTES);
	return err;
}

static int expose(void *arg, unsigned int turns)
{
	struct job *job = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_expose(&job->boxes[i], &job->mems[i]);
	return err;
}

static int reclaim(void *arg, unsigned int turns)
{
	struct job *job = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = coherent_reclaim(&job->mems[i], &job->boxes[i], .idle = true);
	return err;
}

static int allocate_and_expose(void *arg)
{
	int err = allocate(arg);

	return err ? err : expose(arg, TURNS);
}

static void free_all(void *arg)
{
	struct job *job = arg;

	for (unsigned int i = 0; i < TURNS; i++)
		coherent_box_free(&job->boxes[i]);
}

static void reclaim_and_free(void *arg)
{
	if (reclaim(arg, TURNS))
		abort();
	free_all(arg);
}

static int map_raw(void *arg, unsigned int turns)
{
	struct qemu *qemu = qemu_of(arg);
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = qemu_iommu_map(&qemu->iommu, RAW_ADDRESS + 2 * i * BYTES,
				     RAW_PHYSICAL + i * BYTES, BYTES, true);
	return err;
}

static int unmap_raw(void *arg, unsigned int turns)
{
	struct qemu *qemu = qemu_of(arg);
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = qemu_iommu_unmap(&qemu->iommu, RAW_ADDRESS + 2 * i * BYTES, BYTES);
	return err;
}

static int map_before(void *arg)
{
	return map_raw(arg, TURNS);
}

static void unmap_after(void *arg)
{
	if (unmap_raw(arg, TURNS))
		abort();
}

int main(void)
{
	static struct job job;
	int err = coherent_device_open(&job.dev, "qemu:edu", .report = coherent_report_stderr);

	if (!err)
		err = coherent_bar_open(&job.bar, job.dev, 0);
	if (!err)
		err = bench(&(struct bench_case){
			.name = "read a register",
			.peer = "qtest",
			.ours = { .run = read_ours, .arg = &job },
			.theirs = { .run = read_raw, .arg = &job },
			.turns = 256,
			.goal_ratio = 1.10,
		});
	if (!err)
		err = bench(&(struct bench_case){
			.name = "expose 4 KiB",
			.peer = "MAP",
			.ours = { expose, &job, allocate, reclaim_and_free },
			.theirs = { map_raw, &job, NULL, unmap_after },
			.turns = TURNS,
			.goal_ratio = 1.10,
		});
	if (!err)
		err = bench(&(struct bench_case){
			.name = "reclaim 4 KiB",
			.peer = "UNMAP",
			.ours = { reclaim, &job, allocate_and_expose, free_all },
			.theirs = { unmap_raw, &job, map_before, NULL },
			.turns = TURNS,
			.goal_ratio = 1.10,
		});
	coherent_bar_close(job.bar);
	coherent_device_close(job.dev);
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	return !!err;
}
