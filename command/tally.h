/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Adds up the objects of a device, by device, by the site of the allocation, or not at all.
 */
#ifndef TALLY_H
#define TALLY_H

#include "records.h"

enum tally_by { TALLY_DEVICE, TALLY_SITE, TALLY_OBJECT };

/**
 * struct tally_row - A row.
 * @site: The site, in rows by site; NULL otherwise.
 * @boxes: How many boxes.
 * @mems: How many mems, the leaked ones included.
 * @ended: How many freed or reclaimed mems whose addresses are not used again yet.
 * @reachable: The bytes that the device can reach.
 * @private: The bytes of boxes.
 * @changed: How many objects changed since the last look.
 * @faults: How many accesses of the device were refused.
 * @object: The object, in rows by object.
 */
struct tally_row {
	const char *site;
	uint64_t boxes;
	uint64_t mems;
	uint64_t ended;
	uint64_t reachable;
	uint64_t private;
	uint64_t changed;
	uint64_t faults;
	struct records_object object;
};

/**
 * struct tally - The rows of a device.
 * @by: It says which objects share a row.
 * @rows: The rows.
 * @count: The number of @rows.
 * @room: How many rows have memory.
 * @total: The sum of all rows.
 * @unread: How many records changed while they were read.
 * @seen: The objects of this look and of the last one, each a hash table.
 * @looks: The number of looks.
 * @records: The device of the look that is going on.
 * @failed: Memory was missing.
 */
struct tally {
	enum tally_by by;
	struct tally_row *rows;
	size_t count;
	size_t room;
	struct tally_row total;
	uint64_t unread;
	struct tally_seen {
		struct tally_mark {
			uint64_t id;
			uint32_t changes;
		} * marks;
		size_t count;
		size_t room;
	} seen[2];
	uint64_t looks;
	struct records *records;
	bool failed;
};

/**
 * tally_look() - Read the objects of a device, and add them up.
 * @tally: The tally. Zero bytes before the first look, with @by set. It may change between looks.
 * @records: The device.
 *
 * Return: false if memory was missing.
 */
bool tally_look(struct tally *tally, struct records *records);

void tally_free(struct tally *tally);

#endif
