// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * One mem that two devices use: who can reach the memory, and what is refused.
 */
#include <coherent/pool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject.h"
#include "share_test.h"

/* --- Access --- */

static void both_devices_and_the_cpu_see_one_memory(void **state)
{
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint32_t) twin = COHERENT_EMPTY;
	COHERENT_VIEW(uint32_t) view = COHERENT_EMPTY;
	COHERENT_RING(uint32_t) ring = COHERENT_EMPTY;
	COHERENT_SLOT(uint32_t) slot = COHERENT_EMPTY;
	uint32_t value, all[4] = { 0 };
	coherent_addr_t address;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME ",mask=40");
	assert_ok(coherent_zeroed(&mem, pair.a, 4));
	assert_true(coherent_is_empty(&twin));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	assert_false(coherent_is_empty(&twin));
	assert_int_equal(coherent_count(&twin), 4);
	assert_int_equal(coherent_size(&twin), 16);
	assert_ok(try_byte(pair.b, coherent_addr(&twin).raw, COHERENT_ACCESS_WRITE));
	assert_ok(coherent_read(&mem, 0, , &value));
	assert_int_equal(value, 0x5a);
	assert_ok(coherent_write(&twin, 1, , 0x77));
	assert_int_equal(byte_at(pair.a, coherent_addr(&mem).raw + 4), 0x77);
	assert_ok(coherent_write_release(&mem, 2, , 0x33));
	assert_int_equal(byte_at(pair.b, coherent_addr(&twin).raw + 8), 0x33);
	assert_ok(coherent_read_acquire(&twin, 2, , &value));
	assert_int_equal(value, 0x33);
	assert_ok(coherent_poll(&twin, 2, , &value, value == 0x33, LONG));
	assert_err(coherent_read(&twin, 4, , &value), -ERANGE);
	assert_ok(coherent_view(&twin, 1, 2, &view));
	assert_int_equal(coherent_addr(&view).raw, coherent_addr(&twin).raw + 4);
	assert_ok(coherent_slot(&twin, 1, &slot));
	assert_int_equal(coherent_slot_get(&slot, ), 0x77);
	assert_ok(coherent_ring(&twin, &ring));
	assert_int_equal(coherent_ring_get(&ring, 5, ), 0x77);
	assert_ok(coherent_copy_out(&twin, 0, all, 4));
	assert_int_equal(all[2], 0x33);
	assert_ok(coherent_copy_in(&twin, 0, all, 4));
	assert_ok(coherent_clear(&twin, 0, 4));
	assert_ok(coherent_addr_at(&twin, 3, &address));
	assert_int_equal(address.raw, coherent_addr(&twin).raw + 12);
	coherent_free(&twin);
	assert_true(coherent_is_empty(&twin));
	coherent_free(&mem);
	close_pair(&pair);
}

static void both_devices_can_have_one_address(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, taken = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct pair pair;
	uint64_t at;

	(void)state;
	open_pair(&pair, NAME ",mask=40", NAME ",mask=28");
	assert_ok(coherent_zeroed(&mem, pair.a, 2 * PAGE, .address = 0x100000));
	assert_ok(coherent_share(&mem, pair.b, &twin, .same_address = true));
	at = coherent_addr(&mem).raw;
	assert_int_equal(coherent_addr(&twin).raw, at);
	assert_ok(try_byte(pair.b, at, COHERENT_ACCESS_WRITE));
	assert_int_equal(byte_at(pair.a, at), 0x5a);
	/* A command of the device may still name the address. */
	coherent_free(&twin);
	assert_err(coherent_share(&mem, pair.b, &twin, .same_address = true), -EBUSY);
	assert_true(coherent_is_empty(&twin));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_free(&twin);
	coherent_free(&mem);
	/* Another object has the address. */
	assert_ok(coherent_zeroed(&mem, pair.a, PAGE, .address = 0x200000));
	assert_ok(coherent_zeroed(&taken, pair.b, PAGE, .address = 0x200000));
	assert_err(coherent_share(&mem, pair.b, &twin, .same_address = true), -EBUSY);
	assert_true(log_has(&pair.log_b, "share.c:"));
	coherent_free(&taken);
	coherent_free(&mem);
	/* The other device cannot use the address. */
	assert_ok(coherent_zeroed(&mem, pair.a, PAGE, .address = UINT64_C(1) << 32));
	assert_err(coherent_share(&mem, pair.b, &twin, .same_address = true), -ENOSPC);
	assert_true(log_has(&pair.log_b, "share without .same_address"));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_free(&twin);
	coherent_free(&mem);
	close_pair(&pair);
}

