// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent devices: the PCI devices, and what each needs before "vfio:" opens it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "arguments.h"
#include "models.h"
#include "output.h"
#include "pci.h"

#define DEVICES "/sys/bus/pci/devices/"
/* More devices of a group are only counted. */
#define SIBLINGS_MAX 8

/* --- What a device needs --- */

/* The library gives the same advice when such a device does not open. */
static void advise_bind(const struct sysfs *sysfs, const struct pci *pci, json_t *needs)
{
	char unbind[128] = "";

	if (*pci->driver)
		snprintf(unbind, sizeof(unbind), "echo %s >" DEVICES "%s/driver/unbind; ",
			 pci->address, pci->address);
	advise_root(needs,
		    "%secho vfio-pci >" DEVICES "%s/driver_override; %secho %s >"
		    "/sys/bus/pci/drivers_probe",
		    sysfs_exists(sysfs, "/sys/bus/pci/drivers/vfio-pci") ? "" :
									   "modprobe vfio-pci; ",
		    pci->address, unbind, pci->address);
}

static void advise_siblings(const struct pci *all, size_t count, const struct pci *pci,
			    json_t *needs)
{
	char others[48];
	size_t more = 0;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(all[i].group, pci->group) || !strcmp(all[i].address, pci->address) ||
		    !pci_blocks_group(&all[i]))
			continue;
		if (more++ < SIBLINGS_MAX)
			advise_root(needs, "echo %s >" DEVICES "%s/driver/unbind", all[i].address,
				    all[i].address);
	}
	if (more > SIBLINGS_MAX)
		advise_step(needs, "%s of group %s must be unbound too",
			    output_count(others, more - SIBLINGS_MAX, "more device"), pci->group);
}

static void advise_node(const struct sysfs *sysfs, const struct pci *pci, json_t *needs)
{
	if (!sysfs_exists(sysfs, "/dev/vfio/%s", pci->group))
		advise_step(needs,
			    "there is no /dev/vfio/%s; if this is a container, use docker run "
			    "--device /dev/vfio/%s; if the kernel does not have CONFIG_VFIO_GROUP, "
			    "try iommufd:%s",
			    pci->group, pci->group, pci->address);
	else if (!sysfs_may_open(sysfs, "/dev/vfio/%s", pci->group))
		advise_root(needs, "chown %u /dev/vfio/%s", (unsigned int)geteuid(), pci->group);
}

static json_t *needs_of(const struct sysfs *sysfs, const struct pci *all, size_t count,
			const struct pci *pci)
{
	json_t *needs = json_array();

	if (pci->is_bridge) {
		advise_step(needs, "it is a bridge, and vfio: is for endpoints");
	} else if (pci_is_noiommu(sysfs, pci->group)) {
		advise_step(needs, "it is not behind an IOMMU, so a driver must ask for "
				   ".level = COHERENT_NONE, and nothing keeps it from any memory");
	} else if (!*pci->group) {
		advise_step(needs, "it is not behind an IOMMU; coherent doctor vfio says how to "
				   "switch one on");
	} else {
		if (!pci->is_vfio)
			advise_bind(sysfs, pci, needs);
		advise_siblings(all, count, pci, needs);
		if (pci->is_vfio)
			advise_node(sysfs, pci, needs);
	}
	return needs;
}

/* --- The rows --- */

static json_t *known(uint64_t number)
{
	return number == PCI_UNKNOWN ? json_null() : output_number(number);
}

static json_t *digits(uint64_t number, int width)
{
	return number == PCI_UNKNOWN ? json_null() : output_format("%0*" PRIx64, width, number);
}

static json_t *bars_of(const struct pci *pci)
{
	json_t *bars = json_array();

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const uint64_t flags = pci->bars[i].flags;

		if (!pci->bars[i].bytes)
			continue;
		json_array_append_new(bars, json_pack("{si so sb sb sb}", "index", i, "bytes",
						      output_number(pci->bars[i].bytes), "io",
						      !!(flags & PCI_BAR_IO), "prefetchable",
						      !!(flags & PCI_BAR_PREFETCH), "wide",
						      !!(flags & PCI_BAR_64)));
	}
	return bars;
}

static json_t *row_of(const struct sysfs *sysfs, const struct pci *all, size_t count,
		      const struct pci *pci)
{
	json_t *row = json_object(), *needs = needs_of(sysfs, all, count, pci);

	json_object_set_new(row, "address", output_text(pci->address));
	json_object_set_new(row, "vendor", digits(pci->vendor, 4));
	json_object_set_new(row, "device", digits(pci->device, 4));
	json_object_set_new(row, "class", digits(pci->class, 6));
	json_object_set_new(row, "group", *pci->group ? output_text(pci->group) : json_null());
	json_object_set_new(row, "driver", *pci->driver ? output_text(pci->driver) : json_null());
	json_object_set_new(row, "bars", bars_of(pci));
	json_object_set_new(row, "msi", known(pci->msi));
	json_object_set_new(row, "msix", known(pci->msix));
	json_object_set_new(row, "mask_bits", known(pci->mask_bits));
	json_object_set_new(row, "ready", json_boolean(!json_array_size(needs)));
	json_object_set_new(row, "needs", needs);
	return row;
}

