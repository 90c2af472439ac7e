// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Promise 18: each allocation and each system call fails in turn. The library then leaves no
 * memory, no mapping, no descriptor and no address behind.
 */
#include <coherent/loan.h>
#include <coherent/pool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject.h"

/* --- A driver that uses every kind of object --- */

#define COUNT 20000
/* These elements need more than a hugepage. */
#define MANY 300000

struct driver {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT_BOX(uint64_t) box;
	COHERENT_BOX(uint64_t) taken_back;
	COHERENT(uint64_t) mem;
	COHERENT(uint64_t) zeroed;
	COHERENT(uint64_t) from;
	COHERENT(uint64_t) init;
	struct coherent_handle handle;
	COHERENT_POOL(uint64_t) pool;
	COHERENT_BOX(uint64_t) small_box;
	COHERENT(uint64_t) small[70];
	COHERENT_BOX(uint64_t) all_boxes[3];
	COHERENT(uint64_t) all[3];
	COHERENT_LOAN(uint64_t) loan;
};

static int fill(uint64_t *elements, size_t count, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < count; i++)
		elements[i] = i;
	return 0;
}

static bool harden;

/*
 * The pool gets more slots than a cache or a page holds. In a hardened device each slot is a chunk,
 * so a few slots reach the same calls.
 */
static int set_up_pool(struct driver *driver)
{
	const size_t count = harden ? 24 : ARRAY_SIZE(driver->small);
	int err = coherent_pool_create(&driver->pool, driver->dev, .align = 256, .delay = 2);

	for (size_t i = 0; !err && i < count; i++) {
		err = coherent_pool_box(&driver->pool, &driver->small_box);
		if (!err)
			err = coherent_expose(&driver->small_box, &driver->small[i]);
	}
	for (size_t i = 0; !err && i < 20; i++)
		coherent_free(&driver->small[i]);
	return err ? err : coherent_pool_box(&driver->pool, &driver->small_box);
}

static int set_up_all(struct driver *driver)
{
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(driver->all); i++)
		err = coherent_box_zeroed(&driver->all_boxes[i], driver->dev, COUNT);
	if (err)
		return err;
	err = coherent_expose_all(COHERENT_EXPOSURE(&driver->all_boxes[0], &driver->all[0]),
				  COHERENT_EXPOSURE(&driver->all_boxes[1], &driver->all[1]),
				  COHERENT_EXPOSURE(&driver->all_boxes[2], &driver->all[2]));
	for (size_t i = 0; i < ARRAY_SIZE(driver->all); i++) {
		assert_true(coherent_is_empty(&driver->all_boxes[i]));
		assert_int_equal(coherent_is_empty(&driver->all[i]), err != 0);
	}
	return err;
}

static int set_up_driver(struct driver *driver, const char *name, bool hugepages)
{
	static const uint64_t source[] = { 1, 2, 3 };
	int err;

	err = coherent_device_open(&driver->dev, name, .hugepages = hugepages, .harden = harden);
	if (!err)
		err = coherent_bar_open(&driver->bar, driver->dev, 0);
	if (!err)
		err = coherent_irq_open(&driver->irq, driver->dev, 0);
	if (!err)
		err = coherent_device_set_mask(driver->dev, coherent_mask(40));
	if (!err)
		err = coherent_box_zeroed(&driver->box, driver->dev, COUNT);
	if (!err)
		err = coherent_expose(&driver->box, &driver->mem);
	if (!err)
		err = coherent_zeroed(&driver->zeroed, driver->dev, 100);
	if (!err)
		err = coherent_from(&driver->from, driver->dev, source, 3);
	if (!err)
		err = coherent_init(&driver->init, driver->dev, MANY, fill, NULL);
	if (!err)
		err = coherent_handle_zeroed(&driver->handle, driver->dev, 5000);
	if (!err)
		err = set_up_all(driver);
	return err ? err : set_up_pool(driver);
}

