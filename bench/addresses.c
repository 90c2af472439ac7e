// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Measures the time to reserve and release an address while N addresses are reserved. Each turn
 * releases a random one and reserves another of random size and alignment. The address space has a
 * DMA mask, a hole for interrupt messages, and guard pages.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../src/memory/iova.h"
#include "bench.h"

#define PAGE UINT64_C(4096)
#define PAIRS 10000

struct addresses {
	struct iova_space space;
	struct iova_range *ranges;
	size_t count;
};

static int reserve_one(struct addresses *addresses, size_t i)
{
	const struct iova_want want = {
		.bytes = PAGE * (1 + bench_random(4)),
		.align = PAGE << bench_random(3),
	};

	return iova_reserve(&addresses->space, &want, &addresses->ranges[i]);
}

static int release_and_reserve(void *arg, unsigned int turns)
{
	struct addresses *addresses = arg;
	int err = 0;

	for (unsigned int k = 0; !err && k < turns; k++) {
		const size_t i = bench_random(addresses->count);

		iova_release(&addresses->space, &addresses->ranges[i]);
		err = reserve_one(addresses, i);
	}
	return err;
}

static int open_space(struct addresses *addresses)
{
	int err = iova_open(&addresses->space, PAGE, PAGE);

	if (!err)
		err = iova_allow(&addresses->space, PAGE, UINT64_C(0xfedfffff));
	if (!err)
		err = iova_allow(&addresses->space, UINT64_C(0xfef00000), UINT64_MAX >> 16);
	return err;
}

static int bench_space(size_t n)
{
	struct addresses addresses = { .ranges = calloc(n, sizeof(*addresses.ranges)), .count = n };
	char name[64];
	int err = addresses.ranges ? open_space(&addresses) : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++)
		err = reserve_one(&addresses, i);
	snprintf(name, sizeof(name), "address reserve + release, %zu live", n);
	if (!err)
		err = bench(&(struct bench_case){
			.name = name,
			.ours = { .run = release_and_reserve, .arg = &addresses },
			.turns = PAIRS,
			.goal_ns = n == 1000000 ? 1000 : 0,
		});
	for (size_t i = 0; !err && i < n; i++)
		iova_release(&addresses.space, &addresses.ranges[i]);
	iova_close(&addresses.space);
	free(addresses.ranges);
	return err;
}

int main(void)
{
	int failed = 0;

	for (size_t n = 1000; n <= 1000000; n *= 10)
		failed |= bench_space(n);
	return !!failed;
}
