// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the phases of small boxes and mems, the calls that a pool refuses, and
 * threads. The device tries accesses that the driver did not ask for.
 */
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool_test.h"

/* The device reads an address. Returns whether the IOMMU lets it. */
static bool device_reads(uint64_t address, void *to, size_t bytes)
{
	return !coherent_sim_try_addr(dev, (coherent_addr_t){ address }, to, bytes,
				      COHERENT_ACCESS_READ);
}

static bool device_writes(uint64_t address, const void *from, size_t bytes)
{
	return !coherent_sim_try_addr(dev, (coherent_addr_t){ address }, (void *)(uintptr_t)from,
				      bytes, COHERENT_ACCESS_WRITE);
}

/* --- Phases --- */

static void box_is_zero_and_out_of_reach(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command seen;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	for (unsigned int turn = 0; turn < 2; turn++) {
		assert_ok(coherent_pool_box(&pool, &box));
		assert_int_equal(coherent_box_count(&box), 1);
		assert_int_equal(coherent_box_level(&box), COHERENT_IOMMU);
		assert_true(is_all(coherent_box_ptr(&box), 0, sizeof(seen)));
		memset(coherent_box_ptr(&box), DIRT, sizeof(seen));
		/*
				 * The address of the box is mapped, but to another page. The device finds zeros there
				 * or its own earlier write.
				 */
		assert_ok(
			coherent_sim_try(dev, &box, 0, &seen, sizeof(seen), COHERENT_ACCESS_READ));
		assert_true(is_all(&seen, turn != 0, sizeof(seen)));
		memset(&seen, 1, sizeof(seen));
		assert_ok(
			coherent_sim_try(dev, &box, 0, &seen, sizeof(seen), COHERENT_ACCESS_WRITE));
		assert_true(is_all(coherent_box_ptr(&box), DIRT, sizeof(seen)));
		coherent_box_free(&box);
		assert_true(coherent_is_empty(&box));
	}
	/* The device's write does not get into the next box. */
	assert_ok(coherent_pool_box(&pool, &box));
	assert_true(is_all(coherent_box_ptr(&box), 0, sizeof(seen)));
	assert_ok(coherent_expose(&box, &mem));
	assert_true(device_reads(coherent_addr(&mem).raw, &seen, sizeof(seen)));
	assert_true(is_all(&seen, 0, sizeof(seen)));
	coherent_free(&mem);
	assert_no_fault(dev);
	assert_ok(coherent_pool_destroy(&pool));
}

static void mem_is_shared_until_it_is_freed(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	struct command seen;
	uint32_t opcode;
	uint64_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make_mem(&pool, &mem, DIRT);
	address = coherent_addr(&mem).raw;
	assert_int_equal(coherent_count(&mem), 1);
	assert_true(device_reads(address, &seen, sizeof(seen)));
	assert_true(is_all(&seen, DIRT, sizeof(seen)));
	seen.opcode = 7;
	assert_true(device_writes(address, &seen, sizeof(seen)));
	assert_ok(coherent_read(&mem, 0, .opcode, &opcode));
	assert_int_equal(opcode, 7);
	assert_err(coherent_read(&mem, 1, .opcode, &opcode), -ERANGE);
	coherent_free(&mem);
	assert_true(coherent_is_empty(&mem));
	/* The device finds zeros, and the next mem gets the same address. */
	assert_true(device_reads(address, &seen, sizeof(seen)));
	assert_true(is_all(&seen, 0, sizeof(seen)));
	make_mem(&pool, &next, 1);
	assert_int_equal(coherent_addr(&next).raw, address);
	coherent_free(&next);
	assert_ok(coherent_pool_destroy(&pool));
	/* The end of the pool unmaps the address. */
	assert_false(device_reads(address, &seen, sizeof(seen)));
}

