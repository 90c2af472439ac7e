// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Wraps the system calls of UNIX sockets. Nothing here has state or takes a lock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/sys.h"
#include "base/sys_socket.h"

/* The sockets do not block, so ppoll() keeps the deadline. */
int sys_wait_socket(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd fds = { .fd = fd, .events = events };

	return sys_wait_readable(&fds, 1, deadline_ns);
}

/*
 * A byte with MSG_OOB can carry descriptors too. The kernel skips the byte and closes them, unless it
 * comes in line.
 */
static void keep_in_line(int fd, int on)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

static void pass_descriptors(int fd, int on)
{
	keep_in_line(fd, on);
	(void)setsockopt(fd, SOL_SOCKET, SYS_SO_PASSRIGHTS, &on, sizeof(on));
}

void sys_refuse_descriptors(int fd)
{
	pass_descriptors(fd, 0);
}

void sys_allow_descriptors(int fd)
{
	pass_descriptors(fd, 1);
}

/* Returns a socket that does not block, for the address of a path, or -errno. */
static int socket_for(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return sys_not_standard(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/*
 * connect(2): a UNIX socket that does not block returns EAGAIN and not EINPROGRESS if the queue is
 * full. The kernel does not tell when it has room again, so this asks once a millisecond.
 */
int sys_connect(const char *path, uint64_t deadline_ns)
{
	SYS_DEFER_CANCEL;
	struct sockaddr_un address;
	int err, fd = socket_for(path, &address);

	if (fd < 0)
		return fd;
	sys_refuse_descriptors(fd);
	while ((err = connect(fd, (const void *)&address, sizeof(address)) ? -errno : 0)) {
		if (err == -EAGAIN && sys_now_ns() >= deadline_ns)
			err = -ETIMEDOUT;
		if (err != -EAGAIN && err != -EINTR)
			break;
		sys_sleep_ns(SYS_NS_PER_MS);
	}
	if (!err)
		return fd;
	(void)close(fd);
	return err;
}

/*
 * A socket may be ready for ppoll() and have nothing for the call that follows: another thread or
 * process took it, or the peer sent only what the call does not return. Without a look at the clock
 * that could go on for ever.
 */
static bool try_again(uint64_t deadline_ns)
{
	return errno == EINTR || (errno == EAGAIN && sys_now_ns() < deadline_ns);
}

int sys_accept(int fd, uint64_t deadline_ns)
{
	SYS_DEFER_CANCEL;
	const int flags = fcntl(fd, F_GETFL);
	int connection, err;

	/* accept4() waits without a limit if another acceptor is faster, unless this flag is set. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	/* A connection inherits this, so that a peer cannot send before the option is set. */
	sys_refuse_descriptors(fd);
	do {
		err = sys_wait_socket(fd, POLLIN, deadline_ns);
		if (err)
			return err;
		/*
		 * accept(2): on Linux a connection does not inherit O_NONBLOCK from the socket that
		 * listens.
		 */
		connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	} while (connection < 0 && try_again(deadline_ns));
	if (connection < 0 && errno == EAGAIN)
		return -ETIMEDOUT;
	return sys_not_standard(connection);
}

/* A server may remove its socket at any moment. A path without a file has no other file. */
static bool is_other_file(const char *path)
{
	struct stat file;

	return !lstat(path, &file) && !S_ISSOCK(file.st_mode);
}

/* unix(7): connect() to a socket that no process listens to returns ECONNREFUSED. */
static bool is_abandoned(const char *path)
{
	SYS_DEFER_CANCEL;
	int fd = sys_connect(path, 0);

	if (fd >= 0)
		(void)close(fd);
	return fd == -ECONNREFUSED;
}

/*
 * Swaps two files. Some file systems, such as NFS, cannot do that. There @hidden replaces @path. If
 * another server has made that socket a moment ago, it gets no clients any more.
 */
static int swap_files(const char *hidden, const char *path)
{
	if (!renameat2(AT_FDCWD, hidden, AT_FDCWD, path, RENAME_EXCHANGE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	return rename(hidden, path) ? -errno : 0;
}

/*
 * Takes the place of an abandoned socket. Another server may do the same meanwhile. So the function
 * looks again at the file that it got, and gives it back if it is not abandoned.
 */
static int replace_abandoned(const char *hidden, const char *path)
{
	int err = swap_files(hidden, path);

	if (err == -ENOENT)
		return link(hidden, path) ? -errno : 0;
	if (err || access(hidden, F_OK) || (!is_other_file(hidden) && is_abandoned(hidden)))
		return err;
	err = swap_files(hidden, path);
	return err ? err : -EADDRINUSE;
}

/* Gives a socket that listens its name. A socket of that name is replaced if it is abandoned. */
static int name_socket(const char *hidden, const char *path)
{
	int err = link(hidden, path) ? -errno : 0;

	if (err == -EEXIST && is_other_file(path))
		return -ENOTSOCK;
	if (err == -EEXIST && is_abandoned(path))
		err = replace_abandoned(hidden, path);
	return err == -EEXIST ? -EADDRINUSE : err;
}

/*
 * Makes a name for a new file in the folder of @path. If it would be too long, it takes the place of the
 * last part of the path. Another thread, or the same process ID in another container, may do this at the
 * same time, so the name is random.
 */
static int hide(const char *path, char *hidden, size_t size)
{
	const char *const slash = strrchr(path, '/');
	const int folder = slash ? (int)(slash + 1 - path) : 0;

	if (strlen(path) >= size)
		return -ENAMETOOLONG;
	do {
		const uint32_t random = (uint32_t)sys_random();

		if (snprintf(hidden, size, "%s.%08" PRIx32, path, random) >= (int)size)
			(void)!snprintf(hidden, size, "%.*s%08" PRIx32, folder, path, random);
	} while (!strcmp(hidden, path));
	return 0;
}

/*
 * A socket that is bound and does not listen yet looks abandoned, also to a second server. So it gets
 * its name last.
 */
int sys_listen(const char *path, struct sys_named_socket *named)
{
	SYS_DEFER_CANCEL;
	char hidden[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct sockaddr_un address;
	int err = hide(path, hidden, sizeof(hidden)), fd = err ? err : socket_for(hidden, &address);

	if (fd < 0)
		return fd;
	/* The file gets the mode of the socket, so no other user can connect before a chmod(). */
	if (fchmod(fd, S_IRUSR | S_IWUSR) || bind(fd, (const void *)&address, sizeof(address)) ||
	    listen(fd, SOMAXCONN))
		err = -errno;
	if (!err)
		err = sys_stat(hidden, &named->file);
	if (!err)
		err = name_socket(hidden, path);
	(void)unlink(hidden);
	if (err) {
		(void)close(fd);
		return err;
	}
	named->path = path;
	/* Without a descriptor the path is looked up in the folder that is current at the end. */
	named->folder = sys_open(".", O_PATH | O_DIRECTORY);
	return fd;
}

void sys_remove_socket(const struct sys_named_socket *named)
{
	const int folder = named->folder < 0 ? AT_FDCWD : named->folder;
	struct stat file;

	if (!fstatat(folder, named->path, &file, 0) && file.st_dev == named->file.st_dev &&
	    file.st_ino == named->file.st_ino)
		(void)unlinkat(folder, named->path, 0);
	if (named->folder >= 0)
		sys_close(named->folder);
}

int sys_do_not_block(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

int sys_socketpair(int pair[2])
{
	SYS_DEFER_CANCEL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	/* If one copy fails, the other end is still open and has to be closed. */
	for (size_t i = 0; i < 2; i++) {
		pair[i] = sys_not_standard(pair[i]);
		keep_in_line(pair[i], 1);
	}
	if (pair[0] >= 0 && pair[1] >= 0)
		return 0;
	for (size_t i = 0; i < 2; i++)
		if (pair[i] >= 0)
			(void)close(pair[i]);
	return pair[0] < 0 ? pair[0] : pair[1];
}

int sys_hung_up(int *fd)
{
	SYS_DEFER_CANCEL;
	int pair[2], err = sys_socketpair(pair);

	if (err)
		return err;
	(void)close(pair[1]);
	*fd = pair[0];
	return 0;
}

int sys_socket_option(int fd, int option, int *value)
{
	socklen_t size = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, option, value, &size) ? -errno : 0;
}

bool sys_is_stream(int fd, bool listens)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int type, is_listening;

	return !sys_socket_option(fd, SO_TYPE, &type) && type == SOCK_STREAM &&
	       !sys_socket_option(fd, SO_ACCEPTCONN, &is_listening) && !is_listening == !listens &&
	       (listens || !getpeername(fd, (struct sockaddr *)&peer, &size));
}

static bool is_unix_socket(int fd)
{
	int domain;

	return !sys_socket_option(fd, SO_DOMAIN, &domain) && domain == AF_UNIX;
}

bool sys_is_unix_stream(int fd)
{
	int type;

	return is_unix_socket(fd) && !sys_socket_option(fd, SO_TYPE, &type) && type == SOCK_STREAM;
}

void sys_shutdown(int fd)
{
	(void)shutdown(fd, SHUT_RDWR);
}

ssize_t sys_send_some(int fd, struct iovec *parts, size_t part_count, const int *fds, size_t count)
{
	SYS_DEFER_CANCEL;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(SYS_SEND_FDS_MAX * sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(count * sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	const struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = part_count,
		.msg_control = count ? &control : NULL,
		.msg_controllen = count ? CMSG_SPACE(count * sizeof(int)) : 0,
	};
	ssize_t n;

	if (count)
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	do
		/*
		 * Without MSG_NOSIGNAL a peer that hung up would end the program by SIGPIPE.
		 * MSG_DONTWAIT also covers an adopted socket that the caller left blocking.
		 */
		n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int sys_send(int fd, struct iovec *parts, size_t part_count, const int *fds, size_t count,
	     uint64_t deadline_ns)
{
	while (part_count) {
		ssize_t n = sys_send_some(fd, parts, part_count, fds, count);
		int err = n < 0 ? (int)n : 0;

		if (err == -EAGAIN) {
			err = sys_now_ns() < deadline_ns ?
				      sys_wait_socket(fd, POLLOUT, deadline_ns) :
				      -ETIMEDOUT;
			if (!err)
				continue;
		}
		if (err)
			return err;
		/*
		 * unix(7): descriptors go with the first byte. With the rest they would arrive
		 * twice.
		 */
		count = 0;
		for (; part_count && (size_t)n >= parts->iov_len; parts++, part_count--)
			n -= (ssize_t)parts->iov_len;
		if (part_count) {
			parts->iov_base = (char *)parts->iov_base + n;
			parts->iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* The kernel lets a message carry at most this many (SCM_MAX_FD in include/net/scm.h). */
#define FDS_MAX 253

/* Credentials, the label of a security module and a pidfd take less. */
#define OTHER_CONTROL_MAX 1024
#define PIDFD 4 /* SCM_PIDFD of Linux 6.5. */

static int fd_at(const unsigned char *fds, size_t i)
{
	int fd;

	memcpy(&fd, fds + i * sizeof(fd), sizeof(fd));
	return fd;
}

/* The other process may have asked the kernel for a pidfd, which nobody here wants. */
static void close_pidfd(const struct cmsghdr *control)
{
	SYS_DEFER_CANCEL;
	const int pidfd = fd_at(CMSG_DATA(control), 0);

	if (pidfd >= 0)
		(void)close(pidfd);
}

/*
 * Returns how many descriptors a message brought, and where they are in its control data. A process that
 * shares the socket can set SO_PASSCRED and the like, so there may be other control data before them.
 */
static size_t find_fds(struct msghdr *message, const unsigned char **fds)
{
	size_t count = 0;

	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control;
	     control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != SOL_SOCKET)
			continue;
		if (control->cmsg_type == PIDFD)
			close_pidfd(control);
		if (control->cmsg_type != SCM_RIGHTS)
			continue;
		count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		*fds = CMSG_DATA(control);
	}
	return count;
}

/* Takes the first descriptors of a message, and closes the others. Returns how many it took. */
static size_t take_fds(struct msghdr *message, int *fds, size_t most)
{
	const unsigned char *all = NULL;
	const size_t came = find_fds(message, &all);
	size_t count = came < most ? came : most;

	for (size_t i = 0; i < count; i++)
		fds[i] = sys_not_standard(fd_at(all, i));
	for (size_t i = count; i < came; i++)
		sys_close_foreign(fd_at(all, i));
	/* There is room for all, so it is the process that has no number for one. */
	if (message->msg_flags & MSG_CTRUNC && count < most)
		fds[count++] = -EMFILE;
	return count;
}

/* The kernel would close descriptors that it has no room for. So there is always room for all. */
static ssize_t receive_now(int fd, void *to, size_t bytes, int *fds, size_t *count, int flags)
{
	SYS_DEFER_CANCEL;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int)) + OTHER_CONTROL_MAX];
	} control;
	struct iovec part = { to, bytes };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const ssize_t n = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		*count = take_fds(&message, fds, *count);
	return n;
}

ssize_t sys_receive_fds(int fd, void *to, size_t bytes, int *fds, size_t *count,
			uint64_t deadline_ns)
{
	ssize_t n;

	do {
		/* The peer cannot have answered yet, so wait before the first read. */
		int err = sys_wait_socket(fd, POLLIN, deadline_ns);

		if (err) {
			*count = 0;
			return err;
		}
		n = receive_now(fd, to, bytes, fds, count, MSG_DONTWAIT);
	} while (n < 0 && try_again(deadline_ns));
	if (n > 0)
		return n;
	*count = 0;
	if (!n)
		return -EPIPE;
	return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

ssize_t sys_receive(int fd, void *to, size_t bytes, uint64_t deadline_ns)
{
	size_t none = 0;

	return sys_receive_fds(fd, to, bytes, NULL, &none, deadline_ns);
}

int sys_let_receive_wait(int fd, uint64_t timeout_ns)
{
	/* socket(7): 0 means no timeout. */
	const uint64_t us = timeout_ns / 1000 + 1;
	const struct timeval timeout = {
		.tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000),
	};
	const int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	return 0;
}

ssize_t sys_receive_at_once(int fd, void *to, size_t bytes, uint64_t deadline_ns)
{
	size_t none = 0;
	const ssize_t n = receive_now(fd, to, bytes, NULL, &none, 0);

	if (n > 0)
		return n;
	if (!n)
		return -EPIPE;
	/* The time is over, or another process has set O_NONBLOCK again. */
	if (errno == EAGAIN || errno == EINTR)
		return sys_receive(fd, to, bytes, deadline_ns);
	return -errno;
}

/* --- Descriptors of other processes --- */

/*
 * A receive returns 0 at the end of a queue. It also returns 0 for a message without data, but not on a
 * stream. No queue has this many messages.
 */
#define EMPTY_MAX 1024

/* sys_empty_socket() has so many descriptors open at most. */
#define NESTED_MAX (4 * FDS_MAX)

/* After this a close does not wait, and the queue of a UNIX socket does not grow. */
static void prepare_close(int fd)
{
	const struct linger off = { .l_onoff = 0 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off)) || !is_unix_socket(fd))
		return;
	keep_in_line(fd, 1);
	sys_shutdown(fd);
}

/*
 * Takes descriptors out of the queue of a UNIX socket, which may listen. The close of the socket would
 * close them. Returns how many it took: 0 if no more come.
 */
static size_t take_queued(int fd, int *fds)
{
	SYS_DEFER_CANCEL;
	const unsigned int empty_max = sys_is_unix_stream(fd) ? 1 : EMPTY_MAX;
	unsigned int empty = 0;
	char bytes[1024];
	size_t count;
	ssize_t n;

	if (!is_unix_socket(fd))
		return 0;
	*fds = sys_not_standard(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	if (*fds >= 0)
		return 1;
	do {
		count = FDS_MAX;
		n = receive_now(fd, bytes, sizeof(bytes), fds, &count, MSG_DONTWAIT);
		empty += !n;
	} while (n >= 0 && !count && empty < empty_max);
	return n < 0 ? 0 : count;
}

/* The first of @open stays open. */
void sys_empty_socket(int fd)
{
	SYS_DEFER_CANCEL;
	int open[NESTED_MAX];
	size_t count = 1;

	open[0] = fd;
	prepare_close(fd);
	while (count) {
		const size_t more = count + FDS_MAX <= NESTED_MAX ?
					    take_queued(open[count - 1], open + count) :
					    0;

		for (size_t i = 0; i < more; i++)
			prepare_close(open[count + i]);
		count += more;
		if (!more && --count)
			(void)close(open[count]);
	}
}

void sys_close_foreign(int fd)
{
	SYS_DEFER_CANCEL;
	sys_empty_socket(fd);
	(void)close(fd);
}
