/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for virtio-blk disks whose registers are those of virtio-mmio, version 2: one
 * split queue, in one object with all that is not data, and the data in another, so that
 * a peer with few memory slots will do. It sleeps until the device interrupts.
 */
#ifndef BLK_H
#define BLK_H

#include <coherent.h>
#include <coherent/bar.h>

#define BLK_DEPTH_MAX 32
/* A request is three descriptors; a power of two that holds all. */
#define BLK_ENTRIES 128
#define BLK_SECTOR 512
#define BLK_BYTES_MAX ((size_t)128 << 10)

/* Virtual I/O Device 1.2, 2.7 and 5.2.6. */
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
	uint8_t padding[6]; /* so that the elements of what follows are aligned by their size */
	struct {
		coherent_le16 flags;
		coherent_le16 index;
		struct blk_used ring[BLK_ENTRIES];
		coherent_le16 event;
	} used;
	_Alignas(8) struct blk_header headers[BLK_DEPTH_MAX];
	uint8_t status[BLK_DEPTH_MAX];
};

/* What a request carries. */
struct blk_buffer {
	uint8_t bytes[BLK_BYTES_MAX];
};

COHERENT_TYPE(blk_queues, struct blk_queue);
COHERENT_TYPE(blk_buffers, struct blk_buffer);

/**
 * struct blk - A disk.
 * @dev: The device; the caller's.
 * @bar: Its registers; the driver's.
 * @irq: Its interrupt; the driver's.
 * @rings: Descriptors, rings, headers, status bytes.
 * @data: The memory of each slot.
 * @all: @rings, as the one element that it is.
 * @desc: Its parts, by an index that wraps.
 * @avail: The same.
 * @used: The same.
 * @headers: The same, by slot.
 * @status: The same, by slot.
 * @depth: How many slots.
 * @busy: Slots with a request, a bit each.
 * @results: Of the last request of each slot.
 * @next: Requests made so far.
 * @told: Of those that the device was told of.
 * @seen: Requests that the device was seen to have finished.
 * @sectors: How many the disk has.
 * @flushes: It has a cache that can be flushed.
 * @has_events: Both sides say at which index they want to be woken.
 * @problem: Why it is of no use, after -ENODEV; NULL if that is not known.
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
 * @blk: Filled in; end it with blk_close(), also on failure.
 * @dev: The device.
 * @depth: Requests at a time, from 1 to BLK_DEPTH_MAX.
 *
 * Return: 0; -ENODEV (no disk, or of no use, see @problem), -EIO, -EINVAL (@depth), or as
 * coherent_zeroed().
 */
int blk_open(struct blk *blk, struct coherent_device *dev, unsigned int depth);

/**
 * blk_close() - Stop the disk and free all.
 * @blk: From blk_open().
 */
void blk_close(struct blk *blk);

/**
 * blk_start() - Start a read or write of a free slot's memory; the device is told with the
 *	next kick or wait.
 * @blk: The disk.
 * @slot: Under its depth, not busy.
 * @write: Memory to disk, or disk to memory.
 * @sector: The first sector.
 * @bytes: Whole sectors, at most BLK_BYTES_MAX.
 */
void blk_start(struct blk *blk, unsigned int slot, bool write, uint64_t sector, size_t bytes);

/**
 * blk_start_at() - The same, of memory anywhere.
 * @blk: The disk.
 * @slot: Under its depth, not busy.
 * @write: Memory to disk, or disk to memory.
 * @sector: The first sector.
 * @address: Device address of the memory.
 * @bytes: Whole sectors.
 */
void blk_start_at(struct blk *blk, unsigned int slot, bool write, uint64_t sector,
		  coherent_addr_t address, size_t bytes);

/**
 * blk_kick() - Tell the device of all that was started, as each wait does.
 * @blk: The disk.
 */
void blk_kick(struct blk *blk);

/**
 * blk_wait() - Wait until a slot is not busy.
 * @blk: The disk.
 * @slot: The slot.
 *
 * Return: 0; -EIO (the disk failed the request, or answers what was not asked),
 * -EOPNOTSUPP (it does not know it), -ENODEV (the device is gone). However long it takes.
 */
int blk_wait(struct blk *blk, unsigned int slot);

/**
 * blk_wait_any() - Wait until one of the slots that are busy is not.
 * @blk: The disk; at least one slot is busy.
 *
 * Return: as blk_wait(), but for the results of requests.
 */
int blk_wait_any(struct blk *blk);

/**
 * blk_flush() - Make sure that what was written is on the medium.
 * @blk: The disk; no slot is busy.
 *
 * Return: as blk_wait().
 */
int blk_flush(struct blk *blk);

/**
 * blk_fill() - Copy into the memory of a slot.
 * @blk: The disk.
 * @slot: The slot, not busy.
 * @from: Where from.
 * @bytes: How many, at most BLK_BYTES_MAX.
 *
 * Return: 0; -ERANGE.
 */
int blk_fill(struct blk *blk, unsigned int slot, const uint8_t *from, size_t bytes);

/**
 * blk_take() - Copy out of the memory of a slot.
 * @blk: The disk.
 * @slot: The slot, not busy.
 * @to: Where to.
 * @bytes: How many, at most BLK_BYTES_MAX.
 *
 * Return: 0; -ERANGE.
 */
int blk_take(struct blk *blk, unsigned int slot, uint8_t *to, size_t bytes);

#endif
