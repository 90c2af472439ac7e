// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An endpoint of libfabric: how it is opened and closed, and what it tells the library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_process.h"
#include "fabric/adopt.h"
#include "fabric/device.h"
#include "fabric/endpoint.h"
#include "fabric/memory.h"
#include "fabric/provider.h"
#include "memory/object_store.h"
#include "memory/refuse.h"

#define ADDRESS_LAST ((UINT64_C(1) << 47) - 1)

/**
 * struct fabric_keys - The keys of a device name.
 * @manual: The driver makes progress.
 * @node: The address of this machine; NULL for any.
 * @service: The port; NULL for any.
 */
struct fabric_keys {
	uint64_t manual;
	const char *node;
	const char *service;
};

int fabric_of(struct coherent_device *dev, const char *call, struct fabric **fabric)
{
	int err = device_usable(dev);

	if (err)
		return err;
	if (!backend_is(dev->backend, &backend_fabric))
		return refuse(&dev->store, -EINVAL, call, "the device is not of fabric:");
	*fabric = (struct fabric *)dev->backend;
	return 0;
}

/* --- The name --- */

/* libfabric would take the low 16 bits of a higher number. A service may also be a name. */
static int check_port(const struct name *name, const char *service, const struct reporter *to)
{
	if (!service || service[strspn(service, "0123456789")] ||
	    strtoul(service, NULL, 10) <= UINT16_MAX)
		return 0;
	report(to, COHERENT_ERROR, "%s: there is no port %s; the highest one is 65535", name->whole,
	       service);
	return -EINVAL;
}

static int read_name(const struct name *name, struct fabric_keys *values, const struct reporter *to)
{
	static const struct name_key keys[] = {
		{ .key = "node",
		  .example = "127.0.0.1",
		  .offset = offsetof(struct fabric_keys, node) },
		{ .key = "service",
		  .example = "7471",
		  .offset = offsetof(struct fabric_keys, service) },
		{ .key = "manual", NAME_FLAG, .offset = offsetof(struct fabric_keys, manual) },
	};
	int err;

	if (*name->target) {
		err = name_read_keys(name, keys, ARRAY_SIZE(keys), values, to);
		return err ? err : check_port(name, values->service, to);
	}
	report(to, COHERENT_ERROR,
	       "%s: which provider? Write for example fabric:tcp,node=127.0.0.1; fi_info -l lists "
	       "them",
	       name->whole);
	return -EINVAL;
}

/* --- Open --- */

static struct fi_info *hints_for(struct fabric *fabric, const char *provider)
{
	struct fi_info *hints = fabric->library.dupinfo(NULL);

	/* The other layer over verbs trusts each datagram, as that of udp does. */
	if (provider && !strcasecmp(provider, "verbs"))
		provider = "verbs;ofi_rxm";
	if (!hints)
		return NULL;
	hints->caps = FI_RMA;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED |
				      FI_MR_PROV_KEY;
	hints->domain_attr->threading = FI_THREAD_SAFE;
	hints->fabric_attr->prov_name = provider ? strdup(provider) : NULL;
	if (hints->fabric_attr->prov_name || !provider)
		return hints;
	fabric->library.freeinfo(hints);
	return NULL;
}

/* The words of a list have ", " between them. */
static bool has_word(const char *list, const char *word)
{
	const size_t length = strlen(word);

	while (*list) {
		const size_t n = strcspn(list, ",");

		if (n == length && !strncasecmp(list, word, n))
			return true;
		list += n + strspn(list + n, ", ");
	}
	return false;
}

/* Lists each provider once. Those with layers have names such as "tcp;ofi_rxm". */
static void list_providers(struct fabric *fabric, char *list, size_t size)
{
	struct fi_info *hints = hints_for(fabric, NULL), *all = NULL;
	size_t used = 0;

	*list = '\0';
	if (hints && fabric->library.getinfo(FABRIC_API, NULL, NULL, 0, hints, &all))
		all = NULL;
	for (struct fi_info *info = all; info && used < size; info = info->next) {
		const char *name = info->fabric_attr->prov_name;
		const int length = (int)strcspn(name, ";");
		char word[64];

		snprintf(word, sizeof(word), "%.*s", length, name);
		if (!has_word(list, word))
			used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ", " : "",
						 word);
	}
	if (all)
		fabric->library.freeinfo(all);
	if (hints)
		fabric->library.freeinfo(hints);
}

