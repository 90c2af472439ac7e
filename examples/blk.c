// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#include "blk.h"

#define MAGIC 0x74726976
#define QUEUE 0

/* The numbers of the three descriptors of a slot. */
#define HEADER(slot) (3 * (slot))
#define DATA(slot) (3 * (slot) + 1)
#define STATUS(slot) (3 * (slot) + 2)

_Static_assert(3 * BLK_DEPTH_MAX <= BLK_ENTRIES, "each slot needs three descriptors");

/* --- The rings, while they are a box --- */

/*
 * Writes all descriptor fields that never change, while the rings are still a box. They contain
 * the device addresses of the headers and status bytes, which are in the same object. Only a seal
 * function knows the address of an object that the device cannot reach yet. So the device never
 * sees a half-filled descriptor.
 */
static int seal_rings(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	struct blk_queue *rings = elements;
	const uint64_t headers = address.raw + offsetof(struct blk_queue, headers);
	const uint64_t status = address.raw + offsetof(struct blk_queue, status);

	(void)count;
	(void)arg;
	for (unsigned int slot = 0; slot < BLK_DEPTH_MAX; slot++) {
		rings->desc[HEADER(slot)] = (struct blk_desc){
			.address = coherent_cpu_to_le64(headers + slot * sizeof(struct blk_header)),
			.bytes = coherent_cpu_to_le32(sizeof(struct blk_header)),
			.flags = coherent_cpu_to_le16(VRING_DESC_F_NEXT),
		};
		rings->desc[DATA(slot)].next = coherent_cpu_to_le16((uint16_t)STATUS(slot));
		rings->desc[STATUS(slot)] = (struct blk_desc){
			.address = coherent_cpu_to_le64(status + slot),
			.bytes = coherent_cpu_to_le32(1),
			.flags = coherent_cpu_to_le16(VRING_DESC_F_WRITE),
		};
	}
	return 0;
}

/*
 * Exposes the rings. Then makes one checked ring for each array in them. An index into a ring
 * wraps, so that an access cannot fail and costs little.
 */
static int open_rings(struct blk *blk)
{
	int err = coherent_zeroed(&blk->rings, blk->dev, 1, .seal = seal_rings);

	if (!err)
		err = coherent_slot(&blk->rings, 0, &blk->all);
	if (!err)
		err = coherent_ring_field(&blk->rings, 0, .desc, &blk->desc);
	if (!err)
		err = coherent_ring_field(&blk->rings, 0, .avail.ring, &blk->avail);
	if (!err)
		err = coherent_ring_field(&blk->rings, 0, .used.ring, &blk->used);
	if (!err)
		err = coherent_ring_field(&blk->rings, 0, .headers, &blk->headers);
	return err ? err : coherent_ring_field(&blk->rings, 0, .status, &blk->status);
}

/* --- The device: Virtual I/O Device 1.2, sections 3.1.1 and 4.2.3 --- */

static uint32_t read_register(struct blk *blk, uint64_t offset)
{
	return coherent_bar_read32(blk->bar, offset);
}

static void write_register(struct blk *blk, uint64_t offset, uint32_t value)
{
	coherent_bar_write32(blk->bar, offset, value);
}

static void add_status(struct blk *blk, uint32_t bit)
{
	write_register(blk, VIRTIO_MMIO_STATUS, read_register(blk, VIRTIO_MMIO_STATUS) | bit);
}

