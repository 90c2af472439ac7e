/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The events of a device: each change of an object, and each call that can be seen from
 * outside. The option .trace of coherent_device_open() gets them. coherent/device.h
 * includes this file.
 *
 * The environment variable COHERENT_TRACE=FILE writes the events of all devices of a
 * program to a file, which Perfetto and chrome://tracing show. %p in FILE becomes the
 * process ID, and %% becomes %. If FILE is a trace already, the new events follow
 * those that it has. The file is complete after each event. A program that is killed
 * while it writes may leave half a line, which the next program that writes to the
 * file cuts off. A forked child writes nothing, and a program with raised rights
 * ignores the variable.
 *
 * A device that is traced has no fast path for pools.
 */
#ifndef COHERENT_TRACE_H
#define COHERENT_TRACE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>

/**
 * enum coherent_event_kind - The kind of an event.
 * @COHERENT_EVENT_OPEN: The device was opened.
 * @COHERENT_EVENT_CLOSE: The device was closed, so it reaches nothing any more.
 * @COHERENT_EVENT_BOX: A box was allocated.
 * @COHERENT_EVENT_EXPOSE: A box became a mem.
 * @COHERENT_EVENT_RECLAIM: A mem became a box.
 * @COHERENT_EVENT_FREE: A box or a mem was freed, or an exposure failed and ended its box.
 * @COHERENT_EVENT_FAULT: An access of the device was refused.
 * @COHERENT_EVENT_FENCE: A fence or a reset ended.
 * @COHERENT_EVENT_REGISTER_READ: The driver read a register.
 * @COHERENT_EVENT_REGISTER_WRITE: The driver writes a register. The event comes before the write.
 * @COHERENT_EVENT_INTERRUPT: coherent_irq_wait() took an interrupt.
 */
enum coherent_event_kind {
	COHERENT_EVENT_OPEN = 1,
	COHERENT_EVENT_CLOSE,
	COHERENT_EVENT_BOX,
	COHERENT_EVENT_EXPOSE,
	COHERENT_EVENT_RECLAIM,
	COHERENT_EVENT_FREE,
	COHERENT_EVENT_FAULT,
	COHERENT_EVENT_FENCE,
	COHERENT_EVENT_REGISTER_READ,
	COHERENT_EVENT_REGISTER_WRITE,
	COHERENT_EVENT_INTERRUPT,
} COHERENT_32_BITS;

/**
 * struct coherent_event - Something that happened.
 * @kind: The kind of the event. A later version may have more kinds.
 * @before: The state of the object before; COHERENT_STATE_NONE for a new one, which is a
 *	box, or a twin (coherent/share.h). In a fault, the state of the object at @address.
 * @after: The state after. It is COHERENT_STATE_MEM after a free whose memory the device
 *	can still reach, because it could not be unmapped.
 * @permission: The permission of the device on a mem.
 * @time_ns: The time, by CLOCK_MONOTONIC.
 * @device: The name of the device. The string lives as long as the device and its
 *	objects.
 * @object: The number of the object. The boxes and twins of a device count from 1, and an object
 *	keeps its number until it is freed. 0 if the event has no object, or if no memory
 *	was left to count it.
 * @address: The device address of the object; for a box, the one that it would have. In
 *	a fault, the first address that was refused.
 * @bytes: The size of the object in whole pages; for an object of a pool, that of its
 *	slot. In a fault, how many bytes were refused.
 * @where: The file and line that allocated the object, as in struct coherent_info; NULL
 *	if there is none. The memory of a pool is an object too, and its place is the one
 *	that created the pool.
 * @access: In a fault, whether it was a read or a write.
 * @vector: The vector of an interrupt.
 * @bar: The BAR of a register.
 * @width: How many bytes were read or written there.
 * @offset: The offset of the register in the BAR.
 * @value: The value of the register.
 * @err: 0 or the error of a fence.
 * @reserved: 0. A later version may have members here.
 */
struct coherent_event {
	enum coherent_event_kind kind;
	enum coherent_state before;
	enum coherent_state after;
	enum coherent_permission permission;
	uint64_t time_ns;
	const char *device;
	uint64_t object;
	uint64_t address;
	uint64_t bytes;
	const char *where;
	enum coherent_access access;
	uint32_t vector;
	uint32_t bar;
	uint32_t width;
	uint64_t offset;
	uint64_t value;
	int32_t err;
	uint32_t reserved[7];
};

#endif
