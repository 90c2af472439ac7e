// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests meet peers of vfio-user that break the protocol, stop, or are something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfio_user/channel.h"
#include "vfio_user_test.h"

static const enum vfio_user_command at_open[] = {
	VFIO_USER_VERSION,
	VFIO_USER_DMA_MAP,
	VFIO_USER_DEVICE_GET_INFO,
	VFIO_USER_DEVICE_GET_REGION_INFO,
	VFIO_USER_DEVICE_GET_IRQ_INFO,
	VFIO_USER_REGION_READ,
	VFIO_USER_REGION_WRITE,
};

/* Returns the error of an open with a peer that misbehaves; 0 if both is right. */
static int open_with(enum misdeed misdeed, enum vfio_user_command command, bool no_twin)
{
	char name[128];
	int err;

	peer = peer_new();
	peer->no_twin = no_twin;
	peer->misdeed = misdeed;
	peer->command = command;
	peer_start(peer);
	reports = (struct log)LOG_EMPTY;
	snprintf(name, sizeof(name), "vfio-user:%s,timeout=%u", peer->path,
		 misdeed == SILENCE ? 20 : 60000);
	err = coherent_device_open(&dev, name, .report = log_report, .report_arg = &reports);
	if (err)
		assert_null(dev);
	return err;
}

/*
 * The kernel closes descriptors that come with a reply, but for the twin socket. The reply to DMA_MAP
 * has no payload that could be missing. The text in the reply to VERSION may have any size. With one
 * socket, a second answer ends the connection when a thread reads it, which may be after the open.
 */
static bool may_open(enum misdeed misdeed, enum vfio_user_command command, bool no_twin)
{
	if (command == VFIO_USER_VERSION && !no_twin)
		return misdeed == NOTHING || misdeed == ONE_MORE;
	return misdeed == NOTHING || misdeed == EXTRA_FDS || misdeed == NO_FDS ||
	       (misdeed == ONE_MORE && command == VFIO_USER_VERSION) ||
	       (misdeed == TOO_SHORT && command == VFIO_USER_DMA_MAP) ||
	       (misdeed == TWICE && command == VFIO_USER_REGION_WRITE && no_twin);
}

static void each_misdeed_at_each_question(void **state)
{
	unsigned int fds;

	(void)state;
	fds = open_files(getpid());
	for (enum misdeed misdeed = NOTHING; misdeed < MISDEEDS; misdeed++)
		for (size_t i = 0; i < sizeof(at_open) / sizeof(*at_open); i++)
			for (unsigned int no_twin = 0; no_twin < 2; no_twin++) {
				const int err = open_with(misdeed, at_open[i], no_twin);

				if (misdeed == NOTHING)
					assert_ok(err);
				if (!may_open(misdeed, at_open[i], no_twin)) {
					assert_int_not_equal(err, 0);
					assert_int_not_equal(reports.count, 0);
				}
				if (misdeed == ONE_MORE && at_open[i] != VFIO_USER_VERSION)
					assert_int_equal(err, -EIO);
				if (misdeed == SILENCE)
					assert_int_equal(err, -ETIMEDOUT);
				if (misdeed == HANG_UP)
					assert_int_equal(err, -ENODEV);
				if (misdeed == ANOTHER_ID || misdeed == SMALL_SIZE ||
				    misdeed == TOO_LONG || misdeed == ANOTHER_COMMAND)
					assert_int_equal(err, -EIO);
				stop_peer(NULL);
				assert_int_equal(open_files(getpid()), fds);
			}
}

/* Many servers serve one client at a time. The next one gets no answer. */
static void server_may_be_busy(void **state)
{
	(void)state;
	assert_int_equal(open_with(SILENCE, VFIO_USER_VERSION, false), -ETIMEDOUT);
	assert_true(log_has(&reports, "vfio-user, or is it busy with another client?"));
	stop_peer(NULL);
	assert_int_equal(open_with(HANG_UP, VFIO_USER_VERSION, false), -ENODEV);
	assert_true(log_has(&reports, "does its process serve vfio-user?"));
	stop_peer(NULL);
}

