// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file has the table of worlds with their answers. It also opens a world, makes its device
 * access memory, and checks whether the access was refused.
 */
#include <time.h>

#include "peer.h"

#define WINDOW_BYTES PAGE

/* --- The table --- */

static const struct failing_expose sim_failing_exposes[] = {
	{ ",fail-map=2", 1, -EIO, false },
	{ ",maps=1", 1, -ENOSPC, false },
	{ NULL, 0, 0, false },
};

static const struct failing_expose qemu_failing_exposes[] = {
	{ ",memory=8", 8 << 20, -ENOSPC, true },
	{ NULL, 0, 0, false },
};

/* The simulator sees each access, so it names the object, and tells the size and the direction. */
#define SIM                                                                                      \
	.ops = &edu_ops, .level = COHERENT_IOMMU, .faults = "named", .names_faults = true,       \
	.tells_access = true, .fault_bytes = SIZE_MAX, .is_simulated = true,                     \
	.wide_keys = ",mask=40", .failing_exposes = sim_failing_exposes, .has_fail_unmap = true, \
	.burst = 2048

/*
 * QEMU is another process, so the level is PEER. A model may keep a pointer to memory that is
 * unmapped, so reclaim needs .idle. Each refused piece of 4 bytes is an event. QEMU keeps 128
 * events, and an event tells the direction only if there is a mapping. Boxes are in private memory,
 * so a mem is elsewhere, and QEMU's memory keeps a copy after the reclaim. A reset does not stop
 * edu's timer, so a fence does not release freed addresses, and the mask cannot change.
 */
#define QEMU                                                                                    \
	.level = COHERENT_PEER, .faults = "named", .needs_idle = true, .names_faults = true,    \
	.fault_bytes = 128 * 4, .fenced_state = COHERENT_STATE_FREED, .mem_is_elsewhere = true, \
	.keeps_copies = true, .keeps_mask = true, .wide_keys = "",                              \
	.failing_exposes = qemu_failing_exposes

static const struct failing_expose no_failing_exposes[] = { { NULL, 0, 0, false } };

/*
 * The peer is another endpoint. A provider tells it that it refuses an access, and nobody else. An
 * unmap is a fence, because the contents leave the place where a transfer in flight goes on.
 */
#define FABRIC(provider)                                                                         \
	.label = "fabric:" provider, .name = "fabric:" provider, .ops = &fabric_ops,             \
	.level = COHERENT_PEER, .faults = "not reported: the peer gets an error",                \
	.tells_device = true, .has_no_registers = true, .copies_adopted = true, .wide_keys = "", \
	.failing_exposes = no_failing_exposes, .burst = PAGE,                                    \
	.differs = {                                                                             \
		[PROMISE_failed_revoke_leaks_and_reports] =                                      \
			"A provider does not fail to close a registration "                      \
			"(`tests/fabric/fail.c` makes it fail).",                                \
		[PROMISE_fence_resets_the_device] =                                              \
			"An endpoint has no registers. The fence closes it and opens it again, " \
			"so all connections end.",                                               \
	}

/* The peer is another process, which runs a device of the simulator. */
#define SERVED                                                           \
	.ops = &served_edu_ops, .level = COHERENT_PEER, .wide_keys = "", \
	.failing_exposes = no_failing_exposes, .burst = 2048, .late_ms = 20

#define QEMU_REVOKES                                                                   \
	"If QEMU does not unmap memory, the library ends QEMU and the device is lost " \
	"(`tests/qemu/device.c`)."

