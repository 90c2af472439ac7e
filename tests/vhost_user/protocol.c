// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vhost-user with a peer that does something wrong, with too little of what the system has,
 * and with what a caller gets wrong: an error, nothing left, and memory as it was.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../inject.h"
#include "peer.h"

#define PAGE 4096
#define ENTRIES 16

enum { SELECT = 0x24, FEATURES = 0x20, NUMBER = 0x38, READY = 0x44, NOTIFY = 0x50, STATUS = 0x70 };
enum { DESC = 0x80, AVAIL = 0x90, USED = 0xa0, CONFIG = 0x100, QUEUE = 0x30, NUM_MAX = 0x34 };

/* What a driver has; all of it is ended by end_job(). */
struct job {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(uint8_t) rings;
	COHERENT(uint8_t) mem;
	COHERENT_BOX(uint8_t) box;
	struct log log;
};

static struct peer peer;

static int start_peer(void **state)
{
	(void)state;
	peer_start(&peer);
	return 0;
}

static int end_peer(void **state)
{
	(void)state;
	peer_end(&peer);
	return 0;
}

static struct job *new_job(void)
{
	struct job *job = __real_calloc(1, sizeof(*job));

	assert_non_null(job);
	job->log = (struct log)LOG_EMPTY;
	return job;
}

static int open_keys(struct job *job, const char *keys)
{
	char name[128];

	snprintf(name, sizeof(name), "vhost-user:%s%s", peer.path, keys);
	return coherent_device_open(&job->dev, name, .report = log_report, .report_arg = &job->log);
}

static void set_queue(struct job *job, uint32_t queue, uint64_t used)
{
	const uint64_t at = coherent_addr(&job->rings).raw;

	coherent_bar_write32(job->bar, QUEUE, queue);
	coherent_bar_write32(job->bar, NUMBER, ENTRIES);
	coherent_bar_write32(job->bar, DESC, (uint32_t)at);
	coherent_bar_write32(job->bar, AVAIL, (uint32_t)at + PAGE);
	coherent_bar_write32(job->bar, USED, (uint32_t)(at + used));
	coherent_bar_write32(job->bar, READY, 1);
}

static int set_up(struct job *job)
{
	coherent_bar_write32(job->bar, STATUS, 3);
	coherent_bar_write32(job->bar, SELECT, 1);
	coherent_bar_write32(job->bar, FEATURES, 1);
	coherent_bar_write32(job->bar, STATUS, 11);
	if (coherent_bar_read32(job->bar, STATUS) != 11)
		return -EIO;
	set_queue(job, 0, 2 * PAGE);
	coherent_bar_write32(job->bar, STATUS, 15);
	coherent_bar_write32(job->bar, NOTIFY, 0);
	return coherent_bar_read32(job->bar, STATUS) == 15 ? 0 : -EIO;
}

/* Every message there is, on the way. */
static int run(struct job *job, const char *keys)
{
	uint8_t byte = 0;
	int err = open_keys(job, keys);

	if (!err)
		err = coherent_bar_open(&job->bar, job->dev, 0);
	if (!err)
		err = coherent_zeroed(&job->rings, job->dev, 3 * PAGE);
	if (!err)
		err = coherent_zeroed(&job->mem, job->dev, 2 * PAGE);
	if (!err)
		err = coherent_write(&job->mem, PAGE, 7);
	if (!err)
		err = set_up(job);
	if (!err)
		err = coherent_irq_open(&job->irq, job->dev, 0);
	if (!err && coherent_bar_read32(job->bar, CONFIG) != 1000)
		err = -EIO;
	if (!err)
		coherent_bar_write8(job->bar, CONFIG + 32, 1);
	if (!err)
		err = coherent_reclaim(&job->mem, &job->box, .idle = true);
	if (!err && coherent_box_ptr(&job->box)[PAGE] != 7)
		err = -EBADMSG;
	if (!err)
		err = coherent_expose(&job->box, &job->mem);
	if (!err)
		err = coherent_read(&job->mem, PAGE, &byte);
	if (!err && byte != 7)
		err = -EBADMSG;
	return err ? err : coherent_device_reset(job->dev);
}

static void end_job(struct job *job)
{
	coherent_free(&job->mem);
	coherent_free(&job->rings);
	coherent_box_free(&job->box);
	coherent_irq_close(job->irq);
	coherent_bar_close(job->bar);
	coherent_device_close(job->dev);
	__real_free(job);
}

