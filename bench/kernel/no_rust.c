// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The module has this in the place of rust_side.rs when it is built without Rust. */
#include "bench.h"

int bench_accessors_rust(struct device *dev)
{
	return 0;
}
