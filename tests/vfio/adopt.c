// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The caller has opened a container, an IOAS or a device. The library uses it within a window of
 * addresses and leaves the rest to the caller.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../src/vfio/uapi.h"
#include "vfio_test.h"

#define WINDOW_FIRST UINT64_C(0x200000000)
#define WINDOW_LAST UINT64_C(0x2ffffffff)

/*
 * The descriptors of a program that has memory of its own in the same address space. @group is 0
 * with iommufd.
 */
struct caller {
	int group;
	int iommu;
	int device;
};

static bool has_groups(const char *scheme)
{
	return strcmp(scheme, "iommufd");
}

static void caller_opens_group(struct caller *caller)
{
	caller->iommu = open("/dev/vfio/vfio", O_RDWR);
	caller->group = open("/dev/vfio/1", O_RDWR);
	assert_true(caller->iommu > 0 && caller->group > 0);
	assert_ok(ioctl(caller->group, VFIO_GROUP_SET_CONTAINER, &caller->iommu));
	assert_ok(ioctl(caller->iommu, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	caller->device = ioctl(caller->group, VFIO_GROUP_GET_DEVICE_FD, BDF);
	assert_true(caller->device > 0);
}

static void caller_opens_iommufd(struct caller *caller)
{
	struct uapi_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct uapi_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = MOCK_IOAS };

	caller->group = 0;
	caller->iommu = open("/dev/iommu", O_RDWR);
	caller->device = open("/dev/vfio/devices/vfio1", O_RDWR);
	assert_true(caller->iommu > 0 && caller->device > 0);
	bind.iommufd = caller->iommu;
	assert_ok(ioctl(caller->device, UAPI_DEVICE_BIND_IOMMUFD, &bind));
	assert_ok(ioctl(caller->device, UAPI_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

static void caller_opens(struct caller *caller, const char *scheme)
{
	if (has_groups(scheme))
		caller_opens_group(caller);
	else
		caller_opens_iommufd(caller);
}

static void caller_closes(struct caller *caller)
{
	assert_ok(close(caller->device));
	assert_ok(close(caller->iommu));
	if (caller->group)
		assert_ok(close(caller->group));
}

static void caller_begins(struct caller *caller, const char *scheme)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.iova = PAGE,
		.size = PAGE,
	};
	struct uapi_ioas_map ioas_map = {
		.size = sizeof(ioas_map),
		.flags = UAPI_IOAS_MAP_FIXED_IOVA | UAPI_IOAS_MAP_READABLE,
		.ioas_id = MOCK_IOAS,
		.iova = PAGE,
		.length = PAGE,
	};

	caller_opens(caller, scheme);
	if (has_groups(scheme))
		assert_ok(ioctl(caller->iommu, VFIO_IOMMU_MAP_DMA, &map));
	else
		assert_ok(ioctl(caller->iommu, UAPI_IOAS_MAP, &ioas_map));
	assert_int_equal(mock.count, 1);
}

/* Checks that the library did not touch the caller's mapping and device, and closes both. */
static void caller_ends(struct caller *caller)
{
	assert_int_equal(mock.count, 1);
	assert_non_null(mock_find(PAGE));
	assert_int_equal(mock_config(BDF, PCI_COMMAND), 0);
	caller_closes(caller);
}

static int adopt(struct fixture *fixture, const char *scheme, int iommu, int device, uint64_t first,
		 uint64_t last)
{
	*fixture = (struct fixture){ .log = LOG_EMPTY, .before = inject };
	return coherent_device_open(&fixture->dev, name_of(scheme, BDF), .report = log_report,
				    .report_arg = &fixture->log,
				    .container = has_groups(scheme) ? iommu : 0,
				    .iommufd = has_groups(scheme) ? 0 : iommu,
				    .ioas = has_groups(scheme) ? 0 : MOCK_IOAS, .device_fd = device,
				    .window = { first, last });
}

static void no_block_or_descriptor_is_left(const struct fixture *fixture)
{
	assert_int_equal(inject.blocks, fixture->before.blocks);
	assert_int_equal(inject.bytes, fixture->before.bytes);
	assert_int_equal(inject.fds, fixture->before.fds);
}

static void adopted_descriptors_stay_the_callers(const char *scheme)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, left = COHERENT_EMPTY;
	struct caller caller;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	struct coherent_limits limits;
	struct fixture fixture;

	caller_begins(&caller, scheme);
	assert_ok(adopt(&fixture, scheme, caller.iommu, caller.device, WINDOW_FIRST, WINDOW_LAST));
	assert_ok(coherent_device_limits(fixture.dev, &limits));
	assert_int_equal(limits.range_count, 1);
	assert_int_equal(limits.ranges[0].first, WINDOW_FIRST);
	assert_int_equal(limits.ranges[0].last, WINDOW_LAST);
	assert_ok(coherent_bar_open(&bar, fixture.dev, 0));
	coherent_bar_write32(bar, 0, 5);
	assert_int_equal(coherent_bar_read32(bar, 0), 5);
	assert_ok(coherent_irq_open(&irq, fixture.dev, 0));
	coherent_irq_close(irq);
	assert_ok(coherent_zeroed(&mem, fixture.dev, 1));
	assert_ok(coherent_zeroed(&left, fixture.dev, 1));
	assert_true(coherent_addr(&mem).raw >= WINDOW_FIRST);
	assert_true(coherent_addr(&left).raw + PAGE - 1 <= WINDOW_LAST);
	assert_int_equal(mock.count, 3);
	coherent_free(&mem);
	/* Both reset the device. The caller decides about bus mastering, so it is off all the time. */
	assert_ok(coherent_device_fence(fixture.dev));
	assert_int_equal(mock.resets, 1);
	assert_ok(coherent_device_reset(fixture.dev));
	assert_int_equal(mock.resets, 2);
	assert_int_equal(mock_config(BDF, PCI_COMMAND), 0);
	assert_int_equal(mock.irq_count, 0);
	assert_ok(coherent_irq_open(&irq, fixture.dev, 1));
	coherent_bar_close(bar);
	coherent_device_close(fixture.dev);
	assert_int_equal(mock.irq_count, 0);
	coherent_irq_close(irq);
	coherent_free(&left);
	no_block_or_descriptor_is_left(&fixture);
	caller_ends(&caller);
}

/*
 * The size of the whole space does not fit into 64 bits. In the second turn the kernel refuses to
 * unmap.
 */
static void window_may_be_the_whole_space(const char *scheme)
{
	for (unsigned int turn = 0; turn < 2; turn++) {
		COHERENT(uint8_t) left = COHERENT_EMPTY;
		struct caller caller;
		struct fixture fixture;

		caller_opens(&caller, scheme);
		assert_ok(adopt(&fixture, scheme, caller.iommu, caller.device, 0, UINT64_MAX));
		assert_ok(coherent_zeroed(&left, fixture.dev, 1));
		assert_int_equal(mock.count, 1);
		mock.refuse_unmap = turn ? -EBUSY : 0;
		coherent_device_close(fixture.dev);
		assert_int_equal(mock.count, turn);
		assert_int_equal(log_has(&fixture.log, "could not be unmapped"), turn);
		coherent_free(&left);
		no_block_or_descriptor_is_left(&fixture);
		caller_closes(&caller);
	}
}

/* The mem and its guard end where the window ends. */
static void close_unmaps_the_window_to_its_end(const char *scheme)
{
	COHERENT(uint8_t) left = COHERENT_EMPTY;
	struct caller caller;
	struct fixture fixture;

	caller_begins(&caller, scheme);
	assert_ok(adopt(&fixture, scheme, caller.iommu, 0, WINDOW_FIRST, WINDOW_FIRST + 0x2fff));
	assert_ok(coherent_zeroed(&left, fixture.dev, 2 * PAGE));
	coherent_device_close(fixture.dev);
	assert_int_equal(mock.count, 1);
	assert_false(log_has(&fixture.log, "could not be unmapped"));
	coherent_free(&left);
	/* The close also works if nothing was mapped. */
	assert_ok(adopt(&fixture, scheme, caller.iommu, 0, WINDOW_FIRST, WINDOW_LAST));
	coherent_device_close(fixture.dev);
	assert_int_equal(fixture.log.count, 0);
	caller_ends(&caller);
}

static uint64_t first_address(const char *scheme, const struct caller *caller, int device)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct fixture fixture;
	uint64_t address;

	assert_ok(adopt(&fixture, scheme, caller->iommu, device, WINDOW_FIRST, WINDOW_LAST));
	assert_ok(coherent_zeroed(&mem, fixture.dev, 1));
	address = coherent_addr(&mem).raw;
	coherent_free(&mem);
	assert_int_equal(log_has(&fixture.log, "has no reset of its own"),
			 device && !mock.can_reset);
	coherent_device_close(fixture.dev);
	return address;
}

