/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which providers of libfabric the library trusts, and which of them are cards.
 */
#ifndef FABRIC_PROVIDER_H
#define FABRIC_PROVIDER_H

#include "fabric/device.h"

/**
 * fabric_accept_provider() - Set what follows from the provider: the level, and whether it is a card.
 * @fabric: A new device.
 * @name: The device name, for a report.
 * @provider: The name that libfabric gives the provider, not the one in the device name.
 * @level: The level that the driver asks for.
 *
 * Return: 0; -EOPNOTSUPP (a device of the provider has no level, and the driver wants one). A report
 * says why.
 */
int fabric_accept_provider(struct fabric *fabric, const struct name *name, const char *provider,
			   enum coherent_level level);

#endif
