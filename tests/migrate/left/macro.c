// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A macro frees what its arguments say. */
#include <linux/dma-mapping.h>

#define FREE(dev, memory, address) dma_free_coherent(dev, 64, memory, address)

struct nic {
	struct device *dev;
	void *tx;
	dma_addr_t tx_address;
};

static int nic_open(struct nic *nic)
{
	/* left: line 5 frees memory, which may be the same memory */
	nic->tx = dma_alloc_coherent(nic->dev, 64, &nic->tx_address, GFP_KERNEL);
	return 0;
}

static void nic_stop(struct nic *nic)
{
	FREE(nic->dev, nic->tx, nic->tx_address);
	dma_free_coherent(nic->dev, 64, nic->tx, nic->tx_address);
}
