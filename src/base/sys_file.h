/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Files that the library writes for people: the trace and the ledger. Several devices, also of
 * several processes, may write to one file. The functions follow the rules of sys.h.
 */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include "base/sys.h"

/*
 * Return the name of a file, in which %p became the process ID and %% became %; NULL without memory.
 * The caller frees it.
 */
char *sys_file_name(const char *pattern);

/*
 * Open a file to read and write it. If there is none, make one. Returns -EINVAL if it is not a
 * regular file.
 */
int sys_create(const char *path);

/* Take the lock of a file. Returns -EBUSY if another descriptor has it for a second. */
int sys_lock_file(int fd);

void sys_unlock_file(int fd);

/* Add bytes of zero to the end of a file, for which the file system has room. */
int sys_grow(int fd, uint64_t bytes, uint64_t more);

/* Write at an offset, as sys_write_at(). Returns -EFBIG if the process may not make files so large. */
int sys_write_more(int fd, uint64_t offset, const void *from, size_t bytes);

#endif
