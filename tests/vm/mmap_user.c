// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This program maps mems of the driver mmap_pci.c, and tells the driver what to do with them. It
 * sees when it loses the memory. The next owner must not see what it writes then. It prints TAP.
 * With the argument "small" the machine has no IOMMU, so that a large object may be missing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "../kernel/mmap_calls.h"

#define A_PAGES 3
/* The page allocator does not have so many pages in a row. */
#define LARGE_PAGES 2048

typedef volatile unsigned char *pages;

static int fd;

static int call(enum mmap_call which, unsigned long arg)
{
	int result = ioctl(fd, which, arg);

	return result < 0 ? -errno : result;
}

static void must(int result, const char *what)
{
	if (result) {
		errno = -result;
		give_up(what);
	}
}

static bool has_pages(pages at, unsigned char byte, size_t first, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!is_all(at + i * PAGE, byte + (first + i) % 16, PAGE))
			return false;
	return true;
}

static void unmap(pages at, size_t count)
{
	munmap((void *)(uintptr_t)at, count * PAGE);
}

/* Others get the memory that A had. The process writes to its mapping, and must not reach them. */
static bool next_is_kept(pages at, size_t count)
{
	size_t i;

	must(call(MMAP_NEXT, 0), "MMAP_NEXT");
	for (i = 0; i < count; i++)
		at[i * PAGE + 7] = 0x99;
	return call(MMAP_IS_KEPT, 0) == 0;
}

/* --- The life of a mem --- */

static void access_a_mem(void)
{
	pages a, b;

	must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
	a = map_shared(fd, 0, A_PAGES);
	b = map_shared(fd, MMAP_B, MMAP_B_PAGES);
	check(has_pages(a, MMAP_A_BYTE, 0, A_PAGES), "the process sees what the driver wrote");
	check(has_pages(b, MMAP_B_BYTE, 0, MMAP_B_PAGES), "it sees another mem in the same file");
	must(call(MMAP_POKE, 1), "MMAP_POKE");
	check(a[PAGE + 1] == MMAP_POKED, "it sees what the driver writes later");
	a[2 * PAGE + 1] = 0x42;
	check(call(MMAP_PEEK, 2) == 0x42, "the driver sees what the process writes");
	must(call(MMAP_MOVE, 0), "MMAP_MOVE");
	a[1] = 0x43;
	check(call(MMAP_PEEK, 0) == 0x43, "it does after the mem was moved");
	must(call(MMAP_FREE, 0), "MMAP_FREE");
	check(is_all(a, 0, A_PAGES * PAGE), "after a free the process reads zeros");
	check(has_pages(b, MMAP_B_BYTE, 0, MMAP_B_PAGES), "the other mem stays");
	b[1] = 0x44;
	check(next_is_kept(a, A_PAGES), "a write after a free reaches nobody");
	check(map_error(fd, 0, 1, PROT_READ, MAP_SHARED) == EINVAL, "an empty mem is refused");
	must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
	check(a[1] != MMAP_A_BYTE && is_all(b, 0, MMAP_B_PAGES * PAGE),
	      "mappings of old mems do not show new ones");
	unmap(a, A_PAGES);
	unmap(b, MMAP_B_PAGES);
}

static void reclaim_a_mem(void)
{
	pages a, again;

	must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
	a = map_shared(fd, 0, A_PAGES);
	check(a[PAGE] == MMAP_A_BYTE + 1, "a page of a mem is read");
	check(call(MMAP_RECLAIM_ATOMIC, 0) == -EBUSY,
	      "a reclaim in atomic context is refused while a process maps the mem");
	check(a[PAGE] == MMAP_A_BYTE + 1, "then the process keeps the mem");
	must(call(MMAP_RECLAIM, 0), "MMAP_RECLAIM");
	check(is_all(a, 0, A_PAGES * PAGE), "after a reclaim the process reads zeros");
	a[1] = 0x99;
	must(call(MMAP_EXPOSE, 0), "MMAP_EXPOSE");
	check(call(MMAP_PEEK, 0) == MMAP_A_BYTE, "a write of the process does not reach the box");
	check(a[PAGE] == 0 && a[1] == 0x99,
	      "nor does the process see the box that is exposed again");
	again = map_shared(fd, 0, A_PAGES);
	check(has_pages(again, MMAP_A_BYTE, 0, A_PAGES), "a new mapping shows the new mem");
	unmap(again, A_PAGES);
	unmap(a, A_PAGES);
	check(call(MMAP_RECLAIM_ATOMIC, 0) == 0,
	      "a reclaim in atomic context works when no process maps the mem");
}

