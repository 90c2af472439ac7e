/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The end of an object in the kernel. Only this file gives pages back.
 *
 * dma_free_attrs() and vfree() may sleep, and so may taking the memory away from processes. So an
 * object of COHERENT_HIDDEN, one with separate pages, or one that a process maps, that ends in atomic
 * context is put into the queue of its device, and a work item frees it soon.
 *
 * INVARIANT: devres has the queue. When a driver is unbound, the work item has ended, and
 * the queue is empty.
 * INVARIANT: the code of a queue and of a managed object stays loaded until devres has
 * called it. If the device has a driver of another module, a leaver holds a reference to this
 * module. The queue and each managed object hold the leaver, because a devres group can take the
 * queue away first.
 */
#ifndef COHERENT_END_H
#define COHERENT_END_H

#include "place.h"
#include "windows.h"
#include <linux/bug.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

/*
 * While so many objects of a module wait for a device, an allocation that must not sleep
 * returns -ENOMEM. More can wait, because a free never fails.
 */
#define COHERENT_MAX_DEFERRED 256

/*
 * This holds a reference to this module until the last of its @holders puts it. Then a thread gives
 * the reference back. A task that was killed cannot start a thread, but a worker can. @dev: the
 * device of the last holder, once there is none.
 */
struct coherent_leaver {
	refcount_t holders;
	struct delayed_work work;
	struct device *dev;
};

/* The entry of devres for a managed object. @leaver: NULL if the driver is of this module. */
struct coherent_managed {
	struct coherent_extra *extra;
	struct coherent_leaver *leaver;
};

/*
 * The objects of a device that wait, and what its driver set. @node is in the unit's list of queues.
 * @level: the level of an allocation that gives none. 0 for COHERENT_HIDDEN: then the device can be
 *	@ready.
 * @max_segment: the most bytes of a loan; 0 for no limit.
 */
struct coherent_queue {
	struct list_head node;
	enum coherent_level level;
	u32 max_segment;
	struct device *dev;
	struct list_head list;
	unsigned int count;
	struct work_struct work;
	struct coherent_leaver *leaver;
};

/*
 * The queues of this module. @ready is the last device that got one, unless it has a level of its
 * own. If drivers are built into the kernel, they share these queues. @has_segments: some device got
 * a maximum segment.
 *
 * @lock guards @queues and what is in them. The kernel takes all entries out of devres before
 * it calls the first one. So a devres action finds its queue only in @queues.
 */
static struct {
	struct device *ready;
	bool has_segments;
	spinlock_t lock;
	struct list_head queues;
} coherent_unit = {
	.lock = __SPIN_LOCK_UNLOCKED(coherent_unit.lock),
	.queues = LIST_HEAD_INIT(coherent_unit.queues),
};

/* Each leak is logged, at a limited rate. The first one is logged with its call trace. */
static void coherent_object_leak(const struct coherent_object *object, const char *why)
{
	pr_err_ratelimited("coherent: %zu bytes of %s are freed %s: leaked\n", object->bytes,
			   object->site, why);
	WARN_ONCE(1, "coherent: memory is leaked\n");
	/* A process that maps the memory keeps it, because nobody else gets it. */
	if (object->extra)
		coherent_windows_put(object->extra->windows);
	kfree(object->extra);
}

/* The memory is the driver's again. The context is one that release() allows. */
static void coherent_adopted_end(struct coherent_object *object)
{
	const struct coherent_extra extra = *object->extra;

	coherent_object_unmap(object);
	kfree(object->extra);
	put_device(object->dev);
	if (extra.release)
		extra.release(coherent_place_va(object), extra.release_arg);
}

/*
 * This may sleep at COHERENT_HIDDEN, if pages are separate, and if a process maps the memory, but not
 * for adopted memory.
 */
static void coherent_object_end_now(struct coherent_object *object)
{
	const size_t bytes = coherent_place_bytes(object);

	if (coherent_is_adopted(object)) {
		coherent_adopted_end(object);
		return;
	}
	coherent_close_windows(object);
	coherent_object_unmap(object);
	if (object->level == COHERENT_IOMMU) {
		coherent_place_release(object);
		coherent_place_free_pages(object);
	} else {
		dma_free_attrs(object->dev, bytes, coherent_place_va(object), object->address,
			       object->attrs);
	}
	kfree(object->extra);
	put_device(object->dev);
}

/* --- The queue of a device --- */

static bool coherent_can_become(const struct coherent_object *waiting,
				const struct coherent_object *wanted)
{
	struct coherent_object object = *wanted;

	object.address = waiting->address;
	return !waiting->extra->windows && object.attrs == waiting->attrs &&
	       object.level == waiting->level &&
	       coherent_place_bytes(&object) == coherent_place_bytes(waiting) &&
	       !coherent_check_address(&object);
}

