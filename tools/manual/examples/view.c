/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One part of the driver gets a view of some elements, or of a field. */
#include <coherent.h>

struct page {
	coherent_le32 crc;
	coherent_le32 words[1023];
};

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(struct page, mem);
	COHERENT_VIEW(struct page) half;
	COHERENT_VIEW(coherent_le32) words;
	int err;

	err = coherent_zeroed(&mem, dev, 8);
	if (!err)
		err = coherent_view(&mem, 4, 4, &half);
	if (!err)
		err = coherent_view_field(&half, 0, .words, &words);
	if (!err)
		err = coherent_write(&words, 1000, 7);
	return err;
}
