// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The struct of each field is not cleared when it is allocated, so the mem is not empty. */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

struct element {
	u32 *element;
	dma_addr_t address;
};

struct array {
	u32 *array;
	dma_addr_t address;
};

struct inner {
	u32 *inner;
	dma_addr_t address;
};

struct outer {
	struct inner tx, rx;
};

typedef struct {
	u32 *named;
	dma_addr_t address;
} named_t;

struct guarded {
	u32 *guarded;
	dma_addr_t address;
};

struct page_long {
	u32 *page;
	dma_addr_t address;
};

struct nic {
	struct device *dev;
	struct element *list;
	struct array *table;
};

static void elements(struct nic *nic, int i)
{
	nic->list = kmalloc_array(i, sizeof(nic->list[0]), GFP_KERNEL);
	/* left: kmalloc_array() in line N does not clear its struct */
	nic->list[i].element = dma_alloc_coherent(nic->dev, 64, &nic->list[i].address, GFP_KERNEL);
	dma_free_coherent(nic->dev, 64, nic->list[i].element, nic->list[i].address);
	nic->table = kmalloc_array(i, sizeof(*nic->table), GFP_KERNEL);
	/* left: kmalloc_array() in line N does not clear its struct */
	nic->table[i].array = dma_alloc_coherent(nic->dev, 64, &nic->table[i].address, GFP_KERNEL);
	dma_free_coherent(nic->dev, 64, nic->table[i].array, nic->table[i].address);
}

static void embedded(struct device *dev, struct inner *inner)
{
	struct outer *outer = kmalloc(sizeof(*outer), GFP_KERNEL);

	/* left: kmalloc() in line N does not clear its struct */
	inner->inner = dma_alloc_coherent(dev, 64, &inner->address, GFP_KERNEL);
	dma_free_coherent(dev, 64, outer->tx.inner, outer->tx.address);
}

static void named(struct device *dev)
{
	named_t *named = kmalloc(sizeof(named_t), GFP_KERNEL);

	/* left: kmalloc() in line N does not clear its struct */
	named->named = dma_alloc_coherent(dev, 64, &named->address, GFP_KERNEL);
	dma_free_coherent(dev, 64, named->named, named->address);
}

static void guarded(struct device *dev)
{
	struct guarded *guarded __free(kfree) = kmalloc(sizeof(*guarded), GFP_KERNEL);

	/* left: kmalloc() in line N does not clear its struct */
	guarded->guarded = dma_alloc_coherent(dev, 64, &guarded->address, GFP_KERNEL);
	dma_free_coherent(dev, 64, guarded->guarded, guarded->address);
}

static void page(struct device *dev)
{
	struct page_long *page = (struct page_long *)__get_free_page(GFP_KERNEL);

	/* left: __get_free_page() in line N does not clear its struct */
	page->page = dma_alloc_coherent(dev, 64, &page->address, GFP_KERNEL);
	dma_free_coherent(dev, 64, page->page, page->address);
}
