// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#define ROUNDS 21

size_t bench_random(size_t n)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_times(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *times)
{
	qsort(times, ROUNDS, sizeof(*times), compare_times);
	return times[ROUNDS / 2];
}

static int time_side(const struct bench_side *side, unsigned int turns, double *ns)
{
	int err = side->before ? side->before(side->arg) : 0;
	const double start = now_ns();

	if (!err)
		err = side->run(side->arg, turns);
	*ns = (now_ns() - start) / turns;
	if (side->after)
		side->after(side->arg);
	return err;
}

static void print_case(const struct bench_case *what, double ours, double theirs)
{
	/* A ratio needs a peer. Without one this goal is neither met nor missed. */
	const bool has_ratio_goal = what->goal_ratio > 0 && theirs > 0;
	const double ratio = theirs > 0 ? ours / theirs : 0;
	bool met = true;

	printf("{\"name\": \"%s\", \"unit\": \"ns\", \"ours\": %.1f", what->name, ours);
	if (theirs > 0)
		printf(", \"peer\": \"%s\", \"theirs\": %.1f, \"ratio\": %.2f", what->peer, theirs,
		       ratio);
	if (has_ratio_goal) {
		printf(", \"goal\": \"%.2fx\"", what->goal_ratio);
		met = ratio <= what->goal_ratio;
	}
	if (what->goal_ns > 0) {
		printf(", \"goal\": \"%.0f ns\"", what->goal_ns);
		met = ours <= what->goal_ns;
	}
	if (has_ratio_goal || what->goal_ns > 0)
		printf(", \"met\": %s", met ? "true" : "false");
	printf("}\n");
	fflush(stdout);
}

int bench(const struct bench_case *what)
{
	double ours[ROUNDS], theirs[ROUNDS] = { 0 };
	int err = 0;

	for (unsigned int round = 0; !err && round < ROUNDS; round++) {
		err = time_side(&what->ours, what->turns, &ours[round]);
		if (!err && what->theirs.run)
			err = time_side(&what->theirs, what->turns, &theirs[round]);
	}
	if (!err)
		print_case(what, median(ours), median(theirs));
	return err;
}

void bench_figure(const char *name, const char *unit, double ours, double goal)
{
	printf("{\"name\": \"%s\", \"unit\": \"%s\", \"ours\": %.1f", name, unit, ours);
	if (goal > 0)
		printf(", \"goal\": \"%.0f\", \"met\": %s", goal, ours <= goal ? "true" : "false");
	printf("}\n");
}
