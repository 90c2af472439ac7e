/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Loans in the kernel, and the memory of a driver that can become one. The library maps adopted
 * memory with dma_map_page_attrs(), as dma_map_single() does. It maps memory of COHERENT_IOMMU as
 * an expose does, for the direction of the loan. Memory of COHERENT_HIDDEN is always mapped, so
 * only the order of accesses matters.
 */
#ifndef COHERENT_KERNEL_LOAN_H
#define COHERENT_KERNEL_LOAN_H

#include <coherent/loan.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/task_stack.h>

#include "allocate.h"
#include "device.h"
#include "end.h"
#include "map.h"
#include "place.h"
#include "translate.h"

static const char coherent_loan_in_use[] = "the loan is not empty, or was never initialised";

/* --- Memory of the driver --- */

/* Returns what keeps a device from memory after dma_unmap_page(). */
static enum coherent_level coherent_unmapped_level(struct device *dev)
{
	return coherent_translation_of(dev) == COHERENT_TRANSLATION_STRICT ? COHERENT_IOMMU :
									     COHERENT_HIDDEN;
}

/* The driver or the user may have changed the domain since the memory was adopted. */
static void coherent_place_adopt(struct coherent_object *object)
{
	object->extra->domain = coherent_translation_domain(object->dev);
	object->level = coherent_unmapped_level(object->dev) | COHERENT_ADOPTED;
}

static const char coherent_not_linear[] =
	"the memory is not in the linear map; use kmalloc() or whole pages";

static bool coherent_is_linear(const void *va)
{
	return !is_vmalloc_addr(va) && virt_addr_valid(va);
}

/* Whether memory ends in the linear map. A wrong count can go past it, or past the last address. */
static bool coherent_ends_linear(const void *memory, size_t bytes)
{
	unsigned long last;

	return bytes && !check_add_overflow((unsigned long)memory, bytes - 1, &last) &&
	       coherent_is_linear((const void *)last);
}

/* Returns why the DMA API cannot map memory; NULL if it can. */
static const char *coherent_why_not_adopted(void *memory, size_t count)
{
	if (!memory || !count)
		return "the memory is NULL or the count of elements is 0";
	/* A stack may be in the linear map. */
	if (object_is_on_stack(memory))
		return "the memory is on the stack; use kmalloc() or whole pages";
	return coherent_is_linear(memory) ? NULL : coherent_not_linear;
}

static int coherent_adopt(struct coherent_object *object, struct device *dev, void *memory,
			  size_t bytes, const struct coherent_adopt_options *options,
			  const char *site)
{
	const gfp_t gfp = options->gfp ? options->gfp : GFP_KERNEL;
	struct coherent_extra *extra = kzalloc(sizeof(*extra), gfp);
	int err = 0;

	if (!extra)
		return -ENOMEM;
	extra->release = options->release;
	extra->release_arg = options->release_arg;
	*object = (struct coherent_object){
		.va = (char COHERENT_SHARED COHERENT_FORCE *)memory,
		.dev = get_device(dev),
		.site = site,
		.bytes = bytes,
		.extra = extra,
	};
	coherent_place_adopt(object);
	if (options->managed)
		err = coherent_object_manage(object, gfp);
	if (!err)
		return 0;
	/* The memory was never the library's, so that its release does not run. */
	kfree(extra);
	put_device(dev);
	return err;
}

int __weak coherent_base_box_adopt(struct coherent_box *box, struct device *dev, void *memory,
				   size_t size, const struct coherent_adopt_options *options,
				   const char *site)
{
	const char *why = coherent_why_not_adopted(memory, options->count);
	size_t bytes;
	int err;

	if (!why && !coherent_gfp_is_valid(options->gfp))
		why = coherent_zone_in_gfp;
	if (why)
		return coherent_refuse(-EINVAL, site, why);
	if (check_mul_overflow(options->count, size, &bytes))
		return -ENOMEM;
	if (!coherent_ends_linear(memory, bytes))
		return coherent_refuse(-EINVAL, site, coherent_not_linear);
	if (!coherent_box_is_empty(box))
		return coherent_refuse(-EBUSY, site, coherent_box_in_use);
	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (!dev->dma_mask || !*dev->dma_mask)
		return coherent_refuse(-EIO, site, "the device has no DMA mask");
	err = coherent_adopt(&box->object, dev, memory, bytes, options, site);
	if (err)
		return err;
	box->va = memory;
	box->count = options->count;
	return 0;
}

