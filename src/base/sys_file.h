/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Files with a size: the trace and the ledger, which the library writes for people, and files in
 * memory. Several devices, also of several processes, may write to a trace or a ledger. The functions
 * follow the rules of sys.h.
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

/* Set the size of a file; -EFBIG if it is above the limit of the process, without a SIGXFSZ. */
int sys_truncate(int fd, uint64_t bytes);

/*
 * Take the room for a part of a file now, in memory or on the disk, so that no access to it can fail.
 * Returns -EFBIG as sys_truncate() does.
 */
int sys_allocate(int fd, uint64_t offset, uint64_t bytes);

/*
 * Write at an offset, as sys_write_at(). Returns -EFBIG if the process may not write there, also if
 * the file has that size already.
 */
int sys_write_more(int fd, uint64_t offset, const void *from, size_t bytes);

#endif
