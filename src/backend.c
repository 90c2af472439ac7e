// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Chooses the backend of a device name, and refuses the options of
 * coherent_device_open() that this backend would silently ignore.
 */
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "device/device.h"
#include "base/size.h"

#define BACKEND(folder, name) &backend_##name,
static const struct backend_ops *const backends[] = {
#include "backend_list.h"
};
#undef BACKEND

#define LIST_BYTES 128

static const struct {
	unsigned int bit;
	const char *name;
} option_names[] = {
	{ BACKEND_TAKES_MODEL, ".model" },
	{ BACKEND_TAKES_CONTAINER, ".container" },
	{ BACKEND_TAKES_IOMMUFD, ".iommufd" },
	{ BACKEND_TAKES_IOAS, ".ioas" },
	{ BACKEND_TAKES_DEVICE_FD, ".device_fd" },
	{ BACKEND_TAKES_WINDOW, ".window" },
	{ BACKEND_TAKES_SOCKET, ".socket_fd" },
	{ BACKEND_TAKES_LISTEN, ".listen_fd" },
	{ BACKEND_TAKES_BUS_MASTER, ".bus_master_at_open" },
	{ BACKEND_TAKES_BESIDE, ".beside" },
	{ BACKEND_TAKES_QEMU_ARGS, ".qemu_args" },
	{ BACKEND_TAKES_DOMAIN, ".domain" },
	{ BACKEND_TAKES_ENDPOINT, ".endpoint" },
	{ BACKEND_TAKES_DOMAIN_INFO, ".domain_info" },
};

/* Zero means that the driver did not give an option, so descriptor 0 cannot be handed over. */
static unsigned int options_given(const struct coherent_open_options *options)
{
	return (options->model ? BACKEND_TAKES_MODEL : 0) |
	       (options->container ? BACKEND_TAKES_CONTAINER : 0) |
	       (options->iommufd ? BACKEND_TAKES_IOMMUFD : 0) |
	       (options->ioas ? BACKEND_TAKES_IOAS : 0) |
	       (options->device_fd ? BACKEND_TAKES_DEVICE_FD : 0) |
	       (options->window.first || options->window.last ? BACKEND_TAKES_WINDOW : 0) |
	       (options->socket_fd ? BACKEND_TAKES_SOCKET : 0) |
	       (options->listen_fd ? BACKEND_TAKES_LISTEN : 0) |
	       (options->bus_master_at_open ? BACKEND_TAKES_BUS_MASTER : 0) |
	       (options->beside ? BACKEND_TAKES_BESIDE : 0) |
	       (options->qemu_args ? BACKEND_TAKES_QEMU_ARGS : 0) |
	       (options->domain ? BACKEND_TAKES_DOMAIN : 0) |
	       (options->endpoint ? BACKEND_TAKES_ENDPOINT : 0) |
	       (options->domain_info ? BACKEND_TAKES_DOMAIN_INFO : 0);
}

/* Lists the schemes of the backends that take an option, or of all if there is no option. */
static void list_schemes(char list[LIST_BYTES], unsigned int option)
{
	size_t used = 0;

	list[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if ((backends[i]->options & option) == option)
			used += (size_t)snprintf(list + used, LIST_BYTES - used, "%s%s",
						 used ? ", " : "", backends[i]->scheme);
}

static int refuse_option(const struct reporter *to, const struct name *name, unsigned int option,
			 const char *option_name)
{
	char list[LIST_BYTES];

	list_schemes(list, option);
	report(to, COHERENT_ERROR, "%s: %s: does not take %s, which is for: %s", name->whole,
	       name->scheme, option_name, list);
	/* The devices of the other backends have an address space each. */
	return option == BACKEND_TAKES_BESIDE ? -EOPNOTSUPP : -EINVAL;
}

/* The caller hands over a container or an iommufd. The rest describes what it handed over. */
static int check_adoption(const struct reporter *to, const struct name *name, unsigned int given)
{
	const unsigned int owners = BACKEND_TAKES_CONTAINER | BACKEND_TAKES_IOMMUFD;
	const unsigned int rest = BACKEND_TAKES_IOAS | BACKEND_TAKES_DEVICE_FD |
				  BACKEND_TAKES_WINDOW;

	if ((given & owners) == owners)
		report(to, COHERENT_ERROR, "%s: give .container or .iommufd, not both",
		       name->whole);
	else if (!(given & owners) && given & rest)
		report(to, COHERENT_ERROR,
		       "%s: .ioas, .device_fd and .window need a .container or an .iommufd",
		       name->whole);
	else if (given & BACKEND_TAKES_IOAS && !(given & BACKEND_TAKES_IOMMUFD))
		report(to, COHERENT_ERROR, "%s: .ioas needs an .iommufd", name->whole);
	else if (given & owners && given & BACKEND_TAKES_BESIDE)
		report(to, COHERENT_ERROR,
		       "%s: .beside does not go with .container or .iommufd: the device of .beside has "
		       "one already",
		       name->whole);
	else if (given & owners && given & BACKEND_TAKES_BUS_MASTER)
		report(to, COHERENT_ERROR,
		       "%s: .bus_master_at_open does not go with .container or .iommufd, because "
		       "the caller that opened the device decides whether it is bus master",
		       name->whole);
	else
		return 0;
	return -EINVAL;
}

/* Only the library's own pages can be chosen by size and by NUMA node. */
static int check_memory(const struct backend_ops *ops, const struct reporter *to,
			const struct name *name, const struct coherent_open_options *options)
{
	if (ops->memory_kind == BACKEND_MEMORY_PAGES ||
	    (!options->hugepages && !options->gigapages && !options->nodes))
		return 0;
	report(to, COHERENT_ERROR,
	       "%s: %s: does not take .hugepages, .gigapages and .nodes, because its memory is files",
	       name->whole, name->scheme);
	return -EOPNOTSUPP;
}

static int check_options(const struct backend_ops *ops, const struct reporter *to,
			 const struct name *name, const struct coherent_open_options *options)
{
	const unsigned int given = options_given(options);
	int err;

	/* An option that the backend ignores would not do what the driver wants, in silence. */
	for (size_t i = 0; i < ARRAY_SIZE(option_names); i++)
		if (given & ~ops->options & option_names[i].bit)
			return refuse_option(to, name, option_names[i].bit, option_names[i].name);
	err = check_adoption(to, name, given);
	return err ? err : check_memory(ops, to, name, options);
}

static const struct backend_ops *find(const struct name *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (!strcmp(backends[i]->scheme, name->scheme))
			return backends[i];
	return NULL;
}

int backend_open(struct coherent_device *dev, const struct name *name,
		 const struct coherent_open_options *options)
{
	const struct backend_ops *ops = find(name);
	char list[LIST_BYTES];
	int err;

	if (!ops) {
		list_schemes(list, 0);
		report(&dev->reporter, COHERENT_ERROR,
		       "device name \"%s\": there is no scheme \"%s\", only: %s", name->whole,
		       name->scheme, list);
		return -ENODEV;
	}
	err = check_options(ops, &dev->reporter, name, options);
	if (!err)
		err = ops->open(&dev->backend, dev, name, options);
	if (err)
		return err;
	dev->backend->ops->limits(dev->backend, &dev->backend->limits);
	return 0;
}
