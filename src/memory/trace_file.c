// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The file is a JSON array with an event on each line. A write replaces the end of the array by the
 * new lines and the end again, in one call, under a lock of the file. Nothing is kept in memory.
 *
 * The first line counts the devices of the file, so that each device has numbers of tracks that no
 * other one has. The first digit of the count is 1 if a device could not write all its events.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "base/sys_file.h"
#include "base/sys_process.h"
#include "memory/trace_file.h"

#define HEAD \
	"[\n{\"name\":\"libcoherent\",\"ph\":\"M\",\"pid\":0,\"tid\":0,\"args\":{\"devices\":\""
#define HEAD_END "\"}}"
#define COUNT_DIGITS 8
#define COUNT_LIMIT 10000000
#define IS_CUT "1"
#define END "\n]\n"
#define HEAD_BYTES (sizeof(HEAD) - 1)
#define END_BYTES (sizeof(END) - 1)
#define LEAST_BYTES (HEAD_BYTES + COUNT_DIGITS + sizeof(HEAD_END) - 1 + END_BYTES)
/* A device has so many tracks of its own. Objects beyond share them. */
#define TRACKS (UINT64_C(1) << 22)
/* A track has 32 bits, so devices beyond this share them too. */
#define DEVICES (UINT64_C(1) << 10)

/**
 * struct text - Lines for the file. It has room for all that an event can have.
 * @used: How many bytes it has.
 * @bytes: The lines. Each begins with a comma and a newline, because it follows another one.
 */
struct text {
	size_t used;
	char bytes[16384];
};

/**
 * struct trace_file - The trace of a device.
 * @fd: The file.
 * @pid: The process.
 * @track: The track of the device. Those of its objects follow.
 * @to: The receiver of reports.
 * @path: The path, for reports.
 * @has_failed: The file cannot be written to. It was reported.
 * @text: The lines of a thread that has @lock. The stack of a thread may be too small for them.
 * @lock: Held while a thread makes lines and writes them. The lock of the file keeps other descriptors
 *	away, but not the threads that use this one.
 */
struct trace_file {
	int fd;
	int pid;
	uint64_t track;
	const struct reporter *to;
	char *path;
	bool has_failed;
	struct text text;
	struct lock lock;
};

/* A string of the program, such as a path, has at most so many bytes in the file. */
#define STRING_BYTES 1024

/* --- Text --- */

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	const size_t room = sizeof(text->bytes) - text->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->bytes + text->used, room, format, args);
	va_end(args);
	if (n > 0)
		text->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* Returns how many bytes the character of UTF-8 at @at has; 0 if it is not one. */
