// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* These tests use the registers and interrupts of coherent/bar.h in the kernel. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

#include "world.h"

#define MS 1000000ull
#define EDU_COMPUTES 1

enum {
	EDU_ID = 0x00,
	EDU_LIVENESS = 0x04,
	EDU_FACTORIAL = 0x08,
	EDU_STATUS = 0x20,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_RAISE = 0x60,
	EDU_IRQ_ACK = 0x64
};

static void registers_are_read_and_written(struct kunit *test)
{
	struct device unbound = { .parent = NULL };
	struct coherent_bar *none = edu_bar();
	u64 end;

	end = pci_resource_len(to_pci_dev(edu.dev), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_read32(edu_bar(), EDU_ID) & 0xff, 0xed);
	coherent_bar_write32(edu_bar(), EDU_LIVENESS, 5);
	KUNIT_EXPECT_EQ(test, coherent_bar_read32(edu_bar(), EDU_LIVENESS), ~5u);
	KUNIT_EXPECT_EQ(test, coherent_bar_poll32(edu_bar(), EDU_LIVENESS, 0xff, 0xfa, MS), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_poll32(edu_bar(), EDU_LIVENESS, 0xff, 1, MS),
			-ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, coherent_bar_poll32(edu_bar(), end, 0xff, 1, MS), -EINVAL);

	/* A read past the end or misaligned returns all ones, and such a write is dropped. */
	KUNIT_EXPECT_EQ(test, coherent_bar_read8(edu_bar(), end), U8_MAX);
	KUNIT_EXPECT_EQ(test, coherent_bar_read16(edu_bar(), end - 1), U16_MAX);
	KUNIT_EXPECT_EQ(test, coherent_bar_read32(edu_bar(), U64_MAX), U32_MAX);
	KUNIT_EXPECT_EQ(test, coherent_bar_read64(edu_bar(), end - 4), U64_MAX);
	KUNIT_EXPECT_EQ(test, coherent_bar_read32(edu_bar(), EDU_LIVENESS + 2), U32_MAX);
	KUNIT_EXPECT_EQ(test, coherent_bar_read32(NULL, 0), U32_MAX);
	coherent_bar_write32(edu_bar(), end, 1);
	coherent_bar_write32(NULL, 0, 1);

	KUNIT_EXPECT_EQ(test, coherent_bar_open(&none, edu.dev, 5), -ENODEV);
	KUNIT_EXPECT_TRUE(test, !none);
	KUNIT_EXPECT_EQ(test, coherent_bar_open(&none, edu.dev, 6), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_bar_open(&none, &unbound, 0), -ENODEV);
	coherent_bar_close(NULL);
}

