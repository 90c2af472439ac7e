// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vhost-user on QEMU's storage daemon: what a peer alone does, with its connection, its memory
 * slots, its registers, and transfers that it has in flight. tests/promises.c runs the promises.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../examples/blk.h"
#include "../../examples/qsd.h"
#include "../test.h"

#define PAGE 4096
#define DIRT 0x5a
#define IMAGE_BYTES (4 << 20)
/* The image is all DIRT from here on. */
#define DIRT_SECTOR 1024

/**
 * struct bench - A daemon, its disk, and a driver.
 * @qsd: The daemon.
 * @image: Its disk.
 * @fd: The same, here.
 * @link: What points to its socket.
 * @name: Of the device.
 * @dev: The device.
 * @blk: The driver.
 * @log: Its reports.
 */
static struct bench {
	struct qsd qsd;
	char image[32];
	int fd;
	char link[40];
	char name[64];
	struct coherent_device *dev;
	struct blk blk;
	struct log log;
} bench;

static void start_daemon(unsigned int reads)
{
	assert_ok(qsd_start(&bench.qsd, bench.image, reads, -1));
	unlink(bench.link);
	assert_ok(symlink(bench.qsd.path, bench.link));
}

static void open_device(void)
{
	assert_ok(coherent_device_open(&bench.dev, bench.name, .report = log_report,
				       .report_arg = &bench.log));
}

static void open_slow(unsigned int reads)
{
	uint8_t dirt[PAGE];

	bench = (struct bench){ .image = "/tmp/test-vhost-XXXXXX", .log = LOG_EMPTY };
	bench.fd = mkstemp(bench.image);
	assert_true(bench.fd >= 0);
	assert_ok(ftruncate(bench.fd, IMAGE_BYTES));
	memset(dirt, DIRT, sizeof(dirt));
	for (off_t at = 0; at < 1 << 18; at += PAGE)
		assert_int_equal(pwrite(bench.fd, dirt, PAGE, DIRT_SECTOR * 512 + at), PAGE);
	snprintf(bench.link, sizeof(bench.link), "%s.socket", bench.image);
	snprintf(bench.name, sizeof(bench.name), "vhost-user:%s", bench.link);
	start_daemon(reads);
	open_device();
}

static int open_bench(void **state)
{
	(void)state;
	open_slow(0);
	assert_ok(blk_open(&bench.blk, bench.dev, 32));
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	if (bench.blk.dev)
		blk_close(&bench.blk);
	coherent_device_close(bench.dev);
	qsd_end(&bench.qsd);
	unlink(bench.link);
	unlink(bench.image);
	close(bench.fd);
	return 0;
}

/* --- What the device does --- */

static int try_write(coherent_addr_t to, size_t bytes)
{
	blk_start_at(&bench.blk, 0, false, DIRT_SECTOR, to, bytes);
	return blk_wait(&bench.blk, 0);
}

static void recover(void)
{
	blk_close(&bench.blk);
	assert_ok(coherent_device_reset(bench.dev));
	assert_ok(blk_open(&bench.blk, bench.dev, 32));
}

/* How many mappings the daemon has of memory that it was given. */
static unsigned int peer_mappings(void)
{
	unsigned int count = 0;
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)bench.qsd.pid);
	maps = fopen(path, "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		count += !!strstr(line, "memfd:coherent");
	fclose(maps);
	return count;
}

/* --- Reclaim and free --- */

static void expose_and_reclaim_leave_nothing(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	unsigned int ours, theirs, mappings;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, bench.dev, 5 * PAGE));
	ours = open_files(getpid());
	theirs = open_files(bench.qsd.pid);
	mappings = peer_mappings();
	for (unsigned int turn = 0; turn < 1000; turn++) {
		coherent_box_ptr(&box)[turn] = (uint8_t)turn;
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_int_equal(coherent_box_ptr(&box)[turn], (uint8_t)turn);
	}
	assert_int_equal(open_files(getpid()), ours);
	assert_int_equal(open_files(bench.qsd.pid), theirs);
	assert_int_equal(peer_mappings(), mappings);
}

