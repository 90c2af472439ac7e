// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vfio_user_device.h"
#include "vfio_user_raw.h"

/**
 * struct device - The process of the device.
 * @fd: The connection.
 * @twin: The socket of its own commands.
 * @registers: BAR 0.
 * @config: Configuration space.
 * @command: The command that is executed, and its reply.
 * @transfer: A transfer, and its reply.
 */
static struct device {
	int fd;
	int twin;
	uint64_t registers[DEVICE_BAR_BYTES / 8];
	char config[256];
	struct raw_message command;
	struct raw_message transfer;
} device;

static int answer(size_t bytes)
{
	device.command.header.flags = VFIO_USER_FLAG_REPLY;
	return raw_send(device.fd, &device.command, bytes);
}

/* --- Transfers --- */

/* Returns 0, -EIO for a transfer that is refused, or another error. */
static int transfer(bool is_write)
{
	struct raw_message *message = &device.transfer;
	int err;

	message->dma = (struct vfio_user_dma){ device.registers[DEVICE_ADDRESS / 8],
					       device.registers[DEVICE_BYTES / 8] };
	message->header.flags = 0;
	message->header.command = is_write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ;
	message->header.id++;
	err = raw_send(device.twin, message,
		       sizeof(message->dma) + (is_write ? message->dma.bytes : 0));
	if (!err)
		err = raw_receive(device.twin, message);
	return !err && message->header.flags & VFIO_USER_FLAG_ERROR ? -EIO : err;
}

static int start_transfers(uint64_t how)
{
	int err = how == DEVICE_WRITES_ON ? answer(sizeof(struct vfio_user_region)) : 0;

	if (how == DEVICE_WRITES_ON) {
		while (!err)
			err = transfer(true);
		return err == -EIO ? 0 : err;
	}
	for (uint64_t i = 0; !err && i < device.registers[DEVICE_TURNS / 8]; i++)
		err = transfer(how == DEVICE_WRITES);
	return err ? err : answer(sizeof(struct vfio_user_region));
}

/* --- Commands --- */

static int access_region(bool is_write)
{
	const struct vfio_user_region *at = &device.command.region;
	char *data = device.command.data;
	char *from = at->region == VFIO_PCI_CONFIG_REGION_INDEX ? device.config :
								  (char *)device.registers;
	const size_t size = from == device.config ? sizeof(device.config) : DEVICE_BAR_BYTES;

	if (at->bytes > 8 || at->offset + at->bytes > size)
		return -EPROTO;
	memcpy(is_write ? from + at->offset : data, is_write ? data : from + at->offset, at->bytes);
	if (is_write && from != device.config && at->offset == DEVICE_START)
		return start_transfers(device.registers[DEVICE_START / 8]);
	return answer(sizeof(*at) + (is_write ? 0 : at->bytes));
}

static int answer_version(void)
{
	static const char json[] = "{\"capabilities\":{\"twin_socket\":{\"supported\":true,"
				   "\"fd_index\":0}}}";
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	device.twin = pair[0];
	memcpy(device.command.payload + sizeof(struct vfio_user_version), json, sizeof(json));
	device.command.header.flags = VFIO_USER_FLAG_REPLY;
	err = raw_send_fd(device.fd, &device.command,
			  sizeof(struct vfio_user_version) + sizeof(json), pair[1]);
	close(pair[1]);
	return err;
}

static int answer_device_info(void)
{
	struct vfio_user_device_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		.regions = VFIO_PCI_NUM_REGIONS,
		.irqs = VFIO_PCI_NUM_IRQS,
	};

	memcpy(device.command.payload, &info, sizeof(info));
	return answer(sizeof(info));
}

static int answer_region_info(void)
{
	struct vfio_region_info info;

	memcpy(&info, device.command.payload, sizeof(info));
	info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (info.index == VFIO_PCI_CONFIG_REGION_INDEX)
		info.size = sizeof(device.config);
	else
		info.size = info.index == VFIO_PCI_BAR0_REGION_INDEX ? DEVICE_BAR_BYTES : 0;
	memcpy(device.command.payload, &info, sizeof(info));
	return answer(sizeof(info));
}

static int execute(void)
{
	switch (device.command.header.command) {
	case VFIO_USER_VERSION:
		return answer_version();
	case VFIO_USER_DEVICE_GET_INFO:
		return answer_device_info();
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		return answer_region_info();
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		/* The device has no interrupts: the counts that the question has are 0. */
		return answer(sizeof(struct vfio_irq_info));
	case VFIO_USER_REGION_READ:
		return access_region(false);
	case VFIO_USER_REGION_WRITE:
		return access_region(true);
	default:
		return answer(0);
	}
}

static int serve(int fd)
{
	int err;

	device.fd = fd;
	/* time_reclaim() of vfio_user.c waits for these. */
	memset(device.transfer.data, 1, sizeof(device.transfer.data));
	do {
		err = raw_receive(fd, &device.command);
		if (!err)
			err = execute();
	} while (!err);
	return err;
}

int vfio_user_peer_start(struct vfio_user_peer *peer)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	peer->pid = fork();
	if (peer->pid < 0)
		return -errno;
	close(pair[peer->pid ? 1 : 0]);
	if (!peer->pid)
		_exit(serve(pair[1]) != -EPIPE);
	peer->socket = pair[0];
	return 0;
}

void vfio_user_peer_end(struct vfio_user_peer *peer)
{
	if (peer->pid <= 0)
		return;
	close(peer->socket);
	(void)waitpid(peer->pid, NULL, 0);
}
