// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model uses a pool of records on a device of its own. It checks the contents and the phase
 * of each object, and that no two objects share a byte.
 */
#include <coherent/pool_many.h>
#include <string.h>

#include "model.h"

#define OBJECTS 200

COHERENT_POOL_TYPE(records, struct record);

/**
 * struct pooled - An object of the pool.
 * @kind: The kind of the object: a box, a mem, or none.
 * @address: The address of its last mem; 0 if it was not a mem yet.
 * @bytes: The contents.
 * @box: The object, if it is a box.
 * @mem: The object, if it is a mem.
 */
struct pooled {
	enum kind kind;
	uint64_t address;
	uint8_t bytes[sizeof(struct record)];
	union record_box box;
	union record_mem mem;
};

static struct {
	struct coherent_device *dev;
	union records pool;
	enum coherent_permission permission;
	size_t align;
	uint64_t boundary;
	/* The device reaches the boxes. */
	bool in_place;
	/* The device has few mappings, so that the pool cannot grow for ever. */
	bool is_small;
	struct pooled objects[OBJECTS];
	/* The reports of the device, and those that the model predicts. */
	unsigned int reports, expected;
} pools;

static void count_report(void *arg, enum coherent_severity severity, const char *line)
{
	(void)arg;
	(void)severity;
	CHECK(*line);
	pools.reports++;
}

/* Returns what a call must return if the pool may have to grow. Where it cannot, a report says so. */
static int grown(int err, int got)
{
	if (err || !pools.is_small || got != -ENOSPC)
		return err;
	pools.expected++;
	return got;
}

static unsigned int live_objects(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < OBJECTS; i++)
		count += pools.objects[i].kind != EMPTY;
	return count;
}

static bool is_power_or_zero(uint64_t x)
{
	return !(x & (x - 1));
}

/* Returns the distance between two slots. */
static uint64_t spacing(size_t align)
{
	if (!align)
		align = 64;
	else if (align < 16)
		align = 16;
	return (sizeof(struct record) + align - 1) & -align;
}

static void create_pool(void)
{
	const size_t align = chance(2) ? 0 : chance(16) ? 48 : (size_t)1 << pick(14);
	const uint64_t boundary = chance(2) ? 0 : chance(16) ? 96 : UINT64_C(1) << pick(15);
	const enum coherent_permission permission = chance(16) ? COHERENT_READ_ONLY + 1 : pick(2);
	const enum coherent_level level = chance(4) ? pick(6) : 0;
	const bool in_place = chance(3);
	int err = 0;

	if (permission > COHERENT_READ_ONLY || level > COHERENT_IOMMU || !is_power_or_zero(align) ||
	    !is_power_or_zero(boundary) || align > PAGE || (boundary && boundary < spacing(align)))
		err = -EINVAL;
	else if (pools.pool.base.va)
		err = -EBUSY;
	else if (in_place && level > COHERENT_HIDDEN)
		err = -EOPNOTSUPP;
	EXPECT(coherent_pool_create(&pools.pool, pools.dev, .permission = permission,
				    .align = align, .boundary = boundary,
				    .delay = chance(2) ? pick(10) : 0, .level = level,
				    .in_place = in_place),
	       err);
	pools.expected += !!err;
	if (err)
		return;
	pools.permission = permission;
	pools.in_place = in_place;
	pools.align = align ? align : 64;
	pools.boundary = boundary && boundary < PAGE ? boundary : PAGE;
}

static void destroy_pool(void)
{
	const unsigned int live = live_objects();
	const bool is_busy = live;

	/* The library names the first eight objects, and counts the others. */
	if (pools.pool.base.va)
		pools.expected += live > 8 ? 9 : live;
	EXPECT(coherent_pool_destroy(&pools.pool), is_busy ? -EBUSY : 0);
	CHECK(!pools.pool.base.va || is_busy);
}

