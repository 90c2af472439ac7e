// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent plan: whether a list of objects fits a device and a machine, and which limit it exceeds first.
 * All sums saturate at UINT64_MAX, so a line with a huge count is too large and not small again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "machine.h"
#include "open.h"
#include "output.h"
#include "plan.h"

#define HUGEPAGE_BYTES (UINT64_C(2) << 20)
#define RANGES_MAX 8

/* The resources that are counted. The names are those of --limit. */
enum resource { MEMLOCK, MAPPINGS, BYTES, HUGEPAGES, MAPS, FILES, RESOURCES };

static const struct {
	const char *name;
	bool is_bytes;
} resources[RESOURCES] = {
	[MEMLOCK] = { "memlock", true }, [MAPPINGS] = { "mappings", false },
	[BYTES] = { "bytes", true },	 [HUGEPAGES] = { "hugepages", false },
	[MAPS] = { "maps", false },	 [FILES] = { "files", false },
};

/**
 * struct bounds - What the objects must fit.
 * @limits: The limits; LIMIT_NONE for one that does not count here.
 * @level: The level of the device; 0 if no device was given.
 * @page: The size of a page of the device.
 * @bits: The address bits that the user gives; 0 if none.
 * @range_count: The number of @ranges; 0 if neither a device nor its address bits are known.
 * @ranges: The device addresses, with an inclusive last one.
 */
struct bounds {
	uint64_t limits[RESOURCES];
	enum coherent_level level;
	uint64_t page;
	uint64_t bits;
	size_t range_count;
	struct {
		uint64_t first;
		uint64_t last;
	} ranges[RANGES_MAX];
};

/* The first object that does not fit. */
struct excess {
	size_t line;
	uint64_t object;
};

static uint64_t add(uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
	return __builtin_mul_overflow(a, b, &a) ? UINT64_MAX : a;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return value % to ? add(value - value % to, to) : value;
}

/* --- Bounds --- */

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* Which limits count depends on the kind of device. */
static void use_machine(struct bounds *bounds, const char *device)
{
	const struct sysfs sysfs = { .root = "" };
	struct limits limits;

	machine_read(&limits, &sysfs);
	if (!*device || starts_with(device, "vfio:") || starts_with(device, "iommufd:") ||
	    starts_with(device, "pci:"))
		bounds->limits[MEMLOCK] = limits.memlock;
	if (!*device)
		bounds->limits[MAPPINGS] = limits.mappings;
	if (starts_with(device, "vhost-user:")) {
		bounds->limits[MAPS] = limits.maps;
		bounds->limits[FILES] = limits.files;
	}
	bounds->limits[BYTES] = open_memory_bytes(device);
}

static int use_device(struct bounds *bounds, const struct arguments *arguments, const char *device)
{
	struct coherent_limits limits;
	struct opened opened;
	const int status = opened_for(&opened, arguments, "plan", device, COHERENT_NONE);

	if (status)
		return status;
	if (coherent_device_limits(opened.dev, &limits)) {
		opened_end(&opened);
		return fail("plan: %s: the device is gone", device);
	}
	bounds->level = coherent_device_level(opened.dev);
	bounds->page = limits.page_bytes;
	if (limits.mappings != SIZE_MAX)
		bounds->limits[MAPPINGS] = limits.mappings;
	bounds->range_count = limits.range_count;
	for (size_t i = 0; i < limits.range_count; i++) {
		bounds->ranges[i].first = limits.ranges[i].first;
		bounds->ranges[i].last =
			limits.ranges[i].last < limits.mask ? limits.ranges[i].last : limits.mask;
	}
	opened_end(&opened);
	return STATUS_GOOD;
}

static void use_bits(struct bounds *bounds)
{
	const uint64_t mask = coherent_mask((unsigned int)bounds->bits);

	/* Without a device no addresses are known. The library never hands out the first page. */
	if (!bounds->range_count) {
		bounds->range_count = 1;
		bounds->ranges[0].first = bounds->page;
		bounds->ranges[0].last = UINT64_MAX - bounds->page;
	}
	for (size_t i = 0; i < bounds->range_count; i++)
		if (bounds->ranges[i].last > mask)
			bounds->ranges[i].last = mask;
}

