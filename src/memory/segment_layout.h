/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The layout of the shared segment of a device, for another process. The segment is a memfd. It begins
 * with a struct segment_header, and the header says where the fields of the records are. So a reader
 * of another version of the library can still read them.
 *
 * A pointer in the segment is an address of the process that has the device. Minus @base of the
 * header it is an offset in the file, if the result is less than @bytes.
 */
#ifndef SEGMENT_LAYOUT_H
#define SEGMENT_LAYOUT_H

#include <stdint.h>

/* The name of the memfd, as /proc/PID/fd shows it behind "/memfd:". */
#define SEGMENT_FILE "coherent-records"
#define SEGMENT_MAGIC "coherent records"
/* It changes if an old reader would misread a segment. A new field at the end does not change it. */
#define SEGMENT_VERSION 1
#define SEGMENT_RANGES_MAX 8

/*
 * The fields. Each has its offset in header.fields, or the size of a struct for those that end in
 * _BYTES. The comments say how wide a field is.
 */
enum segment_field {
	/* A block of records: the address of the next block (8), then the records. */
	SEGMENT_BLOCK_NEXT,
	SEGMENT_BLOCK_RECORDS,
	SEGMENT_BLOCK_COUNT, /* not an offset: how many records a block has */
	/* The record of a whole object. */
	SEGMENT_RECORD_BYTES,
	SEGMENT_RECORD_SEQ, /* 4, odd while the record changes */
	SEGMENT_RECORD_STATE, /* 1, enum coherent_state */
	SEGMENT_RECORD_PERMISSION, /* 1, enum coherent_permission */
	SEGMENT_RECORD_LEAKED, /* 1 */
	SEGMENT_RECORD_IN_PLACE, /* 1, the device reaches it also while it is a box */
	SEGMENT_RECORD_WAITS, /* 1, it ended, and the device may reach it until a fence */
	SEGMENT_RECORD_FIRST, /* 8, the first device address */
	SEGMENT_RECORD_LAST, /* 8, the last one, the guard included */
	SEGMENT_RECORD_SITE, /* 8, the address of a string in the segment */
	SEGMENT_RECORD_CHUNK, /* 8, the address of the chunk; 0 for an object of the driver */
	/* A chunk of a pool, whose record is a mem. */
	SEGMENT_CHUNK_COUNT, /* 4, how many slots */
	SEGMENT_CHUNK_SLOT_BYTES, /* 8, the size of a slot in device memory */
	SEGMENT_CHUNK_PRIVATE, /* 8, 0 if its boxes are in place */
	SEGMENT_CHUNK_SLOTS,
	SEGMENT_SLOT_BYTES,
	SEGMENT_SLOT_STATE, /* 1 */
	SEGMENT_SLOT_OFFSET, /* 4, in the memory of the chunk */
	SEGMENT_SLOT_SITE, /* 8, the address of a string in the segment or in loaded code */
	/* Before the string of a site, not behind it: how many faults hit objects of the site (8). */
	SEGMENT_SITE_FAULTS,
	/* Each segment has the fields above. A segment of an older library has fewer of the rest. */
	SEGMENT_FIELDS_ALWAYS,
	/* 1, the pages of the record are those of a mem of another device, also after it ended */
	SEGMENT_RECORD_TWIN = SEGMENT_FIELDS_ALWAYS,
	SEGMENT_FIELDS
};

/**
 * struct segment_header - The beginning of a segment.
 * @magic: SEGMENT_MAGIC, without the 0. It is written last.
 * @version: SEGMENT_VERSION.
 * @field_count: The length of @fields there.
 * @base: The address at which that process maps the file.
 * @bytes: The size of the file.
 * @blocks: The address of the newest block of records; 0 for none.
 * @missing: How many blocks and chunks the segment had no room for. A reader does not find these.
 * @faults: How many accesses of the device were refused.
 * @mask: The DMA mask.
 * @page_bytes: The granule of device addresses.
 * @guard: How many bytes behind each object stay free.
 * @ranges: The addresses that the device can use.
 * @range_count: How many @ranges are used; 0 while the device is being opened.
 * @level: enum coherent_level of the device.
 * @is_closed: The device is closed, and only the objects that are left keep the segment.
 * @library: COHERENT_VERSION of the library.
 * @name: The name of the device, cut off if it is longer.
 * @fields_at: The offset of the fields in the file.
 * @opened: How many devices the process had opened with this one, which gives their order; 0 if the
 *	library is older.
 * @fields: See enum segment_field. A later version may have other members before them.
 */
struct segment_header {
	char magic[16];
	uint32_t version;
	uint32_t field_count;
	uint64_t base;
	uint64_t bytes;
	uint64_t blocks;
	uint64_t missing;
	uint64_t faults;
	uint64_t mask;
	uint64_t page_bytes;
	uint64_t guard;
	struct {
		uint64_t first;
		uint64_t last;
	} ranges[SEGMENT_RANGES_MAX];
	uint32_t range_count;
	uint32_t level;
	uint32_t is_closed;
	uint32_t library;
	char name[128];
	uint32_t fields_at;
	uint32_t opened;
	uint32_t fields[SEGMENT_FIELDS];
};

#endif
