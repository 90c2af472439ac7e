// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the addresses that the library keeps after their quarantine: when an address is
 * used again, which request gets it, and that nothing of its last object is left.
 */
#include "../src/device/device.h"
#include "../src/memory/iova_quarantine.h"
#include "test.h"

/* A device with this mask has few addresses. As many objects of a page fill its quarantine. */
#define SMALL "sim:edu,step,mask=24"
#define SMALL_QUARANTINE 256
#define SMALL_PAGES (1u << 12)

static uint64_t addr_of_next(struct coherent_device *dev, size_t bytes)
{
	COHERENT_AUTO(uint8_t, mem);

	assert_ok(coherent_zeroed(&mem, dev, bytes));
	return coherent_addr(&mem).raw;
}

/* Fills the quarantine and makes that many spare addresses of this size. */
static void make_spares(struct coherent_device *dev, size_t bytes, size_t count)
{
	const size_t before = dev->store.spares.count;
	COHERENT(uint8_t) *mems = calloc(count, sizeof(*mems));

	while (dev->store.space.retired_bytes + bytes + PAGE <= dev->store.space.usable / 8 &&
	       dev->store.space.retired_count < IOVA_RETIRED_MAX)
		addr_of_next(dev, bytes);
	/* All of them are in use at once, so none of them uses a spare address of another. */
	for (size_t i = 0; i < count; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, bytes));
	for (size_t i = 0; i < count; i++)
		coherent_free(&mems[i]);
	assert_true(dev->store.spares.count > before);
	free(mems);
}

/* --- When an address is used again --- */

enum { TURNS = 40000, LIVE = 200, ADDRESSES = 1 << 16 };

struct history {
	COHERENT(uint8_t) live[LIVE];
	size_t pages[LIVE];
	unsigned int freed_at[ADDRESSES];
	unsigned int frees;
	uint64_t random;
};

static unsigned int pick(struct history *history, unsigned int below)
{
	history->random = history->random * 6364136223846793005 + 1442695040888963407;
	return (unsigned int)(history->random >> 33) % below;
}

static void check_age(struct history *history, uint64_t address, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		const unsigned int at = history->freed_at[address / PAGE + i];

		/* The quarantine of this device is bounded by the number of its ranges only. */
		if (at)
			assert_in_range(history->frees - at, IOVA_RETIRED_MAX, TURNS);
	}
}

static void end_one(struct history *history, unsigned int i)
{
	const uint64_t page = coherent_addr(&history->live[i]).raw / PAGE;

	history->frees++;
	for (size_t k = 0; k < history->pages[i]; k++)
		history->freed_at[page + k] = history->frees;
	coherent_free(&history->live[i]);
}

static void begin_one(struct history *history, struct coherent_device *dev, unsigned int i)
{
	const uint64_t align = pick(history, 8) ? 0 : 2 * PAGE;
	uint64_t address;

	/* One class of sizes has most objects, and 17 pages have none. */
	history->pages[i] = pick(history, 4) ? 1 : 1 + pick(history, 17);
	assert_ok(
		coherent_zeroed(&history->live[i], dev, history->pages[i] * PAGE, .align = align));
	address = coherent_addr(&history->live[i]).raw;
	assert_in_range(address / PAGE + history->pages[i], 1, ADDRESSES);
	assert_true(!align || address % align == 0);
	check_age(history, address, history->pages[i]);
}

static void address_waits_for_as_many_frees_as_the_quarantine_holds(void **state)
{
	struct history *history = calloc(1, sizeof(*history));
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	history->random = 1;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=48"));
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		const unsigned int i = pick(history, LIVE);

		if (coherent_is_empty(&history->live[i]))
			begin_one(history, dev, i);
		else
			end_one(history, i);
	}
	for (unsigned int i = 0; i < LIVE; i++)
		coherent_free(&history->live[i]);
	free(history);
}

