// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A server of a simulated device executes the commands of a client, and refuses those with wrong
 * values.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
/* The model has BARs 0 and 2, so BAR 1 is that of the table. */
#define TABLE_BAR 1

static struct server server;
static struct client client;

static int setup(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	server_start(&server);
	client_open(&client, server.path, false);
	return 0;
}

static int setup_twin(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	server_start(&server);
	client_open(&client, server.path, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_close(&client);
	return server_stop(&server);
}

/* --- What the device has --- */

static void device_is_pci_with_reset(void **state)
{
	uint32_t info[4] = { sizeof(info) };

	(void)state;
	assert_ok(client_ask(&client, VFIO_USER_DEVICE_GET_INFO, info, sizeof(info), info,
			     sizeof(info)));
	assert_int_equal(info[1], VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	assert_int_equal(info[2], VFIO_PCI_NUM_REGIONS);
	assert_int_equal(info[3], VFIO_PCI_NUM_IRQS);
	info[0] = 8;
	assert_int_equal(client_ask(&client, VFIO_USER_DEVICE_GET_INFO, info, sizeof(info), info,
				    sizeof(info)),
			 EINVAL);
}

static uint64_t region_bytes(uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	assert_ok(client_ask(&client, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info), &info,
			     sizeof(info)));
	assert_int_equal(info.index, index);
	return info.size;
}

static void bars_are_powers_of_two(void **state)
{
	static const uint64_t sizes[] = { 64, 4096, 128, 0, 0, 0, 0, 256, 0 };
	struct vfio_region_info info = { .argsz = sizeof(info), .index = VFIO_PCI_NUM_REGIONS };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(region_bytes(i), sizes[i]);
	assert_int_equal(client_ask(&client, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info),
				    &info, sizeof(info)),
			 EINVAL);
}

static void only_msix_has_vectors(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		struct vfio_irq_info info = { .argsz = sizeof(info), .index = i };

		assert_ok(client_ask(&client, VFIO_USER_DEVICE_GET_IRQ_INFO, &info, sizeof(info),
				     &info, sizeof(info)));
		assert_int_equal(info.count, i == VFIO_PCI_MSIX_IRQ_INDEX ? 3 : 0);
	}
}

/* --- Configuration space --- */

static uint32_t config(uint64_t offset, uint32_t width)
{
	uint32_t value = 0;

	assert_ok(client_read(&client, CONFIG, offset, &value, width));
	return value;
}

static void set_config(uint64_t offset, uint32_t width, uint32_t value)
{
	assert_ok(client_write(&client, CONFIG, offset, &value, width));
}

