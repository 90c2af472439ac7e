/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The command line that programs for a disk share. Its commands read blocks of the disk and write
 * or copy files to it. The driver may work on several requests at a time.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DISK_BYTES_MAX ((size_t)128 << 10)

/**
 * struct disk - A disk, and the functions of its driver.
 * @model: The name of the disk for messages.
 * @driver: The first argument of each function.
 * @depth: How many requests are in flight at a time. Each request has a slot.
 * @block_bytes: The size of a block.
 * @blocks: The number of blocks.
 * @request_bytes: The most bytes of a request, at most DISK_BYTES_MAX.
 * @fill: Copies data into the memory of a slot that is not busy.
 * @take: Copies data out of the memory of a slot that is not busy.
 * @start: Starts a request that reads the disk to the memory of a slot, or writes it from there.
 * @wait: Waits until a slot is not busy. Returns the result of its request.
 * @flush: Waits until all written data is on the medium. The caller calls it while no slot is
 *	busy.
 *
 * All functions but @start return 0 or -errno.
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
 * @program: The name of the program for messages.
 * @help: The text that --help prints.
 * @depth_max: The largest depth.
 * @spawns: The program has the options --spawn and --tries.
 * @device: The name of the device; NULL if it was not given.
 * @image: The image for --spawn; NULL if it was not given.
 * @tries: --tries was given.
 * @depth: The depth; 8 if it was not given.
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

/* disk_options_read() returns this if the program should go on. */
#define DISK_GO_ON (-1)

/**
 * struct disk_command - The command of the command line.
 * @program: The name of the program for messages.
 * @info: The name of the command that prints the size of the disk.
 * @word: The name of the command.
 * @path: The file; NULL if the command has none.
 * @file: The open file.
 * @bytes: The size of the file.
 * @block: The first block.
 * @count: The number of blocks to read.
 */
struct disk_command {
	const char *program;
	const char *info;
	const char *word;
	const char *path;
	FILE *file;
	uint64_t bytes;
	uint64_t block;
	uint64_t count;
};

#define DISK_COMMANDS_HELP                                                                     \
	"copy writes FILE to the first blocks, reads it back and compares every byte. write\n" \
	"and copy fill the rest of the last block with zeros.\n"
#define DISK_STATUS_HELP                                                                      \
	"Exit status: 0 for success, 1 if something failed, 2 if an argument is bad or the\n" \
	"device does not open.\n"

/**
 * disk_options_read() - Read the options. Print the help if --help is given.
 * @options: Receives the options.
 * @argc: The number of arguments.
 * @argv: The arguments. Afterwards optind is the index of the first that is not an option.
 *
 * Return: DISK_GO_ON, or the exit status of the program: 0 after the help, 1 if the help cannot be
 * printed, 2 after a line on standard error about a bad option.
 */
int disk_options_read(struct disk_options *options, int argc, char **argv);

/**
 * disk_parse() - Read a command and open its file. This happens before the disk is opened.
 * @command: Receives the command. The caller sets .program before. End it with disk_end(), also on
 *	failure.
 * @count: The number of words.
 * @words: info, read BLOCK COUNT, write BLOCK FILE or copy FILE.
 *
 * Return: 0; 2, after a line on standard error, if the words are not a command or the file does
 * not open.
 */
int disk_parse(struct disk_command *command, int count, char **words);

/**
 * disk_run() - Run a command.
 * @command: From disk_parse().
 * @disk: The disk.
 *
 * Return: the exit status of the program. After a failure, a line on standard error says why.
 */
int disk_run(struct disk_command *command, const struct disk *disk);

/**
 * disk_end() - Close the file of a command.
 * @command: From disk_parse().
 */
void disk_end(struct disk_command *command);

/**
 * disk_number() - Read a decimal number.
 * @program: The name of the program for messages.
 * @text: The text.
 * @value: Receives the number.
 *
 * Return: 0; 2, after a line on standard error, if the text is not a number.
 */
int disk_number(const char *program, const char *text, uint64_t *value);

/* Prints a line about a bad argument on standard error. Returns the exit status 2. */
int disk_complain(const char *program, const char *argument, const char *problem);

/* Prints a line about a failure on standard error. Returns the exit status 1. */
int disk_fail(const char *program, const char *subject, const char *problem);

/* Flushes standard output. Returns @status, or 1 if the output cannot be written. */
int disk_printed(const char *program, int status);

#endif
