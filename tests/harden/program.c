// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver that makes mistakes, which tests/harden/run.py runs: program MISTAKE [COUNT]. It prints its
 * reports to standard error. The numbers of its lines are part of the test.
 */
#include <coherent.h>
#include <coherent/pool.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(x)                                                                 \
	do {                                                                    \
		if (x) {                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			exit(99);                                               \
		}                                                               \
	} while (0)

struct command {
	uint32_t length;
	uint32_t code;
	uint8_t rest[56];
};

COHERENT_FIELDS(struct command, .length, .code, .rest);
COHERENT_TYPE(mem, struct command);
COHERENT_BOX_TYPE(box, struct command);
COHERENT_POOL_TYPE(pool, struct command);

static struct coherent_device *dev;
static union pool pool = COHERENT_EMPTY;
static volatile uint32_t result;

static void open_device(void)
{
	const char *name = getenv("DEVICE");

	MUST(coherent_device_open(&dev, name ? name : "sim:edu", .report = coherent_report_stderr,
				  .harden = getenv("OPTION")));
}

/* Each of the following has two lines: the one that allocates, and the one that makes the mistake. */

#line 100 "driver.c"
static struct command *new_box(union box *box, bool is_of_pool)
{
	if (!is_of_pool)
		MUST(coherent_box_zeroed(box, dev, 100));
	else
		MUST(coherent_pool_create(&pool, dev) || coherent_pool_box(&pool, box));
	return coherent_box_ptr(box);
}

#line 200 "driver.c"
static void write_after_expose(bool is_of_pool)
{
	union box box = COHERENT_EMPTY;
	union mem mem = COHERENT_EMPTY;
	struct command *elements = new_box(&box, is_of_pool);

	elements->length = 5;
	MUST(coherent_expose(&box, &mem));
	MUST(coherent_read(&mem, 0, .length, (uint32_t *)&result) || result != 5);
	elements->code = 1;
}

#line 250 "driver.c"
static void copy_after_expose(bool is_of_pool)
{
	union box box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	union mem mem = COHERENT_EMPTY;
	struct command *elements = new_box(&box, is_of_pool), copy = { .length = result };

	MUST(coherent_expose(&box, &mem));
	if (getenv("FROM"))
		MUST(coherent_box_from(&other, dev, elements, 1));
	memcpy(elements, &copy, sizeof(copy) - result);
}

#line 300 "driver.c"
static void read_after_free(bool is_of_pool)
{
	union box box = COHERENT_EMPTY;
	const struct command *elements = new_box(&box, is_of_pool);

	coherent_box_free(&box);
	result = elements->code;
}

#line 400 "driver.c"
static void read_freed_mem(bool is_of_pool)
{
	union mem mem = COHERENT_EMPTY;
	const struct command *elements;

	(void)is_of_pool;
	MUST(coherent_zeroed(&mem, dev, 1));
	elements = (const void *)(uintptr_t)coherent_unsafe_ptr(&mem);
	result = elements->code;
	coherent_free(&mem);
	result = elements->code;
}

static ptrdiff_t distance(const union box *box, const struct command *elements)
{
	return (const char *)coherent_box_ptr(box) - (const char *)elements;
}

#line 500 "driver.c"
static void write_behind(bool is_of_pool)
{
	union box box = COHERENT_EMPTY;
	struct command *elements = new_box(&box, is_of_pool);

	((char *)elements)[is_of_pool ? 4095 : 8191] = 1;
	((char *)elements)[is_of_pool ? 4096 : 8192] = 1;
}

/* A later chunk of a pool has many slots, and not all are boxes. */
#line 550 "driver.c"
static void write_to_an_unused_slot(bool is_of_pool)
{
	static union box boxes[50];
	union box box = COHERENT_EMPTY;
	struct command *elements = new_box(&box, is_of_pool);
	ptrdiff_t bytes = 0;

	for (size_t i = 0; i < 50; i++) {
		MUST(coherent_pool_box(&pool, &boxes[i]));
		bytes = distance(&boxes[i], elements);
		MUST(labs(bytes) < 8192);
		elements = coherent_box_ptr(&boxes[i]);
	}
	((char *)elements)[bytes] = 1;
}

#line 600 "driver.c"
static void write_after_failed_expose(bool is_of_pool)
{
	union box box = COHERENT_EMPTY;
	union mem mem = COHERENT_EMPTY;
	struct command *elements = new_box(&box, is_of_pool);

	MUST(!coherent_expose(&box, &mem, .permission = (enum coherent_permission)9));
	elements->code = 1;
}

