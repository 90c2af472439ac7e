/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reports go to the function that the driver gave to coherent_device_open(), a line at a time.
 * The caller does not hold the store lock or the pages lock.
 */
#ifndef REPORT_H
#define REPORT_H

#include <coherent.h>

/**
 * struct reporter - The receiver of reports.
 * @fn: The function of the driver, or NULL.
 * @arg: Handed to @fn.
 */
struct reporter {
	void (*fn)(void *arg, enum coherent_severity severity, const char *line);
	void *arg;
};

/**
 * report() - Send a report.
 * @to: The receiver.
 * @severity: The severity.
 * @format: As for printf(), without a newline.
 */
__attribute__((format(printf, 3, 4))) void
report(const struct reporter *to, enum coherent_severity severity, const char *format, ...);

#endif
