// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The IOMMU of the mock. It has the mappings and answers the ioctls of a container and of iommufd.
 */
#include <linux/vfio.h>
#include <sys/resource.h>

#include "../../src/vfio/uapi.h"
#include "mock_file.h"

int __real_getrlimit64(int resource, struct rlimit *limit);
int __wrap_getrlimit64(int resource, struct rlimit *limit);

/* The limit of pinned memory is that of the mock. The others are those of the test. */
int __wrap_getrlimit64(int resource, struct rlimit *limit)
{
	if (resource != RLIMIT_MEMLOCK)
		return __real_getrlimit64(resource, limit);
	limit->rlim_cur = limit->rlim_max = mock.memlock;
	return 0;
}

/*
 * Looks for the slot of a mapping, or for a free slot if @iova is 0. The search begins at the slot
 * that belongs to the address @from.
 */
static struct mock_mapping *find_slot(uint64_t from, uint64_t iova)
{
	for (size_t i = 0; i < MOCK_MAPPINGS_MAX; i++) {
		struct mock_mapping *at = &mock.mappings[(from / 8192 + i) % MOCK_MAPPINGS_MAX];

		if (iova ? at->bytes && at->iova == iova : !at->bytes)
			return at;
	}
	return NULL;
}

const struct mock_mapping *mock_find(uint64_t iova)
{
	return find_slot(iova, iova);
}

/* Lists the ranges between 0, the pages of mock.holes, mock.hole and the end. Returns how many. */
static uint32_t ranges_of(struct uapi_iova_range ranges[MOCK_RANGES_MAX])
{
	uint32_t count = 0;
	uint64_t first = 0;

	for (size_t i = 0; i < MOCK_RANGES_MAX - 2 && mock.holes[i]; i++) {
		ranges[count++] = (struct uapi_iova_range){ first, mock.holes[i] - 1 };
		first = mock.holes[i] + 4096;
	}
	ranges[count++] = (struct uapi_iova_range){ first, mock.hole[0] - 1 };
	ranges[count++] = (struct uapi_iova_range){ mock.hole[1] + 1, mock.last };
	return count;
}

static bool translates(uint64_t iova, uint64_t last)
{
	struct uapi_iova_range ranges[MOCK_RANGES_MAX];
	const uint32_t count = ranges_of(ranges);

	for (uint32_t i = 0; i < count; i++)
		if (iova >= ranges[i].start && last <= ranges[i].last)
			return true;
	return false;
}

static bool overlaps(uint64_t iova, uint64_t bytes)
{
	for (size_t i = 0; i < MOCK_MAPPINGS_MAX; i++) {
		const struct mock_mapping *at = &mock.mappings[i];

		if (at->bytes && iova < at->iova + at->bytes && at->iova < iova + bytes)
			return true;
	}
	return false;
}

static int map(uint64_t iova, uint64_t bytes, uint64_t va, uint32_t flags, int overlap)
{
	struct mock_mapping *at = find_slot(iova, 0);
	int err = mock.refuse_map;

	mock.refuse_map = 0;
	if (err)
		return err;
	if (!bytes || (iova | bytes | va) % 4096 || !translates(iova, iova + bytes - 1))
		return -EINVAL;
	if (mock.pinned + bytes > mock.memlock)
		return -ENOMEM;
	if (mock.count >= mock.mappings_max || !at)
		return -ENOSPC;
	/* The check of many mappings would take too long. */
	if (mock.count < 100 && overlaps(iova, bytes))
		return overlap;
	*at = (struct mock_mapping){ iova, bytes, va, flags };
	mock.count++;
	mock.pinned += bytes;
	return 0;
}

static uint64_t forget(struct mock_mapping *at)
{
	const uint64_t bytes = at->bytes;

	mock.pinned -= bytes;
	mock.count--;
	at->bytes = 0;
	return bytes;
}

static bool is_bisected(uint64_t iova, uint64_t last)
{
	for (size_t i = 0; i < MOCK_MAPPINGS_MAX; i++) {
		const struct mock_mapping *at = &mock.mappings[i];
		const uint64_t at_last = at->iova + at->bytes - 1;

		if (at->bytes && at->iova <= last && at_last >= iova &&
		    (at->iova < iova || at_last > last))
			return true;
	}
	return false;
}

/*
 * Unmaps one mapping or all mappings in a range. Returns the number of bytes, or all ones if the
 * range cuts a mapping in two.
 */
static uint64_t unmap(uint64_t iova, uint64_t last)
{
	struct mock_mapping *one = iova && last < UINT64_MAX ? find_slot(iova, iova) : NULL;
	uint64_t found = 0;

	if (one && one->iova + one->bytes - 1 == last)
		return forget(one);
	if (is_bisected(iova, last))
		return UINT64_MAX;
	for (size_t i = 0; i < MOCK_MAPPINGS_MAX; i++) {
		struct mock_mapping *at = &mock.mappings[i];

		if (at->bytes && at->iova >= iova && at->iova + at->bytes - 1 <= last)
			found += forget(at);
	}
	return found;
}

static int refuse_unmap(void)
{
	int err = mock.refuse_unmap;

	mock.refuse_unmap = 0;
	return err;
}

static uint64_t find_less(uint64_t found)
{
	const bool less = mock.find_less;

	mock.find_less = false;
	return less ? 0 : found;
}

/* --- A container --- */

