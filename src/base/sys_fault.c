// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The handler of a signal calls these functions, so that they allocate nothing. They take no lock but
 * that of the loader.
 */
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unwind.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_fault.h"
#include "base/sys_process.h"

/* A large program needs some seconds on a slow machine. */
#define ADDR2LINE_NS (30 * SYS_NS_PER_S)

/* --- The signal --- */

/*
 * The handler of faults.
 * @fn: It gets the faults first.
 * @before: Then this gets the signal.
 * @is_below: The program set another handler afterwards, which may call ours.
 * @first: The handler before all of these. If a handler calls ours, ours calls this one.
 * @context: The context of the signal that ours passes on, or NULL.
 * @frame: The stack frame of ours that does. A handler that jumps out leaves both behind.
 */
static struct {
	void (*fn)(const struct sys_fault *fault);
	struct sigaction before;
	struct sigaction first;
	bool is_below;
	const void *context;
	const void *frame;
} handler;

/* Bit 1 of the error code of a page fault tells a write (Intel SDM 3A, 4.7). */
#if defined(__x86_64__)
static void read_context(const ucontext_t *context, struct sys_fault *fault)
{
	fault->code = (const char *)context->uc_mcontext.gregs[REG_RIP] + 1;
	fault->access = context->uc_mcontext.gregs[REG_ERR] & 2 ? "write" : "read";
}
#elif defined(__aarch64__)
static void read_context(const ucontext_t *context, struct sys_fault *fault)
{
	fault->code = (const char *)context->uc_mcontext.pc + 1;
	fault->access = "access";
}
#else
static void read_context(const ucontext_t *context, struct sys_fault *fault)
{
	(void)context;
	fault->code = NULL;
	fault->access = "access";
}
#endif

/* Ends the program as the kernel would without a handler. */
static void end_program(int number, const siginfo_t *info)
{
	(void)signal(number, SIG_DFL);
	/* The CPU makes an access again, but nobody sends a signal again. */
	if (info->si_code <= 0)
		(void)raise(number);
}

/* A handler of the program gets the signal, with the flags and the mask that it asked for. */
static void pass_on(struct sigaction *to, int number, siginfo_t *info, void *context)
{
	const struct sigaction before = *to;
	sigset_t mask;

	if (before.sa_flags & SA_RESETHAND)
		*to = (struct sigaction){ .sa_handler = SIG_DFL };
	(void)pthread_sigmask(SIG_BLOCK, &before.sa_mask, NULL);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, number);
	if (before.sa_flags & SA_NODEFER)
		(void)pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(number, info, context);
	else if (before.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)
		end_program(number, info);
	else
		before.sa_handler(number);
}

/*
 * Whether the handler to which ours passes a signal has called ours with it. The next signal may have
 * its context in the same place, but then the frame is the same, too.
 */
static bool is_passed_on(const void *context, const void *frame)
{
	return __atomic_load_n(&handler.context, __ATOMIC_RELAXED) == context &&
	       __atomic_load_n(&handler.frame, __ATOMIC_RELAXED) != frame;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	const int err = errno;
	struct sys_fault fault = { .at = info->si_addr };

	if (is_passed_on(context, __builtin_frame_address(0))) {
		pass_on(&handler.first, number, info, context);
		return;
	}
	/* Another process sent the signal if the code is not positive. */
	if (info->si_code > 0) {
		read_context(context, &fault);
		handler.fn(&fault);
	}
	errno = err;
	__atomic_store_n(&handler.frame, __builtin_frame_address(0), __ATOMIC_RELAXED);
	__atomic_store_n(&handler.context, context, __ATOMIC_RELAXED);
	pass_on(&handler.before, number, info, context);
	__atomic_store_n(&handler.context, NULL, __ATOMIC_RELAXED);
}

static bool is_ours(const struct sigaction *action)
{
	return action->sa_flags & SA_SIGINFO && action->sa_sigaction == on_signal;
}

int sys_fault_begin(void (*fn)(const struct sys_fault *fault))
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK },
			 before;

	handler.fn = fn;
	(void)sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, NULL, &before))
		return -errno;
	if (is_ours(&before))
		return 0;
	handler.is_below &= before.sa_handler != SIG_DFL;
	if (!handler.is_below)
		handler.first = before;
	handler.before = before;
	return sigaction(SIGSEGV, &action, NULL) ? -errno : 0;
}

