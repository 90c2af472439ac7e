/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Programs and threads of ours, as sys.h has the rest.
 */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "sys.h"

/* How the log of a program begins that could not be run; an errno of three digits follows. */
#define SYS_EXEC_FAILED "cannot run, error "

/* At once; it is reaped by who started it. */
static inline void sys_pidfd_kill(int pidfd)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/* At once, and it is gone when this returns. */
static inline void sys_kill(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* What was sent to us is not for it, nor are our handlers. */
static inline void sys_default_signals(void)
{
	struct sigaction action;
	sigset_t none;

	for (int i = 1; i < NSIG; i++) {
		if (sigaction(i, NULL, &action) || action.sa_handler == SIG_IGN)
			continue;
		(void)signal(i, SIG_IGN);
		(void)signal(i, SIG_DFL);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Why the program could not be run, as its only words; nothing here takes a lock or memory. */
static inline void sys_tell_errno(int fd, int err)
{
	char text[] = SYS_EXEC_FAILED "000\n";
	char *digits = text + sizeof(SYS_EXEC_FAILED) - 1;

	digits[0] = (char)('0' + err / 100 % 10);
	digits[1] = (char)('0' + err / 10 % 10);
	digits[2] = (char)('0' + err % 10);
	if (write(fd, text, sizeof(text) - 1) < 0)
		_exit(126);
}

/* In the child. */
static inline void sys_exec(char *const *argv, const int *fds, size_t count, int log)
{
	/* An interrupt from the terminal is for us alone. */
	(void)setpgid(0, 0);
	sys_default_signals();
	for (size_t i = 0; i < count; i++)
		(void)fcntl(fds[i], F_SETFD, 0);
	(void)dup2(log, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	(void)execvp(argv[0], argv);
	sys_tell_errno(STDERR_FILENO, errno);
	_exit(127);
}

/*
 * A program, found in PATH, with descriptors of ours under the same numbers, that writes what it
 * says to a log, or SYS_EXEC_FAILED and an errno if it does not run: nobody waits for that, since
 * a child that somebody else forks may keep open whatever would tell. The kernel kills it when
 * the thread that started it ends. Of a thread that takes no signals: a handler would run in the
 * child too. @pidfd is readable when the program has ended.
 */
static inline int sys_spawn(char *const *argv, const int *fds, size_t count, int log, pid_t *pid,
			    int *pidfd)
{
	const pid_t parent = getpid();

	*pid = fork();
	if (!*pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(125);
		sys_exec(argv, fds, count, log);
	}
	if (*pid < 0)
		return -errno;
	*pidfd = sys_not_standard((int)syscall(SYS_pidfd_open, *pid, 0));
	if (*pidfd >= 0)
		return 0;
	sys_kill(*pid);
	return *pidfd;
}

/*
 * A thread of the library's. Signals are for threads of the program, as if there were no other,
 * but those that a fault of this one raises. pthread functions return positive errors.
 */
static inline int sys_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	static const int own[] = { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };
	sigset_t others, before;
	int err;

	(void)sigfillset(&others);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		(void)sigdelset(&others, own[i]);
	(void)pthread_sigmask(SIG_SETMASK, &others, &before);
	err = -pthread_create(thread, NULL, fn, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static inline void sys_thread_join(pthread_t thread)
{
	(void)pthread_join(thread, NULL);
}

#endif
