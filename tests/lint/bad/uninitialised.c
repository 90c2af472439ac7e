// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Objects that were never initialised. A call before them hides them from gcc. */
#include "../driver.h"

int output(struct coherent_device *dev)
{
	union desc_box box = COHERENT_EMPTY;
	union desc_mem mem;
	int err = coherent_box_zeroed(&box, dev, 4);

	if (err)
		return err;
	/* want: mem 'mem' was never initialised: write = COHERENT_EMPTY where it is declared */
	err = coherent_expose(&box, &mem);
	coherent_free(&mem);
	return err;
}

int member(struct coherent_device *dev)
{
	struct queue queue;
	int err = other_file();

	if (err)
		return err;
	queue.running = true;
	/* want: mem 'queue.descs' was never initialised: write = COHERENT_EMPTY where it is declared */
	err = coherent_zeroed(&queue.descs, dev, 4);
	coherent_free(&queue.descs);
	return err;
}

void input(void)
{
	union desc_box box;

	other_file();
	/* want: box 'box' was never initialised: write = COHERENT_EMPTY where it is declared */
	coherent_box_free(&box);
}

int loan(struct coherent_device *dev, union desc_box *box)
{
	union desc_loan loan;
	int err = coherent_box_zeroed(box, dev, 4);

	if (err)
		return err;
	/* want: loan 'loan' was never initialised: write = COHERENT_EMPTY where it is declared */
	err = coherent_lend(box, &loan, COHERENT_TO_DEVICE);
	coherent_loan_free(&loan);
	return err;
}
