// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Writes and sizes files. A write past the limit of the process (RLIMIT_FSIZE) would raise SIGXFSZ,
 * which ends the program. So the size is checked before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

#include "base/sys_file.h"
#include "base/sys_process.h"

/* An int has at most so many digits. "%p" gives room for 2 of them. */
#define PID_DIGITS 10

char *sys_file_name(const char *pattern)
{
	char *const name = malloc(strlen(pattern) * (PID_DIGITS / 2) + 1);
	char *to = name;

	for (; name && *pattern; pattern++) {
		const bool is_escape = *pattern == '%' && (pattern[1] == 'p' || pattern[1] == '%');

		pattern += is_escape;
		if (is_escape && *pattern == 'p')
			to += sprintf(to, "%d", (int)sys_pid());
		else
			*to++ = *pattern;
	}
	if (name)
		*to = '\0';
	return name;
}

int sys_create(const char *path)
{
	SYS_DEFER_CANCEL;
	struct stat file;
	int fd;

	do
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	while (fd < 0 && errno == EINTR);
	fd = sys_not_standard(fd);
	if (fd < 0 || (!fstat(fd, &file) && S_ISREG(file.st_mode)))
		return fd;
	sys_close(fd);
	return -EINVAL;
}

int sys_lock_file(int fd)
{
	const uint64_t deadline_ns = sys_deadline_ns(SYS_NS_PER_S);
	int err;

	/* Anybody who can read the file can keep the lock, so a driver must not wait for ever. */
	do {
		err = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
		if (err == -EWOULDBLOCK && sys_now_ns() > deadline_ns)
			return -EBUSY;
		if (err == -EWOULDBLOCK)
			sys_sleep_ns(SYS_NS_PER_MS / 10);
	} while (err == -EINTR || err == -EWOULDBLOCK);
	return err;
}

void sys_unlock_file(int fd)
{
	(void)flock(fd, LOCK_UN);
}

int sys_truncate(int fd, uint64_t bytes)
{
	/* Above the limit the kernel raises SIGXFSZ, which ends the program. */
	if (bytes > sys_file_limit())
		return -EFBIG;
	return ftruncate(fd, (off_t)bytes) ? -errno : 0;
}

int sys_allocate(int fd, uint64_t offset, uint64_t bytes)
{
	int err;

	if (offset + bytes > sys_file_limit())
		return -EFBIG;
	/* posix_fallocate() returns the error. */
	do
		err = -posix_fallocate(fd, (off_t)offset, (off_t)bytes);
	while (err == -EINTR);
	return err;
}

int sys_write_more(int fd, uint64_t offset, const void *from, size_t bytes)
{
	return offset + bytes > sys_file_limit() ? -EFBIG : sys_write_at(fd, offset, from, bytes);
}
