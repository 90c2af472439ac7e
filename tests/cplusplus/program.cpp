// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver and a device model in C++, with a C++ test framework. Their typed memory is in typed.c.
 */
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "typed.h"

namespace
{

constexpr uint64_t second = 1000000000;

struct device_deleter {
	void operator()(coherent_device *dev) const
	{
		coherent_device_close(dev);
	}
};
using device_ptr = std::unique_ptr<coherent_device, device_deleter>;

device_ptr open_device(const char *name, const coherent_open_options &options = {})
{
	coherent_device *dev = nullptr;

	REQUIRE(coherent_device_open(&dev, name, options) == 0);
	return device_ptr(dev);
}

/* --- A model: the driver writes the address of a table and the device doubles its values --- */

class doubler {
public:
	static const coherent_sim_model *model()
	{
		static const coherent_sim_model table = [] {
			coherent_sim_model made = {};

			made.name = "doubler";
			made.mask = coherent_mask(40);
			made.vectors = 1;
			made.bar_size[0] = 4096;
			made.open = [](coherent_sim *, void *) { return 0; };
			made.close = [](coherent_sim *, void *arg) { self(arg).is_closed = true; };
			made.reg_read = [](coherent_sim *, void *arg, unsigned int, uint64_t offset,
					   unsigned int) -> uint64_t {
				return offset == 8 ? self(arg).count : 0;
			};
			made.reg_write = write_register;
			made.tick = [](coherent_sim *sim, void *arg) { self(arg).work(sim); };
			made.reset = [](coherent_sim *, void *arg) { self(arg).address = 0; };
			return made;
		}();

		return &table;
	}

	bool is_closed = false;

private:
	static doubler &self(void *arg)
	{
		return *static_cast<doubler *>(arg);
	}

	static void write_register(coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
				   unsigned int width, uint64_t value)
	{
		CHECK(bar == 0);
		CHECK((width == 4 || width == 8));
		if (offset == 0)
			self(arg).address = value;
		else if (offset == 8)
			self(arg).count = value;
		else
			coherent_sim_report(sim, COHERENT_WARNING, "there is no such register");
	}

	void work(coherent_sim *sim)
	{
		entry one;

		if (!address)
			return;
		for (uint64_t i = 0; i < count; i++) {
			const uint64_t at = address + i * sizeof(one);

			if (coherent_sim_dma_read(sim, at, &one, sizeof(one)))
				break;
			one.doubled = coherent_cpu_to_le32(2 * coherent_le32_to_cpu(one.value));
			if (coherent_sim_dma_write(sim, at, &one, sizeof(one)))
				break;
		}
		address = 0;
		coherent_sim_irq(sim, 0);
	}

	uint64_t address = 0, count = 0;
};

void collect(void *arg, enum coherent_severity, const char *line)
{
	static_cast<std::vector<std::string> *>(arg)->push_back(line);
}

} // namespace

TEST_CASE("a C++ driver uses the registers and the interrupt of sim:edu")
{
	const device_ptr dev = open_device("sim:edu,step");
	coherent_bar *bar = nullptr;
	coherent_irq *irq = nullptr;

	REQUIRE(coherent_bar_open(&bar, dev.get(), 0) == 0);
	REQUIRE(coherent_irq_open(&irq, dev.get(), 0) == 0);
	CHECK((coherent_bar_read32(bar, 0x00) & 0xff) == 0xed);
	coherent_bar_write32(bar, 0x04, 0x5a5a1234);
	CHECK(coherent_bar_read32(bar, 0x04) == ~0x5a5a1234u);
	/* Ask for an interrupt after the factorial of 5. */
	coherent_bar_write32(bar, 0x20, 0x80);
	coherent_bar_write32(bar, 0x08, 5);
	CHECK(coherent_irq_wait(irq, second) == 0);
	CHECK(coherent_bar_poll32(bar, 0x20, 1, 0, second) == 0);
	CHECK(coherent_bar_read32(bar, 0x08) == 120);
	CHECK(coherent_irq_fd(irq) >= 0);
	CHECK(coherent_irq_wait(irq, 0) == -ETIMEDOUT);
	coherent_irq_close(irq);
	coherent_bar_close(bar);
}

