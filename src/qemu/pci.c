// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Does the work of PC firmware for the device: it gives the BARs addresses, makes the device a bus
 * master, and points its interrupts at memory. The root port has only one function behind it, so
 * the places on the bus are fixed.
 *
 * INVARIANT: BARs do not change after qemu_pci_start(), so the backend reaches a register without
 * reading its BAR again. A reset of the bus writes the same values. The caller holds the lock of
 * struct qemu.
 */
#include <linux/pci_regs.h>

#include "base/size.h"
#include "base/sys.h"
#include "qemu/pci.h"

#define WINDOW_BYTES UINT64_C(0x20000000)
#define PORTS_BYTES UINT64_C(0x1000)
/* The register of the root port counts its memory window in MiB. */
#define WINDOW_REGISTER \
	(uint32_t)(((QEMU_PCI_BARS + WINDOW_BYTES - 1) & 0xfff00000) | QEMU_PCI_BARS >> 16)
/*
 * The lower two bytes count in 4 KiB and are the first and the last ports of the window. Writing
 * zeros to the upper two, which have the status of the bus, changes nothing.
 */
#define PORTS_REGISTER \
	(uint32_t)(((QEMU_PCI_PORTS + PORTS_BYTES - 1) & 0xf000) | QEMU_PCI_PORTS >> 8)
/* Let the device answer to its BARs, or the root port to those behind it, and access memory. */
#define DECODE_AND_MASTER (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)
/* From the lowest byte on: the port is on bus 0, and only bus 1 is behind it. */
#define BUSES 0x00010100
#define BRIDGE_RESET ((uint32_t)PCI_BRIDGE_CTL_BUS_RESET << 16)
/* An interrupt writes this value, so a word of the mailbox that is not zero is an interrupt. */
#define MESSAGE 1
/* The entries of the table of MSI-X that one command of qtest writes. */
#define ENTRIES_MAX (QTEST_WORDS_MAX / 4)

static int read_config(const struct qemu_pci *pci, unsigned int offset, uint32_t *value)
{
	return qtest_config_read(pci->qtest, QEMU_PCI_FUNCTION, offset, value);
}

static int write_config(const struct qemu_pci *pci, unsigned int offset, uint32_t value)
{
	return qtest_config_write(pci->qtest, QEMU_PCI_FUNCTION, offset, value);
}

/* --- BARs --- */

enum bar_kind { BAR_32, BAR_64, BAR_PORTS };

/* The addresses that are left for BARs: memory, or I/O ports. */
struct window {
	uint64_t next;
	uint64_t end;
};

static enum bar_kind kind_of(uint32_t bar, unsigned int i)
{
	if (bar & PCI_BASE_ADDRESS_SPACE_IO)
		return BAR_PORTS;
	return (bar & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 && i < 5 ?
		       BAR_64 :
		       BAR_32;
}

/* Reads what a BAR says of its size: zero in each bit below it, and zero if there is no BAR. */
static int read_size_mask(const struct qemu_pci *pci, unsigned int i, uint64_t *mask,
			  enum bar_kind *kind)
{
	const unsigned int offset = PCI_BASE_ADDRESS_0 + 4 * i;
	uint32_t low, high = 0;
	/*
	 * PCI Local Bus 3.0, 6.2.5.1: a BAR that all ones are written to reads as zero below its
	 * size.
	 */
	int err = write_config(pci, offset, UINT32_MAX);

	if (!err)
		err = read_config(pci, offset, &low);
	if (err)
		return err;
	*kind = kind_of(low, i);
	if (*kind == BAR_64)
		err = write_config(pci, offset + 4, UINT32_MAX);
	if (!err && *kind == BAR_64)
		err = read_config(pci, offset + 4, &high);
	low &= (uint32_t)(*kind == BAR_PORTS ? PCI_BASE_ADDRESS_IO_MASK :
					       PCI_BASE_ADDRESS_MEM_MASK);
	*mask = (uint64_t)high << 32 | low;
	return err;
}

/* PCI aligns a BAR to its size, which is a power of two. */
static int size_bar(struct qemu_pci *pci, unsigned int i, struct window windows[2],
		    enum bar_kind *kind)
{
	struct window *window;
	uint64_t mask, bytes;
	int err = read_size_mask(pci, i, &mask, kind);

	if (err || !mask)
		return err;
	bytes = mask & -mask;
	window = &windows[*kind == BAR_PORTS];
	window->next = align_up(window->next, bytes);
	if (window->next > window->end || bytes > window->end - window->next)
		return -ENOSPC;
	pci->bars[i].bytes = bytes;
	pci->bars[i].address = window->next;
	pci->bars[i].is_ports = *kind == BAR_PORTS;
	window->next += bytes;
	return 0;
}

static int size_bars(struct qemu_pci *pci)
{
	struct window windows[2] = {
		{ QEMU_PCI_BARS, QEMU_PCI_BARS + WINDOW_BYTES },
		{ QEMU_PCI_PORTS, QEMU_PCI_PORTS + PORTS_BYTES },
	};
	enum bar_kind kind = BAR_32;
	int err = 0;

	for (unsigned int i = 0; !err && i < 6; i++) {
		err = size_bar(pci, i, windows, &kind);
		i += !err && kind == BAR_64;
	}
	return err;
}

/* All BARs are below 4 GiB, so this also writes 0 to the upper half of a 64-bit BAR. */
static int place_bars(const struct qemu_pci *pci)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < 6; i++)
		err = write_config(pci, PCI_BASE_ADDRESS_0 + 4 * i, (uint32_t)pci->bars[i].address);
	return err ? err : write_config(pci, PCI_COMMAND, DECODE_AND_MASTER);
}

