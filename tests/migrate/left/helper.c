// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A helper function frees memory, and its file does not say whose memory that is. */
#include <linux/dma-mapping.h>

struct nic {
	struct device *dev;
	void *tx;
	dma_addr_t tx_address;
};

static void free_ring(struct nic *nic, void *ring, dma_addr_t address)
{
	if (ring)
		dma_free_coherent(nic->dev, 64, ring, address);
}

static int nic_open(struct nic *nic)
{
	/* left: line 14 frees ring, which may be the same memory */
	nic->tx = dma_alloc_coherent(nic->dev, 64, &nic->tx_address, GFP_KERNEL);
	return 0;
}

static void nic_stop(struct nic *nic)
{
	dma_free_coherent(nic->dev, 64, nic->tx, nic->tx_address);
	free_ring(nic, nic->tx, nic->tx_address);
}
