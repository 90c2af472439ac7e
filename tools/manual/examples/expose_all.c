/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device gets a table and its data, or neither. */
#include <coherent.h>

int example(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint64_t, table_box);
	COHERENT_BOX_AUTO(uint8_t, data_box);
	COHERENT_AUTO(uint64_t, table);
	COHERENT_AUTO(uint8_t, data);
	int err;

	err = coherent_box_zeroed(&table_box, dev, 512);
	if (!err)
		err = coherent_box_zeroed(&data_box, dev, 4096);
	if (!err)
		err = coherent_expose_all(
			COHERENT_EXPOSURE(&data_box, &data),
			COHERENT_EXPOSURE(&table_box, &table,
					  .permission = COHERENT_READ_ONLY));
	return err;
}
