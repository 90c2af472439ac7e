/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of the kernel face run on QEMU's edu device, at one of the two levels. While a suite
 * runs, the device is bound to the driver in world.c.
 */
#ifndef WORLD_H
#define WORLD_H

#include "edu.h"
#include "ktest.h"

/* edu starts a transfer this long after the command. */
#define EDU_MS 100
/* The device writes this byte to memory, DIRT_BYTES times. */
#define DIRT 0x5a
#define DIRT_BYTES 2048

/* The device. Its .dev is NULL while the device is not bound. */
extern struct edu edu;

/* Returns the registers of the device, for accesses by offset. */
static inline struct coherent_bar *edu_bar(void)
{
	return coherent_bar_untyped(&edu.bar);
}

/* The level that is tested: the module parameter "level", or the level of the device. */
extern enum coherent_level level;

extern struct kunit_suite promises, fail_nth, atomic, foreign, threads, reasons, registers, large,
	loans, devices, managed, processes, pools, pool_calls;

/* A suite calls these to bind and to unbind the device. */
int world_begin(struct kunit_suite *suite);
void world_end(struct kunit_suite *suite);

/* Returns whether an IOMMU enforces what the device may access at the level that is tested. */
static inline bool is_enforced(void)
{
	return level == COHERENT_IOMMU;
}

/* The device reads memory. @seen gets the bytes that the device has read. */
void device_reads(struct kunit *test, u64 from, void *seen, size_t bytes);

/* The device writes DIRT_BYTES of DIRT to memory. */
void device_writes(struct kunit *test, u64 to);

/* Fills the device's buffer with DIRT. */
void device_gets_dirt(struct kunit *test);

/* Commands the device to write its buffer to memory. The device does so EDU_MS later. */
void device_is_told_to_write(u64 to);

/* Returns whether the device has not done that yet. */
bool device_is_armed(void);

/* Calls coherent_free() in another file than the one that allocated the object. */
void free_in_other_file(union edu_packets *packets);

/*
 * Tells run.py that QEMU must refuse an access to this page. Tells it nothing at a level that does
 * not enforce.
 */
void must_be_refused(u64 address);

/* Tells run.py that QEMU may refuse an access to this page. */
void may_be_refused(u64 address);

/*
 * Under a narrow mask the DMA API runs out of addresses. After such a failure
 * Linux 6.1 does not search for an address below 4 GiB until one goes back to its tree. An address
 * of up to 32 pages goes to a cache instead. So a test frees a larger object, and a lazy unmap gives
 * its address back about 10 ms later. @test fails if no address comes back in 20 s.
 */
#define LARGE_BYTES (64 * PAGE_SIZE)
void wait_for_addresses(struct kunit *test);

/* Starts a thread. Returns NULL if that failed, which @test reports. End it with thread_end(). */
struct task_struct *thread_start(struct kunit *test, int (*run)(void *arg), void *arg);

/* Waits until a thread that has begun to run returns. Returns what it returned. */
int thread_end(struct task_struct *task);

/* Calls @run in a task that was killed before. Returns what @run returned, or an error. */
int killed_task_calls(struct kunit *test, int (*run)(void *arg), void *arg);

/* Prints for docs/backends.md why this level does not keep the promise of the test. */
#define ANSWER(text) pr_info("# answer: %s: %s\n", __func__, text)

#endif
