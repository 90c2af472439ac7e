/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The configuration space has registers of 8, 16 and 32 bits. */
#include <coherent.h>
#include <coherent/config.h>
#include <linux/pci_regs.h>

static uint32_t config_read(struct coherent_sim *sim, void *arg,
			    unsigned int offset, unsigned int width)
{
	(void)sim;
	(void)arg;
	(void)width;
	return offset == PCI_CLASS_REVISION ? 0x02000001 : 0;
}

static void config_write(struct coherent_sim *sim, void *arg,
			 unsigned int offset, unsigned int width,
			 uint32_t value)
{
	(void)sim;
	(void)arg;
	(void)offset;
	(void)width;
	(void)value;
}

static const struct coherent_sim_model model = {
	.name = "card", .mask = ~0ull,
	.config_read = config_read, .config_write = config_write,
};

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	unsigned int at = 0;
	uint32_t class_code;
	uint8_t line;

	if (coherent_device_open(&dev, "sim:custom", .model = &model) ||
	    coherent_config_read32(dev, PCI_CLASS_REVISION, &class_code) ||
	    coherent_config_read8(dev, PCI_INTERRUPT_LINE, &line) ||
	    coherent_config_write8(dev, PCI_INTERRUPT_LINE, line) ||
	    coherent_config_write16(dev, PCI_STATUS, 0xffff) ||
	    coherent_config_write32(dev, PCI_BASE_ADDRESS_0, ~0u))
		return 1;
	/* The device is not a PCI Express device. */
	return coherent_config_find_extended(dev, PCI_EXT_CAP_ID_ERR, &at) ?
	       0 : 1;
}
