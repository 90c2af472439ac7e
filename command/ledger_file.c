// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The records of a ledger are sorted by writer and number, and those that are there twice are dropped.
 * Then they are followed one by one.
 *
 * Devices may write to the file meanwhile. A device copies its block to the end of the file before it
 * begins the block anew, so a reader that reads on from there has each record once or twice.
 */
#include <coherent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "ledger_file.h"
#include "memory/ledger_layout.h"

#define NONE SIZE_MAX

/**
 * struct texts - A text of a writer. The list begins with those of the writer that is followed, which
 * are few, because a program has few places.
 * @next: The text before.
 * @writer: The writer.
 * @id: The number of the text.
 * @used: The length.
 * @text: The text.
 * @is_again: It is being written a second time.
 */
struct texts {
	struct texts *next;
	uint64_t writer;
	uint64_t id;
	size_t used;
	char *text;
	bool is_again;
};

/**
 * struct replay - The records that are followed, one writer after the other.
 * @ledger: The result.
 * @heads: The newest open exposure of each hash.
 * @head_count: A power of two.
 * @first: The first exposure of the writer.
 * @device: The number of its name, or 0.
 * @pid: Its process.
 * @fences: How many fences have begun and not ended.
 * @waiting: A list of exposures that wait for the next fence.
 * @fenced: A list of exposures that waited when a fence began.
 */
struct replay {
	struct ledger_file *ledger;
	size_t *heads;
	size_t head_count;
	size_t first;
	uint64_t device;
	uint64_t pid;
	unsigned int fences;
	size_t waiting;
	size_t fenced;
};

/* --- The file --- */

/* Reads on to the end that the file has now. Returns false if there is no memory. */
static bool read_on(int fd, unsigned char **data, size_t *bytes)
{
	struct stat about;
	unsigned char *longer;
	ssize_t more = 1;

	if (fstat(fd, &about) || !S_ISREG(about.st_mode))
		return false;
	longer = realloc(*data, (size_t)about.st_size + 1);
	if (!longer)
		return false;
	*data = longer;
	while (more > 0 && *bytes < (size_t)about.st_size) {
		more = read(fd, *data + *bytes, (size_t)about.st_size - *bytes);
		*bytes += more > 0 ? (size_t)more : 0;
	}
	return true;
}

static int read_file(const char *path, unsigned char **data, size_t *bytes, bool *has_grown)
{
	/* A FIFO would block the open. */
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t first;
	bool is_read;

	*data = NULL;
	*bytes = 0;
	*has_grown = false;
	if (fd < 0)
		return fail("ledger: %s: %s", path, strerror(errno));
	/* If a device began a block anew before it was read, the copy follows the first end. */
	is_read = read_on(fd, data, bytes);
	first = *bytes;
	is_read = is_read && read_on(fd, data, bytes);
	*has_grown = *bytes != first;
	close(fd);
	if (!is_read)
		return fail("ledger: %s: it is not a file that can be read", path);
	return STATUS_GOOD;
}

static int check_head(const char *path, const unsigned char *data, size_t bytes)
{
	struct ledger_record head;

	if (bytes < sizeof(head))
		return fail("ledger: %s: it is not a ledger, or it was cut off", path);
	memcpy(&head, data, sizeof(head));
	if (head.kind != LEDGER_HEAD || memcmp(head.magic, LEDGER_MAGIC, sizeof(head.magic)))
		return fail("ledger: %s: it is not a ledger", path);
	if (head.version != LEDGER_VERSION || head.record_bytes != sizeof(head))
		return fail("ledger: %s: it has version %u, and this command reads version %d",
			    path, head.version, LEDGER_VERSION);
	if (head.checksum != ledger_checksum(&head))
		return fail("ledger: %s: its head is damaged", path);
	return STATUS_GOOD;
}

static bool is_zero(const struct ledger_record *record)
{
	static const struct ledger_record zero;

	return !memcmp(record, &zero, sizeof(zero));
}

/* Moves records that can be read to those that were kept. @first and @end are numbers in the file. */
static void keep_readable(struct ledger_file *ledger, size_t first, size_t end)
{
	struct ledger_record *records = ledger->records;

	for (size_t i = first; i < end; i++) {
		if (is_zero(&records[i]))
			continue;
		if (records[i].checksum == ledger_checksum(&records[i]))
			records[ledger->record_count++] = records[i];
		else
			ledger->unreadable++;
	}
}

