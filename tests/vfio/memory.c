// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests adopt memory of the driver for a device behind VFIO or iommufd. The kernel maps it in
 * place, and says at expose if it cannot pin it.
 */
#include <linux/vfio.h>
#include <sys/mman.h>

#include "vfio_test.h"

static unsigned int released;

static void count_release(void *memory, void *arg)
{
	assert_ptr_equal(memory, arg);
	released++;
}

static uint8_t *get_pages(size_t count)
{
	uint8_t *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	released = 0;
	return memory;
}

static void adopted_memory_is_mapped_in_place(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	uint8_t *memory = get_pages(2);
	const struct mock_mapping *mapping;

	memory[1] = 7;
	assert_ok(coherent_box_adopt(&box, fixture->dev, memory, (size_t)2 * PAGE,
				     .release = count_release, .release_arg = memory));
	assert_int_equal(mock.count, 0);
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(mock.count, 1);
	mapping = mock_find(coherent_addr(&mem).raw);
	assert_int_equal(mapping->va, (uintptr_t)memory);
	assert_int_equal(mapping->bytes, 2 * PAGE);
	assert_ok(coherent_reclaim(&mem, &box));
	assert_int_equal(mock.count, 0);
	assert_ptr_equal(coherent_box_ptr(&box), memory);
	assert_int_equal(memory[1], 7);
	assert_int_equal(released, 0);
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	assert_int_equal(mock_find(coherent_addr(&mem).raw)->flags, VFIO_DMA_MAP_FLAG_READ);
	coherent_free(&mem);
	assert_int_equal(released, 1);
	assert_ok(munmap(memory, 2 * PAGE));
	close_fixture(fixture);
}

static void pieces_are_mapped_behind_each_other(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	struct coherent_handle handle = COHERENT_EMPTY;
	uint8_t *memory = get_pages(4);
	const struct iovec pieces[] = { { memory + 3 * PAGE, PAGE }, { memory, (size_t)2 * PAGE } };
	uint64_t at;

	assert_ok(coherent_handle_adopt(&handle, fixture->dev, pieces, 2, .release = count_release,
					.release_arg = pieces[0].iov_base));
	at = coherent_handle_addr(&handle).raw;
	assert_int_equal(mock.count, 2);
	assert_int_equal(mock_find(at)->va, (uintptr_t)pieces[0].iov_base);
	assert_int_equal(mock_find(at)->bytes, PAGE);
	assert_int_equal(mock_find(at + PAGE)->va, (uintptr_t)pieces[1].iov_base);
	assert_int_equal(mock_find(at + PAGE)->bytes, 2 * PAGE);
	coherent_handle_free(&handle);
	assert_int_equal(mock.count, 0);
	assert_int_equal(released, 1);
	assert_ok(munmap(memory, 4 * PAGE));
	close_fixture(fixture);
}

/* No protection: the memory is not mapped any more. */
#define UNMAPPED (-1)

static void change_memory(uint8_t *memory, int protection)
{
	if (protection == UNMAPPED)
		assert_ok(munmap(memory, PAGE));
	else
		assert_ok(mprotect(memory, PAGE, protection));
}

/* Exposes memory that the kernel refuses with -EFAULT. The report has the reason. */
static void refuse_to_pin(const char *scheme, int protection, enum coherent_permission permission,
			  const char *says)
{
	struct fixture *fixture = open_fixture(scheme);
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	const unsigned int reports = fixture->log.count;
	uint8_t *memory = get_pages(1);

	assert_ok(coherent_box_adopt(&box, fixture->dev, memory, PAGE, .release = count_release,
				     .release_arg = memory));
	change_memory(memory, protection);
	mock.refuse_map = -EFAULT;
	assert_err(coherent_expose(&box, &mem, .permission = permission), -EINVAL);
	assert_int_equal(fixture->log.count, reports + 1);
	assert_true(log_has(&fixture->log, says));
	assert_true(coherent_is_empty(&box) && coherent_is_empty(&mem));
	assert_int_equal(mock.count, 0);
	assert_int_equal(released, 1);
	mock.refuse_map = 0;
	if (protection != UNMAPPED)
		assert_ok(munmap(memory, PAGE));
	close_fixture(fixture);
}

static void memory_that_cannot_be_pinned_is_explained(const char *scheme)
{
	refuse_to_pin(scheme, PROT_READ | PROT_WRITE, COHERENT_READ_WRITE, "cannot pin it");
	for (enum coherent_permission permission = COHERENT_READ_WRITE;
	     permission <= COHERENT_READ_ONLY; permission++) {
		refuse_to_pin(scheme, PROT_READ, permission, "may not write");
		refuse_to_pin(scheme, PROT_NONE, permission, "may not read");
		refuse_to_pin(scheme, UNMAPPED, permission, "nothing is mapped there");
	}
}

static const struct CMUnitTest tests[] = {
	EACH(adopted_memory_is_mapped_in_place),
	EACH(pieces_are_mapped_behind_each_other),
	EACH(memory_that_cannot_be_pinned_is_explained),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