/* The driver's memory is a copy then, which no second device may change. */
static void copy_of_adopted_memory_is_not_shared(void **state)
{
	static _Alignas(PAGE) uint8_t memory[PAGE];
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME ",lazy", NAME);
	assert_ok(coherent_box_adopt(&box, pair.a, memory, PAGE, .copy = true));
	assert_ok(coherent_expose(&box, &mem));
	assert_err(coherent_share(&mem, pair.b, &twin), -EOPNOTSUPP);
	assert_true(log_has(&pair.log_a, "is a copy of the driver's memory"));
	assert_true(coherent_is_empty(&twin));
	coherent_free(&mem);
	close_pair(&pair);
}

/* Each device may do what its own call says. */
static void each_device_has_a_permission_of_its_own(void **state)
{
	static const enum coherent_permission all[] = { COHERENT_READ_WRITE, COHERENT_READ_ONLY };
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	for (size_t i = 0; i < 4; i++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;

		assert_ok(coherent_zeroed(&mem, pair.a, 1, .permission = all[i / 2]));
		assert_ok(coherent_share(&mem, pair.b, &twin, .permission = all[i % 2]));
		assert_err(try_byte(pair.a, coherent_addr(&mem).raw, COHERENT_ACCESS_WRITE),
			   i / 2 ? -EIO : 0);
		assert_err(coherent_sim_try(pair.b, &twin, 0, &(uint8_t){ 1 }, 1,
					    COHERENT_ACCESS_WRITE),
			   i % 2 ? -EIO : 0);
		assert_ok(try_byte(pair.b, coherent_addr(&twin).raw, COHERENT_ACCESS_READ));
		coherent_free(&twin);
		coherent_free(&mem);
	}
	close_pair(&pair);
}

static void sharing_opens_no_other_memory(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&other, pair.a, 3 * PAGE));
	assert_ok(coherent_zeroed(&mem, pair.a, PAGE));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	/* The address of the mem is that of another object, or of none, for the other device. */
	assert_err(try_byte(pair.b, coherent_addr(&mem).raw, COHERENT_ACCESS_READ), -EIO);
	assert_err(try_byte(pair.b, coherent_addr(&twin).raw + PAGE, COHERENT_ACCESS_READ), -EIO);
	coherent_free(&twin);
	coherent_free(&mem);
	coherent_free(&other);
	close_pair(&pair);
}

static void twin_keeps_alignment_and_boundary(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, first = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&first, pair.b, 1));
	assert_ok(
		coherent_zeroed(&mem, pair.a, 3 * PAGE, .align = 16 * PAGE, .boundary = 64 * PAGE));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	assert_int_equal(coherent_addr(&twin).raw % (16 * PAGE), 0);
	coherent_free(&twin);
	coherent_free(&mem);
	coherent_free(&first);
	close_pair(&pair);
}

/* --- Names --- */

static void lookups_and_faults_name_the_call(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct coherent_fault fault;
	struct coherent_info info;
	struct pair pair;
	uint64_t at;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&mem, pair.a, 1));
	assert_ok(coherent_share(&mem, pair.b, &twin, .permission = COHERENT_READ_ONLY));
	at = coherent_addr(&twin).raw;
	assert_ok(coherent_find_addr(pair.b, at, &info));
	assert_int_equal(info.state, COHERENT_STATE_MEM);
	assert_non_null(strstr(info.where, "share.c"));
	assert_ok(coherent_find_ptr(pair.b, (const void *)coherent_unsafe_ptr(&twin), &info));
	assert_int_equal(info.address, at);
	assert_ok(coherent_find_ptr(pair.a, (const void *)coherent_unsafe_ptr(&twin), &info));
	assert_int_equal(info.address, coherent_addr(&mem).raw);
	assert_err(try_byte(pair.b, at, COHERENT_ACCESS_WRITE), -EIO);
	assert_ok(coherent_device_next_fault(pair.b, &fault));
	assert_non_null(strstr(fault.text, "read-only (4096 bytes shared at "));
	coherent_free(&twin);
	assert_err(try_byte(pair.b, at, COHERENT_ACCESS_READ), -EIO);
	assert_ok(coherent_device_next_fault(pair.b, &fault));
	assert_int_equal(fault.state, COHERENT_STATE_FREED);
	assert_non_null(strstr(fault.text, "shared at "));
	assert_err(coherent_find_ptr(pair.b, (const void *)coherent_unsafe_ptr(&mem), &info),
		   -ERANGE);
	coherent_free(&mem);
	close_pair(&pair);
}

/* --- Failures --- */

