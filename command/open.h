/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Opens a device for a subcommand, and keeps what the library reports about it.
 */
#ifndef OPEN_H
#define OPEN_H

#include <coherent/device.h>
#include <jansson.h>
#include <pthread.h>

#include "command.h"

/* The help of the option --qemu-arg, which the subcommands have that open a device by its name. */
#define OPEN_QEMU_ARG_HELP                                                                        \
	"Only for a device of qemu: give QEMU an argument, such as \"-netdev\" or its value "     \
	"\"user,id=n0\". Give the option again for each argument. coherent_device_open(3) lists " \
	"under .qemu_args what QEMU may get."

/**
 * struct opened - A device and its reports.
 * @name: The name of the device.
 * @dev: The device; NULL if it is not open.
 * @lock: Guards the reports, because any thread of the library may make one.
 * @error: The first error that the library reported; "" if there was none.
 * @reports: All lines. The caller may read it while no thread of the library runs.
 */
struct opened {
	const char *name;
	struct coherent_device *dev;
	pthread_mutex_t lock;
	char error[1024];
	json_t *reports;
};

/*
 * Opens a device. @qemu_args are those of coherent_device_open(). Returns 0 or -errno. End it with
 * opened_end(), also on failure.
 */
int opened_open(struct opened *opened, const char *name, enum coherent_level level,
		const char *const *qemu_args);

/* As opened_open(), for a name without a path and a connected socket. */
int opened_open_socket(struct opened *opened, const char *name, int socket_fd);

/* Closes the device. The reports stay until opened_end(). */
void opened_close(struct opened *opened);

/* Closes the device if it is open, and frees the reports. */
void opened_end(struct opened *opened);

/*
 * Checks that --qemu-arg is given only with a device of qemu:. @name is what the user named; NULL for
 * nothing. Returns STATUS_GOOD, or STATUS_USAGE after a line.
 */
int opened_check_qemu_args(const struct arguments *arguments, const char *subcommand,
			   const char *name);

/*
 * Opens a device for a subcommand, with each --qemu-arg. If that fails, the call prints one line and
 * ends @opened. Returns STATUS_GOOD, STATUS_BAD, or STATUS_USAGE if the name or a --qemu-arg is wrong.
 */
int opened_for(struct opened *opened, const struct arguments *arguments, const char *subcommand,
	       const char *name, enum coherent_level level);

/*
 * Returns how many bytes of mems the memory of a device holds at a time. Only a device of qemu: has
 * memory of its own, so this is UINT64_MAX for others. The name is one that the library takes.
 */
uint64_t open_memory_bytes(const char *name);

/* Returns an error without the name of the device before it. */
const char *opened_reason(const struct opened *opened);

/* Returns the name of a level, such as "IOMMU". */
const char *level_name(enum coherent_level level);

/* Finds a level by its name, in any case. Returns 0 if there is none. */
enum coherent_level level_find(const char *name);

#endif
