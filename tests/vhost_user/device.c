// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests use QEMU's storage daemon as a peer. They test what only peers have: a connection,
 * memory slots, virtio registers, and transfers in flight in another process. tests/promises.c
 * tests the promises.
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

#define DIRT 0x5a
#define IMAGE_BYTES (4 << 20)
/* From this sector on the image has DIRT. */
#define DIRT_SECTOR 1024

/**
 * struct fixture - A daemon, its disk, and a driver.
 * @qsd: The daemon.
 * @image: The path of the disk's image.
 * @fd: The descriptor of the image in this process.
 * @link: The path of a link to the socket of the daemon that runs now.
 * @name: The name of the device.
 * @dev: The device.
 * @blk: The driver.
 * @log: The reports of the device.
 */
static struct fixture {
	struct qsd qsd;
	char image[SCRATCH_MAX];
	int fd;
	char link[SCRATCH_MAX + 8];
	char name[SCRATCH_MAX + 24];
	struct coherent_device *dev;
	struct blk blk;
	struct log log;
} fixture;

static void start_daemon(unsigned int reads)
{
	assert_ok(qsd_start(&fixture.qsd, fixture.image, reads, -1));
	unlink(fixture.link);
	assert_ok(symlink(fixture.qsd.path, fixture.link));
}

static void open_device(void)
{
	assert_ok(coherent_device_open(&fixture.dev, fixture.name, .report = log_report,
				       .report_arg = &fixture.log));
}

/* Opens a disk that does @reads reads a second; 0 for as many as it can. */
static void open_disk(unsigned int reads)
{
	uint8_t dirt[PAGE];

	fixture = (struct fixture){ .log = LOG_EMPTY };
	fixture.fd = mkstemp(scratch(fixture.image, "test-vhost-XXXXXX"));
	assert_true(fixture.fd >= 0);
	assert_ok(ftruncate(fixture.fd, IMAGE_BYTES));
	memset(dirt, DIRT, sizeof(dirt));
	for (off_t at = 0; at < 1 << 18; at += PAGE)
		assert_int_equal(pwrite(fixture.fd, dirt, PAGE, DIRT_SECTOR * 512 + at), PAGE);
	snprintf(fixture.link, sizeof(fixture.link), "%s.socket", fixture.image);
	snprintf(fixture.name, sizeof(fixture.name), "vhost-user:%s", fixture.link);
	start_daemon(reads);
	open_device();
}

static int open_fixture(void **state)
{
	(void)state;
	open_disk(0);
	assert_ok(blk_open(&fixture.blk, fixture.dev, 32));
	return 0;
}

static int close_fixture(void **state)
{
	(void)state;
	if (fixture.blk.dev)
		blk_close(&fixture.blk);
	coherent_device_close(fixture.dev);
	qsd_end(&fixture.qsd);
	unlink(fixture.link);
	unlink(fixture.image);
	close(fixture.fd);
	return 0;
}

/* --- Accesses of the device --- */

static int try_write(coherent_addr_t to, size_t bytes)
{
	blk_start_at(&fixture.blk, 0, false, DIRT_SECTOR, to, bytes);
	return blk_wait(&fixture.blk, 0);
}

/* Stops the driver, resets the device, and starts the driver. */
static void restart_driver(void)
{
	blk_close(&fixture.blk);
	assert_ok(coherent_device_reset(fixture.dev));
	assert_ok(blk_open(&fixture.blk, fixture.dev, 32));
}

/* Returns how many mappings the daemon has of files of the library. */
static unsigned int peer_mappings(void)
{
	unsigned int count = 0;
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)fixture.qsd.pid);
	maps = fopen(path, "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		count += !!strstr(line, "memfd:coherent");
	fclose(maps);
	return count;
}

/* --- Reclaim and free --- */

static void expose_and_reclaim_leak_nothing(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	unsigned int ours, theirs, mappings;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, fixture.dev, 5 * PAGE));
	ours = open_files(getpid());
	theirs = open_files(fixture.qsd.pid);
	mappings = peer_mappings();
	for (unsigned int turn = 0; turn < 1000; turn++) {
		coherent_box_ptr(&box)[turn] = (uint8_t)turn;
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_int_equal(coherent_box_ptr(&box)[turn], (uint8_t)turn);
	}
	assert_int_equal(open_files(getpid()), ours);
	assert_int_equal(open_files(fixture.qsd.pid), theirs);
	assert_int_equal(peer_mappings(), mappings);
}

/* The daemon maps a mem when it is exposed, and it never gets a mem that cannot be exposed. */
static void peer_maps_only_what_is_exposed(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	const unsigned int mappings = peer_mappings();

	(void)state;
	assert_ok(coherent_box_zeroed(&box, fixture.dev, PAGE));
	assert_int_equal(peer_mappings(), mappings);
	assert_err(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY), -EOPNOTSUPP);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	assert_int_equal(peer_mappings(), mappings);
	assert_ok(coherent_zeroed(&mem, fixture.dev, PAGE));
	assert_int_equal(peer_mappings(), mappings + 1);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(peer_mappings(), mappings);
	coherent_box_free(&box);
}

