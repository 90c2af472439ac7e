// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * MOVDIR64B of x86-64 (Intel SDM, volume 2). No instruction of the other CPUs that the library runs
 * on does this for each program: ST64B of arm64 needs a kernel that tells programs of it.
 */
#include <stddef.h>

#include "base/line.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <stdatomic.h>

/* CPUID, leaf 7, ECX. */
#define HAS_MOVDIR64B (1u << 28)

bool line_is_supported(void)
{
	enum { UNKNOWN, NO, YES };
	/* In a VM, CPUID takes microseconds, so it runs once. */
	static atomic_int known;
	unsigned int a, b, c = 0, d;

	if (atomic_load_explicit(&known, memory_order_relaxed) == UNKNOWN) {
		const bool has = __get_cpuid_count(7, 0, &a, &b, &c, &d) && c & HAS_MOVDIR64B;

		atomic_store_explicit(&known, has ? YES : NO, memory_order_relaxed);
	}
	return atomic_load_explicit(&known, memory_order_relaxed) == YES;
}

void line_store(char *to, const void *from)
{
	struct line {
		char bytes[LINE_BYTES];
	};

	/* ORDER: this store does not wait for earlier ones by itself (doorbell.litmus). */
	__asm__ __volatile__("sfence\n\tmovdir64b %1, %0"
			     :
			     : "r"(to), "m"(*(const struct line *)from)
			     : "memory");
}
#else
bool line_is_supported(void)
{
	return false;
}

void line_store(char *to, const void *from)
{
	(void)to;
	(void)from;
}
#endif
