// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * bench-vhost-user LIBBLKIO: compares reads of the virtio-blk example with libblkio, and expose and
 * reclaim with the same messages sent by hand. The disk belongs to QEMU's storage daemon and does
 * not move data.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../examples/blk.h"
#include "../examples/qsd.h"
#include "../src/base/sys.h"
#include "../src/base/sys_socket.h"
#include "../src/vhost_user/message.h"
#include "bench.h"
#include "maps.h"
#include "peer_blkio.h"

#define BYTES 4096
#define SPAN 8192
#define READS 4096
#define TURNS 16

/* --- Reads --- */

struct reads {
	struct qsd qsd;
	struct coherent_device *dev;
	struct blk blk;
	struct peer_blkio *peer;
};

/* Starts a new request in each free slot. One kick tells the device about all of them. */
static int read_ours(void *arg, unsigned int turns)
{
	struct blk *blk = &((struct reads *)arg)->blk;
	unsigned int started = 0, finished = 0;
	int err = 0;

	while (!err && finished < turns) {
		for (unsigned int slot = 0; slot < blk->depth && started < turns; slot++)
			if (!(blk->busy & 1u << slot))
				blk_start(blk, slot, false, started++ % SPAN * 8, BYTES);
		const unsigned int busy = (unsigned int)__builtin_popcount(blk->busy);

		err = blk_wait_any(blk);
		finished += busy - (unsigned int)__builtin_popcount(blk->busy);
	}
	return err;
}

static int read_theirs(void *arg, unsigned int turns)
{
	return peer_blkio_read(((struct reads *)arg)->peer, turns);
}

static int open_ours(struct reads *reads, unsigned int depth)
{
	char name[96];
	int err = qsd_start(&reads->qsd, NULL, 0, -1);

	snprintf(name, sizeof(name), "vhost-user:%s", reads->qsd.path);
	if (!err)
		err = coherent_device_open(&reads->dev, name, .report = coherent_report_stderr);
	return err ? err : blk_open(&reads->blk, reads->dev, depth);
}

static int bench_reads(const char *library, unsigned int depth)
{
	struct reads ours = { .dev = NULL }, theirs = { .dev = NULL };
	int err = open_ours(&ours, depth);

	if (!err)
		err = qsd_start(&theirs.qsd, NULL, 0, -1);
	if (!err) {
		theirs.peer = peer_blkio_open(library, theirs.qsd.path, depth);
		err = theirs.peer ? 0 : -ENODEV;
	}
	if (!err)
		err = bench(&(struct bench_case){
			.name = depth == 1 ? "4 KiB reads, depth 1" : "4 KiB reads, depth 32",
			.peer = "libblkio",
			.ours = { .run = read_ours, .arg = &ours },
			.theirs = { .run = read_theirs, .arg = &theirs },
			.turns = READS,
			.waits = true,
			.goal_ratio = 1.0,
		});
	if (theirs.peer)
		peer_blkio_close(theirs.peer);
	blk_close(&ours.blk);
	coherent_device_close(ours.dev);
	qsd_end(&ours.qsd);
	qsd_end(&theirs.qsd);
	return err;
}

/* --- Expose and reclaim --- */

/* A second connection to a daemon, and the file that its messages pass. */
struct by_hand {
	struct qsd qsd;
	int connection;
	int file;
};

/*
 * Sends the two messages that the library sends, by one call as the library does: the request, which
 * the peer acknowledges, and a question, whose reply shows that the peer has processed the request.
 * Reads both replies.
 */
