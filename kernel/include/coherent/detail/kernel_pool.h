/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The part of pool.h that only the kernel has. Callers do not use this file. */
#ifndef COHERENT_KERNEL_POOL_H
#define COHERENT_KERNEL_POOL_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

/* @gfp: how to allocate if the pool grows; 0 for the .gfp of the pool. */
int __must_check coherent_pool_take(struct coherent_pool *pool, struct coherent_box *box, gfp_t gfp,
				    const char *site);

/* The compiler knows the option, so the caller needs no struct. */
static __always_inline int coherent_base_pool_box(struct coherent_pool *pool,
						  struct coherent_box *box,
						  const struct coherent_pool_box_options *options,
						  const char *site)
{
	return coherent_pool_take(pool, box, options->gfp, site);
}

#define COHERENT_POOL_TAKE(pool, box, options, site) \
	coherent_base_pool_box(pool, box, options, site)

#endif
