// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The peer does all that Linux lets it do to a descriptor that it shares with the library. Each
 * call of the driver returns, and no signal reaches the driver. A call that waits fails the test by
 * its timeout. docs/backends.md has the list.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vhost_test.h"

/* Most attacks are refused for some kinds of descriptors, which is as good as no effect. */
#define TRY(call)               \
	do {                    \
		if ((call) < 0) \
			break;  \
	} while (0)

/* --- What the peer does. These functions run in its process. --- */

static void make_it_block(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(fcntl(fd, F_SETFL, 0));
}

static void block_by_ioctl(int fd, enum peer_fd kind)
{
	int off = 0;

	(void)kind;
	TRY(ioctl(fd, FIONBIO, &off));
}

/* The counter of an eventfd is then at its maximum, and a write waits. */
static void block_and_fill(int fd, enum peer_fd kind)
{
	const uint64_t most = UINT64_MAX - 1;
	uint64_t count;

	if (kind != PEER_KICK && kind != PEER_CALL)
		return;
	TRY(read(fd, &count, sizeof(count)));
	TRY(write(fd, &most, sizeof(most)));
	TRY(fcntl(fd, F_SETFL, 0));
}

/* Another process empties the eventfd between the library's poll and its read. */
static void block_and_empty(int fd, enum peer_fd kind)
{
	uint64_t count;

	TRY(fcntl(fd, F_SETFL, O_NONBLOCK));
	if (kind == PEER_KICK || kind == PEER_CALL)
		TRY(read(fd, &count, sizeof(count)));
	TRY(fcntl(fd, F_SETFL, 0));
}

static void set_all_flags(int fd, enum peer_fd kind)
{
	/* The peer itself waits on its end of the connection. */
	const int flag = kind == PEER_SOCKET ? 0 : O_NONBLOCK;

	TRY(fcntl(fd, F_SETFL, O_APPEND | O_ASYNC | O_NOATIME | flag));
	TRY(fcntl(fd, F_SETFL, O_APPEND | O_ASYNC | O_DIRECT));
}

/* A process of root can become another user. Then the peer is another user than the driver. */
static bool become_another_user(void)
{
	static bool done;

	if (done || geteuid())
		return done;
	if (setresuid(65534, 65534, 65534))
		_exit(6);
	/* The change of the user has cleared this. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	done = true;
	return true;
}

/*
 * The kernel sends such a signal only if the peer may send it by kill() too. A peer of the same user
 * may, so it asks only for those of eventfds and memory. The kernel does not send any for these.
 */
static void ask_for_signals(int fd, enum peer_fd kind)
{
	int on = 1;

	if (!become_another_user() && kind == PEER_SOCKET)
		return;
	TRY(fcntl(fd, F_SETOWN, getppid()));
	TRY(fcntl(fd, F_SETSIG, SIGUSR1));
	TRY(ioctl(fd, FIOASYNC, &on));
}

static void add_seals(int fd, enum peer_fd kind)
{
	for (int seal = 1; seal <= 0x20; seal <<= 1)
		if (!fcntl(fd, F_ADD_SEALS, seal) && kind == PEER_MEMORY)
			_exit(7);
}

static void take_leases(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(fcntl(fd, F_SETLEASE, F_RDLCK));
	TRY(fcntl(fd, F_SETLEASE, F_WRLCK));
}

static void take_locks(int fd, enum peer_fd kind)
{
	struct flock whole = { .l_type = F_WRLCK };

	(void)kind;
	TRY(flock(fd, LOCK_EX | LOCK_NB));
	TRY(fcntl(fd, F_SETLK, &whole));
	TRY(fcntl(fd, F_OFD_SETLK, &whole));
}

static void resize(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(ftruncate(fd, 0));
	TRY(ftruncate(fd, 1 << 30));
	TRY(fallocate(fd, 0, 0, 1 << 30));
	TRY(fcntl(fd, F_SETPIPE_SZ, PAGE));
}

static void punch_holes(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 30));
	TRY(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE));
	TRY(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
}

static void change_the_inode(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(fchmod(fd, 0));
	TRY(lseek(fd, 12345, SEEK_SET));
	TRY(futimens(fd, NULL));
}

static void shut_down(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(shutdown(fd, SHUT_RDWR));
}

static void shut_down_reading(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(shutdown(fd, SHUT_RD));
}

static void shut_down_writing(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(shutdown(fd, SHUT_WR));
}

static void set_socket_options(int fd, enum peer_fd kind)
{
	static const int options[] = { SO_SNDBUF, SO_RCVBUF, SO_OOBINLINE, SO_PRIORITY };
	const int one = 1;
	const struct linger linger = { 1, 1000 };

	(void)kind;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		TRY(setsockopt(fd, SOL_SOCKET, options[i], &one, sizeof(one)));
	TRY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

static void send_out_of_band(int fd, enum peer_fd kind)
{
	(void)kind;
	TRY(send(fd, "x", 1, MSG_OOB | MSG_NOSIGNAL));
}

/* Returns a TCP socket with data that its other end does not read. Its close waits for years. */
static int lingering_socket(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct linger linger = { 1, INT32_MAX };
	int listening = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);
	char data[PAGE] = "";

	if (bind(listening, (void *)&address, size) || listen(listening, 1) ||
	    getsockname(listening, (void *)&address, &size) || connect(fd, (void *)&address, size))
		_exit(8);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	TRY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	return fd;
}

