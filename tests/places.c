// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the options .mask and .address of objects: what they promise, what gives way for
 * them, and what does not.
 */
#include "../src/device/device.h"
#include "../src/memory/iova_quarantine.h"
#include "pool_test.h"

#define MASK coherent_mask(24)
#define AT UINT64_C(0x123000)

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);

static const char *const names[] = {
	"sim:edu,step",	    "sim:edu,step,mask=24", "sim:edu,step,mask=40",
	"sim:ring,mask=64", "sim:edu,step,lazy",    "sim:ring",
};

/* Runs a test on each device, hardened and not. */
static void on_each_device(void (*test)(void))
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(names); i++) {
		reports = (struct log)LOG_EMPTY;
		assert_ok(coherent_device_open(&dev, names[i / 2], .report = log_report,
					       .report_arg = &reports, .harden = i % 2));
		test();
		coherent_device_close(dev);
	}
	dev = NULL;
}

static void assert_reported(const char *text)
{
	if (reports.count != 1 || !log_has(&reports, text))
		fail_msg("%u reports: %s", reports.count, reports.text);
	log_clear(&reports);
}

static uint64_t raw(const union byte_mem *mem)
{
	return coherent_addr(mem).raw;
}

/* Returns the address that an ordinary mem gets next. */
static uint64_t next_address(void)
{
	COHERENT_AUTO(uint8_t, mem);

	assert_ok(coherent_zeroed(&mem, dev, 1));
	return coherent_addr(&mem).raw;
}

/* --- .mask --- */

static uint8_t twelve[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static int fill(uint8_t *elements, size_t count, void *arg)
{
	memcpy(elements, arg, count);
	return 0;
}

static void make_below(union byte_mem *mem, unsigned int how)
{
	union byte_box box = COHERENT_EMPTY;

	if (how == 0)
		assert_ok(coherent_zeroed(mem, dev, 12, .mask = MASK));
	else if (how == 1)
		assert_ok(coherent_from(mem, dev, twelve, 12, .mask = MASK));
	else if (how == 2)
		assert_ok(coherent_init(mem, dev, 12, fill, twelve, .mask = MASK));
	else if (how == 3)
		assert_ok(coherent_box_zeroed(&box, dev, 12, .mask = MASK));
	else
		assert_ok(coherent_box_from(&box, dev, twelve, 12, .mask = MASK));
	if (how >= 3)
		assert_ok(coherent_expose(&box, mem));
}

static void stays_below(void)
{
	for (unsigned int how = 0; how < 5; how++) {
		union byte_mem mem = COHERENT_EMPTY;
		union byte_box box = COHERENT_EMPTY;
		uint64_t first;

		make_below(&mem, how);
		first = raw(&mem);
		assert_true(first + PAGE - 1 <= MASK);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_ok(coherent_expose(&box, &mem));
		assert_true(raw(&mem) + PAGE - 1 <= MASK);
		assert_int_not_equal(raw(&mem), first);
		coherent_free(&mem);
	}
}

static void object_and_its_box_are_below_the_mask(void **state)
{
	(void)state;
	on_each_device(stays_below);
}

/* Two pages and their guards are under the mask. The third gets a report. */
static void has_no_room(void)
{
	const uint64_t mask = coherent_mask(14);
	COHERENT_BOX(uint8_t) boxes[3] = { COHERENT_EMPTY };
	COHERENT_HANDLE_AUTO(handle);
	int err = 0;

	for (size_t i = 0; i < 3 && !err; i++)
		err = coherent_box_zeroed(&boxes[i], dev, PAGE, .mask = mask);
	assert_err(err, -ENOSPC);
	assert_reported("no device address is left for 4096 bytes under mask 0x3fff");
	assert_err(coherent_handle_zeroed(&handle, dev, PAGE, .mask = mask,
					  .attrs = COHERENT_ATTR_NO_WARN),
		   -ENOSPC);
	assert_int_equal(reports.count, 0);
	/* Other objects still have room. */
	assert_true(next_address() > mask);
	for (size_t i = 0; i < 3; i++)
		coherent_box_free(&boxes[i]);
	assert_ok(coherent_handle_zeroed(&handle, dev, PAGE, .mask = mask));
	assert_true(coherent_handle_addr(&handle).raw < mask);
}

static void full_mask_is_reported(void **state)
{
	(void)state;
	on_each_device(has_no_room);
}

/* A mask that is wider than that of the device changes nothing. */
static void wide_mask_is_that_of_the_device(void **state)
{
	(void)state;
	for (unsigned int bits = 12; bits <= 64; bits++) {
		const uint64_t mask = coherent_mask(bits);
		COHERENT_AUTO(uint8_t, mem);
		int err = coherent_zeroed(&mem, dev, 2 * PAGE, .mask = mask,
					  .boundary = UINT64_C(1) << 30,
					  .attrs = COHERENT_ATTR_NO_WARN);

		/* The first page of all is not used, so two pages need 14 bits. */
		assert_err(err, bits < 13 ? -EINVAL : bits == 13 ? -ENOSPC : 0);
		if (err)
			continue;
		assert_true(coherent_addr(&mem).raw + 2 * PAGE - 1 <= mask);
		assert_true(coherent_addr(&mem).raw + 2 * PAGE - 1 <= coherent_mask(40));
	}
}

/* Objects with a mask are allocated and freed more often than there are addresses under the mask. */
static void quarantine_gives_way_below_a_mask(void **state)
{
	(void)state;
	for (size_t i = 0; i < 500; i++) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, dev, 1, .mask = coherent_mask(18)));
	}
	assert_int_equal(reports.count, 0);
}

