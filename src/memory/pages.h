/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The private memory of objects. It comes in arenas that are populated when they are made, so
 * that a lack of memory is -ENOMEM and never a signal later. Freed pages are used again. The new
 * owner of pages clears them, because neither old nor new pages are trusted to be zero. Memory
 * that nobody needed for some seconds goes back to the system with a later call. A forked child has
 * no access to the memory.
 *
 * The caller locks, so that it gets a record, an address and pages under one lock.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/lock.h"
#include "memory/iova.h"
#include "memory/page_owner.h"

/* Wishes for memory: hugepages of 1 GiB, hugepages of 2 MiB, memory of some NUMA nodes. */
enum { PAGES_GIGA = 1, PAGES_HUGE = 2, PAGES_NODES = 4, PAGES_WISHES = 8 };

/* Freed pages are kept for the next request of their size: 1 to 16 pages, powers of two to 512. */
#define PAGES_CLASSES 21
#define PAGES_CLASS_EXACT 16
#define PAGES_CLASS_LARGEST 512
/* Memory that nobody needed for so long goes back to the system. */
#define PAGES_TRIM_NS (4 * SYS_NS_PER_S)
/* At most this many of a size are kept. */
#define PAGES_KEPT_MAX 32

struct guard;

/**
 * struct pages_kept - Free memory of one size.
 * @count: How many ranges there are.
 * @ranges: The ranges.
 */
struct pages_kept {
	unsigned int count;
	struct iova_range ranges[PAGES_KEPT_MAX];
};

/**
 * struct pages - A pool of memory.
 * @space: The addresses of the arenas. All other addresses are holes.
 * @owners: The owners of the pages; it has nodes for every arena.
 * @kept: Kept pages by class; NULL until the first of a class.
 * @page_bytes: The size of a page. Never changes.
 * @reused: How often a request was met from @kept.
 * @used: The size of all memory that was taken and is not back.
 * @used_max: The maximum of @used since @trimmed_ns.
 * @trimmed_ns: When the pool last gave back all that it could, by the coarse clock.
 * @nodes: NUMA nodes, a bit each. Never changes.
 * @wants: The wishes: PAGES_GIGA and the like, or'ed. Never changes.
 * @guard: The guard, if the memory is that of a hardened device; otherwise NULL. Never changes.
 * @stays_mapped: No memory is unmapped any more, as pages_stay_mapped() says.
 * @failed_bytes: For each set of wishes, the size of the last arena that could not be made in that
 *	way; 0 for none. Smaller arenas are tried in that way at once. Atomic, as the rest.
 * @skipped: How many arenas each way sat out since it was last tried.
 * @noted: The wishes that an arena did not meet.
 * @missed: Those of them that are not reported yet.
 * @missed_bytes: The size of the request for that arena.
 */
struct pages {
	struct iova_space space;
	struct page_owners *owners;
	struct pages_kept *kept[PAGES_CLASSES];
	size_t page_bytes;
	uint64_t reused;
	size_t used;
	size_t used_max;
	uint64_t trimmed_ns;
	uint64_t nodes;
	unsigned int wants;
	struct guard *guard;
	bool stays_mapped;
	size_t failed_bytes[PAGES_WISHES];
	unsigned int skipped[PAGES_WISHES];
	unsigned int noted;
	unsigned int missed;
	size_t missed_bytes;
};

/**
 * pages_open() - Make an empty pool.
 * @pages: The pool.
 * @owners: The owners of the pages; gets nodes for each arena.
 * @wants: The wishes. Ordinary memory serves where they cannot be met.
 * @nodes: The NUMA nodes, a bit each.
 *
 * Return: 0; -ENOMEM.
 */
int pages_open(struct pages *pages, struct page_owners *owners, unsigned int wants, uint64_t nodes);

/**
 * pages_harden() - Guard all memory, as guard.h says.
 * @pages: A pool that has just been opened.
 *
 * Return: 0; -ENOMEM, and the caller closes the pool.
 */
int pages_harden(struct pages *pages);

/**
 * pages_stay_mapped() - From now on keep each address that the pool has, until the process ends.
 * @pages: A pool that nobody takes pages from any more.
 *
 * A device may still access the addresses, so nothing else in the process may get them.
 */
