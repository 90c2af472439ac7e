// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * QEMU has ended, and another process has its number. Only a program with CAP_CHECKPOINT_RESTORE can
 * make such a process.
 */
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"

/* Returns a child that has the number @pid and sleeps; -1 if the test lacks the right for it. */
static pid_t child_with_number(pid_t pid)
{
	const struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	long child;

	do
		child = syscall(SYS_clone3, &args, sizeof(args));
	while (child < 0 && errno == EEXIST);
	if (child)
		return (pid_t)child;
	/* The child may only make system calls. */
	(void)syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while (true)
		(void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
}

/* The program waits for all its children. So QEMU's number may be that of another process. */
static void close_harms_no_process_with_the_number_of_qemu(void **state)
{
	pid_t qemu, other;
	int alive;

	(void)state;
	open_edu(NULL);
	qemu = qemu_process();
	assert_ok(kill(qemu, SIGKILL));
	assert_int_equal(waitpid(-1, NULL, 0), qemu);
	other = child_with_number(qemu);
	close_edu(NULL);
	if (other < 0)
		skip();
	assert_int_equal(other, qemu);
	alive = waitpid(other, NULL, WNOHANG);
	if (!alive) {
		(void)kill(other, SIGKILL);
		(void)waitpid(other, NULL, 0);
	}
	assert_int_equal(alive, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_harms_no_process_with_the_number_of_qemu),
	};

	return RUN_WITH_QEMU(tests);
}