static void config_space_describes_the_device(void **state)
{
	const uint32_t at = config(PCI_CAPABILITY_LIST, 1);

	(void)state;
	assert_int_equal(config(PCI_VENDOR_ID, 4), 0x00011234);
	assert_int_equal(config(PCI_CLASS_REVISION, 4), 0x00ff0000);
	assert_int_equal(config(PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(config(PCI_INTERRUPT_PIN, 1), 0);
	assert_true(config(PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	assert_int_equal(config(at, 2), PCI_CAP_ID_MSIX);
	assert_int_equal(config(at + PCI_MSIX_FLAGS, 2), 2);
	assert_int_equal(config(at + PCI_MSIX_TABLE, 4), TABLE_BAR);
	assert_int_equal(config(at + PCI_MSIX_PBA, 4), 2048 | TABLE_BAR);
}

static void driver_learns_the_size_of_a_bar(void **state)
{
	(void)state;
	set_config(PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	assert_int_equal(config(PCI_BASE_ADDRESS_0, 4), 0xffffffc0);
	set_config(PCI_BASE_ADDRESS_0, 4, 0xfe001234);
	assert_int_equal(config(PCI_BASE_ADDRESS_0, 4), 0xfe001200);
	set_config(PCI_BASE_ADDRESS_3, 4, UINT32_MAX);
	assert_int_equal(config(PCI_BASE_ADDRESS_3, 4), 0);
	/* The IDs and the status stay, and unknown bits of the command. */
	set_config(PCI_VENDOR_ID, 4, UINT32_MAX);
	set_config(PCI_COMMAND, 4, UINT32_MAX);
	assert_int_equal(config(PCI_VENDOR_ID, 4), 0x00011234);
	assert_int_equal(config(PCI_COMMAND, 4), PCI_STATUS_CAP_LIST << 16 | 0x406);
	assert_ok(client_ask(&client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0));
	assert_int_equal(config(PCI_COMMAND, 2), 0);
}

static void table_is_memory(void **state)
{
	uint8_t bytes[48], read[48];

	(void)state;
	memset(bytes, 0x5a, sizeof(bytes));
	assert_ok(client_write(&client, TABLE_BAR, 0, bytes, sizeof(bytes)));
	assert_ok(client_read(&client, TABLE_BAR, 0, read, sizeof(read)));
	assert_memory_equal(read, bytes, sizeof(bytes));
	assert_int_equal(client_read(&client, TABLE_BAR, 4090, read, 8), EINVAL);
}

/* --- Registers --- */

static void registers_have_all_widths(void **state)
{
	const uint64_t value = UINT64_C(0x1122334455667788);
	uint8_t all[64], byte;

	(void)state;
	client_set_reg(&client, MOVER_ADDRESS, value);
	assert_int_equal(client_reg(&client, MOVER_ADDRESS), value);
	assert_ok(client_read(&client, 0, 1, &byte, 1));
	assert_int_equal(byte, 0x77);
	/* Three bytes are two accesses. */
	assert_ok(client_read(&client, 0, 1, all, 3));
	assert_memory_equal(all, "\x77\x66\x55", 3);
	/* Behind the registers of the model there is nothing. */
	assert_ok(client_read(&client, 0, 0, all, 64));
	assert_int_equal(all[7], 0x11);
	assert_true(is_all(all + MOVER_BAR, 0xff, 64 - MOVER_BAR));
	assert_ok(client_write(&client, 0, 0, all, 64));
}

static void accesses_outside_are_refused(void **state)
{
	char bytes[8] = { 0 };

	(void)state;
	assert_int_equal(client_read(&client, 0, 60, bytes, 8), EINVAL);
	assert_int_equal(client_read(&client, 0, UINT64_MAX, bytes, 8), EINVAL);
	assert_int_equal(client_read(&client, 0, 0, bytes, 0), EINVAL);
	assert_int_equal(client_read(&client, 3, 0, bytes, 4), EINVAL);
	assert_int_equal(client_read(&client, VFIO_PCI_ROM_REGION_INDEX, 0, bytes, 4), EINVAL);
	assert_int_equal(client_read(&client, 100, 0, bytes, 4), EINVAL);
	assert_int_equal(client_read(&client, CONFIG, 254, bytes, 4), EINVAL);
	assert_int_equal(client_write(&client, 0, 60, bytes, 8), EINVAL);
}

static void unknown_commands_are_refused(void **state)
{
	char bytes[8] = { 0 };

	(void)state;
	assert_int_equal(client_ask(&client, 99, NULL, 0, NULL, 0), EOPNOTSUPP);
	assert_int_equal(client_ask(&client, VFIO_USER_DEVICE_GET_REGION_IO_FDS, bytes, 8, bytes,
				    8),
			 EOPNOTSUPP);
	assert_int_equal(client_ask(&client, VFIO_USER_DMA_READ, bytes, 8, bytes, 8), EOPNOTSUPP);
	assert_int_equal(client_ask(&client, VFIO_USER_VERSION, bytes, 8, bytes, 8), EINVAL);
}

static void posted_writes_get_no_answer(void **state)
{
	struct {
		struct vfio_user_header header;
		struct vfio_user_region head;
		uint64_t value;
	} message = { { 7, VFIO_USER_REGION_WRITE, sizeof(message), VFIO_USER_FLAG_NO_REPLY, 0 },
		      { MOVER_ADDRESS, 0, 8 },
		      42 };

	(void)state;
	assert_int_equal(write(client.fd, &message, sizeof(message)), sizeof(message));
	assert_int_equal(client_reg(&client, MOVER_ADDRESS), 42);
}

static void reset_reaches_the_model(void **state)
{
	const uint64_t before = client_reg(&client, MOVER_RESETS);

	(void)state;
	assert_ok(client_ask(&client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0));
	assert_int_equal(client_reg(&client, MOVER_RESETS), before + 1);
}

/* --- DMA --- */

#define WINDOW 0x10000
#define READ_WRITE (VFIO_USER_MAP_READ | VFIO_USER_MAP_WRITE)

static void maps_are_checked(void **state)
{
	struct vfio_user_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.address = WINDOW,
		.bytes = 4096,
	};

	(void)state;
	assert_ok(client_map(&client, WINDOW, 4096, READ_WRITE));
	assert_int_equal(client_map(&client, WINDOW + 4095, 10, READ_WRITE), EEXIST);
	assert_int_equal(client_map(&client, 0, 0, READ_WRITE), EINVAL);
	assert_int_equal(client_map(&client, UINT64_MAX, 2, READ_WRITE), EINVAL);
	assert_int_equal(client_map(&client, 0, 1, 64), EINVAL);
	assert_int_equal(client_ask(&client, VFIO_USER_DMA_UNMAP, &unmap, 4, NULL, 0), -1);
	client_close(&client);
	client_open(&client, server.path, false);
	assert_int_equal(client_ask(&client, VFIO_USER_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0),
			 ENOENT);
	assert_ok(client_map(&client, WINDOW, 4096, READ_WRITE));
	assert_ok(client_ask(&client, VFIO_USER_DMA_UNMAP, &unmap, sizeof(unmap), &unmap,
			     sizeof(unmap)));
}

struct question {
	struct vfio_user_header header;
	struct vfio_user_dma dma;
	uint8_t data[VFIO_USER_DATA_MAX];
};

static int questions_fd(void)
{
	return client.twin >= 0 ? client.twin : client.fd;
}

static void take_question(struct question *question, uint16_t command)
{
	assert_ok(client_receive(questions_fd(), &question->header, &question->dma,
				 sizeof(question->dma) + VFIO_USER_DATA_MAX));
	assert_int_equal(question->header.command, command);
	assert_int_equal(question->header.flags, 0);
}

/* Answers with so many bytes of data. */
static void answer(struct question *question, size_t bytes, uint32_t error)
{
	const struct iovec parts[] = { { &question->dma, sizeof(question->dma) },
				       { question->data, bytes } };

	question->header.flags = VFIO_USER_FLAG_REPLY | (error ? VFIO_USER_FLAG_ERROR : 0);
	question->header.error = error;
	assert_ok(vfio_user_message_send(questions_fd(), &question->header, parts, error ? 0 : 2,
					 NULL, 0, UINT64_MAX));
}

/* Sends a register write without waiting for its answer. */
static void begin_write(uint64_t offset, uint64_t value)
{
	struct {
		struct vfio_user_region head;
		uint64_t value;
	} message = { { offset, 0, 8 }, value };

	assert_ok(client_send(&client, VFIO_USER_REGION_WRITE, &message, sizeof(message), NULL, 0));
}

static void end_write(void)
{
	struct vfio_user_region head;
	struct vfio_user_header header;

	assert_ok(client_receive(client.fd, &header, &head, sizeof(head)));
	assert_int_equal(header.flags, VFIO_USER_FLAG_REPLY);
}

/* The model reads and writes in the middle of a register write. */
static void register_write_can_do_dma(void **state)
{
	static struct question question;

	(void)state;
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, 100);
	begin_write(MOVER_COMMAND, MOVER_READ);
	take_question(&question, VFIO_USER_DMA_READ);
	assert_int_equal(question.dma.address, WINDOW);
	assert_int_equal(question.dma.bytes, 100);
	memset(question.data, 0x3c, 100);
	answer(&question, 100, 0);
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), 0);
	assert_true(is_all(mover.buffer, 0x3c, 100));
	begin_write(MOVER_COMMAND, MOVER_WRITE);
	take_question(&question, VFIO_USER_DMA_WRITE);
	assert_true(is_all(question.data, 0x3c, 100));
	answer(&question, 0, 0);
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), 0);
}

