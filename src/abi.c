// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The parts of the library that a program compiles in. A later version must not change them.
 *
 * A struct that carries its size can grow at its end. CONTRIBUTING.md says how to add a member.
 */
#include <coherent/pool.h>
#include <coherent/sim.h>

#define END_OF(type, member) (offsetof(struct type, member) + sizeof(((struct type *)NULL)->member))

/*
 * INVARIANT: there is no padding behind the last member. Otherwise a new member could leave the size
 * as it is, and an older program would have any value there.
 */
#define ENDS_WITH(type, member)                                     \
	_Static_assert(sizeof(struct type) == END_OF(type, member), \
		       "let the last member of this struct fill it: put a new one behind it")

ENDS_WITH(coherent_open_options, nodes);
ENDS_WITH(coherent_box_options, boundary);
ENDS_WITH(coherent_expose_options, seal_arg);
ENDS_WITH(coherent_reclaim_options, options_have_names);
ENDS_WITH(coherent_mem_options, seal_arg);
ENDS_WITH(coherent_handle_options, boundary);
ENDS_WITH(coherent_pool_options, boundary);
ENDS_WITH(coherent_exposure, options);
ENDS_WITH(coherent_sim_model, reset);
ENDS_WITH(coherent_limits, bar_bytes);
ENDS_WITH(coherent_stats, memory);
ENDS_WITH(coherent_info, where);
ENDS_WITH(coherent_fault, text);

int coherent_version(void)
{
	return COHERENT_VERSION;
}
