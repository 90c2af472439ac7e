// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <coherent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS 51
/* If the third quartile of the ratios is more than this many times the first, there is no verdict. */
#define SPREAD_MAX 1.5

size_t bench_random(size_t n)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static double now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

long bench_process_memory(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	long kilobytes, sum = 0;
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmRSS: %ld", &kilobytes) == 1 ||
		    sscanf(line, "VmPTE: %ld", &kilobytes) == 1)
			sum += kilobytes * 1024;
	if (status)
		fclose(status);
	return sum;
}

/* --- Statistics --- */

/* The figures of all rounds in short. */
struct summary {
	double min;
	double median;
	double quartiles[2];
	double tenths[2];
};

static int compare_figures(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct summary summarise(double *figures)
{
	qsort(figures, ROUNDS, sizeof(*figures), compare_figures);
	return (struct summary){
		.min = figures[0],
		.median = figures[ROUNDS / 2],
		.quartiles = { figures[ROUNDS / 4], figures[ROUNDS - 1 - ROUNDS / 4] },
		.tenths = { figures[ROUNDS / 10], figures[ROUNDS - 1 - ROUNDS / 10] },
	};
}

static double spread(const struct summary *summary)
{
	return summary->quartiles[1] / summary->quartiles[0];
}

/*
 * A goal is met or missed if eight rounds of ten say so: then it is not between the tenths. Otherwise,
 * and if something else on the machine made the rounds differ too much, the verdict is unsure.
 */
static const char *verdict(const struct summary *figures, double goal)
{
	if (spread(figures) > SPREAD_MAX ||
	    (figures->tenths[0] <= goal && goal < figures->tenths[1]))
		return "null";
	return figures->median <= goal ? "true" : "false";
}

/* --- Rounds --- */

static int time_side(const struct bench_side *side, unsigned int turns, clockid_t clock, double *ns)
{
	int err = side->before ? side->before(side->arg) : 0;
	const double start = now_ns(clock);

	if (!err)
		err = side->run(side->arg, turns);
	*ns = (now_ns(clock) - start) / turns;
	if (side->after)
		side->after(side->arg);
	return err;
}

static void print_side(const char *name, const struct summary *side)
{
	printf(", \"%s\": %.2f, \"%s_min\": %.2f, \"%s_spread\": %.2f", name, side->median, name,
	       side->min, name, spread(side));
}

static void print_case(const struct bench_case *what, double *ours, double *theirs, double *ratios)
{
	const struct summary our = summarise(ours);
	const struct summary their = summarise(theirs), ratio = summarise(ratios);

	printf("{\"name\": \"%s\", \"unit\": \"ns\", \"clock\": \"%s\"", what->name,
	       what->waits ? "wall" : "CPU");
	print_side("ours", &our);
	if (what->theirs.run) {
		printf(", \"peer\": \"%s\"", what->peer);
		print_side("theirs", &their);
		print_side("ratio", &ratio);
	}
	/* Without a peer, the goal of a ratio is neither met nor missed. */
	if (what->goal_ratio > 0 && what->theirs.run)
		printf(", \"goal\": \"%.2fx\", \"met\": %s", what->goal_ratio,
		       verdict(&ratio, what->goal_ratio));
	if (what->goal_ns > 0)
		printf(", \"goal\": \"%.0f ns\", \"met\": %s", what->goal_ns,
		       verdict(&our, what->goal_ns));
	printf("}\n");
	fflush(stdout);
}

/* The sides take turns in who begins. The first round only warms up. */
static int run_round(const struct bench_case *what, bool ours_first, double *ours, double *theirs)
{
	const clockid_t clock = what->waits ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
	int err = 0;

	if (ours_first)
		err = time_side(&what->ours, what->turns, clock, ours);
	if (!err && what->theirs.run)
		err = time_side(&what->theirs, what->turns, clock, theirs);
	if (!err && !ours_first)
		err = time_side(&what->ours, what->turns, clock, ours);
	return err;
}

int bench(const struct bench_case *what)
{
	double ours[ROUNDS], theirs[ROUNDS] = { 0 }, ratios[ROUNDS] = { 0 };
	int err = run_round(what, true, ours, theirs);

	for (unsigned int i = 0; !err && i < ROUNDS; i++) {
		err = run_round(what, i % 2, &ours[i], &theirs[i]);
		if (what->theirs.run)
			ratios[i] = ours[i] / theirs[i];
	}
	if (!err)
		print_case(what, ours, theirs, ratios);
	return err;
}

void bench_figure(const char *name, const char *unit, double ours, double goal)
{
	printf("{\"name\": \"%s\", \"unit\": \"%s\", \"ours\": %.1f", name, unit, ours);
	if (goal > 0)
		printf(", \"goal\": \"%.0f\", \"met\": %s", goal, ours <= goal ? "true" : "false");
	printf("}\n");
}

int bench_open_with_ledger(struct coherent_device **dev, const char *name)
{
	char path[] = "/tmp/coherent-bench-XXXXXX";
	const int fd = mkstemp(path);
	int err;

	if (fd < 0)
		return -errno;
	err = coherent_device_open(dev, name, .ledger = path, .report = coherent_report_stderr);
	unlink(path);
	close(fd);
	return err;
}
