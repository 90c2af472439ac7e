// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A list of commands that a device follows by itself. Each command has 64 bytes and comes from a
 * pool, so that many of them share a page.
 *
 * The driver exposes the last command first. So when it fills a command, the address of the next
 * one is known. The driver then tells the device only the address of the first command. After the
 * driver has freed the list, the device finds zeros at this address.
 *
 * The device has the key "step": it follows one command a millisecond, but in its own time. So the
 * program sleeps nowhere.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/pool.h>
#include <coherent/sim.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINKS 100
#define TIMEOUT_NS (UINT64_C(1) * 1000 * 1000 * 1000)

enum chain_reg { CHAIN_HEAD = 0x00, CHAIN_SUM = 0x08, CHAIN_LINKS = 0x10, CHAIN_BAR = 0x20 };

struct link {
	coherent_le64 next; /* device address of the next command; 0 ends the list */
	coherent_le32 value;
	uint8_t rest[52];
};

COHERENT_POOL_TYPE(link_pool, struct link);
COHERENT_TYPE(link_mem, struct link);

/* --- The driver --- */

struct chain {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	union link_pool pool;
	union link_mem links[LINKS];
};

/* Puts a command in front of the list. @next is the address of the command that follows. */
static int chain_push(struct chain *chain, unsigned int i, uint64_t next, uint32_t value)
{
	COHERENT_BOX(struct link) box = COHERENT_EMPTY;
	int err = coherent_pool_box(&chain->pool, &box);

	if (err)
		return err;
	coherent_box_ptr(&box)->next = coherent_cpu_to_le64(next);
	coherent_box_ptr(&box)->value = coherent_cpu_to_le32(value);
	return coherent_expose(&box, &chain->links[i], .permission = COHERENT_READ_ONLY);
}

static void chain_free(struct chain *chain)
{
	for (unsigned int i = 0; i < LINKS; i++)
		coherent_free(&chain->links[i]);
}

/* Sends a list with the values 1 to LINKS. Returns the sum that the device calculated. */
static int chain_add_up(struct chain *chain, uint32_t *sum)
{
	uint64_t next = 0;
	int err = 0;

	for (unsigned int i = 0; !err && i < LINKS; i++) {
		err = chain_push(chain, i, next, i + 1);
		next = coherent_addr(&chain->links[i]).raw;
	}
	if (!err)
		coherent_bar_write64(chain->bar, CHAIN_HEAD, next);
	if (!err)
		err = coherent_bar_poll32(chain->bar, CHAIN_LINKS, UINT32_MAX, LINKS, TIMEOUT_NS);
	*sum = coherent_bar_read32(chain->bar, CHAIN_SUM);
	/* The device has followed the whole list, so the driver may free it. */
	chain_free(chain);
	return err;
}

static int chain_open(struct chain *chain, const char *name, const struct coherent_sim_model *model,
		      void *model_arg)
{
	int err;

	*chain = (struct chain){ .dev = NULL };
	err = coherent_device_open(&chain->dev, name, .model = model, .model_arg = model_arg,
				   .report = coherent_report_stderr);
	if (!err)
		err = coherent_bar_open(&chain->bar, chain->dev, 0);
	if (!err)
		err = coherent_pool_create(&chain->pool, chain->dev,
					   .permission = COHERENT_READ_ONLY);
	return err;
}

static int chain_close(struct chain *chain)
{
	int err = coherent_pool_destroy(&chain->pool);

	coherent_bar_close(chain->bar);
	coherent_device_close(chain->dev);
	return err;
}

/* --- The model of the device: it follows the list, one command in each tick --- */

struct walker {
	uint64_t head;
	uint64_t next;
	uint32_t sum;
	uint32_t links;
};

static void walker_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			 unsigned int width, uint64_t value)
{
	struct walker *walker = arg;

	(void)sim;
	(void)bar;
	(void)width;
	if (offset == CHAIN_HEAD)
		*walker = (struct walker){ .head = value, .next = value };
}

static uint64_t walker_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			    unsigned int width)
{
	const struct walker *walker = arg;

	(void)sim;
	(void)bar;
	(void)width;
	return offset == CHAIN_SUM ? walker->sum : offset == CHAIN_LINKS ? walker->links : 0;
}

static void walker_tick(struct coherent_sim *sim, void *arg)
{
	struct walker *walker = arg;
	struct link link;

	if (!walker->next || coherent_sim_dma_read(sim, walker->next, &link, sizeof(link)))
		return;
	walker->sum += coherent_le32_to_cpu(link.value);
	walker->links++;
	walker->next = coherent_le64_to_cpu(link.next);
}

static const struct coherent_sim_model walker_model = {
	.name = "chain",
	.mask = UINT32_MAX,
	.bar_size = { CHAIN_BAR },
	.reg_read = walker_read,
	.reg_write = walker_write,
	.tick = walker_tick,
};

/* Reads, as the device, the memory where the list began. */
static int read_head_again(struct chain *chain, const struct walker *walker, struct link *link)
{
	return coherent_sim_try_addr(chain->dev, (coherent_addr_t){ walker->head }, link,
				     sizeof(*link), COHERENT_ACCESS_READ);
}

int main(void)
{
	struct walker walker = { .next = 0 };
	struct coherent_stats stats;
	struct chain chain;
	struct link link;
	uint32_t sum = 0;
	int err;

	/* The device runs while the driver polls, so each run takes the same number of steps. */
	err = chain_open(&chain, "sim:custom,step", &walker_model, &walker);
	if (!err)
		err = chain_add_up(&chain, &sum);
	if (!err)
		err = coherent_device_stats(chain.dev, &stats);
	if (!err)
		err = read_head_again(&chain, &walker, &link);
	if (!err && (sum != LINKS * (LINKS + 1) / 2 || coherent_le32_to_cpu(link.value)))
		err = -EBADMSG;
	if (!err)
		printf("chain: %d commands in %u pages add up to %u; once freed they read as 0\n",
		       LINKS, (unsigned int)(stats.bytes / 4096), sum);
	return chain_close(&chain) || err;
}
