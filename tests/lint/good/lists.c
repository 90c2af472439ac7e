// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver with lists of buffers, references that are counted, and resets. */
#include "../driver.h"
#include <stdbool.h>
#include <stddef.h>
#include <signal.h>
#include <coherent/sim.h>
#define container_of(p, t, m) ((t *)((char *)(p)-offsetof(t, m)))
struct list {
	struct list *next, *prev;
};
struct buf {
	struct list node;
	union desc_mem mem;
	size_t len;
	int refs;
};
struct drv3 {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct list free_list;
	struct buf *cur;
	struct buf *ring[64];
	unsigned head, tail;
	union desc_mem admin;
	union desc_mem io[8];
	unsigned nio;
	bool admin_on, io_on;
	int (*alloc)(struct drv3 *, size_t, struct buf **);
	void (*release)(struct drv3 *, struct buf *);
	volatile sig_atomic_t stop;
};
void log_msg(const char *fmt, ...);
int csum(const void *p, size_t n);
struct cfg {
	int depth;
	bool verbose;
};
int read_cfg(struct cfg *c);
static void list_add(struct list *n, struct list *h)
{
	n->next = h->next;
	n->prev = h;
	h->next->prev = n;
	h->next = n;
}
static void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = n;
}
static int buf_new(struct drv3 *d, size_t n, struct buf **out)
{
	struct buf *b = calloc(1, sizeof(*b));
	int err;
	*out = NULL;
	if (!b)
		return -ENOMEM;
	err = coherent_zeroed(&b->mem, d->dev, n, .align = 4096);
	if (err) {
		log_msg("no mem %d", err);
		free(b);
		return err;
	}
	b->len = n;
	b->refs = 1;
	list_add(&b->node, &d->free_list);
	*out = b;
	return 0;
}
static void buf_put(struct drv3 *d, struct buf *b)
{
	(void)d;
	if (!b || --b->refs)
		return;
	list_del(&b->node);
	coherent_free(&b->mem);
	free(b);
}
int use_buf(struct drv3 *d)
{
	struct buf *b;
	uint32_t v;
	int err = d->alloc(d, 4, &b);
	if (err)
		return err;
	err = coherent_read(&b->mem, 0, .len, &v);
	d->release(d, b);
	return err;
}
int use_buf2(struct drv3 *d)
{
	struct buf *b;
	uint32_t v;
	int err = buf_new(d, 4, &b);
	if (err)
		return err;
	err = coherent_read(&b->mem, 0, .len, &v);
	buf_put(d, b);
	return err;
}
void drain(struct drv3 *d)
{
	while (d->free_list.next != &d->free_list) {
		struct buf *b = container_of(d->free_list.next, struct buf, node);
		list_del(&b->node);
		coherent_free(&b->mem);
		free(b);
	}
}
int ring_push(struct drv3 *d)
{
	unsigned i = d->head & 63;
	if (d->ring[i])
		return -EBUSY;
	int err = buf_new(d, 1, &d->ring[i]);
	if (err)
		return err;
	d->head++;
	return 0;
}
void ring_pop(struct drv3 *d)
{
	unsigned i = d->tail & 63;
	buf_put(d, d->ring[i]);
	d->ring[i] = NULL;
	d->tail++;
}
void ring_clear(struct drv3 *d)
{
	for (unsigned i = 0; i < 64; i++) {
		if (d->ring[i]) {
			buf_put(d, d->ring[i]);
			d->ring[i] = NULL;
		}
	}
}
int bring_up(struct drv3 *d, unsigned n)
{
	int err;
	err = coherent_zeroed(&d->admin, d->dev, 16);
	if (err)
		return err;
	d->admin_on = true;
	for (d->nio = 0; d->nio < n && d->nio < 8; d->nio++) {
		err = coherent_zeroed(&d->io[d->nio], d->dev, 16);
		if (err)
			goto err_io;
	}
	d->io_on = true;
	return 0;
err_io:
	while (d->nio--)
		coherent_free(&d->io[d->nio]);
	coherent_free(&d->admin);
	d->admin_on = false;
	return err;
}
void bring_down(struct drv3 *d)
{
	if (d->io_on) {
		for (unsigned i = 0; i < d->nio; i++)
			coherent_free(&d->io[i]);
		d->io_on = false;
	}
	if (d->admin_on) {
		coherent_free(&d->admin);
		d->admin_on = false;
	}
}
int reset_all(struct drv3 *d)
{
	unsigned n = d->nio;
	bring_down(d);
	int err = coherent_device_reset(d->dev);
	if (!err)
		err = bring_up(d, n);
	return err;
}
int run_loop(struct drv3 *d)
{
	struct cfg c = { 0 };
	uint32_t v;
	int err = read_cfg(&c);
	if (err)
		return err;
	while (!d->stop) {
		err = coherent_poll(&d->admin, 0, .flags, &v, v & 1, 1000000);
		if (err == -ETIMEDOUT) {
			if (c.verbose)
				log_msg("timeout");
			continue;
		}
		if (err)
			break;
		if (v & 2) {
			err = reset_all(d);
			if (err)
				return err;
			continue;
		}
		coherent_bar_write32(d->bar, 0, v);
	}
	return err;
}
static int recurse(struct drv3 *d, int depth)
{
	union desc_mem m = COHERENT_EMPTY;
	int err;
	if (!depth)
		return 0;
	err = coherent_zeroed(&m, d->dev, 1);
	if (err)
		return err;
	err = recurse(d, depth - 1);
	coherent_free(&m);
	return err;
}
int start_recursion(struct drv3 *d)
{
	return recurse(d, 20);
}
struct pairbuf {
	union desc_mem m;
	int err;
};
static struct pairbuf by_value(struct coherent_device *dev)
{
	struct pairbuf p = { .err = 0 };
	p.err = coherent_zeroed(&p.m, dev, 1);
	return p;
}
int take_value(struct coherent_device *dev)
{
	struct pairbuf p = by_value(dev);
	if (p.err)
		return p.err;
	int e = coherent_write(&p.m, 0, .len, 1);
	coherent_free(&p.m);
	return e;
}
int checksum(struct drv3 *d)
{
	union desc_box b = COHERENT_EMPTY;
	int err = coherent_reclaim(&d->admin, &b, .idle = true);
	if (err)
		return err;
	int c = csum(coherent_box_ptr(&b), coherent_box_count(&b) * sizeof(struct desc));
	coherent_box_free(&b);
	return c;
}
int grow(struct drv3 *d, size_t want)
{
	union desc_mem bigger = COHERENT_EMPTY;
	struct desc tmp;
	int err;
	if (coherent_count(&d->admin) >= want)
		return 0;
	err = coherent_zeroed(&bigger, d->dev, want);
	if (err)
		return err;
	for (size_t i = 0; i < coherent_count(&d->admin); i++) {
		err = coherent_copy_out(&d->admin, i, &tmp, 1);
		if (!err)
			err = coherent_copy_in(&bigger, i, &tmp, 1);
		if (err) {
			coherent_free(&bigger);
			return err;
		}
	}
	coherent_free(&d->admin);
	coherent_move(&bigger, &d->admin);
	return 0;
}
int maybe_box(struct drv3 *d, const struct desc *src, size_t n)
{
	union desc_box b = COHERENT_EMPTY;
	int err;
	if (src)
		err = coherent_box_from(&b, d->dev, src, n);
	else
		err = coherent_box_zeroed(&b, d->dev, n);
	if (err)
		return err;
	if (n > 4) {
		coherent_box_free(&b);
		return -E2BIG;
	}
	err = coherent_expose(&b, &d->admin);
	return err;
}
static int test_read(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	*(int *)arg = 1;
	return 0;
}
static const struct coherent_sim_model model = { .name = "x", .open = test_read };
int simtest(void)
{
	struct coherent_device *dev = NULL;
	union desc_mem m = COHERENT_EMPTY;
	struct coherent_fault f;
	uint8_t byte = 0;
	int arg = 0, err;
	if ((err = coherent_device_open(&dev, "sim:custom", .model = &model, .model_arg = &arg))) {
		fprintf(stderr, "open: %d\n", err);
		return 1;
	}
	if ((err = coherent_zeroed(&m, dev, 1))) {
		coherent_device_close(dev);
		return 1;
	}
	coherent_addr_t a = coherent_addr(&m);
	coherent_free(&m);
	if (coherent_sim_try_addr(dev, a, &byte, 1, COHERENT_ACCESS_READ) != -EIO)
		err = 1;
	while (!coherent_device_next_fault(dev, &f))
		puts(f.text);
	coherent_device_close(dev);
	return err;
}
int late_free(const char *name)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_AUTO(struct desc, m);
	COHERENT_BAR_AUTO(bar);
	int err;
	err = coherent_device_open(&dev, name);
	if (err)
		return err;
	err = coherent_bar_open(&bar, dev, 0);
	if (err)
		return err;
	err = coherent_zeroed(&m, dev, 4);
	if (err)
		return err;
	for (int i = 0; i < 4; i++)
		if ((err = coherent_write(&m, i, .len, i)))
			return err;
	return 0;
}
int outlive(const char *name, union desc_mem *keep)
{
	struct coherent_device *dev;
	int err = coherent_device_open(&dev, name);
	if (err)
		return err;
	err = coherent_zeroed(keep, dev, 1);
	coherent_device_close(dev);
	if (err)
		return err;
	coherent_free(keep);
	return 0;
}
int cond(struct drv3 *d, const char *mode)
{
	union desc_mem m = COHERENT_EMPTY;
	bool dma = strcmp(mode, "dma") == 0;
	int err = 0;
	if (dma)
		err = coherent_zeroed(&m, d->dev, 1);
	if (err)
		return err;
	if (dma)
		err = coherent_write(&m, 0, .len, 1);
	if (strcmp(mode, "dma") == 0)
		coherent_free(&m);
	return err;
}
int two_step(struct drv3 *d)
{
	int ret = -ENODEV;
	union desc_box b = COHERENT_EMPTY;
	if (!d->bar)
		goto done;
	ret = coherent_box_zeroed(&b, d->dev, 1);
	if (ret)
		goto done;
	ret = coherent_expose(&b, &d->admin);
	if (ret)
		goto done;
	ret = 0;
done:
	if (ret)
		log_msg("failed: %s", strerror(-ret));
	return ret;
}
