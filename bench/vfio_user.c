// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * bench-vfio-user [reclaim]: compares registers and transfers of a vfio-user: device with the same messages by
 * hand. Both sides have a device in a process of its own. The side by hand knows which message comes
 * next, so it needs neither a thread nor a timeout.
 *
 * Expose and reclaim send no message. They are compared with the memset of the object. A reclaim
 * during a transfer is compared with the copy that it may have to wait for. It needs two CPUs, and the
 * others need one: so the argument chooses it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coherent.h>
#include <coherent/bar.h>

#include "../src/base/size.h"
#include "../src/base/sys.h"
#include "../src/vfio_user/device.h"
#include "bench.h"
#include "vfio_user_device.h"
#include "vfio_user_raw.h"

#define MOST_BYTES ((size_t)2 << 20)
#define RECLAIMS 1000
/* A device address of the side by hand. */
#define RAW_ADDRESS UINT64_C(0x10000)

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);

/**
 * struct ours - The side of the library.
 * @peer: The process of its device.
 * @dev: The device.
 * @bar: Its registers.
 * @box: An object.
 * @mem: The same object, exposed.
 * @bytes: Its size.
 * @how: Which transfers the device makes.
 */
struct ours {
	struct vfio_user_peer peer;
	struct coherent_device *dev;
	struct coherent_bar *bar;
	union byte_box box;
	union byte_mem mem;
	size_t bytes;
	uint64_t how;
};

/**
 * struct theirs - The side by hand.
 * @peer: The process of its device.
 * @twin: The socket of the device's commands.
 * @how: Which transfers the device makes.
 * @command: A command and its reply.
 * @transfer: A command of the device, and the reply.
 * @memory: The memory that the device transfers.
 */
struct theirs {
	struct vfio_user_peer peer;
	int twin;
	uint64_t how;
	struct raw_message command;
	struct raw_message transfer;
	char memory[VFIO_USER_DATA_MAX];
};

static struct ours ours;
static struct theirs theirs;

/* --- Expose and reclaim --- */

static int expose_and_reclaim(void *arg, unsigned int turns)
{
	struct ours *side = arg;
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++) {
		err = coherent_expose(&side->box, &side->mem);
		if (!err)
			err = coherent_reclaim(&side->mem, &side->box);
	}
	return err;
}

static int set_bytes(void *arg, unsigned int turns)
{
	static char memory[MOST_BYTES];
	size_t bytes = ((struct ours *)arg)->bytes;

	bench_hide(&bytes);
	for (unsigned int i = 0; i < turns; i++) {
		memset(memory, 0, bytes);
		bench_use(memory);
	}
	return 0;
}

static int bench_exposes(void)
{
	static const struct {
		const char *name;
		const char *peer;
		size_t bytes;
		unsigned int turns;
		double goal_ns;
	} sizes[] = {
		{ "expose + reclaim 4 KiB", "memset of 4 KiB", 4096, 5000, 100 },
		{ "expose + reclaim 64 KiB", "memset of 64 KiB", 65536, 500, 0 },
		{ "expose + reclaim 2 MiB", "memset of 2 MiB", MOST_BYTES, 20, 0 },
	};
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(sizes); i++) {
		ours.bytes = sizes[i].bytes;
		err = coherent_box_zeroed(&ours.box, ours.dev, ours.bytes);
		if (!err)
			err = bench(&(struct bench_case){
				.name = sizes[i].name,
				.peer = sizes[i].peer,
				.ours = { .run = expose_and_reclaim, .arg = &ours },
				.theirs = { .run = set_bytes, .arg = &ours },
				.turns = sizes[i].turns,
				.goal_ns = sizes[i].goal_ns,
			});
		coherent_box_free(&ours.box);
	}
	return err;
}

/* --- Registers --- */

static int read_ours(void *arg, unsigned int turns)
{
	for (unsigned int i = 0; i < turns; i++)
		if (coherent_bar_read32(((struct ours *)arg)->bar, DEVICE_SCRATCH) == UINT32_MAX)
			return -EIO;
	return 0;
}

static int write_ours(void *arg, unsigned int turns)
{
	for (unsigned int i = 0; i < turns; i++)
		coherent_bar_write32(((struct ours *)arg)->bar, DEVICE_SCRATCH, i);
	return 0;
}

static int read_raw(struct theirs *side, uint64_t offset)
{
	side->command.region = (struct vfio_user_region){ offset, 0, 4 };
	return raw_call(side->peer.socket, &side->command, VFIO_USER_REGION_READ,
			sizeof(side->command.region));
}

static int write_raw(struct theirs *side, uint64_t offset, uint64_t value, uint32_t bytes)
{
	side->command.region = (struct vfio_user_region){ offset, 0, bytes };
	memcpy(side->command.data, &value, bytes);
	return raw_call(side->peer.socket, &side->command, VFIO_USER_REGION_WRITE,
			sizeof(side->command.region) + bytes);
}

static int read_theirs(void *arg, unsigned int turns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = read_raw(arg, DEVICE_SCRATCH);
	return err;
}

