/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A box is plain memory, so the driver converts the byte order. */
#include <coherent.h>

struct header {
	coherent_le16 a;
	coherent_be16 b;
	coherent_le32 c;
	coherent_be32 d;
	coherent_le64 e;
	coherent_be64 f;
};

int example(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(struct header, box);
	struct header *header;
	int err;

	err = coherent_box_zeroed(&box, dev, 1);
	if (err)
		return err;
	header = coherent_box_ptr(&box);
	header->a = coherent_cpu_to_le16(1);
	header->b = coherent_cpu_to_be16(2);
	header->c = coherent_cpu_to_le32(3);
	header->d = coherent_cpu_to_be32(4);
	header->e = coherent_cpu_to_le64(5);
	header->f = coherent_cpu_to_be64(6);
	return coherent_le16_to_cpu(header->a) == 1 &&
	       coherent_be16_to_cpu(header->b) == 2 &&
	       coherent_le32_to_cpu(header->c) == 3 &&
	       coherent_be32_to_cpu(header->d) == 4 &&
	       coherent_le64_to_cpu(header->e) == 5 &&
	       coherent_be64_to_cpu(header->f) == 6 ? 0 : -1;
}