static void misdeeds_at_a_register(void **state)
{
	(void)state;
	for (enum misdeed misdeed = HANG_UP; misdeed < REFUSAL; misdeed++) {
		if (may_open(misdeed, VFIO_USER_REGION_READ, false) || misdeed == SILENCE)
			continue;
		peer = peer_new();
		peer_start(peer);
		open_peer();
		peer->command = VFIO_USER_REGION_READ;
		peer->misdeed = misdeed;
		assert_int_equal(coherent_bar_read32(bar, PEER_ID), UINT32_MAX);
		assert_true(log_has(&reports, "(REGION_READ)"));
		peer->misdeed = NOTHING;
		assert_ok(coherent_device_reset(dev));
		assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
		stop_peer(NULL);
	}
}

/* --- Peers that are something else --- */

static void refuse(int err, const char *report)
{
	peer_start(peer);
	assert_int_equal(try_peer(), err);
	assert_null(dev);
	if (!log_has(&reports, report))
		fail_msg("the reports are: %s", reports.text);
	stop_peer(NULL);
}

/*
 * The library could not end the thread that reads such a twin, or could not read it at all. The peer
 * keeps its own descriptor, so nothing is closed here that waits.
 */
static void twin_is_a_stream_of_unix(void **state)
{
	const int others[] = {
		open("/dev/null", O_RDWR | O_CLOEXEC),
		eventfd(0, EFD_CLOEXEC),
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0),
	};
	unsigned int fds = open_files(getpid());

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		assert_true(others[i] >= 0);
		peer = peer_new();
		peer->other_twin = others[i];
		refuse(-EIO, "the peer sent a malformed message (VERSION)");
		assert_int_equal(open_files(getpid()), fds);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		close(others[i]);
}

static void number_of_the_twin_must_be_right(void **state)
{
	static const char *const wrong[] = { "", ", \"fd_index\":7", ",\"fd_index\":null",
					     ",\"index\":0" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		peer = peer_new();
		peer->twin_index = wrong[i];
		refuse(-EIO, "the peer sent a malformed message (VERSION)");
	}
}

static void other_devices_are_refused(void **state)
{
	(void)state;
	peer = peer_new();
	peer->major = 1;
	refuse(-EOPNOTSUPP, "the peer speaks version 1.1 of vfio-user, and the library 0.1");
	peer = peer_new();
	peer->refusal = EBUSY;
	refuse(-EOPNOTSUPP, "the peer refused VERSION: Device or resource busy; does it speak 0.1");
	peer = peer_new();
	peer->no_dma = true;
	refuse(-EOPNOTSUPP, "the peer takes no memory without a file");
	peer = peer_new();
	peer->window_max = 4096;
	refuse(-EOPNOTSUPP, "the peer takes no memory without a file");
	peer = peer_new();
	peer->flags = 0;
	refuse(-EOPNOTSUPP, "is not a PCI device");
	peer = peer_new();
	peer->regions = VFIO_PCI_CONFIG_REGION_INDEX;
	refuse(-EOPNOTSUPP, "has too few regions");
	peer = peer_new();
	peer->irqs = 1;
	refuse(-EOPNOTSUPP, "has too few kinds of interrupts");
}

static void another_device_is_refused_later(void **state)
{
	(void)state;
	peer = peer_new();
	peer_start(peer);
	open_peer();
	peer_hang_up(peer);
	while (coherent_bar_read32(bar, PEER_ID) != UINT32_MAX)
		;
	peer->line = true;
	assert_int_equal(coherent_device_reset(dev), -EOPNOTSUPP);
	assert_true(log_has(&reports, "has other interrupts than before"));
	peer->line = false;
	assert_ok(coherent_device_reset(dev));
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
}

