/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * One server and one client, for tests that need no more.
 */
#ifndef ONE_CLIENT_H
#define ONE_CLIENT_H

#include "client.h"

extern struct server server;
extern struct client client;

/* Fixtures of cmocka: start a server of the mover, and connect the client. */
int setup(void **state);
int setup_twin(void **state);
int teardown(void **state);

#endif
