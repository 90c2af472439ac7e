// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdio.h>

#include "vfio_user_test.h"

struct peer *peer;
struct coherent_device *dev;
struct coherent_bar *bar;
struct log reports = LOG_EMPTY;

int try_peer_with(const char *more)
{
	char name[128];

	reports = (struct log)LOG_EMPTY;
	snprintf(name, sizeof(name), "vfio-user:%s%s", peer->path, more);
	return coherent_device_open(&dev, name, .report = log_report, .report_arg = &reports);
}

int try_peer(void)
{
	return try_peer_with("");
}

void open_peer(void)
{
	const int err = try_peer();

	if (err)
		print_error("%s\n", reports.text);
	assert_ok(err);
	assert_ok(coherent_bar_open(&bar, dev, 0));
}

int transfer(uint64_t command, uint64_t address, uint64_t bytes)
{
	coherent_bar_write64(bar, PEER_ADDRESS, address);
	coherent_bar_write64(bar, PEER_COUNT, bytes);
	coherent_bar_write64(bar, PEER_COMMAND, command);
	return (int)coherent_bar_read64(bar, PEER_STATUS);
}

int stop_peer(void **state)
{
	(void)state;
	coherent_bar_close(bar);
	coherent_device_close(dev);
	if (peer)
		peer_end(peer);
	bar = NULL;
	dev = NULL;
	peer = NULL;
	return 0;
}
