// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver with a table of functions, arrays of interrupts, and flags. */
#include "../driver.h"
struct dev;
struct ops {
	int (*open)(struct dev *);
	void (*close)(struct dev *);
	int (*kick)(struct dev *);
};
struct dev {
	const struct ops *ops;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irqs[3];
	union desc_mem rings[3];
	struct {
		union desc_mem a, b;
	} pair[2];
	struct coherent_handle scratch;
	void *priv;
	enum { OFF, ON, BROKEN } state;
};
static int d_open(struct dev *d)
{
	int err = coherent_zeroed(&d->rings[0], d->dev, 4);
	if (err)
		return err;
	err = coherent_zeroed(&d->rings[1], d->dev, 4);
	if (err)
		coherent_free(&d->rings[0]);
	return err;
}
static void d_close(struct dev *d)
{
	for (int i = 2; i >= 0; i--)
		coherent_free(&d->rings[i]);
}
static int d_kick(struct dev *d)
{
	return coherent_write_release(&d->rings[0], 0, .flags, 1);
}
const struct ops ops = { d_open, d_close, d_kick };
int dev_start(struct dev *d)
{
	int err;
	switch (d->state) {
	case ON:
		return 0;
	case BROKEN:
		d->ops->close(d); /* fall through */
	case OFF:
		err = d->ops->open(d);
		if (err) {
			d->state = OFF;
			return err;
		}
		d->state = ON;
		break;
	}
	err = d->ops->kick(d);
	if (err) {
		d->ops->close(d);
		d->state = BROKEN;
	}
	return err;
}
int irqs(struct dev *d)
{
	int i, err;
	for (i = 0; i < 3; i++) {
		err = coherent_irq_open(&d->irqs[i], d->dev, i);
		if (err)
			goto undo;
	}
	return 0;
undo:
	while (--i >= 0) {
		coherent_irq_close(d->irqs[i]);
		d->irqs[i] = NULL;
	}
	return err;
}
int pairs(struct dev *d)
{
	for (size_t i = 0; i < 2; i++) {
		if (coherent_zeroed(&d->pair[i].a, d->dev, 1))
			goto fail;
		if (coherent_zeroed(&d->pair[i].b, d->dev, 1))
			goto fail;
	}
	return 0;
fail:
	for (size_t i = 0; i < 2; i++) {
		coherent_free(&d->pair[i].a);
		coherent_free(&d->pair[i].b);
	}
	return -ENOMEM;
}
static int make_box(struct dev *d, union desc_box *box, size_t n)
{
	int err = coherent_box_zeroed(box, d->dev, n);
	if (err < 0) {
		fprintf(stderr, "no box: %s\n", strerror(-err));
		return err;
	}
	for (size_t i = 0; i < coherent_box_count(box); i++)
		coherent_box_ptr(box)[i].len = i;
	return 0;
}
int publish(struct dev *d, union desc_mem *out)
{
	union desc_box box = COHERENT_EMPTY;
	int rc;
	if ((rc = make_box(d, &box, 4)) < 0)
		return rc;
	if ((rc = coherent_expose(&box, out)) < 0) {
		printf("expose: %d\n", rc);
		return rc;
	}
	return 0;
}
int all(struct dev *d)
{
	union desc_box a = COHERENT_EMPTY, b = COHERENT_EMPTY;
	union desc_mem ma = COHERENT_EMPTY, mb = COHERENT_EMPTY;
	uint32_t v;
	int err;
	err = make_box(d, &a, 2);
	if (err)
		goto out;
	err = make_box(d, &b, 2);
	if (err)
		goto out;
	err = coherent_expose_all(COHERENT_EXPOSURE(&a, &ma), COHERENT_EXPOSURE(&b, &mb));
	if (err)
		goto out;
	err = coherent_read(&ma, 1, .len, &v);
	if (err)
		goto out;
	err = coherent_reclaim(&ma, &a, .idle = true);
	if (err)
		goto out;
	coherent_box_ptr(&a)->len = v;
out:
	coherent_free(&ma);
	coherent_free(&mb);
	coherent_box_free(&a);
	coherent_box_free(&b);
	return err;
}
static int sum_seal(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	struct desc *d = elements;
	for (size_t i = 0; i < count; i++)
		d[i].addr = address.raw;
	*(uint32_t *)arg = count;
	return 0;
}
int sealed(struct dev *d)
{
	union desc_box b = COHERENT_EMPTY;
	uint32_t n = 0;
	int err = make_box(d, &b, 2);
	return err ? err : coherent_expose(&b, &d->rings[2], .seal = sum_seal, .seal_arg = &n);
}
static void drop_box(union desc_box **b)
{
	if (*b)
		coherent_box_free(*b);
}
int own_cleanup(struct dev *d)
{
	union desc_box store = COHERENT_EMPTY;
	__attribute__((cleanup(drop_box))) union desc_box *b = &store;
	int err = make_box(d, b, 3);
	if (err)
		return err;
	return coherent_expose(b, &d->rings[0]);
}
int views(struct dev *d)
{
	COHERENT_VIEW(struct desc) v = COHERENT_EMPTY;
	COHERENT_SLOT(struct desc) s;
	int err = 0;
	for (size_t i = 0; i < 3 && !err; i++) {
		err = coherent_view(&d->rings[i], 0, 2, &v);
		for (size_t k = 0; !err && k < coherent_count(&v); k++) {
			err = coherent_slot(&v, k, &s);
			if (!err)
				coherent_slot_put(&s, .len, 4);
		}
	}
	return err;
}
int main(int argc, char **argv)
{
	struct dev d = { .ops = &ops };
	struct coherent_limits lim;
	int err, i;
	for (i = 1; i < argc; i++) {
		err = coherent_device_open(&d.dev, argv[i]);
		if (err) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(-err));
			continue;
		}
		if (coherent_device_limits(d.dev, &lim) || lim.vectors == 0) {
			coherent_device_close(d.dev);
			continue;
		}
		err = dev_start(&d);
		if (!err)
			err = irqs(&d);
		if (!err) {
			for (int k = 0; k < 3; k++)
				coherent_irq_close(d.irqs[k]);
		}
		if (d.state == ON)
			d.ops->close(&d);
		d.state = OFF;
		coherent_device_close(d.dev);
		d.dev = NULL;
		if (err)
			break;
	}
	return 0;
}
int handle(struct dev *d)
{
	COHERENT_HANDLE_AUTO(h);
	int err = coherent_handle_zeroed(&h, d->dev, 4096);
	if (err)
		return err;
	coherent_bar_write64(d->bar, 0, coherent_handle_addr(&h).raw);
	return coherent_bar_poll32(d->bar, 0, 1, 1, 10);
}
int pooltest(struct dev *d)
{
	COHERENT_POOL_AUTO(struct desc, pool);
	COHERENT_BOX_AUTO(struct desc, box);
	COHERENT_AUTO(struct desc, mem);
	int err = coherent_pool_create(&pool, d->dev);
	for (int i = 0; !err && i < 1000; i++) {
		err = coherent_pool_box(&pool, &box);
		if (!err)
			err = coherent_expose(&box, &mem);
		if (!err)
			err = coherent_reclaim(&mem, &box, .idle = true);
		coherent_box_free(&box);
	}
	return err;
}
int pool_values(struct dev *d)
{
	COHERENT_POOL_AUTO(struct desc, pool);
	COHERENT_AUTO(struct desc, mem);
	int err = coherent_pool_create(&pool, d->dev);
	for (int i = 0; !err && i < 1000; i++) {
		struct desc desc = { .len = (uint32_t)i };
		err = coherent_pool_from(&pool, &mem, &desc);
		if (!err)
			coherent_bar_write64(d->bar, 0, coherent_addr(&mem).raw);
		coherent_free(&mem);
	}
	return err;
}
int pool_arrays(struct dev *d, const struct desc *descs)
{
	COHERENT_POOL_AUTO(struct desc, pool);
	union desc_box boxes[8] = { COHERENT_EMPTY };
	union desc_mem mems[8] = { COHERENT_EMPTY };
	int err = coherent_pool_create(&pool, d->dev);
	if (!err)
		err = coherent_pool_boxes(&pool, boxes, 8);
	for (int i = 0; !err && i < 8; i++)
		coherent_box_ptr(&boxes[i])->len = (uint32_t)i;
	if (!err)
		err = coherent_pool_expose(&pool, boxes, mems, 8);
	if (!err)
		coherent_bar_write64(d->bar, 0, coherent_addr(&mems[3]).raw);
	coherent_pool_free(&pool, mems, 8);
	if (!err)
		err = coherent_pool_from_all(&pool, mems, descs, 8);
	coherent_pool_free(&pool, mems, 8);
	coherent_pool_box_free(&pool, boxes, 8);
	return err;
}
struct ctx {
	struct dev *d;
	union desc_mem *mem;
	union desc_mem local;
};
int ctxfn(struct dev *d, int shared)
{
	struct ctx c = { .d = d, .local = COHERENT_EMPTY };
	int err = 0;
	if (shared)
		c.mem = &d->rings[0];
	else {
		err = coherent_zeroed(&c.local, d->dev, 1);
		c.mem = &c.local;
	}
	if (!err)
		err = coherent_write(c.mem, 0, .len, 1);
	if (!shared)
		coherent_free(c.mem);
	return err;
}
int early(struct dev *d, unsigned flags)
{
	union desc_mem m = COHERENT_EMPTY;
	int err;
	if (flags & 1) {
		err = coherent_zeroed(&m, d->dev, 1);
		if (err)
			return err;
	}
	if (flags & 2) {
		err = coherent_handle_zeroed(&d->scratch, d->dev, 64);
		if (err)
			goto fail;
	}
	if (flags & 1) {
		err = coherent_write(&m, 0, .len, 1);
		if (err)
			goto fail2;
	}
	if (flags & 1)
		coherent_free(&m);
	return 0;
fail2:
	if (flags & 2)
		coherent_handle_free(&d->scratch);
fail:
	if (flags & 1)
		coherent_free(&m);
	return err;
}
int slots_of_the_caller(struct coherent_device *dev, size_t count)
{
	COHERENT_AUTO(struct desc, mem);
	COHERENT_SLOT(struct desc) slot;
	int err = coherent_zeroed(&mem, dev, 2);
	for (size_t i = 0; !err && i < count; i++)
		err = coherent_slot(&mem, i, &slot);
	return err;
}
struct reply {
	union desc_mem mem;
	int err;
};
struct reply returned_by_value(struct coherent_device *dev)
{
	struct reply reply = { .mem = COHERENT_EMPTY };
	reply.err = coherent_zeroed(&reply.mem, dev, 1);
	return reply;
}
