// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The level of a device follows from its provider. A provider of libfabric has layers, as in
 * "tcp;ofi_rxm". fi_getinfo() takes a name in any case, with its layers in any order, or with one of
 * them only. So this file looks at the name that libfabric returned.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "base/sys_process.h"
#include "fabric/provider.h"

static const char *next_layer(const char *layer)
{
	layer += strcspn(layer, ";");
	return layer + (*layer == ';');
}

/* @layer ends at a semicolon or at the end of the string. */
static bool layer_is(const char *layer, const char *name)
{
	const size_t length = strlen(name);

	return strcspn(layer, ";") == length && !strncasecmp(layer, name, length);
}

static bool has_layer(const char *provider, const char *name)
{
	for (const char *layer = provider; *layer; layer = next_layer(layer))
		if (layer_is(layer, name))
			return true;
	return false;
}

/* Tests have shown that these layers check keys. */
static bool layer_is_tested(const char *layer)
{
	static const char *const names[] = { "tcp", "net", "sockets", "verbs", "ofi_rxm" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (layer_is(layer, names[i]))
			return true;
	return false;
}

static bool is_tested(const char *provider)
{
	for (const char *layer = provider; *layer; layer = next_layer(layer))
		if (!layer_is_tested(layer))
			return false;
	return *provider;
}

/*
 * A provider that sends without a copy pins the pages. They go out after a reclaim with what the CPU
 * wrote later, because the reclaim moves them to the new place.
 */
static const char *pinning_variable(const char *provider)
{
	static const char *const variables[] = { "FI_TCP_ZEROCOPY_SIZE", "FI_NET_ZEROCOPY_SIZE" };

	if (!has_layer(provider, "tcp") && !has_layer(provider, "net"))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		if (sys_environment_has(variables[i]))
			return variables[i];
	return NULL;
}

/* Says why a device of the provider has no level; empty if it has one. */
static void explain_level(const char *provider, char *reason, size_t size)
{
	const char *variable = pinning_variable(provider);

	*reason = '\0';
	if (has_layer(provider, "shm"))
		snprintf(reason, size,
			 "the provider shm copies between processes and checks no key");
	else if (has_layer(provider, "udp") || has_layer(provider, "ofi_rxd"))
		snprintf(reason, size,
			 "the provider %s ends this process if it gets a malformed datagram",
			 provider);
	else if (!is_tested(provider))
		snprintf(reason, size, "no test has shown that the provider %s checks keys",
			 provider);
	else if (variable)
		snprintf(
			reason, size,
			"%s is set, so peers may read what the CPU writes after a reclaim; unset it",
			variable);
}

/* A driver that wants no level has accepted more than this. */
static void warn(const struct coherent_device *dev, const char *provider, enum coherent_level level)
{
	if (level != COHERENT_NONE && has_layer(provider, "sockets"))
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: the provider sockets may end this process if a peer sends malformed bytes; "
		       "use tcp, or give .level = COHERENT_NONE",
		       dev->name);
}

int fabric_accept_provider(struct fabric *fabric, const struct name *name, const char *provider,
			   enum coherent_level level)
{
	char reason[160];

	fabric->uses_card = has_layer(provider, "verbs");
	/* A card has pinned the pages, and the kernel waits for it when a registration is closed. */
	fabric->backend.leaves_decoys = !fabric->uses_card;
	explain_level(provider, reason, sizeof(reason));
	fabric->backend.level = *reason ? COHERENT_NONE : COHERENT_PEER;
	if (*reason && level != COHERENT_NONE) {
		report(&fabric->backend.dev->reporter, COHERENT_ERROR,
		       "%s: %s; the device opens only with .level = COHERENT_NONE", name->whole,
		       reason);
		return -EOPNOTSUPP;
	}
	warn(fabric->backend.dev, provider, level);
	return 0;
}
