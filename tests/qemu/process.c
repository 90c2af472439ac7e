// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check that the library copes with a QEMU that dies at any moment, and that signals
 * and forks of the program disturb neither the library nor QEMU.
 */
#include <coherent/pool.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"

/* --- The device is lost --- */

static void killed_qemu_leaves_memory(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_IRQ_AUTO(irq);
	uint8_t byte;

	(void)state;
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_write(&mem, 0, 9));
	assert_ok(kill(qemu_process(), SIGKILL));
	assert_err(coherent_irq_wait(irq, UINT64_MAX), -ENODEV);
	assert_err(coherent_poll(&mem, 0, &byte, byte == 1, UINT64_MAX), -ENODEV);
	assert_err(coherent_zeroed(&none, dev, 1), -ENODEV);
	assert_int_equal(coherent_bar_read32(bar, EDU_ID), UINT32_MAX);
	coherent_bar_write32(bar, EDU_LIVENESS, 1);
	assert_err(coherent_device_reset(dev), -ENODEV);
	assert_true(log_has(&reports, "QEMU is gone"));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[0], 9);
}

/* There are no commands that the driver could end before it promises that the device is idle. */
static void reclaim_after_the_end_asks_for_the_promise(void **state)
{
	COHERENT_BOX(uint8_t[64]) boxes[3] = { COHERENT_EMPTY, COHERENT_EMPTY, COHERENT_EMPTY };
	COHERENT(uint8_t[64]) mems[3] = { COHERENT_EMPTY, COHERENT_EMPTY, COHERENT_EMPTY };
	COHERENT_POOL(uint8_t[64]) pool = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_box_zeroed(&boxes[0], dev, 1));
	assert_ok(coherent_box_zeroed(&boxes[1], dev, 1, .in_place = true));
	assert_ok(coherent_pool_box(&pool, &boxes[2]));
	for (size_t i = 0; i < 3; i++) {
		assert_ok(coherent_expose(&boxes[i], &mems[i]));
		reports = (struct log)LOG_EMPTY;
		assert_err(coherent_reclaim(&mems[i], &boxes[i]), -EBUSY);
		assert_true(log_has(&reports, i ? "until its commands end; then give .idle" :
						  "end them, then give .idle"));
	}
	assert_ok(kill(qemu_process(), SIGKILL));
	assert_err(coherent_device_fence(dev), -ENODEV);
	for (size_t i = 0; i < 3; i++) {
		reports = (struct log)LOG_EMPTY;
		assert_err(coherent_reclaim(&mems[i], &boxes[i]), -EBUSY);
		assert_int_equal(reports.count, 1);
		assert_true(log_has(&reports, "the device is gone, so no command uses the mem"));
		assert_ok(coherent_reclaim(&mems[i], &boxes[i], .idle = true));
		coherent_box_free(&boxes[i]);
	}
	assert_ok(coherent_pool_destroy(&pool));
}

/* The call that finds out that QEMU has ended may be the reclaim. */
static void reclaim_finds_that_qemu_is_gone(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);
	struct pollfd end = { .events = POLLIN };

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	end.fd = (int)syscall(SYS_pidfd_open, qemu_process(), 0);
	assert_true(end.fd >= 0);
	assert_ok(kill(qemu_process(), SIGKILL));
	assert_int_equal(poll(&end, 1, -1), 1);
	close(end.fd);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_int_equal(reports.count, 2);
	assert_true(log_has(&reports, "QEMU is gone: it ended on signal 9 (SIGKILL); "));
	assert_true(log_has(&reports, "the device is gone, so no command uses the mem"));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
}

static void last_error_of_qemu_is_reported(void **state)
{
	uint8_t seen[BYTES];

	(void)state;
	/* QEMU also writes the first refused access to its standard error. */
	device_reads(0, seen);
	assert_ok(kill(qemu_process(), SIGKILL));
	assert_err(coherent_device_fence(dev), -ENODEV);
	assert_true(log_has(&reports, "QEMU is gone: it ended on signal 9 (SIGKILL); "));
	assert_true(log_has(&reports, "; its last error was: qemu-system-x86_64: "));
}

