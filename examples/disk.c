// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The command line and the copy loop that programs for a disk share. The loop keeps as many
 * requests in flight as the depth says. It calls the driver only through struct disk.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

#define MIB ((uint64_t)1 << 20)

/*
 * Bytes on their way from a file to the disk (write), from the disk to a file, or from the disk to
 * a comparison with a file (compare). started and done count bytes.
 */
struct transfer {
	const struct disk *disk;
	const struct disk_command *command;
	FILE *file;
	uint64_t bytes;
	bool write;
	bool compare;
	bool file_failed;
	uint64_t started;
	uint64_t done;
	uint8_t *disk_data;
	uint8_t *file_data;
};

/* --- Messages --- */

int disk_complain(const char *program, const char *argument, const char *problem)
{
	fprintf(stderr, "%s: %s: %s; see %s --help\n", program, argument, problem, program);
	return 2;
}

int disk_fail(const char *program, const char *subject, const char *problem)
{
	fprintf(stderr, "%s: %s: %s\n", program, subject, problem);
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
	return disk_complain(program, text, "is not a decimal number");
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
	snprintf(range, sizeof(range), "takes a number from 1 to %u", options->depth_max);
	return disk_complain(options->program, "--depth", range);
}

/* An argument may hold several letters. Then the message names the letter that is unknown. */
static int bad_option(const char *program, const char *letters, int option, const char *argument)
{
	const char letter[] = { '-', (char)optopt, '\0' };

	if (option == ':')
		return disk_complain(program, argument, "needs a value");
	return disk_complain(program, optopt && !strchr(letters, optopt) ? letter : argument,
			     "is not a valid option");
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
	}
	return 2;
}

