/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef FABRIC_CHECKSUM_H
#define FABRIC_CHECKSUM_H

#include <coherent/fabric.h>

/**
 * fabric_checksum() - Compute the checksum of a struct coherent_remote.
 * @remote: The struct. Its own checksum does not count.
 *
 * The checksum finds mistakes. It does not keep a peer from forging a struct, as our own tests do.
 *
 * Return: the checksum, little-endian.
 */
uint32_t fabric_checksum(const struct coherent_remote *remote);

#endif
