// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The machine of the mock. It has the files and the groups, and passes an ioctl to its node.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../src/vfio/uapi.h"
#include "mock_file.h"

struct mock mock;
struct mock_file mock_files[MOCK_FILES_MAX];
static char root[SCRATCH_MAX];

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
ssize_t __wrap_getrandom(void *to, size_t bytes, unsigned int flags);
ssize_t __wrap_pread64(int fd, void *to, size_t bytes, off_t offset);
ssize_t __real_pwrite64(int fd, const void *from, size_t bytes, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *from, size_t bytes, off_t offset);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

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
	/* A second boot would leave the files of the first one behind. */
	if (*root)
		abort();
	memset(&mock, 0, sizeof(mock));
	memset(mock_files, 0, sizeof(mock_files));
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
	if (!mkdtemp(scratch(root, "mock-vfio-XXXXXX")))
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
	/* A mode of 0, 1 or 2 stands for an error, which root gets too. A directory is EBUSY. */
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
	mock_files[fd] = (struct mock_file){ .node = node };
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
		mock_files[fd].noiommu = strstr(path, "/noiommu-");
	return fd;
}

/* The library uses fcntl() only to duplicate descriptors. */
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
		mock_files[copy] = mock_files[fd];
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

ssize_t __wrap_getrandom(void *to, size_t bytes, unsigned int flags)
{
	/* A call that waits could delay the boot of a machine. */
	assert_int_equal(flags, GRND_NONBLOCK);
	assert_int_equal(bytes, sizeof(mock.random));
	if (mock.no_random) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(to, &mock.random, bytes);
	return (ssize_t)bytes;
}

static bool is_gone(void)
{
	if (mock.gone)
		errno = EIO;
	return mock.gone;
}

/*
 * Physical memory has 1 TiB. The order of hugepages is reversed: the lower the virtual address,
 * the higher the physical one.
 */
uint64_t mock_physical(uint64_t va)
{
	const uint64_t mask = (UINT64_C(1) << 40) - 1, huge = (2 << 20) - 1;

	return (~va & mask & ~huge) | (va & huge);
}

/*
 * The pagemap hides the frame from a process without privileges. A page that is not populated
 * has no frame.
 */
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
	if (fd >= 0 && mock_files[fd].node == NODE_PAGEMAP) {
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

/* The kernel refuses a barrier with EPERM until the process has said that it will use it. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number != SYS_membarrier)
		return __real_syscall(number, a, b, c, d, e, f);
	if (a == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
		mock.may_barrier = true;
	else if (a == MEMBARRIER_CMD_PRIVATE_EXPEDITED && mock.may_barrier && mock.at_barrier)
		mock.at_barrier();
	return 0;
}

/* --- ioctls --- */

/* Does the same as vfio_group_ioctl_set_container(). */
static int set_container(struct mock_file *group, int container)
{
	if (container < 0 || container >= MOCK_FILES_MAX ||
	    mock_files[container].node != NODE_CONTAINER)
		return -EBADFD;
	if (group->container)
		return -EINVAL;
	group->container = container;
	mock_files[container].joined = true;
	mock_files[container].noiommu = group->noiommu;
	return 0;
}

/* Does the same as vfio_df_group_open(). */
static int get_device(const struct mock_file *group, const char *bdf)
{
	char path[128];
	int fd;

	if (!group->container || !mock_files[group->container].iommu)
		return -EINVAL;
	snprintf(path, sizeof(path), "%s/%s", root, bdf);
	fd = open_as(path, NODE_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	mock_files[fd].granted = true;
	return fd;
}

static int group_ioctl(struct mock_file *group, unsigned long request, void *arg)
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

/* In the kernel the calls that end something do not fail for lack of memory. */
static bool may_fail(unsigned long request)
{
	return request != VFIO_IOMMU_UNMAP_DMA && request != UAPI_IOAS_UNMAP &&
	       request != VFIO_DEVICE_SET_IRQS;
}

static int answer(int err)
{
	errno = err < 0 ? -err : 0;
	return err < 0 ? -1 : err;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int err;

	mock.ioctls++;
	/* The library must not use a closed descriptor. */
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
	switch (fd < MOCK_FILES_MAX ? mock_files[fd].node : NODE_NONE) {
	case NODE_CONTAINER:
		return answer(mock_container_ioctl(&mock_files[fd], request, arg));
	case NODE_GROUP:
		return answer(group_ioctl(&mock_files[fd], request, arg));
	case NODE_IOMMU:
		return answer(mock_iommu_ioctl(request, arg));
	case NODE_DEVICE:
		return answer(mock_device_ioctl(fd, request, arg));
	default:
		break;
	}
	return __real_ioctl(fd, request, arg);
}
