// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * How much of the stack of its thread a call takes (coherent.h). The calls run in a thread whose stack
 * was painted, and the test looks how deep the paint is gone. Builds with a sanitizer leave this out,
 * because their frames are larger.
 *
 * Only the main thread may use assertions.
 */
#include <coherent/serve.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../src/vfio_user/message.h"
#include "test.h"
#include "vhost_user/peer.h"

/* coherent.h promises this. */
#define CALL_BYTES 16384
#define STACK_BYTES (16 * CALL_BYTES)
#define PAINT 0xa5

/**
 * struct use - What a thread does.
 * @name: The device that it opens.
 * @socket_fd: Its socket; 0 for none.
 * @reports: The number of reports.
 * @top: Where the stack of the thread began.
 * @err: The first result that the test does not expect.
 */
struct use {
	const char *name;
	int socket_fd;
	unsigned int reports;
	const unsigned char *top;
	int err;
};

/* --- The stack --- */

static void count_report(void *arg, enum coherent_severity severity, const char *line)
{
	struct use *use = arg;

	(void)severity;
	(void)line;
	use->reports++;
}

static unsigned char *map_stack(void)
{
	const size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *stack = mmap(NULL, guard + STACK_BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(stack, MAP_FAILED);
	assert_ok(mprotect(stack, guard, PROT_NONE));
	memset(stack + guard, PAINT, STACK_BYTES);
	return stack + guard;
}

/* Runs @fn, which sets .top. Returns how much of the stack it took. */
static size_t stack_of(void *(*fn)(void *use), struct use *use)
{
	const size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *stack = map_stack();
	const unsigned char *end = stack;
	pthread_attr_t attr;
	pthread_t thread;
	size_t bytes;

	assert_ok(pthread_attr_init(&attr));
	assert_ok(pthread_attr_setstack(&attr, stack, STACK_BYTES));
	assert_ok(pthread_create(&thread, &attr, fn, use));
	assert_ok(pthread_join(thread, NULL));
	pthread_attr_destroy(&attr);
	while (end < use->top && *end == PAINT)
		end++;
	bytes = (size_t)(use->top - end);
	assert_ok(munmap(stack - guard, guard + STACK_BYTES));
	return bytes;
}

/* --- A driver --- */

static int use_memory(struct coherent_device *dev)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, dev, PAGE);

	if (!err)
		err = coherent_expose(&box, &mem);
	if (!err)
		err = coherent_box_zeroed(&other, dev, PAGE);
	/* The output is in use, so this call is refused with a report. */
	if (!err && coherent_reclaim(&mem, &other, .idle = true) != -EBUSY)
		err = -EBADMSG;
	if (!err)
		err = coherent_reclaim(&mem, &box, .idle = true);
	if (!err)
		err = coherent_expose(&box, &mem);
	coherent_free(&mem);
	coherent_box_free(&box);
	coherent_box_free(&other);
	return err;
}

static int use_registers(struct coherent_device *dev)
{
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	int err = coherent_bar_open(&bar, dev, 0);

	if (err)
		return err;
	(void)coherent_bar_read32(bar, 0);
	coherent_bar_write32(bar, 4, 0);
	err = coherent_irq_open(&irq, dev, 0);
	if (!err && coherent_irq_wait(irq, MS) != -ETIMEDOUT)
		err = -EBADMSG;
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	return err;
}

static void *drive(void *arg)
{
	struct coherent_device *dev, *refused;
	struct use *use = arg;
	char bad[160];

	use->top = __builtin_frame_address(0);
	snprintf(bad, sizeof(bad), "%s,no-such-key", use->name);
	if (coherent_device_open(&refused, bad, .socket_fd = use->socket_fd, .report = count_report,
				 .report_arg = use) != -EINVAL)
		use->err = -EBADMSG;
	if (!use->err)
		use->err = coherent_device_open(&dev, use->name, .socket_fd = use->socket_fd,
						.report = count_report, .report_arg = use);
	if (use->err)
		return NULL;
	use->err = use_memory(dev);
	if (!use->err)
		use->err = use_registers(dev);
	if (!use->err)
		use->err = coherent_device_fence(dev);
	coherent_device_close(dev);
	return NULL;
}

