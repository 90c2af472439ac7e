// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This test checks that an access of a register has its width. The memory behind the BAR cannot be
 * touched, so a wider access at the end of the BAR ends the program.
 */
#include <sys/mman.h>

#include "../../src/vfio/pci.h"
#include "vfio_test.h"

/* Moves a BAR to a place that has no memory behind it. */
static void move_bar(struct vfio_pci_bar *bar, void *to)
{
	assert_ptr_equal(mremap(bar->va, bar->bytes, bar->bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to),
			 to);
	bar->va = to;
}

static void accesses_do_not_reach_past_the_bar(const char *scheme)
{
	struct fixture *fixture = open_fixture(scheme);
	struct vfio_pci *pci = vfio_pci_of(fixture->dev->backend);
	const uint64_t end = pci->bars[0].bytes;
	struct coherent_bar *bar;
	void *guarded = mmap(NULL, 2 * end, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(guarded, MAP_FAILED);
	move_bar(&pci->bars[0], guarded);
	assert_ok(coherent_bar_open(&bar, fixture->dev, 0));
	coherent_bar_write64(bar, end - 8, UINT64_C(0x1122334455667788));
	assert_int_equal(coherent_bar_read64(bar, end - 8), UINT64_C(0x1122334455667788));
	assert_int_equal(coherent_bar_read32(bar, end - 4), 0x11223344);
	assert_int_equal(coherent_bar_read16(bar, end - 2), 0x1122);
	assert_int_equal(coherent_bar_read8(bar, end - 1), 0x11);
	coherent_bar_write32(bar, end - 4, 0xaabbccdd);
	coherent_bar_write16(bar, end - 2, 0xeeff);
	coherent_bar_write8(bar, end - 1, 0x99);
	assert_int_equal(coherent_bar_read64(bar, end - 8), UINT64_C(0x99ffccdd55667788));
	coherent_bar_close(bar);
	munmap((char *)guarded + end, end);
	/* The BAR was counted twice: when the library mapped it, and as a part of @guarded. */
	inject.bytes -= end;
	close_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(accesses_do_not_reach_past_the_bar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
