/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Device names: scheme[:target][,key[=value]]... The scheme selects the backend, the target the
 * device. Each backend knows its own keys.
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
 * struct name - The parts of a device name.
 * @scheme: The scheme, which selects the backend.
 * @target: Which device the backend opens; "" if the name has none.
 * @keys: The keys.
 * @values: The value of each key; NULL for a key without a value.
 * @count: The number of keys.
 * @whole: The name as the caller wrote it, for reports.
 * @text: The copy of the name that the other parts point into.
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
 * @key: The name of the key.
 * @example: A value of a key that takes text; NULL for other keys.
 * @min: The least value of a number; UINT64_MAX for a key without a value.
 * @max: The greatest value.
 * @offset: The offset of the uint64_t that name_read_keys() sets. A key without a value sets it
 *	to 1. For text it is the offset of a const char *, which points into the name.
 */
struct name_key {
	const char *key;
	const char *example;
	uint64_t min;
	uint64_t max;
	size_t offset;
};

#define NAME_FLAG .min = UINT64_MAX

/**
 * name_open() - Parse a device name.
 * @name: Set to the parts. The caller ends it with name_close(), also after a failure.
 * @text: The name; NULL is malformed.
 * @to: The receiver of a report if the name is malformed.
 *
 * Return: 0; -EINVAL (the name is malformed, or has a key twice), -ENOMEM.
 */
int name_open(struct name *name, const char *text, const struct reporter *to);

/**
 * name_close() - Free the parts of a name.
 * @name: The name.
 */
void name_close(struct name *name);

/**
 * name_has_key() - Whether a name has a key.
 * @name: The name.
 * @key: The key.
 */
bool name_has_key(const struct name *name, const char *key);

/**
 * name_read_key() - Read the value of one key of a name.
 * @name: The name.
 * @i: The index of the key in the name.
 * @key: The key that the backend knows.
 * @values: The struct whose member the call sets.
 * @to: The receiver of a report if the value is bad.
 *
 * Return: 0; -EINVAL (the value is bad).
 */
int name_read_key(const struct name *name, unsigned int i, const struct name_key *key, void *values,
		  const struct reporter *to);

/**
 * name_read_keys() - Read the values of the keys of a name.
 * @name: The name.
 * @known: The keys that the backend knows.
 * @count: The number of @known.
 * @values: A struct with a member for each known key. The call sets those that the name has.
 * @to: The receiver of a report if a key is unknown, or has a bad value.
 *
 * Return: 0; -EINVAL (a key is unknown, or its value is bad).
 */
int name_read_keys(const struct name *name, const struct name_key *known, size_t count,
		   void *values, const struct reporter *to);

#endif
