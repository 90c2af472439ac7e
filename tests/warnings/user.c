// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver that uses each kind of macro of the headers. run.py compiles it with almost all warnings
 * of gcc and clang, and lets the analyzers of both read it. It is never run.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/expose_all.h>
#include <coherent/handle.h>
#include <coherent/loan.h>
#include <coherent/pool_many.h>
#include <coherent/sim.h>

struct desc {
	uint8_t op;
	uint8_t flags;
	coherent_le64 address;
	coherent_be32 len;
	uint16_t list[3];
	struct {
		uint8_t low;
		uint32_t high;
	} in;
	union {
		uint32_t all;
		uint8_t part[4];
	} u;
	double real;
	uint32_t ring[4];
};

struct registers {
	const uint32_t status;
	coherent_be32 control;
	uint64_t ring;
	uint8_t queues[4];
};

COHERENT_FIELDS(struct desc, .op, .flags, .address, .len, .list, .in.low, .in.high, .u.all, .u.part,
		.real, .ring);
COHERENT_TYPE(descs, struct desc);
COHERENT_BOX_TYPE(desc_box, struct desc);
COHERENT_POOL_TYPE(desc_pool, struct desc);
COHERENT_BAR_TYPE(register_bar, struct registers);

int use_boxes(struct coherent_device *dev, union descs *mem, const struct desc *from);
int use_mems(union descs *mem, struct desc *to);
int use_slots(union descs *mem);
int use_arrays(union descs *mem, size_t k);
int use_registers(union register_bar *bar, uint64_t address);
int use_pools(struct coherent_device *dev);
int use_loans(union desc_box *box);
int use_devices(void);

static int fill(struct desc *desc, void *op)
{
	desc->op = *(uint8_t *)op;
	desc->address = coherent_cpu_to_le64(4096);
	return 0;
}

static int read_ops(struct desc *descs, size_t count, void *sum)
{
	for (size_t i = 0; i < count; i++)
		*(unsigned int *)sum += descs[i].op;
	return 0;
}

int use_loans(union desc_box *box)
{
	COHERENT_LOAN_AUTO(struct desc, loan);
	unsigned int sum = 0;
	int err = coherent_lend(box, &loan, COHERENT_BOTH_WAYS);

	if (!err && coherent_loan_count(&loan) && coherent_loan_addr(&loan).raw &&
	    coherent_loan_level(&loan) >= COHERENT_HIDDEN)
		err = coherent_loan_visit(&loan, read_ops, &sum);
	if (!err)
		err = coherent_take(&loan, box, .idle = true);
	coherent_loan_free(&loan);
	return err ? err : (int)sum;
}

int use_boxes(struct coherent_device *dev, union descs *mem, const struct desc *from)
{
	uint8_t op = 3;
	COHERENT_BOX_AUTO(struct desc, box);
	COHERENT_BOX_AUTO(struct desc, other);
	COHERENT_AUTO(struct desc, copy);
	int err = coherent_box_from(&box, dev, from, 2, .align = 64);

	if (!err)
		err = coherent_box_zeroed(&other, dev, 4);
	if (!err)
		err = coherent_box_init_at(&box, 1, fill, &op);
	if (!err)
		coherent_box_ptr(&box)[0].len = coherent_cpu_to_be32(512);
	if (!err)
		err = coherent_expose(&box, mem, .permission = COHERENT_READ_ONLY);
	if (!err)
		err = coherent_expose_all(COHERENT_EXPOSURE(&other, &copy));
	if (!err)
		err = coherent_reclaim(mem, &box, .idle = true);
	if (!err)
		err = coherent_from(mem, dev, from, 2);
	return err;
}

int use_mems(union descs *mem, struct desc *to)
{
	COHERENT_VIEW(struct desc) view = COHERENT_EMPTY;
	COHERENT_VIEW(uint16_t) list = COHERENT_EMPTY;
	const struct desc one = { .op = 1, .real = 2.5 };
	uint64_t address = 0;
	uint32_t len = 0;
	uint8_t op = 0;
	int err = coherent_view(mem, 1, 2, &view);

	if (!err)
		err = coherent_view_field(mem, 0, .list, &list);
	if (!err)
		err = coherent_write(&list, 1, 7);
	if (!err)
		err = coherent_read(mem, 0, .address, &address);
	if (!err)
		err = coherent_read_acquire(&view, 0, .len, &len);
	if (!err)
		err = coherent_write_release(mem, 0, .in.high, len + 1);
	if (!err)
		err = coherent_poll(mem, 0, .op, &op, op & 1, 1000);
	if (!err)
		err = coherent_copy_in(mem, 0, &one, 1);
	if (!err)
		err = coherent_copy_out(mem, 0, to, 2);
	if (!err)
		err = coherent_copy_in_field(mem, 0, .u.part, 1, &op, 1);
	if (!err)
		err = coherent_copy_out_field(mem, 0, .list, 0, to->list, 2);
	return err;
}