void sys_fault_end(void)
{
	struct sigaction now;

	if (sigaction(SIGSEGV, NULL, &now))
		return;
	if (!is_ours(&now)) {
		handler.is_below = true;
		return;
	}
	(void)sigaction(SIGSEGV, &handler.before, NULL);
	handler.before = handler.first;
}

void sys_write_error(const char *text)
{
	size_t left = strlen(text);
	ssize_t n = 0;

	for (; left && (n >= 0 || errno == EINTR); left -= n > 0 ? (size_t)n : 0) {
		n = write(STDERR_FILENO, text, left);
		text += n > 0 ? n : 0;
	}
}

/* --- Callers --- */

#ifdef __GLIBC__

struct callers {
	const void **at;
	size_t count;
	size_t most;
};

static _Unwind_Reason_Code add_caller(struct _Unwind_Context *context, void *arg)
{
	struct callers *callers = arg;

	if (callers->count == callers->most)
		return _URC_END_OF_STACK;
	callers->at[callers->count++] = (const void *)_Unwind_GetIP(context);
	return _URC_NO_REASON;
}

size_t sys_callers(const void **at, size_t most)
{
	struct callers callers = { .at = at, .most = most };

	(void)_Unwind_Backtrace(add_caller, &callers);
	return callers.count;
}

#else

/* With another libc a program may be linked with an unwinder that is for glibc. */
size_t sys_callers(const void **at, size_t most)
{
	(void)at;
	(void)most;
	return 0;
}

#endif

size_t sys_fault_callers(const struct sys_fault *fault, const void **at, size_t most)
{
	const size_t count = sys_callers(at, most);
	size_t i = 0;

	while (i < count && (const char *)at[i] + 1 != fault->code)
		i++;
	/* Code without unwind information hides its callers. */
	if (i == count) {
		at[0] = fault->code;
		return 1;
	}
	memmove(at, at + i, (count - i) * sizeof(*at));
	at[0] = fault->code;
	return count - i;
}

/* --- Lines --- */

/**
 * struct place - Where code is.
 * @code: The code.
 * @base: The address of the code minus this is the address in the file.
 * @is_program: The file is the program itself.
 * @file: The file.
 */
struct place {
	uintptr_t code;
	uintptr_t base;
	bool is_program;
	char file[SYS_LINE_BYTES / 2];
};

static int find_file(struct dl_phdr_info *image, size_t size, void *arg)
{
	struct place *place = arg;

	(void)size;
	for (size_t i = 0; i < image->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &image->dlpi_phdr[i];

		if (segment->p_type != PT_LOAD ||
		    place->code - image->dlpi_addr - segment->p_vaddr >= segment->p_memsz)
			continue;
		place->base = image->dlpi_addr;
		snprintf(place->file, sizeof(place->file), "%s", image->dlpi_name);
		return 1;
	}
	return 0;
}

