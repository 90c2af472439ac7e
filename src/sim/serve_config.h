/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The configuration space of a served device, and the BAR of its MSI-X table.
 */
#ifndef SIM_SERVE_CONFIG_H
#define SIM_SERVE_CONFIG_H

#include "sim/sim.h"

#define SERVE_BARS 6
#define SERVE_CONFIG_BYTES 256
/* From here on the model answers, if it has configuration space. */
#define SERVE_MODEL_OFFSET 0x50
/* The BAR with the MSI-X table and, in its upper half, the pending bits. */
#define SERVE_TABLE_BYTES 4096
#define SERVE_PENDING_OFFSET 2048

/**
 * struct serve_ids - What configuration space says about the device.
 * @vendor: The vendor ID.
 * @device: The device ID.
 * @class_code: The class.
 * @revision: The revision.
 * @subsystem_vendor: The vendor of the card.
 * @subsystem: The ID of the card.
 */
struct serve_ids {
	uint16_t vendor;
	uint16_t device;
	uint32_t class_code;
	uint8_t revision;
	uint16_t subsystem_vendor;
	uint16_t subsystem;
};

/**
 * struct serve_config - Configuration space, and the BAR of the MSI-X table.
 * @bytes: Configuration space.
 * @writable: The bits of each byte that the client can change.
 * @model_has_reads: The model answers reads from SERVE_MODEL_OFFSET on.
 * @model_has_writes: The model takes writes there.
 * @hides_capabilities: The model has capabilities, but the client does not find them: one of them
 *	is before SERVE_MODEL_OFFSET.
 * @bar_bytes: The sizes of the BARs, each a power of two.
 * @table_bar: The number of the BAR with the table; SERVE_BARS if there is none.
 * @table: The contents of that BAR.
 */
struct serve_config {
	uint8_t bytes[SERVE_CONFIG_BYTES];
	uint8_t writable[SERVE_CONFIG_BYTES];
	bool model_has_reads;
	bool model_has_writes;
	bool hides_capabilities;
	uint64_t bar_bytes[SERVE_BARS];
	unsigned int table_bar;
	uint8_t table[SERVE_TABLE_BYTES];
};

/**
 * serve_config_open() - Make the configuration space of a device.
 * @config: Zero bytes. Set to it.
 * @sim: The device.
 * @ids: The IDs.
 *
 * Return: NULL, or what is wrong with the device.
 */
const char *serve_config_open(struct serve_config *config, struct coherent_sim *sim,
			      const struct serve_ids *ids);

/**
 * serve_config_reset() - Let configuration space be as after the open.
 * @config: The configuration space.
 */
void serve_config_reset(struct serve_config *config);

/**
 * serve_config_access() - Read or write bytes of configuration space.
 * @config: The configuration space.
 * @sim: The device.
 * @offset: The offset.
 * @data: The bytes.
 * @bytes: Their number. They are in configuration space.
 * @is_write: It is a write.
 */
void serve_config_access(struct serve_config *config, struct coherent_sim *sim, uint64_t offset,
			 uint8_t *data, size_t bytes, bool is_write);

#endif
