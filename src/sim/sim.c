// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The backend "sim:". It opens a device model, gives it time in a thread of its own or step by
 * step, and calls it when the driver accesses a register.
 *
 * A thread of the driver waits for the lock of the device to call the model. The thread of the
 * model gives way to it: a mutex alone would let the thread of the model take the lock again before
 * the waiting thread wakes up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys_process.h"
#include "device/device.h"
#include "memory/refuse.h"
#include "sim/mishap.h"
#include "sim/sim.h"

/* As on x86, the IOMMU does not translate the addresses that interrupts are written to. */
#define MSI_FIRST UINT64_C(0xfee00000)
#define MSI_LAST UINT64_C(0xfeefffff)

/* --- Callbacks --- */

/* Each callback runs between these two. */
static void enter_callback(struct coherent_sim *sim)
{
	/*
	 * This store is relaxed. A thread finds its own number here only if it stored the number
	 * itself, and a thread sees its own stores in order.
	 */
	atomic_store_explicit(&sim->inside, sys_thread_self(), memory_order_relaxed);
}

static void leave_callback(struct coherent_sim *sim)
{
	atomic_store_explicit(&sim->inside, 0, memory_order_relaxed);
}

/* Notes a call. Returns whether it was noted before, also if there is no room to note it. */
static bool was_refused(struct coherent_sim *sim, const char *call)
{
	for (unsigned int i = 0; i < SIM_REFUSED; i++) {
		if (!sim->refused[i]) {
			sim->refused[i] = call;
			return false;
		}
		if (!strcmp(sim->refused[i], call))
			return true;
	}
	return true;
}

static bool sim_refuses(struct backend *backend, const char *call)
{
	struct coherent_sim *sim = sim_of(backend);

	if (atomic_load_explicit(&sim->inside, memory_order_relaxed) != sys_thread_self())
		return false;
	/*
	 * The call is noted before the report, so that a report function that makes the same call
	 * does not come here for ever.
	 */
	if (!was_refused(sim, call))
		report(&backend->dev->reporter, COHERENT_ERROR,
		       "%s: a callback of the device's model called %s on its own device, which "
		       "would wait for the callback; it may only make the calls of a model, such "
		       "as coherent_sim_dma_read()",
		       backend->dev->name, call);
	return true;
}

/* --- Time --- */

static void hold_tick_locked(struct coherent_sim *sim) NEEDS_LOCK(sim->lock)
{
	uint64_t ticks = sim->options.delay;

	/*
	 * A write during a delay does not begin the delay again. Otherwise a driver that writes
	 * often would stop the device for good.
	 */
	if (!ticks || sim->held)
		return;
	if (sim->options.seed)
		ticks = sim_dma_random(&sim->random) % (ticks + 1);
	sim->held = true;
	sim->held_until = coherent_sim_now(sim) + ticks * SIM_TICK_NS;
}

static void tick_locked(struct coherent_sim *sim) NEEDS_LOCK(sim->lock)
{
	/*
	 * Torn and late writes have left the model already, so a delay of the model does not stop
	 * them.
	 */
	sim_dma_tick(&sim->dma);
	if (sim->held && coherent_sim_now(sim) < sim->held_until)
		return;
	sim->held = false;
	sim->kicked = false;
	if (!sim->model->tick || sim->mishaps.stuck)
		return;
	enter_callback(sim);
	sim->model->tick(sim, sim->arg);
	leave_callback(sim);
}

/*
 * Returns whether the model has done something since the last call, so that it may have more to do.
 * A delayed tick makes it wait anyway.
 */
static bool take_activity_locked(struct coherent_sim *sim) NEEDS_LOCK(sim->lock)
{
	const bool busy = sim_dma_take_progress(&sim->dma) || sim->interrupted || sim->kicked;

	sim->interrupted = false;
	return busy && !sim->held;
}