static void reclaim_keeps_contents_and_place(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command seen;
	uint64_t address;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make_mem(&pool, &mem, DIRT);
	address = coherent_addr(&mem).raw;
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_int_equal(coherent_addr(&mem).raw, address);
	assert_true(device_writes(address + 8, "device", 6));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_true(coherent_is_empty(&mem));
	assert_memory_equal((char *)coherent_box_ptr(&box) + 8, "device", 6);
	assert_true(device_reads(address, &seen, sizeof(seen)));
	assert_true(is_all(&seen, 0, sizeof(seen)));
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(coherent_addr(&mem).raw, address);
	assert_true(device_reads(address, &seen, sizeof(seen)));
	assert_memory_equal((char *)&seen + 8, "device", 6);
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

static int seal_fully(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	struct command *command = elements;

	assert_int_equal(count, 1);
	memcpy(command->rest, &address.raw, sizeof(address.raw));
	return *(int *)arg;
}

static void seal_knows_the_address(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct command seen;
	int result = 0;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_expose(&box, &mem, .seal = seal_fully, .seal_arg = &result));
	assert_true(device_reads(coherent_addr(&mem).raw, &seen, sizeof(seen)));
	assert_memory_equal(seen.rest, &(uint64_t){ coherent_addr(&mem).raw }, 8);
	coherent_free(&mem);
	for (size_t i = 0; i < 2; i++) {
		result = i ? 1 : -ECANCELED;
		assert_ok(coherent_pool_box(&pool, &box));
		assert_err(coherent_expose(&box, &mem, .seal = seal_fully, .seal_arg = &result),
			   i ? -EINVAL : -ECANCELED);
		assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	}
	assert_ok(coherent_pool_destroy(&pool));
}

static void device_may_do_only_what_the_pool_allows(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	struct coherent_fault fault;
	struct command seen;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_err(coherent_expose(&box, &mem), -EINVAL);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	assert_ok(coherent_pool_box(&pool, &box));
	memset(coherent_box_ptr(&box), DIRT, sizeof(seen));
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	assert_true(device_reads(coherent_addr(&mem).raw, &seen, sizeof(seen)));
	assert_true(is_all(&seen, DIRT, sizeof(seen)));
	assert_false(device_writes(coherent_addr(&mem).raw, &seen, sizeof(seen)));
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.state, COHERENT_STATE_MEM);
	assert_int_equal(fault.object_address, coherent_addr(&mem).raw);
	assert_int_equal(fault.object_bytes, sizeof(struct command));
	assert_non_null(strstr(fault.text, "read-only (64 bytes allocated at tests/pool.c:"));
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

/* --- What is refused --- */

struct large {
	uint8_t bytes[(2 << 20) + 1];
};

static void bad_input_is_refused(void **state)
{
	COHERENT_POOL(struct large) large = COHERENT_EMPTY;
	union commands pool = COHERENT_EMPTY, other = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	struct coherent_pool none = { .va = NULL };

	(void)state;
	assert_err(coherent_pool_create(&large, dev), -EINVAL);
	assert_err(coherent_base_pool_create(
			   &none, 0,
			   &(struct coherent_pool_options){ COHERENT_SIZED(coherent_pool_options),
							    .dev = dev },
			   "here"),
		   -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .align = 48), -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .align = 2 * PAGE), -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .boundary = 96), -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .boundary = 32), -EINVAL);
	assert_err(coherent_pool_create(&pool, dev, .permission = 2), -EINVAL);
	assert_err(coherent_pool_create(&pool, NULL), -ENODEV);
	assert_true(!pool.base.va && !large.base.va);
	assert_err(coherent_pool_box(&pool, &box), -EINVAL);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_pool_create(&pool, dev));
	assert_err(coherent_pool_create(&pool, dev), -EBUSY);
	assert_ok(coherent_pool_create(&other, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	/* The output already holds a box of another pool. */
	assert_err(coherent_pool_box(&other, &box), -EBUSY);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
	assert_ok(coherent_pool_destroy(&other));
}

static void destroy_is_refused_while_objects_live(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mems[20] = { COHERENT_EMPTY };

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_err(coherent_pool_destroy(&pool), -EBUSY);
	assert_true(log_has(&reports, "a box of 64 bytes of the pool created at tests/pool.c:"));
	assert_true(log_has(&reports, "is not freed"));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		make_mem(&pool, &mems[i], 1);
	assert_err(coherent_pool_destroy(&pool), -EBUSY);
	assert_true(log_has(&reports, "a mem of 64 bytes"));
	assert_true(log_has(&reports, "and 13 more"));
	coherent_box_free(&box);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	assert_ok(coherent_pool_destroy(&pool));
}

static struct coherent_pool left_behind;

static void pool_ends_with_its_scope(void **state)
{
	COHERENT(struct command) kept = COHERENT_EMPTY;
	struct coherent_stats stats;

	(void)state;
	{
		COHERENT_POOL_AUTO(struct command, pool);
		COHERENT_BOX_AUTO(struct command, box);
		COHERENT_AUTO(struct command, mem);

		assert_ok(coherent_pool_create(&pool, dev));
		assert_ok(coherent_pool_box(&pool, &box));
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_pool_box(&pool, &box));
	}
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.objects, 0);
	assert_int_equal(reports.count, 0);
	/* If a live object keeps the pool from ending, the object still works. */
	{
		COHERENT_POOL_AUTO(struct command, pool);
		COHERENT_BOX_AUTO(struct command, box);

		assert_ok(coherent_pool_create(&pool, dev));
		assert_ok(coherent_pool_box(&pool, &box));
		assert_ok(coherent_expose(&box, &kept));
		left_behind = pool.base;
	}
	assert_true(log_has(&reports, "a mem of 64 bytes of the pool created at tests/pool.c:"));
	assert_ok(coherent_write(&kept, 0, .opcode, 1));
	coherent_free(&kept);
	assert_ok(coherent_base_pool_destroy(&left_behind));
}

