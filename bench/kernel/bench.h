/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <linux/types.h>

struct device;

/*
 * One way to use memory: a side allocates u64s, fills the first one or all, lets the device see
 * them, writes the second one, reads the first one, and frees. It returns 0 or -errno.
 */
struct side {
	const char *name;
	int (*run)(struct device *dev, size_t count, bool fill);
};

/* rust_side.rs is a side of its own, if the module is built with it. */
#ifdef BENCH_HAS_RUST
#define SIDE_COUNT 5
#else
#define SIDE_COUNT 4
#endif

int bench_rust_round(struct device *dev, size_t count, bool fill);

/* The last side needs a device at COHERENT_IOMMU. */
extern const struct side bench_sides[SIDE_COUNT];

/*
 * One access to element i of an object. All have this signature, so that each costs its caller the
 * same. The value goes through the pointer. The result is 0 or -errno.
 */
typedef int (*bench_access)(void *object, size_t i, u32 *value);

/* Prints how many ticks one access takes beyond a call that does nothing. Returns 0 or -errno. */
int bench_accessor(const char *side, const char *name, bench_access call, void *object);

/* Measures the accessors of one side. Returns 0 or -errno. */
int bench_accessors_c(struct device *dev);
int bench_accessors_rust(struct device *dev);

/* Measures small objects of pools. Returns 0 or -errno. */
int bench_pools(struct device *dev);

#endif
