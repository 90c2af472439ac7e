// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This file has the driver of QEMU's edu device, on which the tests of the kernel face run. It
 * makes the device access memory, and starts the threads of the tests.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

#include "world.h"

enum { EDU_BUFFER = 0x40000, EDU_RUN = 1, EDU_RUN_TO_MEMORY = 3 };

struct edu edu;
enum coherent_level level;

static unsigned int wanted_level;
module_param_named(level, wanted_level, uint, 0444);
MODULE_PARM_DESC(level, "enum coherent_level to test; 0 tests the level of the device");

/* --- Accesses of the device --- */

void device_reads(struct kunit *test, u64 from, void *seen, size_t bytes)
{
	COHERENT_AUTO(u8, window);

	KUNIT_EXPECT_EQ(test, coherent_zeroed(&window, edu.dev, bytes), 0);
	KUNIT_EXPECT_EQ(test, edu_read(&edu, (coherent_addr_t){ from }, bytes), 0);
	KUNIT_EXPECT_EQ(test, edu_write(&edu, coherent_addr(&window), bytes), 0);
	KUNIT_EXPECT_EQ(test, coherent_copy_out(&window, 0, (u8 *)seen, bytes), 0);
}

void device_gets_dirt(struct kunit *test)
{
	COHERENT_AUTO(u8, dirt);
	int err = coherent_zeroed(&dirt, edu.dev, DIRT_BYTES);
	size_t i;

	for (i = 0; !err && i < DIRT_BYTES; i++)
		err = coherent_write(&dirt, i, DIRT);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, edu_read(&edu, coherent_addr(&dirt), DIRT_BYTES), 0);
}

void device_is_told_to_write(u64 to)
{
	coherent_bar_put(&edu.bar, .dma_src, EDU_BUFFER);
	coherent_bar_put(&edu.bar, .dma_dst, to);
	coherent_bar_put(&edu.bar, .dma_count, DIRT_BYTES);
	coherent_bar_put(&edu.bar, .dma_command, EDU_RUN_TO_MEMORY);
}

bool device_is_armed(void)
{
	return coherent_bar_get(&edu.bar, .dma_command) & EDU_RUN;
}

void device_writes(struct kunit *test, u64 to)
{
	device_gets_dirt(test);
	KUNIT_EXPECT_EQ(test, edu_write(&edu, (coherent_addr_t){ to }, DIRT_BYTES), 0);
}

void free_in_other_file(union edu_packets *packets)
{
	coherent_free(packets);
}

void must_be_refused(u64 address)
{
	if (is_enforced())
		pr_info("# blocked: %#llx\n", address & PAGE_MASK);
}

void may_be_refused(u64 address)
{
	if (is_enforced())
		pr_info("# perhaps blocked: %#llx\n", address & PAGE_MASK);
}

void wait_for_addresses(struct kunit *test)
{
	int tries, err = -ENOSPC;

	for (tries = 0; err && tries < 2000; tries++) {
		COHERENT_AUTO(u8, large);

		msleep(10);
		err = coherent_zeroed(&large, edu.dev, LARGE_BYTES, .level = level);
	}
	KUNIT_EXPECT_EQ(test, err, 0);
}

/* --- Threads --- */

struct task_struct *thread_start(struct kunit *test, int (*run)(void *arg), void *arg)
{
	struct task_struct *task = kthread_run(run, arg, "coherent_test");

	KUNIT_EXPECT_TRUE(test, !IS_ERR(task));
	return IS_ERR(task) ? NULL : get_task_struct(task);
}

int thread_end(struct task_struct *task)
{
	int err = kthread_stop(task);

	put_task_struct(task);
	return err;
}

struct victim {
	int (*run)(void *arg);
	void *arg;
	struct completion started;
};

/* A thread of the kernel dies of a signal only if it allows that. */
static int run_killed(void *arg)
{
	struct victim *victim = arg;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	complete(&victim->started);
	return fatal_signal_pending(current) ? victim->run(victim->arg) : -EPROTO;
}

int killed_task_calls(struct kunit *test, int (*run)(void *arg), void *arg)
{
	struct victim victim = { .run = run, .arg = arg };
	struct task_struct *task;

	init_completion(&victim.started);
	task = thread_start(test, run_killed, &victim);
	if (!task)
		return -ENOMEM;
	wait_for_completion(&victim.started);
	return thread_end(task);
}

/* --- The driver --- */

static int world_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	int err = pcim_enable_device(pci);

	if (err)
		return err;
	err = pci_alloc_irq_vectors(pci, 1, 1, PCI_IRQ_MSI);
	if (err < 0)
		return err;
	pci_set_master(pci);
	edu.dev = &pci->dev;
	err = coherent_bar_open(&edu.bar, edu.dev, 0);
	if (!err)
		err = edu_probe(&edu);
	level = wanted_level ? wanted_level : coherent_device_level(edu.dev);
	return err;
}

static void world_remove(struct pci_dev *pci)
{
	pci_clear_master(pci);
	coherent_bar_close(&edu.bar);
	pci_free_irq_vectors(pci);
	memset(&edu, 0, sizeof(edu));
}

static const struct pci_device_id world_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{},
};

static struct pci_driver world_driver = {
	.name = KBUILD_MODNAME,
	.id_table = world_ids,
	.probe = world_probe,
	.remove = world_remove,
};

int world_begin(struct kunit_suite *suite)
{
	int err = pci_register_driver(&world_driver);

	if (!err && coherent_is_empty(&edu.bar)) {
		pci_unregister_driver(&world_driver);
		return -ENODEV;
	}
	return err;
}

void world_end(struct kunit_suite *suite)
{
	pci_unregister_driver(&world_driver);
}

KTEST_SUITES(&promises, &fail_nth, &atomic, &foreign, &threads, &reasons, &registers, &large,
	     &loans, &devices, &managed, &processes, &pools, &pool_calls);

MODULE_DESCRIPTION("libcoherent's promises, on QEMU's edu device");
MODULE_LICENSE("Dual MIT/GPL");
