/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A command of the stack becomes a mem of a pool. */
#include <coherent/pool.h>

struct command {
	coherent_le64 address;
	coherent_le64 len;
};
COHERENT_FIELDS(struct command, .address, .len);

int example(struct coherent_device *dev)
{
	const struct command command = {
		.len = coherent_cpu_to_le64(512),
	};
	COHERENT_POOL(struct command) pool = COHERENT_EMPTY;
	COHERENT(struct command) mem = COHERENT_EMPTY;
	int err;

	err = coherent_pool_create(&pool, dev);
	if (err)
		return err;
	err = coherent_pool_from(&pool, &mem, &command);
	coherent_free(&mem);
	return err ? err : coherent_pool_destroy(&pool);
}
