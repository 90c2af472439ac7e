// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each allocation and each system call of a server fails in turn while a client uses its device. The
 * client is another process, so its calls do not fail. It gets its answers, or an error.
 */
#include <coherent/bar.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../inject.h"
#include "client.h"

#define WINDOW 0x10000
#define BYTES 5000
/* A client that waits for longer hangs. */
#define SECONDS 120

/* How a client ends: it loses the connection, or the server refuses a command with an errno. */
enum outcome { ALL_WELL, WAS_LOST, WAS_REFUSED, GOT_NONSENSE };

/* --- The library's own client, which has twin sockets --- */

/* The client may lose the connection when it has all it wants. Without a report nothing may fail. */
static enum outcome judge(const struct log *log, bool good)
{
	if (log->count)
		return WAS_LOST;
	return good ? ALL_WELL : GOT_NONSENSE;
}

static bool moves(struct coherent_bar *bar, struct coherent_irq *irq, uint64_t address,
		  uint64_t command)
{
	coherent_bar_write64(bar, MOVER_ADDRESS, address);
	coherent_bar_write64(bar, MOVER_BYTES, BYTES);
	coherent_bar_write64(bar, MOVER_COMMAND, command);
	return !coherent_irq_wait(irq, LONG) && !coherent_bar_read64(bar, MOVER_STATUS);
}

static bool use_device(struct coherent_device *dev)
{
	struct coherent_bar *bar;
	struct coherent_irq *irq = NULL;
	COHERENT(uint8_t) mem = { 0 };
	bool good = !coherent_bar_open(&bar, dev, 0) && !coherent_irq_open(&irq, dev, 1) &&
		    !coherent_zeroed(&mem, dev, BYTES) && !coherent_write(&mem, 0, 7) &&
		    moves(bar, irq, coherent_addr(&mem).raw, MOVER_READ) &&
		    moves(bar, irq, coherent_addr(&mem).raw, MOVER_WRITE | MOVER_LATER) &&
		    !coherent_device_reset(dev) && !coherent_bar_read64(bar, MOVER_BYTES);

	coherent_free(&mem);
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	return good;
}

static enum outcome use_own_client(int fd)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;
	bool good = !coherent_device_open(&dev, "vfio-user:", .socket_fd = fd, .report = log_report,
					  .report_arg = &log);

	if (good) {
		good = use_device(dev);
		coherent_device_close(dev);
	}
	return judge(&log, good);
}

/* --- A client with one socket, as QEMU is --- */

struct question {
	struct vfio_user_header header;
	struct vfio_user_dma dma;
	uint8_t data[BYTES];
};

/* Answers the questions of the model until there is an answer to the command. */
static int answer_until_done(struct client *client)
{
	static struct question question;

	for (;;) {
		const struct iovec parts[] = { { &question.dma, sizeof(question.dma) },
					       { question.data, BYTES } };

		if (client_receive(client->fd, &question.header, &question.dma,
				   sizeof(question.dma) + BYTES))
			return -1;
		if (question.header.flags & VFIO_USER_FLAG_REPLY)
			return question.header.flags & VFIO_USER_FLAG_ERROR ? EIO : 0;
		question.header.flags = VFIO_USER_FLAG_REPLY;
		if (vfio_user_message_send(client->fd, &question.header, parts,
					   question.header.command == VFIO_USER_DMA_READ ? 2 : 1,
					   NULL, 0, sys_deadline_ns(LONG)))
			return -1;
	}
}

static int set_reg(struct client *client, uint64_t offset, uint64_t value)
{
	struct {
		struct vfio_user_region head;
		uint64_t value;
	} message = { { offset, 0, 8 }, value };

	if (client_send(client, VFIO_USER_REGION_WRITE, &message, sizeof(message), NULL, 0))
		return -1;
	return answer_until_done(client);
}

static int connect_interrupts(struct client *client)
{
	const int fds[] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };
	const uint32_t set[] = { 20, 1 << 2 | 1 << 5, 2, 0, 2 };

	return client_ask_fds(client, VFIO_USER_DEVICE_SET_IRQS, set, sizeof(set), fds, 2);
}

static int use_socket(struct client *client)
{
	static const char version[] = "\0\0\1\0{\"capabilities\":{\"max_msg_fds\":8}}";
	uint64_t status = 0;
	char answer[1000];
	int err = client_ask(client, VFIO_USER_VERSION, version, sizeof(version), answer, 1000);

	if (!err)
		err = client_map(client, WINDOW, BYTES, VFIO_USER_MAP_READ | VFIO_USER_MAP_WRITE);
	if (!err)
		err = connect_interrupts(client);
	if (!err)
		err = set_reg(client, MOVER_ADDRESS, WINDOW);
	if (!err)
		err = set_reg(client, MOVER_BYTES, BYTES);
	if (!err)
		err = set_reg(client, MOVER_COMMAND, MOVER_READ);
	if (!err)
		err = set_reg(client, MOVER_COMMAND, MOVER_WRITE);
	if (!err)
		err = client_read(client, 0, MOVER_STATUS, &status, sizeof(status));
	if (!err && status)
		_exit(GOT_NONSENSE);
	return err ? err : client_ask(client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0);
}

static enum outcome use_one_socket(int fd)
{
	struct client client = { .fd = fd, .twin = -1 };
	int err = use_socket(&client);