static int report_no_info(struct fabric *fabric, const struct name *name,
			  const struct fabric_keys *keys, int err)
{
	const struct reporter *to = &fabric->backend.dev->reporter;
	char list[256];

	if (err == -FI_ENOMEM)
		return -ENOMEM;
	list_providers(fabric, list, sizeof(list));
	if (has_word(list, name->target)) {
		report(to, COHERENT_ERROR,
		       "%s: the provider %s has no endpoint at node %s, service %s; the node must be "
		       "an address of this machine, and the service a port",
		       name->whole, name->target, keys->node ? keys->node : "(any)",
		       keys->service ? keys->service : "(any)");
		return -ENODEV;
	}
	report(to, COHERENT_ERROR,
	       "%s: libfabric has no provider \"%s\" that offers RMA at node %s, service %s; it has: "
	       "%s",
	       name->whole, name->target, keys->node ? keys->node : "(any)",
	       keys->service ? keys->service : "(any)", *list ? list : "none");
	return -ENODEV;
}

static int choose(struct fabric *fabric, const struct name *name, const struct fabric_keys *keys)
{
	struct fi_info *hints = hints_for(fabric, name->target);
	const uint64_t source = keys->node || keys->service ? FI_SOURCE : 0;
	int err;

	if (!hints)
		return -ENOMEM;
	err = fabric->library.getinfo(FABRIC_API, keys->node, keys->service, source, hints,
				      &fabric->info);
	fabric->library.freeinfo(hints);
	if (err) {
		fabric->info = NULL;
		return report_no_info(fabric, name, keys, err);
	}
	fabric->mr_mode = fabric->info->domain_attr->mr_mode;
	return 0;
}

static int open_domain(struct fabric *fabric)
{
	int err = fabric->library.fabric(fabric->info->fabric_attr, &fabric->fabric, NULL);

	if (!err)
		err = fi_domain(fabric->fabric, fabric->info, &fabric->domain, NULL);
	return err ? fabric_report_failed(fabric, "the network of the provider", err) : 0;
}

static int register_for_probe(struct fabric *fabric, void *page, struct fid_mr **mr)
{
	return fi_mr_reg(fabric->domain, page, sys_page_bytes(), FI_REMOTE_READ, 0, 0, 0, mr, NULL);
}

/*
 * libfabric's cache gives two registrations of the same memory one key. It lets peers write in any
 * case, and it keeps a registration that was closed.
 */
static int probe_cache(struct fabric *fabric, bool *is_cached)
{
	void *page = aligned_alloc(sys_page_bytes(), sys_page_bytes());
	struct fid_mr *mrs[2] = { NULL, NULL };
	int err = page ? 0 : -FI_ENOMEM;

	for (size_t i = 0; !err && i < ARRAY_SIZE(mrs); i++)
		err = register_for_probe(fabric, page, &mrs[i]);
	if (!err)
		*is_cached = fi_mr_key(mrs[0]) == fi_mr_key(mrs[1]);
	for (size_t i = 0; i < ARRAY_SIZE(mrs); i++)
		if (mrs[i])
			fi_close(&mrs[i]->fid);
	free(page);
	return err ? fabric_report_failed(fabric, "a registration", err) : 0;
}

/* libfabric has a cache for cards. */
static int check_cache(struct fabric *fabric)
{
	bool is_cached = false;
	int err = fabric->uses_card ? probe_cache(fabric, &is_cached) : 0;

	if (err || !is_cached)
		return err;
	report(&fabric->backend.dev->reporter, COHERENT_ERROR,
	       "%s: libfabric caches registrations, so peers could write to read-only mems and reach "
	       "reclaimed ones; set FI_MR_CACHE_MAX_COUNT=0 in the environment",
	       fabric->backend.dev->name);
	return -EOPNOTSUPP;
}

static int open_wake(struct fabric *fabric)
{
	int err = sys_eventfd(&fabric->wake);

	return err ? fabric_report_failed(fabric, "an eventfd", err) : 0;
}

/* --- The thread --- */

/* While callers serve the endpoint, the thread leaves it to them for so long, and longer each time. */
#define LEAVE_MIN_NS (SYS_NS_PER_S / 10000)
#define LEAVE_MAX_NS (SYS_NS_PER_S / 1000)