static void take_box(struct pooled *object)
{
	int err = !pools.pool.base.va ? -EINVAL : object->kind == BOX ? -EBUSY : 0, got;

	if (object->kind == MEM)
		return;
	got = coherent_pool_box(&pools.pool, &object->box);
	pools.expected += err == -EBUSY;
	err = grown(err, got);
	EXPECT(got, err);
	CHECK(coherent_is_empty(&object->box) == (err && err != -EBUSY));
	if (err)
		return;
	object->kind = BOX;
	object->address = 0;
	memset(object->bytes, 0, sizeof(object->bytes));
	CHECK(coherent_box_count(&object->box) == 1);
	CHECK(coherent_box_level(&object->box) ==
	      (pools.in_place ? COHERENT_HIDDEN : COHERENT_IOMMU));
}

static void fill_box(struct pooled *object)
{
	if (object->kind != BOX)
		return;
	pattern(object->bytes, sizeof(object->bytes));
	memcpy(coherent_box_ptr(&object->box), object->bytes, sizeof(object->bytes));
}

/* Checks the address of a mem: it fits the options, and no other object overlaps it. */
static void check_place(const struct pooled *object)
{
	const uint64_t last = object->address + sizeof(object->bytes) - 1;

	CHECK(object->address % pools.align == 0);
	CHECK(object->address / pools.boundary == last / pools.boundary);
	for (unsigned int i = 0; i < OBJECTS; i++) {
		const struct pooled *other = &pools.objects[i];

		CHECK(other == object || !other->address || other->address > last ||
		      other->address + sizeof(other->bytes) - 1 < object->address);
	}
}

/* A mem from a value that is on the stack. */
static void take_value(struct pooled *object)
{
	int err = !pools.pool.base.va ? -EINVAL : object->kind == MEM ? -EBUSY : 0, got;
	struct record value;

	if (object->kind == BOX)
		return;
	pattern((uint8_t *)&value, sizeof(value));
	got = coherent_pool_from(&pools.pool, &object->mem, &value);
	pools.expected += err == -EBUSY;
	err = grown(err, got);
	EXPECT(got, err);
	CHECK(coherent_is_empty(&object->mem) == (err && err != -EBUSY));
	if (err)
		return;
	object->kind = MEM;
	object->address = coherent_addr(&object->mem).raw;
	memcpy(object->bytes, &value, sizeof(value));
	field_clear_padding(object->bytes, 1);
	check_place(object);
}

static void expose_box(struct pooled *object)
{
	const enum coherent_permission permission = chance(8) ? !pools.permission :
								pools.permission;
	const uint64_t before = object->address;
	int err = object->kind != BOX || permission != pools.permission ? -EINVAL : 0;

	if (object->kind == MEM)
		return;
	EXPECT(coherent_expose(&object->box, &object->mem, .permission = permission), err);
	pools.expected += err && object->kind == BOX;
	object->kind = err ? EMPTY : MEM;
	object->address = err ? 0 : coherent_addr(&object->mem).raw;
	if (err)
		return;
	CHECK(!before || before == object->address);
	check_place(object);
}

static void reclaim_mem(struct pooled *object)
{
	const bool idle = chance(2);
	int err = object->kind != MEM ? -EINVAL : !idle ? -EBUSY : 0;

	if (object->kind == BOX)
		return;
	EXPECT(coherent_reclaim(&object->mem, &object->box, .idle = idle), err);
	pools.expected += err == -EBUSY;
	if (!err)
		object->kind = BOX;
}

static void free_object(struct pooled *object)
{
	coherent_box_free(&object->box);
	coherent_free(&object->mem);
	object->kind = EMPTY;
	object->address = 0;
}

/*
 * Checks the contents for the CPU and for the device. At the address of a box the device sees
 * zeros, unless the box is in place; at the address of a mem the contents of that mem.
 */
static void check_contents(struct pooled *object)
{
	const coherent_addr_t address = { object->address };
	uint8_t seen[sizeof(object->bytes)], nothing[sizeof(object->bytes)] = { 0 };

	if (object->kind == BOX)
		CHECK(!memcmp(coherent_box_ptr(&object->box), object->bytes, sizeof(seen)));
	if (!object->address)
		return;
	EXPECT(coherent_sim_try_addr(pools.dev, address, seen, sizeof(seen), COHERENT_ACCESS_READ),
	       0);
	CHECK(!memcmp(seen, object->kind == MEM || pools.in_place ? object->bytes : nothing,
		      sizeof(seen)));
	if (object->kind != MEM || chance(2))
		return;
	pattern(seen, sizeof(seen));
	EXPECT(coherent_sim_try_addr(pools.dev, address, seen, sizeof(seen), COHERENT_ACCESS_WRITE),
	       pools.permission == COHERENT_READ_ONLY ? -EIO : 0);
	if (pools.permission == COHERENT_READ_WRITE)
		memcpy(object->bytes, seen, sizeof(seen));
}

