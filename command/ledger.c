// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent ledger: which memory devices could reach, and when.
 */
#include <coherent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "ledger_file.h"
#include "memory/ledger_layout.h"
#include "output.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

/**
 * struct question - What the user asks.
 * @has_address: The user asks for @address.
 * @has_time: The user asks for @at_ns.
 * @address: A device address.
 * @at_ns: A time since 1970.
 */
struct question {
	bool has_address;
	bool has_time;
	uint64_t address;
	uint64_t at_ns;
};

/* --- The question --- */

static int read_address(const char *text, uint64_t *address)
{
	char *end;

	errno = 0;
	*address = strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-'))
		return complain("ledger: --address %s: it is not a device address", text);
	return STATUS_GOOD;
}

/* Reads what follows the seconds: nothing, or a dot and at most nine digits. */
static bool read_part(const char **text, uint64_t *ns)
{
	uint64_t unit = NS_PER_S / 10;

	if (**text != '.')
		return true;
	for (++*text; **text >= '0' && **text <= '9'; ++*text, unit /= 10)
		*ns += (uint64_t)(**text - '0') * unit;
	return (*text)[-1] != '.';
}

/* Reads a time as the command prints it: in UTC, with a Z at the end or not. */
static bool read_date(const char *text, uint64_t *ns)
{
	struct tm tm = { .tm_isdst = 0 }, same;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t seconds;

	if (!rest)
		return false;
	same = tm;
	seconds = timegm(&tm);
	/* There is no 31st of February. Times before 1970 or after 2554 do not fit. */
	if (same.tm_mday != tm.tm_mday || seconds < 0 ||
	    (uint64_t)seconds > UINT64_MAX / NS_PER_S - 1)
		return false;
	*ns = (uint64_t)seconds * NS_PER_S;
	return read_part(&rest, ns) && (!*rest || !strcmp(rest, "Z"));
}

static bool read_seconds(const char *text, uint64_t *ns)
{
	const char *rest = text + strspn(text, "0123456789");
	const unsigned long long seconds = strtoull(text, NULL, 10);

	if (rest == text || seconds > UINT64_MAX / NS_PER_S - 1)
		return false;
	*ns = seconds * NS_PER_S;
	return read_part(&rest, ns) && !*rest;
}

static int read_question(const struct arguments *arguments, struct question *question)
{
	const char *address = arguments_value(arguments, "address");
	const char *at = arguments_value(arguments, "at");

	*question = (struct question){ .has_address = address, .has_time = at };
	if (address && read_address(address, &question->address))
		return STATUS_USAGE;
	if (at && !read_date(at, &question->at_ns) && !read_seconds(at, &question->at_ns))
		return complain("ledger: --at %s: write a time as 2026-01-31T23:59:59, in UTC, or "
				"in seconds since 1970",
				at);
	return STATUS_GOOD;
}

/* Times are late by less than LEDGER_LATE_NS, so an end counts until then. */
static bool is_asked(const struct exposure *exposure, const struct question *question)
{
	/* The device never reached memory that could not be mapped. */
	if (exposure->reason == LEDGER_REFUSED)
		return false;
	if (question->has_address && question->address - exposure->address >= exposure->bytes)
		return false;
	if (!question->has_time)
		return true;
	/* The answer shows whole milliseconds, and an exposure includes the beginning that it shows. */
	return exposure->begin_ns / NS_PER_MS * NS_PER_MS <= question->at_ns &&
	       (!exposure->end_ns || question->at_ns < exposure->end_ns + LEDGER_LATE_NS);
}

/* --- The answer --- */

static json_t *time_of(uint64_t ns)
{
	const time_t seconds = (time_t)(ns / NS_PER_S);
	char text[64];
	struct tm tm;

	if (!ns)
		return json_null();
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return output_format("%s.%03uZ", text, (unsigned int)(ns % NS_PER_S / NS_PER_MS));
}

/* Says on standard error that records were lost while their writers went on. */
static int check_lost(const char *path, const struct ledger_file *ledger, const json_t *result)
{
	char devices[48];

	if (!ledger->lost_count)
		return STATUS_GOOD;
	return fail("ledger: %s: %s could not write to it from %s on, so what happened later is "
		    "missing",
		    path, output_count(devices, ledger->lost_count, "device"),
		    output_string(result, "lost_from"));
}

static const char *reason_of(const struct exposure *exposure)
{
	if (!exposure->end_ns)
		return exposure->until_fence ? "waits for a fence" : "lasts";
	switch (exposure->reason) {
	case LEDGER_RECLAIMED:
		return "reclaimed";
	case LEDGER_FREED:
		return "freed";
	case EXPOSURE_CLOSED:
		return "device closed";
	}
	return "unknown";
}

