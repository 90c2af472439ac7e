// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each mishap is counted in something that the driver does, and not in time. So it comes at the
 * same moment in each run, also if the device has a thread.
 */
#include <errno.h>
#include <inttypes.h>

#include "device/device.h"
#include "sim/mishap.h"
#include "sim/signal.h"

int sim_mishap_open(struct coherent_sim *sim)
{
	int err;

	sim->mishaps.lost_fd = -1;
	if (!sim->options.unplug)
		return 0;
	err = sys_eventfd(&sim->mishaps.lost_fd);
	return err == -EMFILE || err == -ENFILE ? -ENOSPC : err;
}

void sim_mishap_close(struct coherent_sim *sim)
{
	if (sim->mishaps.lost_fd >= 0)
		sys_close(sim->mishaps.lost_fd);
}

/* --- Accesses to registers --- */

static void unplug_locked(struct coherent_sim *sim) NEEDS_LOCK(sim->lock)
{
	sim->connected = false;
	atomic_store_explicit(&sim->mishaps.unplugged, true, memory_order_release);
	/* The thread of the model ends. */
	lock_wake(&sim->lock);
	sim_dma_disconnect(&sim->dma);
	sys_eventfd_signal(sim->mishaps.lost_fd);
}

static void interrupt_without_cause_locked(struct coherent_sim *sim) NEEDS_LOCK(sim->lock)
{
	if (sim->model->vectors)
		sim_signal(sim, (unsigned int)(sim_dma_random(&sim->random) % sim->model->vectors));
}

bool sim_mishap_after_access_locked(struct coherent_sim *sim, bool is_write)
{
	const struct sim_options *options = &sim->options;
	struct sim_mishaps *mishaps = &sim->mishaps;

	if (is_write) {
		if (sim_dma_chance(options->extra_irq, options->seed, &mishaps->extra_irqs,
				   &sim->random))
			interrupt_without_cause_locked(sim);
		if (options->stuck && ++mishaps->writes == options->stuck)
			mishaps->stuck = true;
	}
	if (!options->unplug || ++mishaps->accesses != options->unplug)
		return false;
	unplug_locked(sim);
	return true;
}

void sim_mishap_report_unplug(const struct coherent_sim *sim)
{
	report(&sim->backend.dev->reporter, COHERENT_WARNING,
	       "%s: the key unplug=%" PRIu64 " unplugs the device now", sim->backend.dev->name,
	       sim->options.unplug);
}

struct pollfd sim_mishap_lost_fd(const struct backend *backend)
{
	return (struct pollfd){ .fd = ((const struct coherent_sim *)backend)->mishaps.lost_fd,
				.events = POLLIN };
}

bool sim_mishap_is_lost(struct backend *backend)
{
	return atomic_load_explicit(&sim_of(backend)->mishaps.unplugged, memory_order_acquire);
}

/* --- Interrupts --- */

/* A callback runs, so the lock is held, as in model.c. */
bool sim_mishap_loses_irq(struct coherent_sim *sim) LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	return sim_dma_chance(sim->options.drop_irq, sim->options.seed, &sim->mishaps.irqs,
			      &sim->random);
}

/* --- Calls that fail --- */

/* The lock may be held by a callback that makes the call, so the counter is an atomic. */
static bool fails(struct coherent_sim *sim, const char *key, uint64_t nth, atomic_ullong *count)
{
	if (!nth || atomic_fetch_add_explicit(count, 1, memory_order_relaxed) + 1 != nth)
		return false;
	report(&sim->backend.dev->reporter, COHERENT_WARNING,
	       "%s: the key %s=%" PRIu64 " makes this call fail", sim->backend.dev->name, key, nth);
	return true;
}

int sim_mishap_irq_open(struct coherent_sim *sim)
{
	return fails(sim, "fail-irq", sim->options.fail_irq, &sim->mishaps.irq_opens) ? -EIO : 0;
}

int sim_mishap_bar_open(struct backend *backend)
{
	struct coherent_sim *sim = sim_of(backend);

	return fails(sim, "fail-bar", sim->options.fail_bar, &sim->mishaps.bar_opens) ? -EIO : 0;
}

int sim_mishap_allocate(struct backend *backend)
{
	struct coherent_sim *sim = sim_of(backend);

	return fails(sim, "fail-alloc", sim->options.fail_alloc, &sim->mishaps.allocs) ? -ENOMEM :
											 0;
}
