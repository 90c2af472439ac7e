// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* migrate finds nothing here. The file is only read, never compiled. */
#include <linux/dma-mapping.h>

#define DESC_OWN (1u << 31)
#define OWNED_BY_HOST 0
#define LinkDown 2

struct desc {
	struct {
		__le32 address;
	} buffer;
	__le32 len;
	__le32 status;
	struct sk_buff *skb;
};

/* The device does not see this one. */
struct note {
	u32 len;
	u32 status;
};

struct nic {
	struct device *dev;
	void __iomem *regs;
	struct desc *ring;
	dma_addr_t ring_address;
	struct note *notes;
};

static int allocate(struct nic *nic)
{
	nic->ring = dma_alloc_coherent(nic->dev, 4096, &nic->ring_address, GFP_KERNEL);
	return nic->ring ? 0 : -ENOMEM;
}

static void ordered(struct nic *nic, int i)
{
	struct desc *desc = &nic->ring[i];

	desc->len = cpu_to_le32(2);
	dma_wmb();
	desc->status = cpu_to_le32(DESC_OWN);
}

static void ordered_in_an_array(struct nic *nic, int i)
{
	nic->ring[i].len = cpu_to_le32(2);
	wmb();
	nic->ring[i].status = cpu_to_le32(DESC_OWN);
}

static void ordered_through_both(struct nic *nic, int i)
{
	struct desc *desc;

	desc = &nic->ring[i];
	nic->ring[i].len = cpu_to_le32(2);
	dma_wmb();
	desc->status = cpu_to_le32(DESC_OWN);
	dma_wmb();
	nic->ring[++i].len = cpu_to_le32(2);
	desc->status = cpu_to_le32(DESC_OWN);
}

static void another_index(struct nic *nic, int i, int k)
{
	nic->ring[i].len = cpu_to_le32(2);
	nic->ring[i + 1].status = cpu_to_le32(DESC_OWN);
	dma_wmb();
	nic->ring[i].len = cpu_to_le32(2);
	nic->ring[k].status = cpu_to_le32(DESC_OWN);
	dma_wmb();
	nic->ring[i].len = cpu_to_le32(2);
	i = (i + 1) % 8;
	nic->ring[i].status = cpu_to_le32(DESC_OWN);
}

static int the_next(struct desc *desc, struct nic *nic, int i)
{
	desc->len = 1;
	desc += 1;
	desc->status = cpu_to_le32(DESC_OWN);
	if (nic->ring[i].len > 100)
		return -EINVAL;
	i += 1;
	return nic->ring[i].len;
}

static void taken_back(struct desc *desc)
{
	desc->len = 0;
	desc->status = OWNED_BY_HOST;
}

static void another_word(struct desc *desc)
{
	desc->len = 0;
	desc->status = cpu_to_le32(LinkDown);
}

static void another_descriptor(struct nic *nic, struct desc *desc)
{
	desc->len = 0;
	desc = nic->ring;
	desc->status = cpu_to_le32(DESC_OWN);
}

static void not_for_the_device(struct note *note)
{
	note->len = 1;
	note->status = DESC_OWN;
	while (note->status)
		;
	writel_relaxed(1, NULL);
}

static int walks(struct nic *nic, int i)
{
	struct desc *desc;
	int count = 0;

	for (i = 0; i < 8 && nic->ring[i].len; i++)
		count++;
	for (desc = nic->ring; desc->len; desc++)
		desc->status = 0;
	while (nic->ring[i].status & cpu_to_le32(DESC_OWN)) {
		kfree_skb(nic->ring[i].skb);
		i = (i + 1) % 8;
	}
	while (nic->ring[count++].len)
		;
	while (!(nic->ring[i].status & cpu_to_le32(DESC_OWN))) {
		dma_rmb();
		count += nic->ring[i].len;
		i++;
	}
	return count;
}

static int twice(struct nic *nic, struct desc *desc)
{
	u32 len = desc->len;

	if (len > 64)
		return -EINVAL;
	/* Neither read is a test of the other. */
	nic->notes->len = desc->len;
	if (desc->status & cpu_to_le32(DESC_OWN))
		desc->status = 0;
	if (READ_ONCE(desc->len) > 64) {
		return desc->len;
	} else {
		dma_rmb();
		return desc->len;
	}
}

static void loops(struct nic *nic, int i)
{
	struct desc *desc = nic->ring;

	while (READ_ONCE(desc->status) & cpu_to_le32(DESC_OWN))
		;
	while (desc->status & cpu_to_le32(DESC_OWN))
		cpu_relax();
	do {
		udelay(1);
	} while (!nic->ring[i].len);
	while (desc->skb)
		desc->skb = NULL;
	for (i = nic->ring->len; i; i--)
		nic->dev = NULL;
}

static int breaks(struct nic *nic, int i)
{
	struct desc *desc = nic->ring;
	int sum = 0;

	for (;;) {
		if (!(READ_ONCE(desc->status) & cpu_to_le32(DESC_OWN)))
			break;
	}
	for (;;) {
		if (!(desc->status & cpu_to_le32(DESC_OWN)))
			break;
		cpu_relax();
	}
	/* The compiler does not know report(), so that it reads again. */
	while (i--) {
		if (desc->len)
			break;
		report(nic->dev);
	}
	for (i = 0; i < 8; i++) {
		sum += nic->ring[i].len;
		if (nic->ring[i].status & cpu_to_le32(DESC_OWN))
			break;
	}
	for (i = 0; i < 8; i++) {
		desc = nic->ring + i;
		if (desc->status & cpu_to_le32(DESC_OWN))
			break;
		dma_rmb();
		sum += desc->len;
	}
	/* The driver wrote the address, so that it does not change. */
	for (; i < 8; i++) {
		if (nic->ring[i].status & cpu_to_le32(DESC_OWN))
			break;
		dma_unmap_single(nic->dev, le32_to_cpu(nic->ring[i].buffer.address), 64,
				 DMA_TO_DEVICE);
		nic->ring[i].buffer.address = 0;
	}
	/* This break ends the switch. */
	while (i--) {
		switch (sum) {
		case 1:
			if (desc->len)
				break;
			sum = 2;
		}
	}
	/* No loop is around these. */
	if (desc->len)
		sum++;
	while (i--) {
		if (desc->len)
			sum++;
	}
	return sum;
}

static int read_once(struct nic *nic, int i, void *to)
{
	struct desc *desc = nic->ring + i;
	u32 len = le32_to_cpu(READ_ONCE(desc->len));

	if (len > 64)
		return -EINVAL;
	memcpy(to, nic->dev, len);
	if (desc->len > 3)
		desc->len = 0;
	if (READ_ONCE(desc->status) & DESC_OWN)
		return 0;
	dma_rmb();
	return desc->status;
}

static int of_two_descriptors(struct nic *nic, int i)
{
	struct desc *desc = nic->ring + i;

	if (desc->len > 64)
		return -EINVAL;
	desc = nic->ring;
	return desc->len;
}

static void bells(struct nic *nic, int i)
{
	nic->ring[i].len = cpu_to_le32(2);
	dma_wmb();
	writel_relaxed(i, nic->regs);
	nic->ring[i].len = cpu_to_le32(2);
	writel(i, nic->regs);
	writel_relaxed(i, nic->regs);
}
