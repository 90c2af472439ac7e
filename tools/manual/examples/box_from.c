/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: COHERENT_BOX_AUTO, coherent_box_options, coherent_expose_options */
/* The driver makes a box of an array, and the device may only read it. */
#include <coherent.h>

static const uint32_t words[4] = { 1, 2, 3, 4 };

int example(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint32_t, box);
	COHERENT_AUTO(uint32_t, mem);
	int err;

	err = coherent_box_from(&box, dev, words, 4, .align = 4096,
				.attrs = COHERENT_ATTR_NO_WARN);
	if (!err && coherent_box_count(&box) != 4)
		err = -1;
	if (!err && coherent_box_level(&box) < COHERENT_PEER)
		err = -1;
	if (!err)
		err = coherent_expose(&box, &mem,
				      .permission = COHERENT_READ_ONLY);
	return err;
}
