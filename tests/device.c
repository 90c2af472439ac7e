// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests open devices and check names, limits, masks, registers, reset and fork.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static const struct coherent_sim_model empty_model = { .name = "nothing", .mask = UINT32_MAX };

/* A name, the error that open returns for it, and a text of the report. */
struct bad_name {
	const char *name;
	int err;
	const char *says;
};

static void bad_names_are_refused_with_a_reason(void **state)
{
	static const struct bad_name names[] = {
		{ NULL, -EINVAL, "it is empty" },
		{ "", -EINVAL, "scheme[:target][,key=value]" },
		{ ":edu", -EINVAL, "the scheme is missing" },
		{ "sim", -ENODEV, "edu, ring, custom" },
		{ "sim:", -ENODEV, "edu, ring, custom" },
		{ "sim:edv", -ENODEV, "there is no sim device \"edv\", only: edu, ring, custom" },
		{ "simm:edu", -ENODEV, "there is no scheme \"simm\", only: sim" },
		{ "edu", -ENODEV, "there is no scheme \"edu\", only: sim" },
		{ "sim:edu,", -EINVAL, "a key is missing" },
		{ "sim:edu,,step", -EINVAL, "a key is missing" },
		{ "sim:edu,=1", -EINVAL, "a key is missing" },
		{ "sim:edu,mask=", -EINVAL, "a value is missing" },
		{ "sim:edu,mosk=1", -EINVAL, "there is no key \"mosk\", only: mask=, step, seed=" },
		{ "sim:edu,mask", -EINVAL, "takes a number from 1 to 64" },
		{ "sim:edu,mask=0", -EINVAL, "takes a number from 1 to 64" },
		{ "sim:edu,mask=65", -EINVAL, "takes a number from 1 to 64" },
		{ "sim:edu,mask=2x", -EINVAL, "takes a number from 1 to 64" },
		{ "sim:edu,mask=-1", -EINVAL, "takes a number from 1 to 64" },
		{ "sim:edu,mask= 9", -EINVAL, "takes a number from 1 to 64" },
		{ "sim:edu,mask=064", -EINVAL, "takes a number from 1 to 64" },
		{ "sim:edu,mask=0x", -EINVAL, "takes a number from 1 to 64" },
		{ "sim:edu,seed=99999999999999999999", -EINVAL, "takes a number" },
		{ "sim:edu,step=1", -EINVAL, "key \"step\" takes no value" },
		{ "sim:edu,step,step", -EINVAL, "key \"step\" is given twice" },
		{ "sim:edu,mask=30,step,mask=31", -EINVAL, "key \"mask\" is given twice" },
		{ "sim:edu,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", -EINVAL, "too many keys" },
		{ "sim:edu,mask=11", -EIO, "no address range is under mask 0x7ff" },
		{ "sim:edu,mask=12", -EIO, "no address range is under mask 0xfff" },
		/* There is one page, but an object needs a second one as its guard. */
		{ "sim:edu,mask=13", -EIO, "no address range is under mask 0x1fff" },
		{ "sim:edu,st\nep", -EINVAL, "there is no key \"st?ep\"" },
		{ "sim:custom", -EINVAL, "sim:custom needs a .model" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct coherent_device *dev;

		assert_open_fails(names[i].name, names[i].err, names[i].says);
		/* The library is silent by default. */
		assert_err(coherent_device_open(&dev, names[i].name), names[i].err);
	}
}

static void long_names_are_refused(void **state)
{
	char name[300] = "sim:edu,mask=0x";
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	(void)state;
	memset(name + strlen(name), '0', sizeof(name) - 1 - strlen(name));
	assert_err(coherent_device_open(&dev, name, .report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "device name \"sim:edu,mask=0x0"));
	assert_true(log_has(&log, "it is longer than 255 bytes; it is scheme[:target]"));
	memcpy(name + 253, "1c", 2);
	name[255] = '\0';
	assert_ok(coherent_device_open(&dev, name));
	coherent_device_close(dev);
}

static int refuse_to_open(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	(void)arg;
	return -EACCES;
}

static int open_with_seven(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	(void)arg;
	return 7;
}

static void bad_options_are_refused(void **state)
{
	const struct coherent_sim_model no_name = { .mask = UINT32_MAX };
	const struct coherent_sim_model odd_mask = { .name = "odd", .mask = 5 };
	const struct coherent_sim_model many = { .name = "many", .mask = 7, .vectors = 33 };
	const struct coherent_sim_model refuses = { .name = "no",
						    .mask = 7,
						    .open = refuse_to_open };
	const struct coherent_sim_model returns_seven = { .name = "7",
							  .mask = 7,
							  .open = open_with_seven };
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_err(coherent_device_open(&dev, "sim:custom", .model = &no_name), -EINVAL);
	assert_err(coherent_device_open(&dev, "sim:custom", .model = &odd_mask), -EINVAL);
	assert_err(coherent_device_open(&dev, "sim:custom", .model = &many), -EINVAL);
	assert_err(coherent_device_open(&dev, "sim:custom", .model = &refuses), -EACCES);
	assert_err(coherent_device_open(&dev, "sim:custom", .model = &returns_seven), -EINVAL);
	assert_err(coherent_device_open(&dev, "sim:edu", .model = &empty_model,
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "only sim:custom takes a .model"));
	assert_err(coherent_device_open(&dev, "vhost-user:/path", .model = &empty_model,
					.report = log_report, .report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "does not take .model, which is for: sim"));
	assert_err(coherent_device_open(&dev, "sim:edu", .level = (enum coherent_level)5), -EINVAL);
	for (enum coherent_level level = 0; level <= COHERENT_IOMMU; level++) {
		assert_ok(coherent_device_open(&dev, "sim:edu", .level = level));
		assert_int_equal(coherent_device_level(dev), COHERENT_IOMMU);
		coherent_device_close(dev);
	}
}

/* Asserts that each call on a device that is NULL or closed fails. */
static void assert_no_device(struct coherent_device *dev)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_bar *bar = (void *)1;
	struct coherent_irq *irq = (void *)1;
	struct coherent_limits limits;
	struct coherent_fault fault;
	uint8_t byte = 0;

	assert_err(coherent_box_zeroed(&box, dev, 1), -ENODEV);
	assert_err(coherent_box_from(&box, dev, &byte, 1), -ENODEV);
	assert_err(coherent_zeroed(&mem, dev, 1), -ENODEV);
	assert_err(coherent_from(&mem, dev, &byte, 1), -ENODEV);
	assert_err(coherent_handle_zeroed(&handle, dev, 1), -ENODEV);
	assert_err(coherent_bar_open(&bar, dev, 0), -ENODEV);
	assert_null(bar);
	assert_err(coherent_irq_open(&irq, dev, 0), -ENODEV);
	assert_null(irq);
	assert_err(coherent_device_set_mask(dev, coherent_mask(20)), -ENODEV);
	assert_err(coherent_device_set_mask(dev, 0), dev ? -EINVAL : -ENODEV);
	memset(&limits, 0xff, sizeof(limits));
	assert_err(coherent_device_limits(dev, &limits), -ENODEV);
	assert_int_equal(limits.mask, 0);
	assert_err(coherent_device_next_fault(dev, &fault), -ENODEV);
	assert_err(coherent_device_fence(dev), -ENODEV);
	assert_err(coherent_device_reset(dev), -ENODEV);
	assert_int_equal(coherent_device_level(dev), 0);
	assert_err(coherent_sim_step(dev, 1), -ENODEV);
	assert_err(coherent_sim_try_addr(dev, (coherent_addr_t){ PAGE }, &byte, 1,
					 COHERENT_ACCESS_READ),
		   -ENODEV);
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem) &&
		    !coherent_handle_size(&handle));
}

