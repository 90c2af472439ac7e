// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests use the registers, interrupts and reset of a device, also after the device is
 * unplugged or the kernel has asked for it.
 */
#include <coherent/config.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <unistd.h>

#include "../../src/base/line.h"
#include "../../src/vfio/pci.h"
#include "vfio_test.h"

static void bar_accesses_reach_the_device(const char *scheme)
{
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct coherent_bar *bar, *other, *none;
		struct fixture *fixture;

		mock.no_mmap = turn;
		fixture = open_fixture(scheme);
		assert_int_equal(mappings_of("/" BDF, 0, " dc"), turn ? 0 : 2);
		assert_ok(coherent_bar_open(&bar, fixture->dev, 0));
		assert_ok(coherent_bar_open(&other, fixture->dev, 2));
		assert_err(coherent_bar_open(&none, fixture->dev, 1), -ENODEV);
		coherent_bar_write64(bar, 8, UINT64_C(0x1122334455667788));
		coherent_bar_write64(other, 8, UINT64_C(0x99aabbccddeeff00));
		assert_int_equal(coherent_bar_read8(bar, 8), 0x88);
		assert_int_equal(coherent_bar_read16(bar, 10), 0x5566);
		assert_int_equal(coherent_bar_read32(bar, 12), 0x11223344);
		coherent_bar_write16(bar, 8, 1);
		coherent_bar_write8(bar, 11, 2);
		coherent_bar_write32(bar, 12, 3);
		assert_int_equal(coherent_bar_read64(bar, 8), UINT64_C(0x0000000302660001));
		assert_int_equal(coherent_bar_read64(other, 8), UINT64_C(0x99aabbccddeeff00));
		/* A read that fails returns all ones, as on the bus. */
		mock.gone = turn;
		assert_int_equal(coherent_bar_read32(bar, 12), turn ? UINT32_MAX : 3);
		mock.gone = false;
		coherent_device_close(fixture->dev);
		assert_int_equal(coherent_bar_read32(bar, 8), UINT32_MAX);
		coherent_bar_write32(bar, 8, 0);
		/* An open BAR does not keep the device mapped. */
		assert_int_equal(mappings_of("/" BDF, 0, NULL), 0);
		coherent_bar_close(bar);
		coherent_bar_close(other);
		nothing_is_left(fixture);
	}
}

/* Copies go to the mapping, or through the descriptor. Neither touches the neighbours. */
static void bar_is_copied(const char *scheme)
{
	uint8_t from[64], to[64], neighbour;

	for (unsigned int i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i + 1);
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct coherent_bar *bar;
		struct fixture *fixture;

		mock.no_mmap = turn;
		fixture = open_fixture(scheme);
		assert_ok(coherent_bar_open(&bar, fixture->dev, 0));
		coherent_bar_write64(bar, 64, 0);
		coherent_bar_write64(bar, 128, 0);
		for (size_t at = 64; at < 72; at++)
			for (size_t bytes = 0; bytes < sizeof(from); bytes++) {
				memset(to, 0, sizeof(to));
				neighbour = coherent_bar_read8(bar, at + bytes);
				assert_ok(coherent_bar_copy_in(bar, at, from, bytes));
				assert_ok(coherent_bar_copy_out(bar, at, to, bytes));
				assert_memory_equal(to, from, bytes);
				assert_true(is_all(to + bytes, 0, sizeof(to) - bytes));
				assert_int_equal(coherent_bar_read8(bar, at + bytes), neighbour);
			}
		assert_err(coherent_bar_copy_out(bar, UINT64_MAX, to, 1), -ERANGE);
		mock.gone = turn;
		assert_err(coherent_bar_copy_out(bar, 64, to, 8), turn ? -EIO : 0);
		mock.gone = false;
		coherent_device_close(fixture->dev);
		assert_err(coherent_bar_copy_in(bar, 64, from, 8), -ENODEV);
		coherent_bar_close(bar);
		nothing_is_left(fixture);
	}
}

