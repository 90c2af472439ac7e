/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where the memory of objects comes from: arenas of private memory, populated
 * when they are made, so that lack of memory is -ENOMEM and never a signal
 * later. Pages are recycled, and zeroed for each new owner by the owner:
 * whatever they held is not trusted, fresh ones included. Arenas live until the
 * pool is closed. A forked child has none of it.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "page_owner.h"
#include "iova.h"
#include "lock.h"

/* What memory may be asked to be: hugepages of 1 GiB, of 2 MiB, of some NUMA nodes. */
enum { PAGES_GIGA = 1, PAGES_HUGE = 2, PAGES_NODES = 4 };

/* Sizes that are kept for the next of that size: 1 to 16 pages, and powers of two up to 512. */
#define PAGES_CLASSES 21
#define PAGES_CLASS_EXACT 16
#define PAGES_CLASS_LARGEST 512
/* How many of a size. */
#define PAGES_KEPT_MAX 32

/**
 * struct pages_kept - Memory of one size that nobody has.
 * @count: How many.
 * @ranges: They.
 */
struct pages_kept {
	unsigned int count;
	struct iova_range ranges[PAGES_KEPT_MAX];
};

/**
 * struct pages - A pool of memory.
 * @lock: Guards the rest. Not held while the kernel makes an arena.
 * @space: The addresses of our memory; a hole is what is not ours.
 * @owners: Covers it.
 * @kept: By class; NULL before the first.
 * @page_bytes: Never changes.
 * @reused: How often it was of the right size.
 * @nodes: NUMA nodes. Never changes.
 * @wants: What memory is to be: PAGES_GIGA and the like; atomic, as @missed.
 * @missed: What there was none of; not told yet.
 */
struct pages {
	struct lock lock;
	struct iova_space space;
	struct page_owners *owners;
	struct pages_kept *kept[PAGES_CLASSES];
	size_t page_bytes;
	uint64_t reused;
	uint64_t nodes;
	unsigned int wants;
	unsigned int missed;
};

/**
 * pages_open() - Make an empty pool.
 * @pages: The pool.
 * @owners: Is going to cover its memory.
 * @wants: What memory is to be, where there is such.
 * @nodes: The NUMA nodes, a bit each.
 *
 * Return: 0; -ENOMEM.
 */
int pages_open(struct pages *pages, struct page_owners *owners, unsigned int wants, uint64_t nodes);

/**
 * pages_close() - Give all memory back to the system.
 * @pages: A pool from which nothing is taken.
 */
void pages_close(struct pages *pages);

/**
 * pages_get() - Take contiguous pages, dirty.
 * @pages: The pool.
 * @bytes: Whole pages, at least one.
 * @range: Filled in; its first is the address of the memory.
 *
 * Return: 0; -ENOMEM.
 */
int pages_get(struct pages *pages, size_t bytes, struct iova_range *range);

/**
 * pages_put() - Give pages back.
 * @pages: The pool.
 * @range: From pages_get().
 */
void pages_put(struct pages *pages, struct iova_range *range);

/**
 * pages_move() - Let another struct stand for the same pages.
 * @pages: The pool.
 * @old: From pages_get().
 * @with: The struct that takes over.
 */
void pages_move(struct pages *pages, const struct iova_range *old, struct iova_range *with);

/**
 * pages_count() - What there is.
 * @pages: The pool.
 * @bytes: Set to how much memory it has from the system.
 * @reused: Increased by how often memory was of the right size.
 */
void pages_count(struct pages *pages, uint64_t *bytes, uint64_t *reused);

/**
 * pages_take_missed() - What to report that there is none of.
 * @pages: The pool.
 *
 * Return: PAGES_GIGA and the like, each once after it happened.
 */
unsigned int pages_take_missed(struct pages *pages);

/**
 * pages_to_file() - Copy pages to a file, and map that, not in their place yet.
 * @fd: The file.
 * @offset: Where in it.
 * @va: The pages.
 * @bytes: How much of them.
 * @mapping: What pages_replace() puts in their place.
 *
 * Written, not mapped and written: lack of memory is an error here, not a signal.
 *
 * Return: 0; -ENOMEM.
 */
int pages_to_file(int fd, uint64_t offset, const void *va, size_t bytes, void **mapping);

/**
 * pages_replace() - Put a mapping in the place of pages.
 * @mapping: From pages_to_file(); invalid afterwards.
 * @va: The pages.
 * @bytes: How much of them.
 *
 * Return: 0; -ENOMEM, and nothing has changed.
 */
int pages_replace(void *mapping, void *va, size_t bytes);

/**
 * pages_to_private() - Put private pages, populated and with the same contents, in the
 *	place of those of a file.
 * @va: The pages.
 * @bytes: How much of them.
 *
 * Return: 0; -ENOMEM, and nothing has changed.
 */
int pages_to_private(void *va, size_t bytes);

/**
 * pages_clear() - Make memory zero.
 * @va: The memory, in whole pages.
 * @bytes: How much.
 */
void pages_clear(void *va, size_t bytes);

/**
 * pages_class() - Which size that is.
 * @bytes: Whole pages.
 * @page_bytes: Of a page.
 *
 * Return: 0 to PAGES_CLASSES - 1; -1 for none that is kept.
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
