// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver whose mems a process maps. The program mmap_user.c says what happens to them. The file is
 * there as long as the module is, also while no device is bound.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include <coherent.h>
#include <coherent/mmap.h>

#include "mmap_calls.h"

struct page_bytes {
	u8 bytes[PAGE_SIZE];
};
COHERENT_TYPE(mmap_pages, struct page_bytes);
COHERENT_BOX_TYPE(mmap_box, struct page_bytes);

static unsigned int level;
module_param(level, uint, 0444);
MODULE_PARM_DESC(level, "enum coherent_level to test; 0 tests the level of the device");

/* @lock guards all of it. */
static struct {
	struct mutex lock;
	struct device *dev;
	phys_addr_t bar;
	bool is_managed;
	union mmap_pages a;
	union mmap_pages b;
	union mmap_box box;
	union mmap_pages next[64];
} driver = {
	.lock = __MUTEX_INITIALIZER(driver.lock),
};

static DEFINE_SPINLOCK(spinlock);

/* --- Calls --- */

static int fill(struct page_bytes *pages, size_t count, void *first)
{
	size_t i;

	for (i = 0; i < count; i++)
		memset(&pages[i], *(u8 *)first + i % 16, PAGE_SIZE);
	return 0;
}

static enum coherent_level wanted_level(void)
{
	return level ? level : coherent_device_level(driver.dev);
}

static int make(size_t pages, gfp_t gfp)
{
	u8 a = MMAP_A_BYTE, b = MMAP_B_BYTE;
	int err;

	coherent_free(&driver.a);
	coherent_free(&driver.b);
	coherent_box_free(&driver.box);
	driver.is_managed = false;
	err = coherent_init(&driver.a, driver.dev, pages, fill, &a, .level = wanted_level(),
			    .gfp = gfp);
	return err ? err :
		     coherent_init(&driver.b, driver.dev, MMAP_B_PAGES, fill, &b,
				   .level = wanted_level());
}

static int peek(size_t page)
{
	u8 byte;
	int err = coherent_read(&driver.a, page, .bytes[1], &byte);

	return err ? err : byte;
}

static int make_next(void)
{
	u8 byte = MMAP_NEXT_BYTE;
	int i, err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(driver.next); i++)
		err = coherent_init(&driver.next[i], driver.dev, 1, fill, &byte,
				    .level = wanted_level());
	return err;
}

static int next_is_kept(void)
{
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(driver.next); i++) {
		const void *page =
			(const void COHERENT_FORCE *)coherent_unsafe_ptr(&driver.next[i]);

		if (page && memchr_inv(page, MMAP_NEXT_BYTE, PAGE_SIZE))
			err = -EIO;
		coherent_free(&driver.next[i]);
	}
	return err;
}

/* While the pages of A are in a process, no allocation may get them. */
static int free_atomically(void)
{
	const void *page = (const void COHERENT_FORCE *)coherent_unsafe_ptr(&driver.a);
	const size_t pages = coherent_count(&driver.a);
	unsigned long flags;
	int err;

	spin_lock_irqsave(&spinlock, flags);
	coherent_free(&driver.a);
	err = coherent_zeroed(&driver.a, driver.dev, pages, .gfp = GFP_ATOMIC,
			      .level = wanted_level());
	if (!err && page == (const void COHERENT_FORCE *)coherent_unsafe_ptr(&driver.a))
		err = -EIO;
	spin_unlock_irqrestore(&spinlock, flags);
	coherent_free(&driver.a);
	return err;
}

static int reclaim_atomically(void)
{
	unsigned long flags;
	int err;

	spin_lock_irqsave(&spinlock, flags);
	err = coherent_reclaim(&driver.a, &driver.box, .idle = true);
	spin_unlock_irqrestore(&spinlock, flags);
	return err;
}

static int move_a(void)
{
	union mmap_pages other = COHERENT_EMPTY;

	coherent_move(&driver.a, &other);
	coherent_move(&other, &driver.a);
	return 0;
}

