/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The worlds that the promises are tested in. A world is a device behind a backend, the
 * documented answers of that backend where backends differ, and the means to let the device
 * do what a driver cannot.
 *
 * Each device has a store of its own: edu has a buffer and a disk has sectors. The device loads
 * memory into its store and stores it to memory. All probes are made of these two.
 */
#ifndef WORLDS_H
#define WORLDS_H

#include "../promises/list.h"
#include "../test.h"

#define PAGE 4096
/* The device writes this byte. */
#define DIRT 0x5a
/* A probe is one sector of a disk. */
#define PROBE 512

enum promise {
#define PROMISE_NUMBER(promise) PROMISE_##promise,
	PROMISES(PROMISE_NUMBER)
#undef PROMISE_NUMBER
		PROMISE_COUNT,
};

/* Where in its own store the device puts what it loads, and takes what it stores. */
enum place {
	PLACE_DIRT,
	PLACE_SCRATCH,
};

struct world;

/**
 * struct world_ops - What a device does.
 * @missing: Why this device cannot be had here; NULL if it can. May be NULL.
 * @begin: Start what the device needs, and put its name into world->opened. May be NULL.
 * @end: End that. May be NULL.
 * @start: Start the driver on the open device, with PLACE_DIRT full of DIRT.
 * @stop: Stop the driver, if it runs; the device stays open.
 * @load: The device reads memory. Returns 0, or an error if the device says that it could not.
 * @store: The device writes memory. Returns the same.
 * @arm: The device is told to write DIRT to memory, and has not done so when this returns.
 * @fire: Wait until it has. Returns as @store.
 * @forgets: The driver has to be started again after a fence.
 * @pid: The process that has the device; 0 for this one. May be NULL.
 */
struct world_ops {
	const char *(*missing)(void);
	void (*begin)(struct world *world);
	void (*end)(struct world *world);
	void (*start)(struct world *world);
	void (*stop)(struct world *world);
	int (*load)(struct world *world, enum place place, uint64_t from, size_t bytes);
	int (*store)(struct world *world, enum place place, uint64_t to, size_t bytes);
	void (*arm)(struct world *world, uint64_t to, size_t bytes);
	int (*fire)(struct world *world);
	bool forgets;
	pid_t (*pid)(struct world *world);
};

extern const struct world_ops edu_ops, qemu_edu_ops, nvme_ops, virtio_blk_ops;

/**
 * struct failing_expose - A way to make an expose fail.
 * @keys: The keys that the device is opened with; NULL ends an array.
 * @bytes: The size of the second object, whose expose fails.
 * @err: The answer.
 */
struct failing_expose {
	const char *keys;
	size_t bytes;
	int err;
};

COHERENT_TYPE(bytes, uint8_t);

/**
 * struct world - A device to test on.
 * @label: The argument of the test program.
 * @name: For coherent_device_open(), without the keys of a test.
 * @ops: What its device does.
 * @level: Answer: its level.
 * @faults: Answer: what becomes of a refused access, for docs/backends.md.
 * @needs_idle: Answer: reclaim without .idle is -EBUSY.
 * @names_faults: Answer: a refused access is a fault that names the object.
 * @tries_twice: The device tries what was refused once more, so that there are two faults.
 * @hangs_up: Answer: at a refused access the peer hangs up, and the device is -ENODEV.
 * @is_traced: A refused access is in QEMU's trace, which tests/vm/run.py reads.
 * @is_simulated: coherent_sim_try() works.
 * @steps: The device runs only when it is told to.
 * @reclaimed_is_reachable: Answer: the device reaches the old pages of a mem that was reclaimed
 *	until coherent_device_fence(). They are nobody's.
 * @freed_is_reachable: Answer: the same of a mem that was freed.
 * @fenced_state: Answer: what a fault calls a freed address after coherent_device_fence().
 * @no_read_only: Answer: read-only exposure is -EOPNOTSUPP.
 * @mem_is_elsewhere: Answer: a mem has other pages than its box had.
 * @keeps_copies: A peer keeps a stale copy of what was exposed, in memory of its own.
 * @lies_hit_others: Answer: a driver that says .idle while a transfer is in flight may have
 *	another mem overwritten.
 * @keeps_mask: Answer: freed addresses keep the mask after a fence.
 * @has_no_reset: Answer: the device has no reset of its own.
 * @wide_keys: Keys for a device that has more than 32 address bits.
 * @failing_exposes: Ways to make an expose fail.
 * @has_fail_unmap: The key "fail-unmap" exists.
 * @burst: How much a device is told to write by world_arm_write().
 * @late_ms: So long after world_arm_write() the device has written by itself; 0 if it waits
 *	for world_fire() or for its driver.
 * @differs: Where the answer to a promise is another one: the answer and its reason.
 * @promise: The promise that is tested.
 * @differed: The test has asserted the other answer.
 * @opened: The name that the device was opened by.
 * @dev: The device; NULL if it is not open.
 * @window: Here the device stores what it has loaded, so that a test can see it.
 * @state: The driver of the device; of the file that has its ops.
 * @log: The reports of the device.
 * @fault: The last fault.
 */
