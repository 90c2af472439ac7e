// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdarg.h>
#include <stdio.h>

#include "advice.h"
#include "output.h"

static void add(json_t *advice, const char *key, json_t *root, const char *format, va_list list)
{
	json_t *piece = json_object();
	char text[1024];

	vsnprintf(text, sizeof(text), format, list);
	json_object_set_new(piece, key, output_text(text));
	if (root)
		json_object_set_new(piece, "root", root);
	json_array_append_new(advice, piece);
}

void advise_root(json_t *advice, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add(advice, "command", json_true(), format, list);
	va_end(list);
}

void advise_command(json_t *advice, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add(advice, "command", json_false(), format, list);
	va_end(list);
}

void advise_step(json_t *advice, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add(advice, "step", NULL, format, list);
	va_end(list);
}

void advice_print(const json_t *advice, size_t indent)
{
	const json_t *piece;
	char line[1100];
	size_t i;

	json_array_foreach(advice, i, piece)
	{
		if (*output_string(piece, "step")) {
			output_wrapped(output_string(piece, "step"), indent);
			continue;
		}
		snprintf(line, sizeof(line), "%s%s",
			 json_is_true(json_object_get(piece, "root")) ? "as root: " : "run: ",
			 output_string(piece, "command"));
		output_command(line, indent);
	}
}
