// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <arpa/inet.h>
#include <coherent/bar.h>
#include <coherent/config.h>
#include <coherent/fabric.h>
#include <endian.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identify.h"
#include "pci.h"

#define EDU_ID 0xed
#define EDU_BAR_BYTES (1 << 20)
#define EDU_IDS 0x123411e8u
#define NVME_CLASS 0x010802
#define NVME_VERSION 0x08
#define NVME_BAR_MIN 0x1008
#define RING_ID 0x676e6972

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static uint32_t read32(struct coherent_device *dev, uint64_t offset)
{
	COHERENT_BAR_AUTO(bar);

	return coherent_bar_open(&bar, dev, 0) ? UINT32_MAX : coherent_bar_read32(bar, offset);
}

static uint64_t bar_bytes(struct coherent_device *dev)
{
	struct coherent_limits limits;

	return coherent_device_limits(dev, &limits) ? 0 : limits.bar_bytes[0];
}

static enum identity identify_edu(struct coherent_device *dev, char *text, size_t size)
{
	const uint32_t id = bar_bytes(dev) == EDU_BAR_BYTES ? read32(dev, 0) : 0;

	if ((id & 0xff) != EDU_ID)
		return IDENTITY_UNKNOWN;
	snprintf(text, size, "edu, version %u.%u", (unsigned int)(id >> 24),
		 (unsigned int)(id >> 16 & 0xff));
	return IDENTITY_EDU;
}

static enum identity identify_nvme(struct coherent_device *dev, char *text, size_t size)
{
	const uint32_t version = bar_bytes(dev) >= NVME_BAR_MIN ? read32(dev, NVME_VERSION) : 0;

	if (version >> 16 < 1 || version >> 16 > 2)
		return IDENTITY_UNKNOWN;
	snprintf(text, size, "NVMe controller, version %u.%u", (unsigned int)(version >> 16),
		 (unsigned int)(version >> 8 & 0xff));
	return IDENTITY_NVME;
}

static enum identity identify_virtio(struct coherent_device *dev, char *text, size_t size)
{
	const uint32_t id = read32(dev, VIRTIO_MMIO_DEVICE_ID);

	snprintf(text, size, "virtio device, ID %u, vendor 0x%08x", (unsigned int)id,
		 (unsigned int)read32(dev, VIRTIO_MMIO_VENDOR_ID));
	return id == VIRTIO_ID_BLOCK ? IDENTITY_VIRTIO_BLK : IDENTITY_UNKNOWN;
}

static enum identity identify_ids(struct coherent_device *dev, const struct pci *pci, char *text,
				  size_t size)
{
	enum identity identity = IDENTITY_UNKNOWN;
	char more[64] = "";

	if ((pci->vendor << 16 | pci->device) == EDU_IDS)
		identity = identify_edu(dev, more, sizeof(more));
	else if (pci->class == NVME_CLASS)
		identity = identify_nvme(dev, more, sizeof(more));
	snprintf(text, size, "%04" PRIx64 ":%04" PRIx64 ", class %06" PRIx64 "%s%s", pci->vendor,
		 pci->device, pci->class, *more ? ", " : "", more);
	return identity;
}

static enum identity identify_pci(struct coherent_device *dev, const char *target, char *text,
				  size_t size)
{
	const struct sysfs sysfs = { .root = "" };
	char address[24], *only = strndup(target, strcspn(target, ","));
	enum identity identity = IDENTITY_UNKNOWN;
	struct pci pci;

	if (only && pci_address(only, address) && pci_read(&sysfs, address, &pci))
		identity = identify_ids(dev, &pci, text, size);
	free(only);
	return identity;
}

/*
 * sysfs does not know a device in another process, such as a model of QEMU. So the configuration
 * space tells the IDs.
 */
static enum identity identify_config(struct coherent_device *dev, char *text, size_t size)
{
	struct pci pci = { .vendor = 0 };
	uint32_t ids, class;

	if (coherent_config_read32(dev, PCI_VENDOR_ID, &ids) ||
	    coherent_config_read32(dev, PCI_CLASS_REVISION, &class))
		return IDENTITY_UNKNOWN;
	pci.vendor = ids & 0xffff;
	pci.device = ids >> 16;
	pci.class = class >> 8;
	return identify_ids(dev, &pci, text, size);
}

/* Providers over IP have names in these two formats. Others are not shown. */
static void print_address(const struct coherent_fabric_name *name, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memcpy(&v4, name->data, sizeof(v4));
	memcpy(&v6, name->data, sizeof(v6));
	*text = '\0';
	if (le32toh(name->bytes) == sizeof(v4) && v4.sin_family == AF_INET)
		inet_ntop(AF_INET, &v4.sin_addr, address, sizeof(address));
	else if (le32toh(name->bytes) == sizeof(v6) && v6.sin6_family == AF_INET6)
		inet_ntop(AF_INET6, &v6.sin6_addr, address, sizeof(address));
	/* Both have the port at the same place. */
	if (*address)
		snprintf(text, size, ", %s, port %u", address, (unsigned int)ntohs(v4.sin_port));
}

static enum identity identify_fabric(struct coherent_device *dev, const char *target, char *text,
				     size_t size)
{
	struct coherent_fabric_name name;
	char address[INET6_ADDRSTRLEN + 16] = "";

	if (!coherent_fabric_get_name(dev, &name))
		print_address(&name, address, sizeof(address));
	snprintf(text, size, "endpoint of libfabric, provider %.*s%s", (int)strcspn(target, ","),
		 target, address);
	return IDENTITY_FABRIC;
}

enum identity identify(struct coherent_device *dev, const char *name, char *text, size_t size)
{
	const char *target = strchr(name, ':');

	*text = '\0';
	if (starts_with(name, "vfio:") || starts_with(name, "iommufd:") ||
	    starts_with(name, "pci:"))
		return identify_pci(dev, target + 1, text, size);
	if (starts_with(name, "vfio-user:") || starts_with(name, "qemu:"))
		return identify_config(dev, text, size);
	if (starts_with(name, "vhost-user:"))
		return identify_virtio(dev, text, size);
	if (starts_with(name, "fabric:"))
		return identify_fabric(dev, target + 1, text, size);
	if (starts_with(name, "sim:") && read32(dev, 0) == RING_ID) {
		snprintf(text, size, "ring device of the simulator");
		return IDENTITY_UNKNOWN;
	}
	return identify_edu(dev, text, size);
}
