// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * bench-vfio DEVICE [NVME]: measures whether expose and reclaim do more than one ioctl, and what
 * the accessors add to an NVMe driver. It also measures how much the adoption of memory adds to the
 * ioctl. tools/bench vfio runs this program in a VM.
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

/* --- Memory of the driver --- */

/**
 * struct adopted - Memory that a side lets the device reach, a part in each turn.
 * @maps: The objects.
 * @memory: The memory.
 * @bytes: The size of a part.
 */
struct adopted {
	struct bench_maps *maps;
	uint8_t *memory;
	size_t bytes;
};

/* The device gets the memory of the driver in two calls. The peer makes the ioctl alone. */
static int adopt_and_expose(void *arg, unsigned int turns)
{
	const struct adopted *adopted = arg;
	struct bench_maps *maps = adopted->maps;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_box_adopt(&maps->boxes[i], maps->dev,
					 adopted->memory + i * adopted->bytes, adopted->bytes);
		if (!err)
			err = coherent_expose(&maps->boxes[i], &maps->mems[i]);
	}
	return err;
}

static void free_adopted(void *arg)
{
	const struct adopted *adopted = arg;

	for (unsigned int i = 0; i < MAPS_MOST; i++)
		coherent_free(&adopted->maps->mems[i]);
}

static int floor_map(void *arg, unsigned int turns)
{
	const struct adopted *adopted = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		struct vfio_iommu_type1_dma_map type1 = last.map.type1;
		struct uapi_ioas_map ioas = last.map.ioas;

		type1.vaddr = ioas.user_va = (uintptr_t)adopted->memory + i * adopted->bytes;
		type1.iova = ioas.iova = RAW_FIRST + i * 2 * adopted->bytes;
		type1.size = ioas.length = adopted->bytes;
		err = last.is_type1 ? __real_ioctl(last.fd, VFIO_IOMMU_MAP_DMA, &type1) :
				      __real_ioctl(last.fd, UAPI_IOAS_MAP, &ioas);
	}
	return err;
}

static void floor_unmap(void *arg)
{
	const struct adopted *adopted = arg;

	for (unsigned int i = 0; i < adopted->maps->count; i++) {
		struct vfio_iommu_type1_dma_unmap type1 = {
			.argsz = sizeof(type1),
			.iova = RAW_FIRST + i * 2 * adopted->bytes,
			.size = adopted->bytes,
		};
		struct uapi_ioas_unmap ioas = {
			.size = sizeof(ioas),
			.ioas_id = last.map.ioas.ioas_id,
			.iova = RAW_FIRST + i * 2 * adopted->bytes,
			.length = adopted->bytes,
		};

		if (last.is_type1 ? __real_ioctl(last.fd, VFIO_IOMMU_UNMAP_DMA, &type1) :
				    __real_ioctl(last.fd, UAPI_IOAS_UNMAP, &ioas))
			abort();
	}
}

static uint8_t *map_pages(size_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		    -1, 0);
}

/* Both sides use other memory, so that none finds it in the cache because of the other. */
static int bench_adoption(struct coherent_device *dev, const char *name, size_t bytes,
			  unsigned int turns)
{
	static struct bench_maps maps;
	struct adopted ours = { &maps, map_pages(turns * bytes), bytes };
	struct adopted floor = { &maps, map_pages(turns * bytes), bytes };
	const struct bench_case adopt_case = {
		.name = name,
		.peer = "map",
		.ours = { adopt_and_expose, &ours, NULL, free_adopted },
		.theirs = { floor_map, &floor, NULL, floor_unmap },
		.turns = turns,
		.goal_ratio = 1.05,
	};
	int err = ours.memory == MAP_FAILED || floor.memory == MAP_FAILED ? -ENOMEM : 0;

	maps = (struct bench_maps){ .dev = dev, .count = turns };
	if (!err)
		err = bench(&adopt_case);
	if (ours.memory != MAP_FAILED)
		munmap(ours.memory, turns * bytes);
	if (floor.memory != MAP_FAILED)
		munmap(floor.memory, turns * bytes);
	return err;
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
	raw_page = map_pages((size_t)TURNS * PAGE);
	if (err || raw_page == MAP_FAILED)
		return err ? err : -ENOMEM;
	err = bench(&expose_case);
	if (!err)
		err = bench(&reclaim_case);
	if (!err)
		err = bench_adoption(dev, "adopt + expose 4 KiB", PAGE, TURNS);
	return err ? err : bench_adoption(dev, "adopt + expose 2 MiB", (size_t)2 << 20, 4);
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
