// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sends and receives the messages of vfio-user, and reads the few capabilities that matter.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "vfio_user/message.h"

#define PARTS_MAX 4

int vfio_user_message_send(int fd, struct vfio_user_header *header, const struct iovec *parts,
			   size_t part_count, const int *fds, size_t count, uint64_t deadline_ns)
{
	struct iovec all[PARTS_MAX] = { { header, sizeof(*header) } };

	header->bytes = sizeof(*header);
	for (size_t i = 0; i < part_count && i + 1 < PARTS_MAX; i++) {
		all[i + 1] = parts[i];
		header->bytes += (uint32_t)parts[i].iov_len;
	}
	return sys_send(fd, all, part_count + 1, fds, count, deadline_ns);
}

static int receive_all(int fd, void *to, size_t bytes, uint64_t deadline_ns)
{
	while (bytes) {
		ssize_t n = sys_receive(fd, to, bytes, deadline_ns);

		if (n < 0)
			return (int)n;
		to = (char *)to + n;
		bytes -= (size_t)n;
	}
	return 0;
}

/* The descriptors of a message come with its first byte. */
static int receive_header(int fd, struct vfio_user_header *header, struct vfio_user_fds *fds,
			  uint64_t deadline_ns)
{
	size_t none = 0, *const count = fds ? &fds->count : &none;
	ssize_t n;

	if (fds)
		fds->count = VFIO_USER_FDS_MAX;
	n = sys_receive_fds(fd, header, sizeof(*header), fds ? fds->fds : NULL, count, deadline_ns);
	if (n < 0)
		return (int)n;
	return receive_all(fd, (char *)header + n, sizeof(*header) - (size_t)n, deadline_ns);
}

int vfio_user_message_receive(int fd, struct vfio_user_header *header, void *payload, size_t max,
			      struct vfio_user_fds *fds, uint64_t deadline_ns)
{
	int err = receive_header(fd, header, fds, deadline_ns);

	if (err)
		return err;
	if (header->bytes < sizeof(*header) || header->bytes - sizeof(*header) > max)
		return -EPROTO;
	return receive_all(fd, payload, header->bytes - sizeof(*header), deadline_ns);
}

void vfio_user_fds_close(struct vfio_user_fds *fds)
{
	for (size_t i = 0; i < fds->count; i++)
		if (fds->fds[i] >= 0)
			sys_close_foreign(fds->fds[i]);
	fds->count = 0;
}

size_t vfio_user_capabilities(char json[VFIO_USER_CAPABILITIES_MAX], const char *twin)
{
	return 1 + (size_t)snprintf(
			   json, VFIO_USER_CAPABILITIES_MAX,
			   "{\"capabilities\":{\"max_msg_fds\":%d,\"max_data_xfer_size\":%u%s}}",
			   VFIO_USER_FDS_MAX, VFIO_USER_DATA_MAX, twin);
}

/*
 * Returns the text behind a key and its colon, or NULL. The capabilities are an object of JSON, and
 * no string in them has the name of a key. So the text of the key finds it, and a parser is not
 * needed.
 */
static const char *find_value(const char *json, const char *key)
{
	const char *at = strstr(json, key);
	const size_t bytes = strlen(key);

	if (!at || at == json || at[-1] != '"' || at[bytes] != '"')
		return NULL;
	at += bytes + 1;
	at += strspn(at, " \t\r\n");
	if (*at != ':')
		return NULL;
	return at + 1 + strspn(at + 1, " \t\r\n");
}

uint64_t vfio_user_find_number(const char *json, const char *key, uint64_t value)
{
	const char *at = find_value(json, key);

	return at && *at >= '0' && *at <= '9' ? strtoull(at, NULL, 10) : value;
}

bool vfio_user_has_twin(const char *json)
{
	const char *at = find_value(json, "twin_socket");

	at = at ? find_value(at, "supported") : NULL;
	return at && !strncmp(at, "true", 4);
}
