// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver whose trace and ledger tests read: program steps|wait|fork|two|leave|lazy|sites|share. It
 * prints the reports to stderr, and a line when it has done its work.
 */
#include <coherent.h>
#include <coherent/adopt.h>
#include <coherent/bar.h>
#include <coherent/share.h>
#include <coherent/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MINUTE (UINT64_C(60000000000))
#define PAGE 4096

/* Exits with the number of the line where a call failed. */
#define MUST(call)                       \
	do {                             \
		if (call)                \
			_exit(__LINE__); \
	} while (0)

static struct coherent_device *open_device(void)
{
	struct coherent_device *dev;

	MUST(coherent_device_open(&dev, "sim:edu", .report = coherent_report_stderr));
	return dev;
}

static void touch_device(struct coherent_device *dev)
{
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	char byte = 0;

	MUST(coherent_bar_open(&bar, dev, 0));
	MUST(coherent_irq_open(&irq, dev, 0));
	coherent_bar_write32(bar, 4, 0x11111111);
	MUST(coherent_bar_read32(bar, 4) != 0xeeeeeeee);
	coherent_bar_write32(bar, 0x60, 1);
	MUST(coherent_irq_wait(irq, MINUTE));
	MUST(coherent_sim_try_addr(dev, (coherent_addr_t){ 0x7000000 }, &byte, 1,
				   COHERENT_ACCESS_WRITE) != -EIO);
	MUST(coherent_device_fence(dev));
	coherent_irq_close(irq);
	coherent_bar_close(bar);
}

static void steps(void)
{
	struct coherent_device *dev = open_device();
	COHERENT_BOX(char) box = COHERENT_EMPTY;
	COHERENT(char) mem = COHERENT_EMPTY, left = COHERENT_EMPTY;
	struct coherent_fault fault;

/* The name is not UTF-8, of which clang warns. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Winvalid-source-encoding"
#endif
#line 1001 "a \"driver\" \\ \xff \xc3\xa4.c"
	MUST(coherent_box_zeroed(&box, dev, 5000));
#line 68 "tests/timeline/program.c"
	MUST(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	MUST(coherent_reclaim(&mem, &box));
	MUST(coherent_expose(&box, &mem));
	coherent_free(&mem);
	MUST(coherent_zeroed(&left, dev, 1));
	touch_device(dev);
	MUST(coherent_device_next_fault(dev, &fault));
	coherent_device_close(dev);
	coherent_free(&left);
}

static void wait_for_kill(void)
{
	struct coherent_device *dev = open_device();
	COHERENT(char) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;

	MUST(coherent_zeroed(&mem, dev, 1));
	puts("ready");
	fflush(stdout);
	/* The kill comes at any moment, also within a write. */
	for (;;) {
		MUST(coherent_zeroed(&other, dev, 1));
		coherent_free(&other);
	}
}

static void fork_child(void)
{
	struct coherent_device *dev = open_device();
	COHERENT(char) mem = COHERENT_EMPTY;
	int status;
	pid_t pid;

	MUST(coherent_zeroed(&mem, dev, 1));
	pid = fork();
	if (!pid) {
		coherent_free(&mem);
		coherent_device_close(dev);
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) != pid || status);
	printf("%d\n", (int)pid);
	coherent_free(&mem);
	coherent_device_close(dev);
}

static void two_devices(void)
{
	struct coherent_device *a = open_device(), *b = open_device();
	COHERENT(char) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;

	MUST(coherent_zeroed(&mem, a, 1));
	MUST(coherent_zeroed(&other, b, 1));
	coherent_free(&mem);
	coherent_free(&other);
	coherent_device_close(a);
	coherent_device_close(b);
}

/* Ends with a mem that the device can reach, after an access to a box. */
static void leave(void)
{
	struct coherent_device *dev = open_device();
	COHERENT_BOX(char) box = COHERENT_EMPTY;
	COHERENT(char) mem = COHERENT_EMPTY;
	char byte = 0;

#line 1001 "tried.c"
	MUST(coherent_box_zeroed(&box, dev, 1));
#line 138 "tests/timeline/program.c"
	MUST(coherent_sim_try(dev, &box, 0, &byte, 1, COHERENT_ACCESS_READ) != -EIO);
	MUST(coherent_expose(&box, &mem));
	MUST(coherent_reclaim(&mem, &box));
#line 2001 "left.c"
	MUST(coherent_zeroed(&mem, dev, 10000));
#line 144 "tests/timeline/program.c"
	_exit(0);
}

/* Ends three objects in different ways. The device may reach each of them until the fence. */
static void lazy(void)
{
	struct coherent_device *dev;
	COHERENT_BOX(char) box = COHERENT_EMPTY, in_place = COHERENT_EMPTY;
	COHERENT(char) mem = COHERENT_EMPTY;

	MUST(coherent_device_open(&dev, "sim:edu,lazy"));
	MUST(coherent_box_zeroed(&in_place, dev, 1, .in_place = true));
	coherent_box_free(&in_place);
	MUST(coherent_zeroed(&mem, dev, 1));
	MUST(coherent_reclaim(&mem, &box, .idle = true));
	MUST(coherent_expose(&box, &mem));
	coherent_free(&mem);
	MUST(coherent_device_fence(dev));
	coherent_device_close(dev);
}

/* Exposes memory from many sites, each of them twice. */
static void use_sites(void)
{
	const struct coherent_mem_options options = {
		.struct_size = sizeof(options),
		.count = 1,
	};
	struct coherent_device *dev = open_device();
	struct coherent_mem mem = { .va = NULL };
	char site[32];

	for (unsigned int i = 0; i < 80; i++) {
		snprintf(site, sizeof(site), "site.c:%u", i % 40);
		MUST(coherent_base_zeroed(&mem, dev, 1, &options, site));
		coherent_base_free(&mem);
	}
	coherent_device_close(dev);
}

/* Two devices reach a page of the program until it is killed: one by a mem, the other by a twin. */
static void share(void)
{
	struct coherent_device *a = open_device(), *b = open_device();
	COHERENT_BOX(char) box = COHERENT_EMPTY;
	COHERENT(char) mem = COHERENT_EMPTY;
	COHERENT_TWIN(char) twin = COHERENT_EMPTY;
	char *page = aligned_alloc(PAGE, PAGE);

	MUST(!page);
	MUST(coherent_box_adopt(&box, a, page, PAGE));
	MUST(coherent_expose(&box, &mem));
	MUST(coherent_share(&mem, b, &twin, .permission = COHERENT_READ_ONLY));
	printf("0x%llx\n", (unsigned long long)coherent_addr(&twin).raw);
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "steps"))
		steps();
	else if (!strcmp(what, "wait"))
		wait_for_kill();
	else if (!strcmp(what, "fork"))
		fork_child();
	else if (!strcmp(what, "two"))
		two_devices();
	else if (!strcmp(what, "leave"))
		leave();
	else if (!strcmp(what, "lazy"))
		lazy();
	else if (!strcmp(what, "sites"))
		use_sites();
	else if (!strcmp(what, "share"))
		share();
	else
		return 255;
	return 0;
}
