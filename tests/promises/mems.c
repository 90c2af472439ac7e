// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the promises about mems: expose, the permissions of the device, and accessors.
 */
#include "promises.h"

/* Three bytes of padding follow a. The device must not see what they hold. */
struct padded {
	uint8_t a;
	uint32_t b;
	uint16_t c;
};
COHERENT_FIELDS(struct padded, .a, .b, .c);

/* --- Expose --- */

void device_sees_what_the_cpu_wrote_before_expose(struct world *world)
{
	COHERENT_BOX(struct element) box = COHERENT_EMPTY;
	COHERENT(struct element) mem = COHERENT_EMPTY;
	struct element seen[128];

	world_open(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, 128));
	for (uint32_t i = 0; i < 128; i++)
		coherent_box_ptr(&box)[i] = (struct element){ i, ~i, UINT64_C(0x1122334455667788) };
	assert_ok(coherent_expose(&box, &mem, .permission = world_read_only(world)));
	for (size_t i = 0; i < 128; i += 64)
		world_reads(world, coherent_addr(&mem).raw + i * sizeof(*seen), &seen[i],
			    64 * sizeof(*seen));
	for (uint32_t i = 0; i < 128; i++) {
		assert_int_equal(seen[i].a, i);
		assert_int_equal(seen[i].b, ~i);
		assert_int_equal(seen[i].c, UINT64_C(0x1122334455667788));
	}
	coherent_free(&mem);
	world_close(world);
}

