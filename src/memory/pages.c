// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Arenas grow with the pool, from 256 KiB to 2 MiB. A larger request gets an arena of its size.
 * iova.c knows which parts of an arena are taken. Neighbouring arenas become one, and are
 * unmapped as one.
 */
#include <coherent.h>
#include <errno.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "base/line.h"
#include "base/size.h"
#include "base/sys.h"
#include "base/sys_file.h"
#include "memory/guard.h"
#include "memory/pages.h"

#define HUGE_BYTES ((size_t)1 << HUGE_SHIFT)
#define GIGA_BYTES ((size_t)1 << GIGA_SHIFT)
#define HUGE_SHIFT 21
#define GIGA_SHIFT 30
/* One call gives so much memory back. */
#define TRIM_BYTES_MAX ((size_t)64 << 20)
#define ARENA_BYTES_MIN ((size_t)256 << 10)
#define ARENA_BYTES_MAX ((size_t)2 << 20)

#if defined(__x86_64__)
static void clear_lines(char *va, const char *end)
{
	const __m128i zero = _mm_setzero_si128();

	for (; va < end; va += LINE_BYTES) {
		_mm_stream_si128((__m128i *)va, zero);
		_mm_stream_si128((__m128i *)(va + 16), zero);
		_mm_stream_si128((__m128i *)(va + 32), zero);
		_mm_stream_si128((__m128i *)(va + 48), zero);
	}
}

/* Half as many stores took a tenth to a fifth less time. AVX-512 took as long as this. */
__attribute__((target("avx2"))) static void clear_lines_by_halves(char *va, const char *end)
{
	const __m256i zero = _mm256_setzero_si256();

	for (; va < end; va += LINE_BYTES) {
		_mm256_stream_si256((__m256i *)va, zero);
		_mm256_stream_si256((__m256i *)(va + 32), zero);
	}
}

static void clear_past_cache(char *va, size_t bytes)
{
	if (__builtin_cpu_supports("avx2"))
		clear_lines_by_halves(va, va + bytes);
	else
		clear_lines(va, va + bytes);
	/* Such stores are not ordered with those that follow (Intel SDM 1, 10.4.6.2). */
	_mm_sfence();
}
#else
static void clear_past_cache(char *va, size_t bytes)
{
	memset(va, 0, bytes);
}
#endif

void pages_clear(void *va, size_t bytes, enum pages_next next)
{
	if (pages_clear_past_cache(bytes, next))
		clear_past_cache(va, bytes);
	else
		memset(va, 0, bytes);
}

int pages_open(struct pages *pages, struct page_owners *owners, unsigned int wants, uint64_t nodes)
{
	*pages = (struct pages){
		.owners = owners,
		.nodes = nodes,
		.page_bytes = sys_page_bytes(),
		.wants = wants,
	};
	return iova_open(&pages->space, pages->page_bytes, 0);
}

int pages_harden(struct pages *pages)
{
	return guard_open(&pages->guard, &pages->space);
}

/* Makes the kernel provide the memory now, so that a lack of it is -ENOMEM and not a signal. */
static int populate(void *va, size_t bytes)
{
	int err = sys_advise(va, bytes, MADV_DONTFORK);

	if (!err)
		err = sys_advise(va, bytes, MADV_POPULATE_WRITE);
	if (err == -EINVAL) {
		/* Linux before 5.14 cannot do it. There, a lack of memory ends the process. */
		memset(va, 0, bytes);
		err = 0;
	}
	return err ? -ENOMEM : 0;
}

int pages_fill(void *va, size_t bytes, uint64_t nodes)
{
	int err = nodes ? sys_bind(va, bytes, nodes) : 0;

	return err ? err : populate(va, bytes);
}

static int map_arena(size_t bytes, int flags, uint64_t nodes, void **va)
{
	int err = sys_map(bytes, flags, va);

	if (err)
		return -ENOMEM;
	err = pages_fill(*va, bytes, nodes);
	if (err)
		sys_unmap(*va, bytes);
	return err;
}