static int change_region(struct by_hand *hand, enum vhost_user_request request, unsigned int i)
{
	const uint64_t address = UINT64_C(0x100000000) + i * UINT64_C(0x10000);
	struct vhost_user_message messages[2] = {
		{
			.request = request,
			.flags = VHOST_USER_FLAG_NEED_REPLY | VHOST_USER_FLAG_VERSION,
			.bytes = 40,
			.region.region = { address, BYTES, address, 0 },
		},
		{ .request = VHOST_USER_GET_FEATURES, .flags = VHOST_USER_FLAG_VERSION },
	};
	struct iovec parts[2] = {
		{ &messages[0], VHOST_USER_HEADER_BYTES + 40 },
		{ &messages[1], VHOST_USER_HEADER_BYTES },
	};
	char replies[2 * (VHOST_USER_HEADER_BYTES + 8)];
	ssize_t n = sys_send_some(hand->connection, parts, 2, &hand->file,
				  request == VHOST_USER_ADD_MEM_REG);

	if (n < 0)
		return (int)n;
	n = recv(hand->connection, replies, sizeof(replies), MSG_WAITALL);
	return n == sizeof(replies) ? 0 : -EIO;
}

static int add_regions(void *arg, unsigned int turns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = change_region(arg, VHOST_USER_ADD_MEM_REG, i);
	return err;
}

static int remove_regions(void *arg, unsigned int turns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = change_region(arg, VHOST_USER_REM_MEM_REG, i);
	return err;
}

static int add_before(void *arg)
{
	return add_regions(arg, TURNS);
}

static void remove_after(void *arg)
{
	if (remove_regions(arg, TURNS))
		abort();
}

static int connect_by_hand(struct by_hand *hand)
{
	const uint64_t features = VHOST_USER_PROTOCOL_F_REPLY_ACK |
				  VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	struct vhost_user_message message = { .request = VHOST_USER_SET_PROTOCOL_FEATURES,
					      .bytes = 8,
					      .u64 = features };
	int err = qsd_start(&hand->qsd, NULL, 0, -1);

	if (!err)
		err = sys_memfd("coherent", &hand->file);
	if (!err)
		err = ftruncate(hand->file, BYTES);
	if (err)
		return err;
	hand->connection = sys_connect(hand->qsd.path, sys_deadline_ns(SYS_NS_PER_S));
	if (hand->connection < 0 || fcntl(hand->connection, F_SETFL, 0))
		return -EIO;
	message.flags = VHOST_USER_FLAG_VERSION;
	return send(hand->connection, &message, VHOST_USER_HEADER_BYTES + 8, 0) < 0 ? -EIO : 0;
}

static int bench_maps(void)
{
	static struct bench_maps ours = { .count = TURNS, .idle = true };
	static struct by_hand theirs;
	static struct qsd qsd;
	struct bench_case what = {
		.name = "expose 4 KiB",
		.peer = "its two messages",
		.ours = { maps_expose, &ours, maps_allocate, maps_reclaim_and_free },
		.theirs = { add_regions, &theirs, NULL, remove_after },
		.turns = TURNS,
		.waits = true,
		.goal_ratio = 1.10,
	};
	char name[96];
	int err = qsd_start(&qsd, NULL, 0, -1);

	snprintf(name, sizeof(name), "vhost-user:%s", qsd.path);
	if (!err)
		err = coherent_device_open(&ours.dev, name, .report = coherent_report_stderr);
	if (!err)
		err = connect_by_hand(&theirs);
	if (!err)
		err = bench(&what);
	what.name = "reclaim 4 KiB";
	what.ours = (struct bench_side){ maps_reclaim, &ours, maps_allocate_and_expose, maps_free };
	what.theirs = (struct bench_side){ remove_regions, &theirs, add_before, NULL };
	if (!err)
		err = bench(&what);
	coherent_device_close(ours.dev);
	qsd_end(&qsd);
	qsd_end(&theirs.qsd);
	return err;
}

int main(int argc, char **argv)
{
	int err;

	if (argc != 2) {
		fputs("usage: bench-vhost-user LIBBLKIO\n", stderr);
		return 2;
	}
	err = bench_reads(argv[1], 1);
	if (!err)
		err = bench_reads(argv[1], 32);
	if (!err)
		err = bench_maps();
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	return !!err;
}