TEST_CASE("a device model in C++ serves a driver in C++, with typed memory in C")
{
	std::vector<std::string> reports;
	coherent_open_options options = {};
	doubler model;

	options.model = doubler::model();
	options.model_arg = &model;
	options.report = collect;
	options.report_arg = &reports;
	options.level = COHERENT_IOMMU;
	{
		const device_ptr dev = open_device("sim:custom,step", options);
		COHERENT_BAR_AUTO(bar);
		COHERENT_IRQ_AUTO(irq);
		table *entries = nullptr;
		uint64_t count = 0;
		uint32_t doubled = 0;

		REQUIRE(coherent_bar_open(&bar, dev.get(), 0) == 0);
		REQUIRE(coherent_irq_open(&irq, dev.get(), 0) == 0);
		REQUIRE(table_open(&entries, dev.get(), 8) == 0);
		coherent_bar_write64(bar, 8, 8);
		CHECK(coherent_bar_read64(bar, 8) == 8);
		CHECK(coherent_bar_copy_out(bar, 8, &count, sizeof(count)) == 0);
		CHECK(count == 8);
		CHECK(coherent_bar_copy_in(bar, 8, nullptr, 0) == 0);
		coherent_bar_write64(bar, 0, table_address(entries));
		CHECK(coherent_irq_wait(irq, second) == 0);
		for (uint32_t i = 0; i < 8; i++) {
			CHECK(table_doubled(entries, i, &doubled) == 0);
			CHECK(doubled == 2 * (i + 10));
		}
		CHECK(table_doubled(entries, 8, &doubled) == -ERANGE);

		coherent_bar_write32(bar, 16, 0);
		REQUIRE(reports.size() == 1);
		CHECK(reports[0].find("there is no such register") != std::string::npos);

		CHECK(coherent_device_reset(dev.get()) == 0);
		CHECK(coherent_sim_step(dev.get(), 3) == 0);
		table_close(entries);
		CHECK(!model.is_closed);
	}
	CHECK(model.is_closed);
}

TEST_CASE("a fault names the object and the line that allocated it")
{
	const device_ptr dev = open_device("sim:edu,step");
	std::array<unsigned char, 16> bytes = {};
	coherent_handle handle = COHERENT_EMPTY;
	coherent_fault fault;
	coherent_addr_t address;

	CHECK(coherent_device_next_fault(dev.get(), &fault) == -EAGAIN);
	REQUIRE(coherent_handle_zeroed(&handle, dev.get(), 100) == 0);
	address = coherent_handle_addr(&handle);
	CHECK(coherent_sim_try_addr(dev.get(), address, bytes.data(), bytes.size(),
				    COHERENT_ACCESS_READ) == 0);
	coherent_handle_free(&handle);
	CHECK(coherent_sim_try_addr(dev.get(), address, bytes.data(), bytes.size(),
				    COHERENT_ACCESS_WRITE) == -EIO);
	REQUIRE(coherent_device_next_fault(dev.get(), &fault) == 0);
	CHECK(fault.address == address.raw);
	CHECK(fault.access == COHERENT_ACCESS_WRITE);
	CHECK(fault.state == COHERENT_STATE_FREED);
	CHECK(std::string(fault.where).find("program.cpp:") != std::string::npos);
	CHECK(std::string(fault.text).size() > 0);
}

