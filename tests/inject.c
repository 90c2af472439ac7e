// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The linker puts these functions between the library and libc (--wrap); meson
 * asks for 64-bit offsets, so mmap() is mmap64() there.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject.h"
#include "memory/harden.h"
#include "memory/segment.h"

struct inject inject;
static _Thread_local bool is_optional;

/* Returns whether this call is the last one that is counted. Threads call it at the same time. */
static bool count_down(void)
{
	unsigned int left = __atomic_load_n(&inject.left, __ATOMIC_RELAXED);

	while (left && !__atomic_compare_exchange_n(&inject.left, &left, left - 1, false,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return left == 1;
}

void inject_count(long *counter, long by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

bool inject_fails(void)
{
	if (inject.thread && !pthread_equal(*inject.thread, pthread_self()))
		return false;
	if (!count_down())
		return false;
	inject.failed = true;
	inject.err = 0;
	inject.optional = is_optional;
	if (inject.stays)
		inject.left = 1;
	return true;
}

bool inject_fails_with(int err)
{
	if (!inject_fails())
		return false;
	inject.err = err;
	errno = err;
	return true;
}

int inject_opened(int fd)
{
	inject_count(&inject.fds, fd >= 0);
	return fd;
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
	void *block = inject_fails() ? NULL : __real_calloc(count, size);

	inject_count(&inject.blocks, !!block);
	return block;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	void *block = inject_fails() ? NULL : __real_malloc(size);

	inject_count(&inject.blocks, !!block);
	return block;
}

char *__real_strdup(const char *string);
char *__wrap_strdup(const char *string);
char *__wrap_strdup(const char *string)
{
	char *copy = inject_fails() ? NULL : __real_strdup(string);

	inject_count(&inject.blocks, !!copy);
	return copy;
}

void __wrap_free(void *block);
void __wrap_free(void *block)
{
	inject_count(&inject.blocks, -!!block);
	__real_free(block);
}

int __real_munmap(void *va, size_t bytes);
void *__real_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

/*
 * Maps ordinary pages with the alignment of hugepages, each mapping right below the one before.
 * They come from a region that only this function uses.
 */
static void *pretend_hugepages(size_t bytes, int protection, int flags)
{
	const size_t region = (size_t)1 << 30, huge = (size_t)2 << 20;
	static char *first, *next;

	/*
	 * The library must not populate or lock pages here: another thread may fork before the
	 * library has excluded them from its children.
	 */
	assert_int_equal(flags & (MAP_POPULATE | MAP_LOCKED), 0);
	if ((size_t)(next - first) < bytes) {
		first = __real_mmap64(NULL, region, PROT_NONE, flags | MAP_NORESERVE, -1, 0);
		if (first == MAP_FAILED)
			abort();
		next = first + region - (uintptr_t)first % huge;
		first += huge;
	}
	next -= bytes;
	return __real_mmap64(next, bytes, protection, flags | MAP_FIXED, -1, 0);
}

void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	/* The library cannot fail where it replaces a mapping without need for memory. */
	const bool is_safe = flags & MAP_FIXED && (flags & MAP_NORESERVE || fd >= 0);
	void *va;

	if (!is_safe && inject_fails()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (flags & MAP_HUGETLB) {
		inject.huge_maps++;
		assert_int_equal(bytes % (2 << 20), 0);
	}
	if (flags & MAP_HUGETLB && inject.hugepages)
		va = pretend_hugepages(bytes, protection,
				       flags & (int)~(MAP_HUGETLB | 0x3fu << MAP_HUGE_SHIFT));
	else
		va = __real_mmap64(at, bytes, protection, flags, fd, offset);
	/* A mapping that replaces another adds no bytes. */
	if (va != MAP_FAILED && !(flags & MAP_FIXED))
		inject_count(&inject.bytes, (long)bytes);
	return va;
}

int __wrap_munmap(void *va, size_t bytes);
int __wrap_munmap(void *va, size_t bytes)
{
	inject_count(&inject.bytes, -(long)bytes);
	return __real_munmap(va, bytes);
}

int __real_madvise(void *va, size_t bytes, int advice);
int __wrap_madvise(void *va, size_t bytes, int advice);
int __wrap_madvise(void *va, size_t bytes, int advice)
{
	if (inject_fails()) {
		errno = ENOMEM;
		return -1;
	}
	if (inject.no_populate && advice == MADV_POPULATE_WRITE) {
		errno = EINVAL;
		return -1;
	}
	return __real_madvise(va, bytes, advice);
}

int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags)
{
	if (inject.refused == SYS_memfd_create) {
		errno = EPERM;
		return -1;
	}
	return inject_fails_with(EMFILE) ? -1 : inject_opened(__real_memfd_create(name, flags));
}

int __real_ftruncate64(int fd, off_t bytes);
int __wrap_ftruncate64(int fd, off_t bytes);
int __wrap_ftruncate64(int fd, off_t bytes)
{
	return inject_fails_with(ENOSPC) ? -1 : __real_ftruncate64(fd, bytes);
}

int __real_posix_fallocate64(int fd, off_t offset, off_t bytes);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t bytes);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t bytes)
{
	return inject_fails_with(ENOSPC) ? ENOSPC : __real_posix_fallocate64(fd, offset, bytes);
}