static void nothing_is_left(const struct inject *before)
{
	assert_int_equal(inject.blocks, before->blocks);
	assert_int_equal(inject.bytes, before->bytes);
	assert_int_equal(inject.fds, before->fds);
}

/* --- A peer that is as it should be --- */

static void messages_are_as_the_protocol_has_them(void **state)
{
	const struct inject before = inject;
	struct peer_script *script = peer.script;
	struct job *job = new_job();
	const struct vhost_user_message *last = script->last;
	uint64_t at;

	(void)state;
	assert_ok(run(job, ""));
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
	assert_ok(run(job, ",table,id=1,timeout=2000") == -EBUSY ? 0 : -1);
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
	assert_ok(run(job, ""));
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

/* Open, with its rings exposed. */
static struct job *open_job(const char *keys)
{
	struct job *job = new_job();

	assert_ok(open_keys(job, keys));
	assert_ok(coherent_bar_open(&job->bar, job->dev, 0));
	assert_ok(coherent_zeroed(&job->rings, job->dev, 3 * PAGE));
	return job;
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

/* --- Whose pages they are --- */

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

/* --- A peer that does something wrong --- */

/* An eventfd is one for both sides, and so is whether it waits. */
static void eventfds_that_wait_do_not_make_us_wait(void **state)
{
	struct job *job;

	(void)state;
	peer.script->blocks = true;
	job = open_job("");
	assert_ok(coherent_irq_open(&job->irq, job->dev, 0));
	assert_ok(set_up(job));
	assert_err(coherent_irq_wait(job->irq, MS), -ETIMEDOUT);
	coherent_bar_write32(job->bar, STATUS, 0);
	assert_ok(set_up(job));
	assert_err(coherent_irq_wait(job->irq, 0), -ETIMEDOUT);
	end_job(job);
}

/* With more mems than a table holds, and nobody to tell. */
static void lost_peer_is_told_nothing(void **state)
{
	COHERENT(uint8_t) mems[20] = { COHERENT_EMPTY };
	struct job *job = open_job(",timeout=100");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		assert_ok(coherent_zeroed(&mems[i], job->dev, 1));
	peer.script->request = VHOST_USER_GET_FEATURES;
	peer.script->nth = 0;
	peer.script->misdeed = HANG_UP;
	assert_err(coherent_device_reset(job->dev), -ENODEV);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++) {
		COHERENT_BOX_AUTO(uint8_t, box);

		assert_ok(coherent_reclaim(&mems[i], &box, .idle = true));
	}
	peer.script->misdeed = NOTHING;
	assert_ok(coherent_device_reset(job->dev));
	end_job(job);
}

static void silence_is_a_timeout(void **state)
{
	struct job *job = open_job(",timeout=50");

	(void)state;
	/* The one behind it. */
	peer.script->request = VHOST_USER_GET_FEATURES;
	peer.script->nth = 0;
	peer.script->misdeed = SILENCE;
	assert_err(coherent_zeroed(&job->mem, job->dev, 1), -ETIMEDOUT);
	assert_true(log_has(&job->log, "the peer did not answer in time (ADD_MEM_REG)\n"));
	end_job(job);
}

/* Refused, what it has is not known any more. */
static void refused_removal_ends_the_connection(void **state)
{
	struct job *job = open_job("");

	(void)state;
	assert_ok(coherent_zeroed(&job->mem, job->dev, PAGE));
	peer.script->request = VHOST_USER_REM_MEM_REG;
	peer.script->misdeed = REFUSAL;
	assert_ok(coherent_reclaim(&job->mem, &job->box, .idle = true));
	peer.script->misdeed = NOTHING;
	assert_err(coherent_zeroed(&job->mem, job->dev, 1), -ENODEV);
	assert_ok(coherent_device_reset(job->dev));
	assert_ok(coherent_zeroed(&job->mem, job->dev, 1));
	end_job(job);
}

/* Nobody accepts: there is no other sign of it than time. */
static void backlog_is_waited_for(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM, 0), others[3];
	struct job *job = new_job();
	char name[256];

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s.full", peer.path);
	assert_ok(bind(listening, (void *)&address, sizeof(address)));
	assert_ok(listen(listening, 0));
	for (size_t i = 0; i < 3; i++) {
		others[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(others[i], (void *)&address, sizeof(address));
	}
	snprintf(name, sizeof(name), "vhost-user:%s,timeout=50", address.sun_path);
	assert_err(coherent_device_open(&job->dev, name, .report = log_report,
					.report_arg = &job->log),
		   -ETIMEDOUT);
	assert_true(log_has(&job->log, "within 50 ms"));
	for (size_t i = 0; i < 3; i++)
		close(others[i]);
	close(listening);
	unlink(address.sun_path);
	end_job(job);
}

static const enum vhost_user_request all_requests[] = {
	VHOST_USER_GET_FEATURES,      VHOST_USER_GET_PROTOCOL_FEATURES,
	VHOST_USER_SET_FEATURES,      VHOST_USER_SET_PROTOCOL_FEATURES,
	VHOST_USER_SET_OWNER,	      VHOST_USER_GET_QUEUE_NUM,
	VHOST_USER_SET_VRING_NUM,     VHOST_USER_SET_VRING_BASE,
	VHOST_USER_SET_VRING_ADDR,    VHOST_USER_SET_VRING_CALL,
	VHOST_USER_SET_VRING_KICK,    VHOST_USER_SET_VRING_ENABLE,
	VHOST_USER_GET_CONFIG,	      VHOST_USER_SET_CONFIG,
	VHOST_USER_ADD_MEM_REG,	      VHOST_USER_REM_MEM_REG,
	VHOST_USER_GET_MAX_MEM_SLOTS,
};

static bool is_get(enum vhost_user_request request)
{
	return request == VHOST_USER_GET_FEATURES || request == VHOST_USER_GET_PROTOCOL_FEATURES ||
	       request == VHOST_USER_GET_QUEUE_NUM || request == VHOST_USER_GET_MAX_MEM_SLOTS ||
	       request == VHOST_USER_GET_CONFIG;
}

/* Whether a driver cannot but notice. */
static bool must_fail(enum vhost_user_request request, enum misdeed misdeed)
{
	if (misdeed == EXTRA_FDS)
		return false;
	if (misdeed == REFUSAL)
		return !is_get(request) && request != VHOST_USER_SET_OWNER &&
		       request != VHOST_USER_SET_CONFIG && request != VHOST_USER_REM_MEM_REG &&
		       request != VHOST_USER_SET_PROTOCOL_FEATURES;
	/* Without acknowledgements yet. */
	if (request == VHOST_USER_SET_PROTOCOL_FEATURES)
		return misdeed == HANG_UP || misdeed == HANG_UP_AFTER;
	return true;
}

static bool is_an_answer(int err)
{
	return err == -EIO || err == -ENODEV || err == -ETIMEDOUT;
}

static void wrong_once(enum vhost_user_request request, enum misdeed misdeed)
{
	const struct inject before = inject;
	struct job *job = new_job();
	uint8_t byte = 7;
	int err;

	memset(peer.script->seen, 0, sizeof(peer.script->seen));
	peer.script->nth = 1;
	peer.script->request = request;
	peer.script->misdeed = misdeed;
	err = run(job, ",timeout=100");
	peer.script->misdeed = NOTHING;
	if (must_fail(request, misdeed) ? !is_an_answer(err) : err && !is_an_answer(err))
		fail_msg("request %d, misdeed %d: %d", request, misdeed, err);
	/* What was there is there, whatever is made of the connection, which can be remade. */
	if (!coherent_is_empty(&job->mem)) {
		assert_ok(coherent_read(&job->mem, PAGE, &byte));
		assert_true(byte == 7);
	}
	if (!coherent_is_empty(&job->box))
		assert_int_equal(coherent_box_ptr(&job->box)[PAGE], 7);
	if (job->dev)
		assert_ok(coherent_device_reset(job->dev));
	end_job(job);
	nothing_is_left(&before);
}

static void wrong_answers_are_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all_requests); i++)
		for (enum misdeed misdeed = HANG_UP; misdeed < MISDEEDS; misdeed++)
			wrong_once(all_requests[i], misdeed);
}