/*
 * Returns whether callers serve the endpoint: one polls it, or they made two transfers in each
 * LEAVE_MIN_NS. The thread would take a CPU from them, and the lock.
 */
static bool is_left_locked(struct fabric *fabric, uint64_t left_ns) NEEDS_LOCK(fabric->lock)
{
	const bool is_left = fabric->polling || fabric->begun / 2 >= left_ns / LEAVE_MIN_NS;

	fabric->begun = 0;
	if (!is_left)
		fabric_progress_locked(fabric, NULL);
	return is_left;
}

static void wait_for_wake(struct fabric *fabric, uint64_t timeout_ns)
{
	struct pollfd wake = { .fd = fabric->wake, .events = POLLIN };

	(void)sys_wait_readable(&wake, 1, sys_deadline_ns(timeout_ns));
}

static void *serve(void *arg)
{
	struct fabric *fabric = arg;
	uint64_t leave_ns = LEAVE_MIN_NS;
	bool is_closed, is_left;

	while (true) {
		lock_take(&fabric->lock);
		is_left = is_left_locked(fabric, leave_ns);
		is_closed = fabric->is_closed;
		lock_drop(&fabric->lock);
		if (is_closed)
			return NULL;
		if (!is_left) {
			fabric_wait(fabric, SYS_NS_PER_S);
			leave_ns = LEAVE_MIN_NS;
		} else {
			wait_for_wake(fabric, leave_ns);
			leave_ns = leave_ns < LEAVE_MAX_NS / 2 ? 2 * leave_ns : LEAVE_MAX_NS;
		}
		(void)sys_eventfd_take(fabric->wake);
	}
}

static int start_thread(struct fabric *fabric)
{
	int err = sys_thread_start(&fabric->thread, serve, fabric);

	fabric->has_thread = !err;
	if (err)
		report(&fabric->backend.dev->reporter, COHERENT_ERROR,
		       "%s: no thread can be started; raise ulimit -u, or give the key manual",
		       fabric->backend.dev->name);
	return err ? -ENOMEM : 0;
}

/* --- Close --- */

/* The endpoint of the caller goes on, and the driver has not said that nothing is in flight. */
static void keep_places_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	struct coherent_device *dev = fabric->backend.dev;

	object_store_stay_mapped(&dev->store);
	report(&dev->reporter, COHERENT_WARNING,
	       "%s: the addresses of its memory stay in use, because transfers may be in flight there; "
	       "before the close free all mems, close the endpoints and call "
	       "coherent_device_fence()",
	       dev->name);
}

static void close_endpoint_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	if (!fabric_endpoint_end_reads_locked(fabric, "the endpoint and its memory stay in use")) {
		fabric_endpoint_close_locked(fabric);
		return;
	}
	fabric_endpoint_keep_locked(fabric);
	object_store_stay_mapped(&fabric->backend.dev->store);
}

static void fabric_disconnect(struct backend *backend)
{
	struct fabric *fabric = (struct fabric *)backend;

	lock_take(&fabric->lock);
	fabric->is_closed = true;
	if (!fabric->is_adopted)
		close_endpoint_locked(fabric);
	else if (fabric->may_be_in_flight)
		keep_places_locked(fabric);
	fabric_forget_locked(fabric);
	lock_drop(&fabric->lock);
	if (fabric->has_thread)
		sys_thread_join(fabric->thread);
}

static void fabric_close(struct backend *backend)
{
	struct fabric *fabric = (struct fabric *)backend;

	if (fabric->domain && !fabric->is_adopted)
		fi_close(&fabric->domain->fid);
	if (fabric->fabric)
		fi_close(&fabric->fabric->fid);
	if (fabric->info)
		fabric->library.freeinfo(fabric->info);
	if (fabric->wake >= 0)
		sys_close(fabric->wake);
	lock_destroy(&fabric->lock);
	free(fabric);
}

/* --- For the library --- */

static struct fabric *new_fabric(struct coherent_device *dev)
{
	struct fabric *fabric = calloc(1, sizeof(*fabric));

