/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One call handles 32 commands. */
#include <coherent/pool_many.h>

struct command {
	coherent_le64 address;
	coherent_le64 len;
};
COHERENT_FIELDS(struct command, .address, .len);
COHERENT_BOX_TYPE(command_box, struct command);
COHERENT_TYPE(command_mem, struct command);

static const struct command commands[32];

int example(struct coherent_device *dev)
{
	COHERENT_POOL_AUTO(struct command, pool);
	union command_box boxes[32] = { COHERENT_EMPTY };
	union command_mem mems[32] = { COHERENT_EMPTY };
	int err;

	err = coherent_pool_create(&pool, dev);
	if (!err)
		err = coherent_pool_boxes(&pool, boxes, 32);
	if (!err)
		err = coherent_pool_expose(&pool, boxes, mems, 32);
	coherent_pool_free(&pool, mems, 32);
	if (!err)
		err = coherent_pool_from_all(&pool, mems, commands, 32);
	coherent_pool_free(&pool, mems, 32);
	coherent_pool_box_free(&pool, boxes, 32);	/* all are empty */
	return err;
}
