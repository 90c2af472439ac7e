/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The ledger of a device: an append-only record of what the device could reach, and when
 * (ledger_layout.h). The records go through a mapping of the file, so a record costs no system call, and
 * all records are in the file if the program is killed.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <coherent.h>

#include "base/report.h"
#include "memory/ledger_layout.h"

struct ledger;

/**
 * struct ledger_range - An object in a ledger.
 * @address: Its first device address.
 * @bytes: Its size.
 */
struct ledger_range {
	uint64_t address;
	uint64_t bytes;
};

/**
 * ledger_open() - Open a ledger for a device.
 * @out: Set to the ledger; NULL on failure.
 * @path: The file, as for trace_file_open(). If there is none, it is made.
 * @device: The name of the device. Not copied.
 * @to: The receiver of reports. Not copied.
 * @severity: The severity of the report of a failure.
 *
 * Return: 0; -EINVAL (there is no such folder, or the file is not a ledger), -EACCES, -ENOSPC,
 * -ENOMEM, -EBUSY (another program keeps the lock of the file), -EIO. A report says why.
 */
int ledger_open(struct ledger **out, const char *path, const char *device,
		const struct reporter *to, enum coherent_severity severity);

/**
 * ledger_close() - Close a ledger.
 * @ledger: The ledger, or NULL.
 */
void ledger_close(struct ledger *ledger);

/*
 * Any thread may call the functions below. If the file cannot grow, a report and a last record
 * (LEDGER_LOST) say so once.
 */

/**
 * ledger_level() - Record what keeps the device from memory that it was not shown.
 * @ledger: The ledger.
 * @level: The level of the device.
 */
void ledger_level(struct ledger *ledger, enum coherent_level level);

/**
 * ledger_expose() - Record that a device is about to reach an object.
 * @ledger: The ledger.
 * @range: The object.
 * @permission: The permission.
 * @where: The file and line of the allocation. It does not change while the ledger is open.
 */
void ledger_expose(struct ledger *ledger, const struct ledger_range *range,
		   enum coherent_permission permission, const char *where);

/**
 * ledger_end() - Record that an object ended.
 * @ledger: The ledger.
 * @range: The object.
 * @reason: The reason.
 * @flags: LEDGER_UNTIL_FENCE or 0.
 */
void ledger_end(struct ledger *ledger, const struct ledger_range *range, enum ledger_reason reason,
		unsigned int flags);

/**
 * ledger_note() - Record that a device is fenced or closed.
 * @ledger: The ledger.
 * @kind: LEDGER_FENCE_BEGIN, LEDGER_FENCE, LEDGER_FENCE_FAILED or LEDGER_CLOSE.
 */
void ledger_note(struct ledger *ledger, enum ledger_kind kind);

#endif
