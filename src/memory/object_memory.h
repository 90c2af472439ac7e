/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The pages and the addresses of objects. Kept boxes, kept addresses and the quarantine give way for
 * them.
 */
#ifndef OBJECT_MEMORY_H
#define OBJECT_MEMORY_H

#include <errno.h>

#include "memory/object.h"

/**
 * object_is_used_up() - Whether an error says that no memory, address or mapping is left.
 * @err: The error.
 */
static inline bool object_is_used_up(int err)
{
	return err == -ENOSPC || err == -ENOMEM;
}

/* --- Things that give way --- */

/**
 * object_purge_boxes() - Free the kept boxes.
 * @store: The store. Once its device is closed no box is kept any more.
 */
void object_purge_boxes(struct object_store *store);

/**
 * object_purge_boxes_locked() - As object_purge_boxes().
 * @store: The store.
 *
 * Return: false if there was none.
 */
bool object_purge_boxes_locked(struct object_store *store) NEEDS_LOCK(store->lock);

/**
 * object_purge_locked() - Free all that is kept, the quarantine included.
 * @store: The store.
 */
void object_purge_locked(struct object_store *store) NEEDS_LOCK(store->lock);

/* --- Pages --- */

/**
 * object_get_memory() - Take private memory. Kept boxes give way before it fails.
 * @store: The store.
 * @bytes: Whole pages.
 * @range: Filled in.
 *
 * Return: as pages_get().
 */
int object_get_memory(struct object_store *store, size_t bytes, struct iova_range *range);

/**
 * object_put_memory() - Give private memory back.
 * @store: The store.
 * @range: From object_get_memory().
 */
void object_put_memory(struct object_store *store, struct iova_range *range);

/**
 * object_get_pages() - Give an object dirty memory.
 * @object: It has an address and no pages.
 *
 * Return: 0; -ENOMEM.
 */
int object_get_pages(struct coherent_object *object);

/**
 * object_get_pages_locked() - As object_get_pages(), but object_set_va() is left to the caller.
 * @store: The store.
 * @object: It has an address and no pages.
 *
 * Return: 0; -ENOMEM.
 */
int object_get_pages_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock);

/**
 * object_get_home() - Get pages for the contents of a mem that is reclaimed.
 * @home: The new record. If object_leave_pages() moves the contents, its pages have no memory before.
 *
 * Return: 0; -ENOMEM.
 */
int object_get_home(struct coherent_object *home);

/**
 * object_leave_pages() - Let transfers in flight hit empty pages.
 * @object: A mem that was unmapped and will wait for a fence.
 * @home: The new record of the mem with pages of its own, which get the contents; NULL for none.
 */
void object_leave_pages(struct coherent_object *object, struct coherent_object *home);

/**
 * object_fill_decoy() - Give the empty pages of an object memory again, if it has such pages.
 * @object: The object, whose wait for a fence is over. Large pages stay empty. The others stay empty
 *	only if the kernel has no memory. object_put_pages_locked() unmaps what is empty.
 */
void object_fill_decoy(struct coherent_object *object);

/**
 * object_put_pages_locked() - Take the memory of an object away.
 * @store: Its store.
 * @object: The object, which may have none.
 */
void object_put_pages_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock);

/**
 * object_move_pages() - Move the contents of a box of a hardened device to other memory.
 * @object: The object. Pointers into its old memory fault from now on.
 *
 * Return: 0; -ENOMEM, and nothing has changed.
 */
int object_move_pages(struct coherent_object *object);

/**
 * object_set_va() - Set the address at which the CPU finds an object.
 * @object: The object.
 * @va: Memory for which page_owner_reserve() was called.
 */
void object_set_va(struct coherent_object *object, void *va);

/* --- Addresses --- */

/**
 * object_reserve_locked() - Reserve an address. Kept things give way before it fails.
 * @store: The store.
 * @want: The wishes for the address. If it is modest, only kept addresses give way. For a wanted
 *	address kept boxes give way too, but the quarantine does not.
 * @range: Filled in.
 *
 * Return: as iova_reserve().
 */
int object_reserve_locked(struct object_store *store, const struct iova_want *want,
			  struct iova_range *range) NEEDS_LOCK(store->lock);

/**
 * object_in_the_way_locked() - Find an object for which a wanted address is refused.
 * @store: The store.
 * @want: The wishes, with an address.
 *
 * Return: the lowest object that has some of the addresses, or had them and is in quarantine or
 * waits for a fence; NULL if only kept boxes and spare addresses have them.
 */
const struct coherent_object *object_in_the_way_locked(struct object_store *store,
						       const struct iova_want *want)
	NEEDS_LOCK(store->lock);

/**
 * object_pools_give_way() - End the unused chunks of pools if a call may have failed because of them.
 * @store: The store.
 * @want: The wishes of the call.
 * @err: Its error.
 *
 * Return: whether a chunk has ended, so that the call is worth another try.
 */
bool object_pools_give_way(struct object_store *store, const struct iova_want *want, int err);

/**
 * object_release_address_locked() - Release the address of an object, and its record.
 * @store: The store.
 * @object: An object without pages. Invalid afterwards.
 */
void object_release_address_locked(struct object_store *store, struct coherent_object *object)
	NEEDS_LOCK(store->lock);

#endif
