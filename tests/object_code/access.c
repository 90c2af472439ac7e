// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Accessors, and the same accesses written by hand. run.py compiles this file and reads the
 * instructions. It finds the functions to compare by their names.
 */
#include <coherent.h>

struct element {
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8[2];
	coherent_le32 le32;
	coherent_be32 be32;
	uint64_t rest;
};

COHERENT_TYPE(mem, struct element);
COHERENT_VIEW_TYPE(view, struct element);
COHERENT_SLOT_TYPE(slot, struct element);
COHERENT_RING_TYPE(ring, struct element);

/* An access by hand is volatile, through a pointer in a struct. */
struct raw {
	struct element *elements;
};

#define V(x) (*(volatile __typeof__(x) *)&(x))

#define FIELDS(F)							\
	F(u64, uint64_t, .u64)						\
	F(u32, uint32_t, .u32)						\
	F(u16, uint16_t, .u16)						\
	F(u8, uint8_t, .u8[1])						\
	F(le32, uint32_t, .le32)					\
	F(be32, uint32_t, .be32)

#define RAW(name, type, field)						\
	type raw_get_##name(struct raw *raw, size_t i);			\
	type raw_get_##name(struct raw *raw, size_t i)			\
	{								\
		return *(volatile type *)&raw->elements[i] field;	\
	}								\
	void raw_put_##name(struct raw *raw, size_t i, type value);	\
	void raw_put_##name(struct raw *raw, size_t i, type value)	\
	{								\
		*(volatile type *)&raw->elements[i] field = value;	\
	}								\
	type raw_first_get_##name(struct raw *raw);			\
	type raw_first_get_##name(struct raw *raw)			\
	{								\
		return *(volatile type *)&raw->elements[0] field;	\
	}								\
	void raw_first_put_##name(struct raw *raw, type value);		\
	void raw_first_put_##name(struct raw *raw, type value)		\
	{								\
		*(volatile type *)&raw->elements[0] field = value;	\
	}

#define SLOT(name, type, field)						\
	type slot_get_##name(const union slot *slot);			\
	type slot_get_##name(const union slot *slot)			\
	{								\
		return coherent_slot_get(slot, field);			\
	}								\
	void slot_put_##name(union slot *slot, type value);		\
	void slot_put_##name(union slot *slot, type value)		\
	{								\
		coherent_slot_put(slot, field, value);			\
	}								\
	type slot_get_acquire_##name(const union slot *slot);		\
	type slot_get_acquire_##name(const union slot *slot)		\
	{								\
		return coherent_slot_get_acquire(slot, field);		\
	}								\
	void slot_put_release_##name(union slot *slot, type value);	\
	void slot_put_release_##name(union slot *slot, type value)	\
	{								\
		coherent_slot_put_release(slot, field, value);		\
	}

#define RING(name, type, field)						\
	type ring_get_##name(const union ring *ring, size_t i);		\
	type ring_get_##name(const union ring *ring, size_t i)		\
	{								\
		return coherent_ring_get(ring, i, field);		\
	}								\
	void ring_put_##name(union ring *ring, size_t i, type value);	\
	void ring_put_##name(union ring *ring, size_t i, type value)	\
	{								\
		coherent_ring_put(ring, i, field, value);		\
	}								\
	type ring_get_acquire_##name(const union ring *ring, size_t i);	\
	type ring_get_acquire_##name(const union ring *ring, size_t i)	\
	{								\
		return coherent_ring_get_acquire(ring, i, field);	\
	}								\
	void ring_put_release_##name(union ring *ring, size_t i, type value); \
	void ring_put_release_##name(union ring *ring, size_t i, type value) \
	{								\
		coherent_ring_put_release(ring, i, field, value);	\
	}

#define CHECKED(name, type, field)					\
	int read_##name(const union mem *mem, size_t i, type *value);	\
	int read_##name(const union mem *mem, size_t i, type *value)	\
	{								\
		return coherent_read(mem, i, field, value);		\
	}								\
	type read_value_##name(const union mem *mem, size_t i);		\
	type read_value_##name(const union mem *mem, size_t i)		\
	{								\
		type value;						\
									\
		return coherent_read(mem, i, field, &value) ? 0 : value; \
	}								\
	int read_acquire_##name(const union mem *mem, size_t i, type *value); \
	int read_acquire_##name(const union mem *mem, size_t i, type *value) \
	{								\
		return coherent_read_acquire(mem, i, field, value);	\
	}								\
	int write_##name(union mem *mem, size_t i, type value);		\
	int write_##name(union mem *mem, size_t i, type value)		\
	{								\
		return coherent_write(mem, i, field, value);		\
	}								\
	int write_release_##name(union mem *mem, size_t i, type value);	\
	int write_release_##name(union mem *mem, size_t i, type value)	\
	{								\
		return coherent_write_release(mem, i, field, value);	\
	}

/* The index of an item is checked too. */
struct items {
	uint64_t u64[8];
	uint32_t u32[8];
	uint16_t u16[8];
	uint8_t u8[8];
	coherent_le32 le32[8];
	coherent_be32 be32[8];
};

COHERENT_TYPE(item_mem, struct items);

struct raw_items {
	struct items *elements;
};

#define RAW_ITEM(name, type, field)					\
	type raw_item_get_##name(struct raw_items *raw, size_t i, size_t k); \
	type raw_item_get_##name(struct raw_items *raw, size_t i, size_t k) \
	{								\
		return *(volatile type *)&raw->elements[i].name[k];	\
	}								\
	void raw_item_put_##name(struct raw_items *raw, size_t i, size_t k, type value); \
	void raw_item_put_##name(struct raw_items *raw, size_t i, size_t k, type value) \
	{								\
		*(volatile type *)&raw->elements[i].name[k] = value;	\
	}

#define ITEM(name, type, field)						\
	type item_read_##name(const union item_mem *mem, size_t i, size_t k); \
	type item_read_##name(const union item_mem *mem, size_t i, size_t k) \
	{								\
		type value;						\
									\
		return coherent_read_item(mem, i, .name, k, &value) ? 0 : value; \
	}								\
	int item_write_##name(union item_mem *mem, size_t i, size_t k, type value); \
	int item_write_##name(union item_mem *mem, size_t i, size_t k, type value) \
	{								\
		return coherent_write_item(mem, i, .name, k, value);	\
	}

FIELDS(RAW)
FIELDS(SLOT)
FIELDS(RING)
FIELDS(CHECKED)
FIELDS(RAW_ITEM)
FIELDS(ITEM)

/* The view is a local variable, so that the compiler removes the check from the loop. */
void raw_loop(struct element *elements, size_t count, uint32_t value);
void raw_loop(struct element *elements, size_t count, uint32_t value)
{
	for (size_t i = 0; i < count; i++)
		V(elements[i].u32) = value;
}

int view_loop(const union view *from, uint32_t value);
int view_loop(const union view *from, uint32_t value)
{
	union view view = *from;

	for (size_t i = 0; i < coherent_count(&view); i++)
		if (coherent_write(&view, i, .u32, value))
			return -1;
	return 0;
}

uint64_t addr(const union mem *mem);
uint64_t addr(const union mem *mem)
{
	return coherent_addr(mem).raw;
}
