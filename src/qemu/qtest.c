// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The client of QEMU's qtest protocol: a line of text asks for an access, and QEMU answers with one
 * line.
 *
 * INVARIANT: an answer is complete and read before the next line is sent, so each answer belongs to
 * the line before it. After an error the connection is not used again. Only one thread at a time
 * uses it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys_socket.h"
#include "qemu/qtest.h"

#define LINE_BYTES 128
/* The ports are those of the PCI Local Bus Specification 3.0, 3.2.2.3.2. */
#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE UINT32_C(0x80000000)

static int send_line(const struct qtest *qtest, const char *line)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line) };

	return sys_send(qtest->fd, &part, 1, NULL, 0, qtest->deadline_ns);
}

/* QEMU answers one line at a time, so bytes after the line break the protocol. */
static int receive_line(const struct qtest *qtest, char line[LINE_BYTES])
{
	const char *end = NULL;
	size_t bytes = 0;

	while (!end) {
		ssize_t n;

		if (bytes == LINE_BYTES)
			return -EPROTO;
		n = sys_receive(qtest->fd, line + bytes, LINE_BYTES - bytes, qtest->deadline_ns);
		if (n < 0)
			return (int)n;
		bytes += (size_t)n;
		end = memchr(line, '\n', bytes);
	}
	line[bytes - 1] = '\0';
	/* A zero byte would hide the rest of the line from strcmp(). */
	return end == line + bytes - 1 && strlen(line) == bytes - 1 ? 0 : -EPROTO;
}

/* An error of the socket means that QEMU ended, whatever its number is. */
static int converse(const struct qtest *qtest, const char *line, char answer[LINE_BYTES])
{
	int err = send_line(qtest, line);

	if (!err)
		err = receive_line(qtest, answer);
	return !err || err == -ETIMEDOUT || err == -EPROTO ? err : -EPIPE;
}

/* QEMU answers "OK", or for a read "OK 0x1f" with the value. */
static int send_command(const struct qtest *qtest, const char *line, uint64_t *value)
{
	char answer[LINE_BYTES], *end;
	int err = converse(qtest, line, answer);

	if (err)
		return err;
	if (!value)
		return strcmp(answer, "OK") ? -EPROTO : 0;
	/* A value has at most 16 digits, and strtoull() alone would accept a sign. */
	if (strncmp(answer, "OK 0x", 5) || strlen(answer) > 21)
		return -EPROTO;
	*value = strtoull(answer + 3, &end, 16);
	return *end || end == answer + 5 ? -EPROTO : 0;
}

static char letter_of(unsigned int width)
{
	switch (width) {
	case 1:
		return 'b';
	case 2:
		return 'w';
	case 4:
		return 'l';
	default:
		return 'q';
	}
}

int qtest_read(const struct qtest *qtest, uint64_t address, unsigned int width, uint64_t *value)
{
	char line[64];

	snprintf(line, sizeof(line), "read%c 0x%" PRIx64 "\n", letter_of(width), address);
	return send_command(qtest, line, value);
}

int qtest_write(const struct qtest *qtest, uint64_t address, unsigned int width, uint64_t value)
{
	char line[64];

	snprintf(line, sizeof(line), "write%c 0x%" PRIx64 " 0x%" PRIx64 "\n", letter_of(width),
		 address, value);
	return send_command(qtest, line, NULL);
}

/* The text has the bytes in their order in memory, and a register is little-endian. */
int qtest_write_words(const struct qtest *qtest, uint64_t address, const uint32_t *words,
		      size_t count)
{
	char line[64 + 8 * QTEST_WORDS_MAX];
	int used = snprintf(line, sizeof(line), "write 0x%" PRIx64 " 0x%zx 0x", address,
			    count * sizeof(*words));

	for (size_t i = 0; i < count; i++)
		used += snprintf(line + used, sizeof(line) - (size_t)used, "%08" PRIx32,
				 __builtin_bswap32(words[i]));
	snprintf(line + used, sizeof(line) - (size_t)used, "\n");
	return send_command(qtest, line, NULL);
}

int qtest_port_read(const struct qtest *qtest, uint64_t port, unsigned int width, uint64_t *value)
{
	char line[64];

	snprintf(line, sizeof(line), "in%c 0x%" PRIx64 "\n", letter_of(width), port);
	return send_command(qtest, line, value);
}

int qtest_port_write(const struct qtest *qtest, uint64_t port, unsigned int width, uint64_t value)
{
	char line[64];

	snprintf(line, sizeof(line), "out%c 0x%" PRIx64 " 0x%" PRIx64 "\n", letter_of(width), port,
		 value);
	return send_command(qtest, line, NULL);
}

static int select_config(const struct qtest *qtest, uint16_t function, unsigned int offset)
{
	/*
	 * The lock of struct qemu keeps another thread from selecting a word between the two
	 * accesses.
	 */
	return qtest_port_write(qtest, CONFIG_ADDRESS, 4,
				CONFIG_ENABLE | (uint32_t)function << 8 | offset);
}

int qtest_config_access(const struct qtest *qtest, uint16_t function, struct backend_config *access)
{
	const uint64_t port = CONFIG_DATA + access->offset % 4;
	uint64_t word = access->value;
	int err = select_config(qtest, function, access->offset & ~3u);

	if (err)
		return err;
	if (access->is_write)
		return qtest_port_write(qtest, port, access->width, word);
	err = qtest_port_read(qtest, port, access->width, &word);
	access->value = (uint32_t)word;
	return err;
}

int qtest_config_read(const struct qtest *qtest, uint16_t function, unsigned int offset,
		      uint32_t *value)
{
	struct backend_config access = { .offset = offset, .width = 4 };
	int err = qtest_config_access(qtest, function, &access);

	*value = err ? 0 : access.value;
	return err;
}

int qtest_config_write(const struct qtest *qtest, uint16_t function, unsigned int offset,
		       uint32_t value)
{
	struct backend_config access = {
		.offset = offset, .width = 4, .is_write = true, .value = value
	};

	return qtest_config_access(qtest, function, &access);
}
