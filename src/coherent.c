// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The states of memory: box, mem, quarantine. With object.c, the only
 * place that changes them.
 *
 * A box has an address from the start, reserved and told to nobody; exposing
 * maps it, reclaiming unmaps it and gives the pages to a new record with a new
 * address. The old record stays behind as what quarantine holds.
 */
#include <coherent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "sys.h"

#define ATTRS_KNOWN ((COHERENT_ATTR_PRIVILEGED << 1) - 1)
#define ATTRS_HONOURED COHERENT_ATTR_NO_WARN

/* What an allocation has to be like, whichever macro asks. */
struct ask {
	size_t count;
	size_t size;
	unsigned int attrs;
	uint64_t align;
	uint64_t boundary;
	enum coherent_level level;
	const char *site;
};

static bool is_power_of_two(uint64_t x)
{
	return x && !(x & (x - 1));
}

/* --- Boxes --- */

static int check_ask(const struct ask *ask, size_t *bytes)
{
	if (!ask->count || !ask->size || ask->attrs & ~(unsigned int)ATTRS_KNOWN ||
	    (unsigned int)ask->level > COHERENT_IOMMU ||
	    (ask->align && !is_power_of_two(ask->align)) ||
	    (ask->boundary && !is_power_of_two(ask->boundary)))
		return -EINVAL;
	if (__builtin_mul_overflow(ask->count, ask->size, bytes) || *bytes > PTRDIFF_MAX)
		return -ENOMEM;
	return ask->boundary && *bytes > ask->boundary ? -EINVAL : 0;
}

static int check_device(struct coherent_device *dev, const struct ask *ask)
{
	int err = device_usable(dev);

	if (err)
		return err;
	if (ask->attrs & ~(unsigned int)ATTRS_HONOURED || ask->level > dev->backend->level)
		return -EOPNOTSUPP;
	return 0;
}

static void warn_of_failure(struct coherent_device *dev, const struct ask *ask, size_t bytes,
			    int err)
{
	if (ask->attrs & COHERENT_ATTR_NO_WARN)
		return;
	if (err == -ENOSPC)
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: no device address for %zu bytes under mask 0x%" PRIx64
		       ", align 0x%" PRIx64 ", boundary 0x%" PRIx64 ", asked for at %s",
		       dev->name, bytes, device_mask(dev), ask->align, ask->boundary, ask->site);
	else
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: no memory for %zu bytes, asked for at %s", dev->name, bytes, ask->site);
}

static void report_missed(const struct coherent_device *dev, unsigned int missed)
{
	if (missed & PAGES_GIGA)
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: no 1 GiB hugepages, using smaller ones; hugepagesz=1G hugepages=N on the "
		       "kernel's command line makes some",
		       dev->name);
	if (missed & PAGES_HUGE)
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: no 2 MiB hugepages, using ordinary pages; "
		       "sysctl vm.nr_hugepages=N makes some",
		       dev->name);
	if (missed & PAGES_NODES)
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: no memory of NUMA nodes 0x%" PRIx64 ", using any; "
		       "/sys/devices/system/node/has_memory lists those that have some",
		       dev->name, dev->pages.nodes);
}

static int object_with_pages(struct coherent_device *dev, const struct iova_want *want,
			     const char *site, struct coherent_object **out)
{
	int err = object_new(dev, want, site, out);

	if (err)
		return err;
	err = object_get_pages(*out);
	if (err)
		object_destroy(*out);
	report_missed(dev, pages_take_missed(&dev->pages));
	return err;
}

static int box_new(struct coherent_box *box, struct coherent_device *dev, const struct ask *ask)
{
	struct coherent_object *object;
	struct iova_want want;
	uint64_t page;
	size_t bytes;
	int err;

	err = check_ask(ask, &bytes);
	if (err)
		return err;
	if (box->va)
		return -EBUSY;
	err = check_device(dev, ask);
	if (err)
		return err;
	page = dev->pages.page_bytes;
	want.bytes = (bytes + page - 1) & -page;
	want.align = ask->align > page ? ask->align : page;
	want.boundary = ask->boundary && ask->boundary < page ? page : ask->boundary;
	object = object_reuse(dev, &want, ask->site);
	if (!object)
		err = object_with_pages(dev, &want, ask->site, &object);
	if (err) {
		warn_of_failure(dev, ask, bytes, err);
		return err;
	}
	object->attrs = (uint16_t)ask->attrs;
	pages_clear(pages_va(&object->pages), want.bytes);
	*box = (struct coherent_box){ pages_va(&object->pages), ask->count, object };
	return 0;
}