static int run_driver(struct driver *driver, const char *name, bool hugepages)
{
	int err = set_up_driver(driver, name, hugepages);

	if (!err)
		err = coherent_reclaim(&driver->init, &driver->taken_back, .idle = true);
	if (!err)
		err = coherent_expose(&driver->taken_back, &driver->init);
	if (!err)
		err = coherent_reclaim(&driver->zeroed, &driver->box, .idle = true);
	if (!err)
		err = coherent_lend(&driver->box, &driver->loan, COHERENT_BOTH_WAYS);
	if (!err)
		err = coherent_take(&driver->loan, &driver->box, .idle = true);
	if (!err)
		err = coherent_device_fence(driver->dev);
	return err;
}

static void tear_down(struct driver *driver)
{
	int err;

	coherent_box_free(&driver->box);
	coherent_box_free(&driver->taken_back);
	coherent_free(&driver->mem);
	coherent_free(&driver->zeroed);
	coherent_free(&driver->from);
	coherent_free(&driver->init);
	coherent_loan_free(&driver->loan);
	coherent_handle_free(&driver->handle);
	for (size_t i = 0; i < ARRAY_SIZE(driver->small); i++)
		coherent_free(&driver->small[i]);
	coherent_box_free(&driver->small_box);
	for (size_t i = 0; i < ARRAY_SIZE(driver->all); i++) {
		coherent_box_free(&driver->all_boxes[i]);
		coherent_free(&driver->all[i]);
	}
	err = coherent_pool_destroy(&driver->pool);
	/* In a forked child the call returns -ENODEV. */
	assert_true(!err || err == -ENODEV);
	coherent_irq_close(driver->irq);
	coherent_bar_close(driver->bar);
	coherent_device_close(driver->dev);
}

/* Objects that were made before the failure still work. */
static void check_live_objects(struct driver *driver)
{
	uint64_t value;

	if (!coherent_is_empty(&driver->mem)) {
		assert_ok(coherent_write(&driver->mem, COUNT - 1, 5));
		assert_ok(coherent_sim_try(driver->dev, &driver->mem, COUNT * 8 - 8, &value, 8,
					   COHERENT_ACCESS_READ));
		assert_int_equal(value, 5);
	}
	if (!coherent_is_empty(&driver->init)) {
		assert_ok(coherent_read(&driver->init, MANY - 1, &value));
		assert_int_equal(value, MANY - 1);
	}
	if (!coherent_is_empty(&driver->taken_back))
		assert_int_equal(coherent_box_ptr(&driver->taken_back)[MANY - 1], MANY - 1);
}

/* Returns whether the library may return this error after such a failure. */
static bool is_expected(int err)
{
	return err == -ENOMEM || err == -ENOSPC;
}

static void fail_each_in_turn(const char *name, bool hugepages)
{
	unsigned int nth, tolerated = 0, optional = 0;

	for (nth = 1;; nth++) {
		const struct inject before = inject;
		struct driver *driver = __real_calloc(1, sizeof(*driver));
		int err;

		inject.failed = false;
		inject.left = nth;
		err = run_driver(driver, name, hugepages);
		inject.left = 0;
		if (!inject.failed || inject.optional)
			assert_ok(err);
		else if (err)
			assert_true(is_expected(err));
		optional += inject.failed && inject.optional;
		tolerated += inject.failed && !inject.optional && !err;
		check_live_objects(driver);
		tear_down(driver);
		__real_free(driver);
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(inject.fds, before.fds);
		if (!inject.failed)
			break;
		assert_true(nth < 1000);
	}
	/*
	 * The loop reached many calls. A device works without its shared segment and without the guard. Few other
	 * failures go unnoticed: a pool can work with a smaller chunk. A hardened one has many chunks.
	 */
	assert_true(nth > 40);
	print_message("# %s: %u calls failed in turn, %u of them without need; of the others, "
		      "%u made no difference\n",
		      name, nth - 1, optional, tolerated);
	assert_true(optional > 10);
	assert_true(tolerated <= (harden ? 70 : hugepages ? 14 : 7));
}

