// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* One half of a driver of two source files. */
#include "two.h"

static struct two the_device;
static bool is_open;

static int serve(struct two *two)
{
	uint32_t len = 0;
	int err, tries = 3;

retry:
	err = two_transfer(two, 128);
	if (err == -ETIMEDOUT && tries-- > 0) {
		err = two_reset(two);
		if (!err)
			goto retry;
	}
	if (err)
		return err;
	err = coherent_read(&two->done, 0, .len, &len);
	return err ?: len > 128 ? -EPROTO : 0;
}

int main(int argc, char **argv)
{
	struct two second = { .dev = NULL };
	int err;

	if (argc != 2)
		return 2;
	err = two_open(&the_device, argv[1]);
	is_open = !err;
	if (is_open)
		err = serve(&the_device);
	if (!err && !two_open(&second, argv[1])) {
		err = serve(&second);
		two_close(&second);
	}
	if (is_open)
		two_close(&the_device);
	if (err)
		fprintf(stderr, "two: %s\n", strerror(-err));
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