/* The capabilities follow the info. Each has the offset of the next one. */
static int container_info(struct vfio_iommu_type1_info *info)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap = (void *)(info + 1);
	struct vfio_iommu_type1_info_dma_avail *avail = (void *)cap;
	struct uapi_iova_range ranges[MOCK_RANGES_MAX];
	const uint32_t count = ranges_of(ranges);

	if (info->argsz < 4096)
		return -EINVAL;
	memset(info, 0, 4096);
	info->argsz = 4096;
	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = mock.page_sizes;
	info->cap_offset = sizeof(*info);
	if (!mock.no_ranges) {
		cap->header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
		cap->nr_iovas = count;
		memcpy(cap->iova_ranges, ranges, count * sizeof(*ranges));
		avail = (void *)(cap->iova_ranges + count);
		cap->header.next = (uint32_t)((char *)avail - (char *)info);
	}
	avail->header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
	avail->avail = (uint32_t)(mock.mappings_max - mock.count);
	return 0;
}

/* Does the same as vfio_dma_do_unmap(). */
static int container_unmap(struct vfio_iommu_type1_dma_unmap *arg)
{
	const bool all = arg->flags == VFIO_DMA_UNMAP_FLAG_ALL;
	uint64_t last = UINT64_MAX, found;
	int err = refuse_unmap();

	if (err)
		return err;
	if (arg->argsz != sizeof(*arg) || (arg->flags && !all) || (arg->iova | arg->size) % 4096 ||
	    (all ? arg->iova || arg->size : !arg->size))
		return -EINVAL;
	if (!all && __builtin_add_overflow(arg->iova, arg->size - 1, &last))
		return -EOVERFLOW;
	found = unmap(arg->iova, last);
	if (found == UINT64_MAX)
		return -EINVAL;
	arg->size = find_less(found);
	return 0;
}

/* Does the same as vfio_ioctl_set_iommu(). The mock accepts type1v2 only. */
static int set_iommu(struct mock_file *container, unsigned long iommu)
{
	if (!container->joined || container->iommu)
		return -EINVAL;
	if (mock.unsafe)
		return -EPERM;
	if (iommu != (container->noiommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU))
		return -ENODEV;
	container->iommu = iommu;
	return 0;
}

int mock_container_ioctl(struct mock_file *container, unsigned long request, void *arg)
{
	const struct vfio_iommu_type1_dma_map *mapping = arg;

	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return (uintptr_t)arg == VFIO_TYPE1v2_IOMMU && !mock.no_type1;
	case VFIO_SET_IOMMU:
		return set_iommu(container, (uintptr_t)arg);
	}
	if (container->iommu != VFIO_TYPE1v2_IOMMU)
		return container->iommu ? -ENOTTY : -EINVAL;
	switch (request) {
	case VFIO_IOMMU_GET_INFO:
		return container_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		return map(mapping->iova, mapping->size, mapping->vaddr, mapping->flags, -EEXIST);
	case VFIO_IOMMU_UNMAP_DMA:
		return container_unmap(arg);
	}
	return -ENOTTY;
}

/* --- iommufd --- */

/* Does the same as iommufd_ioas_iova_ranges(). */
static int iommu_ranges(struct uapi_ioas_iova_ranges *arg)
{
	struct uapi_iova_range ranges[MOCK_RANGES_MAX];
	const uint32_t room = arg->num_iovas;

	if (arg->ioas_id != MOCK_IOAS)
		return -ENOENT;
	arg->num_iovas = ranges_of(ranges);
	arg->out_iova_alignment = mock.alignment;
	memcpy((void *)(uintptr_t)arg->allowed_iovas, ranges,
	       (room < arg->num_iovas ? room : arg->num_iovas) * sizeof(*ranges));
	return arg->num_iovas > room ? -EMSGSIZE : 0;
}

/* Does the same as iommufd_ioas_unmap(). */
static int iommu_unmap(struct uapi_ioas_unmap *arg)
{
	const bool all = !arg->iova && arg->length == UINT64_MAX;
	uint64_t last = UINT64_MAX, found;
	int err = refuse_unmap();

	if (err)
		return err;
	if (arg->ioas_id != MOCK_IOAS)
		return -ENOENT;
	if (!arg->length)
		return -EINVAL;
	if (!all && (arg->length == UINT64_MAX ||
		     __builtin_add_overflow(arg->iova, arg->length - 1, &last)))
		return -EOVERFLOW;
	found = unmap(arg->iova, last);
	if (found == UINT64_MAX || (!found && !all))
		return -ENOENT;
	arg->length = find_less(found);
	return 0;
}

int mock_iommu_ioctl(unsigned long request, void *arg)
{
	const struct uapi_ioas_map *mapping = arg;
	uint32_t flags = 0;

	switch (request) {
	case UAPI_IOAS_ALLOC:
		((struct uapi_ioas_alloc *)arg)->out_ioas_id = MOCK_IOAS;
		return 0;
	case UAPI_IOAS_IOVA_RANGES:
		return iommu_ranges(arg);
	case UAPI_IOAS_MAP:
		if (!(mapping->flags & UAPI_IOAS_MAP_FIXED_IOVA) || mapping->ioas_id != MOCK_IOAS)
			return -EINVAL;
		flags |= mapping->flags & UAPI_IOAS_MAP_READABLE ? VFIO_DMA_MAP_FLAG_READ : 0;
		flags |= mapping->flags & UAPI_IOAS_MAP_WRITEABLE ? VFIO_DMA_MAP_FLAG_WRITE : 0;
		return map(mapping->iova, mapping->length, mapping->user_va, flags, -EADDRINUSE);
	case UAPI_IOAS_UNMAP:
		return iommu_unmap(arg);
	}
	return -ENOTTY;
}