static void no_failure_leaks(void **state)
{
	(void)state;
	fail_each_in_turn("sim:edu,mask=48,step", false);
	/* Now the model has a thread, or the IOMMU is lazy. */
	fail_each_in_turn("sim:edu,mask=48", false);
	fail_each_in_turn("sim:edu,mask=48,step,lazy,unplug=1000", false);
}

static void no_failure_leaks_with_hugepages(void **state)
{
	(void)state;
	inject.hugepages = true;
	fail_each_in_turn("sim:edu,mask=48,step", true);
	inject.hugepages = false;
}

static void no_failure_leaks_from_a_hardened_device(void **state)
{
	(void)state;
	harden = true;
	fail_each_in_turn("sim:edu,mask=48,step", false);
	harden = false;
}

/* --- Memory that the system may lack --- */

static void hugepages_are_used_if_there_are_any(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	uint8_t byte;

	(void)state;
	inject.hugepages = true;
	inject.huge_maps = 0;
	assert_ok(coherent_device_open(&dev, "sim:edu", .hugepages = true, .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_zeroed(&mem, dev, (3 << 20) + 1));
	assert_int_equal(inject.huge_maps, 1);
	assert_int_equal(log.count, 0);
	assert_ok(coherent_read(&mem, 3 << 20, &byte));
	coherent_free(&mem);
	coherent_device_close(dev);
	inject.hugepages = false;
}

/*
 * The system gives no more memory, but the library still keeps a freed object. A smaller object
 * takes its memory.
 */
static void recycled_memory_serves_another_size(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=40"));
	assert_ok(coherent_box_zeroed(&box, dev, 512 * 4096));
	coherent_box_free(&box);
	inject.failed = false;
	inject.left = 1;
	assert_ok(coherent_box_zeroed(&box, dev, 400 * 4096));
	inject.left = 0;
	assert_true(inject.failed);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.memory, 512 * 4096);
	coherent_box_free(&box);
}

/* The node does not exist, and no test machine has 1 GiB hugepages. */
static void missing_memory_kinds_are_reported_once(void **state)
{
	static const struct {
		bool gigapages, harden;
		uint64_t nodes;
		const char *says;
	} cases[] = {
		{ false, false, UINT64_C(1) << 63,
		  "NUMA nodes 0x8000000000000000 gave no memory, so any node" },
		{ true, false, 0, "no 1 GiB hugepages, so smaller ones serve" },
		{ true, false, UINT64_C(1) << 63, "no 1 GiB hugepages" },
		{ false, false, 1, NULL },
		{ false, true, UINT64_C(1) << 63, "gave no memory, so any node" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		COHERENT_DEVICE_AUTO(dev);
		COHERENT_AUTO(uint8_t, mem);
		COHERENT_AUTO(uint8_t, more);
		struct log log = LOG_EMPTY;

		assert_ok(coherent_device_open(&dev, "sim:edu,mask=40", .nodes = cases[i].nodes,
					       .gigapages = cases[i].gigapages,
					       .harden = cases[i].harden, .report = log_report,
					       .report_arg = &log));
		assert_ok(coherent_zeroed(&mem, dev, 1));
		assert_ok(coherent_zeroed(&more, dev, 64 << 20));
		if (cases[i].says && !log_has(&log, cases[i].says))
			fail_msg("%s", log.text);
		assert_int_equal(log.count, !!cases[i].gigapages + (cases[i].nodes > 1));
	}
}

static void ordinary_pages_replace_missing_hugepages(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, more = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu", .hugepages = true, .report = log_report,
				       .report_arg = &log));
	/* The memory of a site and of records comes first. The call that fails is the mmap() of hugepages. */
	inject.huge_maps = 0;
	inject.left = 3;
	assert_ok(coherent_zeroed(&mem, dev, 1));
	inject.left = 0;
	assert_true(log_has(&log, "no 2 MiB hugepages, so ordinary pages serve"));
	assert_ok(coherent_zeroed(&more, dev, 64 << 20));
	assert_int_equal(inject.huge_maps, 0);
	assert_int_equal(log.count, 1);
	coherent_free(&more);
	coherent_free(&mem);
	coherent_device_close(dev);
}

