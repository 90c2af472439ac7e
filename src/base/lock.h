/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A mutex and a condition that clang's thread safety analysis knows. The analysis of struct members
 * needs C++ or a newer clang, so comments say what a lock guards.
 *
 * Lock order, outermost first:
 *	beside lock (which device of a shared space has which addresses)
 *	sim lock (a device model runs)
 *	vfio-user lock (a conversation)
 *	calls of a vfio-user channel (a command until its answer), also of a server
 *	IOMMU lock (a page table in software, transfers in flight)
 *	vfio, vhost, qemu or fabric lock (a device's descriptors, a conversation, an endpoint)
 *	qemu process lock (what the thread of a QEMU has to do)
 *	store lock (device addresses, memory and states of objects)
 *	shared lock (the twins of a mem)
 *	pool lock (the slots and chunks of a pool)
 *	sites lock (copies of the places of allocations)
 *	segment lock (memory of records)
 *	watch lock (numbers of objects that are traced)
 *	trace file lock (the end of the file)
 *	ledger lock (its last block)
 * No thread takes another lock while it has one of these: sends or lock of a channel, and the locks
 * of a server (sim/serve_*.h). The lock wake of a peer comes before the lock of its channel. The
 * lock of an interrupt and of a list of interrupts is taken alone. So are those of the lists of
 * segments and of hardened devices, but a fork takes both, and the handler of SIGSEGV tries the
 * store lock. The core calls backends without the store lock. A backend may call lookup_fault(),
 * which takes it, from under a lock of its own.
 */
#ifndef LOCK_H
#define LOCK_H

#include <pthread.h>

#include "base/sys.h"

#if defined(__clang__)
#define LOCK_ATTRIBUTE(x) __attribute__((x))
#else
#define LOCK_ATTRIBUTE(x)
#endif

#define NEEDS_LOCK(x) LOCK_ATTRIBUTE(requires_capability(x))

struct LOCK_ATTRIBUTE(capability("mutex")) lock {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
};

/* On Linux, neither a default mutex nor a condition of this kind can fail. */
static inline void lock_init(struct lock *lock)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&lock->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&lock->cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static inline void lock_destroy(struct lock *lock)
{
	pthread_cond_destroy(&lock->cond);
	pthread_mutex_destroy(&lock->mutex);
}

static inline void lock_take(struct lock *lock) LOCK_ATTRIBUTE(acquire_capability(lock))
	LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	pthread_mutex_lock(&lock->mutex);
}

static inline void lock_drop(struct lock *lock) LOCK_ATTRIBUTE(release_capability(lock))
	LOCK_ATTRIBUTE(no_thread_safety_analysis)
{
	pthread_mutex_unlock(&lock->mutex);
}

/* Returns after a signal, at the deadline, or without a reason. */
static inline void lock_wait(struct lock *lock, uint64_t deadline_ns) NEEDS_LOCK(lock)
{
	SYS_DEFER_CANCEL;
	struct timespec deadline = sys_timespec(deadline_ns);

	pthread_cond_timedwait(&lock->cond, &lock->mutex, &deadline);
}

static inline void lock_wake(struct lock *lock) NEEDS_LOCK(lock)
{
	pthread_cond_broadcast(&lock->cond);
}

#endif
