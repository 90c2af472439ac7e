/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The parts of coherent doctor. A check adds a problem for each reason why a kind does not work.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "sysfs.h"

/* A command for root has only these characters of what a file said. */
#define DOCTOR_SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+"

/* Adds a problem. Returns the array for its advice. */
json_t *doctor_problem(json_t *problems, const char *text);

/* Copies the release of the kernel, or "". */
void doctor_release(const struct sysfs *sysfs, char release[64]);

/* Returns whether a release is older than Linux @major.@minor. */
bool doctor_is_older(const char *release, unsigned int major, unsigned int minor);

/* doctor_pci.c */
void doctor_check_vfio(const struct sysfs *sysfs, json_t *problems);
void doctor_check_iommufd(const struct sysfs *sysfs, json_t *problems);
void doctor_check_noiommu(const struct sysfs *sysfs, json_t *problems);

/*
 * doctor_fabric.c: returns an array of objects with "part", which is a provider, "works" and
 * "problems". It adds to @problems only if none works.
 */
json_t *doctor_check_fabric(const struct sysfs *sysfs, json_t *problems);

/* doctor_limits.c: returns the rows. */
json_t *doctor_limits(const struct sysfs *sysfs);

#endif
