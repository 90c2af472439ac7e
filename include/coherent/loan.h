/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Loans: memory that a driver hands to its device for one transfer, and takes back. This is
 * the library's form of a streaming mapping (dma_map_single() in the kernel).
 *
 *            lend                    take
 *     box ──────────▶ loan ─────────────────▶ box
 *                      └──▶ free
 *
 * While the device has the memory, it is a loan: neither a box nor a mem. A loan has a device
 * address. It has no pointer and no accessors, so code that touches the memory does not compile.
 *
 * A mem is for memory that CPU and device use at the same time, such as a ring of descriptors. A
 * loan is for data that belongs to one side at a time, such as a packet or a disk block. In the
 * kernel it can be ordinary memory (coherent/kernel.h), and CPU caches need not be coherent.
 *
 * The driver must not use pointers from coherent_box_ptr() of the lent box. On a simulated device
 * such a mistake shows. The device gets a copy, and the box is filled with COHERENT_LENT_BYTE, so a
 * read finds that byte. The next call that visits, takes or frees the loan reports a write. A box
 * of a pool, a box in place, and a box with .address or .address_is_pointer are not copied.
 */
#ifndef COHERENT_LOAN_H
#define COHERENT_LOAN_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <coherent/detail/argument.h>
#include <coherent/detail/loan_base.h>

COHERENT_C_BEGIN

/**
 * enum coherent_direction - Which way the data of a loan goes.
 * @COHERENT_TO_DEVICE: The device reads. Where an IOMMU can enforce it, the device cannot write.
 *	But a loan of a box of a pool has the permission of the pool, and one of a box in place
 *	that of the box.
 * @COHERENT_FROM_DEVICE: The device writes.
 * @COHERENT_BOTH_WAYS: The device reads and writes.
 */
enum coherent_direction {
	COHERENT_TO_DEVICE = 1,
	COHERENT_FROM_DEVICE,
	COHERENT_BOTH_WAYS,
} COHERENT_32_BITS;

/* A simulated device fills a box that is lent with this byte. */
#define COHERENT_LENT_BYTE 0xa5

/**
 * COHERENT_LOAN() - Declare a loan: memory that the device has for a transfer.
 * @T: The element type.
 *
 * coherent_lend() makes a loan, coherent_take() or coherent_loan_free() ends it. Initialise the
 * variable with COHERENT_EMPTY or zero bytes. Do not copy it; coherent_move() moves it.
 */
#define COHERENT_LOAN(T) union COHERENT_BODY(loan, loan, T)

/**
 * COHERENT_LOAN_TYPE() - Name the type of a loan, to pass it to functions.
 * @name: The type becomes union @name.
 * @T: The element type.
 */
#define COHERENT_LOAN_TYPE(name, T) union name COHERENT_BODY(loan, loan, T)

/**
 * COHERENT_LOAN_AUTO() - Declare a loan that is freed at the end of its scope.
 * @T: The element type.
 * @name: The variable. It is initialised as empty.
 */
#define COHERENT_LOAN_AUTO(T, name)					\
	COHERENT_LOAN(T) name __attribute__((cleanup(coherent_base_loan_cleanup))) = COHERENT_EMPTY

#define COHERENT_TEXT_LOAN "this needs a loan: COHERENT_LOAN(T), made by coherent_lend()"
#define COHERENT_TEXT_VISIT "the function must be int fn(T *elements, size_t count, void *arg)"

