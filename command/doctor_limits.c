// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The limits that a driver meets. Each row has the value, what it limits, and how to raise it.
 */
#include <inttypes.h>

#include "advice.h"
#include "doctor.h"
#include "machine.h"
#include "output.h"

/* Makes a row. Advice may be added to @advice. */
static json_t *row(const char *limit, uint64_t value, bool is_bytes, const char *about,
		   json_t **advice)
{
	json_t *row = json_object();
	char bytes[32];

	*advice = json_array();
	json_object_set_new(row, "limit", output_text(limit));
	json_object_set_new(row, "value", value == LIMIT_NONE ? json_null() : output_number(value));
	json_object_set_new(row, "text",
			    value == LIMIT_NONE ? output_text("no limit") :
			    is_bytes		? output_text(output_bytes(bytes, value)) :
						  output_format("%" PRIu64, value));
	json_object_set_new(row, "about", output_text(about));
	json_object_set_new(row, "advice", *advice);
	return row;
}

json_t *doctor_limits(const struct sysfs *sysfs)
{
	json_t *rows = json_array(), *advice;
	struct limits limits;

	machine_read(&limits, sysfs);
	json_array_append_new(
		rows, row("memlock", limits.memlock, true,
			  "memory that vfio: and iommufd: may lock: all that is exposed", &advice));
	if (limits.memlock != LIMIT_NONE) {
		advise_command(advice, "ulimit -l unlimited");
		advise_step(advice,
			    "LimitMEMLOCK=infinity in the unit file of systemd, or memlock in "
			    "/etc/security/limits.conf, raises what ulimit may set");
	}
	json_array_append_new(rows, row("mappings", limits.mappings, false,
					"objects that vfio: can expose at a time (dma_entry_limit)",
					&advice));
	if (sysfs_exists(sysfs, LIMITS_ENTRIES))
		advise_root(advice, "echo 1000000 >" LIMITS_ENTRIES);
	else
		advise_root(advice, "modprobe vfio_iommu_type1 dma_entry_limit=1000000");
	json_array_append_new(rows,
			      row("maps", limits.maps, false,
				  "mappings of this process; vhost-user: needs one for each page "
				  "that was ever exposed (vm.max_map_count)",
				  &advice));
	advise_root(advice, "sysctl vm.max_map_count=1000000");
	json_array_append_new(
		rows, row("files", limits.files, false,
			  "descriptors; vhost-user: needs one for each exposed object", &advice));
	advise_command(advice, "ulimit -n 65536");
	json_array_append_new(rows, row("hugepages", limits.hugepages, false,
					"free hugepages of 2 MiB, for .hugepages and no-IOMMU mode",
					&advice));
	advise_root(advice, "echo 512 >/proc/sys/vm/nr_hugepages");
	json_array_append_new(rows, row("gigapages", limits.gigapages, false,
					"free hugepages of 1 GiB, for .gigapages", &advice));
	advise_root(advice, "echo 4 >" LIMITS_GIGAPAGES "/nr_hugepages");
	return rows;
}