#line 700 "driver.c"
static void write_after_close(bool is_of_pool)
{
	union box box = COHERENT_EMPTY;
	union mem mem = COHERENT_EMPTY;
	struct command *elements = new_box(&box, is_of_pool);

	MUST(coherent_expose(&box, &mem));
	coherent_device_close(dev);
	MUST(coherent_write(&mem, 0, .code, 3));
	elements->code = 1;
}

#line 800 "driver.c"
static void leave_bytes(bool is_of_pool)
{
	union box box = COHERENT_EMPTY;
	union mem mem = COHERENT_EMPTY;
	struct command *elements = new_box(&box, is_of_pool);
	const size_t count = is_of_pool ? 1 : 100;

	memset(elements, 1, count * sizeof(*elements) - 7);
	MUST(coherent_expose(&box, &mem));
	coherent_free(&mem);
	MUST(coherent_pool_destroy(&pool));
	/* The driver asks for zeros here, so all bytes are written. */
	MUST(coherent_zeroed(&mem, dev, 3));
	coherent_free(&mem);
	coherent_device_close(dev);
}

/* Does all that is allowed. */
static void make_no_mistake(bool is_of_pool)
{
	union box box = COHERENT_EMPTY;
	union mem mem = COHERENT_EMPTY;

	for (unsigned int i = 0; i < 1000; i++) {
		struct command *elements;

		if (!i)
			elements = new_box(&box, is_of_pool);
		else if (!is_of_pool)
			MUST(coherent_box_zeroed(&box, dev, 1 + i % 200));
		else
			MUST(coherent_pool_box(&pool, &box));
		elements = coherent_box_ptr(&box);
		elements->length = i;
		MUST(coherent_expose(&box, &mem));
		MUST(coherent_reclaim(&mem, &box, .idle = true));
		elements = coherent_box_ptr(&box);
		MUST(elements->length != i || elements->code);
		elements->code = i;
		if (i % 2) {
			coherent_box_free(&box);
			continue;
		}
		MUST(coherent_expose(&box, &mem));
		coherent_free(&mem);
	}
	MUST(coherent_pool_destroy(&pool));
	coherent_device_close(dev);
	puts("no mistake");
}

static void on_signal(int number)
{
	(void)number;
	if (write(STDOUT_FILENO, "handled\n", 8) != 8)
		_exit(98);
	_exit(3);
}

static void handle_the_signal(bool is_of_pool)
{
	if (signal(SIGSEGV, on_signal) == SIG_ERR)
		exit(97);
	open_device();
	write_after_expose(is_of_pool);
}

/* --- Signals --- */

static void set_handler(void (*fn)(int number), int flags, struct sigaction *before)
{
	struct sigaction action = { .sa_handler = fn, .sa_flags = flags };

	MUST(sigaction(SIGSEGV, &action, before));
}

static void on_signal_once(int number)
{
	(void)number;
	if (write(STDOUT_FILENO, "handled\n", 8) != 8)
		_exit(98);
}

static void handle_the_signal_once(bool is_of_pool)
{
	set_handler(on_signal_once, (int)SA_RESETHAND, NULL);
	open_device();
	write_after_expose(is_of_pool);
}

static jmp_buf place;

static void jump(int number)
{
	(void)number;
	longjmp(place, 1);
}

/* The handler leaves without a return, so that the signal must not be blocked. */
static void jump_out_of_the_handler(bool is_of_pool)
{
	static unsigned int jumps;

	set_handler(jump, SA_NODEFER, NULL);
	open_device();
	while (_setjmp(place))
		jumps++;
	if (jumps < 3)
		write_after_expose(is_of_pool);
	puts("jumped");
}

static struct sigaction below;

static void call_below(int number, siginfo_t *info, void *context)
{
	below.sa_sigaction(number, info, context);
}

/* The handler of the program calls that of the library, also after another device was opened. */
static void call_the_handler_below(bool is_of_pool)
{
	struct sigaction action = { .sa_sigaction = call_below, .sa_flags = SA_SIGINFO };

	MUST(sigaction(SIGSEGV, &action, &below));
	coherent_device_close(dev);
	open_device();
	write_after_expose(is_of_pool);
}

