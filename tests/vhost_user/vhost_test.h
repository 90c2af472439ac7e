/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of vhost-user share: a peer, and a driver that uses it.
 */
#ifndef VHOST_TEST_H
#define VHOST_TEST_H

#include "../inject.h"
#include "peer.h"

#define ENTRIES 16

/* Registers of virtio-mmio. */
enum { SELECT = 0x24, FEATURES = 0x20, NUMBER = 0x38, READY = 0x44, NOTIFY = 0x50, STATUS = 0x70 };
enum { DESC = 0x80, AVAIL = 0x90, USED = 0xa0, CONFIG = 0x100, QUEUE = 0x30, NUM_MAX = 0x34 };

/**
 * struct job - What a driver has. end_job() ends all of it.
 * @dev: The device.
 * @bar: Its registers.
 * @irq: Its interrupt.
 * @rings: The three parts of a queue, each of which begins a page.
 * @mem: A mem.
 * @box: A box.
 * @log: What the library reported.
 */
struct job {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(uint8_t) rings;
	COHERENT(uint8_t) mem;
	COHERENT_BOX(uint8_t) box;
	struct log log;
};

/* The peer of the test that runs. */
extern struct peer peer;

/* A test with a peer that starts before it and ends after it. */
#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, start_peer, end_peer)
int start_peer(void **state);
int end_peer(void **state);

/* A job without a device. */
struct job *new_job(void);

/* A job whose device is open and whose rings are exposed. */
struct job *open_job(const char *keys);

/* Opens the device of a job; @keys follow the path in its name. */
int open_keys(struct job *job, const char *keys);

/* Writes the registers of a queue, whose used ring is @used bytes into the rings. */
void set_queue(struct job *job, uint32_t queue, uint64_t used);

/* Agrees on features and starts queue 0. */
int set_up(struct job *job);

/* Opens the device and uses it, which takes every message that there is. */
int run_job(struct job *job, const char *keys);

/* Ends what the job has, and the job. */
void end_job(struct job *job);

/* As many blocks, bytes and descriptors are in use as before. */
void nothing_is_left(const struct inject *before);

#endif