int pages_to_file(int fd, uint64_t offset, const void *va, size_t bytes, void **mapping)
{
	int err = sys_write_more(fd, offset, va, bytes);

	if (!err)
		err = sys_map_file(fd, offset, bytes, mapping);
	return err ? -ENOMEM : 0;
}

int pages_replace(void *mapping, void *va, size_t bytes)
{
	return sys_map_move(mapping, va, bytes) ? -ENOMEM : 0;
}

int pages_fresh(size_t bytes, void **va)
{
	return map_arena(bytes, 0, 0, va);
}

/*
 * The ways to make an arena, the best one first. Memory of the wrong node costs more than small
 * pages, so the nodes are given up last.
 */
static const unsigned int ways[] = {
	PAGES_GIGA | PAGES_NODES, PAGES_HUGE | PAGES_NODES, PAGES_NODES, PAGES_GIGA, PAGES_HUGE, 0,
};

/* A way that failed sits out this many arenas, and then is tried for any size again. */
#define ARENAS_SKIPPED 3

/*
 * Returns whether a way is worth trying. After a failure smaller arenas may still succeed. Others
 * wait, because a try costs time. They do not wait for ever, because the smallest arena has nothing
 * below it and the system may have such memory again.
 */
static bool is_promising(struct pages *pages, unsigned int way, size_t bytes)
{
	const size_t failed = __atomic_load_n(&pages->failed_bytes[way], __ATOMIC_RELAXED);

	if (way & ~pages->wants)
		return false;
	return !failed || bytes < failed ||
	       __atomic_fetch_add(&pages->skipped[way], 1, __ATOMIC_RELAXED) >= ARENAS_SKIPPED;
}

static void note_result(struct pages *pages, unsigned int way, size_t bytes, bool failed)
{
	/* Ordinary memory of any node may come back at any time. */
	if (!way)
		return;
	__atomic_store_n(&pages->skipped[way], 0, __ATOMIC_RELAXED);
	if (failed)
		__atomic_store_n(&pages->failed_bytes[way], bytes, __ATOMIC_RELAXED);
	else if (bytes >= __atomic_load_n(&pages->failed_bytes[way], __ATOMIC_RELAXED))
		__atomic_store_n(&pages->failed_bytes[way], 0, __ATOMIC_RELAXED);
}

/* Notes for the next report which wishes an arena does not meet. */
static void note_missed(struct pages *pages, unsigned int way, size_t bytes)
{
	unsigned int missed = pages->wants & ~way;

	if (way & PAGES_GIGA)
		missed &= ~(unsigned int)PAGES_HUGE;
	missed &= ~__atomic_load_n(&pages->noted, __ATOMIC_RELAXED);
	missed &= ~__atomic_fetch_or(&pages->noted, missed, __ATOMIC_RELAXED);
	if (!missed)
		return;
	__atomic_store_n(&pages->missed_bytes, bytes, __ATOMIC_RELAXED);
	__atomic_fetch_or(&pages->missed, missed, __ATOMIC_RELEASE);
}

/* Called without the lock, because populating takes long. */
static int make_arena(struct pages *pages, size_t bytes, void **va, size_t *made)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		const unsigned int way = ways[i];
		const unsigned int shift = way & PAGES_GIGA ? GIGA_SHIFT :
					   way & PAGES_HUGE ? HUGE_SHIFT :
							      0;
		const int flags = shift ? MAP_HUGETLB | (int)(shift << MAP_HUGE_SHIFT) : 0;
		bool failed;

		*made = align_up(bytes, (size_t)1 << shift);
		if (!is_promising(pages, way, *made))
			continue;
		failed = map_arena(*made, flags, way & PAGES_NODES ? pages->nodes : 0, va);
		note_result(pages, way, *made, failed);
		if (!failed) {
			note_missed(pages, way, bytes);
			return 0;
		}
	}
	return -ENOMEM;
}

static size_t arena_bytes(const struct pages *pages, size_t bytes)
{
	size_t grown = pages->space.usable;

	if (grown < ARENA_BYTES_MIN)
		grown = ARENA_BYTES_MIN;
	if (grown > ARENA_BYTES_MAX)
		grown = ARENA_BYTES_MAX;
	return bytes > grown ? bytes : grown;
}

