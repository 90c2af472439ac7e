/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The functions behind the macros of coherent.h. A macro checks types and puts its
 * options into a struct; then it calls one of these. The contract is at the macro.
 * Code that cannot use macros may call these functions, for instance a binding of
 * another language.
 *
 * Options begin with struct_size, the size of their struct as the caller knows it. A
 * caller that was built for an older version has a smaller struct, and what it lacks
 * counts as zero. In a larger struct, what the library does not know must be zero:
 * otherwise the call returns -EOPNOTSUPP. A size that no version has is -EINVAL.
 *
 * size is the size of an element in bytes. site is the file and line of the caller. The
 * library copies it in userspace; in the kernel the string must outlive the object.
 * coherent/detail/padding.h explains mask.
 */
#ifndef COHERENT_BASE_H
#define COHERENT_BASE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/check.h>
#include <coherent/detail/mem.h>
#include <coherent/detail/face.h>

struct coherent_box_options;
struct coherent_device;
struct coherent_expose_options;
struct coherent_loan;
struct coherent_mem_options;
struct coherent_reclaim_options;

COHERENT_C_BEGIN

/**
 * coherent_base_box_zeroed() - See coherent_box_zeroed().
 * @box: The new box.
 * @dev: The device.
 * @size: The size of an element.
 * @options: The count and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_box_zeroed().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE_INLINE
int coherent_base_box_zeroed(struct coherent_box *box, struct coherent_device *dev, size_t size,
			     const struct coherent_box_options *options, const char *site);

/**
 * coherent_base_box_from() - See coherent_box_from().
 * @box: The new box.
 * @dev: The device.
 * @src: The elements.
 * @mask: The bytes of an element that are not padding.
 * @size: The size of an element.
 * @options: The count and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_box_from().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_box_from(struct coherent_box *box, struct coherent_device *dev, const void *src,
			   const unsigned char *mask, size_t size,
			   const struct coherent_box_options *options, const char *site);

/**
 * coherent_base_refuse_element() - Report why coherent_box_init_at() failed.
 * @box: The box, which may be empty.
 * @i: The index of the element.
 * @returned: The result of the initialiser, if that is positive; otherwise there is no
 *	element @i.
 *
 * The macro that calls this has the result -EINVAL, so that an analyzer sees that an
 * element exists if the result is 0.
 */
COHERENT_BASE
void coherent_base_refuse_element(const struct coherent_box *box, size_t i, int returned);

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
COHERENT_CHANGES_1ST COHERENT_BASE void coherent_base_box_free(struct coherent_box *box);

/**
 * coherent_base_box_cleanup() - Call coherent_box_free() at the end of a scope.
 * @box: The variable.
 */
COHERENT_BASE void coherent_base_box_cleanup(void *box);

/**
 * coherent_base_expose() - See coherent_expose().
 * @box: The box.
 * @options: The mem and the options.
 *
 * Return: as coherent_expose().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE_INLINE
int coherent_base_expose(struct coherent_box *box, const struct coherent_expose_options *options);

/**
 * coherent_base_reclaim() - See coherent_reclaim().
 * @mem: The mem.
 * @options: The box and the options.
 *
 * Return: as coherent_reclaim().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE_INLINE
int coherent_base_reclaim(struct coherent_mem *mem,
			  const struct coherent_reclaim_options *options);

/**
 * coherent_base_zeroed() - See coherent_zeroed().
 * @mem: The new mem.
 * @dev: The device.
 * @size: The size of an element.
 * @options: The count and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_zeroed().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE_INLINE
int coherent_base_zeroed(struct coherent_mem *mem, struct coherent_device *dev, size_t size,
			 const struct coherent_mem_options *options, const char *site);

/**
 * coherent_base_from() - See coherent_from().
 * @mem: The new mem.
 * @dev: The device.
 * @src: The elements.
 * @mask: The bytes of an element that are not padding.
 * @size: The size of an element.
 * @options: The count and the options.
 * @site: File and line of the caller.
 *
 * Return: as coherent_from().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_from(struct coherent_mem *mem, struct coherent_device *dev, const void *src,
		       const unsigned char *mask, size_t size,
		       const struct coherent_mem_options *options, const char *site);

/**
 * coherent_base_init_begin() - The part of coherent_init() before the initialiser.
 * @mem: The new mem. The call only checks that it is empty.
 * @box: Set to the box to fill, or to an empty one on failure.
 * @dev: The device.
 * @count: The number of elements.
 * @size: The size of an element.
 * @options: The options. The call ignores their count.
 * @site: File and line of the caller.
 *
 * Return: as coherent_box_zeroed().
 */
COHERENT_MUST_CHECK COHERENT_READS_1ST COHERENT_BASE
int coherent_base_init_begin(const struct coherent_mem *mem, struct coherent_box *box,
			     struct coherent_device *dev, size_t count, size_t size,
			     const struct coherent_mem_options *options, const char *site);

/**
 * coherent_base_init_end() - The part of coherent_init() after the initialiser.
 * @mem: The new mem.
 * @box: The box from coherent_base_init_begin(). The call consumes it.
 * @err: The result of the initialiser.
 * @options: As for coherent_base_init_begin().
 *
 * Return: 0; @err if it is negative, -EINVAL if it is positive, otherwise as
 * coherent_expose().
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_init_end(struct coherent_mem *mem, struct coherent_box *box, int err,
			   const struct coherent_mem_options *options);

/**
 * coherent_base_free() - See coherent_free().
 * @mem: The mem.
 */
COHERENT_CHANGES_1ST COHERENT_BASE void coherent_base_free(struct coherent_mem *mem);

/**
 * coherent_base_cleanup() - Call coherent_free() at the end of a scope.
 * @mem: The variable.
 */
COHERENT_BASE void coherent_base_cleanup(void *mem);

/**
 * coherent_base_box_move() - See coherent_move().
 * @from: The box. It is empty afterwards.
 * @to: An empty box.
 */
COHERENT_CHANGES_1ST COHERENT_CHANGES_2ND COHERENT_BASE
void coherent_base_box_move(struct coherent_box *from, struct coherent_box *to);

/**
 * coherent_base_move() - See coherent_move().
 * @from: The mem. It is empty afterwards.
 * @to: An empty mem.
 */
COHERENT_CHANGES_1ST COHERENT_CHANGES_2ND COHERENT_BASE
void coherent_base_move(struct coherent_mem *from, struct coherent_mem *to);

/**
 * coherent_base_loan_move() - See coherent_move().
 * @from: The loan. It is empty afterwards.
 * @to: An empty loan.
 */
COHERENT_CHANGES_1ST COHERENT_CHANGES_2ND COHERENT_BASE
void coherent_base_loan_move(struct coherent_loan *from, struct coherent_loan *to);

/**
 * coherent_base_wait_begin() - Start the clock of a poll loop.
 * @wait: The state of the loop.
 * @timeout_ns: How long to poll from now on.
 */
COHERENT_BASE void coherent_base_wait_begin(struct coherent_wait *wait, uint64_t timeout_ns);

/**
 * coherent_base_wait_more() - Pause between two tests of a poll loop.
 * @wait: The state of the loop.
 * @mem: The mem that the loop polls.
 *
 * Context: may sleep.
 * Return: 0 (test again); -ETIMEDOUT, -ENODEV (the device is closed or gone).
 */
COHERENT_MUST_CHECK COHERENT_BASE
int coherent_base_wait_more(struct coherent_wait *wait, const struct coherent_mem *mem);

COHERENT_C_END

#endif