int disk_options_read(struct disk_options *options, int argc, char **argv)
{
	/* A program without --spawn and --tries skips the first two entries. */
	static const struct option known[] = {
		{ "spawn", required_argument, NULL, 's' },
		{ "tries", no_argument, NULL, 't' },
		{ "device", required_argument, NULL, 'd' },
		{ "depth", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const struct option *usable = options->spawns ? known : known + 2;
	/* The colon lets getopt_long() tell a missing value from an unknown option. */
	const char *letters = options->spawns ? ":s:td:n:h" : ":d:n:h";
	int option, status = DISK_GO_ON;

	options->depth = 8;
	/* The messages of this file end with a hint; those of getopt_long() do not. */
	opterr = 0;
	while (status == DISK_GO_ON &&
	       (option = getopt_long(argc, argv, letters, usable, NULL)) != -1)
		status = option == '?' || option == ':' ?
				 bad_option(options->program, letters, option, argv[optind - 1]) :
				 read_option(options, option);
	return status;
}

/* --- Progress --- */

/* Shows progress only on a terminal, and only for 1 MiB or more. */
static void show_progress(const struct transfer *transfer, bool ended)
{
	if (!isatty(STDERR_FILENO) || transfer->bytes < MIB)
		return;
	if (ended)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\r%s: %llu of %llu MiB %s", transfer->command->program,
			(unsigned long long)(transfer->done / MIB),
			(unsigned long long)(transfer->bytes / MIB),
			transfer->write ? "written" : "read");
}

/* --- A transfer --- */

/* The size of the request that begins this many bytes into the transfer. */
static size_t request_bytes(const struct transfer *transfer, uint64_t at)
{
	const uint64_t left = transfer->bytes - at;

	return left < transfer->disk->request_bytes ? (size_t)left : transfer->disk->request_bytes;
}

static int file_result(struct transfer *transfer, bool good)
{
	if (good)
		return 0;
	transfer->file_failed = true;
	return errno ? -errno : -EIO;
}

static int read_file(struct transfer *transfer, uint8_t *to, size_t bytes, size_t whole)
{
	errno = 0;
	memset(to + bytes, 0, whole - bytes);
	return file_result(transfer, fread(to, 1, bytes, transfer->file) == bytes);
}

static int start_request(struct transfer *transfer, unsigned int slot)
{
	const struct disk *disk = transfer->disk;
	const uint32_t block = disk->block_bytes;
	const size_t bytes = request_bytes(transfer, transfer->started);
	const size_t whole = (bytes + block - 1) / block * block;
	int err = 0;

	if (transfer->write)
		err = read_file(transfer, transfer->disk_data, bytes, whole);
	if (!err && transfer->write)
		err = disk->fill(disk->driver, slot, transfer->disk_data, whole);
	if (err)
		return err;
	disk->start(disk->driver, slot, transfer->write,
		    transfer->command->block + transfer->started / block,
		    (uint32_t)(whole / block));
	transfer->started += bytes;
	return 0;
}

static int finish_request(struct transfer *transfer, unsigned int slot)
{
	const struct disk *disk = transfer->disk;
	const size_t bytes = request_bytes(transfer, transfer->done);
	int err = disk->wait(disk->driver, slot);

	transfer->done += bytes;
	if (err || transfer->write)
		return err;
	err = disk->take(disk->driver, slot, transfer->disk_data, bytes);
	if (!err && transfer->compare) {
		err = read_file(transfer, transfer->file_data, bytes, bytes);
		return !err && memcmp(transfer->disk_data, transfer->file_data, bytes) ? -EBADMSG :
											 err;
	}
	errno = 0;
	return err ? err :
		     file_result(transfer,
				 fwrite(transfer->disk_data, 1, bytes, transfer->file) == bytes);
}

/* Uses the slots in turn, so the request that was started first is also finished first. */
static int transfer_all(struct transfer *transfer)
{
	const unsigned int depth = transfer->disk->depth;
	uint64_t first = 0, next = 0;
	int err = 0;

	while (!err && transfer->done < transfer->bytes) {
		while (!err && transfer->started < transfer->bytes && next - first < depth)
			err = start_request(transfer, (unsigned int)(next++ % depth));
		if (!err)
			err = finish_request(transfer, (unsigned int)(first++ % depth));
		show_progress(transfer, false);
	}
	show_progress(transfer, true);
	if (!err && transfer->write)
		err = transfer->disk->flush(transfer->disk->driver);
	return err;
}

/* Returns the exit status. After a failure, prints which side failed: the disk or the file. */
static int run_transfer(struct transfer *transfer)
{
	const char *program = transfer->command->program;
	int err;

	transfer->disk_data = malloc(2 * DISK_BYTES_MAX);
	if (!transfer->disk_data)
		return disk_fail(program, transfer->disk->model, strerror(ENOMEM));
	transfer->file_data = transfer->disk_data + DISK_BYTES_MAX;
	err = transfer_all(transfer);
	free(transfer->disk_data);
	if (!err)
		return 0;
	if (err == -EBADMSG)
		return disk_fail(program, transfer->command->path, "the disk returned other bytes");
	if (!transfer->file_failed)
		return disk_fail(program, transfer->disk->model, strerror(-err));
	return disk_fail(program,
			 transfer->command->path ? transfer->command->path : "standard output",
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
		return disk_complain(command->program, path, "is not a regular file");
	if (!status.st_size)
		return disk_complain(command->program, path, "is empty");
	command->bytes = (uint64_t)status.st_size;
	return 0;
}

/* Prints what is wrong with a command that cannot be parsed. */
static int complain_about_words(const struct disk_command *command, int count, char **words)
{
	const char *program = command->program;

	if (!count) {
		fprintf(stderr, "%s: a command is missing; see %s --help\n", program, program);
		return 2;
	}
	if (!strcmp(words[0], command->info))
		return disk_complain(program, words[0], "takes no arguments");
	if (!strcmp(words[0], "copy"))
		return disk_complain(program, words[0], "takes 1 argument");
	if (!strcmp(words[0], "read") || !strcmp(words[0], "write"))
		return disk_complain(program, words[0], "takes 2 arguments");
	return disk_complain(program, words[0], "is not a command");
}

int disk_parse(struct disk_command *command, int count, char **words)
{
	const char *program = command->program;

	command->word = count ? words[0] : "";
	if (count == 1 && !strcmp(words[0], command->info))
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
			       disk_complain(program, words[2],
					     "is not a count of blocks, at least 1 is needed");
	}
	return complain_about_words(command, count, words);
}

void disk_end(struct disk_command *command)
{
	if (command->file)
		fclose(command->file);
}

/* Checks that the blocks are on the disk. Otherwise prints a line. */
static bool fits(const struct disk *disk, const struct disk_command *command, uint64_t count)
{
	char why[96];

	if (command->block < disk->blocks && count <= disk->blocks - command->block)
		return true;
	snprintf(why, sizeof(why), "%llu blocks from block %llu on do not fit: the disk has %llu",
		 (unsigned long long)count, (unsigned long long)command->block,
		 (unsigned long long)disk->blocks);
	disk_complain(command->program, command->word, why);
	return false;
}

static int read_blocks(const struct disk_command *command, const struct disk *disk)
{
	struct transfer transfer = { .disk = disk, .command = command, .file = stdout };

	if (!fits(disk, command, command->count))
		return 2;
	transfer.bytes = command->count * disk->block_bytes;
	return run_transfer(&transfer);
}

static int write_file(const struct disk_command *command, const struct disk *disk, bool compare)
{
	const uint64_t bytes = command->bytes;
	struct transfer transfer = { .disk = disk,
				     .command = command,
				     .file = command->file,
				     .bytes = bytes,
				     .write = true };
	int status;

	if (!fits(disk, command, bytes / disk->block_bytes + !!(bytes % disk->block_bytes)))
		return 2;
	status = run_transfer(&transfer);
	if (!status && compare) {
		rewind(transfer.file);
		transfer.write = false;
		transfer.compare = true;
		transfer.started = transfer.done = 0;
		status = run_transfer(&transfer);
	}
	if (!status)
		printf("%s: %llu bytes %s\n", command->path, (unsigned long long)bytes,
		       compare ? "written, read back, every byte compared" : "written");
	return status;
}

int disk_run(struct disk_command *command, const struct disk *disk)
{
	int status = 0;

	/* Then a number of bytes cannot overflow. */
	if (disk->blocks > UINT64_MAX / disk->block_bytes)
		return disk_fail(command->program, disk->model, "the disk reports too many blocks");
	if (!strcmp(command->word, command->info))
		printf("%s: %llu blocks of %u bytes, %zu bytes a request\n", disk->model,
		       (unsigned long long)disk->blocks, disk->block_bytes, disk->request_bytes);
	else if (!strcmp(command->word, "read"))
		status = read_blocks(command, disk);
	else
		status = write_file(command, disk, command->word[0] == 'c');
	return disk_printed(command->program, status);
}
