// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Why vfio: and iommufd: do not work here. The library says the same about one device when it does not
 * open; these checks look at the machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "doctor.h"
#include "pci.h"

#define UNSAFE_MODE "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

/* --- The IOMMU --- */

static void advise_iommu(const struct sysfs *sysfs, json_t *advice)
{
	const bool intel = sysfs_has(sysfs, "/proc/cpuinfo", "GenuineIntel");
	const bool amd = sysfs_has(sysfs, "/proc/cpuinfo", "AuthenticAMD");
	const char *word = amd ? "amd_iommu=on" : "intel_iommu=on";

	if (!intel && !amd) {
		advise_step(advice, "switch the IOMMU on in the firmware");
		return;
	}
	if (sysfs_has(sysfs, "/proc/cmdline", word)) {
		advise_step(
			advice,
			"the kernel's command line has %s already, so switch the IOMMU (%s) on in "
			"the firmware; in a VM, give the VM an IOMMU",
			word, amd ? "AMD-Vi" : "VT-d");
		return;
	}
	advise_step(advice,
		    "switch the IOMMU on in the firmware, and on the kernel's command line "
		    "with %s; on Debian:",
		    word);
	advise_root(
		advice,
		"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&%s /' /etc/default/grub; update-grub; reboot",
		word);
}

static bool check_iommu(const struct sysfs *sysfs, json_t *problems)
{
	size_t count, behind = 0;
	char **groups = sysfs_names(sysfs, &count, "/sys/kernel/iommu_groups");

	for (size_t i = 0; i < count; i++)
		behind += !pci_is_noiommu(sysfs, groups[i]);
	sysfs_free(groups, count);
	if (!behind)
		advise_iommu(sysfs,
			     doctor_problem(problems, "the kernel has no IOMMU group, so no device "
						      "is behind an IOMMU"));
	return behind;
}

/* --- Nodes and devices --- */

static void check_module(const struct sysfs *sysfs, const char *folder, const char *module,
			 json_t *problems)
{
	char text[96];

	if (sysfs_exists(sysfs, "%s", folder))
		return;
	snprintf(text, sizeof(text), "the driver %s is not loaded", module);
	advise_root(doctor_problem(problems, text), "modprobe %s", module);
}

static void check_node(const struct sysfs *sysfs, const char *node, const char *module,
		       json_t *problems)
{
	char text[128];
	json_t *advice;

	if (!sysfs_exists(sysfs, "%s", node)) {
		snprintf(text, sizeof(text), "there is no %s", node);
		advice = doctor_problem(problems, text);
		advise_root(advice, "modprobe %s", module);
		advise_step(advice, "in a container: docker run --device %s", node);
	} else if (!sysfs_may_open(sysfs, "%s", node)) {
		snprintf(text, sizeof(text), "user %u may not open %s", (unsigned int)geteuid(),
			 node);
		advise_root(doctor_problem(problems, text), "chown %u %s", (unsigned int)geteuid(),
			    node);
	}
}

/* Writes the path of the node of a bound device, or "" if the kernel made none. */
static void find_node(const struct sysfs *sysfs, const struct pci *pci, bool cdev, char node[64])
{
	size_t count;
	char **names;

	if (!cdev) {
		snprintf(node, 64, "/dev/vfio/%s", pci->group);
		return;
	}
	names = sysfs_names(sysfs, &count, "/sys/bus/pci/devices/%s/vfio-dev", pci->address);
	if (count && !names[0][strspn(names[0], DOCTOR_SAFE)])
		snprintf(node, 64, "/dev/vfio/devices/%.32s", names[0]);
	else
		node[0] = '\0';
	sysfs_free(names, count);
}

static bool has_node(const struct sysfs *sysfs, const struct pci *pci)
{
	return pci->is_vfio && *pci->group && !pci_is_noiommu(sysfs, pci->group);
}

/* Returns whether an earlier device has the same group, and so the same node of that group. */
static bool is_repeated(const struct sysfs *sysfs, const struct pci *all, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (has_node(sysfs, &all[j]) && !strcmp(all[j].group, all[i].group))
			return true;
	return false;
}

