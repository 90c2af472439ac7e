// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This test compares the address space with a bitmap of its granules, which is slow but obvious.
 */
#include "../src/memory/iova_quarantine.h"
#include "test.h"

#define GRANULE UINT64_C(4096)
#define GRANULES 512
/* With AddressSanitizer a step takes six times as long. "make check ALL=1" also runs without it. */
#ifdef __SANITIZE_ADDRESS__
#define STEPS 15000
#else
#define STEPS 60000
#endif
#define LIVE 256

/* The bitmap @taken has a bit for each granule of a hole, a range or a guard. */
struct model {
	struct iova_space space;
	bool taken[GRANULES];
	struct iova_range *live[LIVE];
	struct iova_range *retired[STEPS];
	size_t retired_first;
	size_t retired_end;
	uint64_t random;
	uint64_t guard;
};

static uint64_t next_random(struct model *model)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return model->random;
}

static void mark(struct model *model, const struct iova_range *range, bool taken)
{
	for (uint64_t at = range->first; at < range->last; at += GRANULE) {
		assert_int_equal(model->taken[at / GRANULE], !taken);
		model->taken[at / GRANULE] = taken;
	}
}

static bool crosses(const struct iova_want *want, uint64_t first)
{
	return want->boundary &&
	       first / want->boundary != (first + want->bytes - 1) / want->boundary;
}

static bool fits_at(const struct model *model, const struct iova_want *want, uint64_t first)
{
	if (first % want->align || crosses(want, first) ||
	    (want->address && want->address != first))
		return false;
	if (want->mask && first + want->bytes - 1 > want->mask)
		return false;
	for (uint64_t at = first; at < first + want->bytes + model->guard; at += GRANULE)
		if (at / GRANULE >= GRANULES || model->taken[at / GRANULE])
			return false;
	return true;
}

static bool fits(const struct model *model, const struct iova_want *want)
{
	for (uint64_t first = 0; first < GRANULES * GRANULE; first += GRANULE)
		if (fits_at(model, want, first))
			return true;
	return false;
}

static uint64_t lowest(const struct model *model, const struct iova_want *want)
{
	uint64_t first = 0;

	while (!fits_at(model, want, first))
		first += GRANULE;
	return first;
}

static struct iova_want random_want(struct model *model)
{
	struct iova_want want = { .bytes = GRANULE * (1 + next_random(model) % 12),
				  .align = GRANULE };

	if (next_random(model) % 3 == 0)
		want.align = GRANULE << next_random(model) % 6;
	if (next_random(model) % 3 == 0)
		want.boundary = GRANULE << (4 + next_random(model) % 4);
	if (next_random(model) % 4 == 0)
		want.mask = GRANULE * (1 + next_random(model) % GRANULES) - next_random(model) % 2;
	if (next_random(model) % 8 == 0)
		want.address = GRANULE * (1 + next_random(model) % (GRANULES + 4));
	return want;
}

/* Returns the error that says why a range is not to be had. */
static int why_not(const struct model *model, const struct iova_want *want)
{
	const uint64_t end = want->address + want->bytes + model->guard;
	bool is_taken = false;

	if (!want->address)
		return -ENOSPC;
	if (want->address % want->align || crosses(want, want->address) ||
	    (want->mask && want->address + want->bytes - 1 > want->mask))
		return -ENOSPC;
	for (uint64_t at = want->address; at < end; at += GRANULE) {
		if (at / GRANULE >= GRANULES || iova_is_hole(&model->space, at, at))
			return -ENOSPC;
		is_taken |= model->taken[at / GRANULE];
	}
	assert_true(is_taken);
	return -EBUSY;
}

static void reserve(struct model *model, size_t slot)
{
	const struct iova_want want = random_want(model);
	struct iova_range *range = malloc(sizeof(*range));
	int err = iova_reserve(&model->space, &want, range);

	assert_int_equal(err == 0, fits(model, &want));
	if (err) {
		assert_err(err, why_not(model, &want));
		free(range);
		return;
	}
	assert_true(fits_at(model, &want, range->first));
	assert_int_equal(range->last - range->first + 1, want.bytes + model->guard);
	if (want.align == GRANULE && !want.boundary && !want.address)
		assert_int_equal(range->first, lowest(model, &want));
	mark(model, range, true);
	model->live[slot] = range;
}

