// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "models.h"
#include "output.h"
#include "program.h"

#define QEMU "qemu-system-x86_64"

/* Copies the value of a field such as: name "edu", bus PCI, desc "text". Returns NULL without it. */
static char *field(const char *line, const char *start)
{
	const char *from = strstr(line, start);
	const char *end;

	if (!from)
		return NULL;
	from += strlen(start);
	end = strchr(from, '"');
	return end ? strndup(from, (size_t)(end - from)) : NULL;
}

static json_t *take(char *text)
{
	json_t *string = text ? output_text(text) : json_null();

	free(text);
	return string;
}

/* @only is what the list shows of a model: its name, its alias, or the device name. */
static bool is_wanted(const char *name, const char *alias, const char *only)
{
	if (only && !strncmp(only, "qemu:", 5))
		only += 5;
	return !only || !strcmp(name, only) || (alias && !strcmp(alias, only));
}

static void add_model(json_t *models, const char *line, const char *category, const char *only)
{
	char *name = field(line, "name \""), *alias = field(line, "alias \"");
	json_t *model;

	/* The library brings its own bridges, and a bridge has no memory of its own. */
	if (!name || !strstr(line, "\", bus PCI") || !is_wanted(name, alias, only) ||
	    !strncmp(category, "Controller/Bridge/Hub", 21)) {
		free(name);
		free(alias);
		return;
	}
	model = json_object();
	json_object_set_new(model, "opens", output_format("qemu:%s", name));
	json_object_set_new(model, "model", take(name));
	json_object_set_new(model, "category", output_text(category));
	json_object_set_new(model, "alias", take(alias));
	json_object_set_new(model, "description", take(field(line, "desc \"")));
	json_array_append_new(models, model);
}

/* A category is a line of its own, such as "Network devices:". */
static json_t *read_models(char *text, const char *only)
{
	json_t *models = json_array();
	char *line, *rest = text;
	char category[64] = "";

	while ((line = strsep(&rest, "\n"))) {
		const size_t bytes = strlen(line);

		if (!strncmp(line, "name ", 5))
			add_model(models, line, category, only);
		else if (bytes && line[bytes - 1] == ':')
			snprintf(category, sizeof(category), "%.*s", (int)bytes - 1, line);
	}
	return models;
}

int models_list(const char *only, json_t *result)
{
	char *argv[] = { QEMU, "-device", "help", NULL }, *text;
	const int err = program_read(argv, &text);
	json_t *models;

	if (err == -ENOENT)
		return fail("devices: there is no " QEMU "; as root: apt-get install "
			    "qemu-system-x86");
	if (err)
		return fail("devices: " QEMU " -device help: %s", strerror(-err));
	models = read_models(text, only);
	free(text);
	if (!json_array_size(models)) {
		json_decref(models);
		return only ? fail("devices: QEMU has no PCI device model \"%s\"; coherent devices "
				   "--qemu lists them",
				   only) :
			      fail("devices: " QEMU " -device help lists no PCI device models");
	}
	json_object_set_new(result, "models", models);
	return STATUS_GOOD;
}

void models_print(const json_t *result)
{
	static const struct column columns[] = {
		{ "opens", "device name" },
		{ "category", "category" },
		{ "alias", "alias" },
		{ "description", "description" },
	};

	output_table(json_object_get(result, "models"), columns, ARRAY_SIZE(columns), NULL);
}
