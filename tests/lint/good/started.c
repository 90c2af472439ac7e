// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The ways in which drivers initialise their objects. */
#include "../driver.h"

static void start(struct queue *queue)
{
	memset(queue, 0, sizeof(*queue));
}

int by_a_function(struct coherent_device *dev)
{
	struct queue queue;
	int err;

	start(&queue);
	err = coherent_zeroed(&queue.descs, dev, 4);
	coherent_free(&queue.descs);
	return err;
}

int by_another_file(struct coherent_device *dev)
{
	struct queue queue;
	int err;

	other_file_takes(&queue);
	err = coherent_zeroed(&queue.descs, dev, 4);
	coherent_free(&queue.descs);
	return err;
}

int by_assignment(struct coherent_device *dev)
{
	struct queue queue;
	int err;

	queue = (struct queue){ .running = true };
	err = coherent_zeroed(&queue.descs, dev, 4);
	coherent_free(&queue.descs);
	return err;
}

int in_a_loop(struct coherent_device *dev)
{
	union desc_mem mems[4];
	int err = 0;

	for (size_t i = 0; i < 4; i++)
		mems[i] = (union desc_mem)COHERENT_EMPTY;
	for (size_t i = 0; !err && i < 4; i++)
		err = coherent_zeroed(&mems[i], dev, 4);
	for (size_t i = 0; i < 4; i++)
		coherent_free(&mems[i]);
	return err;
}

/* A static variable is zero, and lives on. */
int once(struct coherent_device *dev)
{
	static COHERENT(struct desc) mem;

	return coherent_is_empty(&mem) ? coherent_zeroed(&mem, dev, 4) : 0;
}
