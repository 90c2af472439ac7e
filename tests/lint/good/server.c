// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A server with queues that grow, an event loop, and flags that say what to undo. */
#include "../driver.h"
#include <stdbool.h>
#include <pthread.h>
#include <poll.h>
struct srv {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	union desc_mem *q;
	size_t nq, cap;
	pthread_mutex_t lock;
	int err;
	bool up;
	union desc_mem ctl;
	union desc_box stage;
	struct coherent_handle save;
	struct {
		union desc_mem m;
		int state;
	} slot[8];
};
void ext_register(struct srv *s);
void ext_unregister(struct srv *s);
int ext_peek(const union desc_mem *m);
bool ext_want(int);
void *ext_ctx(void);
static inline int srv_fail(struct srv *s, int err)
{
	if (!s->err)
		s->err = err;
	return err;
}
int sticky(struct srv *s)
{
	if (s->err)
		return s->err;
	s->err = coherent_zeroed(&s->ctl, s->dev, 2);
	if (!s->err)
		s->err = coherent_write(&s->ctl, 0, .len, 1);
	if (!s->err)
		s->err = coherent_write(&s->ctl, 1, .len, 1);
	if (s->err)
		coherent_free(&s->ctl);
	return s->err;
}
int sticky2(struct srv *s)
{
	int e = coherent_zeroed(&s->ctl, s->dev, 2);
	if (e)
		return srv_fail(s, e);
	e = coherent_write(&s->ctl, 0, .len, 1);
	if (e) {
		coherent_free(&s->ctl);
		return srv_fail(s, e);
	}
	return 0;
}
int add_queue(struct srv *s, size_t n)
{
	if (s->nq == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 4;
		union desc_mem *q = calloc(cap, sizeof(*q));
		if (!q)
			return -ENOMEM;
		for (size_t i = 0; i < s->nq; i++)
			coherent_move(&s->q[i], &q[i]);
		free(s->q);
		s->q = q;
		s->cap = cap;
	}
	int err = coherent_zeroed(&s->q[s->nq], s->dev, n);
	if (err)
		return err;
	s->nq++;
	return 0;
}
void del_queues(struct srv *s)
{
	while (s->nq)
		coherent_free(&s->q[--s->nq]);
	free(s->q);
	s->q = NULL;
	s->cap = 0;
}
int serve(struct srv *s)
{
	struct pollfd p = { .fd = coherent_irq_fd(s->irq), .events = POLLIN };
	for (;;) {
		int n = poll(&p, 1, 1000);
		if (n < 0)
			return -errno;
		if (n == 0)
			continue;
		int err = coherent_irq_wait(s->irq, 0);
		if (err == -ETIMEDOUT)
			continue;
		if (err)
			return err;
		pthread_mutex_lock(&s->lock);
		for (size_t i = 0; i < s->nq; i++) {
			uint32_t f;
			if (coherent_read_acquire(&s->q[i], 0, .flags, &f))
				break;
			if (f & 1)
				(void)!coherent_write_release(&s->q[i], 0, .flags, 0);
		}
		pthread_mutex_unlock(&s->lock);
		if (ext_want(err))
			break;
	}
	return 0;
}
int reg(struct srv *s)
{
	int err = coherent_zeroed(&s->ctl, s->dev, 1);
	if (err)
		return err;
	ext_register(s);
	err = coherent_write(&s->ctl, 0, .len, 1);
	if (err) {
		ext_unregister(s);
		coherent_free(&s->ctl);
	}
	return err;
}
int local_reg(struct coherent_device *dev)
{
	struct srv s = { .dev = dev };
	int err = coherent_zeroed(&s.ctl, dev, 1);
	if (err)
		return err;
	ext_register(&s);
	err = ext_peek(&s.ctl);
	ext_unregister(&s);
	coherent_free(&s.ctl);
	return err;
}
int slots(struct srv *s)
{
	int i, k, err = 0;
	for (i = 0; i < 8; i++) {
		switch (s->slot[i].state) {
		case 0:
			err = coherent_zeroed(&s->slot[i].m, s->dev, 4);
			if (err)
				goto undo;
			s->slot[i].state = 1;
			break;
		case 1:
			err = coherent_write(&s->slot[i].m, 0, .len, 1);
			if (err)
				goto undo;
			break;
		default:
			break;
		}
	}
	return 0;
undo:
	for (k = 0; k < i; k++)
		if (s->slot[k].state == 1) {
			coherent_free(&s->slot[k].m);
			s->slot[k].state = 0;
		}
	return err;
}
int nested(struct srv *s, unsigned rows, unsigned cols)
{
	union desc_mem(*t)[4] = calloc(rows, sizeof(*t));
	unsigned r = 0, c = 0;
	int err = 0;
	if (!t)
		return -ENOMEM;
	if (cols > 4) {
		free(t);
		return -EINVAL;
	}
	for (r = 0; r < rows; r++)
		for (c = 0; c < cols; c++) {
			err = coherent_zeroed(&t[r][c], s->dev, 1);
			if (err)
				goto out;
		}
	err = rows && cols ? coherent_write(&t[0][0], 0, .len, 1) : 0;
out:
	for (unsigned a = 0; a < rows; a++)
		for (unsigned b = 0; b < cols; b++)
			coherent_free(&t[a][b]);
	free(t);
	return err;
}
static const struct {
	const char *name;
	size_t n;
} specs[] = { { "a", 1 }, { "b", 2 }, { "c", 3 } };
int table(struct srv *s)
{
	union desc_mem m[3] = { COHERENT_EMPTY, COHERENT_EMPTY, COHERENT_EMPTY };
	int err = 0;
	size_t i;
	for (i = 0; i < 3 && !err; i++)
		err = coherent_zeroed(&m[i], s->dev, specs[i].n);
	if (!err)
		err = ext_peek(&m[1]);
	for (i = 0; i < 3; i++)
		coherent_free(&m[i]);
	return err;
}
int cleanup_flags(struct srv *s, const char *n)
{
	int rc = -1;
	bool dev = false, bar = false, ctl = false;
	if (coherent_device_open(&s->dev, n))
		goto end;
	dev = true;
	if (coherent_bar_open(&s->bar, s->dev, 0))
		goto end;
	bar = true;
	if (coherent_zeroed(&s->ctl, s->dev, 1))
		goto end;
	ctl = true;
	if (coherent_write(&s->ctl, 0, .len, 1))
		goto end;
	s->up = true;
	return 0;
end:
	if (ctl)
		coherent_free(&s->ctl);
	if (bar)
		coherent_bar_close(s->bar);
	if (dev)
		coherent_device_close(s->dev);
	return rc;
}
int nullinit(struct srv *s, const char *n)
{
	struct coherent_device *dev = NULL;
	struct coherent_bar *bar = NULL;
	int err;
	err = coherent_device_open(&dev, n);
	if (!err)
		err = coherent_bar_open(&bar, dev, 0);
	if (!err)
		err = coherent_zeroed(&s->ctl, dev, 1);
	if (err) {
		coherent_bar_close(bar);
		coherent_device_close(dev);
		return err;
	}
	s->dev = dev;
	s->bar = bar;
	return 0;
}
struct srv *create(const char *n)
{
	struct srv *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	if (cleanup_flags(s, n) < 0) {
		free(s);
		return NULL;
	}
	return s;
}
void destroy(struct srv **ps)
{
	struct srv *s = *ps;
	if (!s)
		return;
	del_queues(s);
	coherent_free(&s->ctl);
	coherent_bar_close(s->bar);
	coherent_device_close(s->dev);
	free(s);
	*ps = NULL;
}
int main(int argc, char **argv)
{
	struct srv *s;
	int i, rc = 0;
	for (i = 1; i < argc; i++) {
		s = create(argv[i]);
		if (!s) {
			rc = 1;
			continue;
		}
		for (int k = 0; k < 10 && !rc; k++)
			rc = add_queue(s, 16);
		if (!rc)
			rc = serve(s);
		destroy(&s);
	}
	return rc;
}
int stage(struct srv *s, const struct desc *src, size_t n)
{
	if (coherent_is_empty(&s->stage)) {
		int e = coherent_box_zeroed(&s->stage, s->dev, 64);
		if (e)
			return e;
	}
	if (n > coherent_box_count(&s->stage))
		return -E2BIG;
	memcpy(coherent_box_ptr(&s->stage), src, n * sizeof *src);
	return 0;
}
int flush(struct srv *s)
{
	union desc_mem out = COHERENT_EMPTY;
	int e;
	if (coherent_is_empty(&s->stage))
		return 0;
	e = coherent_expose(&s->stage, &out);
	if (e)
		return e;
	coherent_bar_write64(s->bar, 0, coherent_addr(&out).raw);
	e = coherent_bar_poll32(s->bar, 8, 1, 1, 1000);
	if (e)
		coherent_free(&out);
	else if ((e = coherent_reclaim(&out, &s->stage, .idle = true)))
		coherent_free(&out);
	return e;
}
int maybe_null(struct srv *s, union desc_mem *opt)
{
	union desc_mem own = COHERENT_EMPTY, *m = opt;
	int e = 0;
	if (!m) {
		e = coherent_zeroed(&own, s->dev, 1);
		m = &own;
	}
	if (!e)
		e = coherent_write(m, 0, .len, 1);
	coherent_free(&own);
	return e;
}
int ternary(struct srv *s, bool ro)
{
	union desc_box b = COHERENT_EMPTY;
	int e = coherent_box_zeroed(&b, s->dev, 1);
	return e ? e :
		   coherent_expose(&b, &s->ctl,
				   .permission = ro ? COHERENT_READ_ONLY : COHERENT_READ_WRITE);
}
int errs(struct srv *s)
{
	union desc_mem a = COHERENT_EMPTY;
	int e;
	if ((e = coherent_zeroed(&a, s->dev, 1)) != 0 ||
	    (e = coherent_write(&a, 0, .len, 1)) != 0 || (e = ext_peek(&a)) != 0)
		fprintf(stderr, "%s\n", strerror(-e));
	coherent_free(&a);
	return e;
}
int busy(struct srv *s)
{
	int e;
	do
		e = coherent_zeroed(&s->ctl, s->dev, 1);
	while (e == -EAGAIN);
	return e;
}
static int ctor(struct desc *d, size_t n, void *a)
{
	struct srv *s = a;
	for (size_t i = 0; i < n; i++)
		d[i].len = (uint32_t)s->nq;
	return s->up ? 0 : -EIO;
}
int init2(struct srv *s)
{
	int e = coherent_init(&s->ctl, s->dev, 8, ctor, s, .align = 4096);
	if (e == -EIO)
		return 0;
	return e;
}
