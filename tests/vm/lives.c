// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A device without a reset goes on with the commands of its last owner. These tests arm a transfer,
 * end its owner, and look at the memory of the next owner, and at memory that the last owner had
 * adopted and others still use. The devices are two of QEMU's edu in a VM: their transfers begin
 * 100 ms after they were armed. The arguments are their names.
 *
 * The next owner may be so late that the transfer begins before the device is bus master again. QEMU
 * then drops the transfer, and that proves nothing. So each test goes on until one transfer came
 * late enough, and only the timeout of the test ends it before. A comment of the output says how
 * many transfers were late enough.
 */
#include <coherent/adopt.h>
#include <coherent/share.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../test.h"

enum { DMA_SRC = 0x80, DMA_DST = 0x88, DMA_COUNT = 0x90, DMA_CMD = 0x98 };
enum { RUN = 1, TO_MEMORY = 2, BUFFER = 0x40000, BYTES = 2048, DIRT = 0xaa, KEPT = 0x55 };

/* Each test takes at least as many turns. */
#define TURNS 4

COHERENT_TYPE(any_mem, uint8_t);
COHERENT_TWIN_TYPE(any_twin, uint8_t);

/* A driver of edu. */
struct life {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct log log;
};

static const char *names[2];

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

static void begin(struct life *life, const char *name)
{
	*life = (struct life){ .log = LOG_EMPTY };
	assert_ok(coherent_device_open(&life->dev, name, .report = log_report,
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

static void fill(union any_mem *mem, uint8_t byte)
{
	for (size_t i = 0; i < BYTES; i++)
		assert_ok(coherent_write(mem, i, byte));
}

/*
 * Fills a device with DIRT, and tells it to write that to a mem of KEPT. Before that, the same
 * transfer shows that the device reaches the memory at this address.
 */
static void arm(const struct life *life, union any_mem *mem, uint64_t address)
{
	uint8_t bytes[BYTES];

	fill(mem, DIRT);
	start_transfer(life, address, BUFFER, 0);
	wait_until_idle(life);
	fill(mem, KEPT);
	start_transfer(life, BUFFER, address, TO_MEMORY);
	wait_until_idle(life);
	assert_ok(coherent_copy_out(mem, 0, bytes, BYTES));
	assert_true(is_all(bytes, DIRT, BYTES));
	fill(mem, KEPT);
	start_transfer(life, BUFFER, address, TO_MEMORY);
}

/* Begins a life with an armed transfer to a mem. Returns the address of the mem. */
static uint64_t begin_armed(struct life *life, union any_mem *mem)
{
	uint64_t address;

	begin(life, names[0]);
	assert_ok(coherent_zeroed(mem, life->dev, PAGE));
	address = coherent_addr(mem).raw;
	arm(life, mem, address);
	return address;
}

/* Returns whether the transfer came while the device was bus master. */
static bool next_life_is_clean(const char *name, uint64_t old)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint8_t bytes[PAGE];
	struct life life;
	bool runs, is_late;

	begin(&life, name);
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
		late += next_life_is_clean(names[0], old);
	}
	print_late(late, turns);
}

/* --- Drivers that are killed --- */

static uint8_t *map_file(int file)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	assert_true(page != MAP_FAILED);
	return page;
}

static void begin_with_file(struct life *life, int file, union any_mem *mem)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;

	begin(life, names[0]);
	assert_ok(coherent_box_adopt(&box, life->dev, map_file(file), PAGE));
	assert_ok(coherent_expose(&box, mem));
}

/* The transfer goes to the page of the file. */
static uint64_t begin_adopted(struct life *life, int file, union any_mem *mem)
{
	uint64_t address;

	begin_with_file(life, file, mem);
	address = coherent_addr(mem).raw;
	arm(life, mem, address);
	return address;
}

/* The transfer goes there too, but it is one of the second device, which has a twin. */
static uint64_t begin_shared(struct life lives[2], int file, union any_mem *mem,
			     union any_twin *twin)
{
	uint64_t address;

