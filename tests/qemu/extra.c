// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Models of QEMU that need more than themselves: a network, a disk, a file of memory. These tests
 * also check what .qemu_args refuses.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/qemu/device.h"
#include "edu.h"

/* A folder for the files and sockets of a test. */
static char folder[SCRATCH_MAX];

static int make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(scratch(folder, "qemu-extra-XXXXXX")));
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "qemu", "test", "disk", "memory" };
	char path[SCRATCH_MAX + 8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	assert_ok(rmdir(folder));
	return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

/* --- A network card and a network --- */

/* The registers of Intel's 82574 data sheet, 10.2, and its descriptors of 7.1.3. */
enum { RECEIVE = 0x100, RING_LOW = 0x2800, RING_HIGH = 0x2804, RING_BYTES = 0x2808 };
enum { RING_HEAD = 0x2810, RING_TAIL = 0x2818, RECEIVE_ON = 1 << 1, ALL_UNICAST = 1 << 3 };
enum { STRIP_CRC = 1 << 26, DESCRIPTORS = 8, DONE = 1, FRAME_BYTES = 64 };

struct descriptor {
	uint64_t address;
	uint16_t bytes;
	uint16_t checksum;
	uint8_t status;
	uint8_t errors;
	uint16_t special;
};
COHERENT_TYPE(descriptors, struct descriptor);

static int open_test_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/test", folder);
	assert_true(fd >= 0);
	assert_ok(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	return fd;
}

static void send_frame(int fd, const uint8_t frame[FRAME_BYTES])
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/qemu", folder);
	assert_int_equal(sendto(fd, frame, FRAME_BYTES, 0, (struct sockaddr *)&to, sizeof(to)),
			 FRAME_BYTES);
}

static void start_receiving(struct coherent_bar *registers, uint64_t ring)
{
	coherent_bar_write32(registers, RING_LOW, (uint32_t)ring);
	coherent_bar_write32(registers, RING_HIGH, (uint32_t)(ring >> 32));
	coherent_bar_write32(registers, RING_BYTES, DESCRIPTORS * sizeof(struct descriptor));
	coherent_bar_write32(registers, RING_HEAD, 0);
	coherent_bar_write32(registers, RING_TAIL, DESCRIPTORS - 1);
	coherent_bar_write32(registers, RECEIVE, RECEIVE_ON | ALL_UNICAST | STRIP_CRC);
}

static void network_card_receives(void **state)
{
	char netdev[256];
	const char *const args[] = { "-netdev", netdev, NULL };
	const int fd = open_test_socket();
	union descriptors ring = COHERENT_EMPTY;
	COHERENT(uint8_t) buffers = COHERENT_EMPTY;
	uint8_t frame[FRAME_BYTES], seen[FRAME_BYTES], status;
	COHERENT_DEVICE_AUTO(nic);
	COHERENT_BAR_AUTO(registers);
	uint16_t bytes;

	(void)state;
	snprintf(netdev, sizeof(netdev),
		 "dgram,id=n0,local.type=unix,local.path=%s/qemu,remote.type=unix,"
		 "remote.path=%s/test",
		 folder, folder);
	assert_ok(coherent_device_open(&nic, "qemu:e1000e,netdev=n0", .qemu_args = args,
				       .report = coherent_report_stderr));
	assert_ok(coherent_bar_open(&registers, nic, 0));
	assert_ok(coherent_zeroed(&ring, nic, DESCRIPTORS));
	assert_ok(coherent_zeroed(&buffers, nic, DESCRIPTORS * 2048));
	for (size_t i = 0; i < DESCRIPTORS; i++)
		assert_ok(
			coherent_write(&ring, i, .address, coherent_addr(&buffers).raw + i * 2048));
	start_receiving(registers, coherent_addr(&ring).raw);
	for (size_t i = 0; i < DESCRIPTORS - 1; i++) {
		memset(frame, (int)i + 1, sizeof(frame));
		frame[0] = 0x52;
		send_frame(fd, frame);
		assert_ok(coherent_poll(&ring, i, .status, &status, status & DONE, LONG));
		assert_ok(coherent_read(&ring, i, .bytes, &bytes));
		assert_int_equal(bytes, FRAME_BYTES);
		assert_ok(coherent_copy_out(&buffers, i * 2048, seen, FRAME_BYTES));
		assert_memory_equal(seen, frame, FRAME_BYTES);
	}
	assert_no_fault(nic);
	coherent_free(&buffers);
	coherent_free(&ring);
	close(fd);
}

