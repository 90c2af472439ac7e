// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The segment is a memfd that is mapped once, and whose memory grows with the use. Addresses that are
 * not used yet cannot be accessed, so that mlockall() and core dumps leave them out.
 *
 * INVARIANT: the file cannot change its size, and nobody can map it to write any more.
 * INVARIANT: a forked child has a private copy. Its handles point there. Its writes do not reach its
 * parent. After the handler of the fork, writes of the parent do not reach the child.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys.h"
#include "base/sys_file.h"
#include "base/sys_process.h"
#include "memory/segment.h"

/* A segment of this size has room for five million objects. */
#define BYTES_MAX (UINT64_C(1) << 30)
/* This one has room for some thousand. It is for a program whose addresses are limited. */
#define BYTES_MIN (UINT64_C(1) << 20)
/* So much is made ready at a time. */
#define STEP_BYTES (UINT64_C(1) << 20)

_Static_assert(SEGMENT_RANGES_MAX == ARRAY_SIZE(((struct coherent_limits *)0)->ranges),
	       "a segment has room for all ranges of a device");
_Static_assert(sizeof(struct segment_part) % 16 == 0, "the memory behind it is aligned");

/*
 * LeakSanitizer looks for pointers in the heap and on stacks only. With these, if the program has it,
 * it looks in the records too.
 */
void __lsan_register_root_region(const void *va, size_t bytes) __attribute__((weak));
void __lsan_unregister_root_region(const void *va, size_t bytes) __attribute__((weak));

/* --- Forks --- */

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	uint32_t opened;
	LIST_HEAD(, segment) list;
} all = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

static void before_fork(void)
{
	(void)pthread_mutex_lock(&all.lock);
}

static void after_fork(void)
{
	(void)pthread_mutex_unlock(&all.lock);
}

static void in_child(void)
{
	struct segment *segment;

	LIST_FOREACH(segment, &all.list, link) {
		/* A child of a child has a copy of the copy. The descriptor may be another file now. */
		if (segment->is_copy)
			continue;
		segment->is_copy = true;
		if (!sys_make_private(segment->fd, segment->header,
				      __atomic_load_n(&segment->ready, __ATOMIC_RELAXED)))
			(void)sys_keep_private(segment->header,
					       __atomic_load_n(&segment->used, __ATOMIC_RELAXED));
	}
	after_fork();
}

static void watch_forks(void)
{
	(void)pthread_atfork(before_fork, after_fork, in_child);
}

static void add_to_list(struct segment *segment)
{
	(void)pthread_once(&all.once, watch_forks);
	(void)pthread_mutex_lock(&all.lock);
	segment->header->opened = ++all.opened;
	LIST_INSERT_HEAD(&all.list, segment, link);
	(void)pthread_mutex_unlock(&all.lock);
}

static void remove_from_list(struct segment *segment)
{
	(void)pthread_mutex_lock(&all.lock);
	LIST_REMOVE(segment, link);
	(void)pthread_mutex_unlock(&all.lock);
}

/* --- Open --- */

static int map(struct segment *segment, uint64_t bytes)
{
	void *va;
	int err = sys_truncate(segment->fd, bytes);

	if (!err)
		err = sys_reserve_file(segment->fd, bytes, &va);
	if (err)
		return err;
	segment->header = va;
	segment->bytes = bytes;
	return 0;
}

/* Maps as much as possible. Memory that can be locked is scarcer than addresses. */
static int map_most(struct segment *segment)
{
	uint64_t bytes = sys_address_limit() == UINT64_MAX ? BYTES_MAX : BYTES_MIN;
	int err = -ENOMEM;

	for (; err && bytes >= BYTES_MIN; bytes /= 4)
		err = map(segment, bytes);
	return err;
}

/*
 * Makes the segment accessible up to an offset, and takes the memory from another one on. If a page
 * were missing at the first access, the kernel would raise SIGBUS.
 */
static int make_ready_locked(struct segment *segment, uint64_t from, uint64_t end)
	NEEDS_LOCK(segment->lock)
{
	const uint64_t ready = align_up(end, STEP_BYTES);
	int err = end > segment->used ? sys_allocate(segment->fd, from, end - from) : 0;

	if (err || end <= segment->ready)
		return err;
	err = sys_make_accessible((char *)segment->header + segment->ready, ready - segment->ready);
	if (!err)
		__atomic_store_n(&segment->ready, ready, __ATOMIC_RELAXED);
	return err;
}

static int open_space(struct segment *segment)
{
	const uint64_t page = sys_page_bytes();
	int err = iova_open(&segment->space, page, 0);

	if (!err)
		err = iova_allow(&segment->space, align_up(sizeof(struct segment_header), page),
				 segment->bytes - 1);
	if (err)
		iova_close(&segment->space);
	return err;
}

static void fill_in(struct segment *segment, const char *name,
		    const uint32_t fields[SEGMENT_FIELDS])
{
	struct segment_header *header = segment->header;

	header->version = SEGMENT_VERSION;
	header->field_count = SEGMENT_FIELDS;
	header->fields_at = offsetof(struct segment_header, fields);
	header->base = (uintptr_t)header;
	header->bytes = segment->bytes;
	header->library = COHERENT_VERSION;
	strncpy(header->name, name, sizeof(header->name) - 1);
	memcpy(header->fields, fields, sizeof(header->fields));
	/* ORDER: a reader that sees the magic sees the rest (site.litmus). */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(header->magic, SEGMENT_MAGIC, sizeof(header->magic));
}

