// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The calls of coherent/fabric.h: names, peers, keys and transfers.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "fabric/checksum.h"
#include "fabric/endpoint.h"
#include "fabric/memory.h"
#include "memory/object.h"
#include "memory/options.h"
#include "memory/refuse.h"

#define REMOTE "coherent_remote()"
#define NAME "coherent_fabric_get_name()"
#define CONNECT "coherent_fabric_connect()"
#define PROGRESS "coherent_fabric_progress()"
#define READ "coherent_fabric_read()"
#define WRITE "coherent_fabric_write()"

/* A small transfer is mostly over in this time. A wait for another thread would take longer. */
#define SPIN_NS 50000
/* A large one gets one ns more for each byte, up to this. */
#define SPIN_MAX_NS (SYS_NS_PER_S / 1000)
/* Without a thread of the library, another caller may see the end of this transfer. */
#define LOOK_NS (SYS_NS_PER_S / 1000)

/* --- Names and peers --- */

static int name_of_adopted(struct fabric *fabric, struct coherent_fabric_name *name)
{
	size_t bytes = sizeof(name->data);
	int err;

	if (!fabric->endpoint)
		return refuse(&fabric->backend.dev->store, -EOPNOTSUPP, NAME,
			      "the device was opened with .domain and without .endpoint, so the "
			      "library knows no endpoint");
	err = fi_getname(&fabric->endpoint->fid, name->data, &bytes);
	if (err)
		return refuse(&fabric->backend.dev->store, -EIO, NAME,
			      "fi_getname() of .endpoint failed: %s", strerror(-err));
	name->bytes = htole32((uint32_t)bytes);
	return 0;
}

/* The library cannot use the endpoint of the caller: it has neither the addresses nor the queue. */
static int check_own(const struct fabric *fabric, const char *call, const char *instead)
{
	if (!fabric->is_adopted)
		return 0;
	return refuse(&fabric->backend.dev->store, -EOPNOTSUPP, call,
		      "the device was opened with .domain, so its endpoints are the caller's; %s",
		      instead);
}

int coherent_fabric_get_name(struct coherent_device *dev, struct coherent_fabric_name *name)
{
	struct fabric *fabric;
	int err = fabric_of(dev, NAME, &fabric);

	if (err)
		return err;
	if (!name)
		return refuse(&dev->store, -EINVAL, NAME, "the name is NULL");
	memset(name, 0, sizeof(*name));
	if (fabric->is_adopted)
		return name_of_adopted(fabric, name);
	lock_take(&fabric->lock);
	name->bytes = htole32((uint32_t)fabric->info->src_addrlen);
	memcpy(name->data, fabric->info->src_addr, fabric->info->src_addrlen);
	lock_drop(&fabric->lock);
	return 0;
}

/* A fence sets the name of the endpoint again, so its size has the lock, too. */
static size_t name_bytes(struct fabric *fabric)
{
	size_t bytes;

	lock_take(&fabric->lock);
	bytes = fabric->info->src_addrlen;
	lock_drop(&fabric->lock);
	return bytes;
}

static int check_name(struct coherent_device *dev, struct fabric *fabric,
		      const struct coherent_fabric_name *name)
{
	size_t bytes;

	if (!name)
		return refuse(&dev->store, -EINVAL, CONNECT, "the name is NULL");
	bytes = name_bytes(fabric);
	if (le32toh(name->bytes) == bytes)
		return 0;
	return refuse(&dev->store, -EINVAL, CONNECT,
		      "the name has %" PRIu32 " bytes, and a name of the provider %s has %zu; use "
		      "what coherent_fabric_get_name() of the peer gave",
		      le32toh(name->bytes), fabric->info->fabric_attr->prov_name, bytes);
}

static int insert_locked(struct fabric *fabric, struct coherent_fabric_peer *peer)
	NEEDS_LOCK(fabric->lock)
{
	if (fabric->is_closed || !fabric->endpoint)
		return -ENODEV;
	if (fi_av_insert(fabric->addresses, peer->name.data, 1, &peer->address, 0, NULL) != 1)
		return -EIO;
	LIST_INSERT_HEAD(&fabric->peers, peer, link);
	return 0;
}

