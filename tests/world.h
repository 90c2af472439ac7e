/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The devices that promises are tested on. A world is an edu device behind some
 * backend, with what that backend is documented to answer where backends
 * differ, and the means to let the device do what a driver cannot.
 */
#ifndef WORLD_H
#define WORLD_H

#include "test.h"

#define EDU_BUFFER UINT64_C(0x40000)

/**
 * struct world - A device to test on.
 * @label: For test names.
 * @name: For coherent_device_open(), without options of a test.
 * @level: Answer: its level.
 * @needs_idle: Answer: reclaim without .idle is -EBUSY.
 * @names_faults: Answer: a refused access is a fault that names the object.
 * @steps: The device runs only when it is told to.
 * @dev: The device.
 * @bar: Its registers.
 * @log: Its reports.
 */
struct world {
	const char *label;
	const char *name;
	enum coherent_level level;
	bool needs_idle;
	bool names_faults;
	bool steps;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct log log;
};

extern const struct world worlds[];
extern const size_t world_count;

/* Opens a copy of a world, with more keys: ",fail-map=1". */
struct world *world_open(const struct world *template, const char *keys);

/* Closes it; nothing may be left open. */
void world_close(struct world *world);

/* Whether the device could access bytes at an offset of a box or mem. */
#define world_reaches(world, object, offset, buffer, bytes, access) \
	(!coherent_sim_try((world)->dev, object, offset, buffer, bytes, access))

/* The same of an address. */
bool world_reaches_addr(struct world *world, coherent_addr_t address, void *buffer, size_t bytes,
			enum coherent_access access);

/* The device fetches bytes at an address into its buffer. */
void world_device_reads(struct world *world, coherent_addr_t from, size_t bytes);

/* The device writes its buffer to an address. */
void world_device_writes(struct world *world, coherent_addr_t to, size_t bytes);

/* The same in two steps: the command now, the access when world_fire() is called. */
void world_arm_write(struct world *world, coherent_addr_t to, size_t bytes);
void world_fire(struct world *world);

#endif
