/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The system calls of UNIX sockets. The functions follow the rules of sys.h.
 */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* A vhost-user message carries at most this many descriptors. */
#define SYS_SEND_FDS_MAX 8
/* SO_PASSRIGHTS of Linux 6.16. The headers of older systems do not have it. */
#define SYS_SO_PASSRIGHTS 83

/* Wait for one of @events on a socket, as sys_wait_readable() does. */
int sys_wait_socket(int fd, short events, uint64_t deadline_ns);

/*
 * Let the kernel refuse descriptors that a peer sends to a socket. Linux before 6.16 does not know the
 * option.
 */
void sys_refuse_descriptors(int fd);

/* Undo sys_refuse_descriptors(). */
void sys_allow_descriptors(int fd);

/* Returns a connection or -errno; -ETIMEDOUT if the queue of the listener stays full. */
int sys_connect(const char *path, uint64_t deadline_ns);

/*
 * Returns the next connection to a listening socket, or -errno; -ETIMEDOUT at the deadline. The
 * call makes the socket non-blocking and calls sys_refuse_descriptors() for it, also for other users
 * of the socket. It undoes neither, because the next peer may send before the next call.
 */
int sys_accept(int fd, uint64_t deadline_ns);

/**
 * struct sys_named_socket - Where a socket has its name.
 * @path: The path, which the caller keeps.
 * @folder: The folder that a relative path is in, as the program may go to another one; -errno.
 * @file: The socket, as sys_stat() tells it, because the path may soon be another file.
 */
struct sys_named_socket {
	const char *path;
	int folder;
	struct stat file;
};

/*
 * Returns a socket that listens at a path, or -errno. Only the user of the process can connect to it.
 * A socket at the path that no process listens to is replaced. The path exists only when a process can
 * connect to it. -EADDRINUSE: a process listens there. -ENOTSOCK: another file is there.
 */
int sys_listen(const char *path, struct sys_named_socket *named);

/* Removes the name, unless another server has its socket there now. */
void sys_remove_socket(const struct sys_named_socket *named);

/* Let reads and writes of a descriptor not wait, also for others that share the file. */
int sys_do_not_block(int fd);

/* Create two connected sockets. */
int sys_socketpair(int pair[2]);

/* Create a socket with a closed other end. */
int sys_hung_up(int *fd);

/* Read an option such as SO_ACCEPTCONN; -ENOTSOCK if @fd is not a socket. */
int sys_socket_option(int fd, int option, int *value);

/* Whether a descriptor is a stream socket that listens, or one that is connected. */
bool sys_is_stream(int fd, bool listens);

/* Whether a descriptor is a stream socket of AF_UNIX. A shutdown of such a socket ends each read. */
bool sys_is_unix_stream(int fd);

/* Shut down both directions, also for other processes that share the socket. */
void sys_shutdown(int fd);

/* Returns how many bytes were sent, or -errno. The descriptors go with the first byte. */
ssize_t sys_send_some(int fd, struct iovec *parts, size_t part_count, const int *fds, size_t count);

/* Send all of the parts. The call changes @parts; -ETIMEDOUT at the deadline. */
int sys_send(int fd, struct iovec *parts, size_t part_count, const int *fds, size_t count,
	     uint64_t deadline_ns);

/*
 * Returns how many bytes were received, from 1 to @bytes, or -errno: -ETIMEDOUT at the deadline,
 * -EPIPE if the peer hung up. sys_close_foreign() closes descriptors that come with the bytes.
 */
ssize_t sys_receive(int fd, void *to, size_t bytes, uint64_t deadline_ns);

/*
 * Prepare a socket for sys_receive_at_once(), which then waits so long. Other processes that share the
 * socket get the same time.
 */
int sys_let_receive_wait(int fd, uint64_t timeout_ns);

/*
 * As sys_receive(), by a single system call if the first bytes come soon enough. The call may return
 * later than the deadline if that is earlier than the time of sys_let_receive_wait().
 */
ssize_t sys_receive_at_once(int fd, void *to, size_t bytes, uint64_t deadline_ns);

/*
 * As sys_receive(), and take descriptors that come with the bytes. @count is how many fit in @fds,
 * at most SYS_SEND_FDS_MAX, and is set to how many came. sys_close_foreign() closes others. A descriptor
 * that could not be taken is negative.
 */
ssize_t sys_receive_fds(int fd, void *to, size_t bytes, int *fds, size_t *count,
			uint64_t deadline_ns);

/*
 * Close a descriptor that another process sent, or a UNIX socket that it can send descriptors to. The
 * sender chooses how long a plain close() takes. With SO_LINGER, the close of a TCP socket waits until
 * its data is sent. The close of a UNIX socket waits for such a TCP socket in its queue. This call waits
 * for neither, and it shuts a UNIX socket down. A file on FUSE still decides how long its close takes.
 */
void sys_close_foreign(int fd);

/* Shut a UNIX socket down and close what is in its queue, without waiting. The socket stays open. */
void sys_empty_socket(int fd);

#endif
