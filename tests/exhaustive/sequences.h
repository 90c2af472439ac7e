/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * All sequences of a few calls, one after the other. A program of this folder has the arguments
 * LENGTH and SECONDS. LENGTH is the number of calls in a sequence. SECONDS bounds the time: the
 * program then begins at a random sequence, and a later run makes other sequences. Without SECONDS
 * the program makes all sequences.
 */
#ifndef SEQUENCES_H
#define SEQUENCES_H

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_MAX 12

/**
 * struct sequences - Sequences of calls.
 * @title: The line of the test. It says what holds after each call.
 * @names: The name of each kind of call.
 * @kinds: The number of kinds.
 * @run: Makes the calls of a sequence and checks each result by expect().
 */
struct sequences {
	const char *title;
	const char *const *names;
	unsigned int kinds;
	void (*run)(const unsigned int *calls, unsigned int length);
};

/*
 * Reads the arguments of a program and prints the plan of TAP. Ends the program with status 2 if
 * an argument is wrong.
 */
void sequences_begin(int argc, char **argv, unsigned int tests);

/* Makes the sequences and prints the line of TAP of the next test. */
void sequences_make(const struct sequences *sequences);

/* Fails the test: prints the sequence and ends the program. */
_Noreturn void sequences_fail(const char *file, int line, const char *text);

/* Asserts that a condition holds in the sequence that is made now. */
#define expect(condition) ((condition) ? (void)0 : sequences_fail(__FILE__, __LINE__, #condition))

#endif