static void use_in_scope(void)
{
	COHERENT_POOL_AUTO(struct record, pool);
	COHERENT_BOX_AUTO(struct record, box);
	int got;

	EXPECT(coherent_pool_create(&pool, pools.dev), 0);
	got = coherent_pool_box(&pool, &box);
	EXPECT(got, grown(0, got));
}

/* --- Arrays --- */

#define MANY 70

/* The objects of an array. They do not stay. */
static struct {
	union record_box boxes[MANY];
	union record_mem mems[MANY];
	struct record values[MANY];
	size_t count;
} many;

static void check_all_are_empty(void)
{
	for (size_t i = 0; i < many.count; i++)
		CHECK(coherent_is_empty(&many.boxes[i]) && coherent_is_empty(&many.mems[i]));
}

static void check_state(const void *ptr, enum coherent_state state)
{
	struct coherent_info info;

	EXPECT(coherent_find_ptr(pools.dev, ptr, &info), 0);
	CHECK(info.state == state && !info.offset);
}

/* Each box is new. It gets its value. */
static void fill_boxes(void)
{
	static const struct record nothing;

	for (size_t i = 0; i < many.count; i++) {
		struct record *at = coherent_box_ptr(&many.boxes[i]);

		CHECK(coherent_box_count(&many.boxes[i]) == 1);
		CHECK(!memcmp(at, &nothing, sizeof(nothing)));
		check_state(at, COHERENT_STATE_BOX);
		memcpy(at, &many.values[i], sizeof(*at));
	}
}

/* The device finds in each mem its value, and after the end of all mems it finds zeros. */
static void check_and_free(bool has_padding)
{
	struct record seen, nothing = { 0 };
	uint64_t addresses[MANY];

	for (size_t i = 0; i < many.count; i++) {
		const coherent_addr_t address = coherent_addr(&many.mems[i]);

		addresses[i] = address.raw;
		CHECK(coherent_is_empty(&many.boxes[i]));
		check_state((const void *)(uintptr_t)coherent_unsafe_ptr(&many.mems[i]),
			    COHERENT_STATE_MEM);
		EXPECT(coherent_sim_try_addr(pools.dev, address, &seen, sizeof(seen),
					     COHERENT_ACCESS_READ),
		       0);
		if (!has_padding)
			field_clear_padding((uint8_t *)&many.values[i], 1);
		CHECK(!memcmp(&seen, &many.values[i], sizeof(seen)));
	}
	coherent_pool_free(&pools.pool, many.mems, many.count);
	check_all_are_empty();
	for (size_t i = 0; i < many.count; i++) {
		const coherent_addr_t address = { addresses[i] };

		/* The pool may have given up the page. */
		if (!coherent_sim_try_addr(pools.dev, address, &seen, sizeof(seen),
					   COHERENT_ACCESS_READ))
			CHECK(!memcmp(&seen, &nothing, sizeof(seen)));
	}
}

/* A box or a mem in the middle is in use, so the call makes none of the others. */
static void use_busy_arrays(void)
{
	const size_t which = pick((unsigned int)many.count);
	const int got = coherent_pool_box(&pools.pool, &many.boxes[which]);
	const int err = grown(0, got);

	EXPECT(got, err);
	if (err)
		return;
	EXPECT(coherent_pool_boxes(&pools.pool, many.boxes, many.count), -EBUSY);
	for (size_t i = 0; i < many.count; i++)
		CHECK(coherent_is_empty(&many.boxes[i]) == (i != which));
	EXPECT(coherent_expose(&many.boxes[which], &many.mems[which],
			       .permission = pools.permission),
	       0);
	EXPECT(coherent_pool_from_all(&pools.pool, many.mems, many.values, many.count), -EBUSY);
	for (size_t i = 0; i < many.count; i++)
		CHECK(coherent_is_empty(&many.mems[i]) == (i != which));
	coherent_pool_free(&pools.pool, many.mems, many.count);
	pools.expected += 2;
	check_all_are_empty();
}

