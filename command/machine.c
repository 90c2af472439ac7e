// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "machine.h"

/* The defaults of Linux. */
#define ENTRIES_USUAL 65535
#define MAPS_USUAL 65530

static uint64_t of_process(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return LIMIT_NONE;
	return limit.rlim_cur;
}

/* VFIO and iommufd do not count for a process that has CAP_IPC_LOCK. */
static bool may_lock_all(void)
{
	const struct sysfs here = { .root = "" };
	char status[4096], *found;
	const size_t n = sysfs_bytes(&here, status, sizeof(status) - 1, "/proc/self/status");

	status[n] = '\0';
	found = strstr(status, "\nCapEff:");
	return found && strtoull(found + 8, NULL, 16) >> CAP_IPC_LOCK & 1;
}

void machine_read(struct limits *limits, const struct sysfs *sysfs)
{
	*limits = (struct limits){
		.memlock = may_lock_all() ? LIMIT_NONE : of_process(RLIMIT_MEMLOCK),
		.mappings = ENTRIES_USUAL,
		.maps = MAPS_USUAL,
		.files = of_process(RLIMIT_NOFILE),
	};
	sysfs_number(sysfs, &limits->mappings, LIMITS_ENTRIES);
	sysfs_number(sysfs, &limits->maps, "/proc/sys/vm/max_map_count");
	sysfs_number(sysfs, &limits->hugepages,
		     "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	sysfs_number(sysfs, &limits->gigapages, LIMITS_GIGAPAGES "/free_hugepages");
}
