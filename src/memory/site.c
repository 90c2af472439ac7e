// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An allocation of whole pages copies its site at once. An object of a pool keeps the pointer of
 * its caller, because the fast path of a pool has no time for more. The slow path of the pool
 * copies the site and remembers the pointer, so that the pointer still means something after the
 * code of the caller was unloaded.
 */
#include <stdint.h>
#include <string.h>

#include "base/size.h"
#include "base/sys_process.h"
#include "memory/site.h"

#define UNKNOWN "an unknown place"
/* How much memory is allocated at a time. */
#define BLOCK_BYTES SEGMENT_ROOM((size_t)4096)
/* The longest site that is copied out of a loaded image. */
#define TEXT_BYTES 1024

/**
 * struct sites_block - Memory of copies.
 * @next: The block that was allocated before.
 * @room: The memory.
 */
struct sites_block {
	struct sites_block *next;
	char room[];
};

/* The end of a site differs more than its beginning, which is often the folder of the source. */
static struct site **bucket_of(struct sites *sites, const char *text, size_t bytes)
{
	uint64_t end = bytes;

	if (bytes >= sizeof(end))
		memcpy(&end, text + bytes - sizeof(end), sizeof(end));
	return &sites->buckets[end * UINT64_C(0x9e3779b97f4a7c15) >> 58];
}

_Static_assert(SITES_BUCKETS == 1 << (64 - 58), "the hash has as many values as there are buckets");

/* ORDER: pairs with the release in insert_locked() (site.litmus). */
static struct site *first_of(struct site **bucket)
{
	return __atomic_load_n(bucket, __ATOMIC_ACQUIRE);
}

static struct site *find_text(struct site **bucket, const char *text, size_t bytes)
{
	struct site *site = first_of(bucket);

	while (site && (site->bytes != bytes || memcmp(site->text, text, bytes)))
		site = site->next;
	return site;
}

/* --- Memory of copies --- */

void sites_open(struct sites *sites, struct segment *segment)
{
	sites->segment = segment;
	lock_init(&sites->lock);
}

void sites_close(struct sites *sites)
{
	struct sites_block *block;

	while ((block = sites->blocks)) {
		sites->blocks = block->next;
		segment_put(sites->segment, block);
	}
	lock_destroy(&sites->lock);
}

static bool grow_locked(struct sites *sites, size_t bytes) NEEDS_LOCK(sites->lock)
{
	const size_t least = BLOCK_BYTES - sizeof(struct sites_block);
	const size_t room = bytes < least ? least : bytes;
	struct sites_block *block = segment_get(sites->segment, sizeof(*block) + room);

	if (!block)
		return false;
	block->next = sites->blocks;
	sites->blocks = block;
	sites->next = block->room;
	sites->left = room;
	return true;
}

static void *allocate_locked(struct sites *sites, size_t bytes) NEEDS_LOCK(sites->lock)
{
	void *memory;

	bytes = align_up(bytes, _Alignof(struct site));
	if (bytes > sites->left && !grow_locked(sites, bytes))
		return NULL;
	memory = sites->next;
	sites->next += bytes;
	sites->left -= bytes;
	return memory;
}

static struct site *insert_locked(struct sites *sites, struct site **bucket, const char *text,
				  size_t bytes) NEEDS_LOCK(sites->lock)
{
	struct site *site = find_text(bucket, text, bytes);

	/* Another thread may have inserted the text after this one looked for it. */
	if (site)
		return site;
	site = allocate_locked(sites, sizeof(*site) + bytes + 1);
	if (!site)
		return NULL;
	*site = (struct site){ .next = first_of(bucket), .bytes = bytes };
	memcpy(site->text, text, bytes + 1);
	/* ORDER: a reader of the list sees the whole copy (site.litmus). */
	__atomic_store_n(bucket, site, __ATOMIC_RELEASE);
	return site;
}

static struct site *insert(struct sites *sites, struct site **bucket, const char *text,
			   size_t bytes)
{
	struct site *site;

	lock_take(&sites->lock);
	site = insert_locked(sites, bucket, text, bytes);
	lock_drop(&sites->lock);
	return site;
}

/* --- Pointers of callers --- */

static uintptr_t pointer_of(const struct site *site)
{
	return __atomic_load_n(&site->pointer, __ATOMIC_RELAXED);
}

static struct site *find_pointer(struct sites *sites, uintptr_t pointer)
{
	for (unsigned int i = 0; i < SITES_BUCKETS; i++)
		for (struct site *site = first_of(&sites->buckets[i]); site; site = site->next)
			if (pointer_of(site) == pointer || (uintptr_t)site->text == pointer)
				return site;
	return NULL;
}

/* Code that is loaded where other code was may use the same pointer for another text. */
static void remember_pointer(struct sites *sites, struct site *site, const char *pointer)
{
	struct site *other;

	if (pointer_of(site) == (uintptr_t)pointer)
		return;
	other = find_pointer(sites, (uintptr_t)pointer);
	if (other)
		__atomic_store_n(&other->pointer, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&site->pointer, (uintptr_t)pointer, __ATOMIC_RELAXED);
}

/* --- Sites --- */

static struct site *copy_of(struct sites *sites, const char *text)
{
	const size_t bytes = strlen(text);
	struct site **bucket = bucket_of(sites, text, bytes);
	struct site *site = find_text(bucket, text, bytes);

	return site ? site : insert(sites, bucket, text, bytes);
}

const char *site_copy(struct sites *sites, const char *site)
{
	const struct site *copy = site ? copy_of(sites, site) : NULL;

	return copy ? copy->text : UNKNOWN;
}

const char *site_copy_and_remember(struct sites *sites, const char *site)
{
	struct site *copy = site ? copy_of(sites, site) : NULL;

	if (!copy)
		return UNKNOWN;
	remember_pointer(sites, copy, site);
	return copy->text;
}

/* Returns whether a text ends with a colon and a number, as a site does. */
static bool is_site(const char *text)
{
	const char *colon = strrchr(text, ':');

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			return false;
	return colon && colon > text && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")];
}

const char *site_of_pointer(struct sites *sites, const char *pointer)
{
	char text[TEXT_BYTES];
	struct site *site = find_pointer(sites, (uintptr_t)pointer);

	if (site)
		return site->text;
	/* Other code may be loaded where the code of the caller was. */
	if (!sys_copy_loaded(pointer, text, sizeof(text)) || !is_site(text))
		return "a place in code that was unloaded";
	site = copy_of(sites, text);
	if (!site)
		return UNKNOWN;
	remember_pointer(sites, site, pointer);
	return site->text;
}

void site_count_fault(struct sites *sites, const char *site)
{
	struct site *copy;

	if (!sites->segment->header)
		return;
	sites->segment->header->faults++;
	/* There may be no object. The texts for an unknown place are not copies. */
	if (!segment_has(sites->segment, site))
		return;
	copy = (struct site *)((uintptr_t)site - offsetof(struct site, text));
	copy->faults++;
}
