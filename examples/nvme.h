/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A driver for NVMe controllers. It has an admin queue and one pair of I/O queues, and it polls.
 *
 * Each command in flight has a slot. A slot has memory for the largest command, and a list of the
 * pages of this memory, which the controller reads (a PRP list).
 */
#ifndef NVME_H
#define NVME_H

#include <coherent.h>
#include <coherent/bar.h>

#define NVME_PAGE 4096
#define NVME_PAGES_MAX 32
#define NVME_BYTES_MAX ((size_t)NVME_PAGES_MAX * NVME_PAGE)
#define NVME_DEPTH_MAX 64

/* The layouts of NVM Express Base Specification 2.0, figures 86 and 88. */
struct nvme_command {
	coherent_le32 dw0; /* the opcode, and the number of the command in the upper half */
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
	coherent_le16 status; /* the lowest bit is the phase */
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
 * @commands: The commands. The controller reads them.
 * @completions: The completions. The controller writes them.
 * @sq: The ring of @commands. Its index wraps.
 * @cq: The ring of @completions. Its index wraps.
 * @doorbell: The register of the submission queue. That of the completion queue is one stride on.
 * @tail: The index of the next command. It does not wrap.
 * @head: The index of the next completion. It does not wrap, so it also gives the phase.
 * @depth: The number of entries of each queue, a power of two.
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
 * @dev: The device. The caller opens and closes it.
 * @bar: The registers. The driver opens and closes them.
 * @stride: The distance of two doorbells in bytes.
 * @timeout_ns: How long the controller may take to start or stop.
 * @admin: Queue 0, for admin commands.
 * @io: Queue 1, for reads and writes. It has at least one entry more than there are slots.
 * @data: The memory of the slots, NVME_PAGES_MAX pages for each.
 * @lists: The page lists of the slots, one for each.
 * @depth: The number of slots. It is less than the caller asked for if the controller has shorter
 *	queues.
 * @busy: Bit N is set while slot N has a command.
 * @failed: Bit N is set if the last command of slot N failed.
 * @model: The model name that the controller reports.
 * @block_bytes: The size of a block of the namespace.
 * @blocks: The number of blocks of the namespace.
 * @command_bytes: The most bytes of a command, at most NVME_BYTES_MAX.
 * @problem: After -ENODEV, why this driver cannot use the controller; NULL if that is not known.
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
 * @nvme: Receives the controller. End it with nvme_close(), also on failure.
 * @dev: The device.
 * @depth: The number of slots, from 1 to NVME_DEPTH_MAX.
 *
 * Return: 0; -ENODEV (not an NVMe controller, or one that this driver cannot use: see
 * nvme->problem), -ETIMEDOUT (the controller does not answer), -EIO (the controller failed),
 * -EINVAL (bad @depth), or an error of coherent_zeroed() or coherent_bar_open().
 */
int nvme_open(struct nvme *nvme, struct coherent_device *dev, unsigned int depth);

/**
 * nvme_close() - Stop the controller and free its memory. The device stays open.
 * @nvme: From nvme_open().
 */
void nvme_close(struct nvme *nvme);

/**
 * nvme_start() - Start a command between the namespace and the memory of a slot.
 * @nvme: The controller.
 * @slot: A slot below the depth that is not busy.
 * @write: true for a write from memory to the namespace, false for a read.
 * @block: The first block.
 * @count: The number of blocks, at least 1. They have at most nvme->command_bytes bytes.
 */
void nvme_start(struct nvme *nvme, unsigned int slot, bool write, uint64_t block, uint32_t count);

/**
 * nvme_start_at() - Start a command between the namespace and memory of the caller.
 * @nvme: As for nvme_start(), as are the next four.
 * @slot: The slot.
 * @write: The direction.
 * @block: The first block.
 * @count: The number of blocks.
 * @memory: The device address of the memory, a multiple of NVME_PAGE. The memory is contiguous for
 *	the device.
 * @list: The device address of a struct nvme_list with the addresses of its pages. The controller
 *	reads it if the memory has more than two pages.
 */
void nvme_start_at(struct nvme *nvme, unsigned int slot, bool write, uint64_t block, uint32_t count,
		   uint64_t memory, uint64_t list);

/**
 * nvme_wait() - Wait until a slot is not busy.
 * @nvme: The controller.
 * @slot: The slot.
 *
 * Return: 0; -EIO (the command or the controller failed, or the controller completed a command
 * that is not in flight), -ETIMEDOUT (no completion), -ENODEV (the device is gone).
 */
int nvme_wait(struct nvme *nvme, unsigned int slot);

/**
 * nvme_flush() - Wait until all written data is on the medium.
 * @nvme: The controller. No slot is busy.
 *
 * Return: as nvme_wait().
 */
int nvme_flush(struct nvme *nvme);

/**
 * nvme_fill() - Copy data into the memory of a slot.
 * @nvme: The controller.
 * @slot: A slot that is not busy.
 * @from: The data.
 * @bytes: The number of bytes, at most NVME_BYTES_MAX.
 *
 * Return: 0; -ERANGE (bad @slot or @bytes).
 */
int nvme_fill(struct nvme *nvme, unsigned int slot, const uint8_t *from, size_t bytes);

/**
 * nvme_take() - Copy data out of the memory of a slot.
 * @nvme: The controller.
 * @slot: A slot that is not busy.
 * @to: Receives the data.
 * @bytes: The number of bytes, at most NVME_BYTES_MAX.
 *
 * Return: 0; -ERANGE (bad @slot or @bytes).
 */
int nvme_take(struct nvme *nvme, unsigned int slot, uint8_t *to, size_t bytes);

#endif
