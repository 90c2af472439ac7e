// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Finding a PCI device in sysfs, and opening the nodes of VFIO and iommufd. A device that cannot be
 * opened is the usual case on a new machine, so each report says what to do about it. Nothing here
 * has state or a lock.
 */
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_process.h"
#include "vfio/find.h"

#define SYSFS "/sys/bus/pci/devices/"
#define DRIVER_BYTES 64

bool vfio_find_parse_bdf(const char *text, char bdf[VFIO_FIND_BDF_BYTES])
{
	unsigned int domain = 0, bus, slot, function;
	int end = 0;

	/* sscanf() would accept blanks, signs and 0x too. */
	if (text[strspn(text, "0123456789abcdefABCDEF:.")])
		return false;
	/*
	 * Linux numbers the domains of some controllers (VMD) from 0x10000 on, so four digits are
	 * not enough.
	 */
	if (sscanf(text, "%8x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4 ||
	    text[end]) {
		domain = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &slot, &function, &end) != 3 || text[end])
			return false;
	}
	/* A PCI address has 5 bits for the device and 3 for the function. */
	if (slot > 31 || function > 7)
		return false;
	snprintf(bdf, VFIO_FIND_BDF_BYTES, "%04x:%02x:%02x.%x", domain, bus & 0xff, slot, function);
	return true;
}

int vfio_find_no_keys(const struct name *name, const struct reporter *to)
{
	if (!strcmp(name->scheme, "iommufd") || !name_has_key(name, "pages"))
		return name_read_keys(name, NULL, 0, NULL, to);
	report(to, COHERENT_ERROR,
	       "device name \"%s\": key \"pages\" is only for a device in VFIO's no-IOMMU mode, and "
	       "this one is not in that mode; leave the key out",
	       name->whole);
	return -EINVAL;
}

static int report_driver(const struct name *name, const struct reporter *to, const char *bdf,
			 const char *driver)
{
	char unbind[128] = "", bound[DRIVER_BYTES + 16] = "no driver is bound to";

	if (driver) {
		snprintf(unbind, sizeof(unbind), "echo %s >" SYSFS "%s/driver/unbind; ", bdf, bdf);
		snprintf(bound, sizeof(bound), "%s is bound to", driver);
	}
	/*
	 * driver_override binds this one device. With new_id, vfio-pci would take every device of
	 * the same kind.
	 */
	report(to, COHERENT_ERROR,
	       "%s: %s %s; bind it to vfio-pci, as root: modprobe vfio-pci; "
	       "echo vfio-pci >" SYSFS "%s/driver_override; %s"
	       "echo %s >/sys/bus/pci/drivers_probe",
	       name->whole, bound, bdf, bdf, unbind, bdf);
	return -ENODEV;
}

int vfio_find_read_bdf(const struct name *name, const struct reporter *to,
		       char bdf[VFIO_FIND_BDF_BYTES])
{
	if (vfio_find_parse_bdf(name->target, bdf))
		return 0;
	report(to, COHERENT_ERROR,
	       "device name \"%s\": \"%s\" is not a PCI address such as 0000:00:01.0", name->whole,
	       name->target);
	return -EINVAL;
}

static int driver_of(const char *bdf, char driver[DRIVER_BYTES])
{
	char path[128];

	snprintf(path, sizeof(path), SYSFS "%s/driver", bdf);
	return sys_link_name(path, driver, DRIVER_BYTES);
}

/*
 * Variants of vfio-pci have other names. From Linux 6.1 on a device that is bound to one has a
 * vfio-dev in sysfs.
 */
static bool is_vfio(const char *bdf, const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), SYSFS "%s/vfio-dev", bdf);
	return !strcmp(driver, "vfio-pci") || sys_exists(path);
}

/* A device without a group can be bound to vfio-pci only in no-IOMMU mode. */
int vfio_find_group(const struct name *name, const struct reporter *to, const char *bdf,
		    char group[VFIO_FIND_GROUP_BYTES])
{
	char path[128];

	snprintf(path, sizeof(path), SYSFS "%s/iommu_group", bdf);
	if (!sys_link_name(path, group, VFIO_FIND_GROUP_BYTES))
		return 0;
	report(to, COHERENT_ERROR,
	       "%s: %s is not behind an IOMMU; switch the IOMMU on in the firmware, and on the "
	       "kernel's command line with intel_iommu=on or amd_iommu=on",
	       name->whole, bdf);
	return -EOPNOTSUPP;
}

