// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver finds the IDs of a model in its own process and behind a server.
 */
#include <coherent/config.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include "client.h"

static uint8_t config[256];
static struct server server;

static uint32_t read_config(struct coherent_sim *sim, void *arg, unsigned int offset,
			    unsigned int width)
{
	uint32_t value = 0;

	(void)sim;
	(void)arg;
	for (unsigned int i = 0; i < width && offset + i < sizeof(config); i++)
		value |= (uint32_t)config[offset + i] << 8 * i;
	return value;
}

static struct coherent_sim_model model = {
	.name = "capable",
	.mask = UINT64_MAX,
	.bar_size = { 4096 },
	.config_read = read_config,
};

static int setup(void **state)
{
	static const struct coherent_ids ids = { 0x1af4, 0x1041, 0x1234, 0x5678, 0x020000, 1, {} };

	(void)state;
	memset(config, 0, sizeof(config));
	memset(&server, 0, sizeof(server));
	memcpy(config + PCI_VENDOR_ID, &ids.vendor, 2);
	memcpy(config + PCI_DEVICE_ID, &ids.device, 2);
	memcpy(config + PCI_SUBSYSTEM_VENDOR_ID, &ids.subsystem_vendor, 2);
	memcpy(config + PCI_SUBSYSTEM_ID, &ids.subsystem, 2);
	config[PCI_CLASS_REVISION] = ids.revision;
	config[PCI_CLASS_DEVICE + 1] = 0x02;
	server.options.name = "sim:custom";
	server.options.model = &model;
	return 0;
}

/* Opens the model behind a server. */
static struct coherent_device *open_served(unsigned int vectors)
{
	struct coherent_device *dev;
	char name[SCRATCH_MAX + 20];

	model.vectors = vectors;
	server_start(&server);
	snprintf(name, sizeof(name), "vfio-user:%s", server.path);
	assert_ok(coherent_device_open(&dev, name, .report = coherent_report_stderr));
	return dev;
}

static void close_served(struct coherent_device *dev)
{
	coherent_device_close(dev);
	assert_ok(server_stop(&server));
}

static void assert_ids_are_the_models(struct coherent_device *dev)
{
	struct coherent_ids ids;

	assert_ok(coherent_config_ids(dev, &ids));
	assert_int_equal(ids.vendor, 0x1af4);
	assert_int_equal(ids.device, 0x1041);
	assert_int_equal(ids.subsystem_vendor, 0x1234);
	assert_int_equal(ids.subsystem, 0x5678);
	assert_int_equal(ids.class_code, 0x020000);
	assert_int_equal(ids.revision, 1);
}

static void model_is_the_same_in_both_places(void **state)
{
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model));
	assert_ids_are_the_models(dev);
	coherent_device_close(dev);
	for (unsigned int vectors = 0; vectors < 2; vectors++) {
		dev = open_served(vectors);
		assert_ids_are_the_models(dev);
		close_served(dev);
	}
	assert_int_equal(server.reports.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(model_is_the_same_in_both_places, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