static void drop_range(struct model *model, struct iova_range *range)
{
	mark(model, range, false);
	free(range);
}

static void retire_or_release(struct model *model, size_t slot)
{
	struct iova_range *range = model->live[slot], *expired;

	model->live[slot] = NULL;
	if (next_random(model) % 2) {
		iova_release(&model->space, range);
		drop_range(model, range);
		return;
	}
	iova_retire(&model->space, range);
	model->retired[model->retired_end++] = range;
	while ((expired = iova_expired(&model->space))) {
		assert_ptr_equal(expired, model->retired[model->retired_first++]);
		/* The space must not have freed it, so this is not a second time. */
		iova_release(&model->space, expired);
		drop_range(model, expired);
	}
	assert_true(model->space.retired_bytes <= model->space.usable / 8);
}

static void replace_range(struct model *model, size_t slot)
{
	struct iova_range *with = malloc(sizeof(*with));

	iova_replace(&model->space, model->live[slot], with);
	free(model->live[slot]);
	model->live[slot] = with;
}

static void check_evict(struct model *model)
{
	struct iova_range *range = iova_evict(&model->space, UINT64_MAX);

	assert_int_equal(!range, model->retired_first == model->retired_end);
	if (!range)
		return;
	assert_ptr_equal(range, model->retired[model->retired_first++]);
	drop_range(model, range);
}

/* Computes every gap and every maximum of a subtree again and compares them. */
static uint64_t check_subtree(const struct iova_range *range)
{
	uint64_t most = range->gap;
	const struct iova_range *kids[] = { range->node.rbe_left, range->node.rbe_right };

	for (size_t i = 0; i < 2; i++) {
		uint64_t in_kid = kids[i] ? check_subtree(kids[i]) : 0;

		most = most > in_kid ? most : in_kid;
	}
	assert_int_equal(range->max_gap, most);
	return most;
}

static void check_tree(struct model *model)
{
	uint64_t end = 0;
	struct iova_range *range;

	check_subtree(model->space.tree.rbh_root);
	for (range = iova_from(&model->space, 0); range; range = iova_from(&model->space, end)) {
		assert_int_equal(range->gap, range->first - end);
		for (uint64_t at = end; at < range->first; at += GRANULE)
			assert_false(model->taken[at / GRANULE]);
		end = range->last + 1;
		if (!end)
			return;
	}
	fail();
}

static void check_find(struct model *model)
{
	uint64_t address = next_random(model) % (GRANULES * GRANULE);
	struct iova_range *range = iova_find(&model->space, address);

	if (range)
		assert_true(range->first <= address && !range->hole);
	for (size_t i = 0; i < LIVE; i++)
		if (model->live[i] &&
		    address - model->live[i]->first <= model->live[i]->last - model->live[i]->first)
			assert_ptr_equal(range, model->live[i]);
}

static void open_model(struct model *model, uint64_t guard, uint64_t seed)
{
	/* The granules 1 to 99 and 101 to 510 are usable; the latter are two parts that adjoin. */
	static const uint64_t parts[][2] = { { 101, 299 }, { 1, 99 }, { 300, 510 } };

	memset(model, 0, sizeof(*model));
	memset(model->taken, true, sizeof(model->taken));
	model->random = seed;
	model->guard = guard;
	assert_ok(iova_open(&model->space, GRANULE, guard));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		assert_ok(iova_allow(&model->space, parts[i][0] * GRANULE,
				     (parts[i][1] + 1) * GRANULE - 1));
		for (uint64_t k = parts[i][0]; k <= parts[i][1]; k++)
			model->taken[k] = false;
	}
}

static void close_model(struct model *model)
{
	while (model->retired_first != model->retired_end)
		check_evict(model);
	for (size_t i = 0; i < LIVE; i++)
		if (model->live[i]) {
			iova_release(&model->space, model->live[i]);
			drop_range(model, model->live[i]);
		}
	check_tree(model);
	iova_close(&model->space);
}