/*
 * Takes an object out of a queue: one that can become @like, or any if @like is NULL. The
 * caller holds the lock.
 */
static struct coherent_extra *coherent_queue_take(struct coherent_queue *queue,
						  const struct coherent_object *like)
{
	struct coherent_extra *waiting;

	list_for_each_entry(waiting, &queue->list, node) {
		if (like && !coherent_can_become(&waiting->object, like))
			continue;
		list_del(&waiting->node);
		queue->count--;
		return waiting;
	}
	return NULL;
}

/* Returns the queue of a device, or NULL. The caller holds the lock. */
static struct coherent_queue *coherent_queue_find(const struct device *dev)
{
	struct coherent_queue *queue;

	list_for_each_entry(queue, &coherent_unit.queues, node)
		if (queue->dev == dev)
			return queue;
	return NULL;
}

/* Returns false if the device has no queue. It cannot lose its queue during this call. */
static bool coherent_queue_put(struct coherent_extra *waiting)
{
	struct coherent_queue *queue;
	unsigned long flags;

	spin_lock_irqsave(&coherent_unit.lock, flags);
	queue = coherent_queue_find(waiting->object.dev);
	if (queue) {
		list_add_tail(&waiting->node, &queue->list);
		queue->count++;
		schedule_work(&queue->work);
	}
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
	return queue;
}

/*
 * When this thread gives up its own module, no other code of the module runs any more: not
 * @work, which started it, and not the release of the last holder, which started @work. That runs
 * with the lock of the device, unless the driver called devres itself. The grace period ends
 * when each task has slept, or has left the kernel.
 */
static int coherent_leave(void *arg)
{
	struct coherent_leaver *leaver = arg;

	flush_work(&leaver->work.work);
	device_lock(leaver->dev);
	device_unlock(leaver->dev);
	synchronize_rcu_tasks();
	put_device(leaver->dev);
	kfree(leaver);
	/* This thread exits in kernel text, because the module may be freed after the put. */
	module_put_and_kthread_exit(0);
	return 0;
}

static void coherent_start_to_leave(struct work_struct *work)
{
	struct coherent_leaver *leaver =
		container_of(to_delayed_work(work), struct coherent_leaver, work);

	if (IS_ERR(kthread_run(coherent_leave, leaver, "coherent_put")))
		schedule_delayed_work(&leaver->work, HZ);
}

static void coherent_leaver_put(struct coherent_leaver *leaver, struct device *dev)
{
	if (!leaver || !refcount_dec_and_test(&leaver->holders))
		return;
	leaver->dev = get_device(dev);
	schedule_delayed_work(&leaver->work, 0);
}

static void coherent_queue_run(struct work_struct *work)
{
	struct coherent_queue *queue = container_of(work, struct coherent_queue, work);
	struct coherent_extra *waiting;
	struct coherent_object object;

	do {
		spin_lock_irq(&coherent_unit.lock);
		waiting = coherent_queue_take(queue, NULL);
		spin_unlock_irq(&coherent_unit.lock);
		if (waiting) {
			object = waiting->object;
			coherent_object_end_now(&object);
		}
	} while (waiting);
}

static void coherent_queue_release(struct device *dev, void *res)
{
	struct coherent_queue *queue = res;

	spin_lock_irq(&coherent_unit.lock);
	list_del(&queue->node);
	if (coherent_unit.ready == dev)
		WRITE_ONCE(coherent_unit.ready, NULL);
	spin_unlock_irq(&coherent_unit.lock);
	cancel_work_sync(&queue->work);
	coherent_queue_run(&queue->work);
	coherent_leaver_put(queue->leaver, dev);
}

/* Whether the driver of a device is unbound before the code of this module is unloaded. */
static bool coherent_module_drives(const struct device *dev)
{
	const struct device_driver *driver = READ_ONCE(dev->driver);
	const struct module *module = THIS_MODULE;

	return !module || !driver || driver->owner == module ||
	       within_module((unsigned long)driver, module);
}

static bool coherent_queue_exists(const struct device *dev)
{
	unsigned long flags;
	bool exists;

	spin_lock_irqsave(&coherent_unit.lock, flags);
	exists = coherent_queue_find(dev);
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
	return exists;
}

/* If the driver is of another module, a queue holds this module. */
static int coherent_queue_hold_module(struct coherent_queue *queue, gfp_t gfp)
{
	if (coherent_module_drives(queue->dev))
		return 0;
	queue->leaver = kzalloc(sizeof(*queue->leaver), gfp);
	if (!queue->leaver)
		return -ENOMEM;
	refcount_set(&queue->leaver->holders, 1);
	INIT_DELAYED_WORK(&queue->leaver->work, coherent_start_to_leave);
	if (try_module_get(THIS_MODULE))
		return 0;
	kfree(queue->leaver);
	return -ENODEV;
}