static void calls_on_a_null_device_fail(void **state)
{
	(void)state;
	assert_no_device(NULL);
	coherent_device_close(NULL);
	coherent_bar_close(NULL);
	coherent_irq_close(NULL);
	assert_int_equal(coherent_bar_read64(NULL, 0), UINT64_MAX);
	coherent_bar_write32(NULL, 0, 0);
	assert_err(coherent_bar_poll32(NULL, 0, 1, 1, 0), -EINVAL);
	assert_err(coherent_irq_wait(NULL, 0), -EINVAL);
	assert_err(coherent_irq_fd(NULL), -EINVAL);
}

static void calls_on_a_closed_device_fail(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_handle_zeroed(&handle, dev, 1));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	coherent_device_close(dev);
	/* The objects keep the storage of the device valid. */
	assert_no_device(dev);
	coherent_device_close(dev);
	assert_err(coherent_reclaim(&mem, &box), -ENODEV);
	assert_err(coherent_sim_try(dev, &mem, 0, &byte, 1, COHERENT_ACCESS_READ), -ENODEV);
	assert_int_equal(coherent_bar_read8(bar, 0), UINT8_MAX);
	assert_err(coherent_bar_poll32(bar, 0, 0, 0, 0), -ENODEV);
	/* All ones are not an answer. */
	for (unsigned int width = 1; width <= 4; width *= 2)
		assert_err(coherent_base_bar_poll(bar, 0, width, 1, 1, LONG), -ENODEV);
	assert_err(coherent_irq_wait(irq, LONG), -ENODEV);
	coherent_bar_close(bar);
	coherent_irq_close(irq);
	coherent_free(&mem);
	coherent_free(&mem);
	coherent_handle_free(&handle);
}