/* Lets each thread of the driver that waits for the lock have it. */
static void give_way_locked(struct coherent_sim *sim) NEEDS_LOCK(sim->lock)
{
	/*
	 * ORDER: relaxed, because @wanted only asks this thread to yield. The lock orders all data
	 * (wanted.litmus).
	 */
	while (atomic_load_explicit(&sim->wanted, memory_order_relaxed)) {
		lock_drop(&sim->lock);
		sys_yield();
		lock_take(&sim->lock);
	}
}

static void *run_model(void *arg)
{
	struct coherent_sim *sim = arg;

	lock_take(&sim->lock);
	while (sim->connected) {
		tick_locked(sim);
		if (!take_activity_locked(sim))
			lock_wait(&sim->lock, sys_now_ns() + SIM_TICK_NS);
		give_way_locked(sim);
	}
	lock_drop(&sim->lock);
	return NULL;
}

/* Takes the lock for a thread of the driver; the thread of the model gives way to it. */
static void take_for_driver(struct coherent_sim *sim) LOCK_ATTRIBUTE(acquire_capability(sim->lock))
{
	atomic_fetch_add_explicit(&sim->wanted, 1, memory_order_relaxed);
	lock_take(&sim->lock);
	atomic_fetch_sub_explicit(&sim->wanted, 1, memory_order_relaxed);
}

/* The threads that step the device share its time: each sees the steps of the others. */
static uint64_t sim_step(struct backend *backend, unsigned int steps)
{
	struct coherent_sim *sim = sim_of(backend);
	uint64_t ticks;

	take_for_driver(sim);
	while (steps--) {
		if (sim->connected)
			tick_locked(sim);
		sim->ticks++;
		give_way_locked(sim);
	}
	ticks = sim->ticks;
	lock_drop(&sim->lock);
	return ticks * SIM_TICK_NS;
}

/* --- Registers and interrupts --- */

static uint64_t sim_reg_read(struct backend *backend, unsigned int bar, uint64_t offset,
			     unsigned int width)
{
	struct coherent_sim *sim = sim_of(backend);
	/* A PCI host returns all ones for a read that no device answers. */
	uint64_t value = UINT64_MAX;
	bool unplugged = false;

	if (sim_refuses(backend, "coherent_bar_read*()"))
		return value;
	take_for_driver(sim);
	if (sim->connected) {
		enter_callback(sim);
		if (sim->model->reg_read)
			value = sim->model->reg_read(sim, sim->arg, bar, offset, width);
		sim_dma_push(&sim->dma);
		unplugged = sim_mishap_after_access_locked(sim, false);
		leave_callback(sim);
	}
	lock_drop(&sim->lock);
	if (unplugged)
		sim_mishap_report_unplug(sim);
	return value;
}

static void sim_reg_write(struct backend *backend, unsigned int bar, uint64_t offset,
			  unsigned int width, uint64_t value)
{
	struct coherent_sim *sim = sim_of(backend);
	bool unplugged = false;

	if (sim_refuses(backend, "coherent_bar_write*()"))
		return;
	take_for_driver(sim);
	if (sim->connected) {
		enter_callback(sim);
		if (sim->model->reg_write)
			sim->model->reg_write(sim, sim->arg, bar, offset, width, value);
		unplugged = sim_mishap_after_access_locked(sim, true);
		leave_callback(sim);
		hold_tick_locked(sim);
		sim->kicked = true;
		lock_wake(&sim->lock);
	}
	lock_drop(&sim->lock);
	if (unplugged)
		sim_mishap_report_unplug(sim);
}

static int config_locked(struct coherent_sim *sim, struct backend_config *access)
	NEEDS_LOCK(sim->lock)
{
	const struct coherent_sim_model *model = sim->model;

	if (!sim->connected)
		return -ENODEV;
	if (access->is_write ? !model->config_write : !model->config_read)
		return -EOPNOTSUPP;
	enter_callback(sim);
	if (access->is_write)
		model->config_write(sim, sim->arg, access->offset, access->width, access->value);
	else
		access->value = model->config_read(sim, sim->arg, access->offset, access->width);
	sim_dma_push(&sim->dma);
	leave_callback(sim);
	return 0;
}

