// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The shared segment of a device: who may write to it, and where its memory comes from.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <coherent/loan.h>
#include <coherent/pool.h>
#include <coherent/share.h>

#include "../src/device/device.h"
#include "test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER true
#elif defined(__has_feature)
#define HAS_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define HAS_SANITIZER false
#endif

/* --- Forked children, and other processes --- */

/* Returns what the segment has now, for the caller to free. */
static char *copy_of(const struct segment *segment)
{
	char *copy = malloc(segment->used);

	assert_non_null(copy);
	memcpy(copy, segment->header, segment->used);
	return copy;
}

/* The child may do all that the contract allows with what it inherited. */
static void forked_child_changes_no_record(void **state)
{
	COHERENT_POOL(uint8_t[64]) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t[64]) slot = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, more = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	struct segment *segment;
	size_t bytes;
	int status;
	char *copy;
	pid_t pid;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &slot));
	segment = &dev->store.segment;
	bytes = segment->used;
	copy = copy_of(segment);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		(void)!coherent_box_zeroed(&more, dev, 1);
		coherent_box_free(&slot);
		coherent_box_free(&box);
		coherent_free(&mem);
		(void)!coherent_pool_destroy(&pool);
		coherent_device_close(dev);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_memory_equal(copy, segment->header, bytes);
	free(copy);
	coherent_box_free(&slot);
	coherent_box_free(&box);
	coherent_free(&mem);
	assert_ok(coherent_pool_destroy(&pool));
}

/* A wild store of a child, which may have fewer rights, must not reach the parent. */
static void forked_child_has_a_private_copy(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	struct segment *segment;
	int status;
	pid_t pid;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	segment = &dev->store.segment;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		memset(segment->header, 0xff, segment->ready);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_int_equal(segment->header->version, SEGMENT_VERSION);
	assert_ok(coherent_write(&mem, 0, 1));
	coherent_free(&mem);
}

/* The handler of the child waits here, if this is a descriptor, before that of the library copies. */
static int gate = -1;

static void wait_at_gate(void)
{
	char byte;

	if (gate >= 0)
		(void)!read(gate, &byte, 1);
}

/* The parent ends its objects before the child has a copy of the records. */
static void forked_child_has_no_device_whatever_the_parent_does(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY, back = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, out = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) lent = COHERENT_EMPTY;
	COHERENT_LOAN(uint8_t) loan = COHERENT_EMPTY;
	COHERENT_TWIN(uint8_t) twin = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	int status, ends[2];
	pid_t pid;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	assert_ok(coherent_box_zeroed(&lent, dev, 1));
	assert_ok(pipe(ends));
	gate = ends[0];
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (coherent_reclaim(&mem, &back) != -ENODEV ||
		    coherent_share(&mem, dev, &twin) != -ENODEV ||
		    coherent_lend(&lent, &loan, COHERENT_TO_DEVICE) != -ENODEV)
			_exit(1);
		_exit(coherent_expose(&box, &out) != -ENODEV);
	}
	gate = -1;
	coherent_free(&mem);
	coherent_box_free(&box);
	coherent_box_free(&lent);
	assert_int_equal(write(ends[1], "", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	close(ends[0]);
	close(ends[1]);
}

static bool await_word(int from)
{
	char word;

	return read(from, &word, 1) == 1;
}

/* The parent goes on, so the records of its objects may be those of others soon. */
static void forked_child_does_not_see_later_changes(void **state)
{
	COHERENT_POOL(uint8_t[64]) pool = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t[64]) slot = COHERENT_EMPTY;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	struct segment *segment;
	int status, ends[2];
	size_t bytes;
	char *copy;
	pid_t pid;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	assert_ok(coherent_pool_create(&pool, dev));
	assert_ok(coherent_pool_box(&pool, &slot));
	segment = &dev->store.segment;
	bytes = segment->used;
	copy = copy_of(segment);
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (write(ends[1], "x", 1) != 1 || !await_word(ends[1]))
			_exit(1);
		if (memcmp(copy, segment->header, bytes) != 0)
			_exit(2);
		_exit(coherent_reclaim(&mem, &box) == -ENODEV ? 0 : 3);
	}
	assert_true(await_word(ends[0]));
	coherent_free(&mem);
	coherent_box_free(&slot);
	assert_ok(coherent_pool_destroy(&pool));
	assert_memory_not_equal(copy, segment->header, bytes);
	assert_int_equal(write(ends[0], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
	free(copy);
}

/* A child may close what it inherited, and have a file of its own where the segment was. */
static void child_of_a_child_does_not_use_the_descriptor(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(dev);
	int status;
	pid_t pid;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_zeroed(&mem, dev, 1));
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		const int other = open("/dev/zero", O_RDONLY | O_CLOEXEC);

		if (other < 0 || dup2(other, dev->store.segment.fd) < 0)
			_exit(1);
		pid = fork();
		if (!pid) {
			coherent_free(&mem);
			_exit(dev->store.segment.header->version == SEGMENT_VERSION ? 0 : 2);
		}
		_exit(waitpid(pid, &status, 0) == pid && !status ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	coherent_free(&mem);
}

static void nobody_else_can_write(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	char path[64];
	int fd;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dev->store.segment.fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	close(fd);
}

/* --- The memory --- */

static const uint32_t no_fields[SEGMENT_FIELDS];

static void memory_is_zero_when_it_is_used_again(void **state)
{
	struct segment segment = { .header = NULL };
	char *first, *again;

	(void)state;
	segment_open(&segment, "name", no_fields);
	assert_non_null(segment.header);
	first = segment_get(&segment, 10000);
	assert_true(segment_has(&segment, first));
	memset(first, 0xff, 10000);
	segment_put(&segment, first);
	again = segment_get(&segment, 10000);
	assert_ptr_equal(again, first);
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(again[i], 0);
	segment_put(&segment, again);
	segment_close(&segment);
}

static void private_memory_serves_when_the_segment_is_full(void **state)
{
	struct segment segment = { .header = NULL };
	char *parts[8];

	(void)state;
	segment_open(&segment, "name", no_fields);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		parts[i] = segment_get(&segment, segment.bytes / 4);
		assert_non_null(parts[i]);
		parts[i][100] = 1;
	}
	assert_false(segment_has(&segment, parts[7]));
	assert_int_equal(segment.header->missing, 5);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		segment_put(&segment, parts[i]);
	segment_close(&segment);
}

