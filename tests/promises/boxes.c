// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about boxes: contents, size and place, and that no device can
 * reach a box.
 */
#include "promises.h"

#define SECRET 0xc3

void fresh_box_is_zero_to_the_end_of_its_last_page(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	uint8_t page[PAGE];

	world_open(world);
	/* In the second turn the library reuses the pages, which are dirty. */
	for (unsigned int turn = 0; turn < 2; turn++) {
		assert_ok(coherent_box_zeroed(&box, world->dev, 3 * PAGE - 100));
		assert_true(is_all(coherent_box_ptr(&box), 0, 3 * PAGE));
		memset(coherent_box_ptr(&box), 0xaa, 3 * PAGE);
		coherent_box_free(&box);
	}
	/* The driver has no pointer to the memory of a handle, so the device reads it. */
	assert_ok(coherent_handle_zeroed(&handle, world->dev, 10));
	for (size_t at = 0; at < PAGE; at += 2 * PROBE) {
		memset(page, 0xaa, sizeof(page));
		world_reads_hidden(world, coherent_handle_addr(&handle).raw + at, page, 2 * PROBE);
		assert_true(is_all(page, 0, 2 * PROBE));
	}
	coherent_handle_free(&handle);
	world_close(world);
}

/* The simulator knows the address of a box. The device tries each byte of the box. */
static void simulated_device_tries_box(struct world *world)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint8_t bytes[64];

	assert_ok(coherent_box_zeroed(&box, world->dev, 2 * PAGE));
	memset(coherent_box_ptr(&box), SECRET, 2 * PAGE);
	for (size_t offset = 0; offset < 2 * PAGE; offset += 64) {
		bytes[0] = DIRT;
		assert_err(coherent_sim_try(world->dev, &box, offset, bytes, 64,
					    COHERENT_ACCESS_READ),
			   -EIO);
		assert_int_equal(bytes[0], DIRT);
		assert_err(coherent_sim_try(world->dev, &box, offset, bytes, 64,
					    COHERENT_ACCESS_WRITE),
			   -EIO);
		assert_fault(world->dev, COHERENT_STATE_BOX);
		assert_fault(world->dev, COHERENT_STATE_BOX);
	}
	assert_true(is_all(coherent_box_ptr(&box), SECRET, 2 * PAGE));
	/* The device cannot reach a box that was a mem, either. */
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(coherent_sim_try(world->dev, &mem, 0, bytes, 64, COHERENT_ACCESS_READ));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_err(coherent_sim_try(world->dev, &box, 0, bytes, 64, COHERENT_ACCESS_READ), -EIO);
	assert_fault(world->dev, COHERENT_STATE_BOX);
}

static void no_simulator_runs_the_device(struct world *world)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	uint8_t byte = SECRET;

	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_err(coherent_sim_try(world->dev, &box, 0, &byte, 1, COHERENT_ACCESS_READ),
		   -EOPNOTSUPP);
	assert_int_equal(byte, SECRET);
	assert_err(coherent_sim_step(world->dev, 1), world->steps ? 0 : -EOPNOTSUPP);
}

/* The device tries the first, the middle and the last bytes of each page. */
static void device_tries_two_pages(struct world *world, uint64_t address)
{
	static const size_t offsets[] = { 0, PAGE / 2, PAGE - PROBE };

	for (size_t page = 0; page < 2; page++) {
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
			const uint64_t at = address + page * PAGE + offsets[i];

			world_write_is_refused(world, at, COHERENT_STATE_BOX);
			world_read_is_refused(world, at, SECRET, COHERENT_STATE_BOX);
		}
	}
}

