// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../test.h"
#include "peer.h"

#define FOREVER UINT64_MAX

/* --- Answers --- */

struct answer {
	struct vfio_user_header header;
	struct iovec parts[3];
	size_t part_count;
	int fds[3];
	size_t fd_count;
};

static int send_raw(int fd, const void *from, size_t bytes)
{
	return send(fd, from, bytes, MSG_NOSIGNAL) == (ssize_t)bytes ? 0 : -EPIPE;
}

/* Sends an answer whose header does not fit its payload. */
static int send_wrong_size(struct peer *peer, struct answer *answer, uint32_t bytes)
{
	answer->header.bytes = bytes;
	return send_raw(peer->fd, &answer->header, sizeof(answer->header));
}

static int send_right(struct peer *peer, struct answer *answer)
{
	return vfio_user_message_send(peer->fd, &answer->header, answer->parts, answer->part_count,
				      answer->fds, answer->fd_count, FOREVER);
}

/* Appends the answer to what is in @all, and returns the size of both. */
static size_t append(char *all, size_t bytes, const struct answer *answer)
{
	struct vfio_user_header header = answer->header;
	size_t end = bytes + sizeof(header);

	for (size_t i = 0; i < answer->part_count; i++) {
		if (answer->parts[i].iov_len)
			memcpy(all + end, answer->parts[i].iov_base, answer->parts[i].iov_len);
		end += answer->parts[i].iov_len;
	}
	header.bytes = (uint32_t)(end - bytes);
	memcpy(all + bytes, &header, sizeof(header));
	return end;
}

/* Both answers arrive together. */
static int send_twice(struct peer *peer, const struct answer *answer)
{
	char all[2048];
	size_t bytes = append(all, 0, answer);

	bytes = append(all, bytes, answer);
	return send_raw(peer->fd, all, bytes);
}

static int send_wrong(struct peer *peer, struct answer *answer)
{
	static char more[8192];

	switch ((enum misdeed)peer->misdeed) {
	case HANG_UP:
		return -EPIPE;
	case SILENCE:
		return 0;
	case HALF:
		(void)send_raw(peer->fd, &answer->header, sizeof(answer->header) / 2);
		return -EPIPE;
	case ANOTHER_COMMAND:
		answer->header.command++;
		break;
	case ANOTHER_ID:
		answer->header.id++;
		break;
	case NOT_A_REPLY:
		answer->header.flags = 0;
		break;
	case TOO_LONG:
		return send_wrong_size(peer, answer, UINT32_MAX);
	case TOO_SHORT:
		return send_wrong_size(peer, answer, sizeof(answer->header));
	case SMALL_SIZE:
		return send_wrong_size(peer, answer, sizeof(answer->header) - 1);
	case TOO_MUCH:
		answer->parts[1] = (struct iovec){ more, sizeof(more) };
		answer->part_count = 2;
		break;
	case ONE_MORE:
		answer->parts[answer->part_count++] = (struct iovec){ more, 1 };
		break;
	case TWICE:
		return send_twice(peer, answer);
	case NO_FDS:
		answer->fd_count = 0;
		break;
	case EXTRA_FDS:
		answer->fds[answer->fd_count++] = STDERR_FILENO;
		break;
	default:
		answer->header.flags |= VFIO_USER_FLAG_ERROR;
		answer->header.error = EPERM;
		answer->part_count = 0;
	}
	return send_right(peer, answer);
}

static int reply(struct peer *peer, const struct vfio_user_header *header, struct answer *answer,
		 int error)
{
	answer->header = (struct vfio_user_header){
		.id = header->id,
		.command = header->command,
		.flags = VFIO_USER_FLAG_REPLY | (error ? VFIO_USER_FLAG_ERROR : 0),
		.error = (uint32_t)error,
	};
	if (error)
		answer->part_count = 0;
	if (peer->misdeed && header->command == peer->command)
		return send_wrong(peer, answer);
	return send_right(peer, answer);
}

/* --- DMA --- */

static int receive_answer(struct peer *peer, int fd, void *data, uint64_t bytes)
{
	struct vfio_user_header header;
	struct vfio_user_dma dma;
	char *all = malloc(VFIO_USER_PAYLOAD_MAX);
	int err = vfio_user_message_receive(fd, &header, all, VFIO_USER_PAYLOAD_MAX, NULL, FOREVER);

	if (!err && header.flags & VFIO_USER_FLAG_ERROR)
		err = (int)header.error;
	else if (!err && (header.id != peer->id || header.bytes < sizeof(header) + sizeof(dma)))
		err = EPROTO;
	else if (!err)
		memcpy(data, all + sizeof(dma), header.command == VFIO_USER_DMA_READ ? bytes : 0);
	free(all);
	return err < 0 ? ECONNRESET : err;
}

