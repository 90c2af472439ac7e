// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "one_client.h"

struct server server;
struct client client;

static int start(bool with_twin)
{
	memset(&server, 0, sizeof(server));
	server_start(&server);
	client_open(&client, server.path, with_twin);
	return 0;
}

int setup(void **state)
{
	(void)state;
	return start(false);
}

int setup_twin(void **state)
{
	(void)state;
	return start(true);
}

int teardown(void **state)
{
	(void)state;
	client_close(&client);
	return server_stop(&server);
}