/**
 * coherent_base_lend() - coherent_lend() after the checks of types.
 * @box: The box.
 * @loan: The loan.
 * @size: The size of an element.
 * @direction: The direction.
 *
 * Return: as coherent_lend().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_CHANGES_2ND COHERENT_BASE
int coherent_base_lend(struct coherent_box *box, struct coherent_loan *loan, size_t size,
		       enum coherent_direction direction);

/**
 * coherent_base_take() - coherent_take() after the checks of types.
 * @loan: The loan.
 * @options: The box and the options.
 *
 * Return: as coherent_take().
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_take(struct coherent_loan *loan, const struct coherent_reclaim_options *options);

/**
 * coherent_base_loan_begin() - Give the CPU the memory of a loan for a moment.
 * @loan: The loan.
 * @elements: Set to the memory; NULL on failure.
 *
 * Return: 0; -EINVAL (@loan is empty), -ENODEV.
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_loan_begin(struct coherent_loan *loan, void **elements);

/**
 * coherent_base_loan_end() - End what coherent_base_loan_begin() began.
 * @loan: The loan.
 * @result: The result of the function of the driver.
 *
 * Return: @result; -EINVAL if it is positive.
 */
COHERENT_MUST_CHECK COHERENT_CHANGES_1ST COHERENT_BASE
int coherent_base_loan_end(struct coherent_loan *loan, int result);

/**
 * coherent_base_loan_level() - See coherent_loan_level().
 * @loan: The loan.
 *
 * Return: the enum coherent_level; 0 if @loan is empty.
 */
COHERENT_BASE int coherent_base_loan_level(const struct coherent_loan *loan);

/**
 * coherent_base_loan_free() - See coherent_loan_free().
 * @loan: The loan.
 */
COHERENT_CHANGES_1ST COHERENT_BASE void coherent_base_loan_free(struct coherent_loan *loan);

/**
 * coherent_base_loan_cleanup() - Call coherent_loan_free() at the end of a scope.
 * @loan: The variable.
 */
COHERENT_BASE void coherent_base_loan_cleanup(void *loan);

COHERENT_C_END

/**
 * coherent_lend() - Hand the memory of a box to the device.
 * @box: The box. The call always consumes it; on failure it is freed. Pointers from
 *	coherent_box_ptr() are invalid.
 * @loan: The new loan. It must be empty, and is empty on failure.
 * @direction: Which way the data goes. It holds until coherent_take().
 *
 * When the call returns, the device sees what the CPU wrote before.
 *
 * For instance:
 *
 *	err = coherent_lend(&box, &loan, COHERENT_TO_DEVICE);
 *
 * Context: may sleep in userspace, any in the kernel.
 * Return: 0; -EINVAL (@box is empty, @direction, a direction that the pool of @box or a @box
 * in place does not allow, in the kernel also a box larger than
 * coherent_device_set_max_segment()), -EBUSY (@loan is not empty, and stays as it is),
 * -EOPNOTSUPP (the kernel would use bounce buffers for memory of COHERENT_IOMMU), -ENOSPC
 * (also: the device cannot address the memory), -ENOMEM, -ENODEV, -EIO, -ETIMEDOUT as
 * coherent_expose().
 */
#define coherent_lend(box, loan, direction)				\
	COHERENT_AGAIN(COHERENT_LEND)					\
	COHERENT_LEND(COHERENT_UNIQUE(x), box, loan, direction)
#define COHERENT_LEND(x, from, to, direction)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) to COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (to) COHERENT_OBJECT_END(x, 2)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, box), 1, COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, box), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, box)));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, box)));		\
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, loan), COHERENT_IS_ARG(x, 1, box), COHERENT_TEXT_LOAN)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, loan), COHERENT_IS_ARG(x, 1, box))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, box) || !COHERENT_IS_ARG(x, 2, loan) || COHERENT_SAME_T(x)), "the box and the loan hold different element types"); \
		COHERENT_STRICT const struct { enum coherent_direction way; } COHERENT_ARG(x, last) = { direction }; COHERENT_STRICT_END \
		COHERENT_ERR(x, coherent_base_lend(COHERENT_BASE_FOR(x, 1, box), COHERENT_BASE_FOR(x, 2, loan), \
			COHERENT_SIZE_OF(x, 1), COHERENT_ARG(x, last).way)) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_take() - Take the memory of a loan back from the device.
 * @loan: The loan. It is empty on success and on -EIO.
 * @...: The box, which must be empty, and is empty on failure; then .idle = true if the driver
 *	promises that no command in flight names the loan.
 *
 * When the call returns, the CPU sees what the device wrote, unless the direction was
 * COHERENT_TO_DEVICE. The driver must give .idle where coherent_reclaim() needs it.
 *
 * For instance:
 *
 *	err = coherent_take(&loan, &box, .idle = true);
 *
 * Context: may sleep in userspace, any in the kernel.
 * Return: 0; -EINVAL (@loan is empty), otherwise as coherent_reclaim().
 */