/* --- Registers --- */

static int read_once(const struct qemu_pci *pci, unsigned int bar, uint64_t offset,
		     unsigned int width, uint64_t *value)
{
	const uint64_t at = pci->bars[bar].address + offset;

	return pci->bars[bar].is_ports ? qtest_port_read(pci->qtest, at, width, value) :
					 qtest_read(pci->qtest, at, width, value);
}

static int write_once(const struct qemu_pci *pci, unsigned int bar, uint64_t offset,
		      unsigned int width, uint64_t value)
{
	const uint64_t at = pci->bars[bar].address + offset;

	return pci->bars[bar].is_ports ? qtest_port_write(pci->qtest, at, width, value) :
					 qtest_write(pci->qtest, at, width, value);
}

int qemu_pci_reg_read(const struct qemu_pci *pci, unsigned int bar, uint64_t offset,
		      unsigned int width, uint64_t *value)
{
	uint64_t upper = 0;
	int err;

	if (width < 8 || !pci->bars[bar].is_ports)
		return read_once(pci, bar, offset, width, value);
	err = read_once(pci, bar, offset, 4, value);
	if (!err)
		err = read_once(pci, bar, offset + 4, 4, &upper);
	*value |= upper << 32;
	return err;
}

int qemu_pci_reg_write(const struct qemu_pci *pci, unsigned int bar, uint64_t offset,
		       unsigned int width, uint64_t value)
{
	int err;

	if (width < 8 || !pci->bars[bar].is_ports)
		return write_once(pci, bar, offset, width, value);
	err = write_once(pci, bar, offset, 4, (uint32_t)value);
	return err ? err : write_once(pci, bar, offset + 4, 4, value >> 32);
}

/* --- Interrupts --- */

static int find_line(struct qemu_pci *pci)
{
	uint32_t word;
	/* PCI Local Bus 3.0, 6.2.4: the pin is the second byte, and 0 if the device has none. */
	int err = read_config(pci, PCI_INTERRUPT_LINE, &word);

	pci->has_line = !err && word >> 8 & 0xff;
	pci->vectors = pci->has_line;
	return err;
}

static int find_vectors(struct qemu_pci *pci)
{
	uint32_t at, head;
	int err = read_config(pci, PCI_CAPABILITY_LIST, &at);

	/* A broken model could link its capabilities in a ring, so their number has a limit. */
	for (unsigned int i = 0; !err && i < QEMU_PCI_CAPABILITIES_MAX && (at & 0xfc); i++) {
		const unsigned int offset = at & 0xfc;

		err = read_config(pci, offset, &head);
		if ((head & 0xff) == PCI_CAP_ID_MSIX) {
			pci->msix = offset;
			pci->vectors = (head >> 16 & PCI_MSIX_FLAGS_QSIZE) + 1;
		} else if ((head & 0xff) == PCI_CAP_ID_MSI) {
			pci->msi = offset;
			pci->msi_vectors = 1U << ((head >> 16 & PCI_MSI_FLAGS_QMASK) >> 1);
		}
		at = head >> 8;
	}
	/* MSI-X wins over MSI, because each vector has a message of its own. */
	if (pci->msix)
		pci->msi = 0;
	else if (pci->msi)
		pci->vectors = 1;
	else if (!err)
		err = find_line(pci);
	return err;
}

/* Sets @address to that of the table, which must be in a BAR as a whole. */
static int find_msix_table(const struct qemu_pci *pci, uint64_t *address)
{
	uint32_t table;
	int err = read_config(pci, pci->msix + PCI_MSIX_TABLE, &table);
	const uint32_t bar = table & PCI_MSIX_TABLE_BIR, offset = table & PCI_MSIX_TABLE_OFFSET;

	if (err)
		return err;
	if (bar > 5 || pci->bars[bar].is_ports ||
	    offset + (uint64_t)pci->vectors * PCI_MSIX_ENTRY_SIZE > pci->bars[bar].bytes)
		return -EIO;
	*address = pci->bars[bar].address + offset;
	return 0;
}

/*
 * PCI Local Bus 3.0, 6.8.2: an entry is an address of 64 bits, the data, and a word of control. A
 * reset masks each vector, and 0 in the last word unmasks it.
 */
