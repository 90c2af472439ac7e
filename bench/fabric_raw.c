// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "fabric_raw.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static int choose(struct fabric_raw *raw, const char *provider)
{
	struct fi_info *hints = fi_allocinfo();
	int err = -ENOMEM;

	if (!hints)
		return err;
	hints->caps = FI_RMA;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED |
				      FI_MR_PROV_KEY;
	hints->domain_attr->threading = FI_THREAD_SAFE;
	hints->fabric_attr->prov_name = strdup(provider);
	if (hints->fabric_attr->prov_name)
		err = fi_getinfo(FI_VERSION(1, 17), "127.0.0.1", NULL, FI_SOURCE, hints,
				 &raw->info);
	fi_freeinfo(hints);
	return err;
}

int fabric_raw_open(struct fabric_raw *raw, const char *provider)
{
	struct fi_av_attr addresses = { .type = FI_AV_UNSPEC };
	struct fi_cq_attr queue = { .format = FI_CQ_FORMAT_CONTEXT, .wait_obj = FI_WAIT_NONE };
	int err = choose(raw, provider);

	if (!err)
		err = fi_fabric(raw->info->fabric_attr, &raw->fabric, NULL);
	if (!err)
		err = fi_domain(raw->fabric, raw->info, &raw->domain, NULL);
	if (!err)
		err = fi_av_open(raw->domain, &addresses, &raw->addresses, NULL);
	if (!err)
		err = fi_cq_open(raw->domain, &queue, &raw->queue, NULL);
	if (!err)
		err = fi_endpoint(raw->domain, raw->info, &raw->endpoint, NULL);
	if (!err)
		err = fi_ep_bind(raw->endpoint, &raw->addresses->fid, 0);
	if (!err)
		err = fi_ep_bind(raw->endpoint, &raw->queue->fid, FI_TRANSMIT | FI_RECV);
	return err ? err : fi_enable(raw->endpoint);
}

int fabric_raw_connect(struct fabric_raw *raw, const struct coherent_fabric_name *name)
{
	return fi_av_insert(raw->addresses, name->data, 1, &raw->peer, 0, NULL) == 1 ? 0 : -EIO;
}

void fabric_raw_close(struct fabric_raw *raw)
{
	if (raw->endpoint)
		fi_close(&raw->endpoint->fid);
	if (raw->queue)
		fi_close(&raw->queue->fid);
	if (raw->addresses)
		fi_close(&raw->addresses->fid);
	if (raw->domain)
		fi_close(&raw->domain->fid);
	if (raw->fabric)
		fi_close(&raw->fabric->fid);
	if (raw->info)
		fi_freeinfo(raw->info);
}

static int wait_for_end(struct fabric_raw *raw)
{
	struct fi_cq_err_entry failed = { .err = 0 };
	struct fi_cq_entry entry;
	ssize_t n;

	do
		n = fi_cq_read(raw->queue, &entry, 1);
	while (n == -FI_EAGAIN);
	if (n == 1)
		return 0;
	(void)fi_cq_readerr(raw->queue, &failed, 0);
	return failed.err ? -failed.err : -EIO;
}

int fabric_raw_transfer(struct fabric_raw *raw, void *local, size_t bytes, struct fid_mr *mr,
			uint64_t address, uint64_t key, bool is_write)
{
	void *const desc = fi_mr_desc(mr);
	struct fi_context2 context;
	ssize_t n;

	/* -FI_EAGAIN: the provider connects, or has no room. It goes on only if it is called. */
	while ((n = is_write ? fi_write(raw->endpoint, local, bytes, desc, raw->peer, address, key,
					&context) :
			       fi_read(raw->endpoint, local, bytes, desc, raw->peer, address, key,
				       &context)) == -FI_EAGAIN)
		(void)fi_cq_read(raw->queue, NULL, 0);
	return n ? (int)n : wait_for_end(raw);
}
