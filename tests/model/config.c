// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Configuration space. The model has a copy of it, and follows the lists of capabilities in the
 * simplest way.
 */
#include <coherent/config.h>

#include "model.h"

#define SPACE 4096
/* A list with more entries than words leads back. */
#define ENTRIES (SPACE / 4)

static uint32_t copy_of(const struct device *device, unsigned int offset, unsigned int width)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < width; i++)
		if (offset + i < CONFIG_BYTES)
			value |= (uint32_t)device->config[offset + i] << 8 * i;
	return value;
}

static void write_some(struct device *device, unsigned int offset, unsigned int width,
		       uint32_t value)
{
	if (width == 1)
		EXPECT(coherent_config_write8(device->dev, offset, (uint8_t)value), 0);
	else if (width == 2)
		EXPECT(coherent_config_write16(device->dev, offset, (uint16_t)value), 0);
	else
		EXPECT(coherent_config_write32(device->dev, offset, value), 0);
	for (unsigned int i = 0; i < width && offset + i < CONFIG_BYTES; i++)
		device->config[offset + i] = (uint8_t)(value >> 8 * i);
}

static void access_some(struct device *device)
{
	const unsigned int width = 1u << pick(3), offset = pick(600) & -width;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;

	write_some(device, offset, width, pick(1u << 24) << 8 | pick(256));
	EXPECT(coherent_config_read8(device->dev, offset, &u8), 0);
	CHECK(u8 == copy_of(device, offset, 1));
	EXPECT(coherent_config_read16(device->dev, offset & ~1u, &u16), 0);
	CHECK(u16 == copy_of(device, offset & ~1u, 2));
	EXPECT(coherent_config_read32(device->dev, offset & ~3u, &u32), 0);
	CHECK(u32 == copy_of(device, offset & ~3u, 4));
	if (chance(8)) {
		EXPECT(coherent_config_read32(device->dev, offset | 1, &u32), -EINVAL);
		CHECK(u32 == UINT32_MAX);
		expect_report(device, COHERENT_ERROR);
	}
}

/* Makes a list of a few capabilities, which may lead back, or into the head of the space. */
static void make_list(struct device *device)
{
	unsigned int at = 64 + 4 * pick(48);

	write_some(device, 6, 1, 16);
	write_some(device, 52, 1, at | pick(4));
	for (unsigned int i = pick(6); i; i--) {
		const unsigned int next = 64 + 4 * pick(48);

		write_some(device, at, 2, (1 + pick(3)) | next << 8);
		at = next;
	}
	write_some(device, at, 2, (1 + pick(3)) | (chance(4) ? 4 * pick(17) << 8 : 0));
}

static void make_extended_list(struct device *device)
{
	const unsigned int next = 256 + 4 * pick(64);

	write_some(device, 256, 4, (1 + pick(3)) | 1 << 16 | next << 20);
	write_some(device, next, 4, chance(4) ? 0 : (1 + pick(3)) | 1 << 16 | pick(2) << 28);
}

struct entry {
	unsigned int at, id, next;
};

static struct entry entry_at(const struct device *device, bool is_extended, unsigned int at)
{
	const uint32_t head = copy_of(device, at, is_extended ? 4 : 2);

	if (!is_extended)
		return (struct entry){ at, head & 255, head >> 8 & 252 };
	if (!head || head == UINT32_MAX)
		return (struct entry){ at, UINT32_MAX, 0 };
	return (struct entry){ at, head & 65535, head >> 20 & 4092 };
}

static int predict(const struct device *device, bool is_extended, unsigned int id,
		   unsigned int *offset)
{
	const unsigned int before = *offset;
	unsigned int at = is_extended ? 256 : device->config[6] & 16 ? device->config[52] & 252 : 0;
	bool was_there[SPACE] = { false }, is_behind = !before;

	for (*offset = 0; at;) {
		const struct entry entry = entry_at(device, is_extended, at);

		if (at < (is_extended ? 256 : 64) || was_there[at])
			return -EIO;
		was_there[at] = true;
		if (is_behind && entry.id == id) {
			*offset = at;
			return 0;
		}
		is_behind |= at == before && entry.id != UINT32_MAX;
		at = entry.next;
	}
	return is_behind ? -ERANGE : -EINVAL;
}

static void find_some(struct device *device, bool is_extended)
{
	const unsigned int id = 1 + pick(3);
	unsigned int offset = chance(8) ? pick(SPACE) : 0, wanted = offset;
	int err = 0;

	for (unsigned int i = 0; !err && i < ENTRIES; i++) {
		err = predict(device, is_extended, id, &wanted);
		if (is_extended)
			EXPECT(coherent_config_find_extended(device->dev, id, &offset), err);
		else
			EXPECT(coherent_config_find(device->dev, id, &offset), err);
		CHECK(offset == wanted);
		if (err == -EIO || err == -EINVAL)
			expect_report(device, COHERENT_ERROR);
	}
	CHECK(err);
}

static void ask_for_ids(const struct device *device)
{
	struct coherent_ids ids;

	EXPECT(coherent_config_ids(device->dev, &ids), 0);
	CHECK(ids.vendor == copy_of(device, 0, 2) && ids.device == copy_of(device, 2, 2));
	CHECK(ids.revision == copy_of(device, 8, 1) &&
	      ids.class_code == copy_of(device, 8, 4) >> 8);
	CHECK(ids.subsystem_vendor == copy_of(device, 44, 2) &&
	      ids.subsystem == copy_of(device, 46, 2));
}

void config_use(struct device *device)
{
	access_some(device);
	if (chance(2))
		make_list(device);
	if (chance(2))
		make_extended_list(device);
	find_some(device, false);
	find_some(device, true);
	ask_for_ids(device);
}
