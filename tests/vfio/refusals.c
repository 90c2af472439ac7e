// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests open devices in vain. The report names the cause and the command that helps.
 */
#include <linux/vfio.h>

#include "../../src/vfio/uapi.h"
#include "vfio_test.h"

static void refusals_name_the_command_that_helps(void)
{
	static const struct {
		const char *name;
		const char *shell;
		int err;
		const char *says;
	} cases[] = {
		{ "vfio:", "true", -EINVAL, "is not a PCI address such as 0000:00:01.0" },
		{ "vfio:00:01", "true", -EINVAL, "is not a PCI address" },
		{ "vfio:00:20.0", "true", -EINVAL, "is not a PCI address" },
		{ "vfio:00:01.8", "true", -EINVAL, "is not a PCI address" },
		{ "vfio:0x0:00:01.0", "true", -EINVAL, "is not a PCI address" },
		{ "vfio: 0000:00:01.0", "true", -EINVAL, "is not a PCI address" },
		{ "vfio:+0:00:01.0", "true", -EINVAL, "is not a PCI address" },
		{ "vfio:-1:00:01.0", "true", -EINVAL, "is not a PCI address" },
		{ "vfio:100000000:00:01.0", "true", -EINVAL, "is not a PCI address" },
		{ "vfio:10000:e1:00.0", "true", -ENODEV, "there is no PCI device 10000:e1:00.0" },
		{ "vfio:12345678:e1:00.0", "true", -ENODEV, "PCI device 12345678:e1:00.0; lspci" },
		{ "vfio:0000:00:01.0x", "true", -EINVAL, "is not a PCI address" },
		{ "vfio:00:01.0,lazy", "true", -EINVAL, "takes no keys, but \"lazy\" is given" },
		{ "iommufd:00:01.0,lazy", "true", -EINVAL, "takes no keys, but \"lazy\" is given" },
		{ "pci:00:01.0,lazy", "true", -EINVAL, "takes no keys, but \"lazy\" is given" },
		/* A mistake in a name is reported also if the device does not exist, or is not usable. */
		{ "vfio:00:03.0,x", "true", -EINVAL, "scheme \"vfio\" takes no keys" },
		{ "iommufd:00:03.0,x", "true", -EINVAL, "scheme \"iommufd\" takes no keys" },
		{ "pci:00:03.0,x", "true", -EINVAL, "scheme \"pci\" takes no keys, but \"x\"" },
		{ "pci:00:03,x=1", "true", -EINVAL, "scheme \"pci\" takes no keys, but \"x\"" },
		{ "pci:00:01.0,pages=2",
		  "cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev driver iommu_group", -EINVAL,
		  "key \"pages\" is only for a device in VFIO's no-IOMMU mode" },
		{ "vfio:00:01.0,pages=2", "true", -EINVAL, "key \"pages\" is only for a device" },
		{ "iommufd:00:01.0,pages=2", "true", -EINVAL, "scheme \"iommufd\" takes no keys" },
		{ "vfio:00:03.0", "true", -ENODEV, "there is no PCI device 0000:00:03.0" },
		{ "iommufd:00:03.0", "true", -ENODEV, "there is no PCI device 0000:00:03.0" },
		{ "pci:00:03.0", "true", -ENODEV, "there is no PCI device 0000:00:03.0" },
		{ "vfio:00:01.0",
		  "cd sys/bus/pci/devices/" BDF
		  "; rm -r vfio-dev; ln -sfn ../../../drivers/nvme driver",
		  -ENODEV, "nvme is bound to 0000:00:01.0; bind it to vfio-pci" },
		{ "vfio:00:01.0",
		  "cd sys/bus/pci/devices/" BDF
		  "; rm -r vfio-dev; ln -sfn ../../../drivers/nvme driver",
		  -ENODEV, "echo 0000:00:01.0 >/sys/bus/pci/devices/0000:00:01.0/driver/unbind" },
		{ "vfio:00:01.0", "cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev driver", -ENODEV,
		  "no driver is bound to 0000:00:01.0; bind it to vfio-pci" },
		{ "vfio:00:01.0", "rm sys/bus/pci/devices/" BDF "/iommu_group", -EOPNOTSUPP,
		  "intel_iommu=on" },
		{ "vfio:00:01.0", "rm dev/vfio/vfio", -ENODEV,
		  "docker run --device /dev/vfio/vfio" },
		{ "vfio:00:01.0", "rm dev/vfio/1", -ENODEV, "try iommufd:0000:00:01.0" },
		{ "vfio:00:01.0", "chmod 1 dev/vfio/1", -EPERM, "docker run --device /dev/vfio/1" },
		{ "vfio:00:01.0", "chmod 2 dev/vfio/1", -ENODEV, "/dev/vfio/1: No such device" },
		{ "vfio:00:01.0", "chmod 0 dev/vfio/vfio", -EACCES, "chown" },
		{ "vfio:00:01.0", "chmod 0 dev/vfio/1", -EACCES,
		  "may not open /dev/vfio/1; as root: chown" },
		{ "vfio:00:01.0", "rm dev/vfio/1; mkdir dev/vfio/1", -EBUSY,
		  "/dev/vfio/1 open already; to see which, as root: "
		  "fuser -v /dev/vfio/* /dev/vfio/devices/*" },
		{ "iommufd:00:01.0", "rm -r sys/bus/pci/devices/" BDF "/vfio-dev", -EOPNOTSUPP,
		  "try vfio:0000:00:01.0" },
		{ "vfio:00:01.0",
		  "cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev driver iommu_group", -EOPNOTSUPP,
		  "intel_iommu=on" },
		{ "pci:00:01.0",
		  "cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev driver iommu_group", -EOPNOTSUPP,
		  "intel_iommu=on" },
		{ "iommufd:00:01.0", "rm dev/vfio/devices/vfio1", -EOPNOTSUPP,
		  "try vfio:0000:00:01.0" },
		{ "iommufd:00:01.0",
		  "mv dev/vfio/devices/vfio1 dev/vfio/devices/noiommu-vfio1; "
		  "mv sys/bus/pci/devices/" BDF "/vfio-dev/vfio1 "
		  "sys/bus/pci/devices/" BDF "/vfio-dev/noiommu-vfio1",
		  -EOPNOTSUPP, "try vfio:0000:00:01.0" },
		{ "iommufd:00:01.0", "rm dev/iommu", -ENODEV, "modprobe iommufd" },
		{ "iommufd:00:01.0", "chmod 0 dev/iommu", -EACCES,
		  "may not open /dev/iommu; as root: chown" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture fixture;

		mock_shell(cases[i].shell);
		assert_err(try_open(&fixture, cases[i].name), cases[i].err);
		assert_true(log_has(&fixture.log, cases[i].says));
		nothing_is_left(&fixture);
		mock_halt();
		mock_boot();
	}
}

/* Adds another device, with its driver, to the group of 00:01.0. */
static void add_sibling(const char *bdf, const char *driver, bool vfio)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "d=sys/bus/pci/devices/%s; mkdir -p $d sys/kernel/iommu_groups/1/devices/%s; "
		 "ln -s ../../../drivers/%s $d/driver; %s",
		 bdf, bdf, driver, vfio ? "mkdir $d/vfio-dev" : "true");
	mock_shell(command);
}

