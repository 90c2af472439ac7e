// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The calls that a device model makes; coherent/sim.h promises them. They are not in sim.c, because
 * sim.c opens the built-in models, and the built-in models make these calls.
 *
 * A model makes these calls only from its callbacks, while sim.c keeps every other callback out.
 * clang cannot see that, so two functions switch off its analysis of locks.
 */
#include "device/device.h"
#include "sim/mishap.h"
#include "sim/signal.h"
#include "sim/sim.h"

int coherent_sim_dma_read(struct coherent_sim *sim, uint64_t address, void *to, size_t bytes)
{
	return sim_dma_do(&sim->dma, address, to, bytes, COHERENT_ACCESS_READ);
}

int coherent_sim_dma_write(struct coherent_sim *sim, uint64_t address, const void *from,
			   size_t bytes)
{
	return sim_dma_do(&sim->dma, address, (void *)(uintptr_t)from, bytes,
			  COHERENT_ACCESS_WRITE);
}

void coherent_sim_irq(struct coherent_sim *sim, unsigned int vector)
	LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	sim->interrupted = true;
	if (vector >= sim->model->vectors || sim->irq_fds[vector] < 0)
		return;
	if (!sim_mishap_loses_irq(sim))
		sim_signal(sim, vector);
}

uint64_t coherent_sim_mask(const struct coherent_sim *sim)
{
	return sim->mask;
}

uint64_t coherent_sim_now(const struct coherent_sim *sim) LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	return sim->options.step ? sim->ticks * SIM_TICK_NS : sys_now_ns();
}

void coherent_sim_report(struct coherent_sim *sim, enum coherent_severity severity,
			 const char *text)
{
	report(&sim->backend.dev->reporter, severity, "%s: %s", sim->backend.dev->name, text);
}
