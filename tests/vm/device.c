// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check what only VFIO gives a driver: registers, interrupts, a device with one owner,
 * and a device that is unplugged. The device is QEMU's edu in a VM. Its name is the argument.
 */
#include <coherent/config.h>
#include <linux/pci_regs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../test.h"

enum { EDU_ID = 0x00, EDU_LIVENESS = 0x04 };
enum { EDU_IRQ_STATUS = 0x24, EDU_IRQ_RAISE = 0x60, EDU_IRQ_ACK = 0x64 };

static const char *device_name;
static struct log reports = LOG_EMPTY;
static struct coherent_device *dev;
static struct coherent_bar *bar;

static void many_objects_may_be_exposed(void **state)
{
	struct coherent_limits limits;

	(void)state;
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.mask, coherent_mask(28));
	assert_true(limits.unmap_is_fence);
	assert_true(limits.mappings > 1000);
}

static void registers_are_read_and_written(void **state)
{
	(void)state;
	assert_int_equal(coherent_bar_read32(bar, EDU_ID) & 0xff, 0xed);
	coherent_bar_write32(bar, EDU_LIVENESS, 5);
	assert_int_equal(coherent_bar_read32(bar, EDU_LIVENESS), ~UINT32_C(5));
	assert_int_equal(coherent_bar_read32(bar, UINT64_C(1) << 20), UINT32_MAX);
}

static void configuration_space_is_that_of_the_device(void **state)
{
	struct coherent_ids ids;
	unsigned int at = 0;
	uint16_t flags;
	uint8_t line;

	(void)state;
	assert_ok(coherent_config_ids(dev, &ids));
	assert_int_equal(ids.vendor << 16 | ids.device, 0x123411e8);
	assert_int_equal(ids.class_code, 0xff00);
	assert_ok(coherent_config_find(dev, PCI_CAP_ID_MSI, &at));
	assert_ok(coherent_config_read16(dev, at + PCI_MSI_FLAGS, &flags));
	assert_true(flags & PCI_MSI_FLAGS_64BIT);
	assert_ok(coherent_config_write8(dev, PCI_INTERRUPT_LINE, 0x5a));
	assert_ok(coherent_config_read8(dev, PCI_INTERRUPT_LINE, &line));
	assert_int_equal(line, 0x5a);
}

static void interrupts_wake(void **state)
{
	COHERENT_IRQ_AUTO(irq);
	struct coherent_irq *other;

	(void)state;
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_err(coherent_irq_open(&other, dev, 0), -EBUSY);
	assert_err(coherent_irq_open(&other, dev, 1), -ENODEV);
	assert_err(coherent_irq_wait(irq, MS), -ETIMEDOUT);
	for (unsigned int turn = 0; turn < 3; turn++) {
		coherent_bar_write32(bar, EDU_IRQ_RAISE, 0x10);
		assert_ok(coherent_irq_wait(irq, LONG));
		assert_int_equal(coherent_bar_read32(bar, EDU_IRQ_STATUS), 0x10);
		coherent_bar_write32(bar, EDU_IRQ_ACK, 0x10);
		assert_err(coherent_irq_wait(irq, 10 * MS), -ETIMEDOUT);
	}
}

/* A second open of the same device returns -EBUSY. */
static void device_is_opened_once(void **state)
{
	struct log said = LOG_EMPTY;
	struct coherent_device *other;

	(void)state;
	assert_err(coherent_device_open(&other, device_name, .report = log_report,
					.report_arg = &said),
		   -EBUSY);
	assert_null(other);
	assert_true(log_has(&said, "open already"));
}

static void sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

/* The kernel finishes the removal when the driver has closed the device. */
static void unplugged_device_leaves_memory(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	pid_t unplugger;
	uint8_t byte;
	int status, err = 0;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_write(&mem, 0, 9));
	unplugger = fork();
	if (!unplugger) {
		execl("/bin/sh", "sh", "-c", "echo 1 >/sys/bus/pci/devices/0000:00:01.0/remove",
		      (char *)NULL);
		_exit(1);
	}
	while (!err) {
		sleep_ms(20);
		err = coherent_zeroed(&none, dev, 1);
		coherent_free(&none);
	}
	assert_err(err, -ENODEV);
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 9);
	/* The driver can still reclaim its memory. */
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(coherent_box_ptr(&box)[0], 9);
	coherent_box_free(&box);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	bar = NULL;
	dev = NULL;
	assert_int_equal(waitpid(unplugger, &status, 0), unplugger);
	assert_int_equal(status, 0);
	assert_err(coherent_device_open(&dev, device_name), -ENODEV);
}

static int open_device(void **state)
{
	(void)state;
	if (coherent_device_open(&dev, device_name, .report = log_report, .report_arg = &reports) ||
	    coherent_bar_open(&bar, dev, 0) || coherent_device_set_mask(dev, coherent_mask(28))) {
		printf("# %s", reports.text);
		return -1;
	}
	return 0;
}

static int close_device(void **state)
{
	(void)state;
	coherent_bar_close(bar);
	coherent_device_close(dev);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_objects_may_be_exposed),
		cmocka_unit_test(registers_are_read_and_written),
		cmocka_unit_test(configuration_space_is_that_of_the_device),
		cmocka_unit_test(interrupts_wake),
		cmocka_unit_test(device_is_opened_once),
		cmocka_unit_test(unplugged_device_leaves_memory),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test-vm-device DEVICE\n");
		return 2;
	}
	device_name = argv[1];
	/* In a VM no other program sets this variable. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests_name("device", tests, open_device, close_device);
}
