// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The keeper of the example mirror. It publishes each line of a log in a mem of its own, and takes
 * the memory back when the ring is full and the follower has the line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mirror.h"

/* The places of so many lines wait for a fence at most. */
#define FENCE_LINES 64

/* A read that ends before the reclaim shows nothing, so the keeper tries again. */
#define TRIES 500

/**
 * struct keeper - The log.
 * @mirror: The node.
 * @ring: The descriptors.
 * @contents: The contents of the record in each slot.
 * @sequence: The number of the last record.
 * @followed: The number of the last record that the follower has.
 */
struct keeper {
	struct mirror *mirror;
	union record_mem ring;
	union byte_mem contents[MIRROR_SLOTS];
	uint64_t sequence;
	uint64_t followed;
};

static int greet(struct keeper *keeper)
{
	struct hello hello;
	int err = coherent_zeroed(&keeper->ring, keeper->mirror->dev, MIRROR_SLOTS,
				  .permission = COHERENT_READ_ONLY);

	memset(&hello, 0, sizeof(hello));
	if (!err)
		err = coherent_remote(&keeper->ring, &hello.ring);
	if (!err)
		err = coherent_fabric_get_name(keeper->mirror->dev, &hello.name);
	return err ? err : link_send(keeper->mirror->link, &hello, sizeof(hello));
}

static int await_followed(struct keeper *keeper, uint64_t sequence)
{
	uint8_t message;
	int err = 0;

	while (!err && keeper->followed < sequence) {
		err = link_receive(keeper->mirror->link, &message, 1);
		if (!err && message != MIRROR_FOLLOWED)
			err = -EPROTO;
		keeper->followed++;
	}
	return err;
}

/* The follower finds no record in the slot when its contents go. */
static int clear_slot(struct keeper *keeper, size_t slot)
{
	int err = coherent_write(&keeper->ring, slot, .sequence, 0);

	coherent_wmb();
	return err;
}

/* Makes room for the next record: the oldest one goes. */
static int make_room(struct keeper *keeper)
{
	const size_t slot = (keeper->sequence + 1) % MIRROR_SLOTS;
	int err;

	if (keeper->sequence < MIRROR_SLOTS)
		return 0;
	err = await_followed(keeper, keeper->sequence + 1 - MIRROR_SLOTS);
	if (!err)
		err = clear_slot(keeper, slot);
	coherent_free(&keeper->contents[slot]);
	return err;
}

static int fill_slot(struct keeper *keeper, size_t slot, enum mirror_kind kind, size_t bytes)
{
	struct coherent_remote remote;
	int err = coherent_remote(&keeper->contents[slot], &remote);

	if (!err)
		err = coherent_write(&keeper->ring, slot, .bytes, bytes);
	if (!err)
		err = coherent_write(&keeper->ring, slot, .kind, (uint64_t)kind);
	if (!err)
		err = coherent_copy_in_field(&keeper->ring, slot, .remote, 0, &remote,
					     sizeof(remote));
	/* The sequence number comes last, because it hands the slot over. */
	return err ? err : coherent_write_release(&keeper->ring, slot, .sequence, keeper->sequence);
}

/* A record that has no data gets bytes that the follower knows. */
static int publish(struct keeper *keeper, enum mirror_kind kind, const char *data, size_t bytes)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	int err = make_room(keeper);
	size_t slot;

	if (!err)
		err = coherent_box_zeroed(&box, keeper->mirror->dev, bytes);
	if (err)
		return err;
	if (data)
		memcpy(coherent_box_ptr(&box), data, bytes);
	else
		memset(coherent_box_ptr(&box), MIRROR_EARLIER, bytes);
	slot = ++keeper->sequence % MIRROR_SLOTS;
	err = coherent_expose(&box, &keeper->contents[slot], .permission = COHERENT_READ_ONLY);
	return err ? err : fill_slot(keeper, slot, kind, bytes);
}

/*
 * A mem that was freed leaves an empty place behind. The fence lets the library use these places
 * again, and ends the connection. So the keeper first waits until the follower has all lines.
 */
static int fence(struct keeper *keeper)
{
	int err = await_followed(keeper, keeper->sequence);

	return err ? err : coherent_device_fence(keeper->mirror->dev);
}

static int publish_lines(struct keeper *keeper, FILE *log)
{
	struct mirror *mirror = keeper->mirror;
	char *line = NULL;
	size_t size = 0;
	ssize_t bytes;
	int err = 0;

	while (!err && (bytes = getline(&line, &size, log)) > 0) {
		err = publish(keeper, MIRROR_LINE, line, (size_t)bytes);
		mirror->records++;
		mirror->bytes += (size_t)bytes;
		if (!err && mirror->records % FENCE_LINES == 0)
			err = fence(keeper);
	}
	if (!err && !feof(log))
		err = -errno;
	free(line);
	return err;
}

/* Takes the memory back while the follower reads it, and writes something else there. */
static int reclaim(struct keeper *keeper)
{
	const size_t slot = keeper->sequence % MIRROR_SLOTS;
	COHERENT_BOX_AUTO(uint8_t, box);
	int err = clear_slot(keeper, slot);

	if (!err)
		err = coherent_reclaim(&keeper->contents[slot], &box);
	if (err)
		return err;
	memset(coherent_box_ptr(&box), MIRROR_LATER, MIRROR_BIG);
	return 0;
}

/* Sets @is_cut if the reclaim came in the middle of the read. */
static int try_reclaim(struct keeper *keeper, bool *is_cut)
{
	uint8_t message;
	int err = publish(keeper, MIRROR_RECLAIM, NULL, MIRROR_BIG);

	if (!err)
		err = await_followed(keeper, keeper->sequence - 1);
	if (!err)
		err = link_receive(keeper->mirror->link, &message, 1);
	if (!err && message != MIRROR_ARRIVES)
		err = -EPROTO;
	if (!err)
		err = reclaim(keeper);
	if (!err)
		err = link_receive(keeper->mirror->link, &message, 1);
	keeper->followed++;
	*is_cut = !err && message == MIRROR_CUT;
	return err;
}

static int reclaim_during_a_read(struct keeper *keeper)
{
	bool is_cut = false;
	int err = 0;

	for (unsigned int i = 0; !err && !is_cut && i < TRIES; i++)
		err = try_reclaim(keeper, &is_cut);
	return err ? err : is_cut ? 0 : -ETIME;
}

int mirror_keep(struct mirror *mirror, FILE *log)
{
	struct keeper keeper = { .mirror = mirror };
	int err = greet(&keeper);

	if (!err)
		err = publish_lines(&keeper, log);
	if (!err && mirror->tests_reclaim)
		err = reclaim_during_a_read(&keeper);
	if (!err)
		err = publish(&keeper, MIRROR_END, NULL, 1);
	if (!err)
		err = await_followed(&keeper, keeper.sequence);
	for (size_t i = 0; i < MIRROR_SLOTS; i++)
		coherent_free(&keeper.contents[i]);
	coherent_free(&keeper.ring);
	return err;
}
