/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * DMA of a simulated device. Every access is translated, checked and copied under the lock of the
 * IOMMU, so when an unmapping returns no access to that memory is in flight. A device misbehaves
 * only if a key of its name asks for that.
 */
#ifndef SIM_DMA_H
#define SIM_DMA_H

#include <bsd/sys/queue.h>
#include <coherent/sim.h>

#include "device/iommu_port.h"
#include "sim/options.h"

#define SIM_SEEN 64
#define SIM_LATE 32

/**
 * struct sim_stale - A mapping that the library ended and the IOMMU still has, with the key "lazy".
 * @link: The entry in the list @stale of struct sim_dma.
 * @address: The device address.
 * @bytes: The size in whole pages.
 */
struct sim_stale {
	SLIST_ENTRY(sim_stale) link;
	uint64_t address;
	size_t bytes;
};

/**
 * struct sim_bus - The way to the memory of another process, for a device that is served to it.
 * @dma: Read or write memory there. Returns 0 or -EIO. The lock of the device is held.
 */
struct sim_bus {
	int (*dma)(struct sim_bus *bus, uint64_t address, void *buffer, size_t bytes,
		   enum coherent_access access);
};

/**
 * struct sim_dma - The DMA engine of a device and its IOMMU.
 * @port: Its port of the IOMMU, whose lock guards the fields below.
 * @options: The keys of the device. Never change.
 * @bus: Where the model reads and writes instead of the IOMMU; NULL for the IOMMU. The lock of the
 *	device guards it.
 * @progress: The device wrote since sim_dma_take_progress() last cleared this.
 * @random: The state of the random number generator.
 * @maps: The number of mappings now.
 * @map_calls: The number of calls that mapped or tried to.
 * @unmap_calls: The number of calls that unmapped or tried to.
 * @stale: The mappings whose unmapping is delayed.
 * @torn_address: The device address of the second part of a torn write.
 * @torn_bytes: The size of that part; 0 if there is none.
 * @torn_data: The bytes of that part.
 * @drop_writes: How many writes there were, with the key "drop-write".
 * @repeat_writes: How many writes arrived, with the key "repeat-write".
 * @repeat_address: The device address of a write that arrives again in the next tick.
 * @repeat_bytes: The size of that write; 0 if there is none.
 * @repeat_data: The bytes of that write.
 * @seen: A ring of the addresses that the device used last.
 * @seen_next: The index of the next entry of @seen to fill.
 * @late: The addresses that the device uses again after they were unmapped.
 * @late_left: How often the device still uses each of them.
 */
struct sim_dma {
	struct iommu_port port;
	struct sim_options options;
	struct sim_bus *bus;
	bool progress;
	uint64_t random;
	uint64_t maps;
	uint64_t map_calls;
	uint64_t unmap_calls;
	SLIST_HEAD(, sim_stale) stale;
	uint64_t torn_address;
	size_t torn_bytes;
	char *torn_data;
	uint64_t drop_writes;
	uint64_t repeat_writes;
	uint64_t repeat_address;
	size_t repeat_bytes;
	char *repeat_data;
	uint64_t seen[SIM_SEEN];
	unsigned int seen_next;
	uint64_t late[SIM_LATE];
	unsigned int late_left[SIM_LATE];
};

/**
 * sim_dma_random() - The next number of a seeded sequence.
 * @state: The state of the generator, not 0. It changes.
 *
 * Return: the number.
 */
uint64_t sim_dma_random(uint64_t *state);

/**
 * sim_dma_chance() - Whether a key such as drop-irq=N means this event.
 * @nth: The value of the key; 0 if it is not given.
 * @seed: The value of the key "seed". Without a seed, the key hits the Nth event. With a seed, it hits each
 *	event with a chance of one in N.
 * @count: The number of events so far, if there is no seed. It changes.
 * @random: The state of a generator. It changes only if a seed and the key are given.
 */
bool sim_dma_chance(uint64_t nth, uint64_t seed, uint64_t *count, uint64_t *random);

/**
 * sim_dma_open() - Make a DMA engine.
 * @dma: Zero bytes.
 * @dev: The device.
 * @mask: The DMA mask of the device.
 * @options: The keys of the device.
 * @beside: The engine whose IOMMU it shares, or NULL.
 *
 * Return: 0; -ENOMEM.
 */
int sim_dma_open(struct sim_dma *dma, struct coherent_device *dev, uint64_t mask,
		 const struct sim_options *options, struct sim_dma *beside);

/**
 * sim_dma_disconnect() - Unmap everything of the device, and refuse every access from now on.
 * @dma: The engine.
 */
void sim_dma_disconnect(struct sim_dma *dma);

/**
 * sim_dma_close() - Free a DMA engine.
 * @dma: The engine, disconnected or never used.
 */
void sim_dma_close(struct sim_dma *dma);

/**
 * sim_dma_map() - Let the device reach memory, as the map of struct backend_ops does.
 * @dma: The engine.
 * @mapping: The memory and its device address.
 *
 * Return: 0; -ENODEV, -EIO (the key "fail-map"), -ENOSPC (the key "maps"), -ENOMEM.
 */
int sim_dma_map(struct sim_dma *dma, const struct backend_mapping *mapping);

/**
 * sim_dma_unmap() - End a mapping, as the unmap of struct backend_ops does.
 * @dma: The engine.
 * @mapping: The mapping.
 *
 * Return: 0; -ENODEV, -EIO (the key "fail-unmap").
 */
int sim_dma_unmap(struct sim_dma *dma, const struct backend_mapping *mapping);

/**
 * sim_dma_fence() - End torn, repeated and late writes, and the mappings whose unmapping is delayed.
 * @dma: The engine.
 *
 * Return: 0; -ENODEV.
 */
int sim_dma_fence(struct sim_dma *dma);

/**
 * sim_dma_do() - Read or write memory for the model, with the misbehaviour that the keys ask for.
 * @dma: The engine.
 * @address: The device address.
 * @buffer: The memory of the model.
 * @bytes: The number of bytes.
 * @access: Read or write.
 *
 * Return: 0; -EIO (the access was refused, and there is a fault).
 */
int sim_dma_do(struct sim_dma *dma, uint64_t address, void *buffer, size_t bytes,
	       enum coherent_access access);

/**
 * sim_dma_push() - Make the rest of a torn write arrive, because something follows it on the bus.
 * @dma: The engine.
 *
 * The value of a register and an interrupt do not pass an earlier write of the device on a PCI bus.
 */
void sim_dma_push(struct sim_dma *dma);

/**
 * sim_dma_tick() - Make the rest of torn and repeated writes arrive, and make late accesses.
 * @dma: The engine.
 */
void sim_dma_tick(struct sim_dma *dma);

/**
 * sim_dma_take_progress() - Ask whether the device wrote to memory since the last call.
 * @dma: The engine.
 *
 * Return: whether it did.
 */
bool sim_dma_take_progress(struct sim_dma *dma);

#endif
