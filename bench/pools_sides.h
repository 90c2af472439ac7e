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

COHERENT_POOL_TYPE(MINE(pool), struct MINE(object));
COHERENT_BOX_TYPE(MINE(box), struct MINE(object));
COHERENT_TYPE(MINE(mem), struct MINE(object));

static union MINE(pool) MINE(the_pool);
static union MINE(mem) MINE(mems)[POOLS_MOST];

/* Allocates an object, fills it and exposes it. */
static inline int MINE(start)(struct pools_load *load, union MINE(mem) * mem)
{
	union MINE(box) box = COHERENT_EMPTY;
	int err = coherent_pool_box(&MINE(the_pool), &box);

	if (err)
		return err;
	pools_fill(coherent_box_ptr(&box)->words, (uint32_t)load->sum);
	err = coherent_expose(&box, mem);
	load->sum += coherent_addr(mem).raw;
	return err;
}

static int MINE(again)(void *arg, unsigned int turns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union MINE(mem) mem = COHERENT_EMPTY;

		err = MINE(start)(arg, &mem);
		coherent_free(&mem);
	}
	return err;
}

static int MINE(churn)(void *arg, unsigned int turns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		union MINE(mem) *mem = &MINE(mems)[pools_next(arg)];

		coherent_free(mem);
		err = MINE(start)(arg, mem);
	}
	return err;
}

static void MINE(free_live)(struct pools_load *load)
{
	for (size_t i = 0; i < load->live; i++)
		coherent_free(&MINE(mems)[load->order[i]]);
}

static int MINE(burst)(void *arg, unsigned int turns)
{
	struct pools_load *load = arg;
	int err = 0;

	for (unsigned int done = 0; !err && done < turns; done += load->live) {
		for (size_t i = 0; !err && i < load->live; i++)
			err = MINE(start)(load, &MINE(mems)[i]);
		MINE(free_live)(load);
	}
	return err;
}

static int MINE(batch)(void *arg, unsigned int turns)
{
	int err = 0;

	for (unsigned int done = 0; !err && done < turns; done += POOLS_BATCH) {
		for (size_t i = 0; !err && i < POOLS_BATCH; i++)
			err = MINE(start)(arg, &MINE(mems)[i]);
		for (size_t i = 0; i < POOLS_BATCH; i++)
			coherent_free(&MINE(mems)[i]);
	}
	return err;
}

static int MINE(allocate_live)(struct pools_load *load)
{
	int err = 0;

	for (size_t i = 0; !err && i < load->live; i++)
		err = MINE(start)(load, &MINE(mems)[i]);
	return err;
}

static const struct pools_side MINE(sides)[POOLS_PATTERNS] = {
	{ MINE(again), NULL, NULL },
	{ MINE(churn), MINE(allocate_live), MINE(free_live) },
	{ MINE(burst), NULL, NULL },
	{ MINE(batch), NULL, NULL },
};

#undef NAME_OF
#undef NAME
#undef MINE
#undef BYTES