void pages_stay_mapped(struct pages *pages);

/**
 * pages_close() - Give all memory back to the system. After pages_stay_mapped() the addresses stay.
 * @pages: A pool whose pages are all back.
 */
void pages_close(struct pages *pages);

/**
 * pages_align() - The alignment that memory of a size should have, and its device address.
 * @pages: The pool.
 * @bytes: The size.
 *
 * An IOMMU uses one entry for a hugepage only if both addresses are multiples of its size.
 *
 * Return: the size of a hugepage that fits into the memory and was wished for; otherwise of a page.
 */
uint64_t pages_align(const struct pages *pages, size_t bytes);

/**
 * pages_get() - Take contiguous pages, dirty. Where possible they are aligned as pages_align() says.
 * @pages: The pool.
 * @lock: The lock of the caller. It is dropped while the kernel makes an arena.
 * @bytes: Whole pages, at least one.
 * @range: Filled in; its first is the address of the memory.
 *
 * Return: 0; -ENOMEM.
 */
int pages_get(struct pages *pages, struct lock *lock, size_t bytes, struct iova_range *range)
	NEEDS_LOCK(lock);

/**
 * pages_put() - Give pages back.
 * @pages: The pool.
 * @range: From pages_get().
 */
void pages_put(struct pages *pages, struct iova_range *range);

/**
 * pages_move() - Move pages to another struct.
 * @pages: The pool.
 * @old: From pages_get().
 * @with: The struct that takes over.
 */
void pages_move(struct pages *pages, const struct iova_range *old, struct iova_range *with);

/**
 * pages_overlap() - Whether the pool has some of the memory, taken or free.
 * @pages: The pool.
 * @va: Any memory.
 * @bytes: Its size.
 */
static inline bool pages_overlap(const struct pages *pages, const void *va, size_t bytes)
{
	return !iova_is_hole(&pages->space, (uintptr_t)va, (uintptr_t)va + bytes - 1);
}

/**
 * pages_trim_is_due() - Whether pages_trim() is worth a call.
 * @pages: The pool.
 * @now_ns: The time.
 */
static inline bool pages_trim_is_due(const struct pages *pages, uint64_t now_ns)
{
	return now_ns - pages->trimmed_ns >= PAGES_TRIM_NS;
}

/**
 * pages_trim() - Give memory back to the system that nobody needed for a while.
 * @pages: The pool.
 * @lock: The lock of the caller. It is dropped while the kernel takes the memory.
 * @now_ns: The time; pages_trim_is_due() is true.
 *
 * The pool keeps as much as was in use at a time since the last trim, and a quarter more. One call
 * gives back at most 64 MiB, so that it does not take long. The next call then gives back more.
 *
 * Return: whether the pool has given back all that it could, so that a new period begins.
 */
bool pages_trim(struct pages *pages, struct lock *lock, uint64_t now_ns) NEEDS_LOCK(lock);

/**
 * pages_count() - Read the counters.
 * @pages: The pool.
 * @bytes: Increased by the memory that the pool has from the system.
 * @reused: Increased by the number of requests that were met from kept pages.
 */
void pages_count(struct pages *pages, uint64_t *bytes, uint64_t *reused);

/**
 * pages_take_missed() - Ask which wishes some memory does not meet.
 * @pages: The pool.
 * @bytes: Set to the size of the request that got this memory.
 *
 * Return: PAGES_GIGA and the like, or'ed. Each is returned once, after the first time.
 */
unsigned int pages_take_missed(struct pages *pages, size_t *bytes);

/**
 * pages_to_file() - Copy pages to a file, and map it at another place for now.
 * @fd: The file.
 * @offset: The place in the file.
 * @va: The pages.
 * @bytes: Their size.
 * @mapping: Set to the mapping, for pages_replace().
 *
 * The file is written by a system call, so that a lack of memory is an error and not a signal.
 *
 * Return: 0; -ENOMEM.
 */
int pages_to_file(int fd, uint64_t offset, const void *va, size_t bytes, void **mapping);

