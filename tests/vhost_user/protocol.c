// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The messages that the library sends to a peer that does everything right, and the registers of
 * virtio-mmio that it makes of the answers.
 */
#include "vhost_test.h"

static void messages_are_as_the_protocol_has_them(void **state)
{
	const struct inject before = inject;
	struct peer_script *script = peer.script;
	struct job *job = new_job();
	const struct vhost_user_message *last = script->last;
	uint64_t at;

	(void)state;
	assert_ok(run_job(job, ""));
	at = coherent_addr(&job->rings).raw;
	assert_int_equal(script->connections, 2);
	assert_int_equal(last[VHOST_USER_SET_PROTOCOL_FEATURES].u64, PEER_PROTOCOL);
	assert_int_equal(last[VHOST_USER_SET_FEATURES].u64,
			 UINT64_C(1) << 32 | VHOST_USER_F_PROTOCOL_FEATURES);
	assert_int_equal(script->fds[VHOST_USER_ADD_MEM_REG], 1);
	assert_int_equal(script->fds[VHOST_USER_REM_MEM_REG], 0);
	assert_int_equal(last[VHOST_USER_REM_MEM_REG].region.region.bytes, 2 * PAGE);
	assert_int_equal(last[VHOST_USER_SET_VRING_NUM].state.number, ENTRIES);
	assert_int_equal(last[VHOST_USER_SET_VRING_ADDR].rings.desc, at);
	assert_int_equal(last[VHOST_USER_SET_VRING_ADDR].rings.avail, at + PAGE);
	assert_int_equal(last[VHOST_USER_SET_VRING_ADDR].rings.used, at + 2 * PAGE);
	assert_int_equal(script->fds[VHOST_USER_SET_VRING_KICK], 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_KICK].u64, 0);
	/* First for nobody, then for who listens; always with a descriptor. */
	assert_int_equal(script->seen[VHOST_USER_SET_VRING_CALL], 2);
	assert_int_equal(script->fds[VHOST_USER_SET_VRING_CALL], 1);
	assert_int_equal(last[VHOST_USER_SET_CONFIG].config.offset, 32);
	assert_int_equal(last[VHOST_USER_SET_CONFIG].config.data[0], 1);
	/* Both mems, each of them again after the reset. */
	assert_int_equal(script->seen[VHOST_USER_ADD_MEM_REG], 3 + 2);
	end_job(job);
	nothing_is_left(&before);
}

/* It takes whole tables, and then not while it runs. */
static void without_slots_it_gets_tables(void **state)
{
	struct peer_script *script = peer.script;
	struct job *job = new_job();
	COHERENT(uint8_t) mems[9] = { COHERENT_EMPTY };
	struct coherent_limits limits;

	(void)state;
	script->protocol &= ~VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	assert_ok(open_keys(job, ""));
	assert_ok(coherent_bar_open(&job->bar, job->dev, 0));
	assert_ok(coherent_device_limits(job->dev, &limits));
	assert_int_equal(limits.mappings, 8);
	assert_ok(coherent_zeroed(&job->rings, job->dev, 3 * PAGE));
	for (size_t i = 0; i < 7; i++)
		assert_ok(coherent_zeroed(&mems[i], job->dev, PAGE));
	assert_err(coherent_zeroed(&mems[7], job->dev, 1), -ENOSPC);
	assert_int_equal(script->last[VHOST_USER_SET_MEM_TABLE].table.count, 8);
	assert_int_equal(script->fds[VHOST_USER_SET_MEM_TABLE], 8);
	assert_int_equal(script->last[VHOST_USER_SET_MEM_TABLE].table.regions[3].address,
			 coherent_addr(&mems[2]).raw);
	assert_ok(coherent_reclaim(&mems[0], &job->box, .idle = true));
	assert_int_equal(script->last[VHOST_USER_SET_MEM_TABLE].table.count, 7);
	assert_ok(set_up(job));
	assert_err(coherent_expose(&job->box, &mems[0]), -EBUSY);
	assert_true(log_has(&job->log, "takes only whole tables"));
	assert_err(coherent_reclaim(&mems[1], &job->box, .idle = true), -EBUSY);
	assert_false(coherent_is_empty(&mems[1]));
	coherent_free(&mems[2]);
	assert_ok(coherent_device_reset(job->dev));
	assert_int_equal(script->last[VHOST_USER_SET_MEM_TABLE].table.count, 6);
	assert_ok(coherent_reclaim(&mems[1], &job->box, .idle = true));
	assert_int_equal(script->seen[VHOST_USER_ADD_MEM_REG], 0);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	end_job(job);
}

