/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Signals an eventfd that another process has too. The functions follow the rules of sys.h.
 */
#ifndef SYS_DOORBELL_H
#define SYS_DOORBELL_H

/*
 * Create a context in which the kernel signals eventfds. -EAGAIN: the kernel has given away all that
 * fs.aio-max-nr allows. -ENOSYS or -EPERM: the kernel, an emulator or a filter does not let this
 * process have one.
 */
int sys_doorbell_open(unsigned long *context);

/*
 * Signal an eventfd. The call never waits, whatever another process does to the eventfd. @own_fd is
 * a file that only this process has and that returns from a read of 0 bytes at once. Without a
 * context (0) the call waits while the counter is full and another process has cleared O_NONBLOCK.
 * Returns 0, or -errno if the eventfd is not signalled, because a filter of system calls can allow a
 * context and refuse its use.
 */
int sys_doorbell_ring(unsigned long context, int own_fd, int fd);

/*
 * Ask whether a descriptor is an eventfd. -EINVAL: it is not one. Another error: /proc does not tell.
 */
int sys_doorbell_check(int fd);

/* This waits until no CPU uses the context any more, which takes some milliseconds. */
void sys_doorbell_close(unsigned long context);

#endif