static int sim_config(struct backend *backend, struct backend_config *access)
{
	struct coherent_sim *sim = sim_of(backend);
	int err;

	if (sim_refuses(backend, "coherent_config_*()"))
		return -EBUSY;
	take_for_driver(sim);
	err = config_locked(sim, access);
	lock_drop(&sim->lock);
	return err;
}

static int sim_irq_connect(struct backend *backend, unsigned int vector, int fd)
{
	struct coherent_sim *sim = sim_of(backend);
	int err = fd < 0 ? 0 : sim_mishap_irq_open(sim);

	if (err)
		return err;
	err = -ENODEV;
	take_for_driver(sim);
	/* The model may still interrupt while it closes, so a closed eventfd must not stay here. */
	if (sim->connected || fd < 0) {
		sim->irq_fds[vector] = fd;
		err = 0;
	}
	lock_drop(&sim->lock);
	return err;
}

void sim_set_doorbell(struct coherent_sim *sim, unsigned long context, int file)
{
	take_for_driver(sim);
	sim->doorbell = context;
	sim->doorbell_file = file;
	lock_drop(&sim->lock);
}

/* --- Limits, mappings and faults --- */

static void sim_limits(struct backend *backend, struct coherent_limits *limits)
{
	const struct coherent_sim *sim = sim_of(backend);
	const size_t page = sys_page_bytes();

	*limits = (struct coherent_limits){
		.mask = sim->mask,
		/*
		 * No object is in page 0: dma.c refuses an access that wraps around, and takes 0 for
		 * an empty entry in its table of used addresses.
		 */
		.ranges = { { page, MSI_FIRST - 1 }, { MSI_LAST + 1, sim->dma.port.iommu->mask } },
		.range_count = 2,
		.page_bytes = page,
		.mappings = sim->options.maps ? sim->options.maps : SIZE_MAX,
		.unmap_is_fence = !sim->options.lazy,
		.vectors = sim->model->vectors,
	};
	memcpy(limits->bar_bytes, sim->model->bar_size, sizeof(limits->bar_bytes));
}

static int sim_map(struct backend *backend, const struct backend_mapping *mapping)
{
	return sim_dma_map(&sim_of(backend)->dma, mapping);
}

/* A lazy device delays the unmapping whether it is idle or not. */
static int sim_unmap(struct backend *backend, const struct backend_mapping *mapping, bool idle)
{
	(void)idle;
	return sim_dma_unmap(&sim_of(backend)->dma, mapping);
}

/* A fence resets the device too, as it does in front of a real device. */
static int sim_reset(struct backend *backend)
{
	struct coherent_sim *sim = sim_of(backend);
	int err;

	take_for_driver(sim);
	if (sim->connected && sim->model->reset) {
		enter_callback(sim);
		sim->model->reset(sim, sim->arg);
		leave_callback(sim);
	}
	/* A delayed tick belongs to a command that the reset has ended. */
	sim->held = false;
	sim->mishaps.stuck = false;
	/* The fence is second, because the model may use DMA in its reset. */
	err = sim_dma_fence(&sim->dma);
	lock_drop(&sim->lock);
	return err;
}

static int sim_next_fault(struct backend *backend, struct coherent_fault *fault)
{
	return iommu_port_next_fault(&sim_of(backend)->dma.port, fault);
}

/* --- Open and close --- */

/*
 * INVARIANT: as with every callback, the driver cannot take an eventfd from the model meanwhile, nor
 * let time pass.
 */
static void close_model(struct coherent_sim *sim)
{
	if (!sim->model->close)
		return;
	take_for_driver(sim);
	enter_callback(sim);
	sim->model->close(sim, sim->arg);
	leave_callback(sim);
	lock_drop(&sim->lock);
}

