/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for virtio-blk disks that have the registers of virtio-mmio, version 2. It uses one
 * split queue and sleeps until the device interrupts.
 *
 * The driver exposes only two objects: one holds the queue, the headers and the status bytes, the
 * other holds the data. Each object takes a memory slot of the peer, and a peer may have few.
 */
#ifndef BLK_H
#define BLK_H

#include <coherent.h>
#include <coherent/bar.h>

#define BLK_DEPTH_MAX 32
/* Each request has three descriptors. The length of a ring is a power of two. */
#define BLK_ENTRIES 128
#define BLK_SECTOR 512
#define BLK_BYTES_MAX ((size_t)128 << 10)

/* The layouts of Virtual I/O Device 1.2, sections 2.7 and 5.2.6. */
struct blk_desc {
	coherent_le64 address;
	coherent_le32 bytes;
	coherent_le16 flags;
	coherent_le16 next;
};

struct blk_used {
	coherent_le32 id;
	coherent_le32 bytes;
};

struct blk_header {
	coherent_le32 type;
	coherent_le32 reserved;
	coherent_le64 sector;
};

struct blk_queue {
	struct blk_desc desc[BLK_ENTRIES];
	struct {
		coherent_le16 flags;
		coherent_le16 index;
		coherent_le16 ring[BLK_ENTRIES];
		coherent_le16 event;
	} avail;
	uint8_t padding[6]; /* used.ring starts at a multiple of its element size */
	struct {
		coherent_le16 flags;
		coherent_le16 index;
		struct blk_used ring[BLK_ENTRIES];
		coherent_le16 event;
	} used;
	_Alignas(8) struct blk_header headers[BLK_DEPTH_MAX];
	uint8_t status[BLK_DEPTH_MAX];
};

/* The data of one request. */
struct blk_buffer {
	uint8_t bytes[BLK_BYTES_MAX];
};

COHERENT_TYPE(blk_queues, struct blk_queue);
COHERENT_TYPE(blk_buffers, struct blk_buffer);

/**
 * struct blk - A disk. A slot is the memory and the three descriptors of one request at a time.
 * @dev: The device. The caller opens and closes it.
 * @bar: The registers. The driver opens and closes them.
 * @irq: The interrupt. The driver opens and closes it.
 * @rings: The queue, headers and status bytes.
 * @data: The data, one element for each slot.
 * @all: The only element of @rings, for its single fields.
 * @desc: The descriptors in @rings.
 * @avail: The available ring in @rings. Its index wraps.
 * @used: The used ring in @rings. Its index wraps.
 * @headers: The headers in @rings, one for each slot.
 * @status: The status bytes in @rings, one for each slot.
 * @depth: The number of slots.
 * @busy: Bit N is set while slot N has a request.
 * @results: The result of the last request of each slot.
 * @next: How many requests the driver has started.
 * @told: How many of them the device has been told about.
 * @seen: How many finished requests the driver has taken from the used ring.
 * @sectors: The number of sectors of the disk.
 * @flushes: The disk has a cache, which the driver can flush.
 * @has_events: Each side tells the other at which index it wants to be woken.
 * @problem: After -ENODEV, why this driver cannot use the disk; NULL if that is not known.
 */
struct blk {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	union blk_queues rings;
	union blk_buffers data;
	COHERENT_SLOT(struct blk_queue) all;
	COHERENT_RING(struct blk_desc) desc;
	COHERENT_RING(coherent_le16) avail;
	COHERENT_RING(struct blk_used) used;
	COHERENT_RING(struct blk_header) headers;
	COHERENT_RING(uint8_t) status;
	unsigned int depth;
	uint32_t busy;
	int results[BLK_DEPTH_MAX];
	uint16_t next;
	uint16_t told;
	uint16_t seen;
	uint64_t sectors;
	bool flushes;
	bool has_events;
	const char *problem;
};

/**
 * blk_open() - Start a disk.
 * @blk: Receives the disk. End it with blk_close(), also on failure.
 * @dev: The device.
 * @depth: The number of slots, from 1 to BLK_DEPTH_MAX.
 *
 * Return: 0; -ENODEV (not a disk, or one that this driver cannot use: see blk->problem), -EIO (the
 * device failed), -EINVAL (bad @depth), or an error of coherent_zeroed(), coherent_bar_open() or
 * coherent_irq_open().
 */
int blk_open(struct blk *blk, struct coherent_device *dev, unsigned int depth);

/**
 * blk_close() - Stop the disk and free its memory. The device stays open.
 * @blk: From blk_open().
 */
void blk_close(struct blk *blk);

/**
 * blk_start() - Start a request between the disk and the memory of a slot.
 * @blk: The disk.
 * @slot: A slot below the depth that is not busy.
 * @write: true for a write from memory to the disk, false for a read.
 * @sector: The first sector.
 * @bytes: A multiple of BLK_SECTOR, at most BLK_BYTES_MAX.
 *
 * The driver tells the device with the next blk_kick() or wait.
 */
void blk_start(struct blk *blk, unsigned int slot, bool write, uint64_t sector, size_t bytes);

/**
 * blk_start_at() - Start a request between the disk and memory that the caller names.
 * @blk: The disk.
 * @slot: A slot below the depth that is not busy.
 * @write: true for a write from memory to the disk, false for a read.
 * @sector: The first sector.
 * @address: The device address of the memory.
 * @bytes: A multiple of BLK_SECTOR, less than 4 GiB.
 *
 * The driver tells the device with the next blk_kick() or wait.
 */
void blk_start_at(struct blk *blk, unsigned int slot, bool write, uint64_t sector,
		  coherent_addr_t address, size_t bytes);

/**
 * blk_kick() - Tell the device about all requests that were started. Each wait does this too.
 * @blk: The disk.
 */
void blk_kick(struct blk *blk);

/**
 * blk_wait() - Wait until a slot is not busy.
 * @blk: The disk.
 * @slot: The slot.
 *
 * There is no time limit.
 *
 * Return: 0; -EIO (the request failed, or the device completed a request that is not in flight),
 * -EOPNOTSUPP (the device does not know the request), -ENODEV (the device is gone).
 */
int blk_wait(struct blk *blk, unsigned int slot);

/**
 * blk_wait_any() - Wait until one of the busy slots is not busy.
 * @blk: The disk. At least one slot is busy.
 *
 * Return: 0, also if the request failed; -EIO or -ENODEV as blk_wait().
 */
int blk_wait_any(struct blk *blk);

/**
 * blk_flush() - Wait until all written data is on the medium.
 * @blk: The disk. No slot is busy.
 *
 * Return: as blk_wait().
 */
int blk_flush(struct blk *blk);

/**
 * blk_fill() - Copy data into the memory of a slot.
 * @blk: The disk.
 * @slot: A slot that is not busy.
 * @from: The data.
 * @bytes: The number of bytes, at most BLK_BYTES_MAX.
 *
 * Return: 0; -ERANGE (bad @slot or @bytes).
 */
int blk_fill(struct blk *blk, unsigned int slot, const uint8_t *from, size_t bytes);

/**
 * blk_take() - Copy data out of the memory of a slot.
 * @blk: The disk.
 * @slot: A slot that is not busy.
 * @to: Receives the data.
 * @bytes: The number of bytes, at most BLK_BYTES_MAX.
 *
 * Return: 0; -ERANGE (bad @slot or @bytes).
 */
int blk_take(struct blk *blk, unsigned int slot, uint8_t *to, size_t bytes);

#endif
