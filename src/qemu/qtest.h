/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A client of QEMU's qtest protocol: lines of text by which another process takes the place of the
 * machine's CPU. QEMU has the protocol for its own tests. The commands used here are documented in
 * docs/devel/testing/qtest.rst and have not changed since QEMU 7.2.
 */
#ifndef QTEST_H
#define QTEST_H

#include <stddef.h>
#include <stdint.h>

#include "backend.h"

#define QTEST_WORDS_MAX 256

/**
 * struct qtest - A connection to QEMU. Only one thread at a time uses it.
 * @fd: The socket.
 * @deadline_ns: The time when the last answer to a call of the driver must be there. A call may
 *	need hundreds of answers, so a time for each of them would not limit the call.
 */
struct qtest {
	int fd;
	uint64_t deadline_ns;
};

/* Each function returns 0, -ETIMEDOUT, -EPIPE (QEMU is gone) or -EPROTO (a malformed answer). */

/**
 * qtest_read() - Read memory or a register.
 * @qtest: The connection.
 * @address: The physical address.
 * @width: The width in bytes: 1, 2, 4 or 8.
 * @value: Receives the value.
 */
int qtest_read(const struct qtest *qtest, uint64_t address, unsigned int width, uint64_t *value);

/**
 * qtest_write() - Write memory or a register.
 * @qtest: The connection.
 * @address: The physical address.
 * @width: The width in bytes: 1, 2, 4 or 8.
 * @value: The value.
 */
int qtest_write(const struct qtest *qtest, uint64_t address, unsigned int width, uint64_t value);

/**
 * qtest_write_words() - Write words of 32 bits by one command, the first one first.
 * @qtest: The connection.
 * @address: The physical address.
 * @words: The words.
 * @count: Their number, at most QTEST_WORDS_MAX.
 */
int qtest_write_words(const struct qtest *qtest, uint64_t address, const uint32_t *words,
		      size_t count);

/**
 * qtest_port_read() - Read an I/O port.
 * @qtest: The connection.
 * @port: The number of the first port.
 * @width: The width in bytes: 1, 2 or 4.
 * @value: Receives the value.
 */
int qtest_port_read(const struct qtest *qtest, uint64_t port, unsigned int width, uint64_t *value);

/**
 * qtest_port_write() - Write an I/O port.
 * @qtest: The connection.
 * @port: The number of the first port.
 * @width: The width in bytes: 1, 2 or 4.
 * @value: The value.
 */
int qtest_port_write(const struct qtest *qtest, uint64_t port, unsigned int width, uint64_t value);

/**
 * qtest_config_access() - Access a PCI function's configuration space.
 * @qtest: The connection.
 * @function: The bus, device and function, as in a requester ID.
 * @access: The access, to the first 256 bytes.
 */
int qtest_config_access(const struct qtest *qtest, uint16_t function,
			struct backend_config *access);

/**
 * qtest_config_read() - Read a word of a PCI function's configuration space.
 * @qtest: The connection.
 * @function: The bus, device and function, as in a requester ID.
 * @offset: The offset, a multiple of 4.
 * @value: Receives the word.
 */
int qtest_config_read(const struct qtest *qtest, uint16_t function, unsigned int offset,
		      uint32_t *value);

/**
 * qtest_config_write() - Write a word of a PCI function's configuration space.
 * @qtest: The connection.
 * @function: The bus, device and function, as in a requester ID.
 * @offset: The offset, a multiple of 4.
 * @value: The word.
 */
int qtest_config_write(const struct qtest *qtest, uint16_t function, unsigned int offset,
		       uint32_t value);

#endif