/* Announces a file. Returns as client_ask() does. */
static int map_file(int fd, uint64_t offset, uint64_t bytes)
{
	const struct vfio_user_dma_map map = { sizeof(map), READ_WRITE, offset, WINDOW, bytes };

	return client_ask_fds(&client, VFIO_USER_DMA_MAP, &map, sizeof(map), &fd, 1);
}

/* No message is needed for memory in a file, but for the part that the file does not have. */
static void memory_in_a_file_is_used_there(void **state)
{
	static struct question question;
	const int fd = memfd_create("memory", MFD_CLOEXEC);
	uint8_t data[64];

	(void)state;
	assert_ok(ftruncate(fd, 8192));
	memset(data, 0x6b, sizeof(data));
	assert_int_equal(pwrite(fd, data, 64, 4096 + 16), 64);
	assert_int_equal(map_file(fd, UINT64_MAX, 4096), EINVAL);
	assert_ok(map_file(fd, 4096, 4096));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW + 16);
	client_set_reg(&client, MOVER_BYTES, 64);
	client_set_reg(&client, MOVER_COMMAND, MOVER_READ);
	assert_int_equal(client_reg(&client, MOVER_STATUS), 0);
	assert_true(is_all(mover.buffer, 0x6b, 64));
	memset(mover.buffer, 0x11, 64);
	client_set_reg(&client, MOVER_COMMAND, MOVER_WRITE);
	assert_int_equal(pread(fd, data, 64, 4096 + 16), 64);
	assert_true(is_all(data, 0x11, 64));
	client_set_reg(&client, MOVER_BYTES, 4096);
	client_set_reg(&client, MOVER_COMMAND, MOVER_WRITE);
	assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
	/* The client makes the file shorter. */
	assert_ok(ftruncate(fd, 4096));
	client_set_reg(&client, MOVER_BYTES, 64);
	begin_write(MOVER_COMMAND, MOVER_READ);
	take_question(&question, VFIO_USER_DMA_READ);
	answer(&question, 0, EFAULT);
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
	close(fd);
}