/* An object gets the lowest free address, so a device can guess the address of the next box. */
void no_device_can_read_or_write_a_box(struct world *world)
{
	static const char secret[16] = "my box's secret";
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint8_t seen[2 * PAGE], *bytes;
	uint64_t guess;

	world_open(world);
	if (world->is_simulated)
		simulated_device_tries_box(world);
	else
		no_simulator_runs_the_device(world);
	assert_err(coherent_zeroed(&mem, world->dev, 2 * PAGE, .seal = seal_fails,
				   .seal_arg = &guess),
		   -ECANCELED);
	assert_ok(coherent_box_zeroed(&box, world->dev, 2 * PAGE));
	assert_int_equal(coherent_box_level(&box), world->level);
	bytes = coherent_box_ptr(&box);
	memset(bytes, SECRET, 2 * PAGE);
	memcpy(bytes + PAGE, secret, sizeof(secret));
	assert_false(world_peer_has(world, secret));
	assert_false(world_peer_may_have(world, bytes));
	device_tries_two_pages(world, guess);
	assert_true(is_all(bytes, SECRET, PAGE));
	assert_memory_equal(bytes + PAGE, secret, sizeof(secret));
	assert_true(is_all(bytes + PAGE + sizeof(secret), SECRET, PAGE - sizeof(secret)));

	/* The guess was right: the device finds the mem at that address. */
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(coherent_addr(&mem).raw, guess);
	for (size_t at = 0; at < 2 * PAGE; at += 2 * PROBE)
		world_reads(world, guess + at, seen + at, 2 * PROBE);
	assert_true(is_all(seen, SECRET, PAGE));
	assert_memory_equal(seen + PAGE, secret, sizeof(secret));
	assert_int_equal(world_peer_has(world, secret), world_gives_memory(world));
	assert_int_equal(world_peer_may_have(world, (void *)(uintptr_t)coherent_unsafe_ptr(&mem)),
			 world_gives_memory(world));

	/* The device cannot reach a box that was a mem. */
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	bytes = coherent_box_ptr(&box);
	assert_memory_equal(bytes + PAGE, secret, sizeof(secret));
	assert_false(world_peer_may_have(world, bytes));
	assert_int_equal(world_peer_has(world, secret), world->keeps_copies);
	bytes[PAGE]++;
	assert_false(world_peer_has(world, (const char *)bytes + PAGE));
	if (!world->reclaimed_is_reachable)
		world_read_is_refused(world, guess, SECRET, COHERENT_STATE_RECLAIMED);
	coherent_box_free(&box);
	world_close(world);
}

void count_and_size_are_checked(struct world *world)
{
	COHERENT_BOX(struct element) box = COHERENT_EMPTY;
	COHERENT_BOX(uint64_t) words = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	union elements mem = COHERENT_EMPTY;
	unsigned int reports;

	world_open(world);
	reports = world->log.count;
	/* Each refusal has one report. */
	assert_err(coherent_box_zeroed(&box, world->dev, 0), -EINVAL);
	assert_err(coherent_zeroed(&mem, world->dev, 0), -EINVAL);
	assert_err(coherent_handle_zeroed(&handle, world->dev, 0), -EINVAL);
	assert_err(coherent_box_zeroed(&words, world->dev, SIZE_MAX / 8 + 1), -ENOMEM);
	assert_err(coherent_box_zeroed(&words, world->dev, SIZE_MAX), -ENOMEM);
	assert_err(coherent_box_zeroed(&words, world->dev, PTRDIFF_MAX / 8 + 1), -ENOMEM);
	assert_err(coherent_zeroed(&mem, world->dev, SIZE_MAX / 2), -ENOMEM);
	assert_err(coherent_handle_zeroed(&handle, world->dev, SIZE_MAX), -ENOMEM);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&words) &&
		    coherent_is_empty(&mem) && !coherent_handle_size(&handle));
	assert_int_equal(world->log.count, reports + 8);
	/* This size does not overflow, but the device cannot address it. */
	assert_err(coherent_box_zeroed(&words, world->dev, UINT64_C(1) << 40), -ENOSPC);
	assert_true(log_has(&world->log, "no device address"));
	world_close(world);
}

/* Allocates mems until the world has no more mappings. Returns their number. */
static size_t allocate_all_shapes(struct world *world, union bytes mems[40])
{
	struct coherent_limits limits;
	struct coherent_stats stats;
	size_t i;

	assert_ok(coherent_device_limits(world->dev, &limits));
	assert_ok(coherent_device_stats(world->dev, &stats));
	for (i = 0; i < 40 && i < limits.mappings - stats.mems; i++) {
		const size_t bytes = 1 + i * 1000;
		const size_t align = (size_t)1 << (i % 18);
		const uint64_t boundary = UINT64_C(65536) << i % 3;
		uint64_t first, last;

		assert_ok(coherent_zeroed(&mems[i], world->dev, bytes, .align = align,
					  .boundary = boundary));
		first = coherent_addr(&mems[i]).raw;
		last = first + bytes - 1;
		assert_int_equal(first % align, 0);
		assert_int_equal(first / boundary, last / boundary);
	}
	return i;
}

