/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of vhost-user share a peer, and a driver that uses it.
 */
#ifndef VHOST_TEST_H
#define VHOST_TEST_H

#include "../inject.h"
#include "peer.h"

#define ENTRIES 16

/* The registers of virtio-mmio. */
enum { SELECT = 0x24, FEATURES = 0x20, NUMBER = 0x38, READY = 0x44, NOTIFY = 0x50, STATUS = 0x70 };
enum { DESC = 0x80, AVAIL = 0x90, USED = 0xa0, CONFIG = 0x100, QUEUE = 0x30, NUM_MAX = 0x34 };

/**
 * struct fixture - The objects of a driver. close_fixture() ends all of them. If a test fails before
 * it does so, the end of the peer does.
 * @next: The fixture that was allocated before it and is not closed.
 * @dev: The device.
 * @bar: Its registers.
 * @irq: Its interrupt.
 * @rings: The three parts of a queue. Each part begins a page.
 * @mem: A mem.
 * @box: A box.
 * @log: The reports of the library.
 */
struct fixture {
	struct fixture *next;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(uint8_t) rings;
	COHERENT(uint8_t) mem;
	COHERENT_BOX(uint8_t) box;
	struct log log;
};

/* The peer of the running test. */
extern struct peer peer;

/* An entry in a table of tests. cmocka starts the peer before the test and ends it after. */
#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, start_peer, end_peer)
int start_peer(void **state);
int end_peer(void **state);

/* Allocates a fixture without a device. */
struct fixture *new_fixture(void);

/* Allocates a fixture, opens its device and exposes its rings. */
struct fixture *open_fixture(const char *keys);

/* Opens the device of a fixture. @keys follow the path in its name. */
int open_keys(struct fixture *fixture, const char *keys);

/* Writes the registers of a queue. The used ring begins @used bytes into the rings. */
void set_queue(struct fixture *fixture, uint32_t queue, uint64_t used);

/* Negotiates features and starts queue 0, in the rings of the fixture or at another address. */
int start_virtio(struct fixture *fixture);
int start_virtio_at(struct fixture *fixture, uint64_t at);

/* Opens the device and uses it in every way, so that the library sends every message. */
int use_fixture(struct fixture *fixture, const char *keys);

/* Ends the objects of the fixture and frees it. */
void close_fixture(struct fixture *fixture);

/* Returns whether a socket can refuse descriptors, as from Linux 6.16 on. */
bool kernel_refuses_descriptors(void);

/* Asserts that as many blocks, bytes and descriptors are in use as before. */
void nothing_is_left(const struct inject *before);

#endif