/* Checks the report that QEMU is gone. @end makes it end. */
static void qemu_is_gone(const char *says, void (*end)(pid_t qemu))
{
	open_edu(NULL);
	end(qemu_process());
	assert_err(coherent_device_fence(dev), -ENODEV);
	close_edu(NULL);
	if (reports.count != 1 || !log_has(&reports, says))
		fail_msg("\"%s\" is not in: %s", says, reports.text);
}

static void send_term(pid_t qemu)
{
	assert_ok(kill(qemu, SIGTERM));
}

static void send_abort(pid_t qemu)
{
	assert_ok(kill(qemu, SIGABRT));
}

/* As a program does that waits for all its children. */
static void kill_and_reap(pid_t qemu)
{
	assert_ok(kill(qemu, SIGKILL));
	assert_int_equal(waitpid(qemu, NULL, 0), qemu);
}

static void report_says_how_qemu_ended(void **state)
{
	(void)state;
	qemu_is_gone("QEMU is gone: it ended with exit status 0; ", send_term);
	qemu_is_gone("QEMU is gone: it ended on signal 6 (SIGABRT); ", send_abort);
	qemu_is_gone("QEMU is gone; ", kill_and_reap);
	assert_ptr_not_equal(signal(SIGCHLD, SIG_IGN), SIG_ERR);
	qemu_is_gone("QEMU is gone; ", send_abort);
	assert_ptr_not_equal(signal(SIGCHLD, SIG_DFL), SIG_ERR);
}

/* The faults are in memory that this process shares with QEMU. */
static void close_does_not_wait_for_a_hanging_qemu(void **state)
{
	start_transfer(0x8000000, BUFFER, BYTES, 0);
	finish_transfer();
	assert_ok(kill(qemu_process(), SIGSTOP));
	close_edu(state);
	assert_true(log_has(&reports, "1 fault was never read"));
	assert_false(log_has(&reports, "did not answer"));
}

static void *kill_later(void *arg)
{
	usleep((useconds_t)(uintptr_t)arg);
	(void)kill(qemu_process(), SIGKILL);
	return NULL;
}

/* The call that fails returns -ENODEV, and memory keeps its contents. */
static void qemu_may_be_killed_at_any_moment(void **state)
{
	(void)state;
	for (uintptr_t turn = 0; turn < 10; turn++) {
		COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
		COHERENT(uint32_t) mem = COHERENT_EMPTY;
		uint32_t value = 0;
		pthread_t killer;
		int err = 0;

		open_edu(state);
		assert_ok(coherent_box_zeroed(&box, dev, PAGE / 4));
		assert_ok(pthread_create(&killer, NULL, kill_later, (void *)(turn * 274)));
		while (!err) {
			coherent_box_ptr(&box)[5] = ++value;
			err = coherent_expose(&box, &mem);
			if (!err)
				err = coherent_device_fence(dev);
			(void)coherent_bar_read32(bar, EDU_ID);
			if (!coherent_is_empty(&mem)) {
				assert_ok(coherent_reclaim(&mem, &box, .idle = true));
				assert_int_equal(coherent_box_ptr(&box)[5], value);
			}
		}
		assert_err(err, -ENODEV);
		assert_ok(pthread_join(killer, NULL));
		coherent_box_free(&box);
		close_edu(state);
	}
}

/* The kernel reaps QEMU then, but the close still kills it and waits for its end. */
static void close_ends_qemu_in_a_program_that_ignores_children(void **state)
{
	pid_t qemu;

	(void)state;
	assert_ptr_not_equal(signal(SIGCHLD, SIG_IGN), SIG_ERR);
	open_edu(NULL);
	qemu = qemu_process();
	assert_true(qemu > 0);
	close_edu(NULL);
	assert_ptr_not_equal(signal(SIGCHLD, SIG_DFL), SIG_ERR);
	assert_int_equal(kill(qemu, 0), -1);
	assert_int_equal(errno, ESRCH);
}