static int write_theirs(void *arg, unsigned int turns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < turns; i++)
		err = write_raw(arg, DEVICE_SCRATCH, i, 4);
	return err;
}

static int bench_registers(void)
{
	struct bench_case what = {
		.name = "read a register",
		.peer = "its two messages",
		.ours = { .run = read_ours, .arg = &ours },
		.theirs = { .run = read_theirs, .arg = &theirs },
		.turns = 64,
		.waits = true,
		.goal_ratio = 1.10,
	};
	int err = bench(&what);

	what.name = "write a register";
	what.ours.run = write_ours;
	what.theirs.run = write_theirs;
	return err ? err : bench(&what);
}

/* --- Transfers --- */

/* The device makes the turns that bench_transfers() wrote into its register. */
static int transfer_ours(void *arg, unsigned int turns)
{
	struct ours *side = arg;

	(void)turns;
	coherent_bar_write64(side->bar, DEVICE_START, side->how);
	return 0;
}

/* Checks a command of the device and copies the data, as a program must that serves it. */
static int answer_transfer(struct theirs *side)
{
	struct raw_message *message = &side->transfer;
	int err = raw_receive(side->twin, message);

	if (err)
		return err;
	if (message->dma.address != RAW_ADDRESS || message->dma.bytes > sizeof(side->memory))
		return -EPROTO;
	message->header.flags = VFIO_USER_FLAG_REPLY;
	if (message->header.command == VFIO_USER_DMA_READ)
		return raw_send_with(side->twin, message, sizeof(message->dma), side->memory,
				     message->dma.bytes);
	memcpy(side->memory, message->data, message->dma.bytes);
	return raw_send(side->twin, message, sizeof(message->dma));
}

static int transfer_theirs(void *arg, unsigned int turns)
{
	struct theirs *side = arg;
	struct raw_message *message = &side->command;
	int err;

	message->region = (struct vfio_user_region){ DEVICE_START, 0, 8 };
	memcpy(message->data, &side->how, 8);
	message->header.command = VFIO_USER_REGION_WRITE;
	message->header.flags = 0;
	err = raw_send(side->peer.socket, message, sizeof(message->region) + 8);
	for (unsigned int i = 0; !err && i < turns; i++)
		err = answer_transfer(side);
	return err ? err : raw_receive(side->peer.socket, message);
}

static int prepare(uint64_t bytes, uint64_t turns)
{
	int err = write_raw(&theirs, DEVICE_ADDRESS, RAW_ADDRESS, 8);

	if (!err)
		err = write_raw(&theirs, DEVICE_BYTES, bytes, 8);
	if (!err)
		err = write_raw(&theirs, DEVICE_TURNS, turns, 8);
	coherent_bar_write64(ours.bar, DEVICE_ADDRESS, coherent_addr(&ours.mem).raw);
	coherent_bar_write64(ours.bar, DEVICE_BYTES, bytes);
	coherent_bar_write64(ours.bar, DEVICE_TURNS, turns);
	return err;
}

static int bench_transfers(void)
{
	static const struct {
		const char *name;
		size_t bytes;
		unsigned int turns;
		uint64_t how;
	} all[] = {
		{ "the device reads 4 KiB", 4096, 64, DEVICE_READS },
		{ "the device writes 4 KiB", 4096, 64, DEVICE_WRITES },
		{ "the device reads 1 MiB", VFIO_USER_DATA_MAX, 4, DEVICE_READS },
		{ "the device writes 1 MiB", VFIO_USER_DATA_MAX, 4, DEVICE_WRITES },
	};
	int err = coherent_zeroed(&ours.mem, ours.dev, VFIO_USER_DATA_MAX);

	for (size_t i = 0; !err && i < ARRAY_SIZE(all); i++) {
		ours.how = theirs.how = all[i].how;
		err = prepare(all[i].bytes, all[i].turns);
		if (!err)
			err = bench(&(struct bench_case){
				.name = all[i].name,
				.peer = "its two messages",
				.ours = { .run = transfer_ours, .arg = &ours },
				.theirs = { .run = transfer_theirs, .arg = &theirs },
				.turns = all[i].turns,
				.waits = true,
				.goal_ratio = 1.10,
			});
	}
	coherent_free(&ours.mem);
	return err;
}

/* --- Reclaim during transfers --- */

