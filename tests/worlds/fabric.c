// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file drives an endpoint of libfabric. The "device" is a peer: a second endpoint in this process,
 * with a mem that is its store. It knows each key that it has ever used, also after the mem ended.
 * For an address without a key it forges one.
 */
#include <endian.h>
#include <unistd.h>

#include "../../src/fabric/memory.h"
#include "peer.h"

#define KEYS 4096

/* A key that the peer has seen. */
struct seen {
	uint64_t address;
	struct coherent_remote remote;
};

/**
 * struct fabric_peer - The peer.
 * @dev: Its endpoint.
 * @target: The endpoint of the world, as the peer knows it.
 * @store: One page for each place.
 * @seen: The keys, the newest last.
 * @count: How many.
 * @armed: The mem of a write that comes later.
 * @armed_at: Its offset in the mem.
 * @armed_bytes: Its size; 0 for none.
 */
struct fabric_peer {
	struct coherent_device *dev;
	struct coherent_fabric_peer *target;
	union bytes store[2];
	struct seen seen[KEYS];
	size_t count;
	struct coherent_remote armed;
	uint64_t armed_at;
	size_t armed_bytes;
};

static const char *provider_of(const struct world *world)
{
	return world->label + strlen("fabric:");
}

/* verbs does not work on the loopback interface, so a VM for it gives another address. */
static void name_of(const struct world *world, char *name, size_t size)
{
	const char *node = getenv("FABRIC_NODE");

	snprintf(name, size, "fabric:%s,node=%s", provider_of(world), node ? node : "127.0.0.1");
}

/* --- Keys --- */

/* A peer can compute the checksum of a struct that it forges. tests/fabric/transfer.c does, too. */
static struct coherent_remote made_up(uint64_t key, uint64_t address)
{
	struct coherent_remote remote = {
		.key = key,
		.address = htole64(address),
		.bytes = htole64(UINT64_C(1) << 40),
	};
	const uint64_t words[] = { remote.key, remote.address, remote.bytes, 0 };
	uint64_t sum = UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < 4; i++) {
		sum = (sum ^ le64toh(words[i])) * UINT64_C(0xff51afd7ed558ccd);
		sum ^= sum >> 32;
	}
	remote.check = htole32((uint32_t)sum);
	return remote;
}

/* Looks at what the peer could reach. Returns false if no mem has the address. */
static bool look_up(struct world *world, uint64_t at, struct seen *seen)
{
	struct fabric *fabric = (struct fabric *)world->dev->backend;
	struct fabric_registration *registration;

	lock_take(&fabric->lock);
	registration = fabric_find_locked(fabric, at);
	if (registration) {
		seen->address = registration->address;
		seen->remote = made_up(htole64(fi_mr_key(registration->mr)), registration->remote);
	}
	lock_drop(&fabric->lock);
	return registration;
}

/* The key for an address: that of a mem, or the last one that was there before, or any. */
static struct seen key_for(struct world *world, uint64_t at)
{
	struct fabric_peer *peer = world->state;
	struct seen seen = { .address = at };

	if (look_up(world, at, &seen)) {
		assert_true(peer->count < KEYS);
		peer->seen[peer->count++] = seen;
		return seen;
	}
	for (size_t i = peer->count; i > 0; i--)
		if (peer->seen[i - 1].address <= at && at - peer->seen[i - 1].address < 64 * PAGE)
			return peer->seen[i - 1];
	seen.remote = made_up(htole64(at ^ 0x5a5a5a5a5a5a5a5a), 0);
	return seen;
}

/* --- Transfers --- */

static int transfer(struct fabric_peer *peer, const struct coherent_remote *remote, uint64_t offset,
		    size_t bytes, const union bytes *store, bool is_write)
{
	const struct coherent_fabric_options options = {
		COHERENT_SIZED(coherent_fabric_options),
		.mem = (const struct coherent_mem *)&store->base,
		.timeout_ns = LONG,
		.offset = offset,
		.count = bytes,
	};

	return coherent_base_fabric_transfer(peer->target, remote, &options, 1, is_write);
}

