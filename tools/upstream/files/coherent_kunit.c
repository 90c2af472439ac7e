// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * KUnit tests of coherent memory with owners. The device is one of KUnit, without an IOMMU, so that
 * all memory has the level COHERENT_HIDDEN.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/coherent.h>
#include <linux/coherent/loan.h>
#include <linux/dma-mapping.h>
#include <linux/dma-translation.h>
#include <linux/slab.h>
#include <linux/string.h>

struct descriptor {
	coherent_le64 address;
	coherent_le32 length;
	coherent_be32 owner;
};

COHERENT_FIELDS(struct descriptor, .address, .length, .owner);

COHERENT_BOX_TYPE(descriptor_box, struct descriptor);
COHERENT_TYPE(descriptors, struct descriptor);
COHERENT_RING_TYPE(descriptor_ring, struct descriptor);
COHERENT_BOX_TYPE(byte_box, u8);
COHERENT_LOAN_TYPE(byte_loan, u8);

static int begin(struct kunit *test)
{
	struct device *dev = kunit_device_register(test, "coherent");

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	dev->dma_mask = &dev->coherent_dma_mask;
	test->priv = dev;
	return coherent_device_set_mask(dev, coherent_mask(64));
}

static void box_is_zeroed_and_belongs_to_the_driver(struct kunit *test)
{
	union descriptor_box box = COHERENT_EMPTY;

	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, test->priv, 100), 0);
	KUNIT_EXPECT_EQ(test, coherent_box_count(&box), 100);
	KUNIT_EXPECT_EQ(test, coherent_box_level(&box), COHERENT_HIDDEN);
	KUNIT_EXPECT_NULL(test, memchr_inv(coherent_box_ptr(&box), 0,
					   100 * sizeof(struct descriptor)));
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, test->priv, 1), -EBUSY);
	coherent_box_free(&box);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	/* A second free does nothing. */
	coherent_box_free(&box);
}

static void impossible_requests_are_refused(struct kunit *test)
{
	union descriptor_box box = COHERENT_EMPTY;
	struct device unbound = {};

	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, test->priv, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, test->priv, 1, .align = 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, test->priv, SIZE_MAX / 8), -ENOMEM);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, test->priv, 1, .level = COHERENT_IOMMU),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, NULL, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_box_zeroed(&box, &unbound, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_device_set_mask(test->priv, 5), -EINVAL);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
}

static void expose_and_reclaim_move_the_memory(struct kunit *test)
{
	union descriptor_box box = COHERENT_EMPTY;
	union descriptors mem = COHERENT_EMPTY;
	u32 length = 0;

	KUNIT_EXPECT_EQ(test, coherent_expose(&box, &mem), -EINVAL);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&box, test->priv, 2), 0);
	coherent_box_ptr(&box)[1].length = coherent_cpu_to_le32(1500);
	KUNIT_ASSERT_EQ(test, coherent_expose(&box, &mem), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	KUNIT_EXPECT_NE(test, coherent_addr(&mem).raw, 0);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 1, .length, &length), 0);
	KUNIT_EXPECT_EQ(test, length, 1500);
	/* The level does not stop the device, so the driver has to. */
	KUNIT_EXPECT_EQ(test, coherent_reclaim(&mem, &box), -EBUSY);
	KUNIT_ASSERT_EQ(test, coherent_reclaim(&mem, &box, .idle = true), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	KUNIT_EXPECT_EQ(test, coherent_le32_to_cpu(coherent_box_ptr(&box)[1].length), 1500);
	coherent_box_free(&box);
}

static void accessors_convert_and_check(struct kunit *test)
{
	union descriptors mem = COHERENT_EMPTY;
	union descriptor_ring ring = COHERENT_EMPTY;
	const u8 *bytes;
	u32 owner = 0;

	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, .length, 1), -EINVAL);
	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, test->priv, 4), 0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 0, .address, 0x1122334455667788), 0);
	KUNIT_EXPECT_EQ(test, coherent_write_release(&mem, 0, .owner, 0x80000001), 0);
	KUNIT_EXPECT_EQ(test, coherent_write(&mem, 4, .length, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 4, .owner, &owner), -ERANGE);
	bytes = (const u8 *)coherent_unsafe_ptr(&mem);
	KUNIT_EXPECT_MEMEQ(test, bytes, "\x88\x77\x66\x55\x44\x33\x22\x11\0\0\0\0\x80\0\0\x01", 16);
	KUNIT_EXPECT_EQ(test, coherent_ring(&mem, &ring), 0);
	/* An index of a ring wraps. */
	coherent_ring_put(&ring, 5, .owner, 7);
	KUNIT_EXPECT_EQ(test, coherent_read_acquire(&mem, 1, .owner, &owner), 0);
	KUNIT_EXPECT_EQ(test, owner, 7);
	coherent_free(&mem);
}

static int fill(struct descriptor *elements, size_t count, void *arg)
{
	size_t i;

	for (i = 0; i < count; i++)
		elements[i].length = coherent_cpu_to_le32((u32)i + 1);
	return *(int *)arg;
}