static int call(unsigned int which, unsigned long arg)
{
	switch (which) {
	case MMAP_NEW:
		return make(arg, GFP_KERNEL);
	case MMAP_NEW_ATOMIC:
		return make(arg, GFP_ATOMIC);
	case MMAP_PEEK:
		return peek(arg);
	case MMAP_POKE:
		return coherent_write(&driver.a, arg, .bytes[1], MMAP_POKED);
	case MMAP_FREE:
		coherent_free(&driver.a);
		return 0;
	case MMAP_FREE_ATOMIC:
		return free_atomically();
	case MMAP_RECLAIM:
		return coherent_reclaim(&driver.a, &driver.box, .idle = true);
	case MMAP_RECLAIM_ATOMIC:
		return reclaim_atomically();
	case MMAP_EXPOSE:
		return coherent_expose(&driver.box, &driver.a);
	case MMAP_MOVE:
		return move_a();
	case MMAP_MANAGE:
		driver.is_managed = true;
		return coherent_manage(&driver.a);
	case MMAP_NEXT:
		return make_next();
	case MMAP_IS_KEPT:
		return next_is_kept();
	default:
		return -ENOTTY;
	}
}

/* --- The file --- */

static long driver_ioctl(struct file *file, unsigned int which, unsigned long arg)
{
	int result;

	mutex_lock(&driver.lock);
	result = driver.dev ? call(which, arg) : -ENODEV;
	mutex_unlock(&driver.lock);
	return result;
}

static int map_bar(struct vm_area_struct *vma)
{
	vma->vm_pgoff -= MMAP_BAR;
	if (vma->vm_pgoff || vma_pages(vma) > 1)
		return -EINVAL;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	return io_remap_pfn_range(vma, vma->vm_start, driver.bar >> PAGE_SHIFT, PAGE_SIZE,
				  vma->vm_page_prot);
}

/* After the unbind A is empty or gone: devres frees it if it is managed. */
static int map(struct vm_area_struct *vma)
{
	if (!driver.dev)
		return -ENODEV;
	if (vma->vm_pgoff >= MMAP_BAR)
		return map_bar(vma);
	if (vma->vm_pgoff < MMAP_B)
		return coherent_mmap(&driver.a, vma);
	vma->vm_pgoff -= MMAP_B;
	return coherent_mmap(&driver.b, vma);
}

static int driver_mmap(struct file *file, struct vm_area_struct *vma)
{
	int err;

	mutex_lock(&driver.lock);
	err = map(vma);
	mutex_unlock(&driver.lock);
	return err;
}

static const struct file_operations driver_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = driver_ioctl,
	.mmap = driver_mmap,
};

static struct miscdevice driver_file = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &driver_operations,
};

/* --- The device --- */

static int driver_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	int err = pcim_enable_device(pci);

	if (!err)
		err = coherent_device_set_mask(&pci->dev, coherent_mask(28));
	if (err)
		return err;
	mutex_lock(&driver.lock);
	driver.dev = &pci->dev;
	driver.bar = pci_resource_start(pci, 0);
	mutex_unlock(&driver.lock);
	return 0;
}

/* If A is managed, devres frees it after this. */
static void driver_remove(struct pci_dev *pci)
{
	int i;

	mutex_lock(&driver.lock);
	driver.dev = NULL;
	if (driver.is_managed)
		memset(&driver.a, 0, sizeof(driver.a));
	coherent_free(&driver.a);
	coherent_free(&driver.b);
	coherent_box_free(&driver.box);
	for (i = 0; i < ARRAY_SIZE(driver.next); i++)
		coherent_free(&driver.next[i]);
	mutex_unlock(&driver.lock);
}

static const struct pci_device_id driver_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{},
};
MODULE_DEVICE_TABLE(pci, driver_ids);

static struct pci_driver pci_driver = {
	.name = KBUILD_MODNAME,
	.id_table = driver_ids,
	.probe = driver_probe,
	.remove = driver_remove,
};

static int __init mmap_pci_init(void)
{
	int err = pci_register_driver(&pci_driver);

	if (err)
		return err;
	err = misc_register(&driver_file);
	if (err)
		pci_unregister_driver(&pci_driver);
	return err;
}
module_init(mmap_pci_init);

static void __exit mmap_pci_exit(void)
{
	misc_deregister(&driver_file);
	pci_unregister_driver(&pci_driver);
}
module_exit(mmap_pci_exit);

MODULE_DESCRIPTION("mems of libcoherent in a process, on QEMU's edu device");
MODULE_LICENSE("Dual MIT/GPL");
