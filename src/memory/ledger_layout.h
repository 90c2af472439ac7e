/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The ledger: a file that says what devices could reach, and when. It consists of records of 64 bytes.
 * The first one has the magic. Each open device is a writer with a random number, and numbers its
 * records from 1.
 *
 * A writer has a block of the file in which it writes its newest records, over and over. It copies a
 * full block to the end of the file before it begins it anew. So a record may be there twice. The last
 * record of the block stays free for a LEDGER_LOST, so that a writer needs no room to say that it found
 * none. A record of zeros is not written yet. In any other record the checksum is right, unless the
 * writer was killed while it wrote this one. All numbers have the byte order of the machine.
 */
#ifndef LEDGER_LAYOUT_H
#define LEDGER_LAYOUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LEDGER_MAGIC "coherent ledger\n"
/* It changes if an old reader would misread a ledger. */
#define LEDGER_VERSION 1
/* A multiple of the size of a page, whatever machine has the file. */
#define LEDGER_BLOCK_BYTES UINT64_C(65536)
/* The offset of the last record in a block. */
#define LEDGER_LAST (LEDGER_BLOCK_BYTES - sizeof(struct ledger_record))
/* Kernels count coarse time at 100 Hz or more. */
#define LEDGER_LATE_NS UINT64_C(10000000)

enum ledger_kind {
	LEDGER_HEAD = 1, /* the first record of the file */
	LEDGER_DEVICE, /* a device was opened: @bytes is the process, @text its name */
	LEDGER_TEXT, /* a part of a text */
	LEDGER_EXPOSE, /* the device can reach an object, whose place is @text */
	LEDGER_END, /* an object ended, for @reason */
	LEDGER_FENCE, /* a fence or a reset succeeded */
	LEDGER_CLOSE, /* the device was closed, and reaches nothing any more */
	LEDGER_FENCE_BEGIN, /* a fence or a reset begins; an object that ends later waits for the next */
	LEDGER_FENCE_FAILED, /* it failed */
	LEDGER_LEVEL, /* the device is open: @bytes is its enum coherent_level */
	LEDGER_LOST, /* the writer could not copy its block, and records nothing from this time on */
};

enum ledger_reason {
	LEDGER_RECLAIMED = 1,
	LEDGER_FREED,
	LEDGER_REFUSED, /* the memory could not be mapped, so the device never reached it */
	LEDGER_LEAKED, /* the memory could not be unmapped, so the device reaches it until its close */
};

/* In @flags of an END: the device may reach the memory until the next fence or its close. */
#define LEDGER_UNTIL_FENCE 1

/**
 * struct ledger_record - A record.
 * @checksum: ledger_checksum(). Written last.
 * @kind: enum ledger_kind.
 * @permission: enum coherent_permission of an object.
 * @reason: enum ledger_reason of an END.
 * @flags: LEDGER_UNTIL_FENCE.
 * @writer: The number of the writer.
 * @number: The number of the record.
 * @magic: In a HEAD, LEDGER_MAGIC.
 * @version: In a HEAD, LEDGER_VERSION.
 * @record_bytes: In a HEAD, the size of this struct.
 * @block_bytes: In a HEAD, LEDGER_BLOCK_BYTES.
 * @id: In a TEXT, the number of the text.
 * @part: In a TEXT, these bytes follow the ones that came before under this number. The last part
 *	has a zero.
 * @first: In a TEXT, 1 if it is the first part.
 * @monotonic_ns: The time by CLOCK_MONOTONIC_COARSE, which is at most LEDGER_LATE_NS late.
 * @realtime_ns: The same time since 1970.
 * @address: The first device address of an object.
 * @bytes: The size of the object.
 * @text: The number of a text that came before.
 */
struct ledger_record {
	uint32_t checksum;
	uint8_t kind;
	uint8_t permission;
	uint8_t reason;
	uint8_t flags;
	uint64_t writer;
	uint64_t number;
	union {
		struct {
			char magic[16];
			uint32_t version;
			uint32_t record_bytes;
			uint64_t block_bytes;
			uint64_t reserved;
		};
		struct {
			uint64_t id;
			uint8_t first;
			char part[31];
		};
		struct {
			uint64_t monotonic_ns;
			uint64_t realtime_ns;
			uint64_t address;
			uint64_t bytes;
			uint64_t text;
		};
	};
};

_Static_assert(sizeof(struct ledger_record) == 64, "a record has no padding");

/**
 * ledger_checksum() - The checksum of a record.
 * @record: The record.
 *
 * Return: never 0.
 */
static inline uint32_t ledger_checksum(const struct ledger_record *record)
{
	/* Odd numbers with about as many ones as zeros, so that each bit counts. */
	static const uint64_t factors[] = {
		UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xc2b2ae3d27d4eb4f),
		UINT64_C(0x165667b19e3779f9), UINT64_C(0xd6e8feb86659fd93),
		UINT64_C(0xff51afd7ed558ccd), UINT64_C(0xc4ceb9fe1a85ec53),
		UINT64_C(0xbf58476d1ce4e5b9), UINT64_C(0x94d049bb133111eb),
	};
	uint64_t words[8], sum = 0;

	memcpy(words, record, sizeof(words));
	memset(words, 0, sizeof(record->checksum));
	for (size_t i = 0; i < 8; i++) {
		const uint64_t product = (words[i] + i + 1) * factors[i];

		sum += product ^ product >> 29;
	}
	sum = (sum ^ sum >> 32) * factors[0];
	return sum >> 32 ? (uint32_t)(sum >> 32) : 1;
}

#endif
