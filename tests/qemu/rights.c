// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check that a program with more rights than its caller does not start QEMU, because
 * the caller chooses by PATH what QEMU is.
 */
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"

#define NOBODY 65534

enum { AS_EXPECTED, NOT_RAISED, WRONG_ERROR, WRONG_REPORT, QEMU_RUNS, SIM_FAILS };

/* Runs in a program that execve() gave raised rights. Returns the exit status. */
static int check_raised_program(void)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *device;

	if (!getauxval(AT_SECURE))
		return NOT_RAISED;
	if (coherent_device_open(&device, "qemu:edu", .report = log_report, .report_arg = &log) !=
	    -EPERM)
		return WRONG_ERROR;
	if (!log_has(&log, "qemu:edu: this program has rights that its caller lacks") ||
	    log.count != 1)
		return WRONG_REPORT;
	if (qemu_process())
		return QEMU_RUNS;
	/* A bad name is a bad argument, whoever asks. */
	if (coherent_device_open(&device, "qemu:edu,bus=x") != -EINVAL)
		return WRONG_ERROR;
	/* Devices that run no program do not matter. */
	if (coherent_device_open(&device, "sim:edu"))
		return SIM_FAILS;
	coherent_device_close(device);
	return AS_EXPECTED;
}

/*
 * execve() treats a program as set-user-ID if its effective user is not the real user of the
 * process that calls it. So no file needs the bit, which a file system may ignore.
 */
static int run_raised(void)
{
	char *const argv[] = { "test-qemu_rights", "raised", NULL };
	const pid_t child = fork();
	int status;

	if (!child) {
		if (!setresuid(NOBODY, 0, 0))
			execv("/proc/self/exe", argv);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void raised_program_does_not_start_qemu(void **state)
{
	(void)state;
	if (geteuid()) {
		print_message("# only root can raise the rights of a program\n");
		skip();
	}
	assert_int_equal(run_raised(), AS_EXPECTED);
}

static void ordinary_program_starts_qemu(void **state)
{
	COHERENT_DEVICE_AUTO(edu);

	(void)state;
	assert_int_equal(getauxval(AT_SECURE), 0);
	assert_ok(coherent_device_open(&edu, "qemu:edu"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raised_program_does_not_start_qemu),
		cmocka_unit_test(ordinary_program_starts_qemu),
	};

	if (argc == 2 && !strcmp(argv[1], "raised"))
		return check_raised_program();
	return RUN_WITH_QEMU(tests);
}
