// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The process of QEMU and the thread that starts it. The thread lives as long as the process,
 * because the kernel kills QEMU when the thread that started it ends. The thread also polls for
 * interrupts.
 *
 * The lock of struct qemu_process is not held during the callback, because the callback takes the
 * lock of struct qemu, and qemu_process_poll() is called with that lock held.
 */
#include "base/sys_process.h"
#include "qemu/process.h"

#define POLL_NS (50 * UINT64_C(1000))

/* Polls while a thread waits for an interrupt, and sleeps otherwise. */
static void poll_until_stopped(struct qemu_process *process)
{
	lock_take(&process->lock);
	while (!process->stop) {
		if (!process->polling) {
			lock_wait(&process->lock, UINT64_MAX);
			continue;
		}
		lock_drop(&process->lock);
		process->poll(process->arg);
		sys_sleep_ns(POLL_NS);
		lock_take(&process->lock);
	}
	lock_drop(&process->lock);
}

static void *run_process(void *arg)
{
	struct qemu_process *process = arg;
	int err = sys_spawn(process->argv, process->inherited, QEMU_INHERITED, process->log,
			    &process->pidfd);

	lock_take(&process->lock);
	process->err = err;
	process->started = true;
	lock_wake(&process->lock);
	lock_drop(&process->lock);
	if (err)
		return NULL;
	poll_until_stopped(process);
	sys_pidfd_end(process->pidfd);
	return NULL;
}

int qemu_process_start(struct qemu_process *process)
{
	int err;

	lock_init(&process->lock);
	err = sys_thread_start(&process->thread, run_process, process);
	if (err)
		goto destroy_lock;
	lock_take(&process->lock);
	while (!process->started)
		lock_wait(&process->lock, UINT64_MAX);
	err = process->err;
	lock_drop(&process->lock);
	if (err)
		goto join_thread;
	return 0;

join_thread:
	sys_thread_join(process->thread);
destroy_lock:
	lock_destroy(&process->lock);
	return err;
}

void qemu_process_poll(struct qemu_process *process, bool polling)
{
	lock_take(&process->lock);
	process->polling = polling;
	lock_wake(&process->lock);
	lock_drop(&process->lock);
}

void qemu_process_stop(struct qemu_process *process)
{
	lock_take(&process->lock);
	process->stop = true;
	lock_wake(&process->lock);
	lock_drop(&process->lock);
	sys_thread_join(process->thread);
	lock_destroy(&process->lock);
}