static int transfer_locked(struct peer *peer, enum vfio_user_command command, uint64_t address,
			   uint64_t bytes)
{
	const bool is_write = command == VFIO_USER_DMA_WRITE;
	const int fd = peer->twin >= 0 ? peer->twin : peer->fd;
	struct vfio_user_header header = { .id = ++peer->id, .command = (uint16_t)command };
	struct vfio_user_dma dma = { address, bytes };
	const struct iovec parts[] = { { &dma, sizeof(dma) }, { peer->buffer, bytes } };

	if (!peer->asks && peer_maps_copy(&peer->maps, address, peer->buffer, bytes, is_write))
		return 0;
	if (vfio_user_message_send(fd, &header, parts, is_write ? 2 : 1, NULL, 0, FOREVER))
		return ECONNRESET;
	return receive_answer(peer, fd, peer->buffer, bytes);
}

int peer_transfer(struct peer *peer, enum vfio_user_command command, uint64_t address,
		  uint64_t bytes)
{
	int err;

	pthread_mutex_lock(&peer->busy);
	err = transfer_locked(peer, command, address, bytes);
	pthread_mutex_unlock(&peer->busy);
	return err;
}

int peer_send(struct peer *peer, const void *from, size_t bytes)
{
	ssize_t n;

	pthread_mutex_lock(&peer->busy);
	n = send(peer->twin, from, bytes, MSG_NOSIGNAL);
	pthread_mutex_unlock(&peer->busy);
	return n == (ssize_t)bytes ? 0 : -EPIPE;
}

bool peer_receive(struct peer *peer, void *to, size_t bytes)
{
	ssize_t n;

	pthread_mutex_lock(&peer->busy);
	n = recv(peer->twin, to, bytes, MSG_WAITALL);
	pthread_mutex_unlock(&peer->busy);
	return n == (ssize_t)bytes;
}

/* --- Registers --- */

static uint64_t read_register(const struct peer *peer, uint64_t offset)
{
	switch (offset) {
	case PEER_ID:
		return PEER_MAGIC;
	case PEER_ADDRESS:
		return peer->address;
	case PEER_COUNT:
		return peer->count;
	case PEER_STATUS:
		return peer->status;
	default:
		return 0;
	}
}

static void write_register(struct peer *peer, uint64_t offset, uint64_t value)
{
	switch (offset) {
	case PEER_ADDRESS:
		peer->address = value;
		break;
	case PEER_COUNT:
		peer->count = value;
		break;
	case PEER_COMMAND:
		peer->status = (uint64_t)peer_transfer(
			peer, value == PEER_WRITE ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
			peer->address, peer->count);
		break;
	case PEER_IRQ:
		assert_true(value < PEER_VECTORS);
		if (peer->irq_fds[value] >= 0)
			assert_ok(eventfd_write(peer->irq_fds[value], 1));
		break;
	default:
		break;
	}
}

static int access_region(struct peer *peer, const struct vfio_user_header *header,
			 struct vfio_user_region *at)
{
	const bool is_write = header->command == VFIO_USER_REGION_WRITE;
	const bool is_config = at->region == VFIO_PCI_CONFIG_REGION_INDEX;
	uint64_t value = 0;
	struct answer answer = { .parts = { { at, sizeof(*at) }, { &value, at->bytes } },
				 .part_count = is_write ? 1 : 2 };

	if (at->bytes > 8 || (!is_config && at->region) ||
	    at->offset + at->bytes > (is_config ? sizeof(peer->config) : PEER_BAR_BYTES))
		return reply(peer, header, &answer, EINVAL);
	if (is_write)
		memcpy(&value, at + 1, at->bytes);
	if (is_config && is_write)
		memcpy(peer->config + at->offset, &value, at->bytes);
	else if (is_config)
		memcpy(&value, peer->config + at->offset, at->bytes);
	else if (is_write)
		write_register(peer, at->offset, value);
	else
		value = read_register(peer, at->offset);
	return reply(peer, header, &answer, 0);
}

/* --- Commands --- */

