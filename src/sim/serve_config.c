// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The configuration space of a served device: what linux/pci_regs.h calls type 0, with MSI-X as its
 * first capability. The model's own bytes begin behind that, and its capabilities follow.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "sim/serve_config.h"

/* The capability is at the first place behind the header. */
#define MSIX_OFFSET 0x40
#define MSIX_BYTES 12
/* PCI Local Bus Specification 3.0, 6.2.5.1: a memory BAR has 16 bytes at least. */
#define BAR_MIN 16
/* A BAR of 32 bits is at most half of the address space. */
#define BAR_MAX (UINT64_C(1) << 31)
/* A capability has at least 4 bytes, so a longer list is a ring. The client gets the ring, too. */
#define CAPABILITIES_MAX (SERVE_CONFIG_BYTES / 4)

static void put(uint8_t *at, uint32_t value, unsigned int width)
{
	backend_put_bytes((char *)at, value, width);
}

/* 1, 2 or 4 bytes that are aligned. */
static void ask_model(struct coherent_sim *sim, uint64_t offset, uint8_t *data, size_t bytes,
		      bool is_write)
{
	struct backend_config access = {
		.offset = (unsigned int)offset,
		.width = (unsigned int)bytes,
		.is_write = is_write,
		.value = (uint32_t)backend_get_bytes((char *)data, (unsigned int)bytes),
	};
	struct backend *backend = &sim->backend;

	if (!backend->ops->config(backend, &access) && !is_write)
		put(data, access.value, (unsigned int)bytes);
}

static uint64_t round_up(uint64_t bytes)
{
	uint64_t size = BAR_MIN;

	while (size < bytes)
		size *= 2;
	return size;
}

static void add_bar(struct serve_config *config, unsigned int bar, uint64_t bytes)
{
	config->bar_bytes[bar] = bytes;
	/* A driver learns the size from the bits that do not stay. */
	put(config->writable + PCI_BASE_ADDRESS_0 + 4 * bar, ~(uint32_t)(bytes - 1), 4);
}

static const char *add_bars(struct serve_config *config, const struct coherent_sim_model *model)
{
	config->table_bar = SERVE_BARS;
	for (unsigned int bar = 0; bar < SERVE_BARS; bar++) {
		if (model->bar_size[bar] > BAR_MAX)
			return "a BAR is larger than 2 GiB, which a BAR of 32 bits cannot be";
		if (model->bar_size[bar])
			add_bar(config, bar, round_up(model->bar_size[bar]));
		else if (model->vectors && config->table_bar == SERVE_BARS)
			config->table_bar = bar;
	}
	if (!model->vectors)
		return NULL;
	if (config->table_bar == SERVE_BARS)
		return "no BAR is left for the MSI-X table; a model with vectors has 5 BARs at "
		       "most";
	add_bar(config, config->table_bar, SERVE_TABLE_BYTES);
	return NULL;
}