static void table_is_asked_for_by_key(void **state)
{
	struct job *job = new_job();

	(void)state;
	assert_ok(run_job(job, ",table,id=1,timeout=2000") == -EBUSY ? 0 : -1);
	assert_int_equal(coherent_bar_read32(job->bar, 8), 1);
	assert_int_equal(peer.script->seen[VHOST_USER_ADD_MEM_REG], 0);
	assert_int_equal(peer.script->seen[VHOST_USER_SET_MEM_TABLE], 2);
	end_job(job);
}

/* Some say nothing but what they are asked. */
static void acknowledgements_need_not_be_had(void **state)
{
	struct job *job = new_job();

	(void)state;
	peer.script->protocol &= ~VHOST_USER_PROTOCOL_F_REPLY_ACK;
	assert_ok(run_job(job, ""));
	assert_false(peer.script->last[VHOST_USER_ADD_MEM_REG].flags & VHOST_USER_FLAG_NEED_REPLY);
	end_job(job);
}

static void what_it_lacks_is_named(void **state)
{
	struct job *job = new_job();

	(void)state;
	peer.script->features = PEER_FEATURES & ~(UINT64_C(1) << 32);
	assert_err(open_keys(job, ""), -EOPNOTSUPP);
	assert_true(log_has(&job->log, "the peer lacks VIRTIO_F_VERSION_1"));
	peer.script->features = PEER_FEATURES & ~VHOST_USER_F_PROTOCOL_FEATURES;
	assert_err(open_keys(job, ""), -EOPNOTSUPP);
	assert_true(log_has(&job->log, "the peer lacks VHOST_USER_F_PROTOCOL_FEATURES"));
	end_job(job);
}

/* Features that were not offered, or that virtio-mmio needs, are not agreed to. */
static void features_are_agreed_on(void **state)
{
	struct job *job = new_job();

	(void)state;
	assert_ok(open_keys(job, ""));
	assert_ok(coherent_bar_open(&job->bar, job->dev, 0));
	/* Those of vhost-user are not shown. */
	assert_int_equal(coherent_bar_read32(job->bar, 0x10), 1 << 9 | 1 << 6);
	coherent_bar_write32(job->bar, 0x14, 1);
	assert_int_equal(coherent_bar_read32(job->bar, 0x10), 1);
	coherent_bar_write32(job->bar, FEATURES, 1 << 5);
	coherent_bar_write32(job->bar, STATUS, 11);
	assert_int_equal(coherent_bar_read32(job->bar, STATUS), 3);
	coherent_bar_write32(job->bar, STATUS, 7);
	/* NEEDS_RESET: nothing was agreed on. */
	assert_int_equal(coherent_bar_read32(job->bar, STATUS), 7 | 0x40);
	coherent_bar_write32(job->bar, STATUS, 0);
	coherent_bar_write32(job->bar, FEATURES, 1 << 9);
	coherent_bar_write32(job->bar, STATUS, 11);
	assert_int_equal(coherent_bar_read32(job->bar, STATUS), 3);
	assert_int_equal(peer.script->seen[VHOST_USER_SET_FEATURES], 0);
	coherent_bar_write32(job->bar, SELECT, 1);
	coherent_bar_write32(job->bar, FEATURES, 1);
	coherent_bar_write32(job->bar, STATUS, 11);
	assert_int_equal(coherent_bar_read32(job->bar, STATUS), 11);
	assert_int_equal(peer.script->last[VHOST_USER_SET_FEATURES].u64,
			 UINT64_C(1) << 32 | VHOST_USER_F_PROTOCOL_FEATURES | 1 << 9);
	/* There is one queue. */
	coherent_bar_write32(job->bar, 0x30, 1);
	assert_int_equal(coherent_bar_read32(job->bar, 0x34), 0);
	coherent_bar_write32(job->bar, READY, 1);
	coherent_bar_write32(job->bar, 0x30, UINT32_MAX);
	assert_int_equal(coherent_bar_read32(job->bar, READY), 0);
	coherent_bar_write32(job->bar, NOTIFY, UINT32_MAX);
	coherent_bar_write32(job->bar, NOTIFY, 0);
	end_job(job);
}

