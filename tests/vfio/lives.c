// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A device may have a past: if nothing has reset it, it may still execute what its last owner told
 * it. These tests check what the library does about that when it opens the device.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "../../src/vfio/pci.h"
#include "vfio_test.h"

static const char warning[] = BDF " has no reset of its own";

/* Returns the address of the first object of an open device. */
static uint64_t first_address(struct coherent_device *dev)
{
	COHERENT_AUTO(uint8_t, mem);

	assert_ok(coherent_zeroed(&mem, dev, 1));
	return coherent_addr(&mem).raw;
}

static uint64_t first_address_of_a_life(const char *scheme, uint64_t random, uint64_t mask)
{
	struct fixture *fixture;
	uint64_t address;

	mock.random = random;
	fixture = open_fixture(scheme);
	assert_ok(coherent_device_set_mask(fixture->dev, mask));
	address = first_address(fixture->dev);
	assert_int_equal(log_has(&fixture->log, warning), !mock.can_reset);
	close_fixture(fixture);
	return address;
}

static void life_without_a_reset_begins_at_a_random_page(const char *scheme)
{
	/* The lowest quarter has a page more than the others, because page 0 is not used. */
	const uint64_t quarter = (UINT64_C(1) << 28) / PAGE / 4;

	mock.can_reset = false;
	assert_int_equal(first_address_of_a_life(scheme, 0, coherent_mask(28)), PAGE);
	assert_int_equal(first_address_of_a_life(scheme, 4711, coherent_mask(28)), 4712 * PAGE);
	assert_int_equal(first_address_of_a_life(scheme, quarter - 1, coherent_mask(28)),
			 quarter * PAGE);
	assert_int_equal(first_address_of_a_life(scheme, quarter + 7, coherent_mask(28)), 8 * PAGE);
	/* An object and its guard do not fit into the last page before the hole. */
	assert_int_equal(first_address_of_a_life(scheme, mock.hole[0] / PAGE - 3, UINT64_MAX),
			 mock.hole[0] - 2 * PAGE);
	assert_int_equal(first_address_of_a_life(scheme, mock.hole[0] / PAGE - 2, UINT64_MAX),
			 mock.hole[1] + 1);
	/* The hole is not counted, so the first page behind it comes after the last one before it. */
	assert_int_equal(first_address_of_a_life(scheme, mock.hole[0] / PAGE - 1, UINT64_MAX),
			 mock.hole[1] + 1);
}

static void life_after_a_reset_begins_at_the_lowest_page(const char *scheme)
{
	assert_int_equal(first_address_of_a_life(scheme, 4711, coherent_mask(28)), PAGE);
}

/* The mask is set when nothing is allocated, so all addresses of a life follow each other. */
static void addresses_of_a_life_are_used_up_in_order(const char *scheme)
{
	COHERENT(uint8_t) mems[8] = { COHERENT_EMPTY };
	static const uint64_t pages[] = { 4, 6, 8, 10, 12, 14, 1 };
	struct fixture *fixture;

	mock.can_reset = false;
	mock.random = 3;
	fixture = open_fixture(scheme);
	assert_ok(coherent_device_set_mask(fixture->dev, coherent_mask(16)));
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		assert_ok(coherent_zeroed(&mems[i], fixture->dev, 1));
		assert_int_equal(coherent_addr(&mems[i]).raw, pages[i] * PAGE);
	}
	assert_err(coherent_zeroed(&mems[7], fixture->dev, 1), -ENOSPC);
	for (size_t i = 0; i < ARRAY_SIZE(mems); i++)
		coherent_free(&mems[i]);
	close_fixture(fixture);
}

/*
 * Mask 20 has 255 pages, of which 191 are above the lowest quarter. Each of the two objects has a
 * guard behind it.
 */
static void three_quarters_stay_in_one_piece(const char *scheme)
{
	static const uint64_t random[] = { 0, 1, 62, 63, 64, 126, 250, 254, UINT64_MAX };

	mock.can_reset = false;
	for (size_t i = 0; i < ARRAY_SIZE(random); i++) {
		COHERENT(uint8_t) small = COHERENT_EMPTY, large = COHERENT_EMPTY;
		struct fixture *fixture;

		mock.random = random[i];
		fixture = open_fixture(scheme);
		assert_ok(coherent_device_set_mask(fixture->dev, coherent_mask(20)));
		assert_ok(coherent_zeroed(&small, fixture->dev, 1));
		assert_ok(coherent_zeroed(&large, fixture->dev, 189 * PAGE));
		coherent_free(&small);
		coherent_free(&large);
		close_fixture(fixture);
	}
}

