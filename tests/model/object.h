/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What birth.c and object.c share: changes of phase, as the model has to see them.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include "model.h"

/**
 * struct sealing - What a seal is told, and what it answers.
 * @slot: The object.
 * @result: The answer.
 * @address: What it was told.
 * @called: How often it was called.
 */
struct sealing {
	struct slot *slot;
	int result;
	uint64_t address;
	unsigned int called;
};

/* A seal that looks at what it is given and sees that no device gets there. */
int seal(void *elements, size_t count, coherent_addr_t address, void *arg);
int pick_seal_result(void);
/* What becomes of an initialiser's or a seal's result. */
int result_of(int result);

/* What a mapping must answer, which is counted and reported. */
int map_result(const struct place *place);

/* The address of a box is in the fault of a device that tries it. */
uint64_t address_of_box(struct slot *slot);
void become_box(struct slot *slot);
void become_reachable(struct slot *slot, enum kind kind, enum coherent_permission permission);
/* Nothing is left of an object. */
void bury(struct slot *slot);
void check_bytes(const struct slot *slot, const uint8_t *bytes);

#endif
