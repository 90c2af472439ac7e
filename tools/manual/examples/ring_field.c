/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The ring of a virtqueue is an array behind its index. */
#include <coherent.h>

struct avail {
	coherent_le16 flags;
	coherent_le16 index;
	coherent_le16 ring[256];
};

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(struct avail, avail);
	COHERENT_RING(coherent_le16) ring;
	int err;

	err = coherent_zeroed(&avail, dev, 1);
	if (!err)
		err = coherent_ring_field(&avail, 0, .ring, &ring);
	if (err)
		return err;
	coherent_ring_put(&ring, 300, 7);
	return coherent_write_release(&avail, 0, .index, 1);
}