/* Neither the open nor the close resets an adopted device, also one that has a reset. */
static void life_in_a_window_begins_at_a_random_page(const char *scheme)
{
	struct caller caller;

	caller_begins(&caller, scheme);
	for (unsigned int turn = 0; turn < 2; turn++) {
		mock.random = 4711;
		assert_int_equal(first_address(scheme, &caller, caller.device),
				 WINDOW_FIRST + 4711 * PAGE);
		mock.random = 1 << 20;
		assert_int_equal(first_address(scheme, &caller, 0), WINDOW_FIRST);
		mock.can_reset = false;
	}
	caller_ends(&caller);
}

static void caller_writes_command(const struct caller *caller, uint16_t command)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	const ssize_t bytes = sizeof(command);

	assert_ok(ioctl(caller->device, VFIO_DEVICE_GET_REGION_INFO, &info));
	assert_int_equal(pwrite(caller->device, &command, bytes, (off_t)info.offset + PCI_COMMAND),
			 bytes);
}

/* A fence resets the device if it can. Otherwise it makes no system call, so none can fail. */
static void fence_keeps_the_device_bus_master(const char *scheme)
{
	struct caller caller;

	caller_begins(&caller, scheme);
	caller_writes_command(&caller, PCI_COMMAND_MASTER);
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct fixture fixture;

		mock.can_reset = !turn;
		assert_ok(adopt(&fixture, scheme, caller.iommu, caller.device, WINDOW_FIRST,
				WINDOW_LAST));
		inject.left = turn;
		assert_ok(coherent_device_fence(fixture.dev));
		inject.left = 0;
		assert_int_equal(mock.resets, 1);
		assert_true(is_bus_master());
		coherent_device_close(fixture.dev);
	}
	caller_writes_command(&caller, 0);
	caller_ends(&caller);
}

