// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Masks, and the addresses that a mask leaves, for all values of 64 bits. PROOF names
 * the function that is run.
 */
#include "proof.h"
#include "device/device.c"

static void prove_mask(void)
{
	const unsigned int bits = any_uint();
	/* The function: the macro refuses constants, and CBMC takes the variable for one. */
	const uint64_t mask = (coherent_mask)(bits);

	prove(!(mask & (mask + 1)), "a mask has its ones at the bottom");
	prove(bits > 64 || __builtin_popcountll(mask) == (int)bits, "it has as many as were asked");
	prove(bits <= 64 || !mask, "more than 64 are refused");
}

/* clip() finds the part of a backend's range that may be used. */
static void prove_clip(void)
{
	struct coherent_limits limits = { .page_bytes = any_bool() ? 4096 : 65536 };
	const uint64_t page = limits.page_bytes, mask = any_u64();
	uint64_t first, last;

	/* A range of a backend begins with a page. Its end may be anywhere. */
	limits.ranges[0].first = any_u64();
	limits.ranges[0].last = any_u64();
	assume(!(limits.ranges[0].first % page));
	assume(!(mask & (mask + 1)));
	if (!clip(&limits, 0, mask, &first, &last)) {
		/* No start of a page leaves room for the page and its guard. */
		const uint64_t at = any_u64();

		assume(at && !(at % page) && at >= limits.ranges[0].first);
		assume(at <= UINT64_MAX - 3 * page + 1);
		prove(at + 2 * page - 1 > limits.ranges[0].last || at + 2 * page - 1 > mask,
		      "a range is left out only if no page fits with its guard");
		return;
	}
	prove(first && !(first % page) && !((last + 1) % page), "the range is whole pages, not 0");
	prove(first >= limits.ranges[0].first && last <= limits.ranges[0].last, "it is usable");
	prove(last <= mask, "it is under the mask");
	prove(last < -page, "it does not have the last page");
	prove(first < last && last - first + 1 >= 2 * page, "it holds a page and its guard");
}

int main(void)
{
	PROOF();
	return 0;
}