static void other_sockets_are_refused(void **state)
{
	static const struct {
		const char *name;
		int err;
		const char *report;
	} cases[] = {
		{ "vfio-user:", -EINVAL, "exactly one of vfio-user:/path, .socket_fd and" },
		{ "vfio-user:", -EINVAL, "where 0 is not a descriptor" },
		{ "vfio-user:/nonexistent", -ENODEV, "the peer cannot be reached" },
		{ "vfio-user:/dev/null", -EINVAL, "/dev/null is not a socket" },
		{ "vfio-user:/x,timeout=0", -EINVAL, "timeout" },
		{ "vfio-user:/x,table", -EINVAL, "table" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		reports = (struct log)LOG_EMPTY;
		assert_int_equal(coherent_device_open(&dev, cases[i].name, .report = log_report,
						      .report_arg = &reports),
				 cases[i].err);
		if (!log_has(&reports, cases[i].report))
			fail_msg("%s: the reports are: %s", cases[i].name, reports.text);
	}
}

/* --- Requests of the peer that are not right --- */

struct request {
	const char *name;
	uint16_t command;
	uint32_t flags;
	uint32_t bytes; /* The size that the header says. */
	uint64_t count; /* The count that the payload says. */
	uint32_t sent; /* How many bytes of payload are sent. */
};

static const struct request requests[] = {
	{ "another command", VFIO_USER_REGION_READ, 0, 32, 0, 16 },
	{ "no command", 0, 0, 32, 0, 16 },
	{ "a command that nobody knows", 99, 0, 32, 0, 16 },
	{ "a reply that nobody waits for", VFIO_USER_DMA_READ, 1, 32, 0, 16 },
	{ "another type", VFIO_USER_DMA_READ, 2, 32, 8, 16 },
	{ "a size below that of the header", VFIO_USER_DMA_READ, 0, 15, 8, 0 },
	{ "a size above the limit", VFIO_USER_DMA_WRITE, 0, UINT32_MAX, 8, 16 },
	{ "a read with data", VFIO_USER_DMA_READ, 0, 40, 8, 24 },
	{ "a read of too much", VFIO_USER_DMA_READ, 0, 32, VFIO_USER_DATA_MAX + 1, 16 },
	{ "a read of all", VFIO_USER_DMA_READ, 0, 32, UINT64_MAX, 16 },
	{ "a write without its data", VFIO_USER_DMA_WRITE, 0, 32, 8, 16 },
	{ "a write with less data", VFIO_USER_DMA_WRITE, 0, 36, 8, 20 },
	{ "a write with more data", VFIO_USER_DMA_WRITE, 0, 44, 8, 28 },
	{ "half an address", VFIO_USER_DMA_READ, 0, 24, 8, 8 },
};

static void wrong_requests_end_the_connection(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte;

	(void)state;
	peer = peer_new();
	peer_start(peer);
	open_peer();
	assert_ok(coherent_zeroed(&mem, dev, 4096));
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		const struct request *r = &requests[i];
		struct vfio_user_header header = { 1, r->command, r->bytes, r->flags, 0 };
		struct vfio_user_dma dma[2] = { { coherent_addr(&mem).raw, r->count }, { 0, 0 } };

		memset(&dma[1], 0x77, sizeof(dma[1]));
		assert_ok(peer_send(peer, &header, sizeof(header)));
		/* The library may have hung up already. */
		(void)peer_send(peer, dma, r->sent);
		/* The library answers by closing its end. */
		if (peer_receive(peer, &byte, 1))
			fail_msg("%s gets an answer", r->name);
		while (coherent_bar_read32(bar, PEER_ID) != UINT32_MAX)
			;
		assert_ok(coherent_read(&mem, 0, &byte));
		assert_int_equal(byte, 0);
		assert_ok(coherent_device_reset(dev));
		assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	}
}

static void empty_transfer_is_allowed(void **state)
{
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	peer = peer_new();
	peer_start(peer);
	open_peer();
	assert_ok(coherent_zeroed(&mem, dev, 8));
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, 0));
	assert_ok(transfer(PEER_WRITE, coherent_addr(&mem).raw, 0));
}

