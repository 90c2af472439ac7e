/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of the promises run in worlds. A world is a device behind a backend. It knows the
 * answers of that backend where backends differ, and it makes the device access any address.
 *
 * Each device has a store of its own: edu has a buffer, and a disk has sectors. The device loads
 * bytes from memory into its store, and it stores them to memory. All accesses of the tests are
 * loads and stores.
 */
#ifndef WORLDS_H
#define WORLDS_H

#include "../promises/list.h"
#include "../test.h"
#include "adopted.h"

/* The device writes this byte. */
#define DIRT 0x5a
/* Most accesses of a device have this size, which is a sector of a disk. */
#define PROBE 512

enum promise {
#define PROMISE_NUMBER(promise) PROMISE_##promise,
	PROMISES(PROMISE_NUMBER, PROMISE_NUMBER)
#undef PROMISE_NUMBER
		PROMISE_COUNT,
};

/* A part of the store of a device: one is full of DIRT, the other is for any bytes. */
enum place {
	PLACE_DIRT,
	PLACE_SCRATCH,
};

struct world;

/**
 * struct world_ops - The functions of a kind of device.
 * @missing: Returns why this machine does not have the device; NULL if it has it. May be NULL.
 * @begin: Starts the programs that the device needs, and writes the name of the device to
 *	world->opened. May be NULL.
 * @end: Ends the programs that @begin has started. May be NULL.
 * @start: Starts the driver on the open device, and fills PLACE_DIRT with DIRT.
 * @stop: Stops the driver, if it runs. The device stays open.
 * @load: Makes the device read memory. Returns 0, or an error if the device reports one.
 * @store: Makes the device write memory. Returns as @load.
 * @arm: Tells the device to write DIRT to memory. The device has not written it when this returns.
 * @fire: Waits until the device has done that. Returns as @load.
 * @first_byte: The lowest byte of register 0, by which the test knows the device after a reset.
 * @mark_at: The offset of a register of BAR 0 that a reset changes. The driver is stopped.
 * @mark: A value to write to it.
 * @marked: The value that the register reads as afterwards.
 * @pid: Returns the process that runs the device. NULL if the device runs in this process or in a
 *	VM with it.
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
	bool (*is_armed)(struct world *world);
	uint8_t first_byte;
	uint64_t mark_at;
	uint32_t mark;
	uint32_t marked;
	pid_t (*pid)(struct world *world);
};

extern const struct world_ops edu_ops, served_edu_ops, qemu_edu_ops, nvme_ops, virtio_blk_ops,
	fabric_ops;

/**
 * struct failing_expose - A way to make an expose fail.
 * @keys: The test opens the device with these keys. NULL ends an array.
 * @bytes: The expose of a second object of this size fails.
 * @starts: The driver starts first. Otherwise its objects would use up what the key limits.
 * @err: The expose returns this error.
 */
struct failing_expose {
	const char *keys;
	size_t bytes;
	int err;
	bool starts;
};

COHERENT_TYPE(bytes, uint8_t);

/**
 * struct world - A device that the promises are tested on. An "answer" is documented behaviour of
 *	the backend, which the tests assert.
 * @label: The argument of the test program.
 * @name: The name for coherent_device_open(), without the keys of a test.
 * @ops: The functions of the device.
 * @level: Answer: the level of the device.
 * @faults: Answer: how the driver learns of a refused access, for docs/backends.md.
 * @needs_idle: Answer: reclaim without .idle returns -EBUSY.
 * @names_faults: Answer: a refused access is a fault that names the object. Otherwise there is
 *	no fault.
 * @tells_access: Answer: a fault says whether the device read or wrote. Otherwise it says so only
 *	if an object is exposed at the address.
 * @fault_bytes: Answer: the faults of one access name at most this many bytes.
 * @is_exact: Answer: the device reaches an object to its last byte, and not to the end of its page.
 * @gets_no_memory: Answer: the peer asks for each transfer, so its process has no mem.
 * @tries_twice: The device repeats a refused access, so that there are two faults.
 * @hangs_up: Answer: the peer hangs up at a refused access. Later calls return -ENODEV.
 * @tells_device: Answer: a refused access is an error for the device.
 * @has_no_registers: Answer: coherent_bar_open() returns -ENODEV.
 * @copies_adopted: Answer: the device uses a copy of adopted memory.
 * @is_traced: QEMU's trace has each refused access, and tests/vm/run.py reads the trace.
 * @is_simulated: The simulator runs the device, so coherent_sim_try() works.
 * @steps: The device runs only in coherent_sim_step().
 * @reclaimed_is_reachable: Answer: until coherent_device_fence() the device reaches the old pages
 *	of a mem that was reclaimed. No object has these pages.
 * @freed_is_reachable: Answer: the same is true of a mem that was freed.
 * @fenced_state: Answer: the state in a fault at a freed address after coherent_device_fence().
 * @no_read_only: Answer: an expose with COHERENT_READ_ONLY returns -EOPNOTSUPP.
 * @is_hardened: The device is opened with .harden.
 * @mem_is_elsewhere: Answer: a mem has other pages than its box had.
 * @keeps_copies: The peer's own memory keeps the last contents of a reclaimed mem.
 * @lies_hit_others: Answer: if the driver says .idle while a transfer is in flight, the transfer
 *	overwrites the mem that the driver exposes next.
 * @keeps_mask: Answer: a fence does not release freed addresses, so the mask cannot change.
 * @has_no_reset: Answer: coherent_device_reset() returns -EIO.
 * @keeps_registers: Answer: the device keeps its registers over a fence, because nothing resets it.
 * @wide_keys: The test adds these keys to open a device with more than 32 address bits.
 * @failing_exposes: The ways to make an expose fail.
 * @has_fail_unmap: The backend takes the key "fail-unmap".
 * @burst: world_arm_write() tells the device to write this many bytes.
 * @late_ms: The device does an armed transfer by itself after this time. 0 if it waits for
 *	world_fire() or for its driver.
 * @differs: The answer to a promise with its reason, if the promise does not hold as it stands.
 * @promise: The promise that is tested now.
 * @differed: The test has asserted the answer of @differs.
 * @opened: The name that the test opened.
 * @dev: The device; NULL if it is not open.
 * @window: The device stores here what it has loaded, so that the test can read it.
 * @state: The driver of the device. Only the file that defines @ops uses it.
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
	bool tells_access;
	size_t fault_bytes;
	bool is_exact;
	bool gets_no_memory;
	bool tries_twice;
	bool hangs_up;
	bool tells_device;
	bool has_no_registers;
	bool copies_adopted;
	bool is_traced;
	bool is_simulated;
	bool steps;
	bool reclaimed_is_reachable;
	bool freed_is_reachable;
	enum coherent_state fenced_state;
	bool no_read_only;
	bool is_hardened;
	bool mem_is_elsewhere;
	bool keeps_copies;
	bool lies_hit_others;
	bool keeps_mask;
	bool has_no_reset;
	bool keeps_registers;
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

/*
 * Fills in the world with this label, or the world of a PCI device if @label is the name of one.
 * Returns false if there is no such world.
 */