void align_and_boundary_hold_or_are_refused(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	union bytes mems[40] = { COHERENT_EMPTY };
	size_t count;

	world_open(world);
	assert_err(coherent_box_zeroed(&box, world->dev, 1, .align = 3), -EINVAL);
	assert_err(coherent_box_zeroed(&box, world->dev, 1, .align = PAGE + 1), -EINVAL);
	assert_err(coherent_box_zeroed(&box, world->dev, 1, .boundary = 100), -EINVAL);
	assert_err(coherent_box_zeroed(&box, world->dev, 65, .boundary = 64), -EINVAL);
	assert_err(coherent_box_zeroed(&box, world->dev, 1, .align = (size_t)1 << 40), -ENOSPC);
	count = allocate_all_shapes(world, mems);
	assert_true(count >= 18);
	/* A reclaimed box keeps its alignment. */
	assert_ok(coherent_reclaim(&mems[17], &box, .idle = true));
	assert_ok(coherent_expose(&box, &mems[17]));
	assert_int_equal(coherent_addr(&mems[17]).raw % (1 << 17), 0);
	while (count-- > 0)
		coherent_free(&mems[count]);
	world_close(world);
}

static int never_runs(struct element *element, void *arg)
{
	(void)element;
	(void)arg;
	fail();
	return 0;
}

static int half_done(struct element *element, void *arg)
{
	element->a = 1;
	++*(int *)arg;
	return -EDOM;
}

void init_at_past_the_end_does_not_run(struct world *world)
{
	COHERENT_BOX(struct element) box = COHERENT_EMPTY;
	COHERENT(struct element) mem = COHERENT_EMPTY;
	int calls = 0;

	world_open(world);
	assert_err(coherent_box_init_at(&box, 0, never_runs, NULL), -EINVAL);
	assert_ok(coherent_box_zeroed(&box, world->dev, 3));
	assert_err(coherent_box_init_at(&box, 3, never_runs, NULL), -EINVAL);
	assert_err(coherent_box_init_at(&box, SIZE_MAX, never_runs, NULL), -EINVAL);
	assert_err(coherent_box_init_at(&box, 1, half_done, &calls), -EDOM);
	assert_int_equal(calls, 1);
	assert_true(is_all(&coherent_box_ptr(&box)[0], 0, sizeof(struct element)));
	assert_true(is_all(&coherent_box_ptr(&box)[2], 0, sizeof(struct element)));
	assert_ok(coherent_expose(&box, &mem));
	coherent_free(&mem);
	world_close(world);
}

/* A device that protects less than a call asks for gives nothing. */
static void levels_are_refused_or_given(struct world *world)
{
	const unsigned int reports = world->log.count;
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_HANDLE_AUTO(handle);

	for (enum coherent_level level = COHERENT_NONE; level <= COHERENT_IOMMU; level++) {
		const int err = level > world->level ? -EOPNOTSUPP : 0;

		assert_err(coherent_box_zeroed(&box, world->dev, 1, .level = level), err);
		assert_err(coherent_box_from(&box, world->dev, (const uint8_t *)"x", 1,
					     .level = level),
			   err ? err : -EBUSY);
		assert_err(coherent_zeroed(&mem, world->dev, 1, .level = level), err);
		assert_err(coherent_handle_zeroed(&handle, world->dev, 1, .level = level), err);
		assert_int_equal(coherent_box_level(&box), err ? 0 : world->level);
		coherent_box_free(&box);
		coherent_free(&mem);
		coherent_handle_free(&handle);
	}
	assert_int_equal(world->log.count,
			 reports + COHERENT_IOMMU + 3 * (COHERENT_IOMMU - world->level));
	assert_true(world->level == COHERENT_IOMMU ||
		    log_has(&world->log, "but .level asks for COHERENT_IOMMU"));
	log_clear(&world->log);
}

