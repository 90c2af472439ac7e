// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A writer has a block of the file that stays mapped. Memory that is written to again and again costs
 * less than the pages of a mapping that grows: a record takes some 50 ns. One call copies a full block
 * to the end of the file.
 *
 * INVARIANT: nobody shortens the file. A write to a block that is cut off would raise SIGBUS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "base/size.h"
#include "base/sys_file.h"
#include "base/sys_process.h"
#include "memory/ledger.h"

/* Records name a text by its address. No text has this one, so it stands for the device's name. */
#define DEVICE_TEXT 1
/* The ledger remembers so many texts that it wrote. Another one is written again. */
#define TEXTS 64

/**
 * struct ledger - The ledger of a device.
 * @fd: The file. Never changes, as all until @lock.
 * @writer: The number of this device.
 * @to: The receiver of reports.
 * @path: The path, for reports.
 * @block: The block that is mapped.
 * @offset: Where it is in the file.
 * @lock: Guards the rest.
 * @used: How many bytes of the block are written, at most LEDGER_LAST. The rest is older and was copied.
 * @count: How many records there were.
 * @err: Why the file could not grow; 0 if it could.
 * @is_reported: @err was reported.
 * @since_1970_ns: CLOCK_REALTIME minus CLOCK_MONOTONIC, as it was at @asked_ns.
 * @asked_ns: When that was.
 * @texts: Texts that were written, by a hash of their addresses.
 */
struct ledger {
	int fd;
	uint64_t writer;
	const struct reporter *to;
	char *path;
	char *block;
	uint64_t offset;
	struct lock lock;
	uint64_t used;
	uint64_t count;
	int err;
	bool is_reported;
	uint64_t since_1970_ns;
	uint64_t asked_ns;
	const char *texts[TEXTS];
};

/* --- Blocks --- */

static void fill_in_head(struct ledger_record *head)
{
	*head = (struct ledger_record){
		.kind = LEDGER_HEAD,
		.version = LEDGER_VERSION,
		.record_bytes = sizeof(*head),
		.block_bytes = LEDGER_BLOCK_BYTES,
	};
	memcpy(head->magic, LEDGER_MAGIC, sizeof(head->magic));
	head->checksum = ledger_checksum(head);
}

/* Finds the end of the file, which must be a ledger. The caller has the lock of the file. */
static int find_end_locked(int fd, uint64_t *end)
{
	struct ledger_record head, found;
	const uint64_t bytes = sys_file_bytes(fd);

	*end = align_up(bytes, LEDGER_BLOCK_BYTES);
	if (!bytes)
		return 0;
	fill_in_head(&head);
	return sys_read_at(fd, 0, &found, sizeof(found)) || memcmp(&found, &head, sizeof(head)) ?
		       -EINVAL :
		       0;
}

static int take_block_locked(int fd, uint64_t *offset)
{
	struct ledger_record head;
	int err = find_end_locked(fd, offset);

	if (err)
		return err;
	/* The head comes first, because a file that begins otherwise is not a ledger. */
	fill_in_head(&head);
	if (!*offset)
		err = sys_write_more(fd, 0, &head, sizeof(head));
	return err ? err : sys_allocate(fd, *offset, LEDGER_BLOCK_BYTES);
}

/* Copies the block to the end of the file. */
static int keep_block_locked(struct ledger *ledger) NEEDS_LOCK(ledger->lock)
{
	const uint64_t head = ledger->offset ? 0 : sizeof(struct ledger_record);
	uint64_t end;
	int err = sys_lock_file(ledger->fd);

	if (err)
		return err;
	err = find_end_locked(ledger->fd, &end);
	if (!err)
		err = sys_write_more(ledger->fd, end, ledger->block + head,
				     LEDGER_BLOCK_BYTES - head);
	sys_unlock_file(ledger->fd);
	if (!err)
		ledger->used = head;
	return err;
}

/* --- Records --- */

