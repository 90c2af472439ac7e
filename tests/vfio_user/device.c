// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests drive a device that gets no memory: a peer of vfio-user that does everything right.
 */
#include <linux/pci_regs.h>
#include <coherent/config.h>
#include <coherent/share.h>
#include <coherent/sim.h>
#include <unistd.h>

#include "../../src/device/device.h"
#include "vfio_user_test.h"

static void start(void **state)
{
	(void)state;
	peer = peer_new();
	peer_start(peer);
	open_peer();
}

/* --- What the device reaches --- */

static void box_is_out_of_reach(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint64_t address;

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, 100));
	assert_int_equal(transfer(PEER_READ, 0x10000, 1), EFAULT);
	assert_ok(coherent_expose(&box, &mem));
	address = coherent_addr(&mem).raw;
	assert_ok(transfer(PEER_READ, address, 100));
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(transfer(PEER_READ, address, 1), EFAULT);
	assert_int_equal(transfer(PEER_WRITE, address, 1), EFAULT);
	assert_int_equal(coherent_box_ptr(&box)[0], 0);
}

static void contents_go_both_ways(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte;

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, 300000));
	assert_ok(coherent_write(&mem, 0, 1));
	assert_ok(coherent_write(&mem, 299999, 2));
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, 300000));
	assert_int_equal(peer->buffer[0], 1);
	assert_int_equal(peer->buffer[299999], 2);
	memset(peer->buffer, 7, 300000);
	assert_ok(transfer(PEER_WRITE, coherent_addr(&mem).raw, 300000));
	assert_ok(coherent_read(&mem, 299999, &byte));
	assert_int_equal(byte, 7);
}

static void object_ends_at_its_last_byte(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_fault fault;
	uint64_t address;

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, 101));
	address = coherent_addr(&mem).raw;
	assert_ok(transfer(PEER_WRITE, address + 100, 1));
	assert_int_equal(transfer(PEER_WRITE, address + 100, 2), EFAULT);
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.address, address + 101);
	assert_int_equal(fault.bytes, 1);
	assert_int_equal(fault.access, COHERENT_ACCESS_WRITE);
	assert_non_null(strstr(fault.text, "device.c"));
	assert_int_equal(coherent_device_next_fault(dev, &fault), -EAGAIN);
}

static void read_only_can_be_read(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, 8));
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, 8));
	assert_int_equal(transfer(PEER_WRITE, coherent_addr(&mem).raw, 8), EFAULT);
}

static void refused_access_leaves_the_connection(void **state)
{
	start(state);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(transfer(PEER_READ, UINT64_MAX - i, 8), EFAULT);
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
}

static void expose_sends_no_message(void **state)
{
	unsigned int before = 0, after = 0;

	start(state);
	for (unsigned int i = 0; i < 16; i++)
		before += peer->seen[i];
	for (unsigned int i = 0; i < 100; i++) {
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_zeroed(&mem, dev, 8));
	}
	for (unsigned int i = 0; i < 16; i++)
		after += peer->seen[i];
	assert_int_equal(before, after);
}

/* --- Registers, configuration space and interrupts --- */

static void configuration_is_the_peers(void **state)
{
	uint16_t command;

	start(state);
	assert_ok(coherent_config_read16(dev, PCI_COMMAND, &command));
	assert_int_equal(command, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	peer->config[0x40] = 0x5a;
	assert_ok(coherent_config_write8(dev, 0x41, 0xa5));
	assert_int_equal(peer->config[0x41], 0xa5);
	assert_ok(coherent_config_read16(dev, 0x40, &command));
	assert_int_equal(command, 0xa55a);
	assert_int_equal(coherent_config_read16(dev, 0x100, &command), -ERANGE);
}

static void refused_register_reads_as_ones(void **state)
{
	start(state);
	peer->command = VFIO_USER_REGION_READ;
	peer->misdeed = REFUSAL;
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), UINT32_MAX);
	assert_true(log_has(&reports, "the peer refused REGION_READ"));
	peer->misdeed = NOTHING;
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
}

static void each_vector_interrupts(void **state)
{
	struct coherent_irq *irqs[PEER_VECTORS];

	start(state);
	for (unsigned int i = 0; i < PEER_VECTORS; i++)
		assert_ok(coherent_irq_open(&irqs[i], dev, i));
	for (unsigned int i = 0; i < PEER_VECTORS; i++) {
		coherent_bar_write64(bar, PEER_IRQ, i);
		assert_ok(coherent_irq_wait(irqs[i], LONG));
	}
	for (unsigned int i = 0; i < PEER_VECTORS; i++)
		coherent_irq_close(irqs[i]);
	/* The eventfd of a closed interrupt is not with the peer any more. */
	coherent_bar_write64(bar, PEER_IRQ, 0);
	assert_int_equal(coherent_irq_open(&irqs[0], dev, PEER_VECTORS), -ENODEV);
}