static void initialiser_fills_or_fails(struct kunit *test)
{
	union descriptors mem = COHERENT_EMPTY;
	int result = -EDOM;
	u32 length = 0;

	KUNIT_EXPECT_EQ(test, coherent_init(&mem, test->priv, 3, fill, &result), -EDOM);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem));
	result = 0;
	KUNIT_ASSERT_EQ(test, coherent_init(&mem, test->priv, 3, fill, &result), 0);
	KUNIT_EXPECT_EQ(test, coherent_read(&mem, 2, .length, &length), 0);
	KUNIT_EXPECT_EQ(test, length, 3);
	coherent_free(&mem);
}

static void release(void *memory, void *release_arg)
{
	kfree(memory);
	++*(int *)release_arg;
}

static void loan_is_lent_once_and_comes_back(struct kunit *test)
{
	union byte_loan loan = COHERENT_EMPTY;
	union byte_box box = COHERENT_EMPTY;
	u8 *buffer = kmalloc(512, GFP_KERNEL);
	int released = 0;

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	memset(buffer, 0x5a, 512);
	KUNIT_ASSERT_EQ(test, coherent_box_adopt(&box, test->priv, buffer, 512, .release = release,
						 .release_arg = &released), 0);
	KUNIT_ASSERT_EQ(test, coherent_lend(&box, &loan, COHERENT_TO_DEVICE), 0);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&box));
	KUNIT_EXPECT_NE(test, coherent_loan_addr(&loan).raw, 0);
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, &box), -EBUSY);
	KUNIT_ASSERT_EQ(test, coherent_take(&loan, &box, .idle = true), 0);
	KUNIT_EXPECT_EQ(test, coherent_take(&loan, &box, .idle = true), -EINVAL);
	KUNIT_EXPECT_NULL(test, memchr_inv(coherent_box_ptr(&box), 0x5a, 512));
	KUNIT_EXPECT_EQ(test, released, 0);
	coherent_box_free(&box);
	KUNIT_EXPECT_EQ(test, released, 1);
}

static void several_boxes_are_exposed_or_none(struct kunit *test)
{
	union descriptor_box one = COHERENT_EMPTY, two = COHERENT_EMPTY;
	union descriptors mem = COHERENT_EMPTY, other = COHERENT_EMPTY;

	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&one, test->priv, 1), 0);
	/* The second box is empty. */
	KUNIT_EXPECT_EQ(test, coherent_expose_all(COHERENT_EXPOSURE(&one, &mem),
						  COHERENT_EXPOSURE(&two, &other)), -EINVAL);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&mem) && coherent_is_empty(&one));
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&one, test->priv, 1), 0);
	KUNIT_ASSERT_EQ(test, coherent_box_zeroed(&two, test->priv, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_expose_all(COHERENT_EXPOSURE(&one, &mem),
						  COHERENT_EXPOSURE(&two, &other)), 0);
	coherent_free(&mem);
	coherent_free(&other);
}

/* The end of the device frees what the driver gave to devres. */
static void managed_object_ends_with_its_device(struct kunit *test)
{
	struct device *dev = get_device(test->priv);
	const unsigned int before = kref_read(&dev->kobj.kref);
	union descriptors mem = COHERENT_EMPTY;

	KUNIT_ASSERT_EQ(test, coherent_zeroed(&mem, dev, 1), 0);
	KUNIT_EXPECT_EQ(test, coherent_manage(&mem), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&dev->kobj.kref), before + 1);
	kunit_device_unregister(test, dev);
	KUNIT_EXPECT_EQ(test, kref_read(&dev->kobj.kref), 1);
	put_device(dev);
}

static void device_without_iommu_is_reported(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, dma_translation_of(test->priv), DMA_TRANSLATION_NONE);
	KUNIT_EXPECT_NULL(test, dma_translation_domain(test->priv));
	KUNIT_EXPECT_TRUE(test, dma_translation_can_map(test->priv, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, coherent_device_level(test->priv), COHERENT_HIDDEN);
	KUNIT_EXPECT_EQ(test, coherent_device_level(NULL), 0);
}

static struct kunit_case coherent_cases[] = {
	KUNIT_CASE(box_is_zeroed_and_belongs_to_the_driver),
	KUNIT_CASE(impossible_requests_are_refused),
	KUNIT_CASE(expose_and_reclaim_move_the_memory),
	KUNIT_CASE(accessors_convert_and_check),
	KUNIT_CASE(initialiser_fills_or_fails),
	KUNIT_CASE(loan_is_lent_once_and_comes_back),
	KUNIT_CASE(several_boxes_are_exposed_or_none),
	KUNIT_CASE(managed_object_ends_with_its_device),
	KUNIT_CASE(device_without_iommu_is_reported),
	{}
};

static struct kunit_suite coherent_suite = {
	.name = "coherent",
	.init = begin,
	.test_cases = coherent_cases,
};
kunit_test_suite(coherent_suite);
