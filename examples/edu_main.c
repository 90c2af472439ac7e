// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sends a file through an edu device and compares every byte. Then it aims the device at memory
 * that the device must not reach, and prints what happened.
 *
 *	cc -o edu edu*.c tries.c $(pkg-config --cflags --libs coherent)
 */
#include <coherent/sim.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edu.h"
#include "tries.h"

#define BATCH_BYTES ((size_t)64 * EDU_PACKET_BYTES)
#define PATTERN 0x5a

static const char help[] =
	"Usage: edu [--device=NAME] FILE\n"
	"Send FILE through an edu device in packets of 2048 bytes and compare every byte.\n"
	"Then aim the device at memory that it must not reach, and show what happened.\n"
	"\n"
	"  -d, --device=NAME  the device; the default is sim:edu\n"
	"  -h, --help         print this help\n"
	"\n"
	"Exit status: 0 if every byte is equal and every try had the expected result, 1 if\n"
	"not, 2 if an argument is bad or the device does not open.\n";

static struct tries tries;

/*
 * The reason of a fault ends with "(4096 bytes allocated at examples/edu_main.c:54)". The title of
 * the column names the file, so the row shows only the line.
 */
static void shorten_reason(char *reason)
{
	static const char before_line[] = ", line ";
	char *site = strstr(reason, " allocated at ");
	char *line = site ? strrchr(site, ':') : NULL;

	if (!line)
		return;
	memmove(site + strlen(before_line), line + 1, strlen(line));
	memcpy(site, before_line, strlen(before_line));
}

/* Adds a try to the table. The reason is the first fault since the last try, if there is one. */
static void record_try(struct edu *edu, const char *name, bool should_reach, bool reached)
{
	struct coherent_fault fault;
	char reason[sizeof(fault.text)] = "";

	/* Read the other faults too, so that the next try does not find them. */
	while (!coherent_device_next_fault(edu->dev, &fault)) {
		const char *refused = strstr(fault.text, "refused: ");

		if (!reason[0])
			snprintf(reason, sizeof(reason), "%s",
				 refused ? refused + strlen("refused: ") : fault.text);
	}
	shorten_reason(reason);
	tries_add(&tries, name, should_reach, reached, reason);
}

/* A box has no device address. Only the simulator can aim its device at one. */
static bool can_try_box(const char *name)
{
	static const char simulated[] = "sim:";

	return !strncmp(name, simulated, strlen(simulated));
}

static int try_box(struct edu *edu)
{
	COHERENT_BOX_AUTO(struct edu_packet, box);
	uint8_t byte = PATTERN;
	int err;

	err = coherent_box_zeroed(&box, edu->dev, 1);
	if (err)
		return err;
	err = coherent_sim_try(edu->dev, &box, 0, &byte, 1, COHERENT_ACCESS_READ);
	record_try(edu, "read a box", false, !err);
	byte = PATTERN;
	err = coherent_sim_try(edu->dev, &box, 0, &byte, 1, COHERENT_ACCESS_WRITE);
	record_try(edu, "write a box", false, !err || coherent_box_ptr(&box)[0].len.raw != 0);
	return 0;
}

/* The device writes one byte, PATTERN, to an address. The byte there is 0 before. */
static int try_write(struct edu *edu, coherent_addr_t to)
{
	COHERENT_AUTO(uint8_t, pattern);
	int err;

	err = coherent_zeroed(&pattern, edu->dev, 1);
	if (!err)
		err = coherent_write(&pattern, 0, PATTERN);
	if (!err)
		err = edu_read(edu, coherent_addr(&pattern), 1);
	return err ? err : edu_write(edu, to, 1);
}

static int try_read_only(struct edu *edu)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t byte;
	int err;

	err = coherent_zeroed(&mem, edu->dev, 4096, .permission = COHERENT_READ_ONLY);
	if (!err)
		err = try_write(edu, coherent_addr(&mem));
	if (!err)
		err = coherent_read(&mem, 0, &byte);
	if (!err)
		record_try(edu, "write a read-only mem", false, byte == PATTERN);
	return err;
}

static int try_mem_and_past_it(struct edu *edu)
{
	COHERENT_AUTO(uint8_t, mem);
	coherent_addr_t after;
	uint8_t byte;
	int err;

	err = coherent_zeroed(&mem, edu->dev, 4096);
	if (!err)
		err = try_write(edu, coherent_addr(&mem));
	if (!err)
		err = coherent_read(&mem, 0, &byte);
	if (err)
		return err;
	record_try(edu, "write a mem", true, byte == PATTERN);
	after.raw = coherent_addr(&mem).raw + coherent_size(&mem);
	err = try_write(edu, after);
	if (!err)
		err = edu_read(edu, after, 1);
	/* A read that is refused returns 0. Then the buffer of the device no longer has PATTERN. */
	if (!err)
		err = edu_write(edu, coherent_addr(&mem), 1);
	if (!err)
		err = coherent_read(&mem, 0, &byte);
	if (!err)
		record_try(edu, "access past the end", false, byte == PATTERN);
	return err;
}