/* Only some CPUs have the store, and it needs a BAR that is mapped. */
static void line_is_written_by_one_store_or_refused(const char *scheme)
{
	static const uint8_t none[64];
	uint8_t line[64], seen[64];

	for (unsigned int i = 0; i < sizeof(line); i++)
		line[i] = (uint8_t)(i + 1);
	for (unsigned int turn = 0; turn < 2; turn++) {
		const bool works = !turn && line_is_supported();
		struct coherent_bar *bar;
		struct fixture *fixture;

		mock.no_mmap = turn;
		fixture = open_fixture(scheme);
		assert_ok(coherent_bar_open(&bar, fixture->dev, 0));
		/* The BAR keeps what the turn before wrote. */
		assert_ok(coherent_bar_copy_in(bar, 128, none, sizeof(none)));
		assert_err(coherent_bar_write512(bar, 128, line), works ? 0 : -EOPNOTSUPP);
		assert_ok(coherent_bar_copy_out(bar, 128, seen, sizeof(seen)));
		assert_int_equal(!memcmp(seen, line, sizeof(line)), works);
		assert_true(works || log_has(&fixture->log, "no store of 64 bytes") ||
			    log_has(&fixture->log, "are not memory of this process"));
		assert_err(coherent_bar_write512(bar, 100, line), -EINVAL);
		coherent_device_close(fixture->dev);
		assert_err(coherent_bar_write512(bar, 128, line), -ENODEV);
		coherent_bar_close(bar);
		nothing_is_left(fixture);
	}
	print_message("# this CPU %s MOVDIR64B\n", line_is_supported() ? "has" : "does not have");
}

/* A thread that copies while the device is disconnected finds out afterwards. */
static void copy_during_a_disconnect_fails(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	struct vfio_pci *pci = vfio_pci_of(fixture->dev->backend);
	uint8_t bytes[8] = { 0 };
	struct coherent_bar *bar;

	for (unsigned int turn = 0; turn < 2; turn++) {
		mock.no_mmap = turn;
		assert_ok(coherent_bar_open(&bar, fixture->dev, 0));
		atomic_store(&pci->connected, false);
		assert_err(coherent_bar_copy_in(bar, 64, bytes, 8), -ENODEV);
		assert_err(coherent_bar_copy_out(bar, 64, bytes, 8), -ENODEV);
		atomic_store(&pci->connected, true);
		coherent_bar_close(bar);
	}
	mock.no_mmap = false;
	close_fixture(fixture);
}

static struct vfio_pci *closing;
static unsigned int barriers;

static void see_barrier(void)
{
	barriers++;
	assert_false(vfio_pci_is_connected(closing));
	assert_int_equal(mappings_of("/" BDF, 0, NULL), 2);
}

/* connected.litmus has the reason: a thread that reads the memory in the place of a BAR must know. */
static void threads_pass_a_barrier_before_the_bars_go(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);

	closing = vfio_pci_of(fixture->dev->backend);
	barriers = 0;
	mock.at_barrier = see_barrier;
	close_fixture(fixture);
	assert_int_equal(barriers, 1);
}

static void msix_is_used_if_it_can_signal_eventfds(const char *scheme)
{
	struct coherent_limits limits;
	struct coherent_irq *irq;

	/* In the second turn MSI-X cannot signal eventfds, so that the library uses MSI. */
	mock.vectors_max = 2048;
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct fixture *fixture;

		mock.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 2048;
		mock.no_eventfd[VFIO_PCI_MSIX_IRQ_INDEX] = turn;
		fixture = open_fixture(scheme);
		assert_ok(coherent_device_limits(fixture->dev, &limits));
		assert_int_equal(limits.vectors, turn ? 4 : 2048);
		assert_ok(coherent_irq_open(&irq, fixture->dev, limits.vectors - 1));
		assert_int_equal(mock.irq_index,
				 turn ? VFIO_PCI_MSI_IRQ_INDEX : VFIO_PCI_MSIX_IRQ_INDEX);
		coherent_irq_close(irq);
		close_fixture(fixture);
	}
}

/* The kernel cannot add a vector, can add one, and says that it can. */
static void set_turn(unsigned int turn)
{
	mock.adds_vectors = turn == 1;
	mock.lies_about_vectors = turn == 2;
}