/* Boxes that are exposed together, or else freed together. */
static void use_boxes(void)
{
	const int got = coherent_pool_boxes(&pools.pool, many.boxes, many.count);
	const int err = grown(0, got);

	EXPECT(got, err);
	if (err) {
		check_all_are_empty();
		return;
	}
	fill_boxes();
	if (chance(4)) {
		coherent_pool_box_free(&pools.pool, many.boxes, many.count);
		check_all_are_empty();
		return;
	}
	EXPECT(coherent_pool_expose(&pools.pool, many.boxes, many.mems, many.count), 0);
	check_and_free(true);
}

static void use_values(void)
{
	const int got = coherent_pool_from_all(&pools.pool, many.mems, many.values, many.count);
	const int err = grown(0, got);

	EXPECT(got, err);
	if (err)
		check_all_are_empty();
	else
		check_and_free(false);
}

/* Makes the calls that take several objects, all or nothing. */
static void use_arrays(void)
{
	many.count = pick(MANY);
	for (size_t i = 0; i < many.count; i++)
		pattern((uint8_t *)&many.values[i], sizeof(many.values[i]));
	if (!pools.pool.base.va || !many.count) {
		/* An empty pool knows no device that a report could go to. */
		pools.expected += pools.pool.base.va ? 3 : 0;
		EXPECT(coherent_pool_boxes(&pools.pool, many.boxes, many.count), -EINVAL);
		EXPECT(coherent_pool_expose(&pools.pool, many.boxes, many.mems, many.count),
		       -EINVAL);
		EXPECT(coherent_pool_from_all(&pools.pool, many.mems, many.values, many.count),
		       -EINVAL);
		return;
	}
	if (chance(8))
		use_busy_arrays();
	use_boxes();
	use_values();
}

/* --- Steps --- */

static void end_all(void)
{
	for (unsigned int i = 0; i < OBJECTS; i++)
		free_object(&pools.objects[i]);
}

static void open_device(void)
{
	/* Two chunks have room for some of the objects, but not for all. */
	pools.is_small = chance(4);
	EXPECT(coherent_device_open(&pools.dev,
				    pools.is_small ? "sim:edu,step,mask=40,maps=2" :
						     "sim:edu,step,mask=40",
				    .report = count_report),
	       0);
}

static void change_device(void)
{
	struct coherent_fault fault;

	/* The close would report the faults of writes to read-only mems, and of reads after the end. */
	while (!coherent_device_next_fault(pools.dev, &fault))
		;
	coherent_device_close(pools.dev);
	open_device();
}

void pool_step(void)
{
	struct pooled *object = &pools.objects[pick(OBJECTS)];

	switch (pick(16)) {
	case 0 ... 3:
		take_box(object);
		break;
	case 4:
		take_value(object);
		break;
	case 5 ... 6:
		fill_box(object);
		break;
	case 7 ... 9:
		expose_box(object);
		break;
	case 10:
		reclaim_mem(object);
		break;
	case 11 ... 12:
		free_object(object);
		break;
	case 13 ... 14:
		check_contents(object);
		break;
	default:
		if (!pools.pool.base.va || chance(16))
			create_pool();
		if (chance(64))
			use_in_scope();
		if (chance(16))
			use_arrays();
		/* Sometimes all objects end, and their pool and their device do, too. */
		if (chance(32))
			end_all();
		if (chance(16) || !live_objects())
			destroy_pool();
		if (!pools.pool.base.va && chance(2))
			change_device();
	}
	CHECK(pools.reports == pools.expected);
}

void pool_start(void)
{
	memset(&pools, 0, sizeof(pools));
	open_device();
}

void pool_end(void)
{
	const bool closed_first = chance(2);

	if (closed_first)
		coherent_device_close(pools.dev);
	end_all();
	EXPECT(coherent_pool_destroy(&pools.pool), 0);
	if (!closed_first)
		coherent_device_close(pools.dev);
}