/* Its acknowledgement is a lie: it hangs up at once. */
static void lost_connection_is_an_error_at_once(void **state)
{
	struct job *job = new_job();
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(run(job, ""));
	peer.script->misdeed = HANG_UP_AFTER;
	peer.script->request = VHOST_USER_ADD_MEM_REG;
	peer.script->nth = 0;
	assert_err(coherent_zeroed(&mem, job->dev, 1), -ENODEV);
	assert_true(coherent_is_empty(&mem));
	assert_true(log_has(&job->log, "the peer hung up (ADD_MEM_REG)"));
	assert_err(coherent_irq_wait(job->irq, UINT64_MAX), -ENODEV);
	peer.script->misdeed = NOTHING;
	assert_ok(coherent_device_reset(job->dev));
	assert_ok(coherent_zeroed(&mem, job->dev, 1));
	coherent_free(&mem);
	end_job(job);
}

/* The peer keeps its mapping; what it does there then is nobody's business. */
static void meddling_with_memory_reaches_nothing_else(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct job *job = new_job();
	uint8_t byte;

	(void)state;
	peer.script->meddles = true;
	assert_ok(open_keys(job, ""));
	assert_ok(coherent_box_zeroed(&box, job->dev, 2 * PAGE));
	assert_ok(coherent_box_zeroed(&other, job->dev, 2 * PAGE));
	memset(coherent_box_ptr(&box), 1, 2 * PAGE);
	memset(coherent_box_ptr(&other), 2, 2 * PAGE);
	assert_ok(coherent_expose(&box, &mem));
	assert_false(peer.script->shortened);
	/* The hole that it made reads as zero, and is memory again. */
	assert_ok(coherent_read(&mem, 2 * PAGE - 1, &byte));
	assert_int_equal(byte, 0);
	assert_ok(coherent_write(&mem, 0, 3));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(peer.script->seen[VHOST_USER_REM_MEM_REG], 1);
	assert_int_equal(coherent_box_ptr(&box)[0], 3);
	for (size_t i = 1; i < 2 * PAGE; i++)
		assert_int_equal(coherent_box_ptr(&box)[i], 0);
	for (size_t i = 0; i < 2 * PAGE; i++)
		assert_int_equal(coherent_box_ptr(&other)[i], 2);
	coherent_box_free(&box);
	coherent_box_free(&other);
	end_job(job);
}

