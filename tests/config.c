// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Configuration space, of models whose bytes these tests choose.
 */
#include <coherent/config.h>
#include <linux/pci_regs.h>

#include "test.h"

/**
 * struct card - The argument of the model.
 * @bytes: Its configuration space.
 * @sim: The device.
 * @dev: The device, for a callback that makes a call of the driver; NULL for none.
 * @result: The result of that call.
 */
struct card {
	uint8_t bytes[4096];
	struct coherent_device *dev;
	int result;
};

static uint32_t card_read(struct coherent_sim *sim, void *arg, unsigned int offset,
			  unsigned int width)
{
	struct card *card = arg;
	uint32_t value = 0;
	uint8_t byte;

	(void)sim;
	if (card->dev)
		card->result = coherent_config_read8(card->dev, 0, &byte);
	for (unsigned int i = 0; i < width; i++)
		value |= (uint32_t)card->bytes[offset + i] << 8 * i;
	return value;
}

static void card_write(struct coherent_sim *sim, void *arg, unsigned int offset, unsigned int width,
		       uint32_t value)
{
	struct card *card = arg;

	(void)sim;
	for (unsigned int i = 0; i < width; i++)
		card->bytes[offset + i] = (uint8_t)(value >> 8 * i);
}

static const struct coherent_sim_model card_model = {
	.name = "card",
	.mask = UINT64_MAX,
	.config_read = card_read,
	.config_write = card_write,
};

static struct log reports;

static struct coherent_device *open_card(struct card *card)
{
	struct coherent_device *dev;

	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &card_model,
				       .model_arg = card, .report = log_report,
				       .report_arg = &reports));
	return dev;
}

static void put_capability(struct card *card, unsigned int at, uint8_t id, uint8_t next)
{
	card->bytes[at] = id;
	card->bytes[at + 1] = next;
}

static void put_list(struct card *card, uint8_t first)
{
	card->bytes[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	card->bytes[PCI_CAPABILITY_LIST] = first;
}

static void put_extended(struct card *card, unsigned int at, uint16_t id, uint16_t next)
{
	const uint32_t head = id | 1u << 16 | (uint32_t)next << 20;

	card_write(NULL, card, at, 4, head);
}

/* --- Accesses --- */

static void each_width_is_read_and_written(void **state)
{
	static struct card card = { .bytes = { 0x01, 0x23, 0x45, 0x67, [4095] = 0x89 } };
	struct coherent_device *dev = open_card(&card);
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;

	(void)state;
	assert_ok(coherent_config_read8(dev, 1, &u8));
	assert_int_equal(u8, 0x23);
	assert_ok(coherent_config_read16(dev, 2, &u16));
	assert_int_equal(u16, 0x6745);
	assert_ok(coherent_config_read32(dev, 0, &u32));
	assert_int_equal(u32, 0x67452301);
	assert_ok(coherent_config_read8(dev, 4095, &u8));
	assert_int_equal(u8, 0x89);
	assert_ok(coherent_config_write32(dev, 256, 0xa1b2c3d4));
	assert_ok(coherent_config_write16(dev, 258, 0xe5f6));
	assert_ok(coherent_config_write8(dev, 256, 0x78));
	assert_memory_equal(&card.bytes[255], ((uint8_t[]){ 0, 0x78, 0xc3, 0xf6, 0xe5, 0 }), 6);
	assert_int_equal(reports.count, 0);
	coherent_device_close(dev);
}

static void bad_offset_is_refused(void **state)
{
	static const unsigned int offsets[] = { 1, 2, 3, 4096, 4100, UINT32_MAX - 3, UINT32_MAX };
	static struct card card;
	struct coherent_device *dev = open_card(&card);
	uint32_t u32 = 0;
	uint16_t u16 = 0;
	uint8_t u8 = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		assert_err(coherent_config_read32(dev, offsets[i], &u32), -EINVAL);
		assert_int_equal(u32, UINT32_MAX);
		assert_err(coherent_config_write32(dev, offsets[i], 5), -EINVAL);
	}
	assert_err(coherent_config_read16(dev, 4095, &u16), -EINVAL);
	assert_int_equal(u16, UINT16_MAX);
	assert_err(coherent_config_write16(dev, 1, 5), -EINVAL);
	assert_err(coherent_config_read8(dev, 4096, &u8), -EINVAL);
	assert_int_equal(u8, UINT8_MAX);
	assert_err(coherent_config_write8(dev, 4096, 5), -EINVAL);
	assert_int_equal(reports.count, 2 * ARRAY_SIZE(offsets) + 4);
	assert_true(
		log_has(&reports, "write of 4 bytes at 0x3 of configuration space: the offset is"));
	coherent_device_close(dev);
}

