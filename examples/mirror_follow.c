// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The follower of the example mirror. It reads the descriptors and the lines from the memory of the
 * keeper, by RDMA, and writes the lines to a file.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "mirror.h"

#define STEP 65536
/* The follower tries to connect so often, 1 ms apart, while the keeper has the link open. */
#define TRIES 1000

/**
 * struct follower - What the follower knows of the log.
 * @mirror: The node.
 * @peer: The keeper.
 * @ring: The descriptors of the keeper.
 * @local: A mem that gets one descriptor.
 * @contents: A mem that gets the contents of a record.
 * @has_ended: The read of a record that the keeper reclaims has ended.
 */
struct follower {
	struct mirror *mirror;
	struct coherent_fabric_peer *peer;
	struct coherent_remote ring;
	union record_mem local;
	union byte_mem contents;
	atomic_bool has_ended;
};

static int greet(struct follower *follower)
{
	struct coherent_device *dev = follower->mirror->dev;
	struct hello hello;
	int err = link_receive(follower->mirror->link, &hello, sizeof(hello));

	if (!err)
		err = coherent_fabric_connect(&follower->peer, dev, &hello.name);
	follower->ring = hello.ring;
	return err ? err : coherent_zeroed(&follower->local, dev, 1);
}

/* --- Descriptors --- */

/*
 * A provider may not tell that the other node ended during a read. The read times out, and the socket
 * knows the reason.
 */
static int reason_of(struct follower *follower, int err)
{
	const int gone = err == -ETIMEDOUT ? link_pause(follower->mirror->link) : 0;

	return gone ? gone : err;
}

static int fetch_record(struct follower *follower, uint64_t sequence)
{
	const uint64_t offset = sequence % MIRROR_SLOTS * sizeof(struct record);

	return reason_of(follower,
			 coherent_fabric_read(follower->peer, &follower->ring, &follower->local,
					      MIRROR_TIMEOUT_NS, .offset = offset));
}

/* A fence of the keeper ends the connection, so the follower connects again. */
static int read_record(struct follower *follower, uint64_t sequence, struct record *record)
{
	int err = fetch_record(follower, sequence);

	for (unsigned int i = 0; i < TRIES && err == -ENODEV; i++) {
		err = link_pause(follower->mirror->link);
		if (!err)
			err = coherent_device_reset(follower->mirror->dev);
		if (!err)
			err = fetch_record(follower, sequence);
	}
	return err ? err : coherent_copy_out(&follower->local, 0, record, 1);
}

/* The keeper may change a descriptor during the read, so it counts if a second read agrees. */
static int read_settled(struct follower *follower, uint64_t sequence, struct record *record)
{
	struct record before;
	int err = read_record(follower, sequence, record);

	do {
		before = *record;
		if (!err)
			err = read_record(follower, sequence, record);
	} while (!err && memcmp(&before, record, sizeof(before)) != 0);
	return err;
}

static int wait_for_record(struct follower *follower, uint64_t sequence, struct record *record)
{
	int err = read_settled(follower, sequence, record);

	while (!err && coherent_le64_to_cpu(record->sequence) != sequence) {
		err = link_pause(follower->mirror->link);
		if (!err)
			err = read_settled(follower, sequence, record);
	}
	return err;
}

/* Returns -ESTALE if the keeper has taken the contents back since the follower read @record. */
static int check_record(struct follower *follower, const struct record *record)
{
	struct record now;
	int err = read_record(follower, coherent_le64_to_cpu(record->sequence), &now);

	return err ? err : memcmp(&now, record, sizeof(now)) ? -ESTALE : 0;
}

/* --- Contents --- */

static int make_space(struct follower *follower, size_t bytes)
{
	if (coherent_count(&follower->contents) >= bytes)
		return 0;
	coherent_free(&follower->contents);
	return coherent_zeroed(&follower->contents, follower->mirror->dev, bytes);
}

static int read_contents(struct follower *follower, const struct record *record)
{
	struct coherent_remote remote;

	memcpy(&remote, record->remote, sizeof(remote));
	return reason_of(follower,
			 coherent_fabric_read(follower->peer, &remote, &follower->contents,
					      MIRROR_TIMEOUT_NS,
					      .count = coherent_le64_to_cpu(record->bytes)));
}

static int write_out(struct follower *follower, size_t bytes, FILE *copy)
{
	uint8_t step[STEP];
	int err = 0;

	for (size_t at = 0; !err && at < bytes; at += STEP) {
		const size_t n = bytes - at < STEP ? bytes - at : STEP;

		err = coherent_copy_out(&follower->contents, at, step, n);
		if (!err && fwrite(step, 1, n, copy) != n)
			err = -errno;
	}
	return !err && fflush(copy) ? -errno : err;
}

