// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver for a network card with a transmit ring and a receive ring, and a model of the card that
 * tests the driver. The model returns each frame that it is sent.
 *
 * Each descriptor has an owner, the driver or the card. Only the owner may change the descriptor
 * and use its frame. The owner gives both away by writing the owner field last.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES 256
#define FRAME_BYTES 2048

enum nic_reg { NIC_TX = 0x00, NIC_RX = 0x08, NIC_CTRL = 0x10, NIC_DOORBELL = 0x14, NIC_BAR = 0x20 };
enum nic_owner { NIC_DRIVER, NIC_DEVICE };

struct nic_desc {
	coherent_le64 addr;
	coherent_le16 len;
	coherent_le16 error;
	coherent_le32 owner;
};

struct nic_frame {
	uint8_t bytes[FRAME_BYTES];
};

COHERENT_TYPE(nic_descs, struct nic_desc);
COHERENT_TYPE(nic_frames, struct nic_frame);

/* --- The driver --- */

struct nic_queue {
	union nic_descs descs;
	union nic_frames frames;
	COHERENT_RING(struct nic_desc) ring;
	unsigned int next;
};

struct nic {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct nic_queue tx;
	struct nic_queue rx;
};

/* Fills the descriptors while they are a box, so the card never sees a half-filled one. */
static int nic_fill_ring(struct nic_desc *desc, size_t count, const union nic_frames *frames,
			 enum nic_owner owner)
{
	coherent_addr_t addr;
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		err = coherent_addr_at(frames, i, &addr);
		desc[i].addr = coherent_cpu_to_le64(addr.raw);
		desc[i].len = coherent_cpu_to_le16(FRAME_BYTES);
		desc[i].owner = coherent_cpu_to_le32(owner);
	}
	return err;
}

static int nic_open_queue(struct nic *nic, struct nic_queue *queue, enum nic_owner owner)
{
	COHERENT_BOX_AUTO(struct nic_desc, box);
	int err;

	err = coherent_zeroed(&queue->frames, nic->dev, ENTRIES,
			      .permission = owner == NIC_DRIVER ? COHERENT_READ_ONLY :
								  COHERENT_READ_WRITE);
	if (!err)
		err = coherent_box_zeroed(&box, nic->dev, ENTRIES);
	if (!err)
		err = nic_fill_ring(coherent_box_ptr(&box), ENTRIES, &queue->frames, owner);
	if (!err)
		err = coherent_expose(&box, &queue->descs);
	return err ? err : coherent_ring(&queue->descs, &queue->ring);
}

/* Returns 0, -EAGAIN if the ring is full, or -ERANGE if the frame is too long. */
static int nic_send(struct nic *nic, const void *frame, uint16_t len)
{
	struct nic_queue *tx = &nic->tx;
	const unsigned int i = tx->next;
	int err;

	if (coherent_ring_get_acquire(&tx->ring, i, .owner) == NIC_DEVICE)
		return -EAGAIN;
	err = coherent_copy_in_field(&tx->frames, i % ENTRIES, .bytes, 0, frame, len);
	if (err)
		return err;
	/* Release: the card must not see the new owner before the frame and its length. */
	coherent_ring_put(&tx->ring, i, .len, len);
	coherent_ring_put_release(&tx->ring, i, .owner, NIC_DEVICE);
	tx->next++;
	coherent_bar_write32(nic->bar, NIC_DOORBELL, tx->next);
	return 0;
}

/*
 * Returns the length of the frame, -EAGAIN if there is no frame, or -EPROTO if the card reports an
 * error or a length that cannot be.
 */
static int nic_receive(struct nic *nic, void *frame, size_t size)
{
	struct nic_queue *rx = &nic->rx;
	const unsigned int i = rx->next;
	uint16_t len;
	int err;

	/* Acquire: read the length and the frame after the owner, as the card writes it last. */
	if (coherent_ring_get_acquire(&rx->ring, i, .owner) == NIC_DEVICE)
		return -EAGAIN;
	/* Read the length once: the card could change it between the check and the copy. */
	len = coherent_ring_get(&rx->ring, i, .len);
	if (coherent_ring_get(&rx->ring, i, .error) || len > size)
		err = -EPROTO;
	else
		err = coherent_copy_out_field(&rx->frames, i % ENTRIES, .bytes, 0, frame, len);
	coherent_ring_put(&rx->ring, i, .len, FRAME_BYTES);
	coherent_ring_put_release(&rx->ring, i, .owner, NIC_DEVICE);
	rx->next++;
	return err ? err : len;
}

/* This is safe while the card runs: coherent_free() ends its access before the memory is reused. */
static void nic_close(struct nic *nic)
{
	coherent_bar_write32(nic->bar, NIC_CTRL, 0);
	coherent_free(&nic->tx.descs);
	coherent_free(&nic->tx.frames);
	coherent_free(&nic->rx.descs);
	coherent_free(&nic->rx.frames);
	coherent_bar_close(nic->bar);
	coherent_device_close(nic->dev);
}

