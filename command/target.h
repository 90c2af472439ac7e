/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The processes whose records a subcommand reads: one, a core dump, or all that use the library.
 */
#ifndef TARGET_H
#define TARGET_H

#include "records.h"

/**
 * struct target - The devices that were found.
 * @parts: The devices of each process.
 * @count: The number of @parts.
 */
struct target {
	struct {
		struct records *all;
		size_t count;
	} * parts;
	size_t count;
};

/**
 * target_open() - Open the records that the user named.
 * @word: The number of a process, or the path of a core dump; NULL for all processes.
 * @target: Receives the devices. Free it with target_close().
 *
 * Return: STATUS_GOOD; STATUS_BAD after a line about what failed. It is not a failure if nothing is found.
 */
int target_open(const char *word, struct target *target);

/* As target_open(), but a process that cannot be read is not worth a line. Returns whether it worked. */
bool target_try(const char *word, struct target *target);

/* Returns a number that differs if processes have opened or closed devices in between. */
uint64_t target_signature(const char *word);

/* Returns a device by its number, or NULL behind the last one. */
struct records *target_device(const struct target *target, size_t i);

void target_close(struct target *target);

/* Whether a word has only digits, as the number of a process. */
bool target_is_number(const char *word);

#endif