/* edu has no I/O ports, so BAR 1 of its description pretends to. */
static void bar_of_ports_is_not_memory(struct kunit *test)
{
	struct resource *ports = &to_pci_dev(edu.dev)->resource[1];
	struct coherent_bar *none = edu_bar();

	ports->flags = IORESOURCE_IO;
	KUNIT_EXPECT_EQ(test, coherent_bar_open(&none, edu.dev, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, !none);
	ports->flags = 0;
	KUNIT_EXPECT_EQ(test, coherent_bar_open(&none, edu.dev, 1), -ENODEV);
}

static void bar_is_copied(struct kunit *test)
{
	const u64 end = pci_resource_len(to_pci_dev(edu.dev), 0);
	const u32 value = 0x12345678, inverted = ~value;
	/* An address that edu keeps. */
	enum { DMA_SRC = 0x80 };
	u8 seen[64] = { 0 };

	KUNIT_EXPECT_EQ(test, coherent_bar_copy_in(edu_bar(), EDU_LIVENESS, &value, 4), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_read32(edu_bar(), EDU_LIVENESS), ~value);
	KUNIT_EXPECT_EQ(test, coherent_bar_copy_out(edu_bar(), EDU_LIVENESS, seen + 1, 4), 0);
	KUNIT_EXPECT_EQ(test, memcmp(seen + 1, &inverted, 4), 0);
	KUNIT_EXPECT_EQ(test, seen[0] | seen[5], 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_copy_in(edu_bar(), DMA_SRC, "abcdefgh", 8), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_copy_out(edu_bar(), DMA_SRC, seen, 8), 0);
	KUNIT_EXPECT_EQ(test, memcmp(seen, "abcdefgh", 8), 0);

	KUNIT_EXPECT_EQ(test, coherent_bar_copy_in(edu_bar(), end - 1, seen, 2), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_bar_copy_out(edu_bar(), U64_MAX, seen, 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, coherent_bar_copy_in(edu_bar(), end, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_copy_in(edu_bar(), 0, NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_bar_copy_out(NULL, 0, seen, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_bar_write512(edu_bar(), 8, seen), -EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_bar_write512(edu_bar(), end, seen), -ERANGE);
	/* The CPU that QEMU emulates does not have the store. */
	KUNIT_EXPECT_EQ(test, coherent_bar_write512(edu_bar(), 0, seen), -EOPNOTSUPP);
}

/* The source and the destination of a copy of edu. */
struct edu_ends {
	u32 others[32];
	struct {
		u64 address;
	} ends[2];
};

static void registers_have_names(struct kunit *test)
{
	COHERENT_BAR_TYPE(struct { u8 bytes[2 << 20]; }) large;
	COHERENT_BAR_AUTO(struct edu_ends, ends);
	COHERENT_BAR_AUTO(struct edu_registers, bar);
	int i;

	KUNIT_EXPECT_EQ(test, coherent_bar_open(&bar, edu.dev, 0), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_get(&bar, .id) & 0xff, 0xed);
	coherent_bar_put(&bar, .liveness, 5);
	KUNIT_EXPECT_EQ(test, coherent_bar_get(&bar, .liveness), ~5u);
	KUNIT_EXPECT_EQ(test, coherent_bar_poll(&bar, .liveness, 0xff, 0xfa, MS), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_poll(&bar, .liveness, 0xff, 1, MS), -ETIMEDOUT);

	KUNIT_EXPECT_EQ(test, coherent_base_bar_poll(bar.base.va, 1, 2, 1, 1, MS), -EINVAL);
	for (i = 0; i < 10; i++)
		if (i != 1 && i != 2 && i != 4)
			KUNIT_EXPECT_EQ(test, coherent_base_bar_poll(bar.base.va, 0, i, 0, 0, MS),
					-EINVAL);
	KUNIT_EXPECT_EQ(test, coherent_bar_open(&ends, edu.dev, 0), 0);
	for (i = 0; i < 2; i++)
		coherent_bar_put_item(&ends, .ends, i, .address, 0x1000 * (i + 1));
	coherent_bar_put_item(&ends, .ends, i, .address, 1);
	KUNIT_EXPECT_EQ(test, coherent_bar_get_item(&ends, .ends, i - 2, .address), 0x1000);
	KUNIT_EXPECT_EQ(test, coherent_bar_get_item(&ends, .ends, i - 1, .address), 0x2000);
	KUNIT_EXPECT_EQ(test, coherent_bar_get_item(&ends, .ends, i, .address), U64_MAX);
	KUNIT_EXPECT_EQ(test, coherent_bar_get_item(&ends, .ends, i - 3, .address), U64_MAX);

	/* The BAR of edu has one MiB. */
	KUNIT_EXPECT_EQ(test, coherent_bar_open(&large, edu.dev, 0), -ERANGE);
	KUNIT_EXPECT_TRUE(test, coherent_is_empty(&large));
	coherent_bar_close(&large);
}

static int wait_for_ever(void *arg)
{
	return coherent_irq_wait(arg, U64_MAX);
}

static int poll_register(void *arg)
{
	return coherent_bar_poll32(edu_bar(), EDU_IRQ_STATUS, 1, 1, U64_MAX);
}

static int poll_mem(void *arg)
{
	COHERENT_AUTO(u8, mem);
	int err = coherent_zeroed(&mem, edu.dev, 1, .level = level);
	u8 byte;

	return err ? err : coherent_poll(&mem, 0, &byte, byte == 1, U64_MAX);
}

static int wait_a_moment(void *arg)
{
	return coherent_irq_wait(arg, MS);
}

static int poll_register_a_moment(void *arg)
{
	return coherent_bar_poll32(edu_bar(), EDU_IRQ_STATUS, 1, 1, MS);
}

static int poll_mem_a_moment(void *arg)
{
	COHERENT_AUTO(u8, mem);
	int err = coherent_zeroed(&mem, edu.dev, 1, .level = level);
	u8 byte;

	return err ? err : coherent_poll(&mem, 0, &byte, byte == 1, MS);
}

/* The device stops soon after the command. */
static int stop_device(void *arg)
{
	coherent_bar_write32(edu_bar(), EDU_FACTORIAL, 5);
	return coherent_bar_poll32(edu_bar(), EDU_STATUS, EDU_COMPUTES, 0, 600000 * MS);
}

struct victim {
	int (*wait)(void *irq);
	struct coherent_irq *irq;
	struct completion started;
};

/* A thread of the kernel dies of a signal only if it allows that. */
static int run_victim(void *arg)
{
	struct victim *victim = arg;

	allow_signal(SIGKILL);
	complete(&victim->started);
	return victim->wait(victim->irq);
}

/* The device does nothing, so that each of these waits would last for ever. */
static void waits_for_a_dead_device_can_be_killed(struct kunit *test)
{
	int (*const waits[])(void *) = { wait_for_ever, poll_register, poll_mem };
	struct victim victim;
	struct task_struct *task;
	int i;

	KUNIT_ASSERT_EQ(test, coherent_irq_open(&victim.irq, edu.dev, 0), 0);
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		victim.wait = waits[i];
		init_completion(&victim.started);
		task = thread_start(test, run_victim, &victim);
		if (!task)
			break;
		wait_for_completion(&victim.started);
		send_sig(SIGKILL, task, 1);
		KUNIT_EXPECT_EQ(test, thread_end(task), -EINTR);
	}
	coherent_irq_close(victim.irq);
}

/* A driver whose task was killed can still stop its device. */
static void waits_with_a_timeout_cannot_be_killed(struct kunit *test)
{
	static const struct {
		int (*wait)(void *irq);
		int result;
	} waits[] = {
		{ wait_a_moment, -ETIMEDOUT },
		{ poll_register_a_moment, -ETIMEDOUT },
		{ poll_mem_a_moment, -ETIMEDOUT },
		{ stop_device, 0 },
	};
	struct coherent_irq *irq;
	int i;

	KUNIT_ASSERT_EQ(test, coherent_irq_open(&irq, edu.dev, 0), 0);
	for (i = 0; i < ARRAY_SIZE(waits); i++)
		KUNIT_EXPECT_EQ(test, killed_task_calls(test, waits[i].wait, irq), waits[i].result);
	coherent_irq_close(irq);
}

static void interrupts_wake_a_waiting_thread(struct kunit *test)
{
	struct coherent_irq *irq, *other;
	struct task_struct *waiter;
	int turn;

	KUNIT_ASSERT_EQ(test, coherent_irq_open(&irq, edu.dev, 0), 0);
	KUNIT_EXPECT_EQ(test, coherent_irq_open(&other, edu.dev, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, coherent_irq_open(&other, edu.dev, 1), -ENODEV);
	KUNIT_EXPECT_TRUE(test, !other);
	KUNIT_EXPECT_EQ(test, coherent_irq_wait(irq, MS), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, coherent_irq_wait(irq, 0), -ETIMEDOUT);
	coherent_bar_write32(edu_bar(), EDU_IRQ_RAISE, 0x10);
	KUNIT_EXPECT_EQ(test, coherent_irq_wait(irq, 1000 * MS), 0);
	KUNIT_EXPECT_EQ(test, coherent_bar_read32(edu_bar(), EDU_IRQ_STATUS), 0x10);
	coherent_bar_write32(edu_bar(), EDU_IRQ_ACK, 0x10);
	/* An interrupt that comes before the wait ends the wait. */
	coherent_bar_write32(edu_bar(), EDU_IRQ_RAISE, 1);
	msleep(10);
	KUNIT_EXPECT_EQ(test, coherent_irq_wait(irq, 0), 0);
	coherent_bar_write32(edu_bar(), EDU_IRQ_ACK, 1);
	/* Three interrupts before the wait count as one. */
	for (turn = 0; turn < 3; turn++) {
		coherent_bar_write32(edu_bar(), EDU_IRQ_RAISE, 1);
		msleep(10);
		coherent_bar_write32(edu_bar(), EDU_IRQ_ACK, 1);
	}
	KUNIT_EXPECT_EQ(test, coherent_irq_wait(irq, 0), 0);
	KUNIT_EXPECT_EQ(test, coherent_irq_wait(irq, 0), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, coherent_irq_fd(irq), -EOPNOTSUPP);

	/* The close wakes a thread that waits. */
	waiter = thread_start(test, wait_for_ever, irq);
	if (!waiter)
		return;
	while (!atomic_read(&irq->waiters))
		msleep(1);
	coherent_irq_close(irq);
	KUNIT_EXPECT_EQ(test, thread_end(waiter), -ENODEV);
	KUNIT_EXPECT_EQ(test, coherent_irq_wait(NULL, 0), -EINVAL);
	coherent_irq_close(NULL);
}

/*
 * The kernel face refuses INTx. The line stays asserted until the driver tells the device, and
 * a driver does that only after the wait.
 */
static void vectors_other_than_msi_are_refused(struct kunit *test)
{
	struct pci_dev *pci = to_pci_dev(edu.dev);
	struct coherent_irq *irq;

	pci_free_irq_vectors(pci);
	KUNIT_EXPECT_EQ(test, coherent_irq_open(&irq, edu.dev, 0), -ENODEV);
	coherent_irq_close(irq);
	KUNIT_EXPECT_EQ(test, pci_alloc_irq_vectors(pci, 1, 1, PCI_IRQ_MSI), 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(registers_are_read_and_written),
	KUNIT_CASE(bar_of_ports_is_not_memory),
	KUNIT_CASE(bar_is_copied),
	KUNIT_CASE(registers_have_names),
	KUNIT_CASE(interrupts_wake_a_waiting_thread),
	KUNIT_CASE(waits_for_a_dead_device_can_be_killed),
	KUNIT_CASE(waits_with_a_timeout_cannot_be_killed),
	KUNIT_CASE(vectors_other_than_msi_are_refused),
	{},
};

struct kunit_suite registers = {
	.name = "registers",
	.suite_init = world_begin,
	.suite_exit = world_end,
	.test_cases = cases,
};
