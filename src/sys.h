/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * System calls that return -errno, and start again after EINTR. The only reader
 * of errno.
 */
#ifndef SYS_H
#define SYS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SYS_NS_PER_MS UINT64_C(1000000)
#define SYS_NS_PER_S UINT64_C(1000000000)

static inline size_t sys_page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Private anonymous memory, not populated. */
static inline int sys_map(size_t bytes, int flags, void **va)
{
	*va = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	return *va == MAP_FAILED ? -errno : 0;
}

/* A range that was mapped: cannot fail. */
static inline void sys_unmap(void *va, size_t bytes)
{
	(void)munmap(va, bytes);
}

static inline int sys_advise(void *va, size_t bytes, int advice)
{
	int err;

	do
		err = madvise(va, bytes, advice) ? -errno : 0;
	while (err == -EINTR);
	return err;
}

/* Part of a file, shared with whoever else has it; a forked child has none of it. */
static inline int sys_map_file(int fd, uint64_t offset, size_t bytes, void **va)
{
	*va = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (*va == MAP_FAILED)
		return -errno;
	(void)madvise(*va, bytes, MADV_DONTFORK);
	return 0;
}

/* Private memory in place of what was mapped there. */
static inline void sys_map_over(void *va, size_t bytes)
{
	(void)mmap(va, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

/* A descriptor, or -errno. */
static inline int sys_open(const char *path, int flags)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* Another descriptor of the same file, or -errno. */
static inline int sys_dup(int fd)
{
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

/* What the call returns, or -errno. */
static inline int sys_ioctl(int fd, unsigned long request, void *arg)
{
	int n;

	do
		n = ioctl(fd, request, arg);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* All of it, or -EIO. */
static inline int sys_read_at(int fd, uint64_t offset, void *to, size_t bytes)
{
	ssize_t n;

	do
		n = pread(fd, to, bytes, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EIO;
}

static inline int sys_write_at(int fd, uint64_t offset, const void *from, size_t bytes)
{
	ssize_t n;

	do
		n = pwrite(fd, from, bytes, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EIO;
}

/* The last part of what a link points to. */
static inline int sys_link_name(const char *path, char *name, size_t size)
{
	char target[256];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *last;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(name, last);
	return 0;
}

static inline int sys_eventfd(int *fd)
{
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 ? -errno : 0;
}

static inline void sys_close(int fd)
{
	(void)close(fd);
}

/* -EAGAIN: nothing was signalled. */
static inline int sys_eventfd_take(int fd)
{
	uint64_t count;
	ssize_t n;

	do
		n = read(fd, &count, sizeof(count));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Cannot fail on an eventfd of ours: a full counter is signalled already. */
static inline void sys_eventfd_signal(int fd)
{
	const uint64_t one = 1;
	ssize_t n;

	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

static inline uint64_t sys_now_ns(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SYS_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* The end of a timeout, UINT64_MAX for never. */
static inline uint64_t sys_deadline_ns(uint64_t timeout_ns)
{
	uint64_t now = sys_now_ns();

	return timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
}

static inline struct timespec sys_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / SYS_NS_PER_S),
		.tv_nsec = (long)(ns % SYS_NS_PER_S),
	};
}

/* May return early. */
static inline void sys_sleep_ns(uint64_t ns)
{
	struct timespec time = sys_timespec(ns);

	(void)nanosleep(&time, NULL);
}

/* 0 when one of them is readable, -ETIMEDOUT. */
static inline int sys_wait_readable(struct pollfd *fds, nfds_t count, uint64_t deadline_ns)
{
	int n;

	do {
		uint64_t now = sys_now_ns();
		struct timespec left = sys_timespec(deadline_ns > now ? deadline_ns - now : 0);

		n = ppoll(fds, count, deadline_ns == UINT64_MAX ? NULL : &left, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* pthread functions return errors as positive numbers. */
static inline int sys_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	return -pthread_create(thread, NULL, fn, arg);
}

static inline void sys_thread_join(pthread_t thread)
{
	(void)pthread_join(thread, NULL);
}

#endif
