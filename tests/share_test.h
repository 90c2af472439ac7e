/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of shared mems use these: two devices with their reports, and accesses of a device.
 */
#ifndef SHARE_TEST_H
#define SHARE_TEST_H

#include <coherent/share.h>

#include "test.h"

#define NAME "sim:edu,step"
#define LAZY "sim:edu,step,lazy"

/**
 * struct pair - Two devices.
 * @a: The device of the mem.
 * @b: The device of the twin.
 * @log_a: The reports of @a.
 * @log_b: The reports of @b.
 */
struct pair {
	struct coherent_device *a;
	struct coherent_device *b;
	struct log log_a;
	struct log log_b;
};

void open_one(struct coherent_device **dev, const char *name, struct log *log);
void open_pair(struct pair *pair, const char *a, const char *b);
void close_pair(struct pair *pair);

/* The device reads or writes a byte. Returns what coherent_sim_try_addr() returns. */
int try_byte(struct coherent_device *dev, uint64_t at, enum coherent_access access);

/* The device reads a byte, which must succeed. */
uint8_t byte_at(struct coherent_device *dev, uint64_t at);

/*
 * Returns whether new objects of five pages get this memory. Objects of a device reuse its pages as
 * soon as they may.
 */
bool is_reused(struct coherent_device *dev, const void *pages);

#endif