static int by_number(const void *a, const void *b)
{
	const struct ledger_record *x = a, *y = b;

	if (x->writer != y->writer)
		return x->writer < y->writer ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Sorts the records, drops those that are there twice, and counts those that are missing. */
static void sort(struct ledger_file *ledger)
{
	struct ledger_record *records = ledger->records;
	const size_t count = ledger->record_count;
	size_t kept = 0;

	qsort(records, count, sizeof(*records), by_number);
	ledger->missing = 0;
	for (size_t i = 0; i < count; i++) {
		const bool is_first = !kept || records[kept - 1].writer != records[i].writer;
		const uint64_t last = is_first ? 0 : records[kept - 1].number;

		if (records[i].number == last)
			continue;
		ledger->missing += records[i].number - last - 1;
		records[kept++] = records[i];
	}
	ledger->record_count = kept;
}

/*
 * Returns how many records are before an odd end of the file, or all if its end is one that a writer
 * leaves: a whole block, or a copy of the first block, which lacks the head.
 */
static size_t count_whole(const struct ledger_record *head, size_t bytes)
{
	const size_t count = bytes / sizeof(*head);
	const size_t odd = head->block_bytes ? bytes % head->block_bytes : 0;
	const bool is_copy = bytes > head->block_bytes && odd + sizeof(*head) == head->block_bytes;

	return odd && !is_copy ? count - odd / sizeof(*head) : count;
}

/*
 * Keeps the records, sorted. If a writer cannot finish a copy, the block itself has the same records. So
 * an odd end that has others was cut off, unless the file grew while it was read.
 */
static void keep_all(struct ledger_file *ledger, size_t bytes, bool has_grown)
{
	const size_t count = bytes / sizeof(*ledger->records);
	const size_t whole = count_whole(ledger->records, bytes);
	size_t before;

	keep_readable(ledger, 1, whole);
	sort(ledger);
	if (whole == count)
		return;
	before = ledger->record_count;
	keep_readable(ledger, whole ? whole : 1, count);
	sort(ledger);
	ledger->is_cut |= ledger->record_count > before && !has_grown;
}

static int read_records(const char *path, struct ledger_file *ledger)
{
	unsigned char *data;
	bool has_grown;
	size_t bytes;
	int status;

	*ledger = (struct ledger_file){ .count = 0 };
	status = read_file(path, &data, &bytes, &has_grown);
	ledger->records = (struct ledger_record *)data;
	if (!status)
		status = check_head(path, data, bytes);
	if (status)
		return status;
	ledger->is_cut = bytes % sizeof(*ledger->records);
	keep_all(ledger, bytes, has_grown);
	return STATUS_GOOD;
}

/* Says whether the sorted records have a later one of the same writer. */
static bool has_later(const struct ledger_file *ledger, const struct ledger_record *record)
{
	size_t first = 0, end = ledger->record_count;

	while (first < end) {
		const size_t middle = first + (end - first) / 2;

		if (by_number(&ledger->records[middle], record) > 0)
			end = middle;
		else
			first = middle + 1;
	}
	return end < ledger->record_count && ledger->records[end].writer == record->writer;
}

/*
 * A device that begins its block anew while the reader is in it leaves a gap: of the new records, the
 * reader gets only the later ones. The others were written by then, so a second reading has them. The
 * second reading may have gaps among still later records, so this leaves those out.
 */
static int fill_gaps(const char *path, struct ledger_file *ledger)
{
	struct ledger_file again;
	struct ledger_record *both;
	size_t count = ledger->record_count;
	int status = read_records(path, &again);

	if (status) {
		free(again.records);
		return status;
	}
	both = realloc(ledger->records, (count + again.record_count + 1) * sizeof(*both));
	if (both) {
		ledger->records = both;
		for (size_t i = 0; i < again.record_count; i++)
			if (has_later(ledger, &again.records[i]))
				both[count++] = again.records[i];
		ledger->record_count = count;
		ledger->unreadable = again.unreadable;
		ledger->is_cut = again.is_cut;
		sort(ledger);
	}
	free(again.records);
	return both ? STATUS_GOOD : fail("ledger: %s: no memory is left", path);
}

/* --- Texts --- */

static struct texts *find_text(const struct ledger_file *ledger, uint64_t writer, uint64_t id)
{
	for (struct texts *text = ledger->texts; text && text->writer == writer; text = text->next)
		if (text->id == id)
			return text;
	return NULL;
}

/* A text that is written again is the same one, so the first stays. */
static bool add_text(struct ledger_file *ledger, const struct ledger_record *record)
{
	const size_t bytes = strnlen(record->part, sizeof(record->part));
	struct texts *text = find_text(ledger, record->writer, record->id);
	char *longer;

	if (!text) {
		text = calloc(1, sizeof(*text));
		if (!text)
			return false;
		*text = (struct texts){ ledger->texts, record->writer, record->id, 0, NULL, false };
		ledger->texts = text;
	} else if (record->first || text->is_again) {
		text->is_again = true;
		return true;
	}
	longer = realloc(text->text, text->used + bytes + 1);
	if (!longer)
		return false;
	memcpy(longer + text->used, record->part, bytes);
	text->text = longer;
	text->used += bytes;
	longer[text->used] = '\0';
	return true;
}

/* --- Exposures --- */

static size_t *head_of(struct replay *replay, const struct ledger_record *record)
{
	const uint64_t key = (record->address ^ record->bytes << 32 ^ record->writer) *
			     UINT64_C(0x9e3779b97f4a7c15);

	return &replay->heads[(key >> 32) & (replay->head_count - 1)];
}

static void expose(struct replay *replay, const struct ledger_record *record)
{
	struct ledger_file *ledger = replay->ledger;
	size_t *head = head_of(replay, record);

	ledger->exposures[ledger->count] = (struct exposure){
		.pid = replay->pid,
		.where_id = record->text,
		.address = record->address,
		.bytes = record->bytes,
		.permission = record->permission,
		.begin_ns = record->realtime_ns,
		.writer = record->writer,
		.next = *head,
	};
	*head = ledger->count++;
}

static void move(struct replay *replay, size_t exposure, size_t *to)
{
	replay->ledger->exposures[exposure].next = *to;
	*to = exposure;
}

static void move_all(struct replay *replay, size_t *from, size_t *to)
{
	while (*from != NONE) {
		const size_t exposure = *from;

		*from = replay->ledger->exposures[exposure].next;
		move(replay, exposure, to);
	}
}

/* Ends the newest open exposure of an object, because objects of a pool are in the pages of the pool. */
static void end(struct replay *replay, const struct ledger_record *record)
{
	size_t *at = head_of(replay, record);
	struct exposure *exposure;

	for (; *at != NONE; at = &exposure->next) {
		exposure = &replay->ledger->exposures[*at];
		if (exposure->writer == record->writer && exposure->address == record->address &&
		    exposure->bytes == record->bytes)
			break;
	}
	if (*at == NONE)
		return;
	*at = exposure->next;
	/* The close of the device put it out of reach before it was freed. */
	if (record->reason == LEDGER_LEAKED || exposure->end_ns)
		return;
	exposure->reason = record->reason;
	exposure->until_fence = record->flags & LEDGER_UNTIL_FENCE;
	if (exposure->until_fence)
		move(replay, (size_t)(exposure - replay->ledger->exposures), &replay->waiting);
	else
		exposure->end_ns = record->realtime_ns;
}

/* This fence may cut off the objects that wait now. Objects that end later wait for the next one. */
static void begin_fence(struct replay *replay)
{
	replay->fences++;
	move_all(replay, &replay->waiting, &replay->fenced);
}

/* If other fences have begun, it is not known which of them has which object. So this waits. */
static void end_fence(struct replay *replay, const struct ledger_record *record)
{
	struct exposure *exposures = replay->ledger->exposures;

	replay->fences -= replay->fences > 0;
	if (replay->fences)
		return;
	if (record->kind == LEDGER_FENCE_FAILED) {
		move_all(replay, &replay->fenced, &replay->waiting);
		return;
	}
	for (; replay->fenced != NONE; replay->fenced = exposures[replay->fenced].next)
		exposures[replay->fenced].end_ns = record->realtime_ns;
}

static void end_all(struct replay *replay, const struct ledger_record *record)
{
	struct ledger_file *ledger = replay->ledger;

	for (size_t i = replay->first; i < ledger->count; i++) {
		struct exposure *exposure = &ledger->exposures[i];

		if (exposure->end_ns)
			continue;
		exposure->end_ns = record->realtime_ns;
		if (!exposure->reason)
			exposure->reason = EXPOSURE_CLOSED;
	}
	replay->waiting = replay->fenced = NONE;
}

static void lose(struct ledger_file *ledger, const struct ledger_record *record)
{
	if (!ledger->lost_count++ || record->realtime_ns < ledger->lost_ns)
		ledger->lost_ns = record->realtime_ns;
}

static bool follow(struct replay *replay, const struct ledger_record *record)
{
	switch (record->kind) {
	case LEDGER_DEVICE:
		replay->device = record->text;
		replay->pid = record->bytes;
		replay->ledger->device_count++;
		break;
	case LEDGER_LEVEL:
		replay->ledger->open_count += record->bytes < COHERENT_PEER;
		break;
	case LEDGER_TEXT:
		return add_text(replay->ledger, record);
	case LEDGER_EXPOSE:
		expose(replay, record);
		break;
	case LEDGER_END:
		end(replay, record);
		break;
	case LEDGER_FENCE_BEGIN:
		begin_fence(replay);
		break;
	case LEDGER_FENCE:
	case LEDGER_FENCE_FAILED:
		end_fence(replay, record);
		break;
	case LEDGER_CLOSE:
		end_all(replay, record);
		break;
	case LEDGER_LOST:
		lose(replay->ledger, record);
		break;
	}
	return true;
}

/* Names the exposures of the writer, whose texts are complete now. */
static void end_writer(struct replay *replay)
{
	struct ledger_file *ledger = replay->ledger;

	for (; replay->first < ledger->count; replay->first++) {
		struct exposure *exposure = &ledger->exposures[replay->first];
		const struct texts *where = find_text(ledger, exposure->writer, exposure->where_id);
		const struct texts *device = find_text(ledger, exposure->writer, replay->device);

		exposure->where = where ? where->text : "an unknown place";
		exposure->device = device ? device->text : "an unknown device";
	}
	replay->device = 0;
	replay->pid = 0;
	replay->fences = 0;
	replay->waiting = replay->fenced = NONE;
}

static bool follow_all(struct ledger_file *ledger)
{
	const struct ledger_record *records = ledger->records;
	const size_t count = ledger->record_count;
	struct replay replay = { .ledger = ledger, .head_count = 64 };
	bool is_good;

	while (replay.head_count < count)
		replay.head_count *= 2;
	replay.heads = malloc(replay.head_count * sizeof(*replay.heads));
	ledger->exposures = malloc((count + 1) * sizeof(*ledger->exposures));
	is_good = replay.heads && ledger->exposures;
	for (size_t i = 0; is_good && i < replay.head_count; i++)
		replay.heads[i] = NONE;
	for (size_t i = 0; is_good && i < count; i++) {
		if (!i || records[i].writer != records[i - 1].writer)
			end_writer(&replay);
		is_good = follow(&replay, &records[i]);
	}
	if (is_good)
		end_writer(&replay);
	free(replay.heads);
	return is_good;
}

/* --- All --- */

int ledger_file_read(const char *path, struct ledger_file *ledger)
{
	int status = read_records(path, ledger);

	if (!status && (ledger->missing || ledger->is_cut))
		status = fill_gaps(path, ledger);
	if (!status && !follow_all(ledger))
		status = fail("ledger: %s: no memory is left", path);
	if (status)
		return status;
	ledger->is_read = true;
	/* A writer that is killed leaves at most its last record unfinished. */
	if (ledger->is_cut || ledger->missing)
		return fail(
			"ledger: %s: it was cut off or damaged; the number of records that can be "
			"read is %zu, and of missing ones before them %" PRIu64,
			path, ledger->record_count, ledger->missing);
	return STATUS_GOOD;
}

void ledger_file_free(struct ledger_file *ledger)
{
	struct texts *text;

	while ((text = ledger->texts)) {
		ledger->texts = text->next;
		free(text->text);
		free(text);
	}
	free(ledger->exposures);
	free(ledger->records);
}
