// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model accesses items of arrays inside an element, makes rings of such arrays, and clears
 * elements. After each call it compares all bytes of the object with its own.
 */
#include <string.h>

#include "field.h"
#include "object.h"

#define ITEM_BYTES(array) sizeof(((struct record *)NULL)->array[0])
#define ITEMS(array) (sizeof(((struct record *)NULL)->array) / ITEM_BYTES(array))

/* Picks the index of an item, which is sometimes past the end. */
static size_t pick_index(size_t items)
{
	return chance(16) ? SIZE_MAX - pick(3) : pick((uint32_t)items + 2);
}

/* The call has changed no other bytes than the model has. */
static void check_unchanged(const struct slot *slot)
{
	if (slot->kind == MEM)
		check_bytes(slot, mem_bytes(slot));
}

/* --- Items --- */

#define ITEM_ARRAY words
#define ITEM_PART
#define ITEM_NAME word
#define ITEM_TYPE uint32_t
#include "items.h"
#define ITEM_ARRAY pairs
#define ITEM_PART .x,
#define ITEM_NAME pair_x
#define ITEM_TYPE int16_t
#include "items.h"
#define ITEM_ARRAY pairs
#define ITEM_PART .y,
#define ITEM_NAME pair_y
#define ITEM_TYPE uint8_t
#include "items.h"
#define ITEM_ARRAY rings[1]
#define ITEM_PART
#define ITEM_NAME be16
#define ITEM_TYPE uint16_t
#include "items.h"

/* The elements of a view may be arrays themselves. */
static void use_array_of_arrays(const struct target *target)
{
	const size_t i = pick_index(2), k = pick_index(4);
	const int err = target->err ? -EINVAL : i < 2 && k < 4 ? 0 : -ERANGE;
	const uint16_t value = (uint16_t)pick_value();
	COHERENT_VIEW(coherent_be16[4]) rings;
	uint16_t out = value;

	EXPECT(coherent_view_field(&target->slot->records.mem, target->i, .rings, &rings),
	       target->err);
	EXPECT(coherent_write_item(&rings, i, , k, value), err);
	if (!err)
		encode(target->at + offsetof(struct record, rings[i][k]), &value, 2, BIG);
	check_unchanged(target->slot);
	EXPECT(coherent_read_item(&rings, i, , k, &out), err);
	CHECK(out == value);
}

/* --- Rings --- */

static void use_ring(const struct target *target)
{
	const size_t i = pick_index(1000), at = offsetof(struct record, rings[1][i % 4]);
	const uint16_t value = (uint16_t)pick_value();
	COHERENT_RING(coherent_be16) ring;
	uint8_t bytes[2];

	EXPECT(coherent_ring_field(&target->slot->records.mem, target->i, .rings[1], &ring),
	       target->err);
	CHECK(coherent_is_empty(&ring) == !!target->err);
	if (target->err)
		return;
	encode(bytes, &(uint16_t){ coherent_ring_get(&ring, i) }, 2, BIG);
	CHECK(!memcmp(target->at + at, bytes, 2));
	coherent_ring_put(&ring, i, value);
	encode(target->at + at, &value, 2, BIG);
	check_unchanged(target->slot);
}

static void use_ring_of_structs(const struct target *target)
{
	const size_t i = pick_index(1000), at = offsetof(struct record, pairs[i % 2].y);
	const uint8_t value = (uint8_t)pick_value();
	COHERENT_VIEW(struct record) view;
	COHERENT_RING(struct pair) ring;

	EXPECT(coherent_view(&target->slot->records.mem, target->first, target->in_view + 1, &view),
	       target->err);
	EXPECT(coherent_ring_field(&view, target->in_view, .pairs, &ring),
	       target->err ? -EINVAL : 0);
	CHECK(coherent_is_empty(&ring) == !!target->err);
	if (target->err)
		return;
	CHECK(coherent_ring_get(&ring, i, .y) == target->at[at]);
	coherent_ring_put(&ring, i, .y, value);
	target->at[at] = value;
	check_unchanged(target->slot);
}

void array_use(struct slot *slot)
{
	const struct target target = target_pick(slot);

	if (!slot->is_records)
		return;
	switch (pick(7)) {
	case 0:
		use_word(&target, 0, NATIVE);
		break;
	case 1:
		use_pair_x(&target, offsetof(struct pair, x), NATIVE);
		break;
	case 2:
		use_pair_y(&target, offsetof(struct pair, y), NATIVE);
		break;
	case 3:
		use_be16(&target, 0, BIG);
		break;
	case 4:
		use_array_of_arrays(&target);
		break;
	case 5:
		use_ring(&target);
		break;
	default:
		use_ring_of_structs(&target);
		break;
	}
}

/* --- Many elements --- */

void array_clear(struct slot *slot)
{
	const size_t size = slot_size(slot), most = BYTES_MAX / size;
	const size_t first = pick((uint32_t)most);
	const size_t n = chance(16) ? SIZE_MAX - pick(3) : pick(1 + (uint32_t)most / 4);
	const bool inside = first <= slot->count && n <= slot->count - first;
	const int err = slot->kind != MEM ? -EINVAL : inside ? 0 : -ERANGE;

	EXPECT(EITHER(slot, coherent_clear, mem, first, n), err);
	if (!err)
		memset(slot->place.bytes + first * size, 0, n * size);
	check_unchanged(slot);
}
