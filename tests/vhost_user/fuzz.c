// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A fuzz test for libFuzzer (tools/fuzz). A peer of vhost-user gives good and bad answers, as the
 * input says, while a driver uses the device. The library must not crash or leave anything
 * behind. Memory that the peer does not have must not change.
 *
 * The input has a byte for the kind of each answer, then the data of that kind.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/base/size.h"
#include "../../src/vhost_user/message.h"

#define PAGE 4096
#define SECRET 0x77

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
	int fd;
	struct sockaddr_un address;
	socklen_t address_bytes;
	atomic_bool stop;
};

static void take(struct input *input, void *to, size_t bytes)
{
	const size_t n = bytes < input->left ? bytes : input->left;

	memset(to, 0, bytes);
	memcpy(to, input->at, n);
	input->at += n;
	input->left -= n;
}

/* --- The peer --- */

/* The peer does not take the descriptors of a message. */
static bool receive(int fd, struct vhost_user_message *message)
{
	memset(message, 0, sizeof(*message));
	if (recv(fd, message, VHOST_USER_HEADER_BYTES, MSG_WAITALL) !=
	    (ssize_t)VHOST_USER_HEADER_BYTES)
		return false;
	return !message->bytes ||
	       recv(fd, &message->u64, message->bytes, MSG_WAITALL) == (ssize_t)message->bytes;
}

static uint64_t usual(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GET_FEATURES:
		return UINT64_C(1) << 32 | VHOST_USER_F_PROTOCOL_FEATURES;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		return UINT64_MAX;
	case VHOST_USER_GET_QUEUE_NUM:
		return 2;
	case VHOST_USER_GET_MAX_MEM_SLOTS:
		return 24;
	}
	return 0;
}

static bool answer(struct input *input, struct vhost_user_message *message, uint8_t kind)
{
	const size_t most = sizeof(*message) - VHOST_USER_HEADER_BYTES;
	uint8_t noise[64];
	ssize_t n;

	if (message->request != VHOST_USER_GET_CONFIG) {
		message->bytes = 8;
		message->u64 = usual(message->request);
	}
	message->flags = VHOST_USER_FLAG_VERSION | VHOST_USER_FLAG_REPLY;
	if (kind & 1)
		take(input, &message->u64, 8);
	if (kind & 2)
		take(input, (char *)message + (kind >> 2) % 12, 4);
	if (kind < 0xe0) {
		n = send(input->fd, message,
			 VHOST_USER_HEADER_BYTES + (message->bytes < most ? message->bytes : most),
			 MSG_NOSIGNAL);
		return n >= 0;
	}
	take(input, noise, sizeof(noise));
	n = send(input->fd, noise, kind % 64, MSG_NOSIGNAL);
	return n >= 0 && kind % 8;
}

static void converse(struct input *input)
{
	struct vhost_user_message message;
	bool goes_on = true;

	while (goes_on && receive(input->fd, &message)) {
		const bool asks = message.flags & VHOST_USER_FLAG_NEED_REPLY ||
				  message.request == VHOST_USER_GET_CONFIG ||
				  usual(message.request);
		uint8_t kind;

		take(input, &kind, 1);
		if (asks)
			goes_on = answer(input, &message, kind);
	}
}

/* The peer connects again whenever the library hangs up. */
static void *run_peer(void *arg)
{
	struct input *input = arg;

	while (!atomic_load(&input->stop)) {
		input->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (!connect(input->fd, (void *)&input->address, input->address_bytes))
			converse(input);
		close(input->fd);
	}
	return NULL;
}

/* --- The driver --- */

static void use_registers(struct coherent_device *dev, coherent_addr_t rings)
{
	static const uint32_t values[][2] = {
		{ 0x70, 3 }, { 0x24, 1 }, { 0x20, 1 }, { 0x70, 11 }, { 0x38, 4 }
	};
	struct coherent_bar *bar;
	struct coherent_irq *irq;

	if (coherent_bar_open(&bar, dev, 0))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		coherent_bar_write32(bar, values[i][0], values[i][1]);
	for (uint32_t i = 0; i < 3; i++)
		coherent_bar_write32(bar, 0x80 + 16 * i, (uint32_t)rings.raw + 256 * i);
	coherent_bar_write32(bar, 0x44, 1);
	coherent_bar_write32(bar, 0x70, 15);
	coherent_bar_write32(bar, 0x50, 0);
	(void)coherent_bar_read64(bar, 0x100);
	(void)coherent_bar_read8(bar, 0x1ff);
	coherent_bar_write16(bar, 0x120, 1);
	if (!coherent_irq_open(&irq, dev, 0)) {
		(void)!coherent_irq_wait(irq, 0);
		coherent_irq_close(irq);
	}
	coherent_bar_close(bar);
}

static void drive(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint8_t, secret);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT(uint8_t) others[20] = { COHERENT_EMPTY };

	if (coherent_box_zeroed(&secret, dev, PAGE) || coherent_box_zeroed(&box, dev, 2 * PAGE))
		return;
	memset(coherent_box_ptr(&secret), SECRET, PAGE);
	memset(coherent_box_ptr(&box), 1, 2 * PAGE);
	if (!coherent_expose(&box, &mem))
		use_registers(dev, coherent_addr(&mem));
	for (size_t i = 0; i < 20; i++)
		(void)!coherent_zeroed(&others[i], dev, 1);
	coherent_free(&others[19]);
	(void)!coherent_device_reset(dev);
	for (size_t i = 0; i < 19; i++)
		coherent_free(&others[i]);
	if (!coherent_reclaim(&mem, &box, .idle = true) &&
	    coherent_box_ptr(&box)[2 * PAGE - 1] != 1)
		abort();
	for (size_t i = 0; i < PAGE; i++)
		if (coherent_box_ptr(&secret)[i] != SECRET)
			abort();
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
	if (!coherent_device_open(&dev, "vhost-user:,timeout=4", .listen_fd = listening)) {
		drive(dev);
		coherent_device_close(dev);
	}
	atomic_store(&input.stop, true);
	/* The close refuses a peer that waits to be accepted. */
	close(listening);
	pthread_join(thread, NULL);
	return 0;
}
