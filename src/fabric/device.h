/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An endpoint of libfabric. Peers on other machines read and write the mems of this process through it,
 * and this process reads and writes theirs.
 *
 * libfabric checks each access against a table of registrations, in this process. A transfer that
 * has passed the check goes on after its registration was closed. It uses the address of the memory
 * in this process, so the core moves the contents away (leaves_decoys of struct backend).
 */
#ifndef FABRIC_DEVICE_H
#define FABRIC_DEVICE_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <coherent/fabric.h>
#include <pthread.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include "backend.h"
#include "base/lock.h"
#include "device/device.h"
#include "fabric/library.h"

/**
 * struct fabric_registration - A mem that peers can reach.
 * @node: In the tree of the device, by @address.
 * @address: The device address.
 * @bytes: The size.
 * @remote: The address that peers use, which is 0 where the provider counts from the start.
 * @permission: The permission of the peers.
 * @mr: The registration.
 */
struct fabric_registration {
	RB_ENTRY(fabric_registration) node;
	uint64_t address;
	uint64_t bytes;
	uint64_t remote;
	enum coherent_permission permission;
	struct fid_mr *mr;
};

/**
 * struct fabric_transfer - A read or a write that this process has started.
 * @context: libfabric uses it until the transfer ends. It is the first member.
 * @link: In the list of the device.
 * @is_read: It is a read.
 * @is_polled: Its caller polls the endpoint.
 * @is_done: The transfer has ended.
 * @is_abandoned: Its caller has given up, so the thread that sees its end frees it.
 * @err: The result.
 */
struct fabric_transfer {
	struct fi_context2 context;
	LIST_ENTRY(fabric_transfer) link;
	bool is_read;
	bool is_polled;
	bool is_done;
	bool is_abandoned;
	int err;
};

/**
 * struct coherent_fabric_peer - Another endpoint, whose mems this process reads and writes.
 * @link: In the list of @fabric.
 * @fabric: The device. The peer holds it.
 * @name: The name of the endpoint.
 * @address: The number that libfabric has for it.
 */
struct coherent_fabric_peer {
	LIST_ENTRY(coherent_fabric_peer) link;
	struct fabric *fabric;
	struct coherent_fabric_name name;
	fi_addr_t address;
};

RB_HEAD(fabric_tree, fabric_registration);

/**
 * struct fabric - An open endpoint.
 * @backend: The base.
 * @library: The functions of libfabric.
 * @lock: Guards the rest, but not the thread.
 * @info: The choice of fi_getinfo(3). Its source address is that of the endpoint.
 * @fabric: The network.
 * @domain: The network interface, which has the registrations.
 * @mr_mode: The mode bits of registrations in the domain (fi_mr(3)). Never changes after the open.
 * @is_adopted: The caller owns @domain and @endpoint. There is no @info, @fabric, @addresses, @queue
 *	and thread then, and @endpoint may be NULL. Never changes after the open.
 * @uses_card: A card with RDMA reaches the mems, and has pinned their pages. The mode bits do not tell:
 *	tcp has those of a card, too, if a program asks for them. Never changes after the open.
 * @addresses: The addresses of peers.
 * @queue: It gets an entry when a transfer of this process ends.
 * @endpoint: The endpoint; NULL after an open that failed and after the disconnect.
 * @ready: Readable when the endpoint has something to do; -1 if the provider cannot tell.
 * @wake: The thread stops or looks at @ready again when this is signalled.
 * @registrations: The mems.
 * @transfers: The transfers that have not ended.
 * @peers: The peers.
 * @polling: How many transfers are polled. The thread leaves the endpoint to their callers.
 * @begun: How many transfers have begun since the thread looked.
 * @is_closed: The device was disconnected.
 * @is_ending: fabric_endpoint_end_reads_locked() waits, so no transfer may begin.
 * @may_be_in_flight: A mem was mapped since the last fence, or at that time. So transfers may be in
 *	flight that a fence would end. Only the close of an adopted domain asks.
 * @has_thread: There is a thread. Without one, coherent_fabric_progress() serves peers.
 * @thread: It lets the endpoint serve peers.
 */
struct fabric {
	struct backend backend;
	struct fabric_library library;
	struct lock lock;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	int mr_mode;
	bool is_adopted;
	bool uses_card;
	struct fid_av *addresses;
	struct fid_cq *queue;
	struct fid_ep *endpoint;
	int ready;
	int wake;
	struct fabric_tree registrations;
	LIST_HEAD(, fabric_transfer) transfers;
	LIST_HEAD(, coherent_fabric_peer) peers;
	unsigned int polling;
	unsigned int begun;
	bool is_closed;
	bool is_ending;
	bool may_be_in_flight;
	bool has_thread;
	pthread_t thread;
};

/**
 * fabric_of() - The endpoint of a device.
 * @dev: Any device, or NULL.
 * @call: The call, for a report.
 * @fabric: Set to the endpoint.
 *
 * Return: 0; -ENODEV (@dev is NULL or closed), -EINVAL (it is another kind of device).
 */
int fabric_of(struct coherent_device *dev, const char *call, struct fabric **fabric);

#endif
