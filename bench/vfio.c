// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * bench-vfio DEVICE [NVME]: measures whether expose and reclaim do more than one ioctl, and what
 * the accessors add to an NVMe driver. tools/bench vfio runs this program in a VM.
 *
 * The peer of expose is a raw ioctl and then an expose without its ioctl, so that both sides do the
 * rest of the call. So a difference shows that the library makes more than one ioctl. The same
 * holds for reclaim.
 */
#include <errno.h>
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
/* The addresses of the raw maps start behind those that the library uses first. */
#define RAW_FIRST UINT64_C(0x40000000)

/*
 * The arguments of the last map of the library, so that the peer can do the same by hand. While
 * skip_ioctl is set, the ioctls of the library are left out.
 */
static struct {
	bool skip_ioctl;
	int fd;
	union {
		struct vfio_iommu_type1_dma_map type1;
		struct uapi_ioas_map ioas;
	} map;
	bool is_type1;
} last;

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	const bool maps = request == VFIO_IOMMU_MAP_DMA || request == UAPI_IOAS_MAP;

	if (maps) {
		last.fd = fd;
		last.is_type1 = request == VFIO_IOMMU_MAP_DMA;
		memcpy(&last.map, arg,
		       last.is_type1 ? sizeof(last.map.type1) : sizeof(last.map.ioas));
	}
	if (last.skip_ioctl &&
	    (maps || request == VFIO_IOMMU_UNMAP_DMA || request == UAPI_IOAS_UNMAP))
		return 0;
	return __real_ioctl(fd, request, arg);
}

static uint8_t *raw_page;

static int raw_map(unsigned int i)
{
	if (last.is_type1) {
		struct vfio_iommu_type1_dma_map map = last.map.type1;

		map.vaddr = (uintptr_t)raw_page + i * PAGE;
		map.iova = RAW_FIRST + i * 2 * PAGE;
		return __real_ioctl(last.fd, VFIO_IOMMU_MAP_DMA, &map);
	} else {
		struct uapi_ioas_map map = last.map.ioas;

		map.user_va = (uintptr_t)raw_page + i * PAGE;
		map.iova = RAW_FIRST + i * 2 * PAGE;
		return __real_ioctl(last.fd, UAPI_IOAS_MAP, &map);
	}
}

static int raw_unmap(unsigned int i)
{
	struct vfio_iommu_type1_dma_unmap type1 = { .argsz = sizeof(type1),
						    .iova = RAW_FIRST + i * 2 * PAGE,
						    .size = PAGE };
	struct uapi_ioas_unmap ioas = { .size = sizeof(ioas),
					.ioas_id = last.map.ioas.ioas_id,
					.iova = RAW_FIRST + i * 2 * PAGE,
					.length = PAGE };

	return last.is_type1 ? __real_ioctl(last.fd, VFIO_IOMMU_UNMAP_DMA, &type1) :
			       __real_ioctl(last.fd, UAPI_IOAS_UNMAP, &ioas);
}

/* --- The peer: the ioctl by hand, and a call without its ioctl --- */

static int floor_expose(void *arg, unsigned int turns)
{
	struct bench_maps *maps = arg;
	int err = 0;

	last.skip_ioctl = true;
	for (unsigned int i = 0; !err && i < turns; i++) {
		err = raw_map(i);
		if (!err)
			err = coherent_expose(&maps->boxes[i], &maps->mems[i]);
	}
	last.skip_ioctl = false;
	return err;
}

static int floor_reclaim(void *arg, unsigned int turns)
{
	struct bench_maps *maps = arg;
	int err = 0;

	last.skip_ioctl = true;
	for (unsigned int i = 0; !err && i < turns; i++) {
		err = raw_unmap(i);
		if (!err)
			err = coherent_reclaim(&maps->mems[i], &maps->boxes[i]);
	}
	last.skip_ioctl = false;
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
		return err ? err : -ENOMEM;
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
