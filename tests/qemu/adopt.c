// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * QEMU gets a copy of memory that a driver adopts. These tests show that the driver gets the contents
 * back, whichever way the object ends.
 */
#include <sys/mman.h>

#include "edu.h"

COHERENT_TYPE(bytes, uint8_t);

static uint8_t *memory;
static unsigned int returns;

/* The CPU wrote to the first byte of the copy, and the device to the second half. */
static void come_back(void *returned, void *arg)
{
	(void)arg;
	assert_ptr_equal(returned, memory);
	assert_int_equal(memory[0], 9);
	assert_int_equal(memory[1], 7);
	assert_int_equal(memory[PAGE / 2], DIRT);
	returns++;
}

static int map_memory(void **state)
{
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	memset(memory, 7, PAGE);
	returns = 0;
	return open_edu(state);
}

static int unmap_memory(void **state)
{
	assert_int_equal(returns, 1);
	assert_ok(munmap(memory, PAGE));
	return close_edu(state);
}

static void expose_and_write_with(union bytes *mem, void (*release)(void *returned, void *arg))
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;

	device_gets_dirt();
	assert_ok(coherent_box_adopt(&box, dev, memory, PAGE, .copy = true, .release = release));
	assert_ok(coherent_expose(&box, mem));
	assert_ok(coherent_write(mem, 0, 9));
	start_transfer(BUFFER, coherent_addr(mem).raw + PAGE / 2, BYTES, TO_MEMORY);
	finish_transfer();
}

static void expose_and_write(union bytes *mem)
{
	expose_and_write_with(mem, come_back);
}

static void contents_come_back_at_a_reclaim(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	union bytes mem = COHERENT_EMPTY;

	(void)state;
	expose_and_write(&mem);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	coherent_box_free(&box);
}

static void contents_come_back_at_the_fence_after_a_free(void **state)
{
	union bytes mem = COHERENT_EMPTY;

	(void)state;
	expose_and_write(&mem);
	coherent_free(&mem);
	assert_int_equal(returns, 0);
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(returns, 1);
}

/* Nothing tells the driver to wait for the fence, so it may use its memory after the free. */
static void contents_come_back_at_a_free_without_release(void **state)
{
	union bytes mem = COHERENT_EMPTY;

	(void)state;
	expose_and_write_with(&mem, NULL);
	coherent_free(&mem);
	come_back(memory, NULL);
	memory[0] = 1;
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(memory[0], 1);
}

static void contents_come_back_at_the_close_after_a_free(void **state)
{
	union bytes mem = COHERENT_EMPTY;

	(void)state;
	expose_and_write(&mem);
	coherent_free(&mem);
	coherent_device_close(dev);
	dev = NULL;
	assert_int_equal(returns, 1);
}

static void contents_come_back_at_a_free_after_the_close(void **state)
{
	union bytes mem = COHERENT_EMPTY;

	(void)state;
	expose_and_write(&mem);
	coherent_device_close(dev);
	dev = NULL;
	assert_ok(coherent_write(&mem, 1, 7));
	assert_int_equal(returns, 0);
	coherent_free(&mem);
}

#define WITH_MEMORY(test) cmocka_unit_test_setup_teardown(test, map_memory, unmap_memory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MEMORY(contents_come_back_at_a_reclaim),
		WITH_MEMORY(contents_come_back_at_the_fence_after_a_free),
		WITH_MEMORY(contents_come_back_at_a_free_without_release),
		WITH_MEMORY(contents_come_back_at_the_close_after_a_free),
		WITH_MEMORY(contents_come_back_at_a_free_after_the_close),
	};

	return RUN_WITH_QEMU(tests);
}
