// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Draws runs below each other. Each row of a run is as wide as the picture, and has a rectangle for
 * neighbouring cells of one kind. A program that shows the picture shows the address of a rectangle
 * under the pointer.
 */
#include <inttypes.h>
#include <stdio.h>

#include "map_svg.h"
#include "output.h"

#define WIDTH 820
#define MARGIN 20
#define ROW 18
#define TEXT 20
#define CELLS_MAX 512
#define CELLS_IN_ROW 64
#define RUNS_MAX 64
#define CELL ((double)(WIDTH - 2 * MARGIN) / CELLS_IN_ROW)
#define FREE "#eceff1"

/* A browser in dark mode takes these colours. Other programs show text on white. */
static const char style[] = "<style>@media (prefers-color-scheme:dark)"
			    "{text{fill:#e6edf3}.back{fill:#151b23}[fill=\"" FREE
			    "\"]{fill:#3d444d}}</style>\n";

static const char *const colours[RECORDS_KINDS] = {
	[RECORDS_FREE] = FREE,		 [RECORDS_ENDED] = "#b0bec5",
	[RECORDS_BOX] = "#66bb6a",	 [RECORDS_IN_PLACE] = "#ab47bc",
	[RECORDS_READ_ONLY] = "#ffca28", [RECORDS_MEM] = "#ef6c00",
	[RECORDS_LINGERING] = "#b71c1c", [RECORDS_POOL] = "#ffe0b2",
	[RECORDS_TWIN] = "#1e88e5",	 [RECORDS_READ_ONLY_TWIN] = "#90caf9",
};

/* The name of a device may have any bytes. */
static void print_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
			printf("&#%d;", *text);
		else if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			putchar('?');
		else
			putchar(*text);
	}
}

static unsigned int rows_of(const struct layout_run *run, uint64_t page)
{
	const uint64_t bytes = layout_cell_bytes(run, page, CELLS_MAX);

	return (unsigned int)((run->end - run->first - 1) / bytes / CELLS_IN_ROW) + 1;
}

static unsigned int height_of(const struct layout *layout, const struct segment_header *header)
{
	unsigned int height = 4 * TEXT + MARGIN + (header->range_count + 1) * TEXT;

	for (size_t i = 0; i < layout->run_count && i < RUNS_MAX; i++)
		height += 2 * TEXT + rows_of(&layout->runs[i], header->page_bytes) * (ROW + 2);
	return height;
}

static void draw_cells(const enum records_kind *cells, size_t count, const struct layout_run *run,
		       uint64_t cell_bytes, unsigned int y)
{
	size_t i = 0;

	while (i < count) {
		const size_t row = i / CELLS_IN_ROW;
		size_t end = i + 1;

		while (end < count && cells[end] == cells[i] && end / CELLS_IN_ROW == row)
			end++;
		printf("<rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\" fill=\"%s\">"
		       "<title>0x%" PRIx64 " to 0x%" PRIx64 ": %s</title></rect>\n",
		       MARGIN + (double)(i % CELLS_IN_ROW) * CELL,
		       y + (unsigned int)row * (ROW + 2), (double)(end - i) * CELL, ROW,
		       colours[cells[i]], run->first + i * cell_bytes,
		       run->first + end * cell_bytes - 1, records_kind_name(cells[i]));
		i = end;
	}
}

static unsigned int draw_run(const struct layout *layout, const struct layout_run *run,
			     uint64_t page, unsigned int y)
{
	const uint64_t bytes = layout_cell_bytes(run, page, CELLS_MAX);
	enum records_kind cells[CELLS_MAX];
	const size_t count = layout_cells(layout, run, bytes, cells, CELLS_MAX);
	char objects[48];

	printf("<text x=\"%d\" y=\"%u\">0x%" PRIx64 " to 0x%" PRIx64 ": %s</text>\n", MARGIN,
	       y + TEXT, run->first, run->end - 1, output_count(objects, run->objects, "object"));
	draw_cells(cells, count, run, bytes, y + TEXT + 6);
	return y + 2 * TEXT + rows_of(run, page) * (ROW + 2);
}

static void draw_legend(unsigned int y)
{
	static const int widths[RECORDS_KINDS] = { 30, 40, 120, 30, 85, 95, 95, 30, 30, 125 };
	int x = MARGIN;

	for (enum records_kind kind = RECORDS_FREE; kind < RECORDS_KINDS; kind++) {
		if (x + 30 + widths[kind] > WIDTH) {
			x = MARGIN;
			y += TEXT;
		}
		printf("<rect x=\"%d\" y=\"%u\" width=\"12\" height=\"12\" fill=\"%s\"/>"
		       "<text x=\"%d\" y=\"%u\">%s</text>\n",
		       x, y, colours[kind], x + 18, y + 11, records_kind_name(kind));
		x += 30 + widths[kind];
	}
}

static unsigned int draw_ranges(const struct segment_header *header, unsigned int y)
{
	for (uint32_t i = 0; i < header->range_count; i++, y += TEXT)
		printf("<text x=\"%d\" y=\"%u\">usable: 0x%" PRIx64 " to 0x%" PRIx64 "</text>\n",
		       MARGIN, y + TEXT, header->ranges[i].first, header->ranges[i].last);
	return y;
}

void map_svg(const struct layout *layout, struct records *records)
{
	const struct segment_header *header = &records->header;
	const unsigned int height = height_of(layout, header);
	char objects[48];
	unsigned int y = 3 * TEXT + MARGIN;

	printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
	       "font-family=\"sans-serif\" font-size=\"12\">\n"
	       "%s<rect class=\"back\" width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
	       "<text x=\"%d\" y=\"%d\" font-size=\"14\">",
	       WIDTH, height, style, MARGIN, MARGIN + 4);
	print_text(header->name);
	printf(": %s%s in the addresses of the device%s</text>\n",
	       output_count(objects, layout->objects, "object"),
	       header->missing ? " (and more)" : "", header->is_closed ? ", which is closed" : "");
	draw_legend(TEXT + MARGIN - 4);
	y = draw_ranges(header, y);
	for (size_t i = 0; i < layout->run_count && i < RUNS_MAX; i++)
		y = draw_run(layout, &layout->runs[i], header->page_bytes, y);
	printf("</svg>\n");
}
