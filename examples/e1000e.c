// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <coherent/config.h>

#include "e1000e.h"

/* The registers, from the 82574's datasheet, section 10.1.1. */
enum {
	REG_CTRL = 0x0000,
	REG_IMC = 0x00d8,
	REG_RCTL = 0x0100,
	REG_TCTL = 0x0400,
	REG_RDBAL = 0x2800,
	REG_RDLEN = 0x2808,
	REG_RDH = 0x2810,
	REG_RDT = 0x2818,
	REG_TDBAL = 0x3800,
	REG_TDLEN = 0x3808,
	REG_TDH = 0x3810,
	REG_TDT = 0x3818
};
enum { CTRL_LINK_UP = 1 << 6, CTRL_RESET = 1 << 26 };
/*
 * The controller accepts all addresses. Its buffers have 2048 bytes. It strips the checksum at the
 * end of a packet, which the length of the descriptor would include.
 */
enum { RCTL_ENABLE = 1 << 1, RCTL_ALL = 3 << 3 | 1 << 15, RCTL_STRIP_CRC = 1 << 26 };
enum { TCTL_ENABLE = 1 << 1, TCTL_PAD = 1 << 3, TCTL_COLLISIONS = 15 << 4 | 63 << 12 };
enum { RX_DONE = 1, RX_END = 2 };
enum { TX_END = 1, TX_ADD_CRC = 2, TX_REPORT = 8, TX_DONE = 1 };

#define VENDOR_INTEL 0x8086
#define DEVICE_82574 0x10d3
#define SECOND UINT64_C(1000000000)

/* --- Rings --- */

static bool is_full(const struct e1000e_place *place)
{
	return place->next - place->first == E1000E_BUFFERS_MAX;
}

static bool is_empty(const struct e1000e_place *place)
{
	return place->next == place->first;
}

static void put_buffer(struct e1000e_place *place, unsigned int buffer)
{
	place->buffers[place->next++ % E1000E_ENTRIES] = buffer;
}

static unsigned int take_buffer(struct e1000e_place *place)
{
	return place->buffers[place->first++ % E1000E_ENTRIES];
}

/* The controller sees an entry when the driver moves the tail behind it, in e1000e_kick(). */
int e1000e_post(struct e1000e *nic, coherent_addr_t address, unsigned int buffer)
{
	const uint32_t at = nic->rx.next;

	if (is_full(&nic->rx))
		return -EAGAIN;
	coherent_ring_put(&nic->rx_ring, at, .address, address.raw);
	coherent_ring_put(&nic->rx_ring, at, .status, 0);
	put_buffer(&nic->rx, buffer);
	return 0;
}

int e1000e_receive(struct e1000e *nic, unsigned int *buffer, size_t *bytes)
{
	const uint32_t at = nic->rx.first;
	uint8_t status;

	if (is_empty(&nic->rx))
		return -EAGAIN;
	/* Acquire: the controller writes the status after the packet and its length. */
	status = coherent_ring_get_acquire(&nic->rx_ring, at, .status);
	if (!(status & RX_DONE))
		return -EAGAIN;
	*buffer = take_buffer(&nic->rx);
	*bytes = coherent_ring_get(&nic->rx_ring, at, .bytes);
	if (!(status & RX_END) || coherent_ring_get(&nic->rx_ring, at, .errors) ||
	    *bytes > E1000E_BUFFER_BYTES)
		return -EIO;
	return 0;
}

int e1000e_send(struct e1000e *nic, coherent_addr_t address, size_t bytes, unsigned int buffer)
{
	const uint32_t at = nic->tx.next;

	if (is_full(&nic->tx))
		return -EAGAIN;
	coherent_ring_put(&nic->tx_ring, at, .address, address.raw);
	coherent_ring_put(&nic->tx_ring, at, .bytes, (uint16_t)bytes);
	coherent_ring_put(&nic->tx_ring, at, .command, TX_END | TX_ADD_CRC | TX_REPORT);
	coherent_ring_put(&nic->tx_ring, at, .status, 0);
	put_buffer(&nic->tx, buffer);
	return 0;
}

int e1000e_sent(struct e1000e *nic, unsigned int *buffer)
{
	if (is_empty(&nic->tx) ||
	    !(coherent_ring_get_acquire(&nic->tx_ring, nic->tx.first, .status) & TX_DONE))
		return -EAGAIN;
	*buffer = take_buffer(&nic->tx);
	return 0;
}

