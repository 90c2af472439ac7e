// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>

#include "base/sys_doorbell.h"
#include "sim/signal.h"

/* A callback runs while sim.c keeps every other callback out. clang cannot see that. */
void sim_signal(struct coherent_sim *sim, unsigned int vector)
	LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	const int fd = sim->irq_fds[vector];
	int err;

	sim_dma_push(&sim->dma);
	err = fd < 0 ? 0 : sys_doorbell_ring(sim->doorbell, sim->doorbell_file, fd);
	/* A filter of system calls may allow the context and not its use. */
	if (err && err != -EINVAL)
		sys_eventfd_signal(fd);
}
