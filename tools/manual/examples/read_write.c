/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: coherent_write, coherent_write_release, coherent_le32 */
/* The driver fills a descriptor, hands it over, and looks at the result. */
#include <coherent.h>
#include <errno.h>

struct desc {
	coherent_le32 len;
	coherent_le32 owner;
};

int example(struct coherent_device *dev)
{
	COHERENT_AUTO(struct desc, mem);
	uint32_t owner, len;
	int err;

	err = coherent_zeroed(&mem, dev, 8);
	if (!err)
		err = coherent_write(&mem, 3, .len, 512);
	if (!err)	/* The device sees the length before the owner. */
		err = coherent_write_release(&mem, 3, .owner, 1);
	if (!err)
		err = coherent_read_acquire(&mem, 3, .owner, &owner);
	if (!err)
		err = coherent_read(&mem, 3, .len, &len);
	return err ? err : owner == 1 && len == 512 ? 0 : -EPROTO;
}