/* Runs a device in a child whose limit is lowered. Returns the size of its segment. */
static uint64_t bytes_under_a_limit(int resource, rlim_t limit)
{
	uint64_t bytes = UINT64_MAX;
	int result[2], status;
	pid_t pid;

	assert_ok(pipe2(result, O_CLOEXEC));
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		const struct rlimit low = { limit, limit };
		COHERENT(uint8_t) mem = COHERENT_EMPTY;
		struct coherent_device *dev;

		assert_ok(setrlimit(resource, &low));
		assert_ok(coherent_device_open(&dev, "sim:edu,step"));
		assert_ok(coherent_zeroed(&mem, dev, 1));
		bytes = dev->store.segment.header ? dev->store.segment.bytes : 0;
		coherent_free(&mem);
		coherent_device_close(dev);
		_exit(write(result[1], &bytes, sizeof(bytes)) != sizeof(bytes));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_int_equal(read(result[0], &bytes, sizeof(bytes)), sizeof(bytes));
	close(result[0]);
	close(result[1]);
	return bytes;
}

static void limits_of_a_process_are_respected(void **state)
{
	(void)state;
	/* Without the check of the limit, SIGXFSZ would end the process. */
	assert_int_equal(bytes_under_a_limit(RLIMIT_FSIZE, 0), 0);
	/* A sanitizer needs more addresses than that. */
	if (!HAS_SANITIZER)
		assert_int_equal(bytes_under_a_limit(RLIMIT_AS, (rlim_t)1 << 30),
				 (uint64_t)1 << 20);
}

static void descriptors_are_left_to_the_program(void **state)
{
	struct coherent_device *devs[64];
	unsigned int without = 0;
	struct rlimit old, low;
	size_t n = 0;

	(void)state;
	assert_ok(getrlimit(RLIMIT_NOFILE, &old));
	low = (struct rlimit){ 64, old.rlim_max };
	assert_ok(setrlimit(RLIMIT_NOFILE, &low));
	for (; n < ARRAY_SIZE(devs); n++) {
		assert_ok(coherent_device_open(&devs[n], "sim:edu,step"));
		without += !devs[n]->store.segment.header;
	}
	assert_true(without > 30 && without < 64);
	while (n)
		coherent_device_close(devs[--n]);
	assert_ok(setrlimit(RLIMIT_NOFILE, &old));
}

/* smaps says "dd" for memory that core dumps leave out. */
static void core_dumps_have_what_is_used(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	char line[512];
	unsigned long first, end, base;
	bool in = false;
	int left_out = 0, there = 0;
	FILE *smaps;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	base = (unsigned long)dev->store.segment.header;
	smaps = fopen("/proc/self/smaps", "re");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			in = first >= base && end <= base + dev->store.segment.bytes;
		if (!in || strncmp(line, "VmFlags:", 8))
			continue;
		left_out += !!strstr(line, " dd");
		there += !strstr(line, " dd");
	}
	fclose(smaps);
	assert_int_equal(there, 1);
	assert_int_equal(left_out, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forked_child_changes_no_record),
		cmocka_unit_test(forked_child_has_a_private_copy),
		cmocka_unit_test(forked_child_has_no_device_whatever_the_parent_does),
		cmocka_unit_test(forked_child_does_not_see_later_changes),
		cmocka_unit_test(child_of_a_child_does_not_use_the_descriptor),
		cmocka_unit_test(nobody_else_can_write),
		cmocka_unit_test(memory_is_zero_when_it_is_used_again),
		cmocka_unit_test(private_memory_serves_when_the_segment_is_full),
		cmocka_unit_test(limits_of_a_process_are_respected),
		cmocka_unit_test(descriptors_are_left_to_the_program),
		cmocka_unit_test(core_dumps_have_what_is_used),
	};

	/* The handlers of a child run in this order, and the first device brings that of the library. */
	if (pthread_atfork(NULL, NULL, wait_at_gate))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
