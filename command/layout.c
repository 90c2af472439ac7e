// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sorts the objects of a device by address, and puts them into runs.
 */
#include <stdlib.h>

#include "layout.h"

/* A gap of more bytes begins a new run. */
#define GAP_BYTES (UINT64_C(1) << 20)

static void add(const struct records_object *object, void *arg)
{
	struct layout *layout = arg;

	if (object->kind == RECORDS_FREE)
		return;
	if (layout->count == layout->room) {
		const size_t room = layout->room ? 2 * layout->room : 256;
		void *parts = realloc(layout->parts, room * sizeof(*layout->parts));

		layout->failed |= !parts;
		if (!parts)
			return;
		layout->parts = parts;
		layout->room = room;
	}
	layout->objects += object->kind != RECORDS_POOL;
	layout->parts[layout->count++] = (struct layout_part){
		object->address,      object->address + object->bytes,
		object->reachable,    object->kind,
		object->site_address,
	};
}

static int compare(const void *a, const void *b)
{
	const struct layout_part *one = a, *two = b;

	if (one->first != two->first)
		return one->first < two->first ? -1 : 1;
	/* A chunk comes before the objects in it. */
	return (one->end < two->end) - (one->end > two->end);
}

/* Returns whether an object begins a run. @end is the highest end of the objects before it. */
static bool is_far(const struct layout_part *part, uint64_t end)
{
	return !end || (part->first > end && part->first - end > GAP_BYTES);
}

static size_t count_runs(const struct layout *layout)
{
	uint64_t end = 0;
	size_t count = 0;

	for (size_t i = 0; i < layout->count; i++) {
		count += is_far(&layout->parts[i], end);
		if (end < layout->parts[i].end)
			end = layout->parts[i].end;
	}
	return count;
}

static void make_runs(struct layout *layout, uint64_t page)
{
	struct layout_run *run = NULL;
	uint64_t end = 0;

	layout->runs = calloc(count_runs(layout) + 1, sizeof(*layout->runs));
	layout->failed |= !layout->runs;
	for (size_t i = 0; layout->runs && i < layout->count; i++) {
		const struct layout_part *part = &layout->parts[i];

		if (is_far(part, end)) {
			run = &layout->runs[layout->run_count++];
			run->first = part->first / page * page;
			run->part = i;
		}
		if (end < part->end)
			end = part->end;
		run->end = end;
		run->count++;
		run->objects += part->kind != RECORDS_POOL;
	}
}

bool layout_read(struct layout *layout, struct records *records)
{
	*layout = (struct layout){ .count = 0 };
	records_refresh(records);
	layout->unread = records_each(records, add, layout);
	if (layout->count)
		qsort(layout->parts, layout->count, sizeof(*layout->parts), compare);
	make_runs(layout, records->header.page_bytes);
	return !layout->failed;
}

void layout_free(struct layout *layout)
{
	free(layout->parts);
	free(layout->runs);
}

uint64_t layout_cell_bytes(const struct layout_run *run, uint64_t page, size_t max)
{
	uint64_t bytes = page;

	while ((run->end - run->first - 1) / bytes >= max)
		bytes *= 2;
	return bytes;
}

size_t layout_cells(const struct layout *layout, const struct layout_run *run, uint64_t cell_bytes,
		    enum records_kind *cells, size_t max)
{
	size_t count = (size_t)((run->end - run->first - 1) / cell_bytes) + 1;

	if (count > max)
		count = max;
	for (size_t i = 0; i < count; i++)
		cells[i] = RECORDS_FREE;
	for (size_t i = run->part; i < run->part + run->count; i++) {
		const struct layout_part *part = &layout->parts[i];
		const uint64_t last = (part->end - 1 - run->first) / cell_bytes;

		for (uint64_t k = (part->first - run->first) / cell_bytes; k <= last && k < count;
		     k++)
			if (cells[k] < part->kind)
				cells[k] = part->kind;
	}
	return count;
}
