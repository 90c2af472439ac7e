/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Draws the address space of a device as SVG.
 */
#ifndef MAP_SVG_H
#define MAP_SVG_H

#include "layout.h"

/* Prints a picture to standard output. */
void map_svg(const struct layout *layout, struct records *records);

#endif
