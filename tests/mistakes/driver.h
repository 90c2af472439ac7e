/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The mistakes use these declarations. */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/loan.h>
#include <coherent/pool_many.h>
#include <coherent/sim.h>
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

struct queue {
	int base;
	COHERENT(struct packet) packets;
};

#ifdef __clang__
COHERENT_OVERLOAD void coherent_padding(const volatile struct packet *coherent_e,
					unsigned char *coherent_m, __SIZE_TYPE__ coherent_size)
{
	(void)coherent_e;
	__builtin_memset(coherent_m, 0xff, coherent_size);
}
#endif

int fill(struct packet *packet, void *arg);
int fill_all(struct packet *packets, size_t count, void *arg);
int seal(void *elements, size_t count, coherent_addr_t address, void *arg);

extern struct coherent_device *dev;
extern struct coherent_handle handle;
extern struct queue queue;
extern COHERENT(struct packet) packets;
extern const COHERENT(struct packet) const_mem;
extern const COHERENT_BOX(struct packet) const_box;
extern COHERENT_BOX(struct packet) boxes[4], *a_box;
extern COHERENT_POOL(struct packet) pool;
extern COHERENT_LOAN(struct packet) loan;
extern COHERENT_POOL(uint32_t) word_pool;
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

struct flags {
	uint32_t low : 4;
	uint32_t high : 28;
	uint32_t whole : 32;
};

extern COHERENT(struct flags) flags;
extern COHERENT_SLOT(struct flags) flag_slot;
extern COHERENT_RING(struct flags) flag_ring;
extern char letter;
COHERENT_TYPE(packet_mem, struct packet);
extern union packet_mem *packets_pointer;
extern struct coherent_bar *bar;