static void memory_is_populated_on_old_kernels_too(void **state)
{
	struct driver *driver = __real_calloc(1, sizeof(*driver));

	(void)state;
	inject.no_populate = true;
	assert_ok(run_driver(driver, "sim:edu,mask=48,step", false));
	check_live_objects(driver);
	tear_down(driver);
	__real_free(driver);
	inject.no_populate = false;
}

static void lack_of_memory_is_reported_with_file_and_line(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	char text[128];

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu", .report = log_report, .report_arg = &log));
	inject.left = 3;
	snprintf(text, sizeof(text), "no memory is left for 5 bytes; the call is at %s:%d",
		 __FILE__, __LINE__ + 1);
	assert_err(coherent_zeroed(&mem, dev, 5), -ENOMEM);
	assert_true(log_has(&log, text));
	inject.left = 2;
	assert_err(coherent_zeroed(&mem, dev, 5, .attrs = COHERENT_ATTR_NO_WARN), -ENOMEM);
	assert_int_equal(log.count, 1);
	coherent_device_close(dev);
}

static void lack_of_descriptors_is_reported(void **state)
{
	struct coherent_device *dev;
	struct coherent_irq *irq;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu", .report = log_report, .report_arg = &log));
	/* calloc() comes first. The call that fails is eventfd(). */
	inject.left = 2;
	assert_err(coherent_irq_open(&irq, dev, 0), -ENOSPC);
	assert_true(log_has(&log, "raise ulimit -n"));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	coherent_irq_close(irq);
	coherent_device_close(dev);
}

/* Arenas go back to the system. The library recycles pages before it maps new ones. */
static void pages_are_recycled(void **state)
{
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	struct coherent_device *dev;
	const long before = inject.bytes;
	long most;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,mask=48"));
	for (size_t i = 0; i < 8; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, 100000 * (i + 1)));
	most = inject.bytes;
	for (unsigned int turn = 0; turn < 50; turn++) {
		for (size_t i = 0; i < 8; i++)
			coherent_free(&mems[i]);
		for (size_t i = 8; i-- > 0;)
			assert_ok(coherent_zeroed(&mems[i], dev, 100000 * (i + 1)));
	}
	assert_true(inject.bytes <= most + (4 << 20));
	for (size_t i = 0; i < 8; i++)
		coherent_free(&mems[i]);
	coherent_device_close(dev);
	assert_int_equal(inject.bytes, before);
}

static int remember_address(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	(void)elements;
	(void)count;
	*(coherent_addr_t *)arg = address;
	return 0;
}

/* The page table of the simulated IOMMU needs several allocations, and each of them may fail. */
static void failed_expose_leaves_nothing_reachable(void **state)
{
	enum { BYTES = 6 << 20 };
	unsigned int nth;

	(void)state;
	for (nth = 1;; nth++) {
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		coherent_addr_t address = { 0 };
		struct coherent_device *dev;
		uint8_t byte;
		int err;

		assert_ok(coherent_device_open(&dev, "sim:edu,step"));
		assert_ok(coherent_box_zeroed(&box, dev, BYTES));
		inject.left = nth;
		err = coherent_expose(&box, &mem, .seal = remember_address, .seal_arg = &address);
		inject.left = 0;
		assert_true(coherent_is_empty(&box));
		for (size_t i = 0; err && i < BYTES; i += PAGE) {
			coherent_addr_t at = { address.raw + i };

			assert_err(coherent_sim_try_addr(dev, at, &byte, 1, COHERENT_ACCESS_READ),
				   -EIO);
		}
		coherent_free(&mem);
		coherent_device_close(dev);
		if (!err)
			break;
		assert_err(err, -ENOMEM);
	}
	/* A mem of 6 MiB needs entries in at least three tables. */
	assert_true(nth > 3);
}

