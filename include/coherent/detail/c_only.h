/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The typed calls in C++: each one is only what coherent/detail/cplusplus.h makes of its kind.
 * So clang has few macros to name. Callers do not use this file.
 *
 * A header with typed calls includes this file at its end. The file changes the calls that are
 * defined by then, and so it has no include guard.
 */
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/cplusplus.h>

#ifdef __cplusplus

#ifdef coherent_box_zeroed
#undef coherent_box_zeroed
#define coherent_box_zeroed(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_box_adopt
#undef coherent_box_adopt
#define coherent_box_adopt(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_box_from
#undef coherent_box_from
#define coherent_box_from(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_box_init_at
#undef coherent_box_init_at
#define coherent_box_init_at(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_expose
#undef coherent_expose
#define coherent_expose(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_reclaim
#undef coherent_reclaim
#define coherent_reclaim(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_zeroed
#undef coherent_zeroed
#define coherent_zeroed(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_from
#undef coherent_from
#define coherent_from(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_init
#undef coherent_init
#define coherent_init(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_expose_all
#undef coherent_expose_all
#define coherent_expose_all(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_addr_at
#undef coherent_addr_at
#define coherent_addr_at(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_view
#undef coherent_view
#define coherent_view(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_view_field
#undef coherent_view_field
#define coherent_view_field(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_slot
#undef coherent_slot
#define coherent_slot(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_ring
#undef coherent_ring
#define coherent_ring(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_read
#undef coherent_read
#define coherent_read(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_read_acquire
#undef coherent_read_acquire
#define coherent_read_acquire(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_write
#undef coherent_write
#define coherent_write(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_write_release
#undef coherent_write_release
#define coherent_write_release(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_poll
#undef coherent_poll
#define coherent_poll(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_copy_out
#undef coherent_copy_out
#define coherent_copy_out(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_copy_in
#undef coherent_copy_in
#define coherent_copy_in(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_copy_out_field
#undef coherent_copy_out_field
#define coherent_copy_out_field(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_copy_in_field
#undef coherent_copy_in_field
#define coherent_copy_in_field(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_ring_field
#undef coherent_ring_field
#define coherent_ring_field(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_read_item
#undef coherent_read_item
#define coherent_read_item(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_read_item_acquire
#undef coherent_read_item_acquire
#define coherent_read_item_acquire(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_write_item
#undef coherent_write_item
#define coherent_write_item(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_write_item_release
#undef coherent_write_item_release
#define coherent_write_item_release(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_clear
#undef coherent_clear
#define coherent_clear(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_bar_poll
#undef coherent_bar_poll
#define coherent_bar_poll(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_pool_create
#undef coherent_pool_create
#define coherent_pool_create(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_pool_box
#undef coherent_pool_box
#define coherent_pool_box(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_pool_from
#undef coherent_pool_from
#define coherent_pool_from(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_pool_boxes
#undef coherent_pool_boxes
#define coherent_pool_boxes(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_pool_from_all
#undef coherent_pool_from_all
#define coherent_pool_from_all(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_pool_expose
#undef coherent_pool_expose
#define coherent_pool_expose(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_pool_destroy
#undef coherent_pool_destroy
#define coherent_pool_destroy(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_share
#undef coherent_share
#define coherent_share(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_remote
#undef coherent_remote
#define coherent_remote(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_fabric_read
#undef coherent_fabric_read
#define coherent_fabric_read(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_fabric_write
#undef coherent_fabric_write
#define coherent_fabric_write(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_lend
#undef coherent_lend
#define coherent_lend(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_take
#undef coherent_take
#define coherent_take(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_loan_visit
#undef coherent_loan_visit
#define coherent_loan_visit(...) COHERENT_RESULT(, )
#endif
#ifdef coherent_sim_try
#undef coherent_sim_try
#define coherent_sim_try(...) COHERENT_RESULT(, )
#endif

#ifdef coherent_box_count
#undef coherent_box_count
#define coherent_box_count(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_box_level
#undef coherent_box_level
#define coherent_box_level(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_addr
#undef coherent_addr
#define coherent_addr(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_count
#undef coherent_count
#define coherent_count(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_size
#undef coherent_size
#define coherent_size(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_slot_get
#undef coherent_slot_get
#define coherent_slot_get(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_slot_get_acquire
#undef coherent_slot_get_acquire
#define coherent_slot_get_acquire(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_ring_get
#undef coherent_ring_get
#define coherent_ring_get(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_ring_get_acquire
#undef coherent_ring_get_acquire
#define coherent_ring_get_acquire(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_bar_get
#undef coherent_bar_get
#define coherent_bar_get(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_bar_get_item
#undef coherent_bar_get_item
#define coherent_bar_get_item(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_bar_untyped
#undef coherent_bar_untyped
#define coherent_bar_untyped(...) COHERENT_VALUE(, )
#endif

#ifdef coherent_loan_addr
#undef coherent_loan_addr
#define coherent_loan_addr(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_loan_count
#undef coherent_loan_count
#define coherent_loan_count(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_loan_level
#undef coherent_loan_level
#define coherent_loan_level(...) COHERENT_VALUE(, )
#endif
#ifdef coherent_box_free
#undef coherent_box_free
#define coherent_box_free(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_free
#undef coherent_free
#define coherent_free(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_pool_free
#undef coherent_pool_free
#define coherent_pool_free(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_pool_box_free
#undef coherent_pool_box_free
#define coherent_pool_box_free(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_move
#undef coherent_move
#define coherent_move(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_slot_put
#undef coherent_slot_put
#define coherent_slot_put(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_slot_put_release
#undef coherent_slot_put_release
#define coherent_slot_put_release(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_ring_put
#undef coherent_ring_put
#define coherent_ring_put(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_ring_put_release
#undef coherent_ring_put_release
#define coherent_ring_put_release(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_loan_free
#undef coherent_loan_free
#define coherent_loan_free(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_bar_put
#undef coherent_bar_put
#define coherent_bar_put(...) COHERENT_NOTHING(, )
#endif
#ifdef coherent_bar_put_item
#undef coherent_bar_put_item
#define coherent_bar_put_item(...) COHERENT_NOTHING(, )
#endif

/* These two have the type of the elements, so that the code around them compiles. */
#ifdef coherent_box_ptr
#undef coherent_box_ptr
#define coherent_box_ptr(box) (COHERENT_NOTHING(, ), (box)->elements)
#endif
#ifdef coherent_unsafe_ptr
#undef coherent_unsafe_ptr
#define coherent_unsafe_ptr(mem) (COHERENT_NOTHING(, ), (mem)->elements)
#endif

#ifdef COHERENT_BAR_TYPE
#undef COHERENT_BAR_TYPE
#define COHERENT_BAR_TYPE(...)						\
	union COHERENT_3RD(__VA_ARGS__, COHERENT_FIRST, COHERENT_NO_NAME, )(__VA_ARGS__) \
	COHERENT_BODY(registers, registers, int)
#undef COHERENT_NO_NAME
#define COHERENT_NO_NAME(T)
#endif

#endif
