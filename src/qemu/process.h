/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * QEMU as a process of ours, and the thread that it is bound to: the kernel kills it when
 * that ends, whichever way we do. The thread also looks for interrupts, which QEMU can only
 * write to memory.
 */
#ifndef QEMU_PROCESS_H
#define QEMU_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/lock.h"

#define QEMU_PROGRAM "qemu-system-x86_64"
#define QEMU_PACKAGE "qemu-system-x86"
#define QEMU_ARGUMENTS_MAX 40
#define QEMU_INHERITED 3

/**
 * struct qemu_process - A process.
 * @argv: Its arguments, NULL behind the last.
 * @inherited: Descriptors that it gets, by the same numbers.
 * @log: What it writes its messages to.
 * @poll: Called again and again while @polling.
 * @arg: Handed to @poll.
 * @thread: The thread.
 * @pidfd: Readable when it has ended; closed by who started it. Never changes.
 * @lock: Guards what follows.
 * @err: Why it could not be started.
 * @started: One or the other is known.
 * @polling: Somebody waits for an interrupt.
 * @stop: It has to end.
 */
struct qemu_process {
	char *argv[QEMU_ARGUMENTS_MAX];
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
 * qemu_process_start() - Start it.
 * @process: Zero bytes but for what is given: @argv to @arg.
 *
 * Return: 0; -EAGAIN, -ENOMEM, -EMFILE. Whether it can be run shows in its log.
 */
int qemu_process_start(struct qemu_process *process);

/**
 * qemu_process_poll() - Look for interrupts from now on, or no more.
 * @process: The process.
 * @polling: Which.
 */
void qemu_process_poll(struct qemu_process *process, bool polling);

/**
 * qemu_process_stop() - End it.
 * @process: The process.
 */
void qemu_process_stop(struct qemu_process *process);

#endif
