/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Counts ordering points of a thread: moments after which it must expect that the device has changed
 * what it read before. Only hardened devices are looked at, so only they count.
 */
#ifndef ORDER_COUNT_H
#define ORDER_COUNT_H

#include <stdint.h>

/* Count an ordering point of the calling thread. */
void order_count_add(void);

/* Count an ordering point of each thread. */
void order_count_add_for_all(void);

/* Returns how many the calling thread has had. */
uint64_t order_count(void);

#endif
