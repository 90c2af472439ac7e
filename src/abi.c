// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The parts of the library that a program compiles in. A later version must not change them.
 *
 * A struct that carries its size can grow at its end. CONTRIBUTING.md says how to add a member.
 */
#include <coherent/config.h>
#include <coherent/fabric.h>
#include <coherent/loan.h>
#include <coherent/pool.h>
#include <coherent/serve.h>
#include <coherent/share.h>
#include <coherent/sim.h>

#define END_OF(type, member) (offsetof(struct type, member) + sizeof(((struct type *)NULL)->member))

/*
 * INVARIANT: there is no padding behind the last member. Otherwise a new member could leave the size
 * as it is, and an older program would have any value there.
 */
#define ENDS_WITH(type, member)                                     \
	_Static_assert(sizeof(struct type) == END_OF(type, member), \
		       "name the last member here; a reserved one before it fills the struct")

ENDS_WITH(coherent_open_options, domain_info);
ENDS_WITH(coherent_box_options, address_is_pointer);
ENDS_WITH(coherent_expose_options, seal_arg);
ENDS_WITH(coherent_reclaim_options, options_have_names);
ENDS_WITH(coherent_mem_options, address_is_pointer);
ENDS_WITH(coherent_handle_options, nodes);
ENDS_WITH(coherent_adopt_options, address);
ENDS_WITH(coherent_handle_adopt_options, address);
ENDS_WITH(coherent_pool_options, in_place);
ENDS_WITH(coherent_share_options, reserved);
ENDS_WITH(coherent_fabric_options, count);
ENDS_WITH(coherent_exposure, options);
ENDS_WITH(coherent_sim_model, config_write);
ENDS_WITH(coherent_serve_options, timeout_ns);
ENDS_WITH(coherent_ids, reserved);
ENDS_WITH(coherent_limits, bar_bytes);
ENDS_WITH(coherent_stats, mappings);
ENDS_WITH(coherent_info, where);
ENDS_WITH(coherent_fault, text);
ENDS_WITH(coherent_event, reserved);

/*
 * Programs make objects of these types, and accessors that are compiled into programs use them. They
 * cannot grow. A box, a mem, a handle and a pool point to a record of the library, which can.
 */
#define FROZEN(type, member, at)                       \
	_Static_assert(offsetof(type, member) == (at), \
		       "accessors in programs have this offset: keep it, and use the record")
#define FROZEN_SIZE(type, bytes)                \
	_Static_assert(sizeof(type) == (bytes), \
		       "programs have this size: keep it, and use the record of the object")

FROZEN_SIZE(coherent_addr_t, 8);
/* Machines with other versions of the library exchange these two. */
FROZEN_SIZE(struct coherent_remote, 32);
FROZEN_SIZE(struct coherent_fabric_name, 128);
FROZEN_SIZE(struct coherent_box, 24);
FROZEN(struct coherent_box, va, 0);
FROZEN(struct coherent_box, count, 8);
FROZEN(struct coherent_box, object, 16);
FROZEN_SIZE(struct coherent_mem, 32);
FROZEN(struct coherent_mem, va, 0);
FROZEN(struct coherent_mem, count, 8);
FROZEN(struct coherent_mem, inverted_address, 16);
FROZEN(struct coherent_mem, object, 24);
FROZEN_SIZE(struct coherent_slot, 8);
FROZEN(struct coherent_slot, va, 0);
FROZEN_SIZE(struct coherent_ring, 16);
FROZEN(struct coherent_ring, va, 0);
FROZEN(struct coherent_ring, mask, 8);
FROZEN_SIZE(struct coherent_handle, 32);
FROZEN(struct coherent_handle, base, 0);
FROZEN_SIZE(struct coherent_pool, 8);
FROZEN_SIZE(struct coherent_loan, 48);
FROZEN(struct coherent_loan, count, 8);
FROZEN(struct coherent_loan, inverted_address, 16);
FROZEN(struct coherent_loan, kept, 32);
FROZEN(struct coherent_loan, direction, 40);
/* A poll loop of a program has one. */
FROZEN_SIZE(struct coherent_wait, 16);

/* A callback of a program gets a pointer to one, and does not tell how much it knows of it. */
FROZEN_SIZE(struct coherent_event, 128);

/* All objects of a type have one size, whatever their elements are. */
FROZEN_SIZE(COHERENT_BOX(char), 24);
FROZEN_SIZE(COHERENT(char), 32);
FROZEN_SIZE(COHERENT_TWIN(char), 32);
FROZEN_SIZE(COHERENT_VIEW(char), 32);
FROZEN_SIZE(COHERENT_SLOT(char), 8);
FROZEN_SIZE(COHERENT_RING(char), 16);
FROZEN_SIZE(COHERENT_POOL(char), 8);
FROZEN_SIZE(COHERENT_LOAN(char), 48);

/* The device sim:ring reads and writes these. */
FROZEN_SIZE(struct coherent_sim_ring_desc, 32);
FROZEN(struct coherent_sim_ring_desc, len, 16);
FROZEN(struct coherent_sim_ring_desc, cookie, 22);
FROZEN_SIZE(struct coherent_sim_ring_completion, 16);
FROZEN(struct coherent_sim_ring_completion, seq, 12);

int coherent_version(void)
{
	return COHERENT_VERSION;
}