	if (!fabric)
		return NULL;
	fabric->backend = (struct backend){
		.ops = &backend_fabric,
		.dev = dev,
	};
	fabric->ready = fabric->wake = -1;
	RB_INIT(&fabric->registrations);
	LIST_INIT(&fabric->transfers);
	LIST_INIT(&fabric->peers);
	lock_init(&fabric->lock);
	return fabric;
}

static int fabric_start(struct fabric *fabric, const struct name *name,
			const struct coherent_open_options *options)
{
	struct fabric_keys keys = { .manual = 0 };
	int err = read_name(name, &keys, &fabric->backend.dev->reporter);

	if (!err)
		err = fabric_library_open(&fabric->library, name->whole,
					  &fabric->backend.dev->reporter);
	if (!err)
		err = choose(fabric, name, &keys);
	if (!err)
		err = fabric_accept_provider(fabric, name, fabric->info->fabric_attr->prov_name,
					     options->level);
	if (!err)
		err = open_wake(fabric);
	if (!err)
		err = open_domain(fabric);
	if (!err)
		err = check_cache(fabric);
	lock_take(&fabric->lock);
	if (!err)
		err = fabric_endpoint_open_locked(fabric);
	lock_drop(&fabric->lock);
	return err || keys.manual ? err : start_thread(fabric);
}

static int fabric_open(struct backend **backend, struct coherent_device *dev,
		       const struct name *name, const struct coherent_open_options *options)
{
	struct fabric *fabric = new_fabric(dev);
	int err;

	if (!fabric)
		return -ENOMEM;
	err = fabric_is_adoption(options) ? fabric_adopt(fabric, name, options) :
					    fabric_start(fabric, name, options);
	if (!err && fabric->is_adopted)
		err = check_cache(fabric);
	if (err) {
		fabric_disconnect(&fabric->backend);
		fabric_close(&fabric->backend);
		return err;
	}
	*backend = &fabric->backend;
	return 0;
}

static void fabric_limits(struct backend *backend, struct coherent_limits *limits)
{
	(void)backend;
	*limits = (struct coherent_limits){
		.mask = UINT64_MAX,
		.ranges = { { 0, ADDRESS_LAST } },
		.range_count = 1,
		.page_bytes = sys_page_bytes(),
		.mappings = SIZE_MAX,
		.unmap_is_fence = true,
	};
}

/* Nothing is in flight on an endpoint that is closed. */
static int reopen_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	int err = fabric_endpoint_end_reads_locked(
		fabric, "the fence fails; call it again when the peer goes on or has ended");

	if (err)
		return err;
	/* A close may have come while the lock was dropped. */
	if (fabric->is_closed)
		return -ENODEV;
	fabric_endpoint_close_locked(fabric);
	return fabric_endpoint_open_locked(fabric);
}

static int fence_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock)
{
	if (fabric->is_closed)
		return -ENODEV;
	if (!fabric->is_adopted)
		return reopen_locked(fabric);
	/* The caller has closed the endpoints, so only mems of now can be in flight later. */
	fabric->may_be_in_flight = !RB_EMPTY(&fabric->registrations);
	return 0;
}

static int fabric_fence(struct backend *backend)
{
	struct fabric *fabric = (struct fabric *)backend;
	int err;

	lock_take(&fabric->lock);
	err = fence_locked(fabric);
	lock_drop(&fabric->lock);
	return err;
}

static int fabric_reset(struct backend *backend)
{
	struct fabric *fabric = (struct fabric *)backend;

	if (!fabric->is_adopted)
		return fabric_fence(backend);
	return refuse(
		&backend->dev->store, -EIO, "coherent_device_reset()",
		"the endpoints are the caller's, so the library cannot open them again; close "
		"them and call coherent_device_fence()");
}

/* There is no next_fault: a provider tells only the peer that it refuses an access. */
const struct backend_ops backend_fabric = {
	.scheme = "fabric",
	.options = BACKEND_TAKES_DOMAIN | BACKEND_TAKES_ENDPOINT | BACKEND_TAKES_DOMAIN_INFO,
	.memory_kind = BACKEND_MEMORY_PAGES,
	.open = fabric_open,
	.disconnect = fabric_disconnect,
	.close = fabric_close,
	.limits = fabric_limits,
	.map = fabric_map,
	.unmap = fabric_unmap,
	.fence = fabric_fence,
	.reset = fabric_reset,
};