/* Adds the problems of the nodes of devices that are bound. Returns whether any device is bound. */
static bool check_bound(const struct sysfs *sysfs, bool cdev, json_t *problems)
{
	size_t count;
	struct pci *all = pci_read_all(sysfs, &count);
	bool found = false;
	char node[64];

	for (size_t i = 0; i < count; i++) {
		if (!has_node(sysfs, &all[i]))
			continue;
		found = true;
		find_node(sysfs, &all[i], cdev, node);
		if (*node && (cdev || !is_repeated(sysfs, all, i)))
			check_node(sysfs, node, "vfio-pci", problems);
	}
	free(all);
	return found;
}

static void advise_devices(json_t *problems)
{
	json_t *advice = doctor_problem(problems, "no PCI device is bound to vfio-pci");

	advise_step(advice, "choose a device that nothing uses; this lists the commands for each:");
	advise_command(advice, "coherent devices");
}

/* --- Kinds --- */

void doctor_check_vfio(const struct sysfs *sysfs, json_t *problems)
{
	if (!check_iommu(sysfs, problems))
		return;
	check_module(sysfs, "/sys/bus/pci/drivers/vfio-pci", "vfio-pci", problems);
	check_module(sysfs, "/sys/module/vfio_iommu_type1", "vfio_iommu_type1", problems);
	check_node(sysfs, "/dev/vfio/vfio", "vfio", problems);
	if (!check_bound(sysfs, false, problems))
		advise_devices(problems);
}

void doctor_check_iommufd(const struct sysfs *sysfs, json_t *problems)
{
	char release[64], text[128];

	doctor_release(sysfs, release);
	if (doctor_is_older(release, 6, 6)) {
		snprintf(text, sizeof(text), "this is Linux %s, and iommufd: needs 6.6 or newer",
			 release);
		advise_step(doctor_problem(problems, text), "install a newer kernel, or use vfio:");
	}
	if (!check_iommu(sysfs, problems))
		return;
	check_module(sysfs, "/sys/bus/pci/drivers/vfio-pci", "vfio-pci", problems);
	check_node(sysfs, "/dev/iommu", "iommufd", problems);
	if (!check_bound(sysfs, true, problems))
		advise_devices(problems);
}

static void check_unsafe_mode(const struct sysfs *sysfs, json_t *problems)
{
	char mode[8];

	if (sysfs_line(sysfs, mode, sizeof(mode), UNSAFE_MODE) && (*mode == 'Y' || *mode == '1'))
		return;
	advise_root(doctor_problem(problems,
				   "VFIO's no-IOMMU mode is off; in this mode a device can "
				   "reach all memory"),
		    "modprobe vfio-pci; echo 1 >" UNSAFE_MODE);
}

static void check_hugepages(const struct sysfs *sysfs, json_t *problems)
{
	uint64_t free_pages = 0;

	sysfs_number(sysfs, &free_pages,
		     "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	if (!free_pages)
		advise_root(
			doctor_problem(problems,
				       "no hugepage of 2 MiB is free, and they hold all memory"),
			"echo 16 >/proc/sys/vm/nr_hugepages");
}

static bool has_device(const struct sysfs *sysfs)
{
	size_t count, found = 0;
	char **names = sysfs_names(sysfs, &count, "/dev/vfio");

	for (size_t i = 0; i < count; i++)
		found += !strncmp(names[i], "noiommu-", 8);
	sysfs_free(names, count);
	return found;
}

void doctor_check_noiommu(const struct sysfs *sysfs, json_t *problems)
{
	check_module(sysfs, "/sys/bus/pci/drivers/vfio-pci", "vfio-pci", problems);
	check_unsafe_mode(sysfs, problems);
	check_hugepages(sysfs, problems);
	if (!*sysfs->root && geteuid())
		advise_root(doctor_problem(problems, "this process does not have CAP_SYS_RAWIO"),
			    "setcap cap_sys_admin,cap_sys_rawio+ep PROGRAM");
	if (!has_device(sysfs))
		advise_devices(problems);
}
