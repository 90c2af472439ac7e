// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * All short sequences of calls on an address space of a few granules. A bitmap of the granules says
 * what the result of each call must be.
 */
#include <errno.h>
#include <string.h>

#include "memory/iova_quarantine.h"
#include "sequences.h"

#define GRANULE UINT64_C(4096)
/*
 * Granules of the space. There are holes at its ends and between its two parts. An eighth of the
 * parts is a whole number of granules, so that a quarantine can have exactly this size.
 */
#define GRANULES 20
#define PART_A 1
#define PART_A_LAST 7
#define PART_B 10
#define PART_B_LAST 18

/* Wanted ranges, in granules; boundary 0 is none. Then calls on the ranges that there are. */
#define RESERVE(n, a, b)                                                            \
	{                                                                           \
		.bytes = (n)*GRANULE, .align = (a)*GRANULE, .boundary = (b)*GRANULE \
	}
#define RESERVE_BELOW(n, a, end)                                                      \
	{                                                                             \
		.bytes = (n)*GRANULE, .align = (a)*GRANULE, .mask = (end)*GRANULE - 1 \
	}
#define RESERVE_AT(n, at)                                                       \
	{                                                                       \
		.bytes = (n)*GRANULE, .align = GRANULE, .address = (at)*GRANULE \
	}
static const struct iova_want wants[] = {
	RESERVE(1, 1, 0),	RESERVE(2, 1, 0), RESERVE(1, 2, 0),  RESERVE(2, 1, 2),
	RESERVE(3, 4, 4),	RESERVE(1, 8, 0), RESERVE(4, 1, 8),  RESERVE(2, 4, 2),
	RESERVE_BELOW(1, 2, 5), RESERVE_AT(2, 3), RESERVE_AT(1, 12),
};
#define WANTS (sizeof(wants) / sizeof(wants[0]))
enum { RELEASE_FIRST = WANTS, RELEASE_LAST, RETIRE, EVICT, EXPIRE, KINDS };
static const char *const names[] = {
	"reserve 1 granule",
	"reserve 2 granules",
	"reserve 1 granule, aligned to 2",
	"reserve 2 granules within 2",
	"reserve 3 granules within 4, aligned to 4",
	"reserve 1 granule, aligned to 8",
	"reserve 4 granules within 8",
	"reserve 2 granules within 2, aligned to 4",
	"reserve 1 granule below 5, aligned to 2",
	"reserve the granules 3 to 4",
	"reserve the granule 12",
	"release the first range",
	"release the last range",
	"move the first range to another struct and retire it",
	"evict a range",
	"evict a range if the quarantine is too large",
};

/* The place of a range is moved when it retires, so that each has two structs. */
static struct state {
	struct iova_space space;
	uint64_t guard;
	struct iova_range structs[2 * SEQUENCE_MAX];
	struct iova_range *live[SEQUENCE_MAX];
	struct iova_range *retired[SEQUENCE_MAX];
	unsigned int used, live_count, retired_first, retired_end;
	uint64_t usable, taken, held;
} state;
static uint64_t guard_bytes;
/* The first granule that iova_hold_below() does not hold back; 0 if nothing is held. */
static uint64_t limit;

static uint64_t bits(uint64_t first, uint64_t last)
{
	return ((UINT64_C(2) << (last - first)) - 1) << first;
}

static uint64_t bits_of(const struct iova_range *range)
{
	return bits(range->first / GRANULE, range->last / GRANULE);
}

static void begin(void)
{
	memset(&state, 0, sizeof(state));
	state.guard = guard_bytes;
	expect(!iova_open(&state.space, GRANULE, guard_bytes));
	expect(!iova_allow(&state.space, PART_A * GRANULE, (PART_A_LAST + 1) * GRANULE - 1));
	expect(!iova_allow(&state.space, PART_B * GRANULE, (PART_B_LAST + 1) * GRANULE - 1));
	state.usable = bits(PART_A, PART_A_LAST) | bits(PART_B, PART_B_LAST);
	if (!limit)
		return;
	expect(!iova_hold_below(&state.space, limit * GRANULE));
	state.held = state.usable & bits(0, limit - 1);
}

/* --- The bitmap --- */

static bool is_free(uint64_t granule)
{
	return granule < GRANULES && (state.usable & ~state.taken & ~state.held) >> granule & 1;
}

static bool fits_at(const struct iova_want *want, uint64_t at)
{
	const uint64_t first = at * GRANULE;
	const uint64_t granules = (want->bytes + state.guard) / GRANULE;

	if (first % want->align || (want->address && first != want->address))
		return false;
	if (want->mask && first + want->bytes - 1 > want->mask)
		return false;
	if (want->boundary && first / want->boundary != (first + want->bytes - 1) / want->boundary)
		return false;
	for (uint64_t i = at; i < at + granules; i++)
		if (!is_free(i))
			return false;
	return true;
}

