// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The buffer has one owner at a time. While it is a mem, the controller writes to it. While it is a
 * box, the kernel reads it. With vfio: the blocks are in the same pages all the way; elsewhere the
 * library copies them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_DIRECT */
#endif
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "nvme_save.h"

COHERENT_BOX_TYPE(nvme_page_box, struct nvme_page);

/**
 * struct copy - A copy on its way.
 * @save: The command.
 * @nvme: The controller.
 * @buffer: The memory of the program. The box or the mem of the moment has it.
 * @bytes: Its size, the most bytes of a command for each slot.
 * @box: The buffer while the kernel may read it.
 * @lists: The page lists of the commands, one for each slot.
 * @temporary: The name of the file until it is complete.
 * @file: The file.
 * @done: How many bytes are in it.
 * @total: How many bytes it gets.
 * @in_place: The controller writes to the buffer itself.
 */
struct copy {
	const struct nvme_save *save;
	struct nvme *nvme;
	struct nvme_page *buffer;
	size_t bytes;
	union nvme_page_box box;
	union nvme_lists lists;
	char *temporary;
	int file;
	uint64_t done;
	uint64_t total;
	bool in_place;
};

/* --- The words of the command --- */

int nvme_save_parse(struct nvme_save *save, int count, char **words)
{
	int status;

	*save = (struct nvme_save){ .path = count > 1 ? words[1] : NULL };
	if (count != 2 && count != 4)
		return disk_complain("nvme", words[0], "takes 1 or 3 arguments");
	if (count == 2)
		return 0;
	status = disk_number("nvme", words[2], &save->block);
	if (!status)
		status = disk_number("nvme", words[3], &save->count);
	return status || save->count ?
		       status :
		       disk_complain("nvme", words[3],
				     "is not a count of blocks, at least 1 is needed");
}

static int find_range(struct copy *copy)
{
	const struct nvme_save *save = copy->save;
	const uint64_t blocks = copy->nvme->blocks;
	const uint64_t count = save->count ? save->count : blocks - save->block;
	char why[96];

	if (save->block < blocks && count <= blocks - save->block &&
	    blocks <= INT64_MAX / copy->nvme->block_bytes) {
		copy->total = count * copy->nvme->block_bytes;
		return 0;
	}
	snprintf(why, sizeof(why),
		 "%" PRIu64 " blocks from block %" PRIu64 " on do not fit: the disk has %" PRIu64,
		 count, save->block, blocks);
	return disk_complain("nvme", "save", why);
}

/* --- The file --- */

static int file_failed(const struct copy *copy, const char *why)
{
	return disk_fail("nvme", copy->save->path, why);
}

/* Until it is complete, the file has another name. A file with the right name stays as it is. */
static int open_file(struct copy *copy)
{
	const mode_t mask = umask(0);
	struct stat status;

	umask(mask);
	if (!lstat(copy->save->path, &status) && !S_ISREG(status.st_mode))
		return disk_complain("nvme", copy->save->path, "is not a regular file");
	if (asprintf(&copy->temporary, "%s.XXXXXX", copy->save->path) < 0) {
		copy->temporary = NULL;
		return file_failed(copy, strerror(ENOMEM));
	}
	copy->file = mkostemp(copy->temporary, O_CLOEXEC);
	if (copy->file < 0)
		return file_failed(copy, strerror(errno));
	if (fchmod(copy->file, 0666 & ~mask))
		return file_failed(copy, strerror(errno));
	if (fcntl(copy->file, F_SETFL, O_DIRECT))
		fprintf(stderr,
			"nvme: %s: the file system does not support O_DIRECT (%s), so its cache "
			"gets a copy\n",
			copy->save->path, strerror(errno));
	return 0;
}

