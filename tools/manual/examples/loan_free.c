/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver gives up, and frees what it lent. */
#include <coherent/loan.h>

int example(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_LOAN(uint8_t) loan = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, dev, 4096);
	if (!err)
		err = coherent_lend(&box, &loan, COHERENT_FROM_DEVICE);
	coherent_loan_free(&loan);
	return err;
}
