/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A simulated device: its model, its time, its registers and its interrupts.
 *
 * The lock is held while a callback of the model runs, so callbacks of one device never run at the
 * same time. The callbacks open and close run without it, when no other callback can run. The DMA
 * engine has a lock of its own, which is taken inside this one.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <coherent/sim.h>
#include <stdatomic.h>

#include "backend.h"
#include "base/lock.h"
#include "base/sys.h"
#include "sim/dma.h"
#include "sim/options.h"

#define SIM_REFUSED 16
#define SIM_TICK_NS SYS_NS_PER_MS

/**
 * struct sim_mishaps - How far the mishaps of a device are. The lock of the device guards the first
 * ones, up to @stuck.
 * @accesses: How many registers the driver has read or written, with the key "unplug".
 * @writes: How many it has written, with the key "stuck".
 * @irqs: How many interrupts the driver could have received, with the key "drop-irq".
 * @extra_irqs: How many registers it has written, with the key "extra-irq".
 * @stuck: The device does not work until it is reset.
 * @unplugged: The device is gone.
 * @lost_fd: The eventfd that is signalled when the device is gone; -1 without the key "unplug".
 * @allocs: How many allocations there were, with the key "fail-alloc".
 * @bar_opens: How many BARs were opened, with the key "fail-bar".
 * @irq_opens: How many interrupts were opened, with the key "fail-irq".
 */
struct sim_mishaps {
	uint64_t accesses;
	uint64_t writes;
	uint64_t irqs;
	uint64_t extra_irqs;
	bool stuck;
	atomic_bool unplugged;
	int lost_fd;
	atomic_ullong allocs;
	atomic_ullong bar_opens;
	atomic_ullong irq_opens;
};

/**
 * struct coherent_sim - A simulated device.
 * @backend: The part that the library knows.
 * @model: The device model. Never changes.
 * @own: The copy of the driver's model for sim:custom. Never changes.
 * @arg: The argument of the model's callbacks. Never changes.
 * @state: The state of a built-in model, which @arg points to; NULL for sim:custom. Never changes.
 * @mask: The DMA mask. Never changes.
 * @options: The keys of the device name. Never change.
 * @dma: The DMA engine, which has a lock of its own.
 * @thread: The thread that runs the model; there is none with the key "step". Never changes.
 * @inside: The thread that runs a callback, as sys_thread_self() tells it; 0 for none.
 * @refused: The calls that callbacks made and must not make. Each is reported once. Only the thread
 *	@inside uses them.
 * @wanted: The number of threads that wait for @lock to reach the device.
 * @lock: Guards the fields below.
 * @connected: The device is not closed.
 * @kicked: A register was written since the last tick.
 * @interrupted: The model interrupted since take_activity_locked() last looked.
 * @held: The next tick is delayed until @held_until.
 * @held_until: A time as of coherent_sim_now().
 * @ticks: The number of ticks so far, with the key "step".
 * @random: The state of the generator of delays and of interrupts.
 * @mishaps: The mishaps that the keys ask for.
 * @irq_fds: The eventfd of each vector; -1 if no thread waits for it.
 * @doorbell: The context in which the kernel signals them; 0 to write to them.
 * @doorbell_file: The file that such a context needs.
 */
struct coherent_sim {
	struct backend backend;
	const struct coherent_sim_model *model;
	struct coherent_sim_model own;
	void *arg;
	void *state;
	uint64_t mask;
	struct sim_options options;
	struct sim_dma dma;
	pthread_t thread;
	atomic_uintptr_t inside;
	const char *refused[SIM_REFUSED];
	atomic_uint wanted;
	struct lock lock;
	bool connected;
	bool kicked;
	bool interrupted;
	bool held;
	uint64_t held_until;
	uint64_t ticks;
	uint64_t random;
	struct sim_mishaps mishaps;
	int irq_fds[SIM_VECTORS_MAX];
	unsigned long doorbell;
	int doorbell_file;
};

static inline struct coherent_sim *sim_of(struct backend *backend)
{
	return (struct coherent_sim *)backend;
}

/**
 * sim_set_doorbell() - Let interrupts not wait for a process that has the eventfds too.
 * @sim: The device, without interrupts so far.
 * @context: A context of sys_doorbell_open(), which is open until the device is closed; 0 for none.
 * @file: The file that sys_doorbell_ring() needs.
 */
void sim_set_doorbell(struct coherent_sim *sim, unsigned long context, int file);

/**
 * sim_set_bus() - Let a model read and write the memory of another process.
 * @dev: The device.
 * @bus: The way to it. When the call returns, nobody uses the one before any more.
 *
 * Return: the device; NULL if @dev is not a sim: device, or has the key "step".
 */
struct coherent_sim *sim_set_bus(struct coherent_device *dev, struct sim_bus *bus);

#endif
