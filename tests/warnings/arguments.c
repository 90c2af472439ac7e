// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each call has an argument of which the compiler warns. The warning must not become an error, as
 * the misuse of the call itself does. run.py compiles this file, and it is never run.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/loan.h>
#include <coherent/pool.h>

struct desc {
	uint64_t address;
	uint32_t len;
	uint32_t list[4];
};

COHERENT_FIELDS(struct desc, .address, .len, .list);
COHERENT_TYPE(descs, struct desc);

int fill(struct desc *descs, size_t count, void *arg);
/* An int * gives a warning here: -Wincompatible-pointer-types or -Wpointer-sign. */
unsigned int count_of(const unsigned int *numbers);
int use(struct coherent_device *dev, union descs *mem, struct coherent_bar *bar, int *ints);

int use(struct coherent_device *dev, union descs *mem, struct coherent_bar *bar, int *ints)
{
	COHERENT_BOX_AUTO(struct desc, box);
	COHERENT_POOL_AUTO(struct desc, pool);
	COHERENT_LOAN_AUTO(struct desc, loan);
	COHERENT_VIEW(struct desc) view;
	COHERENT_SLOT(struct desc) slot;
	COHERENT_RING(struct desc) ring;
	struct desc copies[2] = { { .len = 1 } };
	coherent_addr_t address;
	uint32_t len;
	int err;

	err = coherent_box_zeroed(&box, dev, count_of(ints)); /* warns */
	err = err ? err : coherent_box_zeroed(&box, dev, 1, .align = count_of(ints)); /* warns */
	err = err ? err : coherent_box_from(&box, dev, copies, count_of(ints)); /* warns */
	err = err ? err : coherent_init(mem, dev, count_of(ints), fill, NULL); /* warns */
	err = err ? err : coherent_zeroed(mem, dev, count_of(ints)); /* warns */
	err = err ? err : coherent_expose(&box, mem, .permission = count_of(ints)); /* warns */
	err = err ? err : coherent_reclaim(mem, &box, .idle = count_of(ints)); /* warns */
	err = err ? err : coherent_read(mem, count_of(ints), .len, &len); /* warns */
	err = err ? err : coherent_write(mem, 0, .len, count_of(ints)); /* warns */
	err = err ? err : coherent_poll(mem, 0, .len, &len, len == count_of(ints), 1); /* warns */
	err = err ? err : coherent_poll(mem, 0, .len, &len, len, count_of(ints)); /* warns */
	err = err ? err : coherent_read_item(mem, 0, .list, count_of(ints), &len); /* warns */
	err = err ? err : coherent_addr_at(mem, count_of(ints), &address); /* warns */
	err = err ? err : coherent_view(mem, 0, count_of(ints), &view); /* warns */
	err = err ? err : coherent_slot(mem, count_of(ints), &slot); /* warns */
	err = err ? err : coherent_ring(mem, &ring);
	err = err ? err : coherent_copy_out(mem, count_of(ints), copies, 1); /* warns */
	err = err ? err : coherent_copy_in(mem, 0, copies, count_of(ints)); /* warns */
	err = err ? err : coherent_clear(mem, count_of(ints), 1); /* warns */
	coherent_slot_put(&slot, .len, count_of(ints)); /* warns */
	coherent_ring_put(&ring, count_of(ints), .len, 1); /* warns */
	len += coherent_ring_get(&ring, count_of(ints), .len); /* warns */
	err = err ? err : coherent_pool_create(&pool, dev, .delay = count_of(ints)); /* warns */
	err = err ? err : coherent_lend(&box, &loan, count_of(ints)); /* warns */
	coherent_bar_write32(bar, 0, count_of(ints)); /* warns */
	len += coherent_bar_read32(bar, count_of(ints)); /* warns */
	return err ? err : (int)len;
}
