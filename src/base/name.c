// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Parses the names of devices: scheme[:target][,key=value]... as in "sim:edu,step,seed=7".
 *
 * The parser cuts up a copy of the name, and a struct name points into that copy until
 * name_close(). It reports each mistake with the whole name as the caller wrote it. Nothing here
 * takes a lock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/name.h"
#include "base/sys.h"

static int report_malformed(const struct name *name, const struct reporter *to, const char *why)
{
	report(to, COHERENT_ERROR, "device name \"%s\": %s; it is scheme[:target][,key=value]...",
	       name->whole, why);
	return -EINVAL;
}

bool name_has_key(const struct name *name, const char *key)
{
	for (unsigned int i = 0; i < name->count; i++)
		if (!strcmp(name->keys[i], key))
			return true;
	return false;
}

static int split_keys(struct name *name, char *rest, const struct reporter *to)
{
	while (rest) {
		char *key = strsep(&rest, ",");
		char *value = strchr(key, '=');

		if (value)
			*value++ = '\0';
		if (!*key)
			return report_malformed(name, to, "a key is missing");
		if (value && !*value)
			return report_malformed(name, to, "a value is missing");
		if (name->count == NAME_KEYS_MAX)
			return report_malformed(name, to, "too many keys");
		/* Either value may be the mistake, so the parser does not choose one. */
		if (name_has_key(name, key)) {
			report(to, COHERENT_ERROR, "device name \"%s\": key \"%s\" is given twice",
			       name->whole, key);
			return -EINVAL;
		}
		name->keys[name->count] = key;
		name->values[name->count++] = value;
	}
	return 0;
}

/* report() cuts a line off after 1023 bytes, so a name of any length could hide the reason. */
static int report_too_long(const char *text, const struct reporter *to)
{
	char start[64];
	const struct name name = { .whole = start };

	snprintf(start, sizeof(start), "%.*s...", (int)sizeof(start) - 4, text);
	return report_malformed(&name, to, "it is longer than 255 bytes");
}

int name_open(struct name *name, const char *text, const struct reporter *to)
{
	char *rest, *target;

	*name = (struct name){ .whole = text ? text : "" };
	if (!text || !*text)
		return report_malformed(name, to, "it is empty, try \"sim:edu\"");
	if (strlen(text) > NAME_BYTES_MAX)
		return report_too_long(text, to);
	name->text = strdup(text);
	if (!name->text)
		return -ENOMEM;
	rest = name->text;
	/*
	 * The keys are cut off first, because a value may contain a colon, as a path does. Only the
	 * first colon ends the scheme: the PCI address in a target has colons too.
	 */
	target = strsep(&rest, ",");
	name->scheme = strsep(&target, ":");
	name->target = target ? target : "";
	if (!*name->scheme)
		return report_malformed(name, to, "the scheme is missing");
	return split_keys(name, rest, to);
}

void name_close(struct name *name)
{
	free(name->text);
}

static const struct name_key *find_key(const struct name_key *known, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(known[i].key, key))
			return &known[i];
	return NULL;
}

static int report_unknown_key(const struct name *name, const char *key,
			      const struct name_key *known, size_t count, const struct reporter *to)
{
	char list[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < count && used < sizeof(list); i++)
		/*
		 * snprintf() returns the length that it would have written, so @used may pass the
		 * end.
		 */
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s%s", i ? ", " : "",
					 known[i].key, known[i].min == UINT64_MAX ? "" : "=");
	if (count)
		report(to, COHERENT_ERROR, "device name \"%s\": there is no key \"%s\", only: %s",
		       name->whole, key, list);
	else
		report(to, COHERENT_ERROR,
		       "device name \"%s\": scheme \"%s\" takes no keys, but \"%s\" is given",
		       name->whole, name->scheme, key);
	return -EINVAL;
}

/*
 * This refuses a sign, a blank and octal: 064 is more often a typing error than the octal number
 * for 52.
 */
static bool is_number(const char *value)
{
	if (*value == '0')
		return !value[1] || value[1] == 'x';
	return *value >= '1' && *value <= '9';
}

static int read_value(const struct name *name, const struct name_key *key, const char *value,
		      uint64_t *out, const struct reporter *to)
{
	if (key->min == UINT64_MAX) {
		*out = 1;
		if (!value)
			return 0;
		report(to, COHERENT_ERROR, "device name \"%s\": key \"%s\" takes no value",
		       name->whole, key->key);
		return -EINVAL;
	}
	if (value && is_number(value) && !sys_read_number(value, out) && *out >= key->min &&
	    *out <= key->max)
		return 0;
	report(to, COHERENT_ERROR,
	       "device name \"%s\": key \"%s\" takes a number from %" PRIu64 " to %" PRIu64,
	       name->whole, key->key, key->min, key->max);
	return -EINVAL;
}

static int read_text(const struct name *name, unsigned int i, const struct name_key *key,
		     void *values, const struct reporter *to)
{
	if (!name->values[i]) {
		report(to, COHERENT_ERROR,
		       "device name \"%s\": key \"%s\" takes a value, as in %s=%s", name->whole,
		       key->key, key->key, key->example);
		return -EINVAL;
	}
	memcpy((char *)values + key->offset, &name->values[i], sizeof(name->values[i]));
	return 0;
}

int name_read_key(const struct name *name, unsigned int i, const struct name_key *key, void *values,
		  const struct reporter *to)
{
	uint64_t value;
	int err;

	if (key->example)
		return read_text(name, i, key, values, to);
	err = read_value(name, key, name->values[i], &value, to);
	if (!err)
		memcpy((char *)values + key->offset, &value, sizeof(value));
	return err;
}

int name_read_keys(const struct name *name, const struct name_key *known, size_t count,
		   void *values, const struct reporter *to)
{
	for (unsigned int i = 0; i < name->count; i++) {
		const struct name_key *key = find_key(known, count, name->keys[i]);
		int err;

		if (!key)
			return report_unknown_key(name, name->keys[i], known, count, to);
		err = name_read_key(name, i, key, values, to);
		if (err)
			return err;
	}
	return 0;
}
