// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Device models of an installed QEMU, behind its virtio-iommu: what QEMU alone does, as a process
 * and as a fence that leaves edu's timer running. tests/promises.c runs the promises.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../examples/nvme.h"
#include "../src/qemu/device.h"
#include "test.h"

#define PAGE 4096
#define DIRT 0x5a
#define BYTES 64

enum { EDU_ID = 0x00, EDU_LIVENESS = 0x04, EDU_IRQ_STATUS = 0x24, EDU_IRQ_RAISE = 0x60 };
enum { EDU_IRQ_ACK = 0x64, DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2, BUFFER = 0x40000 };

static struct coherent_device *dev;
static struct coherent_bar *bar;
static struct log reports;

static int open_edu(void **state)
{
	(void)state;
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "qemu:edu", .report = log_report,
				       .report_arg = &reports));
	assert_ok(coherent_device_set_mask(dev, coherent_mask(28)));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	return 0;
}

static int close_edu(void **state)
{
	(void)state;
	coherent_bar_close(bar);
	coherent_device_close(dev);
	return 0;
}

static void start(uint64_t from, uint64_t to, uint64_t bytes, uint64_t command)
{
	coherent_bar_write64(bar, DMA_SRC, from);
	coherent_bar_write64(bar, DMA_DST, to);
	coherent_bar_write64(bar, DMA_COUNT, bytes);
	coherent_bar_write64(bar, DMA_CMD, command | RUN);
}

static void finish(void)
{
	assert_ok(coherent_bar_poll32(bar, DMA_CMD, RUN, 0, LONG));
}

static void device_gets_dirt(void)
{
	COHERENT_AUTO(uint8_t, dirt);

	assert_ok(coherent_zeroed(&dirt, dev, BYTES));
	for (size_t i = 0; i < BYTES; i++)
		assert_ok(coherent_write(&dirt, i, DIRT));
	start(coherent_addr(&dirt).raw, BUFFER, BYTES, 0);
	finish();
}

static void device_reads(uint64_t from, uint8_t seen[BYTES])
{
	COHERENT_AUTO(uint8_t, window);

	assert_ok(coherent_zeroed(&window, dev, BYTES));
	start(from, BUFFER, BYTES, 0);
	finish();
	start(BUFFER, coherent_addr(&window).raw, BYTES, TO_MEMORY);
	finish();
	assert_ok(coherent_copy_out(&window, 0, seen, BYTES));
}

/* --- Reclaim and free --- */

/* edu forgets nothing when it is reset. */
static void armed_transfer_reaches_nobody_after_a_fence(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	uint8_t seen[BYTES];

	(void)state;
	device_gets_dirt();
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	start(BUFFER, coherent_addr(&mem).raw, BYTES, TO_MEMORY);
	coherent_free(&mem);
	assert_ok(coherent_device_fence(dev));
	assert_ok(coherent_zeroed(&next, dev, PAGE));
	finish();
	assert_fault(dev, COHERENT_STATE_FREED);
	assert_ok(coherent_copy_out(&next, 0, seen, BYTES));
	assert_true(is_all(seen, 0, BYTES));
	coherent_free(&next);
}

/* Neither the size of an object nor another mask gives its address away. */
static void addresses_are_kept_after_a_fence(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	uint8_t seen[BYTES];
	uint64_t old;

	(void)state;
	device_gets_dirt();
	assert_ok(coherent_zeroed(&mem, dev, 40 << 20));
	old = coherent_addr(&mem).raw;
	start(BUFFER, old, BYTES, TO_MEMORY);
	coherent_free(&mem);
	assert_ok(coherent_device_fence(dev));
	assert_err(coherent_device_set_mask(dev, coherent_mask(28)), -EBUSY);
	assert_ok(coherent_zeroed(&next, dev, 40 << 20));
	assert_true(coherent_addr(&next).raw >= old + (40 << 20));
	finish();
	assert_fault(dev, COHERENT_STATE_FREED);
	assert_ok(coherent_copy_out(&next, 0, seen, BYTES));
	assert_true(is_all(seen, 0, BYTES));
	coherent_free(&next);
}