int coherent_fabric_connect(struct coherent_fabric_peer **peer, struct coherent_device *dev,
			    const struct coherent_fabric_name *name)
{
	struct coherent_fabric_peer *made;
	struct fabric *fabric;
	int err;

	*peer = NULL;
	err = fabric_of(dev, CONNECT, &fabric);
	if (!err)
		err = check_own(fabric, CONNECT,
				"transfer by fi_read() and fi_write(), with .key and .address of "
				"struct coherent_remote");
	if (!err)
		err = check_name(dev, fabric, name);
	if (err)
		return err;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->fabric = fabric;
	made->name = *name;
	lock_take(&fabric->lock);
	err = insert_locked(fabric, made);
	lock_drop(&fabric->lock);
	if (err) {
		free(made);
		return err;
	}
	ref_hold(&dev->ref);
	*peer = made;
	return 0;
}

void coherent_fabric_disconnect(struct coherent_fabric_peer *peer)
{
	struct coherent_device *dev = peer ? peer->fabric->backend.dev : NULL;
	struct fabric *fabric = peer ? peer->fabric : NULL;

	if (!peer || device_forked(dev))
		return;
	lock_take(&fabric->lock);
	LIST_REMOVE(peer, link);
	if (fabric->endpoint)
		(void)fi_av_remove(fabric->addresses, &peer->address, 1, 0);
	lock_drop(&fabric->lock);
	free(peer);
	ref_put(&dev->ref);
}

int coherent_fabric_progress(struct coherent_device *dev, uint64_t timeout_ns)
{
	struct fabric *fabric;
	int err = fabric_of(dev, PROGRESS, &fabric);

	if (!err)
		err = check_own(fabric, PROGRESS, "read their completion queue instead");
	if (err)
		return err;
	/* Another thread may close the device meanwhile. */
	ref_hold(&dev->ref);
	if (timeout_ns)
		fabric_wait(fabric, timeout_ns);
	lock_take(&fabric->lock);
	fabric_progress_locked(fabric, NULL);
	err = fabric->is_closed ? -ENODEV : 0;
	lock_drop(&fabric->lock);
	ref_put(&dev->ref);
	return err;
}

/* --- Keys --- */

static void fill_in(struct coherent_remote *remote, const struct fabric_registration *registration)
{
	*remote = (struct coherent_remote){
		.key = htole64(fi_mr_key(registration->mr)),
		.address = htole64(registration->remote),
		.bytes = htole64(registration->bytes),
		.permission = htole32(registration->permission),
	};
	remote->check = fabric_checksum(remote);
}

int coherent_base_remote(const struct coherent_mem *mem, struct coherent_remote *remote)
{
	struct fabric_registration *registration;
	struct coherent_device *dev;
	struct object_store *store;
	struct fabric *fabric;
	int err;

	if (!mem->object || !(object_is_slot(mem->object) || object_has_mem(mem)))
		return object_unknown(mem->object);
	store = object_store(mem->object);
	dev = store->backend->dev;
	err = fabric_of(dev, REMOTE, &fabric);
	if (!err && !remote)
		err = refuse(store, -EINVAL, REMOTE, "the struct coherent_remote is NULL");
	if (!err && object_is_slot(mem->object))
		err = refuse(store, -EOPNOTSUPP, REMOTE,
			     "the mem allocated at %s is of a pool, and its key would open the "
			     "objects beside it; allocate it with coherent_zeroed()",
			     object_site(mem->object));
	if (err)
		return err;
	lock_take(&fabric->lock);
	registration = fabric_find_locked(fabric, mem->object->address.first);
	if (registration)
		fill_in(remote, registration);
	lock_drop(&fabric->lock);
	return registration ? 0 : -ENODEV;
}

/* --- Transfers --- */

/**
 * struct request - A transfer that a caller wants.
 * @peer: The peer.
 * @is_write: It is a write.
 * @local: The address in this process.
 * @object: The device address of the mem.
 * @bytes: The size.
 * @remote: The address at the peer.
 * @key: The key.
 * @deadline_ns: When the caller gives up.
 */
struct request {
	struct coherent_fabric_peer *peer;
	bool is_write;
	char *local;
	uint64_t object;
	size_t bytes;
	uint64_t remote;
	uint64_t key;
	uint64_t deadline_ns;
};

