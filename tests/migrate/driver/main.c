// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/module.h>
#include <linux/slab.h>

#include "rings.h"

#include "tail.c"

static int make_ring(struct rings *rings, struct ring *ring, unsigned int count)
{
	ring->count = count;
	ring->desc = dma_alloc_coherent(rings->dev, count * sizeof(*ring->desc), &ring->address,
					GFP_KERNEL);
	return ring->desc ? 0 : -ENOMEM;
}

static void free_ring(struct device *dev, struct ring *ring)
{
	dma_free_coherent(dev, ring->count * sizeof(*ring->desc), ring->desc, ring->address);
	ring->desc = NULL;
}

static int make_pages(struct rings *rings)
{
	int i, k;

	for (i = 0; i < 2; i++)
		for (k = 0; k < RINGS; k++) {
			rings->pages.page[i][k] =
				dma_alloc_coherent(rings->dev, PAGE_SIZE,
						   &rings->pages.page_address[i][k], GFP_ATOMIC);
			if (!rings->pages.page[i][k])
				return -ENOMEM;
		}
	return 0;
}

int rings_make(struct rings *rings)
{
	int i, err;

	for (i = 0; i < RINGS; i++) {
		err = make_ring(rings, &rings->tx[i], 64 << i);
		if (err)
			goto fail;
	}
	err = make_indexes(rings);
	if (err)
		goto fail;
	if (!(rings->scratch = (void *)dma_alloc_coherent(rings->dev, 100, &rings->scratch_address,
							  GFP_KERNEL)))
		goto fail;
	rings->unknown = dma_alloc_coherent(rings->dev, 3 * sizeof(struct later),
					    &rings->unknown_address, GFP_DMA | GFP_KERNEL);
	rings->managed = dmam_alloc_coherent(rings->dev, sizeof(*rings->managed),
					     &rings->managed_address, GFP_KERNEL);
	rings->combined = dma_alloc_attrs(rings->dev, 4097, &rings->combined_address, GFP_KERNEL,
					  DMA_ATTR_WRITE_COMBINE);
	err = make_pages(rings);
	if (!err)
		return 0;

fail:
	rings_free_pages(rings);
	for (i = 0; i < RINGS; i++)
		free_ring(rings->dev, &rings->tx[i]);
	return err;
}

static void stop(struct rings *rings)
{
	if (rings->combined)
		dma_free_attrs(rings->dev, 4097, (void *)rings->combined, rings->combined_address,
			       DMA_ATTR_WRITE_COMBINE);
	dma_free_coherent(rings->dev, 3 * sizeof(struct later), rings->unknown,
			  rings->unknown_address);
	dma_free_coherent(rings->dev, 100, rings->scratch, rings->scratch_address);
	free_indexes(rings);
	rings_free_pages(rings);
}

static struct ring unused[2] = { { NULL }, [1] = { .count = 1 } };

static void stop_unused(struct device *dev, int which)
{
	switch (which) {
	case 0:
		dma_free_coherent(dev, 4, unused[0].desc, unused[0].address);
		break;
	default:
		if (unused[1].desc)
#ifdef CONFIG_HAS_DMA
			dma_free_coherent(dev, 4, unused[1].desc, unused[1].address);
#endif
		break;
	}
}

static struct rings *all;

static void __exit rings_exit(void)
{
	stop(all);
	stop_unused(all->dev, 1);
	kfree(all);
}
module_exit(rings_exit);

MODULE_LICENSE("Dual MIT/GPL");
