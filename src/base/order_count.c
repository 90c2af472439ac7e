// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "base/order_count.h"

static __thread uint64_t points;
static uint64_t of_all;

void order_count_add(void)
{
	points++;
}

void order_count_add_for_all(void)
{
	__atomic_fetch_add(&of_all, 1, __ATOMIC_RELAXED);
}

uint64_t order_count(void)
{
	return points + __atomic_load_n(&of_all, __ATOMIC_RELAXED);
}
