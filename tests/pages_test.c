// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pages_test.h"

struct pages_most most;
struct pages_seen seen;
struct pages pages;
struct lock lock;
struct iova_range ranges[64];
size_t count;
static struct page_owners owners;

void set_up_system(void)
{
	memset(&seen, 0, sizeof(seen));
	most.ordinary = most.node = SIZE_MAX;
	most.huge = most.giga = 0;
	most.keeps = false;
}

void *__real_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

/* Maps ordinary pages where the system would map hugepages. */
static void *map_aligned(size_t bytes, size_t align, int protection, int flags)
{
	char *all = __real_mmap64(NULL, bytes + align, protection,
				  flags & (int)~(MAP_HUGETLB | 0x3fu << MAP_HUGE_SHIFT), -1, 0);
	const size_t before = -(uintptr_t)all % align;

	if (all == MAP_FAILED)
		return all;
	if (before)
		assert_ok(munmap(all, before));
	assert_ok(munmap(all + before + bytes, align - before));
	return all + before;
}

void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	const unsigned int shift = (unsigned int)flags >> MAP_HUGE_SHIFT & 0x3f;

	seen.huge_maps += !!(flags & MAP_HUGETLB);
	if (bytes > (shift == 30 ? most.giga : shift == 21 ? most.huge : most.ordinary)) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	seen.bytes = bytes;
	seen.shift = shift;
	seen.bound = false;
	if (flags & MAP_HUGETLB)
		return map_aligned(bytes, (size_t)1 << shift, protection, flags);
	return __real_mmap64(at, bytes, protection, flags, fd, offset);
}

int __real_munmap(void *va, size_t bytes);
int __wrap_munmap(void *va, size_t bytes);
int __wrap_munmap(void *va, size_t bytes)
{
	if (most.keeps) {
		errno = ENOMEM;
		return -1;
	}
	seen.unmapped = bytes;
	seen.unmapped_at = (uintptr_t)va;
	return __real_munmap(va, bytes);
}

/* The tests touch little of what they map, so nothing is populated. */
int __real_madvise(void *va, size_t bytes, int advice);
int __wrap_madvise(void *va, size_t bytes, int advice);
int __wrap_madvise(void *va, size_t bytes, int advice)
{
	return advice == MADV_POPULATE_WRITE ? 0 : __real_madvise(va, bytes, advice);
}

long __wrap_syscall(long number, uintptr_t va, size_t bytes, long mode, const uint64_t *nodes);
long __wrap_syscall(long number, uintptr_t va, size_t bytes, long mode, const uint64_t *nodes)
{
	(void)va;
	(void)mode;
	/* Binding memory is the only system call that the library makes by number here. */
	assert_int_equal(number, SYS_mbind);
	assert_int_equal(nodes[0], 4);
	if (bytes > most.node) {
		errno = EINVAL;
		return -1;
	}
	seen.bound = true;
	return 0;
}

void open_pages(unsigned int wants)
{
	set_up_system();
	memset(&owners, 0, sizeof(owners));
	lock_init(&lock);
	assert_ok(pages_open(&pages, &owners, wants, wants & PAGES_NODES ? 4 : 0));
}

int get(size_t bytes, struct iova_range *range)
{
	int err;

	lock_take(&lock);
	err = pages_get(&pages, &lock, bytes, range);
	lock_drop(&lock);
	return err;
}

void close_pages(void)
{
	while (count)
		pages_put(&pages, &ranges[--count]);
	pages_close(&pages);
	page_owner_close(&owners);
	lock_destroy(&lock);
}

uintptr_t place_of(size_t bytes)
{
	assert_true(count < ARRAY_SIZE(ranges));
	assert_ok(get(bytes, &ranges[count]));
	assert_int_equal(pages_bytes(&ranges[count]), bytes);
	return ranges[count++].first;
}