/* The last copy of the descriptor is in the driver's queue, where the kernel closes it. */
static void send_lingering_socket(int fd, enum peer_fd kind)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { "x", 1 };
	const struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int lingers;

	if (kind != PEER_SOCKET)
		return;
	lingers = lingering_socket();
	memcpy(CMSG_DATA(&control.header), &lingers, sizeof(lingers));
	/* A descriptor that was refused stays open, because its close would wait here. */
	if (sendmsg(fd, &message, MSG_NOSIGNAL) > 0)
		close(lingers);
}

/* The peer leaks them, because the process ends soon. */
static void duplicate(int fd, enum peer_fd kind)
{
	(void)kind;
	for (unsigned int i = 0; i < 8; i++)
		TRY(dup(fd));
}

/* A write to the eventfd wakes all of these. */
static void watch(int fd, enum peer_fd kind)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };

	(void)kind;
	for (unsigned int i = 0; i < 8; i++)
		TRY(epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, &event));
}

/* The peer closes its copies. */
static void close_it(int fd, enum peer_fd kind)
{
	(void)kind;
	close(fd);
}

/* --- The tests --- */

/**
 * struct attack - What the peer does to each descriptor.
 * @name: The name of the test.
 * @run: Does it.
 * @result: The result of use_fixture().
 */
static const struct attack {
	const char *name;
	void (*run)(int fd, enum peer_fd kind);
	int result;
} attacks[] = {
	{ "F_SETFL clears O_NONBLOCK", make_it_block, 0 },
	{ "FIONBIO clears O_NONBLOCK", block_by_ioctl, 0 },
	{ "a full counter blocks", block_and_fill, 0 },
	{ "an empty counter blocks", block_and_empty, 0 },
	{ "F_SETFL sets all other flags", set_all_flags, 0 },
	{ "F_SETOWN and F_SETSIG name the driver", ask_for_signals, 0 },
	{ "F_ADD_SEALS", add_seals, 0 },
	{ "F_SETLEASE", take_leases, 0 },
	{ "flock and F_SETLK", take_locks, 0 },
	{ "ftruncate, fallocate and F_SETPIPE_SZ", resize, 0 },
	{ "fallocate punches holes", punch_holes, -EBADMSG },
	{ "fchmod, lseek and futimens", change_the_inode, 0 },
	{ "shutdown", shut_down, -ENODEV },
	{ "shutdown of reading", shut_down_reading, -ENODEV },
	{ "shutdown of writing", shut_down_writing, -ENODEV },
	{ "setsockopt", set_socket_options, 0 },
	{ "MSG_OOB", send_out_of_band, 0 },
	{ "SCM_RIGHTS with SO_LINGER", send_lingering_socket, 0 },
	{ "dup", duplicate, 0 },
	{ "epoll", watch, 0 },
	{ "close", close_it, -ENODEV },
};

/* Returns whether a signal waits that the peer can have sent. */
static bool signal_waits(void)
{
	sigset_t waits;

	assert_ok(sigpending(&waits));
	for (int i = 1; i < NSIG; i++)
		if (i != SIGCHLD && sigismember(&waits, i) == 1)
			return true;
	return false;
}

static void peer_attacks_each_descriptor(void **state)
{
	const struct inject before = inject;
	const struct attack *attack = *state;
	struct fixture *fixture = new_fixture();
	int err;

	peer.script->attack = attack->run;
	assert_err(use_fixture(fixture, ""), attack->result);
	for (unsigned int i = 0; i < 300; i++)
		coherent_bar_write32(fixture->bar, NOTIFY, 0);
	err = coherent_irq_wait(fixture->irq, 0);
	assert_true(!err || err == -ETIMEDOUT || err == -ENODEV || err == -EINVAL);
	/* The attack ends, and a reset makes the device work again. */
	peer.script->attack = NULL;
	if (fixture->dev)
		assert_ok(coherent_device_reset(fixture->dev));
	close_fixture(fixture);
	assert_false(signal_waits());
	nothing_is_left(&before);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(attacks)];
	sigset_t all;

	for (size_t i = 0; i < ARRAY_SIZE(attacks); i++)
		tests[i] = (struct CMUnitTest){ attacks[i].name, peer_attacks_each_descriptor,
						start_peer, end_peer, (void *)&attacks[i] };
	/* A signal stays pending until the test looks. Those that end a program still do. */
	sigfillset(&all);
	for (const int *i = (const int[]){ SIGSEGV, SIGBUS, SIGABRT, SIGTERM, SIGINT, 0 }; *i; i++)
		sigdelset(&all, *i);
	sigprocmask(SIG_BLOCK, &all, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
