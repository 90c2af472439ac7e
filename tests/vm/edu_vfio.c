// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This program uses QEMU's edu device through VFIO (type1) with plain system calls, without this
 * library. It shows that the machine lets permitted DMA through and blocks other DMA, so that a
 * test of the library can rely on the machine. It prints TAP, and tells run.py the pages on which
 * QEMU must have refused an access.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
/* The address of edu's buffer, and the size of a transfer. */
#define BUFFER 0x40000
#define BYTES 2048

#define MAPPED 0x1000000
#define READ_ONLY 0x2000000
#define NEVER_MAPPED 0x5000000

enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2 };

static struct {
	int container;
	int group;
	int device;
	volatile uint8_t *bar;
	unsigned int tests;
	unsigned int failed;
} vm;

static void report_test(bool good, const char *what)
{
	vm.tests++;
	vm.failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", vm.tests, what);
}

static int give_up(const char *what)
{
	perror(what);
	report_test(false, what);
	exit(1);
}

/* The device is at 0000:00:01.0 and bound to vfio-pci. */
static void open_device(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char link[256] = "", path[300];

	if (readlink("/sys/bus/pci/devices/0000:00:01.0/iommu_group", link, sizeof(link) - 1) < 0)
		give_up("the device has an IOMMU group");
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(link, '/'));
	vm.container = open("/dev/vfio/vfio", O_RDWR);
	vm.group = open(path, O_RDWR);
	if (vm.container < 0 || vm.group < 0)
		give_up("VFIO's nodes open");
	if (ioctl(vm.group, VFIO_GROUP_GET_STATUS, &status) ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		give_up("the group is viable");
	if (ioctl(vm.group, VFIO_GROUP_SET_CONTAINER, &vm.container) ||
	    ioctl(vm.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		give_up("the container has an IOMMU");
	vm.device = ioctl(vm.group, VFIO_GROUP_GET_DEVICE_FD, "0000:00:01.0");
	if (vm.device < 0)
		give_up("the group gives the device");
}

static void open_registers(void)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	void *registers;

	if (ioctl(vm.device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(vm.device, VFIO_DEVICE_GET_REGION_INFO, &config))
		give_up("the device has regions");
	registers = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, vm.device,
			 (off_t)bar.offset);
	if (registers == MAP_FAILED)
		give_up("BAR 0 is mapped");
	vm.bar = registers;
	if (pwrite(vm.device, &command, sizeof(command), (off_t)config.offset + PCI_COMMAND) < 0)
		give_up("the device is bus master");
}

static int map(void *va, uint64_t iova, size_t bytes, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = bytes,
	};

	return ioctl(vm.container, VFIO_IOMMU_MAP_DMA, &map);
}

static int unmap(uint64_t iova, size_t bytes)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = bytes,
	};

	return ioctl(vm.container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static void write64(unsigned int offset, uint64_t value)
{
	*(volatile uint64_t *)(vm.bar + offset) = value;
}

/* A transfer of QEMU's edu takes 100 ms. */
static void transfer(uint64_t from, uint64_t to, uint64_t command)
{
	write64(DMA_SRC, from);
	write64(DMA_DST, to);
	write64(DMA_COUNT, BYTES);
	write64(DMA_CMD, command | RUN);
	while (*(volatile uint64_t *)(vm.bar + DMA_CMD) & RUN)
		usleep(1000);
}

static bool all_are(const uint8_t *bytes, size_t n, uint8_t value)
{
	while (n--)
		if (*bytes++ != value)
			return false;
	return true;
}

/* Makes an access that QEMU must refuse. Memory shows if it went through. */
static void try_blocked(uint64_t to)
{
	printf("# blocked: 0x%llx\n", (unsigned long long)to);
	transfer(BUFFER, to, TO_MEMORY);
}

static void try_all(uint8_t *memory, uint8_t *constant)
{
	const uint32_t both = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

	for (size_t i = 0; i < BYTES; i++)
		memory[i] = (uint8_t)(i * 7 + 3);
	memset(constant, 0x55, PAGE);
	report_test(!map(memory, MAPPED, 2 * PAGE, both),
		    "memory is mapped for reading and writing");
	transfer(MAPPED, BUFFER, 0);
	transfer(BUFFER, MAPPED + PAGE, TO_MEMORY);
	report_test(!memcmp(memory, memory + PAGE, BYTES),
		    "a permitted DMA goes through, both ways");

	memset(memory + PAGE, 0xaa, PAGE);
	try_blocked(NEVER_MAPPED);
	report_test(all_are(memory + PAGE, PAGE, 0xaa),
		    "a write where nothing is mapped changes nothing");

	report_test(!map(constant, READ_ONLY, PAGE, VFIO_DMA_MAP_FLAG_READ),
		    "memory is mapped read-only");
	try_blocked(READ_ONLY);
	report_test(all_are(constant, PAGE, 0x55), "a write to it changes nothing");
	transfer(READ_ONLY, BUFFER, 0);
	transfer(BUFFER, MAPPED + PAGE, TO_MEMORY);
	report_test(all_are(memory + PAGE, BYTES, 0x55), "a read of it goes through");

	memset(memory + PAGE, 0xaa, PAGE);
	report_test(!unmap(MAPPED, 2 * PAGE), "memory is unmapped");
	try_blocked(MAPPED + PAGE);
	report_test(all_are(memory + PAGE, PAGE, 0xaa), "a write to it now changes nothing");
}

int main(void)
{
	uint8_t *memory = aligned_alloc(PAGE, 2 * PAGE), *constant = aligned_alloc(PAGE, PAGE);

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_device();
	open_registers();
	report_test(*(volatile uint32_t *)vm.bar == 0x010000ed, "it is the edu device");
	try_all(memory, constant);
	printf("1..%u\n", vm.tests);
	return !!vm.failed;
}
