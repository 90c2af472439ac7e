// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "raw.h"

#include <string.h>

#include "../test.h"

#define API FI_VERSION(1, 17)

static struct fi_info *choose(const char *provider)
{
	struct fi_info *hints = fi_allocinfo(), *info;

	assert_non_null(hints);
	hints->caps = FI_RMA;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->threading = FI_THREAD_SAFE;
	hints->fabric_attr->prov_name = strdup(provider);
	assert_ok(fi_getinfo(API, "127.0.0.1", NULL, FI_SOURCE, hints, &info));
	fi_freeinfo(hints);
	return info;
}

void raw_open(struct raw *raw, const char *provider, int mr_mode)
{
	struct fi_av_attr av_attr = { .type = FI_AV_UNSPEC };
	struct fi_cq_attr cq_attr = { .format = FI_CQ_FORMAT_CONTEXT };

	*raw = (struct raw){ .info = choose(provider) };
	raw->info->domain_attr->mr_mode |= mr_mode;
	assert_ok(fi_fabric(raw->info->fabric_attr, &raw->fabric, NULL));
	assert_ok(fi_domain(raw->fabric, raw->info, &raw->domain, NULL));
	assert_ok(fi_av_open(raw->domain, &av_attr, &raw->addresses, NULL));
	assert_ok(fi_cq_open(raw->domain, &cq_attr, &raw->queue, NULL));
	assert_ok(fi_endpoint(raw->domain, raw->info, &raw->endpoint, NULL));
	assert_ok(fi_ep_bind(raw->endpoint, &raw->addresses->fid, 0));
	assert_ok(fi_ep_bind(raw->endpoint, &raw->queue->fid, FI_TRANSMIT | FI_RECV));
	assert_ok(fi_enable(raw->endpoint));
}

void raw_close_endpoint(struct raw *raw)
{
	if (!raw->endpoint)
		return;
	assert_ok(fi_close(&raw->endpoint->fid));
	assert_ok(fi_close(&raw->queue->fid));
	assert_ok(fi_close(&raw->addresses->fid));
	raw->endpoint = NULL;
}

void raw_close(struct raw *raw)
{
	raw_close_endpoint(raw);
	assert_ok(fi_close(&raw->domain->fid));
	assert_ok(fi_close(&raw->fabric->fid));
	fi_freeinfo(raw->info);
}

fi_addr_t raw_insert(struct raw *raw, const struct raw *other)
{
	uint8_t name[128];
	size_t bytes = sizeof(name);
	fi_addr_t address;

	assert_ok(fi_getname(&other->endpoint->fid, name, &bytes));
	assert_int_equal(fi_av_insert(raw->addresses, name, 1, &address, 0, NULL), 1);
	return address;
}

void raw_progress(struct raw *raw)
{
	struct fi_cq_err_entry error = { .err = 0 };
	struct fi_cq_entry entry;
	const ssize_t n = fi_cq_read(raw->queue, &entry, 1);

	if (n == 1) {
		raw->is_done = true;
	} else if (n == -FI_EAVAIL && fi_cq_readerr(raw->queue, &error, 0) == 1 &&
		   error.op_context) {
		raw->is_done = true;
		raw->err = -error.err;
	}
}

void raw_begin(struct raw *raw, struct raw *other, bool is_write, void *local, size_t bytes,
	       uint64_t address, uint64_t key)
{
	const fi_addr_t to = raw_insert(raw, other);
	ssize_t err;

	raw->is_done = false;
	raw->err = 0;
	do {
		err = is_write ? fi_write(raw->endpoint, local, bytes, NULL, to, address, key,
					  &raw->context) :
				 fi_read(raw->endpoint, local, bytes, NULL, to, address, key,
					 &raw->context);
		raw_progress(raw);
		raw_progress(other);
	} while (err == -FI_EAGAIN);
	assert_int_equal(err, 0);
}

int raw_end(struct raw *raw, struct raw *other)
{
	while (!raw->is_done) {
		raw_progress(raw);
		raw_progress(other);
	}
	return raw->err;
}
