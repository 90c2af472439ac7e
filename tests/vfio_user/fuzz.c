// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A fuzz test for libFuzzer (tools/fuzz), which fuzz_random.c also runs. A peer of vfio-user gives good
 * and bad answers and makes good and bad requests, as the input says, while a driver uses the device.
 * The library must not crash or leave anything behind. The peer must neither change nor get memory that
 * is not exposed.
 *
 * The input has a byte for the kind of each answer, then the data of that kind.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/config.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/base/size.h"
#include "../../src/vfio_user/message.h"
#include "fuzz.h"

#define PAGE 4096
#define SECRET 0x77
/* A header and the start of a payload cannot have so many bytes of one value. */
#define SECRET_BYTES 64
#define COUNT_MAX (3 * PAGE)

/* The kind of an answer. A refused twin socket is one that the peer does not have. */
enum { FILLED = 1, PATCHED = 2, REQUESTS = 4, REFUSED = 8, LONGER = 16, CUT = 32, NOISE = 0xc0 };
/* The kind of a request. */
enum { WRITES = 1, FLAGS = 2, NO_REPLY = 4, SIZE = 8, SHORT = 16, COMMAND = 32, COUNT = 64 };

struct input {
	const uint8_t *at;
	size_t left;
	int fd;
	int twin;
	struct sockaddr_un address;
	socklen_t address_bytes;
	atomic_bool stop;
};

struct message {
	struct vfio_user_header header;
	char payload[COUNT_MAX + sizeof(struct vfio_user_dma)];
};

static void take(struct input *input, void *to, size_t bytes)
{
	const size_t n = bytes < input->left ? bytes : input->left;

	memset(to, 0, bytes);
	memcpy(to, input->at, n);
	input->at += n;
	input->left -= n;
}

/* --- Requests of the peer --- */

static void check_for_secrets(const char *data, size_t bytes)
{
	size_t run = 0;

	for (size_t i = 0; i < bytes; i++) {
		run = data[i] == SECRET ? run + 1 : 0;
		if (run == SECRET_BYTES)
			abort();
	}
}

/* Reads the answers that are there. */
static void drain(const struct input *input)
{
	char data[2 * PAGE];
	ssize_t n;

	do {
		n = recv(input->twin, data, sizeof(data), MSG_DONTWAIT);
		check_for_secrets(data, n > 0 ? (size_t)n : 0);
	} while (n > 0);
}

