// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver that undoes its steps with labels, in reverse. */
#include "../driver.h"

#define CTRL 0x10
#define DOORBELL 0x18

enum { DRIVER, DEVICE };

struct ladder {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	union desc_mem descs;
	union desc_mem status;
	COHERENT_RING(struct desc) ring;
	unsigned int head;
};

static void fill(struct desc *descs, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		descs[i].len = 64;
		descs[i].flags = DRIVER;
	}
}

int ladder_open(struct ladder *ladder, const char *name);
void ladder_close(struct ladder *ladder);
int ladder_send(struct ladder *ladder, uint64_t addr, uint32_t len);
int ladder_wait(struct ladder *ladder);
struct ladder *ladder_new(const char *name);
void ladder_delete(struct ladder *ladder);

int ladder_open(struct ladder *ladder, const char *name)
{
	union desc_box box = COHERENT_EMPTY;
	struct coherent_limits limits;
	int err;

	memset(ladder, 0, sizeof(*ladder));
	err = coherent_device_open(&ladder->dev, name);
	if (err < 0)
		return err;

	err = coherent_device_limits(ladder->dev, &limits);
	if (err < 0)
		goto close_device;
	if (limits.vectors < 1) {
		err = -ENODEV;
		goto close_device;
	}

	err = coherent_bar_open(&ladder->bar, ladder->dev, 0);
	if (err < 0)
		goto close_device;

	err = coherent_irq_open(&ladder->irq, ladder->dev, 0);
	if (err)
		goto close_bar;

	err = coherent_zeroed(&ladder->status, ladder->dev, ENTRIES);
	if (err)
		goto close_irq;

	err = coherent_box_zeroed(&box, ladder->dev, ENTRIES, .align = 4096);
	if (err)
		goto free_status;
	fill(coherent_box_ptr(&box), ENTRIES);
	err = coherent_expose(&box, &ladder->descs, .permission = COHERENT_READ_ONLY);
	if (err)
		goto free_status;

	err = coherent_ring(&ladder->descs, &ladder->ring);
	if (err)
		goto free_descs;
	coherent_bar_write64(ladder->bar, 0, coherent_addr(&ladder->descs).raw);
	coherent_bar_write64(ladder->bar, 8, coherent_addr(&ladder->status).raw);
	coherent_bar_write32(ladder->bar, CTRL, 1);
	return 0;

free_descs:
	coherent_free(&ladder->descs);
free_status:
	coherent_free(&ladder->status);
close_irq:
	coherent_irq_close(ladder->irq);
close_bar:
	coherent_bar_close(ladder->bar);
close_device:
	coherent_device_close(ladder->dev);
	return err;
}

void ladder_close(struct ladder *ladder)
{
	coherent_bar_write32(ladder->bar, CTRL, 0);
	coherent_free(&ladder->descs);
	coherent_free(&ladder->status);
	coherent_irq_close(ladder->irq);
	coherent_bar_close(ladder->bar);
	coherent_device_close(ladder->dev);
}

int ladder_send(struct ladder *ladder, uint64_t addr, uint32_t len)
{
	unsigned int i = ladder->head;

	if (coherent_ring_get_acquire(&ladder->ring, i, .flags) == DEVICE)
		return -EAGAIN;
	coherent_ring_put(&ladder->ring, i, .addr, addr);
	coherent_ring_put(&ladder->ring, i, .len, len);
	coherent_ring_put_release(&ladder->ring, i, .flags, DEVICE);
	ladder->head = i + 1;
	coherent_bar_write32(ladder->bar, DOORBELL, ladder->head);
	return 0;
}

int ladder_wait(struct ladder *ladder)
{
	uint32_t flags = 0;
	int err;

	do {
		err = coherent_irq_wait(ladder->irq, 1000000);
		if (err && err != -ETIMEDOUT)
			return err;
		err = coherent_read_acquire(&ladder->status, 0, .flags, &flags);
	} while (!err && !(flags & 1));
	return err;
}

struct ladder *ladder_new(const char *name)
{
	struct ladder *ladder = malloc(sizeof(*ladder));

	if (!ladder)
		return NULL;
	if (ladder_open(ladder, name)) {
		free(ladder);
		return NULL;
	}
	return ladder;
}

void ladder_delete(struct ladder *ladder)
{
	if (!ladder)
		return;
	ladder_close(ladder);
	free(ladder);
}

int main(int argc, char **argv)
{
	struct ladder *ladder;
	int err = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s DEVICE\n", argv[0]);
		return 2;
	}
	ladder = ladder_new(argv[1]);
	if (!ladder)
		exit(1);
	for (int i = 0; i < 100 && !err; i++) {
		err = ladder_send(ladder, 0x1000, 64);
		if (err == -EAGAIN)
			err = ladder_wait(ladder);
	}
	ladder_delete(ladder);
	return err ? 1 : 0;
}
