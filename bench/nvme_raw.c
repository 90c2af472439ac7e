// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This is examples/nvme.c with raw volatile pointers in place of the accessors that a read command
 * uses. The pointers check no bounds and convert nothing. All other code is the same, also waiting
 * and doorbells, so that the bench compares only the accesses to memory.
 */
#define nvme_open raw_nvme_open
#define nvme_close raw_nvme_close
#define nvme_start raw_nvme_start
#define nvme_start_at raw_nvme_start_at
#define nvme_wait raw_nvme_wait
#define nvme_flush raw_nvme_flush
#define nvme_fill raw_nvme_fill
#define nvme_take raw_nvme_take

#include "../examples/nvme.h"

#undef coherent_ring_put
#undef coherent_ring_get
#undef coherent_poll

#define RAW(ring, i, T) (((volatile T *)(void *)(ring)->base.va)[(i) & (ring)->base.mask])
#define coherent_ring_put(ring, i, field, value) \
	((void)(RAW(ring, i, struct nvme_command) field.raw = (value)))
#define coherent_ring_get(ring, i, field) (RAW(ring, i, struct nvme_completion) field.raw)

/* The driver polls only the status of completions, so this macro needs no other type. */
#define coherent_poll(mem, i, field, value, condition, timeout)                          \
	__extension__({                                                                  \
		volatile struct nvme_completion *raw_at =                                \
			(volatile struct nvme_completion *)(void *)(mem)->base.va + (i); \
		struct coherent_wait wait;                                               \
		int poll_err = 0;                                                        \
                                                                                         \
		coherent_base_wait_begin(&wait, (timeout));                              \
		do                                                                       \
			*(value) = (*raw_at)field.raw;                                   \
		while (!(condition) &&                                                   \
		       !(poll_err = coherent_base_wait_more(&wait, &(mem)->base)));      \
		coherent_rmb();                                                          \
		poll_err;                                                                \
	})

#include "../examples/nvme.c"
