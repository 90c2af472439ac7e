// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This driver misuses the kernel face. Memory leaks, but none is corrupted, and the
 * kernel warns once for each misuse. run.py --splat checks the warnings.
 */
#include <linux/module.h>
#include <linux/platform_device.h>

#include <coherent/pool.h>

static unsigned int tests;
static COHERENT(u8) late;
static COHERENT(u8) reclaimed;
static COHERENT(u8) managed;
static COHERENT_BOX(u8) exposed;
static COHERENT_POOL(u8) pool;
static COHERENT_BOX(u8) of_the_pool;

static void report_test(bool good, const char *what)
{
	pr_info("%s %u - %s\n", good ? "ok" : "not ok", ++tests, what);
}

static int misuse_probe(struct platform_device *platform)
{
	struct device *dev = &platform->dev;
	int err;

	platform->dev.dma_mask = &platform->dev.coherent_dma_mask;
	err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
	if (!err)
		err = coherent_zeroed(&late, dev, 1);
	if (!err)
		err = coherent_zeroed(&reclaimed, dev, 1);
	if (!err)
		err = coherent_box_zeroed(&exposed, dev, 1);
	if (!err)
		err = coherent_zeroed(&managed, dev, 1);
	if (!err)
		err = coherent_manage(&managed);
	if (!err)
		err = coherent_pool_create(&pool, dev);
	if (!err)
		err = coherent_pool_box(&pool, &of_the_pool);
	return err;
}

static struct platform_driver misuse_driver = {
	.driver.name = KBUILD_MODNAME,
	.probe = misuse_probe,
};

static int __init misuse_init(void)
{
	struct platform_device *platform;
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) never = COHERENT_EMPTY;
	struct device *dev;
	u8 byte = 1;
	int err;

	pr_info("1..7\n");
	err = platform_driver_register(&misuse_driver);
	if (err)
		return err;
	platform = platform_device_register_simple(KBUILD_MODNAME, -1, NULL, 0);
	dev = IS_ERR(platform) ? NULL : get_device(&platform->dev);
	report_test(!coherent_is_empty(&reclaimed), "a device is bound");
	platform_driver_unregister(&misuse_driver);
	err = coherent_box_zeroed(&box, dev, 1);
	report_test(err == -ENODEV, "an unbound device gets no memory");
	err = coherent_reclaim(&reclaimed, &box, .idle = true);
	report_test(err == -ENODEV && !coherent_read(&reclaimed, 0, &byte) && !byte,
		    "a mem of an unbound device can be read, not reclaimed");
	err = coherent_expose(&exposed, &never);
	report_test(err == -ENODEV && coherent_is_empty(&exposed) && coherent_is_empty(&never),
		    "a box of an unbound device cannot be exposed and leaks");
	err = coherent_expose(&of_the_pool, &never);
	report_test(err == -ENODEV && coherent_is_empty(&of_the_pool) &&
			    coherent_pool_box(&pool, &of_the_pool) == -ENODEV &&
			    !coherent_pool_destroy(&pool),
		    "a pool of an unbound device gives and exposes no box, and its pages leak");
	coherent_free(&managed);
	report_test(coherent_is_empty(&managed),
		    "a managed mem is freed with its driver, and only once");
	put_device(dev);
	platform_device_unregister(platform);
	/* Only these two mems still refer to the device. */
	coherent_free(&late);
	coherent_free(&reclaimed);
	report_test(coherent_is_empty(&late), "a mem freed after its device is gone leaks");
	return 0;
}

static void __exit misuse_exit(void)
{
}

module_init(misuse_init);
module_exit(misuse_exit);

MODULE_DESCRIPTION("Misuse of libcoherent");
MODULE_LICENSE("Dual MIT/GPL");