/* Gives a queue to devres. Returns false if another thread was faster. */
static bool coherent_queue_add(struct coherent_queue *queue)
{
	unsigned long flags;
	bool exists;

	spin_lock_irqsave(&coherent_unit.lock, flags);
	exists = coherent_queue_find(queue->dev);
	if (!exists) {
		list_add(&queue->node, &coherent_unit.queues);
		devres_add(queue->dev, queue);
	}
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
	return !exists;
}

/*
 * Makes the queue of a device, unless it has one. A queue is not made while the driver is
 * being unbound, because devres may have called its functions already: this is -ENODEV.
 */
static int coherent_queue_make(struct device *dev, gfp_t gfp)
{
	struct coherent_queue *queue;
	int err;

	if (coherent_queue_exists(dev))
		return 0;
	if (dev->links.status != DL_DEV_PROBING && dev->links.status != DL_DEV_DRIVER_BOUND)
		return -ENODEV;
	queue = devres_alloc(coherent_queue_release, sizeof(*queue), gfp);
	if (!queue)
		return -ENOMEM;
	queue->dev = dev;
	INIT_LIST_HEAD(&queue->list);
	INIT_WORK(&queue->work, coherent_queue_run);
	err = coherent_queue_hold_module(queue, gfp);
	if (!err && coherent_queue_add(queue))
		return 0;
	if (!err && queue->leaver) {
		module_put(THIS_MODULE);
		kfree(queue->leaver);
	}
	devres_free(queue);
	return err;
}

/* An allocation for a device that is ready does not look for a level. */
static void coherent_queue_ready(struct device *dev)
{
	struct coherent_queue *queue;
	unsigned long flags;

	spin_lock_irqsave(&coherent_unit.lock, flags);
	queue = coherent_queue_find(dev);
	if (queue && !queue->level)
		WRITE_ONCE(coherent_unit.ready, dev);
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
}

/* Returns the level of an allocation that gives none; 0 for COHERENT_HIDDEN. */
static enum coherent_level coherent_queue_level(const struct device *dev)
{
	const struct coherent_queue *queue;
	enum coherent_level level;
	unsigned long flags;

	spin_lock_irqsave(&coherent_unit.lock, flags);
	queue = coherent_queue_find(dev);
	level = queue ? queue->level : 0;
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
	return level;
}

/*
 * A driver of this module gets its queue with its first object. So the queue exists when
 * remove() frees an object in atomic context.
 */
static int coherent_queue_prepare(struct device *dev, gfp_t gfp)
{
	int err;

	if (READ_ONCE(coherent_unit.ready) == dev || !coherent_module_drives(dev))
		return 0;
	err = coherent_queue_make(dev, gfp);
	if (!err)
		coherent_queue_ready(dev);
	return err == -ENOMEM ? err : 0;
}

/* --- The end of an object --- */

/* Whether the DMA API can still be called for an object. Otherwise the object is leaked. */
static bool coherent_can_end(const struct coherent_object *object)
{
	/* Nothing of the DMA API is needed. */
	if (coherent_is_adopted(object) && !object->mapped)
		return true;
	if (!coherent_is_bound(object->dev))
		coherent_object_leak(object, "after their device was unbound");
	/* The device was bound again, and another domain translates for it now. */
	else if (!coherent_place_is_translated(object))
		coherent_object_leak(object, "after their device was bound again");
	else
		return true;
	return false;
}

static int coherent_object_defer(struct coherent_object *object)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	int err = coherent_queue_make(object->dev, gfp);

	if (err)
		return err;
	if (!object->extra)
		object->extra = kzalloc(sizeof(*object->extra), gfp);
	if (!object->extra)
		return -ENOMEM;
	object->extra->object = *object;
	return coherent_queue_put(object->extra) ? 0 : -ENODEV;
}

/*
 * Whether an object may end under a spinlock, or while RCU is read. A kernel that does not count
 * preemption cannot tell. A kernel with PREEMPT_RCU preempts readers of RCU, but they must not sleep. A
 * process that maps a mem must not decide whether its end sleeps.
 */
static bool coherent_is_atomic(const struct coherent_object *object)
{
	return object->extra && (object->extra->is_atomic || coherent_is_mapped(object)) &&
	       (!preemptible() || rcu_preempt_depth());
}

static bool coherent_cannot_sleep(const struct coherent_object *object)
{
	return in_interrupt() || irqs_disabled() || coherent_is_atomic(object);
}