static void run_against_bitmap(uint64_t guard, uint64_t seed)
{
	struct model *model = malloc(sizeof(*model));

	open_model(model, guard, seed);
	for (size_t step = 0; step < STEPS; step++) {
		size_t slot = next_random(model) % LIVE;
		uint64_t dice = next_random(model) % 16;

		if (!model->live[slot])
			reserve(model, slot);
		else if (dice == 0)
			replace_range(model, slot);
		else
			retire_or_release(model, slot);
		if (dice == 1)
			check_evict(model);
		check_find(model);
		if (step % 16 == 0)
			check_tree(model);
	}
	close_model(model);
	free(model);
}

static void reserves_like_a_bitmap(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		run_against_bitmap(0, seed);
		run_against_bitmap(GRANULE, seed);
	}
}

/* --- Holes that come and go --- */

enum granule { HOLE, FREE, TAKEN };

struct hole_model {
	struct iova_space space;
	enum granule granules[GRANULES];
	struct iova_range ranges[GRANULES];
	uint64_t random;
};

static uint64_t hole_random(struct hole_model *model, uint64_t below)
{
	model->random = model->random * 6364136223846793005 + 1442695040888963407;
	return (model->random >> 33) % below;
}

static uint64_t run_from(const struct hole_model *model, uint64_t first)
{
	uint64_t end = first;

	while (end < GRANULES - 1 && model->granules[end] == model->granules[first])
		end++;
	return end - first;
}

static void set_granules(struct hole_model *model, uint64_t first, uint64_t count, enum granule to)
{
	for (uint64_t i = first; i < first + count; i++)
		model->granules[i] = to;
}

/* Does something with a run of equal granules: it can change in one call, as far as that call goes. */
static void change_run(struct hole_model *model)
{
	const uint64_t first = 1 + hole_random(model, GRANULES - 2);
	const uint64_t count = 1 + hole_random(model, run_from(model, first));
	const uint64_t last = (first + count) * GRANULE - 1;
	struct iova_range *range;

	if (model->granules[first] == HOLE) {
		assert_ok(iova_allow(&model->space, first * GRANULE, last));
		set_granules(model, first, count, FREE);
	} else if (model->granules[first] == FREE && hole_random(model, 2)) {
		assert_ok(iova_forbid(&model->space, first * GRANULE, last));
		set_granules(model, first, count, HOLE);
	} else if (model->granules[first] == TAKEN) {
		range = iova_find(&model->space, first * GRANULE);
		assert_non_null(range);
		set_granules(model, range->first / GRANULE,
			     (range->last - range->first + 1) / GRANULE, FREE);
		iova_release(&model->space, range);
	}
}

static void reserve_some(struct hole_model *model)
{
	const struct iova_want want = { .bytes = (1 + hole_random(model, 9)) * GRANULE,
					.align = GRANULE };
	struct iova_range found;

	/* The record of a range is that of its first granule. */
	if (iova_reserve(&model->space, &want, &found))
		return;
	iova_replace(&model->space, &found, &model->ranges[found.first / GRANULE]);
	for (uint64_t at = found.first; at < found.last; at += GRANULE)
		assert_int_equal(model->granules[at / GRANULE], FREE);
	set_granules(model, found.first / GRANULE, want.bytes / GRANULE, TAKEN);
}

/* Looks at all addresses between two random ones. */
static void check_gap_in(struct hole_model *model)
{
	const uint64_t low = hole_random(model, GRANULES), end = hole_random(model, GRANULES);
	uint64_t first = low * GRANULE, largest = 0, run = 0, bytes;

	if (low >= end)
		return;
	for (uint64_t at = low; at < end; at++) {
		run = model->granules[at] == FREE ? run + 1 : 0;
		largest = run > largest ? run : largest;
	}
	bytes = iova_gap_in(&model->space, &first, end * GRANULE - 1);
	assert_int_equal(bytes, largest * GRANULE);
	for (uint64_t at = 0; at < largest; at++)
		assert_int_equal(model->granules[first / GRANULE + at], FREE);
}

