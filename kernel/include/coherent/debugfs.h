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
#include <linux/err.h>
#include <linux/fs.h>

/* SHARED: the device may write during the copy. A reader of this file accepts any mixture. */
static inline ssize_t coherent_blob_read(struct file *file, char __user *to, size_t bytes,
					 loff_t *at)
{
	const struct coherent_object *object = file->private_data;

	return simple_read_from_buffer(to, bytes, at, coherent_place_va(object), object->bytes);
}

static inline loff_t coherent_blob_llseek(struct file *file, loff_t to, int whence)
{
	const struct coherent_object *object = file->private_data;

	return fixed_size_llseek(file, to, whence, object->bytes);
}

static inline struct dentry *coherent_base_debugfs_create(const char *name, struct dentry *parent,
							  struct coherent_mem *mem)
{
	static const struct file_operations operations = {
		.owner = THIS_MODULE,
		.open = simple_open,
		.read = coherent_blob_read,
		.llseek = coherent_blob_llseek,
	};

	if (coherent_mem_is_empty(mem))
		return ERR_PTR(coherent_refuse(-EINVAL, NULL, "an empty mem cannot be a file"));
	return debugfs_create_file(name, 0400, parent, &mem->object, &operations);
}

/**
 * coherent_debugfs_create() - Make a mem a file that root can read.
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
