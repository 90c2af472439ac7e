// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * bench-fabric PROVIDER: compares the calls on a device of fabric: with those of libfabric by hand.
 * Both sides are in one process and ask for the same endpoint. The peer that both read and write is
 * one device in another process.
 *
 * Expose and reclaim are compared with what makes a close exact by hand: fi_mr_reg(), fi_close() and
 * a move of the pages. Old places wait for a fence. It comes between the rounds and is not
 * measured; the other side unmaps its old places there.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../src/base/size.h"
#include "bench.h"
#include "fabric_raw.h"

#define TURNS_MAX 64
#define REMOTE_BYTES ((size_t)256 << 10)
#define LIVE_MAX 10000
#define LONG_NS (UINT64_C(10) * 1000000000)

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);

static const char *provider;

static int open_device(struct coherent_device **dev, const char *keys)
{
	char name[64];

	snprintf(name, sizeof(name), "fabric:%s,node=127.0.0.1%s", provider, keys);
	return coherent_device_open(dev, name, .report = coherent_report_stderr);
}

/* --- Expose and reclaim --- */

/**
 * struct moves - The objects of a round.
 * @dev: The device of the library.
 * @bytes: The size of an object.
 * @count: The number of objects, which is also the turns of the case.
 * @boxes: The objects of the library.
 * @raw: The endpoint of the other side.
 * @from: The objects of the other side.
 * @to: The places that it moves them to.
 */
struct moves {
	struct coherent_device *dev;
	size_t bytes;
	unsigned int count;
	union byte_box boxes[TURNS_MAX];
	struct fabric_raw *raw;
	char *from;
	char *to;
};

static int move_ours(void *arg, unsigned int turns)
{
	struct moves *moves = arg;
	union byte_mem mem = { 0 };
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_expose(&moves->boxes[i], &mem);
		if (!err)
			err = coherent_reclaim(&mem, &moves->boxes[i]);
	}
	coherent_free(&mem);
	return err;
}

static int before_ours(void *arg)
{
	struct moves *moves = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < moves->count; i++)
		err = coherent_box_zeroed(&moves->boxes[i], moves->dev, moves->bytes);
	return err;
}

static void after_ours(void *arg)
{
	struct moves *moves = arg;

	for (unsigned int i = 0; i < moves->count; i++)
		coherent_box_free(&moves->boxes[i]);
	if (coherent_device_fence(moves->dev))
		abort();
}