static int compare_times(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Waits until the device gives up. Otherwise the device would report at its end that nobody did. */
static int wait_for_refusal(void)
{
	struct coherent_fault fault;
	int err;

	do
		err = coherent_device_next_fault(ours.dev, &fault);
	while (err == -EAGAIN);
	return err;
}

/* Reclaims at a random moment while the device writes again and again, and measures that. */
static int time_reclaim(uint64_t *ns)
{
	const size_t last = VFIO_USER_DATA_MAX - 1;
	uint64_t start;
	uint8_t byte = 0;
	int err;

	coherent_box_ptr(&ours.box)[last] = 0;
	err = coherent_expose(&ours.box, &ours.mem);
	if (err)
		return err;
	coherent_bar_write64(ours.bar, DEVICE_ADDRESS, coherent_addr(&ours.mem).raw);
	coherent_bar_write64(ours.bar, DEVICE_START, DEVICE_WRITES_ON);
	/* The device writes ones. */
	while (!err && !byte)
		err = coherent_read(&ours.mem, last, &byte);
	start = sys_now_ns() + bench_random(SYS_NS_PER_MS);
	while (sys_now_ns() < start)
		;
	start = sys_now_ns();
	if (!err)
		err = coherent_reclaim(&ours.mem, &ours.box);
	*ns = sys_now_ns() - start;
	return err ? err : wait_for_refusal();
}

/* Measures the copy that the library makes for the device. No device asks for one meanwhile. */
static int time_copy(uint64_t *ns)
{
	struct vfio_user *user = vfio_user_of(ours.dev->backend);
	uint64_t start;
	int err = coherent_expose(&ours.box, &ours.mem);

	if (err)
		return err;
	start = sys_now_ns();
	err = iommu_port_try(&user->port, coherent_addr(&ours.mem).raw, theirs.memory,
			     VFIO_USER_DATA_MAX, COHERENT_ACCESS_WRITE);
	*ns = sys_now_ns() - start;
	return err ? err : coherent_reclaim(&ours.mem, &ours.box);
}

/* Measures again and again. The times are sorted. */
static int time_all(int (*measure)(uint64_t *ns), uint64_t *ns)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < RECLAIMS; i++)
		err = measure(&ns[i]);
	qsort(ns, RECLAIMS, sizeof(*ns), compare_times);
	return err;
}

/* Prints one of the sorted times, and how long a copy takes that is as bad. */
static void print_reclaim(const char *name, const uint64_t *reclaims, const uint64_t *copies,
			  size_t nth)
{
	const double ratio = (double)reclaims[nth] / (double)copies[nth];

	printf("{\"name\": \"%s\", \"unit\": \"ns\", \"ours\": %" PRIu64 ", "
	       "\"peer\": \"a copy of 1 MiB\", \"theirs\": %" PRIu64 ", \"ratio\": %.2f",
	       name, reclaims[nth], copies[nth], ratio);
	/* The worst times are those of a thread that waits for a CPU. */
	if (nth < RECLAIMS - 1)
		printf(", \"goal\": \"1.10x\", \"met\": %s", ratio <= 1.1 ? "true" : "false");
	printf("}\n");
}

static int bench_reclaims(void)
{
	static uint64_t reclaims[RECLAIMS], copies[RECLAIMS];
	int err = coherent_box_zeroed(&ours.box, ours.dev, VFIO_USER_DATA_MAX);

	coherent_bar_write64(ours.bar, DEVICE_BYTES, VFIO_USER_DATA_MAX);
	if (!err)
		err = time_all(time_copy, copies);
	if (!err)
		err = time_all(time_reclaim, reclaims);
	coherent_free(&ours.mem);
	coherent_box_free(&ours.box);
	if (err)
		return err;
	print_reclaim("reclaim during 1 MiB writes", reclaims, copies, RECLAIMS / 2);
	print_reclaim("the same, 99 of 100", reclaims, copies, RECLAIMS * 99 / 100);
	print_reclaim("the same, worst", reclaims, copies, RECLAIMS - 1);
	return 0;
}

/* --- All --- */

static int open_ours(void)
{
	int err = vfio_user_peer_start(&ours.peer);

	if (!err)
		err = coherent_device_open(&ours.dev, "vfio-user:", .socket_fd = ours.peer.socket,
					   .report = coherent_report_stderr);
	return err ? err : coherent_bar_open(&ours.bar, ours.dev, 0);
}

static int open_theirs(void)
{
	static const char json[] = "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}";
	struct raw_message *message = &theirs.command;
	const struct vfio_user_version version = { VFIO_USER_MAJOR, VFIO_USER_MINOR };
	int err = vfio_user_peer_start(&theirs.peer);

	message->header.command = VFIO_USER_VERSION;
	memcpy(message->payload, &version, sizeof(version));
	memcpy(message->payload + sizeof(version), json, sizeof(json));
	if (!err)
		err = raw_send(theirs.peer.socket, message, sizeof(version) + sizeof(json));
	return err ? err : raw_receive_fd(theirs.peer.socket, message, &theirs.twin);
}

static int bench_messages(void)
{
	int err = open_theirs();

	if (!err)
		err = bench_exposes();
	if (!err)
		err = bench_registers();
	return err ? err : bench_transfers();
}

int main(int argc, char **argv)
{
	const bool reclaims = argc == 2 && !strcmp(argv[1], "reclaim");
	int err;

	if (argc != 1 + reclaims) {
		fputs("usage: bench-vfio-user [reclaim]\n", stderr);
		return 2;
	}
	err = open_ours();
	if (!err && reclaims)
		err = bench_reclaims();
	else if (!err)
		err = bench_messages();
	coherent_bar_close(ours.bar);
	coherent_device_close(ours.dev);
	/* The second process has a copy of the first one's connection. */
	vfio_user_peer_end(&theirs.peer);
	vfio_user_peer_end(&ours.peer);
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	return !!err;
}
