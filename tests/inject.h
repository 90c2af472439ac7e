/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * These wrappers count the library's allocations and system calls and make one of them fail.
 */
#ifndef INJECT_H
#define INJECT_H

#include <pthread.h>

#include "test.h"

/**
 * struct inject - The counters of the wrapped functions, and the call that fails.
 * @left: The number of calls until one fails; 0 if none is to fail.
 * @thread: Only the calls of this thread are counted for @left; NULL for those of all threads.
 * @failed: Whether a call has failed.
 * @err: The errno of that call if it was one of inject_fails_with(); otherwise 0.
 * @optional: Whether that call was for the shared segment or the guard of a hardened device, without
 *	which a device works.
 * @stays: After the call that fails, all later ones fail, too.
 * @no_populate: madvise() refuses MADV_POPULATE_WRITE, as Linux did before 5.14.
 * @hugepages: The system seems to have hugepages; ordinary pages take their place.
 * @refused: The number of a system call that a filter refuses with EPERM; 0 for none. It has to be
 *	one that the library makes by syscall(), or memfd_create().
 * @short_sends: sendmsg() sends at most 12 bytes, as much as the header of a vhost-user message.
 * @time_is_up: A wait for one socket ends only if the socket is ready or this is set. So a slow
 *	machine is not a timeout. NULL for real time. Another process may set it.
 * @waits: This function says EAGAIN: accept4, recv or sendmsg. NULL for none.
 * @steals: Another process accepts a connection right before accept4().
 * @blocks: The number of blocks of memory in use.
 * @bytes: The number of bytes that are mapped.
 * @fds: The number of open descriptors, and of contexts for asynchronous I/O.
 * @huge_maps: The number of mappings of hugepages that the library asked for.
 */
extern struct inject {
	unsigned int left;
	const pthread_t *thread;
	bool failed;
	int err;
	bool optional;
	bool stays;
	bool no_populate;
	bool hugepages;
	long refused;
	bool short_sends;
	bool steals;
	const volatile bool *time_is_up;
	const char *waits;
	long blocks;
	long bytes;
	long fds;
	unsigned int huge_maps;
} inject;

/* Counts a call and returns whether it is the one that fails. */
bool inject_fails(void);

/* As above. If the call fails, errno is set. */
bool inject_fails_with(int err);

/* Adds to a counter. Threads call it at the same time. */
void inject_count(long *counter, long by);

/* Counts a descriptor that a call returned. */
int inject_opened(int fd);

/* Tests use these, because they are not counted. */
void *__real_calloc(size_t count, size_t size);
void __real_free(void *block);

#endif