static int move_theirs(void *arg, unsigned int turns)
{
	struct moves *moves = arg;

	for (unsigned int i = 0; i < turns; i++) {
		char *from = moves->from + i * moves->bytes, *to = moves->to + i * moves->bytes;
		struct fid_mr *mr;

		if (fi_mr_reg(moves->raw->domain, from, moves->bytes,
			      FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE, 0,
			      bench_random(SIZE_MAX), 0, &mr, NULL) ||
		    fi_close(&mr->fid) ||
		    mremap(from, moves->bytes, moves->bytes,
			   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == MAP_FAILED)
			return -EIO;
	}
	return 0;
}

static int before_theirs(void *arg)
{
	struct moves *moves = arg;
	const size_t bytes = moves->count * moves->bytes;

	moves->from = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	moves->to =
		mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (moves->from == MAP_FAILED || moves->to == MAP_FAILED)
		return -ENOMEM;
	memset(moves->from, 0, bytes);
	return 0;
}

static void after_theirs(void *arg)
{
	struct moves *moves = arg;
	const size_t bytes = moves->count * moves->bytes;

	munmap(moves->from, bytes);
	munmap(moves->to, bytes);
}

static int bench_moves(struct fabric_raw *raw)
{
	static const struct {
		const char *name;
		size_t bytes;
		unsigned int count;
	} sizes[] = {
		{ "expose + reclaim 4 KiB", 4096, TURNS_MAX },
		{ "expose + reclaim 64 KiB", 65536, TURNS_MAX },
		{ "expose + reclaim 1 MiB", 1 << 20, 16 },
	};
	static struct moves moves;
	int err = open_device(&moves.dev, "");

	moves.raw = raw;
	for (size_t i = 0; !err && i < ARRAY_SIZE(sizes); i++) {
		moves.bytes = sizes[i].bytes;
		moves.count = sizes[i].count;
		err = bench(&(struct bench_case){
			.name = sizes[i].name,
			.peer = "reg + close + mremap",
			.ours = { move_ours, &moves, before_ours, after_ours },
			.theirs = { move_theirs, &moves, before_theirs, after_theirs },
			.turns = sizes[i].count,
			.goal_ratio = 1.1,
		});
	}
	coherent_device_close(moves.dev);
	return err;
}

/* --- Many live objects --- */

static int expose_live(union byte_mem *mems, struct coherent_device *dev, size_t live)
{
	int err = 0;

	for (size_t i = 0; !err && i < live; i++)
		err = coherent_zeroed(&mems[i], dev, 4096);
	return err;
}

/* Registers one place again and again. The program ends soon, so the registrations stay. */
static int register_live(struct fabric_raw *raw, size_t live)
{
	static char page[4096] __attribute__((aligned(4096)));
	struct fid_mr *mr;
	int err = 0;

	for (size_t i = 0; !err && i < live; i++)
		err = fi_mr_reg(raw->domain, page, sizeof(page),
				FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE, 0,
				bench_random(SIZE_MAX), 0, &mr, NULL);
	return err;
}

static int bench_live(struct fabric_raw *raw)
{
	static struct moves many = { .bytes = 4096, .count = TURNS_MAX },
			    few = { .bytes = 4096, .count = TURNS_MAX };
	static union byte_mem mems[LIVE_MAX + 10];
	int err = open_device(&many.dev, "");

	if (!err)
		err = open_device(&few.dev, "");
	if (!err)
		err = expose_live(mems, many.dev, LIVE_MAX);
	if (!err)
		err = expose_live(mems + LIVE_MAX, few.dev, 10);
	if (!err)
		err = bench(&(struct bench_case){
			.name = "the same, 10,000 live",
			.peer = "10 live",
			.ours = { move_ours, &many, before_ours, after_ours },
			.theirs = { move_ours, &few, before_ours, after_ours },
			.turns = TURNS_MAX,
			.goal_ratio = 1.05,
		});
	if (!err)
		err = register_live(raw, LIVE_MAX);
	many.raw = raw;
	if (!err)
		err = bench(&(struct bench_case){
			.name = "the same, both 10,000 live",
			.peer = "reg + close + mremap",
			.ours = { move_ours, &many, before_ours, after_ours },
			.theirs = { move_theirs, &many, before_theirs, after_theirs },
			.turns = TURNS_MAX,
			.goal_ratio = 1.1,
		});
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	coherent_device_close(many.dev);
	coherent_device_close(few.dev);
	return err;
}

/* --- The peer --- */

struct offer {
	struct coherent_fabric_name name;
	struct coherent_remote remote;
};

/* Offers a mem until the other process closes the socket. */
static int serve(int socket)
{
	struct coherent_device *dev = NULL;
	union byte_mem mem = { 0 };
	struct offer offer;
	int err = open_device(&dev, "");

	if (!err)
		err = coherent_fabric_get_name(dev, &offer.name);
	if (!err)
		err = coherent_zeroed(&mem, dev, REMOTE_BYTES);
	if (!err)
		err = coherent_remote(&mem, &offer.remote);
	if (!err && send(socket, &offer, sizeof(offer), 0) == sizeof(offer))
		(void)recv(socket, &offer, 1, 0);
	coherent_free(&mem);
	coherent_device_close(dev);
	return err;
}

static int start_peer(pid_t *child, int *connection)
{
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets))
		return -errno;
	*child = fork();
	if (*child < 0)
		return -errno;
	close(sockets[*child ? 1 : 0]);
	if (!*child)
		_exit(!!serve(sockets[1]));
	*connection = sockets[0];
	return 0;
}

static void end_peer(pid_t child, int connection)
{
	close(connection);
	(void)waitpid(child, NULL, 0);
}

/* --- Transfers --- */

/**
 * struct transfers - A transfer that is made again and again.
 * @bytes: Its size.
 * @is_write: It is a write.
 * @remote: The mem of the peer.
 * @peer: The peer, for the library.
 * @mem: The mem of the library.
 * @raw: The endpoint of the other side.
 * @buffer: Its memory.
 * @mr: The registration of @buffer.
 */
struct transfers {
	size_t bytes;
	bool is_write;
	struct coherent_remote remote;
	struct coherent_fabric_peer *peer;
	union byte_mem mem;
	struct fabric_raw *raw;
	char *buffer;
	struct fid_mr *mr;
};

static int transfer_ours(void *arg, unsigned int turns)
{
	struct transfers *all = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = all->is_write ? coherent_fabric_write(all->peer, &all->remote, &all->mem,
							    LONG_NS, .count = all->bytes) :
				      coherent_fabric_read(all->peer, &all->remote, &all->mem,
							   LONG_NS, .count = all->bytes);
	return err;
}