static void oldest_address_is_used_first(void **state)
{
	enum { COUNT = 20 };
	COHERENT(uint8_t) mems[COUNT] = { COHERENT_EMPTY };
	uint64_t freed[COUNT];
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	assert_ok(coherent_device_open(&dev, SMALL));
	for (size_t i = 0; i < COUNT; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, PAGE));
	for (size_t i = 0; i < COUNT; i++) {
		freed[i] = coherent_addr(&mems[i]).raw;
		coherent_free(&mems[i]);
	}
	make_spares(dev, 3 * PAGE, SMALL_QUARANTINE);
	for (size_t i = 0; i < COUNT; i++) {
		assert_ok(coherent_zeroed(&mems[i], dev, PAGE));
		assert_int_equal(coherent_addr(&mems[i]).raw, freed[i]);
	}
	for (size_t i = 0; i < COUNT; i++)
		coherent_free(&mems[i]);
}

/* --- Which requests get one --- */

static void free_special_ones(struct coherent_device *dev, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		COHERENT_AUTO(uint8_t, aligned);
		COHERENT_AUTO(uint8_t, bounded);
		const size_t spares = dev->store.spares.count;

		assert_ok(coherent_zeroed(&aligned, dev, PAGE, .align = 16 * PAGE));
		assert_int_equal(coherent_addr(&aligned).raw % (16 * PAGE), 0);
		assert_ok(coherent_zeroed(&bounded, dev, PAGE, .boundary = PAGE));
		assert_int_equal(dev->store.spares.count, spares);
	}
}

static void special_requests_take_and_leave_none(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	size_t count;

	(void)state;
	assert_ok(coherent_device_open(&dev, SMALL));
	make_spares(dev, PAGE, 8);
	/* The quarantine gives up all plain addresses. */
	free_special_ones(dev, SMALL_QUARANTINE / 2);
	count = dev->store.spares.count;
	free_special_ones(dev, 20);
	assert_int_equal(dev->store.spares.count, count);
}

static void address_serves_its_size_only(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	size_t count;

	(void)state;
	assert_ok(coherent_device_open(&dev, SMALL));
	make_spares(dev, 2 * PAGE, 8);
	count = dev->store.spares.count;
	for (size_t pages = 1; pages < 40; pages++) {
		COHERENT_BOX_AUTO(uint8_t, box);

		if (pages == 2)
			continue;
		assert_ok(coherent_box_zeroed(&box, dev, pages * PAGE));
		assert_int_equal(dev->store.spares.count, count);
	}
}

static void at_most_so_many_are_kept(void **state)
{
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step,mask=48"));
	make_spares(dev, PAGE, SPARES_MAX + 100);
	assert_int_equal(dev->store.spares.count, SPARES_MAX);
}

/* --- When they give way --- */

static void addresses_give_way_before_they_run_out(void **state)
{
	COHERENT(uint8_t) big = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	size_t quarantined;

	(void)state;
	assert_ok(coherent_device_open(&dev, SMALL));
	make_spares(dev, PAGE, 1000);
	quarantined = dev->store.space.retired_count;
	assert_ok(coherent_box_zeroed(&box, dev, PAGE));
	coherent_box_free(&box);
	/* Addresses that are neither kept nor in quarantine are too few for this one. */
	assert_ok(coherent_zeroed(&big, dev, 1900 * (size_t)PAGE));
	assert_in_range(dev->store.spares.count, 0, 60);
	assert_int_equal(dev->store.space.retired_count, quarantined);
	assert_int_equal(dev->store.recycler.bytes, PAGE);
	coherent_free(&big);
	/* All addresses are free for this one. */
	assert_ok(coherent_zeroed(&big, dev, (SMALL_PAGES - 2) * (size_t)PAGE));
	assert_int_equal(dev->store.spares.count, 0);
	coherent_free(&big);
}

