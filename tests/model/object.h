/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * birth.c, object.c and array.c share these functions. They record the changes of an object's
 * phase, and compare its memory.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include "model.h"

/**
 * struct sealing - The argument of a seal.
 * @slot: The object.
 * @result: The result that the seal returns.
 * @address: The address that the seal was given.
 * @called: How often the seal was called.
 */
struct sealing {
	struct slot *slot;
	int result;
	uint64_t address;
	unsigned int called;
};

/* A seal that checks its arguments, and that the device does not reach the memory yet. */
int seal(void *elements, size_t count, coherent_addr_t address, void *arg);
int pick_seal_result(void);
/* Returns what the library makes of the result of an initialiser or a seal. Expects its report. */
int result_of(const struct place *place, int result);

/* Predicts the result of a mapping. Counts it and expects a report if it fails. */
int map_result(const struct place *place);

/* Predicts the result of an unmap in the same way. */
bool unmap_fails(const struct place *place);

/* Returns the address of a box. A device tries the box, and the fault has the address. */
uint64_t address_of_box(struct slot *slot);
void become_box(struct slot *slot);
void become_reachable(struct slot *slot, enum kind kind, enum coherent_permission permission);
/* Makes an object in place a box or a mem. It is mapped already. */
void change_kind(struct slot *slot, enum kind kind);
/* Ends a box. If it is in place, the library unmaps it as it unmaps a mem. */
void end_box(struct slot *slot);
/* Checks that the object of a slot is empty, and clears the slot. */
void clear_slot(struct slot *slot);
/* Returns the memory of a mem, for a comparison with check_bytes(). */
const uint8_t *mem_bytes(const struct slot *slot);
void check_bytes(const struct slot *slot, const uint8_t *bytes);

#endif
