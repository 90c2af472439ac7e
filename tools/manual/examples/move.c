/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A function builds a mem, and moves it to its caller. */
#include <coherent.h>

COHERENT_TYPE(words, uint32_t);

static int make(struct coherent_device *dev, union words *out)
{
	COHERENT_AUTO(uint32_t, mem);
	union words named = COHERENT_EMPTY;
	int err = coherent_zeroed(&named, dev, 16);

	if (!err)
		coherent_move(&named, out);
	return err ? err : coherent_is_empty(&mem) ? 0 : -1;
}

int example(struct coherent_device *dev)
{
	union words words = COHERENT_EMPTY;
	int err = make(dev, &words);

	coherent_free(&words);
	return err;
}
