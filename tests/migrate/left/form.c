// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The patch of each of these would not compile: the place of the call or of the mem is wrong. */
#include <linux/dma-mapping.h>

#define FREE(nic) dma_free_coherent((nic)->dev, 64, (nic)->macro, (nic)->address)
#define FREE_LINES(nic)                                                          \
	do {                                                                     \
		dma_free_coherent((nic)->dev, 64, (nic)->lines, (nic)->address); \
	} while (0)

struct pages {
	unsigned int count;
	u8 *page[];
};

struct nic {
	struct device *dev;
	u32 *macro, *lines, *ternary, *comma, *returned, *cast, *argument;
	dma_addr_t address;
};

static void allocate(struct nic *nic, struct pages *pages, int i)
{
	/* left: the field is a flexible array */
	pages->page[i] = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: line 5 is a part of a macro */
	nic->macro = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: line 8 is a part of a macro */
	nic->lines = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: line 51 frees it in an expression */
	nic->ternary = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: line 52 frees it in an expression */
	nic->comma = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: line 54 frees it in an expression */
	nic->returned = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: line 53 frees it in an expression */
	nic->cast = dma_alloc_coherent(nic->dev, 64, &nic->address, GFP_KERNEL);
	/* left: line 39 has lines for the preprocessor among its arguments */
	nic->argument = dma_alloc_coherent(nic->dev,
#ifdef BIG
					   64,
#else
					   32,
#endif
					   &nic->address, GFP_KERNEL);
}

static void release(struct nic *nic, struct pages *pages, int i)
{
	dma_free_coherent(nic->dev, 64, nic->argument, nic->address);
	nic->ternary ? dma_free_coherent(nic->dev, 64, nic->ternary, nic->address) : (void)0;
	i++, dma_free_coherent(nic->dev, 64, nic->comma, nic->address);
	(void)dma_free_coherent(nic->dev, 64, nic->cast, nic->address);
	return dma_free_coherent(nic->dev, 64, nic->returned, nic->address);
}

static void release_pages(struct nic *nic, struct pages *pages, int i)
{
	dma_free_coherent(nic->dev, 64, pages->page[i], nic->address);
	FREE(nic);
	FREE_LINES(nic);
}
