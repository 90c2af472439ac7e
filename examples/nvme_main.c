// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reads and writes an NVMe disk from userspace. --depth sets how many commands are in flight.
 *
 *	cc -o nvme nvme*.c disk.c $(pkg-config --cflags --libs coherent)
 */
#include <getopt.h>
#include <string.h>

#include "disk.h"
#include "nvme.h"
#include "nvme_save.h"

_Static_assert(NVME_BYTES_MAX == DISK_BYTES_MAX, "a slot holds the largest request");

static const char help[] =
	"Usage: nvme [--device=NAME] [--depth=N] identify\n"
	"       nvme [--device=NAME] [--depth=N] read BLOCK COUNT >FILE\n"
	"       nvme [--device=NAME] [--depth=N] write BLOCK FILE\n"
	"       nvme [--device=NAME] [--depth=N] copy FILE\n"
	"       nvme [--device=NAME] [--depth=N] save FILE [BLOCK COUNT]\n"
	"Use namespace 1 of an NVMe controller through libcoherent.\n" DISK_COMMANDS_HELP
	"save writes blocks to FILE, all of them if there is no BLOCK. The controller and\n"
	"FILE use one buffer, with O_DIRECT where the file system supports it.\n"
	"\n"
	"  -d, --device=NAME  the device, like vfio:0000:00:02.0; required\n"
	"  -n, --depth=N      commands at a time, 1 to 64; the default is 8\n"
	"  -h, --help         print this help\n"
	"\n" DISK_STATUS_HELP;

/* --- The functions of struct disk --- */

static int fill_slot(void *driver, unsigned int slot, const uint8_t *from, size_t bytes)
{
	return nvme_fill(driver, slot, from, bytes);
}

static int take_slot(void *driver, unsigned int slot, uint8_t *to, size_t bytes)
{
	return nvme_take(driver, slot, to, bytes);
}

static void start_command(void *driver, unsigned int slot, bool write, uint64_t block,
			  uint32_t count)
{
	nvme_start(driver, slot, write, block, count);
}

static int wait_for_slot(void *driver, unsigned int slot)
{
	return nvme_wait(driver, slot);
}

static int flush_disk(void *driver)
{
	return nvme_flush(driver);
}

static int run_command(struct nvme *nvme, struct disk_command *command,
		       const struct nvme_save *save)
{
	if (save->path)
		return nvme_save_run(save, nvme);
	return disk_run(command, &(struct disk){
					 .model = nvme->model,
					 .driver = nvme,
					 .depth = nvme->depth,
					 .block_bytes = nvme->block_bytes,
					 .blocks = nvme->blocks,
					 .request_bytes = nvme->command_bytes,
					 .fill = fill_slot,
					 .take = take_slot,
					 .start = start_command,
					 .wait = wait_for_slot,
					 .flush = flush_disk,
				 });
}

static int use_device(const char *name, unsigned int depth, struct disk_command *command,
		      const struct nvme_save *save)
{
	COHERENT_DEVICE_AUTO(dev);
	struct nvme nvme;
	int status, err;

	if (coherent_device_open(&dev, name, .report = coherent_report_stderr))
		return 2;
	err = nvme_open(&nvme, dev, depth);
	if (err)
		status = nvme.problem ? disk_complain("nvme", name, nvme.problem) :
					disk_fail("nvme", name, strerror(-err));
	else
		status = run_command(&nvme, command, save);
	nvme_close(&nvme);
	return status;
}

int main(int argc, char **argv)
{
	struct disk_options options = {
		.program = "nvme",
		.help = help,
		.depth_max = NVME_DEPTH_MAX,
	};
	struct disk_command command = { .program = "nvme", .info = "identify" };
	struct nvme_save save = { .path = NULL };
	int status = disk_options_read(&options, argc, argv);

	if (status != DISK_GO_ON)
		return status;
	if (optind < argc && !strcmp(argv[optind], "save"))
		status = nvme_save_parse(&save, argc - optind, argv + optind);
	else
		status = disk_parse(&command, argc - optind, argv + optind);
	if (!status && !options.device)
		status = disk_complain("nvme", "--device", "this option is needed");
	if (!status)
		status = use_device(options.device, options.depth, &command, &save);
	disk_end(&command);
	return status;
}
