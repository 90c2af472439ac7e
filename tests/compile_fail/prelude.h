/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The cases use these declarations. */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/loan.h>
#include <coherent/fabric.h>
#include <coherent/serve.h>
#include <coherent/share.h>
#include <coherent/pool_many.h>
#include <coherent/sim.h>
#include <stdbool.h>
#include <stdlib.h>

struct desc {
	uint64_t src;
	uint64_t dst;
	uint32_t len;
	coherent_le32 le;
	coherent_be16 be[2];
	uint16_t flags[2];
	unsigned int bit : 3;
	unsigned int rest : 29;
	uint8_t three[3];
	bool done;
	void *cookie;
	struct {
		uint32_t low;
		uint32_t high;
	} pair;
	__extension__ __int128 wide;
	const uint32_t id;
};

struct padded {
	uint8_t a;
	uint32_t b;
};
COHERENT_FIELDS(struct padded, .a, .b);

struct other {
	uint64_t a;
};
COHERENT_FIELDS(struct other, .a);

struct unlisted {
	uint8_t a;
	uint32_t b;
};

struct stranger {
	int base;
};

struct huge {
	uint8_t bytes[65537];
};

struct __attribute__((packed)) packed {
	uint8_t kind;
	uint32_t len;
	uint8_t rest[3];
};

struct __attribute__((packed)) odd {
	uint32_t len;
	uint8_t rest[3];
};

struct queue {
	uint32_t index;
	uint32_t ring[8];
	uint32_t three[3];
	uint32_t matrix[2][4];
};

struct __attribute__((packed)) packed_queue {
	uint8_t index;
	uint32_t ring[4];
};

struct segments {
	struct {
		uint32_t len;
		uint32_t flags;
	} segments[4];
	struct packed packed[4];
	struct odd odd[4];
	uint8_t rest[4];
};

struct pointers {
	uint32_t *numbers;
};

struct regs {
	const uint32_t status;
	uint32_t control;
	uint64_t ring;
	coherent_le32 le;
	coherent_be32 be;
	uint32_t queues[4];
	uint8_t byte;
	bool done;
	uint32_t bits : 3;
	__extension__ __int128 wide;
	struct {
		const uint32_t status;
		uint16_t control;
		uint32_t parts[2];
	} ports[2];
	struct odd odd[2];
};

struct status {
	uint32_t value;
	uint16_t parts[2];
};

COHERENT_BOX_TYPE(box, struct desc);
COHERENT_TYPE(mem, struct desc);
COHERENT_VIEW_TYPE(view, struct desc);
COHERENT_SLOT_TYPE(slot, struct desc);
COHERENT_RING_TYPE(ring, struct desc);
COHERENT_POOL_TYPE(pool, struct desc);
COHERENT_POOL_TYPE(other_pool, struct other);
COHERENT_LOAN_TYPE(loan, struct desc);
COHERENT_LOAN_TYPE(other_loan, struct other);
COHERENT_TWIN_TYPE(twin, struct desc);
COHERENT_TWIN_TYPE(other_twin, struct other);
COHERENT_BOX_TYPE(padded_box, struct padded);
COHERENT_TYPE(padded_mem, struct padded);
COHERENT_BOX_TYPE(other_box, struct other);
COHERENT_TYPE(other_mem, struct other);
COHERENT_VIEW_TYPE(other_view, struct other);
COHERENT_SLOT_TYPE(other_slot, struct other);
COHERENT_RING_TYPE(other_ring, struct other);
COHERENT_TYPE(const_mem, const struct status);
COHERENT_VIEW_TYPE(const_status_view, const struct status);
COHERENT_VIEW_TYPE(status_view, struct status);
COHERENT_SLOT_TYPE(const_status_slot, const struct status);
COHERENT_SLOT_TYPE(status_slot, struct status);
COHERENT_RING_TYPE(const_status_ring, const struct status);
COHERENT_RING_TYPE(status_ring, struct status);
COHERENT_VIEW_TYPE(const_view, const struct desc);
COHERENT_VIEW_TYPE(const_u16_view, const uint16_t);
COHERENT_TYPE(status_mem, struct status);
COHERENT_FIELDS(struct status, .value, .parts);
COHERENT_TYPE(packed_mem, struct packed);
COHERENT_TYPE(odd_mem, struct odd);
COHERENT_TYPE(unlisted_mem, struct unlisted);
COHERENT_BOX_TYPE(huge_box, struct huge);
COHERENT_VIEW_TYPE(u16_view, uint16_t);
COHERENT_VIEW_TYPE(u32_view, uint32_t);
COHERENT_TYPE(u32_mem, uint32_t);
COHERENT_TYPE(queue_mem, struct queue);
COHERENT_BOX_TYPE(queue_box, struct queue);
COHERENT_TYPE(const_queue_mem, const struct queue);
COHERENT_TYPE(packed_queue_mem, struct packed_queue);
COHERENT_TYPE(segment_mem, struct segments);
COHERENT_TYPE(pointer_mem, struct pointers);
COHERENT_RING_TYPE(u32_ring, uint32_t);
COHERENT_TYPE(known_mem, struct desc[64]);
COHERENT_SLOT_TYPE(known_slot, struct desc[64]);
COHERENT_BAR_TYPE(regs_bar, struct regs);
COHERENT_BAR_TYPE(packed_bar, struct packed);
COHERENT_TYPE(level_mem, enum coherent_level);
COHERENT_TYPE(float_mem, float);

