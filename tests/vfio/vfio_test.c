// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/pci_regs.h>

#include "vfio_test.h"

const char *name_of(const char *scheme, const char *where)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s:%s", scheme, where);
	return name;
}

bool is_bus_master(void)
{
	return mock_config(BDF, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

int try_open(struct fixture *fixture, const char *name)
{
	*fixture = (struct fixture){ .log = LOG_EMPTY, .before = inject };
	return coherent_device_open(&fixture->dev, name, .report = log_report,
				    .report_arg = &fixture->log);
}

struct fixture *open_fixture(const char *scheme)
{
	static struct fixture fixture;

	assert_ok(try_open(&fixture, name_of(scheme, BDF)));
	return &fixture;
}

void nothing_is_left(const struct fixture *fixture)
{
	assert_int_equal(inject.blocks, fixture->before.blocks);
	assert_int_equal(inject.bytes, fixture->before.bytes);
	assert_int_equal(inject.fds, fixture->before.fds);
	assert_int_equal(mock.count, 0);
	assert_int_equal(mock.pinned, 0);
}

void close_fixture(struct fixture *fixture)
{
	coherent_device_close(fixture->dev);
	nothing_is_left(fixture);
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