	begin_with_file(&lives[0], file, mem);
	begin(&lives[1], names[1]);
	assert_ok(coherent_share(mem, lives[1].dev, twin));
	address = coherent_addr(twin).raw;
	arm(&lives[1], mem, address);
	return address;
}

/* Runs in a program of its own, until that is killed. A failed assertion ends the program. */
static void live_until_killed(const char *what, int to, int file)
{
	union any_mem mem = COHERENT_EMPTY;
	union any_twin twin = COHERENT_EMPTY;
	struct life lives[2];
	uint64_t address;

	if (!strcmp(what, "twin"))
		address = begin_shared(lives, file, &mem, &twin);
	else if (!strcmp(what, "adopted"))
		address = begin_adopted(lives, file, &mem);
	else
		address = begin_armed(lives, &mem);
	assert_int_equal(write(to, &address, sizeof(address)), sizeof(address));
	for (;;)
		pause();
}

static void start_program(const char *what, int to, int file)
{
	char numbers[2][16];

	snprintf(numbers[0], sizeof(numbers[0]), "%d", to);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", file);
	execl("/proc/self/exe", "test-vm-lives", names[0], names[1], what, numbers[0], numbers[1],
	      (char *)NULL);
	_exit(1);
}

/* Kills a driver that has armed a transfer. Returns the address of the transfer. */
static uint64_t kill_armed(const char *what, int file)
{
	uint64_t address;
	int ends[2], status;
	pid_t child;

	assert_ok(pipe(ends));
	child = fork();
	if (!child)
		start_program(what, ends[1], file);
	assert_true(child > 0);
	close(ends[1]);
	assert_int_equal(read(ends[0], &address, sizeof(address)), sizeof(address));
	assert_ok(kill(child, SIGKILL));
	assert_int_equal(waitpid(child, &status, 0), child);
	close(ends[0]);
	return address;
}

/* This process keeps the file that each driver adopts a page of. @name is the armed device. */
static void kill_drivers(const char *what, const char *name)
{
	const int file = memfd_create("kept", 0);
	unsigned int late = 0, turns = 0;
	uint8_t *page;

	assert_true(file >= 0);
	assert_ok(ftruncate(file, PAGE));
	page = map_file(file);
	memset(page, KEPT, PAGE);
	for (; turns < TURNS || !late; turns++) {
		late += next_life_is_clean(name, kill_armed(what, file));
		assert_true(is_all(page, KEPT, PAGE));
	}
	print_late(late, turns);
	assert_ok(munmap(page, PAGE));
	close(file);
}

static void transfer_of_a_killed_process_misses_the_next_owner(void **state)
{
	(void)state;
	kill_drivers("mem", names[0]);
}

static void transfer_of_a_killed_process_misses_what_it_adopted(void **state)
{
	(void)state;
	kill_drivers("adopted", names[0]);
}

static void transfer_to_a_twin_of_a_killed_process_misses_the_memory(void **state)
{
	(void)state;
	kill_drivers("twin", names[1]);
}

/* --- A driver that waits --- */

/* A driver that waits for its device before it exposes anything is never hit. QEMU refuses nothing. */
static void driver_stops_the_device_before_it_is_bus_master(void **state)
{
	union any_mem mem = COHERENT_EMPTY;
	struct life life;

	(void)state;
	(void)begin_armed(&life, &mem);
	coherent_free(&mem);
	end(&life);
	begin(&life, names[0]);
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
		cmocka_unit_test(transfer_of_a_killed_process_misses_what_it_adopted),
		cmocka_unit_test(transfer_to_a_twin_of_a_killed_process_misses_the_memory),
		cmocka_unit_test(driver_stops_the_device_before_it_is_bus_master),
	};

	if (argc != 3 && argc != 6) {
		fprintf(stderr, "usage: test-vm-lives DEVICE DEVICE\n");
		return 2;
	}
	names[0] = argv[1];
	names[1] = argv[2];
	if (argc == 6)
		live_until_killed(argv[3], atoi(argv[4]), atoi(argv[5]));
	/* Nothing in the VM sets this variable. */
	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests_name("lives", tests, NULL, NULL);
}