static void limits_describe_the_device(void **state)
{
	/* C converts such a pointer, for instance the argument of a thread, to a string. */
	void *const name = (void *)(uintptr_t) "sim:edu,maps=3";
	struct coherent_device *dev;
	struct coherent_limits limits;

	(void)state;
	assert_ok(coherent_device_open(&dev, name));
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.mask, coherent_mask(28));
	assert_int_equal(limits.range_count, 1);
	assert_int_equal(limits.ranges[0].first, PAGE);
	assert_int_equal(limits.ranges[0].last, coherent_mask(28));
	assert_int_equal(limits.page_bytes, PAGE);
	assert_int_equal(limits.mappings, 3);
	assert_true(limits.unmap_is_fence);
	assert_int_equal(limits.bar_bytes[0], 1 << 20);
	assert_int_equal(limits.bar_bytes[1], 0);
	assert_int_equal(limits.vectors, 1);
	coherent_device_close(dev);

	assert_ok(coherent_device_open(&dev, "sim:ring,mask=64,lazy"));
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.range_count, 2);
	assert_int_equal(limits.ranges[0].last, UINT64_C(0xfedfffff));
	assert_int_equal(limits.ranges[1].first, UINT64_C(0xfef00000));
	assert_int_equal(limits.ranges[1].last, -(uint64_t)PAGE - 1);
	assert_int_equal(limits.mappings, SIZE_MAX);
	assert_false(limits.unmap_is_fence);
	coherent_device_close(dev);
}

static void mask_changes_only_without_objects(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_limits limits;
	struct log log = LOG_EMPTY;
	unsigned int bits = 65;

	(void)state;
	assert_int_equal(coherent_mask(0), 0);
	assert_int_equal(coherent_mask(1), 1);
	assert_int_equal(coherent_mask(28), 0xfffffff);
	assert_int_equal(coherent_mask(63), UINT64_MAX >> 1);
	assert_int_equal(coherent_mask(64), UINT64_MAX);
	assert_int_equal(coherent_mask(bits), 0);
	bits = UINT32_MAX;
	assert_int_equal(coherent_mask(bits), 0);

	assert_ok(coherent_device_open(&dev, "sim:edu,mask=48", .report = log_report,
				       .report_arg = &log));
	assert_err(coherent_device_set_mask(dev, 5), -EINVAL);
	assert_err(coherent_device_set_mask(dev, UINT64_C(1) << 30), -EINVAL);
	assert_err(coherent_device_set_mask(dev, 0), -EINVAL);
	assert_err(coherent_device_set_mask(dev, coherent_mask(12)), -EIO);
	assert_true(log_has(&log, "no address range is under mask 0xfff"));
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.mask, coherent_mask(48));
	/* A box counts as an object, although the driver does not know its address. */
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	assert_err(coherent_device_set_mask(dev, coherent_mask(32)), -EBUSY);
	assert_err(coherent_device_set_mask(dev, 0), -EINVAL);
	coherent_box_free(&box);
	/* An address in quarantine does not count. */
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	assert_ok(coherent_device_set_mask(dev, coherent_mask(32)));
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.mask, coherent_mask(32));
	coherent_device_close(dev);
	/* This mask has room for one page and its guard. */
	assert_ok(coherent_device_open(&dev, "sim:edu,mask=14"));
	assert_ok(coherent_device_set_mask(dev, coherent_mask(14)));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	coherent_device_close(dev);
}

