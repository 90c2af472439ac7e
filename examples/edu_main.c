// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sends a file through an edu device, compares every byte, and on the way lets
 * the device try what it must not reach.
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
	"Send FILE through an edu device in packets of 2048 bytes, compare every byte,\n"
	"and show what the device got when it tried memory that it must not reach.\n"
	"\n"
	"  -d, --device=NAME  the device, sim:edu if not given\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0 if all went as it must, 1 if not, 2 for bad arguments.\n";

static struct tries tries;

/* With the first fault that the device left, less its first half. */
static void note(struct edu *edu, const char *what, bool reaches, bool reached)
{
	struct coherent_fault fault;
	char why[sizeof(fault.text)] = "";
	const char *reason;

	while (!coherent_device_next_fault(edu->dev, &fault)) {
		if (why[0])
			continue;
		reason = strstr(fault.text, "refused: ");
		snprintf(why, sizeof(why), "%s",
			 reason ? reason + strlen("refused: ") : fault.text);
	}
	tries_add(&tries, what, reaches, reached, why);
}

static int try_box(struct edu *edu)
{
	COHERENT_BOX_AUTO(struct edu_packet, box);
	uint8_t byte = PATTERN;
	int err;

	err = coherent_box_zeroed(&box, edu->dev, 1);
	if (err)
		return err;
	/* Nobody but the simulator can aim a device at a box. */
	err = coherent_sim_try(edu->dev, &box, 0, &byte, 1, COHERENT_ACCESS_READ);
	if (err == -EOPNOTSUPP)
		return 0;
	note(edu, "read a box", false, !err);
	byte = PATTERN;
	err = coherent_sim_try(edu->dev, &box, 0, &byte, 1, COHERENT_ACCESS_WRITE);
	note(edu, "write a box", false, !err || coherent_box_ptr(&box)[0].len.raw != 0);
	return 0;
}

/* Let the device write a byte of its buffer, PATTERN, over one that is 0. */
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
		note(edu, "write a read-only mem", false, byte == PATTERN);
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
	note(edu, "write a mem", true, byte == PATTERN);
	after.raw = coherent_addr(&mem).raw + coherent_size(&mem);
	err = try_write(edu, after);
	if (!err)
		err = edu_read(edu, after, 1);
	/* Refused reads deliver 0: the buffer lost the pattern. */
	if (!err)
		err = edu_write(edu, coherent_addr(&mem), 1);
	if (!err)
		err = coherent_read(&mem, 0, &byte);
	if (!err)
		note(edu, "the byte after the end", false, byte == PATTERN);
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
		note(edu, "write a mem after reclaim", false, coherent_box_ptr(&box)[0] == PATTERN);
	return err;
}

static int try_all(struct edu *edu)
{
	int err;

	err = try_box(edu);
	if (!err)
		err = try_read_only(edu);
	if (!err)
		err = try_mem_and_past_it(edu);
	if (!err)
		err = try_reclaimed(edu);
	return err;
}

/* One batch through the device and back; -EBADMSG if a byte differs. */
static int echo_batch(struct edu *edu, const uint8_t *data, size_t bytes, uint8_t *back)
{
	union edu_packets packets = COHERENT_EMPTY;
	int err;

	memset(back, 0, BATCH_BYTES);
	err = edu_load(edu, data, bytes, &packets);
	if (!err)
		err = edu_echo(edu, &packets, back, BATCH_BYTES);
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

static int run(struct edu *edu, FILE *file, const char *path)
{
	unsigned long long total = 0;
	int err;

	err = coherent_bar_open(&edu->bar, edu->dev, 0);
	if (!err)
		err = edu_probe(edu);
	if (!err)
		err = echo_file(edu, file, &total);
	if (!err)
		err = try_all(edu);
	coherent_bar_close(edu->bar);
	if (err) {
		fprintf(stderr, "edu: %s: %s\n", path, strerror(-err));
		return ferror(file) ? 2 : 1;
	}
	printf("%s: %llu bytes through the device and back, every byte compared\n\n", path, total);
	return tries_print(&tries) ? 0 : 1;
}

static int bad_argument(const char *what, const char *why)
{
	fprintf(stderr, "edu: %s: %s; see edu --help\n", what, why);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct edu edu = { .dev = NULL };
	const char *name = "sim:edu";
	int option, status;
	FILE *file;

	while ((option = getopt_long(argc, argv, "d:h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0;
		if (option != 'd')
			return 2;
		name = optarg;
	}
	if (optind != argc - 1)
		return bad_argument(optind < argc ? argv[optind + 1] : "FILE",
				    optind < argc ? "one file only" : "is missing");
	file = fopen(argv[optind], "rb");
	if (!file)
		return bad_argument(argv[optind], strerror(errno));
	if (coherent_device_open(&edu.dev, name, .report = coherent_report_stderr)) {
		fclose(file);
		return 2;
	}
	status = run(&edu, file, argv[optind]);
	coherent_device_close(edu.dev);
	fclose(file);
	return status;
}
