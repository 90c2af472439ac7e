// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Measures what one access costs: by hand, and with the accessors of the library. */
#include <linux/dma-mapping.h>
#include <linux/irqflags.h>
#include <linux/timex.h>

#include <coherent.h>

#include "bench.h"

#define ELEMENTS 64
#define CALLS 1600

struct desc {
	u64 addr;
	u32 len, flags;
};
COHERENT_FIELDS(struct desc, .addr, .len, .flags);
COHERENT_TYPE(descs, struct desc);
COHERENT_SLOT_TYPE(desc_slot, struct desc);
COHERENT_RING_TYPE(desc_ring, struct desc);

static int do_nothing(void *object, size_t i, u32 *value)
{
	return 0;
}

/* Returns the ticks of all calls. An interrupt would count too, so there is none. */
static noinline u64 ticks_of(bench_access call, void *object, int *err)
{
	unsigned long flags;
	u32 value = 0;
	u64 start, ticks;
	int i;

	local_irq_save(flags);
	start = get_cycles();
	for (i = 0; i < CALLS; i++)
		*err |= call(object, 3, &value);
	ticks = get_cycles() - start;
	local_irq_restore(flags);
	return ticks;
}

int bench_accessor(const char *side, const char *name, bench_access call, void *object)
{
	int err = 0;
	u64 nothing = ticks_of(do_nothing, object, &err), ticks = ticks_of(call, object, &err);

	pr_info("bench: {\"access\": \"%s\", \"side\": \"%s\", \"calls\": %d, \"ticks\": %lld}\n",
		name, side, CALLS, (s64)(ticks - nothing));
	return err;
}

static int raw_read(void *object, size_t i, u32 *value)
{
	struct desc *memory = object;

	*value = READ_ONCE(memory[i].len);
	return 0;
}

static int raw_write(void *object, size_t i, u32 *value)
{
	struct desc *memory = object;

	WRITE_ONCE(memory[i].len, *value);
	return 0;
}

static int mem_read(void *object, size_t i, u32 *value)
{
	return coherent_read((union descs *)object, i, .len, value);
}

static int mem_write(void *object, size_t i, u32 *value)
{
	return coherent_write((union descs *)object, i, .len, *value);
}

static int mem_addr_at(void *object, size_t i, u32 *value)
{
	coherent_addr_t addr;
	int err = coherent_addr_at((union descs *)object, i, &addr);

	if (err)
		return err;
	*value = (u32)addr.raw;
	return 0;
}

static int slot_get(void *object, size_t i, u32 *value)
{
	*value = coherent_slot_get((union desc_slot *)object, .len);
	return 0;
}

static int slot_put(void *object, size_t i, u32 *value)
{
	coherent_slot_put((union desc_slot *)object, .len, *value);
	return 0;
}

static int ring_get(void *object, size_t i, u32 *value)
{
	*value = coherent_ring_get((union desc_ring *)object, i, .len);
	return 0;
}

static int ring_put(void *object, size_t i, u32 *value)
{
	coherent_ring_put((union desc_ring *)object, i, .len, *value);
	return 0;
}

int bench_accessors_c(struct device *dev)
{
	union descs mem = COHERENT_EMPTY;
	union desc_slot slot = COHERENT_EMPTY;
	union desc_ring ring = COHERENT_EMPTY;
	const struct {
		const char *name;
		bench_access call;
		void *object;
	} accessors[] = {
		{ "read", mem_read, &mem },
		{ "write", mem_write, &mem },
		{ "read of one element", slot_get, &slot },
		{ "write of one element", slot_put, &slot },
		{ "read of a ring", ring_get, &ring },
		{ "write of a ring", ring_put, &ring },
		{ "address of an element", mem_addr_at, &mem },
	};
	void *memory;
	size_t i;
	int err;

	err = coherent_zeroed(&mem, dev, ELEMENTS);
	if (!err)
		err = coherent_slot(&mem, 3, &slot);
	if (!err)
		err = coherent_ring(&mem, &ring);
	memory = (void __force *)coherent_unsafe_ptr(&mem);
	if (!err)
		err = bench_accessor("raw", "read", raw_read, memory);
	if (!err)
		err = bench_accessor("raw", "write", raw_write, memory);
	for (i = 0; !err && i < ARRAY_SIZE(accessors); i++)
		err = bench_accessor("C", accessors[i].name, accessors[i].call,
				     accessors[i].object);
	coherent_free(&mem);
	return err;
}