static void all_vectors_of_a_device_can_be_used(const char *scheme)
{
	enum { COUNT = 129 };
	struct coherent_irq *irqs[COUNT], *none;
	struct coherent_limits limits;

	mock.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = COUNT;
	mock.vectors_max = 256;
	for (unsigned int turn = 0; turn < 3; turn++) {
		struct fixture *fixture;

		set_turn(turn);
		fixture = open_fixture(scheme);
		assert_ok(coherent_device_limits(fixture->dev, &limits));
		assert_int_equal(limits.vectors, COUNT);
		for (unsigned int i = 0; i < COUNT; i++)
			assert_ok(coherent_irq_open(&irqs[i], fixture->dev, i));
		for (unsigned int i = 0; i < COUNT; i++) {
			assert_int_equal(mock.irq_fds[i], coherent_irq_fd(irqs[i]));
			assert_true(mock.irq_has[i]);
		}
		assert_err(coherent_irq_open(&none, fixture->dev, COUNT), -ENODEV);
		assert_true(log_has(&fixture->log, "there is no vector 129, it has 129"));
		for (unsigned int i = 0; i < COUNT; i++) {
			coherent_irq_close(irqs[i]);
			assert_true(i == COUNT - 1 ? !mock.irq_count : mock.irq_fds[i] == -1);
		}
		close_fixture(fixture);
	}
}

static void last_vector_can_be_the_first(const char *scheme)
{
	static const unsigned int counts[] = { 1, 2, 33, 64, 65, 256, 2048 };

	mock.vectors_max = 2048;
	for (unsigned int k = 0; k < 3 * ARRAY_SIZE(counts); k++) {
		const unsigned int last = counts[k / 3] - 1;
		struct coherent_irq *irq;
		struct fixture *fixture;

		set_turn(k % 3);
		mock.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = last + 1;
		fixture = open_fixture(scheme);
		assert_ok(coherent_irq_open(&irq, fixture->dev, last));
		assert_int_equal(mock.irq_fds[last], coherent_irq_fd(irq));
		assert_int_equal(mock.irqs_taken, k % 3 != 1 ? last + 1 : last ? 2 : 1);
		/* The close of the device ends what the driver has left open. */
		coherent_device_close(fixture->dev);
		assert_int_equal(mock.irq_count, 0);
		coherent_irq_close(irq);
		nothing_is_left(fixture);
	}
}

/* Linux 6.5 can add a vector, so one that is not open takes nothing from other devices. */
static void open_vector_takes_one_vector_of_the_kernel(const char *scheme)
{
	static const unsigned int vectors[] = { 1000, 2047, 0, 7 };
	static const unsigned int taken[] = { 2, 3, 3, 4 };
	struct coherent_irq *irqs[ARRAY_SIZE(vectors)], *none;
	struct fixture *fixture;

	mock.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 2048;
	mock.adds_vectors = true;
	mock.vectors_max = 4;
	fixture = open_fixture(scheme);
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		assert_ok(coherent_irq_open(&irqs[i], fixture->dev, vectors[i]));
		assert_int_equal(mock.irqs_taken, taken[i]);
		assert_int_equal(mock.irq_fds[vectors[i]], coherent_irq_fd(irqs[i]));
	}
	assert_int_equal(mock.irq_changes[1000], 1);
	assert_err(coherent_irq_open(&none, fixture->dev, 8), -ENOSPC);
	assert_true(
		log_has(&fixture->log, "vector 8 could not be connected: the kernel has 4 for"));
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		assert_int_equal(mock.irq_fds[vectors[i]], coherent_irq_fd(irqs[i]));
		coherent_irq_close(irqs[i]);
	}
	assert_int_equal(mock.irqs_taken, 0);
	assert_ok(coherent_irq_open(&none, fixture->dev, 8));
	coherent_irq_close(none);
	close_fixture(fixture);
}

