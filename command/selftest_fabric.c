// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An endpoint of libfabric. A second endpoint in this process stands for the peer, and forges what
 * coherent_remote() does not give away. Memory has no address that the peer can guess, only a key,
 * so these tries differ from those of other devices. Their results come from the memory of both
 * sides, because some providers say that a refused write succeeded.
 */
#include <coherent/fabric.h>
#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/checksum.h"
#include "selftest.h"

#define BYTES 64
/* A transfer of this size takes long enough to reclaim the mem meanwhile. */
#define BIG ((size_t)64 << 20)
/* Under load a transfer may be over before the reclaim. Then the try is repeated. */
#define TIMES 200
#define PROGRESS_NS 1000000

enum { SENT = 0x5a, LATER = 0x33 };

/**
 * struct peer - The second endpoint.
 * @dev: The endpoint.
 * @target: The tested endpoint, as the peer knows it.
 * @witness: A mem of the tested endpoint that the peer may read.
 * @local: The bytes that the peer sends or gets.
 * @seen: It gets the byte of @witness.
 * @error: The first error that the library reported; "" if there was none.
 */
struct peer {
	struct coherent_device *dev;
	struct coherent_fabric_peer *target;
	struct coherent_remote witness;
	union selftest_bytes local;
	union selftest_bytes seen;
	char error[300];
};

/* --- The peer --- */

static void keep_error(void *arg, enum coherent_severity severity, const char *line)
{
	struct peer *peer = arg;

	if (severity == COHERENT_ERROR && !*peer->error)
		snprintf(peer->error, sizeof(peer->error), "%s", line);
}

/* Two endpoints cannot have one port, so the peer has the provider and the node of the device. */
static void name_peer(const char *name, char *text, size_t size)
{
	const size_t provider = strcspn(name, ",");
	const char *node = strstr(name + provider, ",node=");
	const size_t bytes = node ? 1 + strcspn(node + 1, ",") : 0;

	snprintf(text, size, "%.*s%.*s", (int)provider, name, (int)bytes, node ? node : "");
}

static int connect_peer(struct tester *tester, struct peer *peer)
{
	struct coherent_fabric_name name;
	int err = coherent_fabric_get_name(tester->dev, &name);

	if (!err)
		err = coherent_fabric_connect(&peer->target, peer->dev, &name);
	if (!err)
		err = coherent_zeroed(&tester->window, tester->dev, SELFTEST_PAGE);
	if (!err)
		err = coherent_remote(&tester->window, &peer->witness);
	if (!err)
		err = coherent_zeroed(&peer->seen, peer->dev, SELFTEST_PAGE);
	return err ? err : coherent_zeroed(&peer->local, peer->dev, BIG);
}

static int start(struct tester *tester)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	char name[256];
	int err;

	tester->state = peer;
	if (!peer)
		return -ENOMEM;
	name_peer(tester->name, name, sizeof(name));
	err = coherent_device_open(&peer->dev, name, .report = keep_error, .report_arg = peer);
	if (!err)
		err = connect_peer(tester, peer);
	tester->problem = *peer->error ? peer->error : NULL;
	return err;
}

static void stop(struct tester *tester)
{
	struct peer *peer = tester->state;

	tester->state = NULL;
	coherent_free(&tester->window);
	if (!peer)
		return;
	coherent_free(&peer->local);
	coherent_free(&peer->seen);
	coherent_fabric_disconnect(peer->target);
	coherent_device_close(peer->dev);
	free(peer);
}

/* Makes a struct that coherent_remote() did not give away: with another key, or more bytes. */
static struct coherent_remote forge(const struct coherent_remote *from, uint64_t key, uint64_t more)
{
	struct coherent_remote remote = *from;

	remote.key ^= key;
	remote.bytes = htole64(le64toh(remote.bytes) + more);
	remote.permission = htole32(COHERENT_READ_WRITE);
	remote.check = fabric_checksum(&remote);
	return remote;
}

/* --- Transfers --- */

/**
 * struct transfer - A transfer of the peer, in a thread of its own.
 * @tester: The device.
 * @remote: The memory that the peer tries to reach.
 * @is_write: It is a write.
 * @offset: Where it begins in @remote.
 * @count: The bytes.
 * @err: The result.
 * @is_done: The thread has set @err.
 * @thread: The thread.
 */
struct transfer {
	struct tester *tester;
	struct coherent_remote remote;
	bool is_write;
	uint64_t offset;
	size_t count;
	int err;
	atomic_bool is_done;
	pthread_t thread;
};