static void failed_unmapping_of_a_twin_keeps_the_memory(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	const void *pages;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME ",fail-unmap=1");
	assert_ok(coherent_zeroed(&mem, pair.a, 5 * PAGE));
	pages = (const void *)coherent_unsafe_ptr(&mem);
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_free(&twin);
	assert_true(log_has(&pair.log_b, "are leaked"));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_true(log_has(&pair.log_a, "it could not be unmapped; close that device"));
	coherent_free(&mem);
	assert_false(is_reused(pair.a, pages));
	coherent_device_close(pair.b);
	assert_true(is_reused(pair.a, pages));
	coherent_device_close(pair.a);
}

static void failed_mapping_leaves_nothing(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME ",fail-map=1");
	assert_ok(coherent_zeroed(&mem, pair.a, 1));
	assert_err(coherent_share(&mem, pair.b, &twin), -EIO);
	assert_true(coherent_is_empty(&twin));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_free(&twin);
	assert_ok(coherent_reclaim(&mem, &box));
	coherent_box_free(&box);
	close_pair(&pair);
	open_pair(&pair, NAME, NAME ",maps=0x1");
	assert_ok(coherent_zeroed(&mem, pair.a, 1));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	COHERENT_TWIN_AUTO(uint8_t, second);
	assert_err(coherent_share(&mem, pair.b, &second), -ENOSPC);
	coherent_free(&twin);
	coherent_free(&mem);
	close_pair(&pair);
}

static void full_address_space_is_reported(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, large = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME ",mask=16");
	assert_ok(coherent_zeroed(&mem, pair.a, 4 * PAGE));
	assert_ok(coherent_zeroed(&large, pair.b, 10 * PAGE));
	assert_err(coherent_share(&mem, pair.b, &twin), -ENOSPC);
	assert_true(log_has(&pair.log_b, "no device address is left to share 16384 bytes"));
	coherent_free(&large);
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_free(&twin);
	coherent_free(&mem);
	close_pair(&pair);
}

/* --- Refusals --- */

static void wrong_arguments_are_refused(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, empty = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&mem, pair.a, 1));
	assert_err(coherent_share(&empty, pair.b, &twin), -EINVAL);
	assert_err(coherent_share(&mem, NULL, &twin), -ENODEV);
	assert_int_equal(pair.log_a.count, 0);
	assert_err(coherent_share(&mem, pair.a, &twin), -EINVAL);
	assert_true(log_has(&pair.log_a, "belongs to this device"));
	assert_err(coherent_share(&mem, pair.b, &twin, .permission = 7), -EINVAL);
	assert_true(log_has(&pair.log_a, ".permission = 7"));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	assert_err(coherent_share(&mem, pair.b, &twin), -EBUSY);
	assert_true(log_has(&pair.log_a, "the twin is in use and was allocated at"));
	coherent_free(&twin);
	memset(&twin, 0x5a, sizeof(twin));
	assert_err(coherent_share(&mem, pair.b, &twin), -EBUSY);
	assert_true(log_has(&pair.log_a, "COHERENT_TWIN_AUTO()"));
	coherent_free(&mem);
	close_pair(&pair);
}

static void mems_of_pools_are_refused(void **state)
{
	COHERENT_POOL(uint64_t) pool = COHERENT_EMPTY;
	COHERENT_TWIN(uint64_t) twin = COHERENT_EMPTY;
	COHERENT_BOX(uint64_t) box = COHERENT_EMPTY;
	COHERENT(uint64_t) mem = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_pool_create(&pool, pair.a));
	assert_ok(coherent_pool_box(&pool, &box));
	assert_ok(coherent_expose(&box, &mem));
	assert_err(coherent_share(&mem, pair.b, &twin), -EOPNOTSUPP);
	assert_true(log_has(&pair.log_a, "is of a pool"));
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
	close_pair(&pair);
}

static void mem_in_place_can_be_shared(void **state)
{
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&mem, pair.a, 1, .in_place = true));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	assert_err(coherent_reclaim(&mem, &box, .idle = true), -EBUSY);
	coherent_free(&twin);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_free(&mem);
	assert_ok(try_byte(pair.b, coherent_addr(&twin).raw, COHERENT_ACCESS_WRITE));
	coherent_free(&twin);
	close_pair(&pair);
}

static void hardened_devices_share_too(void **state)
{
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *a, *b;
	uint8_t byte;

	(void)state;
	for (unsigned int i = 1; i < 4; i++) {
		assert_ok(coherent_device_open(&a, NAME, .harden = i & 1));
		assert_ok(coherent_device_open(&b, NAME, .harden = i & 2));
		assert_ok(coherent_zeroed(&mem, a, 1));
		assert_ok(coherent_share(&mem, b, &twin));
		assert_ok(try_byte(b, coherent_addr(&twin).raw, COHERENT_ACCESS_WRITE));
		assert_ok(coherent_read(&mem, 0, , &byte));
		assert_int_equal(byte, 0x5a);
		coherent_free(&mem);
		assert_ok(coherent_read(&twin, 0, , &byte));
		assert_int_equal(byte, 0x5a);
		coherent_free(&twin);
		coherent_device_close(a);
		coherent_device_close(b);
	}
}

