// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The endpoint: how it is opened, closed and kept going.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "fabric/endpoint.h"

/* A provider that cannot tell when it has something to do is asked so often. */
#define ASK_NS (SYS_NS_PER_S / 1000)
/* While callers poll the endpoint, others leave it to them for so long. */
#define POLL_NS (SYS_NS_PER_S / 10000)
/* A close and a fence wait so long for what a peer has not sent yet. */
#define READS_NS (2 * SYS_NS_PER_S)

/* --- Transfers that end --- */

/* Errors of a connection. Others say that the peer refused, or that the network does not work. */
int fabric_error(int err)
{
	switch (err) {
	case FI_ENODEV:
	/* The provider sockets says this if it cannot connect. */
	case FI_ENOENT:
	case FI_ECANCELED:
	case FI_ECONNABORTED:
	case FI_ECONNREFUSED:
	case FI_ECONNRESET:
	case FI_EHOSTUNREACH:
	case FI_ENETUNREACH:
	case FI_ENOTCONN:
	case FI_ESHUTDOWN:
		return -ENODEV;
	case FI_ETIMEDOUT:
		return -ETIMEDOUT;
	case FI_ENOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static void end_transfer_locked(struct fabric *fabric, struct fabric_transfer *transfer, int err)
	NEEDS_LOCK(fabric->lock)
{
	LIST_REMOVE(transfer, link);
	transfer->err = err;
	transfer->is_done = true;
	if (transfer->is_abandoned)
		free(transfer);
	else
		lock_wake(&fabric->lock);
}

/*
 * The provider sockets has -EIO of its own for a connection that broke, and EACCES for a refusal.
 * Other providers have a number of their card or protocol there.
 */
static int entry_error(const struct fi_cq_err_entry *entry)
{
	const bool is_broken = entry->err == FI_EIO && entry->prov_errno == -FI_EIO;

	return is_broken ? -ENODEV : fabric_error(entry->err);
}

static bool take_error_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	struct fi_cq_err_entry entry = { .err = 0 };

	if (fi_cq_readerr(fabric->queue, &entry, 0) != 1)
		return false;
	if (entry.op_context)
		end_transfer_locked(fabric, entry.op_context, entry_error(&entry));
	return true;
}

/* Returns whether a transfer has ended. The provider serves peers in any case. */
static bool take_end_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	struct fi_cq_entry entry;
	const ssize_t n = fi_cq_read(fabric->queue, &entry, 1);

	if (n == 1)
		end_transfer_locked(fabric, entry.op_context, 0);
	return n == 1 || (n == -FI_EAVAIL && take_error_locked(fabric));
}

void fabric_progress_locked(struct fabric *fabric, const struct fabric_transfer *until)
{
	while (fabric->endpoint && !(until && until->is_done) && take_end_locked(fabric))
		;
}

void fabric_wait(struct fabric *fabric, uint64_t timeout_ns)
{
	struct pollfd fds[] = { { .events = POLLIN }, { .events = POLLIN } };
	struct fid *queue;
	bool may_wait;

	lock_take(&fabric->lock);
	fds[0].fd = fabric->wake;
	/* Each end of a transfer would wake this thread, and it would take the CPU of the one that polls. */
	fds[1].fd = fabric->polling ? -1 : fabric->ready;
	queue = fabric->queue ? &fabric->queue->fid : NULL;
	/* -EAGAIN: something came meanwhile, and the descriptor would not tell. */
	may_wait = fabric->ready < 0 || fi_trywait(fabric->fabric, &queue, 1) != -FI_EAGAIN;
	if (fabric->endpoint && fabric->ready < 0 && timeout_ns > ASK_NS)
		timeout_ns = ASK_NS;
	if (fabric->polling && timeout_ns > POLL_NS)
		timeout_ns = POLL_NS;
	lock_drop(&fabric->lock);
	if (may_wait)
		(void)sys_wait_readable(fds, 2, sys_deadline_ns(timeout_ns));
}

/* --- Open and close --- */

/*
 * A child gets the listening socket at a fork, and nothing closes it there. A fence needs the same
 * port again, because peers know it.
 */
static const char *advice_for_port(bool is_open)
{
	return is_open ? "; another process has the port, perhaps a child of this one; end it and "
			 "call coherent_device_fence() again" :
			 "; give another service=, or end the process that has this one";
}

/* verbs asks the card for one completion queue that is large enough for all peers. */
static const char *advice_for(const struct fabric *fabric, int err)
{
	if (err == -EMFILE || err == -ENFILE)
		return "; raise ulimit -n";
	if (err == -EADDRINUSE)
		return advice_for_port(fabric->backend.dev->backend);
	if (err == -EADDRNOTAVAIL)
		return "; node= must be an address of this machine";
	/* With few descriptors a provider hides the reason. */
	if (err == -FI_EIO)
		return "; ulimit -n may leave too few descriptors, so raise it";
	if (err == -FI_EINVAL && fabric->uses_card)
		return "; if the card has small completion queues, set FI_UNIVERSE_SIZE=64 in the "
		       "environment";
	return "";
}

int fabric_report_failed(const struct fabric *fabric, const char *what, int err)
{
	const struct coherent_device *dev = fabric->backend.dev;
	const bool is_full = err == -EMFILE || err == -ENFILE;

	report(&dev->reporter, COHERENT_ERROR, "%s: could not open %s: %s%s", dev->name, what,
	       strerror(-err), advice_for(fabric, err));
	return is_full ? -ENOSPC : err == -FI_ENOMEM ? -ENOMEM : -EIO;
}