static void report_of_an_unviable_group_names_the_driver(void)
{
	struct fixture fixture;

	mock.not_viable = true;
	add_sibling("0000:00:1c.0", "pcieport", false);
	add_sibling("0000:00:1f.1", "pci-stub", false);
	add_sibling("0000:00:1f.2", "mlx5_vfio_pci", true);
	/* The kernel accepts these drivers in a group, so that the report does not name them. */
	assert_err(try_open(&fixture, "vfio:00:01.0"), -EBUSY);
	assert_true(log_has(&fixture.log, "ls -l /sys/kernel/iommu_groups/1/devices/*/driver"));
	assert_int_equal(fixture.log.count, 1);
	add_sibling("0000:00:1f.3", "nvme", false);
	assert_err(try_open(&fixture, "vfio:00:01.0"), -EBUSY);
	assert_true(log_has(&fixture.log, "0000:00:1f.3 is bound to nvme"));
	assert_int_equal(fixture.log.count, 2);
	nothing_is_left(&fixture);
	/* iommufd refuses the device because the group has another owner. */
	mock_refuse(UAPI_DEVICE_BIND_IOMMUFD, -EPERM);
	assert_err(try_open(&fixture, "iommufd:00:01.0"), -EBUSY);
	assert_true(log_has(&fixture.log, "0000:00:1f.3 is bound to nvme"));
	assert_true(log_has(&fixture.log, "fuser -v"));
	assert_false(log_has(&fixture.log, "allow_unsafe_interrupts"));
	nothing_is_left(&fixture);
}