/* coherent_irq_open() documents this error. */
static void peer_that_takes_no_interrupt_is_lost(void **state)
{
	struct coherent_irq *irq;

	(void)state;
	peer = peer_new();
	peer_start(peer);
	assert_ok(try_peer_with(",timeout=2000"));
	peer->command = VFIO_USER_DEVICE_SET_IRQS;
	peer->misdeed = SILENCE;
	assert_err(coherent_irq_open(&irq, dev, 0), -ETIMEDOUT);
	assert_null(irq);
	assert_true(log_has(&reports, "did not answer in time (DEVICE_SET_IRQS)"));
	peer->misdeed = NOTHING;
	assert_err(coherent_irq_open(&irq, dev, 0), -ENODEV);
	assert_ok(coherent_device_reset(dev));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	coherent_irq_close(irq);
}

static void *open_irq(void *arg)
{
	struct coherent_irq *irq;
	int *err = arg;

	*err = coherent_irq_open(&irq, dev, 0);
	return NULL;
}

/* The call holds the device, so the close does not free it under the thread. */
static void close_ends_the_open_of_an_interrupt(void **state)
{
	pthread_t thread;
	int err = 0;

	(void)state;
	peer = peer_new();
	peer_start(peer);
	assert_ok(try_peer());
	peer->command = VFIO_USER_DEVICE_SET_IRQS;
	peer->misdeed = SILENCE;
	assert_ok(pthread_create(&thread, NULL, open_irq, &err));
	while (!peer->seen[VFIO_USER_DEVICE_SET_IRQS])
		sched_yield();
	assert_int_equal(dev->ref.count, 2);
	coherent_device_close(dev);
	dev = NULL;
	assert_ok(pthread_join(thread, NULL));
	assert_err(err, -ENODEV);
}

static void *find_capability(void *arg)
{
	unsigned int at = 0;
	int *err = arg;

	*err = coherent_config_find(dev, PCI_CAP_ID_PM, &at);
	return NULL;
}

/* A search makes several accesses, and holds the device over all of them. */
static void close_ends_a_search_for_a_capability(void **state)
{
	unsigned int before;
	pthread_t thread;
	int err = 0;

	(void)state;
	peer = peer_new();
	peer_start(peer);
	assert_ok(try_peer());
	peer->command = VFIO_USER_REGION_READ;
	peer->misdeed = SILENCE;
	before = peer->seen[VFIO_USER_REGION_READ];
	assert_ok(pthread_create(&thread, NULL, find_capability, &err));
	while (peer->seen[VFIO_USER_REGION_READ] == before)
		sched_yield();
	assert_int_equal(dev->ref.count, 3);
	coherent_device_close(dev);
	dev = NULL;
	assert_ok(pthread_join(thread, NULL));
	assert_err(err, -ENODEV);
}

static void line_is_unmasked(void **state)
{
	struct coherent_irq *irq;

	(void)state;
	peer = peer_new();
	peer->line = true;
	peer_start(peer);
	open_peer();
	assert_ok(coherent_irq_open(&irq, dev, 0));
	coherent_bar_write64(bar, PEER_IRQ, 0);
	assert_ok(coherent_irq_wait(irq, LONG));
	assert_int_equal(coherent_irq_wait(irq, 0), -ETIMEDOUT);
	assert_int_not_equal(peer->masks, 0);
	coherent_irq_close(irq);
}

/* --- Connections --- */

static void lost_peer_is_found_again(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_irq *irq;

	start(state);
	assert_ok(coherent_zeroed(&mem, dev, 8));
	assert_ok(coherent_irq_open(&irq, dev, 1));
	peer_hang_up(peer);
	while (coherent_bar_read32(bar, PEER_ID) != UINT32_MAX)
		;
	assert_true(log_has(&reports, "the peer hung up"));
	assert_int_equal(coherent_irq_wait(irq, LONG), -ENODEV);
	assert_ok(coherent_write(&mem, 0, 3));
	assert_ok(coherent_device_reset(dev));
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	/* The mem and the interrupt are those from before. */
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, 8));
	assert_int_equal(peer->buffer[0], 3);
	coherent_bar_write64(bar, PEER_IRQ, 1);
	assert_ok(coherent_irq_wait(irq, LONG));
	coherent_irq_close(irq);
}

