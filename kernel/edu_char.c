// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A process that has the file open keeps it after the driver was unbound. So the character device
 * outlives the packets: each open file holds a reference, and mmap() asks whether there are packets.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <coherent/mmap.h>

#include "edu_char.h"

/* @lock guards @packets, which is NULL after edu_char_close(). */
struct edu_char {
	struct miscdevice misc;
	struct kref count;
	struct mutex lock;
	union edu_packets *packets;
	char name[64];
};

static void edu_char_free(struct kref *count)
{
	struct edu_char *file = container_of(count, struct edu_char, count);

	mutex_destroy(&file->lock);
	kfree(file);
}

/* misc_deregister() waits for this function, so the reference of the driver still exists. */
static int edu_char_open_file(struct inode *inode, struct file *opened)
{
	struct edu_char *file = container_of(opened->private_data, struct edu_char, misc);

	kref_get(&file->count);
	opened->private_data = file;
	return 0;
}

static int edu_char_release_file(struct inode *inode, struct file *opened)
{
	struct edu_char *file = opened->private_data;

	kref_put(&file->count, edu_char_free);
	return 0;
}

static int edu_char_mmap(struct file *opened, struct vm_area_struct *vma)
{
	struct edu_char *file = opened->private_data;
	int err = -ENODEV;

	mutex_lock(&file->lock);
	if (file->packets)
		err = coherent_mmap(file->packets, vma);
	mutex_unlock(&file->lock);
	return err;
}

static const struct file_operations edu_char_operations = {
	.owner = THIS_MODULE,
	.open = edu_char_open_file,
	.release = edu_char_release_file,
	.mmap = edu_char_mmap,
};

struct edu_char *edu_char_open(struct device *dev, union edu_packets *packets)
{
	struct edu_char *file = kzalloc(sizeof(*file), GFP_KERNEL);
	int err;

	if (!file)
		return ERR_PTR(-ENOMEM);
	kref_init(&file->count);
	mutex_init(&file->lock);
	file->packets = packets;
	snprintf(file->name, sizeof(file->name), "coherent_edu-%s", dev_name(dev));
	file->misc.minor = MISC_DYNAMIC_MINOR;
	file->misc.name = file->name;
	file->misc.fops = &edu_char_operations;
	err = misc_register(&file->misc);
	if (!err)
		return file;
	kref_put(&file->count, edu_char_free);
	return ERR_PTR(err);
}

void edu_char_close(struct edu_char *file)
{
	misc_deregister(&file->misc);
	mutex_lock(&file->lock);
	file->packets = NULL;
	mutex_unlock(&file->lock);
	kref_put(&file->count, edu_char_free);
}
