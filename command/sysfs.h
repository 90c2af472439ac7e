/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reads small files of the system. With --sysroot=DIR all paths are below DIR, so that a tree of
 * another machine, or one that a test made, can be looked at. Nothing here trusts the tree.
 */
#ifndef SYSFS_H
#define SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

/**
 * struct sysfs - A tree of files.
 * @root: The folder that stands for "/"; "" for this machine.
 */
struct sysfs {
	const char *root;
};

/**
 * sysfs_begin() - Take the option --sysroot.
 * @sysfs: Receives the folder.
 * @arguments: The arguments.
 * @command: The name of the subcommand.
 *
 * Return: STATUS_GOOD, or STATUS_USAGE after a line that says that there is no such folder.
 */
int sysfs_begin(struct sysfs *sysfs, const struct arguments *arguments, const char *command);

/* Paths are formatted as by printf(). A path that is too long does not exist. */
bool sysfs_exists(const struct sysfs *sysfs, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Copies the first line of a file. Returns false, and "", if it cannot be read. */
bool sysfs_line(const struct sysfs *sysfs, char *line, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Reads the number in a file. Returns false, and leaves @number, if there is none. */
bool sysfs_number(const struct sysfs *sysfs, uint64_t *number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads the bytes of a file. Returns their number, or 0. */
size_t sysfs_bytes(const struct sysfs *sysfs, void *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Copies the last name of the path that a link points to. Returns false, and "", without one. */
bool sysfs_link(const struct sysfs *sysfs, char *name, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Returns whether this process may read and write a file. */
bool sysfs_may_open(const struct sysfs *sysfs, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Returns the sorted names in a folder, without those that begin with a dot. See sysfs_free(). */
char **sysfs_names(const struct sysfs *sysfs, size_t *count, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void sysfs_free(char **names, size_t count);

/* Returns whether the first 8 KiB of a file contain @text. */
bool sysfs_has(const struct sysfs *sysfs, const char *path, const char *text);

#endif