int vfio_find_device(const struct name *name, const struct reporter *to,
		     char bdf[VFIO_FIND_BDF_BYTES])
{
	char path[128], driver[DRIVER_BYTES] = "", group[VFIO_FIND_GROUP_BYTES];
	int err;

	err = vfio_find_read_bdf(name, to, bdf);
	if (err)
		return err;
	err = driver_of(bdf, driver);
	/*
	 * A device without a driver does not have the link either, so this looks for the device
	 * itself.
	 */
	if (err == -ENOENT) {
		snprintf(path, sizeof(path), SYSFS "%s", bdf);
		if (!sys_exists(path)) {
			report(to, COHERENT_ERROR,
			       "%s: there is no PCI device %s; lspci -D lists the devices",
			       name->whole, bdf);
			return -ENODEV;
		}
	}
	if (is_vfio(bdf, driver))
		return 0;
	/* Binding helps only a device behind an IOMMU, so a missing group is reported first. */
	if (vfio_find_group(name, to, bdf, group))
		return -EOPNOTSUPP;
	return report_driver(name, to, bdf, err ? NULL : driver);
}

/* pcieport and pci-stub may stay bound: the kernel knows that they do not use DMA. */
static bool is_bound_elsewhere(const char *bdf, char driver[DRIVER_BYTES])
{
	return !driver_of(bdf, driver) && !is_vfio(bdf, driver) && strcmp(driver, "pcieport") &&
	       strcmp(driver, "pci-stub");
}

unsigned int vfio_find_report_siblings(const struct coherent_device *dev, const char *bdf)
{
	unsigned int count = 0;
	char path[128], driver[DRIVER_BYTES];
	const char *sibling;
	DIR *devices;

	snprintf(path, sizeof(path), SYSFS "%s/iommu_group/devices", bdf);
	devices = sys_dir_open(path);
	while ((sibling = sys_dir_next(devices))) {
		if (strlen(sibling) > 32 || !strcmp(sibling, bdf))
			continue;
		count++;
		if (is_bound_elsewhere(sibling, driver))
			report(&dev->reporter, COHERENT_ERROR,
			       "%s: %s is bound to %s and in the same group; unbind it, as root: "
			       "echo %s >" SYSFS "%s/driver/unbind",
			       dev->name, sibling, driver, sibling, sibling);
	}
	sys_dir_close(devices);
	return count;
}

static int report_no_node(const struct coherent_device *dev, const char *bdf, const char *path)
{
	if (!strcmp(path, "/dev/iommu"))
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: there is no %s; as root: modprobe iommufd", dev->name, path);
	else
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: there is no %s, although %s is bound to vfio-pci: if the kernel does "
		       "not have CONFIG_VFIO_GROUP, try iommufd:%s; in a container, use docker run "
		       "--device %s",
		       dev->name, path, bdf, bdf, path);
	return -ENODEV;
}

/* The mode of a node gives -EACCES. -EPERM means a container, or a missing capability. */
static int report_not_permitted(const struct coherent_device *dev, const char *path)
{
	if (strstr(path, "noiommu"))
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: %s needs CAP_SYS_RAWIO; as root: setcap "
		       "cap_sys_admin,cap_sys_rawio+ep PROGRAM",
		       dev->name, path);
	else
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: this process may not open %s; in a container, use docker run "
		       "--device %s",
		       dev->name, path, path);
	return -EPERM;
}

int vfio_find_open_node(const struct coherent_device *dev, const char *bdf, const char *path)
{
	const int fd = sys_open(path, O_RDWR);

	switch (fd < 0 ? -fd : 0) {
	case 0:
		return fd;
	case ENOENT:
		return report_no_node(dev, bdf, path);
	case EPERM:
		return report_not_permitted(dev, path);
	case EACCES:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: user %u may not open %s; as root: chown %u %s", dev->name,
		       (unsigned int)sys_user(), path, (unsigned int)sys_user(), path);
		return fd;
	/* The kernel lets a group be open only once at a time. */
	case EBUSY:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: a process has %s open already; to see which, as root: " VFIO_FIND_USERS
			       VFIO_FIND_BESIDE,
		       dev->name, path);
		return fd;
	case EMFILE:
	case ENFILE:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no descriptor is left for %s; raise ulimit -n", dev->name, path);
		/* coherent.h has this one error for all that can run out. */
		return -ENOSPC;
	default:
		report(&dev->reporter, COHERENT_ERROR, "%s: %s: %s, see dmesg | grep vfio",
		       dev->name, path, strerror(-fd));
		/* coherent.h does not have the other errors. The report names them. */
		return fd == -ENODEV ? fd : -EIO;
	}
}