static void sim_disconnect(struct backend *backend)
{
	struct coherent_sim *sim = sim_of(backend);

	take_for_driver(sim);
	sim->connected = false;
	lock_wake(&sim->lock);
	lock_drop(&sim->lock);
	/*
	 * INVARIANT: no other callback runs while the model closes: the thread has ended, and a
	 * register access finds the device disconnected.
	 */
	if (!sim->options.step)
		sys_thread_join(sim->thread);
	close_model(sim);
	/* The DMA engine goes last, because the model may use it until its close returns. */
	sim_dma_disconnect(&sim->dma);
}

static void sim_close(struct backend *backend)
{
	struct coherent_sim *sim = sim_of(backend);

	sim_dma_close(&sim->dma);
	sim_mishap_close(sim);
	lock_destroy(&sim->lock);
	free(sim->state);
	free(sim);
}

static int start_model(struct coherent_sim *sim)
{
	const struct coherent_device *dev = sim->backend.dev;
	int err = 0;

	if (sim->model->open) {
		enter_callback(sim);
		err = sim->model->open(sim, sim->arg);
		leave_callback(sim);
	}
	/* A model that returns a positive error must not seem to have opened. */
	if (err > 0)
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: open() of the model %s returned %d; it must return 0 or -errno",
		       dev->name, sim->model->name, err);
	if (err)
		return err > 0 ? -EINVAL : err;
	/* The thread ends at once if it finds the device disconnected. */
	sim->connected = true;
	if (!sim->options.step)
		err = sys_thread_start(&sim->thread, run_model, sim);
	if (!err)
		return 0;
	sim->connected = false;
	close_model(sim);
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: no thread can be started; raise ulimit -u, or give the key step", dev->name);
	return -ENOMEM;
}

/* The name of each device with a model of its own is sim:custom, so reports name the model too. */
static int add_model_to_name(struct coherent_device *dev, const char *model)
{
	const size_t bytes = strlen(dev->name) + strlen(model) + sizeof(" ()");
	char *name = malloc(bytes);

	if (!name)
		return -ENOMEM;
	snprintf(name, bytes, "%s (%s)", dev->name, model);
	free(dev->name);
	dev->name = name;
	dev->store.name = name;
	return 0;
}

static int sim_open(struct backend **backend, struct coherent_device *dev, const struct name *name,
		    const struct coherent_open_options *options)
{
	const struct reporter *to = &dev->reporter;
	struct coherent_sim *sim = calloc(1, sizeof(*sim));
	struct sim_choice choice;
	int err;

	if (!sim)
		return -ENOMEM;
	choice = (struct sim_choice){ .own = &sim->own };
	err = beside_check(dev, options->beside, &backend_sim);
	if (!err)
		err = sim_options_read(&sim->options, name, to);
	if (!err)
		err = sim_options_choose(&choice, &sim->options, name, options, to);
	if (!err && options->model)
		err = add_model_to_name(dev, choice.model->name);
	if (err)
		goto free_sim;
	sim->model = choice.model;
	sim->arg = choice.arg;
	sim->state = choice.state;
	sim->backend = (struct backend){
		.ops = &backend_sim,
		.dev = dev,
		.level = COHERENT_IOMMU,
		.lends_copies = true,
		.step_ns = sim->options.step ? SIM_TICK_NS : 0,
	};
	sim->mask = sim->options.mask ? coherent_mask((unsigned int)sim->options.mask) :
					sim->model->mask;
	/* The DMA engine has a generator of its own, because another lock guards it. */
	sim->random = sim->options.seed ? sim->options.seed : 1;
	for (unsigned int i = 0; i < SIM_VECTORS_MAX; i++)
		sim->irq_fds[i] = -1;
	err = sim_mishap_open(sim);
	if (err)
		goto free_sim;
	err = sim_dma_open(&sim->dma, dev, sim->mask, &sim->options,
			   options->beside ? &sim_of(options->beside->backend)->dma : NULL);
	if (err)
		goto close_mishap;
	lock_init(&sim->lock);
	err = start_model(sim);
	if (err)
		goto close_dma;
	*backend = &sim->backend;
	return 0;

close_dma:
	lock_destroy(&sim->lock);
	sim_dma_close(&sim->dma);
close_mishap:
	sim_mishap_close(sim);
free_sim:
	free(sim->state);
	free(sim);
	return err;
}