static void check_holes(struct hole_model *model)
{
	uint64_t usable = 0, largest = 0, run, first, bytes;

	for (uint64_t at = 1; at < GRANULES - 1; at += run) {
		run = run_from(model, at);
		usable += model->granules[at] == HOLE ? 0 : run;
		if (model->granules[at] == FREE && run > largest)
			largest = run;
	}
	assert_int_equal(model->space.usable, usable * GRANULE);
	check_subtree(model->space.tree.rbh_root);
	check_gap_in(model);
	assert_int_equal(iova_largest_gap(&model->space, &first, &bytes), !!largest);
	if (!largest)
		return;
	assert_int_equal(bytes, largest * GRANULE);
	assert_int_equal(model->granules[first / GRANULE], FREE);
	assert_int_equal(run_from(model, first / GRANULE), largest);
}

/* Each allow takes a part of one hole, so holes that touch must be one. */
static void holes_come_and_go_like_bits(void **state)
{
	struct hole_model *model = calloc(1, sizeof(*model));

	(void)state;
	model->random = 1;
	assert_ok(iova_open(&model->space, GRANULE, 0));
	for (size_t step = 0; step < STEPS; step++) {
		change_run(model);
		if (hole_random(model, 3) == 0)
			reserve_some(model);
		check_holes(model);
	}
	for (uint64_t at = 1; at < GRANULES - 1; at++)
		if (iova_find(&model->space, at * GRANULE) == &model->ranges[at])
			iova_release(&model->space, &model->ranges[at]);
	iova_close(&model->space);
	free(model);
}

static void allow_accepts_a_part_of_one_hole_only(void **state)
{
	struct iova_space space;

	(void)state;
	assert_ok(iova_open(&space, GRANULE, 0));
	assert_ok(iova_allow(&space, 8 * GRANULE, 16 * GRANULE - 1));
	assert_err(iova_allow(&space, 8 * GRANULE, 16 * GRANULE - 1), -EINVAL);
	assert_err(iova_allow(&space, 15 * GRANULE, 17 * GRANULE - 1), -EINVAL);
	assert_err(iova_allow(&space, 7 * GRANULE, 9 * GRANULE - 1), -EINVAL);
	assert_err(iova_allow(&space, 2 * GRANULE, GRANULE - 1), -EINVAL);
	assert_err(iova_allow(&space, 17 * GRANULE, UINT64_MAX), -EINVAL);
	assert_err(iova_allow(&space, -GRANULE, -GRANULE + 1), -EINVAL);
	assert_ok(iova_allow(&space, 16 * GRANULE, -GRANULE - 1));
	assert_ok(iova_allow(&space, 0, 8 * GRANULE - 1));
	assert_int_equal(space.usable, -GRANULE);
	/* The last hole stays alone, so what is below it can become usable again. */
	assert_ok(iova_forbid(&space, -3 * GRANULE, -GRANULE - 1));
	assert_ok(iova_allow(&space, -2 * GRANULE, -GRANULE - 1));
	assert_int_equal(space.usable, -2 * GRANULE);
	iova_close(&space);
}

static uint64_t reserve_pages(struct iova_space *space, struct iova_range *range, uint64_t pages)
{
	const struct iova_want want = { .bytes = pages * GRANULE, .align = GRANULE };

	return iova_reserve(space, &want, range) ? 0 : range->first / GRANULE;
}

/* The granules 2 to 9 and 20 to 39 are usable, and the space begins at @first. */
static void open_held(struct iova_space *space, uint64_t first)
{
	assert_ok(iova_open(space, GRANULE, 0));
	assert_ok(iova_allow(space, 20 * GRANULE, 40 * GRANULE - 1));
	assert_ok(iova_allow(space, 2 * GRANULE, 10 * GRANULE - 1));
	assert_ok(iova_hold_below(space, first * GRANULE));
	assert_int_equal(space->usable, 28 * GRANULE);
}

