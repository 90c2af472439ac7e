// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model uses every form of accessor on fields of every width and byte order, of mems and of
 * views. It computes byte order and padding by hand.
 */
#include <string.h>

#include "field.h"

struct target target_pick(struct slot *slot)
{
	const size_t size = slot_size(slot);
	struct target target = { .slot = slot, .i = pick((uint32_t)(BYTES_MAX / size)) };

	if (slot->kind == MEM && chance(2))
		target.i = pick((uint32_t)slot->count);
	if (chance(64))
		target.i = SIZE_MAX - pick(3);
	if (slot->kind != MEM)
		target.err = -EINVAL;
	else if (target.i >= slot->count)
		target.err = -ERANGE;
	target.first = target.i;
	if (target.err)
		return target;
	target.at = slot->place.bytes + target.i * size;
	target.first = pick((uint32_t)target.i + 1);
	target.in_view = target.i - target.first;
	target.in_ring = target.i + slot->count * pick(1000);
	return target;
}

/* Predicts the result of coherent_ring(), and its report. */
static int ring_result(const struct slot *slot)
{
	if (slot->kind == MEM && !(slot->count & (slot->count - 1)))
		return 0;
	if (slot->kind == MEM)
		expect_report(device_of(&slot->place), COHERENT_ERROR);
	return -EINVAL;
}

uint64_t pick_value(void)
{
	return ((uint64_t)pick(UINT32_MAX) * 0x9e3779b97f4a7c15) >> 3;
}

void encode(uint8_t *to, const void *value, size_t bytes, enum order order)
{
	const uint16_t one = 1;
	const bool is_little = *(const uint8_t *)&one;
	const bool same = order == NATIVE || (order == LITTLE) == is_little;
	const uint8_t *from = value;

	for (size_t k = 0; k < bytes; k++)
		to[k] = same ? from[k] : from[bytes - 1 - k];
}

/* --- Each field --- */

#define ELEMENT uint8_t
#define OBJECTS bytes
#define FIELD_FIRST
#define FIELD_LAST
#define FIELD_NAME byte
#define FIELD_TYPE uint8_t
#include "forms.h"
#undef ELEMENT
#undef OBJECTS
#undef FIELD_FIRST
#undef FIELD_LAST

#define ELEMENT struct record
#define OBJECTS records
#define FIELD_FIRST .FIELD_NAME,
#define FIELD_LAST , .FIELD_NAME
#define FIELD_NAME tag
#define FIELD_TYPE uint8_t
#include "forms.h"
#define FIELD_NAME half
#define FIELD_TYPE uint16_t
#include "forms.h"
#define FIELD_NAME le16
#define FIELD_TYPE uint16_t
#include "forms.h"
#define FIELD_NAME be16
#define FIELD_TYPE uint16_t
#include "forms.h"
#define FIELD_NAME le32
#define FIELD_TYPE uint32_t
#include "forms.h"
#define FIELD_NAME be32
#define FIELD_TYPE uint32_t
#include "forms.h"
#define FIELD_NAME le64
#define FIELD_TYPE uint64_t
#include "forms.h"
#define FIELD_NAME be64
#define FIELD_TYPE uint64_t
#include "forms.h"
#define FIELD_NAME real
#define FIELD_TYPE double
#include "forms.h"
#define FIELD_NAME number
#define FIELD_TYPE int64_t
#include "forms.h"

void field_use(struct slot *slot)
{
	const struct target target = target_pick(slot);

	if (!slot->is_records) {
		use_byte(&target, 0, NATIVE);
		return;
	}
	switch (pick(10)) {
	case 0:
		use_tag(&target, offsetof(struct record, tag), NATIVE);
		break;
	case 1:
		use_half(&target, offsetof(struct record, half), NATIVE);
		break;
	case 2:
		use_le16(&target, offsetof(struct record, le16), LITTLE);
		break;
	case 3:
		use_be16(&target, offsetof(struct record, be16), BIG);
		break;
	case 4:
		use_le32(&target, offsetof(struct record, le32), LITTLE);
		break;
	case 5:
		use_be32(&target, offsetof(struct record, be32), BIG);
		break;
	case 6:
		use_le64(&target, offsetof(struct record, le64), LITTLE);
		break;
	case 7:
		use_be64(&target, offsetof(struct record, be64), BIG);
		break;
	case 8:
		use_real(&target, offsetof(struct record, real), NATIVE);
		break;
	default:
		use_number(&target, offsetof(struct record, number), NATIVE);
		break;
	}
}

/* --- Copies --- */

/* Copies each field into zeroed bytes. */
static void copy_fields(struct record *to, const struct record *from)
{
	memset(to, 0, sizeof(*to));
	memcpy(&to->tag, &from->tag, sizeof(to->tag));
	memcpy(&to->half, &from->half, sizeof(to->half));
	memcpy(&to->le32, &from->le32, sizeof(to->le32));
	memcpy(&to->be64, &from->be64, sizeof(to->be64));
	memcpy(&to->le16, &from->le16, sizeof(to->le16));
	memcpy(&to->be16, &from->be16, sizeof(to->be16));
	memcpy(&to->be32, &from->be32, sizeof(to->be32));
	memcpy(&to->le64, &from->le64, sizeof(to->le64));
	memcpy(to->words, from->words, sizeof(to->words));
	memcpy(&to->real, &from->real, sizeof(to->real));
	for (unsigned int k = 0; k < 2; k++) {
		memcpy(&to->pairs[k].x, &from->pairs[k].x, sizeof(to->pairs[k].x));
		memcpy(&to->pairs[k].y, &from->pairs[k].y, sizeof(to->pairs[k].y));
	}
	memcpy(to->rings, from->rings, sizeof(to->rings));
	memcpy(&to->number, &from->number, sizeof(to->number));
}