/* What needs something here that there is not. */
static void other_features_are_not_shown(void **state)
{
	struct job *job;

	(void)state;
	peer.script->features = PEER_FEATURES | UINT64_C(0xfff) << 32 | 0xff000000u;
	job = open_job("");
	assert_int_equal(coherent_bar_read32(job->bar, 0x10), 1 << 29 | 1 << 28 | 1 << 9 | 1 << 6);
	coherent_bar_write32(job->bar, 0x14, 1);
	assert_int_equal(coherent_bar_read32(job->bar, 0x10), 1 | 1 << 4);
	end_job(job);
}

static void queues_are_told_apart(void **state)
{
	const struct vhost_user_message *last = peer.script->last;
	struct job *job;

	(void)state;
	peer.script->queues = 2;
	job = open_job("");
	set_queue(job, 1, 2 * PAGE);
	assert_ok(set_up(job));
	assert_int_equal(peer.script->seen[VHOST_USER_SET_VRING_ENABLE], 2);
	assert_int_equal(last[VHOST_USER_SET_VRING_ADDR].rings.queue, 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_NUM].state.queue, 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_CALL].u64, 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_KICK].u64, 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_ENABLE].state.queue, 1);
	end_job(job);
}

static void queue_registers_are_the_drivers_until_it_is_ready(void **state)
{
	struct job *job = open_job("");
	uint32_t at;

	(void)state;
	at = (uint32_t)coherent_addr(&job->rings).raw;
	coherent_bar_write32(job->bar, NUMBER, 2048);
	coherent_bar_write32(job->bar, READY, 1);
	assert_int_equal(coherent_bar_read32(job->bar, READY), 0);
	set_queue(job, 0, 2 * PAGE);
	coherent_bar_write32(job->bar, DESC, 5);
	/* Not running, it can be taken back; running, by a reset only. */
	coherent_bar_write32(job->bar, READY, 0);
	assert_int_equal(coherent_bar_read32(job->bar, READY), 0);
	set_queue(job, 0, 2 * PAGE);
	coherent_bar_write32(job->bar, NOTIFY, 0);
	assert_ok(set_up(job));
	assert_int_equal(peer.script->last[VHOST_USER_SET_VRING_ADDR].rings.desc, at);
	/* Nobody had notified of anything. */
	assert_false(peer.script->kicked);
	coherent_bar_write32(job->bar, READY, 0);
	assert_int_equal(coherent_bar_read32(job->bar, READY), 1);
	end_job(job);
}

/* Also one byte past what is exposed, or in what was freed. */
static void rings_have_to_be_exposed_whole(void **state)
{
	const uint64_t used_bytes = 6 + 8 * ENTRIES;
	struct job *job = open_job("");
	COHERENT(uint8_t) freed = COHERENT_EMPTY;
	uint64_t at;

	(void)state;
	set_queue(job, 0, 3 * PAGE - used_bytes + 1);
	assert_err(set_up(job), -EIO);
	assert_int_equal(coherent_bar_read32(job->bar, STATUS), 15 | 0x40);
	assert_int_equal(peer.script->seen[VHOST_USER_SET_VRING_ADDR], 0);
	/* It was told nothing, so that there is nothing to reconnect for. */
	coherent_bar_write32(job->bar, STATUS, 0);
	assert_int_equal(peer.script->connections, 1);
	assert_ok(coherent_zeroed(&freed, job->dev, PAGE));
	at = coherent_addr(&freed).raw;
	coherent_free(&freed);
	set_queue(job, 0, at - coherent_addr(&job->rings).raw);
	assert_err(set_up(job), -EIO);
	coherent_bar_write32(job->bar, STATUS, 0);
	set_queue(job, 0, 3 * PAGE - used_bytes);
	end_job(job);
}

/* What virtio calls a reset has ended what was in flight. */
static void status_of_zero_connects_again(void **state)
{
	struct job *job = open_job("");

	(void)state;
	assert_ok(set_up(job));
	coherent_bar_write32(job->bar, STATUS, 0);
	assert_int_equal(coherent_bar_read32(job->bar, STATUS), 0);
	assert_int_equal(peer.script->connections, 2);
	assert_int_equal(peer.script->seen[VHOST_USER_ADD_MEM_REG], 2);
	assert_ok(set_up(job));
	end_job(job);
}

