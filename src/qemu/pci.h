/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The PCI bus of a QEMU that runs without firmware. The bus has an IOMMU, and a root port with the
 * device behind it: a reset of the bus behind the port resets any device.
 */
#ifndef QEMU_PCI_H
#define QEMU_PCI_H

#include "device/device.h"
#include "qemu/qtest.h"

/* MSI-X has at most this many vectors (PCI Local Bus 3.0, 6.8.2.3). */
#define QEMU_PCI_VECTORS_MAX 2048
/* A configuration space holds at most this many capabilities of 4 bytes. */
#define QEMU_PCI_CAPABILITIES_MAX 48
/* Bus, device and function, as the command line of QEMU places them. */
#define QEMU_PCI_IOMMU (2 << 3)
#define QEMU_PCI_PORT (3 << 3)
#define QEMU_PCI_FUNCTION (1 << 8)
/* The I/O ports for the BARs of the device. Nothing else of the machine uses these. */
#define QEMU_PCI_PORTS UINT64_C(0xc000)
/* The physical addresses for the BARs of the device and of the IOMMU. */
#define QEMU_PCI_BARS UINT64_C(0xc0000000)
#define QEMU_PCI_IOMMU_BARS UINT64_C(0xe0000000)

/**
 * struct qemu_pci - The PCI function of the device.
 * @qtest: The connection to QEMU.
 * @bars: The BARs.
 * @bars.bytes: The size; 0 if there is no such BAR.
 * @bars.address: The physical address, or the number of the first port.
 * @bars.is_ports: The BAR has I/O ports.
 * @vectors: The number of interrupt vectors, by MSI-X, MSI or INTx. All MSI vectors of a function
 *	write to the same word, so with MSI the function is told to use one vector only.
 * @msi: The offset of MSI in configuration space; 0 if MSI is not used.
 * @msix: The offset of MSI-X in configuration space; 0 if the device does not have it.
 * @msi_vectors: How many vectors the device has by MSI, if that is used.
 * @has_line: The device has neither, and interrupts by INTx.
 * @messages: The device address that interrupts are written to; 0 if they are not enabled.
 */
struct qemu_pci {
	const struct qtest *qtest;
	struct {
		uint64_t bytes;
		uint64_t address;
		bool is_ports;
	} bars[6];
	unsigned int vectors;
	unsigned int msi;
	unsigned int msix;
	unsigned int msi_vectors;
	bool has_line;
	uint64_t messages;
};

/*
 * Each function returns 0, an error of qtest.h, or -ENXIO (there is no device), -EINVAL (the
 * device is a bridge), -ENOSPC (the BARs do not fit), -EIO (MSI-X is malformed).
 */

/**
 * qemu_pci_start() - Configure the root port and the device behind it.
 * @pci: Receives the BARs and the interrupts of the device.
 * @qtest: The connection to QEMU.
 */
int qemu_pci_start(struct qemu_pci *pci, const struct qtest *qtest);

/**
 * qemu_pci_reset() - Reset the device, and configure its BARs and interrupts as before.
 * @pci: The device.
 */
int qemu_pci_reset(struct qemu_pci *pci);

/**
 * qemu_pci_reg_read() - Read a register. I/O ports answer 8 bytes in two accesses, the lower one
 *	first.
 * @pci: The device.
 * @bar: The BAR.
 * @offset: The offset in the BAR.
 * @width: The width in bytes: 1, 2, 4 or 8.
 * @value: Receives the value.
 */
int qemu_pci_reg_read(const struct qemu_pci *pci, unsigned int bar, uint64_t offset,
		      unsigned int width, uint64_t *value);

/**
 * qemu_pci_reg_write() - Write a register, as qemu_pci_reg_read() reads it.
 * @pci: The device.
 * @bar: The BAR.
 * @offset: The offset in the BAR.
 * @width: The width in bytes: 1, 2, 4 or 8.
 * @value: The value.
 */
int qemu_pci_reg_write(const struct qemu_pci *pci, unsigned int bar, uint64_t offset,
		       unsigned int width, uint64_t value);

/**
 * qemu_pci_enable_irqs() - Let the device write its interrupts to memory.
 * @pci: The device.
 * @messages: The device address of the memory. Vector i writes a value that is not zero to the
 *	32-bit word i.
 */
int qemu_pci_enable_irqs(struct qemu_pci *pci, uint64_t messages);

/**
 * qemu_pci_read_line() - Ask whether the device asserts its INTx.
 * @pci: The device.
 * @is_raised: Receives the answer.
 */
int qemu_pci_read_line(const struct qemu_pci *pci, bool *is_raised);

#endif
