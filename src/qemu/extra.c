// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The arguments that a driver adds to the command line of QEMU. These functions have no state and no
 * lock. QEMU checks what is in the values; here are only the mistakes that would break the machine
 * or that QEMU does not explain.
 */
#include <string.h>

#include "base/size.h"
#include "qemu/extra.h"

#define OPTIONS "-audiodev, -blockdev, -chardev, -device, -drive, -fsdev, -netdev, -object"

static const char *const options[] = {
	"-audiodev", "-blockdev", "-chardev", "-device", "-drive", "-fsdev", "-netdev", "-object",
};

/* --- Values --- */

/* A part of a value between two commas. QEMU takes two commas in a row as one that is text. */
struct item {
	const char *text;
	size_t bytes;
};

static bool next_item(const char **rest, struct item *item)
{
	const char *at = *rest;

	if (!at)
		return false;
	item->text = at;
	while (*at && (*at != ',' || at[1] == ','))
		at += *at == ',' ? 2 : 1;
	item->bytes = (size_t)(at - item->text);
	*rest = *at ? at + 1 : NULL;
	return true;
}

static bool item_is(const struct item *item, const char *text)
{
	return item->bytes == strlen(text) && !strncmp(item->text, text, item->bytes);
}

static bool has_item(const char *value, const char *text)
{
	struct item item;

	while (next_item(&value, &item))
		if (item_is(&item, text))
			return true;
	return false;
}

/* Finds the value of a key. The first item may leave out its key, which is then @implied. */
static bool find_key(const char *value, const char *key, bool implied, struct item *found)
{
	const size_t bytes = strlen(key);
	const char *rest = value;
	bool has = false;
	struct item item;

	while (next_item(&rest, &item)) {
		if (implied && item.text == value && !memchr(item.text, '=', item.bytes))
			*found = item;
		else if (item.bytes > bytes && item.text[bytes] == '=' &&
			 !strncmp(item.text, key, bytes))
			*found = (struct item){ item.text + bytes + 1, item.bytes - bytes - 1 };
		else
			continue;
		/* The last one counts, as in QEMU. */
		has = true;
	}
	return has;
}

/* --- Checks --- */

static int refuse_value(const char *const *pair, const char *whole, const char *why,
			const struct reporter *to)
{
	report(to, COHERENT_ERROR, "%s: .qemu_args: \"%s %s\" %s", whole, pair[0], pair[1], why);
	return -EINVAL;
}

/* These would be another IOMMU than that of the library, or write to QEMU's memory. */
static bool is_ours(const struct item *driver)
{
	static const char iommu[] = "iommu";

	return memmem(driver->text, driver->bytes, iommu, sizeof(iommu) - 1) ||
	       item_is(driver, "loader") || item_is(driver, "guest-loader");
}

static int check_device(const char *const *pair, const char *whole, const struct reporter *to)
{
	struct item driver;

	if (*pair[1] == '{')
		return refuse_value(pair, whole, "must be written as MODEL,KEY=VALUE", to);
	if (!find_key(pair[1], "driver", true, &driver))
		return refuse_value(pair, whole, "names no model", to);
	if (is_ours(&driver))
		return refuse_value(pair, whole,
				    "is refused, because the library drives the IOMMU and owns "
				    "the memory of QEMU",
				    to);
	return 0;
}

static int check_value(const char *const *pair, const char *whole, const struct reporter *to)
{
	struct item backend;

	if (has_item(pair[1], "help") || has_item(pair[1], "?"))
		return refuse_value(pair, whole, "asks for help, which ends QEMU; run it by hand",
				    to);
	if (!strcmp(pair[0], "-device"))
		return check_device(pair, whole, to);
	if (!strcmp(pair[0], "-chardev") && find_key(pair[1], "backend", true, &backend) &&
	    item_is(&backend, "stdio"))
		return refuse_value(pair, whole,
				    "is refused, because standard input and output are those of "
				    "the driver",
				    to);
	return 0;
}

static bool is_option(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (!strcmp(word, options[i]))
			return true;
	return false;
}

int qemu_extra_check(const char *const *args, const char *whole, const struct reporter *to)
{
	int err = 0;

	for (; args && *args && !err; args += 2) {
		if (!is_option(*args)) {
			report(to, COHERENT_ERROR,
			       "%s: .qemu_args: \"%s\" is not one of " OPTIONS
			       "; each takes the next string as its value",
			       whole, *args);
			return -EINVAL;
		}
		if (!args[1] || !*args[1] || *args[1] == '-') {
			report(to, COHERENT_ERROR,
			       "%s: .qemu_args: \"%s\" has no value; the next string must be its "
			       "value",
			       whole, *args);
			return -EINVAL;
		}
		err = check_value(args, whole, to);
	}
	return err;
}

/* --- The order of the command line --- */

size_t qemu_extra_count(const char *const *args)
{
	size_t count = 0;

	while (args && args[count])
		count++;
	return count;
}

bool qemu_extra_is_first(const char *option, const char *value, const struct name *name)
{
	struct item id;

	if (strcmp(option, "-device"))
		return true;
	if (!find_key(value, "id", false, &id))
		return false;
	for (unsigned int i = 0; i < name->count; i++)
		if (name->values[i] && strcmp(name->keys[i], "id") && item_is(&id, name->values[i]))
			return true;
	return false;
}
