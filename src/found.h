/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Whose a page of our memory is: a tree by address, of three levels, for one load each.
 *
 * An entry says who had the page last, and stays when that ends: whoever looks asks the record
 * whether it still has it. Records are never given back as long as the device exists, and nor is
 * a node; so nobody who looks needs a lock.
 */
#ifndef FOUND_H
#define FOUND_H

#include <stddef.h>
#include <stdint.h>

struct coherent_object;

#define FOUND_BITS 12
#define FOUND_ENTRIES (1u << FOUND_BITS)

/**
 * struct found - A tree.
 * @top: Nodes, by the highest bits of an address.
 */
struct found {
	struct found_middle *top[FOUND_ENTRIES];
};

/**
 * found_cover() - Prepare for memory.
 * @found: The tree; one thread at a time.
 * @va: The memory.
 * @bytes: How much.
 *
 * Return: 0; -ENOMEM.
 */
int found_cover(struct found *found, const void *va, size_t bytes);

/**
 * found_set() - Say whose memory is.
 * @found: The tree.
 * @va: Memory that is covered, in whole pages.
 * @bytes: How much.
 * @object: Whose it is.
 */
void found_set(struct found *found, const void *va, size_t bytes, struct coherent_object *object);

/**
 * found_get() - Ask who had memory last.
 * @found: The tree.
 * @va: Anything.
 *
 * Return: its record; NULL for nobody.
 */
struct coherent_object *found_get(const struct found *found, const void *va);

/**
 * found_close() - Free all nodes.
 * @found: The tree.
 */
void found_close(struct found *found);

#endif