static void each_refusal_has_its_own_report(void)
{
	static const struct {
		const char *name;
		unsigned long request;
		int kernel;
		int ours;
		const char *says;
	} refusals[] = {
		{ "iommufd:" BDF, UAPI_DEVICE_BIND_IOMMUFD, -EBUSY, -EBUSY,
		  "fuser -v /dev/vfio/* /dev/vfio/devices/*" },
		{ "iommufd:" BDF, UAPI_DEVICE_BIND_IOMMUFD, -EINVAL, -EBUSY,
		  "fuser -v /dev/vfio/* /dev/vfio/devices/*" },
		{ "iommufd:" BDF, UAPI_DEVICE_BIND_IOMMUFD, -ENODEV, -ENODEV,
		  "could not be bound to iommufd: No such device" },
		{ "iommufd:" BDF, UAPI_IOAS_ALLOC, -EINVAL, -EIO,
		  "could not get an address space: Invalid argument" },
		{ "iommufd:" BDF, UAPI_DEVICE_ATTACH_IOMMUFD_PT, -EINVAL, -EIO,
		  "could not be attached to its address space: Invalid" },
		{ "iommufd:" BDF, UAPI_DEVICE_ATTACH_IOMMUFD_PT, -ENOMEM, -ENOMEM,
		  "could not be attached to its address space: Cannot" },
		{ "iommufd:" BDF, UAPI_IOAS_IOVA_RANGES, -EINVAL, -EIO,
		  "could not be read: Invalid" },
		{ "vfio:" BDF, VFIO_GROUP_GET_STATUS, -ENODEV, -ENODEV,
		  "the status of group 1 could not be read: No such device" },
		{ "vfio:" BDF, VFIO_GROUP_SET_CONTAINER, -EBUSY, -EBUSY,
		  "could not get an IOMMU: Device" },
		{ "vfio:" BDF, VFIO_IOMMU_GET_INFO, -EINVAL, -EIO,
		  "of the container could not be read: Invalid" },
		{ "vfio:" BDF, VFIO_GROUP_GET_DEVICE_FD, -EINVAL, -EIO, "does not hand out " BDF },
		{ "vfio:" BDF, VFIO_DEVICE_GET_INFO, -EINVAL, -EIO,
		  "vfio-pci does not hand out " BDF ": Invalid argument, see dmesg" },
		{ "vfio:" BDF, VFIO_DEVICE_GET_REGION_INFO, -ENODEV, -ENODEV,
		  "vfio-pci does not hand out " BDF ": No such device" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct fixture fixture;

		mock_refuse(refusals[i].request, refusals[i].kernel);
		assert_err(try_open(&fixture, refusals[i].name), refusals[i].ours);
		assert_true(log_has(&fixture.log, refusals[i].says));
		assert_int_equal(fixture.log.count, 1);
		nothing_is_left(&fixture);
	}
}

/*
 * Linux 6.1 and later show in vfio-dev that a driver is a variant of vfio-pci. Without vfio-dev the
 * library knows the name vfio-pci only.
 */
static void variant_of_vfio_pci_is_accepted(const char *scheme)
{
	mock_shell("ln -sfn ../../../drivers/mlx5_vfio_pci sys/bus/pci/devices/" BDF "/driver");
	close_fixture(open_fixture(scheme));
	if (strcmp(scheme, "vfio"))
		return;
	mock_shell("cd sys/bus/pci/devices/" BDF "; rm -r vfio-dev; "
		   "ln -sfn ../../../drivers/vfio-pci driver");
	close_fixture(open_fixture(scheme));
}

static void unsafe_interrupts_are_explained(void)
{
	struct fixture fixture;

	mock.unsafe = true;
	assert_err(try_open(&fixture, "vfio:00:01.0"), -EPERM);
	assert_true(log_has(&fixture.log, "vfio_iommu_type1/parameters/allow_unsafe_interrupts"));
	nothing_is_left(&fixture);
	assert_err(try_open(&fixture, "iommufd:00:01.0"), -EPERM);
	assert_true(log_has(&fixture.log, "iommufd/parameters/allow_unsafe_interrupts"));
	nothing_is_left(&fixture);
	mock.unsafe = false;
	mock.no_type1 = true;
	assert_err(try_open(&fixture, "vfio:00:01.0"), -EOPNOTSUPP);
	assert_true(log_has(&fixture.log, "modprobe vfio_iommu_type1"));
	nothing_is_left(&fixture);
}

/* Without iommufd the scheme pci uses VFIO's groups. */
static void pci_uses_groups_without_iommufd(void)
{
	struct fixture *fixture = open_fixture("pci");
	struct coherent_limits limits;

	assert_ok(coherent_device_limits(fixture->dev, &limits));
	assert_true(limits.mappings == SIZE_MAX);
	close_fixture(fixture);
	/* /dev/iommu or the device's node may be missing. */
	for (unsigned int turn = 0; turn < 2; turn++) {
		mock_shell(turn ? "touch dev/iommu; rm dev/vfio/devices/*" : "rm dev/iommu");
		fixture = open_fixture("pci");
		assert_ok(coherent_device_limits(fixture->dev, &limits));
		assert_int_equal(limits.mappings, 65535);
		close_fixture(fixture);
	}
}

static const struct CMUnitTest tests[] = {
	ALONE(refusals_name_the_command_that_helps),
	ALONE(report_of_an_unviable_group_names_the_driver),
	ALONE(each_refusal_has_its_own_report),
	EACH(variant_of_vfio_pci_is_accepted),
	ALONE(unsafe_interrupts_are_explained),
	ALONE(pci_uses_groups_without_iommufd),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
