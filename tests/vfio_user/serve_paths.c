// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A server has its socket at a path, and removes no other file there.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

static struct server server;

static int setup(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	return 0;
}

static void socket_belongs_to_the_user(void **state)
{
	struct stat file;

	(void)state;
	server_start(&server);
	assert_ok(stat(server.path, &file));
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_ok(server_stop(&server));
	assert_int_equal(access(server.path, F_OK), -1);
}

/* The second server connects to the first one. That is not the one connection of the first. */
static void live_socket_stays(void **state)
{
	(void)state;
	server.options.connections = 1;
	server_start(&server);
	assert_err(coherent_sim_serve("sim:edu", server.path, .report = log_report,
				      .report_arg = &server.reports),
		   -EADDRINUSE);
	assert_true(log_has(&server.reports, "a server runs there"));
	assert_serves(&server);
	assert_ok(server_stop(&server));
}

static void abandoned_socket_is_replaced(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int stop;

	(void)state;
	server_start(&server);
	assert_ok(server_stop(&server));
	strcpy(address.sun_path, server.path);
	assert_ok(bind(fd, (void *)&address, sizeof(address)));
	close(fd);
	/* The server stops at once. */
	stop = eventfd(1, EFD_CLOEXEC);
	assert_ok(coherent_sim_serve("sim:edu", server.path, .stop_fd = stop));
	assert_int_equal(access(server.path, F_OK), -1);
	close(stop);
}

static void socket_of_another_server_stays(void **state)
{
	static struct server first;

	(void)state;
	memset(&first, 0, sizeof(first));
	/* The model of the second server has a state that the first one must not use. */
	first.options.name = "sim:edu";
	server_start(&first);
	assert_ok(unlink(first.path));
	/* The second server takes the place of the first one. */
	server_start(&server);
	assert_ok(rename(server.path, first.path));
	assert_ok(server_stop(&first));
	assert_ok(rename(first.path, server.path));
	assert_serves(&server);
	assert_ok(server_stop(&server));
	assert_int_equal(access(server.path, F_OK), -1);
}

/* The path that must not exist yet when a socket begins to listen, and whether it did. */
static const char *early_path;
static atomic_bool is_early;
/* Another thread does this at that moment, once. */
static void (*_Atomic meanwhile)(void);

/* Takes the place of the function of libc. */
int listen(int fd, int backlog)
{
	void (*const other)(void) = atomic_exchange(&meanwhile, NULL);

	if (early_path && !access(early_path, F_OK))
		is_early = true;
	if (other)
		other();
	return (int)syscall(SYS_listen, fd, backlog);
}

/* A client that finds the path can connect, and a second server does not take it for abandoned. */
static void socket_gets_its_name_last(void **state)
{
	const int stop = eventfd(1, EFD_CLOEXEC);
	char path[SCRATCH_MAX];

	(void)state;
	early_path = server_path(path);
	assert_ok(coherent_sim_serve("sim:edu", early_path, .stop_fd = stop));
	assert_false(is_early);
	early_path = NULL;
	close(stop);
}

static char shared_path[SCRATCH_MAX];

static void serve_shared_path(void)
{
	const int stop = eventfd(1, EFD_CLOEXEC);

	assert_ok(coherent_sim_serve("sim:edu", shared_path, .stop_fd = stop));
	close(stop);
}

/* Two servers of one process want one path, and the second one is faster. */
static void servers_do_not_share_a_hidden_name(void **state)
{
	(void)state;
	server_path(shared_path);
	meanwhile = serve_shared_path;
	serve_shared_path();
	assert_null(meanwhile);
	assert_int_equal(access(shared_path, F_OK), -1);
}

/* Another thread does this when a socket has its name, once. */
static void (*_Atomic after_name)(void);

/* Takes the place of the function of libc. */
int unlink(const char *path)
{
	void (*const other)(void) = atomic_exchange(&after_name, NULL);

	if (other)
		other();
	return unlinkat(AT_FDCWD, path, 0);
}

static char other_path[SCRATCH_MAX];

static void take_shared_path(void)
{
	assert_ok(rename(other_path, shared_path));
}

static void socket_that_takes_the_place_at_once_stays(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	server_path(shared_path);
	strcpy(address.sun_path, server_path(other_path));
	assert_ok(bind(fd, (void *)&address, sizeof(address)));
	after_name = take_shared_path;
	serve_shared_path();
	assert_null(after_name);
	assert_ok(unlink(shared_path));
	close(fd);
}

/* Another thread does this when the server has seen that nobody listens, once. */
static void (*_Atomic after_connect)(void);

/* Takes the place of the function of libc. */
int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	const int result = (int)syscall(SYS_connect, fd, address, size), err = errno;
	void (*const other)(void) = atomic_exchange(&after_connect, NULL);

	if (other)
		other();
	errno = err;
	return result;
}

static int bind_shared_path(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, shared_path);
	assert_ok(bind(fd, (void *)&address, sizeof(address)));
	return fd;
}

static int faster;

static void replace_first(void)
{
	assert_ok(unlink(shared_path));
	faster = bind_shared_path();
	assert_ok(listen(faster, 1));
}

static void make_a_file(void)
{
	assert_ok(unlink(shared_path));
	assert_ok(close(open(shared_path, O_CREAT | O_CLOEXEC | O_WRONLY, 0600)));
}