static uint64_t quarantined(void)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(dev, &stats));
	return stats.quarantined;
}

/* Addresses above the mask are older than those below, but give an object below it no room. */
static void quarantine_stays_above_a_mask(void **state)
{
	enum { COUNT = 200 };
	const uint64_t mask = coherent_mask(18);
	union byte_mem mems[COUNT] = { COHERENT_EMPTY };
	COHERENT_AUTO(uint8_t, large);

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, 1, .address = mask + 1 + 2 * i * PAGE));
	for (size_t i = 0; i < COUNT; i++)
		coherent_free(&mems[i]);
	for (size_t i = 0; i < 500; i++) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, dev, 1, .mask = mask));
		assert_true(quarantined() >= COUNT - 1);
	}
	/* Only the guard of this one is above the mask, at the first of those addresses. */
	assert_ok(coherent_zeroed(&large, dev, mask + 1 - PAGE, .mask = mask));
	assert_err(coherent_zeroed(&mems[0], dev, 1, .mask = mask), -ENOSPC);
	assert_int_equal(quarantined(), COUNT - 1);
}

/* A kept box or a spare address may be above the mask, so that neither is used. */
static void kept_things_do_not_serve_a_mask(void **state)
{
	COHERENT_AUTO(uint8_t, filler);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	assert_ok(coherent_zeroed(&filler, dev, 32 << 20, .address = UINT64_C(1) << 24));
	assert_ok(coherent_box_zeroed(&box, dev, 1, .address = UINT64_C(1) << 30));
	coherent_box_free(&box);
	assert_int_equal(dev->store.recycler.bytes, PAGE);
	assert_ok(coherent_zeroed(&mem, dev, 1, .mask = MASK));
	assert_true(coherent_addr(&mem).raw < MASK);
	coherent_free(&mem);
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_int_equal(coherent_addr(&mem).raw, UINT64_C(1) << 30);
}

/* --- .address --- */

static void is_there(void)
{
	union byte_mem mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	union byte_box box = COHERENT_EMPTY;
	COHERENT_HANDLE_AUTO(handle);
	uint8_t seen = 0;

	assert_ok(coherent_box_from(&box, dev, twelve, 12, .address = AT));
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(raw(&mem), AT);
	assert_ok(coherent_sim_try_addr(dev, (coherent_addr_t){ AT + 3 }, &seen, 1,
					COHERENT_ACCESS_READ));
	assert_int_equal(seen, 4);
	/* The address and the page behind the object are taken. */
	assert_err(coherent_zeroed(&other, dev, 1, .address = AT), -EBUSY);
	assert_reported("tests/places.c:");
	assert_err(coherent_zeroed(&other, dev, 1, .address = AT + PAGE), -EBUSY);
	assert_reported("free it first, or give another address");
	assert_err(coherent_zeroed(&other, dev, 1, .address = AT - PAGE), -EBUSY);
	assert_reported("has the device address 0x123000");
	assert_ok(coherent_zeroed(&other, dev, 1, .address = AT - 2 * PAGE));
	assert_ok(coherent_handle_zeroed(&handle, dev, 1, .address = AT + 2 * PAGE));
	assert_int_equal(coherent_handle_addr(&handle).raw, AT + 2 * PAGE);
	coherent_free(&other);
	coherent_free(&mem);
	assert_int_equal(reports.count, 0);
}

