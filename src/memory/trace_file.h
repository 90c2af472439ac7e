/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The trace file of COHERENT_TRACE: Chrome trace JSON, which Perfetto and chrome://tracing show. It is
 * complete after each write. If a program is killed in a write, its last line may be cut off, and the
 * next user of the file mends that. Several devices and processes may write to one file.
 *
 * Each object has a track. On it are the times in which it is a box or a mem, and a mark for each
 * event. The other events of a device are on a track of the device.
 */
#ifndef TRACE_FILE_H
#define TRACE_FILE_H

#include <coherent/trace.h>

#include "base/report.h"

struct trace_file;

/**
 * trace_file_open() - Open a trace file.
 * @path: The path. %p becomes the process ID, and %% becomes %.
 * @device: The name of the device. Not copied.
 * @to: The receiver of reports. Not copied.
 *
 * Return: the file; NULL after a report if there is none.
 */
struct trace_file *trace_file_open(const char *path, const char *device, const struct reporter *to);

/**
 * trace_file_mend() - Cut off half a line at the end of a trace, and end the array again.
 * @path: The file.
 * @is_cut: Set to whether a device could not write all its events, for instance to a full disk.
 *
 * Return: 0, also if nothing was wrong; -EINVAL if it is not a trace, or another -errno.
 */
int trace_file_mend(const char *path, bool *is_cut);

/**
 * trace_file_close() - Close a trace file.
 * @file: The file, or NULL.
 */
void trace_file_close(struct trace_file *file);

/**
 * trace_file_write() - Write an event. Any thread may call it.
 * @file: The file.
 * @event: The event.
 */
void trace_file_write(struct trace_file *file, const struct coherent_event *event);

/**
 * trace_file_phase() - Write how long an object was a box or a mem. Any thread may call it.
 * @file: The file.
 * @began: The event at which it became one.
 * @end_ns: When it ceased to be one.
 */
void trace_file_phase(struct trace_file *file, const struct coherent_event *began, uint64_t end_ns);

#endif
