/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A domain that the caller has opened, and perhaps an endpoint. The library only registers memory in
 * the domain. The caller transfers, makes progress and closes both.
 */
#ifndef FABRIC_ADOPT_H
#define FABRIC_ADOPT_H

#include "fabric/device.h"

/**
 * fabric_is_adoption() - Whether the caller hands something over.
 * @options: The options of the open.
 */
bool fabric_is_adoption(const struct coherent_open_options *options);

/**
 * fabric_adopt() - Use the domain of the caller.
 * @fabric: A new device. Its domain and its endpoint are set.
 * @name: The device name, which names the provider.
 * @options: The options of the open.
 *
 * Return: 0; with a report -EINVAL (the options or the name do not fit), -EOPNOTSUPP (the library
 * cannot meet what the domain requires).
 */
int fabric_adopt(struct fabric *fabric, const struct name *name,
		 const struct coherent_open_options *options);

#endif
