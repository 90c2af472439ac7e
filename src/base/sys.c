// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Wraps system calls. Only this file and the other sys_*.c read errno. Nothing here has state or takes
 * a lock.
 *
 * INVARIANT: a descriptor that a function returns is above the standard three. A program may have
 * closed those and still print to them. If a device had one of their numbers, that text would go to
 * its registers.
 */
#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "base/size.h"
#include "base/sys.h"

/* musl before 1.2.5 has neither the flag nor the function. */
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8

static ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
	return syscall(SYS_preadv2, fd, parts, count, offset, 0L, flags);
}
#endif

/* --- Memory --- */

int sys_map(size_t bytes, int flags, void **va)
{
	*va = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	return *va == MAP_FAILED ? -errno : 0;
}

int sys_map_guarded(size_t bytes, void **va)
{
	const size_t page = sys_page_bytes(), whole = align_up(bytes, page);
	void *start;
	int err = sys_map(whole + page, 0, &start);

	if (err)
		return err;
	err = sys_protect((char *)start + whole, page, false);
	if (err)
		sys_unmap(start, whole + page);
	else
		*va = (char *)start + (whole - bytes);
	return err;
}

void sys_unmap_guarded(void *va, size_t bytes)
{
	const size_t page = sys_page_bytes(), whole = align_up(bytes, page);

	if (va)
		sys_unmap((char *)va - (whole - bytes), whole + page);
}