static struct ask ask_of_box(size_t size, const struct coherent_box_options *options,
			     const char *site)
{
	return (struct ask){
		.count = options->count,
		.size = size,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.site = site,
	};
}

int coherent_base_box_zeroed(struct coherent_box *box, struct coherent_device *dev, size_t size,
			     const struct coherent_box_options *options, const char *site)
{
	const struct ask ask = ask_of_box(size, options, site);

	return box_new(box, dev, &ask);
}

/* The mask clears padding, in each element the same bytes. */
static void fill(char *to, const char *from, const unsigned char *mask, size_t count, size_t size)
{
	memcpy(to, from, count * size);
	for (size_t k = 0; k < size; k++)
		if (!mask[k])
			for (size_t i = 0; i < count; i++)
				to[i * size + k] = 0;
}

int coherent_base_box_from(struct coherent_box *box, struct coherent_device *dev, const void *src,
			   const unsigned char *mask, size_t size,
			   const struct coherent_box_options *options, const char *site)
{
	const struct ask ask = ask_of_box(size, options, site);
	int err;

	if (!src)
		return -EINVAL;
	err = box_new(box, dev, &ask);
	if (!err)
		fill(box->va, src, mask, ask.count, ask.size);
	return err;
}

int coherent_base_box_level(const struct coherent_box *box)
{
	return box->object ? (int)object_device(box->object)->backend->level : 0;
}

void coherent_base_box_free(struct coherent_box *box)
{
	struct coherent_object *object = box->object;

	if (object && object_is_slot(object)) {
		pool_free_box(box);
		return;
	}
	*box = (struct coherent_box){ .va = NULL };
	if (object && !device_forked(object->dev))
		object_recycle(object);
}

void coherent_base_box_cleanup(void *box)
{
	coherent_base_box_free(box);
}

/* --- Expose, reclaim --- */

/* What a mem is made with, whichever macro asks. */
struct plan {
	enum coherent_permission permission;
	int (*seal)(void *elements, size_t count, coherent_addr_t address, void *seal_arg);
	void *seal_arg;
};

static int check_plan(const struct plan *plan)
{
	return (unsigned int)plan->permission > COHERENT_READ_ONLY ? -EINVAL : 0;
}

static void warn_of_mapping(const struct coherent_object *object, int err)
{
	const struct coherent_device *dev = object->dev;

	if (object->attrs & COHERENT_ATTR_NO_WARN || err == -ENODEV)
		return;
	if (err == -ENOSPC)
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: all %zu mappings are in use, none is left for %zu bytes allocated at %s",
		       dev->name, dev->limits.mappings, object_bytes(object), object->site);
	else
		report(&dev->reporter, COHERENT_WARNING,
		       "%s: %zu bytes allocated at %s could not be mapped: %s", dev->name,
		       object_bytes(object), object->site, strerror(-err));
}

/* Success is 0 alone: an initialiser that returns more has not kept its word. */
static int result_of(int result)
{
	return result > 0 ? -EINVAL : result;
}

/* Of a box that will be consumed whatever happens. */
static int make_reachable(const struct coherent_box *box, const struct plan *plan)
{
	struct coherent_object *object = box->object;
	int err;

	err = device_usable(object->dev);
	if (err)
		return err;
	if (plan->seal)
		err = result_of(plan->seal(box->va, box->count,
					   (coherent_addr_t){ object->address.first },
					   plan->seal_arg));
	if (err)
		return err;
	/* ORDER: pairs with the device's first access. */
	coherent_wmb();
	err = object_map(object, plan->permission);
	if (err)
		warn_of_mapping(object, err);
	return err;
}

static void *va_of_mem(struct coherent_object *object)
{
	struct backend *backend = object->dev->backend;
	void *va;

	if (!backend->ops->elsewhere)
		return pages_va(&object->pages);
	va = backend->ops->elsewhere(backend, object->address.first);
	object_set_va(object, va);
	return va;
}

static void become_mem(const struct coherent_box *box, const struct plan *plan,
		       struct coherent_mem *mem)
{
	struct coherent_object *object = box->object;

