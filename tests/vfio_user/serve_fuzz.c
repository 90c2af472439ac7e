// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A fuzz test for libFuzzer (tools/fuzz), which fuzz_random.c also runs. A client of a served edu sends
 * good and bad commands, and answers the questions of the model well or badly, as the input says. The
 * server must not crash, must end when the client hangs up, and must leave no descriptor behind.
 *
 * The input has a byte for the kind of each message, then the data of that kind.
 */
#include <coherent/serve.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/base/size.h"
#include "../../src/vfio_user/message.h"
#include "fuzz.h"

/* The kind of a command, beside its number. */
enum { PATCHED = 16, SENDS_FILE = 32, SENDS_EVENT = 64, CUT = 128 };
#define PAYLOAD_MAX 256
#define WINDOW 0x10000
#define TIMEOUT_NS 20000000

struct input {
	const uint8_t *at;
	size_t left;
	int fd;
	int twin;
	int file;
	int event;
};

struct message {
	struct vfio_user_header header;
	char payload[VFIO_USER_PAYLOAD_MAX];
};

static void take(struct input *input, void *to, size_t bytes)
{
	const size_t n = bytes < input->left ? bytes : input->left;

	memset(to, 0, bytes);
	memcpy(to, input->at, n);
	input->at += n;
	input->left -= n;
}

static uint8_t take_byte(struct input *input)
{
	uint8_t byte;

	take(input, &byte, 1);
	return byte;
}

/* --- Questions of the model --- */

