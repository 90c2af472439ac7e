/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The body of coherent_mmap(), and what a mapping means for a reclaim. coherent.c includes this file. */
#ifndef COHERENT_KERNEL_MMAP_H
#define COHERENT_KERNEL_MMAP_H

#include <coherent/mmap.h>
#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "allocate.h"
#include "end.h"
#include "windows.h"

/* Guards the first mmap() of a mem, which makes its windows. It comes before their lock. */
static DEFINE_MUTEX(coherent_mmap_lock);

/*
 * Each mem that is mapped gets numbers of pages for itself, above those that drivers use. So its end
 * does not take away what else a driver maps from the same file. The mutex above guards the counter.
 */
#define COHERENT_FIRST_PAGE (1UL << (BITS_PER_LONG == 64 ? 40 : 31))
static unsigned long coherent_next_page = COHERENT_FIRST_PAGE;

/* Returns why a process cannot have the memory of an object; NULL if it can. */
static const char *coherent_why_not_mmapped(const struct coherent_object *object)
{
	if (coherent_is_pooled(object))
		return "a mem of a pool shares its page with others, so a process cannot have it";
	if (object->level == COHERENT_IOMMU)
		return NULL;
	/* dma_alloc_attrs() may have decrypted the memory. The page of nobody is encrypted. */
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return "the machine encrypts memory; a process gets memory of COHERENT_IOMMU only";
	return dma_can_mmap(object->dev) ?
		       NULL :
		       "this machine cannot map memory of the device to a process";
}

static int coherent_check_mmap(const struct coherent_mem *mem, struct vm_area_struct *vma)
{
	const struct coherent_object *object = &mem->object;
	const char *why;
	size_t pages;

	if (coherent_mem_is_empty(mem))
		return coherent_refuse(-EINVAL, NULL, "an empty mem cannot be mapped to a process");
	/* A private mapping copies the page that the process writes to. */
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return coherent_refuse(-EINVAL, object->site,
				       "the mapping is private and writable; use MAP_SHARED");
	pages = coherent_windows_pages(object);
	if (vma->vm_ops == &coherent_window_operations)
		return coherent_refuse(-EBUSY, object->site, "the VMA has a mem already");
	if (vma->vm_pgoff >= pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -ERANGE;
	if (!coherent_is_usable(object))
		return -ENODEV;
	why = coherent_why_not_mmapped(object);
	return why ? coherent_refuse(-EOPNOTSUPP, object->site, why) : 0;
}

/* After the last number the first one is used again. The caller holds coherent_mmap_lock. */
static unsigned long coherent_take_pages(size_t pages)
{
	unsigned long first = coherent_next_page;

	if (pages > ULONG_MAX - first)
		first = COHERENT_FIRST_PAGE;
	coherent_next_page = first + pages;
	return first;
}

static int coherent_windows_make(struct coherent_object *object)
{
	struct coherent_windows *windows;
	int err;

	/* If the mem ends in atomic context, it has to wait. A device of another module waits too. */
	err = coherent_queue_make(object->dev, GFP_KERNEL);
	if (err)
		return err;
	if (!object->extra)
		object->extra = kzalloc(sizeof(*object->extra), GFP_KERNEL);
	if (!object->extra)
		return -ENOMEM;
	if (object->extra->windows)
		return 0;
	windows = kzalloc(sizeof(*windows), GFP_KERNEL);
	if (!windows)
		return -ENOMEM;
	kref_init(&windows->count);
	mutex_init(&windows->lock);
	INIT_LIST_HEAD(&windows->list);
	windows->object = *object;
	windows->first_page = coherent_take_pages(coherent_windows_pages(object));
	windows->is_open = true;
	object->extra->windows = windows;
	return 0;
}

static int coherent_window_add(struct coherent_object *object, struct coherent_window *window)
{
	struct coherent_windows *windows;
	int err;

	mutex_lock(&coherent_mmap_lock);
	err = coherent_windows_make(object);
	if (!err) {
		windows = object->extra->windows;
		kref_get(&windows->count);
		window->windows = windows;
		mutex_lock(&windows->lock);
		list_add(&window->node, &windows->list);
		mutex_unlock(&windows->lock);
	}
	mutex_unlock(&coherent_mmap_lock);
	return err;
}

int __weak coherent_base_mmap(struct coherent_mem *mem, struct vm_area_struct *vma)
{
	int err = coherent_check_mmap(mem, vma);
	struct coherent_window *window;

	if (err)
		return err;
	window = coherent_window_new();
	if (!window)
		return -ENOMEM;
	window->space = vma->vm_file->f_mapping;
	err = coherent_window_add(&mem->object, window);
	if (err) {
		coherent_window_free(window);
		return err;
	}
	coherent_vma_add_flags(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot =
		coherent_translation_pgprot(mem->object.dev, vma->vm_page_prot, mem->object.attrs);
	vma->vm_pgoff += window->windows->first_page;
	vma->vm_private_data = window;
	vma->vm_ops = &coherent_window_operations;
	return 0;
}

/* Where preemption is not counted, a spinlock does not show. A reclaim must not fail for this doubt. */
static bool coherent_is_in_atomic_context(void)
{
	return in_interrupt() || irqs_disabled() || rcu_preempt_depth() ||
	       (IS_ENABLED(CONFIG_PREEMPT_COUNT) && !preemptible());
}

/* A box belongs to the CPU alone. So a reclaim takes the memory away from processes too. */
static int coherent_reclaim_from_processes(struct coherent_object *object)
{
	if (coherent_is_mapped(object) && coherent_is_in_atomic_context())
		return coherent_refuse(
			-EBUSY, object->site,
			"a process maps the mem; reclaim it where the driver may sleep");
	coherent_close_windows(object);
	return 0;
}

#endif