/* A work item takes the pages away. */
static void free_atomically(void)
{
	pages a;
	int ms;

	must(call(MMAP_NEW_ATOMIC, A_PAGES), "MMAP_NEW_ATOMIC");
	a = map_shared(fd, 0, A_PAGES);
	check(has_pages(a, MMAP_A_BYTE, 0, A_PAGES),
	      "the process sees a mem that is made with GFP_ATOMIC");
	check(call(MMAP_FREE_ATOMIC, 0) == 0, "no allocation gets pages that a process still has");
	for (ms = 0; a[0] && ms < 60000; ms++)
		usleep(1000);
	check(is_all(a, 0, A_PAGES * PAGE), "after a free in atomic context it reads zeros soon");
	check(next_is_kept(a, A_PAGES), "then a write reaches nobody");
	unmap(a, A_PAGES);
	must(call(MMAP_NEW_ATOMIC, A_PAGES), "MMAP_NEW_ATOMIC");
	unmap(map_shared(fd, 0, A_PAGES), A_PAGES);
	must(call(MMAP_MANAGE, 0), "MMAP_MANAGE");
}

/* --- VMAs --- */

static void change_vmas(void)
{
	pages a, moved;

	must(call(MMAP_NEW, 8), "MMAP_NEW");
	a = map_shared(fd, 0, 8);
	unmap(a + 2 * PAGE, 1);
	unmap(a + 5 * PAGE, 1);
	check(has_pages(a, MMAP_A_BYTE, 0, 2) && has_pages(a + 3 * PAGE, MMAP_A_BYTE, 3, 2) &&
		      has_pages(a + 6 * PAGE, MMAP_A_BYTE, 6, 2),
	      "after munmap() of two pages the others stay");
	moved = mremap((void *)(uintptr_t)(a + 6 * PAGE), 2 * PAGE, 2 * PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x600000000000);
	check(moved != MAP_FAILED && has_pages(moved, MMAP_A_BYTE, 6, 2),
	      "mremap() of two pages moves them");
	check(mremap((void *)(uintptr_t)moved, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED,
	      "mremap() to a larger size is refused");
	check(mremap((void *)(uintptr_t)moved, 2 * PAGE, PAGE, 0) == moved &&
		      moved[0] == MMAP_A_BYTE + 6,
	      "mremap() to a smaller size leaves the first page");
	check(!mprotect((void *)(uintptr_t)a, PAGE, PROT_READ) && a[5] == MMAP_A_BYTE,
	      "mprotect() splits the mapping");
	must(call(MMAP_FREE, 0), "MMAP_FREE");
	check(is_all(a, 0, 2 * PAGE) && is_all(a + 3 * PAGE, 0, 2 * PAGE) && is_all(moved, 0, PAGE),
	      "after a free each part reads zeros");
	check(!mprotect((void *)(uintptr_t)a, PAGE, PROT_READ | PROT_WRITE),
	      "mprotect() still works");
	check(next_is_kept(a, 2), "a write reaches nobody");
	unmap(a, 8);
	unmap(moved, 1);
}

static void refuse_bad_vmas(void)
{
	must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
	check(map_error(fd, 0, A_PAGES + 1, PROT_READ, MAP_SHARED) == ERANGE,
	      "one page more than the mem has is refused");
	check(map_error(fd, 1, A_PAGES, PROT_READ, MAP_SHARED) == ERANGE,
	      "so is a mapping that begins later");
	check(map_error(fd, A_PAGES, 1, PROT_READ, MAP_SHARED) == ERANGE,
	      "so is the page after the last");
	check(map_error(fd, 0, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE) == EINVAL &&
		      map_error(fd, 0, 1, PROT_READ, MAP_PRIVATE) == EINVAL,
	      "so is a private mapping");
	unmap(map_shared(fd, A_PAGES - 1, 1), 1);
	check(true, "the last page is not");
}

/* Two nodes of one device have two inodes. Both lose the mem. */
static void map_through_two_nodes(void)
{
	struct stat status;
	pages first, second;
	int other;

	must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
	if (fstat(fd, &status) || mknod("/dev/mmap_other", S_IFCHR | 0600, status.st_rdev))
		give_up("mknod");
	other = open("/dev/mmap_other", O_RDWR);
	first = map_shared(fd, 0, A_PAGES);
	second = map_shared(other, 0, A_PAGES);
	close(other);
	unlink("/dev/mmap_other");
	check(has_pages(first, MMAP_A_BYTE, 0, A_PAGES) &&
		      has_pages(second, MMAP_A_BYTE, 0, A_PAGES),
	      "two nodes of the device show the mem");
	must(call(MMAP_FREE, 0), "MMAP_FREE");
	check(is_all(first, 0, A_PAGES * PAGE) && is_all(second, 0, A_PAGES * PAGE),
	      "after a free both show zeros");
	unmap(first, A_PAGES);
	unmap(second, A_PAGES);
}

static sigjmp_buf no_memory;

static void leave_access(int signal)
{
	(void)signal;
	siglongjmp(no_memory, 1);
}

/* Whether the process has the registers. A page that the kernel took away raises SIGBUS. */
static bool has_bar(const volatile uint32_t *bar)
{
	return !sigsetjmp(no_memory, 1) && *bar == MMAP_BAR_ID;
}

/* The mapping of the registers begins at the same page as that of A. No fault brings it back. */
static void keep_other_mappings_of_the_file(void)
{
	pages a, bar;

	must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
	a = map_shared(fd, 0, A_PAGES);
	bar = map_shared(fd, MMAP_BAR, 1);
	signal(SIGBUS, leave_access);
	check(a[0] == MMAP_A_BYTE && has_bar((const volatile uint32_t *)bar),
	      "the process sees a mem and registers in one file");
	must(call(MMAP_FREE, 0), "MMAP_FREE");
	check(is_all(a, 0, A_PAGES * PAGE), "after a free it reads zeros");
	check(has_bar((const volatile uint32_t *)bar), "then it still sees the registers");
	signal(SIGBUS, SIG_DFL);
	unmap(bar, 1);
	unmap(a, A_PAGES);
}

static void map_a_large_mem(bool may_be_missing)
{
	int err = call(MMAP_NEW, LARGE_PAGES);
	pages a;

	if (may_be_missing && err == -ENOMEM)
		return;
	must(err, "MMAP_NEW");
	a = map_shared(fd, 0, LARGE_PAGES);
	check(has_pages(a, MMAP_A_BYTE, 0, LARGE_PAGES),
	      "the process sees each page of a large mem");
	must(call(MMAP_FREE, 0), "MMAP_FREE");
	check(is_all(a, 0, LARGE_PAGES * PAGE), "after a free it sees zeros in each");
	unmap(a, LARGE_PAGES);
}

/* --- Processes and threads --- */

/* Whether what replaced the memory is all zero, but for a byte that a brother may have written. */
static bool is_zero_but(pages at, size_t written)
{
	size_t i;

	for (i = 0; i < A_PAGES * PAGE; i++)
		if (at[i] && i % PAGE != written)
			return false;
	return true;
}

/* Maps A too, and tells that to the parent. Returns what the child says when the pipe is closed. */
static int child(int number, int go, pages a)
{
	char byte;
	pages own = map_shared(fd, 0, A_PAGES);

	own[PAGE + 100 + number] = 0x51;
	if (read(go, &byte, 1) != 0)
		return 1;
	if (!is_zero_but(a, 3) || !is_all(own, 0, A_PAGES * PAGE))
		return 2;
	unmap(a + PAGE, 1);
	a[3] = 0x52;
	return 0;
}

static void fork_children(void)
{
	pid_t children[3];
	int go[2], i, status, bad = 0;
	pages a;

	must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
	a = map_shared(fd, 0, A_PAGES);
	/* The children inherit a page table with this page only. */
	check(a[0] == MMAP_A_BYTE, "the process sees the mem");
	if (pipe(go))
		give_up("pipe");
	fflush(stdout);
	for (i = 0; i < 3; i++) {
		children[i] = fork();
		if (!children[i]) {
			close(go[1]);
			_exit(child(i, go[0], a));
		}
	}
	for (i = 0; i < 3; i++)
		while (a[PAGE + 100 + i] != 0x51)
			sched_yield();
	unmap(a, A_PAGES);
	must(call(MMAP_FREE, 0), "MMAP_FREE");
	must(call(MMAP_NEXT, 0), "MMAP_NEXT");
	close(go[1]);
	for (i = 0; i < 3; i++)
		bad |= waitpid(children[i], &status, 0) != children[i] || status;
	close(go[0]);
	check(!bad,
	      "after a free each child reads zeros, in mappings that it inherited and in its own");
	check(call(MMAP_IS_KEPT, 0) == 0, "the writes of the children reach nobody");
}

static struct {
	pages at;
	bool ends;
} writer;

/* Writes to a mapping all the time. It also maps and unmaps. */
static void *write_all_the_time(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&writer.ends, __ATOMIC_RELAXED)) {
		void *more = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		writer.at[8]++;
		writer.at[PAGE + 8]++;
		if (more != MAP_FAILED)
			(*(pages)more)++;
		if (more != MAP_FAILED)
			munmap(more, PAGE);
	}
	return NULL;
}

