/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * QEMU's qtest protocol: lines of text by which another process is the CPU of its machine.
 * It is QEMU's for its own tests; what is used here is as in docs/devel/testing/qtest.rst,
 * and the same from 7.2 on.
 */
#ifndef QTEST_H
#define QTEST_H

#include <stdint.h>

/**
 * struct qtest - A connection; only one thread at a time uses it.
 * @fd: A socket.
 * @timeout_ns: How long an answer may take.
 */
struct qtest {
	int fd;
	uint64_t timeout_ns;
};

/* All return 0; -ETIMEDOUT, -EPIPE (QEMU is gone), -EPROTO (what is no answer). */

/**
 * qtest_read() - Read memory or a register.
 * @qtest: The connection.
 * @address: Physical.
 * @width: In bytes: 1, 2, 4, 8.
 * @value: What was read.
 */
int qtest_read(const struct qtest *qtest, uint64_t address, unsigned int width, uint64_t *value);

/**
 * qtest_write() - Write memory or a register.
 * @qtest: The connection.
 * @address: Physical.
 * @width: In bytes: 1, 2, 4, 8.
 * @value: What to write.
 */
int qtest_write(const struct qtest *qtest, uint64_t address, unsigned int width, uint64_t value);

/**
 * qtest_config_read() - Read a word of a PCI function's configuration space.
 * @qtest: The connection.
 * @function: Bus, device, function, as in a requester ID.
 * @offset: A multiple of 4.
 * @value: What was read.
 */
int qtest_config_read(const struct qtest *qtest, uint16_t function, unsigned int offset,
		      uint32_t *value);

/**
 * qtest_config_write() - Write a word of a PCI function's configuration space.
 * @qtest: The connection.
 * @function: Bus, device, function, as in a requester ID.
 * @offset: A multiple of 4.
 * @value: What to write.
 */
int qtest_config_write(const struct qtest *qtest, uint16_t function, unsigned int offset,
		       uint32_t value);

#endif
