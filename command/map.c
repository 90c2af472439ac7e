// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent map: the address space of a device, with the objects of a running driver.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "layout.h"
#include "map_svg.h"
#include "open.h"
#include "output.h"
#include "target.h"

/* More runs and objects are only counted. */
#define RUNS_MAX 64
#define PARTS_MAX 10000
#define CELLS_MAX 256
#define CELLS_IN_LINE 64

static const char letters[RECORDS_KINDS] = {
	[RECORDS_FREE] = '.',		[RECORDS_ENDED] = 'e',	   [RECORDS_BOX] = 'b',
	[RECORDS_IN_PLACE] = 'p',	[RECORDS_READ_ONLY] = 'r', [RECORDS_MEM] = 'M',
	[RECORDS_READ_ONLY_TWIN] = 't', [RECORDS_TWIN] = 'T',	   [RECORDS_LINGERING] = 'L',
	[RECORDS_POOL] = 'f',
};

static json_t *address_of(uint64_t address)
{
	return output_format("0x%" PRIx64, address);
}

/* --- The answer --- */

static json_t *answer_range(uint64_t first, uint64_t last)
{
	json_t *range = json_object();

	json_object_set_new(range, "first", address_of(first));
	json_object_set_new(range, "last", address_of(last));
	return range;
}

/* The holes below and between the ranges. There are no addresses above the last range. */
static json_t *answer_holes(const struct segment_header *header)
{
	json_t *holes = json_array();
	uint64_t next = 0;

	for (uint32_t i = 0; i < header->range_count; i++) {
		if (header->ranges[i].first > next)
			json_array_append_new(holes,
					      answer_range(next, header->ranges[i].first - 1));
		next = header->ranges[i].last + 1;
	}
	return holes;
}

static json_t *answer_ranges(const struct segment_header *header)
{
	json_t *ranges = json_array();

	for (uint32_t i = 0; i < header->range_count; i++)
		json_array_append_new(ranges, answer_range(header->ranges[i].first,
							   header->ranges[i].last));
	return ranges;
}

static json_t *answer_run(const struct layout *layout, const struct layout_run *run, uint64_t page)
{
	const uint64_t cell_bytes = layout_cell_bytes(run, page, CELLS_MAX);
	enum records_kind cells[CELLS_MAX];
	char text[CELLS_MAX + 1];
	const size_t count = layout_cells(layout, run, cell_bytes, cells, CELLS_MAX);
	json_t *answer = answer_range(run->first, run->end - 1);

	for (size_t i = 0; i < count; i++)
		text[i] = letters[cells[i]];
	text[count] = '\0';
	json_object_set_new(answer, "objects", output_number(run->objects));
	json_object_set_new(answer, "cell_bytes", output_number(cell_bytes));
	json_object_set_new(answer, "cells", json_string(text));
	return answer;
}

static json_t *answer_parts(const struct layout *layout, struct records *records)
{
	json_t *parts = json_array();

	for (size_t i = 0; i < layout->count && i < PARTS_MAX; i++) {
		const struct layout_part *part = &layout->parts[i];
		json_t *answer = answer_range(part->first, part->end - 1);

		json_object_set_new(answer, "kind", json_string(records_kind_name(part->kind)));
		json_object_set_new(answer, "site",
				    output_text(records_site(records, part->site)->text));
		json_array_append_new(parts, answer);
	}
	return parts;
}

static json_t *answer_device(const struct layout *layout, struct records *records)
{
	const struct segment_header *header = &records->header;
	json_t *device = json_object(), *runs = json_array();
	uint64_t reachable = 0;

	for (size_t i = 0; i < layout->count; i++)
		reachable += layout->parts[i].reachable;
	for (size_t i = 0; i < layout->run_count && i < RUNS_MAX; i++)
		json_array_append_new(runs,
				      answer_run(layout, &layout->runs[i], header->page_bytes));
	json_object_set_new(device, "pid", records->pid ? json_integer(records->pid) : json_null());
	json_object_set_new(device, "device", output_text(header->name));
	json_object_set_new(device, "level", output_text(level_name(header->level)));
	json_object_set_new(device, "closed", json_boolean(header->is_closed));
	json_object_set_new(device, "mask", address_of(header->mask));
	json_object_set_new(device, "ranges", answer_ranges(header));
	json_object_set_new(device, "holes", answer_holes(header));
	json_object_set_new(device, "objects", output_number(layout->objects));
	json_object_set_new(device, "reachable", output_number(reachable));
	json_object_set_new(device, "run_count", output_number(layout->run_count));
	json_object_set_new(device, "runs", runs);
	json_object_set_new(device, "part_count", output_number(layout->count));
	json_object_set_new(device, "parts", answer_parts(layout, records));
	json_object_set_new(device, "unread", output_number(layout->unread));
	json_object_set_new(device, "missing", output_number(header->missing));
	return device;
}