/* Some providers refuse by the end of the connection. The next transfer needs another one. */
static int after(struct fabric_peer *peer, int err)
{
	if (err)
		assert_ok(coherent_device_reset(peer->dev));
	return err;
}

static int fabric_load(struct world *world, enum place place, uint64_t from, size_t bytes)
{
	struct fabric_peer *peer = world->state;
	const struct seen seen = key_for(world, from);

	return after(peer, transfer(peer, &seen.remote, from - seen.address, bytes,
				    &peer->store[place], false));
}

static bool are_equal(const union bytes *a, const union bytes *b, size_t bytes)
{
	uint8_t left[PAGE], right[PAGE];

	assert_ok(coherent_copy_out(a, 0, left, bytes));
	assert_ok(coherent_copy_out(b, 0, right, bytes));
	return !memcmp(left, right, bytes);
}

/*
 * A write succeeds when it was sent, also if the target refuses it. Some providers still serve a read
 * that follows a refused write. So the peer reads the bytes back and compares them.
 */
static int write_and_check(struct fabric_peer *peer, const struct coherent_remote *remote,
			   uint64_t offset, size_t bytes, enum place place)
{
	union bytes back = COHERENT_EMPTY;
	int err;

	assert_ok(coherent_zeroed(&back, peer->dev, bytes));
	err = transfer(peer, remote, offset, bytes, &peer->store[place], true);
	if (!err)
		err = transfer(peer, remote, offset, bytes, &back, false);
	if (!err && !are_equal(&peer->store[place], &back, bytes))
		err = -EIO;
	coherent_free(&back);
	return after(peer, err);
}

static int fabric_store(struct world *world, enum place place, uint64_t to, size_t bytes)
{
	const struct seen seen = key_for(world, to);

	return write_and_check(world->state, &seen.remote, to - seen.address, bytes, place);
}

static void fabric_arm(struct world *world, uint64_t to, size_t bytes)
{
	struct fabric_peer *peer = world->state;
	const struct seen seen = key_for(world, to);

	peer->armed = seen.remote;
	peer->armed_at = to - seen.address;
	peer->armed_bytes = bytes;
}

static int fabric_fire(struct world *world)
{
	struct fabric_peer *peer = world->state;

	return write_and_check(peer, &peer->armed, peer->armed_at, peer->armed_bytes, PLACE_DIRT);
}

/* --- The world --- */

static const char *fabric_missing(void)
{
	struct coherent_device *dev;
	const int err = coherent_device_open(&dev, "fabric:tcp,node=127.0.0.1");

	coherent_device_close(dev);
	return err ? "libfabric is not installed" : NULL;
}

static void fabric_begin(struct world *world)
{
	name_of(world, world->opened, sizeof(world->opened));
}

static void fabric_start(struct world *world)
{
	struct fabric_peer *peer = calloc(1, sizeof(*peer));
	struct coherent_fabric_name target;
	char name[64];

	assert_non_null(peer);
	world->state = peer;
	name_of(world, name, sizeof(name));
	assert_ok(coherent_device_open(&peer->dev, name));
	assert_ok(coherent_fabric_get_name(world->dev, &target));
	assert_ok(coherent_fabric_connect(&peer->target, peer->dev, &target));
	for (size_t i = 0; i < 2; i++)
		assert_ok(coherent_zeroed(&peer->store[i], peer->dev, PAGE));
	for (size_t i = 0; i < PAGE; i++)
		assert_ok(coherent_write(&peer->store[PLACE_DIRT], i, DIRT));
}

static void fabric_stop(struct world *world)
{
	struct fabric_peer *peer = world->state;

	if (!peer)
		return;
	coherent_free(&peer->store[0]);
	coherent_free(&peer->store[1]);
	coherent_fabric_disconnect(peer->target);
	coherent_device_close(peer->dev);
	free(peer);
	world->state = NULL;
}

const struct world_ops fabric_ops = {
	.missing = fabric_missing,
	.begin = fabric_begin,
	.end = fabric_stop,
	.start = fabric_start,
	.stop = fabric_stop,
	.load = fabric_load,
	.store = fabric_store,
	.arm = fabric_arm,
	.fire = fabric_fire,
};
