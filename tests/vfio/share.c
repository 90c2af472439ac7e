// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * One mem that two devices of VFIO or iommufd use. The mock has one IOMMU for all devices, so the
 * tests see to it that the addresses differ.
 */
#include <coherent/share.h>
#include <linux/vfio.h>

#include "vfio_test.h"

#define OTHER "0000:00:02.0"

static struct coherent_device *open_other(const char *scheme)
{
	struct coherent_device *dev;

	assert_ok(coherent_device_open(&dev, name_of(scheme, OTHER)));
	return dev;
}

static void sharing_costs_one_map(const char *scheme)
{
	COHERENT_BOX(uint8_t) other = COHERENT_EMPTY, box = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct fixture *fixture = open_fixture(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	const struct mock_mapping *of_mem, *of_twin;
	struct coherent_device *b = open_other(scheme);
	unsigned int before;

	assert_ok(coherent_box_zeroed(&other, b, 64 * PAGE));
	assert_ok(coherent_zeroed(&mem, fixture->dev, 3 * PAGE));
	before = mock.ioctls;
	assert_ok(coherent_share(&mem, b, &twin, .permission = COHERENT_READ_ONLY));
	assert_int_equal(mock.ioctls, before + 1);
	of_mem = mock_find(coherent_addr(&mem).raw);
	of_twin = mock_find(coherent_addr(&twin).raw);
	assert_int_equal(of_mem->va, of_twin->va);
	assert_int_equal(of_twin->bytes, 3 * PAGE);
	assert_int_equal(of_mem->flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	assert_int_equal(of_twin->flags, VFIO_DMA_MAP_FLAG_READ);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_int_equal(mock.count, 2);
	before = mock.ioctls;
	coherent_free(&twin);
	assert_int_equal(mock.ioctls, before + 1);
	assert_int_equal(mock.count, 1);
	assert_ok(coherent_reclaim(&mem, &box));
	coherent_box_free(&box);
	coherent_box_free(&other);
	coherent_device_close(b);
	close_fixture(fixture);
}

static void twin_outlives_its_mem(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *b;
	uint8_t byte;

	assert_ok(coherent_device_open(&b, name_of(scheme, OTHER), .beside = fixture->dev));
	assert_ok(coherent_zeroed(&mem, fixture->dev, PAGE));
	assert_ok(coherent_write(&mem, 0, , 7));
	assert_ok(coherent_share(&mem, b, &twin));
	coherent_free(&mem);
	assert_int_equal(mock.count, 1);
	coherent_device_close(fixture->dev);
	assert_non_null(mock_find(coherent_addr(&twin).raw));
	coherent_device_close(b);
	assert_int_equal(mock.count, 0);
	assert_ok(coherent_read(&twin, 0, , &byte));
	assert_int_equal(byte, 7);
	coherent_free(&twin);
	nothing_is_left(fixture);
}

static void refused_mapping_makes_no_twin(const char *scheme)
{
	COHERENT_BOX(uint8_t) other = COHERENT_EMPTY, box = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	struct fixture *fixture = open_fixture(scheme);
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *b = open_other(scheme);

	assert_ok(coherent_box_zeroed(&other, b, 64 * PAGE));
	assert_ok(coherent_zeroed(&mem, fixture->dev, PAGE));
	mock.refuse_map = -ENOMEM;
	assert_err(coherent_share(&mem, b, &twin), -ENOMEM);
	assert_true(coherent_is_empty(&twin));
	assert_int_equal(mock.count, 1);
	assert_ok(coherent_reclaim(&mem, &box));
	coherent_box_free(&box);
	coherent_box_free(&other);
	coherent_device_close(b);
	close_fixture(fixture);
}

static void refused_unmapping_keeps_the_pages(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *b;

	assert_ok(coherent_device_open(&b, name_of(scheme, OTHER), .beside = fixture->dev));
	assert_ok(coherent_zeroed(&mem, fixture->dev, PAGE));
	assert_ok(coherent_share(&mem, b, &twin));
	mock.refuse_unmap = -EIO;
	coherent_free(&twin);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_true(log_has(&fixture->log, "could not be unmapped; close that device"));
	coherent_device_close(b);
	assert_ok(coherent_reclaim(&mem, &box));
	coherent_box_free(&box);
	close_fixture(fixture);
}

static const struct CMUnitTest tests[] = {
	EACH(sharing_costs_one_map),
	EACH(twin_outlives_its_mem),
	EACH(refused_mapping_makes_no_twin),
	EACH(refused_unmapping_keeps_the_pages),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