/* The report comes without the lock, because its receiver may wait for another thread. */
static void drop_lock(struct ledger *ledger) LOCK_ATTRIBUTE(release_capability(ledger->lock))
{
	const int err = ledger->is_reported ? 0 : ledger->err;

	ledger->is_reported = ledger->err;
	lock_drop(&ledger->lock);
	if (err)
		report(ledger->to, COHERENT_ERROR,
		       "ledger %.200s: %s; what happens from now on is not in it", ledger->path,
		       strerror(-err));
}

static void number_locked(struct ledger *ledger, struct ledger_record *record)
	NEEDS_LOCK(ledger->lock)
{
	record->writer = ledger->writer;
	record->number = ++ledger->count;
	record->checksum = 0;
}

/* The time of day may be set, so it is asked for again each second. */
static void set_time_locked(struct ledger *ledger, struct ledger_record *record)
	NEEDS_LOCK(ledger->lock)
{
	const uint64_t now_ns = sys_now_coarse_ns();

	if (now_ns - ledger->asked_ns >= SYS_NS_PER_S) {
		ledger->asked_ns = now_ns;
		ledger->since_1970_ns = sys_real_ns() - sys_now_ns();
	}
	record->monotonic_ns = now_ns;
	record->realtime_ns = now_ns + ledger->since_1970_ns;
}

/*
 * If this fails too, only the report tells that records are lost. A write through the mapping could
 * raise SIGBUS, where a file system takes new room for each write.
 */
static void put_lost_locked(struct ledger *ledger) NEEDS_LOCK(ledger->lock)
{
	struct ledger_record record = { .kind = LEDGER_LOST };

	set_time_locked(ledger, &record);
	number_locked(ledger, &record);
	record.checksum = ledger_checksum(&record);
	(void)sys_write_more(ledger->fd, ledger->offset + LEDGER_LAST, &record, sizeof(record));
}

static void put_locked(struct ledger *ledger, struct ledger_record *record) NEEDS_LOCK(ledger->lock)
{
	struct ledger_record *to;

	if (ledger->used == LEDGER_LAST && !ledger->err) {
		ledger->err = keep_block_locked(ledger);
		if (ledger->err)
			put_lost_locked(ledger);
	}
	if (ledger->err)
		return;
	to = (struct ledger_record *)(ledger->block + ledger->used);
	number_locked(ledger, record);
	*to = *record;
	/* A reader after a kill takes only a record whose checksum is right. */
	__atomic_store_n(&to->checksum, ledger_checksum(record), __ATOMIC_RELEASE);
	ledger->used += sizeof(*to);
}

static void put_text_locked(struct ledger *ledger, uint64_t id, const char *text)
	NEEDS_LOCK(ledger->lock)
{
	bool is_first = true, is_last;

	do {
		struct ledger_record record = { .kind = LEDGER_TEXT, .id = id, .first = is_first };
		const size_t bytes = strnlen(text, sizeof(record.part));

		memcpy(record.part, text, bytes);
		put_locked(ledger, &record);
		is_last = bytes < sizeof(record.part);
		is_first = false;
		text += bytes;
	} while (!is_last);
}

/* Returns the number of a text, after the text was written. If no place is left, it takes another's. */
static uint64_t text_locked(struct ledger *ledger, const char *text) NEEDS_LOCK(ledger->lock)
{
	const uintptr_t id = (uintptr_t)text;
	const size_t home = id * UINT64_C(0x9e3779b97f4a7c15) >> 58;
	const char **place = &ledger->texts[home];

	for (size_t i = 1; *place && *place != text && i <= TEXTS; i++)
		place = &ledger->texts[(home + i) % TEXTS];
	if (*place != text)
		put_text_locked(ledger, id, text);
	*place = text;
	return id;
}

_Static_assert(TEXTS == 1 << (64 - 58), "the hash has as many values as there are places");

static void put_now_locked(struct ledger *ledger, struct ledger_record *record)
	NEEDS_LOCK(ledger->lock)
{
	set_time_locked(ledger, record);
	put_locked(ledger, record);
}

void ledger_expose(struct ledger *ledger, const struct ledger_range *range,
		   enum coherent_permission permission, const char *where)
{
	struct ledger_record record = {
		.kind = LEDGER_EXPOSE,
		.permission = (uint8_t)permission,
		.address = range->address,
		.bytes = range->bytes,
	};

