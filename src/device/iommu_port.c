// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Accesses of a device through the software IOMMU, and the faults of those that it refuses.
 *
 * SHARED: the functions here are the device's side of exposed memory. They use the same atomic
 * accesses as drivers do, so that the memory model of C defines what each side sees.
 * ORDER: reads acquire and writes release, so the device's accesses stay in order, as on a bus
 * (sim_reads.litmus, sim_writes.litmus).
 * All that a driver did before it rang the doorbell has happened for every thread that sees the
 * answer of the device.
 */
#include <string.h>

#include "device/lookup.h"
#include "device/iommu_port.h"

#define LINE_BYTES 64
#define TURNS_MAX 100

int iommu_port_open(struct iommu_port *port, struct coherent_device *dev, uint64_t mask,
		    bool is_exact, struct iommu_port *beside)
{
	int err = 0;

	if (beside) {
		port->iommu = beside->iommu;
		iommu_use(port->iommu);
	} else {
		err = iommu_open(&port->iommu, mask);
	}
	if (err)
		return err;
	port->dev = dev;
	port->is_exact = is_exact;
	port->connected = true;
	return 0;
}

void iommu_port_close(struct iommu_port *port)
{
	iommu_close(port->iommu);
}

/* --- Faults --- */

/* The caller names the object with @name, which may take the store lock, as base/lock.h allows. */
static void record_fault_locked(struct iommu_port *port, uint64_t address, size_t bytes,
				enum coherent_access access,
				void (*name)(struct coherent_device *dev,
					     struct coherent_fault *fault))
	NEEDS_LOCK(port->iommu->lock)
{
	struct coherent_fault *fault;

	if (port->fault_count == IOMMU_FAULTS) {
		port->fault_first = (port->fault_first + 1) % IOMMU_FAULTS;
		port->fault_count--;
		port->fault_lost++;
	}
	fault = &port->faults[(port->fault_first + port->fault_count++) % IOMMU_FAULTS];
	*fault = (struct coherent_fault){ .address = address, .bytes = bytes, .access = access };
	/* The object is named now: its record may be gone when the driver reads the fault. */
	name(port->dev, fault);
}

int iommu_port_next_fault(struct iommu_port *port, struct coherent_fault *fault)
{
	int err = -EAGAIN;

	lock_take(&port->iommu->lock);
	if (port->fault_count) {
		*fault = port->faults[port->fault_first];
		fault->lost = port->fault_lost;
		port->fault_lost = 0;
		port->fault_first = (port->fault_first + 1) % IOMMU_FAULTS;
		port->fault_count--;
		err = 0;
	}
	lock_drop(&port->iommu->lock);
	return err;
}

/* --- Accesses --- */

/* Reads twice until both reads agree, so that all bytes are of one moment. */
static void read_line(const char *from, char *to, size_t bytes)
{
	char again[LINE_BYTES];

	/*
	 * Drivers rely on a line being read as one, which every coherent bus keeps. The turns are
	 * limited, so that a thread that writes without a pause cannot stop the device.
	 */
	for (unsigned int turn = 0; turn < TURNS_MAX; turn++) {
		coherent_bytes_out(from, to, bytes, __ATOMIC_ACQUIRE);
		coherent_bytes_out(from, again, bytes, __ATOMIC_ACQUIRE);
		if (!memcmp(to, again, bytes))
			break;
	}
}

static uint64_t word_of(const char *line, size_t i)
{
	return coherent_load(line + 8 * i, 0, 8, 0, __ATOMIC_ACQUIRE).u64;
}

/* Does the same for a whole line, as most lines are. Unrolled loops take half the time. */
static void read_whole_line(const char *from, char *to)
{
	uint64_t word, differs = 1;

	for (unsigned int turn = 0; differs && turn < TURNS_MAX; turn++) {
#pragma GCC unroll 8
		for (size_t i = 0; i < LINE_BYTES / 8; i++) {
			word = word_of(from, i);
			memcpy(to + 8 * i, &word, 8);
		}
		differs = 0;
#pragma GCC unroll 8
		for (size_t i = 0; i < LINE_BYTES / 8; i++) {
			memcpy(&word, to + 8 * i, 8);
			differs |= word ^ word_of(from, i);
		}
	}
}

/* Returns the number of bytes from an address to the end of its line or page, at most n. */
static size_t bytes_to_end(uint64_t address, uint64_t unit, size_t n)
{
	const uint64_t left = unit - (address & (unit - 1));

	return n < left ? n : (size_t)left;
}

