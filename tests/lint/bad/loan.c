// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Memory that the driver touches while the device has it, and loans that nobody takes back. */
#include "../driver.h"

int pointer_kept(union desc_box *box, union desc_loan *loan)
{
	struct desc *descs = coherent_box_ptr(box);
	int err = coherent_lend(box, loan, COHERENT_TO_DEVICE);

	if (err)
		return err;
	/* want: a pointer into box 'box' is used here after coherent_lend() at line N consumed the box */
	descs[0].len = 1;
	return 0;
}

int box_after_lend(union desc_box *box, union desc_loan *loan)
{
	int err = coherent_lend(box, loan, COHERENT_TO_DEVICE);

	/* want: box 'box' is used here after coherent_lend() at line N consumed it */
	coherent_box_ptr(box)[0].len = 1;
	return err;
}

int taken_twice(union desc_loan *loan, union desc_box *box, union desc_box *other)
{
	int err = coherent_take(loan, box, .idle = true);

	if (err)
		return err;
	/* want: loan 'loan' is taken here after coherent_take() at line N ended it */
	return coherent_take(loan, other, .idle = true);
}

uint64_t address_after_take(union desc_loan *loan, union desc_box *box)
{
	if (coherent_take(loan, box, .idle = true))
		return 0;
	/* want: loan 'loan' is used here after coherent_take() at line N ended it */
	return coherent_loan_addr(loan).raw;
}

int leaked(struct coherent_device *dev, struct coherent_bar *bar)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_loan loan = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, dev, ENTRIES);

	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_FROM_DEVICE);
	if (err)
		return err;
	coherent_bar_write64(bar, 0, coherent_loan_addr(&loan).raw);
	/* want: loan 'loan' */
	return 0;
}

uint64_t after_move(union desc_loan *from, union desc_loan *to)
{
	coherent_move(from, to);
	/* want: loan 'from' is used here after coherent_move() at line N */
	return coherent_loan_addr(from).raw;
}

int moved_and_leaked(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_loan loan = COHERENT_EMPTY, to = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, dev, ENTRIES);

	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_FROM_DEVICE);
	coherent_move(&loan, &to);
	/* want: loan 'to' */
	return err;
}
