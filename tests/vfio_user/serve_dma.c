// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A served model reads and writes the memory of its client, by messages or in a file.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <unistd.h>

#include "one_client.h"

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

/* The table of vfio-user.rst has a count of 4 bytes, and other programs send 8. */
static void short_count_answers_a_write(void **state)
{
	static struct question question;
	const struct iovec part = { &question.dma, 12 };

	(void)state;
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, 8);
	for (uint32_t count = 8; count <= 9; count++) {
		begin_write(MOVER_COMMAND, MOVER_WRITE);
		take_question(&question, VFIO_USER_DMA_WRITE);
		memcpy(&question.dma.bytes, &count, sizeof(count));
		question.header.flags = VFIO_USER_FLAG_REPLY;
		assert_ok(vfio_user_message_send(questions_fd(), &question.header, &part, 1, NULL,
						 0, UINT64_MAX));
		end_write();
		assert_int_equal(client_reg(&client, MOVER_STATUS), count == 8 ? 0 : EIO);
	}
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

/* A write to the file would raise SIGXFSZ, which ends the server. So it sends a message. */
static void file_above_the_limit_is_written_by_messages(void **state)
{
	static struct question question;
	const int fd = memfd_create("memory", MFD_CLOEXEC);
	struct rlimit before, small;

	(void)state;
	assert_ok(ftruncate(fd, 8192));
	assert_ok(map_file(fd, 4096, 4096));
	assert_ok(getrlimit(RLIMIT_FSIZE, &before));
	small = (struct rlimit){ .rlim_cur = 4096, .rlim_max = before.rlim_max };
	assert_ok(setrlimit(RLIMIT_FSIZE, &small));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, 64);
	begin_write(MOVER_COMMAND, MOVER_WRITE);
	take_question(&question, VFIO_USER_DMA_WRITE);
	assert_int_equal(question.dma.bytes, 64);
	answer(&question, 0, 0);
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), 0);
	assert_ok(setrlimit(RLIMIT_FSIZE, &before));
	close(fd);
}

/* Answers the questions of one command. Each part but the last is as large as a message may be. */
static void answer_parts(uint16_t question_command)
{
	static struct question question;
	uint64_t address = WINDOW;

	for (size_t left = MOVER_MAX - 5; left; left -= question.dma.bytes) {
		take_question(&question, question_command);
		assert_int_equal(question.dma.address, address);
		assert_int_equal(question.dma.bytes,
				 left < VFIO_USER_DATA_MAX ? left : VFIO_USER_DATA_MAX);
		address += question.dma.bytes;
		memset(question.data, 0x5a, question.dma.bytes);
		answer(&question, question_command == VFIO_USER_DMA_READ ? question.dma.bytes : 0,
		       0);
	}
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), 0);
}

static void large_transfer_comes_in_parts(void **state)
{
	(void)state;
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, MOVER_MAX - 5);
	begin_write(MOVER_COMMAND, MOVER_WRITE);
	answer_parts(VFIO_USER_DMA_WRITE);
	begin_write(MOVER_COMMAND, MOVER_READ);
	answer_parts(VFIO_USER_DMA_READ);
	assert_true(is_all(mover.buffer, 0x5a, MOVER_MAX - 5));
}

/* A message does not end inside of an aligned word, wherever the transfer begins. */
static void parts_end_between_words(void **state)
{
	static struct question question;
	uint64_t address = WINDOW + 4;

	(void)state;
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, address);
	client_set_reg(&client, MOVER_BYTES, 2 * VFIO_USER_DATA_MAX);
	begin_write(MOVER_COMMAND, MOVER_WRITE);
	for (size_t left = 2 * VFIO_USER_DATA_MAX; left; left -= question.dma.bytes) {
		take_question(&question, VFIO_USER_DMA_WRITE);
		assert_int_equal(question.dma.address, address);
		address += question.dma.bytes;
		assert_true(address % 64 == 0 || question.dma.bytes == left);
		answer(&question, 0, 0);
	}
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), 0);
}