int sys_map_free(uint64_t at, size_t bytes, void **va)
{
	*va = mmap((void *)(uintptr_t)at, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (*va == MAP_FAILED)
		return -errno;
	if (*va == (void *)(uintptr_t)at)
		return 0;
	/* Linux before 4.17 takes the address for a hint. */
	(void)munmap(*va, bytes);
	return -EEXIST;
}

void sys_unmap(void *va, size_t bytes)
{
	(void)munmap(va, bytes);
}

int sys_unmap_part(void *va, size_t bytes)
{
	return munmap(va, bytes) ? -errno : 0;
}

int sys_advise(void *va, size_t bytes, int advice)
{
	int err;

	do
		err = madvise(va, bytes, advice) ? -errno : 0;
	while (err == -EINTR);
	return err;
}

int sys_bind(void *va, size_t bytes, uint64_t nodes)
{
	/*
	 * The kernel takes one off the number of bits (get_nodes() in mm/mempolicy.c), so 64 nodes
	 * need 65. A kernel that did not would read the second word.
	 */
	const unsigned long mask[2] = { nodes, 0 };

	/* Only libnuma has mbind(), and the library does not need libnuma otherwise. */
	return syscall(SYS_mbind, va, bytes, MPOL_BIND, mask, 65, 0) ? -errno : 0;
}

int sys_map_file(int fd, uint64_t offset, size_t bytes, void **va)
{
	*va = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (*va == MAP_FAILED)
		return -errno;
	/*
	 * A shared mapping is not copied on a write, so a forked child could write to the device's
	 * memory or its registers.
	 */
	(void)madvise(*va, bytes, MADV_DONTFORK);
	return 0;
}

int sys_map_private(int fd, size_t bytes, void **va)
{
	*va = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (*va == MAP_FAILED)
		return -errno;
	(void)madvise(*va, bytes, MADV_DONTFORK);
	return 0;
}

int sys_reserve_file(int fd, size_t bytes, void **va)
{
	*va = mmap(NULL, bytes, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (*va == MAP_FAILED)
		return -errno;
	(void)madvise(*va, bytes, MADV_DONTDUMP);
	/* A hugepage would be more than most devices need. */
	(void)madvise(*va, bytes, MADV_NOHUGEPAGE);
	/* After mlockall() the addresses would count as locked memory. */
	(void)munlock(*va, bytes);
	return 0;
}

int sys_make_private(int fd, void *va, size_t bytes)
{
	if (mmap(va, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED)
		return 0;
	(void)mprotect(va, bytes, PROT_READ);
	return -ENOMEM;
}

/* A plain store could undo that of another thread. */
static void write_same(char *at)
{
	char byte = __atomic_load_n(at, __ATOMIC_RELAXED);

	/* If this fails, another thread has written. */
	(void)__atomic_compare_exchange_n(at, &byte, byte, false, __ATOMIC_RELAXED,
					  __ATOMIC_RELAXED);
}

int sys_keep_private(void *va, size_t bytes)
{
	const int err = sys_advise(va, bytes, MADV_POPULATE_WRITE);

	if (err != -EINVAL)
		return err ? -ENOMEM : 0;
	/* Linux before 5.14 does not know MADV_POPULATE_WRITE. */
	for (char *at = va; at < (char *)va + bytes; at += sys_page_bytes())
		write_same(at);
	return 0;
}

int sys_make_accessible(void *va, size_t bytes)
{
	if (mprotect(va, bytes, PROT_READ | PROT_WRITE))
		return -errno;
	(void)madvise(va, bytes, MADV_DODUMP);
	return 0;
}

int sys_reserve(size_t bytes, void **va)
{
	*va = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (*va == MAP_FAILED)
		return -errno;
	/* After mlockall() the addresses would count as locked memory. */
	(void)munlock(*va, bytes);
	return 0;
}

int sys_protect(void *va, size_t bytes, bool is_accessible)
{
	const int protection = is_accessible ? PROT_READ | PROT_WRITE : PROT_NONE;

	return mprotect(va, bytes, protection) ? -errno : 0;
}

int sys_map_at(void *va, size_t bytes)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	/*
	 * mmap() splits a mapping even if it exceeds the limit of mappings thereby. Then no mmap()
	 * works any more, that of sys_map_nothing() included. mprotect() stops at the limit.
	 */
	int err = sys_protect(va, bytes, true);

	if (err)
		return err;
	return mmap(va, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ? -errno : 0;
}

void sys_map_nothing(void *va, size_t bytes)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;

	/* The program may have exceeded the limit of mappings. Then at least the memory goes back. */
	if (mmap(va, bytes, PROT_NONE, flags, -1, 0) != MAP_FAILED)
		return;
	(void)madvise(va, bytes, MADV_DONTNEED);
	(void)sys_protect(va, bytes, false);
}

int sys_map_move(void *from, void *to, size_t bytes)
{
	/*
	 * MREMAP_FIXED takes the place of the old mapping in one step. With an unmap before it
	 * another thread could be given the place in between.
	 */
	return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ?
		       -errno :
		       0;
}

int sys_map_leave(void *from, void *to, size_t bytes)
{
	return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) ==
			       MAP_FAILED ?
		       -errno :
		       0;
}

void sys_map_over(void *va, size_t bytes)
{
	/*
	 * The place may be as large as a BAR, and nothing is kept in it, so the kernel need not set
	 * memory aside for it.
	 */
	(void)mmap(va, bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

void sys_barrier_all_threads(void)
{
	/* The process must say once that it uses this. Without it the order is the one of the CPU. */
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/* --- Files --- */

void sys_close(int fd)
{
	SYS_DEFER_CANCEL;
	/*
	 * close(2): Linux frees the number also if it returns an error. A second try could close
	 * the descriptor that another thread was given meanwhile.
	 */
	(void)close(fd);
}

int sys_not_standard(int fd)
{
	int copy;

	/* errno is still that of the system call whose result the caller passes on. */
	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	/* The close below may change errno. */
	if (copy < 0)
		copy = -errno;
	sys_close(fd);
	return copy;
}

int sys_open(const char *path, int flags)
{
	SYS_DEFER_CANCEL;
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return sys_not_standard(fd);
}

int sys_dup(int fd)
{
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	return copy < 0 ? -errno : copy;
}

/* Linux returns EBUSY while another thread opens the same number. */
void sys_become(int fd, int from)
{
	int err;

	do
		err = dup3(from, fd, O_CLOEXEC);
	while (err < 0 && (errno == EINTR || errno == EBUSY));
}

int sys_memfd(const char *name, int *fd)
{
	*fd = sys_not_standard(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
	return *fd < 0 ? *fd : 0;
}

int sys_seal(int fd)
{
	/*
	 * If a peer shortened the file, the next access of this process past the new end would
	 * raise SIGBUS. Both sides write, so F_SEAL_WRITE is left out, and F_SEAL_SEAL keeps the
	 * peer from adding it.
	 */
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ? -errno : 0;
}

int sys_seal_writes(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) ? -errno : 0;
}

int sys_seal_for_readers(int fd)
{
	/* Linux before 5.1 does not know this seal. Then readers are only asked not to write. */
	(void)sys_seal_writes(fd);
	return sys_seal(fd);
}

int sys_ioctl(int fd, unsigned long request, void *arg)
{
	int n;

	do
		n = ioctl(fd, request, arg);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int sys_ioctl_fd(int fd, unsigned long request, void *arg)
{
	const int n = sys_ioctl(fd, request, arg);

	return n < 0 ? n : sys_not_standard(n);
}

uint64_t sys_file_bytes(int fd)
{
	struct stat file;

	return fstat(fd, &file) ? 0 : (uint64_t)file.st_size;
}

ssize_t sys_read_some_at(int fd, uint64_t offset, void *to, size_t bytes)
{
	SYS_DEFER_CANCEL;
	ssize_t n;

	do
		n = pread(fd, to, bytes, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int sys_read_at(int fd, uint64_t offset, void *to, size_t bytes)
{
	const ssize_t n = sys_read_some_at(fd, offset, to, bytes);

	if (n < 0)
		return (int)n;
	return (size_t)n == bytes ? 0 : -EIO;
}

int sys_write_at(int fd, uint64_t offset, const void *from, size_t bytes)
{
	SYS_DEFER_CANCEL;
	const char *at = from;

	/* The kernel writes at most 2 GiB at a time. */
	while (bytes) {
		ssize_t n = pwrite(fd, at, bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		/* A result of 0 sets no errno, and the loop would never end. */
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		offset += (uint64_t)n;
		bytes -= (size_t)n;
	}
	return 0;
}

int sys_link_name(const char *path, char *name, size_t size)
{
	char target[256];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *last;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	/* A name that is cut off could be the name of another driver or group. */
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(name, last);
	return 0;
}

bool sys_exists(const char *path)
{
	return !access(path, F_OK);
}

int sys_stat(const char *path, struct stat *file)
{
	return stat(path, file) ? -errno : 0;
}

DIR *sys_dir_open(const char *path)
{
	SYS_DEFER_CANCEL;
	return opendir(path);
}

const char *sys_dir_next(DIR *dir)
{
	SYS_DEFER_CANCEL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			return entry->d_name;
	return NULL;
}

void sys_dir_close(DIR *dir)
{
	SYS_DEFER_CANCEL;
	if (dir)
		(void)closedir(dir);
}

/* --- Numbers --- */

/* This function is here because strtoull() reports an overflow only in errno. */
int sys_read_number(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 0);
	if (errno)
		return -errno;
	return end == text || *end ? -EINVAL : 0;
}

/* --- Events and time --- */

int sys_eventfd(int *fd)
{
	/*
	 * Without EFD_NONBLOCK a thread that signals would wait while the counter is full. A peer
	 * can still clear the flag, because it belongs to the file that both processes share.
	 */
	*fd = sys_not_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	return *fd < 0 ? *fd : 0;
}

/*
 * Another process with the same eventfd may have made it blocking, so RWF_NOWAIT asks the kernel not
 * to wait. Linux before 5.10 does not know this flag on an eventfd.
 */
int sys_eventfd_take(int fd)
{
	SYS_DEFER_CANCEL;
	uint64_t count;
	const struct iovec part = { .iov_base = &count, .iov_len = sizeof(count) };
	ssize_t n;

	do
		n = preadv2(fd, &part, 1, -1, RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EOPNOTSUPP)
		n = read(fd, &count, sizeof(count));
	return n < 0 ? -errno : 0;
}

void sys_eventfd_signal(int fd)
{
	SYS_DEFER_CANCEL;
	const uint64_t one = 1;
	ssize_t n;

	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

uint64_t sys_random(void)
{
	uint64_t value;

	/* Early after the boot the kernel has no random bytes yet, but the time differs. */
	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
		value = sys_now_ns() * UINT64_C(0x9e3779b97f4a7c15);
	return value;
}

void sys_yield(void)
{
	(void)sched_yield();
}

void sys_sleep_ns(uint64_t ns)
{
	SYS_DEFER_CANCEL;
	struct timespec time = sys_timespec(ns);

	(void)nanosleep(&time, NULL);
}

int sys_wait_readable(struct pollfd *fds, nfds_t count, uint64_t deadline_ns)
{
	SYS_DEFER_CANCEL;
	int n;

	do {
		/*
		 * The time that is left is computed in each turn, so signals cannot put off the
		 * deadline.
		 */
		uint64_t now = deadline_ns == UINT64_MAX ? 0 : sys_now_ns();
		struct timespec left = sys_timespec(deadline_ns > now ? deadline_ns - now : 0);

		/* poll() counts in milliseconds, which is too coarse here. */
		n = ppoll(fds, count, deadline_ns == UINT64_MAX ? NULL : &left, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}
