/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The PCI devices of a system, from sysfs.
 */
#ifndef PCI_H
#define PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sysfs.h"

#define PCI_BARS 6
#define PCI_UNKNOWN UINT64_MAX

/* The kernel's flags of a resource. */
#define PCI_BAR_IO 0x100
#define PCI_BAR_PREFETCH 0x2000
#define PCI_BAR_64 0x100000

/**
 * struct pci - A PCI device. A number is PCI_UNKNOWN if the system does not tell it.
 * @address: Its address, such as 0000:00:01.0.
 * @vendor: The vendor ID.
 * @device: The device ID.
 * @class: The class code, with the programming interface in the lowest byte.
 * @driver: The driver that is bound to it; "" for none.
 * @group: Its IOMMU group; "" for none.
 * @is_vfio: The driver is vfio-pci or a variant.
 * @is_bridge: It is a bridge, which no driver opens with vfio:.
 * @bars: The BARs. The size is 0 if there is no such BAR.
 * @msi: The number of MSI vectors.
 * @msix: The number of MSI-X vectors.
 * @mask_bits: The DMA mask that its driver has set, in bits.
 */
struct pci {
	char address[24];
	uint64_t vendor;
	uint64_t device;
	uint64_t class;
	char driver[64];
	char group[16];
	bool is_vfio;
	bool is_bridge;
	struct {
		uint64_t bytes;
		uint64_t flags;
	} bars[PCI_BARS];
	uint64_t msi;
	uint64_t msix;
	uint64_t mask_bits;
};

/* Makes the whole address from one that may lack the domain. Returns false if it is malformed. */
bool pci_address(const char *text, char address[24]);

/* Reads one device. Returns false if there is none with that address. */
bool pci_read(const struct sysfs *sysfs, const char *address, struct pci *pci);

/* Reads all devices. Returns an array that the caller frees. */
struct pci *pci_read_all(const struct sysfs *sysfs, size_t *count);

/* Returns whether VFIO made the group in its no-IOMMU mode, so that no IOMMU restricts its devices. */
bool pci_is_noiommu(const struct sysfs *sysfs, const char *group);

/* Returns whether a device of the group keeps VFIO from giving out another one. */
bool pci_blocks_group(const struct pci *pci);

#endif
