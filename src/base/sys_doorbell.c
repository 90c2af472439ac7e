// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * write(2) on an eventfd waits while the counter is full, unless the file has O_NONBLOCK. Both
 * belong to the file, and a process that shares the file can change both. pwritev2() does not
 * accept RWF_NOWAIT for an eventfd.
 *
 * The kernel itself never waits when it signals an eventfd (eventfd_signal() in fs/eventfd.c). It
 * does so at the end of an asynchronous read with IOCB_FLAG_RESFD. A read of 0 bytes ends inside of
 * io_submit().
 */
#include <errno.h>
#include <linux/aio_abi.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_doorbell.h"

/* The kernel rounds this up to a page of ends of reads. */
#define READS 32

int sys_doorbell_open(unsigned long *context)
{
	aio_context_t opened = 0;

	if (syscall(SYS_io_setup, READS, &opened))
		return -errno;
	*context = opened;
	return 0;
}

/* Make room for the ends of further reads. Another thread may have done so already. */
static int forget_ends(unsigned long context)
{
	struct io_event ends[READS];
	struct timespec at_once = { .tv_sec = 0 };
	const long n = syscall(SYS_io_getevents, context, 0, READS, ends, &at_once);

	return n < 0 && errno != EINTR ? -errno : 0;
}

int sys_doorbell_ring(unsigned long context, int own_fd, int fd)
{
	struct iocb read_nothing = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)own_fd,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	};
	struct iocb *reads[] = { &read_nothing };

	if (!context) {
		sys_eventfd_signal(fd);
		return 0;
	}
	while (syscall(SYS_io_submit, context, 1, reads) < 0) {
		int err = -errno;

		/* The kernel keeps the ends of earlier reads, and has no room for one more. */
		if (err == -EAGAIN)
			err = forget_ends(context);
		if (err)
			return err;
	}
	return 0;
}

/* proc(5) describes this text. The path of a file begins with a slash. */
int sys_doorbell_check(int fd)
{
	static const char expected[] = "anon_inode:[eventfd]";
	char path[32], name[sizeof(expected)] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, name, sizeof(name)) < 0)
		return -errno;
	return memcmp(name, expected, sizeof(expected)) ? -EINVAL : 0;
}

void sys_doorbell_close(unsigned long context)
{
	(void)syscall(SYS_io_destroy, context);
}
