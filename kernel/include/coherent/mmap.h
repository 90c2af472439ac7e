/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The memory of a mem in the address space of a process, in the kernel only. When the mem ends, the
 * process loses the memory and goes on with a page that belongs to nobody.
 */
#ifndef COHERENT_MMAP_H
#define COHERENT_MMAP_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <linux/mm_types.h>

int __must_check coherent_base_mmap(struct coherent_mem *mem, struct vm_area_struct *vma);

/**
 * coherent_mmap() - Map a mem to a process.
 * @mem: A mem that coherent_zeroed() or coherent_expose() made.
 * @vma: The argument of the driver's mmap(). Its offset counts from the first page of @mem.
 *
 * The driver's mmap() in struct file_operations calls this as its last step that can fail:
 *
 *	static int nic_mmap(struct file *file, struct vm_area_struct *vma)
 *	{
 *		struct nic *nic = file->private_data;
 *		int err = -ENODEV;
 *
 *		mutex_lock(&nic->lock);
 *		if (!coherent_is_empty(&nic->mem))
 *			err = coherent_mmap(&nic->mem, vma);
 *		mutex_unlock(&nic->lock);
 *		return err;
 *	}
 *
 * The process sees whole pages: the elements, and zeros up to the end of the last page. It
 * accesses them at the same time as the CPU and the device, without the accessors.
 *
 * The lifetime is that of @mem. coherent_free(), coherent_reclaim(), the end of a scope and
 * devres take the pages away from all processes before the memory belongs to anybody else.
 * Nothing happens to a process: from then on each page of its mapping is one page that belongs
 * to nobody. This page has zeros until the process itself writes to it. coherent_move() changes
 * nothing. If the driver exposes a reclaimed box again, a process reaches it by another mmap().
 *
 * While this call runs, @mem must not end, move or be given to coherent_manage(). The driver
 * holds a lock of its own, as in the example. The driver may hold this lock when it ends @mem,
 * but not the mmap_lock. Several threads may call this for one mem at the same time.
 *
 * If coherent_free() cannot sleep, the processes keep the pages until a work item takes them
 * away, soon after. The memory goes to nobody before that. coherent_reclaim() returns -EBUSY in
 * atomic context while a process maps @mem. In a kernel that does not count preemption it cannot
 * see a spinlock or rcu_read_lock(): do not call it there.
 *
 * The file can be open after the driver was unbound. Its operations need .owner = THIS_MODULE.
 * A driver that wants a mapping only for reading refuses VM_WRITE, and clears VM_MAYWRITE before
 * this call, so that mprotect() cannot add it. The call changes the offset of @vma, so that the end
 * of @mem takes nothing else of the file away. The driver must not change the offset or the
 * operations of @vma afterwards.
 *
 * Context: may sleep. The caller holds the mmap_lock, as each mmap() does.
 * Return: 0; -EINVAL (@mem is empty, or the mapping is private and writable: the process needs
 * MAP_SHARED), -ERANGE (the mapping goes past the last page of @mem), -EBUSY (@vma has a mem
 * already), -ENODEV, -EOPNOTSUPP (@mem is of a pool; at COHERENT_HIDDEN: the machine encrypts
 * memory, or cannot map memory of this device to a process), -ENOMEM.
 */
#define coherent_mmap(mem, vma) \
	COHERENT_RESULT(COHERENT_NEEDS_MEM(mem), coherent_base_mmap(&(mem)->base, (vma)))

#endif
