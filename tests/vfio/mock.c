// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dirent.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/vfio_uapi.h"
#include "mock.h"

#define FDS_MAX 1024
#define CONFIG_OFFSET (VFIO_PCI_CONFIG_REGION_INDEX * MOCK_REGION_BYTES)

enum node { NODE_NONE, NODE_CONTAINER, NODE_GROUP, NODE_DEVICE, NODE_IOMMU, NODE_PAGEMAP };

/**
 * struct file - What an open descriptor is.
 * @node: Of which kind.
 * @noiommu: A group that no IOMMU has, or a container of one.
 * @joined: A container has a group.
 * @container: That of a group, 0 for none.
 * @iommu: What a container was told that its IOMMU is, 0 for nothing yet.
 * @granted: A device answers: it was got from its group, or bound.
 */
struct file {
	enum node node;
	bool noiommu;
	bool joined;
	int container;
	unsigned long iommu;
	bool granted;
};

struct mock mock;
static char root[64];
static struct file files[FDS_MAX];

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
ssize_t __real_readlink(const char *path, char *to, size_t bytes);
ssize_t __wrap_readlink(const char *path, char *to, size_t bytes);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_getrlimit64(int resource, struct rlimit *limit);
ssize_t __real_pread64(int fd, void *to, size_t bytes, off_t offset);
ssize_t __wrap_pread64(int fd, void *to, size_t bytes, off_t offset);
ssize_t __real_pwrite64(int fd, const void *from, size_t bytes, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *from, size_t bytes, off_t offset);

/* --- The machine --- */

void mock_shell(const char *format)
{
	char command[1024];

	snprintf(command, sizeof(command), "cd %s && %s", root, format);
	if (system(command))
		abort();
}

void mock_boot(void)
{
	/* The files of one that runs would be left behind. */
	if (*root)
		abort();
	memset(&mock, 0, sizeof(mock));
	memset(files, 0, sizeof(files));
	mock.memlock = UINT64_MAX;
	mock.mappings_max = 65535;
	mock.last = (UINT64_C(1) << 39) - 1;
	mock.hole[0] = 0xfee00000;
	mock.hole[1] = 0xfeefffff;
	mock.page_sizes = 0xfffffffffffff000;
	mock.alignment = 4096;
	mock.can_reset = true;
	mock.irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
	mock.irqs[VFIO_PCI_MSI_IRQ_INDEX] = 4;
	mock.vectors_max = 64;
	snprintf(root, sizeof(root), "/tmp/mock-vfio-XXXXXX");
	if (!mkdtemp(root))
		abort();
	mock_shell(
		"mkdir -p sys/bus/pci/drivers/vfio-pci sys/bus/pci/drivers/nvme dev/vfio/devices "
		"proc/self && touch dev/vfio/vfio dev/iommu proc/self/pagemap");
	mock_shell("for n in 1 2; do d=sys/bus/pci/devices/0000:00:0$n.0; "
		   "mkdir -p $d/vfio-dev/vfio$n sys/kernel/iommu_groups/$n/devices/0000:00:0$n.0; "
		   "ln -s ../../../drivers/vfio-pci $d/driver; "
		   "ln -s ../../../../kernel/iommu_groups/$n $d/iommu_group; "
		   "touch dev/vfio/$n; truncate -s 8M 0000:00:0$n.0; "
		   "ln -s ../../../0000:00:0$n.0 dev/vfio/devices/vfio$n; done");
}

void mock_halt(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command))
		abort();
	*root = '\0';
}

static const char *translate(const char *path, char *to, size_t size)
{
	if (strncmp(path, "/sys/", 5) && strncmp(path, "/dev/", 5) &&
	    strcmp(path, "/proc/self/pagemap"))
		return path;
	snprintf(to, size, "%s%s", root, path);
	return to;
}

uint16_t mock_config(const char *bdf, unsigned int offset)
{
	char path[128];
	uint16_t word = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, bdf);
	fd = __real_open64(path, O_RDONLY);
	if (fd < 0 || __real_pread64(fd, &word, 2, (off_t)(CONFIG_OFFSET + offset)) != 2)
		abort();
	close(fd);
	inject.fds++;
	return word;
}

void mock_refuse(unsigned long request, int err)
{
	mock.refuse.request = request;
	mock.refuse.err = err;
}

/* --- Files --- */

static enum node node_of(const char *path)
{
	if (!strcmp(path, "/dev/vfio/vfio"))
		return NODE_CONTAINER;
	if (!strcmp(path, "/dev/iommu"))
		return NODE_IOMMU;
	if (!strcmp(path, "/proc/self/pagemap"))
		return NODE_PAGEMAP;
	if (!strncmp(path, "/dev/vfio/devices/", 18))
		return NODE_DEVICE;
	return strncmp(path, "/dev/vfio/", 10) ? NODE_NONE : NODE_GROUP;
}