static int read_bits(struct bounds *bounds, const char *text)
{
	if (!plan_number(text, &bounds->bits) || bounds->bits < 13 || bounds->bits > 64)
		return complain("plan: --limit bits=%s: a device has 13 to 64 address bits", text);
	return STATUS_GOOD;
}

static int use_limit(struct bounds *bounds, const char *text)
{
	const char *equals = strchr(text, '=');
	const size_t bytes = equals ? (size_t)(equals - text) : 0;

	if (!equals)
		return complain("plan: --limit %s: write NAME=VALUE", text);
	if (bytes == 4 && starts_with(text, "bits"))
		return read_bits(bounds, equals + 1);
	for (size_t i = 0; i < RESOURCES; i++) {
		if (strlen(resources[i].name) != bytes || strncmp(resources[i].name, text, bytes))
			continue;
		if (!plan_number(equals + 1, &bounds->limits[i]))
			return complain("plan: --limit %s: the value is not a number from 0 to "
					"2^64 - 1",
					text);
		return STATUS_GOOD;
	}
	return complain("plan: --limit %s: there is no such limit, only: memlock, mappings, bytes, "
			"hugepages, maps, files, bits",
			text);
}

static int read_bounds(struct bounds *bounds, const struct arguments *arguments)
{
	const char *device = arguments_value(arguments, "device");
	int status = STATUS_GOOD;

	*bounds = (struct bounds){ .page = 4096 };
	for (size_t i = 0; i < RESOURCES; i++)
		bounds->limits[i] = LIMIT_NONE;
	use_machine(bounds, device ? device : "");
	if (device)
		status = use_device(bounds, arguments, device);
	else
		status = opened_check_qemu_args(arguments, "plan", NULL);
	for (size_t i = 0; !status && i < arguments->given_count; i++)
		if (!strcmp(arguments->given[i].name, "limit"))
			status = use_limit(bounds, arguments->given[i].value);
	/* The last value counts, so the ranges are cut only now. */
	if (!status && bounds->bits)
		use_bits(bounds);
	return status;
}

/* --- Counting --- */

/* Returns how much of a resource each object of a line takes. */
static uint64_t each(const struct bounds *bounds, const struct plan_line *line,
		     enum resource resource)
{
	const uint64_t bytes = round_up(line->bytes, bounds->page);

	switch (resource) {
	case MEMLOCK:
	case BYTES:
		return bytes;
	case MAPS:
		return bytes / bounds->page;
	default:
		return 1;
	}
}

/* Small objects share hugepages, so these are counted by the sum of all bytes. */
static uint64_t needed(const struct bounds *bounds, const struct plan *plan, enum resource resource,
		       struct excess *excess)
{
	const bool by_bytes = resource == HUGEPAGES;
	const uint64_t limit = by_bytes ? multiply(bounds->limits[resource], HUGEPAGE_BYTES) :
					  bounds->limits[resource];
	uint64_t sum = 0;

	*excess = (struct excess){ .object = 0 };
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_line *line = &plan->lines[i];
		const uint64_t one = each(bounds, line, by_bytes ? BYTES : resource);
		const uint64_t more = add(sum, multiply(one, line->count));

		if (!excess->object && more > limit)
			*excess = (struct excess){ i, (limit - sum) / one + 1 };
		sum = more;
	}
	return by_bytes ? round_up(sum, HUGEPAGE_BYTES) / HUGEPAGE_BYTES : sum;
}

/* Returns how many bytes of addresses an object takes with the guard page behind it. */
static uint64_t with_guard(const struct bounds *bounds, const struct plan_line *line)
{
	return add(round_up(line->bytes, bounds->page), bounds->page);
}

/* Returns how many objects fit from @first to @last. @bytes has the guard page behind each. */
static uint64_t fitting(uint64_t first, uint64_t last, uint64_t bytes, uint64_t stride)
{
	if (first > last || last - first < bytes - 1)
		return 0;
	return (last - first - (bytes - 1)) / stride + 1;
}

/*
 * Puts the objects into the ranges, one behind the other. Sets @excess to the first object that finds no
 * place. The library also fills gaps, so a plan that just does not fit here may fit there.
 */
