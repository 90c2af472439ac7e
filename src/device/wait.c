// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Polling a device: the thread spins while an answer within microseconds is likely, and sleeps
 * between two tests afterwards.
 */
#include <coherent.h>

#include "base/sys.h"
#include "device/device.h"
#include "device/wait.h"

#define SPIN_TURNS 200
#define SLEEP_NS (50 * UINT64_C(1000))

void coherent_base_wait_begin(struct coherent_wait *wait, uint64_t timeout_ns)
{
	*wait = (struct coherent_wait){ .deadline_ns = sys_deadline_ns(timeout_ns) };
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

int wait_more(struct coherent_wait *wait, const struct coherent_device *dev)
{
	int err = device_usable(dev);

	if (!err && backend_refuses(dev->backend, "coherent_poll()"))
		err = -EBUSY;
	if (err)
		return err;
	if (wait->late)
		return -ETIMEDOUT;
	/* A thread that did not run until the deadline still makes a last test. */
	if (sys_now_ns() >= wait->deadline_ns)
		wait->late = true;
	else if (wait->turns++ >= SPIN_TURNS)
		return sleep_unless_lost(dev);
	return 0;
}

int coherent_base_wait_more(struct coherent_wait *wait, const struct coherent_mem *mem)
{
	return wait_more(wait, device_of(mem->object));
}