static int post_locked(struct fabric *fabric, const struct request *request,
		       struct fabric_transfer *transfer) NEEDS_LOCK(fabric->lock)
{
	struct fabric_registration *registration = fabric_find_locked(fabric, request->object);
	void *const desc = registration ? fi_mr_desc(registration->mr) : NULL;
	const fi_addr_t to = request->peer->address;

	if (fabric->is_closed || !fabric->endpoint || !registration)
		return -ENODEV;
	if (fabric->is_ending)
		return -FI_EAGAIN;
	return request->is_write ?
		       (int)fi_write(fabric->endpoint, request->local, request->bytes, desc, to,
				     request->remote, request->key, &transfer->context) :
		       (int)fi_read(fabric->endpoint, request->local, request->bytes, desc, to,
				    request->remote, request->key, &transfer->context);
}

static void add_locked(struct fabric *fabric, struct fabric_transfer *transfer, bool is_write)
	NEEDS_LOCK(fabric->lock)
{
	LIST_INSERT_HEAD(&fabric->transfers, transfer, link);
	transfer->is_read = !is_write;
	transfer->is_polled = true;
	fabric->polling++;
	fabric->begun++;
}

static void stop_polling_locked(struct fabric *fabric, struct fabric_transfer *transfer)
	NEEDS_LOCK(fabric->lock)
{
	fabric->polling -= transfer->is_polled;
	transfer->is_polled = false;
}

/* -FI_EAGAIN: the provider has no room, or connects. It goes on only if it is called. */
static int start(const struct request *request, struct fabric_transfer *transfer)
{
	struct fabric *fabric = request->peer->fabric;
	int err;

	do {
		lock_take(&fabric->lock);
		err = post_locked(fabric, request, transfer);
		if (!err)
			add_locked(fabric, transfer, request->is_write);
		else
			fabric_progress_locked(fabric, NULL);
		lock_drop(&fabric->lock);
		if (err == -FI_EAGAIN)
			sys_yield();
	} while (err == -FI_EAGAIN && sys_now_ns() < request->deadline_ns);
	return err == -FI_EAGAIN ? -ETIMEDOUT : err;
}

static bool has_ended(struct fabric *fabric, struct fabric_transfer *transfer, bool give_up)
{
	bool is_done;

	lock_take(&fabric->lock);
	fabric_progress_locked(fabric, transfer);
	is_done = transfer->is_done;
	if (is_done || give_up)
		stop_polling_locked(fabric, transfer);
	transfer->is_abandoned = give_up && !is_done;
	lock_drop(&fabric->lock);
	return is_done;
}

/* The thread of the library takes what the queue has, so the queue does not wake the caller too. */
static void wait_for_end(struct fabric *fabric, struct fabric_transfer *transfer,
			 uint64_t deadline_ns)
{
	const uint64_t soon_ns = sys_deadline_ns(LOOK_NS);

	lock_take(&fabric->lock);
	stop_polling_locked(fabric, transfer);
	if (fabric->has_thread && !transfer->is_done) {
		/* The thread may have left the endpoint to this caller. */
		fabric->begun = 0;
		sys_eventfd_signal(fabric->wake);
		lock_wait(&fabric->lock, deadline_ns < soon_ns ? deadline_ns : soon_ns);
	}
	lock_drop(&fabric->lock);
	if (!fabric->has_thread)
		fabric_wait(fabric, LOOK_NS);
}

static uint64_t spin_ns(size_t bytes)
{
	return bytes < SPIN_MAX_NS - SPIN_NS ? SPIN_NS + bytes : SPIN_MAX_NS;
}

/* Frees the transfer, or leaves it to the thread that sees its end. */
static int finish(const struct request *request, struct fabric_transfer *transfer)
{
	struct fabric *fabric = request->peer->fabric;
	uint64_t begun_ns = 0, now_ns = 0;
	int err;

	while (!has_ended(fabric, transfer, now_ns >= request->deadline_ns)) {
		if (now_ns >= request->deadline_ns)
			return -ETIMEDOUT;
		if (now_ns - begun_ns > spin_ns(request->bytes))
			wait_for_end(fabric, transfer, request->deadline_ns);
		now_ns = sys_now_ns();
		if (!begun_ns)
			begun_ns = now_ns;
	}
	err = transfer->err;
	free(transfer);
	return err;
}