static int write_entries(const struct qemu_pci *pci, uint64_t table, unsigned int first,
			 unsigned int count)
{
	uint32_t words[QTEST_WORDS_MAX];

	for (unsigned int i = 0; i < count; i++) {
		const uint64_t message = pci->messages + (first + i) * sizeof(uint32_t);

		words[4 * i] = (uint32_t)message;
		words[4 * i + 1] = (uint32_t)(message >> 32);
		words[4 * i + 2] = MESSAGE;
		words[4 * i + 3] = 0;
	}
	return qtest_write_words(pci->qtest, table + first * PCI_MSIX_ENTRY_SIZE, words, 4 * count);
}

/* Each command takes time, and a table can have 2048 entries. So a command writes many. */
static int write_table(const struct qemu_pci *pci, uint64_t table)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < pci->vectors; i += ENTRIES_MAX)
		err = write_entries(pci, table, i,
				    pci->vectors - i < ENTRIES_MAX ? pci->vectors - i :
								     ENTRIES_MAX);
	return err;
}

static int enable_msix(const struct qemu_pci *pci)
{
	uint64_t table = 0;
	uint32_t head;
	int err = find_msix_table(pci, &table);

	if (!err)
		err = read_config(pci, pci->msix, &head);
	if (!err)
		err = write_table(pci, table);
	/* MSI-X is enabled last, when each vector has an address in the mailbox. */
	return err ? err :
		     write_config(pci, pci->msix, head | (uint32_t)PCI_MSIX_FLAGS_ENABLE << 16);
}

static int enable_msi(const struct qemu_pci *pci)
{
	unsigned int data = PCI_MSI_DATA_32;
	uint32_t head;
	int err = read_config(pci, pci->msi, &head);

	if (!err)
		err = write_config(pci, pci->msi + PCI_MSI_ADDRESS_LO, (uint32_t)pci->messages);
	if (!err && head >> 16 & PCI_MSI_FLAGS_64BIT) {
		data = PCI_MSI_DATA_64;
		err = write_config(pci, pci->msi + PCI_MSI_ADDRESS_HI,
				   (uint32_t)(pci->messages >> 32));
	}
	if (!err)
		err = write_config(pci, pci->msi + data, MESSAGE);
	return err ? err : write_config(pci, pci->msi, head | (uint32_t)PCI_MSI_FLAGS_ENABLE << 16);
}

int qemu_pci_enable_irqs(struct qemu_pci *pci, uint64_t messages)
{
	int err = 0;

	if (pci->messages == messages)
		return 0;
	pci->messages = messages;
	if (pci->msix)
		err = enable_msix(pci);
	else if (pci->msi)
		err = enable_msi(pci);
	if (err)
		pci->messages = 0;
	return err;
}

int qemu_pci_read_line(const struct qemu_pci *pci, bool *is_raised)
{
	uint32_t word;
	int err = read_config(pci, PCI_COMMAND, &word);

	*is_raised = !err && word >> 16 & PCI_STATUS_INTERRUPT;
	return err;
}

/* --- Start and reset --- */

static int start_port(const struct qtest *qtest)
{
	int err = qtest_config_write(qtest, QEMU_PCI_PORT, PCI_PRIMARY_BUS, BUSES);

	if (!err)
		err = qtest_config_write(qtest, QEMU_PCI_PORT, PCI_MEMORY_BASE, WINDOW_REGISTER);
	if (!err)
		err = qtest_config_write(qtest, QEMU_PCI_PORT, PCI_IO_BASE, PORTS_REGISTER);
	return err ? err : qtest_config_write(qtest, QEMU_PCI_PORT, PCI_COMMAND, DECODE_AND_MASTER);
}

int qemu_pci_start(struct qemu_pci *pci, const struct qtest *qtest)
{
	uint32_t id, word;
	int err = start_port(qtest);

	*pci = (struct qemu_pci){ .qtest = qtest };
	if (!err)
		err = read_config(pci, PCI_VENDOR_ID, &id);
	/* A read of an empty slot returns all ones. */
	if (!err && id == UINT32_MAX)
		err = -ENXIO;
	if (!err)
		/* qtest reads words. The type of the header is the third byte of this one. */
		err = read_config(pci, PCI_CACHE_LINE_SIZE, &word);
	if (!err && (word >> 16 & PCI_HEADER_TYPE_MASK) != PCI_HEADER_TYPE_NORMAL)
		err = -EINVAL;
	if (!err)
		err = size_bars(pci);
	if (!err)
		err = place_bars(pci);
	return err ? err : find_vectors(pci);
}

int qemu_pci_reset(struct qemu_pci *pci)
{
	/* The control register of a bridge is the upper half of this word. */
	const unsigned int control = PCI_INTERRUPT_LINE;
	const uint64_t messages = pci->messages;
	uint32_t word;
	int err = qtest_config_read(pci->qtest, QEMU_PCI_PORT, control, &word);

	if (!err)
		err = qtest_config_write(pci->qtest, QEMU_PCI_PORT, control, word | BRIDGE_RESET);
	if (!err)
		err = qtest_config_write(pci->qtest, QEMU_PCI_PORT, control, word & ~BRIDGE_RESET);
	/* The reset cleared the registers of the device, also its BARs and its interrupts. */
	if (!err)
		err = place_bars(pci);
	pci->messages = 0;
	return err || !messages ? err : qemu_pci_enable_irqs(pci, messages);
}
