// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Agrees on the version with the client of a served device, and gives it a twin socket.
 */
#include <stdlib.h>

#include "base/sys.h"
#include "base/sys_socket.h"
#include "sim/serve_version.h"
#include "vfio_user/message.h"

/* The JSON of VERSION is at most so long. */
#define CAPABILITIES_MAX 4096

/**
 * struct offer - The VERSION of a client.
 * @header: Its header.
 * @version: The version.
 * @json: The capabilities, as a string. They follow the version in the message.
 */
struct offer {
	struct vfio_user_header header;
	struct vfio_user_version version;
	char json[CAPABILITIES_MAX + 1];
};

static int receive_offer(int fd, struct offer *offer, uint64_t deadline_ns)
{
	/* The last byte stays 0, so the text has an end. */
	const size_t most = sizeof(*offer) - offsetof(struct offer, version) - 1;
	size_t bytes;
	int err = vfio_user_message_receive(fd, &offer->header, &offer->version, most, NULL,
					    deadline_ns);

	/* A header has its own size at least. */
	if (err == -EPIPE && !offer->header.bytes)
		return -ENODATA;
	if (err)
		return err;
	bytes = offer->header.bytes - sizeof(offer->header);
	if (offer->header.command != VFIO_USER_VERSION || bytes < sizeof(offer->version) ||
	    offer->header.flags & (VFIO_USER_FLAG_TYPE | VFIO_USER_FLAG_NO_REPLY))
		return -EPROTO;
	return 0;
}

static int send_answer(int fd, const struct offer *offer, const int *twin, uint64_t deadline_ns)
{
	struct vfio_user_header header = {
		.id = offer->header.id,
		.command = VFIO_USER_VERSION,
		.flags = VFIO_USER_FLAG_REPLY,
	};
	struct vfio_user_version version = { VFIO_USER_MAJOR, VFIO_USER_MINOR };
	char json[VFIO_USER_CAPABILITIES_MAX];
	const char *more = twin ? ",\"twin_socket\":{\"supported\":true,\"fd_index\":0}" : "";
	const struct iovec parts[] = { { &version, sizeof(version) },
				       { json, vfio_user_capabilities(json, more) } };

	if (offer->version.minor < VFIO_USER_MINOR)
		version.minor = offer->version.minor;
	return vfio_user_message_send(fd, &header, parts, 2, twin, twin ? 1 : 0, deadline_ns);
}

static int refuse_version(int fd, const struct offer *offer, uint64_t deadline_ns)
{
	struct vfio_user_header header = {
		.id = offer->header.id,
		.command = VFIO_USER_VERSION,
		.flags = VFIO_USER_FLAG_REPLY | VFIO_USER_FLAG_ERROR,
		.error = EINVAL,
	};

	(void)vfio_user_message_send(fd, &header, NULL, 0, NULL, 0, deadline_ns);
	return -EOPNOTSUPP;
}

static int agree(int fd, struct offer *offer, uint64_t deadline_ns, struct serve_agreed *agreed)
{
	int pair[2] = { -1, -1 };
	uint64_t data_max;
	int err = receive_offer(fd, offer, deadline_ns);

	if (err)
		return err;
	if (offer->version.major != VFIO_USER_MAJOR)
		return refuse_version(fd, offer, deadline_ns);
	data_max = vfio_user_find_number(offer->json, "max_data_xfer_size", VFIO_USER_DATA_MAX);
	if (!data_max)
		return -EPROTO;
	agreed->data_max = data_max < VFIO_USER_DATA_MAX ? (size_t)data_max : VFIO_USER_DATA_MAX;
	if (vfio_user_has_twin(offer->json))
		err = sys_socketpair(pair);
	if (err)
		return err;
	err = send_answer(fd, offer, pair[1] >= 0 ? &pair[1] : NULL, deadline_ns);
	if (pair[1] >= 0)
		sys_close(pair[1]);
	if (err && pair[0] >= 0)
		sys_close_foreign(pair[0]);
	agreed->twin = err ? -1 : pair[0];
	return err;
}

int serve_version_agree(int fd, uint64_t timeout_ns, struct serve_agreed *agreed)
{
	/* The stack of the thread may be too small for an offer. */
	struct offer *offer = calloc(1, sizeof(*offer));
	int err;

	*agreed = (struct serve_agreed){ .twin = -1 };
	if (!offer)
		return -ENOMEM;
	err = agree(fd, offer, sys_deadline_ns(timeout_ns), agreed);
	free(offer);
	return err;
}
