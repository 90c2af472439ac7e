/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The two nodes of the example mirror share this: the layout of the log, and the link.
 *
 * The keeper has the log: a ring of descriptors in one mem, and the contents of each record in a
 * mem of its own. The follower reads both by RDMA, and writes to neither.
 *
 * INVARIANT: the sequence number of a descriptor is 0 before the keeper changes the rest of it, and
 * before the keeper takes the contents back. So a follower that finds the same descriptor before
 * and after it read the contents has read the right ones.
 */
#ifndef MIRROR_H
#define MIRROR_H

#include <coherent/fabric.h>
#include <stdio.h>

#define MIRROR_SLOTS 8 /* a power of two */
#define MIRROR_TIMEOUT_NS (UINT64_C(60) * 1000 * 1000 * 1000)

/* The contents of the record that the keeper reclaims during the read, and what it writes then. */
#define MIRROR_BIG ((size_t)64 << 20)
#define MIRROR_EARLIER 0x11
#define MIRROR_LATER 0xee

enum mirror_kind {
	MIRROR_LINE,
	MIRROR_RECLAIM, /* the keeper reclaims it when its first byte has arrived */
	MIRROR_END,
};

/**
 * struct record - A descriptor. Record n is in slot n modulo the number of slots.
 * @sequence: The number of the record, from 1 on; 0 if the slot has no record.
 * @bytes: The size of the contents.
 * @kind: A value of enum mirror_kind.
 * @remote: A struct coherent_remote: the contents.
 */
struct record {
	coherent_le64 sequence;
	coherent_le64 bytes;
	coherent_le64 kind;
	uint8_t remote[sizeof(struct coherent_remote)];
};

COHERENT_TYPE(record_mem, struct record);
COHERENT_TYPE(byte_mem, uint8_t);

/**
 * struct hello - The first message on the link, from the keeper to the follower.
 * @name: The endpoint of the keeper.
 * @ring: The mem with the descriptors.
 */
struct hello {
	struct coherent_fabric_name name;
	struct coherent_remote ring;
};

/* Later messages are one byte each, from the follower to the keeper. */
enum mirror_message {
	MIRROR_FOLLOWED = 'f', /* the follower has the next record */
	MIRROR_ARRIVES = 'a', /* the first byte of a record has arrived, or its read has ended */
	MIRROR_CUT = 'c', /* a part of a record is missing */
	MIRROR_WHOLE = 'w', /* it had arrived before the reclaim */
};

/**
 * struct mirror - A node.
 * @dev: The device.
 * @link: The TCP connection to the other node.
 * @records: How many lines were kept or followed.
 * @bytes: How many bytes they have.
 * @tests_reclaim: A record was reclaimed during its read.
 */
struct mirror {
	struct coherent_device *dev;
	int link;
	unsigned long records;
	unsigned long bytes;
	bool tests_reclaim;
};

/* --- mirror_link.c: all return 0 or -errno, and -EPIPE if the other node is gone --- */

/* Waits for a follower. Prints the port, which the system chooses if @port is 0. */
int link_accept(int *link, const char *address, const char *port);
int link_connect(int *link, const char *address, const char *port);
int link_send(int link, const void *data, size_t bytes);
int link_receive(int link, void *data, size_t bytes);
int link_tell(int link, enum mirror_message message);

/* Waits 1 ms. The keeper sends nothing after the hello, so it is gone if something comes. */
int link_pause(int link);

/* --- mirror_keep.c and mirror_follow.c --- */

int mirror_keep(struct mirror *mirror, FILE *log);
int mirror_follow(struct mirror *mirror, FILE *copy);

#endif
