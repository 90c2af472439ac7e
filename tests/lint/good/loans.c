// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver that lends its buffers, one transfer after the other. */
#include "../driver.h"

static int count_bytes(struct desc *descs, size_t count, void *arg)
{
	uint64_t *bytes = arg;

	for (size_t i = 0; i < count; i++)
		*bytes += descs[i].len;
	return 0;
}

static int wait_for_device(struct driver *driver)
{
	return coherent_irq_wait(driver->irq, 1000000000);
}

static int transfer(struct driver *driver, union desc_box *box, enum coherent_direction direction)
{
	union desc_loan loan = COHERENT_EMPTY;
	uint64_t bytes = 0;
	int err;

	err = coherent_lend(box, &loan, direction);
	if (err)
		return err;
	coherent_bar_write64(driver->bar, 0, coherent_loan_addr(&loan).raw);
	err = wait_for_device(driver);
	if (!err)
		err = coherent_loan_visit(&loan, count_bytes, &bytes);
	if (!err)
		err = coherent_take(&loan, box, .idle = true);
	coherent_loan_free(&loan);
	return err;
}

int transfers(struct driver *driver)
{
	COHERENT_BOX_AUTO(struct desc, spare);
	union desc_box box = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&box, driver->dev, ENTRIES);

	for (int i = 0; !err && i < 4; i++) {
		coherent_box_ptr(&box)[i].len = 1;
		err = transfer(driver, &box, COHERENT_TO_DEVICE);
		if (!err)
			err = transfer(driver, &box, COHERENT_BOTH_WAYS);
	}
	coherent_box_free(&box);
	return err;
}

/* The driver keeps the loan until its next call. */
int keep_loan(union desc_box *box, union desc_loan *kept);
int keep_loan(union desc_box *box, union desc_loan *kept)
{
	union desc_loan loan = COHERENT_EMPTY;
	int err = coherent_lend(box, &loan, COHERENT_TO_DEVICE);

	if (!err)
		coherent_move(&loan, kept);
	return err;
}

/* Memory of the driver ends with its object. */
int adopt_and_expose(struct coherent_device *dev, struct desc *memory, const struct iovec *pieces)
{
	struct coherent_handle handle = COHERENT_EMPTY;
	union desc_box box = COHERENT_EMPTY;
	union desc_mem mem = COHERENT_EMPTY;
	int err = coherent_box_adopt(&box, dev, memory, ENTRIES, .tail = true);

	if (!err)
		err = coherent_expose(&box, &mem);
	if (!err)
		err = coherent_handle_adopt(&handle, dev, pieces, 2);
	coherent_handle_free(&handle);
	coherent_free(&mem);
	return err;
}