static int open_as(const char *path, enum node node, int flags)
{
	/* Modes are for root here too; and a directory is a node that is busy. */
	static const int modes[] = { EACCES, EPERM, ENODEV };
	struct stat stat;
	int fd;

	if (lstat(path, &stat) == 0 && S_ISREG(stat.st_mode) && (stat.st_mode & 0777) < 3) {
		errno = modes[stat.st_mode & 0777];
		return -1;
	}
	fd = __real_open64(path, flags);
	if (fd < 0 && errno == EISDIR)
		errno = EBUSY;
	if (fd < 0)
		return fd;
	files[fd] = (struct file){ .node = node };
	inject.fds++;
	return fd;
}

int __wrap_open64(const char *path, int flags, ...)
{
	char there[320];
	int fd;

	if (node_of(path) == NODE_NONE)
		return __real_open64(path, flags, 0600);
	if (inject_fails()) {
		errno = EMFILE;
		return -1;
	}
	fd = open_as(translate(path, there, sizeof(there)), node_of(path), flags);
	if (fd >= 0)
		files[fd].noiommu = strstr(path, "/noiommu-");
	return fd;
}

/* The library has no other use for it than another descriptor. */
int __wrap_fcntl64(int fd, int command, ...)
{
	va_list list;
	int least, copy;

	va_start(list, command);
	least = va_arg(list, int);
	va_end(list);
	if (command != F_DUPFD_CLOEXEC)
		return __real_fcntl64(fd, command, least);
	if (inject_fails()) {
		errno = EMFILE;
		return -1;
	}
	copy = __real_fcntl64(fd, command, least);
	if (copy >= 0) {
		files[copy] = files[fd];
		inject.fds++;
	}
	return copy;
}

ssize_t __wrap_readlink(const char *path, char *to, size_t bytes)
{
	char there[320];

	return __real_readlink(translate(path, there, sizeof(there)), to, bytes);
}

DIR *__wrap_opendir(const char *path)
{
	char there[320];

	return __real_opendir(translate(path, there, sizeof(there)));
}

int __wrap_access(const char *path, int mode)
{
	char there[320];

	return __real_access(translate(path, there, sizeof(there)), mode);
}

static bool is_gone(void)
{
	if (mock.gone)
		errno = EIO;
	return mock.gone;
}

/* Of memory below 1 TiB: hugepages, the lower in memory the higher. */
uint64_t mock_physical(uint64_t va)
{
	const uint64_t mask = (UINT64_C(1) << 40) - 1, huge = (2 << 20) - 1;

	return (~va & mask & ~huge) | (va & huge);
}

/* Where it is, to whoever may know; only what is populated is anywhere. */
static uint64_t pagemap_entry(uint64_t va)
{
	unsigned char resident = 0;

	if (mock.no_frames)
		return UINT64_C(1) << 63;
	if (mincore((void *)(uintptr_t)va, 4096, &resident) || !(resident & 1))
		return 0;
	return (uint64_t)!mock.absent << 63 | mock_physical(va) / 4096;
}

ssize_t __wrap_pread64(int fd, void *to, size_t bytes, off_t offset)
{
	uint64_t entry;

	if (inject_fails()) {
		errno = EIO;
		return -1;
	}
	if (fd >= 0 && files[fd].node == NODE_PAGEMAP) {
		entry = pagemap_entry((uint64_t)offset / 8 * 4096);
		memcpy(to, &entry, sizeof(entry));
		return sizeof(entry);
	}
	return is_gone() ? -1 : __real_pread64(fd, to, bytes, offset);
}

ssize_t __wrap_pwrite64(int fd, const void *from, size_t bytes, off_t offset)
{
	if (inject_fails()) {
		errno = EIO;
		return -1;
	}
	return is_gone() ? -1 : __real_pwrite64(fd, from, bytes, offset);
}

/* --- What is mapped --- */

/* The library asks for that of pinned memory only. */
int __wrap_getrlimit64(int resource, struct rlimit *limit)
{
	assert_int_equal(resource, RLIMIT_MEMLOCK);
	limit->rlim_cur = limit->rlim_max = mock.memlock;
	return 0;
}

static int answer(int err)
{
	errno = err < 0 ? -err : 0;
	return err < 0 ? -1 : err;
}

