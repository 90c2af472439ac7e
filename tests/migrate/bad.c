// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each comment "want:" has a part of the finding that the next line must get. Nothing else is
 * found. The file is only read by migrate, never compiled.
 */
#include <linux/dma-mapping.h>

#define DESC_OWN (1u << 31)
#define DescOwn (1u << 31)

struct desc {
	__le32 buffer;
	__le32 len;
	__le32 status;
};

typedef struct {
	u32 word;
	u32 owner;
} reply_t;

struct nic {
	struct device *dev;
	void __iomem *regs;
	struct desc *ring;
	dma_addr_t ring_address;
	void *raw;
	dma_addr_t raw_address;
	reply_t *replies;
	dma_addr_t replies_address;
	struct desc *later;
};

static int allocate(struct nic *nic)
{
	struct desc *space;
	dma_addr_t address;

	nic->ring = dma_alloc_coherent(nic->dev, 4096, &nic->ring_address, GFP_KERNEL);
	nic->raw = dma_alloc_coherent(nic->dev, 4096, &nic->raw_address, GFP_KERNEL);
	nic->replies = dma_alloc_coherent(nic->dev, 4096, &nic->replies_address, GFP_KERNEL);
	space = dma_alloc_coherent(nic->dev, 4096, &address, GFP_KERNEL);
	nic->later = space;
	return 0;
}

static void own_through_a_pointer(struct nic *nic, int i)
{
	struct desc *desc = &nic->ring[i];

	desc->buffer = cpu_to_le32(1);
	desc->len = cpu_to_le32(2);
	/* want: own: 'status' gives the descriptor to the device, but the CPU may write 'len' (line N) */
	desc->status = cpu_to_le32(DESC_OWN);
}

static void own_in_an_array(struct nic *nic, int i)
{
	nic->ring[i].len = cpu_to_le32(2);
	/* want: own: 'status' gives the descriptor to the device */
	nic->ring[i].status |= cpu_to_le32(DESC_OWN);
}

static void own_in_mixed_case(struct desc *desc)
{
	desc->len = cpu_to_le32(2);
	/* want: own: 'status' gives the descriptor to the device */
	desc->status = cpu_to_le32(DescOwn);
}

static void own_through_both(struct nic *nic, int i)
{
	struct desc *desc;

	desc = &nic->ring[i];
	if (!nic->regs)
		goto give;
	nic->dev = NULL;
give:
	nic->ring[i].len = cpu_to_le32(2);
	/* want: own: 'status' gives the descriptor to the device, but the CPU may write 'len' (line N) */
	desc->status = cpu_to_le32(DESC_OWN);
}

static void own_of_an_argument(struct desc *desc)
{
	desc->buffer = cpu_to_le32(1);
	if (desc->len)
		/* want: own: 'status' gives the descriptor to the device */
		desc->status = cpu_to_le32(DESC_OWN);
}

static void own_of_a_typedef(struct nic *nic)
{
	reply_t *reply = nic->replies;

	reply->word = 3;
	/* want: own: 'owner' gives the descriptor to the device */
	reply->owner = 1;
}

static void own_of_a_void_pointer(struct nic *nic, int i)
{
	struct raw_desc *desc = nic->raw + i * 16;

	desc->address = 5;
	/* want: own: 'flags' gives the descriptor to the device */
	desc->flags = DESC_OWN;
}

static void loop_through_a_pointer(struct nic *nic)
{
	struct desc *desc = nic->ring;

	/* want: loop: the loop reads 'status' without READ_ONCE() */
	while (desc->status & cpu_to_le32(DESC_OWN))
		;
}

static void loop_at_the_end(struct nic *nic)
{
	do {
		nic->dev = NULL;
		/* want: loop: the loop reads 'len' without READ_ONCE() */
	} while (!nic->ring->len);
}

static void loop_with_for(struct nic *nic, int i)
{
	int turns;

	/* want: loop: the loop reads 'status' without READ_ONCE() */
	for (turns = 0; !nic->ring[i].status; turns++)
		nic->dev = NULL;
}