static void addresses_below_the_start_are_used_last(void **state)
{
	struct iova_range a, b, c, d;
	struct iova_space space;

	(void)state;
	open_held(&space, 30);
	assert_int_equal(reserve_pages(&space, &a, 1), 30);
	assert_int_equal(reserve_pages(&space, &b, 9), 31);
	assert_null(iova_find(&space, 21 * GRANULE));
	/* A range that is too large for the whole space changes nothing. */
	assert_int_equal(reserve_pages(&space, &c, 21), 0);
	iova_release(&space, &a);
	assert_int_equal(reserve_pages(&space, &a, 1), 30);
	assert_int_equal(reserve_pages(&space, &c, 1), 2);
	assert_int_equal(reserve_pages(&space, &d, 10), 20);
	check_subtree(space.tree.rbh_root);
	iova_release(&space, &a);
	iova_release(&space, &b);
	iova_release(&space, &c);
	iova_release(&space, &d);
	/* The parts are whole again. */
	assert_int_equal(reserve_pages(&space, &a, 20), 20);
	assert_int_equal(reserve_pages(&space, &b, 8), 2);
	iova_release(&space, &a);
	iova_release(&space, &b);
	iova_close(&space);
}

static void start_may_be_anywhere(void **state)
{
	(void)state;
	for (uint64_t first = 0; first <= 41; first++) {
		struct iova_range a, b;
		struct iova_space space;
		uint64_t wanted = first < 2 ? 2 : first;

		if (first > 9 && first < 20)
			wanted = 20;
		if (first > 39)
			wanted = 2;
		open_held(&space, first);
		assert_int_equal(reserve_pages(&space, &a, 1), wanted);
		iova_release(&space, &a);
		assert_int_equal(reserve_pages(&space, &a, 20), 20);
		assert_int_equal(reserve_pages(&space, &b, 8), 2);
		check_subtree(space.tree.rbh_root);
		iova_release(&space, &a);
		iova_release(&space, &b);
		iova_close(&space);
		/* A space that still holds addresses back can be closed too. */
		open_held(&space, first);
		iova_close(&space);
	}
}

static void whole_space_can_be_one_range(void **state)
{
	const struct iova_want all = { .bytes = -3 * GRANULE, .align = GRANULE };
	const struct iova_want too_much = { .bytes = -GRANULE, .align = GRANULE };
	const struct iova_want far = { .bytes = GRANULE, .align = UINT64_C(1) << 63 };
	struct iova_space space;
	struct iova_range range;

	(void)state;
	assert_ok(iova_open(&space, GRANULE, GRANULE));
	assert_ok(iova_allow(&space, GRANULE, -GRANULE - 1));
	assert_err(iova_reserve(&space, &too_much, &range), -ENOSPC);
	assert_ok(iova_reserve(&space, &all, &range));
	assert_int_equal(range.first, GRANULE);
	iova_release(&space, &range);
	assert_ok(iova_reserve(&space, &far, &range));
	assert_int_equal(range.first, UINT64_C(1) << 63);
	iova_release(&space, &range);
	iova_close(&space);
}

static void quarantine_has_a_maximum_of_ranges(void **state)
{
	enum { COUNT = IOVA_RETIRED_MAX + 10 };
	const struct iova_want want = { .bytes = GRANULE, .align = GRANULE };
	struct iova_range *ranges = calloc(COUNT, sizeof(*ranges));
	struct iova_range *expired;
	struct iova_space space;
	size_t count = 0;

	(void)state;
	assert_ok(iova_open(&space, GRANULE, GRANULE));
	assert_ok(iova_allow(&space, GRANULE, UINT64_MAX >> 8));
	for (size_t i = 0; i < COUNT; i++) {
		assert_ok(iova_reserve(&space, &want, &ranges[i]));
		iova_retire(&space, &ranges[i]);
		while ((expired = iova_expired(&space))) {
			assert_ptr_equal(expired, &ranges[count++]);
			assert_ptr_equal(iova_find(&space, expired->first), expired);
			iova_release(&space, expired);
			assert_ptr_not_equal(iova_find(&space, expired->first), expired);
		}
		assert_true(space.retired_count <= IOVA_RETIRED_MAX);
	}
	assert_int_equal(count, 10);
	while (iova_evict(&space, UINT64_MAX))
		;
	iova_close(&space);
	free(ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserves_like_a_bitmap),
		cmocka_unit_test(holes_come_and_go_like_bits),
		cmocka_unit_test(allow_accepts_a_part_of_one_hole_only),
		cmocka_unit_test(addresses_below_the_start_are_used_last),
		cmocka_unit_test(start_may_be_anywhere),
		cmocka_unit_test(whole_space_can_be_one_range),
		cmocka_unit_test(quarantine_has_a_maximum_of_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
