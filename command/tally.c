// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A look visits each object once. A device may have millions of objects, so a visit costs two look-ups
 * in hash tables.
 */
#include <stdlib.h>
#include <string.h>

#include "tally.h"

static size_t hash_of(uint64_t key)
{
	return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 24);
}

/* --- What was seen --- */

/* The identity of an object is never 0, because the header of the segment is there. */
static struct tally_mark *mark_of(const struct tally_seen *seen, uint64_t id)
{
	size_t i = hash_of(id);

	while (seen->marks[i & (seen->room - 1)].id && seen->marks[i & (seen->room - 1)].id != id)
		i++;
	return &seen->marks[i & (seen->room - 1)];
}

static bool make_room(struct tally_seen *seen)
{
	const struct tally_seen old = *seen;

	if (2 * seen->count < seen->room)
		return true;
	seen->room = old.room ? 2 * old.room : 1024;
	seen->marks = calloc(seen->room, sizeof(*seen->marks));
	if (!seen->marks) {
		*seen = old;
		return false;
	}
	for (size_t i = 0; i < old.room; i++)
		if (old.marks[i].id)
			*mark_of(seen, old.marks[i].id) = old.marks[i];
	free(old.marks);
	return true;
}

/* Remembers an object. Returns whether it differs from what the last look saw. */
static bool has_changed(struct tally *tally, const struct records_object *object)
{
	struct tally_seen *now = &tally->seen[tally->looks % 2];
	const struct tally_seen *before = &tally->seen[(tally->looks + 1) % 2];
	const struct tally_mark *old;

	if (!make_room(now)) {
		tally->failed = true;
		return false;
	}
	*mark_of(now, object->id) = (struct tally_mark){ object->id, object->changes };
	now->count++;
	if (tally->looks == 1 || !before->room)
		return false;
	old = mark_of(before, object->id);
	return !old->id || old->changes != object->changes;
}

/* --- Rows --- */

static struct tally_row *add_row(struct tally *tally)
{
	if (tally->count == tally->room) {
		const size_t room = tally->room ? 2 * tally->room : 64;
		struct tally_row *rows = realloc(tally->rows, room * sizeof(*rows));

		if (!rows) {
			tally->failed = true;
			return NULL;
		}
		tally->rows = rows;
		tally->room = room;
	}
	tally->rows[tally->count] = (struct tally_row){ .boxes = 0 };
	return &tally->rows[tally->count++];
}

static struct tally_row *row_of_site(struct tally *tally, uint64_t address)
{
	struct records_site *site = records_site(tally->records, address);
	struct tally_row *row;

	if (site->look == tally->looks)
		return &tally->rows[site->row];
	row = add_row(tally);
	if (!row)
		return NULL;
	site->look = tally->looks;
	site->row = tally->count - 1;
	row->site = site->text;
	row->faults = records_faults(tally->records, address);
	return row;
}

static struct tally_row *row_of(struct tally *tally, const struct records_object *object)
{
	struct tally_row *row;

	if (tally->by == TALLY_DEVICE)
		return &tally->total;
	if (tally->by == TALLY_SITE)
		return row_of_site(tally, object->site_address);
	/* There may be millions of single objects, and only some are shown. So they get no names. */
	row = add_row(tally);
	if (row)
		row->object = *object;
	return row;
}

static void count(struct tally_row *row, const struct records_object *object, bool changed)
{
	const bool is_mem = object->state == COHERENT_STATE_MEM;
	const bool is_box = object->state == COHERENT_STATE_BOX;

	row->reachable += object->reachable;
	row->changed += changed;
	/* The objects in the memory of a pool count, and the memory itself does not. */
	if (object->kind == RECORDS_POOL)
		return;
	row->mems += is_mem;
	row->boxes += is_box;
	row->ended += !is_mem && !is_box;
	row->private += object->kind == RECORDS_BOX ? object->bytes : 0;
}

static void visit(const struct records_object *object, void *arg)
{
	struct tally *tally = arg;
	const bool changed = has_changed(tally, object);
	struct tally_row *row;

	/* There is no object at an address that is kept for the next one. */
	if (object->kind == RECORDS_FREE)
		return;
	row = row_of(tally, object);
	if (row)
		count(row, object, changed);
	if (row && row != &tally->total)
		count(&tally->total, object, changed);
}

/* --- A look --- */

/* A site has two addresses if the driver allocates there from a pool and without one. */
static void merge_sites(struct tally *tally)
{
	size_t kept = 0;

	for (size_t i = 0; i < tally->count; i++) {
		const struct tally_row *row = &tally->rows[i];
		struct tally_row *same = NULL;

		for (size_t k = 0; k < kept && !same; k++)
			if (!strcmp(tally->rows[k].site, row->site))
				same = &tally->rows[k];
		if (!same) {
			tally->rows[kept++] = *row;
			continue;
		}
		same->boxes += row->boxes;
		same->mems += row->mems;
		same->ended += row->ended;
		same->reachable += row->reachable;
		same->private += row->private;
		same->changed += row->changed;
		same->faults += row->faults;
	}
	tally->count = kept;
}

static void begin(struct tally *tally)
{
	struct tally_seen *now;

	tally->looks++;
	now = &tally->seen[tally->looks % 2];
	if (now->room)
		memset(now->marks, 0, now->room * sizeof(*now->marks));
	now->count = 0;
	tally->count = 0;
	tally->total = (struct tally_row){ .boxes = 0 };
	tally->failed = false;
}

bool tally_look(struct tally *tally, struct records *records)
{
	begin(tally);
	tally->records = records;
	records_refresh(records);
	tally->unread = records_each(records, visit, tally);
	tally->total.faults = records->header.faults;
	if (tally->by == TALLY_SITE)
		merge_sites(tally);
	return !tally->failed;
}

void tally_free(struct tally *tally)
{
	free(tally->rows);
	free(tally->seen[0].marks);
	free(tally->seen[1].marks);
}
