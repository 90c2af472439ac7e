// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pci.h"

#define DEVICES "/sys/bus/pci/devices/"

/* The configuration space, from the PCI Local Bus Specification 3.0, sections 6.1 and 6.8. */
enum { CONFIG_STATUS = 0x06, CONFIG_TYPE = 0x0e, CONFIG_CAPABILITIES = 0x34, CONFIG_HEADER = 64 };
enum { STATUS_CAPABILITIES = 0x10, TYPE_MASK = 0x7f, CLASS_BRIDGE = 0x06 };
enum { CAPABILITY_MSI = 0x05, CAPABILITY_MSIX = 0x11, CAPABILITY_CONTROL = 2 };

bool pci_address(const char *text, char address[24])
{
	unsigned int domain = 0, bus, slot, function;
	int end = 0;

	/* sscanf() would accept blanks, signs and 0x too. */
	if (text[strspn(text, "0123456789abcdefABCDEF:.")])
		return false;
	if (sscanf(text, "%8x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4 ||
	    text[end]) {
		domain = 0;
		end = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &slot, &function, &end) != 3 || text[end])
			return false;
	}
	if (slot > 31 || function > 7)
		return false;
	snprintf(address, 24, "%04x:%02x:%02x.%x", domain, bus & 0xff, slot, function);
	return true;
}

static void read_bars(const struct sysfs *sysfs, struct pci *pci)
{
	char text[4096], *rest = text, *line;
	const size_t n =
		sysfs_bytes(sysfs, text, sizeof(text) - 1, DEVICES "%s/resource", pci->address);

	text[n] = '\0';
	for (size_t i = 0; i < PCI_BARS && (line = strsep(&rest, "\n")); i++) {
		uint64_t first, last, flags;

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &first, &last, &flags) != 3 ||
		    !last || last < first)
			continue;
		pci->bars[i].bytes = last - first + 1;
		pci->bars[i].flags = flags;
	}
}

/* Follows the list of capabilities. A wrong list may have a loop, so the steps are counted. */
static void read_capabilities(struct pci *pci, const uint8_t *config, size_t bytes)
{
	size_t at = config[CONFIG_CAPABILITIES] & ~3u;

	pci->msi = pci->msix = 0;
	for (unsigned int step = 0; at >= CONFIG_HEADER && step < 48; step++) {
		uint16_t control;

		if (at + CAPABILITY_CONTROL + 2 > bytes) {
			/* Only root may read more than the header. */
			pci->msi = pci->msix = PCI_UNKNOWN;
			return;
		}
		control = (uint16_t)(config[at + CAPABILITY_CONTROL] |
				     config[at + CAPABILITY_CONTROL + 1] << 8);
		if (config[at] == CAPABILITY_MSI)
			pci->msi = 1u << (control >> 1 & 7);
		if (config[at] == CAPABILITY_MSIX)
			pci->msix = (control & 0x7ffu) + 1;
		at = config[at + 1] & ~3u;
	}
}

static void read_config(const struct sysfs *sysfs, struct pci *pci)
{
	uint8_t config[256] = { 0 };
	const size_t n =
		sysfs_bytes(sysfs, config, sizeof(config), DEVICES "%s/config", pci->address);

	pci->msi = pci->msix = PCI_UNKNOWN;
	if (n < CONFIG_HEADER)
		return;
	pci->is_bridge = config[CONFIG_TYPE] & TYPE_MASK;
	if (config[CONFIG_STATUS] & STATUS_CAPABILITIES)
		read_capabilities(pci, config, n);
	else
		pci->msi = pci->msix = 0;
}

/* Commands for root name the group, so a group is a number and nothing else. */
static void read_group(const struct sysfs *sysfs, struct pci *pci)
{
	if (!sysfs_link(sysfs, pci->group, sizeof(pci->group), DEVICES "%s/iommu_group",
			pci->address) ||
	    pci->group[strspn(pci->group, "0123456789")])
		pci->group[0] = '\0';
}

static void read_device(const struct sysfs *sysfs, const char *name, struct pci *pci)
{
	*pci = (struct pci){ .vendor = PCI_UNKNOWN,
			     .device = PCI_UNKNOWN,
			     .class = PCI_UNKNOWN,
			     .mask_bits = PCI_UNKNOWN };
	snprintf(pci->address, sizeof(pci->address), "%s", name);
	sysfs_number(sysfs, &pci->vendor, DEVICES "%s/vendor", name);
	sysfs_number(sysfs, &pci->device, DEVICES "%s/device", name);
	sysfs_number(sysfs, &pci->class, DEVICES "%s/class", name);
	sysfs_number(sysfs, &pci->mask_bits, DEVICES "%s/dma_mask_bits", name);
	sysfs_link(sysfs, pci->driver, sizeof(pci->driver), DEVICES "%s/driver", name);
	read_group(sysfs, pci);
	/* From Linux 6.1 on a device that is bound to a variant of vfio-pci has a vfio-dev. */
	pci->is_vfio = !strcmp(pci->driver, "vfio-pci") ||
		       sysfs_exists(sysfs, DEVICES "%s/vfio-dev", name);
	read_bars(sysfs, pci);
	read_config(sysfs, pci);
	/* The bridge of the host has the header of an endpoint. */
	if (pci->class != PCI_UNKNOWN && pci->class >> 16 == CLASS_BRIDGE)
		pci->is_bridge = true;
}

bool pci_read(const struct sysfs *sysfs, const char *address, struct pci *pci)
{
	if (!sysfs_exists(sysfs, DEVICES "%s", address))
		return false;
	read_device(sysfs, address, pci);
	return true;
}

struct pci *pci_read_all(const struct sysfs *sysfs, size_t *count)
{
	size_t names_count;
	char **names = sysfs_names(sysfs, &names_count, DEVICES), address[24];
	struct pci *all = calloc(names_count + 1, sizeof(*all));

	*count = 0;
	for (size_t i = 0; all && i < names_count; i++)
		/* A name that is not an address is not a device. */
		if (pci_address(names[i], address) && !strcmp(names[i], address))
			read_device(sysfs, address, &all[(*count)++]);
	sysfs_free(names, names_count);
	return all;
}

bool pci_is_noiommu(const struct sysfs *sysfs, const char *group)
{
	return *group && sysfs_exists(sysfs, "/dev/vfio/noiommu-%s", group);
}

bool pci_blocks_group(const struct pci *pci)
{
	/* The kernel knows that pcieport and pci-stub do not use DMA. */
	return *pci->driver && !pci->is_vfio && strcmp(pci->driver, "pcieport") &&
	       strcmp(pci->driver, "pci-stub");
}
