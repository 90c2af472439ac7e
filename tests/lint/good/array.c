// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver with arrays of queues, a pool, helpers that own objects for a while, and callbacks. */
#include "../driver.h"

#define QUEUES 4

struct nic;

struct request {
	union desc_box box;
	union desc_mem mem;
	struct request *next;
	void (*done)(struct nic *nic, struct request *request);
};

struct nic {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct queue queues[QUEUES];
	union desc_pool pool;
	struct request *busy;
	unsigned int count;
};

typedef int step_fn(struct nic *nic);

int nic_start(struct nic *nic, const char *name);
void nic_stop(struct nic *nic);
int nic_submit(struct nic *nic, uint32_t len);
int nic_poll(struct nic *nic);
int nic_grow(struct nic *nic, unsigned int count);
union desc_mem *nic_buffers(struct nic *nic, size_t count);
int nic_fill(struct nic *nic);

/* Gives the mem to the caller. */
static int make_queue(struct nic *nic, union desc_mem *mem)
{
	union desc_box box = COHERENT_EMPTY;
	struct desc *desc;
	int err;

	err = coherent_box_zeroed(&box, nic->dev, ENTRIES);
	if (err)
		return err;
	desc = coherent_box_ptr(&box);
	while (desc < coherent_box_ptr(&box) + coherent_box_count(&box))
		desc++->len = 1;
	return coherent_expose(&box, mem);
}

static int open_queues(struct nic *nic)
{
	unsigned int i;
	int err;

	for (i = 0; i < QUEUES; i++) {
		err = make_queue(nic, &nic->queues[i].descs);
		if (err)
			goto unwind;
		err = coherent_ring(&nic->queues[i].descs, &nic->queues[i].ring);
		if (err) {
			coherent_free(&nic->queues[i].descs);
			goto unwind;
		}
		nic->queues[i].running = true;
	}
	return 0;

unwind:
	while (i-- > 0)
		coherent_free(&nic->queues[i].descs);
	return err;
}

static int open_pool(struct nic *nic)
{
	return coherent_pool_create(&nic->pool, nic->dev, .permission = COHERENT_READ_ONLY);
}

static int open_bar(struct nic *nic)
{
	return coherent_bar_open(&nic->bar, nic->dev, 0);
}

static step_fn *const steps[] = { open_bar, open_pool, open_queues };

int nic_start(struct nic *nic, const char *name)
{
	int err;

	*nic = (struct nic){ .count = 0 };
	if ((err = coherent_device_open(&nic->dev, name)) != 0)
		return err;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		err = steps[i](nic);
		if (err) {
			nic_stop(nic);
			return err;
		}
	}
	return 0;
}

static void finish(struct nic *nic, struct request *request)
{
	(void)nic;
	coherent_box_free(&request->box);
	coherent_free(&request->mem);
	free(request);
}

void nic_stop(struct nic *nic)
{
	struct request *request;

	while ((request = nic->busy) != NULL) {
		nic->busy = request->next;
		finish(nic, request);
	}
	for (struct queue *queue = nic->queues; queue < nic->queues + QUEUES; queue++) {
		if (!queue->running)
			continue;
		coherent_free(&queue->descs);
		queue->running = false;
	}
	if (coherent_pool_destroy(&nic->pool))
		fprintf(stderr, "nic: the pool is still in use\n");
	coherent_bar_close(nic->bar);
	coherent_device_close(nic->dev);
}

int nic_submit(struct nic *nic, uint32_t len)
{
	struct request *request = calloc(1, sizeof(*request));
	int err;

	if (!request)
		return -ENOMEM;
	err = coherent_pool_box(&nic->pool, &request->box);
	if (err)
		goto out;
	coherent_box_ptr(&request->box)->len = len;
	err = coherent_expose(&request->box, &request->mem, .permission = COHERENT_READ_ONLY);
	if (err)
		goto out;
	request->done = finish;
	request->next = nic->busy;
	nic->busy = request;
	coherent_bar_write64(nic->bar, 0x20, coherent_addr(&request->mem).raw);
	return 0;

out:
	free(request);
	return err;
}

int nic_poll(struct nic *nic)
{
	struct request *request = nic->busy;
	uint32_t flags;
	int err;

	if (!request)
		return 0;
	err = coherent_read_acquire(&request->mem, 0, .flags, &flags);
	switch (err) {
	case 0:
		break;
	case -ERANGE:
	case -EINVAL:
		return -EIO;
	default:
		return err;
	}
	if (!(flags & 1))
		return -EAGAIN;
	nic->busy = request->next;
	request->done(nic, request);
	return 0;
}

/* Callers own the array and what is in it. */
union desc_mem *nic_buffers(struct nic *nic, size_t count)
{
	union desc_mem *mems = calloc(count, sizeof(*mems));

	if (!mems)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (coherent_zeroed(&mems[i], nic->dev, ENTRIES)) {
			while (i > 0)
				coherent_free(&mems[--i]);
			free(mems);
			return NULL;
		}
	}
	return mems;
}

int nic_grow(struct nic *nic, unsigned int count)
{
	union desc_mem extra[QUEUES] = { COHERENT_EMPTY };
	unsigned int made = 0;
	int err = 0;

	if (count > QUEUES)
		return -EINVAL;
	while (made < count && !(err = make_queue(nic, &extra[made])))
		made++;
	for (unsigned int i = 0; !err && i < made; i++)
		err = coherent_write(&extra[i], 0, .flags, i);
	for (unsigned int i = 0; i < made; i++)
		coherent_free(&extra[i]);
	return err;
}

/* Returns how many there are. */
static size_t make_some(struct nic *nic, union desc_mem *mems)
{
	size_t i;

	for (i = 0; i < 40 && i < nic->count; i++)
		if (coherent_zeroed(&mems[i], nic->dev, i + 1))
			break;
	return i;
}

int nic_fill(struct nic *nic)
{
	union desc_mem mems[40] = { COHERENT_EMPTY };
	size_t count = make_some(nic, mems);
	int err = count < 18 ? 0 : coherent_write(&mems[17], 0, .len, 1);

	while (count-- > 0)
		coherent_free(&mems[count]);
	return err;
}
