/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Functions for all forms of access to one field. field.c includes this file for each field and
 * defines:
 *	ELEMENT		the element type
 *	OBJECTS		the member of struct slot that has such objects
 *	FIELD_NAME	the end of the names of the functions
 *	FIELD_TYPE	the type of the CPU's value
 *	FIELD_FIRST	the field before an argument, with a comma; or nothing
 *	FIELD_LAST	the field after an argument, with a comma; or nothing
 */
#define NAMED(name, field) NAMED_AGAIN(name, field)
#define NAMED_AGAIN(name, field) name##_##field

/* Returns -EAGAIN if the field has no such form. */
static int NAMED(read, FIELD_NAME)(const struct target *target, unsigned int form, FIELD_TYPE *out)
{
	const __typeof__(target->slot->OBJECTS.mem) *mem = &target->slot->OBJECTS.mem;
	COHERENT_RING(const ELEMENT) ring;
	COHERENT_SLOT(const ELEMENT) slot;
	COHERENT_VIEW(const ELEMENT) view;

	switch (form) {
	case 0:
		return coherent_read(mem, target->i, FIELD_FIRST out);
	case 1:
		return coherent_read_acquire(mem, target->i, FIELD_FIRST out);
	case 2:
		return coherent_poll(mem, target->i, FIELD_FIRST out, *out == *out, 0);
	case 3:
		EXPECT(coherent_view(mem, target->first, target->in_view + 1, &view), target->err);
		if (target->err)
			return target->err;
		return coherent_read(&view, target->in_view, FIELD_FIRST out);
	case 4 ... 5:
		EXPECT(coherent_slot(mem, target->i, &slot), target->err);
		CHECK(coherent_is_empty(&slot) == !!target->err);
		if (!target->err)
			*out = form == 4 ? coherent_slot_get(&slot FIELD_LAST) :
					   coherent_slot_get_acquire(&slot FIELD_LAST);
		return target->err;
	}
	EXPECT(coherent_ring(mem, &ring), ring_result(target->slot));
	if (target->err || coherent_is_empty(&ring))
		return -EAGAIN;
	*out = form == 6 ? coherent_ring_get(&ring, target->in_ring FIELD_LAST) :
			   coherent_ring_get_acquire(&ring, target->in_ring FIELD_LAST);
	return 0;
}

static int NAMED(write, FIELD_NAME)(const struct target *target, unsigned int form,
				    FIELD_TYPE value)
{
	__typeof__(target->slot->OBJECTS.mem) *mem = &target->slot->OBJECTS.mem;
	COHERENT_RING(ELEMENT) ring;
	COHERENT_SLOT(ELEMENT) slot;
	COHERENT_VIEW(ELEMENT) view;

	switch (form) {
	case 0 ... 1:
		return coherent_write(mem, target->i, FIELD_FIRST value);
	case 2:
		return coherent_write_release(mem, target->i, FIELD_FIRST value);
	case 3:
		EXPECT(coherent_view(mem, target->first, target->in_view + 1, &view), target->err);
		if (target->err)
			return target->err;
		return coherent_write(&view, target->in_view, FIELD_FIRST value);
	case 4 ... 5:
		EXPECT(coherent_slot(mem, target->i, &slot), target->err);
		if (!target->err && form == 4)
			coherent_slot_put(&slot, FIELD_FIRST value);
		else if (!target->err)
			coherent_slot_put_release(&slot, FIELD_FIRST value);
		return target->err;
	}
	EXPECT(coherent_ring(mem, &ring), ring_result(target->slot));
	if (target->err || coherent_is_empty(&ring))
		return -EAGAIN;
	if (form == 6)
		coherent_ring_put(&ring, target->in_ring, FIELD_FIRST value);
	else
		coherent_ring_put_release(&ring, target->in_ring, FIELD_FIRST value);
	return 0;
}

static void NAMED(use, FIELD_NAME)(const struct target *target, size_t offset, enum order order)
{
	const FIELD_TYPE before = (FIELD_TYPE)pick_value();
	const unsigned int form = pick(8);
	const bool writes = chance(2);
	uint8_t bytes[sizeof(FIELD_TYPE)];
	FIELD_TYPE value = before;
	int err;

	if (writes)
		err = NAMED(write, FIELD_NAME)(target, form, value);
	else
		err = NAMED(read, FIELD_NAME)(target, form, &value);
	if (err == -EAGAIN)
		return;
	CHECK(err == target->err);
	encode(bytes, &value, sizeof(value), order);
	if (err)
		CHECK(!memcmp(&value, &before, sizeof(value)));
	else if (writes)
		memcpy(target->at + offset, bytes, sizeof(bytes));
	else
		CHECK(!memcmp(target->at + offset, bytes, sizeof(bytes)));
}

#undef NAMED
#undef NAMED_AGAIN
#undef FIELD_NAME
#undef FIELD_TYPE
