/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A report is one line of text for the function that the driver passed to coherent_device_open().
 * A caller of report() must not hold the store lock.
 */
#ifndef REPORT_H
#define REPORT_H

#include <coherent.h>

/**
 * struct reporter - The receiver of reports.
 * @fn: The function of the driver; NULL if it wants no reports.
 * @arg: The argument for @fn.
 */
struct reporter {
	void (*fn)(void *arg, enum coherent_severity severity, const char *line);
	void *arg;
};

/**
 * report() - Send a report.
 * @to: The receiver.
 * @severity: The severity.
 * @format: A format as for printf(), without a newline. The line is cut after 1023 bytes.
 */
__attribute__((format(printf, 3, 4))) void
report(const struct reporter *to, enum coherent_severity severity, const char *format, ...);

#endif
