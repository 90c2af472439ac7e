/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The contract of coherent.h in the Linux kernel, from 6.1 on. Accessors are static inlines.
 * The other functions are in kernel/coherent.c, which a driver lists in its Kbuild; they call
 * the DMA API. A struct coherent_device is a struct device that a driver is
 * bound to; a device is bound during probe() too.
 *
 * The .level of an allocation chooses one of two levels. A level up to COHERENT_HIDDEN gives
 * COHERENT_HIDDEN, and a higher one gives COHERENT_IOMMU. coherent_device_set_level() says what an
 * allocation without .level gets.
 *
 * COHERENT_HIDDEN, the default, uses dma_alloc_attrs(). The memory is mapped from the
 * start, and only its address is secret. coherent_reclaim() needs .idle, and the device
 * can still reach the memory. .permission = COHERENT_READ_ONLY returns -EOPNOTSUPP.
 *
 * COHERENT_IOMMU maps the pages at expose. Reclaim unmaps them and flushes the IOTLB: when
 * it returns, the device cannot reach the memory. The pages of an object of more than 32 KiB
 * may be separate: vmalloc() joins them for the CPU, and the IOMMU joins them for the device.
 * With GFP_ATOMIC they are in a row, so that such an object has at most some MiB. An allocation
 * returns -EOPNOTSUPP if the device's domain does not translate (passthrough), if the device is
 * not cache-coherent, or if its coherent DMA mask is narrower than its streaming mask.
 * coherent_expose() and coherent_lend() return it if the device would get bounce buffers.
 * Before Linux 6.16 the library knows the address only after the mapping. So .seal runs
 * when the device can already reach the memory, but nobody knows the address yet. After
 * a reclaim the next mapping may get the address. From 6.16 on a box keeps its address
 * from its allocation to its end, also across a reclaim.
 *
 * A pool (coherent/pool.h) has .level too. Its pages have this level. A box of a pool is private memory
 * at both levels, and expose copies it. So a device behind an IOMMU that translates cannot reach it.
 *
 * The driver must free its objects and destroy its pools before its remove() returns. Instead it can
 * allocate objects that are not of a pool with .managed, or give them to coherent_manage(). If an
 * object is freed later, while no driver is bound, it is leaked with a warning: the DMA API may no
 * longer know how the memory was mapped. So are the pages of a pool.
 *
 * A call on memory that returns -EINVAL, -EBUSY or -EOPNOTSUPP logs why, at a limited rate.
 * Accessors and views do not.
 *
 * A poll and a wait for an interrupt with a timeout of U64_MAX return -EINTR when their task
 * is killed. So a process that waits for a dead device can be ended. The device may still be
 * busy then. A task that is killed does not end a wait with another timeout. So remove() can
 * stop the device also if the user killed rmmod.
 *
 * Calls that may sleep do not sleep with .gfp = GFP_ATOMIC. An object that was allocated with it
 * may be freed in atomic context. At COHERENT_IOMMU the device loses access at once. A work item
 * gives some memory back soon after, before the driver is unbound: memory of COHERENT_HIDDEN,
 * separate pages, and memory that a process maps (coherent/mmap.h). A coherent_reclaim() of a mem
 * that a process maps returns -EBUSY in atomic context. A devres action that was added before the
 * first allocation of its module runs too late for that: what it frees in atomic context is leaked
 * with a report. If a module has not allocated for a device before its remove(), GFP_ATOMIC returns
 * -ENODEV there.
 * An object that was allocated without GFP_ATOMIC must not be freed under a spinlock alone, or
 * between rcu_read_lock() and rcu_read_unlock(), because the library cannot detect either in a
 * kernel that does not count preemption.
 * In an interrupt, or with interrupts or softirqs off, its free needs a little memory. If
 * there is none, the object is leaked with a report.
 *
 * A .gfp with a zone or with __GFP_COMP returns -EINVAL; the zone follows from the mask.
 */
#ifndef COHERENT_KERNEL_H
#define COHERENT_KERNEL_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <linux/compiler.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/types.h>

/* --- Devices --- */

static inline bool coherent_is_bound(const struct device *dev)
{
	return dev && READ_ONCE(dev->driver);
}

/**
 * coherent_device_level() - Return the highest level at which a device gets memory.
 * @dev: The device.
 *
 * If the coherent DMA mask of the device is narrower than its streaming mask, this is
 * COHERENT_HIDDEN, and the log says so the first time. The kernel maps pages under the streaming
 * mask, and has no call that maps them under another one.
 *
 * Context: any.
 * Return: the level; 0 if @dev is NULL or not bound.
 */
