// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The initialisers name no members, so that a new member would shift their values. */
#include <linux/dma-mapping.h>

struct card {
	const char *name;
	u32 *box;
	dma_addr_t address;
};

struct inner {
	u32 *core;
	dma_addr_t address;
};

struct literal {
	u32 *literal;
	dma_addr_t address;
};

struct outer {
	struct device *dev;
	struct inner inner[2];
};

static struct card cards[] = {
	{ "first", NULL, 11 },
	{ "second", NULL, 12 },
};

static struct outer outer = {
	.inner = { [1] = { NULL, 4 } },
};

static void allocate(struct device *dev, struct literal *literal, int i)
{
	/* left: line 26 initialises the struct by position: name the members */
	cards[i].box = dma_alloc_coherent(dev, 64, &cards[i].address, GFP_KERNEL);
	dma_free_coherent(dev, 64, cards[i].box, cards[i].address);
	/* left: line 31 initialises the struct by position */
	outer.inner[i].core = dma_alloc_coherent(dev, 64, &outer.inner[i].address, GFP_KERNEL);
	dma_free_coherent(dev, 64, outer.inner[i].core, outer.inner[i].address);
	*literal = (struct literal){ NULL, 5 };
	/* left: line 43 initialises the struct by position */
	literal->literal = dma_alloc_coherent(dev, 64, &literal->address, GFP_KERNEL);
	dma_free_coherent(dev, 64, literal->literal, literal->address);
}
