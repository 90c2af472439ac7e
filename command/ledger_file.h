/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reads a ledger (src/memory/ledger_layout.h): the times at which devices could reach memory.
 */
#ifndef LEDGER_FILE_H
#define LEDGER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why an exposure ended, beside enum ledger_reason: the device was closed, or it did not end. */
enum { EXPOSURE_CLOSED = 100, EXPOSURE_LASTS = 0 };

/**
 * struct exposure - The time in which a device could reach an object.
 * @device: The name of the device.
 * @pid: The process.
 * @where: The file and line of the allocation.
 * @address: The first address.
 * @bytes: The size.
 * @permission: enum coherent_permission.
 * @begin_ns: When it began, since 1970.
 * @end_ns: When it ended; 0 if it did not end.
 * @reason: Why it ended.
 * @writer: The writer, for ledger_file.c.
 * @next: The next exposure of a list, for ledger_file.c.
 * @until_fence: The object ended, but the device can reach it until a fence.
 * @where_id: The number of @where, for ledger_file.c.
 */
struct exposure {
	const char *device;
	uint64_t pid;
	const char *where;
	uint64_t address;
	uint64_t bytes;
	unsigned int permission;
	uint64_t begin_ns;
	uint64_t end_ns;
	unsigned int reason;
	uint64_t writer;
	size_t next;
	bool until_fence;
	uint64_t where_id;
};

/**
 * struct ledger_file - A ledger.
 * @record_count: How many records could be read.
 * @unreadable: How many were not written whole.
 * @missing: How many are not in the file although later ones are.
 * @is_cut: The file ends within a record, or where no writer leaves the end.
 * @is_read: The rest is valid.
 * @device_count: How many devices were opened.
 * @open_count: How many of them nothing kept from memory that they were not shown.
 * @lost_count: How many devices could not write on, so that later records of them are lost.
 * @lost_ns: When the first of them stopped, since 1970.
 * @count: The number of @exposures.
 * @exposures: The exposures in the order of the records, for each device.
 * @texts: The texts of the writers, for ledger_file.c.
 * @records: The records, for ledger_file.c.
 */
struct ledger_file {
	size_t record_count;
	size_t unreadable;
	uint64_t missing;
	bool is_cut;
	bool is_read;
	size_t device_count;
	size_t open_count;
	size_t lost_count;
	uint64_t lost_ns;
	size_t count;
	struct exposure *exposures;
	struct texts *texts;
	struct ledger_record *records;
};

/*
 * Reads a ledger, also while devices write to it. Returns the exit status, after a line if it is not
 * STATUS_GOOD. If records are missing, the others are followed, and the line says how many there are.
 */
int ledger_file_read(const char *path, struct ledger_file *ledger);

void ledger_file_free(struct ledger_file *ledger);

#endif