int e1000e_wait(struct e1000e *nic, const struct e1000e_place *place, uint64_t timeout_ns)
{
	const size_t at = place->first % E1000E_ENTRIES;
	uint8_t status;

	if (is_empty(place))
		return -EAGAIN;
	if (place == &nic->rx)
		return coherent_poll(&nic->receives, at, .status, &status, status & RX_DONE,
				     timeout_ns);
	return coherent_poll(&nic->transmits, at, .status, &status, status & TX_DONE, timeout_ns);
}

/* A register write is ordered after all earlier writes to a mem, so there is no barrier. */
void e1000e_kick(struct e1000e *nic)
{
	coherent_bar_write32(nic->bar, REG_RDT, nic->rx.next % E1000E_ENTRIES);
	coherent_bar_write32(nic->bar, REG_TDT, nic->tx.next % E1000E_ENTRIES);
}

/* --- The controller --- */

/*
 * QEMU 7.2 keeps the registers over a reset. So the driver stops both directions by itself. It does
 * this before the first expose, because only then does the device become bus master.
 */
static int reset(struct e1000e *nic)
{
	int err;

	coherent_bar_write32(nic->bar, REG_RCTL, 0);
	coherent_bar_write32(nic->bar, REG_TCTL, 0);
	coherent_bar_write32(nic->bar, REG_CTRL, CTRL_RESET);
	err = coherent_bar_poll32(nic->bar, REG_CTRL, CTRL_RESET, 0, SECOND);
	/* The driver polls, so it masks all interrupts. */
	coherent_bar_write32(nic->bar, REG_IMC, UINT32_MAX);
	return err;
}

static int open_rings(struct e1000e *nic)
{
	int err = coherent_zeroed(&nic->receives, nic->dev, E1000E_ENTRIES);

	if (!err)
		err = coherent_zeroed(&nic->transmits, nic->dev, E1000E_ENTRIES);
	if (!err)
		err = coherent_ring(&nic->receives, &nic->rx_ring);
	return err ? err : coherent_ring(&nic->transmits, &nic->tx_ring);
}

/* The three registers of a ring that follow its address. The controller has no entries yet. */
static void set_ring(struct e1000e *nic, uint64_t base, coherent_addr_t address, size_t bytes)
{
	coherent_bar_write32(nic->bar, base, (uint32_t)address.raw);
	coherent_bar_write32(nic->bar, base + 4, (uint32_t)(address.raw >> 32));
	coherent_bar_write32(nic->bar, base + REG_RDLEN - REG_RDBAL, (uint32_t)bytes);
	coherent_bar_write32(nic->bar, base + REG_RDH - REG_RDBAL, 0);
	coherent_bar_write32(nic->bar, base + REG_RDT - REG_RDBAL, 0);
}

static void start(struct e1000e *nic)
{
	set_ring(nic, REG_RDBAL, coherent_addr(&nic->receives), coherent_size(&nic->receives));
	set_ring(nic, REG_TDBAL, coherent_addr(&nic->transmits), coherent_size(&nic->transmits));
	coherent_bar_write32(nic->bar, REG_CTRL, CTRL_LINK_UP);
	coherent_bar_write32(nic->bar, REG_RCTL, RCTL_ENABLE | RCTL_ALL | RCTL_STRIP_CRC);
	coherent_bar_write32(nic->bar, REG_TCTL, TCTL_ENABLE | TCTL_PAD | TCTL_COLLISIONS);
}

int e1000e_open(struct e1000e *nic, struct coherent_device *dev)
{
	struct coherent_ids ids;
	int err;

	*nic = (struct e1000e){ .dev = dev };
	err = coherent_config_ids(dev, &ids);
	if (!err && (ids.vendor != VENDOR_INTEL || ids.device != DEVICE_82574))
		err = -ENODEV;
	if (!err)
		err = coherent_bar_open(&nic->bar, dev, 0);
	if (!err)
		err = reset(nic);
	if (!err)
		err = open_rings(nic);
	if (!err)
		start(nic);
	return err;
}

void e1000e_close(struct e1000e *nic)
{
	if (nic->bar && reset(nic))
		(void)!coherent_device_reset(nic->dev);
	coherent_free(&nic->receives);
	coherent_free(&nic->transmits);
	coherent_bar_close(nic->bar);
	nic->bar = NULL;
}