/* --- A controller and a disk --- */

/* The registers and frames of the MegaRAID Firmware Interface, as drivers of the MegaSAS use them. */
enum { FIRMWARE = 0x18, POST_FRAME = 0x40, READY = 0xb0000000u, STATE_MASK = 0xf0000000u };
enum { COMMAND_INIT = 0, COMMAND_READ = 1, COMMAND_WRITE = 2, NO_STATUS = 0xff };
enum { DIRECTION_OUT = 8, DIRECTION_IN = 16, SECTOR = 512 };
/* The parts of a page: the answers, the frames, and the bytes of a sector. */
enum { QUEUE_AT = 0x100, REPLIES_AT = 0x200, FRAME_AT = 0x400, SECTOR_AT = 0x800 };

struct frame {
	uint8_t command;
	uint8_t sense_bytes;
	uint8_t status;
	uint8_t scsi_status;
	uint8_t target;
	uint8_t access;
	uint8_t reserved;
	uint8_t pieces;
	uint32_t context;
	uint32_t pad;
	uint16_t flags;
	uint16_t timeout;
	uint32_t blocks;
	uint64_t queue_or_sense;
	uint64_t block;
	uint32_t piece;
	uint32_t piece_bytes;
};

/* The queue of replies, and the addresses of the indexes of both sides. */
struct queue {
	uint32_t flags;
	uint32_t entries;
	uint64_t replies;
	uint64_t produced;
	uint64_t consumed;
};

COHERENT_TYPE(bytes, uint8_t);

/* Runs one frame and returns its status. */
static uint8_t run_frame(struct coherent_bar *registers, union bytes *page,
			 const struct frame *frame)
{
	uint8_t status;

	assert_ok(coherent_copy_in(page, FRAME_AT, (const uint8_t *)frame, sizeof(*frame)));
	coherent_bar_write32(registers, POST_FRAME, (uint32_t)coherent_addr(page).raw + FRAME_AT);
	assert_ok(coherent_poll(page, FRAME_AT + 2, &status, status != NO_STATUS, LONG));
	return status;
}

static uint8_t start_controller(struct coherent_bar *registers, union bytes *page)
{
	const uint64_t at = coherent_addr(page).raw;
	const struct queue queue = { 0, 8, at + REPLIES_AT, at, at + 4 };
	const struct frame init = {
		.command = COMMAND_INIT,
		.status = NO_STATUS,
		.blocks = sizeof(queue),
		.queue_or_sense = at + QUEUE_AT,
	};

	assert_ok(coherent_bar_poll32(registers, FIRMWARE, STATE_MASK, READY, LONG));
	assert_ok(coherent_copy_in(page, QUEUE_AT, (const uint8_t *)&queue, sizeof(queue)));
	return run_frame(registers, page, &init);
}

static uint8_t transfer_sector(struct coherent_bar *registers, union bytes *page, uint8_t command,
			       uint64_t block)
{
	const struct frame transfer = {
		.command = command,
		.status = NO_STATUS,
		.pieces = 1,
		.flags = command == COMMAND_READ ? DIRECTION_IN : DIRECTION_OUT,
		.blocks = 1,
		.block = block,
		.piece = (uint32_t)coherent_addr(page).raw + SECTOR_AT,
		.piece_bytes = SECTOR,
	};

	return run_frame(registers, page, &transfer);
}

/* Makes a file with the value i in each byte of sector i. */
static int make_file(const char *name, size_t sectors)
{
	char path[SCRATCH_MAX + 8], sector[SECTOR];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t i = 0; i < sectors; i++) {
		memset(sector, (int)i, SECTOR);
		assert_int_equal(write(fd, sector, SECTOR), SECTOR);
	}
	return fd;
}

