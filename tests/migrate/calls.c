// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The calls of coherent/migrate.h behave as those of the DMA API, and warn of a free with other
 * values. The test expects one warning of each kind: run.py --splat.
 */
#include <linux/module.h>
#include <linux/platform_device.h>

#include <coherent/migrate.h>

struct desc {
	__le32 words[4];
};

static struct ring {
	struct desc *desc;
	COHERENT(struct desc) desc_mem;
	dma_addr_t address;
	struct desc *managed;
	COHERENT(struct desc) managed_mem;
	dma_addr_t managed_address;
} ring;

static unsigned int number;

static void say(bool good, const char *name)
{
	pr_info("%sok %u - %s\n", good ? "" : "not ", ++number, name);
}

static bool is_zero(const void *bytes, size_t size)
{
	return !memchr_inv(bytes, 0, size);
}

static void check_alloc(struct device *dev)
{
	ring.desc = coherent_migrate_alloc(&ring.desc_mem, dev, 100, &ring.address, GFP_KERNEL);
	say(ring.desc && is_zero(ring.desc, 100), "the driver gets zeroed memory");
	say(coherent_addr(&ring.desc_mem).raw == ring.address, "the driver gets the address");
	say(coherent_count(&ring.desc_mem) == 7, "the mem has room for all bytes");
	say(!coherent_migrate_alloc(&ring.desc_mem, dev, 100, &ring.address, GFP_KERNEL) &&
		    coherent_addr(&ring.desc_mem).raw == ring.address,
	    "a mem in use is not allocated again, and the address stays");
	coherent_migrate_free(&ring.desc_mem, dev, 100, ring.desc, ring.address);
	say(coherent_is_empty(&ring.desc_mem), "the free empties the mem");
	coherent_migrate_free(&ring.desc_mem, dev, 100, ring.desc, ring.address);
	say(coherent_is_empty(&ring.desc_mem), "a second free does nothing");
}

static void check_flags(struct device *dev)
{
	ring.desc = coherent_migrate_alloc(&ring.desc_mem, dev, 16, &ring.address,
					   GFP_KERNEL | GFP_DMA32);
	say(ring.desc, "a zone is ignored, as by the DMA API");
	coherent_migrate_free(&ring.desc_mem, dev, 16, ring.desc, ring.address);
	ring.desc = coherent_migrate_alloc_attrs(&ring.desc_mem, dev, 16, &ring.address, 0,
						 DMA_ATTR_WEAK_ORDERING | DMA_ATTR_NO_WARN);
	say(ring.desc, "the driver gets memory with attributes, and without flags");
	coherent_migrate_free_attrs(&ring.desc_mem, dev, 16, ring.desc, ring.address,
				    DMA_ATTR_WEAK_ORDERING | DMA_ATTR_NO_WARN);
	say(coherent_is_empty(&ring.desc_mem), "the driver frees it with attributes");
	ring.desc = coherent_migrate_alloc(&ring.desc_mem, dev, SIZE_MAX / 4, &ring.address,
					   GFP_KERNEL | __GFP_NOWARN);
	say(!ring.desc && coherent_is_empty(&ring.desc_mem), "too much memory is NULL");
}

static void check_other_values(struct device *dev)
{
	ring.desc = coherent_migrate_alloc(&ring.desc_mem, dev, 64, &ring.address, GFP_KERNEL);
	coherent_migrate_free(&ring.desc_mem, dev, 16, ring.desc, ring.address);
	say(coherent_is_empty(&ring.desc_mem), "a free with another size warns and frees");
	ring.desc = coherent_migrate_alloc(&ring.desc_mem, dev, 64, &ring.address, GFP_KERNEL);
	coherent_migrate_free(&ring.desc_mem, dev, 64, ring.desc + 1, ring.address);
	say(coherent_is_empty(&ring.desc_mem), "a free with another pointer warns and frees");
	ring.desc = coherent_migrate_alloc(&ring.desc_mem, dev, 64, &ring.address, GFP_KERNEL);
	coherent_migrate_free(&ring.desc_mem, dev, 64, ring.desc, ring.address + 64);
	say(coherent_is_empty(&ring.desc_mem), "a free with another address warns and frees");
}

static int calls_probe(struct platform_device *platform)
{
	struct device *dev = &platform->dev;

	dev->dma_mask = &dev->coherent_dma_mask;
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32)))
		return -EIO;
	pr_info("1..14\n");
	check_alloc(dev);
	check_flags(dev);
	check_other_values(dev);
	/* Nobody frees this one but devres. If it did not, the library would warn of a leak. */
	ring.managed = coherent_migrate_alloc_managed(&ring.managed_mem, dev, 64,
						      &ring.managed_address, GFP_KERNEL);
	say(ring.managed && is_zero(ring.managed, 64), "the driver gets managed memory");
	return 0;
}

static struct platform_driver calls_driver = {
	.driver.name = KBUILD_MODNAME,
	.probe = calls_probe,
};
static struct platform_device *device;

static int __init calls_init(void)
{
	int err = platform_driver_register(&calls_driver);

	if (err)
		return err;
	device = platform_device_register_simple(KBUILD_MODNAME, -1, NULL, 0);
	if (!IS_ERR(device))
		return 0;
	platform_driver_unregister(&calls_driver);
	return PTR_ERR(device);
}

static void __exit calls_exit(void)
{
	platform_device_unregister(device);
	platform_driver_unregister(&calls_driver);
}
module_init(calls_init);
module_exit(calls_exit);

MODULE_LICENSE("Dual MIT/GPL");