static int grow_locked(struct pages *pages, struct lock *lock, size_t bytes) NEEDS_LOCK(lock)
{
	size_t arena = arena_bytes(pages, bytes);
	void *va;
	int err;

	if (pages->guard)
		return guard_release(pages->guard) ? 0 : -ENOMEM;
	lock_drop(lock);
	err = make_arena(pages, arena, &va, &arena);
	lock_take(lock);
	if (err)
		return err;
	err = page_owner_reserve(pages->owners, va, arena);
	if (!err)
		err = iova_allow(&pages->space, (uintptr_t)va, (uintptr_t)va + arena - 1);
	if (err)
		sys_unmap(va, arena);
	return err;
}

/* --- Pages that are kept for the next request of their size --- */

static bool take_kept_range(struct pages *pages, size_t bytes, struct iova_range *range)
{
	const int class = pages_class(bytes, pages->page_bytes);
	struct pages_kept *kept = class < 0 ? NULL : pages->kept[class];

	if (!kept || !kept->count)
		return false;
	iova_replace(&pages->space, &kept->ranges[--kept->count], range);
	pages->reused++;
	return true;
}

/* The memory of a hardened device is not used again at once. */
static __attribute__((noinline)) void make_kept(struct pages *pages, int class)
{
	if (!pages->guard)
		pages->kept[class] = calloc(1, sizeof(struct pages_kept));
}

static bool keep_range(struct pages *pages, const struct iova_range *range)
{
	const int class = pages_class(pages_bytes(range), pages->page_bytes);

	if (class < 0)
		return false;
	if (!pages->kept[class])
		make_kept(pages, class);
	if (!pages->kept[class] || pages->kept[class]->count == PAGES_KEPT_MAX)
		return false;
	iova_replace(&pages->space, range,
		     &pages->kept[class]->ranges[pages->kept[class]->count++]);
	return true;
}

/* Gives the kept pages back to the space. Returns whether there were any. */
static bool release_kept(struct pages *pages)
{
	bool found = false;

	for (unsigned int i = 0; i < PAGES_CLASSES; i++)
		while (pages->kept[i] && pages->kept[i]->count) {
			iova_release(&pages->space,
				     &pages->kept[i]->ranges[--pages->kept[i]->count]);
			found = true;
		}
	return found;
}

uint64_t pages_align(const struct pages *pages, size_t bytes)
{
	if (bytes >= GIGA_BYTES && pages->wants & PAGES_GIGA)
		return GIGA_BYTES;
	if (bytes >= HUGE_BYTES && pages->wants & (PAGES_GIGA | PAGES_HUGE))
		return HUGE_BYTES;
	return pages->page_bytes;
}

/* Reserves a place with the best alignment that there is. Alignment alone never costs memory. */
static int reserve(struct pages *pages, size_t bytes, struct iova_range *range)
{
	struct iova_want want = { .bytes = bytes, .align = pages_align(pages, bytes) };
	int err;

	while ((err = iova_reserve(&pages->space, &want, range)) && want.align > pages->page_bytes)
		want.align = want.align > HUGE_BYTES ? HUGE_BYTES : pages->page_bytes;
	return err;
}

static void count_used(struct pages *pages, size_t bytes)
{
	pages->used += bytes;
	if (pages->used_max < pages->used)
		pages->used_max = pages->used;
}

static int fill_from(struct pages *pages, void *va, size_t bytes, uint64_t nodes)
{
	int err = guard_fill(pages->guard, va, bytes);

	if (!err && nodes)
		err = sys_bind(va, bytes, nodes);
	return err ? err : populate(va, bytes);
}