/* A write is over before its data has arrived. A read on the same connection comes after it. */
static int run_write(const struct transfer *transfer)
{
	struct peer *peer = transfer->tester->state;
	const int err = coherent_fabric_write(peer->target, &transfer->remote, &peer->local,
					      SELFTEST_TIMEOUT_NS, .offset = transfer->offset,
					      .count = transfer->count);

	return err ? err :
		     coherent_fabric_read(peer->target, &peer->witness, &peer->seen,
					  SELFTEST_TIMEOUT_NS, .count = 1);
}

static void *run(void *arg)
{
	struct transfer *transfer = arg;
	struct peer *peer = transfer->tester->state;

	transfer->err = transfer->is_write ? run_write(transfer) :
					     coherent_fabric_read(peer->target, &transfer->remote,
								  &peer->local, SELFTEST_TIMEOUT_NS,
								  .offset = transfer->offset,
								  .count = transfer->count);
	atomic_store(&transfer->is_done, true);
	return NULL;
}

static int begin(struct transfer *transfer)
{
	return -pthread_create(&transfer->thread, NULL, run, transfer);
}

static void keep_reason(struct tester *tester, int err)
{
	const char *reason = err == -ENODEV    ? "the provider ended the connection" :
			     err == -ETIMEDOUT ? "the provider did not answer" :
			     err == -EIO       ? "the provider answered with an error" :
						 "";

	if (!*tester->reason)
		snprintf(tester->reason, sizeof(tester->reason), "%s", reason);
}

/* Waits for the end. A device with the key manual serves the peer only in this process's calls. */
static int end(struct transfer *transfer)
{
	struct peer *peer = transfer->tester->state;
	int err = 0;

	while (!err && !atomic_load(&transfer->is_done))
		err = coherent_fabric_progress(transfer->tester->dev, PROGRESS_NS);
	pthread_join(transfer->thread, NULL);
	keep_reason(transfer->tester, transfer->err);
	/* Some providers end the connection when they refuse. This lets the next transfer connect. */
	return err ? err : coherent_device_reset(peer->dev);
}

/* Reads or writes BYTES bytes. @result tells whether the peer noticed a refusal. */
static int transfer_bytes(struct tester *tester, const struct coherent_remote *remote,
			  bool is_write, uint64_t offset, int *result)
{
	struct peer *peer = tester->state;
	struct transfer transfer = { .tester = tester,
				     .remote = *remote,
				     .is_write = is_write,
				     .offset = offset,
				     .count = BYTES };
	uint8_t bytes[BYTES];
	int err;

	memset(bytes, is_write ? SENT : 0, sizeof(bytes));
	err = coherent_copy_in(&peer->local, 0, bytes, sizeof(bytes));
	if (!err)
		err = begin(&transfer);
	if (!err)
		err = end(&transfer);
	*result = transfer.err;
	return err;
}

/* A provider that drops a write may tell the peer that it succeeded. */
static void say_dropped(struct tester *tester, bool reached)
{
	if (!reached && !*tester->reason)
		snprintf(tester->reason, sizeof(tester->reason),
			 "the provider dropped the data, and told the peer nothing");
}

static bool has(const uint8_t *bytes, size_t count, uint8_t byte)
{
	return memchr(bytes, byte, count);
}

static int write_bytes(struct tester *tester, const struct coherent_remote *remote, uint64_t offset)
{
	int result;

	return transfer_bytes(tester, remote, true, offset, &result);
}

static int read_bytes(struct tester *tester, const struct coherent_remote *remote, bool *reached)
{
	struct peer *peer = tester->state;
	uint8_t bytes[BYTES] = { 0 };
	int result, err = transfer_bytes(tester, remote, false, 0, &result);

	if (!err)
		err = coherent_copy_out(&peer->local, 0, bytes, sizeof(bytes));
	*reached = has(bytes, sizeof(bytes), SENT);
	return err;
}

/* --- Tries --- */

static int write_at(struct tester *tester, uint64_t offset, enum coherent_permission permission,
		    bool *reached)
{
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_remote remote;
	uint8_t bytes[SELFTEST_PAGE] = { 0 };
	int err = coherent_zeroed(&mem, tester->dev, SELFTEST_PAGE, .permission = permission);

	if (!err)
		err = coherent_remote(&mem, &remote);
	if (err)
		return err;
	/* The library of the peer would refuse to write to a mem that says that it is read-only. */
	if (permission == COHERENT_READ_ONLY)
		remote = forge(&remote, 0, 0);
	err = write_bytes(tester, &remote, offset);
	if (!err)
		err = coherent_copy_out(&mem, 0, bytes, sizeof(bytes));
	*reached = has(bytes, sizeof(bytes), SENT);
	say_dropped(tester, *reached);
	return err;
}

static int write_mem(struct tester *tester, bool *reached)
{
	return write_at(tester, 0, COHERENT_READ_WRITE, reached);
}

