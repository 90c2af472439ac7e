/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reads the records of devices that another process has open, or had when it dumped core. The other
 * process does not notice it.
 *
 * The records change while they are read. A record that changes right now is left out, and each
 * value is checked before it is used as an offset.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <coherent.h>

#include "memory/segment_layout.h"

/**
 * struct records_code - Code that was loaded into the process, which has strings with sites.
 * @first: Its first address.
 * @end: The address behind its last one.
 * @offset: The offset in the file.
 * @inode: The number of the file; 0 if it is not known.
 * @path: The file.
 */
struct records_code {
	uint64_t first;
	uint64_t end;
	uint64_t offset;
	uint64_t inode;
	char *path;
};

/**
 * struct records_site - A site whose address is known already.
 * @address: The address in the process; 0 for a free place of the table.
 * @text: The site.
 * @look: For the caller, who can tell by it whether @row is of this look. 0 at first.
 * @row: For the caller, who can keep the number of a row here.
 */
struct records_site {
	uint64_t address;
	char *text;
	uint64_t look;
	size_t row;
};

/**
 * struct records - The records of a device.
 * @pid: The process; 0 for a core dump.
 * @header: A copy of the header.
 * @bytes: The segment, which is mapped for reading. A core dump may have less than the whole.
 * @size: The size of @bytes.
 * @map: The mapping that has @bytes.
 * @map_size: The size of @map.
 * @code: The code of the process.
 * @code_count: The length of @code.
 * @sites: A hash table of the sites that were looked up.
 * @site_room: The length of @sites.
 * @site_count: How many are used.
 * @unknown: The site of objects whose site cannot be read.
 */
struct records {
	pid_t pid;
	struct segment_header header;
	const unsigned char *bytes;
	uint64_t size;
	void *map;
	uint64_t map_size;
	struct records_code *code;
	size_t code_count;
	struct records_site *sites;
	size_t site_room;
	size_t site_count;
	struct records_site unknown;
};

/**
 * enum records_kind - What is at a device address.
 * @RECORDS_FREE: There is no object. An object has this kind if its address is kept for the next one.
 * @RECORDS_ENDED: A mem that was freed or reclaimed, and whose address is not used again yet.
 * @RECORDS_POOL: The memory of a pool, whose objects are visited on their own.
 * @RECORDS_BOX: A box.
 * @RECORDS_IN_PLACE: A box that the device reaches.
 * @RECORDS_READ_ONLY: A mem that the device can only read.
 * @RECORDS_READ_ONLY_TWIN: A twin that the device can only read.
 * @RECORDS_MEM: Another mem.
 * @RECORDS_TWIN: Another twin: the pages are those of a mem of another device (coherent/share.h).
 * @RECORDS_LINGERING: A mem that ended, and that the device may reach until a fence or, if it was
 *	leaked, for ever.
 * @RECORDS_KINDS: How many kinds there are.
 *
 * The kinds that matter more come later. Until it is closed, the device reaches those from
 * RECORDS_IN_PLACE on.
 */
enum records_kind {
	RECORDS_FREE,
	RECORDS_ENDED,
	RECORDS_POOL,
	RECORDS_BOX,
	RECORDS_IN_PLACE,
	RECORDS_READ_ONLY,
	RECORDS_READ_ONLY_TWIN,
	RECORDS_MEM,
	RECORDS_TWIN,
	RECORDS_LINGERING,
	RECORDS_KINDS
};

/**
 * struct records_object - An object, as a reader saw it.
 * @state: Its state. That of a leaked mem stays COHERENT_STATE_MEM.
 * @kind: The kind that the commands show.
 * @is_pooled: It is an object of a pool.
 * @address: Its first device address.
 * @bytes: Its size: whole pages, or the size of a slot.
 * @reachable: How much of that the device can reach: nothing if the device is closed. For a chunk, the
 *	slots that were visited do not count.
 * @rest: The size of a chunk without the slots that were visited as mems or boxes in place.
 * @changes: A number that differs if the record changed since it was read before.
 * @id: A number that no other object of the device has at the same time.
 * @site_address: The address of the site of its allocation, for records_site().
 */
struct records_object {
	enum coherent_state state;
	enum records_kind kind;
	bool is_pooled;
	uint64_t address;
	uint64_t bytes;
	uint64_t reachable;
	uint64_t rest;
	uint32_t changes;
	uint64_t id;
	uint64_t site_address;
};

typedef void records_visit(const struct records_object *object, void *arg);

/**
 * records_signature() - Get a number that changes when a process opens or closes a device.
 * @pid: The process.
 *
 * Return: the number; 0 if the process has no device open, or belongs to another user.
 */
uint64_t records_signature(pid_t pid);

/**
 * records_open() - Open the records of all devices of a process.
 * @pid: The process.
 * @all: Set to the records, an array in the order in which the process opened the devices. Free it with
 *	records_close_all().
 * @count: Set to its length.
 * @why: Set to what went wrong, a sentence without a period, if the call fails.
 * @size: The size of @why.
 *
 * Return: 0; -ESRCH (there is no such process), -EACCES (it belongs to another user), -ENOENT (it
 * has no device of the library), -EPROTO (another version), -ENOMEM, -EIO.
 */
int records_open(pid_t pid, struct records **all, size_t *count, char *why, size_t size);

/**
 * records_open_core() - Open the records in a core dump.
 * @path: The file.
 * @all: As above, and the rest too.
 * @count: As above.
 * @why: As above.
 * @size: As above.
 *
 * Return: as records_open().
 */
int records_open_core(const char *path, struct records **all, size_t *count, char *why,
		      size_t size);

/**
 * records_close_all() - Free records.
 * @all: The array; or NULL.
 * @count: Its length.
 */
void records_close_all(struct records *all, size_t count);

/**
 * records_refresh() - Read the header again.
 * @records: The records. Those of a process that has ended still show its last state.
 */
void records_refresh(struct records *records);

/**
 * records_each() - Call a function for each object.
 * @records: The records.
 * @visit: The function. The order of the objects is not defined.
 * @arg: Its last argument.
 *
 * Return: how many records were left out because they changed.
 */
uint64_t records_each(struct records *records, records_visit *visit, void *arg);

/* Returns the name of a kind, such as "mem". */
const char *records_kind_name(enum records_kind kind);

/**
 * records_site() - Find the site of an object.
 * @records: The records.
 * @address: The @site_address of the object.
 *
 * Return: the site, until the next call. Its text stays until the records are closed. If the site
 * cannot be read, the text says so.
 */
struct records_site *records_site(struct records *records, uint64_t address);

/**
 * records_faults() - Count the faults that hit objects of a site.
 * @records: The records.
 * @address: The @site_address of such an object.
 */
uint64_t records_faults(const struct records *records, uint64_t address);

#endif