/* What is freed may be written to: it is nobody's, pages, address and slot, until a fence. */
static void slots_run_out(void **state)
{
	COHERENT(uint8_t) mems[64] = { COHERENT_EMPTY };
	struct coherent_limits limits;
	unsigned int files;
	size_t i;

	(void)state;
	assert_ok(coherent_device_limits(bench.dev, &limits));
	/* The driver has two. */
	for (i = 0; i < limits.mappings - 2 && i < 64; i++)
		assert_ok(coherent_zeroed(&mems[i], bench.dev, 1));
	if (i == 64) {
		print_message("# %zu slots: not filled\n", limits.mappings);
	} else {
		assert_err(coherent_zeroed(&mems[i], bench.dev, 1), -ENOSPC);
		assert_true(log_has(&bench.log, "mappings are in use"));
		coherent_free(&mems[0]);
		assert_err(coherent_zeroed(&mems[0], bench.dev, 1), -ENOSPC);
		assert_ok(try_write(coherent_addr(&mems[1]), 512));
	}
	files = open_files(getpid());
	while (i-- > 0)
		coherent_free(&mems[i]);
	assert_int_equal(open_files(getpid()), files);
	recover();
	assert_true(open_files(getpid()) < files - 20);
	assert_ok(coherent_zeroed(&mems[0], bench.dev, 1));
	coherent_free(&mems[0]);
}

/* As many reads a second; 16 of them, each of a page, into memory. */
#define READS_A_SECOND 60
#define IN_FLIGHT 16

static void start_reads(coherent_addr_t to)
{
	for (unsigned int slot = 0; slot < IN_FLIGHT; slot++) {
		coherent_addr_t page = { to.raw + slot * PAGE };

		blk_start_at(&bench.blk, slot, false, DIRT_SECTOR, page, PAGE);
	}
	blk_kick(&bench.blk);
}

static unsigned int dirty_pages(const uint8_t *memory)
{
	unsigned int count = 0;

	for (size_t i = 0; i < IN_FLIGHT; i++)
		count += is_all(memory + i * PAGE, DIRT, PAGE);
	return count;
}

/* Its first answer to the next connection comes when all is over. */
static void fence_ends_what_is_in_flight(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t *seen = malloc(IN_FLIGHT * PAGE);
	unsigned int dirty;

	(void)state;
	open_slow(READS_A_SECOND);
	assert_ok(blk_open(&bench.blk, bench.dev, 32));
	assert_ok(coherent_zeroed(&mem, bench.dev, IN_FLIGHT * PAGE));
	start_reads(coherent_addr(&mem));
	assert_ok(blk_wait(&bench.blk, 0));
	assert_int_not_equal(bench.blk.busy, 0);
	assert_ok(coherent_device_fence(bench.dev));
	assert_ok(coherent_copy_out(&mem, 0, seen, IN_FLIGHT * PAGE));
	dirty = dirty_pages(seen);
	assert_true(dirty > 0);
	usleep(500 * 1000);
	assert_ok(coherent_copy_out(&mem, 0, seen, IN_FLIGHT * PAGE));
	assert_int_equal(dirty_pages(seen), dirty);
	free(seen);
}

/* --- Registers and interrupts --- */

static void registers_are_those_of_virtio_mmio(void **state)
{
	COHERENT_BAR_AUTO(bar);
	struct coherent_irq *other;

	(void)state;
	assert_ok(coherent_bar_open(&bar, bench.dev, 0));
	assert_int_equal(coherent_bar_read32(bar, 0), 0x74726976);
	assert_int_equal(coherent_bar_read32(bar, 4), 2);
	assert_int_equal(coherent_bar_read32(bar, 8), 2);
	/* ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK */
	assert_int_equal(coherent_bar_read32(bar, 0x70), 15);
	assert_int_equal(coherent_bar_read32(bar, 0x44), 1);
	assert_int_equal(coherent_bar_read64(bar, 0x100), IMAGE_BYTES / 512);
	assert_int_equal(coherent_bar_read32(bar, 0x104), 0);
	assert_int_equal(coherent_bar_read16(bar, 0x100), IMAGE_BYTES / 512);
	/* Registers are read whole. */
	assert_int_equal(coherent_bar_read16(bar, 0), UINT16_MAX);
	/* More than it has of configuration. */
	assert_int_equal(coherent_bar_read32(bar, 0x1fc), UINT32_MAX);
	assert_int_equal(coherent_bar_read32(bar, 0x200), UINT32_MAX);
	assert_err(coherent_irq_open(&other, bench.dev, 0), -EBUSY);
	assert_err(coherent_irq_open(&other, bench.dev, 1), -ENODEV);
	/* It still works. */
	assert_ok(try_write(coherent_addr(&bench.blk.data), PAGE));
}

