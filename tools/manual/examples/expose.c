/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: COHERENT, COHERENT_EMPTY, coherent_box_zeroed, coherent_box_ptr, coherent_free */
/* The driver fills a box, exposes it, and takes it back. */
#include <coherent.h>

struct command {
	coherent_le32 op;
	coherent_le32 len;
};

int example(struct coherent_device *dev)
{
	COHERENT_BOX(struct command) box = COHERENT_EMPTY;
	COHERENT(struct command) mem = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, dev, 1);
	if (err)
		return err;
	coherent_box_ptr(&box)->len = coherent_cpu_to_le32(512);
	err = coherent_expose(&box, &mem);
	if (err)
		return err;
	/* The device gets coherent_addr(&mem).raw and works. */
	err = coherent_reclaim(&mem, &box, .idle = true);
	if (err)
		coherent_free(&mem);
	coherent_box_free(&box);
	return err;
}
