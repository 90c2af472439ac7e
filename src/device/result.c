// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A call checks the size before it does anything, because some calls take what they return.
 */
#include <errno.h>

#include "device/result.h"
#include "memory/refuse.h"

int result_begin(struct coherent_device *dev, const struct result_kind *kind, void *result,
		 size_t size)
{
	char reason[SIZED_REASON_BYTES];
	int err;

	err = sized_write(result, size, NULL, kind->bytes);
	if (!err)
		return device_usable(dev);
	return refuse(dev ? &dev->store : NULL, err, kind->call, "%s",
		      sized_explain(reason, err, kind->name, size, kind->bytes));
}

int result_end(int err, const struct result_kind *kind, void *result, size_t size,
	       const void *found)
{
	return err ? err : sized_write(result, size, found, kind->bytes);
}
