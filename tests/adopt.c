// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests adopt memory of the driver: it comes back with its contents, once, when no device can
 * reach it.
 */
#include <coherent/loan.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adopt_test.h"

/* Opens a device, and adopts a page of sevens. */
static void adopt_sevens(struct coherent_device **dev, const char *name, struct owner *owner,
			 union page_box *box, struct log *log)
{
	open_with_log(dev, name, log);
	*owner = (struct owner){ .memory = get_pages(1) };
	memset(owner->memory, 7, PAGE);
	assert_ok(coherent_box_adopt(box, *dev, owner->memory, PAGE, .copy = true,
				     .release = released, .release_arg = owner));
}

/* Fences, and checks that nothing is left of the objects. Then ends the device and the memory. */
static void close_empty(struct coherent_device *dev, struct owner *owner)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_fence(dev));
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.objects, 0);
	assert_int_equal(owner->released, 1);
	coherent_device_close(dev);
	assert_int_equal(owner->released, 1);
	put_pages(owner->memory, 1);
}

/* --- The way of adopted memory --- */

static void check_way(const char *name)
{
	uint8_t seen = 0, nine = 9;
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct owner owner;
	struct log log;

	adopt_sevens(&dev, name, &owner, &box, &log);
	assert_ptr_equal(coherent_box_ptr(&box), owner.memory);
	coherent_box_ptr(&box)[1] = 8;
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(device_reads(dev, coherent_addr(&mem).raw + 1, &seen, 1));
	assert_int_equal(seen, 8);
	assert_ok(device_writes(dev, coherent_addr(&mem).raw + 2, &nine, 1));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ptr_equal(coherent_box_ptr(&box), owner.memory);
	assert_int_equal(owner.memory[0], 7);
	assert_int_equal(owner.memory[1], 8);
	assert_int_equal(owner.memory[2], 9);
	/* A second round, which ends with a free of the mem. */
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(device_writes(dev, coherent_addr(&mem).raw + PAGE - 1, &nine, 1));
	assert_int_equal(owner.released, 0);
	coherent_free(&mem);
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(owner.memory[PAGE - 1], 9);
	assert_int_equal((int)log.count, 0);
	close_empty(dev, &owner);
}

static void memory_comes_back_with_its_contents(void **state)
{
	(void)state;
	check_way("sim:edu");
	check_way("sim:edu,lazy");
	check_way("sim:edu,step");
}

static void box_that_was_not_exposed_comes_back(void **state)
{
	struct coherent_device *dev;
	union page_box box = COHERENT_EMPTY;
	struct owner owner;
	struct log log;

	(void)state;
	adopt_sevens(&dev, "sim:edu", &owner, &box, &log);
	coherent_box_free(&box);
	assert_int_equal(owner.released, 1);
	assert_true(is_all(owner.memory, 7, PAGE));
	close_empty(dev, &owner);
}

