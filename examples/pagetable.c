// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A page table of three levels that holds its own device addresses. The table is complete before a
 * device can reach a byte of it.
 *
 * A driver does not know the address of a box. But the function in .seal gets it: coherent_expose()
 * calls it as the last step before the device gets access.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES 512
#define PAGE_BYTES 4096
#define PAGES 1500
#define LEAVES ((PAGES + ENTRIES - 1) / ENTRIES)

enum pt_reg { PT_ROOT = 0x00, PT_LOOKUP = 0x08, PT_RESULT = 0x10, PT_BAR = 0x20 };
#define PTE_VALID UINT64_C(1)
#define PTE_WRITE UINT64_C(2)
#define PTE_ADDRESS (~UINT64_C(0xfff))

struct pt_page {
	coherent_le64 pte[ENTRIES];
};

struct data_page {
	uint8_t bytes[PAGE_BYTES];
};

COHERENT_TYPE(pt_mem, struct pt_page);
COHERENT_TYPE(data_mem, struct data_page);

/* The seal function. Page 0 is the root, page 1 the middle level, the other pages are leaves. */
static int link_levels(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	struct pt_page *pages = elements;
	const union data_mem *data = arg;
	coherent_addr_t page;
	int err = 0;

	pages[0].pte[0] = coherent_cpu_to_le64((address.raw + PAGE_BYTES) | PTE_VALID);
	for (size_t i = 2; i < count; i++)
		pages[1].pte[i - 2] =
			coherent_cpu_to_le64((address.raw + i * PAGE_BYTES) | PTE_VALID);
	for (size_t i = 0; !err && i < PAGES; i++) {
		err = coherent_addr_at(data, i, &page);
		pages[2 + i / ENTRIES].pte[i % ENTRIES] =
			coherent_cpu_to_le64(page.raw | PTE_VALID | PTE_WRITE);
	}
	return err;
}

static int fill_data(struct data_page *pages, size_t count, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < count; i++)
		memset(pages[i].bytes, (int)(i % 251), PAGE_BYTES);
	return 0;
}

/* --- The model of the device: it walks the table --- */

struct walker {
	uint64_t root;
	uint64_t result;
};

static uint64_t walk(struct coherent_sim *sim, uint64_t entry, uint64_t va)
{
	coherent_le64 pte;
	uint8_t byte;

	for (unsigned int shift = 30; shift >= 12; shift -= 9) {
		const uint64_t at = (entry & PTE_ADDRESS) + (va >> shift & (ENTRIES - 1)) * 8;

		if (coherent_sim_dma_read(sim, at, &pte, sizeof(pte)))
			return UINT64_MAX;
		entry = coherent_le64_to_cpu(pte);
		if (!(entry & PTE_VALID))
			return UINT64_MAX;
	}
	if (coherent_sim_dma_read(sim, (entry & PTE_ADDRESS) + va % PAGE_BYTES, &byte, 1))
		return UINT64_MAX;
	return byte;
}

static void walker_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			 unsigned int width, uint64_t value)
{
	struct walker *walker = arg;

	(void)bar;
	(void)width;
	if (offset == PT_ROOT)
		walker->root = value;
	else if (offset == PT_LOOKUP)
		walker->result = walk(sim, walker->root, value);
}

static uint64_t walker_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			    unsigned int width)
{
	const struct walker *walker = arg;

	(void)sim;
	(void)bar;
	(void)width;
	return offset == PT_RESULT ? walker->result : UINT64_MAX;
}

static const struct coherent_sim_model walker_model = {
	.name = "walker",
	.mask = UINT64_MAX >> 16,
	.bar_size = { PT_BAR },
	.reg_read = walker_read,
	.reg_write = walker_write,
};

static uint64_t look_up(struct coherent_bar *bar, uint64_t va)
{
	coherent_bar_write64(bar, PT_LOOKUP, va);
	return coherent_bar_read64(bar, PT_RESULT);
}

static int check_lookups(struct coherent_bar *bar)
{
	for (uint64_t page = 0; page < PAGES; page += 7)
		if (look_up(bar, page * PAGE_BYTES + page % PAGE_BYTES) != page % 251)
			return -EBADMSG;
	return look_up(bar, (uint64_t)PAGES * PAGE_BYTES) == UINT64_MAX ? 0 : -EBADMSG;
}

int main(void)
{
	struct walker walker = { .root = 0 };
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);
	union data_mem data = COHERENT_EMPTY;
	union pt_mem table = COHERENT_EMPTY;
	int err;

	err = coherent_device_open(&dev, "sim:custom", .model = &walker_model, .model_arg = &walker,
				   .report = coherent_report_stderr);
	if (!err)
		err = coherent_bar_open(&bar, dev, 0);
	if (!err)
		err = coherent_init(&data, dev, PAGES, fill_data, NULL,
				    .permission = COHERENT_READ_ONLY);
	if (!err)
		err = coherent_zeroed(&table, dev, 2 + LEAVES, .permission = COHERENT_READ_ONLY,
				      .seal = link_levels, .seal_arg = &data);
	if (!err) {
		coherent_bar_write64(bar, PT_ROOT, coherent_addr(&table).raw);
		err = check_lookups(bar);
	}
	printf("pagetable: %d pages through three levels: %s\n", PAGES,
	       err ? strerror(-err) : "ok");
	coherent_free(&table);
	coherent_free(&data);
	return err ? 1 : 0;
}
