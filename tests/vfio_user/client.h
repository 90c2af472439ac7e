/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A server of this process, and a client of vfio-user that sends what a test says.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <coherent/serve.h>

#include "../../src/vfio_user/message.h"
#include "../test.h"

/* The registers of the model, in BAR 0. */
enum {
	MOVER_ADDRESS = 0x00,
	MOVER_BYTES = 0x08,
	/* A write moves data at once (MOVER_READ, MOVER_WRITE) or in a tick (with MOVER_LATER). */
	MOVER_COMMAND = 0x10,
	MOVER_STATUS = 0x18,
	MOVER_RESETS = 0x20,
	MOVER_BAR = 0x28,
};
enum { MOVER_READ = 1, MOVER_WRITE = 2, MOVER_LATER = 4 };

#define MOVER_MAX (3u << 20)
/* The status before the end of a command. */
#define MOVER_BUSY 1000

/**
 * struct mover - The state of a model that moves data.
 * @regs: The registers.
 * @buffer: The data.
 */
struct mover {
	uint64_t regs[8];
	uint8_t buffer[MOVER_MAX];
};

extern const struct coherent_sim_model mover_model;
extern struct mover mover;

/**
 * struct server - A server in a thread.
 * @path: The path of its socket.
 * @options: The options. The test may set more before the start.
 * @stop: The eventfd that ends it.
 * @thread: The thread.
 * @result: The value that coherent_sim_serve() returned.
 * @reports: Its reports.
 */
struct server {
	char path[SCRATCH_MAX];
	struct coherent_serve_options options;
	int stop;
	pthread_t thread;
	int result;
	struct log reports;
};

/* Makes the path of a socket that no other process uses. Returns it. */
char *server_path(char path[SCRATCH_MAX]);

/* Starts a server, by default of the mover, and waits until it listens. */
void server_start(struct server *server);

/* Ends it. Returns what coherent_sim_serve() returned. */
int server_stop(struct server *server);

/**
 * struct client - A client.
 * @fd: Its connection.
 * @twin: Its twin socket; -1 for none.
 * @id: The number of the last command.
 */
struct client {
	int fd;
	int twin;
	uint16_t id;
};

/* Connects without a word. */
void client_connect(struct client *client, const char *path);

/* Connects and agrees on a version. */
void client_open(struct client *client, const char *path, bool with_twin);

void client_close(struct client *client);

/* Sends a message. Returns 0 or -errno. */
int client_send(struct client *client, uint16_t command, const void *payload, size_t bytes,
		const int *fds, size_t count);

/* Receives a message. Returns 0 or -errno. */
int client_receive(int fd, struct vfio_user_header *header, void *payload, size_t max);

/* Sends a command and takes the answer. Returns the errno of the answer; -1 if there is none. */
int client_ask(struct client *client, uint16_t command, const void *payload, size_t bytes,
	       void *answer, size_t max);

int client_ask_fds(struct client *client, uint16_t command, const void *payload, size_t bytes,
		   const int *fds, size_t count);

/* Reads and writes bytes of a region. Both return as client_ask() does. */
int client_read(struct client *client, uint32_t region, uint64_t offset, void *to, uint32_t bytes);
int client_write(struct client *client, uint32_t region, uint64_t offset, const void *from,
		 uint32_t bytes);

uint64_t client_reg(struct client *client, uint64_t offset);
void client_set_reg(struct client *client, uint64_t offset, uint64_t value);

/* Announces addresses. Returns as client_ask() does. */
int client_map(struct client *client, uint64_t address, uint64_t bytes, uint32_t flags);

/* Asserts that the server ends the connection. */
void assert_hung_up(struct client *client);

/* Asserts that a server serves the next client, and that the device was reset. */
void assert_serves(const struct server *server);

#endif