static void pool_may_outlive_its_device(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY, kept = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	uint32_t opcode;

	assert_ok(coherent_pool_create(&pool, dev));
	make_mem(&pool, &mem, DIRT);
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_pool_box(&pool, &kept));
	coherent_device_close(dev);
	assert_true(log_has(&reports, "pool created at tests/pool.c:"));
	assert_err(coherent_pool_box(&pool, &(union command_box)COHERENT_EMPTY), -ENODEV);
	assert_err(coherent_expose(&box, &none), -ENODEV);
	assert_true(coherent_is_empty(&box));
	assert_err(coherent_reclaim(&mem, &box, .idle = true), -ENODEV);
	assert_ok(coherent_read(&mem, 0, .opcode, &opcode));
	assert_int_equal(opcode, 0x5a5a5a5a);
	coherent_free(&mem);
	coherent_box_free(&kept);
	assert_ok(coherent_pool_destroy(&pool));
	open_device(state);
}

static void forked_child_cannot_use_the_pool(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	int status;
	pid_t child;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make_mem(&pool, &mem, DIRT);
	assert_ok(coherent_pool_box(&pool, &box));
	child = fork();
	if (!child) {
		union command_box none = COHERENT_EMPTY;
		union command_mem second = COHERENT_EMPTY;
		bool good = coherent_pool_box(&pool, &none) == -ENODEV &&
			    coherent_expose(&box, &second) == -ENODEV &&
			    coherent_reclaim(&mem, &none, .idle = true) == -ENODEV &&
			    coherent_pool_destroy(&pool) == -ENODEV;

		coherent_free(&mem);
		_exit(!good);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	coherent_free(&mem);
	coherent_box_free(&box);
	assert_ok(coherent_pool_destroy(&pool));
}

/* --- Threads --- */

#define EACH 300

struct worker {
	union commands *pool;
	pthread_t thread;
	uint8_t byte;
	/* The mems of the worker of the generation before, which this worker frees. */
	union command_mem *given;
	union command_mem taken[EACH];
};

static void check_and_free(union command_mem *mem, uint8_t byte)
{
	struct command seen;

	assert_ok(coherent_copy_out(mem, 0, &seen, 1));
	assert_true(is_all(&seen, byte, sizeof(seen)));
	coherent_free(mem);
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (unsigned int turn = 0; turn < 20; turn++) {
		for (size_t i = 0; i < EACH; i++)
			make_mem(worker->pool, &worker->taken[i], worker->byte);
		for (size_t i = 0; i < EACH; i++)
			check_and_free(&worker->taken[i], worker->byte);
	}
	for (size_t i = 0; i < EACH; i++)
		make_mem(worker->pool, &worker->taken[i], worker->byte);
	if (worker->given)
		for (size_t i = 0; i < EACH; i++)
			check_and_free(&worker->given[i], (uint8_t)(worker->byte - 1));
	return NULL;
}

/*
 * Each generation of threads frees the mems of the generation before. There are more threads
 * than caches.
 */
static void threads_share_a_pool(void **state)
{
	enum { GENERATIONS = 5, WORKERS = 80 };
	struct worker(*workers)[WORKERS] = calloc(GENERATIONS, sizeof(*workers));
	union commands pool = COHERENT_EMPTY;

	(void)state;
	assert_non_null(workers);
	assert_ok(coherent_pool_create(&pool, dev, .delay = 3));
	for (size_t turn = 0; turn < GENERATIONS; turn++) {
		/*
				 * The last generations are small. Their threads get the numbers of threads that have
				 * ended, and the caches that these left.
				 */
		const size_t count = turn < 2 ? WORKERS : 2;

		for (size_t i = 0; i < count; i++) {
			struct worker *worker = &workers[turn][i];

			worker->pool = &pool;
			worker->byte = (uint8_t)(turn + 1);
			worker->given = turn ? workers[turn - 1][i].taken : NULL;
			assert_ok(pthread_create(&worker->thread, NULL, work, worker));
		}
		for (size_t i = 0; i < count; i++)
			assert_ok(pthread_join(workers[turn][i].thread, NULL));
	}
	assert_err(coherent_pool_destroy(&pool), -EBUSY);
	for (size_t turn = 0; turn < GENERATIONS; turn++)
		for (size_t i = 0; i < WORKERS; i++)
			for (size_t k = 0; k < EACH; k++)
				coherent_free(&workers[turn][i].taken[k]);
	assert_ok(coherent_pool_destroy(&pool));
	free(workers);
}

static void *read_the_page(void *arg)
{
	const union command_mem *mem = arg;
	uint8_t page[PAGE];

	for (unsigned int turn = 0; turn < 300; turn++)
		assert_true(device_reads(coherent_addr(mem).raw & -PAGE, page, PAGE));
	return NULL;
}

/* A device may read the whole page of its mem at any time, while other slots there change. */
static void device_may_read_while_neighbours_change_phase(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem first = COHERENT_EMPTY, mem = COHERENT_EMPTY;
	union command_box box = COHERENT_EMPTY;
	pthread_t device;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make_mem(&pool, &first, 1);
	assert_ok(pthread_create(&device, NULL, read_the_page, &first));
	for (unsigned int turn = 0; turn < 300; turn++) {
		make_mem(&pool, &mem, 2);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_ok(coherent_expose(&box, &mem));
		coherent_free(&mem);
	}
	assert_ok(pthread_join(device, NULL));
	coherent_free(&first);
	assert_ok(coherent_pool_destroy(&pool));
}

static void *use_a_pool(void *arg)
{
	union command_mem mem = COHERENT_EMPTY;

	make_mem(arg, &mem, 1);
	coherent_free(&mem);
	return NULL;
}

static atomic_bool over;

static void *use_pools_again_and_again(void *arg)
{
	while (!over) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, use_a_pool, arg))
			break;
		pthread_join(thread, NULL);
	}
	return NULL;
}

