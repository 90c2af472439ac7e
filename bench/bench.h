/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Measures cases. A case compares the library with a peer in one process: another library that does
 * the same, or the least work that the task needs. Both sides run in short rounds, in turns. So what
 * else the machine does hits both. A program prints one JSON object in a line for each case;
 * tools/bench makes the table.
 *
 * The ratio of a case is the median of the ratios of its rounds. The spread is the third quartile
 * over the first. A goal is met, missed or unsure. It is unsure if the rounds do not agree.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct bench_side - One side of a case.
 * @run: Does the work @turns times. The time of this call is measured. Returns 0 or -errno.
 * @arg: The argument of the three functions.
 * @before: Prepares a round, without being measured; NULL for nothing. Returns 0 or -errno.
 * @after: Cleans up after a round, also if the round failed; NULL for nothing.
 */
struct bench_side {
	int (*run)(void *arg, unsigned int turns);
	void *arg;
	int (*before)(void *arg);
	void (*after)(void *arg);
};

/**
 * struct bench_case - A case.
 * @name: The name of the work.
 * @peer: The name of the peer; NULL if there is none.
 * @ours: The library.
 * @theirs: The peer. If .run is NULL there is none.
 * @turns: How many times a round does the work. A round takes 0.1 to 1 ms, if the work allows it.
 * @waits: Whether the work is also done by other threads or processes. Then the time is that of the
 *	clock on the wall, otherwise the CPU time of this thread.
 * @goal_ratio: The library may take at most this many times as long as the peer; 0 for no goal.
 * @goal_ns: The library may take at most this many ns each time; 0 for no goal.
 */
struct bench_case {
	const char *name;
	const char *peer;
	struct bench_side ours;
	struct bench_side theirs;
	unsigned int turns;
	bool waits;
	double goal_ratio;
	double goal_ns;
};

/* Runs a case and prints it. Returns 0, or the error of a side. */
int bench(const struct bench_case *what);

/* Prints a figure that is not a time. The goal is the most that is allowed; 0 for no goal. */
void bench_figure(const char *name, const char *unit, double ours, double goal);

/* Returns a random number below n. Each run of a program gets the same numbers. */
size_t bench_random(size_t n);

/* Returns the bytes of memory of the process, with its page tables. */
long bench_process_memory(void);

/* Opens a device with a ledger, whose file has no name any more. Returns 0 or -errno. */
struct coherent_device;
int bench_open_with_ledger(struct coherent_device **dev, const char *name);

/* Makes the compiler keep all writes to memory. */
static inline void bench_use(void *memory)
{
	__asm__ __volatile__("" : : "r"(memory) : "memory");
}

/* Makes the compiler forget what it knows about a size. */
static inline void bench_hide(size_t *size)
{
	__asm__ __volatile__("" : "+r"(*size));
}

#endif
