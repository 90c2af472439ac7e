// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Short functions with arrays, pointers into them, and tables of steps. */
#include "../driver.h"
#include <stdbool.h>
#define N 12
static union desc_mem pool_mems[N];
static bool used[N];
static struct coherent_device *the_dev;
extern int check_config(void);
extern void teardown(struct driver *d);
union desc_mem *grab(void)
{
	for (int i = 0; i < N; i++)
		if (!used[i]) {
			if (coherent_is_empty(&pool_mems[i]) &&
			    coherent_zeroed(&pool_mems[i], the_dev, 1))
				return NULL;
			used[i] = true;
			return &pool_mems[i];
		}
	return NULL;
}
void give(union desc_mem *m)
{
	used[m - pool_mems] = false;
}
void purge(void)
{
	for (int i = 0; i < N; i++) {
		if (used[i])
			continue;
		coherent_free(&pool_mems[i]);
	}
}
int big_local(struct coherent_device *dev)
{
	union desc_mem m[N] = { COHERENT_EMPTY };
	int i, err = 0;
	for (i = 0; i < N; i++) {
		err = coherent_zeroed(&m[i], dev, 4);
		if (err)
			break;
	}
	if (!err)
		err = check_config();
	while (i > 0)
		coherent_free(&m[--i]);
	return err;
}
int ptr_local(struct coherent_device *dev)
{
	union desc_mem m[3] = { COHERENT_EMPTY }, *p;
	int err = 0;
	for (p = m; p < m + 3; p++) {
		err = coherent_zeroed(p, dev, 4);
		if (err)
			break;
	}
	while (p-- > m)
		coherent_free(p);
	return err;
}
int ptr_local2(struct coherent_device *dev)
{
	union desc_mem m[3] = { COHERENT_EMPTY };
	int err = 0;
	for (union desc_mem *p = m; p != &m[3] && !err; ++p)
		err = coherent_zeroed(p, dev, 4);
	for (size_t i = 0; i < 3; i++)
		coherent_free(&m[i]);
	return err;
}
int qptr(struct driver *d)
{
	for (int i = 0; i < 4; i++) {
		union desc_mem *t = &d->table[i];
		int err = coherent_zeroed(t, d->dev, 2);
		if (err) {
			while (i--)
				coherent_free(&d->table[i]);
			return err;
		}
		err = coherent_write(t, 0, .len, i);
		if (err) {
			do
				coherent_free(&d->table[i]);
			while (i--);
			return err;
		}
	}
	return 0;
}
int local_drv(const char *n)
{
	struct driver d;
	int err;
	memset(&d, 0, sizeof d);
	err = coherent_device_open(&d.dev, n);
	if (err)
		return err;
	err = coherent_bar_open(&d.bar, d.dev, 0);
	if (err)
		goto out;
	err = coherent_zeroed(&d.tx.descs, d.dev, 2);
	if (err)
		goto out;
	err = check_config();
out:
	teardown(&d);
	return err;
}
int local_drv2(const char *n)
{
	struct driver d = { .count = 0 };
	int err = coherent_device_open(&d.dev, n);
	if (!err)
		err = coherent_bar_open(&d.bar, d.dev, 0);
	if (!err)
		err = coherent_irq_open(&d.irq, d.dev, 0);
	if (!err)
		err = coherent_irq_wait(d.irq, 100);
	coherent_irq_close(d.irq);
	coherent_bar_close(d.bar);
	coherent_device_close(d.dev);
	return err;
}
static int step1(struct driver *d)
{
	return coherent_zeroed(&d->tx.descs, d->dev, 4);
}
static int step2(struct driver *d)
{
	return coherent_zeroed(&d->rx.descs, d->dev, 4);
}
static void undo1(struct driver *d)
{
	coherent_free(&d->tx.descs);
}
static void undo2(struct driver *d)
{
	coherent_free(&d->rx.descs);
}
static const struct {
	int (*up)(struct driver *);
	void (*down)(struct driver *);
} seq[] = { { step1, undo1 }, { step2, undo2 } };
int run_seq(struct driver *d)
{
	size_t i;
	int err = 0;
	for (i = 0; i < 2; i++) {
		err = seq[i].up(d);
		if (err)
			break;
	}
	if (err)
		while (i--)
			seq[i].down(d);
	return err;
}
int resubmit(struct driver *d)
{
	union desc_box b = COHERENT_EMPTY;
	int err = coherent_reclaim(&d->tx.descs, &b, .idle = true);
	if (err == -EBUSY)
		return -EAGAIN;
	if (err)
		return err;
	struct desc *p = coherent_box_ptr(&b);
	p->len++;
	err = coherent_expose(&b, &d->tx.descs);
	p = NULL;
	return err;
}
int loop_box(struct driver *d, int n)
{
	int err = 0;
	for (int i = 0; i < n; i++) {
		COHERENT_BOX_AUTO(struct desc, b);
		COHERENT_AUTO(struct desc, m);
		if ((err = coherent_box_zeroed(&b, d->dev, 1)))
			break;
		coherent_box_ptr(&b)->len = i;
		if ((err = coherent_expose(&b, &m)))
			continue;
		coherent_bar_write64(d->bar, 0, coherent_addr(&m).raw);
		if ((err = coherent_bar_poll32(d->bar, 0, 1, 0, 100)))
			return err;
	}
	return err;
}
int reuse(struct driver *d)
{
	union desc_mem m = COHERENT_EMPTY;
	int err = coherent_zeroed(&m, d->dev, 1);
	if (err)
		return err;
	coherent_free(&m);
	err = coherent_zeroed(&m, d->dev, 2);
	if (err)
		return err;
	err = coherent_write(&m, 1, .len, 0);
	coherent_free(&m);
	return err;
}
int either(struct driver *d, bool big)
{
	union desc_mem small_m = COHERENT_EMPTY, big_m = COHERENT_EMPTY;
	union desc_mem *use = big ? &big_m : &small_m;
	int err = coherent_zeroed(use, d->dev, big ? 64 : 1);
	if (!err)
		err = coherent_write(use, 0, .len, 1);
	coherent_free(use);
	return err;
}
int hist(struct driver *d)
{
	uint32_t last = 0, v;
	int err, n = 0;
	do {
		err = coherent_read(&d->rx.descs, n % 4, .len, &v);
		if (err)
			return err;
		last += v;
	} while (v && ++n < 100);
	return (int)last;
}
static bool try_alloc(struct driver *d, size_t n, union desc_mem *m)
{
	int err = coherent_zeroed(m, d->dev, n, .attrs = COHERENT_ATTR_NO_WARN);
	if (err && err != -ENOMEM)
		fprintf(stderr, "%d\n", err);
	return !err;
}
size_t best(struct driver *d, union desc_mem *m)
{
	size_t n;
	for (n = 1 << 20; n; n >>= 1)
		if (try_alloc(d, n, m))
			break;
	return n;
}
int swap_box(struct driver *d)
{
	union desc_box a = COHERENT_EMPTY, b = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&a, d->dev, 1);
	if (err)
		return err;
	coherent_move(&a, &b);
	coherent_box_ptr(&b)->len = 1;
	err = coherent_box_zeroed(&a, d->dev, 1);
	if (!err)
		coherent_box_free(&a);
	return err ? (coherent_box_free(&b), err) : coherent_expose(&b, &d->tx.descs);
}
void lockstep(struct driver *a, struct driver *b)
{
	coherent_device_close(a->dev);
	coherent_bar_write32(b->bar, 0, 1);
	coherent_device_close(b->dev);
}
int open2(struct driver *d, const char *x, const char *y)
{
	int err = coherent_device_open(&d->dev, x);
	if (err == -EBUSY)
		err = coherent_device_open(&d->dev, y);
	if (err)
		return err;
	err = coherent_device_set_mask(d->dev, coherent_mask(64));
	if (err == -EIO)
		err = coherent_device_set_mask(d->dev, coherent_mask(32));
	if (err) {
		coherent_device_close(d->dev);
		d->dev = NULL;
	}
	return err;
}