static void large_transfer_comes_in_parts(void **state)
{
	static struct question question;
	uint64_t address = WINDOW;

	(void)state;
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, MOVER_MAX - 5);
	begin_write(MOVER_COMMAND, MOVER_WRITE);
	for (size_t left = MOVER_MAX - 5; left; left -= question.dma.bytes) {
		take_question(&question, VFIO_USER_DMA_WRITE);
		assert_int_equal(question.dma.address, address);
		assert_int_equal(question.dma.bytes,
				 left < VFIO_USER_DATA_MAX ? left : VFIO_USER_DATA_MAX);
		address += question.dma.bytes;
		answer(&question, 0, 0);
	}
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), 0);
}

static void model_learns_of_a_refusal(void **state)
{
	static struct question question;

	(void)state;
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, 16);
	/* The client has announced nothing, so it is not asked. */
	client_set_reg(&client, MOVER_COMMAND, MOVER_READ);
	assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
	assert_ok(client_map(&client, WINDOW, 8, VFIO_USER_MAP_READ));
	assert_ok(client_map(&client, WINDOW + 8, 8, READ_WRITE));
	client_set_reg(&client, MOVER_COMMAND, MOVER_WRITE);
	assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
	begin_write(MOVER_COMMAND, MOVER_READ);
	take_question(&question, VFIO_USER_DMA_READ);
	answer(&question, 0, EFAULT);
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
}

