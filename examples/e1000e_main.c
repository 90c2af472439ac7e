// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sends and receives packets through an 82574 network controller. The packets are in memory of this
 * program, which it adopts. The controller reads and writes them there, where it can.
 *
 *	cc -o e1000e e1000e*.c $(pkg-config --cflags --libs coherent)
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* getopt_long() */
#endif
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e1000e.h"

#define SECOND UINT64_C(1000000000)
#define PATIENCE (30 * SECOND)
/* A half for packets to send, and a half for those that come. The rings hold one fewer. */
#define HALF E1000E_ENTRIES
#define BYTES_MIN 60
#define BYTES_MAX 1514
#define HEADER_BYTES 14

struct packet {
	uint8_t bytes[E1000E_BUFFER_BYTES];
};

COHERENT_TYPE(packets, struct packet);
COHERENT_BOX_TYPE(packet_box, struct packet);

/**
 * struct app - The program.
 * @nic: The controller.
 * @name: The name of the device.
 * @memory: The packets.
 * @box: The packets while the program uses them.
 * @mem: The packets while the controller uses them.
 * @in_place: The controller uses @memory itself.
 * @full: How often a ring was full.
 */
struct app {
	struct e1000e nic;
	const char *name;
	struct packet *memory;
	union packet_box box;
	union packets mem;
	bool in_place;
	unsigned long full;
};

static const char help[] =
	"Usage: e1000e --device=NAME [--netdev=VALUE] echo COUNT\n"
	"       e1000e --device=NAME [--netdev=VALUE] ping COUNT BYTES\n"
	"Use an 82574 network controller, which QEMU has as e1000e, through libcoherent.\n"
	"echo sends back the next COUNT packets. ping sends COUNT packets of BYTES bytes and\n"
	"compares what comes back.\n"
	"\n"
	"  -d, --device=NAME   the device, like vfio:0000:00:02.0 or qemu:e1000e,netdev=n0;\n"
	"                      required\n"
	"  -n, --netdev=VALUE  for qemu: the value of its option -netdev, like user,id=n0\n"
	"  -h, --help          print this help\n"
	"\n"
	"Exit status: 0 for success, 1 if something failed, 2 if an argument is bad or the\n"
	"device does not open.\n";

static int complain(const char *argument, const char *problem)
{
	fprintf(stderr, "e1000e: %s: %s; see e1000e --help\n", argument, problem);
	return 2;
}

/* --- The memory of the packets --- */

static void give_back(void *memory, void *arg)
{
	(void)arg;
	free(memory);
}

static int open_packets(struct app *app)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t bytes = (2 * HALF * sizeof(struct packet) + page - 1) / page * page;
	int err;

	app->memory = aligned_alloc(page, bytes);
	if (!app->memory)
		return -ENOMEM;
	memset(app->memory, 0, bytes);
	err = coherent_box_adopt(&app->box, app->nic.dev, app->memory,
				 bytes / sizeof(struct packet), .copy = true, .release = give_back);
	if (err)
		free(app->memory);
	return err;
}

static int expose(struct app *app)
{
	const int err = coherent_expose(&app->box, &app->mem);

	if (!err)
		app->in_place = (volatile void *)coherent_unsafe_ptr(&app->mem) == app->memory;
	return err;
}

static int post(struct app *app, unsigned int buffer)
{
	coherent_addr_t address;
	int err = coherent_addr_at(&app->mem, buffer, &address);

	if (!err)
		err = e1000e_post(&app->nic, address, buffer);
	return err;
}

static int send_packet(struct app *app, unsigned int buffer, size_t bytes)
{
	coherent_addr_t address;
	int err = coherent_addr_at(&app->mem, buffer, &address);

	if (!err)
		err = e1000e_send(&app->nic, address, bytes, buffer);
	app->full += err == -EAGAIN;
	return err;
}

/* --- Echo --- */

/* Sends each packet that came, in the same buffer. Returns how many there were, or -errno. */
static int echo_some(struct app *app, unsigned long most)
{
	unsigned int buffer;
	size_t bytes;
	int count = 0, err;

	while ((unsigned int)count < most) {
		err = e1000e_receive(&app->nic, &buffer, &bytes);
		if (err == -EAGAIN)
			return count;
		if (!err)
			err = send_packet(app, buffer, bytes);
		if (err)
			return err;
		count++;
	}
	return count;
}

