// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reads and writes the memory of a client, for the model of a served device. The client announces
 * which addresses there are. It gets a message for each transfer, and answers or refuses it.
 *
 * A client that sends the file of its memory has decided that the device may reach all of it. The
 * server then reads and writes the file. QEMU needs this: while a guest reads a register, it answers
 * no message. A read or a write of a file fails if the client makes the file shorter. An access to a
 * mapping would end the process.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys_file.h"
#include "base/sys_socket.h"
#include "device/device.h"
#include "sim/serve_dma.h"

/* vfio-user.rst: a client may expect that a server takes so many, if it does not say max_dma_maps. */
#define RANGES_MAX 65535

/* --- Announced addresses --- */

static void close_file(const struct serve_range *range)
{
	if (range->fd >= 0)
		sys_close_foreign(range->fd);
}

static bool overlaps(const struct serve_range *range, uint64_t address, uint64_t bytes)
{
	return address < range->address + range->bytes && range->address < address + bytes;
}

static bool has_room_locked(struct serve_dma *dma) NEEDS_LOCK(dma->lock)
{
	const size_t room = dma->room ? 2 * dma->room : 16;
	struct serve_range *ranges;

	if (dma->count < dma->room)
		return true;
	ranges = calloc(room, sizeof(*ranges));
	if (!ranges)
		return false;
	if (dma->count)
		memcpy(ranges, dma->ranges, dma->count * sizeof(*ranges));
	free(dma->ranges);
	dma->ranges = ranges;
	dma->room = room;
	return true;
}

static uint32_t map_locked(struct serve_dma *dma, const struct vfio_user_dma_map *map, int fd)
	NEEDS_LOCK(dma->lock)
{
	for (size_t i = 0; i < dma->count; i++)
		if (overlaps(&dma->ranges[i], map->address, map->bytes))
			return EEXIST;
	if (dma->count == RANGES_MAX)
		return ENOSPC;
	if (!has_room_locked(dma))
		return ENOMEM;
	dma->ranges[dma->count++] =
		(struct serve_range){ map->address, map->bytes, map->flags, fd, map->offset };
	return 0;
}

static bool map_valid(const struct vfio_user_dma_map *map)
{
	/* The ends of a range fit in 64 bits, so sums do not wrap around. */
	return map->argsz >= sizeof(*map) && map->bytes &&
	       map->address + map->bytes >= map->address &&
	       map->offset + map->bytes >= map->offset &&
	       !(map->flags & ~(VFIO_USER_MAP_READ | VFIO_USER_MAP_WRITE));
}

uint32_t serve_dma_map(struct serve_dma *dma, const struct vfio_user_dma_map *map, int fd)
{
	uint32_t error = EINVAL;

	lock_take(&dma->lock);
	if (map_valid(map))
		error = map_locked(dma, map, fd);
	lock_drop(&dma->lock);
	if (error && fd >= 0)
		sys_close_foreign(fd);
	return error;
}

uint32_t serve_dma_unmap(struct serve_dma *dma, const struct vfio_user_dma_unmap *unmap)
{
	uint32_t error = ENOENT;

	if (unmap->argsz < sizeof(*unmap) || unmap->flags)
		return EINVAL;
	lock_take(&dma->lock);
	for (size_t i = 0; i < dma->count; i++)
		if (dma->ranges[i].address == unmap->address &&
		    dma->ranges[i].bytes == unmap->bytes) {
			close_file(&dma->ranges[i]);
			dma->ranges[i] = dma->ranges[--dma->count];
			error = 0;
			break;
		}
	lock_drop(&dma->lock);
	return error;
}

static const struct serve_range *find_locked(const struct serve_dma *dma, uint64_t address,
					     uint32_t need) NEEDS_LOCK(dma->lock)
{
	for (size_t i = 0; i < dma->count; i++)
		if (address - dma->ranges[i].address < dma->ranges[i].bytes &&
		    dma->ranges[i].flags & need)
			return &dma->ranges[i];
	return NULL;
}

/* Whether each of the bytes was announced, in one range or in several that are neighbours. */
static bool is_announced(struct serve_dma *dma, uint64_t address, uint64_t bytes, uint32_t need)
{
	const struct serve_range *range = NULL;
	uint64_t left = bytes;

	if (address + bytes < address)
		return false;
	lock_take(&dma->lock);
	while (left && (range = find_locked(dma, address, need))) {
		const uint64_t there = range->bytes - (address - range->address);
		const uint64_t part = there < left ? there : left;

		address += part;
		left -= part;
	}
	lock_drop(&dma->lock);
	return !left;
}

/* --- Transfers --- */

/* One report is enough: such a client answers each question wrongly. */
static void report_once(struct serve_dma *dma, const char *what, uint64_t wanted, uint64_t found)
{
	if (dma->reported)
		return;
	dma->reported = true;
	report(&dma->dev->reporter, COHERENT_WARNING,
	       "%s: the client answers a question of the model with another %s: %" PRIu64
	       " instead of %" PRIu64,
	       dma->dev->name, what, found, wanted);
}

/* The answer must have one of the sizes. */
static int ask(struct serve_dma *dma, struct vfio_user_call *call, size_t expected, size_t other)
{
	int err = vfio_user_channel_call(dma->channel, call);

	if (!err && !call->error && call->answer_bytes != expected && call->answer_bytes != other) {
		report_once(dma, "size", expected, call->answer_bytes);
		err = -EPROTO;
	}
	/* After this a late answer could be taken for another one. */
	if (err)
		vfio_user_channel_end(dma->main);
	return err || call->error ? -EIO : 0;
}

