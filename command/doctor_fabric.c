// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The providers of libfabric: which of them open here, and why the others do not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "doctor.h"
#include "open.h"
#include "output.h"

#define CARDS "/sys/class/infiniband"

static const char *const providers[] = { "tcp", "net", "sockets", "udp", "verbs", NULL };

/*
 * verbs needs a network card that the kernel and a library of its vendor know, and variables. The
 * library notices them when it has found a card.
 */
static void advise_verbs(json_t *advice, const struct sysfs *sysfs, const char *reason)
{
	const char *cache = getenv("FI_MR_CACHE_MAX_COUNT");

	if (strstr(reason, "FI_UNIVERSE_SIZE=64")) {
		advise_command(advice, "export FI_UNIVERSE_SIZE=64");
		return;
	}
	if (!cache || strcmp(cache, "0"))
		advise_command(advice, "export FI_MR_CACHE_MAX_COUNT=0");
	if (strstr(reason, "FI_MR_CACHE_MAX_COUNT=0"))
		return;
	if (!getenv("FI_UNIVERSE_SIZE"))
		advise_step(advice, "if the card has small completion queues, as rxe has, set "
				    "FI_UNIVERSE_SIZE=64");
	if (!sysfs_exists(sysfs, CARDS))
		advise_step(advice,
			    "there is no " CARDS ", so the kernel knows no network card with "
			    "RDMA; add one and load its driver");
	advise_root(advice, "apt-get install ibverbs-providers");
}

static void advise_provider(json_t *advice, const struct sysfs *sysfs, const char *provider,
			    const char *reason)
{
	if (getenv("FI_PROVIDER"))
		advise_command(advice, "unset FI_PROVIDER");
	else if (!strcmp(provider, "verbs"))
		advise_verbs(advice, sysfs, reason);
	else if (!strcmp(provider, "udp"))
		advise_step(advice, "open fabric:tcp");
	else if (getenv("FI_TCP_ZEROCOPY_SIZE") || getenv("FI_NET_ZEROCOPY_SIZE"))
		advise_command(advice, "unset FI_TCP_ZEROCOPY_SIZE FI_NET_ZEROCOPY_SIZE");
	else if (!strcmp(provider, "net"))
		advise_step(advice, "newer versions of libfabric call it tcp; open fabric:tcp");
	else
		advise_root(advice, "apt-get install --reinstall libfabric1");
}

/* These are missing for all providers. Returns whether there is such a reason. */
static bool add_library(json_t *problems, const char *reason)
{
	json_t *advice;

	if (strstr(reason, "was built without libfabric")) {
		advice = doctor_problem(problems, "this library was built without libfabric");
		advise_root(advice, "apt-get install libfabric-dev");
		advise_command(
			advice,
			"meson setup --reconfigure -Dfabric=enabled BUILD && ninja -C BUILD");
		return true;
	}
	if (strstr(reason, "libfabric, and it cannot be loaded") ||
	    strstr(reason, "lacks a function")) {
		advice = doctor_problem(problems, reason);
		advise_root(advice, "apt-get install libfabric1");
		return true;
	}
	return false;
}

/* Returns whether other providers may be tried: none works without libfabric. */
static bool try_provider(const struct sysfs *sysfs, const char *provider, json_t *parts,
			 json_t *problems)
{
	json_t *own = json_array();
	struct opened opened;
	char name[32];
	bool go_on = true;
	int err;

	snprintf(name, sizeof(name), "fabric:%s", provider);
	err = opened_open(&opened, name, 0, NULL);
	if (err) {
		const char *reason = *opened.error ? opened_reason(&opened) : strerror(-err);

		go_on = !add_library(problems, reason);
		if (go_on)
			advise_provider(doctor_problem(own, reason), sysfs, provider, reason);
	}
	opened_end(&opened);
	if (go_on)
		json_array_append_new(parts, json_pack("{ss sb sO}", "part", provider, "works",
						       !err, "problems", own));
	json_decref(own);
	return go_on;
}

/* The kind works with any provider. If none works, the reasons are problems of the kind. */
json_t *doctor_check_fabric(const struct sysfs *sysfs, json_t *problems)
{
	json_t *parts = json_array(), *part;
	bool any = false;
	size_t i;

	for (i = 0; providers[i] && try_provider(sysfs, providers[i], parts, problems); i++)
		;
	json_array_foreach(parts, i, part) any |= json_is_true(json_object_get(part, "works"));
	if (!any && !json_array_size(problems))
		json_array_foreach(parts, i, part)
			json_array_extend(problems, json_object_get(part, "problems"));
	return parts;
}
