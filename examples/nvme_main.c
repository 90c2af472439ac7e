// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reads and writes an NVMe disk from userspace, as many commands at a time as asked for.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nvme.h"

static const char help[] =
	"Usage: nvme [--device=NAME] [--depth=N] identify\n"
	"       nvme [--device=NAME] [--depth=N] read BLOCK COUNT >FILE\n"
	"       nvme [--device=NAME] [--depth=N] write BLOCK FILE\n"
	"       nvme [--device=NAME] [--depth=N] copy FILE\n"
	"Use the first namespace of an NVMe controller through libcoherent. copy writes FILE\n"
	"to its start, reads it back and compares every byte. What is not a whole block is\n"
	"filled up with zeros.\n"
	"\n"
	"  -d, --device=NAME  the device, like vfio:0000:00:02.0; needed\n"
	"  -n, --depth=N      commands at a time, 1 to 64; 8 if not given\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0 if all went as it must, 1 if not, 2 for bad arguments.\n";

/* What goes through the queue: from a file, to a file, or to be compared with one. */
struct job {
	struct nvme *nvme;
	const char *path;
	FILE *file;
	uint64_t block;
	uint64_t bytes;
	bool write;
	bool compare;
	uint64_t started;
	uint64_t done;
	uint8_t *buffer;
	uint8_t *other;
};

static size_t chunk(const struct job *job, uint64_t at)
{
	const uint64_t left = job->bytes - at;

	return left < job->nvme->command_bytes ? (size_t)left : job->nvme->command_bytes;
}

static int read_file(struct job *job, uint8_t *to, size_t bytes, size_t whole)
{
	if (fread(to, 1, bytes, job->file) != bytes)
		return -EIO;
	memset(to + bytes, 0, whole - bytes);
	return 0;
}

static int start(struct job *job, unsigned int slot)
{
	const uint32_t block = job->nvme->block_bytes;
	const size_t bytes = chunk(job, job->started);
	const size_t whole = (bytes + block - 1) / block * block;
	int err = 0;

	if (job->write)
		err = read_file(job, job->buffer, bytes, whole);
	if (!err && job->write)
		err = nvme_fill(job->nvme, slot, job->buffer, whole);
	if (err)
		return err;
	nvme_start(job->nvme, slot, job->write, job->block + job->started / block,
		   (uint32_t)(whole / block));
	job->started += bytes;
	return 0;
}

static int finish(struct job *job, unsigned int slot)
{
	const size_t bytes = chunk(job, job->done);
	int err = nvme_wait(job->nvme, slot);

	job->done += bytes;
	if (err || job->write)
		return err;
	err = nvme_take(job->nvme, slot, job->buffer, bytes);
	if (!err && job->compare) {
		err = read_file(job, job->other, bytes, bytes);
		return !err && memcmp(job->buffer, job->other, bytes) ? -EBADMSG : err;
	}
	return !err && fwrite(job->buffer, 1, bytes, job->file) != bytes ? -EIO : err;
}

/* Slots in turn: the one that is finished next is the one that was started first. */
static int run(struct job *job)
{
	const unsigned int depth = job->nvme->depth;
	uint64_t first = 0, next = 0;
	int err = 0;

	job->buffer = malloc(2 * NVME_BYTES_MAX);
	if (!job->buffer)
		return -ENOMEM;
	job->other = job->buffer + NVME_BYTES_MAX;
	while (!err && job->done < job->bytes) {
		while (!err && job->started < job->bytes && next - first < depth)
			err = start(job, (unsigned int)(next++ % depth));
		if (!err)
			err = finish(job, (unsigned int)(first++ % depth));
	}
	free(job->buffer);
	return err;
}

/* --- Commands --- */

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "nvme: %s: %s; see nvme --help\n", what, why);
	return 2;
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "nvme: %s: %s\n", what, strerror(-err));
	return 1;
}

static int number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno ? 0 : complain(text, "not a number");
}

static int identify(struct nvme *nvme)
{
	printf("%s: %llu blocks of %u bytes, %zu bytes a command\n", nvme->model,
	       (unsigned long long)nvme->blocks, nvme->block_bytes, nvme->command_bytes);
	return 0;
}