static void place(const struct bounds *bounds, const struct plan *plan, struct excess *excess)
{
	uint64_t next = bounds->range_count ? bounds->ranges[0].first : 0;
	size_t range = 0;

	*excess = (struct excess){ .object = 0 };
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_line *line = &plan->lines[i];
		const uint64_t bytes = with_guard(bounds, line);
		const uint64_t align = line->align > bounds->page ? line->align : bounds->page;
		const uint64_t stride = round_up(bytes, align);
		uint64_t left = line->count;

		while (left && range < bounds->range_count) {
			const uint64_t first = round_up(next, align);
			uint64_t fit = fitting(first, bounds->ranges[range].last, bytes, stride);

			fit = fit < left ? fit : left;
			left -= fit;
			if (fit)
				next = add(add(first, multiply(fit - 1, stride)), bytes);
			if (left && ++range < bounds->range_count)
				next = bounds->ranges[range].first;
		}
		if (left) {
			*excess = (struct excess){ i, line->count - left + 1 };
			return;
		}
	}
}

/* --- Rows --- */

static void set_excess(json_t *row, const struct plan *plan, const struct excess *excess)
{
	json_object_set_new(row, "fits", json_boolean(!excess->object));
	if (!excess->object)
		return;
	json_object_set_new(row, "line", output_number(plan->lines[excess->line].line));
	json_object_set_new(row, "object", output_number(excess->object));
}

static json_t *amount(uint64_t value, bool is_bytes)
{
	char bytes[32];

	if (value == UINT64_MAX)
		return output_text("more than 64 bits hold");
	return is_bytes ? output_text(output_bytes(bytes, value)) :
			  output_format("%" PRIu64, value);
}

/* Makes the row of a limit that is a number. */
static json_t *number_row(const char *limit, uint64_t has, uint64_t needs, bool is_bytes,
			  const struct plan *plan, const struct excess *excess)
{
	/* Addresses may be enough in sum, but not where an object must be. */
	const uint64_t by = needs > has ? needs - has : 0;
	json_t *row = json_object();

	json_object_set_new(row, "limit", output_text(limit));
	json_object_set_new(row, "has", output_number(has));
	json_object_set_new(row, "needs", output_number(needs));
	json_object_set_new(row, "has_text", amount(has, is_bytes));
	json_object_set_new(row, "needs_text", amount(needs, is_bytes));
	set_excess(row, plan, excess);
	if (excess->object) {
		json_object_set_new(row, "by", output_number(by));
		json_object_set_new(row, "by_text", amount(by, is_bytes));
	}
	return row;
}

static json_t *resource_row(const struct bounds *bounds, const struct plan *plan,
			    enum resource resource, struct excess *excess)
{
	const uint64_t needs = needed(bounds, plan, resource, excess);

	return number_row(resources[resource].name, bounds->limits[resource], needs,
			  resources[resource].is_bytes, plan, excess);
}

static json_t *addresses_row(const struct bounds *bounds, const struct plan *plan,
			     struct excess *excess)
{
	uint64_t has = 0, needs = 0;

	place(bounds, plan, excess);
	for (size_t i = 0; i < bounds->range_count; i++)
		if (bounds->ranges[i].last > bounds->ranges[i].first)
			has = add(has, bounds->ranges[i].last - bounds->ranges[i].first + 1);
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_line *line = &plan->lines[i];
		const uint64_t bytes = with_guard(bounds, line);

		needs = add(needs, multiply(line->count, line->align > bounds->page ?
								 round_up(bytes, line->align) :
								 bytes));
	}
	return number_row("bits", has, needs, true, plan, excess);
}

static json_t *level_row(const struct bounds *bounds, const struct plan *plan,
			 struct excess *excess)
{
	enum coherent_level most = 0;
	json_t *row = json_object();

	*excess = (struct excess){ .object = 0 };
	for (size_t i = 0; i < plan->count; i++) {
		const enum coherent_level level = plan->lines[i].level;

		most = level > most ? level : most;
		if (!excess->object && level > bounds->level)
			*excess = (struct excess){ i, 1 };
	}
	json_object_set_new(row, "limit", output_text("level"));
	json_object_set_new(row, "has_text", output_text(level_name(bounds->level)));
	json_object_set_new(row, "needs_text", output_text(most ? level_name(most) : "any"));
	set_excess(row, plan, excess);
	return row;
}

static bool is_before(const struct excess *a, const struct excess *b)
{
	return a->object &&
	       (!b->object || a->line < b->line || (a->line == b->line && a->object < b->object));
}

