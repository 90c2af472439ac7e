// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check objects with a mapping of their own: memory of some NUMA nodes, and memory whose
 * pointer is the device address.
 */
#include <coherent/share.h>
#include <sys/mman.h>

#include "../src/device/device.h"
#include "pool_test.h"

/* A node that this machine has, and one that no machine has. */
#define NODE UINT64_C(1)
#define NO_NODE (UINT64_C(1) << 63)

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);

static bool is_mapped(const void *va)
{
	return !msync((void *)((uintptr_t)va & -(uintptr_t)PAGE), PAGE, MS_ASYNC);
}

static void open_named(const char *name, bool harden)
{
	coherent_device_close(dev);
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, name, .report = log_report, .report_arg = &reports,
				       .harden = harden));
}

static void device_reads(uint64_t address, uint8_t byte)
{
	uint8_t seen = !byte;

	assert_ok(coherent_sim_try_addr(dev, (coherent_addr_t){ address }, &seen, 1,
					COHERENT_ACCESS_READ));
	assert_int_equal(seen, byte);
}

/* A sanitizer may have all addresses below a mask. */
static bool has_address(int err)
{
	if (err != -ENOSPC)
		assert_ok(err);
	else if (!log_has(&reports, "is free both on the device and in this process"))
		fail_msg("%s", reports.text);
	log_clear(&reports);
	return !err;
}

/* As a device without a reset, the device begins at a random address, and holds back those below. */
static void held_addresses_serve_if_no_others_do(void **state)
{
	union byte_mem mem = COHERENT_EMPTY;

	(void)state;
	open_named("sim:ring,mask=64", false);
	dev->backend->random_addresses = true;
	assert_ok(coherent_device_set_mask(dev, coherent_mask(64)));
	/* AddressSanitizer has the addresses above. */
	assert_ok(coherent_zeroed(&mem, dev, 1, .address_is_pointer = true,
				  .mask = coherent_mask(31)));
	assert_true(coherent_addr(&mem).raw <= coherent_mask(31));
	coherent_free(&mem);
}

static void pointer_is_the_address(void **state)
{
	static const char *const names[] = { "sim:ring,mask=64", "sim:edu,mask=47",
					     "sim:edu,mask=39", "sim:edu,mask=30" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		union byte_box boxes[40] = { COHERENT_EMPTY };
		union byte_mem mems[40] = { COHERENT_EMPTY };

		open_named(names[i], false);
		for (size_t k = 0; k < ARRAY_SIZE(boxes); k++) {
			uint8_t *p;

			if (!has_address(coherent_box_zeroed(&boxes[k], dev, 5000,
							     .address_is_pointer = true)))
				continue;
			p = coherent_box_ptr(&boxes[k]);
			for (size_t at = 0; at < 2 * PAGE; at++)
				assert_int_equal(p[at], 0);
			*p = 77;
			assert_ok(coherent_expose(&boxes[k], &mems[k]));
			assert_int_equal(coherent_addr(&mems[k]).raw, (uintptr_t)p);
			assert_ptr_equal(coherent_unsafe_ptr(&mems[k]), p);
			device_reads((uintptr_t)p, 77);
		}
		for (size_t k = 0; k < ARRAY_SIZE(boxes); k++) {
			const void *p = (const void *)coherent_unsafe_ptr(&mems[k]);

			coherent_free(&mems[k]);
			assert_false(p && is_mapped(p));
		}
	}
}

/* The pointer stays with the box. The address is in quarantine, unless the box is in place. */
static void reclaim_keeps_the_pointer(void **state)
{
	(void)state;
	open_named("sim:ring,mask=64", false);
	for (unsigned int in_place = 0; in_place < 2; in_place++) {
		union byte_box box = COHERENT_EMPTY;
		union byte_mem mem = COHERENT_EMPTY;
		const uint8_t *p;

		assert_ok(coherent_box_zeroed(&box, dev, 1, .address_is_pointer = true,
					      .in_place = in_place));
		p = coherent_box_ptr(&box);
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_ptr_equal(coherent_box_ptr(&box), p);
		assert_ok(coherent_expose(&box, &mem));
		assert_int_equal(coherent_addr(&mem).raw == (uintptr_t)p, in_place);
		coherent_free(&mem);
		assert_false(is_mapped(p));
	}
}