struct world {
	const char *label;
	const char *name;
	const struct world_ops *ops;
	enum coherent_level level;
	const char *faults;
	bool needs_idle;
	bool names_faults;
	bool tries_twice;
	bool hangs_up;
	bool is_traced;
	bool is_simulated;
	bool steps;
	bool reclaimed_is_reachable;
	bool freed_is_reachable;
	enum coherent_state fenced_state;
	bool no_read_only;
	bool mem_is_elsewhere;
	bool keeps_copies;
	bool lies_hit_others;
	bool keeps_mask;
	bool has_no_reset;
	const char *wide_keys;
	const struct failing_expose *failing_exposes;
	bool has_fail_unmap;
	size_t burst;
	unsigned int late_ms;
	const char *differs[PROMISE_COUNT];

	enum promise promise;
	bool differed;
	char opened[128];
	struct coherent_device *dev;
	union bytes window;
	void *state;
	struct log log;
	struct coherent_fault fault;
};

/* Fills in the world of a label, or that of a PCI device by its name; false if there is none. */
bool world_find(struct world *world, const char *label);

/* Prints the labels, one a line, as the help of the program. */
void world_print_labels(FILE *to);

/* Opens the device, with more keys: ",fail-map=1". Its mask is 28 bits, as edu's. */
void world_open_device(struct world *world, const char *keys);

/* Opens the device and starts its driver. */
void world_open(struct world *world);

/* Opens it once more by the same name, after the test has closed the device. */
void world_open_again(struct world *world);

void world_start(struct world *world);
void world_stop(struct world *world);

/* Closes the device; a test may have left nothing open. */
void world_close(struct world *world);

/* Ends what a test that failed has left behind. */
void world_abandon(struct world *world);

/* The driver resets the device and starts again. */
void world_reset(struct world *world);

/* The same with a fence, without a start where the device forgets nothing. */
void world_fence(struct world *world);

/* The device reads bytes at an address, and gets them. */
void world_reads(struct world *world, uint64_t from, void *seen, size_t bytes);

/* The device writes DIRT to an address. At most a page. */
void world_writes(struct world *world, uint64_t to, size_t bytes);

/* The device tries to, PROBE bytes, and is refused. A fault says what is there. */
void world_write_is_refused(struct world *world, uint64_t to, enum coherent_state state);

/* The same for reading; none of what the device gets is the byte. */
void world_read_is_refused(struct world *world, uint64_t from, uint8_t secret,
			   enum coherent_state state);

/* The device is told to write world->burst bytes of DIRT, and writes when it is fired. */
void world_arm_write(struct world *world, uint64_t to);
void world_fire(struct world *world);
void world_fire_is_refused(struct world *world, uint64_t to, enum coherent_state state);

/* Sleeps until an armed transfer is about to fire, where a kernel might unmap too late. */
void world_let_it_approach(struct world *world);

/* Sleeps until an armed transfer has fired by itself, where transfers do so. */
void world_let_it_fire(struct world *world);

/* Whether the process that has the device has 16 bytes anywhere; false if it is this process. */
bool world_peer_has(struct world *world, const char secret[16]);

/* Whether memory is in a file that the process with the device may have been given. */
bool world_peer_may_have(struct world *world, const void *memory);

/* The address that the next object of a page gets. */
uint64_t world_next_address(struct world *world);

/* The other answer to this promise is asserted. The table of the world gives the reason. */
void world_differs(struct world *world);

/* What the world allows a device that only reads. */
enum coherent_permission world_read_only(const struct world *world);

#endif