enum coherent_level coherent_device_level(struct device *dev);

/**
 * coherent_device_set_level() - Choose the level of allocations that give none.
 * @dev: The device.
 * @level: The level, for instance coherent_device_level(@dev).
 *
 * From now on an allocation of this module for @dev without .level gets @level, until the driver
 * is unbound. .level = COHERENT_HIDDEN still gives COHERENT_HIDDEN. Set the masks of the device
 * first. If COHERENT_IOMMU is not available any more when the driver allocates, the allocation
 * returns -EOPNOTSUPP.
 *
 * Devres has the level, from the first allocation or setting of this module for @dev on. If a
 * devres group was open then, devres_release_group() ends the level too.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@level), -EOPNOTSUPP (the device has no COHERENT_IOMMU; the log says why),
 * -ENOMEM, -ENODEV (also if the driver is being unbound). The level stays as it was on failure.
 */
int __must_check coherent_device_set_level(struct device *dev, enum coherent_level level);
#define coherent_device_set_level(dev, level) \
	COHERENT_RESULT(, coherent_device_set_level(dev, level))

/**
 * coherent_device_set_mask() - Tell the library which addresses the device can use.
 * @dev: The device.
 * @mask: A mask from coherent_mask().
 *
 * Call this before anything is allocated. In the kernel the library does not check that.
 *
 * The mask holds for both kinds of memory: boxes, mems and handles on one side, and adopted memory
 * that is lent on the other. If the device can use other addresses for data than for its rings,
 * call coherent_device_set_coherent_mask() and coherent_device_set_streaming_mask().
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@mask is 0 or not a mask of the lowest bits), -EIO (no memory is
 * under @mask), -ENODEV.
 */
int __must_check coherent_device_set_mask(struct device *dev, u64 mask);
#define coherent_device_set_mask(dev, mask) COHERENT_RESULT(, coherent_device_set_mask(dev, mask))

/**
 * coherent_device_set_coherent_mask() - Say which addresses boxes, mems and handles may have.
 * @dev: The device.
 * @mask: A mask from coherent_mask().
 *
 * This is the coherent DMA mask. The rest is as for coherent_device_set_mask(). A mask that is
 * narrower than the streaming one makes COHERENT_IOMMU unavailable, see coherent_device_level().
 *
 * Context: may sleep.
 * Return: as coherent_device_set_mask().
 */
int __must_check coherent_device_set_coherent_mask(struct device *dev, u64 mask);
#define coherent_device_set_coherent_mask(dev, mask) \
	COHERENT_RESULT(, coherent_device_set_coherent_mask(dev, mask))

/**
 * coherent_device_set_streaming_mask() - Say which addresses adopted memory may have while it is lent.
 * @dev: The device.
 * @mask: A mask from coherent_mask().
 *
 * This is the streaming DMA mask. The rest is as for coherent_device_set_mask(). At COHERENT_IOMMU
 * no address of a box, a mem or a handle is above it either.
 *
 * Context: may sleep.
 * Return: as coherent_device_set_mask().
 */
int __must_check coherent_device_set_streaming_mask(struct device *dev, u64 mask);
#define coherent_device_set_streaming_mask(dev, mask) \
	COHERENT_RESULT(, coherent_device_set_streaming_mask(dev, mask))

/**
 * coherent_device_set_max_segment() - Say how many bytes the device can transfer in one segment.
 * @dev: The device.
 * @bytes: The most bytes of a segment, 1 to U32_MAX.
 *
 * A loan is one segment. Until the driver is unbound, coherent_lend() of this module returns
 * -EINVAL for a larger box. Without this call the library checks no limit: a bus sets one for all
 * its devices, and some drivers lend more because their devices can do more. The DMA API gets the
 * number too (dma_set_max_seg_size()), for scatter-gather lists. A devres group can end the limit
 * earlier, as with coherent_device_set_level().
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@bytes is 0 or too large), -EIO (the bus of @dev keeps no such number),
 * -ENOMEM, -ENODEV (also if the driver is being unbound).
 */
int __must_check coherent_device_set_max_segment(struct device *dev, u64 bytes);
#define coherent_device_set_max_segment(dev, bytes) \
	COHERENT_RESULT(, coherent_device_set_max_segment(dev, bytes))

