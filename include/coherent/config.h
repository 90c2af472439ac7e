/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The configuration space of a PCI device: its IDs, its capabilities and their registers.
 * The constants PCI_... of linux/pci_regs.h are offsets and the IDs of capabilities (PCI
 * Local Bus Specification 3.0, chapter 6; PCI Express Base Specification 5.0, chapter 7).
 *
 * Devices of vfio:, iommufd:, pci:, qemu: and vfio-user: have a configuration space. So do sim:edu,
 * and a sim:custom whose model has the callback .config_read.
 *
 * The library itself writes to the registers of BARs, vectors and the bus master bit, so a
 * driver does not. A driver in the kernel calls pci_read_config_dword() and the like.
 */
#ifndef COHERENT_CONFIG_H
#define COHERENT_CONFIG_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>

COHERENT_C_BEGIN

/**
 * coherent_config_read8() - Read 8 bits of the configuration space.
 * @dev: The device.
 * @offset: The offset in bytes.
 * @value: Set to the value in the CPU's byte order; all ones on failure.
 *
 * Context: any thread.
 * Return: 0; -EINVAL (@offset is not a multiple of the width, or over 4095), -ERANGE (the
 * configuration space of the device ends before), -EOPNOTSUPP (the device has none), -ENODEV,
 * -EIO, -EBUSY (a callback of the device's own model calls).
 */
COHERENT_MUST_CHECK
int coherent_config_read8(struct coherent_device *dev, unsigned int offset, uint8_t *value);

/**
 * coherent_config_read16() - Read 16 bits of the configuration space.
 * @dev: The device.
 * @offset: The offset in bytes, a multiple of 2.
 * @value: As for coherent_config_read8().
 *
 * Context: any thread.
 * Return: as coherent_config_read8().
 */
COHERENT_MUST_CHECK
int coherent_config_read16(struct coherent_device *dev, unsigned int offset, uint16_t *value);

/**
 * coherent_config_read32() - Read 32 bits of the configuration space.
 * @dev: The device.
 * @offset: The offset in bytes, a multiple of 4.
 * @value: As for coherent_config_read8().
 *
 * Context: any thread.
 * Return: as coherent_config_read8().
 */
COHERENT_MUST_CHECK
int coherent_config_read32(struct coherent_device *dev, unsigned int offset, uint32_t *value);

/**
 * coherent_config_write8() - Write 8 bits of the configuration space.
 * @dev: The device.
 * @offset: The offset in bytes.
 * @value: The value in the CPU's byte order.
 *
 * Context: any thread.
 * Return: as coherent_config_read8().
 */
COHERENT_MUST_CHECK
int coherent_config_write8(struct coherent_device *dev, unsigned int offset, uint8_t value);

/**
 * coherent_config_write16() - Write 16 bits of the configuration space.
 * @dev: The device.
 * @offset: The offset in bytes, a multiple of 2.
 * @value: The value in the CPU's byte order.
 *
 * Context: any thread.
 * Return: as coherent_config_read8().
 */
COHERENT_MUST_CHECK
int coherent_config_write16(struct coherent_device *dev, unsigned int offset, uint16_t value);

/**
 * coherent_config_write32() - Write 32 bits of the configuration space.
 * @dev: The device.
 * @offset: The offset in bytes, a multiple of 4.
 * @value: The value in the CPU's byte order.
 *
 * Context: any thread.
 * Return: as coherent_config_read8().
 */
COHERENT_MUST_CHECK
int coherent_config_write32(struct coherent_device *dev, unsigned int offset, uint32_t value);

/**
 * coherent_config_find() - Find a capability of the device.
 * @dev: The device.
 * @id: Its ID, such as PCI_CAP_ID_VNDR.
 * @offset: 0 for the first one, or the offset of one, for the next one behind it. Set to the
 *	offset of the capability; 0 on failure.
 *
 * For instance, all vendor-specific capabilities of a virtio device:
 *
 *	unsigned int at = 0;
 *
 *	while (!coherent_config_find(dev, PCI_CAP_ID_VNDR, &at))
 *		err = use_capability(dev, at);
 *
 * Context: any thread.
 * Return: 0; -ERANGE (there is none, or no more), -EINVAL (@offset is not that of a
 * capability), -EIO (the capabilities of the device form a ring, or one points to where none
 * can be), -EOPNOTSUPP, -ENODEV, -EBUSY.
 */
COHERENT_MUST_CHECK
int coherent_config_find(struct coherent_device *dev, unsigned int id, unsigned int *offset);

/**
 * coherent_config_find_extended() - Find an extended capability of a PCI Express device.
 * @dev: The device.
 * @id: Its ID, such as PCI_EXT_CAP_ID_ERR.
 * @offset: As for coherent_config_find().
 *
 * Context: any thread.
 * Return: as coherent_config_find().
 */
COHERENT_MUST_CHECK
int coherent_config_find_extended(struct coherent_device *dev, unsigned int id,
				  unsigned int *offset);

/**
 * struct coherent_ids - The IDs of a device.
 * @vendor: The vendor of the device.
 * @device: The ID that the vendor gave it.
 * @subsystem_vendor: The vendor of the card.
 * @subsystem: The ID that this vendor gave the card.
 * @class_code: The class, the subclass and the programming interface, 8 bits each.
 * @revision: The revision.
 * @reserved: 0.
 */
struct coherent_ids {
	uint16_t vendor;
	uint16_t device;
	uint16_t subsystem_vendor;
	uint16_t subsystem;
	uint32_t class_code;
	uint8_t revision;
	uint8_t reserved[3];
};

/**
 * coherent_base_config_ids() - coherent_config_ids() for a struct of some size.
 * @dev: The device.
 * @ids: The struct.
 * @size: Its size.
 *
 * Return: as coherent_config_ids().
 */
COHERENT_MUST_CHECK
int coherent_base_config_ids(struct coherent_device *dev, struct coherent_ids *ids, size_t size);

/**
 * coherent_config_ids() - Read the IDs of a device.
 * @dev: The device.
 * @ids: Filled in; all zero on failure.
 *
 * Context: any thread.
 * Return: 0; -EOPNOTSUPP (the device has no configuration space), -ENODEV, -EIO, -EBUSY.
 */
COHERENT_MUST_CHECK COHERENT_INLINE int
coherent_config_ids(struct coherent_device *dev, struct coherent_ids *ids)
{
	return coherent_base_config_ids(dev, ids, sizeof(*ids));
}

COHERENT_C_END

#endif