static int answer_version(struct peer *peer, const struct vfio_user_header *header,
			  const char *json)
{
	static const char twin[] = "{\"capabilities\":{\"max_msg_fds\":8, \"twin_socket\" : "
				   "{\"supported\": true%s}%s}}";
	static const char none[] = "{}";
	struct vfio_user_version version = { peer->major, VFIO_USER_MINOR };
	struct answer answer = { .parts = { { &version, sizeof(version) }, { NULL, 0 } },
				 .part_count = 2 };
	int pair[2] = { -1, -1 }, err;
	char text[256];

	assert_true(vfio_user_has_twin(json));
	snprintf(text, sizeof(text), peer->no_twin ? none : twin, peer->twin_index, peer->more);
	answer.parts[1].iov_base = text;
	answer.parts[1].iov_len = strlen(text) + 1;
	if (!peer->no_twin) {
		assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		peer->twin = pair[0];
		answer.fds[answer.fd_count++] = peer->other_twin < 0 ? pair[1] : peer->other_twin;
	}
	if (peer->extra >= 0)
		answer.fds[answer.fd_count++] = peer->extra;
	err = reply(peer, header, &answer, 0);
	if (peer->extra >= 0)
		close(peer->extra);
	peer->extra = -1;
	if (pair[1] >= 0 && peer->keeps_twin)
		peer->library_twin = pair[1];
	else if (pair[1] >= 0)
		close(pair[1]);
	return err;
}

static int answer_info(struct peer *peer, const struct vfio_user_header *header, void *payload)
{
	struct vfio_user_device_info *info = payload;
	struct vfio_region_info *region = payload;
	struct vfio_irq_info *irq = payload;
	struct answer answer = { .parts = { { payload, header->bytes - sizeof(*header) } },
				 .part_count = 1 };

	if (header->command == VFIO_USER_DEVICE_GET_INFO) {
		info->flags = peer->flags;
		info->regions = peer->regions;
		info->irqs = peer->irqs;
	} else if (header->command == VFIO_USER_DEVICE_GET_REGION_INFO) {
		region->size = region->index == 0 ? PEER_BAR_BYTES :
			       region->index == VFIO_PCI_CONFIG_REGION_INDEX ?
						    sizeof(peer->config) :
						    0;
		region->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	} else {
		irq->count = irq->index == VFIO_PCI_MSIX_IRQ_INDEX ? PEER_VECTORS : 0;
		if (peer->line)
			irq->count = irq->index == VFIO_PCI_INTX_IRQ_INDEX;
		irq->flags = VFIO_IRQ_INFO_EVENTFD;
	}
	return reply(peer, header, &answer, 0);
}

static int set_irqs(struct peer *peer, const struct vfio_user_header *header,
		    const struct vfio_irq_set *set, struct vfio_user_fds *fds)
{
	struct answer answer = { .part_count = 0 };

	if (set->flags & VFIO_IRQ_SET_ACTION_UNMASK) {
		peer->masks++;
		return reply(peer, header, &answer, 0);
	}
	if (set->start >= PEER_VECTORS || set->count != 1 || fds->count != 1)
		return reply(peer, header, &answer, EINVAL);
	if (peer->irq_fds[set->start] >= 0)
		close(peer->irq_fds[set->start]);
	peer->irq_fds[set->start] = fds->fds[0];
	fds->count = 0;
	return reply(peer, header, &answer, 0);
}

static int map_file(struct peer *peer, const struct vfio_user_header *header,
		    const struct vfio_user_dma_map *map, struct vfio_user_fds *fds)
{
	struct answer answer = { .part_count = 0 };
	int err = peer_maps_add(&peer->maps, map, fds->fds[0]);

	/* The mapping has the descriptor. */
	if (!err)
		fds->count = 0;
	return reply(peer, header, &answer, err);
}

static int map_window(struct peer *peer, const struct vfio_user_header *header,
		      const struct vfio_user_dma_map *map)
{
	struct answer answer = { .part_count = 0 };

	if (peer->no_dma)
		return reply(peer, header, &answer, EOPNOTSUPP);
	return reply(peer, header, &answer,
		     peer->window_max && map->bytes > peer->window_max ? EINVAL : 0);
}

static int execute(struct peer *peer, const struct vfio_user_header *header, char *payload,
		   struct vfio_user_fds *fds)
{
	struct answer answer = { .part_count = 0 };

	peer->seen[header->command % 16]++;
	switch (header->command) {
	case VFIO_USER_VERSION:
		if (peer->refusal)
			return reply(peer, header, &answer, (int)peer->refusal);
		return answer_version(peer, header, payload + sizeof(struct vfio_user_version));
	case VFIO_USER_DMA_MAP:
		return fds->count ? map_file(peer, header, (void *)payload, fds) :
				    map_window(peer, header, (void *)payload);
	case VFIO_USER_DMA_UNMAP:
		return reply(peer, header, &answer, peer_maps_remove(&peer->maps, (void *)payload));
	case VFIO_USER_DEVICE_GET_INFO:
	case VFIO_USER_DEVICE_GET_REGION_INFO:
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		return answer_info(peer, header, payload);
	case VFIO_USER_DEVICE_SET_IRQS:
		return set_irqs(peer, header, (void *)payload, fds);
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		return access_region(peer, header, (void *)payload);
	case VFIO_USER_DEVICE_RESET:
		peer->status = 0;
		memset(peer->config + 4, 0, 2);
		return reply(peer, header, &answer, 0);
	default:
		return reply(peer, header, &answer, EOPNOTSUPP);
	}
}

