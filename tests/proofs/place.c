// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * place() of iova.c finds a place in a gap, for all values of 64 bits. GRANULE is the size of a
 * page, and PROOF names the function that is run. tests/exhaustive/iova.c shows what is not proved
 * here: that a place is found whenever there is one.
 */
#include "proof.h"
#include "memory/iova.c"

static struct iova_space space;
static struct iova_want want;
static struct iova_range next;

static void make_gap(void)
{
	space = (struct iova_space){ .granule = GRANULE, .guard = any_bool() ? GRANULE : 0 };
	want = (struct iova_want){
		.bytes = any_u64(),
		.align = any_power(),
		.boundary = any_bool() ? any_power() : 0,
	};
	next = (struct iova_range){ .first = any_u64(), .gap = any_u64() };
	/* iova.h asks for these. */
	assume(want.bytes && !(want.bytes & (GRANULE - 1)));
	assume(want.bytes <= UINT64_MAX - space.guard);
	assume(want.align >= GRANULE && (!want.boundary || want.boundary >= want.bytes));
	/* A tree has only such gaps. */
	assume(next.gap <= next.first && !(next.first & (GRANULE - 1)));
	assume(!(next.gap & (GRANULE - 1)));
}

static void prove_place(void)
{
	uint64_t first;

	if (!place(&space, &want, &next, &first))
		return;
	prove(first >= next.first - next.gap && first <= next.first, "it begins in the gap");
	prove(want.bytes + space.guard <= next.first - first, "it ends there, with its guard");
	prove(!(first & (want.align - 1)), "it is aligned");
	prove(!want.boundary || !((first ^ (first + want.bytes - 1)) & -want.boundary),
	      "it crosses no boundary");
}

static void prove_room(void)
{
	uint64_t first;
	const bool fits = place(&space, &want, &next, &first);

	prove(fits || next.gap < room(&space, &want), "a gap of room() bytes has a place");
}

int main(void)
{
	make_gap();
	PROOF();
	return 0;
}
