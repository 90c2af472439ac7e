// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This driver makes calls that may sleep in atomic context. They succeed here, but a
 * kernel with DEBUG_ATOMIC_SLEEP warns of each. run.py --splat checks the warnings.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>

#include <coherent.h>

/* The kernel warns at most once a second. */
#define APART_MS 1100

static DEFINE_SPINLOCK(lock);

static int sleeping_probe(struct platform_device *platform)
{
	COHERENT_BOX(u8) box = COHERENT_EMPTY;
	COHERENT(u8) mem = COHERENT_EMPTY;
	int err;
	u8 byte;

	platform->dev.dma_mask = &platform->dev.coherent_dma_mask;
	err = dma_set_mask_and_coherent(&platform->dev, DMA_BIT_MASK(32));
	if (!err)
		err = coherent_box_zeroed(&box, &platform->dev, 1);
	if (!err)
		err = coherent_zeroed(&mem, &platform->dev, 1);
	spin_lock(&lock);
	coherent_box_free(&box);
	spin_unlock(&lock);
	msleep(APART_MS);
	if (!err) {
		spin_lock(&lock);
		err = coherent_poll(&mem, 0, &byte, byte == 0, 1000);
		spin_unlock(&lock);
	}
	pr_info("1..1\n");
	pr_info("%sok 1 - calls that may sleep succeed\n", err ? "not " : "");
	coherent_free(&mem);
	return err;
}

static struct platform_driver sleeping_driver = {
	.driver.name = KBUILD_MODNAME,
	.probe = sleeping_probe,
};
static struct platform_device *device;

static int __init sleeping_init(void)
{
	int err = platform_driver_register(&sleeping_driver);

	if (err)
		return err;
	device = platform_device_register_simple(KBUILD_MODNAME, -1, NULL, 0);
	if (!IS_ERR(device))
		return 0;
	platform_driver_unregister(&sleeping_driver);
	return PTR_ERR(device);
}

static void __exit sleeping_exit(void)
{
	platform_device_unregister(device);
	platform_driver_unregister(&sleeping_driver);
}

module_init(sleeping_init);
module_exit(sleeping_exit);

MODULE_DESCRIPTION("Calls that may sleep, in atomic context");
MODULE_LICENSE("Dual MIT/GPL");
