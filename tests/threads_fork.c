// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A fork while another thread is inside of the library. Builds with a sanitizer leave this out, because
 * it holds locks of its own that the child waits for.
 */
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void *open_again_and_again(void *over)
{
	struct coherent_device *dev;

	while (!atomic_load((atomic_bool *)over)) {
		if (coherent_device_open(&dev, "sim:edu,step", .harden = true))
			return over;
		coherent_device_close(dev);
	}
	return NULL;
}

/* Another thread opens and closes hardened devices, and the fork interrupts it anywhere. */
static void forked_child_opens_a_hardened_device(void **state)
{
	struct coherent_device *dev;
	atomic_bool over = false;
	pthread_t other;
	void *failed;
	int status;

	(void)state;
	assert_ok(pthread_create(&other, NULL, open_again_and_again, &over));
	for (unsigned int turn = 0; turn < 1000; turn++) {
		const pid_t pid = fork();

		if (!pid) {
			/* The child ends if it waits for a lock that nobody drops. */
			alarm(LONG / MS / 1000);
			if (coherent_device_open(&dev, "sim:edu,step", .harden = true))
				_exit(1);
			coherent_device_close(dev);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	atomic_store(&over, true);
	assert_ok(pthread_join(other, &failed));
	assert_null(failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forked_child_opens_a_hardened_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