#define coherent_take(loan, ...)					\
	COHERENT_AGAIN(COHERENT_TAKE_BACK)				\
	COHERENT_TAKE_BACK(COHERENT_UNIQUE(x), loan, __VA_ARGS__, )
#define COHERENT_TAKE_BACK(x, from, to, ...)				\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) from COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) to COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (from) COHERENT_OBJECT_END(x, 1) \
		COHERENT_OBJECT_OF(x, 2) (to) COHERENT_OBJECT_END(x, 2)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, loan), 1, COHERENT_TEXT_LOAN)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, loan), 1)); \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 2, COHERENT_IS_ARG(x, 1, loan)));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 2, COHERENT_IS_ARG(x, 1, loan)));		\
		_Static_assert(COHERENT_FIT_KIND(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, loan), COHERENT_TEXT_BOX)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 2, COHERENT_IS_ARG(x, 2, box), COHERENT_IS_ARG(x, 1, loan))); \
		_Static_assert(COHERENT_FIT(!COHERENT_IS_ARG(x, 1, loan) || !COHERENT_IS_ARG(x, 2, box) || COHERENT_SAME_T(x)), "the loan and the box hold different element types"); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_reclaim_options, #__VA_ARGS__) \
			.box = COHERENT_BASE_FOR(x, 2, box), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_take(COHERENT_BASE_FOR(x, 1, loan), COHERENT_OPTIONS_OF(x))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_loan_visit() - Let a function use the memory of a loan between two transfers.
 * @loan: The loan.
 * @fn: int fn(T *elements, size_t count, void *arg). It is called once and returns 0 or -errno.
 *	Its pointer is invalid when it returns. It must not end the loan, or visit it again.
 * @arg: The last argument of @fn.
 *
 * The device must not use the memory meanwhile: the driver must see to that. @fn sees what the
 * device wrote, unless the direction is COHERENT_TO_DEVICE. Afterwards the device sees what @fn
 * wrote, unless the direction is COHERENT_FROM_DEVICE: then the writes of @fn may be lost.
 *
 * Context: that of @fn.
 * Return: 0; -EINVAL (@loan is empty, or @fn returned a positive number), -ENODEV, or what @fn
 * returned if that is negative.
 */
#define coherent_loan_visit(loan, fn, arg)				\
	COHERENT_AGAIN(COHERENT_LOAN_VISIT)				\
	COHERENT_LOAN_VISIT(COHERENT_UNIQUE(x), loan, fn, arg)
