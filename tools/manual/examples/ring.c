/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: coherent_ring_put, COHERENT_RING, coherent_le64 */
/* The index of a ring wraps, so an access cannot fail. */
#include <coherent.h>

struct desc {
	coherent_le64 address;
	coherent_le32 len;
	coherent_le32 owner;
};

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(struct desc, mem);
	COHERENT_RING(struct desc) ring;
	unsigned int tail = 63;
	int err;

	err = coherent_zeroed(&mem, dev, 16);	/* a power of two */
	if (!err)
		err = coherent_ring(&mem, &ring);
	if (err)
		return err;
	coherent_ring_put(&ring, tail, .len, 512);
	coherent_ring_put_release(&ring, tail, .owner, 1);
	if (coherent_ring_get_acquire(&ring, tail + 16, .owner) != 1)
		return -1;
	return coherent_ring_get(&ring, tail, .len) == 512 ? 0 : -1;
}