static int check_echo(struct serve_dma *dma, const struct vfio_user_dma *wanted,
		      const struct vfio_user_dma *found)
{
	if (found->address != wanted->address)
		report_once(dma, "address", wanted->address, found->address);
	else if (found->bytes != wanted->bytes)
		report_once(dma, "count", wanted->bytes, found->bytes);
	else
		return 0;
	return -EIO;
}

static int write_part(struct serve_dma *dma, uint64_t address, void *from, size_t bytes)
{
	struct vfio_user_dma head = { address, bytes }, answer = { 0 };
	struct vfio_user_call call = {
		.command = VFIO_USER_DMA_WRITE,
		.parts = { { &head, sizeof(head) }, { from, bytes } },
		.part_count = 2,
		.answer = &answer,
		.answer_max = sizeof(answer),
	};
	/* vfio-user.rst says that the count has 4 bytes. QEMU and libvfio-user send 8. */
	const size_t by_book = sizeof(answer.address) + sizeof(uint32_t);
	int err = ask(dma, &call, sizeof(answer), by_book);
	uint32_t count;

	if (!err && call.answer_bytes == by_book) {
		memcpy(&count, &answer.bytes, sizeof(count));
		answer.bytes = count;
	}
	return err ? err : check_echo(dma, &head, &answer);
}

static int read_part(struct serve_dma *dma, uint64_t address, void *to, size_t bytes)
{
	struct vfio_user_dma head = { address, bytes };
	char *const answer = dma->channel->answer;
	struct vfio_user_call call = {
		.command = VFIO_USER_DMA_READ,
		.parts = { { &head, sizeof(head) } },
		.part_count = 1,
		.answer = answer,
		.answer_max = sizeof(head) + bytes,
	};
	int err = ask(dma, &call, sizeof(head) + bytes, sizeof(head) + bytes);

	if (!err)
		err = check_echo(dma, &head, (const void *)answer);
	if (!err)
		memcpy(to, answer + sizeof(head), bytes);
	return err;
}

/* Returns whether the part is in a file, and was read or written there. */
static bool use_file(struct serve_dma *dma, uint64_t address, void *buffer, size_t bytes,
		     bool is_write)
{
	const struct serve_range *range;
	uint64_t at = 0;
	int err = -ENOENT;

	lock_take(&dma->lock);
	range = find_locked(dma, address, is_write ? VFIO_USER_MAP_WRITE : VFIO_USER_MAP_READ);
	if (range)
		at = address - range->address;
	if (range && range->fd >= 0 && bytes <= range->bytes - at)
		err = is_write ? sys_write_more(range->fd, range->offset + at, buffer, bytes) :
				 sys_read_at(range->fd, range->offset + at, buffer, bytes);
	lock_drop(&dma->lock);
	return !err;
}

static int transfer_part(struct serve_dma *dma, uint64_t address, void *buffer, size_t bytes,
			 bool is_write)
{
	if (use_file(dma, address, buffer, bytes, is_write))
		return 0;
	return is_write ? write_part(dma, address, buffer, bytes) :
			  read_part(dma, address, buffer, bytes);
}

/*
 * Returns the size of the next part. A part that is not the last ends at a multiple of 64, so that each
 * aligned word is in one message. A client that takes fewer bytes gets smaller multiples.
 */
static size_t part_bytes(const struct serve_dma *dma, uint64_t address, size_t bytes)
{
	size_t unit = 64;

	if (bytes <= dma->data_max)
		return bytes;
	while (unit > dma->data_max)
		unit /= 2;
	return dma->data_max - (size_t)((address + dma->data_max) % unit);
}

/* The client has no fault for this, because nobody asks it. One report is enough: a device may repeat it. */
static int refuse_transfer(struct serve_dma *dma, uint64_t address, size_t bytes, bool is_write)
{
	if (!dma->refused)
		report(&dma->dev->reporter, COHERENT_WARNING,
		       "%s: the client has announced no memory for a device's %s of %zu bytes at "
		       "0x%" PRIx64 "; later ones of this connection are not reported",
		       dma->dev->name, is_write ? "write" : "read", bytes, address);
	dma->refused = true;
	return -EIO;
}

static int transfer(struct sim_bus *bus, uint64_t address, void *buffer, size_t bytes,
		    enum coherent_access access)
{
	struct serve_dma *dma = (struct serve_dma *)bus;
	const bool is_write = access == COHERENT_ACCESS_WRITE;
	const uint32_t need = is_write ? VFIO_USER_MAP_WRITE : VFIO_USER_MAP_READ;
	int err = is_announced(dma, address, bytes, need) ?
			  0 :
			  refuse_transfer(dma, address, bytes, is_write);

	while (bytes && !err) {
		const size_t part = part_bytes(dma, address, bytes);

		/* The client may have taken the addresses back since the last part. */
		err = is_announced(dma, address, part, need) ?
			      transfer_part(dma, address, buffer, part, is_write) :
			      refuse_transfer(dma, address, part, is_write);
		address += part;
		buffer = (char *)buffer + part;
		bytes -= part;
	}
	return err;
}

void serve_dma_open(struct serve_dma *dma, const struct coherent_device *dev,
		    struct vfio_user_channel *channel, struct vfio_user_channel *main,
		    size_t data_max)
{
	dma->bus.dma = transfer;
	dma->dev = dev;
	dma->channel = channel;
	dma->main = main;
	dma->data_max = data_max;
	lock_init(&dma->lock);
}

void serve_dma_close(struct serve_dma *dma)
{
	for (size_t i = 0; i < dma->count; i++)
		close_file(&dma->ranges[i]);
	lock_destroy(&dma->lock);
	free(dma->ranges);
}
