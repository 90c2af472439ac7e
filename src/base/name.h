/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Device names: scheme[:target][,key[=value]]...
 */
#ifndef NAME_H
#define NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"

#define NAME_KEYS_MAX 16
#define NAME_BYTES_MAX 255

/**
 * struct name - A name, taken apart.
 * @scheme: Which backend.
 * @target: Which device the backend opens; "" if the name has none.
 * @keys: The keys.
 * @values: Their values; NULL for a key without.
 * @count: How many keys there are.
 * @whole: As given, for reports.
 * @text: What the others point into.
 */
struct name {
	const char *scheme;
	const char *target;
	const char *keys[NAME_KEYS_MAX];
	const char *values[NAME_KEYS_MAX];
	unsigned int count;
	const char *whole;
	char *text;
};

/**
 * struct name_key - A key that a backend knows.
 * @key: Its name.
 * @min: Least value; UINT64_MAX for a key without a value.
 * @max: Greatest value.
 * @offset: Of its uint64_t in the struct that name_read_keys() fills; a key
 *	without a value sets it to 1.
 */
struct name_key {
	const char *key;
	uint64_t min;
	uint64_t max;
	size_t offset;
};

#define NAME_FLAG .min = UINT64_MAX

/**
 * name_open() - Take a name apart.
 * @name: Filled in; end it with name_close(), also on failure.
 * @text: The name; NULL is malformed.
 * @to: Says what is wrong with it.
 *
 * Return: 0; -EINVAL (malformed, or a key is given twice), -ENOMEM.
 */
int name_open(struct name *name, const char *text, const struct reporter *to);

/**
 * name_close() - Free a name.
 * @name: The name.
 */
void name_close(struct name *name);

/**
 * name_has_key() - Ask whether a key is given.
 * @name: The name.
 * @key: The key.
 *
 * Return: Whether it is.
 */
bool name_has_key(const struct name *name, const char *key);

/**
 * name_read_keys() - Read the values of keys.
 * @name: The name.
 * @known: The keys that there are.
 * @count: How many.
 * @values: A struct with a uint64_t for each; untouched where a key is absent.
 * @to: Says what is wrong, and what there is.
 *
 * Return: 0; -EINVAL (unknown key, bad value).
 */
int name_read_keys(const struct name *name, const struct name_key *known, size_t count,
		   void *values, const struct reporter *to);

#endif
