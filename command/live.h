/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A screen that is drawn again and again, and the keys that the user presses.
 */
#ifndef LIVE_H
#define LIVE_H

#include <stdbool.h>

/* Whether standard input and standard output are a terminal that can clear its screen. */
bool live_is_possible(void);

/* Takes the screen. Call live_end() in any case after it. */
void live_begin(void);

void live_end(void);

/* Begins to draw the screen. The caller prints to standard output, and calls live_flush(). */
void live_frame(void);

/* Shows what was printed, as far as it fits. Returns false if the terminal is gone. */
bool live_flush(void);

/* The size of the terminal. */
void live_size(unsigned int *columns, unsigned int *lines);

/* Waits for a key. Returns it; 0 if none was pressed, 'q' if the input ended or for Ctrl-C. */
char live_key(unsigned int milliseconds);

#endif