static const struct world worlds[] = {
	{
		.label = "sim",
		.name = "sim:edu,step",
		SIM,
		.steps = true,
		.fenced_state = COHERENT_STATE_FREED,
	},
	{
		.label = "sim-threaded",
		.name = "sim:edu,delay=20",
		SIM,
		.late_ms = 20,
		.fenced_state = COHERENT_STATE_FREED,
	},
	{
		/* An unmap is not a fence here: old pages stay reachable until a fence. */
		.label = "sim-lazy",
		.name = "sim:edu,step,lazy",
		SIM,
		.steps = true,
		.needs_idle = true,
		.reclaimed_is_reachable = true,
		.freed_is_reachable = true,
		.fenced_state = COHERENT_STATE_NONE,
	},
	{
		/* A box moves when it is exposed, and a page follows each slot of a pool. */
		.label = "sim-hardened",
		.name = "sim:edu,step",
		SIM,
		.steps = true,
		.is_hardened = true,
		.mem_is_elsewhere = true,
		.fenced_state = COHERENT_STATE_FREED,
	},
	{
		.label = "qemu:edu",
		.name = "qemu:edu",
		.ops = &qemu_edu_ops,
		QEMU,
		.burst = 2048,
		/* edu's timer. */
		.late_ms = 100,
		.keeps_registers = true,
		.differs = {
			[PROMISE_failed_revoke_leaks_and_reports] = QEMU_REVOKES,
			[PROMISE_fence_resets_the_device] =
				"The fence and the reset both reset the bus, but edu keeps its registers over "
				"that: QEMU's model of it does not have a reset.",
		},
	},
	{
		.label = "qemu:nvme",
		.name = "qemu:nvme",
		.ops = &nvme_ops,
		QEMU,
		/* QEMU's model tries an access again if it was refused. */
		.tries_twice = true,
		.burst = PAGE,
		.differs = { [PROMISE_failed_revoke_leaks_and_reports] = QEMU_REVOKES },
	},
	{
		/*
		 * The peer is another process that maps each mem and can write to it. It hangs up
		 * if it does not find an address. The library cannot take memory away from a
		 * transfer in flight, so freed memory stays reachable until the fence.
		 */
		.label = "vhost-user",
		.name = "vhost-user:",
		.ops = &virtio_blk_ops,
		.level = COHERENT_PEER,
		.faults = "not reported: the peer hangs up",
		.needs_idle = true,
		.hangs_up = true,
		.freed_is_reachable = true,
		.no_read_only = true,
		.lies_hit_others = true,
		.wide_keys = "",
		.burst = 16 * PAGE,
		.differs = {
			[PROMISE_device_may_do_only_what_expose_allowed] =
				"An expose with COHERENT_READ_ONLY returns -EOPNOTSUPP, because a peer can "
				"write to all memory that it gets.",
			[PROMISE_armed_transfer_does_not_reach_reclaimed_memory] =
				"The transfer does not reach the reclaimed box. But if the driver says `.idle` "
				"while a transfer is in flight, the transfer overwrites the mem that the "
				"driver exposes next.",
			[PROMISE_failed_revoke_leaks_and_reports] =
				"A peer cannot make an unmap fail: the library moves the contents to pages "
				"that the peer never had (`tests/vhost_user/protocol.c`).",
		},
	},
	{
		/*
		 * The peer is another process without any memory of this one. The library answers or
		 * refuses each transfer, so it knows all that the simulator knows.
		 */
		.label = "vfio-user",
		.name = "vfio-user:",
		SERVED,
		.faults = "named",
		.names_faults = true,
		.tells_access = true,
		.fault_bytes = SIZE_MAX,
		.fenced_state = COHERENT_STATE_FREED,
		.is_exact = true,
		.gets_no_memory = true,
		.differs = {
			[PROMISE_failed_revoke_leaks_and_reports] =
				"An unmap does not fail: it removes an entry of a table in this process.",
		},
	},
	{
		/*
		 * The peer gets each mem as a file. It refuses an access itself if it has no file
		 * there, and the library does not learn of that. Freed memory stays reachable until
		 * the fence.
		 */
		.label = "vfio-user:files",
		.name = "vfio-user:,files",
		SERVED,
		.faults = "not reported: the peer refuses itself",
		.needs_idle = true,
		.freed_is_reachable = true,
		.differs = {
			[PROMISE_failed_revoke_leaks_and_reports] =
				"A peer cannot make an unmap fail: the library moves the contents to pages "
				"that the peer never had (`tests/vfio_user/files.c`).",
		},
	},
	{ FABRIC("tcp") },
	{ FABRIC("net") },
	{ FABRIC("sockets") },
	/* Only a VM has this one (tests/fabric/verbs.sh). The card uses the pages where they are. */
	{ FABRIC("verbs") },
};

