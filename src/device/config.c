// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Configuration space. The backends make the accesses, and this file follows the lists of capabilities.
 */
#include <coherent/config.h>
#include <limits.h>
#include <linux/pci_regs.h>

#include "device/result.h"

#define CONFIG_BYTES 4096

/* --- Accesses --- */

static int refuse(const struct coherent_device *dev, int err, const struct backend_config *access,
		  const char *why)
{
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: %s of %u bytes at 0x%x of configuration space: %s", dev->name,
	       access->is_write ? "write" : "read", access->width, access->offset, why);
	return err;
}

/* Another thread may close the device while a call asks a peer, or between two accesses of a call. */
static void hold(struct coherent_device *dev)
{
	if (dev)
		ref_hold(&dev->ref);
}

static void let_go(struct coherent_device *dev)
{
	if (dev)
		ref_put(&dev->ref);
}

static int reach(struct coherent_device *dev, struct backend_config *access)
{
	int err;

	if (!dev)
		return -ENODEV;
	if (access->offset % access->width || access->offset >= CONFIG_BYTES)
		return device_forked(dev) ? -ENODEV :
					    refuse(dev, -EINVAL, access,
						   "the offset is not a multiple of the width, or "
						   "over 4095");
	err = device_usable(dev);
	if (err)
		return err;
	if (!dev->backend->ops->config)
		return refuse(dev, -EOPNOTSUPP, access, "the device is not a PCI device");
	hold(dev);
	err = dev->backend->ops->config(dev->backend, access);
	if (err == -EOPNOTSUPP)
		(void)refuse(dev, err, access, "its model has no .config_read or .config_write");
	let_go(dev);
	return err;
}

static int read_config(struct coherent_device *dev, unsigned int offset, unsigned int width,
		       uint32_t *value)
{
	struct backend_config access = { .offset = offset, .width = width };
	int err = reach(dev, &access);

	*value = err ? UINT32_MAX : access.value;
	return err;
}

static int write_config(struct coherent_device *dev, unsigned int offset, unsigned int width,
			uint32_t value)
{
	struct backend_config access = {
		.offset = offset, .width = width, .is_write = true, .value = value
	};

	return reach(dev, &access);
}

int coherent_config_read8(struct coherent_device *dev, unsigned int offset, uint8_t *value)
{
	uint32_t word;
	int err = read_config(dev, offset, 1, &word);

	*value = (uint8_t)word;
	return err;
}

int coherent_config_read16(struct coherent_device *dev, unsigned int offset, uint16_t *value)
{
	uint32_t word;
	int err = read_config(dev, offset, 2, &word);

	*value = (uint16_t)word;
	return err;
}

int coherent_config_read32(struct coherent_device *dev, unsigned int offset, uint32_t *value)
{
	return read_config(dev, offset, 4, value);
}

int coherent_config_write8(struct coherent_device *dev, unsigned int offset, uint8_t value)
{
	return write_config(dev, offset, 1, value);
}

int coherent_config_write16(struct coherent_device *dev, unsigned int offset, uint16_t value)
{
	return write_config(dev, offset, 2, value);
}

int coherent_config_write32(struct coherent_device *dev, unsigned int offset, uint32_t value)
{
	return write_config(dev, offset, 4, value);
}

/* --- Capabilities --- */

/**
 * struct capability - A capability in one of the two lists.
 * @at: Its offset; 0 behind the end.
 * @id: Its ID; UINT_MAX if there is none.
 * @next: The offset of the next one; 0 for none.
 */
struct capability {
	unsigned int at;
	unsigned int id;
	unsigned int next;
};

/* The list begins here. 0: the device has none. */
static int read_first(struct coherent_device *dev, bool is_extended, unsigned int *at)
{
	uint16_t status;
	uint8_t first = 0;
	int err;

	*at = PCI_CFG_SPACE_SIZE;
	if (is_extended)
		return 0;
	err = coherent_config_read16(dev, PCI_STATUS, &status);
	if (!err && status & PCI_STATUS_CAP_LIST)
		err = coherent_config_read8(dev, PCI_CAPABILITY_LIST, &first);
	*at = first & ~3u;
	return err;
}

static int read_usual(struct coherent_device *dev, struct capability *capability)
{
	uint16_t head;
	int err = coherent_config_read16(dev, capability->at, &head);

	capability->id = head & 0xff;
	capability->next = head >> 8 & ~3u;
	return err;
}