const struct backend_ops backend_sim = {
	.scheme = "sim",
	.options = BACKEND_TAKES_MODEL | BACKEND_TAKES_BESIDE,
	.open = sim_open,
	.disconnect = sim_disconnect,
	.close = sim_close,
	.limits = sim_limits,
	.map = sim_map,
	.unmap = sim_unmap,
	.fence = sim_reset,
	.reset = sim_reset,
	.next_fault = sim_next_fault,
	.config = sim_config,
	.reg_read = sim_reg_read,
	.reg_write = sim_reg_write,
	.irq_connect = sim_irq_connect,
	.step = sim_step,
	.refuses = sim_refuses,
	.allocate = sim_mishap_allocate,
	.bar_open = sim_mishap_bar_open,
	.lost_fd = sim_mishap_lost_fd,
	.is_lost = sim_mishap_is_lost,
};

struct coherent_sim *sim_set_bus(struct coherent_device *dev, struct sim_bus *bus)
{
	struct coherent_sim *sim = sim_of(dev->backend);

	if (!backend_is(dev->backend, &backend_sim) || sim->options.step)
		return NULL;
	take_for_driver(sim);
	sim->dma.bus = bus;
	lock_drop(&sim->lock);
	return sim;
}

/* --- Calls of tests --- */

#define TRY "coherent_sim_try()"

static int find_sim(struct coherent_device *dev, const char *at, struct coherent_sim **sim)
{
	int err = device_usable(dev);

	if (err)
		return err;
	if (!backend_is(dev->backend, &backend_sim))
		return refuse(&dev->store, -EOPNOTSUPP, at, "the device is not a sim: device");
	*sim = sim_of(dev->backend);
	return 0;
}

int coherent_sim_step(struct coherent_device *dev, unsigned int ticks)
{
	struct coherent_sim *sim = NULL;
	int err = find_sim(dev, "coherent_sim_step()", &sim);

	if (err)
		return err;
	/* Without the key the thread of the model calls tick(), and two clocks would mix. */
	if (!sim->options.step)
		return refuse(&dev->store, -EINVAL, "coherent_sim_step()",
			      "the device runs by itself; give it the key \"step\"");
	if (sim_refuses(dev->backend, "coherent_sim_step()"))
		return -EBUSY;
	/* Another thread may close the device meanwhile. */
	ref_hold(&dev->ref);
	while (!err && ticks--) {
		(void)sim_step(dev->backend, 1);
		err = device_usable(dev);
	}
	ref_put(&dev->ref);
	return err;
}

int coherent_sim_try_addr(struct coherent_device *dev, coherent_addr_t address, void *buffer,
			  size_t bytes, enum coherent_access access)
{
	struct coherent_sim *sim = NULL;
	int err = find_sim(dev, TRY, &sim);

	if (err)
		return err;
	if ((unsigned int)access > COHERENT_ACCESS_WRITE)
		return refuse(&dev->store, -EINVAL, TRY,
			      "access %d is neither COHERENT_ACCESS_READ nor COHERENT_ACCESS_WRITE",
			      (int)access);
	return iommu_port_try(&sim->dma.port, address.raw, buffer, bytes, access);
}

int coherent_base_sim_try(struct coherent_device *dev, const struct coherent_object *object,
			  size_t offset, void *buffer, size_t bytes, enum coherent_access access)
{
	if (!object)
		return refuse(dev ? &dev->store : NULL, -EINVAL, TRY, "the object is empty");
	if (device_forked(device_of(object)))
		return -ENODEV;
	return coherent_sim_try_addr(dev, (coherent_addr_t){ object_address(object) + offset },
				     buffer, bytes, access);
}
