/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The base struct of a loan, and what reads it. Callers do not use this file.
 */
#ifndef COHERENT_LOAN_BASE_H
#define COHERENT_LOAN_BASE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/detail/face.h>
#include <coherent/detail/mem.h>

/*
 * The base of a loan. No macro hands out @va, which is the memory of the driver. @object is the
 * memory that the device reaches. @direction is an enum coherent_direction.
 */
struct coherent_loan {
	char *va;
	size_t count;
	uint64_t inverted_address;
	COHERENT_OBJECT object;
	COHERENT_LENT
	uint32_t direction;
	uint32_t reserved;
};

COHERENT_INLINE bool coherent_loan_is_empty(const struct coherent_loan *loan)
{
	return !loan->count;
}

COHERENT_INLINE size_t coherent_loan_count_of(const struct coherent_loan *loan)
{
	return loan->count;
}

COHERENT_INLINE coherent_addr_t coherent_loan_addr_of(const struct coherent_loan *loan)
{
	coherent_addr_t address = { ~loan->inverted_address };

	return address;
}

#endif