static bool find(struct place *place, const void *code)
{
	ssize_t n;

	*place = (struct place){ .code = (uintptr_t)code };
	if (!dl_iterate_phdr(find_file, place))
		return false;
	/* The program itself has no name there. */
	place->is_program = !*place->file;
	if (!place->is_program)
		return true;
	n = readlink("/proc/self/exe", place->file, sizeof(place->file) - 1);
	place->file[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Runs in the child and does not return. DEBUGINFOD_URLS would make addr2line use the network. */
SYS_IN_CHILD static void run_addr2line(char *const argv[], int output)
{
	const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char *const none[] = { NULL };

	if (dup2(output, STDOUT_FILENO) >= 0 && dup2(nothing, STDERR_FILENO) >= 0)
		(void)execvpe(argv[0], argv, none);
	_exit(127);
}

/* Returns the descriptor that has the output of addr2line; -errno. */
static int start_addr2line(const struct place *place, pid_t *pid)
{
	SYS_DEFER_CANCEL;
	char address[32];
	char *const argv[] = { "addr2line", "-i", "-e", (char *)(uintptr_t)place->file,
			       address,	    NULL };
	int ends[2], err = 0;

	snprintf(address, sizeof(address), "0x%lx", (unsigned long)(place->code - place->base));
	/* Such a program must not run what PATH names. */
	if (sys_has_raised_rights())
		return -EACCES;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	/* The handlers of fork() may take a lock that this thread has. */
	*pid = _Fork();
	if (!*pid)
		run_addr2line(argv, ends[1]);
	if (*pid < 0)
		err = -errno;
	(void)close(ends[1]);
	if (!err)
		return ends[0];
	(void)close(ends[0]);
	return err;
}

/* Reads until the end of the output. Returns -ETIMEDOUT if it does not end in time. */
static int read_all(int fd, char *lines, size_t bytes)
{
	SYS_DEFER_CANCEL;
	const uint64_t deadline_ns = sys_deadline_ns(ADDR2LINE_NS);
	size_t used = 0;
	ssize_t n;
	int err;

	do {
		struct pollfd output = { .fd = fd, .events = POLLIN };

		err = sys_wait_readable(&output, 1, deadline_ns);
		n = err ? 0 : read(fd, lines + used, bytes - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	} while ((n > 0 || (n < 0 && errno == EINTR)) && used < bytes - 1);
	lines[used] = '\0';
	return err;
}

/*
 * Reads what addr2line prints: the innermost line first, and then the lines that it was inlined into.
 * An addr2line that hangs is not asked again.
 */
static bool read_lines(const struct place *place, char *lines, size_t bytes)
{
	SYS_DEFER_CANCEL;
	static bool hangs;
	pid_t pid = 0;
	const int fd = hangs ? -EIO : start_addr2line(place, &pid);

	if (fd < 0)
		return false;
	if (read_all(fd, lines, bytes)) {
		hangs = true;
		(void)kill(pid, SIGKILL);
	}
	(void)close(fd);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return *lines;
}

/* Finds how the lines of this library begin. Without debug information it has none. */
static void find_sources(struct sys_line *line)
{
	struct place place;
	const char *own = NULL;

	if (find(&place, (const void *)sys_callers) &&
	    read_lines(&place, line->sources, sizeof(line->sources)))
		own = strstr(line->sources, "base/sys_fault.c");
	line->sources[own ? own - line->sources : 0] = '\0';
}

static bool is_of_sources(const struct sys_line *line, const char *text)
{
	return *line->sources && !strncmp(text, line->sources, strlen(line->sources));
}

/* addr2line prints a question mark for a file or a number that it does not know. */
static bool is_of_program(const struct sys_line *line, const char *text)
{
	return *text && strncmp(text, "??", 2) != 0 && !strstr(text, ":?") &&
	       !strstr(text, "/coherent.h:") && !strstr(text, "include/coherent/") &&
	       !is_of_sources(line, text);
}

/* Finds the innermost line of the program in what addr2line printed. */
static bool take_line(struct sys_line *line)
{
	char *rest = line->output, *next, *end;

	while ((next = strsep(&rest, "\n"))) {
		end = strstr(next, " (discriminator ");
		if (end)
			*end = '\0';
		if (!is_of_program(line, next))
			continue;
		while (!strncmp(next, "./", 2))
			next += 2;
		snprintf(line->text, SYS_LINE_BYTES, "%s", next);
		return true;
	}
	return false;
}

static void add_place(struct sys_line *line, const struct place *place)
{
	const size_t used = strlen(line->text);
	const unsigned long at = place->code - place->base;

	if (!used)
		snprintf(line->text, SYS_LINE_BYTES, "%s+0x%lx", place->file, at);
	else
		snprintf(line->text + used, SYS_LINE_BYTES - used, " or +0x%lx", at);
}

/* The C library accesses memory for the program, as in memcpy(). */
static bool is_of_libc(const struct place *place)
{
	struct place libc;

	return find(&libc, stdout) && !libc.is_program && libc.base == place->base;
}

void sys_line_of(struct sys_line *line, const void *const *callers, size_t count, bool begins_here)
{
	struct place place, own;
	const bool has_own = find(&own, (const void *)sys_callers);
	size_t places = 0, most = 1;

	*line->text = '\0';
	find_sources(line);
	/* A library that is a part of the program cannot be told apart without its lines. */
	if (begins_here && !*line->sources && own.is_program)
		most = count;
	for (size_t i = 0; i < count; i++) {
		if (!find(&place, (const void *)((uintptr_t)callers[i] - 1)) || is_of_libc(&place))
			continue;
		*line->output = '\0';
		if (read_lines(&place, line->output, sizeof(line->output)) &&
		    !is_of_sources(line, line->output) && take_line(line))
			return;
		if (places == most || is_of_sources(line, line->output) ||
		    (has_own && !own.is_program && own.base == place.base))
			continue;
		add_place(line, &place);
		places++;
	}
	if (!places)
		snprintf(line->text, SYS_LINE_BYTES, "an unknown line");
}
