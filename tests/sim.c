// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests make simulated devices and IOMMUs misbehave in every way that there is a key for.
 */
#include <coherent/config.h>

#include "sim_test.h"

struct fixture {
	struct counter counter;
	struct coherent_device *dev;
	struct coherent_bar *bar;
};

static void open_fixture(struct fixture *fixture, const char *name)
{
	memset(fixture, 0, sizeof(*fixture));
	assert_ok(coherent_device_open(&fixture->dev, name, .model = &counter_model,
				       .model_arg = &fixture->counter));
	assert_ok(coherent_bar_open(&fixture->bar, fixture->dev, 0));
}

static void close_fixture(struct fixture *fixture)
{
	coherent_bar_close(fixture->bar);
	coherent_device_close(fixture->dev);
}

/* Makes the device write in the next step. */
static void make_write(struct fixture *fixture, uint64_t address, uint32_t bytes)
{
	fixture->counter.target = address;
	coherent_bar_write32(fixture->bar, 8, bytes);
	assert_ok(coherent_sim_step(fixture->dev, 1));
}

/*
 * Makes a torn write and checks both parts. Returns the number of bytes that arrived first;
 * @head tells whether they were the first bytes of the write.
 */
static size_t torn_write(struct fixture *fixture, size_t offset, uint32_t bytes, bool *head)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t seen[512];
	size_t there = 0;

	assert_ok(coherent_zeroed(&mem, fixture->dev, 512));
	make_write(fixture, coherent_addr(&mem).raw + offset, bytes);
	assert_ok(coherent_copy_out(&mem, 0, seen, 512));
	for (size_t i = 0; i < 512; i++)
		there += seen[i] == 0x5a;
	*head = seen[offset] == 0x5a;
	/* Each part is contiguous and consists of whole words. */
	for (size_t i = offset + 1; i < offset + bytes; i++)
		if (seen[i] != seen[i - 1])
			assert_int_equal(i % 8, 0);
	assert_ok(coherent_sim_step(fixture->dev, 1));
	assert_ok(coherent_copy_out(&mem, 0, seen, 512));
	for (size_t i = 0; i < 512; i++)
		assert_int_equal(seen[i], i - offset < bytes ? 0x5a : 0);
	return there;
}

static void torn_writes_arrive_in_two_parts(void **state)
{
	size_t seen[2][60], heads = 0, torn = 0;
	bool head;

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		struct fixture fixture;

		open_fixture(&fixture, "sim:custom,step,torn,seed=3");
		for (size_t i = 0; i < 60; i++) {
			const uint32_t bytes = (uint32_t)(16 + i * 4);

			seen[turn][i] = torn_write(&fixture, i % 24, bytes, &head);
			assert_true(seen[turn][i] > 0);
			heads += head;
			torn += seen[turn][i] < bytes;
		}
		/* A write of one word is not torn. */
		for (size_t i = 0; i < 20; i++)
			assert_int_equal(torn_write(&fixture, 64, 8, &head), 8);
		assert_no_fault(fixture.dev);
		close_fixture(&fixture);
	}
	assert_memory_equal(seen[0], seen[1], sizeof(seen[0]));
	assert_int_equal(torn, 120);
	assert_true(heads > 20 && heads < 100);
}

static void second_part_of_a_torn_write_is_checked_when_it_arrives(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct fixture fixture;
	size_t there = 0;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,torn,seed=3");
	assert_ok(coherent_zeroed(&mem, fixture.dev, 64));
	make_write(&fixture, coherent_addr(&mem).raw, 64);
	assert_int_equal(fixture.counter.result, 0);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_ok(coherent_sim_step(fixture.dev, 1));
	assert_fault(fixture.dev, COHERENT_STATE_RECLAIMED);
	for (size_t i = 0; i < 64; i++)
		there += coherent_box_ptr(&box)[i] == 0x5a;
	assert_true(there > 0 && there < 64);
	coherent_box_free(&box);
	/* The IOMMU refuses a write as a whole. */
	assert_ok(coherent_zeroed(&mem, fixture.dev, PAGE));
	make_write(&fixture, coherent_addr(&mem).raw + PAGE - 32, 64);
	assert_err(fixture.counter.result, -EIO);
	for (size_t i = PAGE - 32; i < PAGE; i++)
		assert_int_equal(coherent_unsafe_ptr(&mem)[i], 0);
	coherent_free(&mem);
	close_fixture(&fixture);
}

