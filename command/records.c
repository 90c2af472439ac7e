// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Walks the records of a device. Nothing here trusts the process that writes them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"

/* A site is a path, a colon and a line. */
#define SITE_BYTES 4096
/* A record changes for some nanoseconds. */
#define TRIES 100

static char unknown[] = "an unknown place";

/* --- Memory of the process --- */

/*
 * Returns memory of the process at an address, or NULL if the segment does not have all of it. All
 * structs of the library are aligned to eight bytes.
 */
static const unsigned char *at(const struct records *records, uint64_t address, uint64_t bytes)
{
	const uint64_t offset = address - records->header.base;

	if (offset > records->size || bytes > records->size - offset || (bytes > 1 && offset % 8))
		return NULL;
	return records->bytes + offset;
}

static uint32_t field_of(const struct records *records, enum segment_field field)
{
	return records->header.fields[field];
}

static uint64_t read64(const unsigned char *from)
{
	return __atomic_load_n((const uint64_t *)from, __ATOMIC_RELAXED);
}

static uint32_t read32(const unsigned char *from)
{
	return __atomic_load_n((const uint32_t *)from, __ATOMIC_RELAXED);
}

/* --- Sites --- */

static bool is_text(const char *text, size_t bytes)
{
	const char *end = memchr(text, '\0', bytes);

	if (!end || end == text)
		return false;
	for (; text < end; text++)
		if ((unsigned char)*text < ' ')
			return false;
	return true;
}

static char *site_in_segment(const struct records *records, uint64_t address)
{
	const uint64_t offset = address - records->header.base;
	const char *text = (const char *)at(records, address, 1);
	uint64_t room;

	if (!text)
		return NULL;
	room = records->size - offset;
	if (room > SITE_BYTES)
		room = SITE_BYTES;
	return is_text(text, room) ? strdup(text) : NULL;
}

/*
 * Opens a file whose path the process chose. Only the first step opens nothing, so that a device or a
 * FIFO in its place does no harm. Returns a negative number if it is not the file that was loaded.
 */