static void mask_may_be_wider_than_the_device(void **state)
{
	COHERENT(uint8_t) low = COHERENT_EMPTY, high = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_limits limits;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_device_set_mask(dev, coherent_mask(64)));
	/* The IOMMU limits the range. */
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.ranges[1].last, coherent_mask(48));
	assert_ok(coherent_zeroed(&low, dev, 1));
	assert_ok(coherent_zeroed(&high, dev, 1, .align = UINT64_C(1) << 47));
	assert_ok(coherent_write(&low, 0, 1));
	assert_ok(coherent_write(&high, 0, 2));
	assert_ok(coherent_sim_try(dev, &low, 0, &byte, 1, COHERENT_ACCESS_READ));
	assert_int_equal(byte, 1);
	assert_ok(coherent_sim_try(dev, &high, 0, &byte, 1, COHERENT_ACCESS_READ));
	assert_int_equal(byte, 2);
	/* Addresses above the range do not wrap around to lower ones. */
	for (unsigned int bit = 48; bit < 64; bit++) {
		coherent_addr_t beyond = { coherent_addr(&low).raw | UINT64_C(1) << bit };

		assert_err(coherent_sim_try_addr(dev, beyond, &byte, 1, COHERENT_ACCESS_READ),
			   -EIO);
	}
	coherent_free(&low);
	coherent_free(&high);
	coherent_device_close(dev);
}

static void far_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
		      unsigned int width, uint64_t value)
{
	(void)sim;
	(void)bar;
	(void)offset;
	(void)width;
	(void)value;
	++*(unsigned int *)arg;
}

