/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The port of a device to the software IOMMU. Every access of the device is translated, checked and
 * copied under the lock of the IOMMU, so when an unmapping returns no access to that memory is in
 * flight. The callers of the functions whose names end in "locked" hold the lock.
 */
#ifndef IOMMU_PORT_H
#define IOMMU_PORT_H

#include "device/iommu.h"

#define IOMMU_FAULTS 64

/**
 * struct iommu_port - The port of a device.
 * @dev: The device, which names the objects that faults hit. Never changes.
 * @iommu: The page table. Its lock guards the fields below. Never changes.
 * @is_exact: An access must stay in the elements of one object, and not only in mapped pages.
 *	Never changes.
 * @connected: The device is not disconnected, so memory can be mapped.
 * @faults: A ring of the faults that were not read yet.
 * @fault_first: The index of the oldest fault.
 * @fault_count: The number of faults in the ring.
 * @fault_lost: The number of faults that were overwritten since a fault was last read.
 */
struct iommu_port {
	struct coherent_device *dev;
	struct iommu *iommu;
	bool is_exact;
	bool connected;
	struct coherent_fault faults[IOMMU_FAULTS];
	unsigned int fault_first;
	unsigned int fault_count;
	unsigned long fault_lost;
};

/**
 * iommu_port_open() - Make a port.
 * @port: Zero bytes.
 * @dev: The device.
 * @mask: The largest address that a new IOMMU translates.
 * @is_exact: An access must stay in the elements of one object.
 * @beside: The port whose IOMMU it shares, or NULL.
 *
 * Return: 0; -ENOMEM.
 */
int iommu_port_open(struct iommu_port *port, struct coherent_device *dev, uint64_t mask,
		    bool is_exact, struct iommu_port *beside);

/**
 * iommu_port_close() - End the use of the IOMMU.
 * @port: The port.
 */
void iommu_port_close(struct iommu_port *port);

/**
 * iommu_port_next_fault() - Take the oldest fault that was not read yet.
 * @port: The port.
 * @fault: Receives the fault.
 *
 * Return: 0; -EAGAIN (there is no fault).
 */
int iommu_port_next_fault(struct iommu_port *port, struct coherent_fault *fault);

/**
 * iommu_port_check_locked() - Ask whether an access is permitted, and note a fault if it is not.
 * @port: The port.
 * @address: The device address.
 * @bytes: The number of bytes.
 * @access: Read or write.
 *
 * Return: 0; -EIO.
 */
int iommu_port_check_locked(struct iommu_port *port, uint64_t address, size_t bytes,
			    enum coherent_access access) NEEDS_LOCK(port->iommu->lock);

/**
 * iommu_port_copy_locked() - Make an access that iommu_port_check_locked() permitted.
 * @port: The port.
 * @address: The device address.
 * @buffer: The memory of the device.
 * @bytes: The number of bytes.
 * @access: Read or write.
 */
void iommu_port_copy_locked(struct iommu_port *port, uint64_t address, char *buffer, size_t bytes,
			    enum coherent_access access) NEEDS_LOCK(port->iommu->lock);

/**
 * iommu_port_access_locked() - Check an access and make it.
 * @port: The port.
 * @address: The device address.
 * @buffer: The memory of the device.
 * @bytes: The number of bytes.
 * @access: Read or write.
 *
 * Return: 0; -EIO (the access was refused, and there is a fault).
 */
int iommu_port_access_locked(struct iommu_port *port, uint64_t address, void *buffer, size_t bytes,
			     enum coherent_access access) NEEDS_LOCK(port->iommu->lock);

/**
 * iommu_port_try() - Check an access and make it, without the lock.
 * @port: The port.
 * @address: The device address.
 * @buffer: The memory of the device.
 * @bytes: The number of bytes.
 * @access: Read or write.
 *
 * Return: 0; -EIO (the access was refused, and there is a fault).
 */
int iommu_port_try(struct iommu_port *port, uint64_t address, void *buffer, size_t bytes,
		   enum coherent_access access);

/**
 * iommu_port_prepare() - Take the memory that a mapping needs, so that iommu_port_map() cannot fail for lack
 * of memory.
 * @port: The port.
 * @mapping: The mapping. The device does not reach it yet.
 *
 * Return: 0; -ENODEV, -ENOMEM.
 */
int iommu_port_prepare(struct iommu_port *port, const struct backend_mapping *mapping);

/**
 * iommu_port_map() - Let the device reach memory.
 * @port: The port.
 * @mapping: The memory and its address; nothing else may be mapped there.
 *
 * Return: 0; -ENODEV, -ENOMEM (nothing is mapped).
 */
int iommu_port_map(struct iommu_port *port, const struct backend_mapping *mapping);

/**
 * iommu_port_unmap() - End a mapping. No access to it is in flight when this returns.
 * @port: The port.
 * @mapping: The mapping.
 *
 * Return: 0; -ENODEV.
 */
int iommu_port_unmap(struct iommu_port *port, const struct backend_mapping *mapping);

/**
 * iommu_port_order() - Order what this thread does before and after the call with the device.
 * @port: The port.
 *
 * Later accesses of the device see what the thread did before. After the call the thread sees all
 * accesses that the device made before. A driver and a device in another process tell each other when
 * by messages. The kernel orders them, but the memory model of C does not know that. So the thread
 * takes the lock that each access of the device takes.
 */
void iommu_port_order(struct iommu_port *port);

/**
 * iommu_port_disconnect() - Unmap all, and refuse every access from now on.
 * @port: The port, whose IOMMU no other port uses.
 */
void iommu_port_disconnect(struct iommu_port *port);

#endif
