/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The programs and threads that the library starts, by the rules of sys.h.
 */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/sys.h"

/* The log of a program that could not run begins with this; an errno of three digits follows. */
#define SYS_EXEC_FAILED "cannot run, error "

/*
 * Start a program that is found in PATH. It inherits the @count descriptors @fds under the same
 * numbers, and writes what it prints to the descriptor @log.
 *
 * The call does not wait for exec(), because another child of this process may hold open whatever
 * would report it. If exec() fails, the log is SYS_EXEC_FAILED and the errno. The kernel kills the
 * program when the thread that called this ends. Call it from a thread that takes no signals: a
 * handler would run in the child too. @pidfd becomes readable when the program ends.
 */
int sys_spawn(char *const *argv, const int *fds, size_t count, int log, pid_t *pid, int *pidfd);

/* Kill a program at once; the thread that started it reaps it. */
void sys_pidfd_kill(int pidfd);

/* Kill a program and wait until it is gone. */
void sys_kill(pid_t pid);

/*
 * Start a thread of the library. It takes no signals except for those that its own faults raise, so
 * a program does not notice that it has one more thread.
 */
int sys_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);

void sys_thread_join(pthread_t thread);

#endif
