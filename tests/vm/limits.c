// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests reach the limits of a real kernel for mappings and pinned memory. They also use two
 * devices in one process, and share an address space with the caller. They need two edu devices in
 * a VM; the argument is the name of the first.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../src/vfio/uapi.h"
#include "../test.h"

#define BDF "0000:00:01.0"
#define MAPPINGS 65535
#define CALLERS_PAGE UINT64_C(0x10000)
#define WINDOW_FIRST UINT64_C(0x100000)
#define WINDOW_LAST UINT64_C(0x1fffff)

enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98, BUFFER = 0x40000 };

static const char *device_name;

static bool is_type1(void)
{
	return !strncmp(device_name, "vfio:", 5);
}

static struct coherent_device *open_device(struct log *log)
{
	struct coherent_device *dev;

	*log = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, device_name, .report = log_report, .report_arg = log));
	return dev;
}

/* --- Mappings --- */

static void exhausted_mappings_are_explained(void **state)
{
	COHERENT(uint8_t) *mems = calloc(MAPPINGS + 1, sizeof(*mems));
	struct coherent_limits limits;
	struct coherent_device *dev;
	struct log log;
	size_t count;
	int err = 0;

	(void)state;
	assert_non_null(mems);
	dev = open_device(&log);
	assert_ok(coherent_device_limits(dev, &limits));
	for (count = 0; !err && count <= MAPPINGS; count++)
		err = coherent_zeroed(&mems[count], dev, 1);
	if (is_type1()) {
		assert_int_equal(limits.mappings, MAPPINGS);
		assert_int_equal(count, MAPPINGS + 1);
		assert_err(err, -ENOSPC);
		assert_true(log_has(&log, "dma_entry_limit"));
	} else {
		assert_ok(err);
	}
	for (size_t i = 0; i <= MAPPINGS; i++)
		coherent_free(&mems[i]);
	/* All mappings are free again. */
	assert_ok(coherent_zeroed(&mems[0], dev, 1));
	coherent_free(&mems[0]);
	coherent_device_close(dev);
	assert_false(log_has(&log, "not freed"));
	free(mems);
}

/* --- An address space that belongs to the caller --- */

struct caller {
	int iommu;
	int group;
	int device;
	uint32_t ioas;
	uint8_t *page;
};

static int open_node(const char *format, const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), format, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

static void open_group(struct caller *caller)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)caller->page,
		.iova = CALLERS_PAGE,
		.size = PAGE,
	};
	char link[256] = "";

	assert_true(readlink("/sys/bus/pci/devices/" BDF "/iommu_group", link, sizeof(link) - 1) >
		    0);
	caller->iommu = open_node("%s", "/dev/vfio/vfio");
	caller->group = open_node("/dev/vfio%s", strrchr(link, '/'));
	assert_ok(ioctl(caller->group, VFIO_GROUP_SET_CONTAINER, &caller->iommu));
	assert_ok(ioctl(caller->iommu, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	caller->device = ioctl(caller->group, VFIO_GROUP_GET_DEVICE_FD, BDF);
	assert_true(caller->device >= 0);
	assert_ok(ioctl(caller->iommu, VFIO_IOMMU_MAP_DMA, &map));
}

static void open_cdev(struct caller *caller)
{
	struct uapi_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct uapi_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct uapi_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct uapi_ioas_map map = {
		.size = sizeof(map),
		.flags = UAPI_IOAS_MAP_FIXED_IOVA | UAPI_IOAS_MAP_READABLE |
			 UAPI_IOAS_MAP_WRITEABLE,
		.user_va = (uintptr_t)caller->page,
		.length = PAGE,
		.iova = CALLERS_PAGE,
	};
	struct dirent *entry;
	DIR *nodes = opendir("/sys/bus/pci/devices/" BDF "/vfio-dev");

	assert_non_null(nodes);
	do
		entry = readdir(nodes);
	while (entry && entry->d_name[0] == '.');
	assert_non_null(entry);
	caller->device = open_node("/dev/vfio/devices/%s", entry->d_name);
	closedir(nodes);
	caller->iommu = open_node("%s", "/dev/iommu");
	bind.iommufd = caller->iommu;
	assert_ok(ioctl(caller->device, UAPI_DEVICE_BIND_IOMMUFD, &bind));
	assert_ok(ioctl(caller->iommu, UAPI_IOAS_ALLOC, &alloc));
	caller->ioas = attach.pt_id = map.ioas_id = alloc.out_ioas_id;
	assert_ok(ioctl(caller->device, UAPI_DEVICE_ATTACH_IOMMUFD_PT, &attach));
	assert_ok(ioctl(caller->iommu, UAPI_IOAS_MAP, &map));
}

static void enable_bus_master(const struct caller *caller)
{
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	assert_ok(ioctl(caller->device, VFIO_DEVICE_GET_REGION_INFO, &config));
	assert_int_equal(pwrite(caller->device, &command, 2, (off_t)config.offset + PCI_COMMAND),
			 2);
}

static void transfer(struct coherent_bar *bar, uint64_t from, uint64_t to, uint64_t command)
{
	coherent_bar_write64(bar, DMA_SRC, from);
	coherent_bar_write64(bar, DMA_DST, to);
	coherent_bar_write64(bar, DMA_COUNT, 64);
	coherent_bar_write64(bar, DMA_CMD, command | 1);
	assert_ok(coherent_bar_poll32(bar, DMA_CMD, 1, 0, LONG));
}

/*
 * The device copies the caller's page into a mem of the library. This shows that the caller's
 * mapping still works.
 */
static void use_window(struct caller *caller, uint8_t pattern, bool leave)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	uint8_t byte;

	memset(caller->page, pattern, 64);
	assert_ok(coherent_device_open(
		&dev, device_name, .container = is_type1() ? caller->iommu : 0,
		.iommufd = is_type1() ? 0 : caller->iommu, .ioas = caller->ioas,
		.device_fd = caller->device, .window = { WINDOW_FIRST, WINDOW_LAST }));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_zeroed(&mem, dev, 64));
	assert_true(coherent_addr(&mem).raw >= WINDOW_FIRST);
	assert_true(coherent_addr(&mem).raw <= WINDOW_LAST);
	transfer(bar, CALLERS_PAGE, BUFFER, 0);
	transfer(bar, BUFFER, coherent_addr(&mem).raw, 2);
	assert_ok(coherent_read(&mem, 63, &byte));
	assert_int_equal(byte, pattern);
	if (!leave)
		coherent_free(&mem);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	coherent_free(&mem);
}

