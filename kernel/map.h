/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The step by which a device gets the pages of an object of COHERENT_IOMMU. */
#ifndef COHERENT_MAP_H
#define COHERENT_MAP_H

#include "allocate.h"
#include "place.h"

/* If this fails after the mapping, the end of the object unmaps the pages. */
static int coherent_map_pages(struct coherent_object *object)
{
	int err = coherent_place_map(object);

	object->mapped = !err;
	if (!err && !coherent_place_is_direct(object))
		err = -EOPNOTSUPP;
	if (err == -EOPNOTSUPP)
		return coherent_refuse(err, object->site,
				       "the kernel gives the device bounce buffers");
	if (err)
		return err;
	return COHERENT_PLACE_IS_LATE ? coherent_check_address(object) : 0;
}

#endif