static int run(const struct request *request)
{
	struct fabric_transfer *transfer = calloc(1, sizeof(*transfer));
	int err;

	if (!transfer)
		return -ENOMEM;
	err = start(request, transfer);
	if (!err)
		return finish(request, transfer);
	free(transfer);
	return fabric_error(-err);
}

/* --- Checks --- */

static int check_remote(struct object_store *store, const char *at,
			const struct coherent_remote *remote, bool is_write)
{
	if (!remote)
		return refuse(store, -EINVAL, at, "the struct coherent_remote is NULL");
	if (remote->check != fabric_checksum(remote) ||
	    le32toh(remote->permission) > COHERENT_READ_ONLY)
		return refuse(
			store, -EINVAL, at,
			"the struct coherent_remote is not what coherent_remote() made: it was "
			"changed or cut off on its way");
	if (is_write && le32toh(remote->permission) == COHERENT_READ_ONLY)
		return refuse(store, -EINVAL, at,
			      "the peer has exposed this mem with COHERENT_READ_ONLY");
	return 0;
}

/* Fills in what the transfer does, after all checks. */
static int fill_request(struct object_store *store, const char *at,
			const struct coherent_remote *remote,
			const struct coherent_fabric_options *options, size_t size,
			struct request *request)
{
	const struct coherent_mem *mem = options->mem;
	const size_t left = options->first <= mem->count ? mem->count - options->first : 0;
	const size_t count = options->count ? options->count : left;
	const uint64_t bytes = le64toh(remote->bytes);

	if (!left)
		return refuse(
			store, -ERANGE, at,
			"the mem of this process has %zu elements, so .first = %zu is past the "
			"end",
			mem->count, options->first);
	if (count > left)
		return refuse(
			store, -ERANGE, at,
			"the mem of this process has %zu elements, and %zu from %zu on are past "
			"the end",
			mem->count, count, options->first);
	if (options->offset > bytes || count * size > bytes - options->offset)
		return refuse(store, -ERANGE, at,
			      "the mem of the peer has %" PRIu64 " bytes, and %zu from %" PRIu64
			      " on are past the end",
			      bytes, count * size, options->offset);
	request->local = (char *)mem->va + options->first * size;
	request->object = mem->object->address.first;
	request->bytes = count * size;
	request->remote = le64toh(remote->address) + options->offset;
	request->key = le64toh(remote->key);
	request->deadline_ns = sys_deadline_ns(options->timeout_ns);
	return 0;
}

static int check_mem(struct object_store *store, const char *at, const struct coherent_mem *mem)
{
	if (!mem->object || object_is_slot(mem->object) || !object_has_mem(mem))
		return refuse(store, -EINVAL, at,
			      "the mem is empty or of a pool; give one of coherent_zeroed()");
	if (mem->object->store != store)
		return refuse(store, -EINVAL, at,
			      "the mem allocated at %s is of another device than the peer",
			      mem->object->site);
	return 0;
}

int coherent_base_fabric_transfer(struct coherent_fabric_peer *peer,
				  const struct coherent_remote *remote,
				  const struct coherent_fabric_options *options, size_t size,
				  bool is_write)
{
	const char *at = is_write ? WRITE : READ;
	struct request request = { .peer = peer, .is_write = is_write };
	struct coherent_fabric_options copy;
	struct object_store *store;
	int err;

	if (!peer)
		return -EINVAL;
	store = &peer->fabric->backend.dev->store;
	err = device_usable(peer->fabric->backend.dev);
	if (err)
		return err;
	options = options_known(options, &copy, &options_of_fabric, store, at, &err);
	if (!err)
		err = check_remote(store, at, remote, is_write);
	if (!err)
		err = check_mem(store, at, options->mem);
	if (!err)
		err = fill_request(store, at, remote, options, size, &request);
	if (err)
		return err;
	/* ORDER: pairs with what the peer's CPU or card does with the memory (expose.litmus). */
	coherent_wmb();
	err = run(&request);
	coherent_rmb();
	return err;
}
