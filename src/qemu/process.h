/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * QEMU as a child process of this process, and the thread that it is bound to: however this
 * process ends, the kernel kills QEMU with the thread. The thread also looks for interrupts, which
 * QEMU can only write to memory.
 */
#ifndef QEMU_PROCESS_H
#define QEMU_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/lock.h"

#define QEMU_PROGRAM "qemu-system-x86_64"
#define QEMU_PACKAGE "qemu-system-x86"
/* QEMU has this many seconds from its start until the device is open. */
#define QEMU_OPEN_S 30
#define QEMU_INHERITED 3

/**
 * struct qemu_process - A process of QEMU.
 * @argv: The arguments, with NULL after the last one.
 * @inherited: The descriptors that QEMU inherits under the same numbers.
 * @log: The descriptor that QEMU writes its messages to.
 * @poll: The callback, which the thread calls again and again while @polling is set.
 * @arg: The argument of @poll.
 * @thread: The thread.
 * @pidfd: The descriptor that becomes readable when QEMU ends. The caller closes it. Never changes.
 * @lock: Guards the fields below.
 * @err: The error of the start, or 0; valid once @started is set.
 * @started: The thread has started QEMU or failed to.
 * @polling: A thread of the driver waits for an interrupt.
 * @stop: The thread has to end QEMU.
 */
struct qemu_process {
	char **argv;
	int inherited[QEMU_INHERITED];
	int log;
	void (*poll)(void *arg);
	void *arg;
	pthread_t thread;
	int pidfd;
	struct lock lock;
	int err;
	bool started;
	bool polling;
	bool stop;
};

/**
 * qemu_process_start() - Start QEMU.
 * @process: The process; the fields from @argv to @arg are filled in, the others are zero.
 *
 * If the program cannot be run, the function still succeeds, and the log has the error. -ESRCH: it has
 * ended already in a process that ignores SIGCHLD or waits for all children.
 *
 * Return: 0; -EAGAIN, -ENOMEM, -EMFILE, -ESRCH.
 */
int qemu_process_start(struct qemu_process *process);

/**
 * qemu_process_poll() - Start or stop to look for interrupts.
 * @process: The process.
 * @polling: Whether to look from now on.
 */
void qemu_process_poll(struct qemu_process *process, bool polling);

/**
 * qemu_process_stop() - End QEMU and the thread.
 * @process: The process.
 */
void qemu_process_stop(struct qemu_process *process);

#endif
