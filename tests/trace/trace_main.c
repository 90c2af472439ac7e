// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * `trace DEVICE` makes the steps in userspace and prints a line for each.
 */
#include <coherent/sim.h>
#include <stdio.h>

#include "trace.h"

static void print_step(unsigned int step, const char *what, unsigned int slot, long long result)
{
	printf("trace: %u %s %u: %lld\n", step, what, slot, result);
}

static int fence(struct coherent_device *dev)
{
	return coherent_device_fence(dev);
}

int main(int argc, char **argv)
{
	struct edu edu = { .dev = NULL };
	int err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2) {
		fputs("usage: trace DEVICE\n", stderr);
		return 2;
	}
	if (coherent_device_open(&edu.dev, argv[1], .report = coherent_report_stderr))
		return 2;
	err = coherent_bar_open(&edu.bar, edu.dev, 0);
	if (!err)
		err = edu_probe(&edu);
	if (!err)
		trace(&edu, 0, fence, print_step);
	coherent_bar_close(&edu.bar);
	coherent_device_close(edu.dev);
	puts(err ? "1..1\nnot ok 1 - edu" : "1..1\nok 1 - trace");
	return !!err;
}
