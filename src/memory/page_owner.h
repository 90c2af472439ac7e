/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The owners of the library's pages: a tree by address with three levels, so that a lookup is
 * three loads.
 *
 * An entry names the object that had the page last. It stays when that object ends, so the
 * caller asks the record whether it still has the page. Nodes and records live as long as the
 * device, so a lookup takes no lock.
 */
#ifndef PAGE_OWNER_H
#define PAGE_OWNER_H

#include <stddef.h>
#include <stdint.h>

struct coherent_object;

#define PAGE_OWNER_BITS 12
#define PAGE_OWNER_ENTRIES (1u << PAGE_OWNER_BITS)

/**
 * struct page_owners - The tree.
 * @top: Nodes by the highest bits of an address.
 */
struct page_owners {
	struct owner_middle *top[PAGE_OWNER_ENTRIES];
};

/**
 * page_owner_reserve() - Make the nodes for some memory.
 * @owners: The tree. The caller lets one thread at a time do this.
 * @va: The memory.
 * @bytes: Its size.
 *
 * Return: 0; -ENOMEM.
 */
int page_owner_reserve(struct page_owners *owners, const void *va, size_t bytes);

/**
 * page_owner_set() - Name the owner of pages.
 * @owners: The tree.
 * @va: Whole pages for which page_owner_reserve() made nodes.
 * @bytes: Their size.
 * @object: The owner.
 */
void page_owner_set(struct page_owners *owners, const void *va, size_t bytes,
		    struct coherent_object *object);

/**
 * page_owner_get() - Look up the last owner of a page.
 * @owners: The tree.
 * @va: Any pointer.
 *
 * Return: the record; NULL if no object ever had the page.
 */
struct coherent_object *page_owner_get(const struct page_owners *owners, const void *va);

/**
 * page_owner_next() - Look up the next page that ever had an owner.
 * @owners: The tree.
 * @at: Where to begin; set to the page.
 * @end: Where to stop, exclusive.
 * @skip: An owner that does not count, or NULL.
 *
 * Return: the last owner of the page; NULL if there is none before @end.
 */
struct coherent_object *page_owner_next(const struct page_owners *owners, uintptr_t *at,
					uintptr_t end, const struct coherent_object *skip);

/**
 * page_owner_close() - Free all nodes.
 * @owners: The tree.
 */
void page_owner_close(struct page_owners *owners);

#endif
