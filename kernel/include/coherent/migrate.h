/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The calls that tools/migrate puts into a driver in the place of dma_alloc_coherent() and
 * dma_free_coherent(). The driver keeps its raw pointer. The mem beside the pointer owns the
 * memory, and knows its size and its address. docs/migrate.md says what comes after this step.
 *
 * INVARIANT: the arguments behind the mem are those of the DMA API, in the same order. So the
 * author of a driver can read the patch, and can undo it.
 */
#ifndef COHERENT_MIGRATE_H
#define COHERENT_MIGRATE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <linux/bug.h>
#include <linux/dma-mapping.h>

/* The DMA API ignores zones, and does not sleep if no flag is given. */
static inline gfp_t coherent_migrate_gfp(gfp_t gfp)
{
	gfp &= ~(GFP_ZONEMASK | __GFP_COMP);
	return gfp ? gfp : GFP_NOWAIT;
}

static inline unsigned int coherent_migrate_attrs(unsigned long attrs)
{
	return (attrs & DMA_ATTR_WEAK_ORDERING ? COHERENT_ATTR_WEAK_ORDERING : 0) |
	       (attrs & DMA_ATTR_WRITE_COMBINE ? COHERENT_ATTR_WRITE_COMBINE : 0) |
	       (attrs & DMA_ATTR_FORCE_CONTIGUOUS ? COHERENT_ATTR_FORCE_CONTIGUOUS : 0) |
	       (attrs & DMA_ATTR_ALLOC_SINGLE_PAGES ? COHERENT_ATTR_ALLOC_SINGLE_PAGES : 0) |
	       (attrs & DMA_ATTR_NO_WARN ? COHERENT_ATTR_NO_WARN : 0) |
	       (attrs & DMA_ATTR_PRIVILEGED ? COHERENT_ATTR_PRIVILEGED : 0);
}

/* Returns how many elements hold so many bytes. The last one may have fewer of them. */
static inline size_t coherent_migrate_count(size_t bytes, size_t element)
{
	return bytes / element + !!(bytes % element);
}

/* Returns the raw pointer that the DMA API would return, and sets the address as it does. */
static inline void *coherent_migrate_result(int err, uintptr_t va, coherent_addr_t address,
					    dma_addr_t *handle)
{
	if (err)
		return NULL;
	*handle = (dma_addr_t)address.raw;
	return (void *)va;
}

/* Warns once if the arguments of a free are not those of the mem. */
static noinline __maybe_unused void coherent_migrate_check(size_t count, uintptr_t va,
							   coherent_addr_t address,
							   size_t wanted_count, uintptr_t pointer,
							   dma_addr_t handle)
{
	if (!count)
		return;
	WARN_ONCE(count != wanted_count, "coherent: the driver frees a mem with another size\n");
	WARN_ONCE(va != pointer,
		  "coherent: the driver frees a mem with the pointer of other memory\n");
	WARN_ONCE(address.raw != handle,
		  "coherent: the driver frees a mem with the address of other memory\n");
}

/**
 * coherent_migrate_alloc_attrs() - Allocate a mem as dma_alloc_attrs() allocates memory.
 * @mem: The new mem. It must be empty: the struct around it was zeroed when it was allocated.
 * @dev: The device. A driver is bound to it.
 * @bytes: The size. The mem has as many elements as that needs.
 * @handle: A dma_addr_t * that gets the device address.
 * @how: The flags of the page allocator. Zones are ignored, as by the DMA API.
 * @flags: The DMA_ATTR_* flags. DMA_ATTR_NO_KERNEL_MAPPING and DMA_ATTR_SKIP_CPU_SYNC are ignored.
 *
 * Return: a raw pointer to the zeroed memory; NULL if coherent_zeroed() fails.
 */
#define coherent_migrate_alloc_attrs(mem, dev, bytes, handle, how, flags) \
	COHERENT_MIGRATE_ALLOC(mem, dev, bytes, handle, how, flags, false)
#define COHERENT_MIGRATE_ALLOC(mem, dev, bytes, handle, how, flags, is_managed)                   \
	({                                                                                        \
		typeof(mem) coherent_m_ = (mem);                                                  \
		int coherent_e_ = coherent_zeroed(                                                \
			coherent_m_, (dev),                                                       \
			coherent_migrate_count((bytes),                                           \
					       sizeof(*coherent_unsafe_ptr(coherent_m_))),        \
			.gfp = coherent_migrate_gfp(how), .attrs = coherent_migrate_attrs(flags), \
			.managed = (is_managed));                                                 \
		coherent_migrate_result(coherent_e_, (uintptr_t)coherent_unsafe_ptr(coherent_m_), \
					coherent_addr(coherent_m_), (handle));                    \
	})

