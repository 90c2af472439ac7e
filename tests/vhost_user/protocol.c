// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check the messages that the library sends to a good peer, and the registers of
 * virtio-mmio that the library derives from the answers.
 */
#include <coherent/pool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vhost_test.h"

static void messages_follow_the_protocol(void **state)
{
	const struct inject before = inject;
	struct peer_script *script = peer.script;
	struct fixture *fixture = new_fixture();
	const struct vhost_user_message *last = script->last;
	uint64_t at;

	(void)state;
	assert_ok(use_fixture(fixture, ""));
	at = coherent_addr(&fixture->rings).raw;
	assert_int_equal(script->connections, 2);
	assert_int_equal(last[VHOST_USER_SET_PROTOCOL_FEATURES].u64, PEER_PROTOCOL);
	/* Only this message tells the peer that the library knows acknowledgements. */
	assert_false(last[VHOST_USER_SET_PROTOCOL_FEATURES].flags & VHOST_USER_FLAG_NEED_REPLY);
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
	/*
	 * The library sends an eventfd when the queue starts, and another one when the driver opens
	 * the interrupt.
	 */
	assert_int_equal(script->seen[VHOST_USER_SET_VRING_CALL], 2);
	assert_int_equal(script->fds[VHOST_USER_SET_VRING_CALL], 1);
	assert_int_equal(last[VHOST_USER_SET_CONFIG].config.offset, 32);
	assert_int_equal(last[VHOST_USER_SET_CONFIG].config.data[0], 1);
	/* The library added three mems, and two of them again after the reset. */
	assert_int_equal(script->seen[VHOST_USER_ADD_MEM_REG], 3 + 2);
	close_fixture(fixture);
	nothing_is_left(&before);
}

/* The socket may take a message in parts. The descriptors go only with the first part. */
static void message_may_be_sent_in_parts(void **state)
{
	struct fixture *fixture = new_fixture();
	int err;

	(void)state;
	inject.short_sends = true;
	err = use_fixture(fixture, "");
	inject.short_sends = false;
	assert_ok(err);
	assert_int_equal(peer.script->fds[VHOST_USER_ADD_MEM_REG], 1);
	close_fixture(fixture);
}

/* Such a peer takes only whole tables of memory, and none while a queue runs. */
static void peer_without_slots_gets_tables(void **state)
{
	struct peer_script *script = peer.script;
	struct fixture *fixture = new_fixture();
	COHERENT(uint8_t) mems[9] = { COHERENT_EMPTY };
	struct coherent_limits limits;

	(void)state;
	script->protocol &= ~VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	assert_ok(open_keys(fixture, ""));
	assert_ok(coherent_bar_open(&fixture->bar, fixture->dev, 0));
	assert_ok(coherent_device_limits(fixture->dev, &limits));
	assert_int_equal(limits.mappings, 8);
	assert_ok(coherent_zeroed(&fixture->rings, fixture->dev, 3 * PAGE));
	for (size_t i = 0; i < 7; i++)
		assert_ok(coherent_zeroed(&mems[i], fixture->dev, PAGE));
	assert_err(coherent_zeroed(&mems[7], fixture->dev, 1), -ENOSPC);
	assert_int_equal(script->last[VHOST_USER_SET_MEM_TABLE].table.count, 8);
	assert_int_equal(script->fds[VHOST_USER_SET_MEM_TABLE], 8);
	assert_int_equal(script->last[VHOST_USER_SET_MEM_TABLE].table.regions[3].address,
			 coherent_addr(&mems[2]).raw);
	assert_ok(coherent_reclaim(&mems[0], &fixture->box, .idle = true));
	assert_int_equal(script->last[VHOST_USER_SET_MEM_TABLE].table.count, 7);
	assert_ok(start_virtio(fixture));
	assert_err(coherent_expose(&fixture->box, &mems[0]), -EBUSY);
	assert_true(log_has(&fixture->log, "takes only whole tables"));
	assert_err(coherent_reclaim(&mems[1], &fixture->box, .idle = true), -EBUSY);
	assert_false(coherent_is_empty(&mems[1]));
	coherent_free(&mems[2]);
	assert_ok(coherent_device_reset(fixture->dev));
	assert_int_equal(script->last[VHOST_USER_SET_MEM_TABLE].table.count, 6);
	assert_ok(coherent_reclaim(&mems[1], &fixture->box, .idle = true));
	assert_int_equal(script->seen[VHOST_USER_ADD_MEM_REG], 0);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	close_fixture(fixture);
}