static void controller_reads_and_writes_a_disk(void **state)
{
	char drive[128];
	const char *const args[] = {
		"-drive", drive, "-device", "scsi-hd,drive=d0,bus=hba.0", NULL,
	};
	const int fd = make_file("disk", 64);
	uint8_t seen[SECTOR], dirt[SECTOR];
	union bytes page = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(hba);
	COHERENT_BAR_AUTO(registers);

	(void)state;
	snprintf(drive, sizeof(drive), "if=none,id=d0,format=raw,file=%s/disk", folder);
	assert_ok(coherent_device_open(&hba, "qemu:megasas,id=hba", .qemu_args = args,
				       .report = coherent_report_stderr));
	assert_ok(coherent_device_set_mask(hba, coherent_mask(32)));
	assert_ok(coherent_bar_open(&registers, hba, 0));
	assert_ok(coherent_zeroed(&page, hba, PAGE));
	assert_int_equal(start_controller(registers, &page), 0);
	assert_int_equal(transfer_sector(registers, &page, COMMAND_READ, 5), 0);
	assert_ok(coherent_copy_out(&page, SECTOR_AT, seen, SECTOR));
	assert_true(is_all(seen, 5, SECTOR));
	memset(dirt, DIRT, SECTOR);
	assert_ok(coherent_copy_in(&page, SECTOR_AT, dirt, SECTOR));
	assert_int_equal(transfer_sector(registers, &page, COMMAND_WRITE, 9), 0);
	assert_int_equal(pread(fd, seen, SECTOR, 9 * SECTOR), SECTOR);
	assert_memory_equal(seen, dirt, SECTOR);
	assert_no_fault(hba);
	coherent_free(&page);
	close(fd);
}

/* --- Shared memory in a BAR --- */

static void bar_of_shared_memory_is_the_file(void **state)
{
	enum { MIB = 1 << 20 };
	char object[128];
	const char *const args[] = { "-object", object, NULL };
	const int fd = make_file("memory", MIB / SECTOR);
	uint8_t from[100], seen[102], copy[102];
	uint64_t word = 0;
	COHERENT_DEVICE_AUTO(shared);
	COHERENT_BAR_AUTO(memory);
	struct coherent_limits limits;

	(void)state;
	snprintf(object, sizeof(object),
		 "memory-backend-file,id=m0,share=on,size=1M,mem-path=%s/memory", folder);
	assert_ok(coherent_device_open(&shared, "qemu:ivshmem-plain,memdev=m0", .qemu_args = args,
				       .report = coherent_report_stderr));
	assert_ok(coherent_device_limits(shared, &limits));
	assert_int_equal(limits.bar_bytes[2], MIB);
	assert_ok(coherent_bar_open(&memory, shared, 2));
	assert_true(coherent_bar_read64(memory, 7 * SECTOR) == UINT64_C(0x0707070707070707));
	coherent_bar_write64(memory, MIB - 8, UINT64_C(0x1122334455667788));
	/* A read waits until QEMU has done the write. */
	assert_true(coherent_bar_read64(memory, MIB - 8) == UINT64_C(0x1122334455667788));
	assert_int_equal(pread(fd, &word, sizeof(word), MIB - 8), sizeof(word));
	assert_true(word == UINT64_C(0x1122334455667788));
	memset(from, DIRT, sizeof(from));
	assert_ok(coherent_bar_copy_in(memory, 5001, from, sizeof(from)));
	assert_int_equal(pread(fd, seen, sizeof(seen), 5000), sizeof(seen));
	/* The byte before and the one behind have what the file had. */
	assert_int_equal(seen[0], 5000 / SECTOR);
	assert_memory_equal(seen + 1, from, sizeof(from));
	assert_int_equal(seen[101], 5101 / SECTOR);
	assert_ok(coherent_bar_copy_out(memory, 5000, copy, sizeof(copy)));
	assert_memory_equal(copy, seen, sizeof(seen));
	assert_err(coherent_bar_copy_out(memory, MIB - 8, copy, 9), -ERANGE);
	close(fd);
}

/* --- A second device --- */

