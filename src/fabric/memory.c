// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The registrations: which mems peers can reach, and the keys that they need for it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/sys.h"
#include "fabric/memory.h"

/* Two random keys of 64 bits are never the same in practice, so more tries find another reason. */
#define KEY_TRIES 4

/* Registrations do not overlap, so two that do are the same. */
static int compare(const struct fabric_registration *a, const struct fabric_registration *b)
{
	if (a->address + a->bytes <= b->address)
		return -1;
	return a->address >= b->address + b->bytes;
}

RB_GENERATE_INTERNAL(fabric_tree, fabric_registration, node, compare,
		     static __attribute__((unused)))

struct fabric_registration *fabric_find_locked(struct fabric *fabric, uint64_t address)
{
	const struct fabric_registration wanted = { .address = address, .bytes = 1 };

	return RB_FIND(fabric_tree, &fabric->registrations,
		       (struct fabric_registration *)(uintptr_t)&wanted);
}

/* The local half is for transfers that this process starts, where a provider asks for it. */
static uint64_t access_of(enum coherent_permission permission)
{
	return FI_READ | FI_WRITE | FI_REMOTE_READ |
	       (permission == COHERENT_READ_ONLY ? 0 : FI_REMOTE_WRITE);
}

static int try_key_locked(struct fabric *fabric, const struct backend_mapping *mapping,
			  struct fid_mr **mr) NEEDS_LOCK(fabric->lock)
{
	int err = fi_mr_reg(fabric->domain, mapping->va, mapping->bytes,
			    access_of(mapping->permission), 0, sys_random(), 0, mr, NULL);

	if (err || !(fabric->mr_mode & FI_MR_ENDPOINT))
		return err;
	/* fi_mr(3): such a registration works only after it was bound and enabled. */
	err = fi_mr_bind(*mr, &fabric->endpoint->fid, 0);
	if (!err)
		err = fi_mr_enable(*mr);
	if (err)
		fi_close(&(*mr)->fid);
	return err;
}

static int register_locked(struct fabric *fabric, const struct backend_mapping *mapping,
			   struct fid_mr **mr) NEEDS_LOCK(fabric->lock)
{
	int err = -FI_ENOKEY;

	for (unsigned int i = 0; err == -FI_ENOKEY && i < KEY_TRIES; i++)
		err = try_key_locked(fabric, mapping, mr);
	return err == -FI_ENOMEM ? -ENOMEM : err ? -EIO : 0;
}

static int add_locked(struct fabric *fabric, const struct backend_mapping *mapping)
	NEEDS_LOCK(fabric->lock)
{
	const bool is_virtual = fabric->mr_mode & FI_MR_VIRT_ADDR;
	struct fabric_registration *registration = malloc(sizeof(*registration));
	int err;

	if (!registration)
		return -ENOMEM;
	*registration = (struct fabric_registration){
		.address = mapping->address,
		.bytes = mapping->bytes,
		.remote = is_virtual ? (uintptr_t)mapping->va : 0,
		.permission = mapping->permission,
	};
	err = register_locked(fabric, mapping, &registration->mr);
	if (err) {
		free(registration);
		return err;
	}
	RB_INSERT(fabric_tree, &fabric->registrations, registration);
	fabric->may_be_in_flight = true;
	return 0;
}

int fabric_map(struct backend *backend, const struct backend_mapping *mapping)
{
	struct fabric *fabric = (struct fabric *)backend;
	int err;

	lock_take(&fabric->lock);
	err = fabric->is_closed ? -ENODEV : add_locked(fabric, mapping);
	lock_drop(&fabric->lock);
	return err;
}

static int remove_locked(struct fabric *fabric, uint64_t address) NEEDS_LOCK(fabric->lock)
{
	struct fabric_registration *registration = fabric_find_locked(fabric, address);

	if (fi_close(&registration->mr->fid))
		return -EIO;
	RB_REMOVE(fabric_tree, &fabric->registrations, registration);
	free(registration);
	return 0;
}

int fabric_unmap(struct backend *backend, const struct backend_mapping *mapping, bool idle)
{
	struct fabric *fabric = (struct fabric *)backend;
	int err;

	(void)idle;
	lock_take(&fabric->lock);
	err = fabric->is_closed ? -ENODEV : remove_locked(fabric, mapping->address);
	lock_drop(&fabric->lock);
	return err;
}

void fabric_forget_locked(struct fabric *fabric)
{
	struct fabric_registration *registration;

	while ((registration = RB_MIN(fabric_tree, &fabric->registrations))) {
		RB_REMOVE(fabric_tree, &fabric->registrations, registration);
		fi_close(&registration->mr->fid);
		free(registration);
	}
}