/* Another thread keeps creating threads that use a pool, and the fork interrupts them anywhere. */
static void forked_child_has_pools_of_its_own(void **state)
{
	union commands pool = COHERENT_EMPTY;
	pthread_t other;

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	over = false;
	assert_ok(pthread_create(&other, NULL, use_pools_again_and_again, &pool));
	for (unsigned int turn = 0; turn < 100; turn++) {
		int status;
		pid_t child = fork();

		if (!child) {
			union commands own = COHERENT_EMPTY;
			struct coherent_device *own_dev;
			bool good = !coherent_device_open(&own_dev, "sim:edu,step") &&
				    !coherent_pool_create(&own, own_dev);

			/* The child ends if it waits for a lock that nobody drops. */
			alarm(LONG / MS / 1000);
			if (good)
				use_a_pool(&own);
			_exit(!good || coherent_pool_destroy(&own));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	over = true;
	assert_ok(pthread_join(other, NULL));
	assert_ok(coherent_pool_destroy(&pool));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(box_is_zero_and_out_of_reach),
		ON_DEVICE(mem_is_shared_until_it_is_freed),
		ON_DEVICE(reclaim_keeps_contents_and_place),
		ON_DEVICE(seal_knows_the_address),
		ON_DEVICE(device_may_do_only_what_the_pool_allows),
		ON_DEVICE(bad_input_is_refused),
		ON_DEVICE(destroy_is_refused_while_objects_live),
		ON_DEVICE(pool_ends_with_its_scope),
		ON_DEVICE(pool_may_outlive_its_device),
		ON_DEVICE(forked_child_cannot_use_the_pool),
		ON_DEVICE(threads_share_a_pool),
		ON_DEVICE(device_may_read_while_neighbours_change_phase),
		ON_DEVICE(forked_child_has_pools_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