/* --- Lend --- */

/* Whether a loan has at most the bytes that the driver set. The limit of the bus does not count. */
static bool coherent_fits_segment(const struct device *dev, size_t bytes)
{
	const struct coherent_queue *queue;
	unsigned long flags;
	bool fits;

	if (!READ_ONCE(coherent_unit.has_segments))
		return true;
	spin_lock_irqsave(&coherent_unit.lock, flags);
	queue = coherent_queue_find(dev);
	fits = !queue || !queue->max_segment || bytes <= queue->max_segment;
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
	return fits;
}

static int coherent_lend_adopted(struct coherent_object *object)
{
	void *va = coherent_place_va(object);
	dma_addr_t address;

	if (!coherent_translation_can_map(object->dev, virt_to_phys(va), object->bytes))
		return coherent_refuse(
			-ENOSPC, object->site,
			"the device cannot address the memory, or no bounce buffer is so large; "
			"use GFP_DMA or GFP_DMA32, or less memory");
	address = dma_map_page_attrs(object->dev, virt_to_page(va), offset_in_page(va),
				     object->bytes, object->direction, 0);
	if (dma_mapping_error(object->dev, address))
		return -ENOSPC;
	object->address = address;
	object->mapped = true;
	return 0;
}

/* The device gets the slot. The loan keeps the private memory, for coherent_take() and visits. */
static int coherent_lend_slot(struct coherent_object *object, enum coherent_direction direction)
{
	/* The end of the box says what is wrong. */
	if (!coherent_pooled_is_live(object))
		return -EINVAL;
	if (direction != COHERENT_TO_DEVICE &&
	    object->slot->chunk->permission == COHERENT_READ_ONLY)
		return coherent_refuse(
			-EINVAL, object->site,
			"the pool is read-only, so the device cannot write to the loan");
	coherent_pooled_share(object);
	return 0;
}

static int coherent_lend_object(struct coherent_object *object, enum coherent_direction direction)
{
	static const u8 directions[] = {
		[COHERENT_TO_DEVICE] = DMA_TO_DEVICE,
		[COHERENT_FROM_DEVICE] = DMA_FROM_DEVICE,
		[COHERENT_BOTH_WAYS] = DMA_BIDIRECTIONAL,
	};

	if (coherent_is_bound(object->dev) && coherent_is_adopted(object))
		coherent_place_adopt(object);
	if (!coherent_is_usable(object))
		return -ENODEV;
	if (coherent_is_pooled(object))
		return coherent_lend_slot(object, direction);
	object->direction = directions[direction];
	/* ORDER: pairs with the device's first access (expose.litmus). */
	dma_wmb();
	if (coherent_is_adopted(object))
		return coherent_lend_adopted(object);
	return object->level == COHERENT_IOMMU ? coherent_map_pages(object) : 0;
}

int __weak coherent_base_lend(struct coherent_box *box, struct coherent_loan *loan, size_t size,
			      enum coherent_direction direction)
{
	int err;

	if (coherent_box_is_empty(box))
		return coherent_refuse(-EINVAL, NULL, "an empty box cannot be lent");
	if (direction < COHERENT_TO_DEVICE || direction > COHERENT_BOTH_WAYS)
		err = coherent_refuse(-EINVAL, box->object.site,
				      "the direction is not an enum coherent_direction");
	else if (!coherent_fits_segment(box->object.dev, box->object.bytes))
		err = coherent_refuse(-EINVAL, box->object.site,
				      "the box is larger than coherent_device_set_max_segment()");
	else if (!coherent_loan_is_empty(loan))
		err = coherent_refuse(-EBUSY, box->object.site, coherent_loan_in_use);
	else
		err = coherent_lend_object(&box->object, direction);
	if (err) {
		coherent_base_box_free(box);
		return err;
	}
	loan->va = box->va;
	loan->count = box->count;
	loan->inverted_address = ~(u64)box->object.address;
	loan->object = box->object;
	loan->direction = direction;
	coherent_managed_update(&loan->object);
	coherent_box_clear(box);
	return 0;
}

/* --- Take --- */

static void coherent_loan_clear(struct coherent_loan *loan)
{
	loan->va = NULL;
	loan->count = 0;
	loan->inverted_address = 0;
}

