/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A driver with every form that stage1 converts. It runs nowhere: the test compiles it. */
#ifndef RINGS_H
#define RINGS_H

#include <linux/device.h>
#include <linux/dma-mapping.h>

#define RINGS 4

struct later;

struct desc {
	__le64 buffer;
	__le32 len;
	__le32 owner;
};

/**
 * struct ring - Descriptors.
 * @desc: The descriptors.
 * @address: Their device address.
 * @count: How many there are.
 */
struct ring {
	struct desc *desc;
	dma_addr_t address;
	unsigned int count;
};

struct rings {
	struct device *dev;
	struct ring tx[RINGS];
	__le32 *head, *tail; /* two declarators, one comment */
	dma_addr_t head_address, tail_address;
	void *scratch;
	dma_addr_t scratch_address;
	struct later *unknown;
	dma_addr_t unknown_address;
	struct {
		volatile u8 *page[2][RINGS];
		dma_addr_t page_address[2][RINGS];
	} pages;
	struct desc *managed;
	dma_addr_t managed_address;
	const char *combined;
	dma_addr_t combined_address;
};

struct later {
	struct rings *rings;
};

int rings_make(struct rings *rings);
void rings_free_pages(struct rings *rings);

#endif
