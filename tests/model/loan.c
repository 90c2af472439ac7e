// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model lends a box, lets the device use the loan, and takes it back. The device has a copy of
 * the box: an object with an address of its own. For the time of the loan a free slot of the model
 * holds the place of the copy. A box in place has no copy.
 */
#include <coherent/loan.h>
#include <limits.h>
#include <string.h>

#include "object.h"

COHERENT_LOAN_TYPE(byte_loan, uint8_t);
COHERENT_LOAN_TYPE(record_loan, struct record);

/**
 * struct loan - A loan.
 * @slot: The slot of the box.
 * @copy: The place of the copy, in a free slot. For a box in place, its own place.
 * @direction: The direction.
 * @result: The result of the last function that visited the loan.
 * @bytes: The loan, if elements are bytes.
 * @records: The loan, if they are records.
 */
struct loan {
	struct slot *slot;
	struct place *copy;
	enum coherent_direction direction;
	int result;
	struct {
		union byte_loan loan;
	} bytes;
	struct {
		union record_loan loan;
	} records;
};

#define EITHER_LOAN(of, call, ...)                                                       \
	((of)->slot->is_records ? call(&(of)->records.loan __VA_OPT__(, ) __VA_ARGS__) : \
				  call(&(of)->bytes.loan __VA_OPT__(, ) __VA_ARGS__))

static size_t loan_bytes(const struct loan *loan)
{
	return loan->slot->count * slot_size(loan->slot);
}

/* --- Lend --- */

static int call_lend(struct loan *loan)
{
	if (loan->slot->is_records)
		return coherent_lend(&loan->slot->records.box, &loan->records.loan,
				     loan->direction);
	return coherent_lend(&loan->slot->bytes.box, &loan->bytes.loan, loan->direction);
}

static bool is_refused(const struct loan *loan)
{
	const struct place *place = &loan->slot->place;

	return loan->direction < COHERENT_TO_DEVICE || loan->direction > COHERENT_BOTH_WAYS ||
	       (place->in_place && place->readonly && loan->direction != COHERENT_TO_DEVICE);
}

static int predict_lend(const struct loan *loan)
{
	int err;

	if (loan->slot->kind != BOX)
		return -EINVAL;
	if (is_refused(loan)) {
		expect_report(device_of(&loan->slot->place), COHERENT_ERROR);
		return -EINVAL;
	}
	if (loan->slot->place.in_place)
		return 0;
	err = space_reserve(loan->copy);
	if (err && !loan->copy->quiet)
		expect_report(device_of(loan->copy), COHERENT_WARNING);
	return err ? err : map_result(loan->copy);
}

static void drop_slot(struct slot *slot)
{
	device_of(&slot->place)->objects--;
	clear_slot(slot);
}

/* Returns whether the box is lent. */
static bool lend(struct loan *loan)
{
	const int err = predict_lend(loan);

	EXPECT(call_lend(loan), err);
	CHECK(EITHER_LOAN(loan, coherent_is_empty) == !!err);
	if (err) {
		loan->copy->address = 0;
		if (loan->slot->kind == BOX)
			drop_slot(loan->slot);
		return false;
	}
	device_of(loan->copy)->objects++;
	loan->copy->address = EITHER_LOAN(loan, coherent_loan_addr).raw;
	loan->copy->state = COHERENT_STATE_MEM;
	loan->copy->reachable = true;
	loan->copy->readonly = loan->direction == COHERENT_TO_DEVICE;
	space_claim(loan->copy);
	exposure_begin(loan->copy);
	CHECK(EITHER_LOAN(loan, coherent_loan_count) == loan->slot->count);
	CHECK(EITHER_LOAN(loan, coherent_loan_level) == COHERENT_IOMMU);
	return true;
}

/* --- While it is lent --- */

/* The driver sees the elements and changes some of them. */
static int change(void *elements, size_t bytes, struct loan *loan)
{
	const size_t first = pick((uint32_t)bytes);
	uint8_t *at = elements;

	CHECK(bytes == loan_bytes(loan));
	CHECK(!memcmp(elements, loan->copy->bytes, bytes));
	pattern(at + first, bytes - first);
	if (loan->direction != COHERENT_FROM_DEVICE || loan->copy->in_place)
		memcpy(loan->copy->bytes + first, at + first, bytes - first);
	loan->result = chance(4) ? (chance(2) ? -EDOM : 7) : 0;
	return loan->result;
}

static int visit_bytes(uint8_t *elements, size_t count, void *arg)
{
	return change(elements, count, arg);
}

static int visit_records(struct record *elements, size_t count, void *arg)
{
	return change(elements, count * sizeof(*elements), arg);
}

static void visit(struct loan *loan)
{
	int err;

	loan->result = INT_MIN;
	if (loan->slot->is_records)
		err = coherent_loan_visit(&loan->records.loan, visit_records, loan);
	else
		err = coherent_loan_visit(&loan->bytes.loan, visit_bytes, loan);
	CHECK(err == (loan->result > 0 ? -EINVAL : loan->result) && err != INT_MIN);
	if (err == -EINVAL)
		expect_report(device_of(loan->copy), COHERENT_ERROR);
}