static void key_asks_for_tables(void **state)
{
	struct fixture *fixture = new_fixture();

	(void)state;
	assert_err(use_fixture(fixture, ",table,id=1,timeout=2000"), -EBUSY);
	assert_int_equal(coherent_bar_read32(fixture->bar, 8), 1);
	assert_int_equal(peer.script->seen[VHOST_USER_ADD_MEM_REG], 0);
	assert_int_equal(peer.script->seen[VHOST_USER_SET_MEM_TABLE], 2);
	close_fixture(fixture);
}

/* Some peers do not acknowledge messages. */
static void peer_need_not_acknowledge_messages(void **state)
{
	struct fixture *fixture = new_fixture();

	(void)state;
	peer.script->protocol &= ~VHOST_USER_PROTOCOL_F_REPLY_ACK;
	assert_ok(use_fixture(fixture, ""));
	assert_false(peer.script->last[VHOST_USER_ADD_MEM_REG].flags & VHOST_USER_FLAG_NEED_REPLY);
	close_fixture(fixture);
}

static void features_that_the_peer_lacks_are_named(void **state)
{
	struct fixture *fixture = new_fixture();

	(void)state;
	peer.script->features = PEER_FEATURES & ~(UINT64_C(1) << 32);
	assert_err(open_keys(fixture, ""), -EOPNOTSUPP);
	assert_true(log_has(&fixture->log, "the peer lacks VIRTIO_F_VERSION_1"));
	peer.script->features = PEER_FEATURES & ~VHOST_USER_F_PROTOCOL_FEATURES;
	assert_err(open_keys(fixture, ""), -EOPNOTSUPP);
	assert_true(log_has(&fixture->log, "the peer lacks VHOST_USER_F_PROTOCOL_FEATURES"));
	peer.script->features = PEER_FEATURES;
	peer.script->slots = 0;
	assert_err(open_keys(fixture, ""), -EOPNOTSUPP);
	assert_true(log_has(&fixture->log, "the peer offers 0 memory slots; add the key table to "
					   "the name, which sends whole tables instead"));
	peer.script->queues = 0;
	assert_err(open_keys(fixture, ",table"), -EOPNOTSUPP);
	assert_true(log_has(&fixture->log, "the peer offers 0 queues, and a device needs one"));
	close_fixture(fixture);
}

/* Says that the driver accepts the features. Asserts that the device refuses, and for which reason. */
static void assert_features_refused(struct fixture *fixture, const char *not_offered,
				    bool is_legacy)
{
	log_clear(&fixture->log);
	coherent_bar_write32(fixture->bar, STATUS, 11);
	assert_int_equal(coherent_bar_read32(fixture->bar, STATUS), 3);
	assert_int_equal(peer.script->seen[VHOST_USER_SET_FEATURES], 0);
	assert_int_equal(log_has(&fixture->log, "that the device does not offer"), !!not_offered);
	assert_true(!not_offered || log_has(&fixture->log, not_offered));
	assert_int_equal(log_has(&fixture->log, "the driver does not accept VIRTIO_F_VERSION_1 "
						"(bit 32), which it must"),
			 is_legacy);
}