void expose_consumes_the_box(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	uint8_t byte = 0;

	world_open(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_ok(coherent_expose(&box, &mem));
	assert_true(coherent_is_empty(&box));
	assert_null(coherent_box_ptr(&box));
	assert_int_equal(coherent_box_count(&box), 0);

	/* An expose to a mem that is not empty consumes the box and keeps the mem. */
	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_err(coherent_expose(&box, &mem), -EBUSY);
	assert_true(coherent_is_empty(&box));
	world_reads(world, coherent_addr(&mem).raw, &byte, 1);

	/* An expose of an empty box fails and keeps the mem. */
	assert_err(coherent_expose(&box, &mem), -EINVAL);
	world_reads(world, coherent_addr(&mem).raw, &byte, 1);
	assert_err(coherent_expose(&box, &other), -EINVAL);
	assert_true(coherent_is_empty(&other));
	coherent_free(&mem);
	world_close(world);
}

/* In every world, an expose fails if its seal fails. The library frees memory and address. */
static void failed_seal_leaves_nothing_reachable(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	coherent_addr_t address = { 0 };

	world_open(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_err(coherent_expose(&box, &mem, .seal = seal_fails, .seal_arg = &address),
		   -ECANCELED);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	assert_int_equal(world_next_address(world), address.raw);
	world_write_is_refused(world, address.raw, COHERENT_STATE_NONE);
	world_close(world);
}

static void failed_map_leaves_nothing_reachable(struct world *world,
						const struct failing_expose *way)
{
	COHERENT(uint8_t) first = COHERENT_EMPTY, mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	uint64_t address;

	world_open_device(world, way->keys);
	if (way->starts)
		world_start(world);
	assert_ok(coherent_zeroed(&first, world->dev, 1));
	address = world_next_address(world);
	/* The library leaves a guard page between objects. */
	assert_int_equal(address, coherent_addr(&first).raw + 2 * PAGE);
	assert_ok(coherent_box_zeroed(&box, world->dev, way->bytes));
	assert_err(coherent_expose(&box, &mem), way->err);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	/* The library has freed the address: the next object gets it. */
	assert_int_equal(world_next_address(world), address);
	world_write_is_refused(world, address, COHERENT_STATE_NONE);
	coherent_free(&first);
	world_close(world);
}

static void failed_last_mapping_leaves_nothing_reachable(struct world *world, size_t mappings)
{
	union bytes *mems = calloc(mappings, sizeof(*mems));
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_stats stats;
	size_t count = 0;
	uint64_t address;

	assert_non_null(mems);
	world_open(world);
	assert_ok(coherent_device_stats(world->dev, &stats));
	while (count < mappings - stats.mems)
		assert_ok(coherent_zeroed(&mems[count++], world->dev, 1));
	address = world_next_address(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_err(coherent_expose(&box, &mem), -ENOSPC);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	assert_int_equal(world_next_address(world), address);
	world_write_is_refused(world, address, COHERENT_STATE_NONE);
	while (count-- > 0)
		coherent_free(&mems[count]);
	free(mems);
	world_close(world);
}

void failed_expose_leaves_nothing_reachable(struct world *world)
{
	const struct failing_expose *way = world->failing_exposes;
	struct coherent_limits limits;

	failed_seal_leaves_nothing_reachable(world);
	for (; way && way->keys; way++)
		failed_map_leaves_nothing_reachable(world, way);
	world_open_device(world, "");
	assert_ok(coherent_device_limits(world->dev, &limits));
	world_close(world);
	if (limits.mappings < 1000)
		failed_last_mapping_leaves_nothing_reachable(world, limits.mappings);
	else
		print_message("# %s: the test uses up at most 1000 mappings, the device has %s\n",
			      world->label, limits.mappings == SIZE_MAX ? "no limit" : "more");
}

static int init_fails(uint8_t *elements, size_t count, void *arg)
{
	memset(elements, 0x77, count);
	++*(int *)arg;
	return -EDOM;
}

void failing_initialiser_frees_once(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	coherent_addr_t sealed = { 0 };
	uint64_t first;
	int calls = 0;

	world_open(world);
	assert_err(coherent_init(&mem, world->dev, 100, init_fails, &calls), -EDOM);
	assert_int_equal(calls, 1);
	assert_true(coherent_is_empty(&mem));
	first = world_next_address(world);
	assert_err(coherent_zeroed(&mem, world->dev, 100, .seal = seal_fails, .seal_arg = &sealed),
		   -ECANCELED);
	assert_true(coherent_is_empty(&mem));
	/* The library frees the address at once, because it was never in use. */
	assert_int_equal(sealed.raw, first);
	assert_int_equal(world_next_address(world), first);
	world_write_is_refused(world, sealed.raw, COHERENT_STATE_NONE);
	/* The address was freed once, so only one of two objects gets it. */
	first = world_next_address(world);
	assert_ok(coherent_zeroed(&mem, world->dev, 100));
	assert_ok(coherent_zeroed(&next, world->dev, 100));
	assert_int_equal(coherent_addr(&mem).raw, first);
	assert_int_not_equal(coherent_addr(&next).raw, first);
	coherent_free(&mem);
	coherent_free(&next);
	world_close(world);
}

static int init_counts(uint32_t *elements, size_t count, void *arg)
{
	for (size_t i = 0; i < count; i++)
		elements[i] = (uint32_t)i + *(uint32_t *)arg;
	return 0;
}

void init_fills_before_the_device_can_see(struct world *world)
{
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	uint32_t start = 40, seen[3];

	world_open(world);
	assert_ok(coherent_init(&mem, world->dev, 3, init_counts, &start,
				.permission = world_read_only(world)));
	world_reads(world, coherent_addr(&mem).raw, seen, sizeof(seen));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(seen[i], 40 + i);
	coherent_free(&mem);
	world_close(world);
}

/* --- Accessors --- */

struct listed {
	uint32_t before;
	uint32_t list[4];
	uint32_t after;
};

/* The device sees only the items that exist, and only the elements that were cleared as zero. */
static void item_past_the_end_touches_nothing(struct world *world)
{
	static const uint32_t wanted[] = { 1, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 1 };
	COHERENT(struct listed) mem = COHERENT_EMPTY;
	COHERENT_RING(uint32_t) ring;
	uint32_t seen[18], value = 7;
	size_t i, k = 4;

	assert_ok(coherent_zeroed(&mem, world->dev, 3));
	for (i = 0; i < 3; i++) {
		assert_ok(coherent_write(&mem, i, .before, 1));
		assert_ok(coherent_write_item(&mem, i, .list, k - 1, 4));
		assert_ok(coherent_write(&mem, i, .after, 1));
		assert_err(coherent_write_item(&mem, i, .list, k, 5), -ERANGE);
		assert_err(coherent_write_item_release(&mem, i, .list, SIZE_MAX, 5), -ERANGE);
		assert_err(coherent_read_item(&mem, i, .list, k, &value), -ERANGE);
	}
	assert_err(coherent_write_item(&mem, i, .list, 0, 5), -ERANGE);
	assert_err(coherent_ring_field(&mem, i, .list, &ring), -ERANGE);
	assert_ok(coherent_ring_field(&mem, 1, .list, &ring));
	assert_int_equal(coherent_ring_get(&ring, k + 3), 4);
	assert_err(coherent_clear(&mem, 1, 3), -ERANGE);
	assert_err(coherent_clear(&mem, SIZE_MAX, 2), -ERANGE);
	assert_ok(coherent_clear(&mem, 1, 1));
	assert_int_equal(value, 7);
	world_reads(world, coherent_addr(&mem).raw, seen, sizeof(seen));
	assert_memory_equal(seen, wanted, sizeof(seen));
	coherent_free(&mem);
}

void index_past_the_end_touches_nothing(struct world *world)
{
	COHERENT(struct element) mem = COHERENT_EMPTY;
	struct element elements[4];
	uint32_t value = 7;

	world_open(world);
	assert_ok(coherent_zeroed(&mem, world->dev, 4));
	assert_err(coherent_write(&mem, 4, .a, 1), -ERANGE);
	assert_err(coherent_write(&mem, SIZE_MAX, .a, 1), -ERANGE);
	assert_err(coherent_write_release(&mem, 4, .a, 1), -ERANGE);
	assert_err(coherent_read(&mem, 4, .a, &value), -ERANGE);
	assert_err(coherent_read_acquire(&mem, 4, .a, &value), -ERANGE);
	assert_err(coherent_poll(&mem, 4, .a, &value, true, LONG), -ERANGE);
	memset(elements, 0xff, sizeof(elements));
	assert_err(coherent_copy_in(&mem, 2, elements, 3), -ERANGE);
	assert_err(coherent_copy_in(&mem, 5, elements, 0), -ERANGE);
	assert_err(coherent_copy_in(&mem, SIZE_MAX, elements, 2), -ERANGE);
	assert_err(coherent_copy_out(&mem, 2, elements, 3), -ERANGE);
	assert_int_equal(value, 7);
	assert_int_equal(elements[0].a, UINT32_MAX);
	assert_ok(coherent_copy_out(&mem, 0, elements, 4));
	assert_true(is_all(elements, 0, sizeof(elements)));
	/* The rest of the page, behind the last element, is unchanged. */
	memset(elements, 0xff, sizeof(elements));
	world_reads_hidden(world, coherent_addr(&mem).raw + sizeof(elements), elements,
			   sizeof(elements));
	assert_true(is_all(elements, 0, sizeof(elements)));
	coherent_free(&mem);
	item_past_the_end_touches_nothing(world);
	world_close(world);
}

void view_address_is_base_plus_offset(struct world *world)
{
	COHERENT_VIEW(struct element) view, inner;
	COHERENT_RING(struct element) ring;
	COHERENT(struct element) mem = COHERENT_EMPTY;
	struct element seen;
	coherent_addr_t addr;
	uint64_t base;
	uint32_t value;

	world_open(world);
	assert_ok(coherent_zeroed(&mem, world->dev, 8));
	base = coherent_addr(&mem).raw;
	assert_ok(coherent_view(&mem, 2, 5, &view));
	assert_int_equal(coherent_addr(&view).raw, base + 2 * sizeof(struct element));
	assert_int_equal(coherent_count(&view), 5);
	assert_ok(coherent_view(&view, 1, 4, &inner));
	assert_int_equal(coherent_addr(&inner).raw, base + 3 * sizeof(struct element));
	assert_ok(coherent_addr_at(&inner, 3, &addr));
	assert_int_equal(addr.raw, base + 6 * sizeof(struct element));
	assert_err(coherent_addr_at(&inner, 4, &addr), -ERANGE);
	assert_int_equal(addr.raw, UINT64_MAX);
	assert_err(coherent_view(&view, 1, 5, &inner), -ERANGE);
	assert_true(coherent_is_empty(&inner));
	assert_err(coherent_view(&mem, 9, 1, &inner), -ERANGE);
	assert_err(coherent_view(&mem, SIZE_MAX, 2, &inner), -ERANGE);
	assert_err(coherent_view(&mem, 0, 0, &inner), -EINVAL);
	assert_ok(coherent_write(&view, 0, .b, 5));
	assert_ok(coherent_read(&mem, 2, .b, &value));
	assert_int_equal(value, 5);
	/* The device reads the value at the address of the view. */
	world_reads(world, coherent_addr(&view).raw, &seen, sizeof(seen));
	assert_int_equal(seen.b, 5);

	assert_ok(coherent_ring(&mem, &ring));
	coherent_ring_put(&ring, 8 + 3, .a, 9);
	assert_ok(coherent_read(&mem, 3, .a, &value));
	assert_int_equal(value, 9);
	assert_int_equal(coherent_ring_get(&ring, SIZE_MAX - 4, .a), 9);
	assert_err(coherent_ring(&view, &ring), -EINVAL);
	assert_true(coherent_is_empty(&ring));
	coherent_free(&mem);
	world_close(world);
}

void no_stale_padding_reaches_the_device(struct world *world)
{
	const bool is_padding[] = { 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1 };
	unsigned char seen[2 * sizeof(struct padded)];
	COHERENT(struct padded) from = COHERENT_EMPTY, mem = COHERENT_EMPTY;
	struct padded dirty[2];

	world_open(world);
	memset(dirty, 0xaa, sizeof(dirty));
	assert_ok(coherent_from(&from, world->dev, dirty, 2));
	assert_ok(coherent_zeroed(&mem, world->dev, 2));
	assert_ok(coherent_copy_in(&mem, 0, dirty, 2));
	for (unsigned int turn = 0; turn < 2; turn++) {
		world_reads(world, turn ? coherent_addr(&mem).raw : coherent_addr(&from).raw, seen,
			    sizeof(seen));
		for (size_t i = 0; i < sizeof(seen); i++)
			assert_int_equal(seen[i], is_padding[i % sizeof(struct padded)] ? 0 : 0xaa);
	}
	/* Writes of single fields do not touch the padding. */
	coherent_free(&from);
	assert_ok(coherent_zeroed(&from, world->dev, 1));
	assert_ok(coherent_write(&from, 0, .a, 0xff));
	assert_ok(coherent_write(&from, 0, .b, UINT32_MAX));
	assert_ok(coherent_write(&from, 0, .c, UINT16_MAX));
	world_reads(world, coherent_addr(&from).raw, seen, sizeof(struct padded));
	for (size_t i = 0; i < sizeof(struct padded); i++)
		assert_int_equal(seen[i], is_padding[i] ? 0 : 0xff);
	coherent_free(&from);
	coherent_free(&mem);
	world_close(world);
}

/* --- Permissions of the device --- */

/* A world that cannot enforce read-only refuses it. The library exposes nothing then. */
static void read_only_is_refused(struct world *world)
{
	static const char secret[16] = "is not exposed!";
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_stats before, after;
	const unsigned int reports = world->log.count;

	assert_ok(coherent_device_stats(world->dev, &before));
	assert_ok(coherent_box_zeroed(&box, world->dev, PAGE));
	memcpy(coherent_box_ptr(&box), secret, sizeof(secret));
	assert_err(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY), -EOPNOTSUPP);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	assert_false(world_peer_has(world, secret));
	assert_ok(coherent_device_stats(world->dev, &after));
	assert_int_equal(after.mems, before.mems);
	assert_int_equal(world->log.count, reports + 1);
	assert_true(log_has(&world->log, ".permission = COHERENT_READ_ONLY is not supported"));
	world_differs(world);
}

static void read_only_is_enforced(struct world *world)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint8_t bytes[PROBE], byte;
	char text[80];

	snprintf(text, sizeof(text), "read-only (4096 bytes allocated at %s:%d", __FILE__,
		 __LINE__ + 1);
	assert_ok(coherent_box_zeroed(&box, world->dev, PAGE));
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	world_write_is_refused(world, coherent_addr(&mem).raw, COHERENT_STATE_MEM);
	if (world->names_faults) {
		assert_int_equal(world->fault.access, COHERENT_ACCESS_WRITE);
		assert_non_null(strstr(world->fault.text, text));
	}
	world_reads(world, coherent_addr(&mem).raw, bytes, PROBE);
	assert_true(is_all(bytes, 0, PROBE));
	/* The CPU can still write. */
	assert_ok(coherent_write(&mem, 0, 3));
	world_reads(world, coherent_addr(&mem).raw, &byte, 1);
	assert_int_equal(byte, 3);
	/* The driver can reclaim the mem and expose it again with another permission. */
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[0], 3);
	assert_true(is_all(coherent_box_ptr(&box) + 1, 0, PAGE - 1));
	assert_ok(coherent_expose(&box, &mem));
	world_writes(world, coherent_addr(&mem).raw, PROBE);
	assert_ok(coherent_copy_out(&mem, 0, bytes, PROBE));
	assert_true(is_all(bytes, DIRT, PROBE));
}

