/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A mem as a file in debugfs, in the kernel only. A read returns what is in the mem at
 * that moment; the device may be writing it.
 */
#ifndef COHERENT_DEBUGFS_H
#define COHERENT_DEBUGFS_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <linux/debugfs.h>

struct dentry *coherent_base_debugfs_create(const char *name, struct dentry *parent,
					    struct coherent_mem *mem);

/**
 * coherent_debugfs_create() - Make a file of a mem, which root can read.
 * @name: The name of the file.
 * @parent: A directory; NULL for the root of debugfs.
 * @mem: A mem.
 *
 * The file has the bytes of the elements at their offsets. A read past the end returns 0,
 * a read across the end returns fewer bytes, and a read at a negative offset returns
 * -EINVAL. The driver must call debugfs_remove() before @mem is freed, moved or
 * reclaimed. That call waits for readers.
 *
 * Context: may sleep.
 * Return: the file; an ERR_PTR() of -EINVAL (@mem is empty), or as
 * debugfs_create_file(). debugfs_remove() accepts either.
 */
#define coherent_debugfs_create(name, parent, mem) \
	COHERENT_VALUE(COHERENT_NEEDS_MEM(mem),    \
		       coherent_base_debugfs_create((name), (parent), &(mem)->base))

#endif