static void check_driver(const char *name, int socket_fd)
{
	struct use use = { .name = name, .socket_fd = socket_fd };

	assert_in_range(stack_of(drive, &use), 1, CALL_BYTES);
	assert_ok(use.err);
	assert_int_equal(use.reports, 2);
}

static void calls_of_sim_fit(void **state)
{
	(void)state;
	check_driver("sim:edu", 0);
}

/* Runs in a child and does not return. */
static void serve(int fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	_exit(coherent_sim_serve("sim:edu", NULL, .socket_fd = fd) ? 1 : 0);
}

static void calls_of_vfio_user_fit(void **state)
{
	const pid_t parent = getpid();
	int pair[2], status;
	pid_t server;

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	server = fork();
	assert_true(server >= 0);
	if (!server)
		serve(pair[1], parent);
	close(pair[1]);
	check_driver("vfio-user:", pair[0]);
	close(pair[0]);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_ok(status);
}

static void calls_of_vhost_user_fit(void **state)
{
	struct peer peer;
	char name[128];

	(void)state;
	peer_start(&peer);
	snprintf(name, sizeof(name), "vhost-user:%s", peer.path);
	check_driver(name, 0);
	peer_end(&peer);
}

/* --- A process that sends too many descriptors --- */

/* Sends bytes with copies of a descriptor. */
static void send_fds(int socket_fd, const void *from, size_t bytes, int fd, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE((VFIO_USER_FDS_MAX + 1) * sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { (void *)(uintptr_t)from, bytes };
	const struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};

	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd, sizeof(fd));
	assert_int_equal(sendmsg(socket_fd, &message, 0), bytes);
}

/* Sends another version than the library's. The last descriptor has one in its queue. */
static void send_version(int fd, uint32_t flags)
{
	const struct {
		struct vfio_user_header header;
		struct vfio_user_version version;
		char json[4];
	} message = {
		.header = { .command = VFIO_USER_VERSION, .bytes = sizeof(message), .flags = flags },
		.version = { .major = VFIO_USER_MAJOR + 1 },
		.json = "{}",
	};
	int pair[2];

	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	send_fds(pair[1], "", 1, pair[1], 1);
	send_fds(fd, &message, sizeof(message), pair[0], VFIO_USER_FDS_MAX + 1);
	close(pair[0]);
	close(pair[1]);
}

static void *open_only(void *arg)
{
	struct coherent_device *dev;
	struct use *use = arg;

	use->top = __builtin_frame_address(0);
	use->err = coherent_device_open(&dev, use->name, .socket_fd = use->socket_fd,
					.report = count_report, .report_arg = use);
	return NULL;
}

static void *serve_only(void *arg)
{
	struct use *use = arg;

	use->top = __builtin_frame_address(0);
	use->err = coherent_sim_serve(use->name, NULL, .socket_fd = use->socket_fd,
				      .report = count_report, .report_arg = use);
	return NULL;
}

/* Runs @fn on a socket with a VERSION that has too many descriptors. */
static int check_version(void *(*fn)(void *use), const char *name, uint32_t flags)
{
	struct use use = { .name = name };
	int pair[2];

	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	send_version(pair[1], flags);
	use.socket_fd = pair[0];
	assert_in_range(stack_of(fn, &use), 1, CALL_BYTES);
	assert_int_equal(use.reports, 1);
	close(pair[0]);
	close(pair[1]);
	return use.err;
}

static void open_fits_if_the_peer_sends_descriptors(void **state)
{
	(void)state;
	/* The answer is there before the library asks. */
	assert_err(check_version(open_only, "vfio-user:", VFIO_USER_FLAG_REPLY), -EOPNOTSUPP);
}

static void serve_fits_if_the_client_sends_descriptors(void **state)
{
	(void)state;
	assert_ok(check_version(serve_only, "sim:edu", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_of_sim_fit),
		cmocka_unit_test(calls_of_vfio_user_fit),
		cmocka_unit_test(calls_of_vhost_user_fit),
		cmocka_unit_test(open_fits_if_the_peer_sends_descriptors),
		cmocka_unit_test(serve_fits_if_the_client_sends_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