static void reset_allows_dma_again(void **state)
{
	start(state);
	assert_ok(coherent_device_reset(dev));
	assert_int_equal(peer->config[PCI_COMMAND], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(peer->seen[VFIO_USER_DEVICE_RESET], 2);
}

static void connected_socket_is_taken(void **state)
{
	int fd;

	(void)state;
	peer = peer_new();
	fd = peer_start_connected(peer);
	assert_ok(coherent_device_open(&dev, "vfio-user:", .socket_fd = fd, .report = log_report,
				       .report_arg = &reports));
	close(fd);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
	peer_hang_up(peer);
	while (coherent_bar_read32(bar, PEER_ID) != UINT32_MAX)
		;
	/* The report does not advise what the device refuses. */
	assert_true(log_has(&reports, "the peer hung up"));
	assert_true(log_has(&reports, "open the device again"));
	assert_false(log_has(&reports, "coherent_device_reset()"));
	assert_int_equal(coherent_device_reset(dev), -EOPNOTSUPP);
}

/* Both devices use memory in its place, so each can have a twin of a mem of the other one. */
static void memory_is_shared_with_other_devices(void **state)
{
	COHERENT_TWIN_AUTO(uint8_t, twin_here);
	COHERENT_TWIN_AUTO(uint8_t, twin_there);
	COHERENT_AUTO(uint8_t, here);
	COHERENT_AUTO(uint8_t, there);
	COHERENT_DEVICE_AUTO(other);
	uint64_t address, word = 0;

	start(state);
	assert_ok(coherent_device_open(&other, "sim:ring"));
	assert_ok(coherent_zeroed(&there, other, 8));
	assert_ok(coherent_share(&there, dev, &twin_here, .permission = COHERENT_READ_ONLY));
	address = coherent_addr(&twin_here).raw;
	assert_ok(transfer(PEER_READ, address, 8));
	assert_int_equal(transfer(PEER_WRITE, address, 8), EFAULT);
	coherent_free(&twin_here);
	assert_int_equal(transfer(PEER_READ, address, 8), EFAULT);
	assert_ok(coherent_zeroed(&here, dev, 8));
	assert_ok(coherent_share(&here, other, &twin_there));
	assert_ok(coherent_sim_try(other, &twin_there, 0, &word, 8, COHERENT_ACCESS_WRITE));
	coherent_free(&here);
	coherent_free(&there);
}

static void *reset_until_it_fails(void *arg)
{
	(void)arg;
	while (!coherent_device_reset(dev))
		;
	return NULL;
}

/*
 * The BAR keeps the device valid for the thread. ThreadSanitizer sees what both threads use, if the close
 * comes at such a moment of a reset. So there are several turns.
 */
static void close_ends_the_resets_of_a_thread(void **state)
{
	pthread_t thread;

	for (unsigned int turn = 0; turn < 50; turn++) {
		start(state);
		assert_ok(pthread_create(&thread, NULL, reset_until_it_fails, NULL));
		while (peer->seen[VFIO_USER_DEVICE_RESET] < turn)
			;
		coherent_device_close(dev);
		assert_ok(pthread_join(thread, NULL));
		dev = NULL;
		assert_false(log_has(&reports, "the peer"));
		stop_peer(NULL);
	}
}

static void one_socket_is_enough_with_a_warning(void **state)
{
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	peer = peer_new();
	peer->no_twin = true;
	peer_start(peer);
	open_peer();
	assert_true(log_has(&reports, "the peer has no twin socket"));
	assert_ok(coherent_zeroed(&mem, dev, 8));
	assert_ok(transfer(PEER_WRITE, coherent_addr(&mem).raw, 8));
	assert_int_equal(transfer(PEER_WRITE, coherent_addr(&mem).raw + 8, 8), EFAULT);
}

static void small_window_is_used(void **state)
{
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	peer = peer_new();
	peer->window_max = UINT32_MAX;
	peer_start(peer);
	open_peer();
	assert_ok(coherent_zeroed(&mem, dev, 8));
	assert_true(coherent_addr(&mem).raw <= UINT32_MAX);
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(box_is_out_of_reach, stop_peer),
		cmocka_unit_test_teardown(contents_go_both_ways, stop_peer),
		cmocka_unit_test_teardown(object_ends_at_its_last_byte, stop_peer),
		cmocka_unit_test_teardown(read_only_can_be_read, stop_peer),
		cmocka_unit_test_teardown(refused_access_leaves_the_connection, stop_peer),
		cmocka_unit_test_teardown(expose_sends_no_message, stop_peer),
		cmocka_unit_test_teardown(configuration_is_the_peers, stop_peer),
		cmocka_unit_test_teardown(refused_register_reads_as_ones, stop_peer),
		cmocka_unit_test_teardown(each_vector_interrupts, stop_peer),
		cmocka_unit_test_teardown(peer_that_takes_no_interrupt_is_lost, stop_peer),
		cmocka_unit_test_teardown(close_ends_the_open_of_an_interrupt, stop_peer),
		cmocka_unit_test_teardown(close_ends_a_search_for_a_capability, stop_peer),
		cmocka_unit_test_teardown(line_is_unmasked, stop_peer),
		cmocka_unit_test_teardown(lost_peer_is_found_again, stop_peer),
		cmocka_unit_test_teardown(reset_allows_dma_again, stop_peer),
		cmocka_unit_test_teardown(connected_socket_is_taken, stop_peer),
		cmocka_unit_test_teardown(memory_is_shared_with_other_devices, stop_peer),
		cmocka_unit_test_teardown(close_ends_the_resets_of_a_thread, stop_peer),
		cmocka_unit_test_teardown(one_socket_is_enough_with_a_warning, stop_peer),
		cmocka_unit_test_teardown(small_window_is_used, stop_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
