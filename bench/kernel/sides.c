// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The sides in C: calls of the DMA API by hand, and the library at both levels. */
#include <linux/dma-mapping.h>

#include <coherent.h>

#include "bench.h"

#define FILLED 42

static __always_inline void fill_memory(u64 *memory, size_t count, bool fill)
{
	size_t i;

	if (!fill)
		count = 1;
	for (i = 0; i < count; i++)
		memory[i] = FILLED;
}

static noinline int run_raw(struct device *dev, size_t count, bool fill)
{
	const size_t bytes = count * sizeof(u64);
	dma_addr_t address;
	u64 value, *memory = dma_alloc_attrs(dev, bytes, &address, GFP_KERNEL | __GFP_ZERO, 0);

	if (!memory)
		return -ENOMEM;
	fill_memory(memory, count, fill);
	WRITE_ONCE(memory[1], address);
	value = READ_ONCE(memory[0]);
	dma_free_attrs(dev, bytes, memory, address, 0);
	return value == FILLED ? 0 : -EIO;
}

static __always_inline int run_ours(struct device *dev, size_t count, bool fill,
				    enum coherent_level level)
{
	COHERENT_BOX(u64) box = COHERENT_EMPTY;
	COHERENT(u64) mem = COHERENT_EMPTY;
	u64 value = 0;
	int err;

	err = coherent_box_zeroed(&box, dev, count, .level = level);
	if (err)
		return err;
	fill_memory(coherent_box_ptr(&box), count, fill);
	err = coherent_expose(&box, &mem);
	if (!err)
		err = coherent_write(&mem, 1, coherent_addr(&mem).raw);
	if (!err)
		err = coherent_read(&mem, 0, &value);
	if (!err && value != FILLED)
		err = -EIO;
	coherent_free(&mem);
	return err;
}

static noinline int run_hidden(struct device *dev, size_t count, bool fill)
{
	return run_ours(dev, count, fill, COHERENT_HIDDEN);
}

static noinline int run_iommu(struct device *dev, size_t count, bool fill)
{
	return run_ours(dev, count, fill, COHERENT_IOMMU);
}

const struct side bench_sides[SIDE_COUNT] = {
	{ "raw", run_raw },
#ifdef BENCH_HAS_RUST
	{ "Rust", bench_rust_round },
#endif
	{ "HIDDEN", run_hidden },     { "raw again", run_raw }, { "IOMMU", run_iommu },
};