/* The client takes the addresses back during a transfer. The server asks for no further part. */
static void unmap_ends_a_transfer(void **state)
{
	static struct question question;
	struct vfio_user_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.address = WINDOW,
		.bytes = MOVER_MAX,
	};
	char byte;

	(void)state;
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, MOVER_MAX);
	client_set_reg(&client, MOVER_COMMAND, MOVER_WRITE | MOVER_LATER);
	take_question(&question, VFIO_USER_DMA_WRITE);
	assert_ok(client_ask(&client, VFIO_USER_DMA_UNMAP, &unmap, sizeof(unmap), &unmap,
			     sizeof(unmap)));
	answer(&question, 0, 0);
	while (client_reg(&client, MOVER_STATUS) == MOVER_BUSY)
		assert_int_equal(recv(client.twin, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
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
	assert_true(log_has(&server.reports, "has announced no memory for a device's read of 16"));
	assert_ok(client_map(&client, WINDOW, 8, VFIO_USER_MAP_READ));
	assert_ok(client_map(&client, WINDOW + 8, 8, READ_WRITE));
	client_set_reg(&client, MOVER_COMMAND, MOVER_WRITE);
	assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
	assert_int_equal(server.reports.count, 1);
	begin_write(MOVER_COMMAND, MOVER_READ);
	take_question(&question, VFIO_USER_DMA_READ);
	answer(&question, 0, EFAULT);
	end_write();
	assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
}

/* An answer must be that to the question. */
static void answer_repeats_the_question(void **state)
{
	static struct question question;

	(void)state;
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, 8);
	for (unsigned int i = 0; i < 4; i++) {
		const bool is_write = i % 2;

		begin_write(MOVER_COMMAND, is_write ? MOVER_WRITE : MOVER_READ);
		take_question(&question, is_write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ);
		if (i < 2)
			question.dma.address++;
		else
			question.dma.bytes--;
		answer(&question, is_write ? 0 : 8, 0);
		end_write();
		assert_int_equal(client_reg(&client, MOVER_STATUS), EIO);
		assert_true(log_has(&server.reports, "with another address: 65537 instead of"));
		assert_int_equal(server.reports.count, 1);
	}
	client_close(&client);
	client_open(&client, server.path, false);
	assert_ok(client_map(&client, WINDOW, MOVER_MAX, READ_WRITE));
	client_set_reg(&client, MOVER_ADDRESS, WINDOW);
	client_set_reg(&client, MOVER_BYTES, 8);
	begin_write(MOVER_COMMAND, MOVER_READ);
	take_question(&question, VFIO_USER_DMA_READ);
	question.dma.bytes = 7;
	answer(&question, 8, 0);
	end_write();
	assert_true(log_has(&server.reports, "with another count: 7 instead of 8"));
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
		/* The channel refuses an answer that is too long or of another question. */
		assert_true(log_has(&server.reports, i ? "it sent a malformed message" :
							 "another size: 23 instead of 24"));
		log_clear(&server.reports);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TWIN(name)                                                           \
	{                                                                    \
#name " with twin sockets", name, setup_twin, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(maps_are_checked),
		TEST(register_write_can_do_dma),
		TWIN(register_write_can_do_dma),
		TEST(short_count_answers_a_write),
		TWIN(short_count_answers_a_write),
		TEST(memory_in_a_file_is_used_there),
		TEST(file_above_the_limit_is_written_by_messages),
		TEST(large_transfer_comes_in_parts),
		TWIN(large_transfer_comes_in_parts),
		TEST(parts_end_between_words),
		TWIN(unmap_ends_a_transfer),
		TEST(model_learns_of_a_refusal),
		TWIN(model_learns_of_a_refusal),
		TEST(answer_repeats_the_question),
		TEST(commands_come_during_dma),
		TWIN(commands_come_during_dma),
		TEST(false_answer_ends_the_connection),
		TWIN(false_answer_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