static void mask_changes_while_addresses_are_kept(void **state)
{
	COHERENT_DEVICE_AUTO(dev);

	(void)state;
	assert_ok(coherent_device_open(&dev, SMALL));
	make_spares(dev, PAGE, 100);
	assert_ok(coherent_device_set_mask(dev, coherent_mask(16)));
	assert_int_equal(dev->store.spares.count, 0);
	for (unsigned int i = 0; i < 20; i++)
		assert_in_range(addr_of_next(dev, PAGE), PAGE, coherent_mask(16));
}

/* --- What is left of the last object --- */

static void spare_address_names_no_object(void **state)
{
	struct coherent_info info;
	struct coherent_fault fault;
	COHERENT_DEVICE_AUTO(dev);
	uint64_t address;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&dev, SMALL));
	address = addr_of_next(dev, PAGE);
	assert_ok(coherent_find_addr(dev, address, &info));
	assert_int_equal(info.state, COHERENT_STATE_FREED);
	make_spares(dev, 3 * PAGE, SMALL_QUARANTINE);
	assert_err(coherent_find_addr(dev, address, &info), -ERANGE);
	for (uint64_t at = address; at < address + 2 * PAGE; at += PAGE) {
		assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ at }, &byte, 1,
						 COHERENT_ACCESS_READ),
			   -EIO);
		assert_ok(coherent_device_next_fault(dev, &fault));
		assert_int_equal(fault.state, COHERENT_STATE_NONE);
		assert_null(fault.where);
		assert_non_null(strstr(fault.text, "no object"));
	}
}

/* A lookup without the lock must not take the memory of the last object for that of the new one. */
static void record_forgets_the_last_object(void **state)
{
	COHERENT(uint8_t) other = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_object *object;
	struct coherent_info info;
	COHERENT_DEVICE_AUTO(dev);
	uint64_t address;
	void *va;

	(void)state;
	assert_ok(coherent_device_open(&dev, SMALL));
	/* Enough memory is free afterwards, so nothing else gets the page of this mem. */
	make_spares(dev, 3 * PAGE, SMALL_QUARANTINE);
	assert_ok(coherent_zeroed(&mem, dev, 10, .permission = COHERENT_READ_ONLY,
				  .attrs = COHERENT_ATTR_NO_WARN));
	assert_ok(coherent_zeroed(&other, dev, PAGE - 1));
	address = coherent_addr(&mem).raw;
	va = mem.base.va;
	coherent_free(&mem);
	make_spares(dev, 3 * PAGE, SMALL_QUARANTINE);
	/* The record of a reclaimed mem gets its pages last, so it has none here. */
	assert_ok(object_new_home(other.base.object, &object));
	assert_int_equal(object->address.first, address);
	assert_err(coherent_find_ptr(dev, va, &info), -ERANGE);
	assert_ok(coherent_find_addr(dev, address, &info));
	assert_int_equal(info.state, COHERENT_STATE_BOX);
	assert_ptr_equal(info.where, other.base.object->site);
	assert_int_equal(object->attrs, 0);
	assert_int_equal(object->permission, COHERENT_READ_WRITE);
	assert_int_equal(object->slack, 1);
	assert_int_equal(object->since_ns, 0);
	assert_int_equal(object->pages.first, 0);
	object_drop_home(object);
	assert_err(coherent_find_addr(dev, address, &info), -ERANGE);
	coherent_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_waits_for_as_many_frees_as_the_quarantine_holds),
		cmocka_unit_test(oldest_address_is_used_first),
		cmocka_unit_test(special_requests_take_and_leave_none),
		cmocka_unit_test(address_serves_its_size_only),
		cmocka_unit_test(at_most_so_many_are_kept),
		cmocka_unit_test(addresses_give_way_before_they_run_out),
		cmocka_unit_test(mask_changes_while_addresses_are_kept),
		cmocka_unit_test(spare_address_names_no_object),
		cmocka_unit_test(record_forgets_the_last_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
