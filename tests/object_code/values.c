// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A value that goes into a slot of a pool. run.py looks for the barrier behind the copy. */
#include <coherent.h>
#include <coherent/pool.h>

struct command {
	uint32_t words[16];
};

COHERENT_FIELDS(struct command, .words);
COHERENT_POOL_TYPE(commands, struct command);
COHERENT_TYPE(command_mem, struct command);

int from_value(union commands *pool, union command_mem *mem, const struct command *command);
int from_value(union commands *pool, union command_mem *mem, const struct command *command)
{
	return coherent_pool_from(pool, mem, command);
}