static int try_reclaimed(struct edu *edu)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	coherent_addr_t old;
	int err;

	err = coherent_zeroed(&mem, edu->dev, 4096);
	if (err)
		return err;
	old = coherent_addr(&mem);
	err = coherent_reclaim(&mem, &box, .idle = true);
	if (!err)
		err = try_write(edu, old);
	if (!err)
		record_try(edu, "write a reclaimed mem", false,
			   coherent_box_ptr(&box)[0] == PATTERN);
	return err;
}

static int try_all(struct edu *edu, const char *name)
{
	int err = 0;

	if (can_try_box(name))
		err = try_box(edu);
	if (!err)
		err = try_read_only(edu);
	if (!err)
		err = try_mem_and_past_it(edu);
	if (!err)
		err = try_reclaimed(edu);
	return err;
}

/* Sends one batch through the device and back. Returns -EBADMSG if a byte differs. */
static int echo_batch(struct edu *edu, const uint8_t *data, size_t bytes, uint8_t *back)
{
	union edu_packets packets = COHERENT_EMPTY;
	int err;

	memset(back, 0, BATCH_BYTES);
	err = edu_load(edu, data, bytes, &packets);
	if (!err)
		err = edu_echo(edu, &packets, back, BATCH_BYTES);
	coherent_free(&edu->echo);
	coherent_free(&packets);
	return !err && memcmp(data, back, bytes) ? -EBADMSG : err;
}

static int echo_file(struct edu *edu, FILE *file, unsigned long long *total)
{
	uint8_t *data = malloc(2 * BATCH_BYTES);
	size_t bytes;
	int err = data ? 0 : -ENOMEM;

	while (!err && (bytes = fread(data, 1, BATCH_BYTES, file)) > 0) {
		err = echo_batch(edu, data, bytes, data + BATCH_BYTES);
		*total += bytes;
	}
	if (!err && ferror(file))
		err = -errno;
	free(data);
	return err;
}

/* Prints what could not be written, and returns the exit status. */
static int flush_output(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "edu: standard output: %s\n", strerror(errno));
	return 1;
}

/* Returns the exit status. */
static int echo_and_try(struct edu *edu, const char *name, FILE *file, const char *path)
{
	unsigned long long total = 0;
	int err;

	err = echo_file(edu, file, &total);
	if (!err)
		err = try_all(edu, name);
	if (err) {
		fprintf(stderr, "edu: %s: %s\n", ferror(file) ? path : name, strerror(-err));
		return ferror(file) ? 2 : 1;
	}
	printf("%s: %llu bytes through the device and back, every byte compared\n\n", path, total);
	return tries_print(&tries, "reason (size, line of edu_main.c that allocated it)") ? 0 : 1;
}

static int bad_argument(const char *argument, const char *problem)
{
	fprintf(stderr, "edu: %s: %s; see edu --help\n", argument, problem);
	return 2;
}

/* Returns the exit status. */
static int probe_and_use(struct edu *edu, const char *name, FILE *file, const char *path)
{
	int status, err;

	err = coherent_bar_open(&edu->bar, edu->dev, 0);
	if (!err)
		err = edu_probe(edu);
	if (err)
		status = bad_argument(name,
				      err == -ENODEV ? "is not an edu device" : strerror(-err));
	else
		status = echo_and_try(edu, name, file, path);
	coherent_bar_close(&edu->bar);
	return status;
}

static int use_device(const char *name, const char *path)
{
	struct edu edu = { .dev = NULL };
	FILE *file = fopen(path, "rb");
	int status = 2;

	if (!file)
		return bad_argument(path, strerror(errno));
	/* If the device does not open, coherent_report_stderr() prints the reason. */
	if (!coherent_device_open(&edu.dev, name, .report = coherent_report_stderr)) {
		status = probe_and_use(&edu, name, file, path);
		coherent_device_close(edu.dev);
	}
	fclose(file);
	return flush_output(status);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *name = "sim:edu";
	int option;

	/* The messages of this file end with a hint; those of getopt_long() do not. */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":d:h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return flush_output(0);
		}
		if (option == ':')
			return bad_argument(argv[optind - 1], "needs a value");
		if (option != 'd')
			return bad_argument(argv[optind - 1], "is not a valid option");
		name = optarg;
	}
	if (optind == argc)
		return bad_argument("arguments", "a file is needed");
	if (optind + 1 < argc)
		return bad_argument(argv[optind + 1], "is a second file, only one is allowed");
	return use_device(name, argv[optind]);
}
