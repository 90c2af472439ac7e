// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "edu.h"

#define EDU_CMD_RUN 1u
#define EDU_CMD_TO_MEMORY 2u
#define EDU_BUFFER 0x40000
#define EDU_TIMEOUT_NS 5000000000u

int edu_probe(struct edu *edu)
{
	const uint32_t alive = 0x5a5a1234;

	/* The device answers the liveness register with the inverse of what the driver wrote. */
	if ((coherent_bar_get(&edu->bar, .id) & 0xff) != 0xed)
		return -ENODEV;
	coherent_bar_put(&edu->bar, .liveness, alive);
	if (coherent_bar_get(&edu->bar, .liveness) != ~alive)
		return -ENODEV;
	/* The device can only use addresses of 28 bits. Set the mask before you allocate. */
	return coherent_device_set_mask(edu->dev, coherent_mask(28));
}

/* Write the command register last: that write starts the transfer. */
static int edu_transfer(struct edu *edu, uint64_t src, uint64_t dst, uint32_t bytes, uint32_t cmd)
{
	/* A register write is ordered after all earlier writes to a mem, so there is no barrier. */
	coherent_bar_put(&edu->bar, .dma_src, src);
	coherent_bar_put(&edu->bar, .dma_dst, dst);
	coherent_bar_put(&edu->bar, .dma_count, bytes);
	coherent_bar_put(&edu->bar, .dma_command, cmd | EDU_CMD_RUN);
	return coherent_bar_poll(&edu->bar, .dma_command, EDU_CMD_RUN, 0, EDU_TIMEOUT_NS);
}

int edu_read(struct edu *edu, coherent_addr_t from, uint32_t bytes)
{
	return edu_transfer(edu, from.raw, EDU_BUFFER, bytes, 0);
}

int edu_write(struct edu *edu, coherent_addr_t to, uint32_t bytes)
{
	return edu_transfer(edu, EDU_BUFFER, to.raw, bytes, EDU_CMD_TO_MEMORY);
}

/* The data that is not in a packet yet. */
struct source {
	const uint8_t *data;
	size_t bytes;
};

/* The packet is still in a box: only the CPU uses it, so plain C is enough. */
static int fill_packet(struct edu_packet *packet, void *arg)
{
	struct source *source = arg;
	uint32_t sum = 0, len;

	for (len = 0; len < EDU_PACKET_BYTES && len < source->bytes; len++) {
		packet->bytes[len] = source->data[len];
		sum += packet->bytes[len];
	}
	packet->len = coherent_cpu_to_le32(len);
	packet->sum = coherent_cpu_to_le32(sum);
	source->data += len;
	source->bytes -= len;
	return 0;
}

int edu_load(struct edu *edu, const uint8_t *data, size_t bytes, union edu_packets *packets)
{
	COHERENT_BOX(struct edu_packet) box = COHERENT_EMPTY;
	struct source source = { data, bytes };
	const enum coherent_level level = coherent_device_level(edu->dev);
	int err;

	err = coherent_box_zeroed(&box, edu->dev, (bytes + EDU_PACKET_BYTES - 1) / EDU_PACKET_BYTES,
				  .level = level);
	for (size_t i = 0; !err && source.bytes; i++)
		err = coherent_box_init_at(&box, i, fill_packet, &source);
	if (err) {
		coherent_box_free(&box);
		return err;
	}
	/* Without an IOMMU nobody can enforce read-only, and expose would refuse it. */
	return coherent_expose(&box, packets,
			       .permission = level == COHERENT_IOMMU ? COHERENT_READ_ONLY :
								       COHERENT_READ_WRITE);
}

/*
 * The device can change the echo at any time. So the driver reads each field once, checks its own
 * copy and then uses that copy.
 */
static int take_packet(union edu_packets *echo, uint8_t *back, size_t size, size_t *len)
{
	uint32_t claimed = 0, sum = 0;
	int err;

	err = coherent_read(echo, 0, .len, &claimed);
	if (!err)
		err = coherent_read(echo, 0, .sum, &sum);
	if (err)
		return err;
	if (claimed > EDU_PACKET_BYTES)
		return -EIO;
	if (claimed > size)
		return -ERANGE;
	err = coherent_copy_out_field(echo, 0, .bytes, 0, back, claimed);
	for (size_t i = 0; !err && i < claimed; i++)
		sum -= back[i];
	*len = claimed;
	return !err && sum ? -EIO : err;
}

static int echo_packet(struct edu *edu, union edu_packets *packets, size_t i,
		       union edu_packets *echo)
{
	coherent_addr_t from;
	int err;

	err = coherent_addr_at(packets, i, &from);
	if (!err)
		err = edu_read(edu, from, sizeof(struct edu_packet));
	if (!err)
		err = edu_write(edu, coherent_addr(echo), sizeof(struct edu_packet));
	return err;
}

int edu_echo(struct edu *edu, union edu_packets *packets, uint8_t *back, size_t size)
{
	size_t len;
	int err;

	err = coherent_zeroed(&edu->echo, edu->dev, 1);
	for (size_t i = 0; !err && i < coherent_count(packets); i++) {
		err = echo_packet(edu, packets, i, &edu->echo);
		if (!err)
			err = take_packet(&edu->echo, back, size, &len);
		if (err)
			break;
		back += len;
		size -= len;
	}
	return err;
}
