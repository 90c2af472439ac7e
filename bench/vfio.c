// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Whether the library does more to map and unmap than one ioctl, and what accessors add to an
 * NVMe driver; for tools/bench vfio, which runs it in a VM: bench-vfio DEVICE [NVME]. The
 * floor of expose is the raw ioctl and an expose whose ioctl is left out, one after the other,
 * so that the rest of the call is on both sides.
 */
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <coherent.h>

#include "../src/vfio/uapi.h"
#include "bench.h"
#include "maps.h"
#include "vfio_nvme.h"

#define PAGE 4096
#define TURNS 256
/* Addresses of the raw maps, behind what the library gives out first. */
#define RAW_FIRST UINT64_C(0x40000000)

/* The descriptor that the library maps with, and its last map, to do the same by hand. */
static struct {
	bool null;
	int fd;
	union {
		struct vfio_iommu_type1_dma_map type1;
		struct uapi_ioas_map ioas;
	} map;
	bool is_type1;
} seen;

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	const bool maps = request == VFIO_IOMMU_MAP_DMA || request == UAPI_IOAS_MAP;

	if (maps) {
		seen.fd = fd;
		seen.is_type1 = request == VFIO_IOMMU_MAP_DMA;
		memcpy(&seen.map, arg,
		       seen.is_type1 ? sizeof(seen.map.type1) : sizeof(seen.map.ioas));
	}
	if (seen.null && (maps || request == VFIO_IOMMU_UNMAP_DMA || request == UAPI_IOAS_UNMAP))
		return 0;
	return __real_ioctl(fd, request, arg);
}

static uint8_t *raw_page;

static int raw_map(unsigned int i)
{
	if (seen.is_type1) {
		struct vfio_iommu_type1_dma_map map = seen.map.type1;

		map.vaddr = (uintptr_t)raw_page + i * PAGE;
		map.iova = RAW_FIRST + i * 2 * PAGE;
		return __real_ioctl(seen.fd, VFIO_IOMMU_MAP_DMA, &map);
	} else {
		struct uapi_ioas_map map = seen.map.ioas;

		map.user_va = (uintptr_t)raw_page + i * PAGE;
		map.iova = RAW_FIRST + i * 2 * PAGE;
		return __real_ioctl(seen.fd, UAPI_IOAS_MAP, &map);
	}
}

static int raw_unmap(unsigned int i)
{
	struct vfio_iommu_type1_dma_unmap type1 = { .argsz = sizeof(type1),
						    .iova = RAW_FIRST + i * 2 * PAGE,
						    .size = PAGE };
	struct uapi_ioas_unmap ioas = { .size = sizeof(ioas),
					.ioas_id = seen.map.ioas.ioas_id,
					.iova = RAW_FIRST + i * 2 * PAGE,
					.length = PAGE };

	return seen.is_type1 ? __real_ioctl(seen.fd, VFIO_IOMMU_UNMAP_DMA, &type1) :
			       __real_ioctl(seen.fd, UAPI_IOAS_UNMAP, &ioas);
}

/* --- The floor: the same by hand, and a call without its ioctl --- */

static int floor_expose(void *arg, unsigned int turns)
{
	struct bench_maps *maps = arg;
	int err = 0;

	seen.null = true;
	for (unsigned int i = 0; !err && i < turns; i++) {
		err = raw_map(i);
		if (!err)
			err = coherent_expose(&maps->boxes[i], &maps->mems[i]);
	}
	seen.null = false;
	return err;
}

static int floor_reclaim(void *arg, unsigned int turns)
{
	struct bench_maps *maps = arg;
	int err = 0;

	seen.null = true;
	for (unsigned int i = 0; !err && i < turns; i++) {
		err = raw_unmap(i);
		if (!err)
			err = coherent_reclaim(&maps->mems[i], &maps->boxes[i]);
	}
	seen.null = false;
	return err;
}

static int floor_allocate_and_expose(void *arg)
{
	int err = maps_allocate(arg);

	return err ? err : floor_expose(arg, TURNS);
}

static void floor_reclaim_and_free(void *arg)
{
	if (floor_reclaim(arg, TURNS))
		abort();
	maps_free(arg);
}

static int bench_maps(const char *name)
{
	static struct bench_maps ours = { .count = TURNS }, floor = { .count = TURNS };
	COHERENT_DEVICE_AUTO(dev);
	struct bench_case expose_case = {
		.name = "expose",
		.peer = "map, null",
		.ours = { maps_expose, &ours, maps_allocate, maps_reclaim_and_free },
		.theirs = { floor_expose, &floor, maps_allocate, floor_reclaim_and_free },
		.turns = TURNS,
		.goal_ratio = 1.05,
	};
	struct bench_case reclaim_case = {
		.name = "reclaim",
		.peer = "unmap, null",
		.ours = { maps_reclaim, &ours, maps_allocate_and_expose, maps_free },
		.theirs = { floor_reclaim, &floor, floor_allocate_and_expose, maps_free },
		.turns = TURNS,
		.goal_ratio = 1.05,
	};
	int err = coherent_device_open(&dev, name, .report = coherent_report_stderr);

	ours.dev = floor.dev = dev;
	raw_page = mmap(NULL, (size_t)TURNS * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (err || raw_page == MAP_FAILED)
		return err ? err : -12;
	err = bench(&expose_case);
	return err ? err : bench(&reclaim_case);
}

int main(int argc, char **argv)
{
	int err;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: bench-vfio DEVICE [NVME]\n");
		return 2;
	}
	err = bench_maps(argv[1]);
	if (!err && argc == 3)
		err = bench_nvme(argv[2]);
	printf("1..1\n%sok 1 - all cases ran\n", err ? "not " : "");
	return err ? 1 : 0;
}