static void use(struct loan *loan)
{
	for (unsigned int turns = pick(4); turns; turns--) {
		if (chance(2))
			driver_tries_address(loan->copy->dev,
					     loan->copy->address +
						     pick((uint32_t)loan_bytes(loan)));
		else
			visit(loan);
	}
}

/* --- The end --- */

static int call_take(struct loan *loan, bool idle)
{
	if (loan->slot->is_records)
		return coherent_take(&loan->records.loan, &loan->slot->records.box, .idle = idle);
	return coherent_take(&loan->bytes.loan, &loan->slot->bytes.box, .idle = idle);
}

static void end_copy(struct loan *loan, enum coherent_state state, bool leaked)
{
	space_end(loan->copy, state, leaked);
	loan->copy->address = 0;
}

static void free_loan(struct loan *loan)
{
	end_copy(loan, COHERENT_STATE_FREED, unmap_fails(loan->copy));
	EITHER_LOAN(loan, coherent_loan_free);
	drop_slot(loan->slot);
}

static void take(struct loan *loan)
{
	struct slot *slot = loan->slot;

	if (device_of(loan->copy)->lazy) {
		expect_report(device_of(loan->copy), COHERENT_ERROR);
		EXPECT(call_take(loan, false), -EBUSY);
	}
	if (space_reserve(loan->copy)) {
		EXPECT(call_take(loan, true), -ENOSPC);
		free_loan(loan);
		return;
	}
	if (unmap_fails(loan->copy)) {
		end_copy(loan, COHERENT_STATE_RECLAIMED, true);
		EXPECT(call_take(loan, true), -EIO);
		drop_slot(slot);
		return;
	}
	EXPECT(call_take(loan, true), 0);
	memcpy(slot->place.bytes, loan->copy->bytes, loan_bytes(loan));
	end_copy(loan, COHERENT_STATE_RECLAIMED, false);
	CHECK(slot->place.address == address_of_box(slot));
	slot_check(slot);
}

static void use_and_end(struct loan *loan)
{
	use(loan);
	if (chance(4))
		free_loan(loan);
	else
		take(loan);
	CHECK(EITHER_LOAN(loan, coherent_is_empty));
}

/* --- Boxes in place --- */

static void end_in_place(struct loan *loan)
{
	struct slot *slot = loan->slot;

	if (chance(4)) {
		space_end(&slot->place, COHERENT_STATE_FREED, unmap_fails(&slot->place));
		EITHER_LOAN(loan, coherent_loan_free);
		CHECK(EITHER_LOAN(loan, coherent_is_empty));
		clear_slot(slot);
		return;
	}
	expect_report(device_of(&slot->place), COHERENT_ERROR);
	EXPECT(call_take(loan, false), -EBUSY);
	EXPECT(call_take(loan, true), 0);
	CHECK(EITHER_LOAN(loan, coherent_is_empty));
	change_kind(slot, BOX);
	CHECK(slot->place.address == address_of_box(slot));
	slot_check(slot);
}

/* The device keeps the access that it has, at the same address. */
static void lend_in_place(struct loan *loan)
{
	struct slot *slot = loan->slot;
	const int err = predict_lend(loan);

	loan->copy = &slot->place;
	EXPECT(call_lend(loan), err);
	CHECK(EITHER_LOAN(loan, coherent_is_empty) == !!err);
	if (err) {
		end_box(slot);
		clear_slot(slot);
		return;
	}
	change_kind(slot, MEM);
	CHECK(EITHER_LOAN(loan, coherent_loan_addr).raw == slot->place.address);
	CHECK(EITHER_LOAN(loan, coherent_loan_count) == slot->count);
	CHECK(EITHER_LOAN(loan, coherent_loan_level) == COHERENT_HIDDEN);
	use(loan);
	end_in_place(loan);
}

static struct slot *pick_empty(const struct slot *but)
{
	struct slot *slot = &model.slots[pick(SLOTS)];

	return slot->kind == EMPTY && slot != but ? slot : NULL;
}

void loan_step(struct slot *slot)
{
	struct slot *free_slot = pick_empty(slot);
	struct loan loan = { .slot = slot, .direction = 1 + pick(3) };

	if (!free_slot || slot->kind == MEM || slot->kind == HANDLE)
		return;
	/* Such a box is lent without a copy, which the model does not know. tests/loan.c does. */
	if (slot->place.chosen)
		return;
	if (chance(16))
		loan.direction = chance(2) ? 0 : 4;
	if (slot->place.in_place) {
		lend_in_place(&loan);
		return;
	}
	loan.copy = &free_slot->place;
	*loan.copy = slot->place;
	loan.copy->address = 0;
	memset(loan.copy->bytes + loan_bytes(&loan), 0, BYTES_MAX - loan_bytes(&loan));
	if (lend(&loan))
		use_and_end(&loan);
	memset(free_slot, 0, sizeof(*free_slot));
}

void loan_misuse(void)
{
	COHERENT_LOAN_AUTO(uint8_t, loan);
	union byte_box box = COHERENT_EMPTY;

	EXPECT(coherent_take(&loan, &box), -EINVAL);
	EXPECT(coherent_loan_visit(&loan, visit_bytes, NULL), -EINVAL);
	CHECK(coherent_loan_addr(&loan).raw == UINT64_MAX);
	CHECK(!coherent_loan_count(&loan) && !coherent_loan_level(&loan));
	coherent_loan_free(&loan);
}