/* The device refuses features that it did not offer, and a set without VIRTIO_F_VERSION_1. */
static void features_are_negotiated(void **state)
{
	struct fixture *fixture = new_fixture();

	(void)state;
	peer.script->features |= VHOST_USER_F_LOG_ALL;
	assert_ok(open_keys(fixture, ""));
	assert_ok(coherent_bar_open(&fixture->bar, fixture->dev, 0));
	/* The register does not show the features of the protocol itself. */
	assert_int_equal(coherent_bar_read32(fixture->bar, 0x10), 1 << 9 | 1 << 6);
	coherent_bar_write32(fixture->bar, 0x14, 1);
	assert_int_equal(coherent_bar_read32(fixture->bar, 0x10), 1);
	coherent_bar_write32(fixture->bar, FEATURES, 1 << 9 | 1 << 5);
	assert_features_refused(fixture, "the driver accepts features 0x20 that", true);
	coherent_bar_write32(fixture->bar, STATUS, 7);
	/* The device sets NEEDS_RESET, because the driver skipped the negotiation of features. */
	assert_int_equal(coherent_bar_read32(fixture->bar, STATUS), 7 | 0x40);
	assert_true(log_has(&fixture->log, "the driver set DRIVER_OK without FEATURES_OK"));
	coherent_bar_write32(fixture->bar, STATUS, 0);
	coherent_bar_write32(fixture->bar, FEATURES, 1 << 9);
	assert_features_refused(fixture, NULL, true);
	coherent_bar_write32(fixture->bar, SELECT, 1);
	coherent_bar_write32(fixture->bar, FEATURES, 1);
	/* The peer did not offer one of these. It offered the other, which the library hides. */
	for (unsigned int bit = 5; bit <= 26; bit += 21) {
		coherent_bar_write32(fixture->bar, SELECT, 0);
		coherent_bar_write32(fixture->bar, FEATURES, 1u << 9 | 1u << bit);
		assert_features_refused(fixture, bit == 5 ? " 0x20 that" : " 0x4000000 that",
					false);
	}
	coherent_bar_write32(fixture->bar, FEATURES, 1 << 9);
	coherent_bar_write32(fixture->bar, STATUS, 11);
	assert_int_equal(coherent_bar_read32(fixture->bar, STATUS), 11);
	assert_int_equal(peer.script->last[VHOST_USER_SET_FEATURES].u64,
			 UINT64_C(1) << 32 | VHOST_USER_F_PROTOCOL_FEATURES | 1 << 9);
	/* The device has one queue. */
	coherent_bar_write32(fixture->bar, 0x30, 1);
	assert_int_equal(coherent_bar_read32(fixture->bar, 0x34), 0);
	coherent_bar_write32(fixture->bar, READY, 1);
	coherent_bar_write32(fixture->bar, 0x30, UINT32_MAX);
	assert_int_equal(coherent_bar_read32(fixture->bar, READY), 0);
	coherent_bar_write32(fixture->bar, NOTIFY, UINT32_MAX);
	coherent_bar_write32(fixture->bar, NOTIFY, 0);
	close_fixture(fixture);
}

/* The library hides features that it would have to support itself. */
static void unsupported_features_are_hidden(void **state)
{
	struct fixture *fixture;

	(void)state;
	peer.script->features = PEER_FEATURES | UINT64_C(0xfff) << 32 | 0xff000000u;
	fixture = open_fixture("");
	assert_int_equal(coherent_bar_read32(fixture->bar, 0x10),
			 1 << 29 | 1 << 28 | 1 << 9 | 1 << 6);
	coherent_bar_write32(fixture->bar, 0x14, 1);
	assert_int_equal(coherent_bar_read32(fixture->bar, 0x10), 1 | 1 << 4);
	close_fixture(fixture);
}

static void queues_are_independent(void **state)
{
	const struct vhost_user_message *last = peer.script->last;
	struct fixture *fixture;

	(void)state;
	peer.script->queues = 2;
	fixture = open_fixture("");
	set_queue(fixture, 1, 2 * PAGE);
	assert_ok(start_virtio(fixture));
	assert_int_equal(peer.script->seen[VHOST_USER_SET_VRING_ENABLE], 2);
	assert_int_equal(last[VHOST_USER_SET_VRING_ADDR].rings.queue, 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_NUM].state.queue, 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_CALL].u64, 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_KICK].u64, 1);
	assert_int_equal(last[VHOST_USER_SET_VRING_ENABLE].state.queue, 1);
	close_fixture(fixture);
}

static void queue_registers_change_only_while_it_is_not_ready(void **state)
{
	struct fixture *fixture = open_fixture("");
	uint32_t at;

	(void)state;
	at = (uint32_t)coherent_addr(&fixture->rings).raw;
	coherent_bar_write32(fixture->bar, NUMBER, 2048);
	coherent_bar_write32(fixture->bar, READY, 1);
	assert_int_equal(coherent_bar_read32(fixture->bar, READY), 0);
	assert_true(log_has(&fixture->log, "queue 0 is not ready: the driver must first set its "
					   "size to a power of two, at most 1024"));
	set_queue(fixture, 0, 2 * PAGE);
	coherent_bar_write32(fixture->bar, DESC, 5);
	/* The driver can take back a queue that does not run. Otherwise only a reset does that. */
	coherent_bar_write32(fixture->bar, READY, 0);
	assert_int_equal(coherent_bar_read32(fixture->bar, READY), 0);
	set_queue(fixture, 0, 2 * PAGE);
	coherent_bar_write32(fixture->bar, NOTIFY, 0);
	assert_ok(start_virtio(fixture));
	assert_int_equal(peer.script->last[VHOST_USER_SET_VRING_ADDR].rings.desc, at);
	/* The driver's early notification did not signal the eventfd. */
	assert_false(peer.script->kicked);
	coherent_bar_write32(fixture->bar, READY, 0);
	assert_int_equal(coherent_bar_read32(fixture->bar, READY), 1);
	close_fixture(fixture);
}