static void request(struct input *input)
{
	static _Thread_local struct message message;
	struct vfio_user_dma dma = { 0 };
	uint16_t offset, count;
	uint8_t kind;
	size_t bytes;

	take(input, &kind, 1);
	take(input, &offset, 2);
	take(input, &count, 2);
	/* The first objects are near the start of the window, which leaves out one page. */
	dma = (struct vfio_user_dma){ PAGE + offset, count % COUNT_MAX };
	bytes = sizeof(message.header) + sizeof(dma) + (kind & WRITES ? dma.bytes : 0);
	memset(&message, 2, sizeof(message));
	message.header = (struct vfio_user_header){
		.command = kind & WRITES ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
		.bytes = (uint32_t)bytes,
		.flags = kind & NO_REPLY ? VFIO_USER_FLAG_NO_REPLY : 0,
	};
	if (kind & COMMAND)
		take(input, &message.header.command, 1);
	if (kind & FLAGS)
		take(input, &message.header.flags, 1);
	if (kind & SIZE)
		take(input, &message.header.bytes, 4);
	if (kind & COUNT)
		take(input, &dma, sizeof(dma));
	memcpy(message.payload, &dma, sizeof(dma));
	(void)!send(input->twin >= 0 ? input->twin : input->fd, &message,
		    kind & SHORT ? bytes / 2 : bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- Answers of the peer --- */

/* The peer does not take the descriptors of a message. */
static bool receive(int fd, struct message *message)
{
	struct vfio_user_header *header = &message->header;
	size_t bytes;

	memset(message, 0, sizeof(*message));
	if (recv(fd, header, sizeof(*header), MSG_WAITALL) != (ssize_t)sizeof(*header))
		return false;
	bytes = header->bytes - sizeof(*header);
	if (bytes > sizeof(message->payload))
		abort();
	return !bytes || recv(fd, message->payload, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

static bool send_message(const struct input *input, const struct message *message, size_t bytes,
			 int passed)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { (void *)(uintptr_t)message, bytes };
	const struct msghdr all = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = passed < 0 ? NULL : &control,
		.msg_controllen = passed < 0 ? 0 : sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
	return sendmsg(input->fd, &all, MSG_NOSIGNAL) >= 0;
}

/* Writes the answer of a device that does everything right. Returns the size of its payload. */
static size_t write_right(struct message *message)
{
	static const char json[] =
		"{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}";
	struct vfio_user_device_info info = { 16, VFIO_DEVICE_FLAGS_PCI, VFIO_PCI_NUM_REGIONS,
					      VFIO_PCI_NUM_IRQS };
	struct vfio_region_info region;
	struct vfio_irq_info irq;

	switch (message->header.command) {
	case VFIO_USER_VERSION:
		memcpy(message->payload + sizeof(struct vfio_user_version), json, sizeof(json));
		return sizeof(struct vfio_user_version) + sizeof(json);
	case VFIO_USER_DEVICE_GET_INFO:
		memcpy(message->payload, &info, sizeof(info));
		return sizeof(info);
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		memcpy(&region, message->payload, sizeof(region));
		region.flags = VFIO_REGION_INFO_FLAG_READ;
		region.size = PAGE;
		memcpy(message->payload, &region, sizeof(region));
		return sizeof(region);
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		memcpy(&irq, message->payload, sizeof(irq));
		irq.flags = VFIO_IRQ_INFO_EVENTFD;
		irq.count = 2;
		memcpy(message->payload, &irq, sizeof(irq));
		return sizeof(irq);
	case VFIO_USER_REGION_READ:
		return sizeof(struct vfio_user_region) + 8;
	case VFIO_USER_REGION_WRITE:
		return sizeof(struct vfio_user_region);
	default:
		return 0;
	}
}

/* A read of a register brings as many bytes as it asks for. */
static size_t answer_bytes(struct message *message)
{
	struct vfio_user_region region;

	if (message->header.command != VFIO_USER_REGION_READ)
		return write_right(message);
	memcpy(&region, message->payload, sizeof(region));
	return sizeof(region) + (region.bytes <= 8 ? region.bytes : 8);
}

/* Makes the answer a wrong one. Returns its size. */
static size_t spoil(struct input *input, struct message *message, uint8_t kind, size_t bytes)
{
	uint16_t more = 0;
	uint8_t at;

	if (kind & REFUSED && message->header.command != VFIO_USER_VERSION) {
		message->header.flags |= VFIO_USER_FLAG_ERROR;
		bytes = sizeof(message->header);
	}
	if (kind & LONGER)
		take(input, &more, sizeof(more));
	bytes += more % PAGE;
	message->header.bytes = (uint32_t)bytes;
	if (kind & FILLED)
		take(input, message->payload, bytes - sizeof(message->header));
	if (kind & PATCHED) {
		take(input, &at, 1);
		take(input, (char *)message + at % 16 * 4, 4);
	}
	if (kind & CUT)
		bytes /= 2;
	if (kind >= NOISE)
		take(input, message, bytes);
	return bytes;
}

static bool answer(struct input *input, struct message *message, uint8_t kind)
{
	const bool passes = message->header.command == VFIO_USER_VERSION && !(kind & REFUSED);
	size_t bytes = sizeof(message->header) + answer_bytes(message);
	int pair[2] = { -1, -1 };
	bool is_sent;

	message->header.flags = VFIO_USER_FLAG_REPLY;
	bytes = spoil(input, message, kind, bytes);
	if (passes && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	if (passes && input->twin >= 0)
		close(input->twin);
	if (passes)
		input->twin = pair[0];
	is_sent = send_message(input, message, bytes, pair[1]);
	if (passes)
		close(pair[1]);
	return is_sent;
}

static void converse(struct input *input)
{
	static _Thread_local struct message message;
	bool goes_on = true;

	while (goes_on && receive(input->fd, &message)) {
		uint8_t kind;

		take(input, &kind, 1);
		if (kind & REQUESTS)
			request(input);
		goes_on = answer(input, &message, kind);
		if (input->twin >= 0)
			drain(input);
	}
}

/* The peer connects again whenever the library hangs up. */
static void *run_peer(void *arg)
{
	struct input *input = arg;

	while (!atomic_load(&input->stop)) {
		input->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		input->twin = -1;
		if (!connect(input->fd, (void *)&input->address, input->address_bytes))
			converse(input);
		close(input->fd);
		if (input->twin >= 0)
			close(input->twin);
	}
	return NULL;
}

/* --- The driver --- */

static void use_registers(struct coherent_device *dev)
{
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	uint16_t command;

	(void)!coherent_config_read16(dev, 4, &command);
	(void)!coherent_config_write8(dev, 0x40, 1);
	if (!coherent_irq_open(&irq, dev, 1)) {
		(void)!coherent_irq_wait(irq, 0);
		coherent_irq_close(irq);
	}
	if (coherent_bar_open(&bar, dev, 0))
		return;
	coherent_bar_write32(bar, 0, 1);
	coherent_bar_write64(bar, 8, 1);
	(void)coherent_bar_read8(bar, 1);
	(void)coherent_bar_read16(bar, 2);
	(void)coherent_bar_read64(bar, 8);
	coherent_bar_close(bar);
}

static void check_secret(const uint8_t *secret)
{
	for (size_t i = 0; i < PAGE; i++)
		if (secret[i] != SECRET)
			abort();
}

static void drive(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint8_t, secret);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_fault fault;

	if (coherent_box_zeroed(&secret, dev, PAGE) || coherent_box_zeroed(&box, dev, PAGE + 100))
		return;
	memset(coherent_box_ptr(&secret), SECRET, PAGE);
	memset(coherent_box_ptr(&box), 1, PAGE + 100);
	if (coherent_expose(&box, &mem))
		return;
	use_registers(dev);
	(void)!coherent_device_reset(dev);
	use_registers(dev);
	if (coherent_reclaim(&mem, &box))
		return;
	/* From here on the box is the driver's alone. */
	memset(coherent_box_ptr(&box), SECRET, PAGE);
	use_registers(dev);
	check_secret(coherent_box_ptr(&secret));
	check_secret(coherent_box_ptr(&box));
	while (!coherent_device_next_fault(dev, &fault))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .at = data, .left = size };
	socklen_t bytes = sizeof(input.address);
	struct coherent_device *dev;
	pthread_t thread;
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* The kernel chooses the address, whose length is part of it. */
	input.address.sun_family = AF_UNIX;
	if (bind(listening, (void *)&input.address, sizeof(sa_family_t)) || listen(listening, 4) ||
	    getsockname(listening, (void *)&input.address, &bytes))
		abort();
	input.address_bytes = bytes;
	if (pthread_create(&thread, NULL, run_peer, &input))
		abort();
	if (!coherent_device_open(&dev, "vfio-user:,timeout=4", .listen_fd = listening)) {
		drive(dev);
		coherent_device_close(dev);
	}
	atomic_store(&input.stop, true);
	/* The close refuses a peer that waits to be accepted. */
	close(listening);
	pthread_join(thread, NULL);
	return 0;
}