static int open_locked(struct segment *segment) NEEDS_LOCK(segment->lock)
{
	int err = map_most(segment);

	if (err)
		return err;
	err = make_ready_locked(segment, 0, sizeof(struct segment_header));
	if (!err)
		err = sys_seal_for_readers(segment->fd);
	if (!err)
		err = open_space(segment);
	if (err)
		sys_unmap(segment->header, segment->bytes);
	return err;
}

void segment_open(struct segment *segment, const char *name, const uint32_t fields[SEGMENT_FIELDS])
{
	int err;

	lock_init(&segment->lock);
	/* A reader needs pointers of eight bytes. */
	if (sizeof(void *) < sizeof(uint64_t) || sys_memfd(SEGMENT_FILE, &segment->fd))
		return;
	/* A program with many devices needs the last descriptors itself. */
	if ((uint64_t)segment->fd > sys_descriptor_limit() / 2) {
		sys_close(segment->fd);
		return;
	}
	lock_take(&segment->lock);
	err = open_locked(segment);
	lock_drop(&segment->lock);
	if (!err) {
		add_to_list(segment);
		if (__lsan_register_root_region)
			__lsan_register_root_region(segment->header, segment->bytes);
		fill_in(segment, name, fields);
		return;
	}
	segment->header = NULL;
	sys_close(segment->fd);
}

void segment_describe(struct segment *segment, const struct coherent_limits *limits,
		      enum coherent_level level, uint64_t guard)
{
	struct segment_header *header = segment->header;

	if (!header)
		return;
	header->mask = limits->mask;
	header->page_bytes = limits->page_bytes;
	header->guard = guard;
	header->level = level;
	for (unsigned int i = 0; i < limits->range_count; i++) {
		header->ranges[i].first = limits->ranges[i].first;
		header->ranges[i].last = limits->ranges[i].last;
	}
	/* ORDER: a reader that sees ranges sees an opened device (site.litmus). */
	__atomic_store_n(&header->range_count, limits->range_count, __ATOMIC_RELEASE);
}

void segment_add_block(struct segment *segment, const void *block, uint64_t *next)
{
	*next = segment->header->blocks;
	/* ORDER: a reader that sees the block sees the records (site.litmus). */
	__atomic_store_n(&segment->header->blocks, (uintptr_t)block, __ATOMIC_RELEASE);
}

void segment_end(struct segment *segment)
{
	if (segment->header)
		segment->header->is_closed = true;
}

/* --- Memory --- */

static void *get_locked(struct segment *segment, uint64_t bytes) NEEDS_LOCK(segment->lock)
{
	const uint64_t page = segment->space.granule;
	const struct iova_want want = { .bytes = bytes, .align = page };
	struct iova_range range;
	struct segment_part *part;

	if (iova_reserve(&segment->space, &want, &range))
		return NULL;
	if (make_ready_locked(segment, range.first, range.last + 1)) {
		iova_release(&segment->space, &range);
		return NULL;
	}
	part = (struct segment_part *)((char *)segment->header + range.first);
	if (range.first < segment->used)
		memset(part, 0, bytes);
	if (segment->used < range.last + 1)
		__atomic_store_n(&segment->used, range.last + 1, __ATOMIC_RELAXED);
	/* The node of the tree is in the memory itself. */
	iova_replace(&segment->space, &range, &part->range);
	return part + 1;
}

static void *get_private(size_t bytes)
{
	struct segment_part *part = calloc(1, sizeof(*part) + bytes);

	return part ? part + 1 : NULL;
}

void *segment_get(struct segment *segment, size_t bytes)
{
	void *memory;

	if (!segment->header)
		return get_private(bytes);
	lock_take(&segment->lock);
	memory = get_locked(segment,
			    align_up(sizeof(struct segment_part) + bytes, segment->space.granule));
	segment->header->missing += !memory;
	lock_drop(&segment->lock);
	return memory ? memory : get_private(bytes);
}

void segment_put(struct segment *segment, void *memory)
{
	struct segment_part *part = (struct segment_part *)memory - 1;

	if (!memory)
		return;
	if (!segment_has(segment, memory)) {
		free(part);
		return;
	}
	lock_take(&segment->lock);
	iova_release(&segment->space, &part->range);
	lock_drop(&segment->lock);
}

bool segment_has(const struct segment *segment, const void *memory)
{
	return segment->header && (uintptr_t)memory - (uintptr_t)segment->header < segment->bytes;
}

bool segment_is_of_parent(const void *memory)
{
	const struct segment *segment;
	bool found = false;

	(void)pthread_mutex_lock(&all.lock);
	LIST_FOREACH(segment, &all.list, link)
		found |= segment->is_copy && segment_has(segment, memory);
	(void)pthread_mutex_unlock(&all.lock);
	return found;
}

/* --- Close --- */

void segment_close(struct segment *segment)
{
	if (segment->header) {
		remove_from_list(segment);
		if (__lsan_unregister_root_region)
			__lsan_unregister_root_region(segment->header, segment->bytes);
		iova_close(&segment->space);
		sys_unmap(segment->header, segment->bytes);
		sys_close(segment->fd);
	}
	lock_destroy(&segment->lock);
}