/* The device refuses rings of which one byte is not exposed, or that are freed. */
static void rings_must_be_exposed_as_a_whole(void **state)
{
	const uint64_t used_bytes = 6 + 8 * ENTRIES;
	struct fixture *fixture = open_fixture("");
	COHERENT(uint8_t) freed = COHERENT_EMPTY;
	uint64_t at;

	(void)state;
	set_queue(fixture, 0, 3 * PAGE - used_bytes + 1);
	assert_err(start_virtio(fixture), -EIO);
	assert_int_equal(coherent_bar_read32(fixture->bar, STATUS), 15 | 0x40);
	assert_int_equal(peer.script->seen[VHOST_USER_SET_VRING_ADDR], 0);
	/* The peer was not told of the queue, so that the library need not connect again. */
	coherent_bar_write32(fixture->bar, STATUS, 0);
	assert_int_equal(peer.script->connections, 1);
	assert_ok(coherent_zeroed(&freed, fixture->dev, PAGE));
	at = coherent_addr(&freed).raw;
	coherent_free(&freed);
	set_queue(fixture, 0, at - coherent_addr(&fixture->rings).raw);
	assert_err(start_virtio(fixture), -EIO);
	coherent_bar_write32(fixture->bar, STATUS, 0);
	set_queue(fixture, 0, 3 * PAGE - used_bytes);
	close_fixture(fixture);
}

/* The queue gets another eventfd when it starts. The driver learns why it has none. */
static void lack_of_descriptors_for_a_queue_is_reported(void **state)
{
	struct fixture *fixture = open_fixture("");
	struct rlimit before, none;

	(void)state;
	set_queue(fixture, 0, 2 * PAGE);
	assert_ok(getrlimit(RLIMIT_NOFILE, &before));
	none = before;
	none.rlim_cur = (rlim_t)dup(STDIN_FILENO);
	close((int)none.rlim_cur);
	assert_ok(setrlimit(RLIMIT_NOFILE, &none));
	assert_err(start_virtio(fixture), -EIO);
	assert_ok(setrlimit(RLIMIT_NOFILE, &before));
	assert_int_equal(coherent_bar_read32(fixture->bar, STATUS), 15 | 0x40);
	assert_int_equal(fixture->log.count, 1);
	assert_true(log_has(&fixture->log, "no descriptor is left for a queue; raise ulimit -n"));
	close_fixture(fixture);
}

/* After a reset of virtio no request is in flight. The library achieves that by reconnecting. */
static void status_of_zero_reconnects(void **state)
{
	struct fixture *fixture = open_fixture("");

	(void)state;
	assert_ok(start_virtio(fixture));
	coherent_bar_write32(fixture->bar, STATUS, 0);
	assert_int_equal(coherent_bar_read32(fixture->bar, STATUS), 0);
	assert_int_equal(peer.script->connections, 2);
	assert_int_equal(peer.script->seen[VHOST_USER_ADD_MEM_REG], 2);
	assert_ok(start_virtio(fixture));
	close_fixture(fixture);
}

static void numbers_of_the_peer_are_capped(void **state)
{
	struct coherent_limits limits;
	struct fixture *fixture;

	(void)state;
	peer.script->queues = 1000;
	peer.script->slots = UINT64_MAX;
	fixture = open_fixture("");
	assert_ok(coherent_device_limits(fixture->dev, &limits));
	assert_int_equal(limits.mappings, 4096);
	coherent_bar_write32(fixture->bar, QUEUE, 15);
	assert_int_equal(coherent_bar_read32(fixture->bar, NUM_MAX), 1024);
	coherent_bar_write32(fixture->bar, QUEUE, 16);
	assert_int_equal(coherent_bar_read32(fixture->bar, NUM_MAX), 0);
	close_fixture(fixture);
}

