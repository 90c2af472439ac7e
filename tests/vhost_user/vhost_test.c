// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/base/sys_socket.h"
#include "vhost_test.h"

struct peer peer;
/* The fixtures that are not closed, the last one first. */
static struct fixture *fixtures;

int start_peer(void **state)
{
	(void)state;
	peer_start(&peer);
	inject.time_is_up = &peer.script->time_is_up;
	return 0;
}

int end_peer(void **state)
{
	(void)state;
	/* A failed test ends without an undo of what it changed. */
	inject.time_is_up = NULL;
	inject.left = 0;
	inject.waits = NULL;
	inject.refused = 0;
	inject.short_sends = inject.steals = false;
	peer_end(&peer);
	while (fixtures)
		close_fixture(fixtures);
	return 0;
}

struct fixture *new_fixture(void)
{
	struct fixture *fixture = __real_calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->log = (struct log)LOG_EMPTY;
	fixture->next = fixtures;
	fixtures = fixture;
	return fixture;
}

int open_keys(struct fixture *fixture, const char *keys)
{
	char name[128];

	snprintf(name, sizeof(name), "vhost-user:%s%s", peer.path, keys);
	return coherent_device_open(&fixture->dev, name, .report = log_report,
				    .report_arg = &fixture->log);
}

static void set_queue_at(struct fixture *fixture, uint32_t queue, uint64_t at, uint64_t used)
{
	coherent_bar_write32(fixture->bar, QUEUE, queue);
	coherent_bar_write32(fixture->bar, NUMBER, ENTRIES);
	coherent_bar_write32(fixture->bar, DESC, (uint32_t)at);
	coherent_bar_write32(fixture->bar, AVAIL, (uint32_t)at + PAGE);
	coherent_bar_write32(fixture->bar, USED, (uint32_t)(at + used));
	coherent_bar_write32(fixture->bar, READY, 1);
}

void set_queue(struct fixture *fixture, uint32_t queue, uint64_t used)
{
	set_queue_at(fixture, queue, coherent_addr(&fixture->rings).raw, used);
}

int start_virtio_at(struct fixture *fixture, uint64_t at)
{
	coherent_bar_write32(fixture->bar, STATUS, 3);
	coherent_bar_write32(fixture->bar, SELECT, 1);
	coherent_bar_write32(fixture->bar, FEATURES, 1);
	coherent_bar_write32(fixture->bar, STATUS, 11);
	if (coherent_bar_read32(fixture->bar, STATUS) != 11)
		return -EIO;
	set_queue_at(fixture, 0, at, 2 * PAGE);
	coherent_bar_write32(fixture->bar, STATUS, 15);
	coherent_bar_write32(fixture->bar, NOTIFY, 0);
	return coherent_bar_read32(fixture->bar, STATUS) == 15 ? 0 : -EIO;
}

int start_virtio(struct fixture *fixture)
{
	return start_virtio_at(fixture, coherent_addr(&fixture->rings).raw);
}

int use_fixture(struct fixture *fixture, const char *keys)
{
	uint8_t byte = 0;
	int err = open_keys(fixture, keys);

	if (!err)
		err = coherent_bar_open(&fixture->bar, fixture->dev, 0);
	if (!err)
		err = coherent_zeroed(&fixture->rings, fixture->dev, 3 * PAGE);
	if (!err)
		err = coherent_zeroed(&fixture->mem, fixture->dev, 2 * PAGE);
	if (!err)
		err = coherent_write(&fixture->mem, PAGE, 7);
	if (!err)
		err = start_virtio(fixture);
	if (!err)
		err = coherent_irq_open(&fixture->irq, fixture->dev, 0);
	if (!err && coherent_bar_read32(fixture->bar, CONFIG) != 1000)
		err = -EIO;
	if (!err)
		coherent_bar_write8(fixture->bar, CONFIG + 32, 1);
	if (!err)
		err = coherent_reclaim(&fixture->mem, &fixture->box, .idle = true);
	if (!err && coherent_box_ptr(&fixture->box)[PAGE] != 7)
		err = -EBADMSG;
	if (!err)
		err = coherent_expose(&fixture->box, &fixture->mem);
	if (!err)
		err = coherent_read(&fixture->mem, PAGE, &byte);
	if (!err && byte != 7)
		err = -EBADMSG;
	return err ? err : coherent_device_reset(fixture->dev);
}

void close_fixture(struct fixture *fixture)
{
	struct fixture **link = &fixtures;

	while (*link != fixture)
		link = &(*link)->next;
	*link = fixture->next;
	coherent_free(&fixture->mem);
	coherent_free(&fixture->rings);
	coherent_box_free(&fixture->box);
	coherent_irq_close(fixture->irq);
	coherent_bar_close(fixture->bar);
	coherent_device_close(fixture->dev);
	__real_free(fixture);
}

bool kernel_refuses_descriptors(void)
{
	const int off = 0, fd = socket(AF_UNIX, SOCK_STREAM, 0);
	const bool knows = !setsockopt(fd, SOL_SOCKET, SYS_SO_PASSRIGHTS, &off, sizeof(off));

	close(fd);
	return knows;
}

void nothing_is_left(const struct inject *before)
{
	assert_int_equal(inject.blocks, before->blocks);
	assert_int_equal(inject.bytes, before->bytes);
	assert_int_equal(inject.fds, before->fds);
}

struct fixture *open_fixture(const char *keys)
{
	struct fixture *fixture = new_fixture();

	assert_ok(open_keys(fixture, keys));
	assert_ok(coherent_bar_open(&fixture->bar, fixture->dev, 0));
	assert_ok(coherent_zeroed(&fixture->rings, fixture->dev, 3 * PAGE));
	return fixture;
}
