/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of vfio-user share one peer and one device.
 */
#ifndef VFIO_USER_TEST_H
#define VFIO_USER_TEST_H

#include <coherent.h>

#include "../test.h"
#include "peer.h"

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);

extern struct peer *peer;
extern struct coherent_device *dev;
extern struct coherent_bar *bar;
extern struct log reports;

/* Open the device that listens at peer->path, and its BAR. */
void open_peer(void);

/* As open_peer(), but return the result, without the BAR. */
int try_peer(void);

/* As try_peer(), with more keys, such as ",files". */
int try_peer_with(const char *more);

/* Make a transfer by the registers of the device. Returns its status. */
int transfer(uint64_t command, uint64_t address, uint64_t bytes);

/* Close the device and end the peer. */
int stop_peer(void **state);

#endif
