/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reports: one line each, to the function that coherent_device_open() was given.
 * Never called with a lock of the device or pages held.
 */
#ifndef REPORT_H
#define REPORT_H

#include <coherent.h>

/**
 * struct reporter - Where reports go.
 * @fn: May be NULL.
 * @arg: Handed to @fn.
 */
struct reporter {
	void (*fn)(void *arg, enum coherent_severity severity, const char *line);
	void *arg;
};

/**
 * report() - Send a report.
 * @to: Where to.
 * @severity: How bad it is.
 * @format: As printf(), without newline.
 */
__attribute__((format(printf, 3, 4))) void
report(const struct reporter *to, enum coherent_severity severity, const char *format, ...);

#endif
