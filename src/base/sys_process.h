/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Asks about the process, starts and ends programs and threads, and reads loaded code. The functions
 * follow the rules of sys.h.
 */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/sys.h"

/* Returns the user whose permissions the kernel checks. */
uid_t sys_user(void);

/* Returns the process ID. */
pid_t sys_pid(void);

/* Returns how many bytes the process may lock in memory; UINT64_MAX means no limit. */
uint64_t sys_lockable_bytes(void);

/* Returns how many bytes of addresses the process may have; UINT64_MAX means no limit. */
uint64_t sys_address_limit(void);

/* Returns how many bytes a file of the process may have; UINT64_MAX means no limit. */
uint64_t sys_file_limit(void);

/* Returns how many descriptors the process may have. */
uint64_t sys_descriptor_limit(void);

/*
 * A function that a child runs between fork() and exec(). Another thread may have had the lock of the
 * allocator at the fork, and AddressSanitizer allocates before each call that does not return.
 */
#define SYS_IN_CHILD __attribute__((no_sanitize("address")))

/* The log of a program that could not run begins with this. An errno of three digits follows. */
#define SYS_EXEC_FAILED "cannot run, error "

/*
 * Returns whether the program got more rights than its caller has, by set-user-ID, set-group-ID, file
 * capabilities or a security module. Then the caller must not choose which programs it runs.
 */
bool sys_has_raised_rights(void);

/* Returns a variable of the environment; NULL if there is none, or if the program has raised rights. */
const char *sys_environment(const char *name);

/*
 * Set a variable of the environment if it is not set. Another thread must not read the environment
 * meanwhile, unless the C library allows that. Without memory the variable stays unset.
 */
void sys_environment_add(const char *name, const char *value);

/* Returns whether the environment has a variable, also if the program has raised rights. */
bool sys_environment_has(const char *name);

/*
 * Start a program that is in PATH. It inherits the @count descriptors @fds under the same numbers.
 * Its output goes to the descriptor @log.
 *
 * The call does not wait for exec(). A pipe could report when exec() is done, but another child of
 * this process may hold it open. If exec() fails, the log is SYS_EXEC_FAILED and the errno. The
 * kernel kills the program when the thread that called this ends. Call it from a thread that blocks
 * all signals, because a handler would run in the child too. @pidfd becomes readable when the
 * program ends. -ESRCH: the program has ended, and this process does not keep its exit status.
 */
int sys_spawn(char *const *argv, const int *fds, size_t count, int log, int *pidfd);

/*
 * Ask how a program has ended: sets the number of the signal that ended it, or 0 and its exit status.
 * sys_pidfd_end() must still reap it. Returns false if it runs, or if nobody knows: this process ignores
 * SIGCHLD, or another thread has reaped the program.
 */
bool sys_pidfd_status(int pidfd, int *signal, int *status);

/* Kill a program at once. sys_pidfd_end() must still reap it. */
void sys_pidfd_kill(int pidfd);

/*
 * Kill a program and wait until it is gone. Another thread may have reaped it, so its process ID may
 * be that of another process now. The pidfd is not.
 */
void sys_pidfd_end(int pidfd);

/*
 * Copy a string of the program or of a library that is loaded. Returns false if nothing is loaded at
 * @from, or if it is not a string of fewer than @bytes bytes.
 */
bool sys_copy_loaded(const char *from, char *to, size_t bytes);

/*
 * Load a library for good: its threads may run on. Returns NULL and why it cannot be loaded. The text
 * is valid until the thread loads something else.
 */
void *sys_load(const char *file, const char **why);

/* Find a function in a library that sys_load() loaded. @function is a pointer to a function. */
bool sys_find_function(void *library, const char *name, void *function);

/*
 * Start a thread of the library. It blocks all signals except for those that its own faults raise,
 * so no handler of the program runs in it.
 */
int sys_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);

/* Returns a number that no other thread of the process has, and that is not 0. */
uintptr_t sys_thread_self(void);

/* Wait until a thread has ended. */
void sys_thread_join(pthread_t thread);

#endif