/* Inlined, this function would take registers from the loop of writes. */
static __attribute__((noinline)) void read_lines(const char *from, char *to, size_t bytes)
{
	while (bytes) {
		const size_t n = bytes_to_end((uintptr_t)from, LINE_BYTES, bytes);

		if (n == LINE_BYTES)
			read_whole_line(from, to);
		else
			read_line(from, to, n);
		from += n;
		to += n;
		bytes -= n;
	}
}

void iommu_port_copy_locked(struct iommu_port *port, uint64_t address, char *buffer, size_t bytes,
			    enum coherent_access access) NEEDS_LOCK(port->iommu->lock)
{
	const uint64_t page = UINT64_C(1) << port->iommu->page_shift;

	while (bytes) {
		const size_t n = bytes_to_end(address, page, bytes);
		char *va = iommu_translate(port->iommu, address, access);

		if (access == COHERENT_ACCESS_READ)
			read_lines(va, buffer, n);
		else
			coherent_bytes_in(va, buffer, n, __ATOMIC_RELEASE);
		address += n;
		buffer += n;
		bytes -= n;
	}
}

/* Returns how many bytes the IOMMU permits before the first that it refuses. */
static size_t permitted_locked(struct iommu_port *port, uint64_t address, size_t bytes,
			       enum coherent_access access) NEEDS_LOCK(port->iommu->lock)
{
	const uint64_t page = UINT64_C(1) << port->iommu->page_shift;
	size_t done;

	if (!port->connected)
		return 0;
	/* An access that wraps around is refused too, because no object is in page 0. */
	for (done = 0; done < bytes; done += bytes_to_end(address + done, page, bytes - done))
		if (!iommu_translate(port->iommu, address + done, access))
			break;
	return done;
}

int iommu_port_check_locked(struct iommu_port *port, uint64_t address, size_t bytes,
			    enum coherent_access access) NEEDS_LOCK(port->iommu->lock)
{
	const size_t permitted = permitted_locked(port, address, bytes, access);
	const uint64_t reach = port->is_exact ? lookup_reach(port->dev, address) : UINT64_MAX;

	if (reach < permitted)
		record_fault_locked(port, address + reach, bytes - (size_t)reach, access,
				    lookup_reach_fault);
	else if (permitted < bytes)
		record_fault_locked(port, address + permitted, bytes - permitted, access,
				    lookup_fault);
	else
		return 0;
	return -EIO;
}

int iommu_port_access_locked(struct iommu_port *port, uint64_t address, void *buffer, size_t bytes,
			     enum coherent_access access) NEEDS_LOCK(port->iommu->lock)
{
	int err = iommu_port_check_locked(port, address, bytes, access);

	if (!err)
		iommu_port_copy_locked(port, address, buffer, bytes, access);
	return err;
}

int iommu_port_try(struct iommu_port *port, uint64_t address, void *buffer, size_t bytes,
		   enum coherent_access access)
{
	int err;

	lock_take(&port->iommu->lock);
	err = iommu_port_access_locked(port, address, buffer, bytes, access);
	lock_drop(&port->iommu->lock);
	return err;
}

/* --- Mappings --- */

int iommu_port_prepare(struct iommu_port *port, const struct backend_mapping *mapping)
{
	int err = -ENODEV;

	lock_take(&port->iommu->lock);
	if (port->connected)
		err = iommu_map(port->iommu, mapping);
	/* INVARIANT: tables are never freed before the close. */
	if (!err)
		iommu_unmap(port->iommu, mapping->address, mapping->bytes);
	lock_drop(&port->iommu->lock);
	return err;
}

int iommu_port_map(struct iommu_port *port, const struct backend_mapping *mapping)
{
	int err = -ENODEV;

	lock_take(&port->iommu->lock);
	if (port->connected)
		err = iommu_map(port->iommu, mapping);
	lock_drop(&port->iommu->lock);
	return err;
}

int iommu_port_unmap(struct iommu_port *port, const struct backend_mapping *mapping)
{
	int err = -ENODEV;

	lock_take(&port->iommu->lock);
	if (port->connected) {
		iommu_unmap(port->iommu, mapping->address, mapping->bytes);
		err = 0;
	}
	lock_drop(&port->iommu->lock);
	return err;
}

void iommu_port_order(struct iommu_port *port)
{
	lock_take(&port->iommu->lock);
	lock_drop(&port->iommu->lock);
}

void iommu_port_disconnect(struct iommu_port *port)
{
	lock_take(&port->iommu->lock);
	port->connected = false;
	iommu_clear(port->iommu, 0, port->iommu->mask);
	lock_drop(&port->iommu->lock);
}
