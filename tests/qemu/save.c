// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The command save of examples/nvme when the disk fails. QEMU's blkdebug lets one block of the disk
 * fail to be read. The file must be complete, or as it was before.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "../../examples/nvme_save.h"
#include "edu.h"

#define BLOCK_BYTES 512
#define BLOCKS 8192
/* In the second round of 8 commands of 256 blocks, so that some of the file is written. */
#define BAD_BLOCK 3000

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

static const char *const bad_disk[] = {
	"-blockdev",
	"driver=null-co,node-name=zeros,size=4194304,read-zeroes=on",
	"-blockdev",
	"driver=blkdebug,node-name=debug,image=zeros,inject-error.0.event=none,"
	"inject-error.0.iotype=read,inject-error.0.sector=" TEXT(BAD_BLOCK),
	"-blockdev",
	"driver=raw,node-name=bad,file=debug",
	NULL,
};

static char folder[SCRATCH_MAX];
static char path[SCRATCH_MAX + 8];

static int make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(scratch(folder, "coherent-save-XXXXXX")));
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

/* Nothing but the file may be left, under no other name. */
static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	assert_ok(rmdir(folder));
	return 0;
}

/* Saves blocks of the disk whose block BAD_BLOCK fails. Returns the exit status. */
static int save(uint64_t block, uint64_t count, uint64_t *left)
{
	const struct nvme_save words = { .path = path, .block = block, .count = count };
	struct coherent_stats stats;
	struct coherent_device *controller;
	struct nvme nvme;
	int status;

	assert_ok(coherent_device_open(&controller, "qemu:nvme,drive=bad,serial=x",
				       .qemu_args = bad_disk, .report = coherent_report_stderr));
	assert_ok(nvme_open(&nvme, controller, 8));
	assert_int_equal(nvme.blocks, BLOCKS);
	status = nvme_save_run(&words, &nvme);
	nvme_close(&nvme);
	assert_ok(coherent_device_fence(controller));
	assert_ok(coherent_device_stats(controller, &stats));
	*left = stats.objects;
	coherent_device_close(controller);
	return status;
}

static void check_size(off_t bytes)
{
	struct stat status;

	assert_ok(stat(path, &status));
	assert_int_equal(status.st_size, bytes);
}

static void failed_read_leaves_no_file(void **state)
{
	uint64_t left;

	(void)state;
	assert_int_equal(save(0, 0, &left), 1);
	assert_int_equal(left, 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void failed_read_leaves_an_older_file(void **state)
{
	uint64_t left;

	(void)state;
	assert_int_equal(save(0, BAD_BLOCK, &left), 0);
	check_size((off_t)BAD_BLOCK * BLOCK_BYTES);
	assert_int_equal(save(8, BAD_BLOCK, &left), 1);
	assert_int_equal(left, 0);
	check_size((off_t)BAD_BLOCK * BLOCK_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failed_read_leaves_no_file, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(failed_read_leaves_an_older_file, make_folder,
						remove_folder),
	};

	return RUN_WITH_QEMU(tests);
}
