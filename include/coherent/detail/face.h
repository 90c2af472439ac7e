/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The differences between the two faces of the library: userspace and the Linux kernel.
 * Callers do not use anything from this file.
 */
#ifndef COHERENT_FACE_H
#define COHERENT_FACE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

/* The headers use C11. gcc and clang have what they need of it also with -std=gnu99. */
#if !defined(__cplusplus) && defined(__STRICT_ANSI__) && __STDC_VERSION__ < 201112L
#error "coherent: compile with -std=c11, -std=gnu11 or newer"
#endif

/* Around the functions of the library, so that a C++ program finds them by their names. */
#ifdef __cplusplus
#define COHERENT_C_BEGIN extern "C" {
#define COHERENT_C_END }
#else
#define COHERENT_C_BEGIN
#define COHERENT_C_END
#endif

/*
 * Sparse refuses a load or a store through a pointer to memory that a device can reach.
 * Only the accessors force it. Sparse does not know all builtins, so some are defined here.
 */
#ifdef __CHECKER__
#define COHERENT_SHARED __attribute__((noderef, address_space(__coherent)))
#define COHERENT_FORCE __attribute__((force))
#define __builtin_classify_type(x) 1
#define __builtin_clear_padding(x) ((void)(x))
#else
#define COHERENT_SHARED
#define COHERENT_FORCE
#endif

/*
 * An enum of this library has 32 bits. Otherwise -fshort-enums in a program changes the layout of
 * the structs that it shares with the library.
 */
#define COHERENT_32_BITS __attribute__((__mode__(__SI__)))

#ifdef __KERNEL__

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/barrier.h>

/* In the kernel the functions of accessors are static inlines. kernel/coherent.c has the others. */
#define COHERENT_BASE
#define COHERENT_BASE_INLINE static inline
/* Only kernel/coherent.c has this function. In userspace it is inline. */
#define COHERENT_IN_KERNEL
#define coherent_device device
/* The bits of DMA_ATTR_*. */
#define COHERENT_BIT_WEAK_ORDERING 1
#define COHERENT_BIT_WRITE_COMBINE 2
#define COHERENT_BIT_FORCE_CONTIGUOUS 6
#define COHERENT_BIT_ALLOC_SINGLE_PAGES 7
#define COHERENT_BIT_NO_WARN 8
#define COHERENT_BIT_PRIVILEGED 9
#define COHERENT_GFP gfp_t gfp;
#define COHERENT_KERNEL_OPTIONS COHERENT_GFP bool managed;
#define COHERENT_IN_PLACE
#define COHERENT_ADDRESS_LIMITS
#define COHERENT_OWN_NODES
#define COHERENT_OWN_MEMORY

/* In the kernel an object contains its record. */
#include <coherent/detail/object.h>
#define COHERENT_OBJECT struct coherent_object

/* In the kernel the device never has a copy of the library's. */
#define COHERENT_LENT

#define COHERENT_LOAD_ONCE(at, order) READ_ONCE(*(at))
#define COHERENT_STORE_ONCE(at, value, order) WRITE_ONCE(*(at), (value))

#define COHERENT_WMB() dma_wmb()
#define COHERENT_RMB() dma_rmb()
#define COHERENT_MB() mb()

#else

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COHERENT_BASE
#define COHERENT_BASE_INLINE
#define COHERENT_BIT_WEAK_ORDERING 0
#define COHERENT_BIT_WRITE_COMBINE 1
#define COHERENT_BIT_FORCE_CONTIGUOUS 2
#define COHERENT_BIT_ALLOC_SINGLE_PAGES 3
#define COHERENT_BIT_NO_WARN 4
#define COHERENT_BIT_PRIVILEGED 5
#define COHERENT_GFP
#define COHERENT_KERNEL_OPTIONS
#define COHERENT_IN_PLACE uint32_t unused; uint32_t in_place
#define COHERENT_ADDRESS_LIMITS uint64_t mask; uint64_t address
#define COHERENT_OWN_NODES uint64_t nodes
#define COHERENT_OWN_MEMORY COHERENT_OWN_NODES; uint32_t unused_too; uint32_t address_is_pointer

/* In userspace the library owns the record of an object. */
#define COHERENT_OBJECT struct coherent_object *

/* If the device has a copy of a lent box, this is the record of the box. */
#define COHERENT_LENT struct coherent_object *kept;

/*
 * The accesses are atomic, so that the memory model and ThreadSanitizer know them. They
 * are volatile, so that the compiler makes each once and at its full width. The
 * instruction is the same as for volatile alone.
 */
#define COHERENT_LOAD_ONCE(at, order) __atomic_load_n((at), (order))
#define COHERENT_STORE_ONCE(at, value, order) __atomic_store_n((at), (value), (order))

/*
 * A device observes memory from outside the CPUs. On arm64 it is in the outer shareable
 * domain (Arm ARM B2.3.12; Linux uses the same instructions in dma_wmb() and dma_rmb()).
 * x86 itself keeps the order of stores and the order of loads to write-back memory
 * (Intel SDM 3A 9.2.2), so a barrier there only has to stop the compiler. s390x has one
 * instruction for all three, from z196 on. In riscv64, i and o are the accesses of a device's
 * registers, so that these barriers also order a doorbell. Linux uses the same on both.
 */
#if defined(__x86_64__)
#define COHERENT_WMB() __asm__ __volatile__("" ::: "memory")
#define COHERENT_RMB() __asm__ __volatile__("" ::: "memory")
#define COHERENT_MB() __asm__ __volatile__("mfence" ::: "memory")
#elif defined(__aarch64__)
#define COHERENT_WMB() __asm__ __volatile__("dmb oshst" ::: "memory")
#define COHERENT_RMB() __asm__ __volatile__("dmb oshld" ::: "memory")
#define COHERENT_MB() __asm__ __volatile__("dmb osh" ::: "memory")
#elif defined(__s390x__) && __ARCH__ >= 9
#define COHERENT_WMB() __asm__ __volatile__("bcr 14,0" ::: "memory")
#define COHERENT_RMB() __asm__ __volatile__("bcr 14,0" ::: "memory")
#define COHERENT_MB() __asm__ __volatile__("bcr 14,0" ::: "memory")
#elif defined(__riscv) && __riscv_xlen == 64
#define COHERENT_WMB() __asm__ __volatile__("fence ow,ow" ::: "memory")
#define COHERENT_RMB() __asm__ __volatile__("fence ir,ir" ::: "memory")
#define COHERENT_MB() __asm__ __volatile__("fence iorw,iorw" ::: "memory")
#elif __SIZEOF_POINTER__ != 8
#error "coherent: 32-bit systems are not supported"
#else
#error "coherent: which barriers order memory for a device on this CPU? Add them to coherent/detail/face.h"
#endif

#endif

#endif