/* Nobody has to listen. */
static void driver_may_poll(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte;

	(void)state;
	coherent_irq_close(bench.blk.irq);
	bench.blk.irq = NULL;
	assert_ok(coherent_zeroed(&mem, bench.dev, PAGE));
	for (unsigned int turn = 0; turn < 3; turn++) {
		assert_ok(coherent_write(&mem, PAGE - 1, 0));
		blk_start_at(&bench.blk, turn, false, DIRT_SECTOR, coherent_addr(&mem), PAGE);
		blk_kick(&bench.blk);
		assert_ok(coherent_poll(&mem, PAGE - 1, &byte, byte == DIRT, LONG));
	}
	usleep(10 * 1000);
	assert_ok(blk_wait(&bench.blk, 2));
	assert_ok(coherent_irq_open(&bench.blk.irq, bench.dev, 0));
	assert_ok(try_write(coherent_addr(&mem), PAGE));
}

/* A queue that nothing exposed holds would make the peer hang up: it is told here. */
static void queue_has_to_be_exposed(void **state)
{
	struct coherent_bar *bar = bench.blk.bar;

	(void)state;
	coherent_bar_write32(bar, 0x70, 0);
	assert_int_equal(coherent_bar_read32(bar, 0x70), 0);
	coherent_bar_write32(bar, 0x70, 3);
	coherent_bar_write32(bar, 0x24, 1);
	coherent_bar_write32(bar, 0x20, 1);
	coherent_bar_write32(bar, 0x70, 11);
	assert_int_equal(coherent_bar_read32(bar, 0x70), 11);
	coherent_bar_write32(bar, 0x38, 3);
	coherent_bar_write32(bar, 0x44, 1);
	assert_int_equal(coherent_bar_read32(bar, 0x44), 0);
	coherent_bar_write32(bar, 0x38, 128);
	coherent_bar_write32(bar, 0x44, 1);
	coherent_bar_write32(bar, 0x70, 15);
	/* NEEDS_RESET */
	assert_int_equal(coherent_bar_read32(bar, 0x70), 15 | 0x40);
	assert_true(log_has(&bench.log, "queue 0 of 128 entries is not in memory that is exposed"));
	blk_close(&bench.blk);
	assert_ok(blk_open(&bench.blk, bench.dev, 32));
	assert_ok(try_write(coherent_addr(&bench.blk.data), PAGE));
}

/* --- The device is lost, and found --- */

static void killed_peer_leaves_memory(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, none);
	COHERENT_BOX_AUTO(uint8_t, box);
	uint8_t byte;

	(void)state;
	open_slow(READS_A_SECOND);
	assert_ok(blk_open(&bench.blk, bench.dev, 32));
	assert_ok(coherent_zeroed(&mem, bench.dev, IN_FLIGHT * PAGE));
	start_reads(coherent_addr(&mem));
	assert_ok(coherent_read(&mem, IN_FLIGHT * PAGE - 1, &byte));
	assert_int_equal(byte, 0);
	assert_ok(kill(bench.qsd.pid, SIGKILL));
	assert_err(blk_wait(&bench.blk, IN_FLIGHT - 1), -ENODEV);
	assert_err(coherent_poll(&mem, IN_FLIGHT * PAGE - 1, &byte, byte == 1, UINT64_MAX),
		   -ENODEV);
	assert_err(coherent_zeroed(&none, bench.dev, 1), -ENODEV);
	assert_int_equal(coherent_bar_read32(bench.blk.bar, 0), UINT32_MAX);
	assert_true(log_has(&bench.log, "coherent_device_reset() connects again"));
	assert_err(coherent_device_reset(bench.dev), -ENODEV);
	/* What there is can be used, and taken back. */
	assert_ok(coherent_write(&mem, IN_FLIGHT * PAGE - 1, 9));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[IN_FLIGHT * PAGE - 1], 9);
	/* Another is found by the same name. */
	blk_close(&bench.blk);
	qsd_end(&bench.qsd);
	start_daemon(0);
	assert_ok(coherent_device_reset(bench.dev));
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(blk_open(&bench.blk, bench.dev, 32));
	assert_ok(try_write(coherent_addr(&mem), PAGE));
	assert_ok(coherent_read(&mem, IN_FLIGHT * PAGE - 1, &byte));
	assert_int_equal(byte, 9);
}

