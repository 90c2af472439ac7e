/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Commands come from a pool. */
#include <coherent/pool.h>

struct command {
	coherent_le64 address;
	coherent_le32 len;
	coherent_le32 op;
};
COHERENT_POOL_TYPE(commands, struct command);

int example(struct coherent_device *dev)
{
	COHERENT_POOL_AUTO(struct command, pool);
	COHERENT_BOX_AUTO(struct command, box);
	COHERENT_AUTO(struct command, mem);
	int err;

	err = coherent_pool_create(&pool, dev, .align = 64);
	if (!err)
		err = coherent_pool_box(&pool, &box);
	if (err)
		return err;
	coherent_box_ptr(&box)->op = coherent_cpu_to_le32(2);
	return coherent_expose(&box, &mem);
}