static void window_is_shared_with_the_caller(void **state)
{
	struct caller caller = { .group = -1 };

	(void)state;
	caller.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(caller.page != MAP_FAILED);
	if (is_type1())
		open_group(&caller);
	else
		open_cdev(&caller);
	enable_bus_master(&caller);
	use_window(&caller, 0x11, true);
	/* The close has unmapped the live mem but not the caller's page, and the device still runs. */
	use_window(&caller, 0x22, false);
	close(caller.device);
	if (caller.group >= 0)
		close(caller.group);
	close(caller.iommu);
	munmap(caller.page, PAGE);
}

/* --- Two devices --- */

/*
 * Both devices have a mem with the same address in it. Each reaches its own memory. The addresses
 * of edu begin at a random page, but 8 of 15 pages always contain the eighth.
 */
static void two_devices_in_one_process(void **state)
{
	const uint64_t at = 8 * PAGE;
	COHERENT(uint8_t) mems[2] = { COHERENT_EMPTY };
	struct coherent_device *devs[2];
	struct coherent_bar *bars[2];
	uint64_t index[2];
	uint8_t byte;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s:0000:00:0%u.0",
			 (int)(strchr(device_name, ':') - device_name), device_name, i + 1);
		assert_ok(coherent_device_open(&devs[i], name));
		assert_ok(coherent_bar_open(&bars[i], devs[i], 0));
		assert_ok(coherent_device_set_mask(devs[i], coherent_mask(16)));
		assert_ok(coherent_zeroed(&mems[i], devs[i], 8 * PAGE));
		index[i] = at - coherent_addr(&mems[i]).raw;
		assert_ok(coherent_write(&mems[i], index[i] + 63, (uint8_t)(i + 1)));
	}
	for (unsigned int i = 0; i < 2; i++) {
		transfer(bars[i], at, BUFFER, 0);
		transfer(bars[i], BUFFER, at + 64, 2);
	}
	for (unsigned int i = 0; i < 2; i++) {
		assert_ok(coherent_read(&mems[i], index[i] + 127, &byte));
		assert_int_equal(byte, i + 1);
		coherent_free(&mems[i]);
		coherent_bar_close(bars[i]);
		coherent_device_close(devs[i]);
	}
}

/* --- Pinned memory: this test is the last, because it gives up root for good --- */

static void memlock_is_explained(void **state)
{
	const struct rlimit low = { 1 << 16, 1 << 16 };
	COHERENT(uint8_t) mem = COHERENT_EMPTY, more = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log;

	(void)state;
	dev = open_device(&log);
	assert_ok(setrlimit(RLIMIT_MEMLOCK, &low));
	assert_ok(setresuid(65534, 65534, 65534));
	assert_ok(coherent_zeroed(&mem, dev, 1 << 15));
	assert_err(coherent_zeroed(&more, dev, 1 << 16), -ENOMEM);
	assert_true(log_has(&log, "does not pin 65536 bytes more; ulimit -l is 64 KiB"));
	coherent_free(&mem);
	assert_ok(coherent_zeroed(&mem, dev, 1 << 15));
	coherent_free(&mem);
	coherent_device_close(dev);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_is_shared_with_the_caller),
		cmocka_unit_test(two_devices_in_one_process),
		cmocka_unit_test(exhausted_mappings_are_explained),
		cmocka_unit_test(memlock_is_explained),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test-vm-limits DEVICE\n");
		return 2;
	}
	device_name = argv[1];
	/* Nothing in the VM sets this variable. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