/* Gets memory for a range of a hardened device, as make_arena() does for others. */
static int fill_guarded(struct pages *pages, struct iova_range *range)
{
	const size_t bytes = pages_bytes(range) - pages->page_bytes;
	void *va = pages_va(range);
	int err = page_owner_reserve(pages->owners, va, bytes);

	if (!err && fill_from(pages, va, bytes, pages->nodes)) {
		err = pages->nodes ? fill_from(pages, va, bytes, 0) : -ENOMEM;
		if (!err)
			note_missed(pages, 0, bytes);
	}
	if (!err)
		return 0;
	guard_retire(pages->guard, range);
	/* As if the call had not filled it in. */
	range->first = 0;
	return -ENOMEM;
}

int pages_get(struct pages *pages, struct lock *lock, size_t bytes, struct iova_range *range)
{
	int err;

	if (take_kept_range(pages, bytes, range)) {
		count_used(pages, bytes);
		return 0;
	}
	while ((err = reserve(pages, bytes, range)) == -ENOSPC) {
		if (release_kept(pages))
			continue;
		err = grow_locked(pages, lock, bytes);
		if (err)
			return err;
	}
	if (!err && pages->guard)
		err = fill_guarded(pages, range);
	if (!err)
		count_used(pages, bytes);
	return err;
}

static __attribute__((noinline)) void release_range(struct pages *pages, struct iova_range *range)
{
	/* A guard would make a device fault that still accesses the pages. */
	if (!pages->guard || pages->stays_mapped) {
		iova_release(&pages->space, range);
		return;
	}
	/* The page behind it was not counted. */
	pages->used += pages->page_bytes;
	guard_retire(pages->guard, range);
}

void pages_put(struct pages *pages, struct iova_range *range)
{
	pages->used -= pages_bytes(range);
	if (!keep_range(pages, range))
		release_range(pages, range);
}

void pages_move(struct pages *pages, const struct iova_range *old, struct iova_range *with)
{
	iova_replace(&pages->space, old, with);
}

/* --- Pages that lose their contents --- */

static int map_bare(size_t bytes, void **va)
{
	int err = sys_map(bytes, 0, va);

	if (err)
		return -ENOMEM;
	err = sys_advise(*va, bytes, MADV_DONTFORK);
	if (err)
		sys_unmap(*va, bytes);
	return err ? -ENOMEM : 0;
}

/* Makes an arena of just this size, and takes all of it. */
int pages_get_bare(struct pages *pages, struct lock *lock, size_t bytes, struct iova_range *range)
{
	struct iova_want want = { .bytes = bytes, .align = pages->page_bytes };
	void *va;
	int err;

	if (pages->wants || pages->guard)
		return -EOPNOTSUPP;
	lock_drop(lock);
	err = map_bare(bytes, &va);
	lock_take(lock);
	if (err)
		return err;
	want.address = (uintptr_t)va;
	err = page_owner_reserve(pages->owners, va, bytes);
	if (!err)
		err = iova_allow(&pages->space, want.address, want.address + bytes - 1);
	if (err) {
		sys_unmap(va, bytes);
		return err;
	}
	err = iova_reserve(&pages->space, &want, range);
	if (!err)
		count_used(pages, bytes);
	return err;
}

bool pages_leave(void *va, void *to, size_t bytes)
{
	if (to && bytes >= PAGES_MOVE_BYTES && !sys_map_leave(va, to, bytes))
		return true;
	/* If the device writes meanwhile, the copy has the write or not, as at any reclaim. */
	if (to)
		coherent_bytes_out(va, to, bytes, __ATOMIC_RELAXED);
	return !sys_advise(va, bytes, MADV_DONTNEED);
}

void pages_drop(struct pages *pages, struct iova_range *range)
{
	const uint64_t first = range->first, last = range->last;

	pages->used -= pages_bytes(range);
	iova_release(&pages->space, range);
	if (pages->stays_mapped)
		return;
	/* Without a record of the hole the pool uses the range again, and the kernel fills it then. */
	if (!iova_forbid(&pages->space, first, last))
		(void)sys_unmap_part((void *)(uintptr_t)first, last - first + 1);
}

/* --- Memory for the system --- */