static void far_offsets_do_not_wrap_around(void **state)
{
	const struct coherent_sim_model model = {
		.name = "far", .mask = UINT32_MAX, .bar_size = { 16 }, .reg_write = far_write
	};
	unsigned int writes = 0;
	struct coherent_device *dev;
	struct coherent_bar *bar;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &model,
				       .model_arg = &writes));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	coherent_bar_write32(bar, UINT64_MAX - 3, 1);
	coherent_bar_write64(bar, UINT64_MAX - 7, 1);
	coherent_bar_write32(bar, 16, 1);
	coherent_bar_write64(bar, 12, 1);
	assert_int_equal(writes, 0);
	coherent_bar_write32(bar, 12, 1);
	assert_int_equal(writes, 1);
	assert_err(coherent_bar_poll32(bar, 16, UINT32_MAX, UINT32_MAX, LONG), -EINVAL);
	for (unsigned int width = 0; width < 10; width++)
		if (width != 1 && width != 2 && width != 4)
			assert_err(coherent_base_bar_poll(bar, 0, width, 0, 0, LONG), -EINVAL);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static void registers_have_bounds(void **state)
{
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:ring", .report = log_report, .report_arg = &log));
	assert_err(coherent_bar_open(&bar, dev, 1), -ENODEV);
	assert_true(log_has(&log, "there is no BAR 1"));
	assert_err(coherent_bar_open(&bar, dev, 6), -ENODEV);
	assert_err(coherent_bar_open(&bar, dev, UINT32_MAX), -ENODEV);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_int_equal(coherent_bar_read32(bar, 0), 0x676e6972);
	assert_int_equal(coherent_bar_read64(bar, 4096), UINT64_MAX);
	assert_int_equal(coherent_bar_read32(bar, 4096), UINT32_MAX);
	assert_int_equal(coherent_bar_read32(bar, UINT64_MAX - 3), UINT32_MAX);
	assert_int_equal(coherent_bar_read16(bar, 4096), UINT16_MAX);
	assert_int_equal(coherent_bar_read8(bar, 4096), UINT8_MAX);
	assert_int_equal(coherent_bar_read64(bar, 4092), UINT64_MAX);
	assert_int_equal(coherent_bar_read32(bar, 2), UINT32_MAX);
	/* The library reports only the first bad read of a BAR, and the first bad write. */
	assert_int_equal(log.count, 4);
	coherent_bar_write32(bar, 4096, 1);
	assert_true(log_has(&log, "write of 4 bytes at 0x1000 of BAR 0 dropped: past its end"));
	coherent_bar_write64(bar, 4096, 1);
	coherent_bar_write16(bar, 3, 1);
	coherent_bar_write8(bar, 4096, 1);
	assert_int_equal(log.count, 5);
	assert_err(coherent_bar_poll32(bar, 0, 0xff, 0x73, MS), -ETIMEDOUT);
	assert_ok(coherent_bar_poll32(bar, 0, 0xff, 0x72, 0));
	coherent_bar_close(bar);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	coherent_bar_write64(bar, 4, 1);
	assert_true(log_has(&log, "write of 8 bytes at 0x4 of BAR 0 dropped: misaligned"));
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

static uint64_t read_bar(struct coherent_bar *bar, uint64_t offset, unsigned int width)
{
	return width == 1 ? coherent_bar_read8(bar, offset) :
	       width == 2 ? coherent_bar_read16(bar, offset) :
	       width == 4 ? coherent_bar_read32(bar, offset) :
			    coherent_bar_read64(bar, offset);
}

static void assert_bad_read(struct coherent_device *dev, struct log *log, uint64_t offset,
			    unsigned int width, const char *why)
{
	struct coherent_bar *bar;
	char text[100];

	snprintf(text, sizeof(text),
		 "warning: sim:ring: read of %u bytes at 0x%x of BAR 0 gives "
		 "all ones: %s\n",
		 width, (unsigned int)offset, why);
	assert_ok(coherent_bar_open(&bar, dev, 0));
	for (unsigned int turn = 0; turn < 2; turn++)
		assert_int_equal(read_bar(bar, offset, width), UINT64_MAX >> (64 - 8 * width));
	assert_string_equal(log->text, text);
	log_clear(log);
	coherent_bar_close(bar);
}

static void bad_reads_are_reported_once(void **state)
{
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:ring", .report = log_report, .report_arg = &log));
	for (unsigned int width = 1; width <= 8; width *= 2) {
		assert_bad_read(dev, &log, PAGE, width, "past its end");
		assert_bad_read(dev, &log, PAGE + 8, width, "past its end");
		if (width > 1)
			assert_bad_read(dev, &log, 16 + width / 2, width, "misaligned");
	}
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_err(coherent_bar_poll32(bar, PAGE, 1, 1, LONG), -EINVAL);
	assert_string_equal(log.text, "error: sim:ring: BAR 0 has no register of 4 bytes at "
				      "0x1000 to poll: past its end\n");
	log_clear(&log);
	coherent_device_close(dev);
	/* A driver learns from all ones that the device is gone. */
	assert_int_equal(coherent_bar_read32(bar, 0), UINT32_MAX);
	assert_int_equal(log.count, 0);
	coherent_bar_close(bar);
}

static void reset_keeps_mems_and_ends_transfers(void **state)
{
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	coherent_addr_t address;
	uint32_t value = 0;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_zeroed(&mem, dev, 4));
	address = coherent_addr(&mem);
	assert_ok(coherent_write(&mem, 0, 7));
	coherent_bar_write32(bar, 0x04, 5);
	coherent_bar_write64(bar, 0x80, 0x40000);
	coherent_bar_write64(bar, 0x88, address.raw);
	coherent_bar_write64(bar, 0x90, 4);
	coherent_bar_write64(bar, 0x98, 3);
	assert_ok(coherent_device_reset(dev));
	assert_ok(coherent_sim_step(dev, 3));
	assert_int_equal(coherent_bar_read32(bar, 0x04), 0);
	assert_int_equal(coherent_bar_read64(bar, 0x88), 0);
	assert_ok(coherent_read(&mem, 0, &value));
	assert_int_equal(value, 7);
	assert_int_equal(coherent_addr(&mem).raw, address.raw);
	assert_ok(coherent_sim_try(dev, &mem, 0, &value, 4, COHERENT_ACCESS_READ));
	coherent_free(&mem);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

/* Runs in a forked child, where calls fail, touch nothing and do not hang. */
static int child_is_refused(struct coherent_device *dev, struct coherent_bar *bar,
			    struct coherent_irq *irq)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_limits limits;

	if (coherent_box_zeroed(&box, dev, 1) != -ENODEV ||
	    coherent_device_limits(dev, &limits) != -ENODEV ||
	    coherent_device_fence(dev) != -ENODEV || coherent_sim_step(dev, 1) != -ENODEV ||
	    coherent_bar_read32(bar, 0) != UINT32_MAX || coherent_irq_wait(irq, LONG) != -ENODEV ||
	    coherent_irq_fd(irq) != -ENODEV || coherent_bar_poll32(bar, 0, 0, 0, LONG) != -ENODEV)
		return 1;
	coherent_bar_write32(bar, 0, 0);
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	coherent_device_close(dev);
	return 0;
}

