/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The command save: it copies blocks of an NVMe disk to a file, through a buffer of the program that
 * both use. The controller writes to the buffer, and the kernel writes the same pages to the file
 * with O_DIRECT.
 */
#ifndef NVME_SAVE_H
#define NVME_SAVE_H

#include "nvme.h"

/**
 * struct nvme_save - The words of the command.
 * @path: The file.
 * @block: The first block.
 * @count: The number of blocks; 0 for all from @block on.
 */
struct nvme_save {
	const char *path;
	uint64_t block;
	uint64_t count;
};

/**
 * nvme_save_parse() - Read the words of the command.
 * @save: Receives the command.
 * @count: The number of words.
 * @words: save FILE, or save FILE BLOCK COUNT.
 *
 * Return: 0; 2, after a line on standard error, if a word is bad.
 */
int nvme_save_parse(struct nvme_save *save, int count, char **words);

/**
 * nvme_save_run() - Copy the blocks.
 * @save: The command.
 * @nvme: The controller. No slot is busy.
 *
 * The file is complete, or as it was before.
 *
 * Return: the exit status of the program. After a failure, a line on standard error says why.
 */
int nvme_save_run(const struct nvme_save *save, struct nvme *nvme);

#endif
