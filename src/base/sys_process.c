// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Asks about the process, starts and ends the programs and threads of the library, and reads loaded
 * code.
 *
 * Between fork() and exec() the child of a program with threads may only make system calls: another
 * thread may have held any lock when the child was copied. No function here that runs there takes a
 * lock.
 */
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/size.h"
#include "base/sys_process.h"

/* P_PIDFD of wait.h, which glibc has since 2.36. On Linux 5.3 waitid() refuses it, so a zombie stays. */
#define WAIT_PIDFD 3

/* --- The process --- */

uid_t sys_user(void)
{
	return geteuid();
}

pid_t sys_pid(void)
{
	return getpid();
}

static uint64_t limit_of(int resource)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };

	(void)getrlimit(resource, &limit);
	return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

uint64_t sys_lockable_bytes(void)
{
	return limit_of(RLIMIT_MEMLOCK);
}

uint64_t sys_address_limit(void)
{
	return limit_of(RLIMIT_AS);
}

uint64_t sys_file_limit(void)
{
	return limit_of(RLIMIT_FSIZE);
}

uint64_t sys_descriptor_limit(void)
{
	return limit_of(RLIMIT_NOFILE);
}

/* --- Programs --- */

bool sys_has_raised_rights(void)
{
	return getauxval(AT_SECURE);
}

const char *sys_environment(const char *name)
{
	return sys_has_raised_rights() ? NULL : getenv(name);
}

bool sys_environment_has(const char *name)
{
	return getenv(name);
}

void sys_environment_add(const char *name, const char *value)
{
	if (!getenv(name))
		(void)setenv(name, value, 0);
}

void sys_pidfd_kill(int pidfd)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

bool sys_pidfd_status(int pidfd, int *signal, int *status)
{
	SYS_DEFER_CANCEL;
	siginfo_t info = { .si_pid = 0 };

	if (waitid((idtype_t)WAIT_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    !info.si_pid)
		return false;
	*signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	*status = info.si_code == CLD_EXITED ? info.si_status : 0;
	return true;
}

void sys_pidfd_end(int pidfd)
{
	SYS_DEFER_CANCEL;
	siginfo_t info;

	sys_pidfd_kill(pidfd);
	while (waitid((idtype_t)WAIT_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

/* The child ignores the signals that the parent ignores. It has no handler and blocks no signal. */
static void restore_signals(void)
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

/*
 * Write why the program could not run. This runs in a child of fork(), so it takes no lock and
 * allocates nothing.
 */
SYS_IN_CHILD static void write_errno(int fd, int err)
{
	char text[] = SYS_EXEC_FAILED "000\n";
	char *digits = text + sizeof(SYS_EXEC_FAILED) - 1;

	digits[0] = (char)('0' + err / 100 % 10);
	digits[1] = (char)('0' + err / 10 % 10);
	digits[2] = (char)('0' + err % 10);
	if (write(fd, text, sizeof(text) - 1) < 0)
		_exit(126);
}

/* Runs in the child and does not return. */
SYS_IN_CHILD static void run_program(char *const *argv, const int *fds, size_t count, int log,
				     pid_t parent)
{
	/* The parent may have ended before this call, so the child asks afterwards. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	/* A process group of its own keeps Ctrl-C in the terminal from the program. */
	(void)setpgid(0, 0);
	restore_signals();
	for (size_t i = 0; i < count; i++)
		(void)fcntl(fds[i], F_SETFD, 0);
	(void)dup2(log, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	(void)execvp(argv[0], argv);
	write_errno(STDERR_FILENO, errno);
	_exit(127);
}

/*
 * The system gives a number to another process only when it has used all others. So no other process has
 * the number of a child that was forked just now, even if the child has ended.
 */
static void end_new_child(pid_t pid)
{
	SYS_DEFER_CANCEL;
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int sys_spawn(char *const *argv, const int *fds, size_t count, int log, int *pidfd)
{
	const pid_t parent = getpid(), pid = fork();

	if (!pid)
		run_program(argv, fds, count, log, parent);
	if (pid < 0)
		return -errno;
	*pidfd = sys_not_standard((int)syscall(SYS_pidfd_open, pid, 0));
	if (*pidfd >= 0)
		return 0;
	if (*pidfd != -ESRCH)
		end_new_child(pid);
	return *pidfd;
}

/* --- Loaded code --- */

struct loaded {
	const char *from;
	char *to;
	size_t bytes;
	bool copied;
};

/* Sets @left to how many readable bytes an image has from @at on; false if it has none. */
static bool has_bytes(const struct dl_phdr_info *image, const char *at, size_t *left)
{
	for (unsigned int i = 0; i < image->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &image->dlpi_phdr[i];
		const uintptr_t offset = (uintptr_t)at - image->dlpi_addr - segment->p_vaddr;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_R) ||
		    offset >= segment->p_memsz)
			continue;
		*left = segment->p_memsz - offset;
		return true;
	}
	return false;
}

static int copy_from_image(struct dl_phdr_info *image, size_t size, void *arg)
{
	struct loaded *loaded = arg;
	size_t left;

	(void)size;
	if (!has_bytes(image, loaded->from, &left))
		return 0;
	if (left > loaded->bytes)
		left = loaded->bytes;
	/* The bytes after the string are not read, because AddressSanitizer forbids it. */
	for (size_t i = 0; i < left && !loaded->copied; i++) {
		loaded->to[i] = loaded->from[i];
		loaded->copied = !loaded->from[i];
	}
	return 1;
}

/* dl_iterate_phdr() holds a lock, so that no code is unloaded meanwhile. */
bool sys_copy_loaded(const char *from, char *to, size_t bytes)
{
	struct loaded loaded = { .from = from, .to = to, .bytes = bytes };

	(void)dl_iterate_phdr(copy_from_image, &loaded);
	return loaded.copied;
}

/* --- Libraries --- */

void *sys_load(const char *file, const char **why)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	*why = library ? NULL : dlerror();
	return library;
}

/* POSIX lets dlsym() return functions, but C does not convert a pointer to one. */
bool sys_find_function(void *library, const char *name, void *function)
{
	void *const found = dlsym(library, name);

	memcpy(function, &found, sizeof(found));
	return found;
}

/* --- Threads --- */

int sys_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	static const int own[] = { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };
	sigset_t others, before;
	int err;

	(void)sigfillset(&others);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		(void)sigdelset(&others, own[i]);
	(void)pthread_sigmask(SIG_SETMASK, &others, &before);
	err = -pthread_create(thread, NULL, fn, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

uintptr_t sys_thread_self(void)
{
	return (uintptr_t)pthread_self();
}

void sys_thread_join(pthread_t thread)
{
	SYS_DEFER_CANCEL;
	(void)pthread_join(thread, NULL);
}