void field_clear_padding(uint8_t *bytes, size_t records)
{
	struct record dirty, clean;

	for (size_t i = 0; i < records; i++) {
		memcpy(&dirty, bytes + i * sizeof(dirty), sizeof(dirty));
		copy_fields(&clean, &dirty);
		memcpy(bytes + i * sizeof(clean), &clean, sizeof(clean));
	}
}

static int copy(struct slot *slot, bool in, size_t first, void *memory, size_t n)
{
	if (slot->is_records)
		return in ? coherent_copy_in(&slot->records.mem, first, (struct record *)memory,
					     n) :
			    coherent_copy_out(&slot->records.mem, first, (struct record *)memory,
					      n);
	return in ? coherent_copy_in(&slot->bytes.mem, first, (uint8_t *)memory, n) :
		    coherent_copy_out(&slot->bytes.mem, first, (uint8_t *)memory, n);
}

static void copy_elements(struct slot *slot)
{
	static _Alignas(8) uint8_t memory[BYTES_MAX];
	const size_t size = slot_size(slot), most = BYTES_MAX / size;
	const size_t first = pick((uint32_t)most), n = pick(1 + (uint32_t)most / 4);
	const bool inside = first <= slot->count && n <= slot->count - first, in = chance(2);
	const int err = slot->kind != MEM ? -EINVAL : inside ? 0 : -ERANGE;
	uint8_t *at = slot->place.bytes + first * size;

	pattern(memory, n * size);
	EXPECT(copy(slot, in, first, memory, n), err);
	if (err)
		return;
	if (in && slot->is_records)
		field_clear_padding(memory, n);
	if (in)
		memcpy(at, memory, n * size);
	CHECK(!memcmp(memory, at, n * size));
}

static void copy_words(struct slot *slot)
{
	const struct target target = target_pick(slot);
	const size_t offset = chance(32) ? SIZE_MAX - 2 : pick(14), n = pick(14);
	const bool inside = offset <= 12 && n <= 12 - offset;
	const int err = target.err ? target.err : inside ? 0 : -ERANGE;
	const bool in = chance(2);
	uint8_t memory[14];

	pattern(memory, sizeof(memory));
	if (in)
		EXPECT(coherent_copy_in_field(&slot->records.mem, target.i, .words, offset, memory,
					      n),
		       err);
	else
		EXPECT(coherent_copy_out_field(&slot->records.mem, target.i, .words, offset, memory,
					       n),
		       err);
	if (err)
		return;
	if (in)
		memcpy(target.at + offsetof(struct record, words) + offset, memory, n);
	CHECK(!memcmp(memory, target.at + offsetof(struct record, words) + offset, n));
}

void field_copy(struct slot *slot)
{
	if (slot->is_records && chance(2))
		copy_words(slot);
	else
		copy_elements(slot);
}

/* --- Views --- */

static void view_elements(struct slot *slot)
{
	const size_t size = slot_size(slot);
	const size_t first = pick((uint32_t)(BYTES_MAX / size)), n = chance(8) ? 0 : pick(64);
	const uint64_t address = slot->place.address + first * size;
	int err = -EINVAL;

	if (slot->kind == MEM && n)
		err = first <= slot->count && n <= slot->count - first ? 0 : -ERANGE;
	if (slot->kind == MEM && !n)
		expect_report(device_of(&slot->place), COHERENT_ERROR);
	if (slot->is_records) {
		union record_view view;

		EXPECT(coherent_view(&slot->records.mem, first, n, &view), err);
		CHECK(coherent_is_empty(&view) == !!err);
		CHECK(coherent_count(&view) == (err ? 0 : n));
		CHECK(coherent_addr(&view).raw == (err ? UINT64_MAX : address));
	} else {
		union byte_view view;

		EXPECT(coherent_view(&slot->bytes.mem, first, n, &view), err);
		CHECK(coherent_size(&view) == (err ? 0 : n));
		CHECK(coherent_addr(&view).raw == (err ? UINT64_MAX : address));
		CHECK(err ||
		      coherent_unsafe_ptr(&view) == coherent_unsafe_ptr(&slot->bytes.mem) + first);
	}
}

static void view_words(struct slot *slot)
{
	const struct target target = target_pick(slot);
	const size_t at = offsetof(struct record, words), k = pick(4);
	COHERENT_VIEW(uint32_t) words;
	COHERENT_VIEW(struct pair) pairs;
	const uint32_t value = (uint32_t)pick_value();
	uint32_t word = 0;

	EXPECT(coherent_view_field(&slot->records.mem, target.i, .words, &words), target.err);
	EXPECT(coherent_view_field(&slot->records.mem, target.i, .pairs, &pairs), target.err);
	CHECK(coherent_count(&words) == (target.err ? 0 : 3));
	CHECK(coherent_count(&pairs) == (target.err ? 0 : 2));
	EXPECT(coherent_read(&words, k, &word), target.err ? -EINVAL : k < 3 ? 0 : -ERANGE);
	if (target.err || k == 3)
		return;
	CHECK(!memcmp(&word, target.at + at + 4 * k, sizeof(word)));
	EXPECT(coherent_write(&words, k, value), 0);
	memcpy(target.at + at + 4 * k, &value, sizeof(value));
	EXPECT(coherent_write(&pairs, k % 2, .y, (uint8_t)value), 0);
	target.at[offsetof(struct record, pairs[k % 2].y)] = (uint8_t)value;
}

void field_view(struct slot *slot)
{
	if (slot->is_records && chance(2))
		view_words(slot);
	else
		view_elements(slot);
}