static void device_without_configuration_space_says_so(void **state)
{
	static const struct coherent_sim_model plain = { .name = "plain", .mask = UINT64_MAX };
	struct coherent_model_option {
		const char *name;
		const struct coherent_sim_model *model;
	} devices[] = { { "sim:ring,step", NULL }, { "sim:custom,step", &plain } };
	struct coherent_device *dev;
	struct coherent_ids ids;
	unsigned int at = 0;
	uint32_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		reports = (struct log)LOG_EMPTY;
		assert_ok(coherent_device_open(&dev, devices[i].name, .model = devices[i].model,
					       .report = log_report, .report_arg = &reports));
		assert_err(coherent_config_read32(dev, 0, &value), -EOPNOTSUPP);
		assert_err(coherent_config_write32(dev, 0, 1), -EOPNOTSUPP);
		assert_err(coherent_config_find(dev, 1, &at), -EOPNOTSUPP);
		assert_err(coherent_config_ids(dev, &ids), -EOPNOTSUPP);
		assert_int_equal(reports.count, 4);
		assert_true(log_has(&reports, "has no .config_read"));
		coherent_device_close(dev);
	}
}

static void closed_device_has_no_configuration_space(void **state)
{
	static struct card card;
	struct coherent_device *dev = open_card(&card);
	COHERENT(char) mem = COHERENT_EMPTY;
	unsigned int at = 0;
	uint32_t value;

	(void)state;
	/* The mem keeps the device in memory. */
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_device_close(dev);
	assert_err(coherent_config_read32(dev, 0, &value), -ENODEV);
	assert_int_equal(value, UINT32_MAX);
	assert_err(coherent_config_write32(dev, 0, 1), -ENODEV);
	coherent_free(&mem);
	assert_err(coherent_config_read32(NULL, 0, &value), -ENODEV);
	assert_err(coherent_config_find(NULL, 1, &at), -ENODEV);
	assert_err(coherent_config_find_extended(NULL, 1, &at), -ENODEV);
}

static void model_cannot_wait_for_itself(void **state)
{
	static struct card card;
	struct coherent_device *dev = open_card(&card);
	uint8_t byte;

	(void)state;
	card.dev = dev;
	assert_ok(coherent_config_read8(dev, 0, &byte));
	assert_err(card.result, -EBUSY);
	card.dev = NULL;
	coherent_device_close(dev);
}

/* --- Capabilities --- */

static void capabilities_are_found_in_their_order(void **state)
{
	static struct card card;
	struct coherent_device *dev = open_card(&card);
	unsigned int at = 0;

	(void)state;
	/* The lowest two bits of an offset are reserved. */
	put_list(&card, 0x43);
	put_capability(&card, 0x40, PCI_CAP_ID_VNDR, 0x81);
	put_capability(&card, 0x80, PCI_CAP_ID_MSIX, 0x50);
	put_capability(&card, 0x50, PCI_CAP_ID_VNDR, 0xfc);
	put_capability(&card, 0xfc, PCI_CAP_ID_VNDR, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_ok(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at));
		assert_int_equal(at, ((unsigned int[]){ 0x40, 0x50, 0xfc })[i]);
	}
	assert_err(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at), -ERANGE);
	assert_int_equal(at, 0);
	assert_ok(coherent_config_find(dev, PCI_CAP_ID_MSIX, &at));
	assert_int_equal(at, 0x80);
	at = 0;
	assert_err(coherent_config_find(dev, PCI_CAP_ID_EXP, &at), -ERANGE);
	assert_err(coherent_config_find(dev, PCI_CAP_ID_VNDR + 0x100, &at), -ERANGE);
	/* Without the bit there is no list, whatever the pointer is. */
	card.bytes[PCI_STATUS] = 0;
	assert_err(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at), -ERANGE);
	assert_int_equal(reports.count, 0);
	coherent_device_close(dev);
}

static void ring_of_capabilities_is_an_error(void **state)
{
	static struct card card;
	struct coherent_device *dev = open_card(&card);
	unsigned int at = 0, found = 0;
	int err;

	(void)state;
	put_list(&card, 0x40);
	put_capability(&card, 0x40, PCI_CAP_ID_PM, 0x50);
	put_capability(&card, 0x50, PCI_CAP_ID_VNDR, 0x40);
	assert_err(coherent_config_find(dev, PCI_CAP_ID_EXP, &at), -EIO);
	assert_int_equal(at, 0);
	assert_true(log_has(&reports, "the capabilities of the device form a ring"));
	/* A driver that uses all capabilities of an ID comes to an end, too. */
	while (!(err = coherent_config_find(dev, PCI_CAP_ID_VNDR, &at)))
		assert_true(++found < 100);
	assert_err(err, -EIO);
	put_capability(&card, 0x40, PCI_CAP_ID_PM, 0x40);
	assert_err(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at), -EIO);
	coherent_device_close(dev);
}