/* The library has the second read when it answers the first. */
static void reads_may_come_together(void **state)
{
	struct read {
		struct vfio_user_header header;
		struct vfio_user_dma dma;
	} reads[3];
	struct {
		struct read head;
		uint8_t bytes[600];
	} answer;
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	peer = peer_new();
	peer_start(peer);
	open_peer();
	assert_ok(coherent_box_zeroed(&box, dev, 3 * sizeof(answer.bytes)));
	for (size_t i = 0; i < coherent_box_count(&box); i++)
		coherent_box_ptr(&box)[i] = (uint8_t)(1 + i / sizeof(answer.bytes));
	assert_ok(coherent_expose(&box, &mem));
	for (uint16_t i = 0; i < 3; i++)
		reads[i] = (struct read){
			{ .id = i, .command = VFIO_USER_DMA_READ, .bytes = sizeof(struct read) },
			{ coherent_addr(&mem).raw + i * sizeof(answer.bytes), sizeof(answer.bytes) }
		};
	assert_ok(peer_send(peer, reads, sizeof(reads)));
	for (uint16_t i = 0; i < 3; i++) {
		assert_true(peer_receive(peer, &answer, sizeof(answer)));
		assert_int_equal(answer.head.header.id, i);
		assert_int_equal(answer.head.header.error, 0);
		assert_int_equal(answer.head.dma.address, reads[i].dma.address);
		for (size_t k = 0; k < sizeof(answer.bytes); k++)
			assert_int_equal(answer.bytes[k], 1 + i);
	}
}

static bool can_be_read(const char *at)
{
	int fds[2];
	ssize_t n;

	assert_ok(pipe(fds));
	n = write(fds[1], at, 1);
	assert_true(n == 1 || errno == EFAULT);
	close(fds[0]);
	close(fds[1]);
	return n == 1;
}

static void nobody_accesses_what_is_behind_a_message(void **state)
{
	static const struct vfio_user_owner owner;
	const size_t bytes = VFIO_USER_PAYLOAD_MAX;
	struct vfio_user_channel channel;
	int fds[2];

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	assert_ok(vfio_user_channel_open(&channel, &owner, NULL, fds[0], UINT64_MAX));
	assert_true(can_be_read(channel.answer + bytes - 1));
	assert_false(can_be_read(channel.answer + bytes));
	assert_true(can_be_read(channel.buffer + sizeof(struct vfio_user_header) + bytes - 1));
	assert_false(can_be_read(channel.buffer + sizeof(struct vfio_user_header) + bytes));
	vfio_user_channel_close(&channel);
	close(fds[1]);
}

/* An argument of the program asks for another number. */
static unsigned long connections = 1000;

static void connections_leave_no_descriptor(void **state)
{
	unsigned int fds;

	(void)state;
	peer = peer_new();
	peer_start(peer);
	fds = open_files(getpid());
	for (unsigned long i = 0; i < connections; i++) {
		assert_ok(try_peer());
		coherent_device_close(dev);
		dev = NULL;
	}
	/* The peer may not have closed its last end yet. */
	while (open_files(getpid()) > fds)
		usleep(1000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest many[] = {
		cmocka_unit_test_teardown(connections_leave_no_descriptor, stop_peer),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_misdeed_at_each_question, stop_peer),
		cmocka_unit_test_teardown(server_may_be_busy, stop_peer),
		cmocka_unit_test_teardown(misdeeds_at_a_register, stop_peer),
		cmocka_unit_test_teardown(twin_is_a_stream_of_unix, stop_peer),
		cmocka_unit_test_teardown(number_of_the_twin_must_be_right, stop_peer),
		cmocka_unit_test_teardown(other_devices_are_refused, stop_peer),
		cmocka_unit_test_teardown(another_device_is_refused_later, stop_peer),
		cmocka_unit_test_teardown(other_sockets_are_refused, stop_peer),
		cmocka_unit_test_teardown(wrong_requests_end_the_connection, stop_peer),
		cmocka_unit_test_teardown(empty_transfer_is_allowed, stop_peer),
		cmocka_unit_test_teardown(reads_may_come_together, stop_peer),
		cmocka_unit_test_teardown(connections_leave_no_descriptor, stop_peer),
		cmocka_unit_test(nobody_accesses_what_is_behind_a_message),
	};

	if (argc < 2)
		return cmocka_run_group_tests(tests, NULL, NULL);
	connections = strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(many, NULL, NULL);
}
