/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: coherent_copy_in */
/* The driver copies whole elements, and bytes of a field. */
#include <coherent.h>

struct frame {
	coherent_le16 len;
	uint8_t bytes[1514];
};
COHERENT_FIELDS(struct frame, .len, .bytes);

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(struct frame, mem);
	const uint8_t hello[5] = "hello";
	struct frame frame;
	uint8_t back[5];
	int err;

	err = coherent_zeroed(&mem, dev, 4);
	if (!err)
		err = coherent_copy_in_field(&mem, 1, .bytes, 14, hello, 5);
	if (!err)
		err = coherent_copy_out_field(&mem, 1, .bytes, 14, back, 5);
	if (!err)
		err = coherent_copy_out(&mem, 1, &frame, 1);
	if (!err)
		err = coherent_copy_in(&mem, 2, &frame, 1);
	if (!err)
		err = coherent_clear(&mem, 0, 1);
	return err ? err : frame.bytes[14] == 'h' && back[4] == 'o' ? 0 : -1;
}