/* --- Objects that devres frees --- */

int __must_check coherent_base_manage(struct coherent_object *object, size_t count);

/**
 * coherent_manage() - Let devres free a mem with its device.
 * @mem: The mem.
 *
 * If the driver does not free the mem, devres frees it after the driver's remove(), or after
 * a probe() that failed. The object stays managed when it is reclaimed, exposed or moved, and
 * devres frees it whether it is a box or a mem then. Once devres has begun to free, do not use
 * the variable any more.
 *
 * .managed = true of an allocation or of coherent_box_adopt() does the same in one step. If it fails,
 * nothing stays allocated or adopted.
 *
 * If the driver of the device is of another module, the module that contains the library cannot
 * be unloaded until the driver is unbound. If the library is a module of its own, it does not
 * hold the caller's module. That module then frees its managed objects before it is unloaded,
 * because devres would call a .release that is gone.
 *
 * Context: may sleep.
 * Return: 0. With these errors @mem stays as it is: -EINVAL (@mem is empty), -EOPNOTSUPP (@mem is
 * of a pool), -ENODEV, -ENOMEM.
 */
#define coherent_manage(mem)                     \
	COHERENT_RESULT(COHERENT_NEEDS_MEM(mem), \
			coherent_base_manage(&(mem)->base.object, (mem)->base.count))

/**
 * coherent_box_manage() - Let devres free a box with its device.
 * @box: The box.
 *
 * The rest is as for coherent_manage().
 *
 * Context: may sleep.
 * Return: as coherent_manage().
 */
#define coherent_box_manage(box)                 \
	COHERENT_RESULT(COHERENT_NEEDS_BOX(box), \
			coherent_base_manage(&(box)->base.object, (box)->base.count))

/**
 * coherent_handle_manage() - Let devres free a handle with its device.
 * @handle: The handle.
 *
 * The rest is as for coherent_manage().
 *
 * Context: may sleep.
 * Return: as coherent_manage().
 */
static inline int __must_check coherent_handle_manage(struct coherent_handle *handle)
{
	return coherent_base_manage(&handle->base.object, handle->base.count);
}
#define coherent_handle_manage(handle) COHERENT_RESULT(, coherent_handle_manage(handle))

/* --- Memory of the driver --- */

/**
 * struct coherent_adopt_options - Options of coherent_box_adopt().
 * @struct_size: Do not set this.
 * @reserved: Do not set this.
 * @count: The number of elements, at least 1.
 * @options_have_names: Do not set this.
 * @release: A callback that gets the memory back when it is unmapped; NULL for none. If
 *	coherent_loan_level() is below COHERENT_IOMMU, the driver has stopped the device by then.
 * @release_arg: The last argument of @release.
 * @gfp: How to allocate the record; 0 for GFP_KERNEL.
 * @managed: As if coherent_box_manage() followed.
 */
struct coherent_adopt_options {
	u32 struct_size;
	u32 reserved;
	size_t count;
	const struct coherent_options_have_names *options_have_names;
	void (*release)(void *memory, void *release_arg);
	void *release_arg;
	gfp_t gfp;
	bool managed;
};

int __must_check coherent_base_box_adopt(struct coherent_box *box, struct device *dev, void *memory,
					 size_t size, const struct coherent_adopt_options *options,
					 const char *site);

/**
 * coherent_box_adopt() - Make a box of memory that the driver has.
 * @box: The new box. It must be empty, and is empty on failure.
 * @dev: The device that the box will be lent to.
 * @memory: A T * to memory from kmalloc(), or to pages of the linear map. Its contents stay.
 * @...: The count of elements, then options of struct coherent_adopt_options by name: .release,
 *	.release_arg, .gfp, .managed.
 *
 * The box is for coherent_lend(); coherent_expose() returns -EOPNOTSUPP. The driver must not use
 * @memory while it is lent. coherent_box_free() and coherent_loan_free() give the memory back:
 *
 *	void release(void *memory, void *release_arg);
 *
 * This callback runs once, in the context of the call that ends the object. If devres frees a
 * managed object, the callback runs there. If a lent object is freed after its
 * device was unbound, the library does not know whether the device reaches the memory. It makes
 * a report, and the callback does not run.
 *
 * The device can reach the rest of the first and of the last page, or of the cache lines, as
 * with dma_map_single(). The library does not look for memory that is adopted twice.
 *
 * For instance:
 *
 *	err = coherent_box_adopt(&box, dev, skb->data, skb->len, .release = put, .release_arg = skb);
 *
 * Context: may sleep, unless .gfp is GFP_ATOMIC.
 * Return: 0; -EINVAL (@memory is NULL, on the stack, from vmalloc() or of a module, or ends outside
 * the linear map, the count is 0, or .gfp has a zone or __GFP_COMP), -ENOMEM (also if the size
 * overflows), -EBUSY (@box is not empty), -ENODEV, -EIO (@dev has no mask).
 */