static int wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void forked_child_has_no_device(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	uint8_t byte;
	pid_t pid;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	assert_ok(coherent_write(&mem, 0, 9));
	pid = fork();
	if (!pid) {
		COHERENT(uint8_t) out = COHERENT_EMPTY;
		int bad = child_is_refused(dev, bar, irq);

		bad += coherent_expose(&box, &out) != -ENODEV;
		coherent_box_free(&box);
		coherent_free(&mem);
		_exit(bad);
	}
	assert_int_equal(wait_for(pid), 0);
	/* The child did not change the parent's device. */
	assert_ok(coherent_read(&mem, 0, &byte));
	assert_int_equal(byte, 9);
	assert_ok(coherent_sim_try(dev, &mem, 0, &byte, 1, COHERENT_ACCESS_READ));
	assert_int_equal(coherent_box_ptr(&box)[0], 0);
	assert_int_equal(coherent_bar_read32(bar, 0), 0x010000ed);
	coherent_bar_write32(bar, 0x60, 1);
	assert_ok(coherent_irq_wait(irq, LONG));

	/* A child does not inherit the memory of a mem. */
	pid = fork();
	if (!pid) {
		const volatile uint8_t *at = coherent_unsafe_ptr(&mem);
		unsigned char vec;

		_exit(mincore((void *)(uintptr_t)at, 1, &vec) && errno == ENOMEM ? 0 : 1);
	}
	assert_int_equal(wait_for(pid), 0);
	coherent_free(&mem);
	coherent_box_free(&box);
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_names_are_refused_with_a_reason),
		cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(bad_options_are_refused),
		cmocka_unit_test(calls_on_a_null_device_fail),
		cmocka_unit_test(calls_on_a_closed_device_fail),
		cmocka_unit_test(limits_describe_the_device),
		cmocka_unit_test(mask_changes_only_without_objects),
		cmocka_unit_test(mask_may_be_wider_than_the_device),
		cmocka_unit_test(far_offsets_do_not_wrap_around),
		cmocka_unit_test(registers_have_bounds),
		cmocka_unit_test(bad_reads_are_reported_once),
		cmocka_unit_test(reset_keeps_mems_and_ends_transfers),
		cmocka_unit_test(forked_child_has_no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