static void device_cannot_reach_an_adopted_box(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct coherent_info info;
	struct owner owner;
	struct log log;
	uint8_t seen;

	(void)state;
	adopt_sevens(&dev, "sim:edu", &owner, &box, &log);
	assert_ok(coherent_find_ptr(dev, owner.memory + 5, &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	assert_int_equal(info.offset, 5);
	assert_err(device_reads(dev, info.address, &seen, 1), -EIO);
	assert_fault(dev, COHERENT_STATE_BOX);
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_reclaim(&mem, &box));
	assert_err(device_reads(dev, info.address, &seen, 1), -EIO);
	assert_fault(dev, COHERENT_STATE_RECLAIMED);
	coherent_box_free(&box);
	close_empty(dev, &owner);
}

/* Where unmap is not a fence, the device may use the copy until a fence. */
static void release_waits_for_the_fence(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	uint8_t nine = 9;
	struct owner owner;
	struct log log;
	uint64_t at;

	(void)state;
	adopt_sevens(&dev, "sim:edu,lazy", &owner, &box, &log);
	assert_ok(coherent_expose(&box, &mem));
	at = coherent_addr(&mem).raw;
	coherent_free(&mem);
	assert_int_equal(owner.released, 0);
	/* The device is late, and the driver gets this write too. */
	assert_ok(device_writes(dev, at, &nine, 1));
	assert_err(coherent_box_adopt(&box, dev, owner.memory, PAGE, .copy = true), -EBUSY);
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(owner.released, 1);
	assert_int_equal(owner.memory[0], 9);
	close_empty(dev, &owner);
}

/* Nothing tells the driver to wait, so it has its memory back when the free returns. */
static void check_free_without_release(const char *name)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	uint8_t *memory = get_pages(1);
	struct log log;

	open_with_log(&dev, name, &log);
	assert_ok(coherent_box_adopt(&box, dev, memory, PAGE, .copy = true));
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_write(&mem, 0, , 9));
	coherent_free(&mem);
	assert_int_equal(memory[0], 9);
	/* A later copy would crash. */
	put_pages(memory, 1);
	assert_ok(coherent_device_fence(dev));
	coherent_device_close(dev);
}

static void free_without_release_ends_at_once(void **state)
{
	(void)state;
	check_free_without_release("sim:edu");
	check_free_without_release("sim:edu,lazy");
	check_free_without_release("sim:edu,lazy,fail-unmap=1");
}

static void close_releases_what_waited(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY, alive = COHERENT_EMPTY;
	struct owner owner;
	struct log log;

	(void)state;
	adopt_sevens(&dev, "sim:edu,lazy", &owner, &box, &log);
	/* An object that lives on does not delay it. */
	assert_ok(coherent_box_zeroed(&alive, dev, 1));
	assert_ok(coherent_expose(&box, &mem));
	coherent_free(&mem);
	assert_err(coherent_box_adopt(&box, dev, owner.memory, PAGE, .copy = true), -EBUSY);
	assert_true(log_has(&log, "call coherent_device_fence() first"));
	assert_int_equal(owner.released, 0);
	coherent_device_close(dev);
	assert_int_equal(owner.released, 1);
	coherent_box_free(&alive);
	put_pages(owner.memory, 1);
}

static void close_device(void *memory, void *dev)
{
	(void)memory;
	coherent_device_close(dev);
}

static void release_may_close_the_device(void **state)
{
	uint8_t *memory = get_pages(2);

	(void)state;
	for (unsigned int lazy = 0; lazy < 2; lazy++) {
		union page_mem mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
		union page_box box = COHERENT_EMPTY;
		struct coherent_device *dev;

		assert_ok(coherent_device_open(&dev, lazy ? "sim:edu,lazy" : "sim:edu"));
		assert_ok(coherent_box_adopt(&box, dev, memory, PAGE, .copy = true,
					     .release = close_device, .release_arg = dev));
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_zeroed(&other, dev, 1));
		coherent_free(&mem);
		coherent_free(&other);
		if (lazy)
			assert_ok(coherent_device_fence(dev));
	}
	put_pages(memory, 2);
}

static void free_after_the_close_releases(void **state)
{
	static const char *const names[] = { "sim:edu", "sim:edu,lazy" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct coherent_device *dev;
		union page_mem mem = COHERENT_EMPTY;
		union page_box box = COHERENT_EMPTY;
		uint8_t nine = 9;
		struct owner owner;
		struct log log;

		adopt_sevens(&dev, names[i], &owner, &box, &log);
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(device_writes(dev, coherent_addr(&mem).raw, &nine, 1));
		coherent_device_close(dev);
		assert_int_equal(owner.released, 0);
		coherent_free(&mem);
		assert_int_equal(owner.released, 1);
		assert_int_equal(owner.memory[0], 9);
		put_pages(owner.memory, 1);
	}
}

