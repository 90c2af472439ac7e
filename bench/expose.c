// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What expose and reclaim cost among N exposed objects, and what memory an
 * object takes beside its pages: expose [N...]. Prints medians of interleaved
 * rounds, with a memset of the same page as the floor of the same run.
 */
#include <coherent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 41
#define PAIRS 10000

struct page {
	uint8_t bytes[4096];
};

COHERENT_TYPE(page_mem, struct page);
COHERENT_BOX_TYPE(page_box, struct page);

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *times)
{
	qsort(times, ROUNDS, sizeof(*times), compare);
	return times[ROUNDS / 2];
}

/* Bytes that the process takes, page tables included. */
static long memory(void)
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

static size_t random_below(size_t n)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static int time_pairs(union page_mem *mems, size_t n, double *ns)
{
	const double start = now_ns();
	int err = 0;

	for (unsigned int i = 0; !err && i < PAIRS; i++) {
		union page_mem *mem = &mems[random_below(n)];
		union page_box box = COHERENT_EMPTY;

		err = coherent_reclaim(mem, &box, .idle = true);
		if (!err)
			err = coherent_expose(&box, mem);
	}
	*ns = (now_ns() - start) / PAIRS;
	return err;
}

static void time_floor(double *ns)
{
	static struct page page;
	const double start = now_ns();

	for (unsigned int i = 0; i < PAIRS; i++) {
		memset(&page, 0, sizeof(page));
		__asm__ __volatile__("" : : "r"(&page) : "memory");
	}
	*ns = (now_ns() - start) / PAIRS;
}

static int run(struct coherent_device *dev, union page_mem *mems, size_t n)
{
	double pairs[ROUNDS], floors[ROUNDS];
	long before, after;
	int err = 0;

	/* The array itself is not what an object takes. */
	memset(mems, 0, n * sizeof(*mems));
	before = memory();
	for (size_t i = 0; !err && i < n; i++)
		err = coherent_zeroed(&mems[i], dev, 1);
	after = memory();
	for (unsigned int round = 0; !err && round < ROUNDS; round++) {
		err = time_pairs(mems, n, &pairs[round]);
		time_floor(&floors[round]);
	}
	if (err)
		return err;
	printf("%8zu exposed: expose + reclaim %5.0f ns, memset of a page %4.0f ns, %6.1f bytes an object\n",
	       n, median(pairs), median(floors),
	       ((double)(after - before) - (double)n * sizeof(struct page)) / (double)n);
	return 0;
}

static int run_on_new_device(size_t n)
{
	union page_mem *mems = malloc(n * sizeof(*mems));
	struct coherent_device *dev;
	int err;

	err = coherent_device_open(&dev, "sim:edu,mask=48,step", .report = coherent_report_stderr);
	if (!err && mems)
		err = run(dev, mems, n);
	for (size_t i = 0; !err && mems && i < n; i++)
		coherent_free(&mems[i]);
	coherent_device_close(dev);
	free(mems);
	return err || !mems;
}

int main(int argc, char **argv)
{
	static const size_t counts[] = { 10, 1000, 10000, 100000 };
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		const size_t n = strtoul(argv[i], NULL, 10);

		if (!n) {
			fprintf(stderr, "expose: %s: not a count of objects\n", argv[i]);
			return 2;
		}
		failed |= run_on_new_device(n);
	}
	for (size_t i = 0; argc == 1 && i < sizeof(counts) / sizeof(*counts); i++)
		failed |= run_on_new_device(counts[i]);
	return failed;
}