/* The peer may offer another number of slots after a reset. */
static void number_of_slots_may_change(void **state)
{
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	struct fixture *fixture;
	size_t i;

	(void)state;
	peer.script->slots = 6;
	fixture = open_fixture("");
	peer.script->slots = 32;
	assert_ok(coherent_device_reset(fixture->dev));
	for (i = 0; i < 5; i++)
		assert_ok(coherent_zeroed(&mems[i], fixture->dev, 1));
	assert_err(coherent_zeroed(&mems[i], fixture->dev, 1), -ENOSPC);
	peer.script->slots = 4;
	assert_err(coherent_device_reset(fixture->dev), -EOPNOTSUPP);
	assert_true(log_has(&fixture->log, "the memory slots that it had"));
	coherent_free(&mems[0]);
	coherent_free(&mems[1]);
	assert_ok(coherent_device_reset(fixture->dev));
	peer.script->protocol &= ~VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	assert_err(coherent_device_reset(fixture->dev), -EOPNOTSUPP);
	peer.script->protocol = PEER_PROTOCOL;
	assert_ok(coherent_device_reset(fixture->dev));
	while (i-- > 0)
		coherent_free(&mems[i]);
	close_fixture(fixture);
}

static bool is_shared(const volatile void *va)
{
	unsigned long first, last, at = (unsigned long)(uintptr_t)va;
	FILE *maps = fopen("/proc/self/maps", "r");
	bool found = false;
	char line[512], kind;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx rw-%c", &first, &last, &kind) == 3 && at >= first &&
		    at < last)
			found = kind == 's' && strstr(line, "memfd:coherent");
	fclose(maps);
	return found;
}

static void pages_are_shared_only_while_exposed(void **state)
{
	struct fixture *fixture = open_fixture("");
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	const volatile uint8_t *va;

	(void)state;
	assert_ok(coherent_box_zeroed(&fixture->box, fixture->dev, PAGE));
	assert_false(is_shared(coherent_box_ptr(&fixture->box)));
	assert_ok(coherent_expose(&fixture->box, &mem));
	va = coherent_unsafe_ptr(&mem);
	assert_true(is_shared(va));
	/* The reclaimed box has the same address. Its memory does not wait for a fence. */
	assert_ok(coherent_reclaim(&mem, &fixture->box, .idle = true));
	assert_ptr_equal(coherent_box_ptr(&fixture->box), va);
	assert_false(is_shared(va));
	assert_ok(coherent_expose(&fixture->box, &mem));
	coherent_free(&mem);
	assert_true(is_shared(va));
	assert_ok(coherent_device_fence(fixture->dev));
	assert_false(is_shared(va));
	/* The close takes all memory back. */
	va = coherent_unsafe_ptr(&fixture->rings);
	assert_ok(coherent_write(&fixture->rings, 0, 5));
	coherent_device_close(fixture->dev);
	fixture->dev = NULL;
	assert_false(is_shared(va));
	assert_int_equal(*va, 5);
	close_fixture(fixture);
}

/* The library prepares pages for reclaimed boxes, several at a time. */
static void reclaimed_boxes_have_pages_of_their_own(void **state)
{
	struct fixture *fixture = open_fixture("");
	COHERENT_BOX(uint8_t) boxes[20] = { COHERENT_EMPTY };
	const size_t count = sizeof(boxes) / sizeof(boxes[0]);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	for (size_t i = 0; i < 3 * count; i++) {
		const size_t bytes = i % 3 ? PAGE : 5 * PAGE;

		coherent_box_free(&boxes[i % count]);
		assert_ok(coherent_box_zeroed(&boxes[i % count], fixture->dev, bytes));
		coherent_box_ptr(&boxes[i % count])[bytes - 1] = (uint8_t)i;
		assert_ok(coherent_expose(&boxes[i % count], &mem));
		assert_ok(coherent_reclaim(&mem, &boxes[i % count], .idle = true));
		coherent_box_ptr(&boxes[i % count])[0] = (uint8_t)~i;
	}
	for (size_t i = 2 * count; i < 3 * count; i++) {
		const uint8_t *bytes = coherent_box_ptr(&boxes[i % count]);

		assert_false(is_shared(bytes));
		assert_int_equal(bytes[0], (uint8_t)~i);
		assert_int_equal(bytes[coherent_box_count(&boxes[i % count]) - 1], (uint8_t)i);
		coherent_box_free(&boxes[i % count]);
	}
	close_fixture(fixture);
}