static uint64_t lowest_fit(const struct iova_want *want, uint64_t at)
{
	while (at < GRANULES && !fits_at(want, at))
		at++;
	return at;
}

/* Returns the first granule of the lowest gap of that many granules; GRANULES if there is none. */
static uint64_t lowest_gap(uint64_t granules)
{
	uint64_t length = 0;

	for (uint64_t at = 0; at < GRANULES; at++) {
		length = is_free(at) ? length + 1 : 0;
		if (length == granules)
			return at + 1 - length;
	}
	return GRANULES;
}

/* iova.h says which gap comes first: the lowest one that is large enough for any alignment. */
static uint64_t place_above_limit(const struct iova_want *want)
{
	const uint64_t slack = want->align > want->boundary ? want->align : want->boundary;
	const uint64_t room = (want->bytes + state.guard + slack) / GRANULE - 1;
	const uint64_t gap = lowest_gap(room);
	const uint64_t at = lowest_fit(want, gap < GRANULES ? gap : 0);

	/* A mask or an address may leave only a lower place. */
	return at < GRANULES ? at : lowest_fit(want, 0);
}

/* Returns the larger part of some held granules beside others. */
static uint64_t larger_part(uint64_t held, uint64_t others)
{
	const uint64_t below = held & ((others & -others) - 1);
	const uint64_t above = held & ~others & ~below;

	if (!(held & others))
		return held;
	return __builtin_popcountll(below) >= __builtin_popcountll(above) ? below : above;
}

/* The first range that fits only with the held granules ends the holding, if it has no limit. */
static uint64_t place_of(const struct iova_want *want)
{
	const uint64_t held = state.held;
	uint64_t at = place_above_limit(want), bytes = want->bytes + state.guard, taken;

	if (at < GRANULES)
		return at;
	state.held = 0;
	at = place_above_limit(want);
	if (at == GRANULES) {
		state.held = held;
	} else if (want->mask || want->address) {
		taken = bits(at, at + bytes / GRANULE - 1);
		state.held = larger_part(held & bits(PART_A, PART_A_LAST), taken) |
			     larger_part(held & bits(PART_B, PART_B_LAST), taken);
	}
	return at;
}

/* Returns the error for a range that has no place. No wanted address is in a hole. */
static int why_not(const struct iova_want *want)
{
	return want->address ? -EBUSY : -ENOSPC;
}

/* --- Calls --- */

static void reserve(const struct iova_want *want)
{
	struct iova_range *range = &state.structs[state.used++];
	const uint64_t at = place_of(want);
	int err = iova_reserve(&state.space, want, range);

	if (at == GRANULES) {
		expect(err == why_not(want));
		return;
	}
	expect(!err);
	expect(range->first == at * GRANULE);
	expect(range->last == range->first + want->bytes + state.guard - 1);
	expect(!range->hole);
	state.taken |= bits_of(range);
	state.live[state.live_count++] = range;
}

static struct iova_range *take_live(unsigned int i)
{
	struct iova_range *range = state.live[i];

	state.live_count--;
	memmove(&state.live[i], &state.live[i + 1], (state.live_count - i) * sizeof(range));
	return range;
}

static void release(unsigned int i)
{
	struct iova_range *range = take_live(i);

	state.taken &= ~bits_of(range);
	iova_release(&state.space, range);
}

static void retire(void)
{
	struct iova_range *old = take_live(0);
	struct iova_range *range = &state.structs[state.used++];

	iova_replace(&state.space, old, range);
	/* The space must not look at the old struct any more. */
	memset(old, 0x5a, sizeof(*old));
	iova_retire(&state.space, range);
	state.retired[state.retired_end++] = range;
}

static void check_evicted(const struct iova_range *range, bool wanted)
{
	expect(!range == !wanted);
	if (!range)
		return;
	expect(range == state.retired[state.retired_first]);
	state.retired_first++;
	state.taken &= ~bits_of(range);
}

/* A range whose quarantine ends stays reserved until it is released. */
static void expire(bool wanted)
{
	struct iova_range *range = iova_expired(&state.space);

	if (range) {
		expect(iova_find(&state.space, range->first) == range);
		iova_release(&state.space, range);
	}
	check_evicted(range, wanted);
}

static uint64_t retired_bytes(void)
{
	uint64_t bytes = 0;

	for (unsigned int i = state.retired_first; i < state.retired_end; i++)
		bytes += state.retired[i]->last - state.retired[i]->first + 1;
	return bytes;
}