static int write_last(struct tester *tester, bool *reached)
{
	return write_at(tester, SELFTEST_PAGE - BYTES, COHERENT_READ_WRITE, reached);
}

static int write_read_only(struct tester *tester, bool *reached)
{
	return write_at(tester, 0, COHERENT_READ_ONLY, reached);
}

static int access_after(struct tester *tester, bool *reached)
{
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_remote remote;
	int result, err = coherent_zeroed(&mem, tester->dev, SELFTEST_PAGE);

	if (!err)
		err = coherent_remote(&mem, &remote);
	if (err)
		return err;
	remote = forge(&remote, 0, SELFTEST_PAGE);
	err = write_bytes(tester, &remote, SELFTEST_PAGE);
	if (!err)
		err = transfer_bytes(tester, &remote, false, SELFTEST_PAGE, &result);
	*reached = !err && !result;
	return err;
}

static int read_exposed(struct tester *tester, enum coherent_permission permission, bool *reached)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_remote remote;
	int err = coherent_box_zeroed(&box, tester->dev, SELFTEST_PAGE);

	if (err)
		return err;
	memset(coherent_box_ptr(&box), SENT, SELFTEST_PAGE);
	err = coherent_expose(&box, &mem, .permission = permission);
	if (!err)
		err = coherent_remote(&mem, &remote);
	return err ? err : read_bytes(tester, &remote, reached);
}

static int read_mem(struct tester *tester, bool *reached)
{
	return read_exposed(tester, COHERENT_READ_WRITE, reached);
}

static int read_read_only(struct tester *tester, bool *reached)
{
	return read_exposed(tester, COHERENT_READ_ONLY, reached);
}

/* Lets the peer access a page of the CPU. */
static int access_page(struct tester *tester, const struct coherent_remote *remote, bool is_write,
		       uint8_t *page, bool *reached)
{
	int err;

	memset(page, is_write ? 0 : SENT, SELFTEST_PAGE);
	if (!is_write)
		return read_bytes(tester, remote, reached);
	err = write_bytes(tester, remote, 0);
	*reached = has(page, SELFTEST_PAGE, SENT);
	say_dropped(tester, *reached);
	return err;
}

/* A box has no key, so the peer guesses one. */
static int access_box(struct tester *tester, bool is_write, bool *reached)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	const struct peer *peer = tester->state;
	struct coherent_remote remote = peer->witness;
	int err = coherent_box_zeroed(&box, tester->dev, SELFTEST_PAGE);

	if (err)
		return err;
	/* Some providers count from the start of the mem, others use the address in this process. */
	if (remote.address)
		remote.address = htole64((uintptr_t)coherent_box_ptr(&box));
	remote = forge(&remote, htole64(1), 0);
	return access_page(tester, &remote, is_write, coherent_box_ptr(&box), reached);
}

static int write_box(struct tester *tester, bool *reached)
{
	return access_box(tester, true, reached);
}

static int read_box(struct tester *tester, bool *reached)
{
	return access_box(tester, false, reached);
}

static int access_reclaimed(struct tester *tester, bool is_write, bool *reached)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_remote remote;
	int err = coherent_zeroed(&mem, tester->dev, SELFTEST_PAGE);

	if (!err)
		err = coherent_remote(&mem, &remote);
	if (!err)
		err = coherent_reclaim(&mem, &box);
	return err ? err : access_page(tester, &remote, is_write, coherent_box_ptr(&box), reached);
}

static int write_reclaimed(struct tester *tester, bool *reached)
{
	return access_reclaimed(tester, true, reached);
}

static int read_reclaimed(struct tester *tester, bool *reached)
{
	return access_reclaimed(tester, false, reached);
}

/* --- Tries in flight --- */

static int fill_local(struct peer *peer, uint8_t byte)
{
	uint8_t page[SELFTEST_PAGE];
	int err = 0;

	memset(page, byte, sizeof(page));
	for (size_t i = 0; !err && i < BIG; i += sizeof(page))
		err = coherent_copy_in(&peer->local, i, page, sizeof(page));
	return err;
}

static int local_has(struct peer *peer, uint8_t byte, bool *found)
{
	uint8_t page[SELFTEST_PAGE];
	int err = 0;

	*found = false;
	for (size_t i = 0; !err && !*found && i < BIG; i += sizeof(page)) {
		err = coherent_copy_out(&peer->local, i, page, sizeof(page));
		*found = !err && has(page, sizeof(page), byte);
	}
	return err;
}