static int coherent_take_slot(struct coherent_loan *loan, struct coherent_box *box, bool idle)
{
	int err = coherent_pooled_may_return(&loan->object, idle);

	if (err)
		return err;
	if (loan->direction != COHERENT_TO_DEVICE)
		coherent_pooled_fetch(&loan->object);
	coherent_pooled_take_back(&loan->object);
	box->va = loan->va;
	box->count = loan->count;
	box->object = loan->object;
	coherent_loan_clear(loan);
	return 0;
}

int __weak coherent_base_take(struct coherent_loan *loan,
			      const struct coherent_reclaim_options *options)
{
	struct coherent_object *object = &loan->object;
	struct coherent_box *box = options->box;

	if (coherent_loan_is_empty(loan))
		return coherent_refuse(-EINVAL, NULL, "an empty loan cannot be taken back");
	if (!coherent_box_is_empty(box))
		return coherent_refuse(-EBUSY, object->site, coherent_box_in_use);
	if (!coherent_is_usable(object))
		return -ENODEV;
	if (coherent_is_pooled(object))
		return coherent_take_slot(loan, box, options->idle);
	/* A user can make a domain lazy while the memory is lent. */
	if (coherent_is_adopted(object))
		coherent_place_adopt(object);
	if (coherent_level_of(object) == COHERENT_HIDDEN && !options->idle)
		return coherent_refuse(-EBUSY, object->site,
				       "a take at COHERENT_HIDDEN needs .idle = true");
	coherent_object_unmap(object);
	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	dma_rmb();
	box->va = loan->va;
	box->count = loan->count;
	box->object = *object;
	coherent_managed_update(&box->object);
	coherent_loan_clear(loan);
	return 0;
}

/* --- Between two transfers --- */

int __weak coherent_base_loan_begin(struct coherent_loan *loan, void **elements)
{
	struct coherent_object *object = &loan->object;

	*elements = NULL;
	if (coherent_loan_is_empty(loan))
		return coherent_refuse(-EINVAL, NULL, "an empty loan has no memory");
	if (coherent_is_pooled(object) && !coherent_pooled_is_live(object))
		return coherent_refuse(-EINVAL, object->site,
				       "a copy of a loan of a pool is used after its end");
	if (!coherent_is_usable(object))
		return -ENODEV;
	if (coherent_is_pooled(object) && loan->direction != COHERENT_TO_DEVICE)
		coherent_pooled_fetch(object);
	if (coherent_is_adopted(object))
		dma_sync_single_for_cpu(object->dev, object->address, object->bytes,
					object->direction);
	/* ORDER: pairs with the device's last write (reclaim.litmus). */
	dma_rmb();
	*elements = loan->va;
	return 0;
}

int __weak coherent_base_loan_end(struct coherent_loan *loan, int result)
{
	struct coherent_object *object = &loan->object;

	/* The function has ended the loan, which its contract forbids. */
	if (coherent_loan_is_empty(loan))
		return result < 0 ? result :
				    coherent_refuse(-EINVAL, object->site,
						    "the function of the visit has ended the loan");
	if (coherent_is_pooled(object) && loan->direction != COHERENT_FROM_DEVICE)
		coherent_pooled_share(object);
	/* ORDER: pairs with the device's first access (expose.litmus). */
	dma_wmb();
	if (coherent_is_adopted(object))
		dma_sync_single_for_device(object->dev, object->address, object->bytes,
					   object->direction);
	return coherent_result_of(result, object->site);
}

int __weak coherent_base_loan_level(const struct coherent_loan *loan)
{
	return coherent_loan_is_empty(loan) ? 0 : coherent_level_of(&loan->object);
}

/* --- Move --- */

void __weak coherent_base_loan_move(struct coherent_loan *from, struct coherent_loan *to)
{
	const char *site = coherent_loan_is_empty(from) ? NULL : from->object.site;

	if (!coherent_loan_is_empty(to)) {
		if (to != from)
			(void)coherent_refuse(-EBUSY, site, coherent_loan_in_use);
		return;
	}
	*to = *from;
	coherent_loan_clear(from);
}

/* --- Free --- */

void __weak coherent_base_loan_free(struct coherent_loan *loan)
{
	const bool is_empty = coherent_loan_is_empty(loan);

	coherent_loan_clear(loan);
	if (!is_empty)
		coherent_object_free(&loan->object);
}

void __weak coherent_base_loan_cleanup(void *loan)
{
	coherent_base_loan_free(loan);
}

#endif