	close(fd);
	if (!err)
		return ALL_WELL;
	return err < 0 ? WAS_LOST : WAS_REFUSED;
}

/* A client that looks for the end of the connection at its main socket only. */
static enum outcome use_main_socket(int fd)
{
	static const char version[] =
		"\0\0\1\0{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}";
	struct client client = { .fd = fd, .twin = -1 };
	char answer[1000];
	int err = client_ask(&client, VFIO_USER_VERSION, version, sizeof(version), answer, 1000);

	if (!err)
		err = client_ask(&client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0);
	close(fd);
	if (!err)
		return ALL_WELL;
	return err < 0 ? WAS_LOST : WAS_REFUSED;
}

/* --- The server --- */

static char path[SCRATCH_MAX];
static struct log reports;
/* Nobody writes to it. */
static int stop_fd;

/* Starts a client in another process. It gets the connection, or connects to the path. */
static pid_t start_client(enum outcome (*use)(int fd), int fd, int server_fd, int alive)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pid_t child = fork();

	assert_true(child >= 0);
	if (child)
		return child;
	alarm(SECONDS);
	close(server_fd);
	if (fd < 0) {
		strcpy(address.sun_path, path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		/* The server may end before it listens. */
		while (connect(fd, (const void *)&address, sizeof(address))) {
			char byte;

			if (!recv(alive, &byte, 1, MSG_DONTWAIT))
				_exit(WAS_LOST);
			usleep(1000);
		}
	}
	_exit((int)use(fd));
}

/* Serves one client while a call fails. Returns what the client got. */
static enum outcome serve_client(enum outcome (*use)(int fd), bool listens, unsigned int nth,
				 int *result)
{
	int pair[2], status;
	pid_t child;

	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	child = start_client(use, listens ? -1 : pair[1], pair[0], pair[1]);
	close(pair[1]);
	memset(&mover, 0, sizeof(mover));
	reports = (struct log)LOG_EMPTY;
	inject.failed = false;
	inject.left = nth;
	*result = coherent_sim_serve("sim:custom", listens ? path : NULL,
				     .socket_fd = listens ? 0 : pair[0], .connections = 1,
				     .stop_fd = listens ? stop_fd : 0, .model = &mover_model,
				     .report = log_report, .report_arg = &reports);
	inject.left = 0;
	/* A server that served has hung up, also if its caller keeps the socket. */
	if (*result)
		close(pair[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!*result)
		close(pair[0]);
	assert_true(WIFEXITED(status));
	return (enum outcome)WEXITSTATUS(status);
}

/* A socket that breaks is a lost client, which needs no report. */
static bool is_explained(int result)
{
	return result ? result == -ENOMEM || result == -ENOSPC :
			inject.err == EPIPE || inject.err == ECONNRESET || reports.count;
}

static void fail_each_call(enum outcome (*use)(int fd), bool listens)
{
	unsigned int nth, tolerated = 0, lacks_thread = 0;

	for (nth = 1;; nth++) {
		const unsigned int fds = open_files(getpid());
		const struct inject before = inject;
		int result;
		enum outcome outcome = serve_client(use, listens, nth, &result);

		if (outcome == GOT_NONSENSE || (outcome != ALL_WELL && !inject.failed) ||
		    (outcome == WAS_LOST && !is_explained(result)))
			fail_msg(
				"call %u fails with %d, the server returns %d and its client %d: %s",
				nth, inject.err, result, (int)outcome, reports.text);
		tolerated += outcome == ALL_WELL;
		lacks_thread += log_has(&reports, "no thread can be started; raise ulimit -u");
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(open_files(getpid()), fds);
		assert_int_equal(access(path, F_OK), -1);
		if (!inject.failed)
			break;
		assert_true(nth < 1000);
	}
	print_message("# %u calls failed in turn, %u of them made no difference\n", nth - 1,
		      tolerated);
	assert_true(nth > 40);
	/* One thread runs the model, one belongs to the connection, and one waits for the descriptor. */
	assert_int_equal(lacks_thread, listens ? 3 : 2);
}

static void each_failure_is_told_with_twin_sockets(void **state)
{
	(void)state;
	fail_each_call(use_own_client, true);
}

/* The caller keeps the socket, so the client does not notice a mere close. */
static void each_failure_is_told_on_a_given_socket(void **state)
{
	(void)state;
	fail_each_call(use_main_socket, false);
}

static void each_failure_is_told_with_one_socket(void **state)
{
	(void)state;
	fail_each_call(use_one_socket, false);
}

/* Interrupts reach the client also if a filter does not let the kernel signal them. */
static void refused_calls_leave_interrupts(void **state)
{
	static const long calls[] = { SYS_io_setup, SYS_io_submit };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int result;

		inject.refused = calls[i];
		assert_int_equal(serve_client(use_own_client, true, 0, &result), ALL_WELL);
		inject.refused = 0;
		assert_ok(result);
		assert_int_equal(log_has(&reports, "io_setup() fails (Operation not permitted)"),
				 !i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_is_told_with_twin_sockets),
		cmocka_unit_test(each_failure_is_told_on_a_given_socket),
		cmocka_unit_test(each_failure_is_told_with_one_socket),
		cmocka_unit_test(refused_calls_leave_interrupts),
	};
	char name[32];

	stop_fd = eventfd(0, EFD_CLOEXEC);
	snprintf(name, sizeof(name), "coherent-fail.%d", (int)getpid());
	scratch(path, name);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
