// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Writes files. A file that is larger than the process may make it would raise SIGXFSZ, which ends
 * the program, so the size is checked before.
 */
#include <sys/file.h>
#include <sys/resource.h>

#include "base/sys_file.h"

int sys_create(const char *path)
{
	struct stat file;
	int fd;

	do
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	while (fd < 0 && errno == EINTR);
	fd = sys_not_standard(fd);
	if (fd < 0 || (!fstat(fd, &file) && S_ISREG(file.st_mode)))
		return fd;
	sys_close(fd);
	return -EINVAL;
}

int sys_lock_file(int fd)
{
	int err;

	do
		err = flock(fd, LOCK_EX) ? -errno : 0;
	while (err == -EINTR);
	return err;
}

void sys_unlock_file(int fd)
{
	(void)flock(fd, LOCK_UN);
}

static int check_bytes(uint64_t bytes)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };

	(void)getrlimit(RLIMIT_FSIZE, &limit);
	return bytes > limit.rlim_cur ? -EFBIG : 0;
}

int sys_grow(int fd, uint64_t bytes, uint64_t more)
{
	int err = check_bytes(bytes + more);

	if (err)
		return err;
	/* posix_fallocate() returns the error. */
	do
		err = -posix_fallocate(fd, (off_t)bytes, (off_t)more);
	while (err == -EINTR);
	return err;
}

int sys_write_more(int fd, uint64_t offset, const void *from, size_t bytes)
{
	const int err = check_bytes(offset + bytes);

	return err ? err : sys_write_at(fd, offset, from, bytes);
}