/* A kernel that cannot add vectors is asked for all of them, and has two. */
static void kernel_that_cannot_add_vectors_has_few(const char *scheme)
{
	struct coherent_irq *irq, *none;
	struct fixture *fixture;

	mock.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 8;
	mock.lies_about_vectors = true;
	mock.vectors_max = 2;
	fixture = open_fixture(scheme);
	assert_ok(coherent_irq_open(&irq, fixture->dev, 0));
	assert_int_equal(mock.irqs_taken, 2);
	assert_err(coherent_irq_open(&none, fixture->dev, 3), -ENOSPC);
	assert_true(log_has(&fixture->log, "the kernel has 2 for " BDF));
	coherent_irq_close(irq);
	close_fixture(fixture);
}

static void vectors_do_not_disturb_each_other(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	struct coherent_irq *first, *third, *none;

	assert_err(coherent_irq_open(&none, fixture->dev, 4), -ENODEV);
	assert_ok(coherent_irq_open(&third, fixture->dev, 2));
	assert_int_equal(mock.irq_index, VFIO_PCI_MSI_IRQ_INDEX);
	assert_int_equal(mock.irq_count, 4);
	assert_int_equal(mock.irq_fds[0], -1);
	assert_int_equal(mock.irq_fds[2], coherent_irq_fd(third));
	assert_ok(coherent_irq_open(&first, fixture->dev, 0));
	assert_int_equal(mock.irq_fds[0], coherent_irq_fd(first));
	assert_int_equal(mock.irq_fds[2], coherent_irq_fd(third));
	assert_int_equal(mock.irq_changes[2], 1);
	coherent_irq_close(third);
	assert_int_equal(mock.irq_fds[2], -1);
	assert_int_equal(mock.irq_fds[0], coherent_irq_fd(first));
	assert_int_equal(mock.irq_changes[0], 2);
	assert_err(coherent_irq_wait(first, 0), -ETIMEDOUT);
	assert_int_equal(mock.unmasks, 0);
	/* The library forgets a vector that the kernel refused. */
	mock_refuse(VFIO_DEVICE_SET_IRQS, -EBUSY);
	assert_err(coherent_irq_open(&third, fixture->dev, 2), -EIO);
	assert_int_equal(mock.irq_fds[2], -1);
	coherent_irq_close(first);
	assert_int_equal(mock.irq_count, 0);
	mock_refuse(VFIO_DEVICE_SET_IRQS, -EBUSY);
	assert_err(coherent_irq_open(&third, fixture->dev, 2), -EIO);
	assert_ok(coherent_irq_open(&first, fixture->dev, 0));
	assert_int_equal(mock.irq_fds[2], -1);
	coherent_irq_close(first);
	assert_int_equal(mock.irq_count, 0);
	close_fixture(fixture);
}

/* The kernel refuses too many vectors with a positive number, which is how many it has. */
static void fewer_vectors_are_enough(const char *scheme)
{
	struct coherent_irq *irqs[2], *none;
	struct fixture *fixture;

	mock.vectors_max = 2;
	fixture = open_fixture(scheme);
	assert_err(coherent_irq_open(&none, fixture->dev, 2), -ENOSPC);
	assert_true(log_has(&fixture->log, "the kernel has 2 for " BDF));
	assert_int_equal(mock.irq_count, 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_ok(coherent_irq_open(&irqs[i], fixture->dev, i));
		assert_int_equal(mock.irq_count, 2);
		assert_int_equal(mock.irq_fds[i], coherent_irq_fd(irqs[i]));
	}
	assert_err(coherent_irq_open(&none, fixture->dev, 3), -ENOSPC);
	coherent_irq_close(irqs[0]);
	coherent_irq_close(irqs[1]);
	assert_int_equal(mock.irq_count, 0);
	/* Another device takes a vector between two calls of the library. */
	mock_refuse(VFIO_DEVICE_SET_IRQS, 3);
	assert_ok(coherent_irq_open(&irqs[0], fixture->dev, 0));
	assert_int_equal(mock.irq_count, 2);
	coherent_irq_close(irqs[0]);
	mock.vectors_max = 0;
	assert_err(coherent_irq_open(&none, fixture->dev, 0), -ENOSPC);
	assert_true(log_has(&fixture->log, "the kernel has 0 for " BDF));
	close_fixture(fixture);
}