static void make_call(unsigned int call)
{
	const bool has_retired = state.retired_first < state.retired_end;
	const uint64_t usable = (uint64_t)__builtin_popcountll(state.usable) * GRANULE;

	if (call < WANTS)
		reserve(&wants[call]);
	else if (call == EVICT)
		check_evicted(iova_evict(&state.space, UINT64_MAX), has_retired);
	else if (call == EXPIRE)
		expire(retired_bytes() > usable / 8);
	else if (state.live_count && call == RETIRE)
		retire();
	else if (state.live_count)
		release(call == RELEASE_FIRST ? 0 : state.live_count - 1);
}

/* --- Checks after each call --- */

static struct iova_range *at_or_below(struct iova_range **ranges, unsigned int count,
				      uint64_t address, struct iova_range *best)
{
	for (unsigned int i = 0; i < count; i++)
		if (ranges[i]->first <= address && (!best || ranges[i]->first > best->first))
			best = ranges[i];
	return best;
}

/* iova_find() returns a range although the address is behind it, but not if a hole is between. */
static void check_find(void)
{
	for (uint64_t at = 0; at < GRANULES; at++) {
		const uint64_t address = at * GRANULE + GRANULE / 2;
		struct iova_range *range = at_or_below(state.live, state.live_count, address, NULL);

		range = at_or_below(&state.retired[state.retired_first],
				    state.retired_end - state.retired_first, address, range);
		for (uint64_t hole = range ? range->last / GRANULE + 1 : 0; hole <= at; hole++)
			if (!((state.usable & ~state.held) >> hole & 1))
				range = NULL;
		expect(iova_find(&state.space, address) == range);
	}
}

static uint64_t max_gap(const struct iova_range *range)
{
	return range ? range->max_gap : 0;
}

static void check_node(const struct iova_range *range, uint64_t end)
{
	const struct iova_range *left = RB_LEFT(range, node), *right = RB_RIGHT(range, node);
	uint64_t max = range->gap;

	max = max_gap(left) > max ? max_gap(left) : max;
	max = max_gap(right) > max ? max_gap(right) : max;
	expect(range->gap == range->first - end);
	expect(range->max_gap == max);
	expect(!left || (left->first < range->first && RB_PARENT(left, node) == range));
	expect(!right || (right->first > range->first && RB_PARENT(right, node) == range));
}

/* Checks the colours of a red-black tree, which keep it balanced. Returns its black nodes. */
static unsigned int black_height(const struct iova_range *range)
{
	const struct iova_range *left, *right;
	unsigned int height;

	if (!range)
		return 0;
	left = RB_LEFT(range, node);
	right = RB_RIGHT(range, node);
	expect(RB_COLOR(range, node) == RB_BLACK || !left || RB_COLOR(left, node) == RB_BLACK);
	expect(RB_COLOR(range, node) == RB_BLACK || !right || RB_COLOR(right, node) == RB_BLACK);
	height = black_height(left);
	expect(height == black_height(right));
	return height + (RB_COLOR(range, node) == RB_BLACK);
}

/* Walks the ranges upwards: together with the gaps they are the whole space. */
static void check_tree(void)
{
	uint64_t end = 0, found = 0, address = 0;
	struct iova_range *range;

	do {
		range = iova_from(&state.space, address);
		expect(range);
		check_node(range, end);
		end = range->last + 1;
		address = range->first + 1;
		if (!range->hole)
			found |= bits_of(range);
	} while (end);
	expect(found == state.taken);
	black_height(RB_ROOT(&state.space.tree));
}

static void check_quarantine(void)
{
	expect(state.space.retired_count == state.retired_end - state.retired_first);
	expect(state.space.retired_bytes == retired_bytes());
}

static void end(void)
{
	while (iova_evict(&state.space, UINT64_MAX))
		;
	while (state.live_count)
		release(0);
	iova_close(&state.space);
}

static void run_calls(const unsigned int *calls, unsigned int length)
{
	begin();
	for (unsigned int i = 0; i < length; i++) {
		make_call(calls[i]);
		check_find();
		check_tree();
		check_quarantine();
	}
	end();
}

int main(int argc, char **argv)
{
	struct sequences sequences = { .names = names, .kinds = KINDS, .run = run_calls };

	sequences_begin(argc, argv, 4);
	sequences.title = "the address space is like a bitmap, with a guard behind each range";
	guard_bytes = GRANULE;
	sequences_make(&sequences);
	sequences.title = "the address space is like a bitmap, without guards";
	guard_bytes = 0;
	sequences_make(&sequences);
	sequences.title = "the address space uses the low part of a range last";
	limit = PART_A + 3;
	sequences_make(&sequences);
	sequences.title = "the address space uses a whole range and a part of the next last";
	guard_bytes = GRANULE;
	limit = PART_B + 2;
	sequences_make(&sequences);
	return 0;
}