/* With O_DIRECT the kernel wants whole sectors. The buffer has whole pages, so the last is longer. */
static int write_round(const struct copy *copy, const struct nvme_page *from, size_t bytes)
{
	const size_t whole = (bytes + NVME_PAGE - 1) / NVME_PAGE * NVME_PAGE;
	const char *at = (const char *)from;

	for (size_t done = 0; done < whole;) {
		const ssize_t n =
			pwrite(copy->file, at + done, whole - done, (off_t)(copy->done + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return file_failed(copy, strerror(n ? errno : EIO));
		done += (size_t)n;
	}
	return 0;
}

static int keep_file(struct copy *copy)
{
	const int file = copy->file;

	if (ftruncate(file, (off_t)copy->total) || fsync(file))
		return file_failed(copy, strerror(errno));
	copy->file = -1;
	if (close(file) || rename(copy->temporary, copy->save->path))
		return file_failed(copy, strerror(errno));
	free(copy->temporary);
	copy->temporary = NULL;
	return 0;
}

static void drop_file(struct copy *copy)
{
	if (copy->file >= 0)
		close(copy->file);
	if (copy->temporary)
		unlink(copy->temporary);
	free(copy->temporary);
}

/* --- The buffer --- */

static void give_back(void *memory, void *arg)
{
	(void)arg;
	free(memory);
}

static int open_buffer(struct copy *copy)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct nvme *nvme = copy->nvme;
	size_t whole;
	int err;

	copy->bytes = nvme->depth * nvme->command_bytes;
	whole = (copy->bytes + page - 1) / page * page;
	copy->buffer = aligned_alloc(page, whole);
	if (!copy->buffer)
		return -ENOMEM;
	err = coherent_box_adopt(&copy->box, nvme->dev, copy->buffer, whole / NVME_PAGE,
				 .copy = true, .release = give_back);
	if (err) {
		free(copy->buffer);
		return err;
	}
	return coherent_zeroed(&copy->lists, nvme->dev, nvme->depth,
			       .permission = COHERENT_READ_ONLY);
}

/* --- Rounds --- */

/* Writes the page list of a slot. The doorbell of the command is ordered after these writes. */
static int fill_list(struct copy *copy, unsigned int slot, uint64_t first, size_t bytes,
		     coherent_addr_t *list)
{
	int err = coherent_addr_at(&copy->lists, slot, list);

	for (size_t i = 0; !err && i * NVME_PAGE < bytes; i++)
		err = coherent_write_item(&copy->lists, slot, .pages, i, first + i * NVME_PAGE);
	return err;
}

static int start_slot(struct copy *copy, unsigned int slot, uint64_t first, size_t bytes)
{
	struct nvme *nvme = copy->nvme;
	const uint64_t at = (copy->done + slot * nvme->command_bytes) / nvme->block_bytes;
	coherent_addr_t list;
	int err = fill_list(copy, slot, first, bytes, &list);

	if (!err)
		nvme_start_at(nvme, slot, false, copy->save->block + at,
			      (uint32_t)(bytes / nvme->block_bytes), first, list.raw);
	return err;
}

/* Reads @bytes to the mem, with one command for each slot. Waits for each one that it started. */
static int read_round(struct copy *copy, uint64_t address, size_t bytes)
{
	const size_t most = copy->nvme->command_bytes;
	unsigned int started = 0;
	int err = 0;

	for (size_t at = 0; !err && at < bytes; at += most) {
		err = start_slot(copy, started, address + at,
				 bytes - at < most ? bytes - at : most);
		started += !err;
	}
	for (unsigned int slot = 0; slot < started; slot++) {
		const int failed = nvme_wait(copy->nvme, slot);

		err = err ? err : failed;
	}
	return err;
}

/*
 * The controller has the buffer from the expose to the reclaim. If a command fails, another one may
 * still write to it. So the library calls give_back() when the controller was stopped.
 */
static int fill_buffer(struct copy *copy, size_t bytes)
{
	COHERENT_AUTO(struct nvme_page, mem);
	int err = coherent_expose(&copy->box, &mem);

	if (err)
		return err;
	copy->in_place = (volatile void *)coherent_unsafe_ptr(&mem) == copy->buffer;
	err = read_round(copy, coherent_addr(&mem).raw, bytes);
	return err ? err : coherent_reclaim(&mem, &copy->box, .idle = true);
}

static int copy_all(struct copy *copy)
{
	while (copy->done < copy->total) {
		const uint64_t rest = copy->total - copy->done;
		const size_t bytes = rest < copy->bytes ? (size_t)rest : copy->bytes;
		const int err = fill_buffer(copy, bytes);

		if (err)
			return disk_fail("nvme", copy->nvme->model, strerror(-err));
		if (write_round(copy, coherent_box_ptr(&copy->box), bytes))
			return 1;
		copy->done += bytes;
	}
	return keep_file(copy);
}

static int copy_to_file(struct copy *copy)
{
	const int err = open_buffer(copy);

	if (err)
		return disk_fail("nvme", "the buffer", strerror(-err));
	if (copy_all(copy))
		return 1;
	printf("%s: %" PRIu64 " bytes saved, %s\n", copy->save->path, copy->total,
	       copy->in_place ? "in place" : "by copies of the library");
	return disk_printed("nvme", 0);
}

int nvme_save_run(const struct nvme_save *save, struct nvme *nvme)
{
	struct copy copy = { .save = save, .nvme = nvme, .file = -1 };
	int status = find_range(&copy);

	if (!status)
		status = open_file(&copy);
	if (!status)
		status = copy_to_file(&copy);
	coherent_free(&copy.lists);
	coherent_box_free(&copy.box);
	drop_file(&copy);
	return status;
}