void device_may_do_only_what_expose_allowed(struct world *world)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	world_open(world);
	if (world->no_read_only)
		read_only_is_refused(world);
	else
		read_only_is_enforced(world);
	assert_ok(coherent_box_zeroed(&box, world->dev, 1));
	assert_err(coherent_expose(&box, &mem, .permission = (enum coherent_permission)2), -EINVAL);
	assert_true(coherent_is_empty(&mem));
	assert_int_equal(coherent_device_level(world->dev), world->level);
	assert_ok(coherent_box_zeroed(&box, world->dev, 1, .level = world->level));
	assert_int_equal(coherent_box_level(&box), world->level);
	coherent_box_free(&box);
	world_close(world);
}

void writes_before_a_doorbell_are_seen_after_it(struct world *world)
{
	COHERENT(uint32_t) out = COHERENT_EMPTY, in = COHERENT_EMPTY;
	uint32_t value;

	world_open(world);
	assert_ok(coherent_zeroed(&out, world->dev, 128, .permission = world_read_only(world)));
	assert_ok(coherent_zeroed(&in, world->dev, 128));
	for (uint32_t turn = 1; turn < 5; turn++) {
		for (size_t i = 0; i < 128; i++)
			assert_ok(coherent_write(&out, i, turn * 1000 + (uint32_t)i));
		assert_ok(world->ops->load(world, PLACE_SCRATCH, coherent_addr(&out).raw, PROBE));
		assert_ok(world->ops->store(world, PLACE_SCRATCH, coherent_addr(&in).raw, PROBE));
		for (size_t i = 0; i < 128; i++) {
			assert_ok(coherent_read_acquire(&in, i, &value));
			assert_int_equal(value, turn * 1000 + i);
		}
	}
	coherent_free(&out);
	coherent_free(&in);
	world_close(world);
}