/* A driver that has its own access to registers needs the library for memory only. */
static void device_need_not_be_adopted(const char *scheme)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct caller caller;
	struct coherent_bar *bar;
	struct fixture fixture;

	caller_begins(&caller, scheme);
	assert_ok(adopt(&fixture, scheme, caller.iommu, 0, WINDOW_FIRST, WINDOW_LAST));
	assert_err(coherent_bar_open(&bar, fixture.dev, 0), -ENODEV);
	assert_ok(coherent_zeroed(&mem, fixture.dev, 1, .permission = COHERENT_READ_ONLY));
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->flags, VFIO_DMA_MAP_FLAG_READ);
	assert_ok(coherent_device_fence(fixture.dev));
	assert_int_equal(mock.resets, 0);
	assert_non_null(mock_find(coherent_addr(&mem).raw));
	coherent_free(&mem);
	assert_err(coherent_device_reset(fixture.dev), -EIO);
	assert_true(log_has(&fixture.log, "was opened without .device_fd"));
	coherent_device_close(fixture.dev);
	no_block_or_descriptor_is_left(&fixture);
	caller_ends(&caller);
}

static void bad_descriptors_and_windows_are_refused(const char *scheme)
{
	const uint64_t beyond = UINT64_C(1) << 50;
	struct caller caller;
	struct fixture fixture;
	int other = open("/dev/null", O_RDWR);

	caller_begins(&caller, scheme);
	assert_err(adopt(&fixture, scheme, caller.iommu, caller.device, 0, 0), -EINVAL);
	assert_true(log_has(&fixture.log, ".window must name the addresses"));
	assert_err(adopt(&fixture, scheme, caller.iommu, 0, WINDOW_FIRST, WINDOW_LAST - 1),
		   -EINVAL);
	assert_err(adopt(&fixture, scheme, caller.iommu, 0, WINDOW_FIRST + 1, WINDOW_LAST),
		   -EINVAL);
	assert_err(adopt(&fixture, scheme, other, 0, WINDOW_FIRST, WINDOW_LAST), -EINVAL);
	assert_true(log_has(&fixture.log, "is not a"));
	assert_err(adopt(&fixture, scheme, 1000, 0, WINDOW_FIRST, WINDOW_LAST), -EINVAL);
	assert_err(adopt(&fixture, scheme, caller.iommu, other, WINDOW_FIRST, WINDOW_LAST),
		   -EINVAL);
	assert_true(log_has(&fixture.log, "is not a PCI device of VFIO"));
	mock.not_pci = true;
	assert_err(adopt(&fixture, scheme, caller.iommu, caller.device, WINDOW_FIRST, WINDOW_LAST),
		   -EINVAL);
	assert_true(log_has(&fixture.log, "is not a PCI device of VFIO"));
	/* The IOMMU translates no address of this window. */
	assert_err(adopt(&fixture, scheme, caller.iommu, 0, beyond, beyond + 0xffff), -EIO);
	assert_true(log_has(&fixture.log, "the IOMMU does not translate any page of .window"));
	no_block_or_descriptor_is_left(&fixture);
	assert_ok(close(other));
	inject.fds++;
	caller_ends(&caller);
}