static int count_open(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	++*(int *)arg;
	return 0;
}

static void count_close(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	--*(int *)arg;
}

static void failed_open_closes_the_model(void **state)
{
	const struct coherent_sim_model model = {
		.name = "count", .mask = UINT32_MAX, .open = count_open, .close = count_close
	};
	unsigned int nth, lacks_thread = 0;
	int open = 0, err;

	(void)state;
	for (nth = 1, inject.failed = true; inject.failed; nth++) {
		COHERENT_DEVICE_AUTO(dev);
		struct log log = LOG_EMPTY;

		inject.failed = false;
		inject.left = nth;
		err = coherent_device_open(&dev, "sim:custom", .model = &model, .model_arg = &open,
					   .report = log_report, .report_arg = &log);
		inject.left = 0;
		/* A device works without some of its calls. */
		assert_int_equal(open, !err);
		lacks_thread += log_has(&log, "raise ulimit -u, or give the key step");
	}
	assert_int_equal(open, 0);
	assert_int_equal(lacks_thread, 1);
	assert_true(nth > 5);
}

static void refused_vector_leaves_no_descriptor(void **state)
{
	struct coherent_irq *irq, *again;
	struct coherent_device *dev;
	long fds;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	fds = inject.fds;
	assert_err(coherent_irq_open(&again, dev, 0), -EBUSY);
	assert_int_equal(inject.fds, fds);
	coherent_irq_close(irq);
	coherent_device_close(dev);
}

static void free_in_a_forked_child_does_nothing(void **state)
{
	struct driver *driver = __real_calloc(1, sizeof(*driver));
	int status;
	pid_t pid;

	(void)state;
	assert_ok(run_driver(driver, "sim:edu,mask=48,step", false));
	pid = fork();
	if (!pid) {
		const struct inject before = inject;

		tear_down(driver);
		_exit(inject.blocks != before.blocks || inject.bytes != before.bytes ||
		      inject.fds != before.fds);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	tear_down(driver);
	__real_free(driver);
}

/* The first object populates its whole arena, so that the next objects need no page faults. */
static void arenas_are_populated_to_their_end(void **state)
{
	unsigned char resident[64];

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
		struct coherent_device *dev;

		inject.no_populate = turn;
		assert_ok(coherent_device_open(&dev, "sim:edu"));
		assert_ok(coherent_box_zeroed(&box, dev, 1));
		assert_ok(mincore(coherent_box_ptr(&box), sizeof(resident) * 4096, resident));
		for (size_t i = 0; i < sizeof(resident); i++)
			assert_true(resident[i] & 1);
		coherent_box_free(&box);
		coherent_device_close(dev);
	}
	inject.no_populate = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_failure_leaks),
		cmocka_unit_test(no_failure_leaks_with_hugepages),
		cmocka_unit_test(no_failure_leaks_from_a_hardened_device),
		cmocka_unit_test(hugepages_are_used_if_there_are_any),
		cmocka_unit_test(recycled_memory_serves_another_size),
		cmocka_unit_test(missing_memory_kinds_are_reported_once),
		cmocka_unit_test(ordinary_pages_replace_missing_hugepages),
		cmocka_unit_test(memory_is_populated_on_old_kernels_too),
		cmocka_unit_test(lack_of_memory_is_reported_with_file_and_line),
		cmocka_unit_test(lack_of_descriptors_is_reported),
		cmocka_unit_test(pages_are_recycled),
		cmocka_unit_test(failed_expose_leaves_nothing_reachable),
		cmocka_unit_test(failed_open_closes_the_model),
		cmocka_unit_test(refused_vector_leaves_no_descriptor),
		cmocka_unit_test(free_in_a_forked_child_does_nothing),
		cmocka_unit_test(arenas_are_populated_to_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