/*
 * An edu device behind the IOMMU of a kernel. The kernel only logs a refused access, so the tests
 * read it from QEMU's trace. edu has no reset of its own. Its timer is late_ms.
 */
static const struct world pci = {
	.ops = &edu_ops,
	.level = COHERENT_IOMMU,
	.faults = "in the kernel's log",
	.is_traced = true,
	.has_no_reset = true,
	.keeps_registers = true,
	.wide_keys = "",
	.burst = 2048,
	.late_ms = 100,
	.differs = {
		[PROMISE_failed_revoke_leaks_and_reports] =
			"The kernel's unmap does not fail. A mock of the kernel makes it fail in "
			"`tests/vfio/map.c`.",
		[PROMISE_mem_keeps_address_and_contents_over_a_reset] =
			"Yes over a fence. A reset returns -EIO, because edu does not have a reset of "
			"its own.",
		[PROMISE_fence_resets_the_device] =
			"A fence resets a device that has a reset (`tests/vfio/registers.c`). edu does not "
			"have one, so it keeps its registers, and a reset returns -EIO.",
	},
};

static bool is_pci(const char *label)
{
	return !strncmp(label, "vfio:", 5) || !strncmp(label, "iommufd:", 8) ||
	       !strncmp(label, "pci:", 4);
}

bool world_find(struct world *world, const char *label)
{
	if (is_pci(label)) {
		*world = pci;
		world->label = world->name = label;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(worlds); i++) {
		if (!strcmp(worlds[i].label, label)) {
			*world = worlds[i];
			return true;
		}
	}
	return false;
}

void world_print_labels(FILE *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(worlds); i++)
		fprintf(to, "  %s\n", worlds[i].label);
	fputs("  vfio:ADDRESS, iommufd:ADDRESS or pci:ADDRESS of an edu device\n", to);
}

/* --- Open and close --- */

static void open_by_name(struct world *world)
{
	const int err = coherent_device_open(&world->dev, world->opened, .report = log_report,
					     .report_arg = &world->log,
					     .harden = world->is_hardened);

	if (err)
		fail_msg("%s: %d, %s", world->opened, err, world->log.text);
	assert_ok(coherent_device_set_mask(world->dev, coherent_mask(28)));
}

void world_adopt(struct world *world)
{
	adopted_begin();
	world->mem_is_elsewhere = world->needs_idle || world->copies_adopted;
}

void world_open_device(struct world *world, const char *keys)
{
	world->log = (struct log)LOG_EMPTY;
	snprintf(world->opened, sizeof(world->opened), "%s", world->name);
	if (world->ops->begin)
		world->ops->begin(world);
	assert_true(strlen(world->opened) + strlen(keys) < sizeof(world->opened));
	strcat(world->opened, keys);
	open_by_name(world);
}

/*
 * No object gets a freed address for a while. So each test has other addresses, and QEMU's trace
 * shows which test an access belongs to.
 */
static void use_other_addresses(struct world *world)
{
	static size_t opened;
	COHERENT_AUTO(uint8_t, mem);

	if (world->is_traced)
		assert_ok(coherent_zeroed(&mem, world->dev, ++opened * 16 * PAGE));
}

void world_open(struct world *world)
{
	world_open_device(world, "");
	use_other_addresses(world);
	world_start(world);
}

void world_open_again(struct world *world)
{
	open_by_name(world);
	world_start(world);
}

struct coherent_bar *world_open_bar(struct world *world)
{
	struct coherent_bar *bar;

	assert_err(coherent_bar_open(&bar, world->dev, 0), world->has_no_registers ? -ENODEV : 0);
	return bar;
}

bool world_bar_answers(struct coherent_bar *bar)
{
	return bar && coherent_bar_read32(bar, 0) != UINT32_MAX;
}

