/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of the typed layer share a device and a descriptor with every kind of field.
 */
#ifndef TYPED_TEST_H
#define TYPED_TEST_H

#include "test.h"

enum op { OP_READ = 1, OP_WRITE = 2 };

struct prp {
	uint64_t list[2];
};
COHERENT_FIELDS(struct prp, .list);

struct desc {
	uint64_t src;
	coherent_le64 le64;
	coherent_le32 le32;
	coherent_le16 le16;
	coherent_be16 be16;
	coherent_be32 be32;
	float ratio;
	coherent_be64 be64;
	double exact;
	struct prp prp;
	union {
		uint32_t raw;
		struct {
			uint16_t low;
			uint16_t high;
		} half;
	} u;
	enum op op;
	uint16_t flags[4];
	uint8_t tag;
	int8_t small;
	int16_t medium;
	int32_t large;
};
COHERENT_FIELDS(struct desc, .src, .le64, .le32, .le16, .be16, .be32, .ratio, .be64, .exact,
		.prp.list, .u.raw, .op, .flags, .tag, .small, .medium, .large);

COHERENT_TYPE(descs, struct desc);
COHERENT_BOX_TYPE(desc_box, struct desc);
COHERENT_VIEW_TYPE(desc_view, struct desc);
COHERENT_SLOT_TYPE(desc_slot, struct desc);
COHERENT_RING_TYPE(desc_ring, struct desc);

/* The device of the running test. */
extern struct coherent_device *dev;

int open_device(void **state);
int close_device(void **state);

#endif
