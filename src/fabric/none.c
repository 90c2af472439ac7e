// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * fabric: in a library that was built without the headers of libfabric.
 */
#include <coherent/fabric.h>
#include <errno.h>

#include "backend.h"
#include "device/device.h"

static int none_open(struct backend **backend, struct coherent_device *dev, const struct name *name,
		     const struct coherent_open_options *options)
{
	(void)backend;
	(void)options;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: this library was built without libfabric; install libfabric-dev and build it "
	       "again",
	       name->whole);
	return -ENODEV;
}

const struct backend_ops backend_fabric = {
	.scheme = "fabric",
	.options = BACKEND_TAKES_DOMAIN | BACKEND_TAKES_ENDPOINT | BACKEND_TAKES_DOMAIN_INFO,
	.memory_kind = BACKEND_MEMORY_PAGES,
	.open = none_open,
};

/* No device of fabric: can be open, so each device is of another kind. */

int coherent_base_remote(const struct coherent_mem *mem, struct coherent_remote *remote)
{
	(void)mem;
	(void)remote;
	return -EINVAL;
}

int coherent_base_fabric_transfer(struct coherent_fabric_peer *peer,
				  const struct coherent_remote *remote,
				  const struct coherent_fabric_options *options, size_t size,
				  bool is_write)
{
	(void)peer;
	(void)remote;
	(void)options;
	(void)size;
	(void)is_write;
	return -EINVAL;
}

int coherent_fabric_get_name(struct coherent_device *dev, struct coherent_fabric_name *name)
{
	(void)name;
	return dev ? -EINVAL : -ENODEV;
}

int coherent_fabric_connect(struct coherent_fabric_peer **peer, struct coherent_device *dev,
			    const struct coherent_fabric_name *name)
{
	(void)name;
	*peer = NULL;
	return dev ? -EINVAL : -ENODEV;
}

void coherent_fabric_disconnect(struct coherent_fabric_peer *peer)
{
	(void)peer;
}

int coherent_fabric_progress(struct coherent_device *dev, uint64_t timeout_ns)
{
	(void)timeout_ns;
	return dev ? -EINVAL : -ENODEV;
}
