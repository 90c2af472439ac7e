/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The mistakes use these declarations. */
#include <coherent.h>
#include <stdbool.h>

struct packet {
	uint64_t address;
	coherent_le32 length;
	coherent_be16 port;
	uint16_t counters[4];
	uint8_t name[16];
	bool ready;
	void *owner;
	struct {
		uint32_t low;
		uint32_t high;
	} range;
	const uint32_t serial;
};

extern COHERENT(struct packet) packets;
extern COHERENT_BOX(struct packet) box;
extern COHERENT_VIEW(struct packet) view;
extern COHERENT_SLOT(struct packet) slot;
extern COHERENT_RING(struct packet) ring;
extern COHERENT(uint32_t) words;
extern uint8_t byte;
extern uint16_t half;
extern uint32_t word;
extern uint64_t big;
extern int k;
extern double real;
extern struct packet private_packet;