/*
 * A page that the process can map, and does not at the moment. It is in the middle of a hole, and
 * the kernel puts the next mappings at the end of one. So the library and the sanitizers do not map
 * the page before the test does.
 */
static uint64_t free_page(void)
{
	const size_t hole = 1u << 30;
	void *va = mmap(NULL, hole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(va, MAP_FAILED);
	assert_ok(munmap(va, hole));
	return (uintptr_t)va + hole / 2;
}

static void address_and_pointer_can_be_given(void **state)
{
	uint64_t at;
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_AUTO(uint8_t, twice);
	static uint8_t here[2 * PAGE];
	const uint64_t taken = ((uintptr_t)here + PAGE - 1) & -(uint64_t)PAGE;

	(void)state;
	open_named("sim:ring,mask=64", false);
	at = free_page();
	assert_ok(coherent_zeroed(&mem, dev, 1, .address = at, .address_is_pointer = true));
	assert_int_equal((uintptr_t)coherent_unsafe_ptr(&mem), at);
	assert_err(coherent_zeroed(&twice, dev, 1, .address = at, .address_is_pointer = true),
		   -EBUSY);
	assert_true(log_has(&reports, "this process has a mapping in the"));
	assert_err(coherent_zeroed(&twice, dev, 1, .address = taken, .address_is_pointer = true),
		   -EBUSY);
	coherent_free(&mem);
	log_clear(&reports);
	/* The address is in quarantine, and the memory is not mapped any more. */
	assert_err(coherent_zeroed(&twice, dev, 1, .address = at, .address_is_pointer = true),
		   -EBUSY);
	assert_true(log_has(&reports, "waits in quarantine"));
	assert_false(is_mapped((void *)at));
	coherent_device_close(dev);
	dev = NULL;
}

static void pointer_has_the_other_properties(void **state)
{
	COHERENT_AUTO(uint8_t, none);

	(void)state;
	open_named("sim:ring,mask=64", false);
	for (size_t i = 0; i < 8; i++) {
		COHERENT_AUTO(uint8_t, mem);
		const uint64_t mask = coherent_mask(46);
		int err = coherent_zeroed(&mem, dev, 3 * PAGE, .address_is_pointer = true,
					  .mask = mask, .align = 1 << 21, .boundary = 1 << 22);

		if (!has_address(err))
			continue;
		assert_int_equal(coherent_addr(&mem).raw, (uintptr_t)coherent_unsafe_ptr(&mem));
		assert_int_equal(coherent_addr(&mem).raw % (1 << 21), 0);
		assert_true(coherent_addr(&mem).raw + 3 * PAGE - 1 <= mask);
	}
	assert_err(coherent_zeroed(&none, dev, 1, .address_is_pointer = true,
				   .mask = coherent_mask(13)),
		   -ENOSPC);
}

/* Another node serves if the wanted one gives no memory. */
static void memory_is_of_a_node(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_HANDLE_AUTO(handle);
	COHERENT_BOX_AUTO(uint8_t, box);
	const uint8_t byte = 5;

	(void)state;
	assert_ok(coherent_from(&mem, dev, &byte, 1, .nodes = NODE, .mask = coherent_mask(20)));
	device_reads(coherent_addr(&mem).raw, 5);
	assert_ok(coherent_handle_zeroed(&handle, dev, 1, .nodes = NODE, .address = 1 << 21));
	device_reads(1 << 21, 0);
	assert_int_equal(reports.count, 0);
	assert_ok(coherent_box_zeroed(&box, dev, 1, .nodes = NO_NODE));
	assert_true(log_has(&reports, "gave no memory, so any node serves"));
	coherent_box_free(&box);
	/* A mapping of its own is not kept for the next box. */
	assert_int_equal(dev->store.recycler.bytes, 0);
}

static uint64_t memory(struct coherent_device *of)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(of, &stats));
	return stats.memory;
}