static int transfer_theirs(void *arg, unsigned int turns)
{
	struct transfers *all = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = fabric_raw_transfer(all->raw, all->buffer, all->bytes, all->mr,
					  le64toh(all->remote.address), le64toh(all->remote.key),
					  all->is_write);
	return err;
}

/* The peer has got all writes when it answers a read, so no round begins with those of the last one. */
static int settle(void *arg, int (*transfer)(void *arg, unsigned int turns))
{
	struct transfers one = *(struct transfers *)arg;

	one.bytes = 1;
	one.is_write = false;
	return transfer(&one, 1);
}

static void settle_ours(void *arg)
{
	if (settle(arg, transfer_ours))
		abort();
}

static void settle_theirs(void *arg)
{
	if (settle(arg, transfer_theirs))
		abort();
}

static int bench_size(struct transfers *all, size_t bytes, unsigned int turns, const char *with)
{
	char name[64];

	all->bytes = bytes;
	snprintf(name, sizeof(name), "%s %zu bytes%s", all->is_write ? "write" : "read", bytes,
		 with);
	return bench(&(struct bench_case){
		.name = name,
		.peer = all->is_write ? "fi_write" : "fi_read",
		.ours = { transfer_ours, all, NULL, settle_ours },
		.theirs = { transfer_theirs, all, NULL, settle_theirs },
		.turns = turns,
		.waits = true,
		.goal_ratio = 1.02,
	});
}

static int bench_sizes(struct transfers *all, const char *with)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < 2; i++) {
		all->is_write = i;
		err = bench_size(all, 64, 16, with);
		if (!err)
			err = bench_size(all, 16384, 8, with);
		if (!err)
			err = bench_size(all, REMOTE_BYTES, 2, with);
	}
	return err;
}

static int open_theirs(struct transfers *all, struct fabric_raw *raw, const struct offer *offer)
{
	int err = fabric_raw_connect(raw, &offer->name);

	all->raw = raw;
	all->buffer = aligned_alloc(4096, REMOTE_BYTES);
	if (!all->buffer)
		return -ENOMEM;
	memset(all->buffer, 0, REMOTE_BYTES);
	return err ? err :
		     fi_mr_reg(raw->domain, all->buffer, REMOTE_BYTES, FI_READ | FI_WRITE, 0, 1, 0,
			       &all->mr, NULL);
}

/* With the key manual the device has no thread, so it is the caller who polls, as on the other side. */
static int bench_transfers(struct transfers *all, const struct offer *offer, const char *keys,
			   const char *with)
{
	struct coherent_device *dev;
	int err = open_device(&dev, keys);

	if (!err)
		err = coherent_fabric_connect(&all->peer, dev, &offer->name);
	if (!err)
		err = coherent_zeroed(&all->mem, dev, REMOTE_BYTES);
	if (!err)
		err = bench_sizes(all, with);
	coherent_free(&all->mem);
	coherent_fabric_disconnect(all->peer);
	all->peer = NULL;
	coherent_device_close(dev);
	return err;
}

static int bench_all(int connection)
{
	struct transfers all = { .bytes = 0 };
	struct fabric_raw raw = { .peer = 0 }, crowded = { .peer = 0 };
	struct offer offer = { .name.bytes = 0 };
	int err = fabric_raw_open(&raw, provider);

	if (!err && recv(connection, &offer, sizeof(offer), 0) != sizeof(offer))
		err = -EPIPE;
	if (!err)
		err = bench_moves(&raw);
	if (!err)
		err = fabric_raw_open(&crowded, provider);
	if (!err)
		err = bench_live(&crowded);
	if (!err)
		err = open_theirs(&all, &raw, &offer);
	all.remote = offer.remote;
	if (!err)
		err = bench_transfers(&all, &offer, ",manual", "");
	if (!err)
		err = bench_transfers(&all, &offer, "", ", with a thread");
	if (all.mr)
		fi_close(&all.mr->fid);
	fabric_raw_close(&raw);
	free(all.buffer);
	return err;
}

int main(int argc, char **argv)
{
	int connection = -1, err;
	pid_t child = 0;

	if (argc != 2) {
		fputs("usage: bench-fabric PROVIDER\n", stderr);
		return 2;
	}
	provider = argv[1];
	err = start_peer(&child, &connection);
	if (!err) {
		err = bench_all(connection);
		end_peer(child, connection);
	}
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	return !!err;
}
