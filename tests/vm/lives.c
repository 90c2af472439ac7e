// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A device without a reset goes on with the commands of its last owner. These tests arm a transfer,
 * end its owner, and look at the memory of the next owner. The device is QEMU's edu in a VM: its
 * transfers begin 100 ms after they were armed. Its name is the argument.
 *
 * The next owner may be so late that the transfer begins before the device is bus master again. QEMU
 * then drops the transfer, and that proves nothing. So each test goes on until one transfer came
 * late enough, and only the timeout of the test ends it before. A comment of the output says how
 * many transfers were late enough.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../test.h"

enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2, BUFFER = 0x40000, BYTES = 2048, DIRT = 0xaa };

/* Each test takes at least as many turns. */
#define TURNS 4

COHERENT_TYPE(any_mem, uint8_t);

/* A driver of edu. */
struct life {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct log log;
};

static const char *device_name;

static void sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

static bool is_running(const struct life *life)
{
	return coherent_bar_read64(life->bar, DMA_CMD) & RUN;
}

static void wait_until_idle(const struct life *life)
{
	while (is_running(life))
		sleep_ms(1);
}

static void begin(struct life *life)
{
	*life = (struct life){ .log = LOG_EMPTY };
	assert_ok(coherent_device_open(&life->dev, device_name, .report = log_report,
				       .report_arg = &life->log));
	assert_true(log_has(&life->log, "has no reset of its own"));
	/* With a wide mask, two lives begin at the same page once in 30 million times. */
	assert_ok(coherent_device_set_mask(life->dev, coherent_mask(39)));
	assert_ok(coherent_bar_open(&life->bar, life->dev, 0));
}

static void end(struct life *life)
{
	coherent_bar_close(life->bar);
	coherent_device_close(life->dev);
	assert_false(log_has(&life->log, "not freed"));
}

static void start_transfer(const struct life *life, uint64_t from, uint64_t to, uint64_t command)
{
	coherent_bar_write64(life->bar, DMA_SRC, from);
	coherent_bar_write64(life->bar, DMA_DST, to);
	coherent_bar_write64(life->bar, DMA_COUNT, BYTES);
	coherent_bar_write64(life->bar, DMA_CMD, command | RUN);
}

/*
 * Begins a life that fills the device with DIRT, and tells it to write that to a mem. Returns the
 * address of the mem.
 */
static uint64_t begin_armed(struct life *life, union any_mem *mem)
{
	uint64_t address;

	begin(life);
	assert_ok(coherent_zeroed(mem, life->dev, PAGE));
	address = coherent_addr(mem).raw;
	for (size_t i = 0; i < BYTES; i++)
		assert_ok(coherent_write(mem, i, DIRT));
	start_transfer(life, address, BUFFER, 0);
	wait_until_idle(life);
	start_transfer(life, BUFFER, address, TO_MEMORY);
	return address;
}

/* Returns whether the transfer came while the device was bus master. */
static bool next_life_is_clean(uint64_t old)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint8_t bytes[PAGE];
	struct life life;
	bool runs, is_late;

	begin(&life);
	runs = is_running(&life);
	assert_ok(coherent_zeroed(&mem, life.dev, PAGE));
	is_late = runs && is_running(&life);
	wait_until_idle(&life);
	assert_ok(coherent_copy_out(&mem, 0, bytes, PAGE));
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(bytes[i], 0);
	if (runs)
		printf("# %sblocked: 0x%" PRIx64 "\n", is_late ? "" : "perhaps ", old);
	coherent_free(&mem);
	end(&life);
	return is_late;
}

static void print_late(unsigned int late, unsigned int turns)
{
	printf("# %u of %u transfers came when the device was bus master again\n", late, turns);
}

static void transfer_of_a_closed_device_misses_its_next_owner(void **state)
{
	unsigned int late = 0, turns = 0;

	(void)state;
	for (; turns < TURNS || !late; turns++) {
		union any_mem mem = COHERENT_EMPTY;
		struct life life;
		const uint64_t old = begin_armed(&life, &mem);

		coherent_free(&mem);
		end(&life);
		late += next_life_is_clean(old);
	}
	print_late(late, turns);
}

/* Runs in a program of its own, until that is killed. A failed assertion ends the program. */
static void live_until_killed(int to)
{
	union any_mem mem = COHERENT_EMPTY;
	struct life life;
	const uint64_t address = begin_armed(&life, &mem);

	assert_int_equal(write(to, &address, sizeof(address)), sizeof(address));
	for (;;)
		pause();
}

static void start_program(int to)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", to);
	execl("/proc/self/exe", "test-vm-lives", device_name, number, (char *)NULL);
	_exit(1);
}

static void transfer_of_a_killed_process_misses_the_next_owner(void **state)
{
	unsigned int late = 0, turns = 0;

	(void)state;
	for (; turns < TURNS || !late; turns++) {
		uint64_t address;
		int ends[2], status;
		pid_t child;

		assert_ok(pipe(ends));
		child = fork();
		if (!child)
			start_program(ends[1]);
		assert_true(child > 0);
		close(ends[1]);
		assert_int_equal(read(ends[0], &address, sizeof(address)), sizeof(address));
		assert_ok(kill(child, SIGKILL));
		assert_int_equal(waitpid(child, &status, 0), child);
		close(ends[0]);
		late += next_life_is_clean(address);
	}
	print_late(late, turns);
}

/* A driver that waits for its device before it exposes anything is never hit. QEMU refuses nothing. */
static void driver_stops_the_device_before_it_is_bus_master(void **state)
{
	union any_mem mem = COHERENT_EMPTY;
	struct life life;

	(void)state;
	(void)begin_armed(&life, &mem);
	coherent_free(&mem);
	end(&life);
	begin(&life);
	wait_until_idle(&life);
	assert_ok(coherent_zeroed(&mem, life.dev, PAGE));
	coherent_free(&mem);
	end(&life);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transfer_of_a_closed_device_misses_its_next_owner),
		cmocka_unit_test(transfer_of_a_killed_process_misses_the_next_owner),
		cmocka_unit_test(driver_stops_the_device_before_it_is_bus_master),
	};

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: test-vm-lives DEVICE\n");
		return 2;
	}
	device_name = argv[1];
	if (argc == 3)
		live_until_killed(atoi(argv[2]));
	/* Nothing in the VM sets this variable. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests_name("lives", tests, NULL, NULL);
}