/* Posts each buffer that was sent. */
static int post_sent(struct app *app)
{
	unsigned int buffer;
	int err = 0;

	while (!err && !e1000e_sent(&app->nic, &buffer))
		err = post(app, buffer);
	return err;
}

/* Posts all buffers. A packet that comes before this is lost, so a line tells when it is done. */
static int start_echo(struct app *app)
{
	int err = expose(app);

	for (unsigned int i = 0; !err && i < E1000E_BUFFERS_MAX; i++)
		err = post(app, i);
	if (err)
		return err;
	e1000e_kick(&app->nic);
	printf("%s: waits for packets\n", app->name);
	return fflush(stdout) ? -errno : 0;
}

static int echo(struct app *app, unsigned long count)
{
	struct e1000e *nic = &app->nic;
	int err = start_echo(app), some = 0;

	for (unsigned long done = 0; !err && done < count; done += (unsigned int)some) {
		err = e1000e_wait(nic, &nic->rx, PATIENCE);
		/* All buffers are on their way out. */
		if (err == -EAGAIN)
			err = e1000e_wait(nic, &nic->tx, PATIENCE);
		some = err ? err : echo_some(app, count - done);
		err = some < 0 ? some : post_sent(app);
		e1000e_kick(nic);
	}
	while (!err && !(err = e1000e_wait(nic, &nic->tx, PATIENCE)))
		err = post_sent(app);
	return err == -EAGAIN ? 0 : err;
}

/* --- Ping --- */

/* An experimental EtherType. The rest tells the packets apart. */
static void fill_packet(struct packet *packet, unsigned long number, size_t bytes)
{
	static const uint8_t header[HEADER_BYTES] = { 255,  255, 255,  255,  255,  255,	 0x52,
						      0x54, 0,	 0x12, 0x34, 0x56, 0x88, 0xb5 };

	memcpy(packet->bytes, header, sizeof(header));
	for (size_t i = sizeof(header); i < bytes; i++)
		packet->bytes[i] = (uint8_t)(number * 31 + i * (number % 7 + 1));
}

/* Sends as many as the ring takes, and posts as many buffers. */
static int queue_some(struct app *app, unsigned int *sent, unsigned int *posted, unsigned int count,
		      size_t bytes)
{
	int err = 0;

	while (!err && *posted < count) {
		err = post(app, HALF + *posted);
		*posted += !err;
	}
	err = err == -EAGAIN ? 0 : err;
	while (!err && *sent < count) {
		err = send_packet(app, *sent, bytes);
		*sent += !err;
	}
	e1000e_kick(&app->nic);
	return err == -EAGAIN ? 0 : err;
}

/* Fills order with the buffers in the order in which their packets came. */
static int exchange(struct app *app, unsigned int count, size_t bytes, unsigned int order[HALF])
{
	struct e1000e *nic = &app->nic;
	unsigned int sent = 0, posted = 0, came = 0, buffer;
	size_t length;
	int err = 0;

	while (!err && came < count) {
		err = queue_some(app, &sent, &posted, count, bytes);
		if (!err)
			err = e1000e_wait(nic, &nic->rx, PATIENCE);
		while (!err && !(err = e1000e_receive(nic, &order[came], &length))) {
			came++;
			err = length == bytes ? 0 : -EBADMSG;
		}
		err = err == -EAGAIN ? 0 : err;
		while (!err && !e1000e_sent(nic, &buffer))
			;
	}
	while (!err && !(err = e1000e_wait(nic, &nic->tx, PATIENCE)))
		err = e1000e_sent(nic, &buffer);
	return err == -EAGAIN ? 0 : err;
}

/*
 * The packets are plain memory before the expose and after the reclaim. In between the controller
 * sends them from there, and receives others there.
 */
