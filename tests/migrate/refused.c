// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * stage1 leaves each of these allocations as it is. A comment "left:" has a part of the reason
 * that it gives for the next line. The file is only read by migrate, never compiled.
 */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

struct desc {
	__le32 len;
};

struct part {
	struct desc *both;
	dma_addr_t both_address;
};

struct other {
	struct desc *both;
	dma_addr_t both_address;
};

struct not_clear {
	struct desc *dirty;
	dma_addr_t dirty_address;
};

struct object {
	struct desc *object;
	dma_addr_t object_address;
};

struct flexible {
	struct desc *flex;
	dma_addr_t flex_address;
	u8 bytes[];
};

struct managed {
	struct desc *managed;
	dma_addr_t managed_address;
};

struct large {
	struct desc *large;
	dma_addr_t large_address;
};

struct cached {
	struct desc *cached;
	dma_addr_t cached_address;
};

struct duplicate {
	struct desc *twice;
	dma_addr_t twice_address;
};

struct copied {
	struct desc *moved;
	dma_addr_t moved_address;
};

struct message {
	struct desc *text;
	dma_addr_t text_address;
};

struct message_queue {
	struct message messages[2];
};

struct taken {
	struct desc *name;
	dma_addr_t name_mem;
};

struct on_wire {
	u8 type;
	struct desc *packed;
} __packed;

struct nic {
	struct device *dev;
	struct on_wire wire;
	struct not_clear *not_clear;
	struct large *large;
	struct cached *cached;
	struct desc *kept, *aligned, *shared, *aliased, *given, *stepped, *frozen, *mapped, *listed;
	struct desc *renamed, *alias, *array[2];
	struct desc *swapped, *combined, *writes;
	struct desc **many;
	unsigned long number;
	union {
		struct desc *either;
		u64 bits;
	};
	dma_addr_t address;
};

static void resize(struct copied *to, struct copied *from, struct device *dev)
{
	/* left: copies the struct */
	to->moved = dma_alloc_coherent(dev, 64, &to->moved_address, GFP_KERNEL);
	dma_free_coherent(dev, 64, from->moved, from->moved_address);
	*from = *to;
}

static void send(struct device *dev)
{
	struct message message;

	/* left: the variable message in line N is not initialised */
	message.text = dma_alloc_coherent(dev, 64, &message.text_address, GFP_KERNEL);
	dma_free_coherent(dev, 64, message.text, message.text_address);
}

static void take(struct taken *taken, struct device *dev)
{
	/* left: the struct has a field name_mem */
	taken->name = dma_alloc_coherent(dev, 64, &taken->name_mem, GFP_KERNEL);
	dma_free_coherent(dev, 64, taken->name, taken->name_mem);
}

static void make(struct device *dev, struct nic *nic, struct kmem_cache *cache, size_t count)
{
	struct object *object = kmalloc_obj(*object);
	struct flexible *flexible = kmalloc(struct_size(flexible, bytes, count), GFP_KERNEL);
	struct managed *managed = devm_kmalloc(dev, sizeof(*managed), GFP_KERNEL);

	/* left: kmalloc_obj() in line N does not clear its struct */
	object->object = dma_alloc_coherent(dev, 64, &object->object_address, GFP_KERNEL);
	dma_free_coherent(dev, 64, object->object, object->object_address);
	/* left: kmalloc() in line N does not clear its struct */
	flexible->flex = dma_alloc_coherent(dev, 64, &flexible->flex_address, GFP_KERNEL);
	dma_free_coherent(dev, 64, flexible->flex, flexible->flex_address);
	/* left: devm_kmalloc() in line N does not clear its struct */
	managed->managed = dma_alloc_coherent(dev, 64, &managed->managed_address, GFP_KERNEL);
	dma_free_coherent(dev, 64, managed->managed, managed->managed_address);
	nic->large = vmalloc(sizeof(struct large));
	/* left: vmalloc() in line N does not clear its struct */
	nic->large->large = dma_alloc_coherent(dev, 64, &nic->large->large_address, GFP_KERNEL);
	dma_free_coherent(dev, 64, nic->large->large, nic->large->large_address);
	nic->cached = kmem_cache_alloc(cache, GFP_KERNEL);
	/* left: kmem_cache_alloc() in line N does not clear its struct */
	nic->cached->cached = dma_alloc_coherent(dev, 64, &nic->cached->cached_address, GFP_KERNEL);
	dma_free_coherent(dev, 64, nic->cached->cached, nic->cached->cached_address);
}

static struct duplicate *duplicate(struct device *dev, const struct duplicate *other)
{
	struct duplicate *new = kmemdup(other, sizeof(*other), GFP_KERNEL);