static bool has_status(struct blk *blk, uint32_t bit)
{
	const uint32_t status = read_register(blk, VIRTIO_MMIO_STATUS);

	/* A device that is gone reads as all ones, which include NEEDS_RESET. */
	return status & bit && !(status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static int negotiate(struct blk *blk)
{
	uint32_t low, high;

	write_register(blk, VIRTIO_MMIO_STATUS, 0);
	/* If the reset failed, the device still uses the queue of an earlier driver. */
	if (read_register(blk, VIRTIO_MMIO_STATUS))
		return -EIO;
	add_status(blk, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(blk, VIRTIO_CONFIG_S_DRIVER);
	write_register(blk, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = read_register(blk, VIRTIO_MMIO_DEVICE_FEATURES) &
	      (1u << VIRTIO_BLK_F_FLUSH | 1u << VIRTIO_RING_F_EVENT_IDX);
	write_register(blk, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	high = read_register(blk, VIRTIO_MMIO_DEVICE_FEATURES) & 1u << (VIRTIO_F_VERSION_1 - 32);
	write_register(blk, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	write_register(blk, VIRTIO_MMIO_DRIVER_FEATURES, low);
	write_register(blk, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_register(blk, VIRTIO_MMIO_DRIVER_FEATURES, high);
	add_status(blk, VIRTIO_CONFIG_S_FEATURES_OK);
	blk->flushes = low & 1u << VIRTIO_BLK_F_FLUSH;
	blk->has_events = low & 1u << VIRTIO_RING_F_EVENT_IDX;
	return has_status(blk, VIRTIO_CONFIG_S_FEATURES_OK) ? 0 : -EIO;
}

static void set_address(struct blk *blk, uint64_t low, size_t offset)
{
	const uint64_t address = coherent_addr(&blk->rings).raw + offset;

	write_register(blk, low, (uint32_t)address);
	write_register(blk, low + 4, (uint32_t)(address >> 32));
}

static int start_queue(struct blk *blk)
{
	write_register(blk, VIRTIO_MMIO_QUEUE_SEL, QUEUE);
	if (read_register(blk, VIRTIO_MMIO_QUEUE_NUM_MAX) < BLK_ENTRIES) {
		blk->problem = "the queue of the disk is too short";
		return -ENODEV;
	}
	write_register(blk, VIRTIO_MMIO_QUEUE_NUM, BLK_ENTRIES);
	set_address(blk, VIRTIO_MMIO_QUEUE_DESC_LOW, offsetof(struct blk_queue, desc));
	set_address(blk, VIRTIO_MMIO_QUEUE_AVAIL_LOW, offsetof(struct blk_queue, avail));
	set_address(blk, VIRTIO_MMIO_QUEUE_USED_LOW, offsetof(struct blk_queue, used));
	write_register(blk, VIRTIO_MMIO_QUEUE_READY, 1);
	add_status(blk, VIRTIO_CONFIG_S_DRIVER_OK);
	return has_status(blk, VIRTIO_CONFIG_S_DRIVER_OK) ? 0 : -EIO;
}

static int probe(struct blk *blk)
{
	int err = coherent_bar_open(&blk->bar, blk->dev, 0);

	if (err)
		return err;
	if (read_register(blk, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC ||
	    read_register(blk, VIRTIO_MMIO_VERSION) != 2 ||
	    read_register(blk, VIRTIO_MMIO_DEVICE_ID) != VIRTIO_ID_BLOCK) {
		blk->problem = "the device is not a virtio-blk disk";
		return -ENODEV;
	}
	return coherent_irq_open(&blk->irq, blk->dev, 0);
}

int blk_open(struct blk *blk, struct coherent_device *dev, unsigned int depth)
{
	int err;

	*blk = (struct blk){ .dev = dev, .depth = depth };
	if (!depth || depth > BLK_DEPTH_MAX)
		return -EINVAL;
	err = probe(blk);
	if (!err)
		err = negotiate(blk);
	if (!err)
		err = open_rings(blk);
	if (!err)
		err = coherent_zeroed(&blk->data, dev, depth);
	if (!err)
		err = start_queue(blk);
	if (!err)
		blk->sectors = coherent_bar_read64(blk->bar, VIRTIO_MMIO_CONFIG);
	return err || blk->sectors != UINT64_MAX ? err : -EIO;
}

/*
 * A reset ends all requests, so the driver may promise .idle. A reclaimed object then frees its
 * memory slot of the peer at once. Without the reset there is no promise and no reclaim.
 */
static void reset_and_reclaim(struct blk *blk)
{
	COHERENT_BOX_AUTO(struct blk_queue, rings);
	COHERENT_BOX_AUTO(struct blk_buffer, data);

	write_register(blk, VIRTIO_MMIO_STATUS, 0);
	if (read_register(blk, VIRTIO_MMIO_STATUS))
		return;
	(void)!coherent_reclaim(&blk->rings, &rings, .idle = true);
	(void)!coherent_reclaim(&blk->data, &data, .idle = true);
}

/* If a mem was not reclaimed, coherent_free() keeps its memory until a fence. */
void blk_close(struct blk *blk)
{
	if (blk->bar)
		reset_and_reclaim(blk);
	coherent_free(&blk->data);
	coherent_free(&blk->rings);
	coherent_irq_close(blk->irq);
	coherent_bar_close(blk->bar);
	blk->irq = NULL;
	blk->bar = NULL;
}

/* --- Requests --- */

/* Puts a request into the available ring. The device reads the ring only up to avail.index. */
static void make_available(struct blk *blk, unsigned int slot)
{
	blk->busy |= 1u << slot;
	coherent_ring_put(&blk->avail, blk->next++, (uint16_t)HEADER(slot));
}

/*
 * Checks whether the device asked to be told about new requests. It does not ask while it works on
 * a request, because it looks at the ring again when it has finished.
 */
static bool wants_kick(struct blk *blk, uint16_t before)
{
	if (blk->has_events)
		return vring_need_event(coherent_slot_get(&blk->all, .used.event), blk->told,
					before);
	return !(coherent_slot_get(&blk->all, .used.flags) & VRING_USED_F_NO_NOTIFY);
}

void blk_kick(struct blk *blk)
{
	const uint16_t before = blk->told;

	if (blk->next == before)
		return;
	blk->told = blk->next;
	coherent_slot_put_release(&blk->all, .avail.index, blk->told);
	/*
	 * ORDER: write the index before reading whether the device wants a kick. Otherwise both
	 * sides may wait for each other. The partner is in the device.
	 */
	coherent_mb();
	if (wants_kick(blk, before))
		write_register(blk, VIRTIO_MMIO_QUEUE_NOTIFY, QUEUE);
}

void blk_start_at(struct blk *blk, unsigned int slot, bool write, uint64_t sector,
		  coherent_addr_t address, size_t bytes)
{
	coherent_ring_put(&blk->headers, slot, .type, write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN);
	coherent_ring_put(&blk->headers, slot, .sector, sector);
	coherent_ring_put(&blk->desc, HEADER(slot), .next, (uint16_t)DATA(slot));
	coherent_ring_put(&blk->desc, DATA(slot), .address, address.raw);
	coherent_ring_put(&blk->desc, DATA(slot), .bytes, (uint32_t)bytes);
	coherent_ring_put(&blk->desc, DATA(slot), .flags,
			  write ? VRING_DESC_F_NEXT : VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	make_available(blk, slot);
}

void blk_start(struct blk *blk, unsigned int slot, bool write, uint64_t sector, size_t bytes)
{
	const uint64_t first = coherent_addr(&blk->data).raw;

	blk_start_at(blk, slot, write, sector,
		     (coherent_addr_t){ first + slot * sizeof(struct blk_buffer) }, bytes);
}

static int result_of(uint8_t status)
{
	if (status == VIRTIO_BLK_S_UNSUPP)
		return -EOPNOTSUPP;
	return status == VIRTIO_BLK_S_OK ? 0 : -EIO;
}

/*
 * Takes all finished requests. The acquire orders the reads of the entries after the read of the
 * index. The device can change an entry at any time, so the driver reads it once and checks it.
 */
static int take_used(struct blk *blk)
{
	const uint16_t index = coherent_slot_get_acquire(&blk->all, .used.index);

	while (blk->seen != index) {
		const uint32_t id = coherent_ring_get(&blk->used, blk->seen++, .id);
		const uint32_t slot = id / 3;

		if (id % 3 || slot >= blk->depth || !(blk->busy & 1u << slot))
			return -EIO;
		blk->busy &= ~(1u << slot);
		blk->results[slot] = result_of(coherent_ring_get(&blk->status, slot));
	}
	return 0;
}

/*
 * The device may interrupt only while the driver sleeps, and only when half of the requests are
 * finished. The other half keeps the device busy until the driver runs again.
 */
static int sleep_unless_used(struct blk *blk)
{
	const uint16_t half = (uint16_t)(blk->told - blk->seen) / 2;
	int err = 0;

	coherent_slot_put(&blk->all, .avail.event, (uint16_t)(blk->seen + half));
	coherent_slot_put(&blk->all, .avail.flags, 0);
	/*
	 * ORDER: ask for the interrupt before reading the index, or a completion between the two
	 * would go unnoticed. The partner is in the device, as in blk_kick().
	 */
	coherent_mb();
	if ((uint16_t)(coherent_slot_get(&blk->all, .used.index) - blk->seen) <= half)
		err = coherent_irq_wait(blk->irq, UINT64_MAX);
	coherent_slot_put(&blk->all, .avail.flags, VRING_AVAIL_F_NO_INTERRUPT);
	return err;
}

int blk_wait_any(struct blk *blk)
{
	const uint32_t busy = blk->busy;
	int err;

	blk_kick(blk);
	err = take_used(blk);
	while (!err && blk->busy == busy) {
		err = sleep_unless_used(blk);
		if (!err)
			err = take_used(blk);
	}
	return err;
}

int blk_wait(struct blk *blk, unsigned int slot)
{
	int err = 0;

	while (!err && blk->busy & 1u << slot)
		err = blk_wait_any(blk);
	return err ? err : blk->results[slot];
}

int blk_flush(struct blk *blk)
{
	if (!blk->flushes)
		return 0;
	coherent_ring_put(&blk->headers, 0, .type, VIRTIO_BLK_T_FLUSH);
	coherent_ring_put(&blk->headers, 0, .sector, 0);
	coherent_ring_put(&blk->desc, HEADER(0), .next, (uint16_t)STATUS(0));
	make_available(blk, 0);
	return blk_wait(blk, 0);
}

int blk_fill(struct blk *blk, unsigned int slot, const uint8_t *from, size_t bytes)
{
	return coherent_copy_in_field(&blk->data, slot, .bytes, 0, from, bytes);
}

int blk_take(struct blk *blk, unsigned int slot, uint8_t *to, size_t bytes)
{
	return coherent_copy_out_field(&blk->data, slot, .bytes, 0, to, bytes);
}