void world_start(struct world *world)
{
	world->ops->start(world);
	assert_ok(coherent_zeroed(&world->window, world->dev, WINDOW_BYTES));
}

void world_stop(struct world *world)
{
	world->ops->stop(world);
	coherent_free(&world->window);
}

void world_close(struct world *world)
{
	world_stop(world);
	coherent_device_close(world->dev);
	world->dev = NULL;
	if (world->ops->end)
		world->ops->end(world);
	assert_false(log_has(&world->log, "not freed"));
}

/* Prints each line as a comment of TAP. */
static void print_reports(char *text)
{
	char *rest = text;

	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line)
			print_message("# %s\n", line);
}

void world_abandon(struct world *world)
{
	if (world->dev) {
		print_reports(world->log.text);
		coherent_device_close(world->dev);
		coherent_free(&world->window);
	}
	if (world->ops->end)
		world->ops->end(world);
}

void world_reset(struct world *world)
{
	world_stop(world);
	assert_ok(coherent_device_reset(world->dev));
	world_start(world);
}

void world_fence(struct world *world)
{
	world_stop(world);
	assert_ok(coherent_device_fence(world->dev));
	world_start(world);
}

/* --- Accesses of the device --- */

/* A disk transfers whole sectors. They may reach past the end of an object where pages count. */
static size_t whole_sectors(const struct world *world, size_t bytes)
{
	return world->is_exact ? bytes : (bytes + PROBE - 1) / PROBE * PROBE;
}

void world_reads(struct world *world, uint64_t from, void *seen, size_t bytes)
{
	assert_ok(world->ops->load(world, PLACE_SCRATCH, from, whole_sectors(world, bytes)));
	assert_ok(world->ops->store(world, PLACE_SCRATCH, coherent_addr(&world->window).raw,
				    whole_sectors(world, bytes)));
	assert_no_fault(world->dev);
	assert_ok(coherent_copy_out(&world->window, 0, (uint8_t *)seen, bytes));
}

void world_writes(struct world *world, uint64_t to, size_t bytes)
{
	assert_ok(world->ops->store(world, PLACE_DIRT, to, bytes));
	assert_no_fault(world->dev);
}

static void check_fault(struct world *world, uint64_t address, enum coherent_access access,
			enum coherent_state state)
{
	static const char *const verbs[] = {
		[COHERENT_ACCESS_READ] = "read",
		[COHERENT_ACCESS_WRITE] = "write",
		[COHERENT_ACCESS_UNKNOWN] = "access",
	};
	struct coherent_fault *fault = &world->fault;
	char text[64];

	assert_ok(coherent_device_next_fault(world->dev, fault));
	assert_int_equal(fault->state, state);
	assert_int_equal(fault->address, address);
	if (!world->tells_access && state != COHERENT_STATE_MEM)
		access = COHERENT_ACCESS_UNKNOWN;
	assert_int_equal(fault->access, access);
	snprintf(text, sizeof(text), "device %s of %zu bytes at", verbs[access], fault->bytes);
	assert_non_null(strstr(fault->text, text));
}

static void refuses_exactly(struct world *world, enum coherent_access access)
{
	assert_ok(coherent_device_next_fault(world->dev, &world->fault));
	assert_int_equal(world->fault.access, access);
	assert_no_fault(world->dev);
}

void world_reads_hidden(struct world *world, uint64_t from, void *seen, size_t bytes)
{
	if (!world->is_exact) {
		world_reads(world, from, seen, bytes);
		return;
	}
	assert_ok(world->ops->load(world, PLACE_SCRATCH, from, bytes));
	refuses_exactly(world, COHERENT_ACCESS_READ);
	memset(seen, 0, bytes);
}

void world_writes_hidden(struct world *world, uint64_t to, size_t bytes)
{
	if (!world->is_exact) {
		world_writes(world, to, bytes);
		return;
	}
	assert_ok(world->ops->store(world, PLACE_DIRT, to, bytes));
	refuses_exactly(world, COHERENT_ACCESS_WRITE);
}