static int open_code(const struct records_code *code)
{
	const int at = open(code->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[64];
	struct stat file;
	int fd = -1;

	if (at < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	if (!fstat(at, &file) && S_ISREG(file.st_mode) &&
	    (!code->inode || code->inode == file.st_ino))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	close(at);
	return fd;
}

/* The string is in a file that the process has loaded. That file may have changed since. */
static char *site_in_file(const struct records_code *code, uint64_t address)
{
	char text[SITE_BYTES];
	const int fd = open_code(code);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = pread(fd, text, sizeof(text), (off_t)(code->offset + (address - code->first)));
	close(fd);
	return n > 0 && is_text(text, (size_t)n) && strrchr(text, ':') ? strdup(text) : NULL;
}

static char *read_site(const struct records *records, uint64_t address)
{
	char *text = site_in_segment(records, address);

	for (size_t i = 0; !text && i < records->code_count; i++)
		if (address >= records->code[i].first && address < records->code[i].end)
			text = site_in_file(&records->code[i], address);
	return text ? text : strdup(unknown);
}

static struct records_site *place_of(const struct records *records, uint64_t address)
{
	size_t i = address * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	while (records->sites[i % records->site_room].address &&
	       records->sites[i % records->site_room].address != address)
		i++;
	return &records->sites[i % records->site_room];
}

static bool make_room(struct records *records)
{
	const struct records old = *records;

	if (records->site_count * 2 < records->site_room)
		return true;
	records->site_room = old.site_room ? 2 * old.site_room : 64;
	records->sites = calloc(records->site_room, sizeof(*records->sites));
	if (!records->sites) {
		*records = old;
		return false;
	}
	for (size_t i = 0; i < old.site_room; i++)
		if (old.sites[i].address)
			*place_of(records, old.sites[i].address) = old.sites[i];
	free(old.sites);
	return true;
}

struct records_site *records_site(struct records *records, uint64_t address)
{
	struct records_site *site;

	records->unknown.text = unknown;
	if (!address || !make_room(records))
		return &records->unknown;
	site = place_of(records, address);
	if (site->address)
		return site;
	site->text = read_site(records, address);
	if (!site->text)
		return &records->unknown;
	site->address = address;
	records->site_count++;
	return site;
}

uint64_t records_faults(const struct records *records, uint64_t address)
{
	const uint32_t back = field_of(records, SEGMENT_SITE_FAULTS);
	const unsigned char *faults = at(records, address - back, sizeof(uint64_t));

	return faults && at(records, address, 1) ? read64(faults) : 0;
}

/* --- Objects --- */

const char *records_kind_name(enum records_kind kind)
{
	static const char *const names[RECORDS_KINDS] = {
		[RECORDS_FREE] = "free",
		[RECORDS_ENDED] = "ended",
		[RECORDS_POOL] = "free part of a pool",
		[RECORDS_BOX] = "box",
		[RECORDS_IN_PLACE] = "box in place",
		[RECORDS_READ_ONLY] = "mem, read-only",
		[RECORDS_READ_ONLY_TWIN] = "twin, read-only",
		[RECORDS_MEM] = "mem",
		[RECORDS_TWIN] = "twin",
		[RECORDS_LINGERING] = "ended, and reachable",
	};

	return names[kind];
}

static enum records_kind kind_of(enum coherent_state state, bool is_in_place, bool is_read_only)
{
	switch (state) {
	case COHERENT_STATE_NONE:
		return RECORDS_FREE;
	case COHERENT_STATE_BOX:
		return is_in_place ? RECORDS_IN_PLACE : RECORDS_BOX;
	case COHERENT_STATE_MEM:
		return is_read_only ? RECORDS_READ_ONLY : RECORDS_MEM;
	default:
		return RECORDS_ENDED;
	}
}

/* A segment of an older library does not tell twins from other mems. */
static bool is_twin(const struct records *records, const unsigned char *record)
{
	return records->header.field_count > SEGMENT_RECORD_TWIN &&
	       record[field_of(records, SEGMENT_RECORD_TWIN)];
}

static enum records_kind kind_of_record(const struct records *records, const unsigned char *record)
{
	const bool is_read_only = record[field_of(records, SEGMENT_RECORD_PERMISSION)] ==
				  COHERENT_READ_ONLY;

	if (record[field_of(records, SEGMENT_RECORD_LEAKED)] ||
	    record[field_of(records, SEGMENT_RECORD_WAITS)])
		return RECORDS_LINGERING;
	if (record[field_of(records, SEGMENT_RECORD_STATE)] == COHERENT_STATE_MEM &&
	    is_twin(records, record))
		return is_read_only ? RECORDS_READ_ONLY_TWIN : RECORDS_TWIN;
	return kind_of(record[field_of(records, SEGMENT_RECORD_STATE)],
		       record[field_of(records, SEGMENT_RECORD_IN_PLACE)], is_read_only);
}

static void read_object(const struct records *records, const unsigned char *record,
			struct records_object *object, uint64_t *chunk)
{
	const uint64_t first = read64(record + field_of(records, SEGMENT_RECORD_FIRST));
	const uint64_t last = read64(record + field_of(records, SEGMENT_RECORD_LAST));

	*object = (struct records_object){
		.state = record[field_of(records, SEGMENT_RECORD_STATE)],
		.kind = kind_of_record(records, record),
		.address = first,
		.bytes = last - first + 1 - records->header.guard,
		.site_address = read64(record + field_of(records, SEGMENT_RECORD_SITE)),
	};
	object->changes = read32(record + field_of(records, SEGMENT_RECORD_SEQ)) + object->state +
			  ((uint32_t)object->kind << 16);
	*chunk = read64(record + field_of(records, SEGMENT_RECORD_CHUNK));
}

static bool is_sound(const struct records_object *object)
{
	return object->state <= COHERENT_STATE_FREED && object->address &&
	       object->address + object->bytes > object->address;
}

static bool is_shared(const struct records_object *object)
{
	return object->kind >= RECORDS_IN_PLACE;
}

/* A device that is closed reaches nothing, also if its objects are not freed yet. */
static uint64_t reachable_bytes(const struct records *records, const struct records_object *object,
				uint64_t bytes)
{
	return is_shared(object) && !records->header.is_closed ? bytes : 0;
}

/* Fills in the object of a slot. Returns false if the slot has none. */
static bool read_slot(const struct records *records, const struct records_object *whole,
		      bool is_in_place, const unsigned char *slot, struct records_object *object)
{
	const uint32_t *fields = records->header.fields;
	const uint32_t offset = read32(slot + fields[SEGMENT_SLOT_OFFSET]);

	object->state = slot[fields[SEGMENT_SLOT_STATE]];
	if (object->state == COHERENT_STATE_NONE || object->state > COHERENT_STATE_MEM ||
	    offset > whole->bytes - object->bytes)
		return false;
	object->kind = kind_of(object->state, is_in_place, whole->kind == RECORDS_READ_ONLY);
	object->address = whole->address + offset;
	object->site_address = read64(slot + fields[SEGMENT_SLOT_SITE]);
	object->id = (uint64_t)(slot - records->bytes);
	object->changes = object->state + (uint32_t)object->site_address;
	object->reachable = reachable_bytes(records, object, object->bytes);
	return true;
}

/* Calls the function for the slots of a chunk that are objects of the driver, and for the rest. */
static void each_slot(const struct records *records, const struct records_object *whole,
		      uint64_t chunk, records_visit *visit, void *arg)
{
	const uint32_t *fields = records->header.fields;
	const unsigned char *base = at(records, chunk, fields[SEGMENT_CHUNK_SLOTS]);
	struct records_object object = *whole, rest = *whole;
	const unsigned char *slot;
	bool is_in_place;
	uint64_t count;

	if (!base)
		return;
	count = read32(base + fields[SEGMENT_CHUNK_COUNT]);
	object.bytes = read64(base + fields[SEGMENT_CHUNK_SLOT_BYTES]);
	is_in_place = !read64(base + fields[SEGMENT_CHUNK_PRIVATE]);
	object.is_pooled = true;
	slot = at(records, chunk + fields[SEGMENT_CHUNK_SLOTS], count * fields[SEGMENT_SLOT_BYTES]);
	/* The pool may have freed the chunk. Then its memory may be that of something else. */
	if (!slot || !object.bytes || object.bytes > whole->bytes || count > whole->bytes)
		return;
	for (; count; count--, slot += fields[SEGMENT_SLOT_BYTES]) {
		if (!read_slot(records, whole, is_in_place, slot, &object))
			continue;
		if (is_shared(&object))
			rest.rest -= object.bytes < rest.rest ? object.bytes : rest.rest;
		visit(&object, arg);
	}
	rest.reachable = reachable_bytes(records, whole, rest.rest);
	rest.kind = RECORDS_POOL;
	visit(&rest, arg);
}

/* Returns false if the record changed while it was read. */
static bool visit_record(const struct records *records, const unsigned char *record,
			 records_visit *visit, void *arg)
{
	const unsigned char *seq_at = record + field_of(records, SEGMENT_RECORD_SEQ);
	const uint32_t seq = __atomic_load_n((const uint32_t *)seq_at, __ATOMIC_ACQUIRE);
	struct records_object object;
	uint64_t chunk;

	read_object(records, record, &object, &chunk);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (seq & 1 || read32(seq_at) != seq)
		return false;
	object.id = (uint64_t)(record - records->bytes);
	/* A record that never had an object is all zeros. */
	if (!is_sound(&object))
		return true;
	object.reachable = reachable_bytes(records, &object, object.bytes);
	object.rest = object.bytes;
	if (chunk && (object.kind == RECORDS_MEM || object.kind == RECORDS_READ_ONLY))
		each_slot(records, &object, chunk, visit, arg);
	else
		visit(&object, arg);
	return true;
}

static bool try_record(const struct records *records, const unsigned char *record,
		       records_visit *visit, void *arg)
{
	for (unsigned int i = 0; i < TRIES; i++)
		if (visit_record(records, record, visit, arg))
			return true;
	return false;
}

uint64_t records_each(struct records *records, records_visit *visit, void *arg)
{
	const uint32_t *fields = records->header.fields;
	const uint64_t bytes = fields[SEGMENT_BLOCK_RECORDS] +
			       (uint64_t)fields[SEGMENT_BLOCK_COUNT] * fields[SEGMENT_RECORD_BYTES];
	uint64_t block = records->header.blocks, changed = 0;
	/* A list that has no end is not one that the library wrote. */
	uint64_t left = records->size / bytes;

	for (; block && left; left--) {
		const unsigned char *memory = at(records, block, bytes);
		const unsigned char *record;

		if (!memory)
			break;
		record = memory + fields[SEGMENT_BLOCK_RECORDS];
		for (uint64_t i = 0; i < fields[SEGMENT_BLOCK_COUNT]; i++)
			changed += !try_record(records, record + i * fields[SEGMENT_RECORD_BYTES],
					       visit, arg);
		block = read64(memory + fields[SEGMENT_BLOCK_NEXT]);
	}
	return changed;
}
