// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reads and writes a virtio-blk disk of another process. With --spawn the program starts QEMU's
 * storage daemon, which turns an image into a disk, and ends the daemon afterwards.
 *
 *	cc -o blk blk*.c disk.c qsd.c tries.c $(pkg-config --cflags --libs coherent)
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create() */
#endif
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk.h"
#include "blk_tries.h"
#include "disk.h"
#include "qsd.h"

_Static_assert(BLK_BYTES_MAX == DISK_BYTES_MAX, "a slot holds the largest request");

static const char help[] =
	"Usage: blk --device=NAME|--spawn=IMAGE [--depth=N] info\n"
	"       blk --device=NAME|--spawn=IMAGE [--depth=N] read SECTOR COUNT >FILE\n"
	"       blk --device=NAME|--spawn=IMAGE [--depth=N] write SECTOR FILE\n"
	"       blk --device=NAME|--spawn=IMAGE [--depth=N] copy FILE\n"
	"Use a virtio-blk disk through libcoherent.\n" DISK_COMMANDS_HELP "\n"
	"  -d, --device=NAME  the device, like vhost-user:/run/disk.sock\n"
	"  -s, --spawn=IMAGE  start qemu-storage-daemon with a raw image as the disk; end it\n"
	"                     at the end\n"
	"  -n, --depth=N      requests at a time, 1 to 32; the default is 8\n"
	"  -t, --tries        with --spawn: afterwards aim the disk at memory that it must not\n"
	"                     reach, and show what happened; this overwrites its first sectors\n"
	"  -h, --help         print this help\n"
	"\n" DISK_STATUS_HELP;

/* --- The functions of struct disk --- */

static int fill_slot(void *driver, unsigned int slot, const uint8_t *from, size_t bytes)
{
	return blk_fill(driver, slot, from, bytes);
}

static int take_slot(void *driver, unsigned int slot, uint8_t *to, size_t bytes)
{
	return blk_take(driver, slot, to, bytes);
}

static void start_request(void *driver, unsigned int slot, bool write, uint64_t block,
			  uint32_t count)
{
	blk_start(driver, slot, write, block, (size_t)count * BLK_SECTOR);
}

static int wait_for_slot(void *driver, unsigned int slot)
{
	return blk_wait(driver, slot);
}

static int flush_disk(void *driver)
{
	return blk_flush(driver);
}

/* --- Tries --- */

/* The daemon writes its messages to this file. */
static int daemon_log = -1;

/* Returns the first line that the daemon wrote since the last call, from its error on. */
static const char *read_reason(void)
{
	static off_t seen;
	static char text[1024];
	ssize_t bytes = pread(daemon_log, text, sizeof(text) - 1, seen);
	const char *error;

	bytes = bytes > 0 ? bytes : 0;
	seen += bytes;
	text[bytes] = '\0';
	text[strcspn(text, "\n")] = '\0';
	error = strstr(text, "vu_panic: ");
	return error ? error : text;
}

static int try_all(struct blk *blk)
{
	struct tries tries = { .count = 0 };
	int err = blk_try_all(blk, &tries, read_reason);

	if (err)
		return disk_fail("blk", "tries", strerror(-err));
	putchar('\n');
	return disk_printed("blk", tries_print(&tries, "reason (error of the process)") ? 0 : 1);
}

/* The tries make the disk hang up on purpose, so its reports are not shown. */
static void ignore_report(void *arg, enum coherent_severity severity, const char *line)
{
	(void)arg;
	(void)severity;
	(void)line;
}

/* --- The program --- */

static int use_device(const char *name, unsigned int depth, struct disk_command *command)
{
	const bool tries = daemon_log >= 0;
	COHERENT_DEVICE_AUTO(dev);
	struct blk blk;
	int status, err;

	if (coherent_device_open(&dev, name,
				 .report = tries ? ignore_report : coherent_report_stderr))
		return 2;
	err = blk_open(&blk, dev, depth);
	if (err)
		status = blk.problem ? disk_complain("blk", name, blk.problem) :
				       disk_fail("blk", name, strerror(-err));
	else
		status = disk_run(command, &(struct disk){
						   .model = "virtio-blk",
						   .driver = &blk,
						   .depth = depth,
						   .block_bytes = BLK_SECTOR,
						   .blocks = blk.sectors,
						   .request_bytes = BLK_BYTES_MAX,
						   .fill = fill_slot,
						   .take = take_slot,
						   .start = start_request,
						   .wait = wait_for_slot,
						   .flush = flush_disk,
					   });
	if (!status && tries)
		status = try_all(&blk);
	blk_close(&blk);
	return status;
}

/* A signal must end the daemon too and remove its socket, so the handler has to know them. */
static struct qsd qsd;

static void end_daemon(int signal_number)
{
	if (qsd.pid > 0)
		kill(qsd.pid, SIGTERM);
	unlink(qsd.path);
	rmdir(qsd.directory);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static int spawn_and_use(const char *image, unsigned int depth, struct disk_command *command)
{
	struct stat image_status;
	char name[96];
	int err, status;

	if (access(image, R_OK | W_OK) || stat(image, &image_status))
		return disk_complain("blk", image, strerror(errno));
	/* The daemon refuses other files, but then the library reports a second problem. */
	if (!S_ISREG(image_status.st_mode))
		return disk_complain("blk", image, "is not a regular file");
	signal(SIGINT, end_daemon);
	signal(SIGTERM, end_daemon);
	signal(SIGHUP, end_daemon);
	/* A reader of standard output may stop before the end. */
	signal(SIGPIPE, end_daemon);
	err = qsd_start(&qsd, image, 0, daemon_log);
	snprintf(name, sizeof(name), "vhost-user:%s", qsd.path);
	if (err == -ENOENT)
		status = disk_complain("blk", "qemu-storage-daemon",
				       "is not installed: apt-get install qemu-system-common");
	else
		status = err ? disk_fail("blk", image, strerror(-err)) :
			       use_device(name, depth, command);
	qsd_end(&qsd);
	return status;
}

static int choose_and_use(const struct disk_options *options, struct disk_command *command)
{
	if (!options->device == !options->image || (options->tries && !options->image))
		return disk_complain("blk", "--device, --spawn",
				     "give one of them; --tries needs --spawn");
	if (options->tries) {
		daemon_log = memfd_create("log", MFD_CLOEXEC);
		if (daemon_log < 0)
			return disk_fail("blk", "--tries", strerror(errno));
	}
	return options->image ? spawn_and_use(options->image, options->depth, command) :
				use_device(options->device, options->depth, command);
}

int main(int argc, char **argv)
{
	struct disk_options options = {
		.program = "blk",
		.help = help,
		.depth_max = BLK_DEPTH_MAX,
		.spawns = true,
	};
	struct disk_command command = { .program = "blk", .info = "info" };
	int status = disk_options_read(&options, argc, argv);

	if (status != DISK_GO_ON)
		return status;
	status = disk_parse(&command, argc - optind, argv + optind);
	if (!status)
		status = choose_and_use(&options, &command);
	disk_end(&command);
	return status;
}