/* The library has no device any more, but the handler of the program still calls that of the library. */
static void call_the_handler_below_later(bool is_of_pool)
{
	struct sigaction action = { .sa_sigaction = call_below, .sa_flags = SA_SIGINFO };
	volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)is_of_pool;
	MUST(page == MAP_FAILED || sigaction(SIGSEGV, &action, &below));
	coherent_device_close(dev);
	open_device();
	coherent_device_close(dev);
	*page = 1;
}

/* The handler of the program does not call that of the library. */
static void set_a_handler_above(bool is_of_pool)
{
	set_handler(on_signal, 0, NULL);
	coherent_device_close(dev);
	open_device();
	write_after_expose(is_of_pool);
}

/* The program takes its handler back after the device was closed. */
static void take_the_handler_back(bool is_of_pool)
{
	set_handler(on_signal, 0, &below);
	coherent_device_close(dev);
	MUST(sigaction(SIGSEGV, &below, NULL));
	open_device();
	write_after_expose(is_of_pool);
}

/*
 * The stack of the handler has 8 KiB beside what the kernel stores there, as with Rust and others. The
 * page below it cannot be accessed.
 */
static void handle_on_a_small_stack(bool is_of_pool)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t bytes = (8192 + getauxval(AT_MINSIGSTKSZ) + page - 1) / page * page;
	char *memory = mmap(NULL, page + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	const stack_t stack = { .ss_sp = memory + page, .ss_size = bytes };

	MUST(memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) ||
	     sigaltstack(&stack, NULL));
	write_after_expose(is_of_pool);
}

static void raise_the_signal(bool is_of_pool)
{
	(void)is_of_pool;
	MUST(raise(SIGSEGV));
	puts("survived");
}

/* A fault that has nothing to do with a device. */
static void fault_elsewhere(bool is_of_pool)
{
	volatile char *nothing = NULL;

	(void)is_of_pool;
	*nothing = 1;
}

static void fork_child(bool is_of_pool)
{
	union mem mem = COHERENT_EMPTY;
	int status;
	pid_t pid;

	(void)is_of_pool;
	MUST(coherent_zeroed(&mem, dev, 1));
	pid = fork();
	if (!pid) {
		coherent_free(&mem);
		coherent_device_close(dev);
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) != pid || status);
	coherent_free(&mem);
	coherent_device_close(dev);
	puts("no mistake");
}

/* Too many objects for the mappings that a process may have, which are an even or an odd number. */
static void make_too_many(bool has_another)
{
	enum { MOST = 100000 };
	static union box boxes[MOST];
	struct coherent_stats stats;
	size_t count = 0;
	int err = 0;

	MUST(has_another &&
	     mmap(NULL, 1, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	for (; !err && count < MOST; count += !err)
		err = coherent_box_zeroed(&boxes[count], dev, 1);
	MUST(err != -ENOMEM);
	while (count > 0)
		coherent_box_free(&boxes[--count]);
	MUST(coherent_device_stats(dev, &stats) || stats.memory);
	for (; count < 1000; count++)
		MUST(coherent_box_zeroed(&boxes[count], dev, 1));
	while (count > 0)
		coherent_box_free(&boxes[--count]);
	coherent_device_close(dev);
	puts("no mistake");
}

static const struct {
	const char *name;
	void (*make)(bool is_of_pool);
	bool opens;
} mistakes[] = {
	{ "write-after-expose", write_after_expose, false },
	{ "copy-after-expose", copy_after_expose, false },
	{ "read-after-free", read_after_free, false },
	{ "read-freed-mem", read_freed_mem, false },
	{ "write-behind", write_behind, false },
	{ "write-to-unused", write_to_an_unused_slot, false },
	{ "write-after-failed-expose", write_after_failed_expose, false },
	{ "write-after-close", write_after_close, false },
	{ "leave-bytes", leave_bytes, false },
	{ "none", make_no_mistake, false },
	{ "handled", handle_the_signal, true },
	{ "handled-once", handle_the_signal_once, true },
	{ "jump", jump_out_of_the_handler, true },
	{ "below", call_the_handler_below, false },
	{ "below-later", call_the_handler_below_later, false },
	{ "above", set_a_handler_above, false },
	{ "back", take_the_handler_back, false },
	{ "small-stack", handle_on_a_small_stack, false },
	{ "raised", raise_the_signal, false },
	{ "elsewhere", fault_elsewhere, false },
	{ "fork", fork_child, false },
	{ "too-many", make_too_many, false },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		if (strcmp(argv[1], mistakes[i].name) != 0)
			continue;
		if (!mistakes[i].opens)
			open_device();
		mistakes[i].make(argc > 2);
		return 0;
	}
	return 99;
}
