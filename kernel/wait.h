/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The wait between two tests of a poll loop in the kernel. */
#ifndef COHERENT_KERNEL_WAIT_H
#define COHERENT_KERNEL_WAIT_H

#include <coherent.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>

void __weak coherent_base_wait_begin(struct coherent_wait *wait, u64 timeout_ns)
{
	const u64 now = ktime_get_ns();

	might_sleep();
	wait->deadline_ns = timeout_ns > U64_MAX - now ? U64_MAX : now + timeout_ns;
	wait->turns = 0;
	wait->late = false;
}

static int coherent_wait_more(struct coherent_wait *wait, const struct device *dev)
{
	if (!coherent_is_bound(dev))
		return -ENODEV;
	if (wait->late)
		return -ETIMEDOUT;
	if (wait->deadline_ns == U64_MAX && fatal_signal_pending(current))
		return -EINTR;
	/* A thread that did not run until after the deadline still gets a last test. */
	wait->late = ktime_get_ns() >= wait->deadline_ns;
	if (wait->turns++ < 100)
		cpu_relax();
	else
		usleep_range(20, 100);
	return 0;
}

int __weak coherent_base_wait_more(struct coherent_wait *wait, const struct coherent_mem *mem)
{
	return coherent_wait_more(wait, mem->object.dev);
}

#endif
