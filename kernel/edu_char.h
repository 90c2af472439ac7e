/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A character device through which a process maps the packets of an edu device. */
#ifndef EDU_CHAR_H
#define EDU_CHAR_H

#include "edu.h"

struct edu_char;

/**
 * edu_char_open() - Make /dev/coherent_edu-NAME, where NAME is that of the device.
 * @dev: The edu device.
 * @packets: The mem that a process gets from mmap().
 *
 * The file can be open until long after edu_char_close().
 *
 * Return: the character device, or an ERR_PTR(). edu_char_close() must come before @packets end.
 */
struct edu_char *edu_char_open(struct device *dev, union edu_packets *packets);

/**
 * edu_char_close() - Remove the file.
 * @file: The result of edu_char_open().
 *
 * A process that mapped the packets keeps them until they end.
 */
void edu_char_close(struct edu_char *file);

#endif
