/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * This is the list of the promises of the contract. tests/promises.c tests them in userspace, and
 * tests/kernel/promises.c tests them in the kernel. Each side defines a function for each name;
 * otherwise it does not link.
 */
#ifndef PROMISE_LIST_H
#define PROMISE_LIST_H

/*
 * The numbers are those of the contract. tests/object_code tests promise 9, and fail_nth.c tests
 * promise 18.
 */
#define PROMISES(X)                                              \
	/* 1 */ X(fresh_box_is_zero_to_the_end_of_its_last_page) \
	/* 2 */ X(no_device_can_read_or_write_a_box)             \
	/* 3 */ X(device_sees_what_the_cpu_wrote_before_expose)  \
	/* 4 */ X(expose_consumes_the_box)                       \
	X(failed_expose_leaves_nothing_reachable)                \
	/* 5 */ X(count_and_size_are_checked)                    \
	X(align_and_boundary_hold_or_are_refused)                \
	/* 6 */ X(init_at_past_the_end_does_not_run)             \
	/* 7 */ X(failing_initialiser_frees_once)                \
	X(init_fills_before_the_device_can_see)                  \
	/* 8 */ X(attributes_are_refused_or_honoured)            \
	/* 10 */ X(index_past_the_end_touches_nothing)           \
	/* 11 */ X(view_address_is_base_plus_offset)             \
	/* 12 */ X(no_stale_padding_reaches_the_device)          \
	/* 13 */ X(reclaim_needs_idle_unless_unmap_is_a_fence)   \
	X(armed_transfer_does_not_reach_reclaimed_memory)        \
	X(armed_transfer_does_not_reach_freed_memory)            \
	/* 14 */ X(object_may_outlive_its_device)                \
	X(forked_child_cannot_use_the_device)                    \
	/* 15 */ X(failed_revoke_leaks_and_reports)              \
	/* 16 */ X(last_byte_is_under_the_mask)                  \
	/* 17 */ X(device_may_do_only_what_expose_allowed)       \
	/* 19 */ X(writes_before_a_doorbell_are_seen_after_it)   \
	X(mem_keeps_address_and_contents_over_a_reset)           \
	X(pointers_find_their_objects)                           \
	X(objects_of_a_pool_are_copied_to_the_device)

#endif