static int ping_round(struct app *app, unsigned long first, unsigned int count, size_t bytes)
{
	unsigned int order[HALF];
	int err;

	for (unsigned int i = 0; i < count; i++)
		fill_packet(&app->memory[i], first + i, bytes);
	err = expose(app);
	if (!err)
		err = exchange(app, count, bytes, order);
	/* The rings are empty, so the controller does not use the packets. */
	if (!err)
		err = coherent_reclaim(&app->mem, &app->box, .idle = true);
	for (unsigned int i = 0; !err && i < count; i++)
		err = memcmp(app->memory[i].bytes, app->memory[order[i]].bytes, bytes) ? -EBADMSG :
											 0;
	return err;
}

static int ping(struct app *app, unsigned long count, size_t bytes)
{
	int err = 0;

	for (unsigned long done = 0; !err && done < count; done += HALF)
		err = ping_round(app, done,
				 count - done < HALF ? (unsigned int)(count - done) : HALF, bytes);
	return err;
}

/* --- The program --- */

static int report(const struct app *app, unsigned long count, size_t bytes, int err)
{
	if (err == -EBADMSG)
		fprintf(stderr, "e1000e: %s: another packet came back\n", app->name);
	else if (err == -ETIMEDOUT)
		fprintf(stderr, "e1000e: %s: no packet came in time\n", app->name);
	else if (err)
		fprintf(stderr, "e1000e: %s: %s\n", app->name, strerror(-err));
	if (err)
		return 1;
	if (bytes)
		printf("%s: %lu packets of %zu bytes came back, %s; a ring was full %s\n",
		       app->name, count, bytes, app->in_place ? "in place" : "by copies",
		       app->full ? "at times" : "never");
	else
		printf("%s: %lu packets echoed, %s\n", app->name, count,
		       app->in_place ? "in place" : "by copies");
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	fprintf(stderr, "e1000e: standard output: %s\n", strerror(errno));
	return 1;
}

static int use_device(const char *name, const char *netdev, unsigned long count, size_t bytes)
{
	const char *const qemu_args[] = { "-netdev", netdev, NULL };
	struct app app = { .name = name };
	COHERENT_DEVICE_AUTO(dev);
	int err;

	if (coherent_device_open(&dev, name, .report = coherent_report_stderr,
				 .qemu_args = netdev ? qemu_args : NULL))
		return 2;
	err = e1000e_open(&app.nic, dev);
	if (err == -ENODEV) {
		e1000e_close(&app.nic);
		return complain(name, "the device is not an 82574");
	}
	if (!err)
		err = open_packets(&app);
	if (!err)
		err = bytes ? ping(&app, count, bytes) : echo(&app, count);
	e1000e_close(&app.nic);
	coherent_free(&app.mem);
	coherent_box_free(&app.box);
	return report(&app, count, bytes, err);
}

static bool number(const char *text, unsigned long first, unsigned long last, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *value >= first && *value <= last;
}

static int parse(int count, char **words, unsigned long *packets, unsigned long *bytes)
{
	const bool is_ping = count && !strcmp(words[0], "ping");

	if (!count)
		return complain("arguments", "a command is needed");
	if (!is_ping && strcmp(words[0], "echo") != 0)
		return complain(words[0], "is not a command");
	if (count != (is_ping ? 3 : 2))
		return complain(words[0], is_ping ? "takes 2 arguments" : "takes 1 argument");
	if (!number(words[1], 1, 1000000, packets))
		return complain(words[1], "is not a number of packets from 1 to 1000000");
	*bytes = 0;
	if (is_ping && !number(words[2], BYTES_MIN, BYTES_MAX, bytes))
		return complain(words[2], "is not a number of bytes from 60 to 1514");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "device", required_argument, NULL, 'd' },
					       { "netdev", required_argument, NULL, 'n' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	unsigned long packets, bytes;
	const char *name = NULL, *netdev = NULL;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":d:n:h", known, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0 || fflush(stdout);
		if (option != 'd' && option != 'n')
			return complain(argv[optind - 1],
					option == ':' ? "needs a value" : "is not a valid option");
		*(option == 'd' ? &name : &netdev) = optarg;
	}
	status = parse(argc - optind, argv + optind, &packets, &bytes);
	if (!status && !name)
		status = complain("--device", "this option is needed");
	return status ? status : use_device(name, netdev, packets, bytes);
}
