// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * All layouts of pools: every size up to more than a page and some larger ones, with every alignment
 * and boundary; and all places of slots in chunks of every size that a pool can have. The argument
 * STEP makes the program look at every STEPth size up to a page only.
 *
 * The functions are static, so this file includes the sources that have them.
 */
#include "memory/pool_chunk.c"
#include "memory/pool_create.c"

#include <inttypes.h>
#include <stdio.h>

#define SIZE_MAX_TRIED 4200
#define MIB ((size_t)1 << 20)
/* Powers of two of 64 bits, and 0 for none. */
#define POWERS 65
/* Sizes of slots and blocks, in units of SLOT_BYTES_MIN and as powers of two. */
#define SLOTS_SEEN (2 * MIB / SLOT_BYTES_MIN + 1)
#define BLOCKS_SEEN 22

static bool seen[SLOTS_SEEN][BLOCKS_SEEN];
static unsigned long layouts, places;

static uint64_t power(unsigned int i)
{
	return i ? UINT64_C(1) << (i - 1) : 0;
}

/* --- Sizes --- */

/*
 * An object is aligned to a power of two from 16 to 64 that it fits in, if it is that small. An object
 * that is larger than a page begins on one.
 */
static uint64_t usual_align(size_t size, uint64_t page)
{
	return size <= 16 ? 16 : size <= 32 ? 32 : size <= page ? 64 : page;
}

static uint64_t block_size(size_t size, uint64_t boundary, uint64_t page)
{
	const uint64_t most = size <= page ? page : 2 * MIB;

	return boundary && boundary < most ? boundary : most;
}

/* The smallest multiple of the alignment that holds the object; 0 if it does not fit a block. */
static uint64_t slot_size(size_t size, const struct coherent_pool_options *options, uint64_t page)
{
	const uint64_t align = options->align ? options->align : usual_align(size, page);
	uint64_t bytes = align > 16 ? align : 16;

	if (align > page || size > 2 * MIB)
		return 0;
	bytes *= (size + bytes - 1) / bytes;
	return bytes <= block_size(size, options->boundary, page) ? bytes : 0;
}

static bool layout_is_right(size_t size, const struct coherent_pool_options *options)
{
	const uint64_t page = sys_page_bytes();
	const uint64_t wanted = slot_size(size, options, page);
	size_t block = 0;
	const size_t bytes = layout(size, options, &block);

	layouts++;
	if (bytes != wanted)
		return false;
	if (!bytes)
		return true;
	if (block != block_size(size, options->boundary, page))
		return false;
	seen[bytes / SLOT_BYTES_MIN][__builtin_ctzll(block)] = true;
	return true;
}

static bool layouts_are_right(size_t size)
{
	for (unsigned int align = 0; align < POWERS; align++)
		for (unsigned int boundary = 0; boundary < POWERS; boundary++) {
			const struct coherent_pool_options options = {
				.align = (size_t)power(align),
				.boundary = power(boundary),
			};

			if (layout_is_right(size, &options))
				continue;
			printf("# layout() is wrong: size %zu, align 0x%zx, boundary 0x%" PRIx64
			       "\n",
			       size, options.align, options.boundary);
			return false;
		}
	return true;
}

static bool large_layouts_are_right(void)
{
	static const size_t sizes[] = { 4095,	     4096,    4097,	   8192,    12000,
					64 << 10,    65537,   100000,	   1 * MIB, 1300000,
					2 * MIB - 1, 2 * MIB, 2 * MIB + 1, SIZE_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!layouts_are_right(sizes[i]))
			return false;
	return true;
}

/* A number that is not a power of two is refused, and so is a permission that does not exist. */
static bool bad_options_are_refused(void)
{
	size_t block;

	for (unsigned int i = 2; i < POWERS; i++)
		for (int by = -1; by <= 1; by += 2) {
			const struct coherent_pool_options align = { .align = power(i) + by };
			const struct coherent_pool_options boundary = { .boundary = power(i) + by };

			if (i > 2 && (layout(16, &align, &block) || layout(1, &boundary, &block)))
				return false;
		}
	for (unsigned int permission = COHERENT_READ_ONLY + 1; permission; permission <<= 1)
		if (layout(16, &(struct coherent_pool_options){ .permission = permission }, &block))
			return false;
	return true;
}

/* --- Places --- */

/* The slot of a byte is the one whose place has it. A byte between slots has none. */
static bool lookup_is_right(const struct chunk *chunk, uint32_t i, size_t bytes)
{
	const struct coherent_slots *pool = chunk->pool;
	const uint64_t first = chunk->slots[i].offset, last = first + pool->slot_bytes - 1;
	const uint64_t next = i + 1 < chunk->count ? chunk->slots[i + 1].offset : bytes;

	places++;
	if (chunk_slot_at(chunk, first) != &chunk->slots[i] ||
	    chunk_slot_at(chunk, last) != &chunk->slots[i])
		return false;
	for (uint64_t at = last + 1; at < next; at += SLOT_BYTES_MIN)
		if (chunk_slot_at(chunk, at))
			return false;
	return true;
}