/* Commands come while the thread of the model waits for an answer, and are executed after it. */
static void commands_come_during_dma(void **state)
{
	static struct question question;
	bool early;

	(void)state;
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, 8);
	begin_write(MOVER_COMMAND, MOVER_READ | MOVER_LATER);
	/* The answer to the write comes before the question or after it. */
	assert_ok(client_receive(questions_fd(), &question.header, &question.dma,
				 sizeof(question.dma) + VFIO_USER_DATA_MAX));
	early = question.header.flags == VFIO_USER_FLAG_REPLY;
	if (early)
		take_question(&question, VFIO_USER_DMA_READ);
	for (unsigned int i = 0; i < 100; i++)
		begin_write(MOVER_BYTES, i);
	answer(&question, 8, 0);
	for (unsigned int i = early; i < 101; i++)
		end_write();
	assert_int_equal(client_reg(&client, MOVER_BYTES), 99);
	assert_int_equal(client_reg(&client, MOVER_STATUS), 0);
}

static void false_answer_ends_the_connection(void **state)
{
	static const size_t sizes[] = { 7, 9 };
	static struct question question;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
		client_set_reg(&client, MOVER_ADDRESS, WINDOW);
		client_set_reg(&client, MOVER_BYTES, 8);
		begin_write(MOVER_COMMAND, MOVER_READ);
		take_question(&question, VFIO_USER_DMA_READ);
		if (i == 2)
			question.header.id++;
		if (i == 3)
			question.header.command = VFIO_USER_DMA_WRITE;
		answer(&question, i < 2 ? sizes[i] : 8, 0);
		assert_hung_up(&client);
		client_close(&client);
		client_open(&client, server.path, client.twin >= 0);
	}
}

/* --- Interrupts --- */

static int set_irqs(uint32_t flags, uint32_t index, uint32_t start, uint32_t count, const int *fds,
		    size_t fd_count)
{
	const struct vfio_irq_set set = { sizeof(set), flags, index, start, count };

	return client_ask_fds(&client, VFIO_USER_DEVICE_SET_IRQS, &set, sizeof(set), fds, fd_count);
}

#define TRIGGER (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX

/* Makes the model interrupt vector 1. Returns whether @fd was signalled. */
static bool interrupts(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	eventfd_t value;

	client_set_reg(&client, MOVER_BYTES, 0);
	client_set_reg(&client, MOVER_COMMAND, MOVER_READ);
	if (poll(&readable, 1, 0) < 1)
		return false;
	assert_ok(eventfd_read(fd, &value));
	return true;
}