static size_t utf8_bytes(const unsigned char *at)
{
	const size_t count = at[0] < 0x80 ? 1 :
			     at[0] < 0xc2 ? 0 :
			     at[0] < 0xe0 ? 2 :
			     at[0] < 0xf0 ? 3 :
			     at[0] < 0xf5 ? 4 :
					    0;

	for (size_t i = 1; i < count; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Forms that are too long, surrogates, and numbers that no character has. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return count;
}

/* A path may have any bytes, but JSON is UTF-8 without control characters. */
static void add_string(struct text *text, const char *string)
{
	const unsigned char *at = (const unsigned char *)string;
	const unsigned char *const end = at + STRING_BYTES;

	add(text, "\"");
	while (*at && at < end) {
		const size_t bytes = utf8_bytes(at);

		if (!bytes)
			add(text, "\\ufffd");
		else if (*at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f)
			add(text, "\\u%04x", *at);
		else
			add(text, "%.*s", (int)bytes, (const char *)at);
		at += bytes ? bytes : 1;
	}
	add(text, "\"");
}

/* --- The file --- */

static void fail(struct trace_file *file, const char *why)
{
	if (!__atomic_exchange_n(&file->has_failed, true, __ATOMIC_RELAXED))
		report(file->to, COHERENT_WARNING,
		       "COHERENT_TRACE: %.200s: %s; the trace ends here", file->path, why);
}

/* A line is shorter than this, so the end of the last whole one is in so many bytes at the end. */
#define TAIL_BYTES (2 * sizeof(((struct text *)0)->bytes))

static bool has_end(int fd, uint64_t bytes)
{
	char end[END_BYTES + 1] = "";

	return !sys_read_at(fd, bytes - END_BYTES, end, END_BYTES) && !strcmp(end, END);
}

/*
 * Finds where the last line begins, which may be cut off. It follows a comma and a newline. Returns
 * -EINVAL if the array has an end, because then somebody else has added the rest.
 */
static int find_last_line_in(int fd, uint64_t bytes, uint64_t *begin, char tail[TAIL_BYTES])
{
	const uint64_t first = bytes > TAIL_BYTES ? bytes - TAIL_BYTES : 0;
	size_t at = bytes - first;
	int err = sys_read_at(fd, first, tail, at);

	if (err)
		return err;
	if (memmem(tail, at, END, END_BYTES))
		return -EINVAL;
	*begin = LEAST_BYTES - END_BYTES;
	while (at-- > 1)
		if (tail[at - 1] == ',' && tail[at] == '\n' && first + at - 1 > *begin) {
			*begin = first + at - 1;
			return 0;
		}
	return 0;
}

static int find_last_line(int fd, uint64_t bytes, uint64_t *begin)
{
	char *tail = malloc(TAIL_BYTES);
	int err = tail ? find_last_line_in(fd, bytes, begin, tail) : -ENOMEM;

	free(tail);
	return err;
}

/*
 * A program may be killed in a write, and then the file has half a line and no end. That line is cut
 * off. If no line follows the first one, that one is whole.
 */
static int mend_locked(int fd, uint64_t bytes)
{
	uint64_t end;
	int err;

	if (has_end(fd, bytes))
		return 0;
	err = find_last_line(fd, bytes, &end);
	if (!err)
		err = sys_truncate(fd, end);
	return err ? err : sys_write_more(fd, end, END, END_BYTES);
}

/* The file may have no room, so this changes a byte that it has. */
static void mark_cut_locked(int fd)
{
	(void)sys_write_more(fd, HEAD_BYTES, IS_CUT, 1);
}

/* Puts the lines in the place of the end of the array. The caller has the lock of the file, too. */
static int append_locked(struct trace_file *file) NEEDS_LOCK(file->lock)
{
	struct text *text = &file->text;
	const uint64_t bytes = sys_file_bytes(file->fd);
	int err;

	if (bytes < LEAST_BYTES)
		return -EINVAL;
	err = mend_locked(file->fd, bytes);
	if (err)
		return err;
	add(text, END);
	err = sys_write_more(file->fd, sys_file_bytes(file->fd) - END_BYTES, text->bytes,
			     text->used);
	/* The disk may be full. The part of the lines that fits is cut off again. */
	if (err) {
		(void)mend_locked(file->fd, sys_file_bytes(file->fd));
		mark_cut_locked(file->fd);
	}
	return err;
}

/* The caller adds its lines to what this returns, and then calls append(). */
static struct text *begin_lines(struct trace_file *file)
	LOCK_ATTRIBUTE(acquire_capability(file->lock))
{
	lock_take(&file->lock);
	file->text.used = 0;
	return &file->text;
}

static void append(struct trace_file *file) LOCK_ATTRIBUTE(release_capability(file->lock))
{
	int err = 0;

	if (!__atomic_load_n(&file->has_failed, __ATOMIC_RELAXED)) {
		err = sys_lock_file(file->fd);
		if (!err) {
			err = append_locked(file);
			sys_unlock_file(file->fd);
		}
	}
	lock_drop(&file->lock);
	if (err)
		fail(file, err == -EINVAL ? "another program has changed it" : strerror(-err));
}

/* Returns how many devices a trace has, with the first digit; -EINVAL if the file is not a trace. */
static int read_count(int fd, uint64_t bytes)
{
	char head[HEAD_BYTES + COUNT_DIGITS + 1] = "", *rest;
	long count;

	if (bytes < LEAST_BYTES || sys_read_at(fd, 0, head, sizeof(head) - 1) ||
	    memcmp(head, HEAD, HEAD_BYTES))
		return -EINVAL;
	count = strtol(head + HEAD_BYTES, &rest, 10);
	return *rest || rest != head + sizeof(head) - 1 || count < 0 ? -EINVAL : (int)count;
}

/* Counts this device in the first line. Returns how many there were before. */
static int enter_locked(int fd)
{
	const uint64_t bytes = sys_file_bytes(fd);
	int before = bytes ? read_count(fd, bytes) : 0, err;
	char count[COUNT_DIGITS + 1], text[LEAST_BYTES + 1];

	if (before < 0)
		return before;
	before %= COUNT_LIMIT;
	err = bytes ? mend_locked(fd, bytes) : 0;
	if (err)
		return err;
	snprintf(count, sizeof(count), "%0*u", COUNT_DIGITS,
		 (unsigned int)(before + 1) % COUNT_LIMIT);
	if (bytes) {
		/* The first digit stays. */
		err = sys_write_more(fd, HEAD_BYTES + 1, count + 1, COUNT_DIGITS - 1);
		return err ? err : before;
	}
	snprintf(text, sizeof(text), "%s%s%s%s", HEAD, count, HEAD_END, END);
	err = sys_write_more(fd, 0, text, LEAST_BYTES);
	return err ? err : before;
}

int trace_file_mend(const char *path, bool *is_cut)
{
	const int fd = sys_create(path);
	uint64_t bytes;
	int err, count;

	*is_cut = false;
	if (fd < 0)
		return fd;
	err = sys_lock_file(fd);
	bytes = sys_file_bytes(fd);
	if (!err) {
		count = read_count(fd, bytes);
		*is_cut = count >= COUNT_LIMIT;
		err = count < 0 ? -EINVAL : mend_locked(fd, bytes);
	}
	sys_close(fd);
	return err;
}

static int enter(struct trace_file *file)
{
	int before = sys_lock_file(file->fd);

	if (before)
		return before;
	before = enter_locked(file->fd);
	sys_unlock_file(file->fd);
	if (before < 0)
		return before;
	file->track = (uint64_t)before % DEVICES * TRACKS;
	return 0;
}

/* --- Open and close --- */

static void name_track(const struct trace_file *file, struct text *text, const char *what,
		       uint64_t track, const char *name)
{
	add(text,
	    ",\n{\"name\":\"%s\",\"ph\":\"M\",\"pid\":%d,\"tid\":%" PRIu64 ",\"args\":{\"name\":",
	    what, file->pid, track);
	add_string(text, name);
	add(text, "}}");
}

static const char *why_not(int err)
{
	return err == -EINVAL ? "it is neither empty nor a trace, so it stays as it is; "
				"give another name, or remove it" :
				strerror(-err);
}

static int open_file(struct trace_file *file, const char *device)
{
	struct text *text;
	char process[64];
	int err;

	file->pid = (int)sys_pid();
	file->fd = sys_create(file->path);
	if (file->fd < 0)
		return file->fd;
	err = enter(file);
	if (err) {
		sys_close(file->fd);
		return err;
	}
	lock_init(&file->lock);
	snprintf(process, sizeof(process), "process %d", file->pid);
	text = begin_lines(file);
	name_track(file, text, "process_name", file->track, process);
	name_track(file, text, "thread_name", file->track, device);
	append(file);
	return 0;
}

struct trace_file *trace_file_open(const char *path, const char *device, const struct reporter *to)
{
	struct trace_file *file = calloc(1, sizeof(*file));
	int err = -ENOMEM;

	if (file)
		file->path = sys_file_name(path);
	if (file && file->path) {
		file->to = to;
		err = open_file(file, device);
	}
	if (!err)
		return file;
	report(to, COHERENT_WARNING, "COHERENT_TRACE: %.200s: %s; the device %s has no trace", path,
	       why_not(err), device);
	if (file)
		free(file->path);
	free(file);
	return NULL;
}

void trace_file_close(struct trace_file *file)
{
	if (!file)
		return;
	sys_close(file->fd);
	lock_destroy(&file->lock);
	free(file->path);
	free(file);
}

/* --- Events --- */

static const char *const kinds[] = {
	[COHERENT_EVENT_OPEN] = "open",		  [COHERENT_EVENT_CLOSE] = "close",
	[COHERENT_EVENT_BOX] = "new box",	  [COHERENT_EVENT_EXPOSE] = "expose",
	[COHERENT_EVENT_RECLAIM] = "reclaim",	  [COHERENT_EVENT_FREE] = "free",
	[COHERENT_EVENT_FAULT] = "fault",	  [COHERENT_EVENT_FENCE] = "fence",
	[COHERENT_EVENT_REGISTER_READ] = "read",  [COHERENT_EVENT_REGISTER_WRITE] = "write",
	[COHERENT_EVENT_INTERRUPT] = "interrupt",
};

static const char *const states[] = {
	[COHERENT_STATE_NONE] = "none",	  [COHERENT_STATE_BOX] = "box",
	[COHERENT_STATE_MEM] = "mem",	  [COHERENT_STATE_RECLAIMED] = "reclaimed",
	[COHERENT_STATE_FREED] = "freed",
};

static const char *const accesses[] = { "read", "write", "access" };

static uint64_t track_of(const struct trace_file *file, const struct coherent_event *event)
{
	return file->track + (event->object ? 1 + (event->object - 1) % (TRACKS - 1) : 0);
}

/* Begins an event. Chrome counts in microseconds. */
static void begin(const struct trace_file *file, struct text *text, const char *name,
		  const char *category, const struct coherent_event *event)
{
	add(text,
	    ",\n{\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%" PRIu64 ",\"ts\":%" PRIu64
	    ".%03u",
	    name, category, file->pid, track_of(file, event), event->time_ns / 1000,
	    (unsigned int)(event->time_ns % 1000));
}

static void add_object(struct text *text, const struct coherent_event *event)
{
	add(text, ",\"args\":{\"address\":\"0x%" PRIx64 "\",\"bytes\":%" PRIu64, event->address,
	    event->bytes);
	if (event->where) {
		add(text, ",\"where\":");
		add_string(text, event->where);
	}
}

static void add_permission(struct text *text, const struct coherent_event *event)
{
	if (event->after == COHERENT_STATE_MEM)
		add(text, ",\"permission\":\"%s\"",
		    event->permission == COHERENT_READ_ONLY ? "read-only" : "read-write");
}

static void add_change(struct text *text, const struct coherent_event *event)
{
	add_object(text, event);
	add(text, ",\"before\":\"%s\",\"after\":\"%s\"", states[event->before],
	    states[event->after]);
	add_permission(text, event);
	add(text, "}");
}

static void add_fault(struct text *text, const struct coherent_event *event)
{
	add_object(text, event);
	add(text, ",\"access\":\"%s\",\"state\":\"%s\"}", accesses[event->access],
	    states[event->before]);
}

static void add_register(struct text *text, const struct coherent_event *event)
{
	add(text,
	    ",\"args\":{\"bar\":%" PRIu32 ",\"offset\":\"0x%" PRIx64 "\",\"width\":%" PRIu32
	    ",\"value\":\"0x%" PRIx64 "\"}",
	    event->bar, event->offset, event->width, event->value);
}

static void add_details(struct text *text, const struct coherent_event *event)
{
	switch (event->kind) {
	case COHERENT_EVENT_BOX:
	case COHERENT_EVENT_EXPOSE:
	case COHERENT_EVENT_RECLAIM:
	case COHERENT_EVENT_FREE:
		add_change(text, event);
		break;
	case COHERENT_EVENT_FAULT:
		add_fault(text, event);
		break;
	case COHERENT_EVENT_FENCE:
		add(text, ",\"args\":{\"result\":%d}", event->err);
		break;
	case COHERENT_EVENT_REGISTER_READ:
	case COHERENT_EVENT_REGISTER_WRITE:
		add_register(text, event);
		break;
	case COHERENT_EVENT_INTERRUPT:
		add(text, ",\"args\":{\"vector\":%" PRIu32 "}", event->vector);
		break;
	case COHERENT_EVENT_OPEN:
	case COHERENT_EVENT_CLOSE:
		break;
	}
}

void trace_file_write(struct trace_file *file, const struct coherent_event *event)
{
	struct text *text = begin_lines(file);

	if (event->kind == COHERENT_EVENT_BOX && event->object)
		name_track(file, text, "thread_name", track_of(file, event), event->where);
	begin(file, text, kinds[event->kind], "event", event);
	add(text, ",\"ph\":\"i\",\"s\":\"t\"");
	add_details(text, event);
	add(text, "}");
	append(file);
}

void trace_file_phase(struct trace_file *file, const struct coherent_event *began, uint64_t end_ns)
{
	const uint64_t ns = end_ns - began->time_ns;
	struct text *text = begin_lines(file);

	begin(file, text, states[began->after], "state", began);
	add(text, ",\"ph\":\"X\",\"dur\":%" PRIu64 ".%03u", ns / 1000, (unsigned int)(ns % 1000));
	add_object(text, began);
	add_permission(text, began);
	add(text, "}}");
	append(file);
}