/* Opens edu's interrupt and waits for it, again and again, until the device is closed. */
static void *wait_for_interrupts(void *arg)
{
	struct coherent_irq *irq;
	int err;

	do {
		err = coherent_irq_open(&irq, dev, 0);
		if (!err)
			err = coherent_irq_wait(irq, *(uint64_t *)arg);
		coherent_irq_close(irq);
	} while (err == -ETIMEDOUT);
	return (void *)(intptr_t)err;
}

/* The thread that waits gets -ENODEV. The library does not report that QEMU is gone. */
static void close_wakes_a_waiting_thread(void **state)
{
	(void)state;
	for (useconds_t turn = 0; turn < 10; turn++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		uint64_t timeout_ns = turn % 2 ? UINT64_MAX : 0;
		pthread_t user;
		void *answer;

		open_edu(state);
		coherent_bar_close(bar);
		assert_ok(coherent_zeroed(&mem, dev, 1));
		assert_ok(pthread_create(&user, NULL, wait_for_interrupts, &timeout_ns));
		usleep(turn * 1000);
		coherent_device_close(dev);
		assert_ok(pthread_join(user, &answer));
		assert_int_equal((intptr_t)answer, -ENODEV);
		coherent_free(&mem);
		assert_false(log_has(&reports, "QEMU"));
	}
}

/* --- Descriptors, signals and forks --- */