/**
 * pages_replace() - Put a mapping in the place of pages.
 * @mapping: From pages_to_file(). Invalid afterwards.
 * @va: The pages.
 * @bytes: Their size.
 *
 * Return: 0; -ENOMEM, and nothing has changed.
 */
int pages_replace(void *mapping, void *va, size_t bytes);

/**
 * pages_fresh() - Map private, populated pages, which are zero.
 * @bytes: Their size.
 * @va: Set to the pages. The caller unmaps them, or gives them to pages_replace().
 *
 * Return: 0; -ENOMEM.
 */
int pages_fresh(size_t bytes, void **va);

/**
 * pages_fill() - Make the kernel provide the memory of a new mapping.
 * @va: The mapping.
 * @bytes: Its size.
 * @nodes: The NUMA nodes, a bit each; 0 for any.
 *
 * A forked child does not inherit it.
 *
 * Return: 0; -ENOMEM, or why the nodes are refused. The caller unmaps the memory.
 */
int pages_fill(void *va, size_t bytes, uint64_t nodes);

/* A move of fewer bytes takes longer than a copy, because it changes the page tables of all threads. */
#define PAGES_MOVE_BYTES ((size_t)64 << 10)

/**
 * pages_get_bare() - Take a place for pages that pages_leave() will move there.
 * @pages: The pool.
 * @lock: The lock of the caller. It is dropped meanwhile.
 * @bytes: Whole pages, at least PAGES_MOVE_BYTES.
 * @range: Filled in. The place has no memory yet.
 *
 * Return: 0; -ENOMEM; -EOPNOTSUPP (the pool has hugepages or a guard, so take pages with memory).
 */
int pages_get_bare(struct pages *pages, struct lock *lock, size_t bytes, struct iova_range *range)
	NEEDS_LOCK(lock);

/**
 * pages_leave() - Take the contents out of pages. A device that still has their address finds zeros.
 * @va: The pages.
 * @to: Pages that get the contents; NULL for none.
 * @bytes: The size of both.
 *
 * Return: whether the pages at @va are empty. They have no memory then, until pages_fill(). The
 * kernel cannot empty hugepages in part; these keep what they had.
 */
bool pages_leave(void *va, void *to, size_t bytes);

/**
 * pages_drop() - Give pages back to the system instead of the pool.
 * @pages: The pool.
 * @range: From pages_get(). They may be without memory.
 */
void pages_drop(struct pages *pages, struct iova_range *range);

/* Which side touches memory first after it was cleared. */
enum pages_next { PAGES_NEXT_CPU, PAGES_NEXT_DEVICE };

/**
 * pages_clear() - Make memory zero.
 * @va: Whole pages.
 * @bytes: Their size.
 * @next: The side that touches them next.
 */
void pages_clear(void *va, size_t bytes, enum pages_next next);

/**
 * pages_clear_past_cache() - Whether pages_clear() uses stores that bypass the cache.
 * @bytes: The size of the memory.
 * @next: The side that touches it next.
 *
 * The device does not look into the cache of the CPU first, so large memory would only push other
 * data out of it. The CPU would have to fetch the memory, unless it is too large for the cache.
 */
static inline bool pages_clear_past_cache(size_t bytes, enum pages_next next)
{
	return bytes >= (next == PAGES_NEXT_DEVICE ? (size_t)512 << 10 : (size_t)2 << 20);
}

/**
 * pages_class() - The class of a size.
 * @bytes: Whole pages.
 * @page_bytes: The size of a page.
 *
 * Return: 0 to PAGES_CLASSES - 1; -1 if pages of this size are not kept.
 */
static inline int pages_class(size_t bytes, size_t page_bytes)
{
	const size_t pages = bytes / page_bytes;

	if (pages <= PAGES_CLASS_EXACT)
		return (int)pages - 1;
	if (pages > PAGES_CLASS_LARGEST || pages & (pages - 1))
		return -1;
	return PAGES_CLASS_EXACT - 1 + __builtin_ctzll(pages / PAGES_CLASS_EXACT);
}

static inline void *pages_va(const struct iova_range *range)
{
	return (void *)(uintptr_t)range->first;
}

static inline size_t pages_bytes(const struct iova_range *range)
{
	return range->last - range->first + 1;
}

#endif