/* The driver may use the memory for a new object at once, also in the callback. */
static void release_may_adopt_again(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct owner owner;
	struct log log;

	(void)state;
	adopt_sevens(&dev, "sim:edu", &owner, &box, &log);
	owner.dev = dev;
	assert_ok(coherent_expose(&box, &mem));
	coherent_free(&mem);
	assert_ptr_equal(coherent_box_ptr(&owner.again), owner.memory);
	coherent_box_free(&owner.again);
	close_empty(dev, &owner);
}

static void failed_expose_releases(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	uint64_t address;
	struct owner owner;
	struct log log;

	(void)state;
	adopt_sevens(&dev, "sim:edu", &owner, &box, &log);
	assert_err(coherent_expose(&box, &mem, .seal = seal_fails, .seal_arg = &address),
		   -ECANCELED);
	assert_true(coherent_is_empty(&box));
	assert_int_equal(owner.released, 1);
	close_empty(dev, &owner);
}

/* A loan gives the device a copy, and fills the memory of the driver. The contents come back. */
static void adopted_memory_can_be_lent(void **state)
{
	struct coherent_device *dev;
	COHERENT_LOAN(uint8_t) loan = COHERENT_EMPTY;
	uint8_t nine = 9;
	union page_box box = COHERENT_EMPTY;
	struct owner owner;
	struct log log;

	(void)state;
	adopt_sevens(&dev, "sim:edu", &owner, &box, &log);
	assert_ok(coherent_lend(&box, &loan, COHERENT_TO_DEVICE));
	assert_ok(coherent_take(&loan, &box));
	assert_ptr_equal(coherent_box_ptr(&box), owner.memory);
	assert_true(is_all(owner.memory, 7, PAGE));
	/* The device writes to its copy, and the driver gets that back. */
	assert_ok(coherent_lend(&box, &loan, COHERENT_BOTH_WAYS));
	assert_ok(device_writes(dev, coherent_loan_addr(&loan).raw, &nine, 1));
	coherent_loan_free(&loan);
	assert_int_equal(owner.memory[0], 9);
	assert_true(is_all(owner.memory + 1, 7, PAGE - 1));
	close_empty(dev, &owner);
}

static void tail_is_the_rest_of_the_last_page(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct owner owner = { .memory = get_pages(1) };
	struct log log;
	uint8_t seen;

	(void)state;
	open_with_log(&dev, "sim:edu", &log);
	owner.memory[101] = 5;
	assert_err(coherent_box_adopt(&box, dev, owner.memory, 100), -EINVAL);
	assert_true(log_has(&log, ".tail = true"));
	assert_ok(coherent_box_adopt(&box, dev, owner.memory, 100, .tail = true,
				     .release = released, .release_arg = &owner));
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(coherent_size(&mem), 100);
	assert_ok(device_reads(dev, coherent_addr(&mem).raw + 101, &seen, 1));
	assert_int_equal(seen, 5);
	coherent_free(&mem);
	close_empty(dev, &owner);
}

/* The device gets only the elements of a copy, and zero bytes. */
static void tail_of_a_copy_is_not_told(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct owner owner = { .memory = get_pages(1) };
	uint8_t seen, nine = 9;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu,lazy", &log);
	owner.memory[101] = 5;
	assert_ok(coherent_box_adopt(&box, dev, owner.memory, 100, .tail = true, .copy = true,
				     .release = released, .release_arg = &owner));
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(device_reads(dev, coherent_addr(&mem).raw + 101, &seen, 1));
	assert_int_equal(seen, 0);
	assert_ok(device_writes(dev, coherent_addr(&mem).raw + 101, &nine, 1));
	coherent_free(&mem);
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(owner.memory[101], 5);
	close_empty(dev, &owner);
}

/* --- Device addresses --- */