static void begin_list(struct serve_config *config, uint8_t at)
{
	config->bytes[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	config->bytes[PCI_CAPABILITY_LIST] = at;
}

/* Returns a byte that the model has; 0 if the device is gone. */
static uint8_t read_model(struct coherent_sim *sim, unsigned int offset)
{
	uint8_t byte = 0;

	ask_model(sim, offset, &byte, 1, false);
	return byte;
}

/* The client gets the model's list as it is, so all of it must be where the model answers. */
static void add_model(struct serve_config *config, struct coherent_sim *sim)
{
	const bool has_list = read_model(sim, PCI_STATUS) & PCI_STATUS_CAP_LIST;
	const uint8_t first = has_list ? read_model(sim, PCI_CAPABILITY_LIST) & 0xfc : 0;
	unsigned int count = 0;

	for (uint8_t at = first; at && count < CAPABILITIES_MAX; count++) {
		if (at < SERVE_MODEL_OFFSET) {
			config->hides_capabilities = true;
			return;
		}
		at = read_model(sim, at + PCI_CAP_LIST_NEXT) & 0xfc;
	}
	if (first)
		begin_list(config, first);
}

static void add_msix(struct serve_config *config, unsigned int vectors)
{
	uint8_t *at = config->bytes + MSIX_OFFSET;

	at[PCI_CAP_LIST_ID] = PCI_CAP_ID_MSIX;
	at[PCI_CAP_LIST_NEXT] = config->bytes[PCI_CAPABILITY_LIST];
	begin_list(config, MSIX_OFFSET);
	put(at + PCI_MSIX_FLAGS, vectors - 1, 2);
	put(at + PCI_MSIX_TABLE, config->table_bar, 4);
	put(at + PCI_MSIX_PBA, SERVE_PENDING_OFFSET | config->table_bar, 4);
	put(config->writable + MSIX_OFFSET + PCI_MSIX_FLAGS,
	    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	_Static_assert(MSIX_OFFSET + MSIX_BYTES <= SERVE_MODEL_OFFSET, "the capability fits");
	_Static_assert(SIM_VECTORS_MAX * PCI_MSIX_ENTRY_SIZE <= SERVE_PENDING_OFFSET,
		       "the table fits");
}

static void add_ids(struct serve_config *config, const struct serve_ids *ids)
{
	uint8_t *bytes = config->bytes;

	put(bytes + PCI_VENDOR_ID, ids->vendor, 2);
	put(bytes + PCI_DEVICE_ID, ids->device, 2);
	bytes[PCI_REVISION_ID] = ids->revision;
	put(bytes + PCI_CLASS_PROG, ids->class_code, 3);
	put(bytes + PCI_SUBSYSTEM_VENDOR_ID, ids->subsystem_vendor, 2);
	put(bytes + PCI_SUBSYSTEM_ID, ids->subsystem, 2);
	put(config->writable + PCI_COMMAND,
	    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE, 2);
	config->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	config->writable[PCI_LATENCY_TIMER] = 0xff;
	config->writable[PCI_INTERRUPT_LINE] = 0xff;
}

const char *serve_config_open(struct serve_config *config, struct coherent_sim *sim,
			      const struct serve_ids *ids)
{
	const struct coherent_sim_model *model = sim->model;
	const char *mistake = add_bars(config, model);

	if (mistake)
		return mistake;
	add_ids(config, ids);
	if (model->config_read)
		add_model(config, sim);
	if (model->vectors)
		add_msix(config, model->vectors);
	config->model_has_reads = model->config_read;
	config->model_has_writes = model->config_write;
	return NULL;
}

void serve_config_reset(struct serve_config *config)
{
	/* All that a client can change is 0 after the open. */
	for (size_t i = 0; i < SERVE_CONFIG_BYTES; i++)
		config->bytes[i] &= (uint8_t)~config->writable[i];
	memset(config->table, 0, sizeof(config->table));
}

/* Whether the model can take an access as a whole. Otherwise it gets one for each byte. */
static bool is_whole(uint64_t offset, size_t bytes)
{
	return (bytes == 2 || bytes == 4) && offset % bytes == 0 && offset >= SERVE_MODEL_OFFSET;
}

static void access_byte(struct serve_config *config, uint64_t offset, uint8_t *byte, bool is_write)
{
	uint8_t *at = config->bytes + offset;
	const uint8_t writable = config->writable[offset];

	if (is_write)
		*at = (uint8_t)((*at & ~writable) | (*byte & writable));
	else
		*byte = *at;
}

void serve_config_access(struct serve_config *config, struct coherent_sim *sim, uint64_t offset,
			 uint8_t *data, size_t bytes, bool is_write)
{
	const bool model_has = is_write ? config->model_has_writes : config->model_has_reads;

	if (model_has && is_whole(offset, bytes)) {
		ask_model(sim, offset, data, bytes, is_write);
		return;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (model_has && offset + i >= SERVE_MODEL_OFFSET)
			ask_model(sim, offset + i, data + i, 1, is_write);
		else
			access_byte(config, offset + i, data + i, is_write);
	}
}
