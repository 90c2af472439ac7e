// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Many short functions, one for each common way to handle errors. */
#include "../driver.h"
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#define TRY(x)                    \
	do {                      \
		err = (x);        \
		if (err)          \
			goto out; \
	} while (0)
int ext_use(const union desc_mem *m);
int g_break(struct driver *d)
{
	union desc_box b = COHERENT_EMPTY;
	union desc_mem m = COHERENT_EMPTY;
	int err;
	do {
		err = coherent_box_zeroed(&b, d->dev, 4);
		if (err)
			break;
		coherent_box_ptr(&b)->len = 4;
		err = coherent_expose(&b, &m);
		if (err)
			break;
		err = coherent_write(&m, 0, .len, 3);
	} while (0);
	coherent_box_free(&b);
	coherent_free(&m);
	return err;
}
int g_try(struct driver *d)
{
	union desc_box b = COHERENT_EMPTY;
	union desc_mem m = COHERENT_EMPTY, n = COHERENT_EMPTY;
	int err;
	TRY(coherent_zeroed(&n, d->dev, 3));
	TRY(coherent_box_zeroed(&b, d->dev, 4));
	TRY(coherent_expose(&b, &m));
	TRY(coherent_write(&m, 0, .addr, coherent_addr(&n).raw));
	TRY(coherent_bar_poll32(d->bar, 0, 1, 1, 1000));
out:
	coherent_free(&m);
	coherent_free(&n);
	coherent_box_free(&b);
	return err;
}
int g_isempty(struct driver *d)
{
	int err = 0;
	if (coherent_is_empty(&d->tx.descs))
		err = coherent_zeroed(&d->tx.descs, d->dev, 16);
	if (err)
		return err;
	if (!coherent_is_empty(&d->spare))
		coherent_box_free(&d->spare);
	return coherent_box_zeroed(&d->spare, d->dev, 3);
}
void g_cleanup(struct driver *d)
{
	if (!coherent_is_empty(&d->tx.descs))
		coherent_free(&d->tx.descs);
	if (!coherent_is_empty(&d->rx.descs))
		coherent_free(&d->rx.descs);
	if (d->bar) {
		coherent_bar_close(d->bar);
		d->bar = NULL;
	}
	if (d->dev) {
		coherent_device_close(d->dev);
		d->dev = NULL;
	}
}
static bool setup(struct driver *d)
{
	return coherent_zeroed(&d->tx.descs, d->dev, 16) == 0;
}
static bool setup2(struct driver *d)
{
	return !coherent_zeroed(&d->rx.descs, d->dev, 16);
}
bool g_bool(struct driver *d)
{
	if (!setup(d))
		return false;
	if (!setup2(d)) {
		coherent_free(&d->tx.descs);
		return false;
	}
	coherent_bar_write64(d->bar, 0, coherent_addr(&d->rx.descs).raw);
	return true;
}
int g_acc(struct driver *d)
{
	bool failed = false;
	failed |= coherent_zeroed(&d->tx.descs, d->dev, 16) != 0;
	failed |= coherent_zeroed(&d->rx.descs, d->dev, 16) != 0;
	if (failed) {
		coherent_free(&d->tx.descs);
		coherent_free(&d->rx.descs);
		return -1;
	}
	return coherent_write(&d->rx.descs, 0, .len, 1);
}
int g_acc2(struct driver *d)
{
	int err = coherent_zeroed(&d->tx.descs, d->dev, 16);
	err |= coherent_zeroed(&d->rx.descs, d->dev, 16);
	if (err) {
		coherent_free(&d->tx.descs);
		coherent_free(&d->rx.descs);
		return -1;
	}
	err = coherent_ring(&d->rx.descs, &d->rx.ring);
	err |= coherent_ring(&d->tx.descs, &d->tx.ring);
	if (err) {
		coherent_free(&d->tx.descs);
		coherent_free(&d->rx.descs);
		return -1;
	}
	coherent_ring_put(&d->rx.ring, 0, .len, 1);
	return coherent_write(&d->rx.descs, 0, .len, 1);
}
int g_chain(struct driver *d)
{
	union desc_mem a = COHERENT_EMPTY, b = COHERENT_EMPTY;
	bool ok = !coherent_zeroed(&a, d->dev, 1) && !coherent_zeroed(&b, d->dev, 1);
	if (ok)
		ok = !coherent_write(&a, 0, .len, 3) && ext_use(&b) == 0;
	coherent_free(&a);
	coherent_free(&b);
	return ok ? 0 : -EIO;
}
int g_retry(struct driver *d)
{
	union desc_mem a = COHERENT_EMPTY;
	int err = 0;
	for (int t = 0; t < 3; t++) {
		err = coherent_zeroed(&a, d->dev, 64 >> t);
		if (!err)
			break;
	}
	if (err)
		return err;
	err = coherent_write(&a, 0, .len, 1);
	coherent_free(&a);
	return err;
}
int g_retry2(struct driver *d)
{
	union desc_mem a = COHERENT_EMPTY;
	size_t n = 1024;
	int err;
	while ((err = coherent_zeroed(&a, d->dev, n)) == -ENOMEM && n > 1)
		n /= 2;
	if (err)
		return err;
	coherent_free(&a);
	return 0;
}
void g_assert(struct driver *d)
{
	union desc_box b = COHERENT_EMPTY;
	union desc_mem m = COHERENT_EMPTY;
	int err;
	err = coherent_box_zeroed(&b, d->dev, 4);
	assert(!err);
	coherent_box_ptr(&b)->len = 1;
	err = coherent_expose(&b, &m);
	assert(err == 0);
	coherent_bar_write64(d->bar, 0, coherent_addr(&m).raw);
	coherent_free(&m);
}
static void *worker(void *arg)
{
	struct driver *d = arg;
	uint32_t v;
	return coherent_read(&d->tx.descs, 0, .len, &v) ? NULL : d;
}
int g_thread(struct coherent_device *dev)
{
	struct driver d = { .dev = dev };
	pthread_t t;
	int err;
	err = coherent_zeroed(&d.tx.descs, dev, 3);
	if (err)
		return err;
	if (pthread_create(&t, NULL, worker, &d)) {
		coherent_free(&d.tx.descs);
		return -1;
	}
	pthread_join(t, NULL);
	coherent_free(&d.tx.descs);
	return 0;
}
int g_swap(struct driver *d)
{
	union desc_mem tmp = COHERENT_EMPTY;
	coherent_move(&d->tx.descs, &tmp);
	coherent_move(&d->rx.descs, &d->tx.descs);
	coherent_move(&tmp, &d->rx.descs);
	return coherent_write(&d->rx.descs, 0, .len, 1);
}
int g_cycle(struct driver *d, int n)
{
	union desc_box b = COHERENT_EMPTY;
	union desc_mem m = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&b, d->dev, 1);
	for (int i = 0; i < n && !err; i++) {
		coherent_box_ptr(&b)->len = i;
		err = coherent_expose(&b, &m);
		if (err)
			break;
		coherent_bar_write64(d->bar, 0, coherent_addr(&m).raw);
		err = coherent_bar_poll32(d->bar, 4, 1, 0, 1000000);
		if (err)
			break;
		err = coherent_reclaim(&m, &b, .idle = true);
	}
	coherent_free(&m);
	coherent_box_free(&b);
	return err;
}
struct node {
	struct node *next;
	union desc_mem mem;
};
struct node *g_list(struct coherent_device *dev, int n)
{
	struct node *head = NULL;
	for (int i = 0; i < n; i++) {
		struct node *x = calloc(1, sizeof(*x));
		if (!x)
			goto fail;
		if (coherent_zeroed(&x->mem, dev, 1)) {
			free(x);
			goto fail;
		}
		x->next = head;
		head = x;
	}
	return head;
fail:
	while (head) {
		struct node *x = head;
		head = x->next;
		coherent_free(&x->mem);
		free(x);
	}
	return NULL;
}
void g_list_free(struct node *head)
{
	struct node *next;
	for (; head; head = next) {
		next = head->next;
		coherent_free(&head->mem);
		free(head);
	}
}
int g_out(struct coherent_device *dev, union desc_mem **out)
{
	union desc_mem *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	int err = coherent_zeroed(m, dev, 2);
	if (err) {
		free(m);
		return err;
	}
	*out = m;
	return 0;
}
int g_useout(struct coherent_device *dev)
{
	union desc_mem *m;
	uint32_t v = 0;
	int err = g_out(dev, &m);
	if (err)
		return err;
	err = coherent_read(m, 0, .len, &v);
	coherent_free(m);
	free(m);
	return err;
}
struct errdrv {
	int err;
	union desc_mem m;
};
int g_field(struct errdrv *e, struct coherent_device *dev)
{
	e->err = coherent_zeroed(&e->m, dev, 4);
	if (e->err)
		return e->err;
	e->err = coherent_write(&e->m, 0, .len, 1);
	if (e->err)
		coherent_free(&e->m);
	return e->err;
}
static struct driver single;
static int users;
int g_once(const char *name)
{
	if (users++)
		return 0;
	int err = coherent_device_open(&single.dev, name);
	if (!err) {
		err = coherent_zeroed(&single.tx.descs, single.dev, 4);
		if (err)
			coherent_device_close(single.dev);
	}
	if (err)
		users--;
	return err;
}
void g_put(void)
{
	if (--users)
		return;
	coherent_free(&single.tx.descs);
	coherent_device_close(single.dev);
}
int g_vla(struct coherent_device *dev, unsigned n)
{
	union desc_mem *a = calloc(n, sizeof(*a));
	unsigned i;
	int err = 0;
	if (!a)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		err = coherent_zeroed(&a[i], dev, 1);
		if (err)
			break;
	}
	if (!err)
		for (unsigned k = 0; k < n && !err; k++)
			err = coherent_write(&a[k], 0, .len, k);
	for (unsigned k = 0; k < i; k++)
		coherent_free(&a[k]);
	free(a);
	return err;
}
