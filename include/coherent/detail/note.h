/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * In a program that is built with -DCOHERENT_HARDEN, the accessors tell the library what they
 * read. So it finds fields that the driver reads twice (.harden of coherent_device_open()).
 * In other programs they tell nothing. Callers do not use this file.
 */
#ifndef COHERENT_NOTE_H
#define COHERENT_NOTE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/detail/face.h>

#if defined(COHERENT_HARDEN) && COHERENT_HARDEN && !defined(__KERNEL__)

#define COHERENT_NOTE_READ(at, bytes) coherent_base_note_read((at), (bytes))
#define COHERENT_NOTE_WRITE(at, bytes) coherent_base_note_write((at), (bytes))
#define COHERENT_NOTE_ORDER() coherent_base_note_order()

#else

#define COHERENT_NOTE_READ(at, bytes) ((void)0)
#define COHERENT_NOTE_WRITE(at, bytes) ((void)0)
#define COHERENT_NOTE_ORDER() ((void)0)

#endif

#ifndef __KERNEL__

COHERENT_C_BEGIN

/**
 * coherent_base_note_read() - Note that the driver reads from memory that a device can reach.
 * @at: The first byte.
 * @bytes: 1 to 8. The bytes are in one word of 8 bytes.
 *
 * A report says if the thread has read one of the bytes since its last ordering point.
 */
void coherent_base_note_read(const volatile void *at, size_t bytes);

/**
 * coherent_base_note_write() - Note that the driver writes to such memory.
 * @at: The first byte.
 * @bytes: As for coherent_base_note_read().
 */
void coherent_base_note_write(const volatile void *at, size_t bytes);

/**
 * coherent_base_note_order() - Note an ordering point of the thread.
 */
void coherent_base_note_order(void);

COHERENT_C_END

#endif

#endif
