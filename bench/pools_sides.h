/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The patterns of pools.h on a pool of the library, for objects of BYTES bytes. pools.c includes this
 * file once for each size, because a pool has the type of its objects.
 */
#define NAME_OF(what, bytes) what##_##bytes
#define NAME(what, bytes) NAME_OF(what, bytes)
#define MINE(what) NAME(what, BYTES)

struct MINE(object) {
	uint32_t words[BYTES / 4];
};
COHERENT_FIELDS(struct MINE(object), .words);

COHERENT_POOL_TYPE(MINE(pool), struct MINE(object));
COHERENT_BOX_TYPE(MINE(box), struct MINE(object));
COHERENT_TYPE(MINE(mem), struct MINE(object));

/* The second pool has its boxes in place. */
static union MINE(pool) MINE(pools)[2];
static union MINE(mem) MINE(mems)[POOLS_MOST];

/* The way is a constant wherever this is inlined. */
POOLS_INLINE union MINE(pool) * MINE(pool_of)(enum pools_way way)
{
	return &MINE(pools)[way == POOLS_IN_PLACE];
}

POOLS_INLINE int MINE(start)(struct pools_load *load, enum pools_way way, union MINE(mem) * mem)
{
	union MINE(box) box = COHERENT_EMPTY;
	int err;

	if (way == POOLS_VALUE) {
		struct MINE(object) value = { { 0 } };

		pools_fill(value.words, (uint32_t)load->sum);
		err = coherent_pool_from(MINE(pool_of)(way), mem, &value);
	} else {
		err = coherent_pool_box(MINE(pool_of)(way), &box);
		if (err)
			return err;
		pools_fill(coherent_box_ptr(&box)->words, (uint32_t)load->sum);
		err = coherent_expose(&box, mem);
	}
	load->sum += coherent_addr(mem).raw;
	return err;
}

POOLS_INLINE int MINE(again)(struct pools_load *load, enum pools_way way, unsigned int turns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union MINE(mem) mem = COHERENT_EMPTY;

		err = MINE(start)(load, way, &mem);
		coherent_free(&mem);
	}
	return err;
}

POOLS_INLINE int MINE(churn)(struct pools_load *load, enum pools_way way, unsigned int turns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union MINE(mem) *mem = &MINE(mems)[pools_next(load)];

		coherent_free(mem);
		err = MINE(start)(load, way, mem);
	}
	return err;
}

static void MINE(free_live)(struct pools_load *load)
{
	for (size_t i = 0; i < load->live; i++)
		coherent_free(&MINE(mems)[load->order[i]]);
}

POOLS_INLINE int MINE(burst)(struct pools_load *load, enum pools_way way, unsigned int turns)
{
	int err = 0;

	for (unsigned int done = 0; !err && done < turns; done += load->live) {
		for (size_t i = 0; !err && i < load->live; i++)
			err = MINE(start)(load, way, &MINE(mems)[i]);
		MINE(free_live)(load);
	}
	return err;
}

/* Makes mems of 32 values by one call. */
static int MINE(make_32_values)(struct pools_load *load)
{
	struct MINE(object) values[POOLS_BATCH] = { 0 };

	for (size_t i = 0; i < POOLS_BATCH; i++)
		pools_fill(values[i].words, (uint32_t)(load->sum + i));
	return coherent_pool_from_all(MINE(pool_of)(POOLS_VALUE), MINE(mems), values, POOLS_BATCH);
}

POOLS_INLINE int MINE(make_32)(struct pools_load *load, enum pools_way way)
{
	union MINE(box) boxes[POOLS_BATCH] = { COHERENT_EMPTY };
	int err;

	if (way == POOLS_VALUE)
		return MINE(make_32_values)(load);
	err = coherent_pool_boxes(MINE(pool_of)(way), boxes, POOLS_BATCH);
	if (err)
		return err;
	for (size_t i = 0; i < POOLS_BATCH; i++)
		pools_fill(coherent_box_ptr(&boxes[i])->words, (uint32_t)(load->sum + i));
	return coherent_pool_expose(MINE(pool_of)(way), boxes, MINE(mems), POOLS_BATCH);
}

POOLS_INLINE int MINE(batch)(struct pools_load *load, enum pools_way way, unsigned int turns)
{
	int err = 0;

	for (unsigned int done = 0; !err && done < turns; done += POOLS_BATCH) {
		err = MINE(make_32)(load, way);
		for (size_t i = 0; i < POOLS_BATCH; i++)
			load->sum += coherent_addr(&MINE(mems)[i]).raw;
		coherent_pool_free(MINE(pool_of)(way), MINE(mems), POOLS_BATCH);
	}
	return err;
}

POOLS_INLINE int MINE(fill)(struct pools_load *load, enum pools_way way)
{
	int err = 0;

	for (size_t i = 0; !err && i < load->live; i++)
		err = MINE(start)(load, way, &MINE(mems)[i]);
	return err;
}

#define RUN(pattern, name, way)                                                 \
	static int NAME(pattern##_##name, BYTES)(void *arg, unsigned int turns) \
	{                                                                       \
		return MINE(pattern)(arg, way, turns);                          \
	}
#define RUNS(name, way)                                               \
	RUN(again, name, way)                                         \
	RUN(churn, name, way)                                         \
	RUN(burst, name, way)                                         \
	RUN(batch, name, way)                                         \
	static int NAME(fill_##name, BYTES)(struct pools_load * load) \
	{                                                             \
		return MINE(fill)(load, way);                         \
	}
RUNS(box, POOLS_BOX)
RUNS(value, POOLS_VALUE)
RUNS(in_place, POOLS_IN_PLACE)

#define SIDES(name)                                                                               \
	{                                                                                         \
		{ NAME(again_##name, BYTES), NULL, NULL },                                        \
			{ NAME(churn_##name, BYTES), NAME(fill_##name, BYTES), MINE(free_live) }, \
			{ NAME(burst_##name, BYTES), NULL, NULL },                                \
			{ NAME(batch_##name, BYTES), NULL, NULL },                                \
	}
static const struct pools_side MINE(sides)[POOLS_WAYS][POOLS_PATTERNS] = {
	SIDES(box),
	SIDES(value),
	SIDES(in_place),
};

static int MINE(create)(struct coherent_device *dev)
{
	int err = coherent_pool_create(&MINE(pools)[0], dev);

	return err ? err : coherent_pool_create(&MINE(pools)[1], dev, .in_place = true);
}

static int MINE(destroy)(void)
{
	int err = coherent_pool_destroy(&MINE(pools)[0]);

	return err ? err : coherent_pool_destroy(&MINE(pools)[1]);
}

#undef RUN
#undef RUNS
#undef SIDES
#undef NAME_OF
#undef NAME
#undef MINE
#undef BYTES
