// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The plug-in of tests/unload.c. The program unloads it, and with it the names of its places.
 */
#include "unload.h"

static int leave_and_end_mems(struct unload *unload)
{
	union unload_mem mem = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint32_t, box);
	int err;

	unload->freed_line = __LINE__ + 1;
	err = coherent_zeroed(&mem, unload->dev, 4);
	unload->freed = coherent_addr(&mem).raw;
	coherent_free(&mem);
	if (err)
		return err;
	unload->reclaimed_line = __LINE__ + 1;
	err = coherent_zeroed(&mem, unload->dev, 4);
	unload->reclaimed = coherent_addr(&mem).raw;
	if (!err)
		err = coherent_reclaim(&mem, &box, .idle = true);
	if (err)
		return err;
	unload->leaked_line = __LINE__ + 1;
	err = coherent_zeroed(&unload->leaked, unload->dev, 4);
	if (err)
		return err;
	unload->mem_line = __LINE__ + 1;
	return coherent_zeroed(&unload->mem, unload->dev, 4, .permission = COHERENT_READ_ONLY);
}

int unload_allocate(struct unload *unload)
{
	int err = leave_and_end_mems(unload);

	if (err)
		return err;
	unload->box_line = __LINE__ + 1;
	err = coherent_box_zeroed(&unload->box, unload->dev, 4);
	if (err)
		return err;
	unload->own_line = __LINE__ + 1;
	err = coherent_pool_create(&unload->own, unload->dev, .permission = COHERENT_READ_ONLY);
	for (unsigned int i = 0; !err && i < UNLOAD_SLOTS; i++) {
		unload->slots_line = __LINE__ + 1;
		err = coherent_pool_box(&unload->own, &unload->slots[i]);
	}
	if (err)
		return err;
	unload->other_line = __LINE__ + 1;
	return coherent_pool_box(&unload->pool, &unload->other);
}
