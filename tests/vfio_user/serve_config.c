// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver finds the IDs and the capabilities of a model in its own process and behind a server.
 */
#include <coherent/config.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include "client.h"

#define FIRST 0x50
#define SECOND 0x60
#define THIRD 0x70

static const struct coherent_ids model_ids = { 0x1af4, 0x1041, 0x1234, 0x5678, 0x020000, 1, {} };
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

static void set_capability(uint8_t at, uint8_t id, uint8_t next)
{
	config[at] = id;
	config[at + 1] = next;
}

static int setup(void **state)
{
	(void)state;
	memset(config, 0, sizeof(config));
	memset(&server, 0, sizeof(server));
	memcpy(config + PCI_VENDOR_ID, &model_ids.vendor, 2);
	memcpy(config + PCI_DEVICE_ID, &model_ids.device, 2);
	memcpy(config + PCI_SUBSYSTEM_VENDOR_ID, &model_ids.subsystem_vendor, 2);
	memcpy(config + PCI_SUBSYSTEM_ID, &model_ids.subsystem, 2);
	config[PCI_CLASS_REVISION] = model_ids.revision;
	config[PCI_CLASS_DEVICE + 1] = (uint8_t)(model_ids.class_code >> 16);
	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_CAPABILITY_LIST] = FIRST;
	set_capability(FIRST, PCI_CAP_ID_VNDR, SECOND);
	set_capability(SECOND, PCI_CAP_ID_PM, THIRD);
	set_capability(THIRD, PCI_CAP_ID_VNDR, 0);
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
	assert_memory_equal(&ids, &model_ids, sizeof(ids));
}

static void assert_finds_capabilities(struct coherent_device *dev)
{
	unsigned int at = 0;

	assert_ok(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at));
	assert_int_equal(at, FIRST);
	assert_ok(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at));
	assert_int_equal(at, THIRD);
	assert_err(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at), -ERANGE);
	assert_ok(coherent_config_find(dev, PCI_CAP_ID_PM, &at));
	assert_int_equal(at, SECOND);
}

static void model_is_the_same_in_both_places(void **state)
{
	struct coherent_device *dev;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom", .model = &model));
	assert_ids_are_the_models(dev);
	assert_finds_capabilities(dev);
	coherent_device_close(dev);
	for (unsigned int vectors = 0; vectors < 2; vectors++) {
		unsigned int at = 0;

		dev = open_served(vectors);
		assert_ids_are_the_models(dev);
		assert_finds_capabilities(dev);
		assert_err(coherent_config_find(dev, PCI_CAP_ID_MSIX, &at), vectors ? 0 : -ERANGE);
		close_served(dev);
	}
	assert_int_equal(server.reports.count, 0);
}

/* Searches the served model for a capability. Returns the result of the search. */
static int search_served(unsigned int id)
{
	struct coherent_device *dev = open_served(1);
	unsigned int at = 0;
	int err = coherent_config_find(dev, id, &at);

	close_served(dev);
	return err;
}

static void lists_of_a_model_may_be_false(void **state)
{
	(void)state;
	/* The driver finds a ring, as it does without a server. */
	set_capability(THIRD, PCI_CAP_ID_VNDR, FIRST);
	assert_err(search_served(0xfe), -EIO);
	set_capability(THIRD, PCI_CAP_ID_VNDR, 0);
	config[PCI_STATUS] = 0;
	assert_err(search_served(PCI_CAP_ID_VNDR), -ERANGE);
	assert_int_equal(server.reports.count, 0);
}

static void capabilities_where_the_server_has_its_own_are_reported(void **state)
{
	struct coherent_device *dev;
	unsigned int at = 0;

	(void)state;
	set_capability(THIRD, PCI_CAP_ID_VNDR, 0x44);
	dev = open_served(1);
	assert_true(log_has(&server.reports, "before 0x50"));
	assert_ok(coherent_config_find(dev, PCI_CAP_ID_MSIX, &at));
	assert_err(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at), -ERANGE);
	close_served(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(model_is_the_same_in_both_places, setup),
		cmocka_unit_test_setup(lists_of_a_model_may_be_false, setup),
		cmocka_unit_test_setup(capabilities_where_the_server_has_its_own_are_reported,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