static void remove_first(void)
{
	assert_ok(unlink(shared_path));
}

/* Two servers find the same abandoned socket, and the other one is faster. */
static void abandoned_socket_is_replaced_once(void **state)
{
	struct client client;
	struct stat file;

	(void)state;
	server_path(shared_path);
	close(bind_shared_path());
	after_connect = replace_first;
	assert_err(coherent_sim_serve("sim:edu", shared_path), -EADDRINUSE);
	assert_null(after_connect);
	client_connect(&client, shared_path);
	close(accept4(faster, NULL, NULL, SOCK_CLOEXEC));
	client_close(&client);
	close(faster);

	/* The file of another program is not removed either. */
	after_connect = make_a_file;
	assert_err(coherent_sim_serve("sim:edu", shared_path), -EADDRINUSE);
	assert_ok(stat(shared_path, &file));
	assert_true(S_ISREG(file.st_mode));
	assert_ok(unlink(shared_path));

	/* The other server has ended. */
	close(bind_shared_path());
	after_connect = remove_first;
	serve_shared_path();
	assert_null(after_connect);
	assert_int_equal(access(shared_path, F_OK), -1);
}

/* The file system cannot swap two files, as NFS. */
static bool cannot_swap;

/* Takes the place of the function of libc. */
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned int flags)
{
	if (!cannot_swap)
		return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
	errno = EINVAL;
	return -1;
}

static void abandoned_socket_is_replaced_without_a_swap(void **state)
{
	(void)state;
	server_path(shared_path);
	close(bind_shared_path());
	cannot_swap = true;
	serve_shared_path();
	cannot_swap = false;
	assert_int_equal(access(shared_path, F_OK), -1);
}

static void other_files_stay(void **state)
{
	struct log log = LOG_EMPTY;
	char path[SCRATCH_MAX];
	const int fd = open(server_path(path), O_CREAT | O_CLOEXEC | O_WRONLY, 0600);

	(void)state;
#define ASSERT_SERVES_NOT(path, err)                                                              \
	assert_err(coherent_sim_serve("sim:edu", path, .report = log_report, .report_arg = &log), \
		   err)
	ASSERT_SERVES_NOT(path, -EINVAL);
	assert_true(log_has(&log, "the file is not a socket"));
	assert_ok(unlink(path));
	close(fd);
	assert_ok(mkdir(path, 0700));
	ASSERT_SERVES_NOT(path, -EINVAL);
	assert_ok(rmdir(path));
	ASSERT_SERVES_NOT("/tmp/no/such/folder", -ENOENT);
}

/* bind() takes paths of 107 bytes, and so does the server. */
static void longest_path_is_served(void **state)
{
	const char *const ends[] = { "/a", "/abcdefghijkl", "/0123456789abcdefghijklmnop" };
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)], folder[sizeof(path)];
	const int stop = eventfd(1, EFD_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const size_t bytes = sizeof(path) - 1 - strlen(ends[i]);

		server_path(folder);
		memset(folder + strlen(folder), 'x', sizeof(folder) - strlen(folder));
		folder[bytes] = '\0';
		assert_ok(mkdir(folder, 0700));
		strcpy(stpcpy(path, folder), ends[i]);
		assert_ok(coherent_sim_serve("sim:edu", path, .stop_fd = stop));
		/* The server has left nothing in the folder. */
		assert_ok(rmdir(folder));
	}
	close(stop);
}

static void *serve_in_folder(void *arg)
{
	return (void *)(intptr_t)coherent_sim_serve("sim:edu", "socket", .stop_fd = *(int *)arg);
}

/* The program may change its folder while it serves. */
static void socket_of_a_relative_path_is_removed(void **state)
{
	char folder[SCRATCH_MAX], before[4096];
	int stop = eventfd(0, EFD_CLOEXEC);
	pthread_t thread;
	struct stat file;
	void *result;

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_ok(mkdir(server_path(folder), 0700));
	assert_ok(chdir(folder));
	assert_ok(pthread_create(&thread, NULL, serve_in_folder, &stop));
	/* The socket has another name until the server is done with it. */
	while (stat("socket", &file) || file.st_nlink > 1)
		usleep(1000);
	assert_ok(chdir(before));
	assert_ok(eventfd_write(stop, 1));
	assert_ok(pthread_join(thread, &result));
	assert_null(result);
	assert_ok(rmdir(folder));
	close(stop);
}

static void long_paths_are_refused(void **state)
{
	struct log log = LOG_EMPTY;
	char path[200] = "/tmp/";

	(void)state;
	memset(path + 5, 'a', sizeof(path) - 6);
	ASSERT_SERVES_NOT(path, -ENAMETOOLONG);
	assert_true(log_has(&log, "give a shorter path"));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(socket_belongs_to_the_user),
		TEST(live_socket_stays),
		TEST(abandoned_socket_is_replaced),
		TEST(socket_of_another_server_stays),
		TEST(socket_gets_its_name_last),
		TEST(servers_do_not_share_a_hidden_name),
		TEST(socket_that_takes_the_place_at_once_stays),
		TEST(abandoned_socket_is_replaced_once),
		TEST(abandoned_socket_is_replaced_without_a_swap),
		TEST(other_files_stay),
		TEST(long_paths_are_refused),
		TEST(longest_path_is_served),
		TEST(socket_of_a_relative_path_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
