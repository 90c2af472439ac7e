/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The system calls of the library. A function that can fail returns -errno, and restarts a call that
 * a signal interrupts. Only sys.c and the other sys_*.c read errno.
 *
 * Each descriptor closes on exec, and none is one of the standard three.
 */
#ifndef SYS_H
#define SYS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* musl does not have them. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#define SYS_NS_PER_MS UINT64_C(1000000)
#define SYS_NS_PER_S UINT64_C(1000000000)

/* --- Cancelled threads --- */

static inline int sys_defer_cancel(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

static inline void sys_allow_cancel(const int *state)
{
	pthread_setcancelstate(*state, NULL);
}

/*
 * Each function that calls a cancellation point (pthreads(7)) begins with this. A cancelled thread that
 * ended there would keep locks, descriptors and counts of the library. So it ends after the call.
 */
#define SYS_DEFER_CANCEL       \
	const int defer_cancel \
		__attribute__((cleanup(sys_allow_cancel), unused)) = sys_defer_cancel()

/* --- Memory --- */

static inline size_t sys_page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Map private anonymous memory. The call adds @flags, such as MAP_HUGETLB. */
int sys_map(size_t bytes, int flags, void **va);

/*
 * Map @bytes bytes, which may end within a page. A page without access follows them, so a parser that
 * goes too far faults. Tools such as MALLOC_PERTURB_ of glibc would fill memory of malloc().
 */
int sys_map_guarded(size_t bytes, void **va);

/* Unmap so many bytes from sys_map_guarded(). If @va is NULL, this does nothing. */
void sys_unmap_guarded(void *va, size_t bytes);

/* As sys_map(), at an address. -EEXIST if something is mapped there. */
int sys_map_free(uint64_t at, size_t bytes, void **va);

/* Unmap a whole mapping. This cannot fail. */
void sys_unmap(void *va, size_t bytes);

/* Unmap a part of a mapping. The kernel refuses it if the process has too many mappings. */
int sys_unmap_part(void *va, size_t bytes);

/* Advise the kernel as madvise() does. */
int sys_advise(void *va, size_t bytes, int advice);

/* Take pages that are not populated yet only from these NUMA nodes; @nodes has a bit for each. */
int sys_bind(void *va, size_t bytes, uint64_t nodes);

/* Map a part of a file, shared with all its users. A forked child does not inherit the mapping. */
int sys_map_file(int fd, uint64_t offset, size_t bytes, void **va);

/*
 * Map a private copy of a file. A page shows what other processes write to the file until this process
 * writes to the page. A forked child does not inherit the mapping.
 */
int sys_map_private(int fd, size_t bytes, void **va);

/*
 * Map a file of one's own, shared with all its users, without access. Core dumps leave it out. A
 * forked child inherits the mapping.
 */
int sys_reserve_file(int fd, size_t bytes, void **va);

/*
 * Replace a part that sys_make_accessible() made accessible by a private copy of the file. If that
 * fails, the part can only be read.
 */
int sys_make_private(int fd, void *va, size_t bytes);

/*
 * Write to each page of a private copy, so that it no longer shows what other processes write to the
 * file. The contents stay, also those that other threads write meanwhile.
 */
int sys_keep_private(void *va, size_t bytes);

/* Make a part of what sys_reserve_file() mapped accessible. Core dumps have it. */
int sys_make_accessible(void *va, size_t bytes);

/* Reserve addresses without memory, which nobody can access. */
int sys_reserve(size_t bytes, void **va);

/* Put memory at addresses that sys_reserve() reserved, which nobody can access. */
int sys_map_at(void *va, size_t bytes);

/* Take the memory at such addresses away, so that nobody can access them. */
void sys_map_nothing(void *va, size_t bytes);

/* Let the CPU access memory, or not. */
int sys_protect(void *va, size_t bytes, bool is_accessible);

/* Move a whole mapping to the place of another mapping of the same size. */
int sys_map_move(void *from, void *to, size_t bytes);

/* As sys_map_move(), but the old place stays mapped and empty. -EINVAL for hugepages and files. */
int sys_map_leave(void *from, void *to, size_t bytes);

/* Replace what is mapped there by private memory. */
void sys_map_over(void *va, size_t bytes);

/*
 * Order memory accesses in each thread of the process: those before the call come before those
 * after it. So a thread with a fast path needs no barrier of its own.
 */
void sys_barrier_all_threads(void);

/* --- Files --- */

void sys_close(int fd);

/* Returns a descriptor or -errno. */
int sys_open(const char *path, int flags);

/* Returns another descriptor of the same file, or -errno. */
int sys_dup(int fd);

/* Returns @fd, or a copy above the standard descriptors. If @fd is negative it returns -errno. */
int sys_not_standard(int fd);

/* Make @fd another descriptor of the file that @from has open. This cannot fail. */
void sys_become(int fd, int from);

/* Create an empty file in memory that can be sealed. /proc shows its name. */
int sys_memfd(const char *name, int *fd);

/* Seal the file, so that no process can make it shorter or longer. */
int sys_seal(int fd);

/* Let only the mappings that exist write to the file. -EINVAL before Linux 5.1. */
int sys_seal_writes(int fd);

/* As sys_seal_writes(), where the kernel has it, and then sys_seal(). */
int sys_seal_for_readers(int fd);

/* Returns the result of the kernel, or -errno. */
int sys_ioctl(int fd, unsigned long request, void *arg);

/* Call an ioctl that returns a descriptor. Returns the descriptor or -errno. */
int sys_ioctl_fd(int fd, unsigned long request, void *arg);

/* Returns the size of a file, or 0 if it does not have one. */
uint64_t sys_file_bytes(int fd);

/* Returns how many bytes were read, which may be fewer than @bytes, or -errno. */
ssize_t sys_read_some_at(int fd, uint64_t offset, void *to, size_t bytes);

/* Read all of the bytes; -EIO if the file ends earlier. */
int sys_read_at(int fd, uint64_t offset, void *to, size_t bytes);

/*
 * Write all of the bytes. The descriptor is that of a device. For a file with a size use
 * sys_write_more(), because a write above the limit of the process raises SIGXFSZ.
 */
int sys_write_at(int fd, uint64_t offset, const void *from, size_t bytes);

/* Copy the last component of the path that a symbolic link points to. */
int sys_link_name(const char *path, char *name, size_t size);

bool sys_exists(const char *path);

int sys_stat(const char *path, struct stat *file);

/* Returns NULL if the directory cannot be read. */
DIR *sys_dir_open(const char *path);

/* Returns the next name that does not begin with a dot, or NULL at the end or if @dir is NULL. */
const char *sys_dir_next(DIR *dir);

/* @dir may be NULL. */
void sys_dir_close(DIR *dir);

/* --- Numbers --- */

/* Read a number in the notation of C. It must be the whole of @text; -EINVAL or -ERANGE. */
int sys_read_number(const char *text, uint64_t *number);

/* --- Events and time --- */

int sys_eventfd(int *fd);

/* Reset an eventfd without blocking; -EAGAIN if it is not signalled. */
int sys_eventfd_take(int fd);

/*
 * Signal an eventfd. This cannot fail, because an eventfd with a full counter is signalled. If
 * another process has the eventfd too, call sys_doorbell_ring(), which never waits.
 */
void sys_eventfd_signal(int fd);

static inline uint64_t sys_now_ns(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SYS_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Returns the time since 1970. It jumps if somebody sets the clock. */
static inline uint64_t sys_real_ns(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SYS_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* As sys_now_ns(), in steps of some milliseconds. It costs a quarter. */
static inline uint64_t sys_now_coarse_ns(void)
{
	struct timespec now = { .tv_sec = 0 };

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * SYS_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Returns the time at which a timeout that begins now ends; UINT64_MAX means never. */
static inline uint64_t sys_deadline_after_ns(uint64_t now_ns, uint64_t timeout_ns)
{
	return timeout_ns < UINT64_MAX - now_ns ? now_ns + timeout_ns : UINT64_MAX;
}

static inline uint64_t sys_deadline_ns(uint64_t timeout_ns)
{
	return sys_deadline_after_ns(timeout_ns == UINT64_MAX ? 0 : sys_now_ns(), timeout_ns);
}

static inline struct timespec sys_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / SYS_NS_PER_S),
		.tv_nsec = (long)(ns % SYS_NS_PER_S),
	};
}

/* Returns a number that differs from call to call and from run to run. It is not a secret. */
uint64_t sys_random(void);

/* Let other threads run. */
void sys_yield(void);

/* A signal may end the sleep early. */
void sys_sleep_ns(uint64_t ns);

/* Returns 0 when a descriptor is ready, or -ETIMEDOUT at the deadline. */
int sys_wait_readable(struct pollfd *fds, nfds_t count, uint64_t deadline_ns);

#endif