static void memory_is_counted_until_it_is_unmapped(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_HANDLE_AUTO(handle);
	COHERENT_AUTO(uint8_t, other);
	uint64_t pool;

	(void)state;
	assert_ok(coherent_zeroed(&other, dev, 1));
	pool = memory(dev);
	assert_ok(coherent_zeroed(&mem, dev, 2 * PAGE + 1, .nodes = NODE));
	assert_int_equal(memory(dev), pool + 3 * PAGE);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ok(coherent_handle_zeroed(&handle, dev, PAGE, .nodes = NO_NODE));
	assert_int_equal(memory(dev), pool + 4 * PAGE);
	coherent_box_free(&box);
	assert_int_equal(memory(dev), pool + PAGE);
	coherent_handle_free(&handle);
	assert_int_equal(memory(dev), pool);
	/* No address is free, and the backend does not map. */
	assert_err(coherent_zeroed(&mem, dev, 1, .nodes = NODE, .mask = coherent_mask(12)),
		   -ENOSPC);
	assert_int_equal(memory(dev), pool);
	open_named("sim:edu,fail-map=1", false);
	assert_err(coherent_box_zeroed(&box, dev, 1, .nodes = NODE, .in_place = true), -EIO);
	assert_int_equal(memory(dev), 0);
}

/* Memory that cannot be unmapped stays until the close of the device. */
static void memory_of_a_leak_is_counted(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	open_named("sim:edu,fail-unmap=1", false);
	assert_ok(coherent_zeroed(&mem, dev, 1, .nodes = NODE));
	coherent_free(&mem);
	assert_int_equal(memory(dev), PAGE);
}

/* The twin has the memory after the mem, also when the device of the mem is closed. */
static void memory_of_a_twin_is_counted_for_the_mem(void **state)
{
	struct coherent_device *other;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&other, "sim:ring,step"));
	for (unsigned int closes = 0; closes < 2; closes++) {
		assert_ok(coherent_zeroed(&mem, other, 1, .nodes = NODE));
		assert_ok(coherent_share(&mem, dev, &twin));
		coherent_free(&mem);
		assert_int_equal(memory(other), PAGE);
		assert_int_equal(memory(dev), 0);
		if (closes)
			coherent_device_close(other);
		coherent_free(&twin);
		if (!closes)
			assert_int_equal(memory(other), 0);
	}
}

static void check_refused(const char *name, bool harden, const char *text)
{
	COHERENT_BOX_AUTO(uint8_t, box);

	open_named(name, harden);
	assert_err(coherent_box_zeroed(&box, dev, 1, .nodes = NODE), -EOPNOTSUPP);
	assert_err(coherent_box_zeroed(&box, dev, 1, .address_is_pointer = true), -EOPNOTSUPP);
	assert_int_equal(reports.count, 2);
	assert_true(log_has(&reports, text));
}

static void other_devices_refuse(void **state)
{
	(void)state;
	check_refused("sim:edu", true, "the device is hardened");
	check_refused("sim:edu,lazy", false, "cannot use a mapping of the box");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DEVICE(pointer_is_the_address),
		ON_DEVICE(held_addresses_serve_if_no_others_do),
		ON_DEVICE(reclaim_keeps_the_pointer),
		ON_DEVICE(address_and_pointer_can_be_given),
		ON_DEVICE(pointer_has_the_other_properties),
		ON_DEVICE(memory_is_of_a_node),
		ON_DEVICE(memory_is_counted_until_it_is_unmapped),
		ON_DEVICE(memory_of_a_leak_is_counted),
		ON_DEVICE(memory_of_a_twin_is_counted_for_the_mem),
		ON_DEVICE(other_devices_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
