/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * One question a program: cases of ours beside a peer or a floor, in one process,
 * round by round, and medians of it. A program prints a JSON object a line for
 * each case; tools/bench makes the table.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stddef.h>

/**
 * struct bench_side - Something that is timed.
 * @run: Does it so many times; 0 or -errno.
 * @arg: Handed to all of these.
 * @before: What has to be done before each round and is not timed; NULL for
 *	nothing. 0 or -errno.
 * @after: What has to be done after it, also if it failed.
 */
struct bench_side {
	int (*run)(void *arg, unsigned int turns);
	void *arg;
	int (*before)(void *arg);
	void (*after)(void *arg);
};

/**
 * struct bench_case - A case.
 * @name: What is done.
 * @peer: What it is compared with.
 * @ours: What is done, in ns each time.
 * @theirs: What it is compared with; without .run there is nothing.
 * @turns: How many times a round.
 * @goal_ratio: At most so many times the peer; 0 for no such goal.
 * @goal_ns: At most so many ns; 0 for no such goal.
 */
struct bench_case {
	const char *name;
	const char *peer;
	struct bench_side ours;
	struct bench_side theirs;
	unsigned int turns;
	double goal_ratio;
	double goal_ns;
};

/* Runs a case and prints it; 0 or what a side returned. */
int bench(const struct bench_case *what);

/* Prints a figure that is not a time: ours in a unit, and at most the goal. */
void bench_figure(const char *name, const char *unit, double ours, double goal);

/* A number under n, the same ones in each run. */
size_t bench_random(size_t n);

/* Keeps the compiler from leaving out what was written to memory. */
static inline void bench_use(void *memory)
{
	__asm__ __volatile__("" : : "r"(memory) : "memory");
}

#endif