/* A peer may still write to freed memory, so its pages, address and slot wait for a fence. */
static void slots_run_out_until_a_fence(void **state)
{
	COHERENT(uint8_t) mems[64] = { COHERENT_EMPTY };
	struct coherent_limits limits;
	unsigned int files;
	size_t i;

	(void)state;
	assert_ok(coherent_device_limits(fixture.dev, &limits));
	/* The driver uses two slots. */
	for (i = 0; i < limits.mappings - 2 && i < 64; i++)
		assert_ok(coherent_zeroed(&mems[i], fixture.dev, 1));
	if (i == 64) {
		print_message("# the test does not fill %zu slots\n", limits.mappings);
	} else {
		assert_err(coherent_zeroed(&mems[i], fixture.dev, 1), -ENOSPC);
		assert_true(log_has(&fixture.log, "mappings are in use"));
		coherent_free(&mems[0]);
		assert_err(coherent_zeroed(&mems[0], fixture.dev, 1), -ENOSPC);
		assert_ok(try_write(coherent_addr(&mems[1]), 512));
	}
	files = open_files(getpid());
	while (i-- > 0)
		coherent_free(&mems[i]);
	assert_int_equal(open_files(getpid()), files);
	restart_driver();
	assert_true(open_files(getpid()) < files - 20);
	assert_ok(coherent_zeroed(&mems[0], fixture.dev, 1));
	coherent_free(&mems[0]);
}

/* The slow disk does this many reads a second. The driver starts 16 reads of a page each. */
#define READS_A_SECOND 20
#define IN_FLIGHT 16

static void start_reads(coherent_addr_t to)
{
	for (unsigned int slot = 0; slot < IN_FLIGHT; slot++) {
		coherent_addr_t page = { to.raw + slot * PAGE };

		blk_start_at(&fixture.blk, slot, false, DIRT_SECTOR, page, PAGE);
	}
	blk_kick(&fixture.blk);
}

static unsigned int dirty_pages(const uint8_t *memory)
{
	unsigned int count = 0;

	for (size_t i = 0; i < IN_FLIGHT; i++)
		count += is_all(memory + i * PAGE, DIRT, PAGE);
	return count;
}

/* The daemon ends all transfers before it answers the next connection. */
static void fence_ends_what_is_in_flight(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t *seen = calloc(IN_FLIGHT, PAGE);
	unsigned int dirty;

	(void)state;
	open_disk(READS_A_SECOND);
	assert_ok(blk_open(&fixture.blk, fixture.dev, 32));
	assert_ok(coherent_zeroed(&mem, fixture.dev, IN_FLIGHT * PAGE));
	/* A loaded machine may run this process again only when all reads are done. */
	do {
		assert_ok(coherent_copy_in(&mem, 0, seen, IN_FLIGHT * PAGE));
		start_reads(coherent_addr(&mem));
		assert_ok(blk_wait(&fixture.blk, 0));
	} while (!fixture.blk.busy);
	assert_ok(coherent_device_fence(fixture.dev));
	assert_ok(coherent_copy_out(&mem, 0, seen, IN_FLIGHT * PAGE));
	dirty = dirty_pages(seen);
	assert_true(dirty > 0);
	/* The daemon does its reads in order, so this one would come after what is left. */
	restart_driver();
	assert_ok(try_write(coherent_addr(&fixture.blk.data), PAGE));
	assert_ok(coherent_copy_out(&mem, 0, seen, IN_FLIGHT * PAGE));
	assert_int_equal(dirty_pages(seen), dirty);
	free(seen);
}

/* --- Registers and interrupts --- */

