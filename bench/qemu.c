// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures what the library adds to a round trip to QEMU. A register read is compared with the same
 * line of text sent by hand, expose and reclaim with only the request to the virtio-iommu.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <coherent.h>
#include <coherent/bar.h>

#include "../src/qemu/device.h"
#include "bench.h"
#include "maps.h"

#define BYTES 4096
#define TURNS 64
/* A device address and physical memory that nothing else uses. */
#define RAW_ADDRESS UINT64_C(0x40000000)
#define RAW_PHYSICAL UINT64_C(0x3000000)

struct fixture {
	struct coherent_bar *bar;
	struct bench_maps maps;
};

static struct qemu *qemu_of(const struct fixture *fixture)
{
	return (struct qemu *)fixture->maps.dev->backend;
}

/* --- A register --- */

static int read_ours(void *arg, unsigned int turns)
{
	struct fixture *fixture = arg;

	for (unsigned int i = 0; i < turns; i++)
		if (coherent_bar_read32(fixture->bar, 0) == UINT32_MAX)
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

static int map_raw(void *arg, unsigned int turns)
{
	struct qemu *qemu = qemu_of(arg);
	int err = 0;

	qemu->qtest.deadline_ns = UINT64_MAX;
	for (unsigned int i = 0; !err && i < turns; i++)
		err = qemu_iommu_map(&qemu->iommu, RAW_ADDRESS + 2 * i * BYTES,
				     RAW_PHYSICAL + i * BYTES, BYTES, true);
	return err;
}

static int unmap_raw(void *arg, unsigned int turns)
{
	struct qemu *qemu = qemu_of(arg);
	int err = 0;

	qemu->qtest.deadline_ns = UINT64_MAX;
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

/* Two QEMUs differ in time if the kernel puts them on different CPUs. */
static void use_one_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		abort();
}

/* Two new QEMUs, one of them with a ledger. This is the last case, because it keeps to one CPU. */
static int bench_ledger(void)
{
	static struct bench_maps ours = { .count = TURNS, .idle = true },
				 theirs = { .count = TURNS, .idle = true };
	int err;

	use_one_cpu();
	err = bench_open_with_ledger(&ours.dev, "qemu:edu");
	if (!err)
		err = coherent_device_open(&theirs.dev, "qemu:edu",
					   .report = coherent_report_stderr);
	if (!err)
		err = bench(&(struct bench_case){
			.name = "expose 4 KiB with a ledger",
			.peer = "the same without one",
			.ours = { maps_expose, &ours, maps_allocate, maps_reclaim_and_free },
			.theirs = { maps_expose, &theirs, maps_allocate, maps_reclaim_and_free },
			.turns = TURNS,
			.waits = true,
			.goal_ratio = 1.10,
		});
	coherent_device_close(ours.dev);
	coherent_device_close(theirs.dev);
	return err;
}

int main(void)
{
	static struct fixture fixture = { .maps = { .count = TURNS, .idle = true } };
	int err = coherent_device_open(&fixture.maps.dev, "qemu:edu",
				       .report = coherent_report_stderr);

	if (!err)
		err = coherent_bar_open(&fixture.bar, fixture.maps.dev, 0);
	if (!err)
		err = bench(&(struct bench_case){
			.name = "read a register",
			.peer = "qtest",
			.ours = { .run = read_ours, .arg = &fixture },
			.theirs = { .run = read_raw, .arg = &fixture },
			.turns = 256,
			.waits = true,
			.goal_ratio = 1.10,
		});
	if (!err)
		err = bench(&(struct bench_case){
			.name = "expose 4 KiB",
			.peer = "MAP",
			.ours = { maps_expose, &fixture.maps, maps_allocate,
				  maps_reclaim_and_free },
			.theirs = { map_raw, &fixture, NULL, unmap_after },
			.turns = TURNS,
			.waits = true,
			.goal_ratio = 1.10,
		});
	if (!err)
		err = bench(&(struct bench_case){
			.name = "reclaim 4 KiB",
			.peer = "UNMAP",
			.ours = { maps_reclaim, &fixture.maps, maps_allocate_and_expose,
				  maps_free },
			.theirs = { unmap_raw, &fixture, map_before, NULL },
			.turns = TURNS,
			.waits = true,
			.goal_ratio = 1.10,
		});
	if (!err)
		err = bench_ledger();
	coherent_bar_close(fixture.bar);
	coherent_device_close(fixture.maps.dev);
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	return !!err;
}
