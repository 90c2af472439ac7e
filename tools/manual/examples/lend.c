/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device gets a buffer for one transfer. */
#include <coherent/loan.h>

static int look(uint8_t *bytes, size_t count, void *arg)
{
	(void)arg;
	return count == 4096 && bytes[0] == 7 ? 0 : -1;
}

int example(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_LOAN_AUTO(uint8_t, loan);
	int err;

	err = coherent_box_zeroed(&box, dev, 4096);
	if (err)
		return err;
	coherent_box_ptr(&box)[0] = 7;
	err = coherent_lend(&box, &loan, COHERENT_TO_DEVICE);
	/* The device reads from coherent_loan_addr(&loan).raw. */
	if (!err)
		err = coherent_loan_visit(&loan, look, NULL);
	if (!err && (coherent_loan_count(&loan) != 4096 ||
		     coherent_loan_level(&loan) < COHERENT_PEER))
		err = -1;
	if (!err)
		err = coherent_take(&loan, &box, .idle = true);
	return err;
}
