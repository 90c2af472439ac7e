/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reports of calls on memory that the library refuses. Each call that returns -EINVAL, -EBUSY or
 * -EOPNOTSUPP makes one of them, so that the driver learns the reason.
 *
 * Each function takes the store of the device that the call knows, and makes no report if there
 * is none or if this process is a forked child. @at names the call: its file and line, or the
 * function. A caller must not hold the store lock.
 */
#ifndef REFUSE_H
#define REFUSE_H

#include "memory/object.h"

struct coherent_slots;

/**
 * refuse() - Report why a call is refused.
 * @store: The store, or NULL.
 * @err: The error of the call.
 * @at: The call.
 * @format: The reason and the remedy, a format as for printf().
 *
 * Return: @err.
 */
__attribute__((format(printf, 4, 5), cold)) int refuse(struct object_store *store, int err,
						       const char *at, const char *format, ...);

/**
 * refuse_level() - Report that a device protects less than a call asks for.
 * @store: The store, or NULL.
 * @at: The call.
 * @least: The level that it asks for.
 *
 * Return: -EOPNOTSUPP.
 */
int refuse_level(struct object_store *store, const char *at, enum coherent_level least);

/**
 * refuse_in_place() - Report that a box in place has less than the level that a call asks for.
 * @store: The store, or NULL.
 * @at: The call.
 *
 * Return: -EOPNOTSUPP.
 */
int refuse_in_place(struct object_store *store, const char *at);

/**
 * refuse_in_flight() - Report that a reclaim lacks .idle.
 * @store: The store of the mem.
 * @at: The call.
 * @site: The place of the allocation of the mem.
 * @where: "in place" or "in a pool", where the device keeps its access; NULL otherwise.
 *
 * Return: -EBUSY.
 */
int refuse_in_flight(struct object_store *store, const char *at, const char *site,
		     const char *where);

/**
 * refuse_result() - Check the result of a callback of the driver.
 * @store: The store, or NULL.
 * @at: The call.
 * @callback: The name of the callback.
 * @result: Its result.
 *
 * Return: @result; -EINVAL and a report if it is positive, because success is 0 alone.
 */
int refuse_result(struct object_store *store, const char *at, const char *callback, int result);

/**
 * refuse_box() - Report that an output box is not empty.
 * @store: The store of the call, or NULL.
 * @at: The call.
 * @box: The box. If the driver never initialised it, it holds anything.
 *
 * Return: -EBUSY.
 */
int refuse_box(struct object_store *store, const char *at, const struct coherent_box *box);

/**
 * refuse_mem() - Report that an output mem is not empty.
 * @store: The store of the call, or NULL.
 * @at: The call.
 * @mem: The mem. If the driver never initialised it, it holds anything.
 *
 * Return: -EBUSY.
 */
int refuse_mem(struct object_store *store, const char *at, const struct coherent_mem *mem);

/**
 * refuse_handle() - Report that an output handle is not empty.
 * @store: The store of the call, or NULL.
 * @at: The call.
 * @handle: The base of the handle. If the driver never initialised it, it holds anything.
 *
 * Return: -EBUSY.
 */
int refuse_handle(struct object_store *store, const char *at, const struct coherent_mem *handle);

/**
 * refuse_loan() - Report that an output loan is not empty.
 * @store: The store of the call, or NULL.
 * @at: The call.
 * @loan: The object and the address of the loan. If the driver never initialised it, it holds
 *	anything.
 *
 * Return: -EBUSY.
 */
int refuse_loan(struct object_store *store, const char *at, const struct coherent_mem *loan);

/**
 * refuse_twin() - Report that an output twin is not empty.
 * @store: The store of the call, or NULL.
 * @at: The call.
 * @other: The store of the device that the twin is for.
 * @twin: The base of the twin. If the driver never initialised it, it holds anything.
 *
 * Return: -EBUSY.
 */
int refuse_twin(struct object_store *store, const char *at, struct object_store *other,
		const struct coherent_mem *twin);

/**
 * refuse_pool() - Report that an output pool is not empty.
 * @store: The store of the call, or NULL.
 * @at: The call.
 * @pool: The content of the pool. If the driver never initialised it, this is anything.
 *
 * Return: -EBUSY.
 */
int refuse_pool(struct object_store *store, const char *at, const struct coherent_slots *pool);

#endif