int use_slots(union descs *mem)
{
	COHERENT_SLOT(struct desc) slot = COHERENT_EMPTY;
	COHERENT_RING(struct desc) ring = COHERENT_EMPTY;
	int err = coherent_slot(mem, 0, &slot);

	if (!err)
		err = coherent_ring(mem, &ring);
	if (err)
		return err;
	coherent_slot_put(&slot, .real, coherent_slot_get(&slot, .real) + 1);
	coherent_slot_put_release(&slot, .op, coherent_slot_get_acquire(&slot, .flags));
	coherent_ring_put(&ring, 5, .len, coherent_ring_get(&ring, 4, .len));
	coherent_ring_put_release(&ring, 5, .op, coherent_ring_get_acquire(&ring, 4, .op));
	coherent_mb();
	return 0;
}

int use_arrays(union descs *mem, size_t k)
{
	COHERENT_RING(uint32_t) ring;
	uint16_t value = 0;
	int err = coherent_read_item(mem, 0, .list, k, &value);

	if (!err)
		err = coherent_write_item_release(mem, 0, .list, k, value);
	if (!err)
		err = coherent_ring_field(mem, 0, .ring, &ring);
	if (!err)
		coherent_ring_put(&ring, k++, value + 1u);
	return err ? err : coherent_clear(mem, 0, k);
}

int use_registers(union register_bar *bar, uint64_t address)
{
	size_t k = 1;

	coherent_bar_put(bar, .ring, address++);
	coherent_bar_put(bar, .queues[3], 5);
	coherent_bar_put_item(bar, .queues, 2, coherent_bar_get_item(bar, .queues, k++));
	coherent_bar_put(bar, .control, coherent_bar_get(bar, .status) | 1u);
	coherent_bar_write32(coherent_bar_untyped(bar), 4, (uint32_t)address);
	return coherent_bar_poll(bar, .control, 1, 0, 1000);
}

int use_pools(struct coherent_device *dev)
{
	union desc_pool pool = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(struct desc, box);
	COHERENT_AUTO(struct desc, mem);
	const struct desc value = { .op = 1 };
	union desc_box boxes[4] = { COHERENT_EMPTY };
	union descs mems[4] = { COHERENT_EMPTY };
	int err = coherent_pool_create(&pool, dev, .align = 64);

	if (!err)
		err = coherent_pool_box(&pool, &box);
	if (!err)
		err = coherent_expose(&box, &mem);
	coherent_free(&mem);
	if (!err)
		err = coherent_pool_from(&pool, &mem, &value);
	coherent_free(&mem);
	if (!err)
		err = coherent_pool_boxes(&pool, boxes, 4);
	if (!err)
		err = coherent_pool_expose(&pool, boxes, mems, 4);
	coherent_pool_free(&pool, mems, 4);
	if (!err)
		err = coherent_pool_from_all(&pool, mems, &value, 1);
	coherent_pool_free(&pool, mems, 1);
	coherent_pool_box_free(&pool, boxes, 4);
	return err ? err : coherent_pool_destroy(&pool);
}

int use_devices(void)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);
	COHERENT_BAR_AUTO(struct registers, registers);
	union register_bar named = COHERENT_EMPTY;
	COHERENT_IRQ_AUTO(irq);
	COHERENT_HANDLE_AUTO(handle);
	struct coherent_fault fault;
	int err = coherent_device_open(&dev, "sim:edu", .report = coherent_report_stderr);

	if (!err)
		err = coherent_bar_open(&bar, dev, 0);
	if (!err)
		err = coherent_bar_open(&registers, dev, 0);
	if (!err)
		err = coherent_bar_open(&named, dev, 0);
	if (!err)
		err = use_registers(&named, coherent_bar_get(&registers, .ring));
	coherent_bar_close(&named);
	if (!err)
		err = coherent_irq_open(&irq, dev, 0);
	if (!err)
		err = coherent_handle_zeroed(&handle, dev, 4096);
	if (!err)
		coherent_bar_write64(bar, 0x80, coherent_handle_addr(&handle).raw);
	if (!err)
		err = coherent_bar_poll32(bar, 0x98, 1, 0, 1000);
	if (!err)
		err = coherent_irq_wait(irq, 1000);
	if (!err)
		err = coherent_device_next_fault(dev, &fault);
	return err;
}
