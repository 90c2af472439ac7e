/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for NVMe controllers: an admin queue and one pair of I/O queues, polled.
 * Each slot of the I/O queue has memory of its own, for as many bytes as a command may
 * carry, and a list of its pages that the controller reads.
 */
#ifndef NVME_H
#define NVME_H

#include <coherent.h>
#include <coherent/bar.h>

#define NVME_PAGE 4096
#define NVME_PAGES_MAX 32
#define NVME_BYTES_MAX ((size_t)NVME_PAGES_MAX * NVME_PAGE)
#define NVME_DEPTH_MAX 64

/* NVM Express Base Specification 2.0, figures 86 and 88. */
struct nvme_command {
	coherent_le32 dw0; /* opcode, and the command's number in the upper half */
	coherent_le32 nsid;
	coherent_le32 dw2_3[2];
	coherent_le64 metadata;
	coherent_le64 prp1;
	coherent_le64 prp2;
	coherent_le32 dw10_15[6];
};

struct nvme_completion {
	coherent_le32 dw0;
	coherent_le32 dw1;
	coherent_le16 sq_head;
	coherent_le16 sq_id;
	coherent_le16 cid;
	coherent_le16 status; /* the phase is its lowest bit */
};

struct nvme_page {
	uint8_t bytes[NVME_PAGE];
};

struct nvme_list {
	coherent_le64 pages[NVME_PAGES_MAX];
};

COHERENT_TYPE(nvme_commands, struct nvme_command);
COHERENT_TYPE(nvme_completions, struct nvme_completion);
COHERENT_TYPE(nvme_pages, struct nvme_page);
COHERENT_TYPE(nvme_lists, struct nvme_list);

/**
 * struct nvme_queue - A submission queue and its completion queue.
 * @commands: What the controller reads.
 * @completions: What it writes.
 * @sq: @commands, by an index that wraps.
 * @cq: @completions, the same.
 * @doorbell: Of the submission queue; that of the other is one stride on.
 * @tail: The next command.
 * @head: The next completion; its phase follows from it.
 * @depth: Entries of either, a power of two.
 */
struct nvme_queue {
	union nvme_commands commands;
	union nvme_completions completions;
	COHERENT_RING(struct nvme_command) sq;
	COHERENT_RING(struct nvme_completion) cq;
	uint64_t doorbell;
	uint32_t tail;
	uint32_t head;
	uint32_t depth;
};

/**
 * struct nvme - A controller and its namespace 1.
 * @dev: The device; the caller's.
 * @bar: Its registers; the driver's.
 * @stride: Bytes between doorbells.
 * @timeout_ns: How long it may take to start or stop.
 * @admin: Queue 0.
 * @io: Queue 1; one entry more than slots.
 * @data: NVME_PAGES_MAX pages a slot.
 * @lists: A list of those pages a slot.
 * @depth: How many slots; fewer than asked for if its queues are shorter.
 * @busy: Slots with a command.
 * @failed: Slots whose last command failed.
 * @model: As the controller tells it.
 * @block_bytes: Of the namespace.
 * @blocks: How many it has.
 * @command_bytes: How much a command may carry, at most NVME_BYTES_MAX.
 * @problem: Why it is of no use, after -ENODEV; NULL if that is not known.
 */
struct nvme {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	uint64_t stride;
	uint64_t timeout_ns;
	struct nvme_queue admin;
	struct nvme_queue io;
	union nvme_pages data;
	union nvme_lists lists;
	unsigned int depth;
	uint64_t busy;
	uint64_t failed;
	char model[41];
	uint32_t block_bytes;
	uint64_t blocks;
	size_t command_bytes;
	const char *problem;
};

/**
 * nvme_open() - Start a controller.
 * @nvme: Filled in; end it with nvme_close(), also on failure.
 * @dev: The device.
 * @depth: Commands at a time, from 1 to NVME_DEPTH_MAX.
 *
 * Return: 0; -ENODEV (no NVMe controller, or of no use, see @problem), -ETIMEDOUT, -EIO,
 * -EINVAL (@depth), or as coherent_zeroed().
 */
int nvme_open(struct nvme *nvme, struct coherent_device *dev, unsigned int depth);

/**
 * nvme_close() - Stop the controller and free all.
 * @nvme: From nvme_open().
 */
void nvme_close(struct nvme *nvme);

/**
 * nvme_start() - Start a read or write of a free slot's memory.
 * @nvme: The controller.
 * @slot: Under its depth, not busy.
 * @write: Memory to disk, or disk to memory.
 * @block: The first block.
 * @count: How many, at least 1, at most command_bytes of them.
 */
void nvme_start(struct nvme *nvme, unsigned int slot, bool write, uint64_t block, uint32_t count);

/**
 * nvme_wait() - Wait until a slot is not busy.
 * @nvme: The controller.
 * @slot: The slot.
 *
 * Return: 0; -EIO (the controller failed the command, or answers what was not
 * asked), -ETIMEDOUT, -ENODEV.
 */
int nvme_wait(struct nvme *nvme, unsigned int slot);

/**
 * nvme_flush() - Make sure that what was written is on the medium.
 * @nvme: The controller; no slot is busy.
 *
 * Return: as nvme_wait().
 */
int nvme_flush(struct nvme *nvme);

/**
 * nvme_fill() - Copy into the memory of a slot.
 * @nvme: The controller.
 * @slot: The slot, not busy.
 * @from: Where from.
 * @bytes: How many, at most NVME_BYTES_MAX.
 *
 * Return: 0; -ERANGE.
 */
int nvme_fill(struct nvme *nvme, unsigned int slot, const uint8_t *from, size_t bytes);

/**
 * nvme_take() - Copy out of the memory of a slot.
 * @nvme: The controller.
 * @slot: The slot, not busy.
 * @to: Where to.
 * @bytes: How many, at most NVME_BYTES_MAX.
 *
 * Return: 0; -ERANGE.
 */
int nvme_take(struct nvme *nvme, unsigned int slot, uint8_t *to, size_t bytes);

#endif
