// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Signals of a program that opens a device. Each test forks, because only the first open of a process
 * loads libfabric.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fabric_test.h"

#define STEPS 20
#define STEP_NS 20000000L

static const int numbers[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS, SIGFPE,
			       SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD };

static int open_device(void)
{
	struct coherent_device *dev;

	return coherent_device_open(&dev, "fabric:tcp,node=127.0.0.1");
}

static void own_handler(int number)
{
	_exit(100 + number);
}

/* Runs in a child. Returns 0, or the number of a signal whose handler another one replaced. */
static int changed_handler(void)
{
	const struct sigaction own = { .sa_handler = own_handler };
	struct sigaction now;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaction(numbers[i], &own, NULL);
	if (open_device())
		return 99;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (sigaction(numbers[i], NULL, &now) || now.sa_handler != own_handler)
			return numbers[i];
	return 0;
}

static void handlers_of_the_program_stay(void **state)
{
	int status = 0;
	const pid_t child = fork();

	(void)state;
	if (!child)
		_exit(changed_handler());
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Returns how a child ended that got SIGTERM so long after its start. An alarm ends one that hangs. */
static int status_after(long ns)
{
	const struct timespec delay = { .tv_nsec = ns };
	int status;
	const pid_t child = fork();

	if (!child) {
		(void)alarm(60);
		(void)!open_device();
		while (true)
			(void)pause();
	}
	assert_true(child > 0);
	(void)nanosleep(&delay, NULL);
	assert_ok(kill(child, SIGTERM));
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* The signal meets the load of libfabric, its look at the machine, or the open device. */
static void signal_during_the_open_ends_the_program(void **state)
{
	(void)state;
	for (long i = 0; i < STEPS; i++) {
		const int status = status_after(i * STEP_NS);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGTERM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handlers_of_the_program_stay),
		cmocka_unit_test(signal_during_the_open_ends_the_program),
	};

	/* A variable of the user must not hide what the library does. */
	(void)unsetenv("IPATH_NO_BACKTRACE");
	(void)unsetenv("HFI_NO_BACKTRACE");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