/**
 * coherent_migrate_alloc() - Allocate a mem as dma_alloc_coherent() allocates memory.
 * @mem: As for coherent_migrate_alloc_attrs().
 * @dev: As for coherent_migrate_alloc_attrs().
 * @bytes: As for coherent_migrate_alloc_attrs().
 * @handle: As for coherent_migrate_alloc_attrs().
 * @how: As for coherent_migrate_alloc_attrs().
 *
 * Return: as coherent_migrate_alloc_attrs().
 */
#define coherent_migrate_alloc(mem, dev, bytes, handle, how) \
	coherent_migrate_alloc_attrs((mem), (dev), (bytes), (handle), (how), 0)

/**
 * coherent_migrate_alloc_attrs_managed() - Allocate a mem as dmam_alloc_attrs() allocates memory.
 * @mem: As for coherent_migrate_alloc_attrs(). devres frees it, as with .managed.
 * @dev: As for coherent_migrate_alloc_attrs().
 * @bytes: As for coherent_migrate_alloc_attrs().
 * @handle: As for coherent_migrate_alloc_attrs().
 * @how: As for coherent_migrate_alloc_attrs().
 * @flags: As for coherent_migrate_alloc_attrs().
 *
 * Return: as coherent_migrate_alloc_attrs().
 */
#define coherent_migrate_alloc_attrs_managed(mem, dev, bytes, handle, how, flags) \
	COHERENT_MIGRATE_ALLOC(mem, dev, bytes, handle, how, flags, true)

/**
 * coherent_migrate_alloc_managed() - Allocate a mem as dmam_alloc_coherent() allocates memory.
 * @mem: As for coherent_migrate_alloc_attrs_managed().
 * @dev: As for coherent_migrate_alloc_attrs().
 * @bytes: As for coherent_migrate_alloc_attrs().
 * @handle: As for coherent_migrate_alloc_attrs().
 * @how: As for coherent_migrate_alloc_attrs().
 *
 * Return: as coherent_migrate_alloc_attrs_managed().
 */
#define coherent_migrate_alloc_managed(mem, dev, bytes, handle, how) \
	coherent_migrate_alloc_attrs_managed((mem), (dev), (bytes), (handle), (how), 0)

/**
 * coherent_migrate_free() - Free a mem as dma_free_coherent() frees memory.
 * @mem: The mem. It is empty afterwards. Nothing happens if it was empty.
 * @dev: The device. The mem knows it, so this argument is not used.
 * @bytes: The size.
 * @pointer: The raw pointer.
 * @handle: The device address.
 *
 * The kernel warns once if the last three are not those of the mem. The mem is freed with the
 * right ones. A driver that made no warning can call coherent_free() instead.
 */
#define coherent_migrate_free(mem, dev, bytes, pointer, handle)                                   \
	do {                                                                                      \
		typeof(mem) coherent_f_ = (mem);                                                  \
		const size_t coherent_b_ = (bytes);                                               \
		(void)(dev);                                                                      \
		coherent_migrate_check(                                                           \
			coherent_count(coherent_f_), (uintptr_t)coherent_unsafe_ptr(coherent_f_), \
			coherent_addr(coherent_f_),                                               \
			coherent_migrate_count(coherent_b_,                                       \
					       sizeof(*coherent_unsafe_ptr(coherent_f_))),        \
			(uintptr_t)(pointer), (handle));                                          \
		coherent_free(coherent_f_);                                                       \
	} while (0)

/**
 * coherent_migrate_free_attrs() - Free a mem as dma_free_attrs() frees memory.
 * @mem: As for coherent_migrate_free().
 * @dev: As for coherent_migrate_free().
 * @bytes: As for coherent_migrate_free().
 * @pointer: As for coherent_migrate_free().
 * @handle: As for coherent_migrate_free().
 * @flags: The DMA_ATTR_* flags. The mem knows them, so this argument is not used.
 */
#define coherent_migrate_free_attrs(mem, dev, bytes, pointer, handle, flags)       \
	do {                                                                       \
		(void)(flags);                                                     \
		coherent_migrate_free((mem), (dev), (bytes), (pointer), (handle)); \
	} while (0)

#endif
