// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What programs for a disk share: the command line, and the loop that keeps as many requests in
 * flight as the depth says. A driver is reached through the functions of struct disk only.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

#define MIB ((uint64_t)1 << 20)

/* What goes through the disk: from a file, to a file, or to be compared with one. */
struct job {
	const struct disk *disk;
	const struct disk_command *command;
	FILE *file;
	uint64_t bytes;
	bool write;
	bool compare;
	bool file_failed;
	uint64_t started;
	uint64_t done;
	uint8_t *buffer;
	uint8_t *other;
};

/* --- What is said --- */

int disk_complain(const char *program, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s; see %s --help\n", program, what, why, program);
	return 2;
}

int disk_fail(const char *program, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program, what, why);
	return 1;
}

int disk_printed(const char *program, int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	return status ? status : disk_fail(program, "standard output", strerror(errno));
}

int disk_number(const char *program, const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno)
		return 0;
	return disk_complain(program, text, "not a number");
}

/* --- Options --- */

static int read_depth(struct disk_options *options, const char *text)
{
	char range[32];
	uint64_t depth;

	if (disk_number(options->program, text, &depth))
		return 2;
	if (depth && depth <= options->depth_max) {
		options->depth = (unsigned int)depth;
		return DISK_GO_ON;
	}
	snprintf(range, sizeof(range), "from 1 to %u", options->depth_max);
	return disk_complain(options->program, "--depth", range);
}

static int read_option(struct disk_options *options, int option)
{
	switch (option) {
	case 'd':
		options->device = optarg;
		return DISK_GO_ON;
	case 's':
		options->image = optarg;
		return DISK_GO_ON;
	case 't':
		options->tries = true;
		return DISK_GO_ON;
	case 'n':
		return read_depth(options, optarg);
	case 'h':
		fputs(options->help, stdout);
		return disk_printed(options->program, 0);
	default:
		/* getopt_long() has said what is wrong. */
		return 2;
	}
}

