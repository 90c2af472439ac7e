/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The windows of a mem: what processes see of it. One mmap() makes one window. fork(), mremap() and
 * munmap() of a part change only how many VMAs show it.
 *
 * A page gets into a process only by a fault. While mmap() runs, unmap_mapping_range() does not find
 * the VMA yet, so pages that mmap() mapped itself could survive the mem.
 *
 * INVARIANT: a process has a page of the mem only while the windows are open. The memory is given
 * back after they are closed.
 * Lock order: the driver's lock or the mmap_lock, then that of the windows, then i_mmap_rwsem.
 */
#ifndef COHERENT_WINDOWS_H
#define COHERENT_WINDOWS_H

#include "place.h"
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/prctl.h>
#include <linux/refcount.h>
#include <linux/slab.h>

/*
 * The windows of one mem. @count: the mem, and each window. @lock guards @list and @is_open. @object
 * says where the memory is and how large. It holds no reference to its device. @first_page: the number
 * that the first page of the mem has in each VMA.
 */
struct coherent_windows {
	struct kref count;
	struct mutex lock;
	struct list_head list;
	struct coherent_object object;
	unsigned long first_page;
	bool is_open;
};

/*
 * @vmas: how many VMAs show this window. They hold the file, and so @space. @nobody: the page that
 * replaces those of the mem. Each window has its own, so that processes do not share one by it.
 */
struct coherent_window {
	struct list_head node;
	struct coherent_windows *windows;
	struct address_space *space;
	struct page *nobody;
	refcount_t vmas;
};

/* Linux 6.3 brought both. Before, drivers wrote to the member. */
#ifdef PR_SET_MDWE
#define coherent_vma_add_flags(vma, flags) vm_flags_set(vma, flags)
#else
#define coherent_vma_add_flags(vma, flags) ((vma)->vm_flags |= (flags))
#endif

static size_t coherent_windows_pages(const struct coherent_object *object)
{
	return PAGE_ALIGN(object->bytes) >> PAGE_SHIFT;
}

static void coherent_windows_release(struct kref *count)
{
	kfree(container_of(count, struct coherent_windows, count));
}

static void coherent_windows_put(struct coherent_windows *windows)
{
	if (windows)
		kref_put(&windows->count, coherent_windows_release);
}

/* --- One window --- */

static void coherent_window_free(struct coherent_window *window)
{
	__free_page(window->nobody);
	kfree(window);
}

static struct coherent_window *coherent_window_new(void)
{
	struct coherent_window *window = kzalloc(sizeof(*window), GFP_KERNEL_ACCOUNT);

	if (!window)
		return NULL;
	/* A fault after the end of the mem must not fail. */
	window->nobody = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!window->nobody) {
		kfree(window);
		return NULL;
	}
	refcount_set(&window->vmas, 1);
	return window;
}

static void coherent_window_open(struct vm_area_struct *vma)
{
	struct coherent_window *window = vma->vm_private_data;

	refcount_inc(&window->vmas);
}

static void coherent_window_close(struct vm_area_struct *vma)
{
	struct coherent_window *window = vma->vm_private_data;
	struct coherent_windows *windows = window->windows;

	if (!refcount_dec_and_test(&window->vmas))
		return;
	mutex_lock(&windows->lock);
	list_del(&window->node);
	mutex_unlock(&windows->lock);
	coherent_window_free(window);
	coherent_windows_put(windows);
}

/* The page of nobody is always cached, so it has the protection that the VMA had at first. */
static vm_fault_t coherent_window_insert(struct vm_fault *vmf)
{
	const struct coherent_window *window = vmf->vma->vm_private_data;
	const struct coherent_windows *windows = window->windows;
	struct page *page;

	if (!windows->is_open)
		return vmf_insert_pfn_prot(vmf->vma, vmf->address, page_to_pfn(window->nobody),
					   vm_get_page_prot(vmf->vma->vm_flags));
	page = coherent_place_page(&windows->object, (size_t)(vmf->pgoff - windows->first_page)
							     << PAGE_SHIFT);
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
}

static vm_fault_t coherent_window_fault(struct vm_fault *vmf)
{
	struct coherent_window *window = vmf->vma->vm_private_data;
	struct coherent_windows *windows = window->windows;
	vm_fault_t result;

	if (vmf->pgoff - windows->first_page >= coherent_windows_pages(&windows->object))
		return VM_FAULT_SIGBUS;
	mutex_lock(&windows->lock);
	result = coherent_window_insert(vmf);
	mutex_unlock(&windows->lock);
	return result;
}

static const struct vm_operations_struct coherent_window_operations = {
	.open = coherent_window_open,
	.close = coherent_window_close,
	.fault = coherent_window_fault,
};

/* --- All windows of a mem --- */

/* Whether a process maps the mem. No other process can begin to, because the mem is ending. */
static bool coherent_is_mapped(const struct coherent_object *object)
{
	return object->extra && object->extra->windows &&
	       kref_read(&object->extra->windows->count) > 1;
}

/* Takes the pages away from all processes. Sleeps if a process maps the mem. */
static void coherent_windows_end(struct coherent_windows *windows)
{
	const loff_t first = (loff_t)windows->first_page << PAGE_SHIFT;
	const loff_t bytes = (loff_t)coherent_windows_pages(&windows->object) << PAGE_SHIFT;
	const struct address_space *last = NULL;
	const struct coherent_window *window;

	mutex_lock(&windows->lock);
	windows->is_open = false;
	list_for_each_entry(window, &windows->list, node) {
		/* Most windows are of one file. A window of another module's mem just faults again. */
		if (window->space != last)
			unmap_mapping_range(window->space, first, bytes, 1);
		last = window->space;
	}
	mutex_unlock(&windows->lock);
}

/* From here on no process reaches the memory. Call this before the memory is given back. */
static void coherent_close_windows(struct coherent_object *object)
{
	if (coherent_is_mapped(object))
		coherent_windows_end(object->extra->windows);
	if (!object->extra)
		return;
	coherent_windows_put(object->extra->windows);
	object->extra->windows = NULL;
}

#endif