/* --- Text --- */

static void print_range(const json_t *range, const char *what)
{
	output_line(2, "%s to %s: %s", output_string(range, "first"), output_string(range, "last"),
		    what);
}

static void print_cells(const char *cells)
{
	const size_t room = output_width() - 4 < CELLS_IN_LINE ? output_width() - 4 : CELLS_IN_LINE;

	for (size_t left = strlen(cells), n; left; cells += n, left -= n) {
		n = left < room ? left : room;
		printf("    %.*s\n", (int)n, cells);
	}
}

static void print_run(const json_t *run)
{
	char bytes[32], objects[48];

	output_line(2, "%s to %s: %s, a letter is %s", output_string(run, "first"),
		    output_string(run, "last"),
		    output_count(objects,
				 (uint64_t)json_integer_value(json_object_get(run, "objects")),
				 "object"),
		    output_bytes(bytes,
				 (uint64_t)json_integer_value(json_object_get(run, "cell_bytes"))));
	print_cells(output_string(run, "cells"));
}

static void print_notes(const json_t *device)
{
	if (json_is_true(json_object_get(device, "closed")))
		output_line(2, "The device is closed, and its objects are not freed.");
	if (output_value(device, "missing"))
		output_line(2, "The device has more objects than fit into its shared memory.");
}

static void print_device(const json_t *device)
{
	const json_t *runs = json_object_get(device, "runs"), *entry;
	const json_t *count = json_object_get(device, "run_count");
	char bytes[32], objects[48], process[40] = "";
	size_t i;

	if (json_is_integer(json_object_get(device, "pid")))
		snprintf(process, sizeof(process), " of process %" JSON_INTEGER_FORMAT,
			 json_integer_value(json_object_get(device, "pid")));
	output_line(0, "%s%s: level %s, %s, the device reaches %s", output_string(device, "device"),
		    process, output_string(device, "level"),
		    output_count(objects,
				 (uint64_t)json_integer_value(json_object_get(device, "objects")),
				 "object"),
		    output_bytes(bytes, output_value(device, "reachable")));
	print_notes(device);
	json_array_foreach((json_t *)json_object_get(device, "holes"), i, entry)
		print_range(entry, "hole");
	json_array_foreach((json_t *)json_object_get(device, "ranges"), i, entry)
		print_range(entry, "usable");
	json_array_foreach((json_t *)runs, i, entry) print_run(entry);
	if ((size_t)json_integer_value(count) > json_array_size(runs))
		output_line(2, "%zu more runs are left out.",
			    (size_t)json_integer_value(count) - json_array_size(runs));
}

static void print_map(const json_t *result)
{
	const json_t *device;
	size_t i;

	json_array_foreach((json_t *)json_object_get(result, "devices"), i, device)
		print_device(device);
	printf("\n");
	output_line(0, "M mem  r read-only mem  T twin  t read-only twin  b box  p box in place");
	output_line(0, "f free part of a pool  e ended  L ended, and reachable  . free");
}

/* --- The command --- */

