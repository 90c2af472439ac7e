/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for Intel's 82574 network controller, which QEMU has as e1000e. It has one receive ring
 * and one transmit ring, and it polls.
 *
 * The packet buffers belong to the caller, and the driver never touches them. The caller hands a
 * buffer over by its device address and a number. The number comes back when the controller is done
 * with the buffer.
 */
#ifndef E1000E_H
#define E1000E_H

#include <coherent.h>
#include <coherent/bar.h>

#define E1000E_ENTRIES 64
/* One entry of a ring stays free, so that a full ring differs from an empty one. */
#define E1000E_BUFFERS_MAX (E1000E_ENTRIES - 1)
#define E1000E_BUFFER_BYTES 2048

/* The legacy layouts of the 82574's datasheet, sections 3.2.4 and 3.3.3. */
struct e1000e_receive {
	coherent_le64 address;
	coherent_le16 bytes;
	coherent_le16 checksum;
	uint8_t status;
	uint8_t errors;
	coherent_le16 special;
};

struct e1000e_transmit {
	coherent_le64 address;
	coherent_le16 bytes;
	uint8_t checksum_at;
	uint8_t command;
	uint8_t status;
	uint8_t checksum_from;
	coherent_le16 special;
};

COHERENT_TYPE(e1000e_receives, struct e1000e_receive);
COHERENT_TYPE(e1000e_transmits, struct e1000e_transmit);

/**
 * struct e1000e_place - Which entries of a ring the controller has.
 * @first: The index of the oldest one. It does not wrap.
 * @next: The index of the next entry to fill. It does not wrap.
 * @buffers: The number of the buffer of each entry.
 */
struct e1000e_place {
	uint32_t first;
	uint32_t next;
	unsigned int buffers[E1000E_ENTRIES];
};

/**
 * struct e1000e - A controller.
 * @dev: The device. The caller opens and closes it.
 * @bar: The registers.
 * @receives: The descriptors of the receive ring.
 * @transmits: The descriptors of the transmit ring.
 * @rx_ring: The ring of @receives.
 * @tx_ring: The ring of @transmits.
 * @rx: The place in the receive ring.
 * @tx: The place in the transmit ring.
 */
struct e1000e {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	union e1000e_receives receives;
	union e1000e_transmits transmits;
	COHERENT_RING(struct e1000e_receive) rx_ring;
	COHERENT_RING(struct e1000e_transmit) tx_ring;
	struct e1000e_place rx;
	struct e1000e_place tx;
};

/**
 * e1000e_open() - Reset a controller and start both rings, which are empty.
 * @nic: Receives the controller. End it with e1000e_close(), also on failure.
 * @dev: The device.
 *
 * The controller accepts packets for any address.
 *
 * Return: 0; -ENODEV (another device), -ETIMEDOUT (the reset does not end), or an error of
 * coherent_config_ids(), coherent_bar_open() or coherent_zeroed().
 */
int e1000e_open(struct e1000e *nic, struct coherent_device *dev);

/**
 * e1000e_close() - Reset the controller and free the rings. It does not use buffers any more.
 * @nic: From e1000e_open().
 */
void e1000e_close(struct e1000e *nic);

/**
 * e1000e_post() - Queue a buffer for a packet that will come.
 * @nic: The controller.
 * @address: The device address of the buffer, which has E1000E_BUFFER_BYTES.
 * @buffer: Its number.
 *
 * Return: 0; -EAGAIN (the ring is full).
 */
int e1000e_post(struct e1000e *nic, coherent_addr_t address, unsigned int buffer);

/**
 * e1000e_receive() - Take the oldest packet that came.
 * @nic: The controller.
 * @buffer: Set to the number of its buffer, also with -EIO.
 * @bytes: Set to its length.
 *
 * Return: 0; -EAGAIN (no packet came), -EIO (the packet is damaged or does not fit).
 */
int e1000e_receive(struct e1000e *nic, unsigned int *buffer, size_t *bytes);

/**
 * e1000e_send() - Queue a packet.
 * @nic: The controller.
 * @address: The device address of its buffer.
 * @bytes: Its length, at most E1000E_BUFFER_BYTES.
 * @buffer: The number of the buffer.
 *
 * Return: 0; -EAGAIN (the ring is full).
 */
int e1000e_send(struct e1000e *nic, coherent_addr_t address, size_t bytes, unsigned int buffer);

/**
 * e1000e_sent() - Take back the oldest buffer that was sent.
 * @nic: The controller.
 * @buffer: Set to its number.
 *
 * Return: 0; -EAGAIN (none was sent).
 */
int e1000e_sent(struct e1000e *nic, unsigned int *buffer);

/**
 * e1000e_wait() - Wait until the controller is done with the oldest buffer of a ring.
 * @nic: The controller.
 * @place: &nic->rx to wait for a packet, &nic->tx until one is sent.
 * @timeout_ns: How long to wait.
 *
 * Return: 0; -ETIMEDOUT, -ENODEV (the device is gone), -EAGAIN (the ring is empty).
 */
int e1000e_wait(struct e1000e *nic, const struct e1000e_place *place, uint64_t timeout_ns);

/**
 * e1000e_kick() - Tell the controller about all that is queued.
 * @nic: The controller.
 */
void e1000e_kick(struct e1000e *nic);

#endif
