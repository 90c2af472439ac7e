/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The options of calls on memory. The program may be older or newer than the library, so its struct
 * of options may be smaller or larger than the library's (base/sized.h).
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/sized.h"
#include "memory/object.h"

/**
 * struct options_kind - A struct of options.
 * @name: Its name.
 * @bytes: Its size in this library.
 * @least: The size of its positional argument and what is before that.
 */
struct options_kind {
	const char *name;
	size_t bytes;
	size_t least;
};

extern const struct options_kind options_of_box, options_of_expose, options_of_reclaim,
	options_of_mem, options_of_handle, options_of_pool, options_of_adopt,
	options_of_handle_adopt, options_of_share, options_of_fabric;

/**
 * options_read() - Copy options of another size than the library's.
 * @options: The options of the program, which begin with their size.
 * @copy: Receives the options.
 * @kind: The kind of the struct.
 * @store: The store that gets a report, or NULL.
 * @at: The call, for the report.
 *
 * Return: 0; with a report as sized_read().
 */
__attribute__((cold)) int options_read(const void *options, void *copy,
				       const struct options_kind *kind, struct object_store *store,
				       const char *at);

/**
 * options_known() - Get the options of the program as a struct of this library.
 * @options: The options of the program, which begin with their size.
 * @copy: Room for the library's struct. Used only if the sizes differ.
 * @kind: The kind of the struct.
 * @store: The store that gets a report, or NULL.
 * @at: The call, for the report.
 * @err: Set to 0; with a report as sized_read().
 *
 * Return: @options or @copy.
 */
static inline const void *options_known(const void *options, void *copy,
					const struct options_kind *kind, struct object_store *store,
					const char *at, int *err)
{
	*err = 0;
	if (*(const uint32_t *)options == kind->bytes)
		return options;
	*err = options_read(options, copy, kind, store, at);
	return copy;
}

#endif