/*
 * Checks that an access was refused. A peer hangs up. QEMU's trace names the page. A fault names
 * the first byte.
 */
static void check_refusal(struct world *world, int err, uint64_t address, size_t bytes,
			  enum coherent_access access, enum coherent_state state)
{
	size_t reported;

	if (world->hangs_up) {
		assert_err(err, -ENODEV);
		assert_true(log_has(&world->log, "the peer hung up"));
		assert_false(world->names_faults || world->tells_access || world->tries_twice);
		assert_no_fault(world->dev);
		log_clear(&world->log);
		world_reset(world);
		return;
	}
	if (world->tells_device) {
		if (err != -EIO && err != -ENODEV)
			fail_msg("the device got %d", err);
		assert_false(world->names_faults);
		assert_no_fault(world->dev);
		return;
	}
	assert_ok(err);
	if (world->is_traced)
		printf("# blocked: 0x%llx\n", (unsigned long long)address & -PAGE);
	if (!world->names_faults) {
		assert_no_fault(world->dev);
		return;
	}
	check_fault(world, address, access, state);
	reported = world->fault.bytes;
	if (world->tries_twice) {
		check_fault(world, address, access, state);
		reported += world->fault.bytes;
	}
	assert_int_equal(reported, bytes < world->fault_bytes ? bytes : world->fault_bytes);
	assert_no_fault(world->dev);
}

void world_write_is_refused(struct world *world, uint64_t to, enum coherent_state state)
{
	const int err = world->ops->store(world, PLACE_DIRT, to, PROBE);

	check_refusal(world, err, to, PROBE, COHERENT_ACCESS_WRITE, state);
}

void world_read_is_refused(struct world *world, uint64_t from, uint8_t secret,
			   enum coherent_state state)
{
	uint8_t seen[PROBE] = { 0 };
	int err;

	/* The store of the device may hold the byte already, so the device loads zeros first. */
	assert_ok(coherent_copy_in(&world->window, 0, seen, PROBE));
	assert_ok(world->ops->load(world, PLACE_SCRATCH, coherent_addr(&world->window).raw, PROBE));
	err = world->ops->load(world, PLACE_SCRATCH, from, PROBE);
	check_refusal(world, err, from, PROBE, COHERENT_ACCESS_READ, state);
	assert_ok(
		world->ops->store(world, PLACE_SCRATCH, coherent_addr(&world->window).raw, PROBE));
	assert_ok(coherent_copy_out(&world->window, 0, seen, PROBE));
	assert_null(memchr(seen, secret, PROBE));
}

void world_arm_write(struct world *world, uint64_t to)
{
	world->ops->arm(world, to, world->burst);
}

bool world_is_armed(struct world *world)
{
	if (!world->ops->is_armed || world->ops->is_armed(world))
		return true;
	(void)!world->ops->fire(world);
	while (!coherent_device_next_fault(world->dev, &world->fault))
		;
	return false;
}

void world_fire(struct world *world)
{
	assert_ok(world->ops->fire(world));
	assert_no_fault(world->dev);
}

void world_fire_is_refused(struct world *world, uint64_t to, enum coherent_state state)
{
	check_refusal(world, world->ops->fire(world), to, world->burst, COHERENT_ACCESS_WRITE,
		      state);
}

static void sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

void world_let_it_fire(struct world *world)
{
	sleep_ms(2 * world->late_ms);
}

void world_let_it_approach(struct world *world)
{
	if (world->is_traced)
		sleep_ms(world->late_ms / 2);
}

/* --- Answers --- */

uint64_t world_next_address(struct world *world)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	coherent_addr_t next = { 0 };

	assert_err(coherent_zeroed(&mem, world->dev, 1, .seal = seal_fails, .seal_arg = &next),
		   -ECANCELED);
	return next.raw;
}

void world_differs(struct world *world)
{
	assert_non_null(world->differs[world->promise]);
	world->differed = true;
}

enum coherent_permission world_read_only(const struct world *world)
{
	return world->no_read_only ? COHERENT_READ_WRITE : COHERENT_READ_ONLY;
}