static void interrupt_signals_the_eventfd(void **state)
{
	int fds[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	assert_ok(set_irqs(TRIGGER, MSIX, 0, 3, fds, 3));
	assert_true(interrupts(fds[1]));
	assert_false(interrupts(fds[0]));
	assert_true(interrupts(fds[1]));
	/* No descriptor means to disconnect. */
	assert_ok(set_irqs(TRIGGER, MSIX, 1, 1, NULL, 0));
	assert_false(interrupts(fds[1]));
	assert_ok(set_irqs(TRIGGER, MSIX, 1, 1, &fds[2], 1));
	assert_true(interrupts(fds[2]));
	assert_ok(set_irqs(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, MSIX, 0, 0, NULL,
			   0));
	assert_false(interrupts(fds[2]));
	assert_ok(set_irqs(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, MSIX, 0, 3, NULL, 0));
	assert_ok(
		set_irqs(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, MSIX, 0, 3, NULL, 0));
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}

static void false_interrupts_are_refused(void **state)
{
	const int fd = eventfd(0, EFD_CLOEXEC), two[] = { fd, fd };

	(void)state;
	assert_int_equal(set_irqs(TRIGGER, MSIX, 3, 1, &fd, 1), EINVAL);
	assert_int_equal(set_irqs(TRIGGER, MSIX, 0, 4, NULL, 0), EINVAL);
	assert_int_equal(set_irqs(TRIGGER, MSIX, 1, UINT32_MAX, NULL, 0), EINVAL);
	assert_int_equal(set_irqs(TRIGGER, MSIX, 0, 1, two, 2), EINVAL);
	assert_int_equal(set_irqs(TRIGGER, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd, 1), EINVAL);
	assert_int_equal(set_irqs(TRIGGER, VFIO_PCI_NUM_IRQS, 0, 0, NULL, 0), EINVAL);
	assert_int_equal(set_irqs(TRIGGER | 1u << 30, MSIX, 0, 1, &fd, 1), EINVAL);
	assert_int_equal(set_irqs(VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, MSIX, 0, 0,
				  NULL, 0),
			 EINVAL);
	close(fd);
}

/* --- Messages that break the protocol --- */

static void malformed_message_ends_the_connection(void **state)
{
	static const struct vfio_user_header bad[] = {
		{ 1, VFIO_USER_DEVICE_GET_INFO, 8, 0, 0 },
		{ 1, VFIO_USER_DEVICE_GET_INFO, 0, 0, 0 },
		{ 1, VFIO_USER_REGION_WRITE, UINT32_MAX, 0, 0 },
		{ 1, VFIO_USER_DEVICE_GET_INFO, 16, 0, 0 },
		{ 1, VFIO_USER_DEVICE_GET_REGION_INFO, 16, 0, 0 },
		{ 1, VFIO_USER_DEVICE_GET_IRQ_INFO, 16, 0, 0 },
		{ 1, VFIO_USER_DEVICE_SET_IRQS, 16, 0, 0 },
		{ 1, VFIO_USER_REGION_READ, 16, 0, 0 },
		{ 1, VFIO_USER_DMA_MAP, 16, 0, 0 },
		{ 1, VFIO_USER_DEVICE_RESET, 16, 2, 0 },
		{ 1, VFIO_USER_DMA_READ, 16, VFIO_USER_FLAG_REPLY, 0 },
	};
	const struct vfio_user_region head = { 0, 0, 9 };
	char bytes[sizeof(head) + 8] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(write(client.fd, &bad[i], sizeof(bad[i])), sizeof(bad[i]));
		assert_hung_up(&client);
		client_close(&client);
		client_open(&client, server.path, client.twin >= 0);
		assert_true(log_has(&server.reports, "malformed"));
	}
	/* The count and the size of the message differ. */
	memcpy(bytes, &head, sizeof(head));
	assert_int_equal(client_ask(&client, VFIO_USER_REGION_WRITE, bytes, sizeof(bytes), bytes,
				    sizeof(bytes)),
			 -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TWIN(name)                                                           \
	{                                                                    \
#name " with twin sockets", name, setup_twin, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(device_is_pci_with_reset),
		TEST(bars_are_powers_of_two),
		TEST(only_msix_has_vectors),
		TEST(config_space_describes_the_device),
		TEST(driver_learns_the_size_of_a_bar),
		TEST(table_is_memory),
		TEST(registers_have_all_widths),
		TEST(accesses_outside_are_refused),
		TEST(unknown_commands_are_refused),
		TEST(posted_writes_get_no_answer),
		TEST(reset_reaches_the_model),
		TEST(maps_are_checked),
		TEST(register_write_can_do_dma),
		TWIN(register_write_can_do_dma),
		TEST(memory_in_a_file_is_used_there),
		TEST(large_transfer_comes_in_parts),
		TWIN(large_transfer_comes_in_parts),
		TEST(model_learns_of_a_refusal),
		TWIN(model_learns_of_a_refusal),
		TEST(commands_come_during_dma),
		TWIN(commands_come_during_dma),
		TEST(false_answer_ends_the_connection),
		TWIN(false_answer_ends_the_connection),
		TEST(interrupt_signals_the_eventfd),
		TEST(false_interrupts_are_refused),
		TEST(malformed_message_ends_the_connection),
		TWIN(malformed_message_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
