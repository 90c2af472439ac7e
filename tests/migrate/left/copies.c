// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Each function copies a struct, and the copy of a mem would own the memory too. */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

struct assigned {
	u32 *assigned;
	dma_addr_t address;
};

struct element {
	u32 *element;
	dma_addr_t address;
};

typedef struct {
	u32 *returned;
	dma_addr_t address;
} returned_t;

struct inner {
	u32 *inner;
	dma_addr_t address;
};

struct swapped {
	u32 *swapped;
	dma_addr_t address;
};

struct sized {
	u32 *sized;
	dma_addr_t address;
};

struct nic {
	struct device *dev;
	struct element *elements[8];
	struct inner inner;
};

struct store {
	struct sized *sizes, backup[8];
};

static void assign(struct assigned *to, struct device *dev)
{
	struct assigned new = { .address = 0 };

	/* left: line 53 copies the struct */
	new.assigned = dma_alloc_coherent(dev, 64, &new.address, GFP_KERNEL);
	dma_free_coherent(dev, 64, to->assigned, to->address);
	*to = new;
}

static void resize(struct nic *nic, struct element *tmp, int i)
{
	/* left: line 61 copies the struct */
	tmp[i].element = dma_alloc_coherent(nic->dev, 64, &tmp[i].address, GFP_KERNEL);
	dma_free_coherent(nic->dev, 64, nic->elements[i]->element, nic->elements[i]->address);
	*nic->elements[i] = tmp[i];
}

static returned_t make(struct device *dev, returned_t *old)
{
	returned_t made = {};

	/* left: line 71 copies the struct */
	made.returned = dma_alloc_coherent(dev, 64, &made.address, GFP_KERNEL);
	dma_free_coherent(dev, 64, old->returned, old->address);
	return made;
}

static void outer(struct nic *nic, struct nic *other)
{
	/* left: line 79 copies the struct */
	nic->inner.inner = dma_alloc_coherent(nic->dev, 64, &nic->inner.address, GFP_KERNEL);
	dma_free_coherent(nic->dev, 64, nic->inner.inner, nic->inner.address);
	memcpy(other, nic, sizeof(*nic));
}

static void exchange(struct swapped *to, struct swapped *from, struct device *dev)
{
	/* left: line 87 copies the struct */
	to->swapped = dma_alloc_coherent(dev, 64, &to->address, GFP_KERNEL);
	dma_free_coherent(dev, 64, to->swapped, to->address);
	swap(*to, *from);
}

static void back_up(struct store *store, struct device *dev, int i)
{
	/* left: line 95 copies the struct */
	store->sizes[i].sized = dma_alloc_coherent(dev, 64, &store->sizes[i].address, GFP_KERNEL);
	dma_free_coherent(dev, 64, store->sizes[i].sized, store->sizes[i].address);
	memcpy(&store->backup[i], &store->sizes[i], sizeof(store->backup[i]));
}