/* --- Connections of the caller's --- */

static void connected_socket_is_adopted(void **state)
{
	const struct inject before = inject;
	struct coherent_device *dev;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct log log = LOG_EMPTY;
	struct peer other;
	int pair[2];

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	peer_start_at(&other, pair[1]);
	assert_ok(coherent_device_open(&dev, "vhost-user:", .socket_fd = pair[0],
				       .report = log_report, .report_arg = &log));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_err(coherent_device_fence(dev), -EOPNOTSUPP);
	assert_true(log_has(&log, "cannot be made again"));
	/* Nothing was changed by that. */
	assert_int_equal(other.script->seen[VHOST_USER_ADD_MEM_REG], 1);
	coherent_free(&mem);
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	coherent_device_close(dev);
	assert_ok(fcntl(pair[0], F_GETFD) < 0 ? -1 : 0);
	close(pair[0]);
	peer_end(&other);
	inject.fds = before.fds;
	assert_int_equal(inject.blocks, before.blocks);
}

static void listening_socket_is_adopted(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(address);
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	struct peer other;
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	/* An address of the kernel's choice. */
	assert_ok(bind(listening, (void *)&address, sizeof(sa_family_t)));
	assert_ok(listen(listening, 4));
	assert_ok(getsockname(listening, (void *)&address, &size));
	assert_err(coherent_device_open(&dev, "vhost-user:,timeout=20", .listen_fd = listening,
					.report = log_report, .report_arg = &log),
		   -ETIMEDOUT);
	assert_true(log_has(&log, "nobody accepts or connects within 20 ms"));
	assert_ok(connect(connection, (void *)&address, size));
	peer_start_at(&other, connection);
	assert_ok(coherent_device_open(&dev, "vhost-user:", .listen_fd = listening));
	coherent_device_close(dev);
	peer_end(&other);
	close(listening);
}

/* --- What a caller gets wrong --- */

static void what_cannot_be_opened_says_why(void **state)
{
	static const struct {
		const char *name;
		int err;
		const char *says;
	} cases[] = {
		{ "vhost-user:", -EINVAL, "One of vhost-user:/path" },
		{ "vhost-user", -EINVAL, "One of vhost-user:/path" },
		{ "vhost-user:/nothing/there", -ENODEV, "is its process running?" },
		{ "vhost-user:/dev/null", -EINVAL, "/dev/null is no socket" },
		{ "vhost-user:/tmp", -EINVAL, "/tmp is no socket" },
		{ "vhost-user:/nothing,depth=3", -EINVAL, "depth" },
		{ "vhost-user:/nothing,timeout=0", -EINVAL, "timeout" },
		{ "vhost-user:/nothing,id=0", -EINVAL, "id" },
		{ "vhost-user:/"
		  "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
		  "1234567890123456789012345678901234567890",
		  -EINVAL, "File name too long" },
	};
	struct coherent_device *dev;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct log log = LOG_EMPTY;

		assert_err(coherent_device_open(&dev, cases[i].name, .report = log_report,
						.report_arg = &log),
			   cases[i].err);
		assert_null(dev);
		if (!log_has(&log, cases[i].says))
			fail_msg("%s: %s", cases[i].name, log.text);
	}
}

