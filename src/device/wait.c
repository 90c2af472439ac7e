// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Polling a device: the thread spins while an answer within microseconds is likely, and sleeps
 * between two tests afterwards.
 *
 * A device that runs step by step gets a step between two tests. Its own clock then counts the
 * time, so nothing sleeps, and a timeout comes after the same number of steps in every run.
 */
#include <coherent.h>
#include <inttypes.h>

#include "base/sys.h"
#include "device/device.h"
#include "device/wait.h"

#define SPIN_TURNS 200
#define SLEEP_NS (50 * UINT64_C(1000))
/* The library reports a wait without a timeout after this much of the device's time. */
#define LONG_NS (60 * SYS_NS_PER_S)

/* A condition that holds at once costs no look at a clock, so the first pause begins the time. */
void coherent_base_wait_begin(struct coherent_wait *wait, uint64_t timeout_ns)
{
	*wait = (struct coherent_wait){ .deadline_ns = timeout_ns };
}

static void begin(struct coherent_wait *wait, uint64_t now_ns)
{
	wait->begun = true;
	wait->deadline_ns = sys_deadline_after_ns(now_ns, wait->deadline_ns);
}

static int sleep_unless_lost(const struct coherent_device *dev)
{
	struct pollfd lost = backend_lost_fd(dev->backend);

	if (lost.fd < 0)
		sys_sleep_ns(SLEEP_NS);
	else if (!sys_wait_readable(&lost, 1, sys_deadline_ns(SLEEP_NS)) &&
		 backend_is_lost(dev->backend))
		return -ENODEV;
	return 0;
}

static int pause_in_real_time(struct coherent_wait *wait, const struct coherent_device *dev)
{
	const uint64_t now_ns = sys_now_ns();

	if (!wait->begun)
		begin(wait, now_ns);
	/* A thread that did not run until the deadline still makes a last test. */
	if (now_ns >= wait->deadline_ns)
		wait->late = true;
	else if (wait->turns++ >= SPIN_TURNS)
		return sleep_unless_lost(dev);
	return 0;
}

/* No step makes a device answer that has not answered for so long, but another thread may. */
static void report_endless(const struct coherent_device *dev)
{
	report(&dev->reporter, COHERENT_WARNING,
	       "%s: a thread that waits without a timeout has let %" PRIu64
	       " s of the device's time pass and goes on; give the wait a timeout",
	       dev->name, LONG_NS / SYS_NS_PER_S);
}

static int pause_for_a_step(struct coherent_wait *wait, const struct coherent_device *dev)
{
	struct backend *backend = dev->backend;
	const uint64_t now_ns = backend->ops->step(backend, 0);

	if (!wait->begun)
		begin(wait, now_ns);
	if (backend_is_lost(backend))
		return -ENODEV;
	wait->late = now_ns >= wait->deadline_ns;
	if (wait->late)
		return 0;
	(void)backend->ops->step(backend, 1);
	if (wait->deadline_ns == UINT64_MAX && ++wait->turns == LONG_NS / backend->step_ns)
		report_endless(dev);
	return 0;
}

int wait_more(struct coherent_wait *wait, const struct coherent_device *dev)
{
	int err = device_usable(dev);

	if (!err && backend_refuses(dev->backend, "coherent_poll()"))
		err = -EBUSY;
	if (err)
		return err;
	if (wait->late)
		return -ETIMEDOUT;
	return dev->backend->step_ns ? pause_for_a_step(wait, dev) : pause_in_real_time(wait, dev);
}

int coherent_base_wait_more(struct coherent_wait *wait, const struct coherent_mem *mem)
{
	return wait_more(wait, device_of(mem->object));
}
