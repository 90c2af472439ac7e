// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests let a peer of vfio-user transfer while the driver does something else: reclaims, reads
 * registers, closes the device, or loses the peer.
 */
#include <stdlib.h>
#include <unistd.h>

#include "vfio_user_test.h"

#define ROUNDS 200
#define BYTES VFIO_USER_DATA_MAX

/**
 * struct writer - A thread that lets the device write.
 * @thread: The thread.
 * @address: The device address to write to.
 * @bytes: How many bytes each transfer writes.
 * @ends: The thread ends after the first transfer that is refused.
 * @stop: The thread ends.
 * @served: How many transfers succeeded.
 * @refused: How many were refused.
 */
struct writer {
	pthread_t thread;
	uint64_t address;
	uint64_t bytes;
	bool ends;
	atomic_bool stop;
	atomic_uint served;
	atomic_uint refused;
};

static void *run_writer(void *arg)
{
	struct writer *writer = arg;

	while (!writer->stop) {
		const int err =
			peer_transfer(peer, VFIO_USER_DMA_WRITE, writer->address, writer->bytes);

		if (err == ECONNRESET)
			break;
		*(err ? &writer->refused : &writer->served) += 1;
		if (err && writer->ends)
			break;
	}
	return NULL;
}

static void start_writer(struct writer *writer)
{
	assert_ok(pthread_create(&writer->thread, NULL, run_writer, writer));
}

static void join_writer(struct writer *writer)
{
	writer->stop = true;
	assert_ok(pthread_join(writer->thread, NULL));
}

static void start(void **state)
{
	(void)state;
	peer = peer_new();
	peer_start(peer);
	open_peer();
	memset(peer->buffer, 0x5a, BYTES);
}

static bool is_filled(const uint8_t *from, size_t bytes, uint8_t with)
{
	for (size_t i = 0; i < bytes; i++)
		if (from[i] != with)
			return false;
	return true;
}

/* Each round reclaims in the middle of writes. Then the box is the driver's alone. */
static void reclaim_is_a_fence(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	unsigned int refused = 0;

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct writer writer = { .bytes = BYTES, .ends = true };

		assert_ok(coherent_expose(&box, &mem));
		writer.address = coherent_addr(&mem).raw;
		start_writer(&writer);
		while (!writer.served)
			;
		assert_ok(coherent_reclaim(&mem, &box));
		memset(coherent_box_ptr(&box), 0xa5, BYTES);
		/* The next transfer of the device is refused, and the thread ends. */
		assert_ok(pthread_join(writer.thread, NULL));
		assert_true(is_filled(coherent_box_ptr(&box), BYTES, 0xa5));
		refused += writer.refused;
	}
	assert_int_equal(refused, ROUNDS);
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
}

static void registers_and_transfers_do_not_collide(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	struct writer writer = { .bytes = 4096 };

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, 4096));
	writer.address = coherent_addr(&mem).raw;
	start_writer(&writer);
	for (unsigned int i = 0; i < 5000 || !writer.served; i++)
		assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	join_writer(&writer);
	assert_int_equal(writer.refused, 0);
}

/* The register writes make transfers, and other threads access registers at the same time. */
static void *read_registers(void *arg)
{
	const atomic_bool *stop = arg;

	while (!*stop)
		assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	return NULL;
}

static void commands_with_transfers_do_not_collide(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	atomic_bool stop = false;
	pthread_t thread;

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, 4096));
	assert_ok(pthread_create(&thread, NULL, read_registers, &stop));
	for (unsigned int i = 0; i < 1000; i++)
		assert_ok(transfer(PEER_WRITE, coherent_addr(&mem).raw, 4096));
	stop = true;
	assert_ok(pthread_join(thread, NULL));
}

/* The peer sends the beginning of a write and stops there. */
static void send_half_a_write(uint64_t address)
{
	const struct vfio_user_header header = {
		.id = 1,
		.command = VFIO_USER_DMA_WRITE,
		.bytes = sizeof(header) + sizeof(struct vfio_user_dma) + 4096,
	};
	const struct vfio_user_dma dma = { address, 4096 };

	assert_ok(peer_send(peer, &header, sizeof(header)));
	assert_ok(peer_send(peer, &dma, sizeof(dma)));
	assert_ok(peer_send(peer, peer->buffer, 100));
}

static void stalled_peer_delays_nothing(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, 4096));
	assert_ok(coherent_expose(&box, &mem));
	send_half_a_write(coherent_addr(&mem).raw);
	/* If the rest had to come first, this would wait for ever. */
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	/* The rest comes too late. */
	assert_ok(peer_send(peer, peer->buffer, 3996));
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	assert_true(is_filled(coherent_box_ptr(&box), 4096, 0));
}

static void close_ends_a_stalled_peer(void **state)
{
	COHERENT_AUTO(uint8_t, mem);

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, 4096));
	send_half_a_write(coherent_addr(&mem).raw);
	coherent_free(&mem);
}

/* The driver closes the device while another thread waits for an answer that never comes. */
static void *read_once(void *arg)
{
	*(uint32_t *)arg = coherent_bar_read32(bar, PEER_ID);
	return NULL;
}

static void close_ends_a_question(void **state)
{
	pthread_t thread;
	uint32_t value = 0;
	unsigned int seen;

	start(state);
	seen = peer->seen[VFIO_USER_REGION_READ];
	peer->command = VFIO_USER_REGION_READ;
	peer->misdeed = SILENCE;
	assert_ok(pthread_create(&thread, NULL, read_once, &value));
	while (peer->seen[VFIO_USER_REGION_READ] == seen)
		usleep(1000);
	coherent_device_close(dev);
	dev = NULL;
	assert_ok(pthread_join(thread, NULL));
	assert_int_equal(value, UINT32_MAX);
}

static void close_during_transfers(void **state)
{
	start(state);
	for (unsigned int i = 0; i < 50; i++) {
		COHERENT_AUTO(uint8_t, mem);
		struct writer writer = { .bytes = BYTES };

		assert_ok(coherent_zeroed(&mem, dev, BYTES));
		writer.address = coherent_addr(&mem).raw;
		start_writer(&writer);
		while (!writer.served)
			;
		coherent_bar_close(bar);
		coherent_device_close(dev);
		join_writer(&writer);
		coherent_free(&mem);
		open_peer();
	}
}

static void lost_during_transfers(void **state)
{
	COHERENT_AUTO(uint8_t, mem);

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, BYTES));
	for (unsigned int i = 0; i < 50; i++) {
		struct writer writer = { .bytes = BYTES, .address = coherent_addr(&mem).raw };

		start_writer(&writer);
		while (!writer.served)
			;
		peer_hang_up(peer);
		while (coherent_bar_read32(bar, PEER_ID) != UINT32_MAX)
			;
		assert_ok(pthread_join(writer.thread, NULL));
		assert_ok(coherent_device_reset(dev));
		assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reclaim_is_a_fence, stop_peer),
		cmocka_unit_test_teardown(registers_and_transfers_do_not_collide, stop_peer),
		cmocka_unit_test_teardown(commands_with_transfers_do_not_collide, stop_peer),
		cmocka_unit_test_teardown(stalled_peer_delays_nothing, stop_peer),
		cmocka_unit_test_teardown(close_ends_a_stalled_peer, stop_peer),
		cmocka_unit_test_teardown(close_ends_a_question, stop_peer),
		cmocka_unit_test_teardown(close_during_transfers, stop_peer),
		cmocka_unit_test_teardown(lost_during_transfers, stop_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