bool world_find(struct world *world, const char *label);

/*
 * Lets the objects of the tests have adopted memory from now on. Where the device gets a copy of it,
 * a mem is elsewhere than its box.
 */
void world_adopt(struct world *world);

/* Prints the labels for the program's help, one a line. */
void world_print_labels(FILE *to);

/* Opens the device with more keys, such as ",fail-map=1". Sets a mask of 28 bits, as edu has. */
void world_open_device(struct world *world, const char *keys);

/* Opens the device and starts its driver. */
void world_open(struct world *world);

/* Opens the device again and starts its driver, after the test has closed the device. */
void world_open_again(struct world *world);

/* Starts or stops the driver of an open device. */
void world_start(struct world *world);
void world_stop(struct world *world);

/* Opens BAR 0. Returns NULL if the world has no registers. */
struct coherent_bar *world_open_bar(struct world *world);

/* Whether the registers of BAR 0 answer; always false for NULL. */
bool world_bar_answers(struct coherent_bar *bar);

/* Closes the device. Asserts that the test has freed all objects. */
void world_close(struct world *world);

/* Closes the device and ends its programs after a test has failed. */
void world_abandon(struct world *world);

/* Stops the driver, resets the device, and starts the driver. */
void world_reset(struct world *world);

/* Calls coherent_device_fence(). Stops the driver before and starts it after. */
void world_fence(struct world *world);

/* The device reads memory and succeeds. @seen gets the bytes that the device has read. */
void world_reads(struct world *world, uint64_t from, void *seen, size_t bytes);

/* The device writes DIRT to memory, at most a page, and succeeds. */
void world_writes(struct world *world, uint64_t to, size_t bytes);

/* The device tries to write PROBE bytes and is refused. A fault has this state. */
void world_write_is_refused(struct world *world, uint64_t to, enum coherent_state state);

/* The device tries to read PROBE bytes and is refused. It does not get the byte @secret. */
void world_read_is_refused(struct world *world, uint64_t from, uint8_t secret,
			   enum coherent_state state);

/* Tells the device to write world->burst bytes of DIRT later. */
void world_arm_write(struct world *world, uint64_t to);

/*
 * Returns whether an armed transfer is still to come. If the machine is loaded, the device may have
 * been faster than the test. Then the call forgets the faults, and the test tries again.
 */
bool world_is_armed(struct world *world);

/* Waits until the device has written these bytes, or until the write is refused. */
void world_fire(struct world *world);
void world_fire_is_refused(struct world *world, uint64_t to, enum coherent_state state);

/* Sleeps until shortly before an armed transfer, if a lazy unmap of a kernel could be late. */
void world_let_it_approach(struct world *world);

/* Sleeps until an armed transfer is over, if the device does it by itself. */
void world_let_it_fire(struct world *world);

/*
 * Lets the device read or write what only a secret address keeps it from: the rest of a page, an
 * empty slot of a pool, or a box in place. A read sees zeros there if an exact world refuses it.
 */
void world_reads_hidden(struct world *world, uint64_t from, void *seen, size_t bytes);
void world_writes_hidden(struct world *world, uint64_t to, size_t bytes);

/*
 * Returns whether the process that runs the device has the 16 bytes in memory that it shares
 * with this process. Returns false if this process runs the device.
 */
bool world_peer_has(struct world *world, const char secret[16]);

/* Returns whether memory is in a file that the process that runs the device may have. */
bool world_peer_may_have(struct world *world, const void *memory);

/* Whether another process gets the memory of a mem. */
bool world_gives_memory(const struct world *world);

/* Returns the address that the next object of a page gets. */
uint64_t world_next_address(struct world *world);

/* Notes that the test has asserted the answer in world->differs. */
void world_differs(struct world *world);

/* Returns the least permission of this world that lets a device read. */
enum coherent_permission world_read_only(const struct world *world);

#endif
