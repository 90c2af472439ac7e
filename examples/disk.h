/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Commands on a disk, for drivers that work on several requests at a time: read, write
 * and copy, between it and files.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DISK_BYTES_MAX ((size_t)128 << 10)

/**
 * struct disk - A disk, by its driver.
 * @model: What it is called.
 * @driver: Handed to the functions.
 * @depth: How many requests at a time; each has a slot.
 * @block_bytes: What is read or written whole.
 * @blocks: How many there are.
 * @request_bytes: How much a request may carry, at most DISK_BYTES_MAX.
 * @fill: Copy into the memory of a slot that is not busy.
 * @take: Copy out of it.
 * @start: Start to read to or write from it.
 * @wait: Wait until a slot is not busy; its request's result.
 * @flush: Wait until what was written is safe, when no slot is busy.
 */
struct disk {
	const char *model;
	void *driver;
	unsigned int depth;
	uint32_t block_bytes;
	uint64_t blocks;
	size_t request_bytes;
	int (*fill)(void *driver, unsigned int slot, const uint8_t *from, size_t bytes);
	int (*take)(void *driver, unsigned int slot, uint8_t *to, size_t bytes);
	void (*start)(void *driver, unsigned int slot, bool write, uint64_t block, uint32_t count);
	int (*wait)(void *driver, unsigned int slot);
	int (*flush)(void *driver);
};

/**
 * struct disk_options - The options of the command line.
 * @program: The name of the program, for its messages.
 * @help: What --help prints.
 * @depth_max: The largest depth.
 * @spawns: The program has the options --spawn and --tries.
 * @device: The name of the device; NULL if it was not given.
 * @image: The image for --spawn; NULL if it was not given.
 * @tries: --tries was given.
 * @depth: How many requests at a time; 8 if it was not given.
 *
 * The caller fills in @program to @spawns.
 */
struct disk_options {
	const char *program;
	const char *help;
	unsigned int depth_max;
	bool spawns;
	const char *device;
	const char *image;
	bool tries;
	unsigned int depth;
};

/* disk_options_read() found no reason to end the program. */
#define DISK_GO_ON (-1)

/**
 * struct disk_command - What the command line asks for.
 * @program: The name of the program, for what it says.
 * @word: The command.
 * @path: The file; NULL for none.
 * @file: @path, open.
 * @bytes: Its size.
 * @block: The first block.
 * @count: How many blocks.
 */
struct disk_command {
	const char *program;
	const char *word;
	const char *path;
	FILE *file;
	uint64_t bytes;
	uint64_t block;
	uint64_t count;
};

#define DISK_COMMANDS_HELP                                                                    \
	"copy writes FILE to its start, reads it back and compares every byte. What is not\n" \
	"a whole block is filled up with zeros.\n"
#define DISK_STATUS_HELP                                                                    \
	"Exit status: 0 if all went as it must, 1 if not, 2 for bad arguments, or if the\n" \
	"device does not open.\n"

/**
 * disk_options_read() - Read the options, and print the help if it is asked for.
 * @options: Filled in.
 * @argc: How many arguments.
 * @argv: The arguments; optind is the first that is not an option.
 *
 * Return: DISK_GO_ON, or the status that the program exits with. A bad option is 2, after a line
 * on standard error.
 */
int disk_options_read(struct disk_options *options, int argc, char **argv);

/**
 * disk_parse() - Read a command, before anything is done to a disk.
 * @command: Filled in, but for @program, which is given; end it with disk_end(), also on
 *	failure.
 * @count: How many words.
 * @words: info, read BLOCK COUNT, write BLOCK FILE or copy FILE.
 *
 * Return: 0; 2 if it is none, or its file cannot be had, which was said.
 */
int disk_parse(struct disk_command *command, int count, char **words);

/**
 * disk_run() - Do what a command says.
 * @command: From disk_parse().
 * @disk: The disk.
 *
 * Return: an exit status.
 */
int disk_run(struct disk_command *command, const struct disk *disk);

/**
 * disk_end() - Close the file of a command.
 * @command: From disk_parse().
 */
void disk_end(struct disk_command *command);

/**
 * disk_number() - Read a number.
 * @program: Who complains.
 * @text: Decimal.
 * @value: The number.
 *
 * Return: 0; 2 if it is none, which was said.
 */
int disk_number(const char *program, const char *text, uint64_t *value);

/* A line on standard error; return the exit status, 2 and 1. */
int disk_complain(const char *program, const char *what, const char *why);
int disk_fail(const char *program, const char *what, const char *why);

/* The exit status, or 1 if standard output does not take what was printed. */
int disk_printed(const char *program, int status);

#endif