/* --- Connections --- */

static void drop_connection(struct peer *peer)
{
	/* This ends the transfer of another thread. */
	if (peer->twin >= 0)
		shutdown(peer->twin, SHUT_RDWR);
	shutdown(peer->fd, SHUT_RDWR);
	pthread_mutex_lock(&peer->busy);
	close(peer->fd);
	if (peer->twin >= 0)
		close(peer->twin);
	peer->fd = -1;
	peer->twin = -1;
	pthread_mutex_unlock(&peer->busy);
	peer_maps_clear(&peer->maps);
	for (unsigned int i = 0; i < PEER_VECTORS; i++) {
		if (peer->irq_fds[i] >= 0)
			close(peer->irq_fds[i]);
		peer->irq_fds[i] = -1;
	}
}

static void serve_connection(struct peer *peer)
{
	_Alignas(8) static _Thread_local char payload[8192];
	struct vfio_user_header header;
	int err;

	do {
		struct vfio_user_fds fds = { .count = 0 };

		err = vfio_user_message_receive(peer->fd, &header, payload, sizeof(payload) - 1,
						&fds, FOREVER);
		if (!err) {
			payload[header.bytes - sizeof(header)] = 0;
			err = execute(peer, &header, payload, &fds);
		}
		vfio_user_fds_close(&fds);
	} while (!err);
	drop_connection(peer);
}

static void *run_peer(void *arg)
{
	struct peer *peer = arg;

	if (peer->listen_fd < 0)
		serve_connection(peer);
	while (peer->listen_fd >= 0 && !peer->gone) {
		peer->fd = accept(peer->listen_fd, NULL, NULL);
		if (peer->fd >= 0)
			serve_connection(peer);
	}
	return NULL;
}

struct peer *peer_new(void)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	assert_non_null(peer);
	peer->buffer = calloc(1, VFIO_USER_DATA_MAX + 1);
	assert_non_null(peer->buffer);
	peer->regions = VFIO_PCI_NUM_REGIONS;
	peer->irqs = VFIO_PCI_NUM_IRQS;
	peer->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	peer->listen_fd = -1;
	peer->other_twin = peer->extra = peer->library_twin = -1;
	atomic_init(&peer->fd, -1);
	atomic_init(&peer->twin, -1);
	peer->twin_index = ", \"fd_index\":0";
	peer->more = "";
	assert_ok(pthread_mutex_init(&peer->busy, NULL));
	assert_ok(pthread_mutex_init(&peer->maps.lock, NULL));
	for (unsigned int i = 0; i < PEER_VECTORS; i++)
		peer->irq_fds[i] = -1;
	return peer;
}

void peer_start(struct peer *peer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[32];

	snprintf(name, sizeof(name), "vfio-user-test-%d", (int)getpid());
	scratch(peer->path, name);
	strcpy(address.sun_path, peer->path);
	unlink(peer->path);
	peer->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(peer->listen_fd >= 0);
	assert_ok(bind(peer->listen_fd, (void *)&address, sizeof(address)));
	assert_ok(listen(peer->listen_fd, 4));
	assert_ok(pthread_create(&peer->thread, NULL, run_peer, peer));
}

int peer_start_connected(struct peer *peer)
{
	int pair[2];

	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	peer->fd = pair[0];
	assert_ok(pthread_create(&peer->thread, NULL, run_peer, peer));
	return pair[1];
}

void peer_hang_up(struct peer *peer)
{
	shutdown(peer->fd, SHUT_RDWR);
}

void peer_end(struct peer *peer)
{
	peer->gone = true;
	if (peer->listen_fd >= 0)
		shutdown(peer->listen_fd, SHUT_RDWR);
	if (peer->fd >= 0)
		shutdown(peer->fd, SHUT_RDWR);
	assert_ok(pthread_join(peer->thread, NULL));
	if (peer->listen_fd >= 0) {
		close(peer->listen_fd);
		unlink(peer->path);
	}
	if (peer->library_twin >= 0)
		close(peer->library_twin);
	pthread_mutex_destroy(&peer->maps.lock);
	pthread_mutex_destroy(&peer->busy);
	free(peer->buffer);
	free(peer);
}