static void memory_runs_out_and_a_fence_brings_it_back(void **state)
{
	COHERENT(uint8_t) mems[100] = { COHERENT_EMPTY };
	size_t i = 0;
	int err = 0;

	(void)state;
	while (!err && i < ARRAY_SIZE(mems))
		err = coherent_zeroed(&mems[i++], dev, 4 << 20);
	assert_err(err, -ENOSPC);
	assert_int_equal(i - 1, 15);
	assert_true(log_has(&reports, "or take more: qemu:edu,memory=128"));
	coherent_free(&mems[0]);
	assert_err(coherent_zeroed(&mems[0], dev, 4 << 20), -ENOSPC);
	assert_ok(coherent_device_fence(dev));
	assert_ok(coherent_zeroed(&mems[0], dev, 4 << 20));
	while (i-- > 0)
		coherent_free(&mems[i]);
}

/* --- Registers and interrupts --- */

static void registers_are_read_and_written(void **state)
{
	struct coherent_bar *none;

	(void)state;
	assert_int_equal(coherent_bar_read32(bar, EDU_ID) & 0xff, 0xed);
	coherent_bar_write32(bar, EDU_LIVENESS, 5);
	assert_int_equal(coherent_bar_read32(bar, EDU_LIVENESS), ~UINT32_C(5));
	assert_int_equal(coherent_bar_read32(bar, UINT64_C(1) << 20), UINT32_MAX);
	assert_err(coherent_bar_open(&none, dev, 1), -ENODEV);
}

static void interrupts_wake(void **state)
{
	COHERENT_IRQ_AUTO(irq);
	struct coherent_irq *other;

	(void)state;
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_err(coherent_irq_open(&other, dev, 0), -EBUSY);
	assert_err(coherent_irq_open(&other, dev, 1), -ENODEV);
	assert_err(coherent_irq_wait(irq, MS), -ETIMEDOUT);
	for (unsigned int turn = 0; turn < 4; turn++) {
		/* Also after a reset. */
		if (turn == 2)
			assert_ok(coherent_device_reset(dev));
		coherent_bar_write32(bar, EDU_IRQ_RAISE, 0x10);
		assert_ok(coherent_irq_wait(irq, LONG));
		assert_int_equal(coherent_bar_read32(bar, EDU_IRQ_STATUS), 0x10);
		coherent_bar_write32(bar, EDU_IRQ_ACK, 0x10);
		assert_err(coherent_irq_wait(irq, 10 * MS), -ETIMEDOUT);
	}
	/* One that nobody listened to is nobody's. */
	coherent_irq_close(irq);
	coherent_bar_write32(bar, EDU_IRQ_RAISE, 0x10);
	coherent_bar_write32(bar, EDU_IRQ_ACK, 0x10);
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_err(coherent_irq_wait(irq, 10 * MS), -ETIMEDOUT);
}

/* --- The device is lost --- */

static pid_t child_of_ours(void)
{
	return child_process("qemu-system");
}

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
	assert_ok(kill(child_of_ours(), SIGKILL));
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

static void last_words_are_reported(void **state)
{
	uint8_t seen[BYTES];

	(void)state;
	/* The first that an IOMMU refuses, QEMU writes too. */
	device_reads(0, seen);
	assert_ok(kill(child_of_ours(), SIGKILL));
	assert_err(coherent_device_fence(dev), -ENODEV);
	assert_true(log_has(&reports, "QEMU is gone; its last error was: qemu-system-x86_64: "));
}

/* A mapping of more pages is not taken apart. */
static void what_stays_mapped_ends_the_device(void **state)
{
	struct qemu *qemu = (struct qemu *)dev->backend;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);
	uint64_t at;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_write(&mem, 0, 9));
	at = coherent_addr(&mem).raw;
	assert_ok(qemu_iommu_unmap(&qemu->iommu, at, PAGE));
	assert_ok(qemu_iommu_map(&qemu->iommu, at, QEMU_OBJECTS_AT, 2 * PAGE, true));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[0], 9);
	assert_true(log_has(&reports, "QEMU's IOMMU did not unmap memory"));
	assert_err(coherent_zeroed(&none, dev, 1), -ENODEV);
}