/*
 * In an interrupt, dma_free_attrs() may be a BUG. A spinlock shows only in a kernel that
 * counts preemption, so an object that was allocated in atomic context is deferred if there
 * is any doubt. It is leaked if there is nowhere to wait: a sleep could hang the machine.
 */
static void coherent_object_end(struct coherent_object *object)
{
	const bool is_mapped = coherent_is_mapped(object);
	const bool sleeps = object->level == COHERENT_HIDDEN ||
			    coherent_place_is_scattered(object) || is_mapped;
	const bool is_deferred = sleeps && coherent_cannot_sleep(object);

	if (!is_mapped || !is_deferred)
		coherent_close_windows(object);
	if (!coherent_can_end(object))
		return;
	if (is_deferred) {
		/* The device loses access at once. Only the memory waits. */
		coherent_object_unmap(object);
		if (coherent_object_defer(object))
			coherent_object_leak(object, "in atomic context, and cannot wait");
		return;
	}
	might_sleep_if(sleeps);
	coherent_object_end_now(object);
}

/* --- Objects that devres frees --- */

static void coherent_managed_release(struct device *dev, void *res)
{
	const struct coherent_managed *managed = res;
	struct coherent_object object = managed->extra->object;

	coherent_close_windows(&object);
	if (coherent_can_end(&object))
		coherent_object_end_now(&object);
	coherent_leaver_put(managed->leaver, dev);
}

/* If the driver is of another module, a managed object holds this module, as the queue does. */
static int coherent_managed_hold_module(struct coherent_managed *managed, struct device *dev,
					gfp_t gfp)
{
	const struct coherent_queue *queue;
	unsigned long flags;
	int err;

	if (coherent_module_drives(dev))
		return 0;
	err = coherent_queue_make(dev, gfp);
	if (err)
		return err;
	spin_lock_irqsave(&coherent_unit.lock, flags);
	queue = coherent_queue_find(dev);
	managed->leaver = queue ? queue->leaver : NULL;
	if (managed->leaver)
		refcount_inc(&managed->leaver->holders);
	spin_unlock_irqrestore(&coherent_unit.lock, flags);
	return managed->leaver ? 0 : -ENODEV;
}

/* The object may be gone. So this compares the pointer only. */
static int coherent_managed_is(struct device *dev, void *res, void *wanted)
{
	const struct coherent_managed *managed = res;

	return managed->extra == wanted;
}

/* Call this after each change of an object. */
static void coherent_managed_update(const struct coherent_object *object)
{
	if (object->managed)
		object->extra->object = *object;
}

/*
 * Returns false if devres frees the object, because the driver is unbound. While the kernel
 * unbinds a driver, devres itself may run this call.
 */
static bool coherent_managed_take_back(struct coherent_object *object)
{
	struct coherent_managed *managed;

	if (!coherent_is_bound(object->dev)) {
		WARN_ONCE(1, "coherent: a managed object is freed after its device was unbound\n");
		return false;
	}
	managed = devres_remove(object->dev, coherent_managed_release, coherent_managed_is,
				object->extra);
	if (!managed)
		return false;
	coherent_leaver_put(managed->leaver, object->dev);
	devres_free(managed);
	return true;
}

static int coherent_object_manage(struct coherent_object *object, gfp_t gfp)
{
	struct coherent_managed *managed;
	int err;

	if (!coherent_is_bound(object->dev))
		return -ENODEV;
	if (object->managed)
		return 0;
	if (!object->extra)
		object->extra = kzalloc(sizeof(*object->extra), gfp);
	if (!object->extra)
		return -ENOMEM;
	managed = devres_alloc(coherent_managed_release, sizeof(*managed), gfp);
	if (!managed)
		return -ENOMEM;
	err = coherent_managed_hold_module(managed, object->dev, gfp);
	if (err) {
		devres_free(managed);
		return err;
	}
	managed->extra = object->extra;
	object->managed = true;
	coherent_managed_update(object);
	devres_add(object->dev, managed);
	return 0;
}

static noinline void coherent_object_free_slow(struct coherent_object *object)
{
	if (coherent_is_pooled(object))
		coherent_pooled_free(object);
	else if (!object->managed || coherent_managed_take_back(object))
		coherent_object_end(object);
}

/* Most objects are of COHERENT_HIDDEN and end where the caller may sleep. */
static __always_inline void coherent_object_free(struct coherent_object *object)
{
	if (object->extra || !coherent_is_bound(object->dev) || in_interrupt() || irqs_disabled()) {
		coherent_object_free_slow(object);
		return;
	}
	/* might_sleep() without giving way: dma_free_attrs() does that if it has to. */
	__might_sleep(__FILE__, __LINE__);
	dma_free_attrs(object->dev, coherent_place_bytes(object), coherent_place_va(object),
		       object->address, object->attrs);
	put_device(object->dev);
}

#endif