void attributes_are_refused_or_honoured(struct world *world)
{
	const unsigned int kernel_only[] = {
		COHERENT_ATTR_WEAK_ORDERING,	COHERENT_ATTR_WRITE_COMBINE,
		COHERENT_ATTR_FORCE_CONTIGUOUS, COHERENT_ATTR_ALLOC_SINGLE_PAGES,
		COHERENT_ATTR_PRIVILEGED,
	};
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	unsigned int reports;

	world_open_device(world, "");
	levels_are_refused_or_given(world);
	reports = world->log.count;
	/* A wrong attribute is reported, also with COHERENT_ATTR_NO_WARN. */
	for (size_t i = 0; i < ARRAY_SIZE(kernel_only); i++)
		assert_err(coherent_box_zeroed(&box, world->dev, 1,
					       .attrs = kernel_only[i] | COHERENT_ATTR_NO_WARN),
			   -EOPNOTSUPP);
	for (unsigned int bit = 6; bit < 32; bit++)
		assert_err(coherent_box_zeroed(&box, world->dev, 1, .attrs = 1u << bit), -EINVAL);
	reports += ARRAY_SIZE(kernel_only) + 32 - 6;
	assert_int_equal(world->log.count, reports);
	assert_ok(coherent_box_zeroed(&box, world->dev, 1, .attrs = COHERENT_ATTR_NO_WARN));
	coherent_box_free(&box);
	/*
	 * The library honours COHERENT_ATTR_NO_WARN: it reports nothing. Without the attribute it
	 * reports this error, as count_and_size_are_checked shows.
	 */
	assert_err(coherent_box_zeroed(&box, world->dev, (size_t)1 << 40,
				       .attrs = COHERENT_ATTR_NO_WARN),
		   -ENOSPC);
	assert_int_equal(world->log.count, reports);
	world_close(world);
}

/* The device reaches the box from its allocation to its free, if it finds the address. */
static void device_reaches_a_box_in_place(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	uint64_t address;

	world_open(world);
	address = world_next_address(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, PAGE, .in_place = true));
	memset(coherent_box_ptr(&box), 1, PAGE);
	world_writes_hidden(world, address, PROBE);
	assert_true(is_all(coherent_box_ptr(&box), world->is_exact ? 1 : DIRT, PROBE));
	assert_true(is_all(coherent_box_ptr(&box) + PROBE, 1, PAGE - PROBE));
	coherent_box_free(&box);
	if (world->reclaimed_is_reachable)
		world_writes(world, address, PROBE);
	else
		world_write_is_refused(world, address, COHERENT_STATE_FREED);
	world_close(world);
}

/* Nothing is mapped or copied between the phases. Only the address of a box is secret. */
void boxes_in_place_are_hidden(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint8_t seen[PROBE], *at;
	uint64_t address;

	world_open(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, PAGE + 1, .in_place = true));
	assert_int_equal(coherent_box_level(&box), COHERENT_HIDDEN);
	at = coherent_box_ptr(&box);
	assert_true(is_all(at, 0, 2 * PAGE));
	memset(at, 7, PAGE + 1);
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem).raw;
	world_reads(world, address, seen, PROBE);
	assert_true(is_all(seen, 7, PROBE));
	world_writes(world, address, PROBE);
	assert_ok(coherent_copy_out(&mem, 0, seen, PROBE));
	assert_true(is_all(seen, DIRT, PROBE));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_ptr_equal(coherent_box_ptr(&box), at);
	assert_true(is_all(at, DIRT, PROBE));
	memset(at, 9, PROBE);
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(coherent_addr(&mem).raw, address);
	world_reads(world, address, seen, PROBE);
	assert_true(is_all(seen, 9, PROBE));
	coherent_free(&mem);
	if (world->freed_is_reachable)
		world_writes(world, address, PROBE);
	else
		world_write_is_refused(world, address, COHERENT_STATE_FREED);
	world_close(world);
	device_reaches_a_box_in_place(world);
}
