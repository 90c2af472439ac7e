/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A reference count. The function that frees the owner comes with the count, so that a file
 * can hold a device without knowing what a device is.
 */
#ifndef REF_H
#define REF_H

#include <stdatomic.h>

/**
 * struct ref - A reference count.
 * @count: The references.
 * @free_owner: Called by the thread that drops the last reference. Never changes.
 */
struct ref {
	atomic_size_t count;
	void (*free_owner)(struct ref *ref);
};

/**
 * ref_init() - Begin with one reference, the caller's.
 * @ref: The count, embedded in its owner.
 * @free_owner: Frees the owner.
 */
static inline void ref_init(struct ref *ref, void (*free_owner)(struct ref *ref))
{
	atomic_init(&ref->count, 1);
	ref->free_owner = free_owner;
}

/**
 * ref_hold() - Take a reference.
 * @ref: A count that the caller knows to be above zero.
 */
static inline void ref_hold(struct ref *ref)
{
	atomic_fetch_add_explicit(&ref->count, 1, memory_order_relaxed);
}

/**
 * ref_put() - Drop a reference. The last one frees the owner.
 * @ref: The count.
 */
static inline void ref_put(struct ref *ref)
{
	if (atomic_fetch_sub_explicit(&ref->count, 1, memory_order_acq_rel) == 1)
		ref->free_owner(ref);
}

#endif