static int nic_open(struct nic *nic, const char *name, const struct coherent_sim_model *model,
		    void *model_arg)
{
	int err;

	*nic = (struct nic){ .dev = NULL };
	err = coherent_device_open(&nic->dev, name, .model = model, .model_arg = model_arg,
				   .report = coherent_report_stderr);
	if (!err)
		err = coherent_device_set_mask(nic->dev, coherent_mask(40));
	if (!err)
		err = coherent_bar_open(&nic->bar, nic->dev, 0);
	if (!err)
		err = nic_open_queue(nic, &nic->tx, NIC_DRIVER);
	if (!err)
		err = nic_open_queue(nic, &nic->rx, NIC_DEVICE);
	if (err) {
		nic_close(nic);
		return err;
	}
	coherent_bar_write64(nic->bar, NIC_TX, coherent_addr(&nic->tx.descs).raw);
	coherent_bar_write64(nic->bar, NIC_RX, coherent_addr(&nic->rx.descs).raw);
	coherent_bar_write32(nic->bar, NIC_CTRL, 1);
	return 0;
}

/* --- The model of the card --- */

struct card {
	uint64_t tx;
	uint64_t rx;
	uint64_t running;
	uint64_t tx_done;
	uint64_t rx_done;
};

static void card_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
		       unsigned int width, uint64_t value)
{
	struct card *card = arg;

	(void)sim;
	(void)bar;
	(void)width;
	if (offset == NIC_TX)
		card->tx = value;
	else if (offset == NIC_RX)
		card->rx = value;
	else if (offset == NIC_CTRL)
		card->running = value;
}

static bool card_owns(struct coherent_sim *sim, uint64_t at, struct nic_desc *desc)
{
	return !coherent_sim_dma_read(sim, at, desc, sizeof(*desc)) &&
	       coherent_le32_to_cpu(desc->owner) == NIC_DEVICE;
}

/* Gives a descriptor back to the driver: writes the other fields first and the owner last. */
static void card_return(struct coherent_sim *sim, uint64_t at, const struct nic_desc *desc)
{
	const size_t owner = offsetof(struct nic_desc, owner);
	const coherent_le32 driver = coherent_cpu_to_le32(NIC_DRIVER);

	if (!coherent_sim_dma_write(sim, at + 8, &desc->len, owner - 8))
		(void)!coherent_sim_dma_write(sim, at + owner, &driver, sizeof(driver));
}

static void card_tick(struct coherent_sim *sim, void *arg)
{
	struct card *card = arg;
	uint8_t frame[FRAME_BYTES];
	struct nic_desc tx, rx;

	while (card->running) {
		const uint64_t tx_at = card->tx + card->tx_done % ENTRIES * sizeof(tx);
		const uint64_t rx_at = card->rx + card->rx_done % ENTRIES * sizeof(rx);
		const uint16_t len = FRAME_BYTES;
		int err;

		if (!card_owns(sim, tx_at, &tx) || !card_owns(sim, rx_at, &rx))
			return;
		err = coherent_sim_dma_read(sim, coherent_le64_to_cpu(tx.addr), frame,
					    coherent_le16_to_cpu(tx.len) % (len + 1));
		if (!err)
			err = coherent_sim_dma_write(sim, coherent_le64_to_cpu(rx.addr), frame,
						     coherent_le16_to_cpu(tx.len) % (len + 1));
		rx.len = tx.len;
		rx.error = tx.error = coherent_cpu_to_le16(err ? 1 : 0);
		card_return(sim, rx_at, &rx);
		card_return(sim, tx_at, &tx);
		card->tx_done++;
		card->rx_done++;
	}
}

static const struct coherent_sim_model card_model = {
	.name = "nic",
	.mask = UINT64_MAX >> 24,
	.bar_size = { NIC_BAR },
	.reg_write = card_write,
	.tick = card_tick,
};

/* --- A test of the driver --- */

#define FRAMES 5000

static uint16_t length_of(unsigned int n)
{
	return (uint16_t)(64 + n * 7 % 1900);
}

static int check_frame(const uint8_t *frame, int len, unsigned int n)
{
	if (len != length_of(n))
		return -EBADMSG;
	for (int i = 0; i < len; i++)
		if (frame[i] != (uint8_t)n)
			return -EBADMSG;
	return 0;
}

static int echo_frames(struct nic *nic)
{
	unsigned int sent = 0, received = 0;
	uint8_t frame[FRAME_BYTES];
	int len;

	while (received < FRAMES) {
		memset(frame, (uint8_t)sent, sizeof(frame));
		len = sent < FRAMES ? nic_send(nic, frame, length_of(sent)) : -EAGAIN;
		if (!len)
			sent++;
		else if (len != -EAGAIN)
			return len;
		len = nic_receive(nic, frame, sizeof(frame));
		if (len == -EAGAIN)
			continue;
		if (len < 0 || check_frame(frame, len, received))
			return len < 0 ? len : -EBADMSG;
		received++;
	}
	return 0;
}

int main(void)
{
	const uint8_t frame[FRAME_BYTES] = { 0 };
	struct card card = { .running = 0 };
	struct nic nic;
	int err;

	err = nic_open(&nic, "sim:custom", &card_model, &card);
	if (err)
		return 1;
	err = echo_frames(&nic);
	/* Close the card while some frames are still in flight. */
	for (unsigned int i = 0; !err && i < 64; i++)
		err = nic_send(&nic, frame, 64);
	nic_close(&nic);
	printf("nic: %d frames sent and received: %s\n", FRAMES, err ? strerror(-err) : "ok");
	return err ? 1 : 0;
}