static void second_part_of_a_torn_write_arrives_by_a_fence_or_close(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct fixture fixture;
	uint8_t seen[64];

	(void)state;
	open_fixture(&fixture, "sim:custom,step,torn,seed=3");
	assert_ok(coherent_zeroed(&mem, fixture.dev, 64));
	for (unsigned int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < 64; i++)
			assert_ok(coherent_write(&mem, i, 0));
		make_write(&fixture, coherent_addr(&mem).raw, 64);
		assert_ok(coherent_copy_out(&mem, 0, seen, 64));
		assert_true(memchr(seen, 0, 64));
		if (turn)
			coherent_device_close(fixture.dev);
		else
			assert_ok(coherent_device_fence(fixture.dev));
		assert_ok(coherent_copy_out(&mem, 0, seen, 64));
		assert_null(memchr(seen, 0, 64));
	}
	coherent_free(&mem);
	coherent_bar_close(fixture.bar);
}

static uint32_t config_read(struct coherent_sim *sim, void *arg, unsigned int offset,
			    unsigned int width)
{
	(void)sim;
	(void)arg;
	return offset + width;
}

static void config_write(struct coherent_sim *sim, void *arg, unsigned int offset,
			 unsigned int width, uint32_t value)
{
	(void)sim;
	(void)arg;
	(void)offset;
	(void)width;
	(void)value;
}

static void read_register(struct fixture *fixture)
{
	(void)coherent_bar_read32(fixture->bar, 0);
}

static void read_config(struct fixture *fixture)
{
	uint32_t value;

	assert_ok(coherent_config_read32(fixture->dev, 0, &value));
}

static void write_config(struct fixture *fixture)
{
	assert_ok(coherent_config_write32(fixture->dev, 0, 1));
}

static void interrupt(struct fixture *fixture)
{
	coherent_bar_write32(fixture->bar, 16, 1);
}

/* PCI does not let the value of a register, or an interrupt, pass a write to memory. */
static void second_part_of_a_torn_write_arrives_before_an_answer(void **state)
{
	void (*const answers[])(struct fixture *) = { read_register, read_config, write_config,
						      interrupt };
	struct coherent_sim_model model = counter_model;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_irq *irq;
	struct fixture fixture;
	uint8_t seen[64];

	(void)state;
	model.config_read = config_read;
	model.config_write = config_write;
	memset(&fixture, 0, sizeof(fixture));
	assert_ok(coherent_device_open(&fixture.dev, "sim:custom,step,torn", .model = &model,
				       .model_arg = &fixture.counter));
	assert_ok(coherent_bar_open(&fixture.bar, fixture.dev, 0));
	assert_ok(coherent_irq_open(&irq, fixture.dev, 1));
	assert_ok(coherent_zeroed(&mem, fixture.dev, 64));
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		assert_ok(coherent_clear(&mem, 0, 64));
		make_write(&fixture, coherent_addr(&mem).raw, 64);
		assert_ok(coherent_copy_out(&mem, 0, seen, 64));
		assert_true(memchr(seen, 0, 64));
		answers[i](&fixture);
		assert_ok(coherent_copy_out(&mem, 0, seen, 64));
		assert_null(memchr(seen, 0, 64));
	}
	coherent_free(&mem);
	coherent_irq_close(irq);
	close_fixture(&fixture);
}

