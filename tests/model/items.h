/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Functions for all forms of access to an item of one array field. array.c includes this file for
 * each array and defines:
 *	ITEM_ARRAY	the array field
 *	ITEM_PART	the field of the item, with a comma; or nothing
 *	ITEM_NAME	the end of the names of the functions
 *	ITEM_TYPE	the type of the CPU's value
 */
#define NAMED(name, item) NAMED_AGAIN(name, item)
#define NAMED_AGAIN(name, item) name##_##item

static int NAMED(read, ITEM_NAME)(const struct target *target, size_t k, ITEM_TYPE *out)
{
	const union record_mem *mem = &target->slot->records.mem;
	COHERENT_VIEW(const struct record) view;

	switch (pick(4)) {
	case 0:
		return coherent_read_item(mem, target->i, .ITEM_ARRAY, k, ITEM_PART out);
	case 1:
		return coherent_read_item_acquire(mem, target->i, .ITEM_ARRAY, k, ITEM_PART out);
	}
	EXPECT(coherent_view(mem, target->first, target->in_view + 1, &view), target->err);
	if (target->err)
		return target->err;
	if (chance(2))
		return coherent_read_item(&view, target->in_view, .ITEM_ARRAY, k, ITEM_PART out);
	return coherent_read_item_acquire(&view, target->in_view, .ITEM_ARRAY, k, ITEM_PART out);
}

static int NAMED(write, ITEM_NAME)(const struct target *target, size_t k, ITEM_TYPE value)
{
	union record_mem *mem = &target->slot->records.mem;
	COHERENT_VIEW(struct record) view;

	switch (pick(4)) {
	case 0:
		return coherent_write_item(mem, target->i, .ITEM_ARRAY, k, ITEM_PART value);
	case 1:
		return coherent_write_item_release(mem, target->i, .ITEM_ARRAY, k, ITEM_PART value);
	}
	EXPECT(coherent_view(mem, target->first, target->in_view + 1, &view), target->err);
	if (target->err)
		return target->err;
	if (chance(2))
		return coherent_write_item(&view, target->in_view, .ITEM_ARRAY, k, ITEM_PART value);
	return coherent_write_item_release(&view, target->in_view, .ITEM_ARRAY, k, ITEM_PART value);
}

/* part is the offset of the field in the item. */
static void NAMED(use, ITEM_NAME)(const struct target *target, size_t part, enum order order)
{
	const size_t items = ITEMS(ITEM_ARRAY), k = pick_index(items);
	const size_t at = offsetof(struct record, ITEM_ARRAY) + ITEM_BYTES(ITEM_ARRAY) * k + part;
	const ITEM_TYPE before = (ITEM_TYPE)pick_value();
	const int err = target->err ? target->err : k < items ? 0 : -ERANGE;
	uint8_t bytes[sizeof(ITEM_TYPE)];
	ITEM_TYPE value = before;

	if (chance(2)) {
		EXPECT(NAMED(write, ITEM_NAME)(target, k, value), err);
		encode(bytes, &value, sizeof(value), order);
		if (!err)
			memcpy(target->at + at, bytes, sizeof(bytes));
	} else {
		EXPECT(NAMED(read, ITEM_NAME)(target, k, &value), err);
		encode(bytes, &value, sizeof(value), order);
		CHECK(err ? value == before : !memcmp(target->at + at, bytes, sizeof(bytes)));
	}
	check_unchanged(target->slot);
}

#undef NAMED
#undef NAMED_AGAIN
#undef ITEM_ARRAY
#undef ITEM_PART
#undef ITEM_NAME
#undef ITEM_TYPE