static void object_is_at_its_address(void **state)
{
	(void)state;
	on_each_device(is_there);
}

static void waits(void)
{
	union byte_mem mem = COHERENT_EMPTY;
	union byte_box box = COHERENT_EMPTY, other = COHERENT_EMPTY;

	assert_ok(coherent_zeroed(&mem, dev, 1, .address = AT));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_err(coherent_box_zeroed(&other, dev, 1, .address = AT), -EBUSY);
	assert_reported("waits in quarantine after its end");
	assert_ok(coherent_expose(&box, &mem));
	assert_int_not_equal(raw(&mem), AT);
	coherent_free(&mem);
	assert_err(coherent_box_zeroed(&other, dev, 1, .address = AT), -EBUSY);
	assert_reported("waits in quarantine after its end");
}

static void quarantine_does_not_give_way_for_an_address(void **state)
{
	(void)state;
	on_each_device(waits);
}

static void box_that_was_not_exposed_gives_its_address_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		COHERENT_BOX_AUTO(uint8_t, box);

		assert_ok(coherent_box_zeroed(&box, dev, 1, .address = AT));
		assert_int_equal(box.base.object->address.first, AT);
	}
	assert_int_equal(dev->store.recycler.bytes, PAGE);
	assert_int_equal(reports.count, 0);
}

static void kept_boxes_give_way_for_an_address(void **state)
{
	COHERENT_BOX(uint8_t) boxes[20] = { COHERENT_EMPTY };
	COHERENT_AUTO(uint8_t, mem);
	uint64_t first, last;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		assert_ok(coherent_box_zeroed(&boxes[i], dev, 1));
	first = boxes[0].base.object->address.first;
	last = boxes[ARRAY_SIZE(boxes) - 1].base.object->address.first;
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		coherent_box_free(&boxes[i]);
	/* A live object is in the way as well, so that nothing gives way. */
	assert_ok(coherent_zeroed(&mem, dev, 1, .address = last + 2 * PAGE));
	assert_err(coherent_box_zeroed(&boxes[0], dev, last - first + 3 * PAGE, .address = first),
		   -EBUSY);
	assert_reported("free it first");
	assert_int_equal(dev->store.recycler.bytes, ARRAY_SIZE(boxes) * PAGE);
	assert_ok(coherent_box_zeroed(&boxes[0], dev, last - first + PAGE, .address = first));
	assert_int_equal(dev->store.recycler.bytes, 0);
	coherent_box_free(&boxes[0]);
}

static void spare_addresses_give_way_for_an_address(void **state)
{
	(void)state;
	/* Each turn frees an address, and later ones leave the quarantine. */
	for (size_t i = 0; i < IOVA_RETIRED_MAX + 8; i++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;

		assert_ok(coherent_zeroed(&mem, dev, 1));
		coherent_free(&mem);
	}
	assert_true(dev->store.spares.count > 0);
	for (size_t i = 0; i < dev->store.spares.count; i++) {
		COHERENT_BOX_AUTO(uint8_t, box);
		const uint64_t at = STAILQ_FIRST(&dev->store.spares.ranges[0])->first;

		assert_ok(coherent_box_zeroed(&box, dev, 1, .address = at));
		assert_int_equal(box.base.object->address.first, at);
	}
}