/* From where it should be on: a slot whose mapping is there, or with iova 0 a free one. */
static struct mock_mapping *slot(uint64_t from, uint64_t iova)
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
	return slot(iova, iova);
}

/* What is between 0, the pages of @holes, the large hole, and the end; returns how many. */
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
	struct mock_mapping *at = slot(iova, 0);
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
	/* Of many it would take too long. */
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

/* How many bytes it found, of one mapping or of all in a range; all ones for half of one. */
static uint64_t unmap(uint64_t iova, uint64_t last)
{
	struct mock_mapping *one = iova && last < UINT64_MAX ? slot(iova, iova) : NULL;
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

/* --- ioctls --- */

/* Capabilities are behind it, each with where the next is. */
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

/* As vfio_dma_do_unmap(). */
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

/* As vfio_group_ioctl_set_container(). */
static int set_container(struct file *group, int container)
{
	if (container < 0 || container >= FDS_MAX || files[container].node != NODE_CONTAINER)
		return -EBADFD;
	if (group->container)
		return -EINVAL;
	group->container = container;
	files[container].joined = true;
	files[container].noiommu = group->noiommu;
	return 0;
}

/* As vfio_ioctl_set_iommu(); of those for type1, the one whose unmaps are exact. */
static int set_iommu(struct file *container, unsigned long iommu)
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

static int container_ioctl(struct file *container, unsigned long request, void *arg)
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

/* As vfio_df_group_open(). */
static int get_device(const struct file *group, const char *bdf)
{
	char path[128];
	int fd;

	if (!group->container || !files[group->container].iommu)
		return -EINVAL;
	snprintf(path, sizeof(path), "%s/%s", root, bdf);
	fd = open_as(path, NODE_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	files[fd].granted = true;
	return fd;
}

static int group_ioctl(struct file *group, unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags =
			mock.not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return set_container(group, *(const int *)arg);
	case VFIO_GROUP_GET_DEVICE_FD:
		return get_device(group, arg);
	}
	return -ENOTTY;
}

/* As iommufd_ioas_iova_ranges(). */
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

/* As iommufd_ioas_unmap(). */
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

static int iommu_ioctl(unsigned long request, void *arg)
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

static void region_info(struct vfio_region_info *info)
{
	info->offset = info->index * MOCK_REGION_BYTES;
	info->size = 0;
	info->flags = 0;
	if (info->index == 0)
		info->size = MOCK_REGION_BYTES;
	else if (info->index == VFIO_PCI_CONFIG_REGION_INDEX)
		info->size = 4096;
	else if (info->index == 2)
		info->size = 8192;
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (info->size && !mock.no_mmap)
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
}

/* As vfio_intx_handler(): what is still asserted when it is unmasked comes again. */
static void deliver_intx(void)
{
	const uint64_t one = 1;

	if (!mock.intx || mock.masked || mock.irq_index != VFIO_PCI_INTX_IRQ_INDEX ||
	    !mock.irq_count)
		return;
	mock.masked = true;
	if (write(mock.irq_fds[0], &one, sizeof(one)) != sizeof(one))
		abort();
}

void mock_intx(bool asserted)
{
	mock.intx = asserted;
	deliver_intx();
}

static int unmask(const struct vfio_irq_set *set)
{
	if (set->index != VFIO_PCI_INTX_IRQ_INDEX)
		return -ENOTTY;
	if (!mock.irq_count || mock.irq_index != set->index || set->start || set->count != 1)
		return -EINVAL;
	mock.unmasks++;
	mock.masked = false;
	deliver_intx();
	return 0;
}

static int disable_irqs(const struct vfio_irq_set *set)
{
	if (!mock.irq_count || set->index != mock.irq_index || set->count)
		return -EINVAL;
	mock.irq_count = 0;
	return 0;
}

/* The first call enables all it will ever have, or says how many there are. */
static int enable_irqs(const struct vfio_irq_set *set)
{
	const unsigned int end = set->start + set->count;

	if (!set->count ||
	    (mock.irq_count && (set->index != mock.irq_index || end > mock.irq_count)))
		return -EINVAL;
	if (!mock.irq_count && end > mock.vectors_max)
		return mock.vectors_max ? (int)mock.vectors_max : -ENOSPC;
	if (!mock.irq_count) {
		memset(mock.irq_fds, -1, sizeof(mock.irq_fds));
		mock.irq_index = set->index;
		mock.irq_count = end;
		mock.masked = false;
	}
	memcpy(mock.irq_fds + set->start, set->data, set->count * sizeof(*mock.irq_fds));
	for (unsigned int i = set->start; i < end; i++)
		mock.irq_changes[i]++;
	deliver_intx();
	return 0;
}

static int hear_requests(const struct vfio_irq_set *set)
{
	if (set->count != 1)
		return -EINVAL;
	memcpy(&mock.request_fd, set->data, sizeof(mock.request_fd));
	return 0;
}

/* As vfio_set_irqs_validate_and_prepare() and vfio_pci_set_irqs_ioctl(). */
static int set_irqs(const struct vfio_irq_set *set)
{
	const bool fds = set->flags & VFIO_IRQ_SET_DATA_EVENTFD;
	const uint32_t irqs = set->index < 3 ? mock.irqs[set->index] : 1;

	if (set->argsz != sizeof(*set) + (fds ? set->count * sizeof(int32_t) : 0) ||
	    set->start >= irqs || set->start + set->count > irqs)
		return -EINVAL;
	switch (set->flags) {
	case VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK:
		return unmask(set);
	case VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER:
		return disable_irqs(set);
	case VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER:
		return set->index == VFIO_PCI_REQ_IRQ_INDEX ? hear_requests(set) : enable_irqs(set);
	}
	return -ENOTTY;
}

static int reset(int fd)
{
	uint16_t command;

	if (!mock.can_reset)
		return -EINVAL;
	if (mock.busy_resets) {
		mock.busy_resets--;
		return -EAGAIN;
	}
	if (__real_pread64(fd, &command, 2, CONFIG_OFFSET + PCI_COMMAND) != 2)
		return -EIO;
	mock.resets += !(command & PCI_COMMAND_MASTER);
	return 0;
}

/* As vfio_df_ioctl_bind_iommufd(). */
static int bind_device(struct file *device, const struct uapi_bind_iommufd *arg)
{
	if (arg->argsz != sizeof(*arg) || arg->flags || arg->iommufd < 0 || device->granted)
		return -EINVAL;
	if (arg->iommufd >= FDS_MAX || files[arg->iommufd].node != NODE_IOMMU)
		return -EBADFD;
	if (mock.unsafe)
		return -EPERM;
	device->granted = true;
	return 0;
}

static int attach_device(const struct uapi_attach_iommufd_pt *arg)
{
	if (arg->argsz != sizeof(*arg) || arg->flags)
		return -EINVAL;
	return arg->pt_id == MOCK_IOAS ? 0 : -ENOENT;
}

static void irq_info(struct vfio_irq_info *info)
{
	info->flags = info->index < 3 && mock.no_eventfd[info->index] ? 0 : VFIO_IRQ_INFO_EVENTFD;
	info->count = info->index < 3 ? mock.irqs[info->index] : 0;
}

static int device_ioctl(int fd, unsigned long request, void *arg)
{
	if (mock.gone)
		return -ENODEV;
	if (request == UAPI_DEVICE_BIND_IOMMUFD)
		return bind_device(&files[fd], arg);
	if (!files[fd].granted)
		return -EINVAL;
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		((struct vfio_device_info *)arg)->flags =
			(mock.not_pci ? VFIO_DEVICE_FLAGS_PLATFORM : VFIO_DEVICE_FLAGS_PCI) |
			(mock.can_reset ? VFIO_DEVICE_FLAGS_RESET : 0);
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		region_info(arg);
		return 0;
	case VFIO_DEVICE_GET_IRQ_INFO:
		irq_info(arg);
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	case VFIO_DEVICE_RESET:
		return reset(fd);
	case UAPI_DEVICE_ATTACH_IOMMUFD_PT:
		return attach_device(arg);
	}
	return -ENOTTY;
}

/* What ends something does not fail. */
static bool may_fail(unsigned long request)
{
	return request != VFIO_IOMMU_UNMAP_DMA && request != UAPI_IOAS_UNMAP &&
	       request != VFIO_DEVICE_SET_IRQS;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int err;

	/* Nobody asks what is closed. */
	assert_true(fd >= 0);
	if (may_fail(request) && inject_fails()) {
		errno = ENOMEM;
		return -1;
	}
	if (mock.refuse.err && mock.refuse.request == request) {
		err = mock.refuse.err;
		mock.refuse.err = 0;
		return answer(err);
	}
	switch (fd < FDS_MAX ? files[fd].node : NODE_NONE) {
	case NODE_CONTAINER:
		return answer(container_ioctl(&files[fd], request, arg));
	case NODE_GROUP:
		return answer(group_ioctl(&files[fd], request, arg));
	case NODE_IOMMU:
		return answer(iommu_ioctl(request, arg));
	case NODE_DEVICE:
		return answer(device_ioctl(fd, request, arg));
	default:
		break;
	}
	return __real_ioctl(fd, request, arg);
}
