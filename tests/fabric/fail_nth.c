// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each allocation and each system call of the library fails in turn while a driver opens two endpoints,
 * connects them, exposes memory and makes transfers. The calls of libfabric itself do not fail.
 * libfabric frees some blocks of the library, so LeakSanitizer looks for blocks that nobody frees.
 */
#include <errno.h>

#include "../inject.h"
#include "fabric_test.h"

/* So large that a reclaim moves the pages. */
#define MOVED ((size_t)128 << 10)

static const char *provider;

/**
 * struct use - What the driver has.
 * @target: The device that has the mems.
 * @initiator: The device of the peer.
 * @peer: The target, as the initiator knows it.
 * @local: A mem of the initiator.
 * @small: A mem whose reclaim copies.
 * @large: A mem whose reclaim moves pages.
 * @box: A reclaimed mem.
 */
struct use {
	struct coherent_device *target;
	struct coherent_device *initiator;
	struct coherent_fabric_peer *peer;
	union any_mem local;
	union any_mem small;
	union any_mem large;
	COHERENT_BOX(uint8_t) box;
};

static int open_end(struct coherent_device **dev)
{
	char name[64];

	snprintf(name, sizeof(name), "fabric:%s,node=127.0.0.1", provider);
	return coherent_device_open(dev, name);
}

static int connect_ends(struct use *use)
{
	struct coherent_fabric_name name;
	int err = open_end(&use->target);

	if (!err)
		err = open_end(&use->initiator);
	if (!err)
		err = coherent_fabric_get_name(use->target, &name);
	if (!err)
		err = coherent_fabric_connect(&use->peer, use->initiator, &name);
	return err;
}

static int transfer(struct use *use)
{
	struct coherent_remote remote;
	int err = coherent_remote(&use->small, &remote);

	if (!err)
		err = coherent_fabric_write(use->peer, &remote, &use->local, LONG, .count = PAGE);
	if (!err)
		err = coherent_fabric_read(use->peer, &remote, &use->local, LONG, .count = PAGE);
	return err;
}

static int take_back(struct use *use, union any_mem *mem)
{
	int err = coherent_reclaim(mem, &use->box);

	if (!err)
		err = coherent_expose(&use->box, mem);
	return err;
}

static int run_driver(struct use *use)
{
	int err = connect_ends(use);

	if (!err)
		err = coherent_zeroed(&use->local, use->initiator, PAGE);
	if (!err)
		err = coherent_zeroed(&use->small, use->target, PAGE);
	if (!err)
		err = coherent_zeroed(&use->large, use->target, MOVED);
	if (!err)
		err = transfer(use);
	if (!err)
		err = take_back(use, &use->small);
	if (!err)
		err = take_back(use, &use->large);
	if (!err)
		err = coherent_device_fence(use->target);
	return err ? err : coherent_device_reset(use->initiator);
}

/* Memory stays valid over a failure. */
static void check_mems(struct use *use)
{
	uint8_t byte;

	if (!coherent_is_empty(&use->small))
		assert_ok(coherent_read(&use->small, 0, &byte));
	if (!coherent_is_empty(&use->large))
		assert_ok(coherent_read(&use->large, MOVED - 1, &byte));
}

static void tear_down(struct use *use)
{
	struct coherent_stats stats;

	coherent_free(&use->local);
	coherent_free(&use->small);
	coherent_free(&use->large);
	coherent_box_free(&use->box);
	if (use->target) {
		assert_ok(coherent_device_stats(use->target, &stats));
		assert_int_equal(stats.mems, 0);
	}
	coherent_fabric_disconnect(use->peer);
	coherent_device_close(use->initiator);
	coherent_device_close(use->target);
}

static void each_failure_leaves_nothing(void **state)
{
	unsigned int nth, tolerated = 0;

	(void)state;
	for (nth = 1;; nth++) {
		const struct inject before = inject;
		struct use use = { .target = NULL };
		int err;

		inject.failed = false;
		inject.left = nth;
		err = run_driver(&use);
		inject.left = 0;
		if (!inject.failed || inject.optional)
			assert_ok(err);
		else if (err && err != -ENOMEM && err != -ENOSPC)
			fail_msg("call %u fails, and the driver gets %d", nth, err);
		tolerated += inject.failed && !inject.optional && !err;
		check_mems(&use);
		tear_down(&use);
		assert_int_equal(inject.bytes, before.bytes);
		assert_int_equal(inject.fds, before.fds);
		if (!inject.failed)
			break;
		assert_true(nth < 1000);
	}
	print_message("# %u calls failed in turn, %u of them made no difference\n", nth - 1,
		      tolerated);
	assert_true(nth > 40);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_leaves_nothing),
	};

	provider = provider_of(argc, argv);
	return provider ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
