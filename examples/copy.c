// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Copies a file from one device to another through one buffer. The first device writes each block
 * into a mem, and the second one reads the same memory at an address of its own, with leave to read
 * it only. The CPU copies nothing.
 *
 * The devices are two edu devices. Each has a buffer of its own, so the first one stands for a disk
 * that is read, and the second one for a disk that is written.
 *
 *	cc -o copy copy.c edu.c $(pkg-config --cflags --libs coherent)
 */
#include <coherent/share.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edu.h"

#define BLOCK_BYTES 2048

struct block {
	uint8_t bytes[BLOCK_BYTES];
};

COHERENT_FIELDS(struct block, .bytes);
COHERENT_TYPE(block_mem, struct block);
COHERENT_TWIN_TYPE(block_twin, struct block);

static const char help[] =
	"Usage: copy [--beside] FROM TO FILE\n"
	"Put FILE into the edu device FROM, copy it to the edu device TO, and compare every byte.\n"
	"\n"
	"  -b, --beside  the devices share an address space; functions of an IOMMU group need this\n"
	"  -h, --help    print this help\n"
	"\n"
	"Exit status: 0 if every byte is equal, 1 if not, 2 if an argument is bad or a device does\n"
	"not open.\n";

/**
 * struct copy - Two devices, and what they share.
 * @from: The device that the blocks come from.
 * @to: The device that the blocks go to.
 * @mem: The buffer, as the first device has it.
 * @twin: The buffer, as the second device has it.
 * @check: Another buffer of the second device, to see what arrived.
 */
struct copy {
	struct edu from;
	struct edu to;
	union block_mem mem;
	union block_twin twin;
	union block_mem check;
};

/* Puts data into the first device, as if it had been on a disk. */
static int fill(struct copy *copy, const struct block *block)
{
	int err = coherent_copy_in(&copy->mem, 0, block, 1);

	if (!err)
		err = edu_read(&copy->from, coherent_addr(&copy->mem), BLOCK_BYTES);
	/* The buffer forgets the data, so that only the device has it. */
	return err ? err : coherent_clear(&copy->mem, 0, 1);
}

static int copy_block(struct copy *copy)
{
	int err = edu_write(&copy->from, coherent_addr(&copy->mem), BLOCK_BYTES);

	return err ? err : edu_read(&copy->to, coherent_addr(&copy->twin), BLOCK_BYTES);
}

static int compare(struct copy *copy, const struct block *block)
{
	struct block back;
	int err = edu_write(&copy->to, coherent_addr(&copy->check), BLOCK_BYTES);

	if (!err)
		err = coherent_copy_out(&copy->check, 0, &back, 1);
	if (!err && memcmp(&back, block, sizeof(back)) != 0)
		err = -EIO;
	return err;
}

static int copy_file(struct copy *copy, FILE *file, unsigned long *bytes)
{
	struct block block = { { 0 } };
	size_t count;
	int err = 0;

	while (!err && (count = fread(block.bytes, 1, sizeof(block.bytes), file))) {
		err = fill(copy, &block);
		if (!err)
			err = copy_block(copy);
		if (!err)
			err = compare(copy, &block);
		*bytes += count;
	}
	return !err && ferror(file) ? -errno : err;
}

static int make_buffers(struct copy *copy)
{
	int err = coherent_zeroed(&copy->mem, copy->from.dev, 1);

	if (!err)
		err = coherent_share(&copy->mem, copy->to.dev, &copy->twin,
				     .permission = COHERENT_READ_ONLY);
	return err ? err : coherent_zeroed(&copy->check, copy->to.dev, 1);
}

/* Says what is wrong with an argument. Returns the exit status for that. */
static int complain(const char *argument, const char *problem)
{
	fprintf(stderr, "copy: %s: %s; see copy --help\n", argument, problem);
	return 2;
}

static int run(struct copy *copy, const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned long bytes = 0;
	int err;

	if (!file)
		return complain(path, strerror(errno));
	err = make_buffers(copy);
	if (!err)
		err = copy_file(copy, file, &bytes);
	coherent_free(&copy->check);
	coherent_free(&copy->twin);
	coherent_free(&copy->mem);
	fclose(file);
	if (err) {
		fprintf(stderr, "copy: %s: %s\n", path, strerror(-err));
		return 1;
	}
	if (printf("copy: %lu bytes copied from device to device, every byte compared\n", bytes) >
		    0 &&
	    !fflush(stdout))
		return 0;
	fprintf(stderr, "copy: standard output: %s\n", strerror(errno));
	return 1;
}

static int open_edu(struct edu *edu, const char *name, struct coherent_device *beside)
{
	int err = coherent_device_open(&edu->dev, name, .report = coherent_report_stderr,
				       .report_arg = (void *)(uintptr_t) "copy", .beside = beside);

	if (!err)
		err = coherent_bar_open(&edu->bar, edu->dev, 0);
	return err ? err : edu_probe(edu);
}

static void close_edu(struct edu *edu)
{
	coherent_bar_close(&edu->bar);
	coherent_device_close(edu->dev);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "beside", no_argument, NULL, 'b' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	struct copy copy = { .mem = COHERENT_EMPTY };
	bool beside = false;
	int option, status = 2;

	while ((option = getopt_long(argc, argv, "bh", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0 || fflush(stdout);
		if (option != 'b')
			return 2;
		beside = true;
	}
	if (argc - optind != 3)
		return complain("arguments", "two devices and a file are needed");
	if (!open_edu(&copy.from, argv[optind], NULL) &&
	    !open_edu(&copy.to, argv[optind + 1], beside ? copy.from.dev : NULL))
		status = run(&copy, argv[optind + 2]);
	close_edu(&copy.to);
	close_edu(&copy.from);
	return status;
}
