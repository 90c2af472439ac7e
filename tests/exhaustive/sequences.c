// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "sequences.h"

/* No number of kinds is a multiple of this prime, so steps of it reach every sequence. */
#define STRIDE UINT64_C(2654435761)

static unsigned int length, seconds, number;
static const struct sequences *now;
static unsigned int calls[SEQUENCE_MAX];

static unsigned int read_number(const char *text, unsigned int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || !value || value > max) {
		fprintf(stderr, "usage: %s LENGTH [SECONDS]; LENGTH is 1 to %u\n",
			program_invocation_short_name, SEQUENCE_MAX);
		exit(2);
	}
	return (unsigned int)value;
}

void sequences_begin(int argc, char **argv, unsigned int tests)
{
	length = read_number(argc == 2 || argc == 3 ? argv[1] : "", SEQUENCE_MAX);
	/* Each test gets its share, but at least a second. */
	seconds = argc == 3 ? (read_number(argv[2], 1U << 30) + tests - 1) / tests : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%u\n", tests);
}

void sequences_fail(const char *file, int line, const char *text)
{
	printf("# %s:%d: %s is false in the sequence:\n", file, line, text);
	for (unsigned int i = 0; i < length; i++)
		printf("#   %s\n", now->names[calls[i]]);
	printf("not ok %u - %s\n", number, now->title);
	exit(1);
}

static uint64_t count_all(void)
{
	uint64_t count = 1;

	for (unsigned int i = 0; i < length; i++)
		count *= now->kinds;
	return count;
}

/* Not the time: runs that begin a second apart would make almost the same sequences. */
static uint64_t random_number(void)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
		perror("getrandom");
		exit(2);
	}
	return random;
}

/* Numbers of sequences are numbers whose digits are the calls. */
static void make(uint64_t sequence)
{
	for (unsigned int i = 0; i < length; i++) {
		calls[i] = (unsigned int)(sequence % now->kinds);
		sequence /= now->kinds;
	}
	now->run(calls, length);
}

void sequences_make(const struct sequences *sequences)
{
	const time_t end = time(NULL) + (time_t)seconds;
	uint64_t all, sequence, done = 0;

	now = sequences;
	number++;
	all = count_all();
	sequence = seconds ? random_number() % all : 0;
	do {
		make(sequence);
		sequence = (sequence + STRIDE) % all;
		done++;
	} while (done < all && (!seconds || time(NULL) < end));
	printf("ok %u - %s: %" PRIu64 " of %" PRIu64 " sequences of %u calls\n", number,
	       sequences->title, done, all, length);
}