/* The kernel unmaps whole pages only, so a part of a hugepage stays. */
static uint64_t unmap_granule(const struct pages *pages)
{
	return pages->wants & PAGES_GIGA ? GIGA_BYTES :
	       pages->wants & PAGES_HUGE ? HUGE_BYTES :
					   pages->page_bytes;
}

/* Finds memory that can be unmapped, at most so much. Returns its size, 0 for none. */
static uint64_t find_unused(const struct pages *pages, uint64_t most, uint64_t *first)
{
	const uint64_t granule = unmap_granule(pages);
	uint64_t gap, start, end;

	/* Small gaps would split mappings for little. */
	if (!iova_largest_gap(&pages->space, first, &gap) || gap < ARENA_BYTES_MIN)
		return 0;
	start = align_up(*first, granule);
	end = (*first + gap) & -granule;
	if (start >= end)
		return 0;
	most &= -granule;
	*first = end - start > most ? end - most : start;
	return end - *first;
}

/* Returns how much went back. */
static uint64_t give_back_locked(struct pages *pages, struct lock *lock, uint64_t most)
	NEEDS_LOCK(lock)
{
	uint64_t first;
	const uint64_t bytes = find_unused(pages, most, &first);
	int err;

	if (!bytes || iova_forbid(&pages->space, first, first + bytes - 1))
		return 0;
	/* No thread gets these addresses before they are unmapped, so this needs no lock. */
	lock_drop(lock);
	err = sys_unmap_part((void *)(uintptr_t)first, bytes);
	lock_take(lock);
	if (!err)
		return bytes;
	/* The process has too many mappings, so the pool keeps the memory. */
	(void)iova_allow(&pages->space, first, first + bytes - 1);
	return 0;
}

static uint64_t excess(const struct pages *pages)
{
	const uint64_t needed = pages->used_max + pages->used_max / 4 + ARENA_BYTES_MAX;

	return pages->space.usable > needed ? pages->space.usable - needed : 0;
}

bool pages_trim(struct pages *pages, struct lock *lock, uint64_t now_ns)
{
	uint64_t left = unmap_granule(pages) > TRIM_BYTES_MAX ? unmap_granule(pages) :
								TRIM_BYTES_MAX,
		 bytes = 1;

	if (excess(pages))
		(void)release_kept(pages);
	while (bytes && left && !pages->guard && !pages->stays_mapped && excess(pages)) {
		bytes = give_back_locked(pages, lock, excess(pages) < left ? excess(pages) : left);
		left -= bytes;
	}
	if (!left)
		return false;
	pages->trimmed_ns = now_ns;
	pages->used_max = pages->used;
	return true;
}

void pages_stay_mapped(struct pages *pages)
{
	pages->stays_mapped = true;
}

/* Memory goes back to the system also where the addresses stay. */
static void end_arena(const struct pages *pages, void *va, size_t bytes)
{
	if (pages->stays_mapped)
		(void)sys_advise(va, bytes, MADV_DONTNEED);
	else
		sys_unmap(va, bytes);
}

void pages_close(struct pages *pages)
{
	struct iova_range *hole;

	(void)release_kept(pages);
	guard_close(pages->guard);
	for (unsigned int i = 0; i < PAGES_CLASSES; i++)
		free(pages->kept[i]);
	for (hole = iova_from(&pages->space, 0); hole;
	     hole = iova_from(&pages->space, hole->first + 1))
		if (hole->gap)
			end_arena(pages, (void *)(uintptr_t)(hole->first - hole->gap), hole->gap);
	iova_close(&pages->space);
}

void pages_count(struct pages *pages, uint64_t *bytes, uint64_t *reused)
{
	*bytes += pages->guard ? pages->used : pages->space.usable;
	*reused += pages->reused;
}

unsigned int pages_take_missed(struct pages *pages, size_t *bytes)
{
	unsigned int missed = __atomic_load_n(&pages->missed, __ATOMIC_RELAXED);

	if (missed)
		missed = __atomic_exchange_n(&pages->missed, 0, __ATOMIC_ACQUIRE);
	*bytes = __atomic_load_n(&pages->missed_bytes, __ATOMIC_RELAXED);
	return missed;
}
