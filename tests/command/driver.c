// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver whose objects "coherent top" and "coherent map" show. It prints a line when they are there,
 * and ends when its standard input ends. usage: driver [-c] [-l] [-n COUNT] [-s] [-t]
 *
 * -c: each byte of the standard input makes and frees a mem before the answer, a line.
 * -l: the device is closed before, with its objects.
 * -n: the number of objects of the pool; 10 otherwise.
 * -s: as -t, but the second device has two twins of a mem, and may only read one of them.
 * -t: there are two devices, and the second one has no objects.
 */
#include <coherent.h>
#include <coherent/pool.h>
#include <coherent/share.h>
#include <coherent/sim.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME "sim:edu,mask=48"
#define SECOND_NAME "sim:edu,mask=32"

COHERENT_TYPE(small_mem, uint8_t[64]);

static union small_mem *smalls;
static COHERENT(uint32_t) mems[3];
static COHERENT_TWIN(uint32_t) twins[2];
static COHERENT_BOX(uint32_t) box;
static COHERENT_POOL(uint8_t[64]) pool;

static void must(int err)
{
	if (!err)
		return;
	fprintf(stderr, "driver: error %d\n", err);
	exit(1);
}

static void ignore(void *arg, enum coherent_severity severity, const char *line)
{
	(void)arg;
	(void)severity;
	(void)line;
}

static void make_objects(struct coherent_device *dev, size_t count)
{
	COHERENT_BOX(uint8_t[64]) small = COHERENT_EMPTY;
	uint32_t word;

	smalls = calloc(count, sizeof(*smalls));
	must(smalls ? 0 : -1);
	must(coherent_pool_create(&pool, dev));
	for (size_t i = 0; i < count; i++) {
		must(coherent_pool_box(&pool, &small));
		must(coherent_expose(&small, &smalls[i]));
	}
	must(coherent_box_zeroed(&box, dev, 2500));
	must(coherent_zeroed(&mems[0], dev, 1));
	must(coherent_zeroed(&mems[1], dev, 1, .permission = COHERENT_READ_ONLY));
	must(coherent_zeroed(&mems[2], dev, 1));
	coherent_free(&mems[2]);
	/* The device may not write there. */
	if (!coherent_sim_try(dev, &mems[1], 0, &word, 4, COHERENT_ACCESS_WRITE))
		exit(1);
}

static void share(struct coherent_device *second)
{
	must(coherent_share(&mems[0], second, &twins[0]));
	must(coherent_share(&mems[0], second, &twins[1], .permission = COHERENT_READ_ONLY));
}

static void churn(struct coherent_device *dev)
{
	COHERENT(uint32_t) mem = COHERENT_EMPTY;

	must(coherent_zeroed(&mem, dev, 1));
	coherent_free(&mem);
	printf("churned\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	bool churns = false, closes = false, shares = false, has_second = false;
	struct coherent_device *dev, *second;
	size_t count = 10;
	char byte;
	int option, lower;

	while ((option = getopt(argc, argv, "cln:st")) >= 0) {
		churns |= option == 'c';
		closes |= option == 'l';
		shares |= option == 's';
		has_second |= option == 's' || option == 't';
		if (option == 'n')
			count = strtoul(optarg, NULL, 10);
	}
	lower = dup(STDIN_FILENO);
	must(coherent_device_open(&dev, NAME, .report = ignore));
	/* The second device gets a lower descriptor than the first. */
	close(lower);
	if (has_second)
		must(coherent_device_open(&second, SECOND_NAME, .report = ignore));
	make_objects(dev, count);
	if (shares)
		share(second);
	if (closes)
		coherent_device_close(dev);
	printf("0x%llx\n", (unsigned long long)coherent_addr(&mems[0]).raw);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) == 1)
		if (churns)
			churn(dev);
	return 0;
}
