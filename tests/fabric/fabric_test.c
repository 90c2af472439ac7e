// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "fabric_test.h"

#include <stdio.h>
#include <stdlib.h>

/* verbs does not work on the loopback interface, so a VM for it gives another address. */
static const char *node(void)
{
	const char *given = getenv("FABRIC_NODE");

	return given ? given : "127.0.0.1";
}

static int open_end(struct coherent_device **dev, const char *provider, const char *keys,
		    struct log *log)
{
	char name[64];

	snprintf(name, sizeof(name), "fabric:%s,node=%s%s", provider, node(), keys);
	return coherent_device_open(dev, name, .report = log_report, .report_arg = log);
}

const char *provider_of(int argc, char **argv)
{
	const char *provider = argc == 2 ? argv[1] : "tcp";
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;
	int err = open_end(&dev, provider, "", &log);

	coherent_device_close(dev);
	if (!err)
		return provider;
	printf("1..0 # SKIP %s", log.text);
	return NULL;
}

static void connect_ends(struct ends *ends)
{
	struct coherent_fabric_name name;

	assert_ok(coherent_fabric_get_name(ends->target, &name));
	assert_ok(coherent_fabric_connect(&ends->peer, ends->initiator, &name));
}

static void open_both(struct ends *ends, const char *provider, const char *keys, size_t bytes)
{
	*ends = (struct ends){ .provider = provider, .log = LOG_EMPTY };
	assert_ok(open_end(&ends->target, provider, keys, &ends->log));
	assert_ok(open_end(&ends->initiator, provider, "", &ends->log));
	connect_ends(ends);
	assert_ok(coherent_zeroed(&ends->local, ends->initiator, bytes));
}

void ends_open(struct ends *ends, const char *provider, size_t bytes)
{
	open_both(ends, provider, "", bytes);
}

void ends_open_manual(struct ends *ends, const char *provider, size_t bytes)
{
	open_both(ends, provider, ",manual", bytes);
}

void ends_close(struct ends *ends)
{
	coherent_free(&ends->local);
	coherent_fabric_disconnect(ends->peer);
	coherent_device_close(ends->initiator);
	coherent_device_close(ends->target);
	assert_false(log_has(&ends->log, "not freed"));
}

void ends_reconnect(struct ends *ends)
{
	assert_ok(coherent_device_reset(ends->initiator));
}
