/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The declarations of the units in C. */
#include <stdbool.h>

#include <coherent.h>

struct packet {
	uint64_t address;
	uint32_t length, flags;
	uint16_t queues[4];
	bool done;
	void *cookie;
	coherent_le32 order;
	__extension__ unsigned __int128 wide;
};
struct padded {
	uint8_t kind;
	uint32_t length;
};
struct other {
	uint64_t number;
};
struct empty {
};
struct __attribute__((packed)) packed {
	uint8_t kind;
	uint32_t length;
};
COHERENT_BOX_TYPE(packet_box, struct packet);
COHERENT_TYPE(packets, struct packet);
COHERENT_TYPE(const_packets, const struct packet);
COHERENT_VIEW_TYPE(packet_view, struct packet);
COHERENT_BOX_TYPE(padded_box, struct padded);
COHERENT_TYPE(padded_mem, struct padded);
COHERENT_TYPE(others, struct other);
COHERENT_TYPE(packed_mem, struct packed);

extern struct coherent_device *dev;
extern union packet_box box;
extern union packets mem, mem2;
extern union const_packets const_mem;
extern union packet_view view;
extern union padded_box padded_box;
extern union padded_mem padded_mem;
extern union packed_mem packed_mem;
extern uint32_t word;
extern uint64_t wide_word;
extern struct padded padded;

void take_others(union others *others);
int fill_other(struct other *other, void *arg);
int test(void);
