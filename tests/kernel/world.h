/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of the kernel face run on: QEMU's edu device, bound to their own
 * driver as long as a suite runs, at one of the two levels.
 */
#ifndef WORLD_H
#define WORLD_H

#include "edu.h"
#include "ktest.h"

/* edu starts a transfer so long after it was told to. */
#define EDU_MS 100
/* What the device writes to memory. */
#define DIRT 0x5a
#define DIRT_BYTES 2048

/* The device; .dev is NULL where it is not bound. */
extern struct edu edu;

/* The level that is tested: the device's, or the module parameter level. */
extern enum coherent_level level;

extern struct kunit_suite promises, fail_nth, registers;

/* Of a suite; the device is bound in between. */
int world_begin(struct kunit_suite *suite);
void world_end(struct kunit_suite *suite);

static inline bool is_enforced(void)
{
	return level == COHERENT_IOMMU;
}

/* The device fetches bytes from an address; they are what it saw. */
void device_reads(struct kunit *test, u64 from, void *seen, size_t bytes);

/* The device writes DIRT_BYTES of dirt to an address. */
void device_writes(struct kunit *test, u64 to);

/* The same in two steps: the command now, the access EDU_MS later. */
void device_gets_dirt(struct kunit *test);
void device_is_told_to_write(u64 to);

/* coherent_free() of another file than the one that made the object. */
void free_elsewhere(union edu_packets *packets);

/* For run.py: QEMU must refuse accesses to this page. Where nobody enforces: nothing. */
void must_be_refused(u64 address);

/* For docs/backends.md: how what is promised ends at a level that cannot keep it. */
#define ANSWER(text) pr_info("# answer: %s: %s\n", __func__, text)

#endif