	object_become_mem(object, plan->permission);
	*mem = (struct coherent_mem){
		.va = va_of_mem(object),
		.count = box->count,
		.inverted_address = ~object->address.first,
		.object = object,
	};
}

static int expose(struct coherent_box *box, struct coherent_mem *mem, const struct plan *plan)
{
	struct coherent_box taken = *box;
	int err;

	if (!taken.va)
		return -EINVAL;
	*box = (struct coherent_box){ .va = NULL };
	err = check_plan(plan);
	if (!err && mem->object)
		err = -EBUSY;
	if (!err)
		err = make_reachable(&taken, plan);
	if (err) {
		coherent_base_box_free(&taken);
		return err;
	}
	become_mem(&taken, plan, mem);
	return 0;
}

int coherent_base_expose(struct coherent_box *box, const struct coherent_expose_options *options)
{
	struct plan plan;

	if (box->object && object_is_slot(box->object))
		return pool_expose(box, options);
	plan = (struct plan){ options->permission, options->seal, options->seal_arg };
	return expose(box, options->mem, &plan);
}

/* A record like the old one; where nothing fences, with pages of its own. */
static int new_home(const struct coherent_object *old, bool fence, struct coherent_object **out)
{
	const struct iova_want want = object_want(old);
	struct coherent_object *home;
	int err;

	err = object_new(old->dev, &want, old->site, &home);
	if (err)
		return err;
	home->attrs = old->attrs;
	if (!fence)
		err = object_get_pages(home);
	if (err) {
		object_destroy(home);
		return err;
	}
	*out = home;
	return 0;
}

/* Nothing is in flight any more: the pages change hands. */
static void move_pages(struct coherent_object *old, struct coherent_object *home)
{
	object_seq_write_begin(home);
	pages_move(&old->dev->pages, &old->pages, &home->pages);
	object_seq_write_end(home);
	object_set_va(home, pages_va(&home->pages));
	object_retire(old, COHERENT_STATE_RECLAIMED);
}

/* The device may still know the pages: their contents move. */
static void move_contents(struct coherent_object *old, struct coherent_object *home)
{
	coherent_bytes_out(pages_va(&old->pages), pages_va(&home->pages), object_bytes(old),
			   __ATOMIC_RELAXED);
	object_defer(old, COHERENT_STATE_RECLAIMED);
}

static int take_back(struct coherent_mem *mem, struct coherent_box *box, bool idle)
{
	const size_t count = mem->count;
	struct coherent_object *old = mem->object;
	const bool fence = old->dev->limits.unmap_is_fence ||
			   (idle && old->dev->backend->idle_is_fence);
	struct coherent_object *home;
	int err;

	err = new_home(old, fence, &home);
	if (err)
		return err;
	err = object_unmap(old, idle);
	if (err) {
		if (!fence)
			object_put_pages(home);
		object_destroy(home);
	}
	if (err == -ENODEV || err == -ENOMEM || err == -EBUSY)
		return err;
	*mem = (struct coherent_mem){ .va = NULL };
	if (err) {
		object_leak(old);
		return -EIO;
	}
	/* ORDER: pairs with the device's last write. */
	coherent_rmb();
	if (fence)
		move_pages(old, home);
	else
		move_contents(old, home);
	*box = (struct coherent_box){ pages_va(&home->pages), count, home };
	return 0;
}

int coherent_base_reclaim(struct coherent_mem *mem, const struct coherent_reclaim_options *options)
{
	struct coherent_object *object = mem->object;
	struct coherent_box *box = options->box;
	int err;

	if (!object)
		return -EINVAL;
	if (box->va)
		return -EBUSY;
	if (object_is_slot(object))
		return pool_reclaim(mem, options);
	err = device_usable(object->dev);
	if (err)
		return err;
	if (!options->idle && !object->dev->limits.unmap_is_fence)
		return -EBUSY;
	return take_back(mem, box, options->idle);
}

/* --- Mems --- */