static int follow_line(struct follower *follower, const struct record *record, FILE *copy)
{
	const size_t bytes = coherent_le64_to_cpu(record->bytes);
	int err = make_space(follower, bytes);

	if (!err)
		err = read_contents(follower, record);
	if (!err)
		err = check_record(follower, record);
	if (!err)
		err = write_out(follower, bytes, copy);
	if (err)
		return err;
	follower->mirror->records++;
	follower->mirror->bytes += bytes;
	return link_tell(follower->mirror->link, MIRROR_FOLLOWED);
}

/* --- A record that the keeper reclaims --- */

/* Tells the keeper when the first byte is there, while the other thread reads. */
static void *watch(void *arg)
{
	struct follower *follower = arg;
	uint8_t first;
	int err = coherent_poll(&follower->contents, 0, &first,
				first || atomic_load(&follower->has_ended), MIRROR_TIMEOUT_NS);

	if (!err)
		err = link_tell(follower->mirror->link, MIRROR_ARRIVES);
	return (void *)(intptr_t)err;
}

static int read_and_watch(struct follower *follower, const struct record *record, int *result)
{
	pthread_t thread;
	void *err;

	atomic_store(&follower->has_ended, false);
	if (pthread_create(&thread, NULL, watch, follower))
		return -EAGAIN;
	*result = read_contents(follower, record);
	atomic_store(&follower->has_ended, true);
	pthread_join(thread, &err);
	return (int)(intptr_t)err;
}

/* Says whether all bytes came. Returns -EBADMSG if a byte is not of the record. */
static int check_contents(struct follower *follower, bool *is_whole)
{
	static uint8_t step[STEP], earlier[STEP];
	int err = 0;

	memset(earlier, MIRROR_EARLIER, STEP);
	*is_whole = true;
	for (size_t at = 0; !err && at < MIRROR_BIG; at += STEP) {
		err = coherent_copy_out(&follower->contents, at, step, STEP);
		if (err || !memcmp(step, earlier, STEP))
			continue;
		*is_whole = false;
		for (size_t i = 0; i < STEP; i++)
			if (step[i] && step[i] != MIRROR_EARLIER)
				err = -EBADMSG;
	}
	return err;
}

/* Follows a record that is taken back meanwhile. No byte may be of what is in the memory later. */
static int follow_reclaim(struct follower *follower, const struct record *record)
{
	bool is_whole = false;
	int result = 0;
	int err = make_space(follower, MIRROR_BIG);

	if (!err)
		err = coherent_clear(&follower->contents, 0, MIRROR_BIG);
	if (!err)
		err = read_and_watch(follower, record, &result);
	/* A provider may end the connection in order to refuse. Nothing is in flight after this. */
	if (!err && result)
		err = coherent_device_reset(follower->mirror->dev);
	if (!err && !result)
		result = check_record(follower, record);
	if (!err)
		err = check_contents(follower, &is_whole);
	/* Without an error the record has to be right. */
	if (!err && !result && !is_whole)
		err = -EBADMSG;
	if (err)
		return err;
	follower->mirror->tests_reclaim |= !is_whole;
	return link_tell(follower->mirror->link, is_whole ? MIRROR_WHOLE : MIRROR_CUT);
}

/* --- All records --- */

static int follow_record(struct follower *follower, const struct record *record, FILE *copy)
{
	switch (coherent_le64_to_cpu(record->kind)) {
	case MIRROR_LINE:
		return follow_line(follower, record, copy);
	case MIRROR_RECLAIM:
		return follow_reclaim(follower, record);
	default:
		return -EPROTO;
	}
}

static int follow_all(struct follower *follower, FILE *copy)
{
	struct record record;
	int err = 0;

	for (uint64_t sequence = 1; !err; sequence++) {
		err = wait_for_record(follower, sequence, &record);
		if (!err && coherent_le64_to_cpu(record.kind) == MIRROR_END)
			return link_tell(follower->mirror->link, MIRROR_FOLLOWED);
		if (!err)
			err = follow_record(follower, &record, copy);
	}
	return err;
}

int mirror_follow(struct mirror *mirror, FILE *copy)
{
	struct follower follower = { .mirror = mirror };
	int err = greet(&follower);

	if (!err)
		err = follow_all(&follower, copy);
	coherent_free(&follower.contents);
	coherent_free(&follower.local);
	coherent_fabric_disconnect(follower.peer);
	return err;
}