/* The rows so far, and the one whose limit is exceeded first; NULL if all fits. */
struct answer {
	json_t *rows;
	json_t *worst;
	struct excess first;
};

static void add_row(struct answer *answer, json_t *row, const struct excess *excess)
{
	json_array_append_new(answer->rows, row);
	if (is_before(excess, &answer->first)) {
		answer->first = *excess;
		answer->worst = row;
	}
}

/* A limit that does not count for the device has no row. */
static void add_rows(struct answer *answer, const struct bounds *bounds, const struct plan *plan)
{
	struct excess excess;

	if (bounds->level)
		add_row(answer, level_row(bounds, plan, &excess), &excess);
	if (bounds->range_count)
		add_row(answer, addresses_row(bounds, plan, &excess), &excess);
	for (enum resource i = 0; i < RESOURCES; i++)
		if (bounds->limits[i] != LIMIT_NONE)
			add_row(answer, resource_row(bounds, plan, i, &excess), &excess);
}

static int plan_run(const struct arguments *arguments, json_t *result)
{
	struct answer answer = { .worst = NULL };
	struct bounds bounds;
	struct plan plan;
	int status = plan_read(&plan, arguments->words[0]);

	if (status)
		return status;
	status = read_bounds(&bounds, arguments);
	if (!status) {
		answer.rows = json_array();
		add_rows(&answer, &bounds, &plan);
		json_object_set_new(result, "fits", json_boolean(!answer.worst));
		json_object_set(result, "first", answer.worst ? answer.worst : json_null());
		json_object_set_new(result, "limits", answer.rows);
		status = answer.worst ? STATUS_BAD : STATUS_GOOD;
	}
	plan_free(&plan);
	return status;
}

/* --- Text --- */

static json_t *verdict(const json_t *row)
{
	const char *by = output_string(row, "by_text");

	if (json_is_true(json_object_get(row, "fits")))
		return output_text("fits");
	return output_format("exceeded from line %" PRIu64 ", object %" PRIu64 " on%s%s",
			     output_value(row, "line"), output_value(row, "object"),
			     *by ? ", in the end by " : "", by);
}

static void plan_print(const json_t *result)
{
	static const struct column columns[] = {
		{ "limit", "limit" },
		{ "has_text", "there is" },
		{ "needs_text", "the plan needs" },
		{ "verdict", "result" },
	};
	const json_t *rows = json_object_get(result, "limits");
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) json_object_set_new(row, "verdict", verdict(row));
	output_table(rows, columns, ARRAY_SIZE(columns), NULL);
	row = json_object_get(result, "first");
	fputc('\n', stdout);
	output_line(0, "%s%s%s",
		    json_is_null(row) ? "The plan fits." : "The plan does not fit. The limit \"",
		    output_string(row, "limit"), json_is_null(row) ? "" : "\" is exceeded first.");
}

static const struct command_option options[] = {
	{ "device", "NAME", "Open this device, and use its address ranges, level and limits." },
	{ "qemu-arg", "ARG", OPEN_QEMU_ARG_HELP },
	{ "limit", "NAME=VALUE",
	  "Use this value, for instance of another machine. The names are memlock (bytes that may be "
	  "locked), mappings (objects that are exposed at a time), bytes (of all objects), hugepages (of 2 "
	  "MiB), maps (mappings of the process), files (descriptors) and bits (address bits of the "
	  "device). A suffix of K, M, G or T is a power of 1024. The option may be given again." },
	{ NULL, NULL, NULL },
};

const struct command command_plan = {
	.name = "plan",
	.summary = "say which limit a list of objects exceeds first, and by how much",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.help = "Read a list of objects that a driver will expose at the same time, and compare it with the "
		"limits of this machine and of a device. Each line of FILE is COUNT SIZE [ALIGN] [LEVEL], and "
		"\"#\" begins a comment. FILE has at most 16 MiB, and - stands for standard input:\n"
		"\n"
		"  # rings, buffers\n"
		"  2 4096\n"
		"  512 64K 64K IOMMU\n"
		"\n"
		"Sizes are rounded up to pages, and a guard page follows each object, as in the library. A limit "
		"that does not count for the device is left out. Hugepages count if --limit=hugepages=N is "
		"given.",
	.statuses =
		"The exit status is 0 if all fits, 1 if not, 2 if the file or an argument is wrong.",
	.options = options,
	.run = plan_run,
	.print = plan_print,
};