static void registers_are_those_of_virtio_mmio(void **state)
{
	static const uint8_t magic_and_version[] = { 'v', 'i', 'r', 't', 2, 0, 0, 0 };
	COHERENT_BAR_AUTO(bar);
	struct coherent_irq *other;
	uint8_t seen[8];

	(void)state;
	assert_ok(coherent_bar_open(&bar, fixture.dev, 0));
	assert_int_equal(coherent_bar_read32(bar, 0), 0x74726976);
	/* A copy reads two registers, because one read of 8 bytes would read none. */
	assert_ok(coherent_bar_copy_out(bar, 0, seen, sizeof(seen)));
	assert_memory_equal(seen, magic_and_version, sizeof(seen));
	assert_int_equal(coherent_bar_read32(bar, 4), 2);
	assert_int_equal(coherent_bar_read32(bar, 8), 2);
	/* The status is ACKNOWLEDGE, DRIVER, FEATURES_OK and DRIVER_OK. */
	assert_int_equal(coherent_bar_read32(bar, 0x70), 15);
	assert_int_equal(coherent_bar_read32(bar, 0x44), 1);
	assert_int_equal(coherent_bar_read64(bar, 0x100), IMAGE_BYTES / 512);
	assert_int_equal(coherent_bar_read32(bar, 0x104), 0);
	assert_int_equal(coherent_bar_read16(bar, 0x100), IMAGE_BYTES / 512);
	/* A register cannot be read in part. */
	assert_int_equal(coherent_bar_read16(bar, 0), UINT16_MAX);
	/* These offsets are behind the end of the configuration. */
	assert_int_equal(coherent_bar_read32(bar, 0x1fc), UINT32_MAX);
	assert_int_equal(coherent_bar_read32(bar, 0x200), UINT32_MAX);
	assert_err(coherent_irq_open(&other, fixture.dev, 0), -EBUSY);
	assert_err(coherent_irq_open(&other, fixture.dev, 1), -ENODEV);
	/* The device still works. */
	assert_ok(try_write(coherent_addr(&fixture.blk.data), PAGE));
}

/* A driver works without an interrupt. */
static void driver_may_poll(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint16_t used;
	uint8_t byte;

	(void)state;
	coherent_irq_close(fixture.blk.irq);
	fixture.blk.irq = NULL;
	assert_ok(coherent_zeroed(&mem, fixture.dev, PAGE));
	for (unsigned int turn = 0; turn < 3; turn++) {
		assert_ok(coherent_write(&mem, PAGE - 1, 0));
		blk_start_at(&fixture.blk, turn, false, DIRT_SECTOR, coherent_addr(&mem), PAGE);
		blk_kick(&fixture.blk);
		assert_ok(coherent_poll(&mem, PAGE - 1, &byte, byte == DIRT, LONG));
	}
	/* The daemon writes the data before the index. blk_wait() cannot sleep without an interrupt. */
	assert_ok(coherent_poll(&fixture.blk.rings, 0, .used.index, &used, used == fixture.blk.told,
				LONG));
	assert_ok(blk_wait(&fixture.blk, 2));
	assert_ok(coherent_irq_open(&fixture.blk.irq, fixture.dev, 0));
	assert_ok(try_write(coherent_addr(&mem), PAGE));
}

/* A peer hangs up if a queue is not in exposed memory. The library reports it before that. */
static void queue_must_be_in_exposed_memory(void **state)
{
	struct coherent_bar *bar = fixture.blk.bar;

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
	/* The library adds NEEDS_RESET to the status. */
	assert_int_equal(coherent_bar_read32(bar, 0x70), 15 | 0x40);
	assert_true(
		log_has(&fixture.log, "queue 0 of 128 entries is not in memory that is exposed"));
	blk_close(&fixture.blk);
	assert_ok(blk_open(&fixture.blk, fixture.dev, 32));
	assert_ok(try_write(coherent_addr(&fixture.blk.data), PAGE));
}

/* --- Lost connections --- */

static void killed_peer_leaves_memory(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, none);
	COHERENT_BOX_AUTO(uint8_t, box);
	uint8_t byte;

	(void)state;
	assert_ok(coherent_zeroed(&mem, fixture.dev, IN_FLIGHT * PAGE));
	/* The daemon stops, so that the reads are in flight however long the test takes. */
	assert_ok(kill(fixture.qsd.pid, SIGSTOP));
	start_reads(coherent_addr(&mem));
	assert_ok(coherent_read(&mem, IN_FLIGHT * PAGE - 1, &byte));
	assert_int_equal(byte, 0);
	assert_ok(kill(fixture.qsd.pid, SIGKILL));
	assert_err(blk_wait(&fixture.blk, IN_FLIGHT - 1), -ENODEV);
	assert_err(coherent_poll(&mem, IN_FLIGHT * PAGE - 1, &byte, byte == 1, UINT64_MAX),
		   -ENODEV);
	assert_err(coherent_zeroed(&none, fixture.dev, 1), -ENODEV);
	assert_int_equal(coherent_bar_read32(fixture.blk.bar, 0), UINT32_MAX);
	assert_true(log_has(&fixture.log, "coherent_device_reset() connects again"));
	assert_err(coherent_device_reset(fixture.dev), -ENODEV);
	/* The driver can use the memory and reclaim it. */
	assert_ok(coherent_write(&mem, IN_FLIGHT * PAGE - 1, 9));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[IN_FLIGHT * PAGE - 1], 9);
	/* A reset connects to another daemon at the same name. */
	blk_close(&fixture.blk);
	qsd_end(&fixture.qsd);
	start_daemon(0);
	assert_ok(coherent_device_reset(fixture.dev));
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(blk_open(&fixture.blk, fixture.dev, 32));
	assert_ok(try_write(coherent_addr(&mem), PAGE));
	assert_ok(coherent_read(&mem, IN_FLIGHT * PAGE - 1, &byte));
	assert_int_equal(byte, 9);
}