static void answer(struct input *input, int fd, struct message *message)
{
	const uint8_t kind = take_byte(input);
	struct vfio_user_dma dma;
	size_t bytes = sizeof(dma);

	memcpy(&dma, message->payload, sizeof(dma));
	if (message->header.command == VFIO_USER_DMA_READ)
		bytes += dma.bytes;
	message->header.flags = VFIO_USER_FLAG_REPLY;
	if (kind & 1) {
		message->header.flags |= VFIO_USER_FLAG_ERROR;
		message->header.error = kind;
		bytes = 0;
	}
	if (kind & 2)
		bytes += kind;
	message->header.bytes = (uint32_t)(sizeof(message->header) + bytes);
	if (kind & 4)
		take(input, (char *)message + kind % 32, 4);
	(void)!send(fd, message, sizeof(message->header) + bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Takes the messages that are there. The server sends whole ones. */
static void take_messages(struct input *input, int fd)
{
	static struct message message;
	const size_t head = sizeof(message.header);

	while (recv(fd, &message.header, head, MSG_DONTWAIT) == (ssize_t)head) {
		const size_t bytes = message.header.bytes - head;

		if (bytes > sizeof(message.payload))
			abort();
		if (bytes && recv(fd, message.payload, bytes, MSG_WAITALL) != (ssize_t)bytes)
			return;
		if (!(message.header.flags & VFIO_USER_FLAG_TYPE))
			answer(input, fd, &message);
	}
}

static void look_around(struct input *input)
{
	struct pollfd fds[] = { { .fd = input->fd, .events = POLLIN },
				{ .fd = input->twin, .events = POLLIN } };

	(void)poll(fds, 2, 1);
	take_messages(input, input->fd);
	if (input->twin >= 0)
		take_messages(input, input->twin);
}

/* --- Commands --- */

static void send_message(struct input *input, struct message *message, size_t bytes, uint8_t kind)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec part = { message, bytes };
	struct msghdr socket_message = { .msg_iov = &part, .msg_iovlen = 1 };
	const int fd = kind & SENDS_FILE ? input->file : input->event;

	if (kind & (SENDS_FILE | SENDS_EVENT)) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		socket_message.msg_control = &control;
		socket_message.msg_controllen = sizeof(control);
	}
	(void)!sendmsg(input->fd, &socket_message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Fills in a good command of this kind. Returns the size of its payload. */
static size_t fill(struct input *input, uint16_t command, char *payload)
{
	static const uint8_t registers[] = { 0x00, 0x08, 0x20, 0x60, 0x64, 0x80, 0x88, 0x90, 0x98 };
	const uint8_t choice = take_byte(input);
	const struct vfio_user_dma_map map = { sizeof(map), choice % 4, 0,
					       WINDOW + choice / 4 * 4096, 4096 };
	const struct vfio_user_dma_unmap unmap = { sizeof(unmap), 0, map.address, map.bytes };
	const struct vfio_irq_set set = { sizeof(set), 1u << choice % 3 | 8u << choice / 4 % 3,
					  choice % 8, 0, choice / 32 };
	const uint32_t info[8] = { 32, 0, choice % 10 };
	const bool is_register = choice % 4;
	const struct vfio_user_region region = {
		.offset = is_register ? registers[choice % sizeof(registers)] : choice,
		.region = is_register ? 0 : choice / 16,
		.bytes = choice & 128 ? 8 : 4,
	};

	switch (command) {
	case VFIO_USER_DMA_MAP:
		memcpy(payload, &map, sizeof(map));
		return sizeof(map);
	case VFIO_USER_DMA_UNMAP:
		memcpy(payload, &unmap, sizeof(unmap));
		return sizeof(unmap);
	case VFIO_USER_DEVICE_SET_IRQS:
		memcpy(payload, &set, sizeof(set));
		return sizeof(set);
	case VFIO_USER_REGION_READ:
		memcpy(payload, &region, sizeof(region));
		return sizeof(region);
	case VFIO_USER_REGION_WRITE:
		memcpy(payload, &region, sizeof(region));
		take(input, payload + sizeof(region), region.bytes);
		return sizeof(region) + region.bytes;
	case VFIO_USER_DEVICE_RESET:
		return 0;
	default:
		memcpy(payload, info, sizeof(info));
		return sizeof(info);
	}
}

static void send_command(struct input *input)
{
	static uint16_t id;
	const uint8_t kind = take_byte(input);
	static struct message message;
	const size_t head = sizeof(message.header);
	size_t bytes;

	memset(&message, 0, head + PAYLOAD_MAX);
	message.header.id = ++id;
	message.header.command = kind % 16;
	bytes = fill(input, message.header.command, message.payload);
	message.header.bytes = (uint32_t)(head + bytes);
	if (kind & PATCHED)
		take(input, (char *)&message + take_byte(input) % (head + bytes), 2);
	if (kind & CUT)
		bytes = take_byte(input) % (bytes + 1);
	send_message(input, &message, head + bytes, kind);
}

static void agree(struct input *input, uint8_t kind)
{
	static const char
		plain[] = "\0\0\1\0{}",
		twin[] = "\0\0\1\0{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}";
	static struct message message;
	const size_t bytes = kind & 1 ? sizeof(twin) : sizeof(plain);
	struct vfio_user_fds fds = { .count = 0 };

	message.header = (struct vfio_user_header){ 1, VFIO_USER_VERSION, 0, 0, 0 };
	memcpy(message.payload, kind & 1 ? twin : plain, bytes);
	message.header.bytes = (uint32_t)(sizeof(message.header) + bytes);
	if (kind & 2)
		take(input, (char *)&message + kind % 64, 2);
	send_message(input, &message, sizeof(message.header) + bytes, 0);
	if (!vfio_user_message_receive(input->fd, &message.header, message.payload,
				       sizeof(message.payload), &fds, TIMEOUT_NS) &&
	    fds.count) {
		input->twin = fds.fds[0];
		fds.count--;
	}
	vfio_user_fds_close(&fds);
}

static void *serve(void *arg)
{
	const int *fd = arg;

	if (coherent_sim_serve("sim:edu", NULL, .socket_fd = *fd, .timeout_ns = TIMEOUT_NS))
		abort();
	return NULL;
}

static int next_descriptor(void)
{
	const int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .at = data, .left = size, .twin = -1 };
	const int before = next_descriptor();
	pthread_t thread;
	int pair[2];

	input.file = memfd_create("file", MFD_CLOEXEC);
	input.event = eventfd(0, EFD_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ||
	    ftruncate(input.file, 4096) || pthread_create(&thread, NULL, serve, &pair[0]))
		abort();
	input.fd = pair[1];
	agree(&input, take_byte(&input));
	while (input.left) {
		send_command(&input);
		look_around(&input);
	}
	shutdown(input.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(pair[0]);
	close(pair[1]);
	close(input.file);
	close(input.event);
	if (input.twin >= 0)
		close(input.twin);
	if (next_descriptor() != before)
		abort();
	return 0;
}