static void open_works_without_random_numbers(const char *scheme)
{
	uint64_t addresses[4];
	bool differ = false;

	mock.can_reset = false;
	mock.no_random = true;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		addresses[i] = first_address_of_a_life(scheme, 0, UINT64_MAX);
	for (size_t i = 1; i < ARRAY_SIZE(addresses); i++)
		differ = differ || addresses[i] != addresses[0];
	assert_true(differ);
}

/* A driver accesses registers to stop the device, so memory space is on from the open on. */
static void bus_master_begins_with_the_first_mem(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY, other = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;

	assert_true(mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MEMORY);
	assert_ok(coherent_box_zeroed(&box, fixture->dev, 1));
	assert_false(is_bus_master());
	assert_err(coherent_expose(&box, &mem, .seal = seal_fails,
				   .seal_arg = &(coherent_addr_t){ 0 }),
		   -ECANCELED);
	mock.refuse_map = -ENOMEM;
	assert_err(coherent_zeroed(&mem, fixture->dev, 1), -ENOMEM);
	assert_false(is_bus_master());
	assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
	/* A map that fails does not stop a device that uses other memory. */
	mock.refuse_map = -ENOMEM;
	assert_err(coherent_zeroed(&other, fixture->dev, 1), -ENOMEM);
	assert_true(is_bus_master());
	/* The driver has seen the device since, so it stays bus master without a mem. */
	coherent_free(&mem);
	assert_true(is_bus_master());
	close_fixture(fixture);
	assert_false(is_bus_master());
}

/*
 * The read and the write of the command register, and the map, fail in turn. The kernel does not
 * unmap either, so a mapping that was made too early would stay.
 */
static void device_that_cannot_become_bus_master_gets_no_mem(const char *scheme)
{
	static const int errs[] = { -EIO, -EIO, -ENOMEM, 0 };
	struct fixture *fixture = open_fixture(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_irq *irq;

	for (unsigned int i = 0; i < ARRAY_SIZE(errs); i++) {
		assert_ok(coherent_box_zeroed(&box, fixture->dev, 1));
		inject.left = i + 1;
		mock.refuse_unmap = -EIO;
		assert_err(coherent_expose(&box, &mem), errs[i]);
		inject.left = 0;
		mock.refuse_unmap = 0;
		assert_int_equal(mock.count, !errs[i]);
		assert_int_equal(is_bus_master(), !errs[i]);
	}
	coherent_free(&mem);
	close_fixture(fixture);
	fixture = open_fixture(scheme);
	mock.gone = true;
	assert_err(coherent_irq_open(&irq, fixture->dev, 0), -ENODEV);
	mock.gone = false;
	for (unsigned int nth = 1; nth < 20 && !is_bus_master(); nth++) {
		inject.left = nth;
		if (coherent_irq_open(&irq, fixture->dev, 0))
			assert_int_equal(mock.irq_count, 0);
		inject.left = 0;
		coherent_irq_close(irq);
	}
	assert_true(is_bus_master());
	close_fixture(fixture);
}

/*
 * Another thread closes the device. It has closed the descriptor of the device, and not yet the one
 * of the IOMMU.
 */
static void expose_during_a_close_finds_no_device(const char *scheme)
{
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct fixture *fixture = open_fixture(scheme);
		COHERENT(uint8_t) mem = COHERENT_EMPTY;

		/* In the second turn the device was bus master before. */
		if (turn)
			assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
		coherent_free(&mem);
		vfio_pci_disconnect(vfio_pci_of(fixture->dev->backend));
		assert_err(coherent_zeroed(&mem, fixture->dev, 1), -ENODEV);
		assert_int_equal(fixture->log.count, 0);
		close_fixture(fixture);
	}
}

