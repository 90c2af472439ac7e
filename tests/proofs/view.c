// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Views, slots, rings and addresses of elements stay inside their mem, for every index and count of
 * 64 bits. A mem has up to 2^48 bytes, which is all that a process can map. SIZE is the size of an
 * element, and PROOF names the function that is run.
 */
#include <coherent/detail/mem.h>
#include <errno.h>
#include <stdlib.h>

#include "proof.h"

#define BYTES_MAX (UINT64_C(1) << 48)

/* The library has these in another file. They report and return this error. */
int coherent_base_refuse_view(const struct coherent_mem *mem)
{
	(void)mem;
	return -EINVAL;
}

int coherent_base_refuse_ring(const struct coherent_mem *mem)
{
	(void)mem;
	return -EINVAL;
}

static struct coherent_mem whole;
static size_t bytes;
static uint64_t address;

static size_t offset_of(const char *va)
{
	return (size_t)__CPROVER_POINTER_OFFSET(va);
}

/* A mem as whole_expose() makes it: its memory and its addresses do not wrap. */
static void make_mem(void)
{
	whole.count = any_u64();
	assume(whole.count && whole.count <= BYTES_MAX / SIZE);
	bytes = whole.count * SIZE;
	whole.va = malloc(bytes);
	assume(whole.va);
	address = any_u64();
	assume(address && address <= UINT64_MAX - bytes);
	whole.inverted_address = ~address;
}

static void prove_views(void)
{
	const size_t first = any_u64(), count = any_u64();
	const bool fits = first <= whole.count && count <= whole.count - first;
	struct coherent_mem view = { .count = 1, .va = whole.va };
	const int err = coherent_mem_view(&whole, first, count, SIZE, &view);

	prove((err == 0) == (count && fits), "a view has what fits, and nothing else");
	prove((coherent_mem_check(&whole, first, count) == 0) == fits, "a copy is of what fits");
	if (err) {
		prove(err == (count ? -ERANGE : -EINVAL), "a view fails with the right error");
		prove(!view.va && !view.count && !view.inverted_address, "a failed view is empty");
		return;
	}
	prove(__CPROVER_same_object(view.va, whole.va), "a view is in its mem");
	prove(offset_of(view.va) == first * SIZE, "a view begins at its first element");
	prove(offset_of(view.va) + count * SIZE <= bytes, "a view ends inside");
	prove(~view.inverted_address == address + first * SIZE, "the address follows");
	prove(view.count == count, "a view has its count");
}

/* A view as prove_views() leaves it. */
static struct coherent_mem any_view(void)
{
	struct coherent_mem view = { .count = any_u64() };
	const size_t first = any_u64();

	assume(first < whole.count && view.count && view.count <= whole.count - first);
	view.va = whole.va + first * SIZE;
	view.inverted_address = ~(address + first * SIZE);
	return view;
}

static void prove_fields(void)
{
	const struct coherent_mem view = any_view();
	const size_t i = any_u64(), offset = any_u64(), field = any_u64();
	struct coherent_mem part;
	int err;

	assume(offset <= SIZE && field && field <= SIZE - offset);
	err = coherent_mem_part(&view, i, 1, SIZE, offset, 1, &part);
	prove((err == 0) == (i < view.count), "a field is of an element of the view");
	if (err)
		return;
	prove(offset_of(part.va) <= bytes - field, "a field of a view is inside");
	prove(~part.inverted_address - address == offset_of(part.va), "its address follows");
}

static void prove_elements(void)
{
	const size_t i = any_u64();
	coherent_addr_t at;
	struct coherent_slot slot;
	struct coherent_ring ring;
	int err = coherent_mem_slot(&whole, i, SIZE, &slot);

	prove((err == 0) == (i < whole.count), "a slot is an element");
	prove(err ? !slot.va : offset_of(slot.va) <= bytes - SIZE, "a slot is inside");
	err = coherent_mem_addr_at(&whole, i, SIZE, &at);
	prove((err == 0) == (i < whole.count), "an address is of an element");
	prove(err ? !~at.raw : at.raw - address <= bytes - SIZE, "an address is inside");
	err = coherent_mem_ring(&whole, &ring);
	prove((err == 0) == is_power(whole.count), "a ring has a power of two of elements");
	if (!err)
		prove((i & ring.mask) < whole.count, "an index of a ring wraps inside");
}

int main(void)
{
	make_mem();
	PROOF();
	return 0;
}
