/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The quarantine of a space: ranges that are freed, and whose addresses no range gets yet.
 */
#ifndef IOVA_QUARANTINE_H
#define IOVA_QUARANTINE_H

#include "memory/iova.h"

/* The quarantine has at most this many ranges, and an eighth of the space. */
#define IOVA_RETIRED_MAX 4096

/**
 * iova_retire() - Put a range into quarantine.
 * @space: The space.
 * @range: A range reserved in it.
 */
void iova_retire(struct iova_space *space, struct iova_range *range);

/**
 * iova_expired() - Take the oldest range out of a quarantine that is too large.
 * @space: The space.
 *
 * Return: a range, which stays reserved; NULL if the quarantine is small enough.
 */
struct iova_range *iova_expired(struct iova_space *space);

/**
 * iova_evict() - Take the oldest range that begins up to an address out of quarantine.
 * @space: The space.
 * @last: The address; UINT64_MAX for any range.
 *
 * Return: a range that is now released; NULL if there is none.
 */
struct iova_range *iova_evict(struct iova_space *space, uint64_t last);

#endif
