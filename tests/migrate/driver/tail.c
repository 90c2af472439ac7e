// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* main.c includes this file, as some drivers do. */

static int make_indexes(struct rings *rings)
{
	rings->head = dma_alloc_coherent(rings->dev, 4, &rings->head_address, GFP_KERNEL);
	if (!rings->head)
		return -ENOMEM;
	rings->tail = dma_alloc_coherent(rings->dev, 4, &rings->tail_address, GFP_KERNEL);
	return rings->tail ? 0 : -ENOMEM;
}

static void free_indexes(struct rings *rings)
{
	dma_free_coherent(rings->dev, 4, rings->head, rings->head_address);
	dma_free_coherent(rings->dev, 4, &rings->tail[0], rings->tail_address);
}
