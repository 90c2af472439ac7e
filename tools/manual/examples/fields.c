/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* clang must know the fields of a struct with padding, to copy it. */
#include <coherent.h>

struct entry {
	uint8_t kind;
	uint32_t len;
};
COHERENT_FIELDS(struct entry, .kind, .len);

int example(struct coherent_device *dev)
{
	const struct entry entries[2] = { { 1, 100 }, { 2, 200 } };
	COHERENT_AUTO(struct entry, mem);
	int err;

	err = coherent_from(&mem, dev, entries, 2);
	if (!err)
		err = coherent_copy_in(&mem, 1, &entries[0], 1);
	return err;
}