#define coherent_box_adopt(box, dev, memory, ...)                                               \
	COHERENT_RESULT(COHERENT_NEEDS_BOX(box)                                                 \
				COHERENT_NEEDS_SAME(*(memory), COHERENT_T(box),                 \
						    "the memory has another element type"),     \
			coherent_base_box_adopt(                                                \
				&(box)->base, (dev), (memory), sizeof(COHERENT_T(box)),         \
				COHERENT_OPTIONS(coherent_adopt_options, .count = __VA_ARGS__), \
				COHERENT_HERE))

/* --- Calls with few options --- */

/*
 * gcc knows that a member of a struct is zero only after it is in a variable.
 * Most calls have no option, or only a level and a permission. These have few arguments, so that
 * the caller needs no struct. The compiler chooses, because it knows which options are zero.
 *
 * level_and_permission: the level, and above its 32 bits the permission.
 */
#define COHERENT_IS_ZERO(x) (__builtin_constant_p(x) && !(x))

int __must_check coherent_few_box_zeroed(struct coherent_box *box, struct device *dev, size_t size,
					 size_t count, enum coherent_level level, const char *site);
int __must_check coherent_all_box_zeroed(struct coherent_box *box, struct device *dev, size_t size,
					 const struct coherent_box_options *options,
					 const char *site);
int __must_check coherent_few_zeroed(struct coherent_mem *mem, struct device *dev, size_t size,
				     size_t count, u64 level_and_permission, const char *site);
int __must_check coherent_all_zeroed(struct coherent_mem *mem, struct device *dev, size_t size,
				     const struct coherent_mem_options *options, const char *site);
int __must_check coherent_few_expose(struct coherent_box *box, struct coherent_mem *mem,
				     enum coherent_permission permission);
int __must_check coherent_all_expose(struct coherent_box *box,
				     const struct coherent_expose_options *options);
int __must_check coherent_few_reclaim(struct coherent_mem *mem, struct coherent_box *box,
				      bool idle);

static __always_inline int coherent_base_box_zeroed(struct coherent_box *box, struct device *dev,
						    size_t size,
						    const struct coherent_box_options *options,
						    const char *site)
{
	const u64 others = options->attrs | options->align | options->boundary |
			   (COHERENT_FORCE u32)options->gfp | options->managed;

	if (COHERENT_IS_ZERO(others))
		return coherent_few_box_zeroed(box, dev, size, options->count, options->level,
					       site);
	return coherent_all_box_zeroed(box, dev, size, options, site);
}

static __always_inline int coherent_base_zeroed(struct coherent_mem *mem, struct device *dev,
						size_t size,
						const struct coherent_mem_options *options,
						const char *site)
{
	const u64 others = options->attrs | options->align | options->boundary |
			   (COHERENT_FORCE u32)options->gfp | (unsigned long)options->seal |
			   options->managed;

	if (COHERENT_IS_ZERO(others))
		return coherent_few_zeroed(mem, dev, size, options->count,
					   (u32)options->level | (u64)options->permission << 32,
					   site);
	return coherent_all_zeroed(mem, dev, size, options, site);
}

static __always_inline int coherent_base_expose(struct coherent_box *box,
						const struct coherent_expose_options *options)
{
	const unsigned long others = (unsigned long)options->seal;

	if (COHERENT_IS_ZERO(others))
		return coherent_few_expose(box, options->mem, options->permission);
	return coherent_all_expose(box, options);
}

static __always_inline int coherent_base_reclaim(struct coherent_mem *mem,
						 const struct coherent_reclaim_options *options)
{
	return coherent_few_reclaim(mem, options->box, options->idle);
}

/* --- Views --- */

static inline int coherent_base_refuse_view(const struct coherent_mem *mem)
{
	return -EINVAL;
}

static inline int coherent_base_refuse_ring(const struct coherent_mem *mem)
{
	return -EINVAL;
}

#endif