/* A reset ends the connection although a child inherits its descriptor. */
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
	restart_driver();
	assert_ok(try_write(coherent_addr(&fixture.blk.data), PAGE));
	close(hold[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void closed_connections_leave_no_descriptors(void **state)
{
	const char *turns = getenv("VHOST_USER_CYCLES");
	const long count = turns ? atol(turns) : 1000;
	unsigned int ours, theirs;

	(void)state;
	blk_close(&fixture.blk);
	coherent_device_close(fixture.dev);
	ours = open_files(getpid());
	open_device();
	theirs = open_files(fixture.qsd.pid);
	for (long turn = 0; turn < count; turn++) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, fixture.dev, 1));
		coherent_free(&mem);
		coherent_device_close(fixture.dev);
		open_device();
	}
	assert_int_equal(open_files(fixture.qsd.pid), theirs);
	coherent_device_close(fixture.dev);
	assert_int_equal(open_files(getpid()), ours);
	fixture.dev = NULL;
	fixture.blk.dev = NULL;
}

/* --- Threads --- */

static void *expose_and_reclaim(void *arg)
{
	(void)arg;
	for (unsigned int turn = 0; turn < 50; turn++) {
		COHERENT_BOX_AUTO(uint32_t, box);
		COHERENT_AUTO(uint32_t, mem);

		assert_ok(coherent_box_zeroed(&box, fixture.dev, 1));
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

/* A thread that waits for interrupts goes on after a reset. A thread that exposes waits for it. */
static void threads_share_a_device(void **state)
{
	COHERENT_BAR_AUTO(bar);
	struct coherent_irq *irq;
	pthread_t threads[4];

	(void)state;
	blk_close(&fixture.blk);
	assert_ok(coherent_bar_open(&bar, fixture.dev, 0));
	assert_ok(coherent_irq_open(&irq, fixture.dev, 0));
	assert_ok(pthread_create(&threads[3], NULL, wait_until_closed, irq));
	for (size_t i = 0; i < 3; i++)
		assert_ok(pthread_create(&threads[i], NULL, expose_and_reclaim, NULL));
	for (unsigned int turn = 0; turn < 20; turn++) {
		assert_int_equal(coherent_bar_read32(bar, 0), 0x74726976);
		assert_ok(coherent_device_reset(fixture.dev));
	}
	for (size_t i = 0; i < 3; i++)
		assert_ok(pthread_join(threads[i], NULL));
	coherent_device_close(fixture.dev);
	assert_ok(pthread_join(threads[3], NULL));
	coherent_irq_close(irq);
	fixture.dev = NULL;
	fixture.blk.dev = NULL;
}

/* --- Too few descriptors --- */

static void lack_of_descriptors_is_reported(void **state)
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
		err = coherent_zeroed(&mems[i++], fixture.dev, 1, .attrs = COHERENT_ATTR_NO_WARN);
	assert_int_equal(fixture.log.count, 0);
	assert_err(err, -ENOSPC);
	assert_err(coherent_zeroed(&mems[i - 1], fixture.dev, 1), -ENOSPC);
	assert_ok(setrlimit(RLIMIT_NOFILE, &before));
	assert_true(i < 10);
	assert_true(log_has(&fixture.log, "raise ulimit -n"));
	/* The device has slots left, so no report may say that they are used up. */
	assert_false(log_has(&fixture.log, "mappings are in use"));
	while (i-- > 0)
		coherent_free(&mems[i]);
	assert_ok(try_write(coherent_addr(&fixture.blk.data), PAGE));
}

#define ON_A_DISK(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)
#define ON_A_SLOW_DISK(test) cmocka_unit_test_teardown(test, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_DISK(expose_and_reclaim_leak_nothing),
		ON_A_DISK(peer_maps_only_what_is_exposed),
		ON_A_DISK(slots_run_out_until_a_fence),
		ON_A_SLOW_DISK(fence_ends_what_is_in_flight),
		ON_A_DISK(registers_are_those_of_virtio_mmio),
		ON_A_DISK(driver_may_poll),
		ON_A_DISK(queue_must_be_in_exposed_memory),
		ON_A_DISK(killed_peer_leaves_memory),
		ON_A_DISK(forked_child_does_not_keep_the_connection),
		ON_A_DISK(closed_connections_leave_no_descriptors),
		ON_A_DISK(threads_share_a_device),
		ON_A_DISK(lack_of_descriptors_is_reported),
	};

	if (system("qemu-storage-daemon --version >/dev/null 2>&1")) {
		puts("1..1\nok 1 - vhost-user # SKIP there is no qemu-storage-daemon");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
