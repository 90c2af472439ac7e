/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Twins: objects of other devices with the memory of a mem. A twin has a record and a device address
 * of its own, in the store of its device, but no pages. The pages belong to the mem. If the mem ends
 * before its twins, they belong to what the mem and the twins share, until the last twin has ended.
 *
 * INVARIANT: the pages go back to the store of the mem when neither the device of the mem nor that of
 * a twin can reach them. So a twin that waits for a fence of its device still counts.
 */
#ifndef TWIN_H
#define TWIN_H

#include "memory/object.h"

/**
 * twin_begin() - Let a mem know of a twin. Lookups of its pages find the twin from now on.
 * @mem: The mem. The caller has it.
 * @object: The record of the twin, from object_new_twin(). The caller destroys it after a failure.
 *
 * Return: 0; -ENOMEM.
 */
int twin_begin(struct coherent_object *mem, struct coherent_object *object);

/**
 * twin_is_of() - Whether an object is a twin of a mem, and has not ended.
 * @mem: The mem. The caller has it.
 * @object: Any object.
 */
bool twin_is_of(const struct coherent_object *mem, const struct coherent_object *object);

/**
 * twin_refuse_reclaim() - Make sure that a mem has no twins.
 * @mem: The mem, which shares something. The caller has it. It shares nothing afterwards.
 * @at: The call.
 *
 * Return: 0; -EBUSY, with a report for each twin.
 */
int twin_refuse_reclaim(struct coherent_object *mem, const char *at);

/**
 * twin_set_busy() - Note that the device of a twin may reach the memory although the twin was freed.
 * @object: A record. Nothing happens if it is not that of a twin.
 * @why: The event that has to come first, for reports. Not copied.
 */
void twin_set_busy(const struct coherent_object *object, const char *why);

/**
 * twin_leave() - Let an object leave its memory to the objects that share it.
 * @object: A mem or a twin that ends. No device reaches the memory through it any more.
 *
 * Afterwards a mem that has twins has neither pages nor memory of the driver.
 *
 * Return: what twin_end() takes; NULL for a mem.
 */
struct twin *twin_leave(struct coherent_object *object);

/**
 * twin_end() - End a twin. The last one gives the memory back.
 * @twin: From twin_leave(), or NULL. Its record has ended.
 */
void twin_end(struct twin *twin);

#endif