static int walk(struct nic *nic)
{
	int sum = 0, i = 0;

	/* want: loop: the loop tests 'status' and reads 'len' without dma_rmb() in between */
	while (!(nic->ring[i].status & cpu_to_le32(DESC_OWN))) {
		sum += le32_to_cpu(nic->ring[i].len);
		i++;
	}
	return sum;
}

static void loop_with_a_break(struct nic *nic, int turns)
{
	struct desc *desc = nic->ring;

	for (;;) {
		/* want: loop: the loop reads 'status' without READ_ONCE() */
		if (!(desc->status & cpu_to_le32(DESC_OWN)))
			break;
	}
	do {
		/* want: loop: the loop reads 'len' without READ_ONCE() */
		if ((nic->ring->len & cpu_to_le32(3)) || !turns--) {
			nic->dev = NULL;
			break;
		}
	} while (1);
	while (turns) {
		if (turns++ > 100) {
			/* want: loop: the loop reads 'len' without READ_ONCE() */
			if (nic->ring->len)
				break;
		}
	}
}

static int walk_with_a_break(struct nic *nic, int i)
{
	int sum = 0;

	while (i < 8) {
		struct desc *desc = &nic->ring[i++];

		/* want: loop: the loop tests 'status' and reads 'len' without dma_rmb() in between */
		if (desc->status & cpu_to_le32(DESC_OWN))
			break;
		report(nic->dev);
		sum += le32_to_cpu(desc->len);
	}
	return sum;
}

static int twice_checked(struct nic *nic, int i, void *to)
{
	struct desc *desc = nic->ring + i;

	if (le32_to_cpu(desc->len) > 64)
		return -EINVAL;
	/* want: twice: line N checks 'len', and this line reads it again */
	memcpy(to, nic->dev, le32_to_cpu(desc->len));
	return 0;
}

static u32 twice_owned(struct nic *nic, int i)
{
	if (nic->ring[i].status & cpu_to_le32(DESC_OWN))
		return 0;
	/* want: twice: line N tests who owns the descriptor, and this line reads 'status' again */
	return le32_to_cpu(nic->ring[i].status) >> 16;
}

static void bell(struct nic *nic, int i)
{
	nic->ring[i].buffer = cpu_to_le32(2);
	/* want: bell: the CPU may write 'buffer' (line N) after this register */
	writel_relaxed(i, nic->regs);
}

static void bell_of_a_helper(struct nic *nic, struct desc *desc)
{
	desc->len = 0;
	/* want: bell: the CPU may write 'len' (line N) after this register */
	__raw_writel(1, nic->regs);
}

static void through_a_variable(struct nic *nic, int i)
{
	nic->later[i].len = 1;
	/* want: own: 'status' gives the descriptor to the device */
	nic->later[i].status = DESC_OWN;
}

static void twice_inside(struct nic *nic, int i, void *to)
{
	struct desc *desc = nic->ring + i;

	if (le32_to_cpu(desc->len) <= 64) {
		nic->regs = NULL;
		/* want: twice: line N checks 'len', and this line reads it again */
		memcpy(to, nic->dev, le32_to_cpu(desc->len));
	}
	if (nic->ring[i].len < 64)
		/* want: twice: line N checks 'len', and this line reads it again */
		memcpy(to, nic->dev, nic->ring[i].len);
}

static u32 twice_inside_else(struct nic *nic, int i, u32 *out)
{
	struct desc *desc = nic->ring + i;

	if (desc->len > 64) {
		return 64;
	} else {
		/* want: twice: line N checks 'len', and this line reads it again */
		*out = desc->len;
	}
	if (desc->status & cpu_to_le32(DESC_OWN)) {
		/* want: twice: line N tests who owns the descriptor, and this line reads 'status' again */
		return le32_to_cpu(desc->status) >> 16;
	}
	return 0;
}