/* Not inlined, so that the way of small objects to theirs is short. */
static __attribute__((noinline)) void free_whole(struct coherent_mem *mem)
{
	struct coherent_object *object = mem->object;
	struct coherent_device *dev = object->dev;
	int err;

	*mem = (struct coherent_mem){ .va = NULL };
	if (device_forked(dev))
		return;
	/* Also while the device closes: only the backend knows when it is done. */
	err = object_unmap(object, false);
	if (err && err != -ENODEV) {
		object_leak(object);
	} else if (err) {
		object_put_pages(object);
		object_destroy(object);
	} else if (dev->limits.unmap_is_fence) {
		object_put_pages(object);
		object_retire(object, COHERENT_STATE_FREED);
	} else {
		object_defer(object, COHERENT_STATE_FREED);
	}
}

void coherent_base_free(struct coherent_mem *mem)
{
	struct coherent_object *object = mem->object;

	if (object && object_is_slot(object))
		pool_free(mem);
	else if (object)
		free_whole(mem);
}

void coherent_base_cleanup(void *mem)
{
	coherent_base_free(mem);
}

static struct ask ask_of_mem(size_t count, size_t size, const struct coherent_mem_options *options,
			     const char *site)
{
	return (struct ask){
		.count = count,
		.size = size,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.site = site,
	};
}

static struct plan plan_of_mem(const struct coherent_mem_options *options)
{
	return (struct plan){ options->permission, options->seal, options->seal_arg };
}

int coherent_base_init_begin(const struct coherent_mem *mem, struct coherent_box *box,
			     struct coherent_device *dev, size_t count, size_t size,
			     const struct coherent_mem_options *options, const char *site)
{
	const struct ask ask = ask_of_mem(count, size, options, site);
	const struct plan plan = plan_of_mem(options);
	size_t bytes;
	int err;

	*box = (struct coherent_box){ .va = NULL };
	err = check_plan(&plan);
	if (!err)
		err = check_ask(&ask, &bytes);
	if (!err && mem->object)
		err = -EBUSY;
	return err ? err : box_new(box, dev, &ask);
}

int coherent_base_init_end(struct coherent_mem *mem, struct coherent_box *box, int err,
			   const struct coherent_mem_options *options)
{
	const struct plan plan = plan_of_mem(options);

	if (!err)
		return expose(box, mem, &plan);
	coherent_base_box_free(box);
	return result_of(err);
}

int coherent_base_zeroed(struct coherent_mem *mem, struct coherent_device *dev, size_t size,
			 const struct coherent_mem_options *options, const char *site)
{
	struct coherent_box box;
	int err;

	err = coherent_base_init_begin(mem, &box, dev, options->count, size, options, site);
	return err ? err : coherent_base_init_end(mem, &box, 0, options);
}

int coherent_base_from(struct coherent_mem *mem, struct coherent_device *dev, const void *src,
		       const unsigned char *mask, size_t size,
		       const struct coherent_mem_options *options, const char *site)
{
	struct coherent_box box;
	int err;

	if (!src)
		return -EINVAL;
	err = coherent_base_init_begin(mem, &box, dev, options->count, size, options, site);
	if (err)
		return err;
	fill(box.va, src, mask, options->count, size);
	return coherent_base_init_end(mem, &box, 0, options);
}

/* --- Moves --- */

void coherent_base_box_move(struct coherent_box *from, struct coherent_box *to)
{
	if (to->va)
		return;
	*to = *from;
	*from = (struct coherent_box){ .va = NULL };
}

void coherent_base_move(struct coherent_mem *from, struct coherent_mem *to)
{
	if (to->object)
		return;
	*to = *from;
	*from = (struct coherent_mem){ .va = NULL };
}

/* --- Handles --- */

int coherent_base_handle_zeroed(struct coherent_handle *handle, struct coherent_device *dev,
				const struct coherent_handle_options *options, const char *site)
{
	const struct coherent_mem_options as_mem = {
		.count = options->bytes,
		.attrs = options->attrs,
		.align = options->align,
		.boundary = options->boundary,
		.level = options->level,
		.permission = options->permission,
	};
	struct coherent_mem mem = handle->base;
	int err;

	err = coherent_base_zeroed(&mem, dev, 1, &as_mem, site);
	if (err)
		return err;
	handle->base = mem;
	handle->base.va = NULL;
	return 0;
}

void coherent_handle_free(struct coherent_handle *handle)
{
	coherent_base_free(&handle->base);
}

void coherent_base_handle_cleanup(struct coherent_handle *handle)
{
	coherent_handle_free(handle);
}