/* An MSI is a write of the device. An INTx is not. */
static void bus_master_begins_with_the_first_msi(const char *scheme)
{
	static const unsigned int vectors[] = { 0, 4, 2048 };

	for (unsigned int kind = 0; kind < 3; kind++) {
		struct fixture *fixture;
		struct coherent_irq *irq;

		memset(mock.irqs, 0, sizeof(mock.irqs));
		mock.irqs[kind] = kind ? vectors[kind] : 1;
		fixture = open_fixture(scheme);
		assert_false(is_bus_master());
		assert_ok(coherent_irq_open(&irq, fixture->dev, 0));
		assert_int_equal(mock.irq_index, kind);
		assert_int_equal(is_bus_master(), kind != VFIO_PCI_INTX_IRQ_INDEX);
		coherent_irq_close(irq);
		close_fixture(fixture);
	}
}

static void bus_master_begins_at_the_open_if_asked_for(const char *scheme)
{
	struct fixture fixture = { .log = LOG_EMPTY, .before = inject };

	assert_ok(coherent_device_open(&fixture.dev, name_of(scheme, BDF),
				       .bus_master_at_open = true));
	assert_true(is_bus_master());
	assert_ok(coherent_device_reset(fixture.dev));
	assert_true(is_bus_master());
	close_fixture(&fixture);
	assert_false(is_bus_master());
}

/*
 * The read, the write that stops the device, the reset if it has one, and the write that restarts it,
 * fail in turn. Only a failure of the last one leaves the device stopped.
 */
static void fence_after_one_that_failed_restarts_the_device(const char *scheme)
{
	for (unsigned int calls = 4; calls >= 3; calls--) {
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		struct fixture *fixture;

		mock.can_reset = calls == 4;
		fixture = open_fixture(scheme);
		assert_ok(coherent_device_fence(fixture->dev));
		assert_false(is_bus_master());
		assert_ok(coherent_zeroed(&mem, fixture->dev, 1));
		for (unsigned int nth = 1; nth <= calls; nth++) {
			inject.left = nth;
			assert_err(coherent_device_fence(fixture->dev), -EIO);
			inject.left = 0;
			assert_int_equal(is_bus_master(), nth != calls);
			assert_ok(coherent_device_fence(fixture->dev));
			assert_true(is_bus_master());
		}
		coherent_free(&mem);
		close_fixture(fixture);
	}
}

static void other_devices_do_not_take_the_option(void)
{
	static const char *const names[] = { "sim:edu", "qemu:edu", "vhost-user:/run/none" };
	struct coherent_device *dev;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct log log = LOG_EMPTY;

		assert_err(coherent_device_open(&dev, names[i], .bus_master_at_open = true,
						.report = log_report, .report_arg = &log),
			   -EINVAL);
		assert_true(log_has(&log, "does not take .bus_master_at_open, which is for: "
					  "vfio, iommufd, pci"));
	}
}

static void caller_decides_about_bus_mastering(const char *scheme)
{
	const bool is_iommufd = !strcmp(scheme, "iommufd");
	struct log log = LOG_EMPTY;
	struct coherent_device *dev;

	assert_err(coherent_device_open(&dev, name_of(scheme, BDF), .bus_master_at_open = true,
					.container = is_iommufd ? 0 : 3,
					.iommufd = is_iommufd ? 3 : 0, .window = { 0, 0xffff },
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "the caller that opened the device decides"));
}

static const struct CMUnitTest tests[] = {
	EACH(life_without_a_reset_begins_at_a_random_page),
	EACH(life_after_a_reset_begins_at_the_lowest_page),
	EACH(addresses_of_a_life_are_used_up_in_order),
	EACH(three_quarters_stay_in_one_piece),
	EACH(open_works_without_random_numbers),
	EACH(bus_master_begins_with_the_first_mem),
	EACH(device_that_cannot_become_bus_master_gets_no_mem),
	EACH(expose_during_a_close_finds_no_device),
	EACH(bus_master_begins_with_the_first_msi),
	EACH(bus_master_begins_at_the_open_if_asked_for),
	EACH(fence_after_one_that_failed_restarts_the_device),
	ALONE(other_devices_do_not_take_the_option),
	EACH(caller_decides_about_bus_mastering),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