static bool fits(const struct nvme *nvme, uint64_t block, uint64_t bytes)
{
	const uint64_t count = (bytes + nvme->block_bytes - 1) / nvme->block_bytes;

	return block < nvme->blocks && count && count <= nvme->blocks - block;
}

static int read_blocks(struct nvme *nvme, const char *from, const char *count)
{
	struct job job = { .nvme = nvme, .path = "standard output", .file = stdout };
	uint64_t blocks;
	int err;

	if (number(from, &job.block) || number(count, &blocks))
		return 2;
	if (blocks > nvme->blocks || !fits(nvme, job.block, blocks * nvme->block_bytes))
		return complain(from, "not so many blocks there");
	job.bytes = blocks * nvme->block_bytes;
	err = run(&job);
	if (!err && fflush(stdout))
		err = -errno;
	return err ? fail(job.path, err) : 0;
}

static int file_bytes(FILE *file, uint64_t *bytes)
{
	long end;

	if (fseek(file, 0, SEEK_END))
		return -errno;
	end = ftell(file);
	rewind(file);
	*bytes = end > 0 ? (uint64_t)end : 0;
	return end < 0 ? -errno : 0;
}

static int write_file(struct nvme *nvme, uint64_t block, const char *path, bool compare)
{
	struct job job = { .nvme = nvme, .path = path, .block = block, .write = true };
	int err;

	job.file = fopen(path, "rb");
	if (!job.file)
		return complain(path, strerror(errno));
	err = file_bytes(job.file, &job.bytes);
	if (err || !fits(nvme, block, job.bytes)) {
		fclose(job.file);
		return complain(path, err ? strerror(-err) : "empty, or not so many blocks there");
	}
	err = run(&job);
	if (!err && compare) {
		rewind(job.file);
		job = (struct job){ .nvme = nvme,
				    .path = path,
				    .file = job.file,
				    .block = block,
				    .bytes = job.bytes,
				    .compare = true };
		err = run(&job);
	}
	fclose(job.file);
	if (err)
		return fail(path, err);
	printf("%s: %llu bytes %s\n", path, (unsigned long long)job.bytes,
	       compare ? "written, read back, every byte compared" : "written");
	return 0;
}

static int do_command(struct nvme *nvme, int count, char **words)
{
	uint64_t block;

	if (!strcmp(words[0], "identify"))
		return identify(nvme);
	if (!strcmp(words[0], "read"))
		return read_blocks(nvme, words[1], words[2]);
	if (!strcmp(words[0], "copy"))
		return write_file(nvme, 0, words[1], true);
	(void)count;
	return number(words[1], &block) ? 2 : write_file(nvme, block, words[2], false);
}

static bool is_command(int count, char **words)
{
	static const struct {
		const char *name;
		int count;
	} commands[] = { { "identify", 1 }, { "read", 3 }, { "write", 3 }, { "copy", 2 } };

	for (size_t i = 0; count && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(words[0], commands[i].name))
			return count == commands[i].count;
	return false;
}

static int use(const char *name, unsigned int depth, int count, char **words)
{
	COHERENT_DEVICE_AUTO(dev);
	struct nvme nvme;
	int status, err;

	if (coherent_device_open(&dev, name, .report = coherent_report_stderr))
		return 2;
	err = nvme_open(&nvme, dev, depth);
	status = err ? fail(name, err) : do_command(&nvme, count, words);
	nvme_close(&nvme);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "depth", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *name = NULL;
	uint64_t depth = 8;
	int option;

	while ((option = getopt_long(argc, argv, "d:n:h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0;
		if (option == 'd')
			name = optarg;
		else if (option != 'n' || number(optarg, &depth))
			return 2;
	}
	if (!depth || depth > NVME_DEPTH_MAX)
		return complain("--depth", "from 1 to 64");
	if (!is_command(argc - optind, argv + optind))
		return complain(optind < argc ? argv[optind] : "COMMAND",
				"not a command, or not with its arguments");
	if (!name)
		return complain("--device", "is missing");
	return use(name, (unsigned int)depth, argc - optind, argv + optind);
}
