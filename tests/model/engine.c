// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The simulated device. Its channels read, write or copy memory, a chunk a tick, and signal the
 * end in registers and by an interrupt. The engine logs all that it does, so that the model can
 * check it.
 */
#include <string.h>

#include "model.h"

static const struct device *device_of_engine(const struct engine *engine)
{
	return (const struct device *)((const char *)engine - offsetof(struct device, engine));
}

static int dma(struct coherent_sim *sim, struct engine *engine, uint64_t address, uint8_t *data,
	       size_t bytes, enum coherent_access what)
{
	struct access *access = &engine->log[engine->logged++];

	if (!bytes)
		coherent_sim_report(sim, COHERENT_INFO, "asked for nothing");
	*access = (struct access){ model.now, address, bytes, what, 0, { 0 } };
	if (what == COHERENT_ACCESS_READ)
		access->err = coherent_sim_dma_read(sim, address, data, bytes);
	else
		access->err = coherent_sim_dma_write(sim, address, data, bytes);
	memcpy(access->data, data, bytes);
	return access->err;
}

static void run_channel(struct coherent_sim *sim, struct engine *engine, unsigned int c)
{
	uint8_t *registers = &engine->bars[0][c * sizeof(struct channel)];
	struct channel channel;
	uint8_t data[CHUNK];
	uint32_t bytes;
	int err = 0;

	memcpy(&channel, registers, sizeof(channel));
	if (!(channel.cmd & CMD_COPY))
		return;
	bytes = channel.len - channel.done < CHUNK ? channel.len - channel.done : CHUNK;
	memset(data, (int)(engine->ticked | 1), sizeof(data));
	if (channel.cmd & CMD_READ)
		err = dma(sim, engine, channel.src + channel.done, data, bytes,
			  COHERENT_ACCESS_READ);
	if (!err && channel.cmd & CMD_WRITE)
		err = dma(sim, engine, channel.dst + channel.done, data, bytes,
			  COHERENT_ACCESS_WRITE);
	channel.done += bytes;
	if (err || channel.done == channel.len) {
		channel.cmd = 0;
		channel.status = err ? STATUS_FAILED : STATUS_DONE;
		engine->raised |= 1u << c;
		coherent_sim_irq(sim, c);
	}
	memcpy(registers, &channel, sizeof(channel));
}

static void engine_tick(struct coherent_sim *sim, void *arg)
{
	struct engine *engine = arg;

	CHECK(coherent_sim_now(sim) == device_of_engine(engine)->ticks * 1000000);
	CHECK(coherent_sim_mask(sim) == device_of_engine(engine)->model_mask);
	engine->ticked++;
	for (unsigned int c = 0; c < CHANNELS; c++)
		run_channel(sim, engine, c);
	/* The engine does not have this vector. */
	coherent_sim_irq(sim, UINT32_MAX);
}

/* Returns where the low bytes of a number are. The registers have the byte order of the CPU. */
static void *low_part(uint64_t *number, unsigned int width)
{
	const bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	return (char *)number + (big ? sizeof(*number) - width : 0);
}

static uint64_t engine_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			    unsigned int width)
{
	struct engine *engine = arg;

	(void)sim;
	engine->bar = bar;
	engine->offset = offset;
	engine->width = width;
	/* The driver must not see the bits above the width. */
	engine->value = UINT64_MAX;
	memcpy(low_part(&engine->value, width), &engine->bars[bar][offset], width);
	return engine->value;
}

static void engine_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			 unsigned int width, uint64_t value)
{
	struct engine *engine = arg;

	(void)sim;
	engine->bar = bar;
	engine->offset = offset;
	engine->width = width;
	engine->value = value;
	engine->writes++;
	memcpy(&engine->bars[bar][offset], low_part(&value, width), width);
}

static int engine_open(struct coherent_sim *sim, void *arg)
{
	struct engine *engine = arg;

	(void)sim;
	engine->opened++;
	return 0;
}

static void engine_close(struct coherent_sim *sim, void *arg)
{
	struct engine *engine = arg;

	(void)sim;
	engine->closed++;
}

static void engine_reset(struct coherent_sim *sim, void *arg)
{
	struct engine *engine = arg;

	(void)sim;
	memset(engine->bars, 0, sizeof(engine->bars));
	engine->resets++;
}

static uint32_t engine_config_read(struct coherent_sim *sim, void *arg, unsigned int offset,
				   unsigned int width)
{
	const struct engine *engine = arg;
	uint32_t value = 0;

	(void)sim;
	for (unsigned int i = 0; i < width && offset + i < CONFIG_BYTES; i++)
		value |= (uint32_t)engine->config[offset + i] << 8 * i;
	return value;
}

static void engine_config_write(struct coherent_sim *sim, void *arg, unsigned int offset,
				unsigned int width, uint32_t value)
{
	struct engine *engine = arg;

	(void)sim;
	for (unsigned int i = 0; i < width && offset + i < CONFIG_BYTES; i++)
		engine->config[offset + i] = (uint8_t)(value >> 8 * i);
}

const struct coherent_sim_model engine_model = {
	.name = "engine",
	.mask = UINT64_MAX >> 8,
	.vectors = CHANNELS,
	/* BAR 4 ends with 4 bytes, so that an access of 8 bytes there crosses its end. */
	.bar_size = { 256, 0, 0, 0, 20, 0 },
	.open = engine_open,
	.close = engine_close,
	.reg_read = engine_read,
	.reg_write = engine_write,
	.tick = engine_tick,
	.reset = engine_reset,
	.config_read = engine_config_read,
	.config_write = engine_config_write,
};
