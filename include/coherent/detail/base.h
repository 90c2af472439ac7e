/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The functions behind the macros of coherent.h, once types are checked and
 * options are in a struct. The contract of each stands at its macro. For code
 * that cannot use the macros, such as bindings of other languages.
 *
 * size is that of an element. where is the file and line of the caller, a
 * string that outlives the device. mask is that of coherent/detail/padding.h.
 */
#ifndef COHERENT_BASE_H
#define COHERENT_BASE_H

#include <coherent/detail/check.h>
#include <coherent/detail/mem.h>
#include <coherent/detail/face.h>

struct coherent_box_options;
struct coherent_device;
struct coherent_expose_options;
struct coherent_mem_options;
struct coherent_reclaim_options;

/**
 * coherent_base_box_zeroed() - See coherent_box_zeroed().
 * @box: The new box.
 * @dev: The device.
 * @size: Bytes of an element.
 * @options: The count and what else was asked for.
 * @where: File and line.
 *
 * Return: as coherent_box_zeroed().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_box_zeroed(struct coherent_box *box, struct coherent_device *dev, size_t size,
			     const struct coherent_box_options *options, const char *where);

/**
 * coherent_base_box_from() - See coherent_box_from().
 * @box: The new box.
 * @dev: The device.
 * @src: The elements.
 * @mask: What of an element is not padding.
 * @size: Bytes of an element.
 * @options: The count and what else was asked for.
 * @where: File and line.
 *
 * Return: as coherent_box_from().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_box_from(struct coherent_box *box, struct coherent_device *dev, const void *src,
			   const unsigned char *mask, size_t size,
			   const struct coherent_box_options *options, const char *where);

/**
 * coherent_base_box_level() - See coherent_box_level().
 * @box: The box.
 *
 * Return: the enum coherent_level; 0 if @box is empty.
 */
COHERENT_BASE int coherent_base_box_level(const struct coherent_box *box);

/**
 * coherent_base_box_free() - See coherent_box_free().
 * @box: The box.
 */
COHERENT_BASE void coherent_base_box_free(struct coherent_box *box);

/**
 * coherent_base_box_cleanup() - coherent_box_free() at the end of a scope.
 * @box: The variable.
 */
COHERENT_BASE void coherent_base_box_cleanup(void *box);

/**
 * coherent_base_expose() - See coherent_expose().
 * @box: The box.
 * @options: The mem and what else was asked for.
 *
 * Return: as coherent_expose().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_expose(struct coherent_box *box, const struct coherent_expose_options *options);

/**
 * coherent_base_reclaim() - See coherent_reclaim().
 * @mem: The mem.
 * @options: The box and what else was said.
 *
 * Return: as coherent_reclaim().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_reclaim(struct coherent_mem *mem,
			  const struct coherent_reclaim_options *options);

/**
 * coherent_base_zeroed() - See coherent_zeroed().
 * @mem: The new mem.
 * @dev: The device.
 * @size: Bytes of an element.
 * @options: The count and what else was asked for.
 * @where: File and line.
 *
 * Return: as coherent_zeroed().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_zeroed(struct coherent_mem *mem, struct coherent_device *dev, size_t size,
			 const struct coherent_mem_options *options, const char *where);

/**
 * coherent_base_from() - See coherent_from().
 * @mem: The new mem.
 * @dev: The device.
 * @src: The elements.
 * @mask: What of an element is not padding.
 * @size: Bytes of an element.
 * @options: The count and what else was asked for.
 * @where: File and line.
 *
 * Return: as coherent_from().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_from(struct coherent_mem *mem, struct coherent_device *dev, const void *src,
		       const unsigned char *mask, size_t size,
		       const struct coherent_mem_options *options, const char *where);

/**
 * coherent_base_init_begin() - coherent_init() up to the initialiser.
 * @mem: The new mem; only looked at.
 * @box: Set to the box to fill, to an empty one on failure.
 * @dev: The device.
 * @count: Elements.
 * @size: Bytes of an element.
 * @options: What else was asked for; its count is not looked at.
 * @where: File and line.
 *
 * Return: as coherent_box_zeroed().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_init_begin(const struct coherent_mem *mem, struct coherent_box *box,
			     struct coherent_device *dev, size_t count, size_t size,
			     const struct coherent_mem_options *options, const char *where);

/**
 * coherent_base_init_end() - coherent_init() after the initialiser.
 * @mem: The new mem.
 * @box: From coherent_base_init_begin(); consumed.
 * @err: What the initialiser returned.
 * @options: As for coherent_base_init_begin().
 *
 * Return: @err if not 0, else as coherent_expose().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_init_end(struct coherent_mem *mem, struct coherent_box *box, int err,
			   const struct coherent_mem_options *options);

/**
 * coherent_base_free() - See coherent_free().
 * @mem: The mem.
 */
COHERENT_BASE void coherent_base_free(struct coherent_mem *mem);

/**
 * coherent_base_cleanup() - coherent_free() at the end of a scope.
 * @mem: The variable.
 */
COHERENT_BASE void coherent_base_cleanup(void *mem);

/**
 * coherent_base_box_move() - See coherent_move().
 * @from: The box; empty afterwards.
 * @to: An empty box.
 */
COHERENT_BASE void coherent_base_box_move(struct coherent_box *from, struct coherent_box *to);

/**
 * coherent_base_move() - See coherent_move().
 * @from: The mem; empty afterwards.
 * @to: An empty mem.
 */
COHERENT_BASE void coherent_base_move(struct coherent_mem *from, struct coherent_mem *to);

/**
 * coherent_base_wait_begin() - Start the clock of a poll loop.
 * @wait: The loop's state.
 * @timeout_ns: From now on.
 */
COHERENT_BASE void coherent_base_wait_begin(struct coherent_wait *wait, uint64_t timeout_ns);

/**
 * coherent_base_wait_more() - Pause between two tests of a poll loop.
 * @wait: The loop's state.
 * @mem: What is polled.
 *
 * Context: may sleep.
 * Return: 0 (test again); -ETIMEDOUT, -ENODEV (the device is closed).
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_wait_more(struct coherent_wait *wait, const struct coherent_mem *mem);

#endif