static bool places_are_right(struct chunk *chunk, size_t bytes)
{
	const struct coherent_slots *pool = chunk->pool;
	uint64_t end = 0;

	fill_in_slots(chunk);
	if (chunk->free_count != chunk->count)
		return false;
	for (uint32_t i = 0; i < chunk->count; i++) {
		const uint64_t first = chunk->slots[i].offset, last = first + pool->slot_bytes - 1;

		if (first < end || last >= bytes || chunk->slots[i].chunk != chunk ||
		    first / pool->block_bytes != last / pool->block_bytes ||
		    first % pool->block_bytes % pool->slot_bytes ||
		    chunk->free[chunk->count - 1 - i] != i || !lookup_is_right(chunk, i, bytes))
			return false;
		end = last + 1;
	}
	return true;
}

/* As many slots as there can be: each block has as many as fit, and so has what is left. */
static uint64_t slots_that_fit(const struct coherent_slots *pool, size_t bytes)
{
	uint64_t count = 0;

	for (size_t at = 0; at < bytes; at += pool->block_bytes) {
		const size_t left = bytes - at;

		count += (left < pool->block_bytes ? left : pool->block_bytes) / pool->slot_bytes;
	}
	return count;
}

/* A chunk has whole pages, at most as many as it should have, and none that no slot needs. */
static bool size_is_right(const struct coherent_slots *pool, size_t usual, size_t bytes)
{
	const size_t page = sys_page_bytes();
	const uint64_t count = slots_that_fit(pool, bytes);

	if (!count || count > (size_t)UINT16_MAX + 1 || bytes % page ||
	    (bytes > usual && count != 1))
		return false;
	/* Larger chunks are whole blocks. */
	if (bytes > pool->block_bytes)
		return bytes % pool->block_bytes == 0;
	return bytes == page || slots_that_fit(pool, bytes - page) < count;
}

static bool chunk_is_right(struct coherent_slots *pool, size_t usual)
{
	const size_t bytes = chunk_bytes(pool, usual);
	const uint32_t count = slots_in(pool, bytes);
	struct chunk *chunk;
	bool is_right;

	if (!size_is_right(pool, usual, bytes) || count != slots_that_fit(pool, bytes))
		return false;
	chunk = calloc(1, sizeof(*chunk) + count * (sizeof(struct slot) + sizeof(uint16_t)));
	if (!chunk)
		return false;
	chunk->pool = pool;
	chunk->count = count;
	chunk->free = (uint16_t *)(chunk->slots + count);
	is_right = places_are_right(chunk, bytes);
	free(chunk);
	return is_right;
}

static bool chunks_are_right(size_t slot, size_t block)
{
	struct coherent_slots pool = { .slot_bytes = slot,
				       .block_bytes = block,
				       .per_block = block / slot };

	/* A slot has a number of 16 bits. */
	for (size_t usual = sys_page_bytes(); usual <= 2 * MIB && usual / slot <= UINT16_MAX + 1;
	     usual *= 2) {
		if (chunk_is_right(&pool, usual))
			continue;
		printf("# chunk of about %zu bytes is wrong: slots of %zu, blocks of %zu\n", usual,
		       slot, block);
		return false;
	}
	return true;
}

static bool all_chunks_are_right(void)
{
	for (size_t slot = 1; slot < SLOTS_SEEN; slot++)
		for (unsigned int block = 0; block < BLOCKS_SEEN; block++)
			if (seen[slot][block] &&
			    !chunks_are_right(slot * SLOT_BYTES_MIN, (size_t)1 << block))
				return false;
	return true;
}

int main(int argc, char **argv)
{
	const int step = argc == 2 ? atoi(argv[1]) : 0;
	bool sizes = step > 0, slots, bad;

	if (step <= 0) {
		fprintf(stderr, "usage: STEP; 1 looks at every size\n");
		return 2;
	}
	printf("1..3\n");
	for (size_t size = 1; sizes && size <= SIZE_MAX_TRIED; size += (size_t)step)
		sizes = layouts_are_right(size);
	sizes = sizes && large_layouts_are_right();
	printf("%sok 1 - %lu layouts, of every size in steps of %d, are as small as they can be\n",
	       sizes ? "" : "not ", layouts, step);
	bad = bad_options_are_refused();
	printf("%sok 2 - options that no pool can have are refused\n", bad ? "" : "not ");
	slots = all_chunks_are_right();
	printf("%sok 3 - %lu slots are apart, each within a block, and found by their bytes\n",
	       slots ? "" : "not ", places);
	return sizes && slots && bad ? 0 : 1;
}