TEST_CASE("limits, counters and lookups work")
{
	const device_ptr dev = open_device("sim:edu");
	coherent_handle_options options = {};
	COHERENT_HANDLE_AUTO(handle);
	coherent_limits limits;
	coherent_stats stats;
	coherent_info info;

	CHECK(coherent_device_level(dev.get()) == COHERENT_IOMMU);
	CHECK(coherent_device_set_mask(dev.get(), coherent_mask(28)) == 0);
	CHECK(coherent_device_limits(dev.get(), &limits) == 0);
	CHECK(limits.mask == coherent_mask(28));
	CHECK(limits.vectors == 1);
	CHECK(coherent_is_empty(&handle));
	options.align = 65536;
	options.permission = COHERENT_READ_ONLY;
	REQUIRE(coherent_handle_zeroed(&handle, dev.get(), 5000, options) == 0);
	CHECK(!coherent_is_empty(&handle));
	CHECK(coherent_handle_size(&handle) == 5000);
	CHECK(coherent_handle_addr(&handle).raw % 65536 == 0);
	CHECK(coherent_device_stats(dev.get(), &stats) == 0);
	CHECK(stats.objects == 1);
	CHECK(coherent_find_addr(dev.get(), coherent_handle_addr(&handle).raw + 5, &info) == 0);
	CHECK(info.offset == 5);
	CHECK(coherent_find_ptr(dev.get(), &info, &info) == -ERANGE);
	CHECK(coherent_device_fence(dev.get()) == 0);
}

static void count_release(void *memory, void *released)
{
	CHECK(memory);
	++*static_cast<int *>(released);
}

TEST_CASE("pieces of memory are one handle")
{
	alignas(4096) static unsigned char first[4096], second[8192];
	const device_ptr dev = open_device("sim:edu");
	const iovec pieces[] = { { second, sizeof(second) }, { first, sizeof(first) } };
	coherent_handle_adopt_options options = {};
	coherent_handle handle = COHERENT_EMPTY;
	int released = 0;

	options.release = count_release;
	options.release_arg = &released;
	REQUIRE(coherent_handle_adopt(&handle, dev.get(), pieces, 2, options) == 0);
	CHECK(coherent_handle_size(&handle) == 3 * 4096);
	CHECK(released == 0);
	coherent_handle_free(&handle);
	CHECK(released == 1);
}

TEST_CASE("a wrong name is refused and reported")
{
	std::vector<std::string> reports;
	coherent_open_options options = {};
	coherent_device *dev = nullptr;

	options.report = collect;
	options.report_arg = &reports;
	CHECK(coherent_device_open(&dev, "sim:edu,no-such-key", options) == -EINVAL);
	CHECK(dev == nullptr);
	CHECK(reports.size() == 1);
}

TEST_CASE("a binding calls the functions behind the macros")
{
	const device_ptr dev = open_device("sim:edu");
	coherent_box_options options = {};
	coherent_expose_options expose = {};
	coherent_reclaim_options reclaim = {};
	coherent_box box = {};
	coherent_mem mem = {};
	uint32_t seen = 0;

	options.struct_size = sizeof(options);
	expose.struct_size = sizeof(expose);
	reclaim.struct_size = sizeof(reclaim);
	options.count = 4;
	REQUIRE(coherent_base_box_zeroed(&box, dev.get(), sizeof(seen), &options, "binding:1") == 0);
	reinterpret_cast<uint32_t *>(box.va)[3] = 42;
	CHECK(coherent_base_box_level(&box) == COHERENT_IOMMU);
	expose.mem = &mem;
	REQUIRE(coherent_base_expose(&box, &expose) == 0);
	CHECK(coherent_base_sim_try(dev.get(), mem.object, 12, &seen, sizeof(seen),
				    COHERENT_ACCESS_READ) == 0);
	CHECK(seen == 42);
	reclaim.box = &box;
	reclaim.idle = true;
	REQUIRE(coherent_base_reclaim(&mem, &reclaim) == 0);
	coherent_base_box_free(&box);
	coherent_wmb();
	coherent_rmb();
	coherent_mb();
}
