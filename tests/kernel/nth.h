/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests link the kernel face with hooks (hooks.c). So a test chooses which of the calls by
 * which it acquires something fails, and reads what it logs.
 */
#ifndef NTH_H
#define NTH_H

#include "world.h"

/* @nth counts down to the call that fails; 0 for none. @live counts acquired resources. */
extern int nth;
extern atomic_t live;

/* The arguments of an allocation or a free with COHERENT_HIDDEN. */
struct got {
	size_t bytes;
	dma_addr_t address;
	unsigned long attrs;
};

/*
 * The arguments of the last allocation with COHERENT_HIDDEN, and of the last free. They are kept
 * only while @keeps_arguments is set, because several threads would write to them.
 */
extern struct got alloc_got, free_got;
extern bool keeps_arguments;

/* If @used is set, dma_alloc_attrs() returns @address instead of the real address. */
struct fake {
	bool used;
	dma_addr_t address;
	dma_addr_t real;
};
extern struct fake fake;

/* If this is not 0, dma_alloc_attrs() obeys it and not the coherent mask of the device. */
extern u64 other_mask;

/*
 * Set if memory was allocated without __GFP_ZERO, or a size that is not whole pages. Some
 * platforms zero only what they are asked to zero. Also set if an allocation may sleep while
 * interrupts are off, or if memory is given back where a sleep is a mistake.
 */
extern bool careless;

/* If @scatters is set, alloc_pages_exact() has no more than eight pages in a row. */
extern bool scatters;

/*
 * If @bounces is set, each mapping needs bounce buffers. A kernel that can refuse such a mapping does
 * so, if it is asked to. Otherwise @bounced is set.
 */
extern bool bounces, bounced;
extern const bool kernel_refuses_bounces;

/* If @keeps_lines is set, a refusal is not logged. @line has the last one, @lines how many. */
extern bool keeps_lines;
extern char line[256];
extern unsigned int lines;

/*
 * The tests tell the library this about the machine. @largest_mapping: as of a machine that has bounce
 * buffers; 0 for the real one. @own_address: an IOMMU that only the architecture knows maps all memory
 * here; 0 if there is none.
 */
struct machine {
	bool is_encrypted;
	bool cannot_mmap;
	size_t largest_mapping;
	dma_addr_t own_address;
};
extern struct machine machine;

/*
 * How often processes have lost pages of a mem: until now, and until memory was given back last.
 * @first is where the last of these pages began in the file.
 */
struct zaps {
	int now;
	int at_free;
	loff_t first;
};
extern struct zaps zaps;

/* The VMAs of tests are in no process. So nothing locks them. */
void add_vma_flags(struct vm_area_struct *vma, unsigned long flags);
void remove_vma_flags(struct vm_area_struct *vma, unsigned long flags);

/* How many objects can wait for a device before an allocation in atomic context fails. */
extern const int most_deferred;

/* Reads the file of a mem, as a reader of debugfs does. */
ssize_t read_blob(struct file *file, char __user *to, size_t bytes, loff_t *at);

static inline bool is_expected(int err)
{
	return err == -ENOMEM || err == -ENOSPC || err == -EIO || err == -EOPNOTSUPP;
}

/* Unbinds the device, after which nothing may be live, and binds it again. */
void unbind_frees_all(struct kunit *test);
/* After the unbind some may be live. */
void unbind_frees_all_but(struct kunit *test, int left);

#endif