int disk_options_read(struct disk_options *options, int argc, char **argv)
{
	/* --spawn and --tries come first, so that a program without them starts behind them. */
	static const struct option known[] = {
		{ "spawn", required_argument, NULL, 's' },
		{ "tries", no_argument, NULL, 't' },
		{ "device", required_argument, NULL, 'd' },
		{ "depth", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const struct option *first = options->spawns ? known : known + 2;
	const char *letters = options->spawns ? "s:td:n:h" : "d:n:h";
	int option, status = DISK_GO_ON;

	options->depth = 8;
	while (status == DISK_GO_ON &&
	       (option = getopt_long(argc, argv, letters, first, NULL)) != -1)
		status = read_option(options, option);
	return status;
}

/* --- Progress --- */

/* Whoever looks at a terminal wants to know how far it is. */
static void show_progress(const struct job *job, bool ended)
{
	if (!isatty(STDERR_FILENO) || job->bytes < MIB)
		return;
	if (ended)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\r%s: %llu of %llu MiB %s", job->command->program,
			(unsigned long long)(job->done / MIB),
			(unsigned long long)(job->bytes / MIB), job->write ? "written" : "read");
}

/* --- A job --- */

static size_t chunk(const struct job *job, uint64_t at)
{
	const uint64_t left = job->bytes - at;

	return left < job->disk->request_bytes ? (size_t)left : job->disk->request_bytes;
}

static int file_result(struct job *job, bool good)
{
	if (good)
		return 0;
	job->file_failed = true;
	return errno ? -errno : -EIO;
}

static int read_file(struct job *job, uint8_t *to, size_t bytes, size_t whole)
{
	errno = 0;
	memset(to + bytes, 0, whole - bytes);
	return file_result(job, fread(to, 1, bytes, job->file) == bytes);
}

static int start(struct job *job, unsigned int slot)
{
	const struct disk *disk = job->disk;
	const uint32_t block = disk->block_bytes;
	const size_t bytes = chunk(job, job->started);
	const size_t whole = (bytes + block - 1) / block * block;
	int err = 0;

	if (job->write)
		err = read_file(job, job->buffer, bytes, whole);
	if (!err && job->write)
		err = disk->fill(disk->driver, slot, job->buffer, whole);
	if (err)
		return err;
	disk->start(disk->driver, slot, job->write, job->command->block + job->started / block,
		    (uint32_t)(whole / block));
	job->started += bytes;
	return 0;
}

static int finish(struct job *job, unsigned int slot)
{
	const struct disk *disk = job->disk;
	const size_t bytes = chunk(job, job->done);
	int err = disk->wait(disk->driver, slot);

	job->done += bytes;
	if (err || job->write)
		return err;
	err = disk->take(disk->driver, slot, job->buffer, bytes);
	if (!err && job->compare) {
		err = read_file(job, job->other, bytes, bytes);
		return !err && memcmp(job->buffer, job->other, bytes) ? -EBADMSG : err;
	}
	errno = 0;
	return err ? err : file_result(job, fwrite(job->buffer, 1, bytes, job->file) == bytes);
}

/* Slots in turn: the one that is finished next is the one that was started first. */
static int transfer(struct job *job)
{
	const unsigned int depth = job->disk->depth;
	uint64_t first = 0, next = 0;
	int err = 0;

	while (!err && job->done < job->bytes) {
		while (!err && job->started < job->bytes && next - first < depth)
			err = start(job, (unsigned int)(next++ % depth));
		if (!err)
			err = finish(job, (unsigned int)(first++ % depth));
		show_progress(job, false);
	}
	show_progress(job, true);
	if (!err && job->write)
		err = job->disk->flush(job->disk->driver);
	return err;
}

/* An exit status; what failed is named. */
static int run(struct job *job)
{
	const char *program = job->command->program;
	int err;

	job->buffer = malloc(2 * DISK_BYTES_MAX);
	if (!job->buffer)
		return disk_fail(program, job->disk->model, strerror(ENOMEM));
	job->other = job->buffer + DISK_BYTES_MAX;
	err = transfer(job);
	free(job->buffer);
	if (!err)
		return 0;
	if (err == -EBADMSG)
		return disk_fail(program, job->command->path, "the disk returns other bytes");
	if (!job->file_failed)
		return disk_fail(program, job->disk->model, strerror(-err));
	return disk_fail(program, job->command->path ? job->command->path : "standard output",
			 strerror(-err));
}

/* --- Commands --- */

static int open_file(struct disk_command *command, const char *path)
{
	struct stat status;

	command->path = path;
	command->file = fopen(path, "rb");
	if (!command->file || fstat(fileno(command->file), &status))
		return disk_complain(command->program, path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return disk_complain(command->program, path, "not a regular file");
	if (!status.st_size)
		return disk_complain(command->program, path, "empty");
	command->bytes = (uint64_t)status.st_size;
	return 0;
}

int disk_parse(struct disk_command *command, int count, char **words)
{
	const char *program = command->program;

	command->word = count ? words[0] : "";
	if (count == 1 && !strcmp(words[0], "info"))
		return 0;
	if (count == 2 && !strcmp(words[0], "copy"))
		return open_file(command, words[1]);
	if (count == 3 && (!strcmp(words[0], "read") || !strcmp(words[0], "write"))) {
		int status = disk_number(program, words[1], &command->block);

		if (status || words[0][0] == 'w')
			return status ? status : open_file(command, words[2]);
		status = disk_number(program, words[2], &command->count);
		return status || command->count ?
			       status :
			       disk_complain(program, words[2], "that is no block");
	}
	return disk_complain(program, count ? words[0] : "COMMAND",
			     "not a command, or not with its arguments");
}

void disk_end(struct disk_command *command)
{
	if (command->file)
		fclose(command->file);
}

/* Whether so many blocks are there. */
static bool fits(const struct disk *disk, const struct disk_command *command, uint64_t count)
{
	char why[96];

	if (command->block < disk->blocks && count <= disk->blocks - command->block)
		return true;
	snprintf(why, sizeof(why), "%llu blocks from block %llu on are not on a disk of %llu",
		 (unsigned long long)count, (unsigned long long)command->block,
		 (unsigned long long)disk->blocks);
	disk_complain(command->program, command->word, why);
	return false;
}

static int read_blocks(const struct disk_command *command, const struct disk *disk)
{
	struct job job = { .disk = disk, .command = command, .file = stdout };

	if (!fits(disk, command, command->count))
		return 2;
	job.bytes = command->count * disk->block_bytes;
	return run(&job);
}

static int write_file(const struct disk_command *command, const struct disk *disk, bool compare)
{
	const uint64_t bytes = command->bytes;
	struct job job = { .disk = disk,
			   .command = command,
			   .file = command->file,
			   .bytes = bytes,
			   .write = true };
	int status;

	if (!fits(disk, command, bytes / disk->block_bytes + !!(bytes % disk->block_bytes)))
		return 2;
	status = run(&job);
	if (!status && compare) {
		rewind(job.file);
		job.write = false;
		job.compare = true;
		job.started = job.done = 0;
		status = run(&job);
	}
	if (!status)
		printf("%s: %llu bytes %s\n", command->path, (unsigned long long)bytes,
		       compare ? "written, read back, every byte compared" : "written");
	return status;
}

int disk_run(struct disk_command *command, const struct disk *disk)
{
	int status = 0;

	/* So that no number of bytes overflows. */
	if (disk->blocks > UINT64_MAX / disk->block_bytes)
		return disk_fail(command->program, disk->model, "an absurd number of blocks");
	if (!strcmp(command->word, "info"))
		printf("%s: %llu blocks of %u bytes, %zu bytes a request\n", disk->model,
		       (unsigned long long)disk->blocks, disk->block_bytes, disk->request_bytes);
	else if (!strcmp(command->word, "read"))
		status = read_blocks(command, disk);
	else
		status = write_file(command, disk, command->word[0] == 'c');
	return disk_printed(command->program, status);
}
