/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * DMA of a simulated device: every access is translated and checked under one
 * lock, and copied under it, so when unmapping returns nothing is under way.
 * Here are also the ways in which a device misbehaves, when it is asked to.
 */
#ifndef SIM_DMA_H
#define SIM_DMA_H

#include <coherent/sim.h>
#include <sys/queue.h>

#include "base/lock.h"
#include "sim/iommu.h"

#define SIM_FAULTS 64
#define SIM_SEEN 64
#define SIM_LATE 32

/**
 * struct sim_options - Keys of a sim: device; see coherent/sim.h.
 * @mask: Address bits; 0 for those of the model.
 * @step: Flag.
 * @seed: 0 if none was given.
 * @delay: Ticks.
 * @torn: Flag.
 * @late: Flag.
 * @lazy: Flag.
 * @maps: Most mappings at a time; 0 for no limit.
 * @fail_map: Which mapping fails; 0 for none.
 * @fail_unmap: Which unmapping fails; 0 for none.
 */
struct sim_options {
	uint64_t mask;
	uint64_t step;
	uint64_t seed;
	uint64_t delay;
	uint64_t torn;
	uint64_t late;
	uint64_t lazy;
	uint64_t maps;
	uint64_t fail_map;
	uint64_t fail_unmap;
};

/**
 * struct sim_stale - What was unmapped lazily.
 * @link: Of dma->stale.
 * @address: Device address.
 * @bytes: Whole pages.
 */
struct sim_stale {
	SLIST_ENTRY(sim_stale) link;
	uint64_t address;
	size_t bytes;
};

/**
 * struct sim_dma - The DMA engine of a device and its IOMMU.
 * @dev: The device, for the names of faults. Never changes.
 * @options: Never changes.
 * @lock: Guards what follows.
 * @iommu: The page table.
 * @connected: Mapping is possible.
 * @progress: The device wrote since somebody cleared this.
 * @random: State of the generator.
 * @maps: Mappings there are.
 * @map_calls: Mappings asked for.
 * @unmap_calls: Unmappings asked for.
 * @stale: What was unmapped lazily.
 * @faults: A ring of faults not read yet.
 * @fault_first: The oldest.
 * @fault_count: How many.
 * @fault_lost: How many were overwritten since one was read.
 * @torn_address: Where the second part of a torn write goes.
 * @torn_bytes: How long it is; 0 for none.
 * @torn_data: The bytes.
 * @seen: Addresses that the device used last; a ring.
 * @seen_next: The next entry of @seen.
 * @late: Addresses to be used again after they were unmapped.
 * @late_left: How often.
 */
struct sim_dma {
	struct coherent_device *dev;
	struct sim_options options;
	struct lock lock;
	struct sim_iommu iommu;
	bool connected;
	bool progress;
	uint64_t random;
	uint64_t maps;
	uint64_t map_calls;
	uint64_t unmap_calls;
	SLIST_HEAD(, sim_stale) stale;
	struct coherent_fault faults[SIM_FAULTS];
	unsigned int fault_first;
	unsigned int fault_count;
	unsigned long fault_lost;
	uint64_t torn_address;
	size_t torn_bytes;
	char *torn_data;
	uint64_t seen[SIM_SEEN];
	unsigned int seen_next;
	uint64_t late[SIM_LATE];
	unsigned int late_left[SIM_LATE];
};

/**
 * sim_dma_random() - The next number of a seeded sequence.
 * @state: Not 0.
 */
uint64_t sim_dma_random(uint64_t *state);

/**
 * sim_dma_open() - Make a DMA engine.
 * @dma: Zero bytes.
 * @dev: The device.
 * @mask: Its DMA mask.
 * @options: Its keys.
 *
 * Return: 0; -ENOMEM.
 */
int sim_dma_open(struct sim_dma *dma, struct coherent_device *dev, uint64_t mask,
		 const struct sim_options *options);

/**
 * sim_dma_disconnect() - From now on every access is refused.
 * @dma: The engine.
 */
void sim_dma_disconnect(struct sim_dma *dma);

/**
 * sim_dma_close() - Free a DMA engine.
 * @dma: Disconnected.
 */
void sim_dma_close(struct sim_dma *dma);

/**
 * sim_dma_map() - backend_ops.map.
 * @dma: The engine.
 * @mapping: What to map.
 */
int sim_dma_map(struct sim_dma *dma, const struct backend_mapping *mapping);

/**
 * sim_dma_unmap() - backend_ops.unmap.
 * @dma: The engine.
 * @mapping: What was mapped.
 */
int sim_dma_unmap(struct sim_dma *dma, const struct backend_mapping *mapping);

/**
 * sim_dma_fence() - End what is in flight: torn and late writes, stale mappings.
 * @dma: The engine.
 *
 * Return: 0; -ENODEV.
 */
int sim_dma_fence(struct sim_dma *dma);

/**
 * sim_dma_next_fault() - backend_ops.next_fault.
 * @dma: The engine.
 * @fault: Filled in.
 */
int sim_dma_next_fault(struct sim_dma *dma, struct coherent_fault *fault);

/**
 * sim_dma_do() - The model reads or writes memory.
 * @dma: The engine.
 * @address: Device address.
 * @buffer: The model's memory.
 * @bytes: How many.
 * @access: Read or write.
 *
 * Return: 0; -EIO, and there is a fault.
 */
int sim_dma_do(struct sim_dma *dma, uint64_t address, void *buffer, size_t bytes,
	       enum coherent_access access);

/**
 * sim_dma_try() - A test tries memory in the name of the device.
 * @dma: The engine.
 * @address: Device address.
 * @buffer: The test's memory.
 * @bytes: How many.
 * @access: Read or write.
 *
 * Behaves well and leaves no trace but the fault.
 *
 * Return: 0; -EIO, and there is a fault.
 */
int sim_dma_try(struct sim_dma *dma, uint64_t address, void *buffer, size_t bytes,
		enum coherent_access access);

/**
 * sim_dma_tick() - Second parts of torn writes arrive, and late accesses.
 * @dma: The engine.
 */
void sim_dma_tick(struct sim_dma *dma);

/**
 * sim_dma_take_progress() - Whether the device wrote since the last call.
 * @dma: The engine.
 */
bool sim_dma_take_progress(struct sim_dma *dma);

#endif