static void end_while_a_thread_writes(void)
{
	pthread_t threads[2];
	bool kept = true, zero = true;
	int i, round;

	for (round = 0; round < 30; round++) {
		must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
		writer.at = map_shared(fd, 0, A_PAGES);
		writer.ends = false;
		for (i = 0; i < 2; i++)
			if (pthread_create(&threads[i], NULL, write_all_the_time, NULL))
				give_up("pthread_create");
		while (writer.at[8] == MMAP_A_BYTE)
			sched_yield();
		must(round % 2 ? call(MMAP_RECLAIM, 0) : call(MMAP_FREE, 0), "the end");
		must(call(MMAP_NEXT, 0), "MMAP_NEXT");
		sched_yield();
		zero &= writer.at[2 * PAGE] == 0;
		kept &= call(MMAP_IS_KEPT, 0) == 0;
		__atomic_store_n(&writer.ends, true, __ATOMIC_RELAXED);
		for (i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		unmap(writer.at, A_PAGES);
	}
	check(zero, "a mem ends while threads write to it, and the process reads zeros");
	check(kept, "the threads do not write to the next owner");
}

/* --- The end of the driver --- */

static void tell_driver(const char *file)
{
	int driver = open(file, O_WRONLY);

	if (driver < 0 || write(driver, MMAP_DEVICE, strlen(MMAP_DEVICE)) < 0)
		give_up(file);
	close(driver);
}

static void unbind(bool is_managed)
{
	pages a, b;

	must(call(MMAP_NEW, A_PAGES), "MMAP_NEW");
	a = map_shared(fd, 0, A_PAGES);
	b = map_shared(fd, MMAP_B, MMAP_B_PAGES);
	if (is_managed)
		must(call(MMAP_MANAGE, 0), "MMAP_MANAGE");
	check(a[0] == MMAP_A_BYTE && b[0] == MMAP_B_BYTE, "the process sees both mems");
	tell_driver(MMAP_DRIVER "/unbind");
	check(is_all(a, 0, A_PAGES * PAGE) && is_all(b, 0, MMAP_B_PAGES * PAGE),
	      is_managed ? "after devres freed a mem the process reads zeros" :
			   "after remove() freed a mem the process reads zeros");
	check(map_error(fd, 0, 1, PROT_READ, MAP_SHARED) == ENODEV, "there is nothing to map then");
	tell_driver(MMAP_DRIVER "/bind");
	check(next_is_kept(a, A_PAGES), "a write after the unbind reaches nobody");
	unmap(a, A_PAGES);
	unmap(b, MMAP_B_PAGES);
}

int main(int argc, char **argv)
{
	fd = open(MMAP_FILE, O_RDWR);
	if (fd < 0)
		give_up(MMAP_FILE);
	access_a_mem();
	reclaim_a_mem();
	free_atomically();
	change_vmas();
	refuse_bad_vmas();
	map_through_two_nodes();
	keep_other_mappings_of_the_file();
	map_a_large_mem(argc > 1 && !strcmp(argv[1], "small"));
	fork_children();
	end_while_a_thread_writes();
	unbind(false);
	unbind(true);
	return tap_end();
}