int __real_mprotect(void *va, size_t bytes, int protection);
int __wrap_mprotect(void *va, size_t bytes, int protection);
int __wrap_mprotect(void *va, size_t bytes, int protection)
{
	return inject_fails_with(ENOMEM) ? -1 : __real_mprotect(va, bytes, protection);
}

int __real_eventfd(unsigned int count, int flags);
int __wrap_eventfd(unsigned int count, int flags);
int __wrap_eventfd(unsigned int count, int flags)
{
	int fd;

	if (inject_fails()) {
		errno = EMFILE;
		return -1;
	}
	fd = __real_eventfd(count, flags);
	inject_count(&inject.fds, fd >= 0);
	return fd;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	inject_count(&inject.fds, -1);
	return __real_close(fd);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	return inject_fails() ? EAGAIN : __real_pthread_create(thread, attr, fn, arg);
}

void __real_segment_open(struct segment *segment, const char *name,
			 const uint32_t fields[SEGMENT_FIELDS]);
void __wrap_segment_open(struct segment *segment, const char *name,
			 const uint32_t fields[SEGMENT_FIELDS]);
void __wrap_segment_open(struct segment *segment, const char *name,
			 const uint32_t fields[SEGMENT_FIELDS])
{
	is_optional = true;
	__real_segment_open(segment, name, fields);
	is_optional = false;
}

void *__real_segment_get(struct segment *segment, size_t bytes);
void *__wrap_segment_get(struct segment *segment, size_t bytes);
void *__wrap_segment_get(struct segment *segment, size_t bytes)
{
	void *memory;

	is_optional = true;
	memory = __real_segment_get(segment, bytes);
	is_optional = false;
	return memory;
}

void __real_guard_retire(struct guard *guard, struct iova_range *range);
void __wrap_guard_retire(struct guard *guard, struct iova_range *range);
void __wrap_guard_retire(struct guard *guard, struct iova_range *range)
{
	is_optional = true;
	__real_guard_retire(guard, range);
	is_optional = false;
}

void __real_harden_chunk(const struct chunk *chunk);
void __wrap_harden_chunk(const struct chunk *chunk);
void __wrap_harden_chunk(const struct chunk *chunk)
{
	is_optional = true;
	__real_harden_chunk(chunk);
	is_optional = false;
}

void __real_harden_close_slot(const struct slot *slot, enum guard_end end);
void __wrap_harden_close_slot(const struct slot *slot, enum guard_end end);
void __wrap_harden_close_slot(const struct slot *slot, enum guard_end end)
{
	is_optional = true;
	__real_harden_close_slot(slot, end);
	is_optional = false;
}
