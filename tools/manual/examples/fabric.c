/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Two endpoints in one process: one reads and writes a mem of the other. */
#include <coherent.h>
#include <coherent/fabric.h>

#define SECOND 1000000000

int main(void)
{
	struct coherent_fabric_peer *peer;
	struct coherent_fabric_name name;
	struct coherent_remote remote;
	COHERENT_DEVICE_AUTO(server);
	COHERENT_DEVICE_AUTO(client);
	COHERENT_AUTO(uint8_t, theirs);
	COHERENT_AUTO(uint8_t, ours);
	int err;

	if (coherent_device_open(&server, "fabric:tcp,node=127.0.0.1") ||
	    coherent_device_open(&client, "fabric:tcp,node=127.0.0.1"))
		return 77;	/* there is no libfabric here */
	err = coherent_zeroed(&theirs, server, 4096);
	if (!err)
		err = coherent_zeroed(&ours, client, 4096);
	if (!err)	/* The server sends both to the client. */
		err = coherent_remote(&theirs, &remote);
	if (!err)
		err = coherent_fabric_get_name(server, &name);
	if (err || coherent_fabric_connect(&peer, client, &name))
		return 1;
	err = coherent_fabric_write(peer, &remote, &ours, SECOND);
	if (!err)
		err = coherent_fabric_read(peer, &remote, &ours, SECOND,
					   .offset = 64, .count = 64);
	coherent_fabric_disconnect(peer);
	return !!err;
}