/* NVMe's subsystem is a device that the controller names, and its namespace one that names it. */
static void devices_come_in_the_order_that_they_need(void **state)
{
	static const char *const args[] = {
		"-blockdev", "driver=null-co,node-name=n,size=1048576,read-zeroes=on",
		"-device",   "nvme-ns,bus=ctl,drive=n,nsid=3",
		"-device",   "nvme-subsys,id=sub,nqn=unit",
		NULL,
	};
	COHERENT_DEVICE_AUTO(nvme);
	COHERENT_BAR_AUTO(registers);

	(void)state;
	assert_ok(coherent_device_open(&nvme, "qemu:nvme,id=ctl,subsys=sub", .qemu_args = args,
				       .report = coherent_report_stderr));
	assert_ok(coherent_bar_open(&registers, nvme, 0));
	/* Version 1.4 of the specification. */
	assert_int_equal(coherent_bar_read32(registers, 8), 0x10400);
}

/* Starts the second edu, on bus 0, as the library does not do, and lets it read memory. */
static void second_edu_reads(struct qemu *qemu, uint64_t address)
{
	enum {
		SECOND = 5 << 3,
		BAR_AT = 0xe8000000,
		COMMAND = 4,
		BASE_0 = 0x10,
		MEMORY_AND_MASTER = 6
	};
	const struct qtest *qtest = &qemu->qtest;

	lock_take(&qemu->lock);
	qemu->qtest.deadline_ns = UINT64_MAX;
	assert_ok(qtest_config_write(qtest, SECOND, BASE_0, BAR_AT));
	assert_ok(qtest_config_write(qtest, SECOND, COMMAND, MEMORY_AND_MASTER));
	assert_ok(qtest_write(qtest, BAR_AT + DMA_SRC, 8, address));
	assert_ok(qtest_write(qtest, BAR_AT + DMA_DST, 8, BUFFER));
	assert_ok(qtest_write(qtest, BAR_AT + DMA_COUNT, 8, BYTES));
	assert_ok(qtest_write(qtest, BAR_AT + DMA_CMD, 8, RUN));
	lock_drop(&qemu->lock);
}

static void second_edu_finishes(struct qemu *qemu)
{
	uint64_t command = RUN;

	while (command & RUN) {
		usleep(1000);
		lock_take(&qemu->lock);
		assert_ok(qtest_read(&qemu->qtest, UINT64_C(0xe8000000) + DMA_CMD, 8, &command));
		lock_drop(&qemu->lock);
	}
}

/*
 * QEMU's IOMMU has 128 places for the pieces of refused accesses, and an access has 16. So the
 * library also gives back the places of another device.
 */
static void fault_of_a_second_device_is_dropped(void **state)
{
	static const char *const args[] = { "-device", "edu,addr=5", NULL };
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(edu);
	struct coherent_fault fault;
	struct qemu *qemu;

	(void)state;
	assert_ok(coherent_device_open(&dev, "qemu:edu", .qemu_args = args,
				       .report = coherent_report_stderr));
	edu = dev;
	qemu = (struct qemu *)dev->backend;
	assert_ok(coherent_device_set_mask(dev, coherent_mask(28)));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	for (unsigned int turn = 0; turn < 12; turn++) {
		/* The second device reaches neither free addresses nor the memory of the first. */
		second_edu_reads(qemu, turn % 2 ? coherent_addr(&mem).raw : 0x8000000);
		second_edu_finishes(qemu);
		if (turn % 3 == 2)
			assert_no_fault(dev);
	}
	second_edu_reads(qemu, 0x8000000);
	second_edu_finishes(qemu);
	start_transfer(0x8000000 + BYTES, BUFFER, BYTES, 0);
	finish_transfer();
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.address, 0x8000000 + BYTES);
	assert_int_equal(fault.bytes, BYTES);
	assert_no_fault(dev);
	coherent_free(&mem);
	coherent_bar_close(bar);
}

/* --- What is refused --- */

