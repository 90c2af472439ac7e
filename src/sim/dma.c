// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The DMA engine of a simulated device: the misbehaviour that the keys "torn", "late", "lazy",
 * "drop-write" and "repeat-write" ask for. Its accesses go through a port of the software IOMMU.
 */
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "sim/dma.h"
#include "sim/sim.h"

#define LATE_USES 4
/*
 * An IOMMU translates more address bits than most devices have. So a driver that sets too wide a
 * mask gets addresses that its device cannot use, as with hardware.
 */
#define IOMMU_MASK_MIN (UINT64_MAX >> 16)

uint64_t sim_dma_random(uint64_t *state)
{
	/* xorshift64, Marsaglia 2003. */
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

bool sim_dma_chance(uint64_t nth, uint64_t seed, uint64_t *count, uint64_t *random)
{
	if (!nth)
		return false;
	return seed ? sim_dma_random(random) % nth == 0 : ++*count == nth;
}

int sim_dma_open(struct sim_dma *dma, struct coherent_device *dev, uint64_t mask,
		 const struct sim_options *options, struct sim_dma *beside)
{
	int err = iommu_port_open(&dma->port, dev, mask | IOMMU_MASK_MIN, options->exact,
				  beside ? &beside->port : NULL);

	if (err)
		return err;
	dma->options = *options;
	/* xorshift stays at 0 for ever if it begins there. */
	dma->random = options->seed ? options->seed : 1;
	SLIST_INIT(&dma->stale);
	return 0;
}

void sim_dma_close(struct sim_dma *dma)
{
	iommu_port_close(&dma->port);
}

/* --- Torn writes --- */

static void finish_torn_write_locked(struct sim_dma *dma) NEEDS_LOCK(dma->port.iommu->lock)
{
	if (!dma->torn_bytes)
		return;
	/* If the memory was unmapped since the first part, this part is refused as one fault. */
	(void)iommu_port_access_locked(&dma->port, dma->torn_address, dma->torn_data,
				       dma->torn_bytes, COHERENT_ACCESS_WRITE);
	free(dma->torn_data);
	dma->torn_bytes = 0;
}

/*
 * Returns the offset at which to split a write: its address is a multiple of 8 inside the write. 0
 * means that there is no such address.
 */
static size_t choose_split(struct sim_dma *dma, uint64_t address, size_t bytes)
{
	const uint64_t first = (address | 7) + 1;
	const uint64_t last = (address + bytes - 1) & ~UINT64_C(7);

	/*
	 * coherent/sim.h promises that each aligned word arrives as a whole, so a part never ends
	 * inside one.
	 */
	if (first > last)
		return 0;
	return (size_t)(first - address +
			sim_dma_random(&dma->random) % ((last - first) / 8 + 1) * 8);
}

/* The IOMMU permitted the whole write. One part of it arrives now, the other part later. */
static void write_torn_locked(struct sim_dma *dma, uint64_t address, char *buffer, size_t bytes)
	NEEDS_LOCK(dma->port.iommu->lock)
{
	const size_t split = choose_split(dma, address, bytes);
	const bool tail_first = sim_dma_random(&dma->random) >> 63;
	const size_t kept = tail_first ? 0 : split;
	const size_t kept_bytes = tail_first ? split : bytes - split;

	dma->torn_data = split ? malloc(kept_bytes) : NULL;
	/* A write may always arrive as a whole, so a lack of memory is not an error. */
	if (!dma->torn_data) {
		iommu_port_copy_locked(&dma->port, address, buffer, bytes, COHERENT_ACCESS_WRITE);
		return;
	}
	memcpy(dma->torn_data, buffer + kept, kept_bytes);
	dma->torn_address = address + kept;
	dma->torn_bytes = kept_bytes;
	if (tail_first)
		iommu_port_copy_locked(&dma->port, address + split, buffer + split, bytes - split,
				       COHERENT_ACCESS_WRITE);
	else
		iommu_port_copy_locked(&dma->port, address, buffer, split, COHERENT_ACCESS_WRITE);
}

/* --- Repeated writes --- */

static void finish_repeated_write_locked(struct sim_dma *dma) NEEDS_LOCK(dma->port.iommu->lock)
{
	if (!dma->repeat_bytes)
		return;
	/* If the memory was unmapped since the first time, the write is refused, with a fault. */
	(void)iommu_port_access_locked(&dma->port, dma->repeat_address, dma->repeat_data,
				       dma->repeat_bytes, COHERENT_ACCESS_WRITE);
	free(dma->repeat_data);
	dma->repeat_bytes = 0;
}

/* Keeps a write for the next tick. If one is kept already, this one does not repeat. */
static void repeat_write_locked(struct sim_dma *dma, uint64_t address, const char *buffer,
				size_t bytes) NEEDS_LOCK(dma->port.iommu->lock)
{
	if (dma->repeat_bytes)
		return;
	dma->repeat_data = malloc(bytes);
	/* A write may always arrive once, so a lack of memory is not an error. */
	if (!dma->repeat_data)
		return;
	memcpy(dma->repeat_data, buffer, bytes);
	dma->repeat_address = address;
	dma->repeat_bytes = bytes;
}

/* --- Late accesses --- */

static void note_used_locked(struct sim_dma *dma, uint64_t address)
	NEEDS_LOCK(dma->port.iommu->lock)
{
	dma->seen[dma->seen_next] = address;
	dma->seen_next = (dma->seen_next + 1) % SIM_SEEN;
}

/*
 * Notes an address in a mapping that the device has used, so that it uses it again later. One is
 * enough: a model that reads byte by byte would fill the queue of faults with the same object.
 */
static void remember_late_locked(struct sim_dma *dma, const struct backend_mapping *mapping)
	NEEDS_LOCK(dma->port.iommu->lock)
{
	bool noted = false;

	for (unsigned int i = 0; i < SIM_SEEN; i++) {
		/*
		 * sim_limits() gives no object an address in page 0, so 0 is an entry that is not
		 * used.
		 */
		if (!dma->seen[i] || dma->seen[i] - mapping->address >= mapping->bytes)
			continue;
		for (unsigned int k = 0; k < SIM_LATE && !noted; k++) {
			if (dma->late_left[k])
				continue;
			/* An aligned write stays in the page. */
			dma->late[k] = dma->seen[i] & ~UINT64_C(7);
			dma->late_left[k] = LATE_USES;
			noted = true;
		}
		dma->seen[i] = 0;
	}
}

static void write_late_locked(struct sim_dma *dma) NEEDS_LOCK(dma->port.iommu->lock)
{
	uint64_t garbage = UINT64_C(0xdddddddddddddddd);

	for (unsigned int k = 0; k < SIM_LATE; k++) {
		if (!dma->late_left[k] || sim_dma_random(&dma->random) >> 63)
			continue;
		dma->late_left[k]--;
		(void)iommu_port_access_locked(&dma->port, dma->late[k], &garbage, sizeof(garbage),
					       COHERENT_ACCESS_WRITE);
	}
}

/* --- Calls of the model --- */

/* The IOMMU permitted the whole write. */
static void write_locked(struct sim_dma *dma, uint64_t address, char *buffer, size_t bytes)
	NEEDS_LOCK(dma->port.iommu->lock)
{
	const struct sim_options *options = &dma->options;

	dma->progress = true;
	if (!bytes ||
	    sim_dma_chance(options->drop_write, options->seed, &dma->drop_writes, &dma->random))
		return;
	if (sim_dma_chance(options->repeat_write, options->seed, &dma->repeat_writes, &dma->random))
		repeat_write_locked(dma, address, buffer, bytes);
	if (options->torn)
		write_torn_locked(dma, address, buffer, bytes);
	else
		iommu_port_copy_locked(&dma->port, address, buffer, bytes, COHERENT_ACCESS_WRITE);
}

/* Notes an access to the memory of another process. Returns whether it is a write that is lost. */
static bool note_on_bus(struct sim_dma *dma, enum coherent_access access)
{
	const struct sim_options *options = &dma->options;
	bool is_lost;

	if (access != COHERENT_ACCESS_WRITE)
		return false;
	lock_take(&dma->port.iommu->lock);
	dma->progress = true;
	is_lost =
		sim_dma_chance(options->drop_write, options->seed, &dma->drop_writes, &dma->random);
	lock_drop(&dma->port.iommu->lock);
	return is_lost;
}

int sim_dma_do(struct sim_dma *dma, uint64_t address, void *buffer, size_t bytes,
	       enum coherent_access access)
{
	int err;

	/* The other process may take long to answer, so the lock of the IOMMU is not held. */
	if (dma->bus)
		return !bytes || note_on_bus(dma, access) ?
			       0 :
			       dma->bus->dma(dma->bus, address, buffer, bytes, access);
	lock_take(&dma->port.iommu->lock);
	/* A device's writes arrive in order, so the part that was kept comes before this access. */
	finish_torn_write_locked(dma);
	err = iommu_port_check_locked(&dma->port, address, bytes, access);
	if (err)
		goto out;
	note_used_locked(dma, address);
	if (access == COHERENT_ACCESS_WRITE)
		write_locked(dma, address, buffer, bytes);
	else
		iommu_port_copy_locked(&dma->port, address, buffer, bytes, access);
out:
	lock_drop(&dma->port.iommu->lock);
	return err;
}

void sim_dma_push(struct sim_dma *dma)
{
	if (!dma->options.torn)
		return;
	lock_take(&dma->port.iommu->lock);
	finish_torn_write_locked(dma);
	lock_drop(&dma->port.iommu->lock);
}

void sim_dma_tick(struct sim_dma *dma)
{
	lock_take(&dma->port.iommu->lock);
	finish_torn_write_locked(dma);
	finish_repeated_write_locked(dma);
	write_late_locked(dma);
	lock_drop(&dma->port.iommu->lock);
}

bool sim_dma_take_progress(struct sim_dma *dma)
{
	bool progress;

	lock_take(&dma->port.iommu->lock);
	progress = dma->progress;
	dma->progress = false;
	lock_drop(&dma->port.iommu->lock);
	return progress;
}

/* --- Calls of the library --- */

static int map_locked(struct sim_dma *dma, const struct backend_mapping *mapping)
	NEEDS_LOCK(dma->port.iommu->lock)
{
	int err;

	if (!dma->port.connected)
		return -ENODEV;
	if (++dma->map_calls == dma->options.fail_map)
		return -EIO;
	if (dma->options.maps && dma->maps == dma->options.maps)
		return -ENOSPC;
	err = iommu_map(dma->port.iommu, mapping);
	if (!err)
		dma->maps++;
	return err;
}

int sim_dma_map(struct sim_dma *dma, const struct backend_mapping *mapping)
{
	int err;

	lock_take(&dma->port.iommu->lock);
	err = map_locked(dma, mapping);
	lock_drop(&dma->port.iommu->lock);
	return err;
}

static int unmap_locked(struct sim_dma *dma, const struct backend_mapping *mapping)
	NEEDS_LOCK(dma->port.iommu->lock)
{
	struct sim_stale *stale;

	if (!dma->port.connected)
		return -ENODEV;
	if (++dma->unmap_calls == dma->options.fail_unmap)
		return -EIO;
	dma->maps--;
	if (dma->options.late)
		remember_late_locked(dma, mapping);
	/* If there is no memory to note a delayed unmapping, the device unmaps at once. */
	stale = dma->options.lazy ? malloc(sizeof(*stale)) : NULL;
	if (!stale) {
		iommu_unmap(dma->port.iommu, mapping->address, mapping->bytes);
		return 0;
	}
	stale->address = mapping->address;
	stale->bytes = mapping->bytes;
	SLIST_INSERT_HEAD(&dma->stale, stale, link);
	return 0;
}

int sim_dma_unmap(struct sim_dma *dma, const struct backend_mapping *mapping)
{
	int err;

	lock_take(&dma->port.iommu->lock);
	err = unmap_locked(dma, mapping);
	lock_drop(&dma->port.iommu->lock);
	return err;
}

static void drop_stale_locked(struct sim_dma *dma) NEEDS_LOCK(dma->port.iommu->lock)
{
	struct sim_stale *stale;

	while ((stale = SLIST_FIRST(&dma->stale))) {
		SLIST_REMOVE_HEAD(&dma->stale, link);
		/*
		 * The device could reach the memory until here, so the library kept it away from
		 * other objects.
		 */
		iommu_unmap(dma->port.iommu, stale->address, stale->bytes);
		free(stale);
	}
	memset(dma->late_left, 0, sizeof(dma->late_left));
}

int sim_dma_fence(struct sim_dma *dma)
{
	int err = -ENODEV;

	lock_take(&dma->port.iommu->lock);
	if (dma->port.connected) {
		finish_torn_write_locked(dma);
		finish_repeated_write_locked(dma);
		drop_stale_locked(dma);
		err = 0;
	}
	lock_drop(&dma->port.iommu->lock);
	return err;
}

static void disconnect_locked(struct sim_dma *dma) NEEDS_LOCK(dma->port.iommu->lock)
{
	finish_torn_write_locked(dma);
	finish_repeated_write_locked(dma);
	drop_stale_locked(dma);
	dma->port.connected = false;
}

/* Ends what is mapped in a part of the addresses of the device. */
static int clear(struct backend *backend, uint64_t first, uint64_t last)
{
	struct sim_dma *dma = &sim_of(backend)->dma;

	lock_take(&dma->port.iommu->lock);
	iommu_clear(dma->port.iommu, first, last);
	lock_drop(&dma->port.iommu->lock);
	return 0;
}

void sim_dma_disconnect(struct sim_dma *dma)
{
	lock_take(&dma->port.iommu->lock);
	disconnect_locked(dma);
	lock_drop(&dma->port.iommu->lock);
	(void)beside_each(dma->port.dev, 0, UINT64_MAX, clear);
}