static json_t *row_of(const struct exposure *exposure)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s}", "device",
			 output_text(exposure->device), "pid", output_number(exposure->pid),
			 "address", output_format("0x%" PRIx64, exposure->address), "bytes",
			 output_number(exposure->bytes), "permission",
			 exposure->permission == COHERENT_READ_ONLY ? "read-only" : "read-write",
			 "where", output_text(exposure->where), "begin",
			 time_of(exposure->begin_ns), "end", time_of(exposure->end_ns), "reason",
			 reason_of(exposure));
}

static int run_ledger(const struct arguments *arguments, json_t *result)
{
	struct ledger_file ledger;
	struct question question;
	json_t *rows;
	int status = read_question(arguments, &question);

	if (status)
		return status;
	status = ledger_file_read(arguments->words[0], &ledger);
	if (ledger.is_read) {
		rows = json_array();
		for (size_t i = 0; i < ledger.count; i++)
			if (is_asked(&ledger.exposures[i], &question))
				json_array_append_new(rows, row_of(&ledger.exposures[i]));
		json_object_set_new(result, "visible", json_boolean(json_array_size(rows)));
		json_object_set_new(result, "records",
				    json_integer((json_int_t)ledger.record_count));
		json_object_set_new(result, "unreadable",
				    json_integer((json_int_t)ledger.unreadable));
		json_object_set_new(result, "missing", output_number(ledger.missing));
		json_object_set_new(result, "cut_off", json_boolean(ledger.is_cut));
		json_object_set_new(result, "lost_from", time_of(ledger.lost_ns));
		json_object_set_new(result, "devices",
				    json_integer((json_int_t)ledger.device_count));
		json_object_set_new(result, "devices_without_protection",
				    json_integer((json_int_t)ledger.open_count));
		json_object_set_new(result, "exposures", rows);
		if (check_lost(arguments->words[0], &ledger, result))
			status = STATUS_BAD;
	}
	ledger_file_free(&ledger);
	return status;
}

static void print_ledger(const json_t *result)
{
	static const struct column columns[] = {
		{ "address", "ADDRESS" }, { "bytes", "BYTES" }, { "permission", "PERMISSION" },
		{ "begin", "BEGIN" },	  { "end", "END" },	{ "reason", "REASON" },
		{ "device", "DEVICE" },	  { "pid", "PID" },	{ "where", "WHERE" },
	};
	const json_t *rows = json_object_get(result, "exposures");
	const json_int_t open =
		json_integer_value(json_object_get(result, "devices_without_protection"));
	char records[48], devices[48];

	if (json_array_size(rows))
		output_table(rows, columns, ARRAY_SIZE(columns), NULL);
	else if (output_value(result, "missing") || *output_string(result, "lost_from") ||
		 json_is_true(json_object_get(result, "cut_off")))
		output_wrapped("The records that can be read have no such exposure.", 0);
	else
		output_wrapped("The ledger has no such exposure.", 0);
	if (open)
		output_line(0, "Nothing kept %lld of the devices from memory that was not exposed.",
			    (long long)open);
	output_line(0, "The ledger has %s of %s that can be read, and %lld that cannot.",
		    output_count(records,
				 (uint64_t)json_integer_value(json_object_get(result, "records")),
				 "record"),
		    output_count(devices,
				 (uint64_t)json_integer_value(json_object_get(result, "devices")),
				 "device"),
		    (long long)json_integer_value(json_object_get(result, "unreadable")));
}

static const struct command_option options[] = {
	{ "address", "ADDRESS", "Only exposures of the byte at this device address." },
	{ "at", "TIME",
	  "Only what a device could reach at this time: 2026-01-31T23:59:59 in UTC, or "
	  "seconds since 1970. A part of a second may follow a dot." },
	{ NULL, NULL, NULL },
};

const struct command command_ledger = {
	.name = "ledger",
	.summary = "say which memory devices could reach, and when",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.help = "Read a ledger, which a program writes with the option .ledger of "
		"coherent_device_open(), or with the environment variable COHERENT_LEDGER. Each line is "
		"the time in which a device could reach an object. The memory of a pool is an object "
		"too, and the device can reach it as long as the pool has it.\n\n"
		"The times are exact to some milliseconds. The device never reached an object longer "
		"than the line says. The command also reads a ledger to which programs still "
		"write.\n\n"
		"If a program was killed, its last record may be missing, and exposures that it did not "
		"end have no end. The last line says how many records could not be read. If earlier "
		"records are missing, or the end of the file was cut off, the command prints "
		"what the others say, and the exit status is 1. The same holds if a device could not "
		"write to the ledger any more, for example because the disk was full. Then another "
		"line on standard error says from which time on its records are missing.\n\n"
		"Another line counts the devices whose level was below COHERENT_PEER, if there are any. "
		"Nothing kept those from memory that the driver never exposed.\n\n"
		"  coherent ledger driver.ledger\n"
		"  coherent ledger driver.ledger --address 0x12340 --at 2026-01-31T12:00:00",
	.options = options,
	.run = run_ledger,
	.print = print_ledger,
};
