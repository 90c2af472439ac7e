/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A program of libfabric, without the library: a domain and an endpoint of its own. The test makes its
 * progress.
 */
#ifndef RAW_H
#define RAW_H

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <stdbool.h>

/**
 * struct raw - The program.
 * @info: The choice of fi_getinfo(3).
 * @fabric: The network.
 * @domain: The domain.
 * @addresses: The addresses of others.
 * @queue: It gets an entry when a transfer of this program ends.
 * @endpoint: The endpoint.
 * @context: libfabric uses it during the transfer.
 * @is_done: The transfer has ended.
 * @err: How it ended, negative.
 */
struct raw {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *addresses;
	struct fid_cq *queue;
	struct fid_ep *endpoint;
	struct fi_context2 context;
	bool is_done;
	int err;
};

/* Opens all. The domain requires the modes of registrations, although the provider does not need them. */
void raw_open(struct raw *raw, const char *provider, int mr_mode);

/* Closes all, and checks that nothing is registered any more. */
void raw_close(struct raw *raw);

/* Closes the endpoint, so that nothing is in flight. */
void raw_close_endpoint(struct raw *raw);

/* Makes another program known. Returns its address. */
fi_addr_t raw_insert(struct raw *raw, const struct raw *other);

/* Lets a program serve the others, and takes the end of its transfer. */
void raw_progress(struct raw *raw);

/* Begins a transfer. The other program makes progress, too, because it may have to accept. */
void raw_begin(struct raw *raw, struct raw *other, bool is_write, void *local, size_t bytes,
	       uint64_t address, uint64_t key);

/* Lets both programs make progress until the transfer has ended. Returns how it ended. */
int raw_end(struct raw *raw, struct raw *other);

#endif