static uint64_t waiting(const struct fixture *fixture)
{
	struct coherent_stats stats;

	assert_ok(coherent_device_stats(fixture->dev, &stats));
	return stats.waiting;
}

/* Freed memory stays with the peer and out of reach of the driver until a fence succeeds. */
static void failed_fence_can_be_repeated(void **state)
{
	struct fixture *fixture = open_fixture("");
	const volatile uint8_t *va;

	(void)state;
	assert_ok(coherent_zeroed(&fixture->mem, fixture->dev, PAGE));
	va = coherent_unsafe_ptr(&fixture->mem);
	coherent_free(&fixture->mem);
	assert_int_equal(waiting(fixture), 1);
	/* There is no memory to take the place of the file, so the connection stays too. */
	inject.left = 1;
	assert_err(coherent_device_fence(fixture->dev), -ENOMEM);
	assert_int_equal(peer.script->connections, 1);
	assert_true(is_shared(va));
	assert_int_equal(waiting(fixture), 1);
	/* The peer does not answer, so the old connection may still be in use. */
	peer.script->request = VHOST_USER_GET_FEATURES;
	peer.script->nth = 0;
	peer.script->misdeed = HANG_UP;
	assert_err(coherent_device_fence(fixture->dev), -ENODEV);
	assert_int_equal(waiting(fixture), 1);
	peer.script->misdeed = NOTHING;
	assert_ok(coherent_device_reset(fixture->dev));
	assert_int_equal(waiting(fixture), 0);
	/* The peer has only the rings now. */
	assert_int_equal(peer.script->seen[VHOST_USER_ADD_MEM_REG], 3);
	close_fixture(fixture);
}

/* The driver promised that freed objects are idle, so their slots come back without a fence. */
static void pool_gives_slots_back_without_a_fence(void **state)
{
	const unsigned int *seen = peer.script->seen;
	struct fixture *fixture = open_fixture("");
	struct sector {
		uint8_t bytes[2048];
	};
	COHERENT(struct sector) mems[100] = { COHERENT_EMPTY };
	COHERENT_POOL(struct sector) pool = COHERENT_EMPTY;
	COHERENT_BOX(struct sector) box = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_pool_create(&pool, fixture->dev));
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		assert_ok(coherent_pool_box(&pool, &box));
		assert_ok(coherent_expose(&box, &mems[i]));
	}
	assert_true(seen[VHOST_USER_ADD_MEM_REG] > 3);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	assert_true(seen[VHOST_USER_REM_MEM_REG] > 0);
	assert_ok(coherent_pool_destroy(&pool));
	assert_int_equal(seen[VHOST_USER_REM_MEM_REG], seen[VHOST_USER_ADD_MEM_REG] - 1);
	assert_int_equal(waiting(fixture), 0);
	close_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(messages_follow_the_protocol),
		WITH_PEER(message_may_be_sent_in_parts),
		WITH_PEER(peer_without_slots_gets_tables),
		WITH_PEER(key_asks_for_tables),
		WITH_PEER(peer_need_not_acknowledge_messages),
		WITH_PEER(features_that_the_peer_lacks_are_named),
		WITH_PEER(features_are_negotiated),
		WITH_PEER(unsupported_features_are_hidden),
		WITH_PEER(queues_are_independent),
		WITH_PEER(queue_registers_change_only_while_it_is_not_ready),
		WITH_PEER(rings_must_be_exposed_as_a_whole),
		WITH_PEER(lack_of_descriptors_for_a_queue_is_reported),
		WITH_PEER(status_of_zero_reconnects),
		WITH_PEER(numbers_of_the_peer_are_capped),
		WITH_PEER(number_of_slots_may_change),
		WITH_PEER(pages_are_shared_only_while_exposed),
		WITH_PEER(reclaimed_boxes_have_pages_of_their_own),
		WITH_PEER(failed_fence_can_be_repeated),
		WITH_PEER(pool_gives_slots_back_without_a_fence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