static int list_pci(const struct sysfs *sysfs, const char *only, json_t *result)
{
	json_t *rows = json_array();
	char address[24] = "";
	struct pci *all;
	size_t count;

	if (only && !pci_address(only, address)) {
		json_decref(rows);
		return complain("devices: \"%s\" is not a PCI address such as 0000:00:01.0; for a "
				"model of QEMU give --qemu",
				only);
	}
	all = pci_read_all(sysfs, &count);
	for (size_t i = 0; i < count; i++)
		if (!only || !strcmp(all[i].address, address))
			json_array_append_new(rows, row_of(sysfs, all, count, &all[i]));
	free(all);
	if (only && !json_array_size(rows)) {
		json_decref(rows);
		return fail("devices: there is no PCI device %s; coherent devices lists them",
			    address);
	}
	json_object_set_new(result, "devices", rows);
	return STATUS_GOOD;
}

static int devices_run(const struct arguments *arguments, json_t *result)
{
	const char *only = arguments->count ? arguments->words[0] : NULL;
	struct sysfs sysfs;
	int status = sysfs_begin(&sysfs, arguments, "devices");

	if (status)
		return status;
	if (!arguments_value(arguments, "qemu"))
		return list_pci(&sysfs, only, result);
	if (arguments_value(arguments, "sysroot"))
		return complain("devices: give --qemu or --sysroot, not both");
	return models_list(only, result);
}

/* --- Text --- */

static json_t *vectors_text(const json_t *row)
{
	const json_t *msix = json_object_get(row, "msix"), *msi = json_object_get(row, "msi");

	if (json_is_null(msi))
		return output_text("only root sees them");
	if (json_integer_value(msix))
		return output_format("%" JSON_INTEGER_FORMAT " MSI-X", json_integer_value(msix));
	if (json_integer_value(msi))
		return output_format("%" JSON_INTEGER_FORMAT " MSI", json_integer_value(msi));
	return output_text("INTx or none");
}

static void print_needs(const json_t *row)
{
	advice_print(json_object_get(row, "needs"), 4);
}

static void devices_print(const json_t *result)
{
	static const struct column columns[] = {
		{ "address", "address" }, { "ids", "IDs" },	    { "class", "class" },
		{ "group", "group" },	  { "driver", "driver" },   { "mask_bits", "mask" },
		{ "ready", "ready" },	  { "vectors", "vectors" }, { "bar_texts", "BARs" },
	};
	json_t *rows = json_object_get(result, "devices"), *row;
	size_t i;

	if (!rows) {
		models_print(result);
		return;
	}
	if (!json_array_size(rows)) {
		output_wrapped("There are no PCI devices.", 0);
		return;
	}
	json_array_foreach(rows, i, row)
	{
		json_object_set_new(row, "ids",
				    output_format("%s:%s", output_string(row, "vendor"),
						  output_string(row, "device")));
		json_object_set_new(row, "vectors", vectors_text(row));
		json_object_set_new(row, "bar_texts", output_bars(json_object_get(row, "bars")));
	}
	output_table(rows, columns, ARRAY_SIZE(columns), print_needs);
}

static const struct command_option options[] = {
	{ "qemu", NULL,
	  "List the device models of QEMU instead. The device name qemu:MODEL opens one." },
	{ "sysroot", "DIR",
	  "Look at the files below DIR, such as DIR/sys, instead of those of this machine." },
	{ NULL, NULL, NULL },
};

const struct command command_devices = {
	.name = "devices",
	.summary = "list PCI devices, and what each needs before vfio: opens it",
	.operands = "[ADDRESS|MODEL]",
	.max = 1,
	.help = "List the PCI devices of this machine with their IDs, class, IOMMU group, driver, BARs "
		"and interrupt vectors. The mask is the number of address bits that the driver of the "
		"device has set. With an address, list only that device.\n"
		"\n"
		"A device is ready if vfio: can open it. Below each other device are the commands that "
		"make it ready. They take the device away from its driver, so do not run them for a disk "
		"that is in use. Nothing is changed by this command.\n"
		"\n"
		"Some facts are only visible to root: the kernel shows other users a part of the "
		"configuration space.",
	.options = options,
	.run = devices_run,
	.print = devices_print,
};
