/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The body of coherent_expose_all() in the kernel. coherent.c includes this file. */
#ifndef COHERENT_EXPOSURES_H
#define COHERENT_EXPOSURES_H

#include <coherent/expose_all.h>

#include "allocate.h"

/* Finds errors before anything is exposed. */
static int coherent_check_exposures(const struct coherent_exposure *exposures, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (coherent_box_is_empty(exposures[i].box))
			return coherent_refuse(-EINVAL, NULL, "an empty box cannot be exposed");
		if ((unsigned int)exposures[i].options->permission > COHERENT_READ_ONLY)
			return coherent_refuse(-EINVAL, exposures[i].box->object.site,
					       ".permission is not an enum coherent_permission");
	}
	for (i = 0; i < count; i++)
		if (!coherent_mem_is_empty(exposures[i].options->mem))
			return coherent_refuse(-EBUSY, exposures[i].box->object.site,
					       coherent_mem_in_use);
	return 0;
}

/* The caller was built with this library, so the size is always the same. */
int __weak coherent_base_expose_all(const struct coherent_exposure *exposures, size_t count,
				    size_t exposure_size)
{
	int err = coherent_check_exposures(exposures, count);
	size_t i, done = 0;

	while (!err && done < count) {
		err = coherent_base_expose(exposures[done].box, exposures[done].options);
		done += !err;
	}
	if (!err)
		return 0;
	for (i = 0; i < count; i++)
		coherent_base_box_free(exposures[i].box);
	while (done)
		coherent_base_free(exposures[--done].options->mem);
	return err;
}

#endif