static void *kill_later(void *arg)
{
	usleep((useconds_t)(uintptr_t)arg);
	(void)kill(child_of_ours(), SIGKILL);
	return NULL;
}

/* In the middle of whatever: an error, and what was in memory. */
static void qemu_may_be_killed_at_any_moment(void **state)
{
	(void)state;
	for (uintptr_t turn = 0; turn < 20; turn++) {
		COHERENT_BOX(uint32_t) box = COHERENT_EMPTY;
		COHERENT(uint32_t) mem = COHERENT_EMPTY;
		uint32_t value = 0;
		pthread_t killer;
		int err = 0;

		open_edu(state);
		assert_ok(coherent_box_zeroed(&box, dev, PAGE / 4));
		assert_ok(pthread_create(&killer, NULL, kill_later, (void *)(turn * 137)));
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

/* Those of edu: there is one. Until the device is closed. */
static void *use_interrupts(void *arg)
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

/* Whoever waits hears of it, and it is no loss; memory keeps the device until then. */
static void close_ends_waiting_and_is_no_loss(void **state)
{
	(void)state;
	for (useconds_t turn = 0; turn < 20; turn++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		uint64_t timeout_ns = turn % 2 ? UINT64_MAX : 0;
		pthread_t user;
		void *answer;

		open_edu(state);
		coherent_bar_close(bar);
		assert_ok(coherent_zeroed(&mem, dev, 1));
		assert_ok(pthread_create(&user, NULL, use_interrupts, &timeout_ns));
		usleep(turn * 500);
		coherent_device_close(dev);
		assert_ok(pthread_join(user, &answer));
		assert_int_equal((intptr_t)answer, -ENODEV);
		coherent_free(&mem);
		assert_false(log_has(&reports, "QEMU"));
	}
}

/* --- Models --- */

/* A real controller: what its driver does, and what it is refused. */
static void nvme_controller_runs(void **state)
{
	COHERENT_DEVICE_AUTO(nvme_dev);
	struct coherent_limits limits;
	struct nvme nvme;
	uint8_t out[PAGE], in[PAGE];

	(void)state;
	assert_ok(coherent_device_open(&nvme_dev, "qemu:nvme,max_ioqpairs=4"));
	assert_ok(coherent_device_limits(nvme_dev, &limits));
	assert_true(limits.vectors > 1);
	assert_ok(nvme_open(&nvme, nvme_dev, 32));
	assert_string_equal(nvme.model, "QEMU NVMe Ctrl");
	memset(out, DIRT, PAGE);
	assert_ok(nvme_fill(&nvme, 0, out, PAGE));
	nvme_start(&nvme, 0, false, 0, PAGE / nvme.block_bytes);
	assert_ok(nvme_wait(&nvme, 0));
	assert_ok(nvme_take(&nvme, 0, in, PAGE));
	assert_true(is_all(in, 0, PAGE));
	nvme_close(&nvme);
}

/* --- virtio: a device that asks for what it is told to --- */

/* Of its BAR 4, as QEMU places them; the fields of Virtio 1.2, 4.1.4.3. */
enum { NOTIFY = 0x3000, FEATURES_AT = 8, FEATURES = 12, STATUS = 20, QUEUE_SIZE = 24 };
enum { QUEUE_ENABLE = 28, DESC_AT = 32, AVAIL_AT = 40, USED_AT = 48 };
enum { ENTRIES = 8, AVAIL = 0x100, USED = 0x200 };

static void start_virtio(struct coherent_bar *registers, uint64_t rings)
{
	coherent_bar_write8(registers, STATUS, 3);
	coherent_bar_write32(registers, FEATURES_AT, 1);
	/* VERSION_1, ACCESS_PLATFORM. */
	coherent_bar_write32(registers, FEATURES, 3);
	coherent_bar_write8(registers, STATUS, 11);
	assert_int_equal(coherent_bar_read8(registers, STATUS), 11);
	coherent_bar_write16(registers, QUEUE_SIZE, ENTRIES);
	coherent_bar_write64(registers, DESC_AT, rings);
	coherent_bar_write64(registers, AVAIL_AT, rings + AVAIL);
	coherent_bar_write64(registers, USED_AT, rings + USED);
	coherent_bar_write16(registers, QUEUE_ENABLE, 1);
	coherent_bar_write8(registers, STATUS, 15);
}

COHERENT_TYPE(words, uint64_t);

/* Asks for random numbers at an address. */
static void ask_virtio(union words *rings, struct coherent_bar *registers, uint64_t nth,
		       uint64_t at)
{
	assert_ok(coherent_write(rings, 0, at));
	/* So many bytes, to be written; the first descriptor, again. */
	assert_ok(coherent_write(rings, 1, BYTES | UINT64_C(2) << 32));
	assert_ok(coherent_write(rings, AVAIL / 8, nth << 16));
	coherent_bar_write16(registers, NOTIFY, 0);
}

static void virtio_model_is_behind_the_iommu(void **state)
{
	COHERENT_DEVICE_AUTO(rng);
	COHERENT_AUTO(uint8_t, read_only);
	COHERENT_AUTO(uint8_t, writable);
	union words rings = COHERENT_EMPTY;
	struct coherent_bar *registers;
	uint8_t seen[BYTES];
	uint64_t used;

	(void)state;
	assert_ok(coherent_device_open(&rng, "qemu:virtio-rng-pci"));
	assert_ok(coherent_bar_open(&registers, rng, 4));
	assert_ok(coherent_zeroed(&rings, rng, PAGE / 8));
	assert_ok(coherent_zeroed(&read_only, rng, PAGE, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_zeroed(&writable, rng, PAGE));
	start_virtio(registers, coherent_addr(&rings).raw);
	ask_virtio(&rings, registers, 1, coherent_addr(&writable).raw);
	assert_ok(coherent_poll(&rings, USED / 8, &used, used >> 16 & 1, LONG));
	assert_ok(coherent_copy_out(&writable, 0, seen, BYTES));
	assert_false(is_all(seen, 0, BYTES));
	assert_no_fault(rng);
	ask_virtio(&rings, registers, 2, coherent_addr(&read_only).raw);
	usleep(50000);
	assert_fault(rng, COHERENT_STATE_MEM);
	assert_ok(coherent_copy_out(&read_only, 0, seen, BYTES));
	assert_true(is_all(seen, 0, BYTES));
	coherent_free(&rings);
	coherent_bar_close(registers);
}

static void what_cannot_be_opened_says_why(void **state)
{
	static const struct {
		const char *name;
		int err;
		const char *says;
	} cases[] = {
		{ "qemu:", -EINVAL, "which model?" },
		{ "qemu:nvmee", -ENODEV, "'nvmee' is not a valid device model name" },
		{ "qemu:nvmee", -ENODEV, "qemu-system-x86_64 -device help lists the models" },
		{ "qemu:edu,colour=1", -EINVAL, "Property 'edu.colour' not found" },
		{ "qemu:edu,memory=7", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory=x", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory= 64", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory=64,memory=64", -EINVAL, "is given twice" },
		{ "qemu:edu,bus=other", -EINVAL, "key \"bus\" must not be set" },
		{ "qemu:edu,addr=5", -EINVAL, "key \"addr\" must not be set" },
		{ "qemu:edu,driver=virtio-rng-pci", -EINVAL, "key \"driver\" must not be set" },
		{ "qemu:virtio-rng-pci,iommu_platform=off", -EINVAL, "must not be set" },
		{ "qemu:help", -EINVAL, "-device help lists all models" },
		{ "qemu:nvme,help", -EINVAL, "-device MODEL,help lists them" },
		{ "qemu:nvme,?", -EINVAL, "-device MODEL,help lists them" },
		{ "qemu:nvme,image", -EINVAL, "key \"image\" takes a file" },
		{ "qemu:pcie-root-port", -EINVAL, "a bridge is not a device" },
		{ "qemu:edu,image=x", -EINVAL, "key \"image\" is for nvme" },
		{ "qemu:pci-testdev,membar=1G", -ENOSPC, "more than the 512 MiB" },
		{ "qemu:pci-testdev,membar=8G", -ENOSPC, "more than the 512 MiB" },
		{ "qemu:nvme,image=/nothing", -EINVAL, "Could not open '/nothing'" },
	};
	struct coherent_device *none;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct log log = LOG_EMPTY;
		int err = coherent_device_open(&none, cases[i].name, .report = log_report,
					       .report_arg = &log);

		if (err != cases[i].err || !log_has(&log, cases[i].says))
			fail_msg("%s: %d, %s", cases[i].name, err, log.text);
		assert_null(none);
	}
	assert_err(coherent_device_open(&none, "qemu:edu", .level = COHERENT_IOMMU), -EOPNOTSUPP);
	assert_err(coherent_device_open(&none, "qemu:edu", .hugepages = true), -EOPNOTSUPP);
	assert_err(coherent_device_open(&none, "qemu:edu", .gigapages = true), -EOPNOTSUPP);
	assert_err(coherent_device_open(&none, "qemu:edu", .nodes = 1), -EOPNOTSUPP);
}

/* With another search path, and so another QEMU. */
static void open_by(const char *path, int err, const char *says, const char *not_says)
{
	char *before = strdup(getenv("PATH"));
	struct coherent_device *none;
	struct log log = LOG_EMPTY;

	setenv("PATH", path, 1);
	assert_err(coherent_device_open(&none, "qemu:edu", .report = log_report,
					.report_arg = &log),
		   err);
	setenv("PATH", before, 1);
	free(before);
	if (!log_has(&log, says) || (not_says && log_has(&log, not_says)))
		fail_msg("%s", log.text);
}

/* A script takes the place of QEMU; without one, a file that cannot be run does. */
static void open_by_script(const char *script, int err, const char *says, const char *not_says)
{
	char dir[] = "/tmp/qemu-XXXXXX", path[64], search[128];
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/qemu-system-x86_64", dir);
	snprintf(search, sizeof(search), script ? "%s:/bin:/usr/bin" : "%s", dir);
	file = fopen(path, "w");
	fprintf(file, "#!/bin/sh\n[ \"$1\" = -M ] || echo started >>%s/more\n%s\n", dir,
		script ? script : "");
	fclose(file);
	if (script)
		assert_ok(chmod(path, 0700));
	open_by(search, err, says, not_says);
	assert_ok(unlink(path));
	/* The directory is empty, because an explanation does not start QEMU once more. */
	assert_ok(rmdir(dir));
}

static void qemu_that_is_none_is_explained(void **state)
{
	static const char needed[] = "QEMU 7.2 or newer is needed";
	static const char warns[] = "echo 'qemu-system-x86_64: warning: of no import' >&2\n"
				    "echo 'qemu-system-x86_64: -device edu: what it is' >&2\n"
				    "echo 'and a hint' >&2; exit 1";

	(void)state;
	open_by("/nothing", -ENODEV, "apt-get install qemu-system-x86", NULL);
	open_by_script(NULL, -ENODEV, "cannot be run: Permission denied", needed);
	open_by_script("exit 1", -ENODEV, needed, NULL);
	open_by_script("exit 1", -ENODEV, "QEMU is gone", NULL);
	open_by_script(warns, -EINVAL, "-device edu: what it is", "of no import");
	open_by_script(warns, -EINVAL, "-device edu: what it is", needed);
	open_by_script("echo 'qemu-system-x86_64: -device virtio-iommu-pci,addr=2: q35 machine "
		       "fails to create iommu-map device tree bindings' >&2; exit 1",
		       -ENODEV, needed, NULL);
	open_by_script("echo 'qemu-system-x86_64: x: Cannot allocate memory' >&2; exit 1", -ENOMEM,
		       "Cannot allocate memory", needed);
	open_by_script("echo 'qemu-system-x86_64: /dev/x: Too many open files' >&2; exit 1",
		       -ENOSPC, "Too many open files", needed);
}

static void devices_leave_nothing(void **state)
{
	const unsigned int files = open_files(getpid());

	(void)state;
	for (unsigned int turn = 0; turn < 20; turn++) {
		COHERENT_AUTO(uint8_t, mem);
		struct coherent_device *two[2];

		for (size_t i = 0; i < 2; i++)
			assert_ok(coherent_device_open(&two[i], i ? "qemu:edu" : "qemu:nvme"));
		assert_ok(coherent_zeroed(&mem, two[turn % 2], 1));
		for (size_t i = 0; i < 2; i++)
			coherent_device_close(two[i]);
	}
	assert_int_equal(open_files(getpid()), files);
	assert_int_equal(child_of_ours(), 0);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/* Signals are for threads of the program; here none takes them, and a timer sends them. */
static void signals_are_not_for_the_library(void **state)
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
	/* And in the middle of a call. */
	assert_ok(setitimer(ITIMER_REAL, &often, NULL));
	for (unsigned int turn = 0; turn < 3; turn++) {
		COHERENT_DEVICE_AUTO(edu);

		assert_ok(coherent_device_open(&edu, "qemu:edu"));
	}
	assert_ok(setitimer(ITIMER_REAL, &never, NULL));
	assert_ok(sigaction(SIGALRM, &before, NULL));
	assert_true(signals > 100);
	assert_int_equal(child_of_ours(), 0);
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

/* What was sent to all of us before QEMU was one is no reason to run our handler there. */
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
		for (unsigned int turn = 0; !err && turn < 10; turn++) {
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

static void *fork_again_and_again(void *arg)
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

/* Children that keep what they should not have make nobody wait. */
static void forks_of_other_threads_do_not_matter(void **state)
{
	struct coherent_device *edu;
	struct coherent_irq *irq;
	pid_t children[40] = { 0 };
	pthread_t forks;

	(void)state;
	over = false;
	assert_ok(pthread_create(&forks, NULL, fork_again_and_again, children));
	assert_ok(coherent_device_open(&edu, "qemu:edu"));
	assert_ok(pthread_join(forks, NULL));
	assert_ok(coherent_irq_open(&irq, edu, 0));
	assert_ok(kill(child_of_ours(), SIGKILL));
	assert_err(coherent_irq_wait(irq, UINT64_MAX), -ENODEV);
	coherent_irq_close(irq);
	coherent_device_close(edu);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		assert_ok(kill(children[i], SIGKILL));
		assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
	}
}

#define ON_EDU(test) cmocka_unit_test_setup_teardown(test, open_edu, close_edu)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EDU(armed_transfer_reaches_nobody_after_a_fence),
		ON_EDU(addresses_are_kept_after_a_fence),
		ON_EDU(memory_runs_out_and_a_fence_brings_it_back),
		ON_EDU(registers_are_read_and_written),
		ON_EDU(interrupts_wake),
		ON_EDU(killed_qemu_leaves_memory),
		ON_EDU(last_words_are_reported),
		ON_EDU(what_stays_mapped_ends_the_device),
		cmocka_unit_test(qemu_may_be_killed_at_any_moment),
		cmocka_unit_test(close_ends_waiting_and_is_no_loss),
		cmocka_unit_test(nvme_controller_runs),
		cmocka_unit_test(virtio_model_is_behind_the_iommu),
		cmocka_unit_test(what_cannot_be_opened_says_why),
		cmocka_unit_test(qemu_that_is_none_is_explained),
		cmocka_unit_test(devices_leave_nothing),
		cmocka_unit_test(signals_are_not_for_the_library),
		cmocka_unit_test(handlers_do_not_run_in_the_child),
		cmocka_unit_test(forks_of_other_threads_do_not_matter),
	};

	if (system("qemu-system-x86_64 --version >/dev/null 2>&1")) {
		puts("1..1\nok 1 - qemu # SKIP there is no qemu-system-x86_64");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
