// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These wrappers do the same as inject.c for the calls that a connection and its memory need.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "inject.h"

int __real_close(int fd);

/* Returns true and sets errno if a function is to say that it would wait. */
static bool would_wait(const char *function)
{
	if (!inject.waits || strcmp(inject.waits, function))
		return false;
	errno = EAGAIN;
	return true;
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
	return inject_fails_with(EMFILE) ? -1 :
					   inject_opened(__real_socket(domain, type, protocol));
}

int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	if (inject_fails_with(EMFILE) || would_wait("accept4"))
		return -1;
	if (inject.steals)
		__real_close(__real_accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	return inject_opened(__real_accept4(fd, address, size, flags));
}

int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	return inject_fails_with(ECONNREFUSED) ? -1 : __real_connect(fd, address, size);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct iovec part = message->msg_iov[0];
	struct msghdr first = *message;

	if (inject_fails_with(EPIPE) || would_wait("sendmsg"))
		return -1;
	if (!inject.short_sends)
		return __real_sendmsg(fd, message, flags);
	if (part.iov_len > 12)
		part.iov_len = 12;
	first.msg_iov = &part;
	first.msg_iovlen = 1;
	return __real_sendmsg(fd, &first, flags);
}

ssize_t __real_recv(int fd, void *to, size_t bytes, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t bytes, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t bytes, int flags)
{
	return inject_fails_with(ECONNRESET) ? -1 : __real_recv(fd, to, bytes, flags);
}

ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	return inject_fails_with(ECONNRESET) || would_wait("recvmsg") ?
		       -1 :
		       __real_recvmsg(fd, message, flags);
}

/* The library waits for one socket to send, receive or accept. Its other waits are not changed. */
static bool is_wait_for_peer(const struct pollfd *fds, nfds_t count, const struct timespec *timeout)
{
	return inject.time_is_up && count == 1 && fds->events & (POLLIN | POLLOUT) &&
	       (!timeout || timeout->tv_sec || timeout->tv_nsec);
}

int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	const struct timespec a_moment = { .tv_nsec = (long)MS };
	int n = 0;

	if (!is_wait_for_peer(fds, count, timeout))
		return __real_ppoll(fds, count, timeout, mask);
	while (!n && !*inject.time_is_up)
		n = __real_ppoll(fds, count, &a_moment, mask);
	return n;
}

ssize_t __real_pwrite64(int fd, const void *from, size_t bytes, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *from, size_t bytes, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *from, size_t bytes, off_t offset)
{
	return inject_fails_with(ENOSPC) ? -1 : __real_pwrite64(fd, from, bytes, offset);
}

/* The library passes either a number or no argument to fcntl(). */
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
	va_list list;
	int arg;

	va_start(list, command);
	arg = command == F_GETFD || command == F_GETFL ? 0 : va_arg(list, int);
	va_end(list);
	if (command != F_DUPFD_CLOEXEC)
		return command == F_ADD_SEALS && inject_fails_with(EPERM) ?
			       -1 :
			       __real_fcntl64(fd, command, arg);
	return inject_fails_with(EMFILE) ? -1 : inject_opened(__real_fcntl64(fd, command, arg));
}

/* The library moves one whole mapping over another, so one mapping fewer is left. */
void *__real_mremap(void *from, size_t old, size_t bytes, int flags, ...);
void *__wrap_mremap(void *from, size_t old, size_t bytes, int flags, void *to);
void *__wrap_mremap(void *from, size_t old, size_t bytes, int flags, void *to)
{
	void *va;

	if (inject_fails_with(ENOMEM))
		return MAP_FAILED;
	va = __real_mremap(from, old, bytes, flags, to);
	if (va != MAP_FAILED)
		inject_count(&inject.bytes, -(long)old);
	return va;
}

int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
	int err;

	if (inject_fails_with(EMFILE))
		return -1;
	err = __real_socketpair(domain, type, protocol, fds);
	inject_count(&inject.fds, err ? 0 : 2);
	return err;
}

/* glibc before 2.36 has no functions for pidfds, and none has them for asynchronous I/O. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	const bool opens = number == SYS_pidfd_open || number == SYS_io_setup;
	long result;

	if (opens && inject_fails_with(number == SYS_io_setup ? EAGAIN : EMFILE))
		return -1;
	if (inject.refused && number == inject.refused) {
		errno = EPERM;
		return -1;
	}
	result = __real_syscall(number, a, b, c, d, e, f);
	inject_count(&inject.fds, opens && result >= 0);
	inject_count(&inject.fds, -(number == SYS_io_destroy));
	return result;
}