/* Waits until the first byte has arrived, in the mem or at the peer, or the transfer is over. */
static int wait_for_first(struct transfer *transfer, const union selftest_bytes *arrives)
{
	uint8_t byte = 0;
	int err = 0;

	while (!err && byte != SENT && !atomic_load(&transfer->is_done)) {
		err = coherent_fabric_progress(transfer->tester->dev, 0);
		if (!err)
			err = coherent_read(arrives, 0, &byte);
	}
	return err;
}

/*
 * Writes the whole box. A transfer goes from the first byte to the last, so the box is written from
 * the end, and the transfer meets what was written.
 */
static void write_later(uint8_t *box)
{
	for (size_t i = BIG; i; i -= SELFTEST_PAGE)
		memset(box + i - SELFTEST_PAGE, LATER, SELFTEST_PAGE);
}

/* Tells whether the transfer reached the box, or took from it what was written later. */
static int judge(struct transfer *transfer, const uint8_t *box, bool *reached)
{
	if (!transfer->is_write)
		return local_has(transfer->tester->state, LATER, reached);
	*reached = has(box, BIG, SENT);
	return 0;
}

/* Reclaims the mem while the transfer runs. Sets @late if the transfer was over. Ends it always. */
static int reclaim_in_flight(struct transfer *transfer, union selftest_bytes *mem, bool *reached,
			     bool *late)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	struct peer *peer = transfer->tester->state;
	uint8_t last = 0;
	int ended, err = wait_for_first(transfer, transfer->is_write ? mem : &peer->local);

	if (!err)
		err = coherent_reclaim(mem, &box);
	if (!err && !transfer->is_write)
		err = coherent_read(&peer->local, BIG - 1, &last);
	if (!err) {
		*late = (transfer->is_write ? coherent_box_ptr(&box)[BIG - 1] : last) == SENT;
		write_later(coherent_box_ptr(&box));
	}
	ended = end(transfer);
	if (!err)
		err = ended;
	return err ? err : judge(transfer, coherent_box_ptr(&box), reached);
}

/* Makes a mem whose bytes the peer reads, or one of zeros that it writes. */
static int make_big(struct tester *tester, bool is_write, union selftest_bytes *mem)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	int err = coherent_box_zeroed(&box, tester->dev, BIG);

	if (err)
		return err;
	if (!is_write)
		memset(coherent_box_ptr(&box), SENT, BIG);
	return coherent_expose(&box, mem);
}

static int try_in_flight(struct tester *tester, bool is_write, bool *reached, bool *late)
{
	union selftest_bytes mem __attribute__((cleanup(coherent_base_cleanup))) = COHERENT_EMPTY;
	struct transfer transfer = { .tester = tester, .is_write = is_write, .count = BIG };
	int err = fill_local(tester->state, is_write ? SENT : 0);

	if (!err)
		err = make_big(tester, is_write, &mem);
	if (!err)
		err = coherent_remote(&mem, &transfer.remote);
	if (!err)
		err = begin(&transfer);
	if (!err)
		err = reclaim_in_flight(&transfer, &mem, reached, late);
	if (!err && !transfer.err && !*tester->reason && !*reached)
		snprintf(tester->reason, sizeof(tester->reason),
			 "the transfer went on in empty pages at the old place");
	return err;
}

static int during_reclaim(struct tester *tester, bool is_write, bool *reached)
{
	bool late = true;
	int err = 0;

	for (unsigned int i = 0; !err && late && !*reached && i < TIMES; i++) {
		tester->reason[0] = '\0';
		err = try_in_flight(tester, is_write, reached, &late);
	}
	if (err || !late || *reached)
		return err;
	tester->problem = "each transfer was over before the reclaim";
	return -ETIMEDOUT;
}

static int write_during_reclaim(struct tester *tester, bool *reached)
{
	return during_reclaim(tester, true, reached);
}

static int read_during_reclaim(struct tester *tester, bool *reached)
{
	return during_reclaim(tester, false, reached);
}

static const struct selftest_try tries[] = {
	{ "write a mem", true, false, write_mem },
	{ "read a mem", true, false, read_mem },
	{ "write the last bytes of a mem", true, false, write_last },
	{ "write and read the bytes after a mem", false, false, access_after },
	{ "write a box", false, false, write_box },
	{ "read a box", false, false, read_box },
	{ "read a read-only mem", true, false, read_read_only },
	{ "write a read-only mem", false, false, write_read_only },
	{ "write a reclaimed mem", false, false, write_reclaimed },
	{ "read a reclaimed mem", false, false, read_reclaimed },
	{ "write a mem that is reclaimed during the transfer", false, false, write_during_reclaim },
	{ "read a mem that is reclaimed during the transfer", false, false, read_during_reclaim },
	{ NULL, false, false, NULL },
};

const struct tester_driver selftest_fabric = {
	.tries = tries,
	.start = start,
	.stop = stop,
};