static void bad_addresses_are_refused(void **state)
{
	COHERENT_HANDLE_AUTO(handle);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_BOX_AUTO(uint8_t, box);

	(void)state;
#define REFUSED(err, text, ...)                                               \
	do {                                                                  \
		assert_err(coherent_box_zeroed(&box, dev, __VA_ARGS__), err); \
		assert_reported(text);                                        \
	} while (0)
	REFUSED(-EINVAL, ".address is not a multiple", 1, .address = AT + 1);
	REFUSED(-EINVAL, ".address is not a multiple", 1, .address = AT, .align = 1 << 16);
	REFUSED(-EINVAL, "above .mask", 1, .address = 1 << 24, .mask = MASK);
	REFUSED(-EINVAL, "above .mask", PAGE + 1, .address = (1 << 24) - PAGE, .mask = MASK);
	REFUSED(-EINVAL, "above .mask", 2 * PAGE, .address = -(uint64_t)PAGE);
	REFUSED(-EINVAL, "above the mask of the device", 1, .address = UINT64_C(1) << 40);
	REFUSED(-EINVAL, "crosses it", 2 * PAGE, .address = AT, .boundary = 4 * PAGE);
	REFUSED(-EINVAL, ".mask is not of the form", 1, .mask = 0xfff0);
	REFUSED(-EINVAL, ".mask is less than the size", 3 * PAGE, .mask = coherent_mask(13));
	/* The last page is the guard's. */
	REFUSED(-ENOSPC, "the device cannot use all of 4096 bytes at .address = 0xfffffff000", 1,
		.address = (UINT64_C(1) << 40) - PAGE);
#undef REFUSED
	assert_err(coherent_box_zeroed(&box, dev, 1, .address = (UINT64_C(1) << 40) - PAGE,
				       .attrs = COHERENT_ATTR_NO_WARN),
		   -ENOSPC);
	assert_int_equal(reports.count, 0);
	assert_err(coherent_handle_zeroed(&handle, dev, 1, .address = 1), -EINVAL);
	assert_reported(".address is not a multiple");
	assert_err(coherent_init(&mem, dev, 12, fill, twelve, .mask = 2), -EINVAL);
	assert_reported(".mask is not of the form 2^n - 1; coherent_mask() makes such a mask");
	assert_ok(coherent_box_zeroed(&box, dev, 1, .address = (UINT64_C(1) << 40) - 2 * PAGE,
				      .mask = coherent_mask(40), .boundary = PAGE));
}

static void box_in_place_keeps_its_address(void **state)
{
	union byte_mem mem = COHERENT_EMPTY;
	union byte_box box = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_box_zeroed(&box, dev, 1, .address = AT, .in_place = true));
	for (size_t i = 0; i < 3; i++) {
		assert_ok(coherent_expose(&box, &mem));
		assert_int_equal(raw(&mem), AT);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	}
	coherent_box_free(&box);
	assert_err(coherent_box_zeroed(&box, dev, 1, .address = AT), -EBUSY);
	assert_reported("waits in quarantine");
}

/* An object of a pool is in a chunk, which the report names. */
static void address_in_a_pool_is_in_use(void **state)
{
	union commands pool = COHERENT_EMPTY;
	union command_mem mem = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);

	(void)state;
	assert_ok(coherent_pool_create(&pool, dev));
	make_mem(&pool, &mem, DIRT);
	assert_err(coherent_box_zeroed(&box, dev, 1, .address = coherent_addr(&mem).raw & -PAGE),
		   -EBUSY);
	assert_reported("tests/places.c:");
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(object_and_its_box_are_below_the_mask),
		cmocka_unit_test(full_mask_is_reported),
		ON_DEVICE(wide_mask_is_that_of_the_device),
		ON_DEVICE(quarantine_gives_way_below_a_mask),
		ON_DEVICE(quarantine_stays_above_a_mask),
		ON_DEVICE(kept_things_do_not_serve_a_mask),
		cmocka_unit_test(object_is_at_its_address),
		cmocka_unit_test(quarantine_does_not_give_way_for_an_address),
		ON_DEVICE(box_that_was_not_exposed_gives_its_address_back),
		ON_DEVICE(kept_boxes_give_way_for_an_address),
		ON_DEVICE(spare_addresses_give_way_for_an_address),
		ON_DEVICE(bad_addresses_are_refused),
		ON_DEVICE(box_in_place_keeps_its_address),
		ON_DEVICE(address_in_a_pool_is_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
