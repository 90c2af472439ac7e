// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The configuration space of QEMU's models.
 */
#include <coherent/config.h>
#include <linux/pci_regs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"

/* The structures of virtio-pci are in the BARs that its capabilities name (virtio 1.2, 4.1.4). */
static void virtio_structures_are_found_in_configuration_space(void **state)
{
	/* Device, common and notification structures; another one names BAR and offset by itself. */
	unsigned int at = 0, kinds = 0;
	struct coherent_limits limits;
	COHERENT_DEVICE_AUTO(rng);
	struct coherent_ids ids;
	uint32_t head, place;

	(void)state;
	assert_ok(coherent_device_open(&rng, "qemu:virtio-rng-pci"));
	assert_ok(coherent_device_limits(rng, &limits));
	assert_ok(coherent_config_ids(rng, &ids));
	assert_int_equal(ids.vendor, 0x1af4);
	while (!coherent_config_find(rng, PCI_CAP_ID_VNDR, &at)) {
		assert_ok(coherent_config_read32(rng, at, &head));
		assert_ok(coherent_config_read32(rng, at + 4, &place));
		if (head >> 24 < 5)
			assert_true(limits.bar_bytes[place & 7]);
		kinds |= 1u << (head >> 24);
	}
	assert_int_equal(kinds & 0x1e, 0x1e);
}

/* Writes of 1 and 2 bytes leave their neighbours alone: the status is cleared by ones. */
static void configuration_space_of_a_model_is_accessed(void **state)
{
	struct coherent_ids ids;
	unsigned int at = 0;
	uint16_t command, line;
	uint32_t word;

	(void)state;
	assert_ok(coherent_config_ids(dev, &ids));
	assert_int_equal(ids.vendor << 16 | ids.device, 0x123411e8);
	assert_int_equal(ids.class_code, 0xff00);
	assert_ok(coherent_config_find(dev, PCI_CAP_ID_MSI, &at));
	assert_ok(coherent_config_read16(dev, at + PCI_MSI_FLAGS, &command));
	assert_true(command & PCI_MSI_FLAGS_64BIT);
	assert_ok(coherent_config_write8(dev, PCI_INTERRUPT_LINE, 9));
	assert_ok(coherent_config_read16(dev, PCI_INTERRUPT_LINE, &line));
	assert_int_equal(line & 0xff, 9);
	assert_int_equal(line >> 8, 1);
	assert_ok(coherent_config_write16(dev, PCI_CACHE_LINE_SIZE, 16));
	assert_ok(coherent_config_read32(dev, PCI_CACHE_LINE_SIZE, &word));
	assert_int_equal(word & 0xff, 16);
	assert_err(coherent_config_read32(dev, 256, &word), -ERANGE);
}

static void forked_child_has_no_configuration_space(void **state)
{
	unsigned int at = 0;
	uint32_t value;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid)
		_exit(coherent_config_read32(dev, 0, &value) != -ENODEV ||
		      coherent_config_write8(dev, 4096, 1) != -ENODEV ||
		      coherent_config_find(dev, 1, &at) != -ENODEV);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EDU(configuration_space_of_a_model_is_accessed),
		ON_EDU(forked_child_has_no_configuration_space),
		cmocka_unit_test(virtio_structures_are_found_in_configuration_space),
	};

	return RUN_WITH_QEMU(tests);
}
