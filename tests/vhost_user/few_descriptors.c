// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* This test checks what an open says when the process has no descriptor left. */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vhost_test.h"

/* An open needs fewer descriptors than this. */
#define NEEDED_MAX 32

static rlim_t first_free(void)
{
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	return (rlim_t)fd;
}

static int open_with_limit(struct fixture *fixture, rlim_t limit)
{
	struct rlimit usual, few;
	int err;

	assert_ok(getrlimit(RLIMIT_NOFILE, &usual));
	few = (struct rlimit){ .rlim_cur = limit, .rlim_max = usual.rlim_max };
	assert_ok(setrlimit(RLIMIT_NOFILE, &few));
	err = open_keys(fixture, "");
	assert_ok(setrlimit(RLIMIT_NOFILE, &usual));
	return err;
}

static void open_without_descriptors_says_so(void **state)
{
	const rlim_t first = first_free();
	struct fixture *fixture = new_fixture();
	unsigned int failed = 0;
	bool connection = false;

	(void)state;
	while (open_with_limit(fixture, first + failed)) {
		assert_err(open_with_limit(fixture, first + failed), -ENOSPC);
		assert_true(log_has(&fixture->log, "no descriptor is left"));
		assert_true(log_has(&fixture->log, "raise ulimit -n"));
		connection |= log_has(&fixture->log, "for the connection");
		log_clear(&fixture->log);
		failed++;
		assert_true(failed < NEEDED_MAX);
	}
	assert_true(failed > 0 && connection);
	close_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(open_without_descriptors_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
