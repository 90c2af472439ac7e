// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vfio_test.h"

const char *name_of(const char *scheme, const char *where)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s:%s", scheme, where);
	return name;
}

int try_open(struct bench *bench, const char *name)
{
	*bench = (struct bench){ .log = LOG_EMPTY, .before = inject };
	return coherent_device_open(&bench->dev, name, .report = log_report,
				    .report_arg = &bench->log);
}

struct bench *open_bench(const char *scheme)
{
	static struct bench bench;

	assert_ok(try_open(&bench, name_of(scheme, BDF)));
	return &bench;
}

void nothing_is_left(const struct bench *bench)
{
	assert_int_equal(inject.blocks, bench->before.blocks);
	assert_int_equal(inject.bytes, bench->before.bytes);
	assert_int_equal(inject.fds, bench->before.fds);
	assert_int_equal(mock.count, 0);
	assert_int_equal(mock.pinned, 0);
}

void close_bench(struct bench *bench)
{
	coherent_device_close(bench->dev);
	nothing_is_left(bench);
}

unsigned int mappings_of(const char *file, uintptr_t at, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned int count = 0;
	bool is_one = false;
	char line[512];

	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long first, end;

		if (sscanf(line, "%lx-%lx ", &first, &end) == 2) {
			is_one = file ? !!strstr(line, file) : at >= first && at < end;
			count += is_one && !flag;
		} else if (is_one && flag && !strncmp(line, "VmFlags:", 8)) {
			count += !!strstr(line, flag);
		}
	}
	fclose(smaps);
	return count;
}

int boot_mock(void **state)
{
	(void)state;
	mock_boot();
	return 0;
}

void run_vfio_case(void **state)
{
	const struct vfio_case *one = *state;

	if (one->of_scheme)
		one->of_scheme(one->scheme);
	else
		one->alone();
}

/* cmocka calls this also after a failed test. */
int halt_mock(void **state)
{
	(void)state;
	mock_halt();
	return 0;
}