/* Writes the faults of a device that uses old addresses into a string. */
static void run_late_device(char *trace, size_t size)
{
	COHERENT(uint64_t) others[16] = { COHERENT_EMPTY };
	COHERENT(uint64_t) mem = COHERENT_EMPTY;
	COHERENT_BOX(uint64_t) box = COHERENT_EMPTY;
	struct coherent_fault fault;
	struct fixture fixture;
	size_t used = 0;

	trace[0] = '\0';
	open_fixture(&fixture, "sim:custom,step,late,seed=11");
	for (unsigned int turn = 0; turn < 8; turn++) {
		assert_ok(coherent_zeroed(&mem, fixture.dev, 8));
		make_write(&fixture, coherent_addr(&mem).raw, 64);
		assert_no_fault(fixture.dev);
		if (turn % 2) {
			coherent_free(&mem);
		} else {
			assert_ok(coherent_reclaim(&mem, &box));
			coherent_box_ptr(&box)[0] = 1;
		}
		for (size_t i = 0; i < 16; i++)
			assert_ok(coherent_zeroed(&others[i], fixture.dev, 8));
		for (unsigned int step = 0; step < 20; step++) {
			assert_ok(coherent_sim_step(fixture.dev, 1));
			while (!coherent_device_next_fault(fixture.dev, &fault)) {
				assert_int_equal(fault.state, turn % 2 ? COHERENT_STATE_FREED :
									 COHERENT_STATE_RECLAIMED);
				assert_int_equal(fault.access, COHERENT_ACCESS_WRITE);
				used += (size_t)snprintf(trace + used, size - used, "%u:%u ", turn,
							 step);
				assert_true(used < size);
			}
		}
		/* The late writes changed no other object. */
		for (size_t i = 0; i < 16; i++) {
			uint64_t value;

			assert_ok(coherent_read(&others[i], 0, &value));
			assert_int_equal(value, 0);
			coherent_free(&others[i]);
		}
		if (!(turn % 2)) {
			assert_int_equal(coherent_box_ptr(&box)[0], 1);
			coherent_box_free(&box);
		}
	}
	close_fixture(&fixture);
}

static void late_device_uses_old_addresses_and_changes_no_object(void **state)
{
	char traces[2][1024];

	(void)state;
	run_late_device(traces[0], sizeof(traces[0]));
	run_late_device(traces[1], sizeof(traces[1]));
	assert_string_equal(traces[0], traces[1]);
	/* The device uses each old address four times. */
	for (char turn = '0'; turn < '8'; turn++) {
		const char mark[] = { turn, ':', '\0' };
		unsigned int uses = 0;

		for (const char *at = traces[0]; (at = strstr(at, mark)); at++)
			uses += at == traces[0] || at[-1] == ' ';
		assert_int_equal(uses, 4);
	}
}

static void late_device_forgets_at_a_reset(void **state)
{
	COHERENT(uint64_t) mem = COHERENT_EMPTY;
	struct fixture fixture;

	(void)state;
	open_fixture(&fixture, "sim:custom,step,late");
	assert_ok(coherent_zeroed(&mem, fixture.dev, 8));
	make_write(&fixture, coherent_addr(&mem).raw, 64);
	coherent_free(&mem);
	assert_ok(coherent_device_reset(fixture.dev));
	assert_ok(coherent_sim_step(fixture.dev, 100));
	assert_no_fault(fixture.dev);
	close_fixture(&fixture);
}

static void lazy_iommu_keeps_old_addresses_until_the_fence(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	const volatile uint8_t *pages;
	coherent_addr_t old;
	uint8_t byte = 9;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,lazy"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_write(&mem, 0, 4));
	old = coherent_addr(&mem);
	pages = coherent_unsafe_ptr(&mem);
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_false(coherent_is_empty(&mem));
	assert_true(coherent_is_empty(&box));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	/* The box has the contents in new pages. The old pages wait and belong to no object. */
	assert_int_equal(coherent_box_ptr(&box)[0], 4);
	assert_ptr_not_equal(coherent_box_ptr(&box), pages);
	assert_ok(coherent_sim_try_addr(dev, old, &byte, 1, COHERENT_ACCESS_WRITE));
	assert_int_equal(coherent_box_ptr(&box)[0], 4);
	for (unsigned int i = 0; i < 100; i++) {
		assert_ok(coherent_zeroed(&next, dev, 1));
		assert_ptr_not_equal(coherent_unsafe_ptr(&next), pages);
		assert_int_not_equal(coherent_addr(&next).raw, old.raw);
		coherent_free(&next);
	}
	assert_err(coherent_device_set_mask(dev, coherent_mask(20)), -EBUSY);
	assert_ok(coherent_device_fence(dev));
	assert_err(coherent_sim_try_addr(dev, old, &byte, 1, COHERENT_ACCESS_WRITE), -EIO);
	coherent_box_free(&box);
	/* After the fence everything can be used again. */
	assert_ok(coherent_device_set_mask(dev, coherent_mask(20)));
	assert_ok(coherent_zeroed(&next, dev, 1));
	coherent_free(&next);
	/* Closing the device also ends the wait of the last mem. */
	coherent_device_close(dev);
}

