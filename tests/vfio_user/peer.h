/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A peer of vfio-user in a thread of its own: a PCI device with a DMA engine. It does what the test
 * tells it, right or wrong.
 */
#ifndef VFIO_USER_TEST_PEER_H
#define VFIO_USER_TEST_PEER_H

#include <linux/vfio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "../scratch.h"
#include "peer_maps.h"

enum misdeed {
	NOTHING,
	HANG_UP, /* Hangs up instead of answering. */
	SILENCE, /* Does not answer. */
	HALF, /* Sends half of the answer, then hangs up. */
	ANOTHER_COMMAND,
	ANOTHER_ID,
	NOT_A_REPLY, /* Sends the answer as a command. */
	TOO_LONG, /* Says that the answer is longer than any. */
	TOO_SHORT, /* Leaves the payload out. */
	SMALL_SIZE, /* Says that the answer is shorter than its header. */
	TOO_MUCH, /* Sends more payload than any answer has. */
	ONE_MORE, /* Sends a byte behind the payload. */
	TWICE,
	EXTRA_FDS, /* Sends descriptors with the answer. */
	NO_FDS, /* Sends none, also if the answer needs one. */
	REFUSAL,
	MISDEEDS
};

/* The registers of BAR 0. */
enum {
	PEER_ID = 0x00, /* 32 bits: PEER_MAGIC. */
	PEER_ADDRESS = 0x10, /* 64 bits: the device address of a transfer. */
	PEER_COUNT = 0x18, /* 64 bits: its size. */
	PEER_COMMAND = 0x20, /* 64 bits: a write makes a transfer, before it is answered. */
	PEER_STATUS = 0x28, /* 64 bits: the errno of the last transfer. */
	PEER_IRQ = 0x30, /* 64 bits: a write interrupts at that vector. */
	PEER_BAR_BYTES = 0x1000,
	PEER_MAGIC = 0x72656570,
	PEER_VECTORS = 4,
};

enum { PEER_READ = 1, PEER_WRITE = 2 };

/**
 * struct peer - The peer and its thread.
 * @no_twin: It offers no twin socket.
 * @twin_index: The number of the twin socket among the descriptors, as JSON; "" for none.
 * @other_twin: It sends this descriptor in the place of a twin socket; -1 for none.
 * @extra: It sends this descriptor with its version, and closes it; -1 for none.
 * @keeps_twin: It keeps its copy of the library's end of the twin sockets.
 * @library_twin: This copy, or -1.
 * @refusal: It refuses VERSION with this errno; 0: it does not.
 * @no_dma: It refuses memory without a file.
 * @asks: It asks for each transfer, also if it has mapped the memory.
 * @more: More of its capabilities, as JSON; "" for none.
 * @window_max: It refuses a larger window; 0 for none.
 * @major: The major version that it answers.
 * @regions: The number of regions that it says.
 * @irqs: The number of kinds of interrupts that it says.
 * @flags: The flags of the device.
 * @line: It has an INTx, and no MSI-X.
 * @misdeed: The way in which it misbehaves.
 * @command: The command at which it does so.
 * @path: The socket on which it listens; "" if it has @fd only.
 * @listen_fd: That socket, or -1.
 * @fd: The connection.
 * @twin: Its end of the twin sockets, or -1.
 * @busy: A thread uses @twin, or @fd in its place. The connection is closed under it.
 * @id: The number of its last request.
 * @seen: How often each command came.
 * @masks: How often an interrupt was unmasked.
 * @address: The register.
 * @count: The register.
 * @status: The register.
 * @config: Its configuration space.
 * @irq_fds: The eventfds of its vectors.
 * @buffer: The memory of its DMA engine.
 * @maps: The files that it has mapped.
 * @thread: The thread.
 * @gone: It was told to end.
 */
struct peer {
	bool no_twin;
	const char *twin_index;
	int other_twin;
	int extra;
	bool keeps_twin;
	int library_twin;
	uint32_t refusal;
	bool no_dma;
	atomic_bool asks;
	const char *more;
	uint64_t window_max;
	uint16_t major;
	uint32_t regions;
	uint32_t irqs;
	uint32_t flags;
	bool line;
	_Atomic enum misdeed misdeed;
	enum vfio_user_command command;
	char path[SCRATCH_MAX];
	int listen_fd;
	atomic_int fd;
	atomic_int twin;
	pthread_mutex_t busy;
	uint16_t id;
	atomic_uint seen[16];
	atomic_uint masks;
	uint64_t address;
	uint64_t count;
	uint64_t status;
	uint8_t config[256];
	int irq_fds[PEER_VECTORS];
	char *buffer;
	struct peer_maps maps;
	pthread_t thread;
	atomic_bool gone;
};

/* A device that does everything right. The test may change it before peer_start(). */
struct peer *peer_new(void);

/* Start a peer that listens at a path of its own. */
void peer_start(struct peer *peer);

/* Start a peer at the other end of a connected socket, and return this end. */
int peer_start_connected(struct peer *peer);

/* Make a transfer as the device, in the thread of the caller. Returns the errno of the answer. */
int peer_transfer(struct peer *peer, enum vfio_user_command command, uint64_t address,
		  uint64_t bytes);

/* Send bytes on the socket of the device's requests. Returns -EPIPE if the library hung up. */
int peer_send(struct peer *peer, const void *from, size_t bytes);

/* Wait there for so many bytes of the library. Returns false if it hung up before. */
bool peer_receive(struct peer *peer, void *to, size_t bytes);

/* Close the connection, as a process that ends does. */
void peer_hang_up(struct peer *peer);

/* End the peer. */
void peer_end(struct peer *peer);

#endif