/* A device that nobody has open yet has addresses, and no objects. */
static int map_device(const struct arguments *arguments, bool is_svg, json_t *result)
{
	struct records records = { .pid = 0 };
	struct layout empty = { .count = 0 };
	struct coherent_limits limits;
	const char *name = arguments->words[0];
	struct opened opened;
	int status = opened_for(&opened, arguments, "map", name, COHERENT_NONE);

	if (status)
		return status;
	if (coherent_device_limits(opened.dev, &limits)) {
		opened_end(&opened);
		return fail("map: %s: the device is gone", name);
	}
	records.header.level = coherent_device_level(opened.dev);
	records.header.mask = limits.mask;
	records.header.page_bytes = limits.page_bytes;
	records.header.range_count = limits.range_count;
	snprintf(records.header.name, sizeof(records.header.name), "%s", name);
	for (uint32_t i = 0; i < limits.range_count; i++) {
		records.header.ranges[i].first = limits.ranges[i].first;
		records.header.ranges[i].last = limits.ranges[i].last;
	}
	opened_close(&opened);
	opened_end(&opened);
	if (is_svg)
		map_svg(&empty, &records);
	else
		json_object_set_new(result, "devices",
				    json_pack("[o]", answer_device(&empty, &records)));
	return STATUS_GOOD;
}

static int map_one(struct records *records, bool is_svg, json_t *devices)
{
	struct layout layout;
	const bool is_read = layout_read(&layout, records);

	if (is_read && is_svg)
		map_svg(&layout, records);
	else if (is_read)
		json_array_append_new(devices, answer_device(&layout, records));
	layout_free(&layout);
	return is_read ? STATUS_GOOD : fail("map: no memory is left");
}

/* A picture shows one device. @number is the one that the user chose, or NULL. */
static int map_target(const struct target *target, const char *number, bool is_svg, json_t *devices)
{
	const size_t first = number ? strtoul(number, NULL, 10) : 0;
	size_t i = first;
	int status;

	if (!target_device(target, first))
		return fail("map: --device=%s: the process has no device of that number; the first "
			    "one is 0",
			    number);
	do
		status = map_one(target_device(target, i++), is_svg, devices);
	while (status == STATUS_GOOD && !number && !is_svg && target_device(target, i));
	return status;
}

static int run_map(const struct arguments *arguments, json_t *result)
{
	const char *word = arguments->words[0];
	const char *number = arguments_value(arguments, "device");
	const bool is_svg = arguments_value(arguments, "svg");
	json_t *devices;
	struct target target;
	int status;

	if (is_svg && arguments->json)
		return complain("map: give --svg or --json, not both");
	if (number && !target_is_number(number))
		return complain("map: --device=%s is not a number", number);
	if (!target_is_number(word) && strchr(word, ':') && access(word, F_OK))
		return number ? complain("map: %s is one device, so leave --device out", word) :
				map_device(arguments, is_svg, result);
	status = opened_check_qemu_args(arguments, "map", word);
	if (status == STATUS_GOOD)
		status = target_open(word, &target);
	if (status != STATUS_GOOD)
		return status;
	devices = json_array();
	status = map_target(&target, number, is_svg, devices);
	target_close(&target);
	if (is_svg || status != STATUS_GOOD)
		json_decref(devices);
	else
		json_object_set_new(result, "devices", devices);
	return status;
}

static const struct command_option options[] = {
	{ "device", "N", "Show only device N of the process. The first one is 0." },
	{ "svg", NULL,
	  "Write a picture of one device as SVG to standard output. Without --device it is the first "
	  "one." },
	{ "qemu-arg", "ARG", OPEN_QEMU_ARG_HELP },
	{ NULL, NULL, NULL },
};

const struct command command_map = {
	.name = "map",
	.summary = "draw the address space of a device",
	.operands = "PID|CORE|DEVICE",
	.min = 1,
	.max = 1,
	.help = "Show where the objects of a running driver are in the address space of its device. "
		"The argument is the number of the process, a core dump of it, or a device that the "
		"command opens, such as sim:edu. The driver is not stopped.\n\n"
		"Objects that are close to each other make a run. A run is drawn as letters, each for "
		"a page or some pages. If a letter stands for several objects, it shows the one that "
		"the device can reach. A twin is memory of another device, which coherent_share() "
		"lets this one reach. A hole has addresses that the device or the IOMMU cannot "
		"use.\n\n"
		"  coherent map 1234\n"
		"  coherent map --svg 1234 >map.svg\n"
		"  coherent map sim:edu",
	.options = options,
	.run = run_map,
	.print = print_map,
};
