/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * This is the list of the promises of the contract. tests/promises.c tests them in userspace, and
 * tests/kernel/promises.c tests them in the kernel. Each side defines a function for each name that
 * it tests; otherwise it does not link.
 */
#ifndef PROMISE_LIST_H
#define PROMISE_LIST_H

/*
 * The numbers are those of the contract. tests/object_code tests promise 9, and fail_nth.c tests
 * promise 18. BOTH is a promise that both sides test. USER is one that only userspace tests: the
 * kernel's side prints the reason.
 */
#define PROMISES(BOTH, USER)                                        \
	/* 1 */ BOTH(fresh_box_is_zero_to_the_end_of_its_last_page) \
	/* 2 */ BOTH(no_device_can_read_or_write_a_box)             \
	/* 3 */ BOTH(device_sees_what_the_cpu_wrote_before_expose)  \
	/* 4 */ BOTH(expose_consumes_the_box)                       \
	BOTH(failed_expose_leaves_nothing_reachable)                \
	/* 5 */ BOTH(count_and_size_are_checked)                    \
	BOTH(align_and_boundary_hold_or_are_refused)                \
	/* 6 */ BOTH(init_at_past_the_end_does_not_run)             \
	/* 7 */ BOTH(failing_initialiser_frees_once)                \
	BOTH(init_fills_before_the_device_can_see)                  \
	/* 8 */ BOTH(attributes_are_refused_or_honoured)            \
	/* 10 */ BOTH(index_past_the_end_touches_nothing)           \
	/* 11 */ BOTH(view_address_is_base_plus_offset)             \
	/* 12 */ BOTH(no_stale_padding_reaches_the_device)          \
	/* 13 */ BOTH(reclaim_needs_idle_unless_unmap_is_a_fence)   \
	BOTH(armed_transfer_does_not_reach_reclaimed_memory)        \
	BOTH(armed_transfer_does_not_reach_freed_memory)            \
	/* 14 */ USER(object_may_outlive_its_device)                \
	USER(forked_child_cannot_use_the_device)                    \
	/* 15 */ USER(failed_revoke_leaks_and_reports)              \
	/* 16 */ BOTH(last_byte_is_under_the_mask)                  \
	/* 17 */ BOTH(device_may_do_only_what_expose_allowed)       \
	/* 19 */ BOTH(writes_before_a_doorbell_are_seen_after_it)   \
	BOTH(loan_carries_data_in_its_direction)                    \
	BOTH(no_device_reaches_what_was_taken_back)                 \
	USER(mem_keeps_address_and_contents_over_a_reset)           \
	USER(fence_resets_the_device)                               \
	USER(pointers_find_their_objects)                           \
	BOTH(objects_of_a_pool_are_copied_to_the_device)            \
	USER(boxes_of_a_pool_in_place_are_hidden)                   \
	USER(boxes_in_place_are_hidden)

#endif
