/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * PCI as firmware leaves it, for a QEMU that has none: an IOMMU, and a root port with the
 * device behind it, so that a reset of the bus resets whatever it is.
 */
#ifndef QEMU_PCI_H
#define QEMU_PCI_H

#include "device/device.h"
#include "qemu/qtest.h"

#define QEMU_PCI_VECTORS_MAX 32
/* As many as a configuration space holds, 4 bytes each. */
#define QEMU_PCI_CAPABILITIES_MAX 48
/* Bus, device, function: as QEMU is told. */
#define QEMU_PCI_IOMMU (2 << 3)
#define QEMU_PCI_PORT (3 << 3)
#define QEMU_PCI_FUNCTION (1 << 8)
/* Physical addresses for BARs: of the device, and of the IOMMU. */
#define QEMU_PCI_BARS UINT64_C(0xc0000000)
#define QEMU_PCI_IOMMU_BARS UINT64_C(0xe0000000)

/**
 * struct qemu_pci - The device.
 * @qtest: How it is reached.
 * @bars: Its BARs of memory; those of ports are left out.
 * @bars.bytes: Size; 0 if there is none.
 * @bars.address: Physical address.
 * @vectors: How many interrupts it has, by MSI-X or MSI.
 * @msi: Where its MSI is in configuration space; 0 if it is not used.
 * @msix: The same of MSI-X.
 * @messages: Where interrupts are written to; 0 if they are not enabled.
 */
struct qemu_pci {
	const struct qtest *qtest;
	struct {
		uint64_t bytes;
		uint64_t address;
	} bars[6];
	unsigned int vectors;
	unsigned int msi;
	unsigned int msix;
	uint64_t messages;
};

/* All return 0; as the functions of qtest.h; -ENXIO (there is no device), -EINVAL (it is a bridge),
 * -ENOSPC (its BARs do not fit), -EIO (its MSI-X is none). */

/**
 * qemu_pci_start() - Give the device its place.
 * @pci: Filled in.
 * @qtest: How it is reached.
 */
int qemu_pci_start(struct qemu_pci *pci, const struct qtest *qtest);

/**
 * qemu_pci_reset() - Reset the device; it is as after qemu_pci_start(), its interrupts too.
 * @pci: The device.
 */
int qemu_pci_reset(struct qemu_pci *pci);

/**
 * qemu_pci_enable_irqs() - Let interrupts be written to memory: vector i is a word that is
 *	not zero at the ith one.
 * @pci: The device.
 * @messages: Device address of the memory.
 */
int qemu_pci_enable_irqs(struct qemu_pci *pci, uint64_t messages);

#endif