static void sizes_of_the_peer_are_capped(void **state)
{
	struct coherent_limits limits;
	struct job *job;

	(void)state;
	peer.script->queues = 1000;
	peer.script->slots = UINT64_MAX;
	job = open_job("");
	assert_ok(coherent_device_limits(job->dev, &limits));
	assert_int_equal(limits.mappings, 4096);
	coherent_bar_write32(job->bar, QUEUE, 15);
	assert_int_equal(coherent_bar_read32(job->bar, NUM_MAX), 1024);
	coherent_bar_write32(job->bar, QUEUE, 16);
	assert_int_equal(coherent_bar_read32(job->bar, NUM_MAX), 0);
	end_job(job);
}

/* Whoever is at the other end next. */
static void slots_may_change(void **state)
{
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	struct job *job;
	size_t i;

	(void)state;
	peer.script->slots = 6;
	job = open_job("");
	peer.script->slots = 32;
	assert_ok(coherent_device_reset(job->dev));
	for (i = 0; i < 5; i++)
		assert_ok(coherent_zeroed(&mems[i], job->dev, 1));
	assert_err(coherent_zeroed(&mems[i], job->dev, 1), -ENOSPC);
	peer.script->slots = 4;
	assert_err(coherent_device_reset(job->dev), -EOPNOTSUPP);
	assert_true(log_has(&job->log, "the memory slots that it had"));
	coherent_free(&mems[0]);
	coherent_free(&mems[1]);
	assert_ok(coherent_device_reset(job->dev));
	peer.script->protocol &= ~VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	assert_err(coherent_device_reset(job->dev), -EOPNOTSUPP);
	peer.script->protocol = PEER_PROTOCOL;
	assert_ok(coherent_device_reset(job->dev));
	while (i-- > 0)
		coherent_free(&mems[i]);
	end_job(job);
}

static bool is_of_a_file(const volatile void *va)
{
	unsigned long first, last, at = (unsigned long)(uintptr_t)va;
	FILE *maps = fopen("/proc/self/maps", "r");
	bool found = false;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &first, &last) == 2 && at >= first && at < last)
			found = strstr(line, "memfd:coherent");
	fclose(maps);
	return found;
}

static void pages_are_the_peers_only_while_exposed(void **state)
{
	struct job *job = open_job("");
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	const volatile uint8_t *va;

	(void)state;
	assert_ok(coherent_box_zeroed(&job->box, job->dev, PAGE));
	assert_false(is_of_a_file(coherent_box_ptr(&job->box)));
	assert_ok(coherent_expose(&job->box, &mem));
	va = coherent_unsafe_ptr(&mem);
	assert_true(is_of_a_file(va));
	/* In place, and over at once: nothing waits for a fence. */
	assert_ok(coherent_reclaim(&mem, &job->box, .idle = true));
	assert_ptr_equal(coherent_box_ptr(&job->box), va);
	assert_false(is_of_a_file(va));
	assert_ok(coherent_expose(&job->box, &mem));
	coherent_free(&mem);
	assert_true(is_of_a_file(va));
	assert_ok(coherent_device_fence(job->dev));
	assert_false(is_of_a_file(va));
	/* A close takes all back. */
	va = coherent_unsafe_ptr(&job->rings);
	assert_ok(coherent_write(&job->rings, 0, 5));
	coherent_device_close(job->dev);
	job->dev = NULL;
	assert_false(is_of_a_file(va));
	assert_int_equal(*va, 5);
	end_job(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(messages_are_as_the_protocol_has_them),
		WITH_PEER(without_slots_it_gets_tables),
		WITH_PEER(table_is_asked_for_by_key),
		WITH_PEER(acknowledgements_need_not_be_had),
		WITH_PEER(what_it_lacks_is_named),
		WITH_PEER(features_are_agreed_on),
		WITH_PEER(other_features_are_not_shown),
		WITH_PEER(queues_are_told_apart),
		WITH_PEER(queue_registers_are_the_drivers_until_it_is_ready),
		WITH_PEER(rings_have_to_be_exposed_whole),
		WITH_PEER(status_of_zero_connects_again),
		WITH_PEER(sizes_of_the_peer_are_capped),
		WITH_PEER(slots_may_change),
		WITH_PEER(pages_are_the_peers_only_while_exposed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