/* While a child has the connection too, a reset is still one. */
static void forked_child_does_not_keep_the_connection(void **state)
{
	int hold[2];
	pid_t child;
	char byte;

	(void)state;
	assert_ok(pipe(hold));
	child = fork();
	if (!child) {
		close(hold[1]);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	close(hold[0]);
	recover();
	assert_ok(try_write(coherent_addr(&bench.blk.data), PAGE));
	close(hold[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void connections_leave_nothing(void **state)
{
	const char *turns = getenv("VHOST_USER_CYCLES");
	const long count = turns ? atol(turns) : 10000;
	unsigned int ours, theirs;

	(void)state;
	blk_close(&bench.blk);
	coherent_device_close(bench.dev);
	ours = open_files(getpid());
	open_device();
	theirs = open_files(bench.qsd.pid);
	for (long turn = 0; turn < count; turn++) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, bench.dev, 1));
		coherent_free(&mem);
		coherent_device_close(bench.dev);
		open_device();
	}
	assert_int_equal(open_files(bench.qsd.pid), theirs);
	coherent_device_close(bench.dev);
	assert_int_equal(open_files(getpid()), ours);
	bench.dev = NULL;
	bench.blk.dev = NULL;
}

/* --- Threads --- */

static void *expose_and_reclaim(void *arg)
{
	(void)arg;
	for (unsigned int turn = 0; turn < 50; turn++) {
		COHERENT_BOX_AUTO(uint32_t, box);
		COHERENT_AUTO(uint32_t, mem);

		assert_ok(coherent_box_zeroed(&box, bench.dev, 1));
		*coherent_box_ptr(&box) = turn;
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_write(&mem, 0, turn + 1));
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_int_equal(*coherent_box_ptr(&box), turn + 1);
	}
	return NULL;
}

static void *wait_until_closed(void *arg)
{
	int err;

	do
		err = coherent_irq_wait(arg, UINT64_MAX);
	while (!err);
	assert_err(err, -ENODEV);
	return NULL;
}

/* A reset in between is no loss: who waits goes on to wait, who exposes waits for it. */
static void threads_share_a_device(void **state)
{
	COHERENT_BAR_AUTO(bar);
	struct coherent_irq *irq;
	pthread_t threads[4];

	(void)state;
	blk_close(&bench.blk);
	assert_ok(coherent_bar_open(&bar, bench.dev, 0));
	assert_ok(coherent_irq_open(&irq, bench.dev, 0));
	assert_ok(pthread_create(&threads[3], NULL, wait_until_closed, irq));
	for (size_t i = 0; i < 3; i++)
		assert_ok(pthread_create(&threads[i], NULL, expose_and_reclaim, NULL));
	for (unsigned int turn = 0; turn < 20; turn++) {
		assert_int_equal(coherent_bar_read32(bar, 0), 0x74726976);
		assert_ok(coherent_device_reset(bench.dev));
	}
	for (size_t i = 0; i < 3; i++)
		assert_ok(pthread_join(threads[i], NULL));
	coherent_device_close(bench.dev);
	assert_ok(pthread_join(threads[3], NULL));
	coherent_irq_close(irq);
	bench.dev = NULL;
	bench.blk.dev = NULL;
}

/* --- Too few descriptors --- */

static void descriptors_run_out(void **state)
{
	COHERENT(uint8_t) mems[32] = { COHERENT_EMPTY };
	struct rlimit before, few;
	size_t i = 0;
	int err = 0;

	(void)state;
	assert_ok(getrlimit(RLIMIT_NOFILE, &before));
	few = before;
	few.rlim_cur = open_files(getpid()) + 4;
	assert_ok(setrlimit(RLIMIT_NOFILE, &few));
	while (!err && i < ARRAY_SIZE(mems))
		err = coherent_zeroed(&mems[i++], bench.dev, 1);
	assert_ok(setrlimit(RLIMIT_NOFILE, &before));
	assert_err(err, -ENOSPC);
	assert_true(i < 10);
	assert_true(log_has(&bench.log, "raise ulimit -n"));
	while (i-- > 0)
		coherent_free(&mems[i]);
	assert_ok(try_write(coherent_addr(&bench.blk.data), PAGE));
}

#define ON_A_DISK(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
#define ON_A_SLOW_DISK(test) cmocka_unit_test_teardown(test, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_DISK(expose_and_reclaim_leave_nothing),
		ON_A_DISK(slots_run_out),
		ON_A_SLOW_DISK(fence_ends_what_is_in_flight),
		ON_A_DISK(registers_are_those_of_virtio_mmio),
		ON_A_DISK(driver_may_poll),
		ON_A_DISK(queue_has_to_be_exposed),
		ON_A_SLOW_DISK(killed_peer_leaves_memory),
		ON_A_DISK(forked_child_does_not_keep_the_connection),
		ON_A_DISK(connections_leave_nothing),
		ON_A_DISK(threads_share_a_device),
		ON_A_DISK(descriptors_run_out),
	};

	if (system("qemu-storage-daemon --version >/dev/null 2>&1")) {
		puts("1..1\nok 1 - vhost-user # SKIP there is no qemu-storage-daemon");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
