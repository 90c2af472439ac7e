/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A named type can be passed to functions. */
#include <coherent.h>
#include <coherent/loan.h>
#include <coherent/share.h>

struct packet {
	coherent_le32 len;
	uint8_t bytes[60];
};
COHERENT_BOX_TYPE(packet_box, struct packet);
COHERENT_TYPE(packet_mem, struct packet);
COHERENT_VIEW_TYPE(packet_view, struct packet);
COHERENT_SLOT_TYPE(packet_slot, struct packet);
COHERENT_RING_TYPE(packet_ring, struct packet);
COHERENT_LOAN_TYPE(packet_loan, struct packet);
COHERENT_TWIN_TYPE(packet_twin, struct packet);

struct queue {
	union packet_mem packets;
	union packet_ring ring;
};

static int make(struct coherent_device *dev, struct queue *queue)
{
	int err = coherent_zeroed(&queue->packets, dev, 64);

	return err ? err : coherent_ring(&queue->packets, &queue->ring);
}

int example(struct coherent_device *dev)
{
	struct queue queue = { .packets = COHERENT_EMPTY };
	int err = make(dev, &queue);

	coherent_free(&queue.packets);
	return err;
}
