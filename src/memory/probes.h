/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * USDT probes of the provider "coherent". Each is one nop until a tracer such as bpftrace attaches.
 * Without sys/sdt.h there are none. They are in changes of whole pages and in calls on devices, and
 * never in an accessor or a fast path of a pool.
 *
 *	device_open(name), device_close(name)
 *	box(name, record, bytes, where)
 *	expose(name, record, bytes, where, address, permission)
 *	reclaim(name, record, bytes, where, address)
 *	free(name, record, bytes, where, address, state)
 *	fault(name, address, bytes, where, access, state)
 *	fence(name, result)
 *
 * name and where are strings, and where is 0 in a fault that hit no object. record is the same for
 * all states of an object but for a reclaim, which tells that of the mem. address is that of the mem.
 */
#ifndef PROBES_H
#define PROBES_H

#ifdef HAVE_PROBES
#include <sys/sdt.h>
#define PROBE1(name, a) DTRACE_PROBE1(coherent, name, a)
#define PROBE2(name, a, b) DTRACE_PROBE2(coherent, name, a, b)
#define PROBE4(name, a, b, c, d) DTRACE_PROBE4(coherent, name, a, b, c, d)
#define PROBE5(name, a, b, c, d, e) DTRACE_PROBE5(coherent, name, a, b, c, d, e)
#define PROBE6(name, a, b, c, d, e, f) DTRACE_PROBE6(coherent, name, a, b, c, d, e, f)
#else
#define PROBE1(name, a) ((void)(a))
#define PROBE2(name, a, b) ((void)(a), (void)(b))
#define PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#define PROBE5(name, a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))
#define PROBE6(name, a, b, c, d, e, f) \
	((void)(a), (void)(b), (void)(c), (void)(d), (void)(e), (void)(f))
#endif

#endif