	lock_take(&ledger->lock);
	record.text = text_locked(ledger, where);
	put_now_locked(ledger, &record);
	drop_lock(ledger);
}

void ledger_end(struct ledger *ledger, const struct ledger_range *range, enum ledger_reason reason,
		unsigned int flags)
{
	struct ledger_record record = {
		.kind = LEDGER_END,
		.reason = (uint8_t)reason,
		.flags = (uint8_t)flags,
		.address = range->address,
		.bytes = range->bytes,
	};

	lock_take(&ledger->lock);
	put_now_locked(ledger, &record);
	drop_lock(ledger);
}

void ledger_note(struct ledger *ledger, enum ledger_kind kind)
{
	struct ledger_record record = { .kind = (uint8_t)kind };

	lock_take(&ledger->lock);
	put_now_locked(ledger, &record);
	drop_lock(ledger);
}

void ledger_level(struct ledger *ledger, enum coherent_level level)
{
	struct ledger_record record = { .kind = LEDGER_LEVEL, .bytes = level };

	lock_take(&ledger->lock);
	put_now_locked(ledger, &record);
	drop_lock(ledger);
}

/* --- Open and close --- */

static int error_of_open(int err)
{
	switch (err) {
	case -EINVAL:
	case -ENOENT:
	case -ENOTDIR:
	case -EISDIR:
	case -ELOOP:
	case -ENAMETOOLONG:
	case -ENXIO:
		return -EINVAL;
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return -EACCES;
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG:
	case -EMFILE:
	case -ENFILE:
		return -ENOSPC;
	case -ENOMEM:
		return -ENOMEM;
	case -EBUSY:
		return -EBUSY;
	}
	return -EIO;
}

static int take_block(struct ledger *ledger)
{
	void *block;
	int err = sys_lock_file(ledger->fd);

	if (err)
		return err;
	err = take_block_locked(ledger->fd, &ledger->offset);
	sys_unlock_file(ledger->fd);
	if (!err)
		err = sys_map_file(ledger->fd, ledger->offset, LEDGER_BLOCK_BYTES, &block);
	if (err)
		return err;
	ledger->block = block;
	return 0;
}

static void begin(struct ledger *ledger, const char *device)
{
	struct ledger_record record = {
		.kind = LEDGER_DEVICE,
		.bytes = (uint64_t)sys_pid(),
		.text = DEVICE_TEXT,
	};

	lock_init(&ledger->lock);
	lock_take(&ledger->lock);
	ledger->used = ledger->offset ? 0 : sizeof(record);
	put_text_locked(ledger, DEVICE_TEXT, device);
	put_now_locked(ledger, &record);
	drop_lock(ledger);
}

static int open_file(struct ledger *ledger, const char *device)
{
	int err;

	ledger->fd = sys_create(ledger->path);
	if (ledger->fd < 0)
		return ledger->fd;
	err = take_block(ledger);
	if (err)
		sys_close(ledger->fd);
	else
		begin(ledger, device);
	return err;
}

int ledger_open(struct ledger **out, const char *path, const char *device,
		const struct reporter *to, enum coherent_severity severity)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	int err = -ENOMEM;

	*out = NULL;
	if (ledger)
		ledger->path = sys_file_name(path);
	if (ledger && ledger->path) {
		ledger->to = to;
		ledger->writer = sys_random();
		err = open_file(ledger, device);
	}
	if (!err) {
		*out = ledger;
		return 0;
	}
	if (ledger)
		free(ledger->path);
	free(ledger);
	report(to, severity, "ledger %.200s: %s; the device %s has no ledger", path,
	       err == -EINVAL ? "it is not a ledger, so it stays as it is; give another name" :
				strerror(-err),
	       device);
	return error_of_open(err);
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	sys_unmap(ledger->block, LEDGER_BLOCK_BYTES);
	lock_destroy(&ledger->lock);
	sys_close(ledger->fd);
	free(ledger->path);
	free(ledger);
}