static void sockets_have_to_be_what_they_are_called(void **state)
{
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	int file = open("/dev/null", O_RDWR), pair[2];

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	assert_err(coherent_device_open(&dev, "vhost-user:", .socket_fd = file,
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "is no socket that is connected"));
	assert_err(coherent_device_open(&dev, "vhost-user:", .listen_fd = pair[0],
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "is no socket that listens"));
	assert_err(coherent_device_open(&dev, "vhost-user:", .socket_fd = 1000), -EINVAL);
	assert_err(coherent_device_open(&dev, "vhost-user:/path", .socket_fd = pair[0]), -EINVAL);
	assert_err(coherent_device_open(&dev, "vhost-user:", .socket_fd = pair[0],
					.listen_fd = pair[1]),
		   -EINVAL);
	assert_err(coherent_device_open(&dev, "sim:edu", .socket_fd = pair[0], .report = log_report,
					.report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "does not take .socket_fd, which is for: vhost-user"));
	assert_err(coherent_device_open(&dev, "vhost-user:/path", .hugepages = true,
					.report = log_report, .report_arg = &log),
		   -EOPNOTSUPP);
	assert_true(log_has(&log, "because its memory is files"));
	assert_err(coherent_device_open(&dev, "vhost-user:/path", .level = COHERENT_IOMMU),
		   -ENODEV);
	close(file);
	close(pair[0]);
	close(pair[1]);
}

/* A socket belongs to a user. */
static void socket_of_another_user_is_explained(void **state)
{
	struct job *job = new_job();
	const uid_t user = geteuid();

	(void)state;
	assert_ok(chmod(peer.path, 0600));
	assert_ok(user ? chmod(peer.path, 0) : seteuid(65534));
	assert_err(open_keys(job, ""), -EACCES);
	assert_ok(user ? 0 : seteuid(user));
	assert_true(log_has(&job->log, "run both processes as one user"));
	end_job(job);
}

/* COHERENT_IOMMU is more than a kernel between two processes is. */
static void level_is_that_of_a_peer(void **state)
{
	struct coherent_device *dev;
	char name[96];

	(void)state;
	snprintf(name, sizeof(name), "vhost-user:%s", peer.path);
	assert_err(coherent_device_open(&dev, name, .level = COHERENT_IOMMU), -EOPNOTSUPP);
	assert_ok(coherent_device_open(&dev, name, .level = COHERENT_PEER));
	assert_int_equal(coherent_device_level(dev), COHERENT_PEER);
	coherent_device_close(dev);
}

/* --- Each call failed in turn --- */

static bool is_expected(int err)
{
	return err == -ENOMEM || err == -ENOSPC || is_an_answer(err);
}

static void no_failure_leaks(void **state)
{
	unsigned int nth;

	(void)state;
	for (nth = 1;; nth++) {
		const struct inject before = inject;
		struct job *job = new_job();
		int err;

		inject.failed = false;
		inject.left = nth;
		err = run(job, ",timeout=1000");
		inject.left = 0;
		if (inject.failed ? err && !is_expected(err) : err)
			fail_msg("call %u: %d", nth, err);
		end_job(job);
		nothing_is_left(&before);
		if (!inject.failed)
			break;
		assert_true(nth < 1000);
	}
	print_message("# %u calls failed in turn\n", nth - 1);
	assert_true(nth > 80);
}

#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, start_peer, end_peer)

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
		WITH_PEER(eventfds_that_wait_do_not_make_us_wait),
		WITH_PEER(lost_peer_is_told_nothing),
		WITH_PEER(silence_is_a_timeout),
		WITH_PEER(refused_removal_ends_the_connection),
		WITH_PEER(backlog_is_waited_for),
		WITH_PEER(wrong_answers_are_errors),
		WITH_PEER(lost_connection_is_an_error_at_once),
		WITH_PEER(meddling_with_memory_reaches_nothing_else),
		cmocka_unit_test(connected_socket_is_adopted),
		cmocka_unit_test(listening_socket_is_adopted),
		cmocka_unit_test(what_cannot_be_opened_says_why),
		cmocka_unit_test(sockets_have_to_be_what_they_are_called),
		WITH_PEER(socket_of_another_user_is_explained),
		WITH_PEER(level_is_that_of_a_peer),
		WITH_PEER(no_failure_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
