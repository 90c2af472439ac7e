/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Two endpoints of one provider in this process: one has the mems, the other is the peer. libfabric
 * carries the data over loopback, as between two processes.
 */
#ifndef FABRIC_TEST_H
#define FABRIC_TEST_H

#include <coherent/fabric.h>

#include "../test.h"

/* A transfer of this size takes long enough to reclaim the mem meanwhile. */
#define BIG ((size_t)64 << 20)

COHERENT_TYPE(any_mem, uint8_t);

#define ANY_MEM_AUTO(name) \
	union any_mem name __attribute__((cleanup(coherent_base_cleanup))) = COHERENT_EMPTY

/**
 * struct ends - The two endpoints.
 * @provider: The provider.
 * @target: The device that has the mems.
 * @initiator: The device of the peer.
 * @peer: The target, as the initiator knows it.
 * @local: A mem of the initiator.
 * @log: The reports of both.
 */
struct ends {
	const char *provider;
	struct coherent_device *target;
	struct coherent_device *initiator;
	struct coherent_fabric_peer *peer;
	union any_mem local;
	struct log log;
};

/*
 * Returns the provider that the program is for: its argument, or tcp. Returns NULL if this machine
 * cannot use the provider, after it has printed the reason as TAP.
 */
const char *provider_of(int argc, char **argv);

/* Opens both ends. The local mem has so many bytes. */
void ends_open(struct ends *ends, const char *provider, size_t bytes);

/* The same, but the target serves peers only in coherent_fabric_progress(). */
void ends_open_manual(struct ends *ends, const char *provider, size_t bytes);
void ends_close(struct ends *ends);

/* Opens the endpoint of the peer again, and connects. Some providers need that after a refusal. */
void ends_reconnect(struct ends *ends);

#endif