static void devices_do_not_share_addresses(void **state)
{
	COHERENT(uint8_t) mems[2] = { COHERENT_EMPTY, COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *devs[2];
	uint8_t byte;

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		assert_ok(coherent_device_open(&devs[i], "sim:edu"));
		assert_ok(coherent_zeroed(&mems[i], devs[i], 1));
		assert_ok(coherent_write(&mems[i], 0, (uint8_t)(i + 1)));
	}
	assert_int_equal(coherent_addr(&mems[0]).raw, coherent_addr(&mems[1]).raw);
	assert_ok(coherent_sim_try(devs[1], &mems[0], 0, &byte, 1, COHERENT_ACCESS_READ));
	assert_int_equal(byte, 2);
	assert_ok(coherent_box_zeroed(&box, devs[0], 1));
	assert_err(coherent_sim_try(devs[1], &box, 0, &byte, 1, COHERENT_ACCESS_READ), -EIO);
	assert_fault(devs[1], COHERENT_STATE_NONE);
	assert_no_fault(devs[0]);
	coherent_box_free(&box);
	for (size_t i = 0; i < 2; i++) {
		coherent_free(&mems[i]);
		coherent_device_close(devs[i]);
	}
}

static void mappings_have_a_limit(void **state)
{
	COHERENT(uint8_t) mems[4] = { COHERENT_EMPTY };
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,maps=3", .report = log_report,
				       .report_arg = &log));
	for (size_t i = 0; i < 3; i++)
		assert_ok(coherent_zeroed(&mems[i], dev, 1));
	assert_int_equal(log.count, 0);
	assert_err(coherent_zeroed(&mems[3], dev, 1), -ENOSPC);
	assert_true(log_has(&log, "all 3 mappings are in use"));
	assert_true(coherent_is_empty(&mems[3]));
	/* A box needs no mapping. */
	assert_ok(coherent_reclaim(&mems[0], &box));
	assert_ok(coherent_zeroed(&mems[3], dev, 1));
	coherent_box_free(&box);
	for (size_t i = 1; i < 4; i++)
		coherent_free(&mems[i]);
	coherent_device_close(dev);
}

static void try_needs_a_simulated_device(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_err(coherent_sim_try(dev, &box, 0, &byte, 1, COHERENT_ACCESS_READ), -EINVAL);
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	assert_err(coherent_sim_try(NULL, &box, 0, &byte, 1, COHERENT_ACCESS_READ), -ENODEV);
	assert_err(coherent_sim_try(dev, &box, 0, &byte, 1, (enum coherent_access)2), -EINVAL);
	/* An access of no bytes is allowed at every address. */
	assert_ok(coherent_sim_try(dev, &box, 0, &byte, 0, COHERENT_ACCESS_READ));
	coherent_box_free(&box);
	coherent_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(torn_writes_arrive_in_two_parts),
		cmocka_unit_test(second_part_of_a_torn_write_is_checked_when_it_arrives),
		cmocka_unit_test(second_part_of_a_torn_write_arrives_by_a_fence_or_close),
		cmocka_unit_test(second_part_of_a_torn_write_arrives_before_an_answer),
		cmocka_unit_test(late_device_uses_old_addresses_and_changes_no_object),
		cmocka_unit_test(late_device_forgets_at_a_reset),
		cmocka_unit_test(lazy_iommu_keeps_old_addresses_until_the_fence),
		cmocka_unit_test(devices_do_not_share_addresses),
		cmocka_unit_test(mappings_have_a_limit),
		cmocka_unit_test(try_needs_a_simulated_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