/* The space of a device without such capabilities ends before, or reads as zeros or all ones. */
static int read_extended(struct coherent_device *dev, struct capability *capability)
{
	uint32_t head;
	int err = coherent_config_read32(dev, capability->at, &head);
	const bool is_there = !err && head && head != UINT32_MAX;

	capability->id = is_there ? PCI_EXT_CAP_ID(head) : UINT_MAX;
	capability->next = is_there ? PCI_EXT_CAP_NEXT(head) : 0;
	return err == -ERANGE ? 0 : err;
}

/* Returns whether a list has led to an offset before. */
static bool was_seen(uint64_t seen[CONFIG_BYTES / 4 / 64], unsigned int at)
{
	const uint64_t bit = UINT64_C(1) << at / 4 % 64;
	const bool was_set = seen[at / 4 / 64] & bit;

	seen[at / 4 / 64] |= bit;
	return was_set;
}

static int refuse_ring(const struct coherent_device *dev)
{
	report(&dev->reporter, COHERENT_ERROR, "%s: the capabilities of the device form a ring",
	       dev->name);
	return -EIO;
}

/* Registers in the head of the configuration space would look like a capability. */
static int refuse_pointer(const struct coherent_device *dev, unsigned int at)
{
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: a capability of the device points to 0x%x, where none can be", dev->name, at);
	return -EIO;
}

static int refuse_offset(const struct coherent_device *dev, unsigned int offset)
{
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: 0x%x is not the offset of a capability; begin with 0", dev->name, offset);
	return -EINVAL;
}

/* Each search begins with the first capability, so that a driver gets no capability of a ring twice. */
static int search(struct coherent_device *dev, bool is_extended, unsigned int id,
		  unsigned int *offset)
{
	const unsigned int lowest = is_extended ? PCI_CFG_SPACE_SIZE : PCI_STD_HEADER_SIZEOF;
	const unsigned int before = *offset;
	uint64_t seen[CONFIG_BYTES / 4 / 64] = { 0 };
	struct capability capability;
	bool is_behind = !before;
	int err;

	*offset = 0;
	err = read_first(dev, is_extended, &capability.at);
	for (; !err && capability.at; capability.at = capability.next) {
		if (capability.at < lowest)
			return refuse_pointer(dev, capability.at);
		if (was_seen(seen, capability.at))
			return refuse_ring(dev);
		err = is_extended ? read_extended(dev, &capability) : read_usual(dev, &capability);
		if (!err && is_behind && capability.id == id && id != UINT_MAX) {
			*offset = capability.at;
			return 0;
		}
		is_behind |= capability.at == before && capability.id != UINT_MAX;
	}
	if (err)
		return err;
	return is_behind ? -ERANGE : refuse_offset(dev, before);
}

static int find(struct coherent_device *dev, bool is_extended, unsigned int id,
		unsigned int *offset)
{
	int err;

	hold(dev);
	err = search(dev, is_extended, id, offset);
	let_go(dev);
	return err;
}

int coherent_config_find(struct coherent_device *dev, unsigned int id, unsigned int *offset)
{
	return find(dev, false, id, offset);
}

int coherent_config_find_extended(struct coherent_device *dev, unsigned int id,
				  unsigned int *offset)
{
	return find(dev, true, id, offset);
}

/* --- IDs --- */

static int read_ids(struct coherent_device *dev, struct coherent_ids *ids)
{
	uint32_t words[3] = { 0 };
	int err = coherent_config_read32(dev, PCI_VENDOR_ID, &words[0]);

	if (!err)
		err = coherent_config_read32(dev, PCI_CLASS_REVISION, &words[1]);
	if (!err)
		err = coherent_config_read32(dev, PCI_SUBSYSTEM_VENDOR_ID, &words[2]);
	*ids = (struct coherent_ids){
		.vendor = (uint16_t)words[0],
		.device = (uint16_t)(words[0] >> 16),
		.subsystem_vendor = (uint16_t)words[2],
		.subsystem = (uint16_t)(words[2] >> 16),
		.class_code = words[1] >> 8,
		.revision = (uint8_t)words[1],
	};
	return err;
}

int coherent_base_config_ids(struct coherent_device *dev, struct coherent_ids *ids, size_t size)
{
	static const struct result_kind kind = {
		"coherent_config_ids()",
		"coherent_ids",
		sizeof(*ids),
	};
	struct coherent_ids found;
	int err = result_begin(dev, &kind, ids, size);

	hold(dev);
	if (!err)
		err = read_ids(dev, &found);
	let_go(dev);
	return result_end(err, &kind, ids, size, &found);
}
