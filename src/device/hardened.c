// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The explanation of a fault goes to standard error: the program is about to end, and its receiver of
 * reports need not work in the handler of a signal.
 */
#include <coherent/lookup.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_fault.h"
#include "base/sys_process.h"
#include "device/hardened.h"
#include "memory/guard.h"

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	LIST_HEAD(, coherent_device) list;
	unsigned int count;
} all = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

/* A forked child has none of the other threads, so a lock that one of them had would stay taken. */
static void before_fork(void)
{
	(void)pthread_mutex_lock(&all.lock);
}

static void after_fork(void)
{
	(void)pthread_mutex_unlock(&all.lock);
}

static void watch_forks(void)
{
	(void)pthread_atfork(before_fork, after_fork, after_fork);
}

bool hardened_is_wanted(const struct coherent_open_options *options)
{
	const struct reporter to = { options->report, options->report_arg };
	const char *value = sys_environment("COHERENT_HARDEN");

	if (options->harden || !value || !*value || !strcmp(value, "0"))
		return options->harden;
	if (strcmp(value, "1") != 0)
		report(&to, COHERENT_WARNING,
		       "COHERENT_HARDEN is \"%.40s\": 1 hardens devices, and 0 does not; the "
		       "device %s is hardened",
		       value, options->name);
	return true;
}

/* --- The explanation --- */

#define CALLERS 32

/* The stack of the handler may be small. The lock of the list guards this. */
static struct {
	const void *callers[CALLERS];
	struct sys_line access;
	struct sys_line end;
	char text[4 * SYS_LINE_BYTES];
} words;

static const char *find_access(const struct sys_fault *fault)
{
	const size_t count = sys_fault_callers(fault, words.callers, CALLERS);

	sys_line_of(&words.access, words.callers, count, false);
	return words.access.text;
}

/* Another thread may keep a lock for ever, because the program is about to end. */
static bool try_lock(pthread_mutex_t *mutex)
{
	for (unsigned int i = 0; i < 1000; i++) {
		if (!pthread_mutex_trylock(mutex))
			return true;
		sys_sleep_ns(SYS_NS_PER_MS);
	}
	return false;
}

static void explain_note(const struct coherent_device *dev, const struct sys_fault *fault,
			 const struct guard_note *note)
{
	const bool is_exposed = note->end == GUARD_EXPOSED;
	const char *access = find_access(fault);

	sys_line_of(&words.end, note->callers, note->count, true);
	snprintf(words.text, sizeof(words.text),
		 "coherent: error: %s: the %s at %s hit byte %zu of the %s allocated at %s, which "
		 "was %s at %s\n",
		 dev->name, fault->access, access, (uintptr_t)fault->at - note->first,
		 is_exposed ? "box" : "object", note->site, is_exposed ? "exposed" : "freed",
		 words.end.text);
	sys_write_error(words.text);
}

/* The byte is behind an object, or nothing is known about it. */
static void explain_guard(struct coherent_device *dev, const struct sys_fault *fault)
{
	const uintptr_t page = (uintptr_t)fault->at & -sys_page_bytes();
	const char *access = find_access(fault);
	struct coherent_info info;

	if (!coherent_find_ptr(dev, (const void *)(page - sys_page_bytes()), &info))
		snprintf(
			words.text, sizeof(words.text),
			"coherent: error: %s: the %s at %s hit the page behind the %s of %zu bytes "
			"allocated at %s\n",
			dev->name, fault->access, access,
			info.state == COHERENT_STATE_BOX ? "box" : "mem", info.bytes, info.where);
	else
		snprintf(words.text, sizeof(words.text),
			 "coherent: error: %s: the %s at %s hit memory that no object has\n",
			 dev->name, fault->access, access);
	sys_write_error(words.text);
}

static void explain_in(struct coherent_device *dev, const struct sys_fault *fault)
{
	pthread_mutex_t *const lock = &dev->store.lock.mutex;
	const bool is_locked = try_lock(lock);
	const struct guard_note *found = guard_find(dev->store.pages.guard, fault->at);
	const struct guard_note note = found ? *found : (struct guard_note){ .bytes = 0 };

	if (is_locked)
		pthread_mutex_unlock(lock);
	if (found)
		explain_note(dev, fault, &note);
	else if (is_locked)
		explain_guard(dev, fault);
}

static void explain(const struct sys_fault *fault)
{
	struct coherent_device *dev;

	if (!try_lock(&all.lock))
		return;
	LIST_FOREACH(dev, &all.list, hardened) {
		const struct guard *guard = dev->store.pages.guard;

		if ((uintptr_t)fault->at - guard->first >= guard->bytes)
			continue;
		explain_in(dev, fault);
		break;
	}
	pthread_mutex_unlock(&all.lock);
}

/* --- The devices --- */

unsigned int hardened_count(void)
{
	return __atomic_load_n(&all.count, __ATOMIC_RELAXED);
}

struct coherent_device *hardened_find(const void *at)
{
	const struct coherent_object *object = NULL;
	struct coherent_device *dev;

	(void)pthread_mutex_lock(&all.lock);
	LIST_FOREACH(dev, &all.list, hardened) {
		object = page_owner_get(&dev->store.owners, at);
		if (object)
			break;
	}
	(void)pthread_mutex_unlock(&all.lock);
	return object && object->permission != COHERENT_READ_ONLY ? dev : NULL;
}

void hardened_begin(struct coherent_device *dev)
{
	(void)pthread_once(&all.once, watch_forks);
	(void)pthread_mutex_lock(&all.lock);
	/* Without a handler the fault ends the program as well. */
	if (LIST_EMPTY(&all.list))
		(void)sys_fault_begin(explain);
	LIST_INSERT_HEAD(&all.list, dev, hardened);
	__atomic_store_n(&all.count, all.count + 1, __ATOMIC_RELAXED);
	(void)pthread_mutex_unlock(&all.lock);
}

void hardened_end(struct coherent_device *dev)
{
	(void)pthread_mutex_lock(&all.lock);
	LIST_REMOVE(dev, hardened);
	__atomic_store_n(&all.count, all.count - 1, __ATOMIC_RELAXED);
	if (LIST_EMPTY(&all.list))
		sys_fault_end();
	(void)pthread_mutex_unlock(&all.lock);
}