static void wait_unmasks_intx(const char *scheme)
{
	struct coherent_irq *irq;
	struct fixture *fixture;

	mock.irqs[VFIO_PCI_MSI_IRQ_INDEX] = 0;
	fixture = open_fixture(scheme);
	assert_ok(coherent_irq_open(&irq, fixture->dev, 0));
	assert_int_equal(mock.irq_index, VFIO_PCI_INTX_IRQ_INDEX);
	assert_err(coherent_irq_wait(irq, 0), -ETIMEDOUT);
	assert_int_equal(mock.unmasks, 1);
	coherent_irq_close(irq);
	close_fixture(fixture);
}

/*
 * The wait unmasks a line that is still asserted. It fires again and vfio-pci masks it again. A
 * thread that then services the device and polls must not find the descriptor ready for ever.
 */
static void intx_wakes_a_thread_that_polls_its_descriptor(const char *scheme)
{
	struct coherent_irq *irq;
	struct fixture *fixture;

	mock.irqs[VFIO_PCI_MSI_IRQ_INDEX] = 0;
	fixture = open_fixture(scheme);
	assert_ok(coherent_irq_open(&irq, fixture->dev, 0));
	for (unsigned int turn = 0; turn < 3; turn++) {
		struct pollfd fd = { .fd = coherent_irq_fd(irq), .events = POLLIN };
		unsigned int spurious = 0;

		mock_intx(true);
		assert_int_equal(poll(&fd, 1, 0), 1);
		assert_ok(coherent_irq_wait(irq, 0));
		mock_intx(false);
		while (poll(&fd, 1, 0)) {
			assert_ok(coherent_irq_wait(irq, 0));
			assert_true(spurious++ < 2);
		}
		assert_false(mock.masked);
	}
	/* A thread that waits unmasks the line first, and wakes once for each interrupt. */
	mock_intx(true);
	assert_ok(coherent_irq_wait(irq, LONG));
	mock_intx(false);
	assert_true(mock.masked);
	coherent_irq_close(irq);
	close_fixture(fixture);
}

static void bus_master_is_off_during_a_reset(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	for (unsigned int turn = 1; turn <= 2; turn++) {
		assert_ok(coherent_device_reset(fixture->dev));
		assert_ok(coherent_device_fence(fixture->dev));
		assert_int_equal(mock.resets, 2 * turn);
		/* A device that had nothing to reach before has nothing to reach now. */
		assert_int_equal(is_bus_master(), turn == 2);
		if (turn == 1)
			assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
	}
	coherent_free(&mem);
	close_fixture(fixture);
	mock.can_reset = false;
	fixture = open_fixture(scheme);
	assert_err(coherent_device_reset(fixture->dev), -EIO);
	assert_true(log_has(&fixture->log, "reset_method"));
	assert_ok(coherent_device_fence(fixture->dev));
	close_fixture(fixture);
}

static void failed_reset_leaves_the_device_running(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;

	assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
	mock_refuse(VFIO_DEVICE_RESET, -ENOTTY);
	assert_err(coherent_device_reset(fixture->dev), -EIO);
	assert_true(log_has(&fixture->log, BDF " could not be reset: "));
	assert_true(is_bus_master());
	/* The kernel holds the device's lock for a while, then for ever. */
	mock.busy_resets = 2;
	assert_ok(coherent_device_reset(fixture->dev));
	assert_int_equal(mock.resets, 1);
	mock.busy_resets = 1000;
	assert_err(coherent_device_reset(fixture->dev), -EIO);
	assert_int_equal(mock.busy_resets, 990);
	assert_true(is_bus_master());
	coherent_free(&mem);
	close_fixture(fixture);
}

static void memory_of_an_unplugged_device_is_valid(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_irq *irq;
	uint8_t byte;

	assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
	assert_ok(coherent_write(&mem, 0, 3));
	mock.gone = true;
	assert_err(coherent_irq_open(&irq, fixture->dev, 0), -ENODEV);
	assert_err(coherent_device_reset(fixture->dev), -EIO);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 3);
	coherent_free(&mem);
	close_fixture(fixture);
	mock.gone = false;
}

