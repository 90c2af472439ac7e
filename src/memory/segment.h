/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The shared segment of a device: memory for its records that another process of the same user can
 * read (segment_layout.h). The owner of the device does nothing for a reader, so it costs nothing.
 *
 * Without a memfd, or without addresses to map one, there is no segment, and the memory is private.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <coherent.h>

#include "base/lock.h"
#include "memory/iova.h"
#include "memory/segment_layout.h"

/**
 * struct segment_part - What is in front of memory that segment_get() returned.
 * @range: The place in the segment. Private memory has none.
 */
struct segment_part {
	_Alignas(16) struct iova_range range;
};

/* So many bytes and a struct segment_part fill @n bytes. */
#define SEGMENT_ROOM(n) ((n) - sizeof(struct segment_part))

/**
 * struct segment - The segment of a device.
 * @header: The beginning of the memory; NULL if there is no segment.
 * @fd: The memfd, which stays open for readers.
 * @bytes: The size of the memory and the file. Never changes, as the two above.
 * @is_copy: The memory is a private copy, because a parent of this process made the segment.
 * @link: In the list of the segments of this process, whose lock guards @link and @is_copy.
 * @lock: Guards the rest.
 * @ready: How many bytes from the beginning can be accessed.
 * @used: How many bytes from the beginning were ever handed out. The others are zero.
 * @space: The offsets that are handed out.
 */
struct segment {
	struct segment_header *header;
	int fd;
	uint64_t bytes;
	bool is_copy;
	LIST_ENTRY(segment) link;
	struct lock lock;
	uint64_t ready;
	uint64_t used;
	struct iova_space space;
};

/**
 * segment_open() - Make the segment of a device, if that is possible.
 * @segment: The segment. All zero.
 * @name: The name of the device.
 * @fields: Where the fields of records are.
 */
void segment_open(struct segment *segment, const char *name, const uint32_t fields[SEGMENT_FIELDS]);

/**
 * segment_describe() - Tell readers what the device can do.
 * @segment: The segment.
 * @limits: The limits of the device under its mask.
 * @level: The level of the device.
 * @guard: How many bytes behind each object stay free.
 */
void segment_describe(struct segment *segment, const struct coherent_limits *limits,
		      enum coherent_level level, uint64_t guard);

/**
 * segment_end() - Tell readers that the device is closed.
 * @segment: The segment.
 */
void segment_end(struct segment *segment);

/**
 * segment_close() - Free the segment.
 * @segment: A segment after segment_open(). The caller has given back all of its memory.
 */
void segment_close(struct segment *segment);

/**
 * segment_get() - Take memory for records.
 * @segment: The segment.
 * @bytes: How many bytes.
 *
 * Return: memory with all bytes zero, aligned to 16 bytes; NULL if there is none.
 */
void *segment_get(struct segment *segment, size_t bytes);

/**
 * segment_put() - Give memory back.
 * @segment: The segment.
 * @memory: From segment_get(); or NULL.
 */
void segment_put(struct segment *segment, void *memory);

/**
 * segment_add_block() - Let readers find a block of records.
 * @segment: The segment.
 * @block: The block, which is in the segment and stays there. Its records are complete.
 * @next: Set to the address of the block that was added before.
 *
 * The caller holds the lock of the store.
 */
void segment_add_block(struct segment *segment, const void *block, uint64_t *next);

/**
 * segment_has() - Whether a reader finds memory.
 * @segment: The segment.
 * @memory: From segment_get().
 */
bool segment_has(const struct segment *segment, const void *memory);

/**
 * segment_is_of_parent() - Whether memory is in a segment that this process has from its parent.
 * @memory: Any pointer. The function does not follow it.
 */
bool segment_is_of_parent(const void *memory);

#endif