static void closed_devices_leave_no_files_and_processes(void **state)
{
	const unsigned int files = open_files(getpid());

	(void)state;
	for (unsigned int turn = 0; turn < 4; turn++) {
		COHERENT_AUTO(uint8_t, mem);
		struct coherent_device *two[2];

		for (size_t i = 0; i < 2; i++)
			assert_ok(coherent_device_open(&two[i], i ? "qemu:edu" : "qemu:nvme"));
		assert_ok(coherent_zeroed(&mem, two[turn % 2], 1));
		for (size_t i = 0; i < 2; i++)
			coherent_device_close(two[i]);
	}
	assert_int_equal(open_files(getpid()), files);
	assert_int_equal(qemu_process(), 0);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/*
 * A timer sends a signal all the time. While the program blocks the signal, no thread of the
 * library may take it. When the program does not block it, the library's calls still succeed.
 */
static void threads_of_the_library_take_no_signals(void **state)
{
	const struct sigaction action = { .sa_handler = count_signal };
	const struct itimerval often = { { .tv_usec = 200 }, { .tv_usec = 200 } }, never = { 0 };
	struct sigaction before;
	sigset_t alarms;

	(void)state;
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	assert_ok(sigaction(SIGALRM, &action, &before));
	assert_ok(pthread_sigmask(SIG_BLOCK, &alarms, NULL));
	assert_ok(setitimer(ITIMER_REAL, &often, NULL));
	for (unsigned int turn = 0; turn < 3; turn++) {
		COHERENT_DEVICE_AUTO(edu);

		assert_ok(coherent_device_open(&edu, "qemu:edu"));
	}
	assert_ok(setitimer(ITIMER_REAL, &never, NULL));
	assert_int_equal(signals, 0);
	assert_ok(pthread_sigmask(SIG_UNBLOCK, &alarms, NULL));
	assert_int_equal(signals, 1);
	/* Now signals interrupt the calls of the library. */
	assert_ok(setitimer(ITIMER_REAL, &often, NULL));
	for (unsigned int turn = 0; turn < 3 || (signals <= 100 && turn < 100); turn++) {
		COHERENT_DEVICE_AUTO(edu);

		assert_ok(coherent_device_open(&edu, "qemu:edu"));
	}
	assert_ok(setitimer(ITIMER_REAL, &never, NULL));
	assert_ok(sigaction(SIGALRM, &before, NULL));
	assert_true(signals > 100);
	assert_int_equal(qemu_process(), 0);
}

static int *handled;
static pid_t program;

static void count_in_any_process(int number)
{
	(void)number;
	__atomic_add_fetch(handled, getpid() != program, __ATOMIC_RELAXED);
}

static atomic_bool over;

static void *signal_all(void *arg)
{
	(void)arg;
	while (!over)
		(void)kill(0, SIGUSR1);
	return NULL;
}

/* A signal to the process group may reach the child before it is QEMU. No handler runs there. */
static void handlers_do_not_run_in_the_child(void **state)
{
	const struct sigaction action = { .sa_handler = count_in_any_process };
	int status;
	pid_t child;

	(void)state;
	handled = mmap(NULL, sizeof(*handled), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	child = fork();
	if (!child) {
		pthread_t sender;
		int err = setpgid(0, 0);

		program = getpid();
		if (!err)
			err = sigaction(SIGUSR1, &action, NULL);
		if (!err)
			err = pthread_create(&sender, NULL, signal_all, NULL);
		for (unsigned int turn = 0; !err && turn < 5; turn++) {
			struct coherent_device *edu;

			err = coherent_device_open(&edu, "qemu:edu");
			coherent_device_close(edu);
		}
		_exit(!!err);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(*handled, 0);
	munmap(handled, sizeof(*handled));
}

static void *fork_often(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < 40 && !over; i++) {
		pid_t child = fork();

		if (!child) {
			pause();
			_exit(0);
		}
		((pid_t *)arg)[i] = child;
		usleep(1000);
	}
	return NULL;
}

/* Children inherit descriptors of the library. Still a wait ends when QEMU dies. */
static void forks_of_other_threads_do_not_matter(void **state)
{
	struct coherent_device *edu;
	struct coherent_irq *irq;
	pid_t children[40] = { 0 };
	pthread_t forks;

	(void)state;
	over = false;
	assert_ok(pthread_create(&forks, NULL, fork_often, children));
	assert_ok(coherent_device_open(&edu, "qemu:edu"));
	assert_ok(pthread_join(forks, NULL));
	assert_ok(coherent_irq_open(&irq, edu, 0));
	assert_ok(kill(qemu_process(), SIGKILL));
	assert_err(coherent_irq_wait(irq, UINT64_MAX), -ENODEV);
	coherent_irq_close(irq);
	coherent_device_close(edu);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		assert_ok(kill(children[i], SIGKILL));
		assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
	}
}

/* The kernel kills QEMU also if the program has no time to close its device. */
static void qemu_ends_with_the_program(void **state)
{
	struct pollfd end = { .events = POLLIN };
	struct coherent_device *edu;
	pid_t child, qemu;
	int pids[2];
	bool ended;

	(void)state;
	assert_ok(pipe(pids));
	child = fork();
	if (!child) {
		if (coherent_device_open(&edu, "qemu:edu"))
			_exit(1);
		qemu = qemu_process();
		if (write(pids[1], &qemu, sizeof(qemu)) > 0)
			pause();
		_exit(1);
	}
	close(pids[1]);
	assert_int_equal(read(pids[0], &qemu, sizeof(qemu)), sizeof(qemu));
	close(pids[0]);
	end.fd = (int)syscall(SYS_pidfd_open, qemu, 0);
	assert_true(end.fd >= 0);
	assert_ok(kill(child, SIGKILL));
	assert_int_equal(waitpid(child, NULL, 0), child);
	ended = poll(&end, 1, LONG / MS) == 1;
	if (!ended)
		(void)kill(qemu, SIGKILL);
	close(end.fd);
	assert_true(ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EDU(killed_qemu_leaves_memory),
		ON_EDU(reclaim_after_the_end_asks_for_the_promise),
		ON_EDU(reclaim_finds_that_qemu_is_gone),
		ON_EDU(last_error_of_qemu_is_reported),
		cmocka_unit_test(report_says_how_qemu_ended),
		ON_EDU(close_does_not_wait_for_a_hanging_qemu),
		cmocka_unit_test(qemu_may_be_killed_at_any_moment),
		cmocka_unit_test(close_ends_qemu_in_a_program_that_ignores_children),
		cmocka_unit_test(close_wakes_a_waiting_thread),
		cmocka_unit_test(closed_devices_leave_no_files_and_processes),
		cmocka_unit_test(threads_of_the_library_take_no_signals),
		cmocka_unit_test(handlers_do_not_run_in_the_child),
		cmocka_unit_test(forks_of_other_threads_do_not_matter),
		cmocka_unit_test(qemu_ends_with_the_program),
	};

	return RUN_WITH_QEMU(tests);
}
