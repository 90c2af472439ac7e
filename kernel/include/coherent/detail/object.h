/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The record of a box, a mem or a handle in the kernel. kernel/coherent.c has the functions that
 * use it. Callers do not use this file.
 */
#ifndef COHERENT_OBJECT_H
#define COHERENT_OBJECT_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/face.h>
#include <linux/types.h>

struct coherent_extra;
struct coherent_pool_slot;
struct device;

#define COHERENT_ADOPTED 0x10
#define COHERENT_POOLED 0x20

/*
 * The record is inside the box, the mem or the handle. A separate allocation for it made
 * an allocation of one page a third slower (make bench-kernel). The driver clears and the
 * library moves all of it, so what few objects need is in @extra. No member of an empty object
 * means anything.
 *
 * bytes: the size that the caller asked for. attrs: the attributes that the DMA API got
 * and gets again. managed: devres has a copy, in @extra, and may have freed the object.
 * level: COHERENT_ADOPTED is in it if the memory belongs to the driver. COHERENT_POOLED is in it if
 * the object is of a pool. Then @slot says where it is, @va and @address are those of the exposed
 * memory, and @mapped says that the device has it: as a mem or as a loan.
 */
struct coherent_object {
	char COHERENT_SHARED *va;
	struct device *dev;
	const char *site;
	size_t bytes;
	dma_addr_t address;
	union {
		struct coherent_extra *extra;
		struct coherent_pool_slot *slot;
	};
	u16 attrs;
	u8 level;
	u8 direction;
	u8 align_bits;
	u8 boundary_bits;
	bool mapped;
	bool managed;
};

#endif