static void wrong_arguments_are_refused(void **state)
{
	static const struct {
		const char *args[5];
		int err;
		const char *says;
	} cases[] = {
		{ { "-M", "pc" }, -EINVAL, "\"-M\" is not one of -audiodev, -blockdev, -chardev" },
		{ { "" }, -EINVAL, "\"\" is not one of" },
		{ { "netdev", "user,id=n" }, -EINVAL, "\"netdev\" is not one of" },
		{ { "-netdev user,id=n" }, -EINVAL, "is not one of" },
		{ { "-netdev" }, -EINVAL, "\"-netdev\" has no value" },
		{ { "-netdev", "" }, -EINVAL, "\"-netdev\" has no value" },
		{ { "-netdev", "-device", "edu" }, -EINVAL, "\"-netdev\" has no value" },
		{ { "-netdev", "user,id=n", "-object" }, -EINVAL, "\"-object\" has no value" },
		{ { "-device", "help" }, -EINVAL, "asks for help" },
		{ { "-device", "edu,help" }, -EINVAL, "asks for help" },
		{ { "-object", "?" }, -EINVAL, "asks for help" },
		{ { "-device", "{\"driver\":\"edu\"}" }, -EINVAL, "MODEL,KEY=VALUE" },
		{ { "-device", "id=x" }, -EINVAL, "names no model" },
		{ { "-device", "intel-iommu" }, -EINVAL, "the library drives the IOMMU" },
		{ { "-device", "addr=6,driver=virtio-iommu-pci" }, -EINVAL, "drives the IOMMU" },
		{ { "-device", "edu,driver=loader,addr=0" }, -EINVAL, "owns the memory" },
		{ { "-device", "guest-loader,addr=0" }, -EINVAL, "owns the memory" },
		{ { "-chardev", "stdio,id=c" }, -EINVAL, "those of the driver" },
		{ { "-chardev", "id=c,backend=stdio" }, -EINVAL, "those of the driver" },
		/* QEMU says what is wrong with these. */
		{ { "-netdev", "no-such,id=n" }, -EINVAL, "-netdev no-such,id=n: " },
		{ { "-netdev", "user,id=n", "-netdev", "user,id=n" }, -EINVAL, "Duplicate ID" },
		{ { "-object", "iothread,id=ram" }, -EINVAL, "'ram'" },
		{ { "-chardev", "null,id=qtest" }, -EINVAL, "Duplicate ID 'qtest'" },
		{ { "-device", "edu,id=bus" }, -EINVAL, "Duplicate" },
		{ { "-device", "edu,addr=3" }, -EINVAL, "slot 3 function 0 not available" },
		{ { "-device", "edux" }, -ENODEV, "'edux' is not a valid device model name" },
		{ { "-drive", "if=none,id=d,file=/nothing" }, -EINVAL, "Could not open '/nothing'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct coherent_device *none = NULL;
		struct log log = LOG_EMPTY;
		const int err = coherent_device_open(&none, "qemu:edu", .qemu_args = cases[i].args,
						     .report = log_report, .report_arg = &log);

		assert_null(none);
		if (err != cases[i].err || log.count != 1 || !log_has(&log, cases[i].says) ||
		    !log_has(&log, "qemu:edu: "))
			fail_msg("case %zu: %d, %s", i, err, log.text);
	}
}

static void harmless_arguments_are_accepted(void **state)
{
	/* Two commas are one in a value, so no item of these is "help". */
	static const char *const args[] = {
		"-chardev", "null,id=c,logfile=/dev/null", "-object", "secret,id=s,data=a,,help",
		NULL,
	};
	static const char *const none[] = { NULL };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		COHERENT_DEVICE_AUTO(edu);

		assert_ok(coherent_device_open(&edu, "qemu:edu", .qemu_args = i ? args : none,
					       .report = coherent_report_stderr));
	}
}

static void other_backends_refuse_arguments(void **state)
{
	static const char *const args[] = { NULL };
	struct coherent_device *none;
	struct log log = LOG_EMPTY;

	(void)state;
	assert_err(coherent_device_open(&none, "sim:edu", .qemu_args = args, .report = log_report,
					.report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, "does not take .qemu_args, which is for: qemu"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(network_card_receives),
		IN_FOLDER(controller_reads_and_writes_a_disk),
		IN_FOLDER(bar_of_shared_memory_is_the_file),
		cmocka_unit_test(devices_come_in_the_order_that_they_need),
		cmocka_unit_test(fault_of_a_second_device_is_dropped),
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(harmless_arguments_are_accepted),
		cmocka_unit_test(other_backends_refuse_arguments),
	};

	return RUN_WITH_QEMU(tests);
}
