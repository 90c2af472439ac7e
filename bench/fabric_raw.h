/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An endpoint of libfabric, as a program opens it that does not use the library. It asks for the same
 * as the library does, but for a queue that nobody waits for: it polls.
 */
#ifndef FABRIC_RAW_H
#define FABRIC_RAW_H

#include <coherent/fabric.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

/**
 * struct fabric_raw - An endpoint.
 * @info: The choice of fi_getinfo(3).
 * @fabric: The network.
 * @domain: The network interface.
 * @addresses: The addresses of peers.
 * @queue: The completion queue.
 * @endpoint: The endpoint.
 * @peer: The peer.
 */
struct fabric_raw {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *addresses;
	struct fid_cq *queue;
	struct fid_ep *endpoint;
	fi_addr_t peer;
};

/* Opens an endpoint that has no peer. Returns 0 or -errno. */
int fabric_raw_open(struct fabric_raw *raw, const char *provider);

/* Gives the endpoint its peer. Returns 0 or -errno. */
int fabric_raw_connect(struct fabric_raw *raw, const struct coherent_fabric_name *name);

/* Closes what an open made, also if it failed. */
void fabric_raw_close(struct fabric_raw *raw);

/* Calls fi_read() or fi_write(), and polls the queue until the end. Returns 0 or -errno. */
int fabric_raw_transfer(struct fabric_raw *raw, void *local, size_t bytes, struct fid_mr *mr,
			uint64_t address, uint64_t key, bool is_write);

#endif
