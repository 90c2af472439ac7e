// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent probe: what an open device is and can do.
 */
#include <inttypes.h>
#include <stdio.h>

#include "arguments.h"
#include "identify.h"
#include "open.h"
#include "output.h"

/* An address is a string, because JSON cannot hold all of them as numbers. */
static json_t *ranges_of(const struct coherent_limits *limits)
{
	json_t *ranges = json_array();

	for (uint32_t i = 0; i < limits->range_count; i++)
		json_array_append_new(
			ranges,
			json_pack("{so so}", "first",
				  output_format("0x%" PRIx64, limits->ranges[i].first), "last",
				  output_format("0x%" PRIx64, limits->ranges[i].last)));
	return ranges;
}

static json_t *bars_of(const struct coherent_limits *limits)
{
	json_t *bars = json_array();

	for (unsigned int i = 0; i < ARRAY_SIZE(limits->bar_bytes); i++)
		if (limits->bar_bytes[i])
			json_array_append_new(bars, json_pack("{si so}", "index", i, "bytes",
							      output_number(limits->bar_bytes[i])));
	return bars;
}

static void describe(struct opened *opened, const struct coherent_limits *limits, json_t *result)
{
	char text[256];
	const enum identity identity = identify(opened->dev, opened->name, text, sizeof(text));
	const uint64_t memory = open_memory_bytes(opened->name);

	json_object_set_new(result, "device", output_text(opened->name));
	json_object_set_new(result, "id", *text ? output_text(text) : json_null());
	json_object_set_new(result, "level",
			    output_text(level_name(coherent_device_level(opened->dev))));
	json_object_set_new(result, "bars", bars_of(limits));
	json_object_set_new(result, "vectors", output_number(limits->vectors));
	json_object_set_new(result, "mask", output_format("0x%" PRIx64, limits->mask));
	json_object_set_new(result, "ranges", ranges_of(limits));
	json_object_set_new(result, "page_bytes", output_number(limits->page_bytes));
	json_object_set_new(result, "mappings",
			    limits->mappings == SIZE_MAX ? json_null() :
							   output_number(limits->mappings));
	json_object_set_new(result, "memory_bytes",
			    memory == UINT64_MAX ? json_null() : output_number(memory));
	json_object_set_new(result, "unmap_is_fence", json_boolean(limits->unmap_is_fence));
	json_object_set_new(result, "selftest", json_boolean(identity != IDENTITY_UNKNOWN));
}

static int probe_run(const struct arguments *arguments, json_t *result)
{
	struct coherent_limits limits;
	struct opened opened;
	/* Nothing is exposed, so a device that nothing keeps from memory may be opened too. */
	const int status =
		opened_for(&opened, arguments, "probe", arguments->words[0], COHERENT_NONE);

	if (status)
		return status;
	if (coherent_device_limits(opened.dev, &limits)) {
		opened_end(&opened);
		return fail("probe: %s: the device is gone", arguments->words[0]);
	}
	describe(&opened, &limits, result);
	opened_close(&opened);
	json_object_set(result, "reports", opened.reports);
	opened_end(&opened);
	return STATUS_GOOD;
}

static json_t *ranges_text(const json_t *ranges)
{
	json_t *texts = json_array();
	const json_t *range;
	size_t i;

	json_array_foreach(ranges, i, range) json_array_append_new(
		texts, output_format("%s to %s", output_string(range, "first"),
				     output_string(range, "last")));
	return texts;
}

static void probe_print(const json_t *result)
{
	static const struct column columns[] = {
		{ "device", "device" },
		{ "id", "what it is" },
		{ "level", "level" },
		{ "bar_texts", "BARs" },
		{ "vectors", "interrupt vectors" },
		{ "mask", "address mask" },
		{ "range_texts", "device addresses" },
		{ "page_bytes", "page size" },
		{ "limit", "objects exposed at a time" },
		{ "memory", "memory exposed at a time" },
		{ "fence", "fence" },
		{ "selftest", "coherent selftest has a driver" },
	};
	const json_t *mappings = json_object_get(result, "mappings");
	json_t *shown = json_copy((json_t *)result);
	const json_t *line;
	char bytes[32];
	size_t i;

	json_object_set_new(shown, "bar_texts", output_bars(json_object_get(result, "bars")));
	json_object_set_new(shown, "range_texts", ranges_text(json_object_get(result, "ranges")));
	json_object_set_new(shown, "limit",
			    json_is_null(mappings) ? output_text("no limit") :
						     json_incref((json_t *)mappings));
	json_object_set_new(
		shown, "memory",
		json_is_null(json_object_get(result, "memory_bytes")) ?
			output_text("no limit of its own") :
			output_format("%s; the key memory sets it",
				      output_bytes(bytes, output_value(result, "memory_bytes"))));
	json_object_set_new(shown, "fence",
			    output_text(json_is_true(json_object_get(result, "unmap_is_fence")) ?
						"an unmap is a fence" :
						"reclaim needs .idle, or a fence later"));
	output_list(shown, columns, ARRAY_SIZE(columns));
	json_array_foreach(json_object_get(result, "reports"), i, line)
		output_wrapped(json_string_value(line), 0);
	json_decref(shown);
}

static const struct command_option options[] = {
	{ "qemu-arg", "ARG", OPEN_QEMU_ARG_HELP },
	{ NULL, NULL, NULL },
};

const struct command command_probe = {
	.name = "probe",
	.summary = "open a device and print what it is and can do",
	.operands = "DEVICE",
	.min = 1,
	.max = 1,
	.help = "Open the DEVICE, such as sim:edu, qemu:nvme, vfio:0000:01:00.0, "
		"vhost-user:/run/disk, vfio-user:/run/edu or fabric:tcp, and print its IDs, level, BARs, interrupt vectors, "
		"address mask and limits. Then close it. coherent_device_open(3) describes the names.\n"
		"\n"
		"  coherent probe sim:edu\n"
		"  coherent probe qemu:e1000e,netdev=n0 --qemu-arg=-netdev --qemu-arg=user,id=n0\n"
		"\n"
		"The open resets a PCI device. If the device is busy or does not open, one line says why, "
		"and the status is 1. It is 2 if the name is malformed.",
	.options = options,
	.run = probe_run,
	.print = probe_print,
};