static int open_queue_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_CONTEXT, .wait_obj = FI_WAIT_FD };
	int err = fi_cq_open(fabric->domain, &attr, &fabric->queue, NULL);

	fabric->ready = -1;
	/* Some providers take the attribute, and still have no descriptor. */
	if (!err)
		(void)fi_control(&fabric->queue->fid, FI_GETWAIT, &fabric->ready);
	if (err != -FI_ENOSYS && err != -FI_EINVAL)
		return err;
	attr.wait_obj = FI_WAIT_NONE;
	return fi_cq_open(fabric->domain, &attr, &fabric->queue, NULL);
}

static int enable_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	int err = fi_endpoint(fabric->domain, fabric->info, &fabric->endpoint, NULL);

	if (!err)
		err = fi_ep_bind(fabric->endpoint, &fabric->addresses->fid, 0);
	if (!err)
		err = fi_ep_bind(fabric->endpoint, &fabric->queue->fid, FI_TRANSMIT | FI_RECV);
	return err ? err : fi_enable(fabric->endpoint);
}

/* The endpoint has the same name when it is opened again, so peers find it. */
static int keep_name_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	size_t bytes = COHERENT_FABRIC_NAME_BYTES;
	void *name = malloc(bytes);
	int err = name ? fi_getname(&fabric->endpoint->fid, name, &bytes) : -FI_ENOMEM;

	if (err) {
		free(name);
		return err;
	}
	free(fabric->info->src_addr);
	fabric->info->src_addr = name;
	fabric->info->src_addrlen = bytes;
	return 0;
}

static int insert_peers_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	struct coherent_fabric_peer *peer;

	LIST_FOREACH(peer, &fabric->peers, link)
		if (fi_av_insert(fabric->addresses, peer->name.data, 1, &peer->address, 0, NULL) !=
		    1)
			return -FI_EIO;
	return 0;
}

int fabric_endpoint_open_locked(struct fabric *fabric)
{
	struct fi_av_attr addresses = { .type = FI_AV_UNSPEC };
	int err = fi_av_open(fabric->domain, &addresses, &fabric->addresses, NULL);
	const char *what = "its table of addresses";

	if (!err) {
		what = "its completion queue";
		err = open_queue_locked(fabric);
	}
	if (!err) {
		what = "the endpoint";
		err = enable_locked(fabric);
	}
	if (!err)
		err = keep_name_locked(fabric);
	if (!err)
		err = insert_peers_locked(fabric);
	if (!err)
		return 0;
	fabric_endpoint_close_locked(fabric);
	return fabric_report_failed(fabric, what, err);
}

/* The callers of the transfers wait for them, and free them. */
static void end_transfers_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	struct fabric_transfer *transfer;

	while ((transfer = LIST_FIRST(&fabric->transfers)))
		end_transfer_locked(fabric, transfer, -ENODEV);
}

static bool frees_reads_twice(const struct fabric *fabric)
{
	const char *provider = fabric->info->fabric_attr->prov_name;

	return FI_VERSION_LT(fabric->library.version(), FI_VERSION(1, 18)) &&
	       (!strncmp(provider, "tcp", 3) || !strncmp(provider, "net", 3));
}

static bool has_reads_locked(const struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	const struct fabric_transfer *transfer;

	LIST_FOREACH(transfer, &fabric->transfers, link)
		if (transfer->is_read)
			return true;
	return false;
}

int fabric_endpoint_end_reads_locked(struct fabric *fabric, const char *otherwise)
{
	const struct coherent_device *dev = fabric->backend.dev;
	const uint64_t deadline_ns = sys_deadline_ns(READS_NS);

	if (!fabric->endpoint || !frees_reads_twice(fabric))
		return 0;
	fabric->is_ending = true;
	while (has_reads_locked(fabric) && sys_now_ns() < deadline_ns) {
		fabric_progress_locked(fabric, NULL);
		lock_drop(&fabric->lock);
		fabric_wait(fabric, ASK_NS);
		lock_take(&fabric->lock);
	}
	fabric->is_ending = false;
	if (!has_reads_locked(fabric))
		return 0;
	report(&dev->reporter, COHERENT_WARNING,
	       "%s: a peer has not sent the rest of what this process reads, and libfabric before 1.18 "
	       "crashes if the endpoint is closed meanwhile, so %s",
	       dev->name, otherwise);
	return -ETIMEDOUT;
}

static void forget_endpoint_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	fabric->endpoint = NULL;
	fabric->queue = NULL;
	fabric->addresses = NULL;
	fabric->ready = -1;
	end_transfers_locked(fabric);
	sys_eventfd_signal(fabric->wake);
}

void fabric_endpoint_keep_locked(struct fabric *fabric)
{
	/* fabric_close() closes only what it finds. */
	fabric->domain = NULL;
	fabric->fabric = NULL;
	forget_endpoint_locked(fabric);
}

void fabric_endpoint_close_locked(struct fabric *fabric)
{
	if (fabric->endpoint)
		fi_close(&fabric->endpoint->fid);
	if (fabric->queue)
		fi_close(&fabric->queue->fid);
	if (fabric->addresses)
		fi_close(&fabric->addresses->fid);
	forget_endpoint_locked(fabric);
}