/* Some libraries give the device the pointer, so that a command names both. */
static void address_can_be_the_pointer(void **state)
{
	struct owner owner = { .memory = get_pages(2) };
	struct coherent_handle handle = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	union page_mem mem = COHERENT_EMPTY;
	const uint64_t at = (uintptr_t)owner.memory;
	const struct iovec piece = { owner.memory, PAGE };
	struct coherent_device *dev;
	struct log log;

	(void)state;
	open_with_log(&dev, "sim:edu,mask=48", &log);
	assert_ok(coherent_box_adopt(&box, dev, owner.memory, PAGE, .address = at,
				     .release = released, .release_arg = &owner));
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(coherent_addr(&mem).raw, at);
	/* The page is free, but its address is not. */
	assert_err(coherent_box_adopt(&other, dev, owner.memory + PAGE, PAGE, .address = at),
		   -EBUSY);
	assert_true(log_has(&log, "free it first, or give another address"));
	assert_int_equal((int)log.count, 1);
	/* The address is free, but the page is not. */
	log_clear(&log);
	assert_err(coherent_box_adopt(&other, dev, owner.memory, PAGE, .address = at + 16 * PAGE),
		   -EBUSY);
	assert_true(log_has(&log, "has a page of the memory"));
	assert_int_equal((int)log.count, 1);
	coherent_free(&mem);
	assert_int_equal(owner.released, 1);
	/* A command in flight may still name the old address. */
	assert_err(coherent_handle_adopt(&handle, dev, &piece, 1, .address = at), -EBUSY);
	assert_ok(coherent_handle_adopt(&handle, dev, &piece, 1, .mask = coherent_mask(24)));
	assert_true(coherent_handle_addr(&handle).raw < 1 << 24);
	coherent_handle_free(&handle);
	assert_err(coherent_box_adopt(&box, dev, owner.memory, PAGE, .address = 1), -EINVAL);
	coherent_device_close(dev);
	put_pages(owner.memory, 2);
}

/* --- Other processes and devices --- */

static void forked_child_releases_nothing(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	struct owner owner;
	struct log log;
	int status;
	pid_t pid;

	(void)state;
	adopt_sevens(&dev, "sim:edu", &owner, &box, &log);
	assert_ok(coherent_expose(&box, &mem));
	pid = fork();
	if (!pid) {
		const int err = coherent_box_adopt(&other, dev, owner.memory, PAGE);

		coherent_free(&mem);
		coherent_device_close(dev);
		_exit(err != -ENODEV || owner.released);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	coherent_free(&mem);
	close_empty(dev, &owner);
}

/* The guard protects the library's memory, and never the driver's. */
static void hardened_device_leaves_the_memory_accessible(void **state)
{
	struct coherent_device *dev;
	union page_mem mem = COHERENT_EMPTY;
	union page_box box = COHERENT_EMPTY;
	struct owner owner = { .memory = get_pages(1) };

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu", .harden = true));
	assert_ok(coherent_box_adopt(&box, dev, owner.memory, PAGE, .release = released,
				     .release_arg = &owner));
	assert_ok(coherent_expose(&box, &mem));
	owner.memory[0] = 1;
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ptr_equal(coherent_box_ptr(&box), owner.memory);
	coherent_box_free(&box);
	owner.memory[0] = 2;
	close_empty(dev, &owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_back_with_its_contents),
		cmocka_unit_test(box_that_was_not_exposed_comes_back),
		cmocka_unit_test(device_cannot_reach_an_adopted_box),
		cmocka_unit_test(release_waits_for_the_fence),
		cmocka_unit_test(free_without_release_ends_at_once),
		cmocka_unit_test(close_releases_what_waited),
		cmocka_unit_test(release_may_close_the_device),
		cmocka_unit_test(free_after_the_close_releases),
		cmocka_unit_test(release_may_adopt_again),
		cmocka_unit_test(failed_expose_releases),
		cmocka_unit_test(adopted_memory_can_be_lent),
		cmocka_unit_test(tail_is_the_rest_of_the_last_page),
		cmocka_unit_test(tail_of_a_copy_is_not_told),
		cmocka_unit_test(address_can_be_the_pointer),
		cmocka_unit_test(forked_child_releases_nothing),
		cmocka_unit_test(hardened_device_leaves_the_memory_accessible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
