// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The device of the peer has no reset, and the peer refuses DEVICE_RESET. So a fence that succeeds has
 * not sent it.
 */
#include <unistd.h>

#include "vfio_user_test.h"

static void prepare(void)
{
	peer = peer_new();
	peer->flags = VFIO_DEVICE_FLAGS_PCI;
	peer->command = VFIO_USER_DEVICE_RESET;
	peer->misdeed = REFUSAL;
}

static void start(const char *more)
{
	prepare();
	peer_start(peer);
	assert_ok(try_peer_with(more));
	assert_ok(coherent_bar_open(&bar, dev, 0));
}

static void fence_succeeds(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint64_t address;

	(void)state;
	start("");
	assert_ok(coherent_zeroed(&mem, dev, 1));
	address = coherent_addr(&mem).raw;
	coherent_free(&mem);
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(transfer(PEER_WRITE, address, 1), EFAULT);
	assert_int_equal(peer->seen[VFIO_USER_VERSION], 1);
}

static void reset_fails(void **state)
{
	(void)state;
	start("");
	assert_err(coherent_device_reset(dev), -EIO);
	assert_true(log_has(&reports, "the peer refused DEVICE_RESET"));
	stop_peer(NULL);
	start(",files");
	assert_err(coherent_device_reset(dev), -EIO);
}

static void lose_peer(void)
{
	peer_hang_up(peer);
	while (coherent_bar_read32(bar, PEER_ID) != UINT32_MAX)
		;
}

static void fence_finds_a_lost_peer(void **state)
{
	static const char *const modes[] = { "", ",files" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		start(modes[i]);
		lose_peer();
		assert_err(coherent_device_reset(dev), -EIO);
		assert_ok(coherent_device_fence(dev));
		assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
		stop_peer(NULL);
	}
}

/* --- Memory as files: the peer keeps a freed region until the connection ends --- */

static void fence_connects_again_for_freed_files(void **state)
{
	COHERENT_AUTO(uint8_t, kept);

	(void)state;
	start(",files");
	assert_ok(coherent_zeroed(&kept, dev, 1));
	assert_ok(coherent_write(&kept, 0, 3));
	for (unsigned int turn = 0; turn < 3; turn++) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;

		assert_ok(coherent_zeroed(&mem, dev, 1));
		assert_int_equal(peer->maps.count, 2);
		coherent_free(&mem);
		assert_ok(coherent_device_fence(dev));
		assert_int_equal(peer->maps.count, 1);
	}
	assert_int_equal(peer->seen[VFIO_USER_VERSION], 4);
	assert_int_equal(peer->seen[VFIO_USER_DMA_UNMAP], 0);
	assert_ok(transfer(PEER_READ, coherent_addr(&kept).raw, 1));
	assert_int_equal(peer->buffer[0], 3);
}

static void fence_keeps_the_connection_if_no_file_is_freed(void **state)
{
	COHERENT_AUTO(uint8_t, kept);

	(void)state;
	start(",files");
	assert_ok(coherent_zeroed(&kept, dev, 1));
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(peer->seen[VFIO_USER_VERSION], 1);
}

/* The fence does not end a connection that the library cannot make again. */
static void fence_keeps_a_connected_socket(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	int fd;

	(void)state;
	prepare();
	fd = peer_start_connected(peer);
	assert_ok(coherent_device_open(&dev, "vfio-user:,files", .socket_fd = fd,
				       .report = log_report, .report_arg = &reports));
	close(fd);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	assert_err(coherent_device_fence(dev), -EOPNOTSUPP);
	assert_true(log_has(&reports, "cannot make a connection from .socket_fd again"));
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(fence_succeeds, stop_peer),
		cmocka_unit_test_teardown(reset_fails, stop_peer),
		cmocka_unit_test_teardown(fence_finds_a_lost_peer, stop_peer),
		cmocka_unit_test_teardown(fence_connects_again_for_freed_files, stop_peer),
		cmocka_unit_test_teardown(fence_keeps_the_connection_if_no_file_is_freed,
					  stop_peer),
		cmocka_unit_test_teardown(fence_keeps_a_connected_socket, stop_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
