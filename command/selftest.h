/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The drivers of coherent selftest. Each makes a device read and write memory at any address, and
 * changes nothing that the device stores for good: a disk keeps its contents.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/device.h>

/* A device that does not answer for this long is broken. */
#define SELFTEST_TIMEOUT_NS UINT64_C(10000000000)
#define SELFTEST_PAGE 4096

COHERENT_TYPE(selftest_bytes, uint8_t);

struct selftest_try;
struct tester;

/**
 * struct tester_driver - A driver for a kind of device.
 * @tries: The tries. selftest_tries needs the members below; a driver with other tries leaves them out.
 * @start: Starts the driver. Returns 0 or -errno; then tester->problem may say more.
 * @stop: Stops the driver, also after a failed start. It frees what the driver has.
 * @bytes: The device transfers this many bytes at a time.
 * @prepare: Writes @bytes bytes that @load knows again.
 * @load: Makes the device read memory. @reached tells whether it got what @prepare wrote.
 * @arm: Prepares a write of the device to memory, but does not wait for it. The device writes at
 *	least one byte that is not 0. Returns 0 or -errno.
 * @is_armed: Returns whether the device has not written yet; NULL if it waits for @fire.
 * @fire: Makes the device write what is armed, and waits until it has done that.
 * @round_trip: Makes the device write memory and read it again. @reached tells whether it could.
 *	NULL stands for @arm, @fire and @load.
 *
 * @load, @fire and @round_trip return 0, also if the access was refused; -ENODEV if a peer has hung
 * up, which refuses too; or another -errno if the device does not work.
 */
struct tester_driver {
	const struct selftest_try *tries;
	int (*start)(struct tester *tester);
	void (*stop)(struct tester *tester);
	size_t bytes;
	void (*prepare)(uint8_t *bytes);
	int (*load)(struct tester *tester, uint64_t from, bool *reached);
	int (*arm)(struct tester *tester, uint64_t to);
	bool (*is_armed)(struct tester *tester);
	int (*fire)(struct tester *tester);
	int (*round_trip)(struct tester *tester, uint64_t at, bool *reached);
};

extern const struct tester_driver selftest_edu, selftest_nvme, selftest_blk, selftest_fabric;

/**
 * struct tester - A device that is tested.
 * @dev: The device.
 * @name: Its name.
 * @driver: Its driver.
 * @is_started: The driver runs.
 * @state: The data of the driver. Only the driver uses it.
 * @problem: Why a start or a try failed; NULL if that is not known.
 * @reason: Why the last access was refused; "" if that is not known.
 * @window: Memory that the driver uses to look into the device.
 */
struct tester {
	struct coherent_device *dev;
	const char *name;
	const struct tester_driver *driver;
	bool is_started;
	void *state;
	const char *problem;
	char reason[300];
	union selftest_bytes window;
};

/**
 * struct selftest_try - Memory that the device tries to reach.
 * @name: The access, as a verb and an object. NULL ends an array.
 * @may_reach: The device may reach the memory.
 * @is_read_only: The memory is a read-only mem, which a device may not offer.
 * @run: Makes the device try. Sets @reached, which is false before, if it did. Returns 0; -ENODEV
 *	(the peer hung up), -EOPNOTSUPP (the device does not offer this), or another -errno if the try
 *	could not be made.
 */
struct selftest_try {
	const char *name;
	bool may_reach;
	bool is_read_only;
	int (*run)(struct tester *tester, bool *reached);
};

/* selftest_tries.c */
extern const struct selftest_try selftest_tries[];

#endif