	/* left: copies the struct */
	new->twice = dma_alloc_coherent(dev, 64, &new->twice_address, GFP_KERNEL);
	dma_free_coherent(dev, 64, new->twice, new->twice_address);
	return new;
}

static void *returned(struct nic *nic)
{
	/* left: its result is not assigned */
	return dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
}

static int allocate(struct nic *nic, void *part, int i)
{
	struct desc *local;

	/* left: it goes into a variable */
	local = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: nothing frees it */
	nic->kept = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: assigns the pointer too */
	nic->aligned = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	nic->aligned = PTR_ALIGN(nic->aligned, 64);
	/* left: passes the address of the pointer */
	nic->shared = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	share(&nic->shared);
	/* left: frees it through a local variable */
	nic->aliased = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: an element of an array outside of the struct */
	nic->given[i] = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: the field points to pointers */
	nic->many[i] = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: the field is not a pointer */
	nic->number = (unsigned long)dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: shares its bytes with others in a union */
	nic->either = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: its struct is packed */
	nic->wire.packed = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	nic->not_clear = kmalloc(sizeof(struct not_clear), GFP_KERNEL);
	/* left: does not clear its struct: use kzalloc() */
	nic->not_clear->dirty = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: 2 structs have a field both */
	to(part)->both = dma_alloc_coherent(nic->dev, 64, &to(part)->both_address, GFP_KERNEL);
	/* left: no struct here has a field absent */
	nic->absent = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: it does not go into a field */
	*nic->many = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: the place has a side effect */
	nic[i++].stepped = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: the struct is const */
	nic->frozen = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: gives the pointer to dma_mmap_coherent(), which knows only memory of the DMA API */
	nic->mapped = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: gives the pointer to dma_get_sgtable(), which knows only memory of the DMA API */
	nic->listed = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: frees it through the field alias */
	nic->renamed = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	nic->alias = (void *)nic->renamed;
	/* left: the place is an element of an array outside of the struct */
	nic->array[i] = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: swaps the pointer */
	nic->swapped = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	swap(part->swapped, nic->swapped);
	/* left: assigns the pointer too */
	nic->combined = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	nic->combined = dma_alloc_wc(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: frees the pointer with dma_free_wc(), which knows only memory of the DMA API */
	nic->writes = dma_alloc_attrs(nic->dev, 64, &nic->address, GFP_KERNEL, 0);
	return local ? 0 : -ENOMEM;
}

static int share_pages(struct nic *nic, struct vm_area_struct *vma, struct sg_table *sg)
{
	void *local = nic->listed;

	dma_get_sgtable(nic->dev, sg, local, nic->address, 64);
	return dma_mmap_coherent(nic->dev, vma, (void *)nic->mapped, nic->address, 64);
}

static void release(struct nic *nic, int i)
{
	struct desc *local = nic->aliased;

	dma_free_coherent(nic->dev, 64, nic->aligned, nic->address);
	dma_free_coherent(nic->dev, 64, nic->shared, nic->address);
	dma_free_coherent(nic->dev, 64, nic->given[i], nic->address);
	dma_free_coherent(nic->dev, 64, nic->many[i], nic->address);
	dma_free_coherent(nic->dev, 64, nic->either, nic->address);
	dma_free_coherent(nic->dev, 64, nic->wire.packed, nic->address);
	dma_free_coherent(nic->dev, 64, nic->not_clear->dirty, nic->address);
	dma_free_coherent(nic->dev, 64, nic->absent, nic->address);
	dma_free_coherent(nic->dev, 64, (void *)nic->number, nic->address);
	dma_free_coherent(nic->dev, 64, nic->stepped, nic->address);
	dma_free_coherent(nic->dev, 64, to(nic)->both, nic->address);
	dma_free_coherent(nic->dev, 64, nic->aliased, nic->address);
	dma_free_coherent(nic->dev, 64, nic->mapped, nic->address);
	dma_free_coherent(nic->dev, 64, nic->listed, nic->address);
	dma_free_coherent(nic->dev, 64, nic->renamed, nic->address);
	dma_free_coherent(nic->dev, 64, nic->alias, nic->address);
	dma_free_coherent(nic->dev, 64, &nic->array[0], nic->address);
	dma_free_coherent(nic->dev, 64, nic->swapped, nic->address);
	dma_free_coherent(nic->dev, 64, nic->combined, nic->address);
	dma_free_attrs(nic->dev, 64, nic->writes, nic->address, 0);
	dma_free_wc(nic->dev, 64, nic->writes, nic->address);
	dma_free_coherent(nic->dev, 64, local, nic->address);
}

static void release_const(const struct nic *nic)
{
	dma_free_coherent(nic->dev, 64, nic->frozen, nic->address);
}
