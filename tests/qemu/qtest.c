// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests play QEMU on the qtest socket and give the library good and bad answers.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/qemu/qtest.h"
#include "../test.h"

/* Answers one command with @text. Returns the library's result. */
static int answer_with(const char *text, size_t bytes, bool hang_up, uint64_t *value)
{
	struct qtest qtest;
	int pair[2], err;

	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	qtest = (struct qtest){ .fd = pair[0], .deadline_ns = sys_deadline_ns(20 * MS) };
	assert_int_equal(write(pair[1], text, bytes), bytes);
	if (hang_up)
		assert_ok(shutdown(pair[1], SHUT_WR));
	err = value ? qtest_read(&qtest, 0x1000, 4, value) : qtest_write(&qtest, 0x1000, 4, 1);
	close(pair[0]);
	close(pair[1]);
	return err;
}

static void answers_are_read(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_ok(answer_with("OK\n", 3, false, NULL));
	assert_ok(answer_with("OK 0x00000000000000ff\n", 22, false, &value));
	assert_int_equal(value, 0xff);
	assert_ok(answer_with("OK 0xffffffffffffffff\n", 22, true, &value));
	assert_true(value == UINT64_MAX);
}

static void malformed_answer_is_an_error(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
		bool reads;
	} cases[] = {
		{ "OK 0x1\n", 7, false },
		{ "OK\n", 3, true },
		{ "FAIL Unknown command\n", 21, false },
		{ "FAIL Unknown command\n", 21, true },
		{ "ERR\n", 4, true },
		{ "\n", 1, false },
		{ "OK \n", 4, true },
		{ "OK 0x\n", 6, true },
		{ "OK 0xg\n", 7, true },
		{ "OK 0x1 \n", 8, true },
		{ "OK 0x1ffffffffffffffff\n", 23, true },
		{ "OK -1\n", 6, true },
		{ "OK\nOK\n", 6, false },
		{ "OK 0x1\nOK", 9, true },
		{ "OK\0x\n", 5, false },
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_err(answer_with(cases[i].text, cases[i].bytes, false,
				       cases[i].reads ? &value : NULL),
			   -EPROTO);
}

static void endless_line_is_an_error(void **state)
{
	char line[4096];

	(void)state;
	memset(line, 'O', sizeof(line));
	assert_err(answer_with(line, sizeof(line), false, NULL), -EPROTO);
}

static void library_waits_for_the_end_of_a_line(void **state)
{
	(void)state;
	assert_err(answer_with("O", 1, false, NULL), -ETIMEDOUT);
	assert_err(answer_with("", 0, false, NULL), -ETIMEDOUT);
	assert_err(answer_with("OK", 2, true, NULL), -EPIPE);
	assert_err(answer_with("", 0, true, NULL), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(malformed_answer_is_an_error),
		cmocka_unit_test(endless_line_is_an_error),
		cmocka_unit_test(library_waits_for_the_end_of_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