static void failed_adoption_leaks_nothing(const char *scheme)
{
	unsigned int nth, tolerated = 0;
	struct caller caller;

	caller_begins(&caller, scheme);
	for (nth = 1; nth < 100; nth++) {
		struct fixture fixture;
		int err;

		inject.failed = false;
		inject.left = nth;
		err = adopt(&fixture, scheme, caller.iommu, caller.device, WINDOW_FIRST,
			    WINDOW_LAST);
		inject.left = 0;
		fixture.before.failed = false;
		coherent_device_close(fixture.dev);
		no_block_or_descriptor_is_left(&fixture);
		if (!inject.failed)
			break;
		if (inject.optional)
			assert_ok(err);
		else
			tolerated += !err;
	}
	/*
	 * A device works without its shared segment. If a BAR cannot be mapped, the library uses the
	 * descriptor, so that the open succeeds.
	 */
	print_message("# %u of %u calls made no difference\n", tolerated, nth - 1);
	assert_true(tolerated <= 4);
	assert_true(nth > 15 && nth < 100);
	caller_ends(&caller);
}

static void options_of_adoption_need_their_scheme(void)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;

	assert_err(coherent_device_open(&dev, "sim:edu", .container = 3, .report = log_report,
					.report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "does not take .container, which is for: vfio, pci"));
	assert_err(coherent_device_open(&dev, "vfio:" BDF, .iommufd = 3), -EINVAL);
	assert_err(coherent_device_open(&dev, "iommufd:" BDF, .container = 3), -EINVAL);
	assert_err(coherent_device_open(&dev, "pci:" BDF, .container = 3, .iommufd = 3), -EINVAL);
	assert_err(coherent_device_open(&dev, "vfio:" BDF, .container = 3, .ioas = 3,
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "does not take .ioas, which is for: iommufd, pci"));
	assert_err(coherent_device_open(&dev, "pci:" BDF, .container = 3, .ioas = 3,
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, ".ioas needs an .iommufd"));
	assert_err(coherent_device_open(&dev, "pci:" BDF, .device_fd = 3), -EINVAL);
	assert_err(coherent_device_open(&dev, "vfio:" BDF, .window = { 0, 0xfff }), -EINVAL);
	assert_err(coherent_device_open(&dev, "vfio:" BDF, .window = { .first = 0x1000 }), -EINVAL);
	assert_err(coherent_device_open(&dev, "iommufd:" BDF, .ioas = MOCK_IOAS), -EINVAL);
}

static const struct CMUnitTest tests[] = {
	EACH(adopted_descriptors_stay_the_callers),
	EACH(window_may_be_the_whole_space),
	EACH(close_unmaps_the_window_to_its_end),
	EACH(fence_keeps_the_device_bus_master),
	EACH(device_need_not_be_adopted),
	EACH(life_in_a_window_begins_at_a_random_page),
	EACH(bad_descriptors_and_windows_are_refused),
	EACH(failed_adoption_leaks_nothing),
	ALONE(options_of_adoption_need_their_scheme),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
