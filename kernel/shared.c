// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The functions of coherent.c for several modules. With this file they are a module of their own, which
 * the drivers load, so that they are in memory once:
 *
 *	obj-m := libcoherent.o mydrv.o
 *	libcoherent-y := libcoherent/kernel/coherent.o libcoherent/kernel/shared.o
 *
 * All of these drivers must be built with the same version of the library.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/debugfs.h>
#include <coherent/expose_all.h>
#include <coherent/handle.h>
#include <coherent/loan.h>
#include <coherent/mmap.h>
#include <coherent/pool.h>
#include <linux/module.h>

EXPORT_SYMBOL_GPL(coherent_all_box_zeroed);
EXPORT_SYMBOL_GPL(coherent_all_expose);
EXPORT_SYMBOL_GPL(coherent_all_zeroed);
EXPORT_SYMBOL_GPL(coherent_base_box_adopt);
EXPORT_SYMBOL_GPL(coherent_base_box_cleanup);
EXPORT_SYMBOL_GPL(coherent_base_box_free);
EXPORT_SYMBOL_GPL(coherent_base_box_from);
EXPORT_SYMBOL_GPL(coherent_base_box_level);
EXPORT_SYMBOL_GPL(coherent_base_box_move);
EXPORT_SYMBOL_GPL(coherent_base_cleanup);
EXPORT_SYMBOL_GPL(coherent_base_debugfs_create);
EXPORT_SYMBOL_GPL(coherent_base_expose_all);
EXPORT_SYMBOL_GPL(coherent_base_free);
EXPORT_SYMBOL_GPL(coherent_base_from);
EXPORT_SYMBOL_GPL(coherent_base_handle_cleanup);
EXPORT_SYMBOL_GPL(coherent_base_handle_zeroed);
EXPORT_SYMBOL_GPL(coherent_base_init_begin);
EXPORT_SYMBOL_GPL(coherent_base_init_end);
EXPORT_SYMBOL_GPL(coherent_base_lend);
EXPORT_SYMBOL_GPL(coherent_base_loan_begin);
EXPORT_SYMBOL_GPL(coherent_base_loan_cleanup);
EXPORT_SYMBOL_GPL(coherent_base_loan_end);
EXPORT_SYMBOL_GPL(coherent_base_loan_free);
EXPORT_SYMBOL_GPL(coherent_base_loan_level);
EXPORT_SYMBOL_GPL(coherent_base_loan_move);
EXPORT_SYMBOL_GPL(coherent_base_manage);
EXPORT_SYMBOL_GPL(coherent_base_mmap);
EXPORT_SYMBOL_GPL(coherent_base_move);
EXPORT_SYMBOL_GPL(coherent_base_pool_cleanup);
EXPORT_SYMBOL_GPL(coherent_base_pool_create);
EXPORT_SYMBOL_GPL(coherent_base_pool_destroy);
EXPORT_SYMBOL_GPL(coherent_base_refuse_element);
EXPORT_SYMBOL_GPL(coherent_base_take);
EXPORT_SYMBOL_GPL(coherent_base_wait_begin);
EXPORT_SYMBOL_GPL(coherent_base_wait_more);
EXPORT_SYMBOL_GPL(coherent_bytes_clear);
EXPORT_SYMBOL_GPL(coherent_bytes_in);
EXPORT_SYMBOL_GPL(coherent_bytes_out);
EXPORT_SYMBOL_GPL(coherent_device_level);
EXPORT_SYMBOL_GPL(coherent_device_set_coherent_mask);
EXPORT_SYMBOL_GPL(coherent_device_set_level);
EXPORT_SYMBOL_GPL(coherent_device_set_mask);
EXPORT_SYMBOL_GPL(coherent_device_set_max_segment);
EXPORT_SYMBOL_GPL(coherent_device_set_streaming_mask);
EXPORT_SYMBOL_GPL(coherent_few_box_zeroed);
EXPORT_SYMBOL_GPL(coherent_few_expose);
EXPORT_SYMBOL_GPL(coherent_few_reclaim);
EXPORT_SYMBOL_GPL(coherent_few_zeroed);
EXPORT_SYMBOL_GPL(coherent_handle_free);
EXPORT_SYMBOL_GPL(coherent_pool_take);
#ifdef CONFIG_PCI
EXPORT_SYMBOL_GPL(coherent_bar_close);
EXPORT_SYMBOL_GPL(coherent_bar_copy_in);
EXPORT_SYMBOL_GPL(coherent_bar_copy_out);
EXPORT_SYMBOL_GPL(coherent_bar_open);
EXPORT_SYMBOL_GPL(coherent_bar_poll32);
EXPORT_SYMBOL_GPL(coherent_bar_write512);
EXPORT_SYMBOL_GPL(coherent_base_bar_cleanup);
EXPORT_SYMBOL_GPL(coherent_base_bar_drop);
EXPORT_SYMBOL_GPL(coherent_base_bar_open);
EXPORT_SYMBOL_GPL(coherent_base_bar_poll);
EXPORT_SYMBOL_GPL(coherent_base_irq_cleanup);
EXPORT_SYMBOL_GPL(coherent_irq_close);
EXPORT_SYMBOL_GPL(coherent_irq_fd);
EXPORT_SYMBOL_GPL(coherent_irq_open);
EXPORT_SYMBOL_GPL(coherent_irq_wait);
#endif

MODULE_DESCRIPTION("Memory that drivers share with devices");
MODULE_LICENSE("Dual MIT/GPL");
