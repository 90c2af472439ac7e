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
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "one_client.h"

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
/* The model has BARs 0 and 2, so BAR 1 is that of the table. */
#define TABLE_BAR 1

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
	/* The other BAR of the model has 100 bytes. */
	assert_ok(client_read(&client, 2, 96, all, 8));
	assert_memory_equal(all, "\x5a\x5a\x5a\x5a\xff\xff\xff\xff", 8);
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

/* Another process can fill an eventfd, and let writes to it wait. The model goes on. */
static void full_eventfd_does_not_stop_the_model(void **state)
{
	const int fd = eventfd(0, EFD_CLOEXEC);
	eventfd_t value;

	(void)state;
	assert_ok(set_irqs(TRIGGER, MSIX, 1, 1, &fd, 1));
	assert_ok(eventfd_write(fd, UINT64_MAX - 1));
	assert_ok(fcntl(fd, F_SETFL, 0));
	client_set_reg(&client, MOVER_COMMAND, MOVER_READ);
	client_set_reg(&client, MOVER_COMMAND, MOVER_READ);
	assert_ok(eventfd_read(fd, &value));
	assert_true(value == UINT64_MAX);
	assert_true(interrupts(fd));
	close(fd);
}

/* A write to a pipe that no process reads, or to such a socket, raises SIGPIPE. */
static void only_eventfds_can_be_signalled(void **state)
{
	const int file = memfd_create("anon_inode:[eventfd]", MFD_CLOEXEC);
	int pair[2], ends[2];

	(void)state;
	assert_ok(pipe2(pair, O_CLOEXEC));
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	close(pair[0]);
	close(ends[0]);
	assert_int_equal(set_irqs(TRIGGER, MSIX, 1, 1, &pair[1], 1), EINVAL);
	assert_int_equal(set_irqs(TRIGGER, MSIX, 1, 1, &ends[1], 1), EINVAL);
	assert_int_equal(set_irqs(TRIGGER, MSIX, 1, 1, &file, 1), EINVAL);
	close(pair[1]);
	close(ends[1]);
	close(file);
}

/* The server gets the message without its descriptor. */
static void server_without_descriptors_says_so(void **state)
{
	const int fd = eventfd(0, EFD_CLOEXEC), lowest = dup(fd);
	struct rlimit usual, none;
	int error[2];

	(void)state;
	assert_true(lowest >= 0);
	close(lowest);
	assert_ok(getrlimit(RLIMIT_NOFILE, &usual));
	none = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = usual.rlim_max };
	assert_ok(setrlimit(RLIMIT_NOFILE, &none));
	for (size_t i = 0; i < 2; i++)
		error[i] = set_irqs(TRIGGER, MSIX, 1, 1, &fd, 1);
	assert_ok(setrlimit(RLIMIT_NOFILE, &usual));
	assert_int_equal(error[0], EMFILE);
	assert_int_equal(error[1], EMFILE);
	/* A client must not fill the log of the server. */
	assert_int_equal((int)server.reports.count, 1);
	assert_true(
		log_has(&server.reports, "no descriptor is left for an interrupt of the client"));
	assert_ok(set_irqs(TRIGGER, MSIX, 1, 1, &fd, 1));
	assert_true(interrupts(fd));
	log_clear(&server.reports);
	close(fd);
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
		TEST(interrupt_signals_the_eventfd),
		TEST(full_eventfd_does_not_stop_the_model),
		TEST(only_eventfds_can_be_signalled),
		TEST(server_without_descriptors_says_so),
		TEST(false_interrupts_are_refused),
		TEST(malformed_message_ends_the_connection),
		TWIN(malformed_message_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