#define COHERENT_LOAN_VISIT(x, old, fn, argument)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1)		\
		COHERENT_LET_DECAYED(x, 2) fn COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (old) COHERENT_OBJECT_END(x, 1) \
		COHERENT_FUNCTION_OF(x, 2) (fn) COHERENT_FUNCTION_END(x, 2) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, loan), 1, COHERENT_TEXT_LOAN)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, loan), 1)); \
		_Static_assert(COHERENT_FIT_FUNCTION(x, 2, COHERENT_INIT_OF(x), COHERENT_IS_ARG(x, 1, loan), COHERENT_TEXT_VISIT)); \
		COHERENT_LAST_IS(x) argument COHERENT_LAST_END		\
		COHERENT_LET_ELEMENTS(x)				\
		int COHERENT_ARG(x, code) = coherent_base_loan_begin(COHERENT_BASE_FOR(x, 1, loan), &COHERENT_ARG(x, elements)); \
		COHERENT_ERR(x, COHERENT_ARG(x, code) ? COHERENT_ARG(x, code) : \
			coherent_base_loan_end(COHERENT_BASE_FOR(x, 1, loan), \
				COHERENT_FUNCTION(x, 2, COHERENT_INIT_OF(x))(COHERENT_ARG(x, elements), \
					coherent_loan_count_of(COHERENT_CONST_BASE_FOR(x, 1, loan)), COHERENT_LAST(x)))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_loan_addr() - Return the device address of a loan.
 * @loan: The loan.
 *
 * Context: any.
 * Return: the device address of the first element; .raw is ~0 if @loan is empty.
 */
#define coherent_loan_addr(loan)					\
	COHERENT_AGAIN(COHERENT_LOAN_ADDR)				\
	COHERENT_LOAN_ADDR(COHERENT_UNIQUE(x), loan)
#define COHERENT_LOAN_ADDR(x, old)					\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, loan), 1, COHERENT_TEXT_LOAN)); \
		coherent_loan_addr_of(COHERENT_CONST_BASE_FOR(x, 1, loan)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

/**
 * coherent_loan_count() - Return how many elements a loan has.
 * @loan: The loan.
 *
 * Context: any.
 * Return: the number of elements; 0 if @loan is empty.
 */
#define coherent_loan_count(loan)					\
	COHERENT_AGAIN(COHERENT_LOAN_COUNT)				\
	COHERENT_LOAN_COUNT(COHERENT_UNIQUE(x), loan)
#define COHERENT_LOAN_COUNT(x, old)					\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, loan), 1, COHERENT_TEXT_LOAN)); \
		coherent_loan_count_of(COHERENT_CONST_BASE_FOR(x, 1, loan)); \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

/**
 * coherent_loan_level() - Return what keeps the device from the memory after coherent_take().
 * @loan: The loan.
 *
 * In the kernel the level of memory that the driver adopted is COHERENT_IOMMU only if the IOMMU
 * flushes at once (iommu.strict=1): otherwise the device can reach it for some milliseconds more.
 *
 * Context: any.
 * Return: the level; 0 if @loan is empty.
 */
#define coherent_loan_level(loan)					\
	COHERENT_AGAIN(COHERENT_LOAN_LEVEL)				\
	COHERENT_LOAN_LEVEL(COHERENT_UNIQUE(x), loan)
#define COHERENT_LOAN_LEVEL(x, old)					\
	COHERENT_BEGIN_VALUE						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, loan), 1, COHERENT_TEXT_LOAN)); \
		((struct { enum coherent_level level; }){ \
			coherent_base_loan_level(COHERENT_CONST_BASE_FOR(x, 1, loan)) }).level; \
	COHERENT_ARGUMENTS_END COHERENT_END_VALUE

/**
 * coherent_loan_free() - Free a loan with its memory.
 * @loan: The loan. It is empty afterwards. Nothing happens if it was empty.
 *
 * The device loses access. The rest is as for coherent_free(). But a device of sim: with lazy has a
 * copy of adopted memory. The driver gets its memory back at once, without what the device writes
 * to the copy later.
 *
 * Context: may sleep.
 */
#define coherent_loan_free(loan)					\
	COHERENT_AGAIN(COHERENT_LOAN_FREE)				\
	COHERENT_LOAN_FREE(COHERENT_UNIQUE(x), loan)
#define COHERENT_LOAN_FREE(x, old)					\
	COHERENT_BEGIN_VOID						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_OBJECT_OF(x, 1) (old) COHERENT_OBJECT_END(x, 1) \
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, loan), 1, COHERENT_TEXT_LOAN)); \
		_Static_assert(COHERENT_FIT_MUTABLE(x, 1, COHERENT_IS_ARG(x, 1, loan), 1)); \
		coherent_base_loan_free(COHERENT_BASE_FOR(x, 1, loan));	\
	COHERENT_ARGUMENTS_END COHERENT_END_VOID

#include <coherent/detail/c_only.h>

#endif