/* The kernel waits until the driver closes the device. Errors of calls tell the driver so. */
static void requested_device_can_be_given_back(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	const uint64_t one = 1;
	struct coherent_irq *irq;
	uint8_t byte;

	assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
	assert_ok(coherent_irq_open(&irq, fixture->dev, 0));
	assert_int_equal(write(mock.request_fd, &one, sizeof(one)), sizeof(one));
	for (unsigned int turn = 0; turn < 2; turn++)
		assert_err(coherent_zeroed(&none, fixture->dev, 1), -ENODEV);
	assert_err(coherent_device_reset(fixture->dev), -ENODEV);
	/* A wait first returns the interrupt that came before, then fails. */
	assert_int_equal(write(coherent_irq_fd(irq), &one, sizeof(one)), sizeof(one));
	assert_ok(coherent_irq_wait(irq, UINT64_MAX));
	assert_err(coherent_irq_wait(irq, UINT64_MAX), -ENODEV);
	assert_err(coherent_poll(&mem, 0, &byte, byte, UINT64_MAX), -ENODEV);
	assert_ok(coherent_reclaim(&mem, &box));
	coherent_irq_close(irq);
	assert_int_equal(mock.irq_count, 0);
	assert_err(coherent_irq_open(&irq, fixture->dev, 0), -ENODEV);
	coherent_box_free(&box);
	close_fixture(fixture);
}

static void configuration_space_is_that_of_the_device(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	uint32_t word;
	uint8_t byte;

	assert_ok(coherent_config_write32(fixture->dev, 0x40, 0x11223344));
	assert_ok(coherent_config_write16(fixture->dev, 0x42, 0x5566));
	assert_ok(coherent_config_write8(fixture->dev, 4095, 0x77));
	assert_ok(coherent_config_read32(fixture->dev, 0x40, &word));
	assert_int_equal(word, 0x55663344);
	assert_int_equal(mock_config(BDF, 0x42), 0x5566);
	assert_ok(coherent_config_read8(fixture->dev, 0x41, &byte));
	assert_int_equal(byte, 0x33);
	assert_int_equal(mock_config(BDF, 4094), 0x7700);
	mock.gone = true;
	assert_err(coherent_config_read8(fixture->dev, 0, &byte), -EIO);
	assert_int_equal(byte, UINT8_MAX);
	assert_err(coherent_config_write8(fixture->dev, 0, 1), -EIO);
	mock.gone = false;
	close_fixture(fixture);
}

/* A device that is not PCI Express has 256 bytes. */
static void configuration_space_may_end_early(const char *scheme)
{
	struct fixture *fixture;
	unsigned int at = 0;
	uint32_t word;

	mock.config_bytes = 256;
	fixture = open_fixture(scheme);
	assert_ok(coherent_config_read32(fixture->dev, 252, &word));
	assert_err(coherent_config_read32(fixture->dev, 256, &word), -ERANGE);
	assert_err(coherent_config_write32(fixture->dev, 4092, 1), -ERANGE);
	assert_err(coherent_config_find_extended(fixture->dev, 1, &at), -ERANGE);
	close_fixture(fixture);
}

static const struct CMUnitTest tests[] = {
	EACH(configuration_space_is_that_of_the_device),
	EACH(configuration_space_may_end_early),
	EACH(bar_accesses_reach_the_device),
	EACH(bar_is_copied),
	EACH(copy_during_a_disconnect_fails),
	EACH(line_is_written_by_one_store_or_refused),
	EACH(threads_pass_a_barrier_before_the_bars_go),
	EACH(msix_is_used_if_it_can_signal_eventfds),
	EACH(all_vectors_of_a_device_can_be_used),
	EACH(last_vector_can_be_the_first),
	EACH(open_vector_takes_one_vector_of_the_kernel),
	EACH(kernel_that_cannot_add_vectors_has_few),
	EACH(vectors_do_not_disturb_each_other),
	EACH(fewer_vectors_are_enough),
	EACH(wait_unmasks_intx),
	EACH(intx_wakes_a_thread_that_polls_its_descriptor),
	EACH(bus_master_is_off_during_a_reset),
	EACH(failed_reset_leaves_the_device_running),
	EACH(memory_of_an_unplugged_device_is_valid),
	EACH(requested_device_can_be_given_back),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