extern struct coherent_device *dev;
extern struct coherent_bar *bar;
extern struct coherent_irq *irq;
extern struct coherent_sim *sim;
extern struct coherent_handle handle;
extern struct coherent_info *info;
extern struct coherent_stats *stats;
extern union box *box;
extern const union box *const_box;
extern union mem *mem, *mem2;
extern const union mem *const_a_mem;
extern union view *view;
extern union slot *slot;
extern const union slot *const_slot;
extern union ring *ring;
extern const union ring *const_ring;
extern union pool *pool;
extern union loan *loan, *loan2;
extern union other_loan *other_loan;
extern const union loan *const_loan;
extern union twin *twin, *twin2;
extern union other_twin *other_twin;
extern const union twin *const_twin;
extern const union pool *const_pool;
extern union other_pool *other_pool;
extern union padded_box *padded_box;
extern union padded_mem *padded_mem;
extern struct padded *padded;
extern union other_box *other_box;
extern union other_mem *other_mem;
extern union other_view *other_view;
extern union other_slot *other_slot;
extern union other_ring *other_ring;
extern struct other *other;
extern union const_mem *const_mem;
extern union status_mem *status_mem;
extern union const_status_view *const_status_view;
extern union status_view *status_view;
extern union const_status_slot *const_status_slot;
extern union status_slot *status_slot;
extern union const_status_ring *const_status_ring;
extern union status_ring *status_ring;
extern union const_view *const_view;
extern union const_u16_view *const_u16_view;
extern struct status *status;
extern const struct status *const_status;
extern const uint32_t *const_u32;
extern struct stranger *stranger;
extern union packed_mem *packed_mem;
extern union odd_mem *odd_mem;
extern union unlisted_mem *unlisted_mem;
extern struct unlisted *unlisted;
extern union huge_box *huge_box;
extern struct huge *huge;
extern union u16_view *u16_view;
extern union u32_view *u32_view;
extern union u32_mem *u32_mem;
extern union queue_mem *queue_mem;
extern union queue_box *queue_box;
extern union const_queue_mem *const_queue_mem;
extern union packed_queue_mem *packed_queue_mem;
extern union segment_mem *segment_mem;
extern union pointer_mem *pointer_mem;
extern union u32_ring *u32_ring;
extern union known_mem *known_mem;
extern union known_slot *known_slot;
extern union regs_bar *regs;
extern const union regs_bar *const_regs;
extern union packed_bar *packed_regs;
extern union level_mem *level_mem;
extern union float_mem *float_mem;
extern struct desc *desc;
extern uint8_t u8;
extern uint16_t u16;
extern uint32_t u32;
extern uint64_t u64;
extern int n;
extern coherent_addr_t addr;
extern void *pointer;

int fill(struct desc *element, void *arg);
int fill_other(struct other *element, void *arg);
int fill_number(struct desc *element, int arg);
int fill_all(struct desc *elements, size_t count, void *arg);
int seal(void *elements, size_t count, coherent_addr_t address, void *arg);
int not_a_seal(int x);
void takes_addr(coherent_addr_t address);
