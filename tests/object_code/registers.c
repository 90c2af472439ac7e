// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Accesses to registers by name, and the same accesses by offset. run.py compiles this file and
 * compares the instructions of named_* and plain_*.
 */
#include <coherent/bar.h>

struct registers {
	uint64_t u64;
	uint32_t u32[4];
	coherent_le32 le32;
	uint16_t u16;
	uint8_t u8;
};

COHERENT_BAR_TYPE(named, struct registers);

struct plain {
	struct coherent_bar *bar;
};

#define REGISTER(name, type, bits, field)                                                       \
	type named_get_##name(const union named *named);                                        \
	type named_get_##name(const union named *named)                                         \
	{                                                                                       \
		return coherent_bar_get(named, .field);                                         \
	}                                                                                       \
	type plain_get_##name(const struct plain *plain);                                       \
	type plain_get_##name(const struct plain *plain)                                        \
	{                                                                                       \
		return coherent_bar_read##bits(plain->bar, offsetof(struct registers, field));  \
	}                                                                                       \
	void named_put_##name(union named *named, type value);                                  \
	void named_put_##name(union named *named, type value)                                   \
	{                                                                                       \
		coherent_bar_put(named, .field, value);                                         \
	}                                                                                       \
	void plain_put_##name(struct plain *plain, type value);                                 \
	void plain_put_##name(struct plain *plain, type value)                                  \
	{                                                                                       \
		coherent_bar_write##bits(plain->bar, offsetof(struct registers, field), value); \
	}

REGISTER(u64, uint64_t, 64, u64)
REGISTER(u32, uint32_t, 32, u32[2])
REGISTER(le32, uint32_t, 32, le32)
REGISTER(u16, uint16_t, 16, u16)
REGISTER(u8, uint8_t, 8, u8)