/* The BARs and the command register would look like capabilities. */
static void capability_in_the_head_is_an_error(void **state)
{
	static struct card card;
	struct coherent_device *dev = open_card(&card);
	unsigned int at = 0;

	(void)state;
	put_list(&card, 0x40);
	put_capability(&card, 0x40, PCI_CAP_ID_PM, 0x3c);
	put_capability(&card, 0x3c, PCI_CAP_ID_VNDR, 0);
	assert_ok(coherent_config_find(dev, PCI_CAP_ID_PM, &at));
	assert_int_equal(at, 0x40);
	at = 0;
	assert_err(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at), -EIO);
	assert_int_equal(at, 0);
	assert_true(log_has(&reports, "a capability of the device points to 0x3c"));
	put_list(&card, 0x04);
	assert_err(coherent_config_find(dev, PCI_CAP_ID_VNDR, &at), -EIO);
	put_extended(&card, 0x100, PCI_EXT_CAP_ID_ERR, 0xfc);
	put_extended(&card, 0xfc, PCI_EXT_CAP_ID_VNDR, 0);
	assert_ok(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_ERR, &at));
	at = 0;
	assert_err(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_VNDR, &at), -EIO);
	coherent_device_close(dev);
}

static void wrong_offset_of_a_capability_is_refused(void **state)
{
	static const unsigned int wrong[] = { 1, 4, 0x3c, 0x41, 0x100, UINT32_MAX };
	static struct card card;
	struct coherent_device *dev = open_card(&card);
	unsigned int at;

	(void)state;
	put_list(&card, 0x40);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		at = wrong[i];
		assert_err(coherent_config_find(dev, 1, &at), -EINVAL);
		assert_int_equal(at, 0);
		at = wrong[i];
		assert_err(coherent_config_find_extended(dev, 1, &at), -EINVAL);
		assert_int_equal(at, 0);
	}
	assert_int_equal(reports.count, 2 * ARRAY_SIZE(wrong));
	coherent_device_close(dev);
}

static void extended_capabilities_are_found(void **state)
{
	static struct card card;
	struct coherent_device *dev = open_card(&card);
	unsigned int at = 0;

	(void)state;
	assert_err(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_ERR, &at), -ERANGE);
	put_extended(&card, 0x100, PCI_EXT_CAP_ID_ERR, 0x140);
	put_extended(&card, 0x140, PCI_EXT_CAP_ID_VNDR, 0xffc);
	put_extended(&card, 0xffc, PCI_EXT_CAP_ID_VNDR, 0);
	assert_ok(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_ERR, &at));
	assert_int_equal(at, 0x100);
	at = 0;
	assert_ok(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_VNDR, &at));
	assert_int_equal(at, 0x140);
	assert_ok(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_VNDR, &at));
	assert_int_equal(at, 0xffc);
	assert_err(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_VNDR, &at), -ERANGE);
	put_extended(&card, 0xffc, PCI_EXT_CAP_ID_VNDR, 0x100);
	assert_err(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_DSN, &at), -EIO);
	memset(&card.bytes[0x100], 0xff, 4);
	assert_err(coherent_config_find_extended(dev, PCI_EXT_CAP_ID_ERR, &at), -ERANGE);
	coherent_device_close(dev);
}

/* --- IDs --- */

static void ids_are_those_of_the_device(void **state)
{
	static const struct coherent_ids edu = { 0x1234, 0x11e8, 0x1af4, 0x1100, 0xff00, 0x10, {} };
	struct coherent_device *dev;
	struct coherent_ids ids;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_config_ids(dev, &ids));
	assert_memory_equal(&ids, &edu, sizeof(ids));
	coherent_device_close(dev);
	assert_err(coherent_config_ids(dev = NULL, &ids), -ENODEV);
	assert_int_equal(ids.vendor, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_width_is_read_and_written),
		cmocka_unit_test(bad_offset_is_refused),
		cmocka_unit_test(device_without_configuration_space_says_so),
		cmocka_unit_test(closed_device_has_no_configuration_space),
		cmocka_unit_test(model_cannot_wait_for_itself),
		cmocka_unit_test(capabilities_are_found_in_their_order),
		cmocka_unit_test(ring_of_capabilities_is_an_error),
		cmocka_unit_test(capability_in_the_head_is_an_error),
		cmocka_unit_test(wrong_offset_of_a_capability_is_refused),
		cmocka_unit_test(extended_capabilities_are_found),
		cmocka_unit_test(ids_are_those_of_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
