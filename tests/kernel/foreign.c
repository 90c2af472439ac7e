// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Objects of a device that the driver of another module has. Devres calls this module when that
 * driver is unbound, so this module must stay loaded until then.
 */
#include <linux/delay.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "world.h"

#define NAME "coherent_foreign"

static struct device *device;

static int foreign_probe(struct platform_device *platform)
{
	device = &platform->dev;
	device->dma_mask = &device->coherent_dma_mask;
	return dma_set_mask_and_coherent(device, DMA_BIT_MASK(32));
}

/* A task that was killed calls this, because such a task cannot start a thread. */
static int unregister(void *platform)
{
	platform_device_unregister(platform);
	return 0;
}

/*
 * Binds a driver to a device, uses the device, and unbinds the driver. While the driver is bound,
 * this module must have @held references more, and afterwards none.
 */
static void check_driver(struct kunit *test, struct platform_driver *driver, int (*use)(void),
			 int held)
{
	const int before = module_refcount(THIS_MODULE);
	struct platform_device *platform;
	int i;

	device = NULL;
	driver->driver.bus = &platform_bus_type;
	driver->probe = foreign_probe;
	KUNIT_ASSERT_EQ(test, driver_register(&driver->driver), 0);
	platform = platform_device_register_simple(NAME, PLATFORM_DEVID_NONE, NULL, 0);
	KUNIT_EXPECT_TRUE(test, device);
	if (device)
		KUNIT_EXPECT_EQ(test, use(), 0);
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), before + held);
	if (!IS_ERR(platform) && held)
		KUNIT_EXPECT_EQ(test, killed_task_calls(test, unregister, platform), 0);
	else if (!IS_ERR(platform))
		platform_device_unregister(platform);
	driver_unregister(&driver->driver);
	/* A thread gives the reference back. */
	for (i = 0; i < 10000 && module_refcount(THIS_MODULE) != before; i++)
		msleep(1);
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), before);
}

/*
 * A driver is of another module if it has another owner and is not in the memory of this one. A
 * driver of this module may have no owner.
 */
static void check(struct kunit *test, int (*use)(void), int held)
{
	static struct platform_driver own = { .driver.name = NAME };
	struct platform_driver *other = kzalloc(sizeof(*other), GFP_KERNEL);

	KUNIT_EXPECT_TRUE(test, other);
	if (!other)
		return;
	check_driver(test, &own, use, 0);
	other->driver.name = NAME;
	check_driver(test, other, use, held);
	other->driver.owner = THIS_MODULE;
	check_driver(test, other, use, 0);
	kfree(other);
}

static int manage_two(void)
{
	COHERENT(u8) first = COHERENT_EMPTY, second = COHERENT_EMPTY;
	int err;

	err = coherent_zeroed(&first, device, 1);
	if (!err)
		err = coherent_manage(&first);
	if (!err)
		err = coherent_zeroed(&second, device, 1);
	if (!err)
		err = coherent_manage(&second);
	coherent_free(&second);
	return err;
}

static int free_with_interrupts_off(void)
{
	COHERENT(u8) mem = COHERENT_EMPTY;
	int err;

	local_irq_disable();
	err = coherent_zeroed(&mem, device, 1, .gfp = GFP_ATOMIC);
	coherent_free(&mem);
	local_irq_enable();
	return err;
}

static int use_and_free(void)
{
	COHERENT_AUTO(u8, mem);

	return coherent_zeroed(&mem, device, 1);
}

/* The group takes away the queue of the device, which came with the first object. */
static int manage_in_and_after_a_group(void)
{
	const int before = module_refcount(THIS_MODULE);
	COHERENT(u8) first = COHERENT_EMPTY, second = COHERENT_EMPTY;
	void *group = devres_open_group(device, NULL, GFP_KERNEL);
	int i, err;

	if (!group)
		return -ENOMEM;
	err = coherent_zeroed(&first, device, 1, .managed = true);
	devres_close_group(device, group);
	if (!err)
		err = coherent_zeroed(&second, device, 1, .managed = true);
	devres_release_group(device, group);
	/* A reference that the group gave back would be gone soon. */
	for (i = 0; i < 1000 && module_refcount(THIS_MODULE) > before; i++)
		msleep(1);
	return err;
}

static void managed_object_keeps_this_module_loaded(struct kunit *test)
{
	check(test, manage_two, 1);
}

static void managed_object_outlives_a_devres_group(struct kunit *test)
{
	check(test, manage_in_and_after_a_group, 1);
}

static void deferred_object_keeps_this_module_loaded(struct kunit *test)
{
	check(test, free_with_interrupts_off, 1);
}

static void other_objects_do_not_keep_it_loaded(struct kunit *test)
{
	check(test, use_and_free, 0);
}

static int foreign_begin(struct kunit_suite *suite)
{
	return 0;
}

static void foreign_end(struct kunit_suite *suite)
{
}

static struct kunit_case cases[] = {
	KUNIT_CASE(managed_object_keeps_this_module_loaded),
	KUNIT_CASE(managed_object_outlives_a_devres_group),
	KUNIT_CASE(deferred_object_keeps_this_module_loaded),
	KUNIT_CASE(other_objects_do_not_keep_it_loaded),
	{},
};

struct kunit_suite foreign = {
	.name = "foreign",
	.suite_init = foreign_begin,
	.suite_exit = foreign_end,
	.test_cases = cases,
};
