/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Each proof is a program for CBMC, a model checker: it finds the values of any_*() for which an
 * assertion fails, or proves that there are none. run.py runs them.
 */
#ifndef PROOF_H
#define PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CBMC takes any value for the result of a function without a body. */
uint64_t any_u64(void);
unsigned int any_uint(void);
bool any_bool(void);

#define assume(condition) __CPROVER_assume(condition)
/* With REACHED each assertion must fail, which shows that the assumptions let some value reach it. */
#ifdef REACHED
#define prove(condition, text) __CPROVER_assert((condition) && false, text)
#else
#define prove(condition, text) __CPROVER_assert(condition, text)
#endif

static inline uint64_t any_power(void)
{
	const unsigned int shift = any_uint();

	assume(shift < 64);
	return UINT64_C(1) << shift;
}

static inline bool is_power(uint64_t value)
{
	return value && !(value & (value - 1));
}

#endif
