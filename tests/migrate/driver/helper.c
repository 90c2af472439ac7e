// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "rings.h"

void rings_free_pages(struct rings *rings)
{
	int i, k;

	for (i = 0; i < 2; i++)
		for (k = 0; k < RINGS; k++)
			if (rings->pages.page[i][k])
				dma_free_coherent(rings->dev, PAGE_SIZE,
						  (void *)(rings->pages.page[i][k]),
						  rings->pages.page_address[i][k]);
}