static void twins_move(void **state)
{
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY, to = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct pair pair;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&mem, pair.a, 1));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	coherent_move(&twin, &to);
	assert_true(coherent_is_empty(&twin));
	assert_ok(try_byte(pair.b, coherent_addr(&to).raw, COHERENT_ACCESS_WRITE));
	coherent_free(&to);
	coherent_free(&mem);
	close_pair(&pair);
}

static void devices_beside_each_other_share_too(void **state)
{
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *a, *b;

	(void)state;
	assert_ok(coherent_device_open(&a, NAME));
	assert_ok(coherent_device_open(&b, NAME, .beside = a));
	assert_ok(coherent_zeroed(&mem, a, 1, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_share(&mem, b, &twin));
	/* In one address space both devices may use both addresses. */
	assert_ok(try_byte(a, coherent_addr(&twin).raw, COHERENT_ACCESS_WRITE));
	assert_int_equal(byte_at(b, coherent_addr(&mem).raw), 0x5a);
	coherent_device_close(a);
	coherent_free(&mem);
	assert_ok(try_byte(b, coherent_addr(&twin).raw, COHERENT_ACCESS_WRITE));
	coherent_free(&twin);
	coherent_device_close(b);
}

static void forked_child_changes_nothing(void **state)
{
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY, late = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct pair pair;
	int status;
	pid_t pid;

	(void)state;
	open_pair(&pair, NAME, NAME);
	assert_ok(coherent_zeroed(&mem, pair.a, 1));
	assert_ok(coherent_share(&mem, pair.b, &twin));
	pid = fork();
	if (!pid) {
		if (coherent_share(&mem, pair.b, &late) != -ENODEV)
			_exit(1);
		coherent_free(&mem);
		coherent_free(&twin);
		coherent_device_close(pair.b);
		coherent_device_close(pair.a);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_ok(try_byte(pair.b, coherent_addr(&twin).raw, COHERENT_ACCESS_WRITE));
	coherent_free(&twin);
	coherent_free(&mem);
	close_pair(&pair);
}

/* --- Failures of each call --- */

static int share_once(struct coherent_device *a, struct coherent_device *b)
{
	COHERENT_TWIN_AUTO(uint8_t, twin);
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	int err = coherent_zeroed(&mem, a, 1);

	if (!err)
		err = coherent_share(&mem, b, &twin);
	if (!err) {
		coherent_free(&twin);
		err = coherent_reclaim(&mem, &box);
	}
	if (!err)
		err = coherent_expose(&box, &mem);
	if (!err)
		err = coherent_share(&mem, b, &twin);
	/* The scope ends the mem before the twin. */
	return err;
}

static void no_failure_leaks(void **state)
{
	unsigned int nth;

	(void)state;
	for (nth = 1; nth < 1000; nth++) {
		const struct inject before = inject;
		struct pair pair;
		int err;

		open_pair(&pair, NAME, NAME);
		inject.failed = false;
		inject.left = nth;
		err = share_once(pair.a, pair.b);
		inject.left = 0;
		close_pair(&pair);
		assert_int_equal(inject.blocks, before.blocks);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(inject.fds, before.fds);
		if (!inject.failed)
			break;
		if (err && err != -ENOMEM)
			fail_msg("call %u: %d", nth, err);
	}
	print_message("# %u calls failed in turn\n", nth - 1);
	assert_true(nth > 8 && nth < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_devices_and_the_cpu_see_one_memory),
		cmocka_unit_test(both_devices_can_have_one_address),
		cmocka_unit_test(copy_of_adopted_memory_is_not_shared),
		cmocka_unit_test(each_device_has_a_permission_of_its_own),
		cmocka_unit_test(sharing_opens_no_other_memory),
		cmocka_unit_test(twin_keeps_alignment_and_boundary),
		cmocka_unit_test(lookups_and_faults_name_the_call),
		cmocka_unit_test(failed_unmapping_of_a_twin_keeps_the_memory),
		cmocka_unit_test(failed_mapping_leaves_nothing),
		cmocka_unit_test(full_address_space_is_reported),
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(mems_of_pools_are_refused),
		cmocka_unit_test(mem_in_place_can_be_shared),
		cmocka_unit_test(hardened_devices_share_too),
		cmocka_unit_test(twins_move),
		cmocka_unit_test(devices_beside_each_other_share_too),
		cmocka_unit_test(forked_child_changes_nothing),
		cmocka_unit_test(no_failure_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
