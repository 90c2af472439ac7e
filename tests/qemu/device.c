// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests drive device models of QEMU behind its virtio-iommu. They test a fence while edu's
 * timer runs, registers, interrupts, NVMe and virtio. tests/promises.c tests the promises.
 */
#include "../../examples/nvme.h"
#include "../../src/base/sys.h"
#include "../../src/qemu/device.h"
#include "edu.h"

/* --- Reclaim and free --- */

/*
 * Returns whether edu's timer still runs. On a loaded machine it may end before the fence does. Then
 * the call forgets the faults, and the test tries again.
 */
static bool transfer_is_armed(void)
{
	struct coherent_fault fault;

	if (coherent_bar_read32(bar, DMA_CMD) & RUN)
		return true;
	while (!coherent_device_next_fault(dev, &fault))
		;
	return false;
}

/* A reset of edu does not stop its timer. */
static void armed_transfer_is_refused_after_a_fence(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	uint8_t seen[BYTES];

	(void)state;
	device_gets_dirt();
	do {
		assert_ok(coherent_zeroed(&mem, dev, PAGE));
		start_transfer(BUFFER, coherent_addr(&mem).raw, BYTES, TO_MEMORY);
		coherent_free(&mem);
		assert_ok(coherent_device_fence(dev));
	} while (!transfer_is_armed());
	assert_ok(coherent_zeroed(&next, dev, PAGE));
	finish_transfer();
	assert_fault(dev, COHERENT_STATE_FREED);
	assert_ok(coherent_copy_out(&next, 0, seen, BYTES));
	assert_true(is_all(seen, 0, BYTES));
	coherent_free(&next);
}

/* The library does not reuse the address, not even for a large object or with another mask. */
static void freed_addresses_are_not_reused_after_a_fence(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY, next = COHERENT_EMPTY;
	uint8_t seen[BYTES];
	uint64_t old, at;

	(void)state;
	device_gets_dirt();
	do {
		assert_ok(coherent_zeroed(&mem, dev, 40 << 20));
		old = coherent_addr(&mem).raw;
		start_transfer(BUFFER, old, BYTES, TO_MEMORY);
		coherent_free(&mem);
		assert_ok(coherent_device_fence(dev));
	} while (!transfer_is_armed());
	assert_err(coherent_device_set_mask(dev, coherent_mask(28)), -EBUSY);
	assert_ok(coherent_zeroed(&next, dev, 40 << 20));
	at = coherent_addr(&next).raw;
	/* After many turns of the loop the new object is where the one of an early turn was. */
	assert_true(at >= old + (40 << 20) || at + (40 << 20) <= old);
	finish_transfer();
	assert_fault(dev, COHERENT_STATE_FREED);
	assert_ok(coherent_copy_out(&next, 0, seen, BYTES));
	assert_true(is_all(seen, 0, BYTES));
	coherent_free(&next);
}

/* QEMU tries an access in pieces. The library joins those, but not the pieces of two accesses. */
static void each_refused_access_is_a_fault(void **state)
{
	static const uint64_t addresses[] = { 0x8000000, 0x8001000 };
	struct coherent_fault fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		start_transfer(addresses[i], BUFFER, BYTES, 0);
		finish_transfer();
	}
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		assert_ok(coherent_device_next_fault(dev, &fault));
		assert_int_equal(fault.address, addresses[i]);
		assert_int_equal(fault.bytes, BYTES);
	}
	assert_no_fault(dev);
}

/* The driver often reads faults after it has freed the memory. */
static void fault_keeps_the_state_of_its_time(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	COHERENT(uint8_t) other = COHERENT_EMPTY;
	struct coherent_fault fault;
	uint64_t at;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_zeroed(&other, dev, PAGE));
	at = coherent_addr(&mem).raw;
	start_transfer(BUFFER, at, BYTES, TO_MEMORY);
	finish_transfer();
	coherent_free(&mem);
	start_transfer(BUFFER, at, BYTES, TO_MEMORY);
	finish_transfer();
	coherent_free(&other);
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.state, COHERENT_STATE_MEM);
	assert_int_equal(fault.access, COHERENT_ACCESS_WRITE);
	assert_int_equal(fault.bytes, BYTES);
	assert_non_null(strstr(fault.text, "refused: read-only ("));
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.state, COHERENT_STATE_FREED);
	assert_int_equal(fault.object_address, at);
	assert_no_fault(dev);
}

static void close_reports_faults_that_were_not_read(void **state)
{
	for (uint64_t i = 0; i < 2; i++) {
		start_transfer(0x8000000 + i * PAGE, BUFFER, BYTES, 0);
		finish_transfer();
	}
	close_edu(state);
	assert_true(log_has(&reports, "qemu:edu: 2 faults were never read; the first: device "));
	assert_true(log_has(&reports, " of 64 bytes at 0x8000000 refused: no object"));
}

/* --- NVMe without a driver --- */

/* The registers of NVM Express 2.0, 3.1.3. The last one is a doorbell. */
enum { CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, ADMIN_TAIL = 0x1000 };
enum { CC_ON = 1 | 6 << 16 | 4 << 20, CSTS_READY = 1, CSTS_FATAL = 2, TWO_ENTRIES = 1 | 1 << 16 };

/* Enables the controller with its queues at these addresses, which it does not access yet. */
static void enable_nvme(struct coherent_bar *registers, uint64_t commands, uint64_t completions)
{
	coherent_bar_write32(registers, AQA, TWO_ENTRIES);
	coherent_bar_write64(registers, ASQ, commands);
	coherent_bar_write64(registers, ACQ, completions);
	coherent_bar_write32(registers, CC, CC_ON);
	assert_ok(coherent_bar_poll32(registers, CSTS, CSTS_READY, CSTS_READY, LONG));
}

/* edu's registers look the same after a reset. Those of an NVMe controller do not. */
static void fence_and_reset_reset_the_model(void **state)
{
	COHERENT_DEVICE_AUTO(nvme);
	COHERENT_BAR_AUTO(registers);
	COHERENT_AUTO(uint8_t, queues);

	(void)state;
	assert_ok(coherent_device_open(&nvme, "qemu:nvme"));
	assert_ok(coherent_bar_open(&registers, nvme, 0));
	assert_ok(coherent_zeroed(&queues, nvme, 2 * PAGE));
	for (unsigned int turn = 0; turn < 4; turn++) {
		enable_nvme(registers, coherent_addr(&queues).raw,
			    coherent_addr(&queues).raw + PAGE);
		assert_int_equal(coherent_bar_read32(registers, CC), CC_ON);
		assert_ok(turn % 2 ? coherent_device_fence(nvme) : coherent_device_reset(nvme));
		assert_int_equal(coherent_bar_read32(registers, CC), 0);
		assert_int_equal(coherent_bar_read32(registers, CSTS), 0);
	}
}

/*
 * QEMU's IOMMU has 128 places for the pieces of refused accesses, and a command has 16 pieces. The
 * library must give each place back.
 */
static void faults_do_not_use_up_places(void **state)
{
	COHERENT_DEVICE_AUTO(nvme);
	COHERENT_BAR_AUTO(registers);
	COHERENT_AUTO(uint8_t, completions);
	COHERENT(uint8_t) freed = COHERENT_EMPTY;
	struct coherent_fault fault;
	uint64_t address;

	(void)state;
	assert_ok(coherent_device_open(&nvme, "qemu:nvme"));
	assert_ok(coherent_bar_open(&registers, nvme, 0));
	assert_ok(coherent_zeroed(&completions, nvme, PAGE));
	assert_ok(coherent_zeroed(&freed, nvme, PAGE));
	address = coherent_addr(&freed).raw;
	coherent_free(&freed);
	for (unsigned int turn = 0; turn < 200; turn++) {
		coherent_bar_write32(registers, CC, 0);
		enable_nvme(registers, address, coherent_addr(&completions).raw);
		coherent_bar_write32(registers, ADMIN_TAIL, 1);
		/* The controller says that it failed after the last piece of the access. */
		assert_ok(coherent_bar_poll32(registers, CSTS, CSTS_FATAL, CSTS_FATAL, LONG));
		assert_ok(coherent_device_next_fault(nvme, &fault));
		assert_int_equal(fault.state, COHERENT_STATE_FREED);
		assert_int_equal(fault.address, address);
		assert_int_equal(fault.object_address, address);
		assert_int_equal(fault.bytes, 64);
		assert_int_equal(fault.lost, 0);
		assert_no_fault(nvme);
	}
}

/* --- Registers and interrupts --- */

static void registers_are_read_and_written(void **state)
{
	struct coherent_bar *none;

	(void)state;
	assert_int_equal(coherent_bar_read32(bar, EDU_ID) & 0xff, 0xed);
	coherent_bar_write32(bar, EDU_LIVENESS, 5);
	assert_int_equal(coherent_bar_read32(bar, EDU_LIVENESS), ~UINT32_C(5));
	assert_int_equal(coherent_bar_read32(bar, UINT64_C(1) << 20), UINT32_MAX);
	assert_err(coherent_bar_open(&none, dev, 1), -ENODEV);
}

static void interrupts_wake(void **state)
{
	COHERENT_IRQ_AUTO(irq);
	struct coherent_irq *other;

	(void)state;
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_err(coherent_irq_open(&other, dev, 0), -EBUSY);
	assert_err(coherent_irq_open(&other, dev, 1), -ENODEV);
	assert_err(coherent_irq_wait(irq, MS), -ETIMEDOUT);
	for (unsigned int turn = 0; turn < 4; turn++) {
		/* Interrupts also arrive after a reset. */
		if (turn == 2)
			assert_ok(coherent_device_reset(dev));
		coherent_bar_write32(bar, EDU_IRQ_RAISE, 0x10);
		assert_ok(coherent_irq_wait(irq, LONG));
		assert_int_equal(coherent_bar_read32(bar, EDU_IRQ_STATUS), 0x10);
		coherent_bar_write32(bar, EDU_IRQ_ACK, 0x10);
		assert_err(coherent_irq_wait(irq, 10 * MS), -ETIMEDOUT);
	}
	/* The driver does not get an interrupt that the device raised before the open. */
	coherent_irq_close(irq);
	coherent_bar_write32(bar, EDU_IRQ_RAISE, 0x10);
	coherent_bar_write32(bar, EDU_IRQ_ACK, 0x10);
	assert_ok(coherent_irq_open(&irq, dev, 0));
	assert_err(coherent_irq_wait(irq, 10 * MS), -ETIMEDOUT);
}

static void unused_vectors_are_reported(void **state)
{
	struct log log = LOG_EMPTY;
	COHERENT_DEVICE_AUTO(usb);
	struct coherent_limits limits;

	(void)state;
	assert_ok(coherent_device_open(&usb, "qemu:nec-usb-xhci,msix=off", .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_device_limits(usb, &limits));
	assert_int_equal(limits.vectors, 1);
	assert_true(log_has(&log, "the model has 16 vectors of MSI"));
	/* There is nothing to report about other models. */
	assert_false(log_has(&reports, "vectors"));
}

/* The e1000 has neither MSI-X nor MSI. It asserts its line until the driver reads the cause. */
static void line_interrupts_until_it_is_serviced(void **state)
{
	enum { CAUSE = 0xc0, SET_CAUSE = 0xc8, ENABLE = 0xd0 };
	COHERENT_DEVICE_AUTO(nic);
	COHERENT_BAR_AUTO(registers);
	COHERENT_IRQ_AUTO(irq);
	struct coherent_irq *none;
	struct pollfd ready = { .events = POLLIN };

	(void)state;
	assert_ok(coherent_device_open(&nic, "qemu:e1000"));
	assert_ok(coherent_bar_open(&registers, nic, 0));
	assert_err(coherent_irq_open(&none, nic, 1), -ENODEV);
	assert_ok(coherent_irq_open(&irq, nic, 0));
	ready.fd = coherent_irq_fd(irq);
	for (unsigned int turn = 0; turn < 3; turn++) {
		assert_err(coherent_irq_wait(irq, 5 * MS), -ETIMEDOUT);
		coherent_bar_write32(registers, ENABLE, 1);
		coherent_bar_write32(registers, SET_CAUSE, 1);
		assert_int_equal(poll(&ready, 1, LONG / MS), 1);
		assert_ok(coherent_irq_wait(irq, LONG));
		/* The wait takes an interrupt that has come, so none comes before the next wait. */
		assert_int_equal(poll(&ready, 1, 50), 0);
		assert_ok(coherent_irq_wait(irq, LONG));
		/* It does not come again before the driver waits again, however long that takes. */
		usleep(5000);
		assert_true(coherent_bar_read32(registers, CAUSE) & 1);
		assert_err(coherent_irq_wait(irq, 5 * MS), -ETIMEDOUT);
		assert_ok(coherent_device_reset(nic));
	}
	/* An interrupt that is taken from the descriptor also comes again. */
	coherent_bar_write32(registers, ENABLE, 1);
	coherent_bar_write32(registers, SET_CAUSE, 1);
	for (unsigned int turn = 0; turn < 3; turn++) {
		assert_int_equal(poll(&ready, 1, LONG / MS), 1);
		assert_ok(coherent_irq_wait(irq, 0));
	}
	/* A driver that opens the interrupt late, or again, still gets it. */
	assert_ok(coherent_irq_wait(irq, LONG));
	coherent_irq_close(irq);
	assert_ok(coherent_irq_open(&irq, nic, 0));
	ready.fd = coherent_irq_fd(irq);
	assert_int_equal(poll(&ready, 1, LONG / MS), 1);
}

/* QEMU's IOMMU cannot unmap a part of a mapping, so the unmap of one page of two fails. */
static void failed_unmap_ends_the_device(void **state)
{
	struct qemu *qemu = (struct qemu *)dev->backend;
	COHERENT(uint8_t) mem = COHERENT_EMPTY, none = COHERENT_EMPTY;
	COHERENT_BOX_AUTO(uint8_t, box);
	uint64_t at;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_write(&mem, 0, 9));
	at = coherent_addr(&mem).raw;
	qemu->qtest.deadline_ns = UINT64_MAX;
	assert_ok(qemu_iommu_unmap(&qemu->iommu, at, PAGE));
	assert_ok(qemu_iommu_map(&qemu->iommu, at, QEMU_OBJECTS_AT, 2 * PAGE, true));
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[0], 9);
	assert_true(log_has(&reports, "QEMU's IOMMU did not unmap memory"));
	assert_err(coherent_zeroed(&none, dev, 1), -ENODEV);
}

/* --- Models --- */

/* The driver of examples/ reads blocks from QEMU's NVMe controller. */
static void nvme_driver_reads_blocks(void **state)
{
	COHERENT_DEVICE_AUTO(nvme_dev);
	struct coherent_limits limits;
	struct nvme nvme;
	uint8_t out[PAGE], in[PAGE];

	(void)state;
	assert_ok(coherent_device_open(&nvme_dev, "qemu:nvme,max_ioqpairs=4"));
	assert_ok(coherent_device_limits(nvme_dev, &limits));
	/* 64 pairs of queues, and the administration. */
	assert_int_equal(limits.vectors, 65);
	assert_ok(nvme_open(&nvme, nvme_dev, 32));
	assert_string_equal(nvme.model, "QEMU NVMe Ctrl");
	memset(out, DIRT, PAGE);
	assert_ok(nvme_fill(&nvme, 0, out, PAGE));
	nvme_start(&nvme, 0, false, 0, PAGE / nvme.block_bytes);
	assert_ok(nvme_wait(&nvme, 0));
	assert_ok(nvme_take(&nvme, 0, in, PAGE));
	assert_true(is_all(in, 0, PAGE));
	nvme_close(&nvme);
}

/* The rtl8139 has the same registers in a BAR of I/O ports and in a BAR of memory. */
static void ports_are_registers_as_memory_is(void **state)
{
	/* The multicast filter: 8 bytes that the driver may write. */
	enum { FILTER = 8 };
	const uint64_t value = UINT64_C(0x1122334455667788);
	COHERENT_DEVICE_AUTO(nic);
	COHERENT_BAR_AUTO(ports);
	COHERENT_BAR_AUTO(memory);
	struct coherent_limits limits;
	const uint8_t line[64] = { 0 };
	struct log log = LOG_EMPTY;
	uint8_t seen[7];

	(void)state;
	assert_ok(coherent_device_open(&nic, "qemu:rtl8139", .report = log_report,
				       .report_arg = &log));
	assert_ok(coherent_device_limits(nic, &limits));
	assert_int_equal(limits.bar_bytes[0], 256);
	assert_ok(coherent_bar_open(&ports, nic, 0));
	assert_ok(coherent_bar_open(&memory, nic, 1));
	for (unsigned int turn = 0; turn < 2; turn++) {
		coherent_bar_write32(memory, FILTER, 0);
		coherent_bar_write32(memory, FILTER + 4, 0);
		coherent_bar_write8(ports, FILTER, 0x88);
		coherent_bar_write8(ports, FILTER + 1, 0x77);
		coherent_bar_write16(ports, FILTER + 2, 0x5566);
		coherent_bar_write32(ports, FILTER + 4, 0x11223344);
		assert_int_equal(coherent_bar_read32(memory, FILTER), (uint32_t)value);
		assert_int_equal(coherent_bar_read32(memory, FILTER + 4), value >> 32);
		assert_int_equal(coherent_bar_read8(ports, FILTER + 7), 0x11);
		assert_int_equal(coherent_bar_read16(ports, FILTER + 6), 0x1122);
		assert_int_equal(coherent_bar_read32(ports, FILTER), (uint32_t)value);
		assert_true(coherent_bar_read64(ports, FILTER) == value);
		coherent_bar_write64(ports, FILTER, ~value);
		assert_int_equal(coherent_bar_read32(memory, FILTER), (uint32_t)~value);
		assert_int_equal(coherent_bar_read32(memory, FILTER + 4), ~value >> 32);
		assert_true(coherent_bar_read64(ports, 256) == UINT64_MAX);
		assert_ok(coherent_bar_copy_in(ports, FILTER + 1, "abcdefg", 7));
		assert_ok(coherent_bar_copy_out(memory, FILTER + 4, seen, 4));
		assert_memory_equal(seen, "defg", 4);
		assert_ok(coherent_bar_copy_out(ports, FILTER + 1, seen, 7));
		assert_memory_equal(seen, "abcdefg", 7);
		assert_err(coherent_bar_copy_in(ports, 250, "abcdefg", 7), -ERANGE);
		/* Ports are not memory. */
		assert_err(coherent_bar_write512(ports, 64, line), -EOPNOTSUPP);
		assert_true(log_has(&log, "the registers of this BAR are not memory"));
		assert_ok(coherent_device_reset(nic));
	}
}

/* This model has no other registers. */
static void model_may_have_ports_only(void **state)
{
	enum { MEMORY_PAGE = 0x0c };
	COHERENT_DEVICE_AUTO(audio);
	COHERENT_BAR_AUTO(ports);

	(void)state;
	assert_ok(coherent_device_open(&audio, "qemu:es1370"));
	assert_ok(coherent_bar_open(&ports, audio, 0));
	coherent_bar_write32(ports, MEMORY_PAGE, 0xa);
	assert_int_equal(coherent_bar_read32(ports, MEMORY_PAGE), 0xa);
}

/* --- virtio --- */

/* QEMU puts these registers of Virtio 1.2, 4.1.4.3, at these offsets of BAR 4. */
enum { NOTIFY = 0x3000, FEATURES_AT = 8, FEATURES = 12, STATUS = 20, QUEUE_SIZE = 24 };
enum { QUEUE_VECTOR = 26, QUEUE_ENABLE = 28, DESC_AT = 32, AVAIL_AT = 40, USED_AT = 48 };
enum { ENTRIES = 8, AVAIL = 0x100, USED = 0x200 };

static void start_virtio(struct coherent_bar *registers, uint64_t rings)
{
	coherent_bar_write8(registers, STATUS, 3);
	coherent_bar_write32(registers, FEATURES_AT, 1);
	/* The driver accepts VERSION_1 and ACCESS_PLATFORM. */
	coherent_bar_write32(registers, FEATURES, 3);
	coherent_bar_write8(registers, STATUS, 11);
	assert_int_equal(coherent_bar_read8(registers, STATUS), 11);
	coherent_bar_write16(registers, QUEUE_SIZE, ENTRIES);
	coherent_bar_write64(registers, DESC_AT, rings);
	coherent_bar_write64(registers, AVAIL_AT, rings + AVAIL);
	coherent_bar_write64(registers, USED_AT, rings + USED);
	coherent_bar_write16(registers, QUEUE_ENABLE, 1);
	coherent_bar_write8(registers, STATUS, 15);
}

COHERENT_TYPE(words, uint64_t);

/* Asks the device for the nth time to write random numbers to an address. */
static void ask_virtio(union words *rings, struct coherent_bar *registers, uint64_t nth,
		       uint64_t at)
{
	assert_ok(coherent_write(rings, 0, at));
	/* The descriptor has this length and lets the device write. Each entry names it. */
	assert_ok(coherent_write(rings, 1, BYTES | UINT64_C(2) << 32));
	assert_ok(coherent_write(rings, AVAIL / 8, nth << 16));
	coherent_bar_write16(registers, NOTIFY, 0);
}

/* The model writes after the driver's call has returned, so the test waits for the fault. */
static void wait_for_fault(struct coherent_device *device, enum coherent_state state)
{
	const uint64_t deadline = sys_deadline_ns(LONG);
	struct coherent_fault fault;
	int err;

	do
		err = coherent_device_next_fault(device, &fault);
	while (err == -EAGAIN && sys_now_ns() < deadline);
	assert_ok(err);
	assert_int_equal(fault.state, state);
}

static void virtio_model_is_behind_the_iommu(void **state)
{
	COHERENT_DEVICE_AUTO(rng);
	COHERENT_AUTO(uint8_t, read_only);
	COHERENT_AUTO(uint8_t, writable);
	union words rings = COHERENT_EMPTY;
	struct coherent_bar *registers;
	uint8_t seen[BYTES];
	uint64_t used;

	(void)state;
	assert_ok(coherent_device_open(&rng, "qemu:virtio-rng-pci"));
	assert_ok(coherent_bar_open(&registers, rng, 4));
	assert_ok(coherent_zeroed(&rings, rng, PAGE / 8));
	assert_ok(coherent_zeroed(&read_only, rng, PAGE, .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_zeroed(&writable, rng, PAGE));
	start_virtio(registers, coherent_addr(&rings).raw);
	ask_virtio(&rings, registers, 1, coherent_addr(&writable).raw);
	assert_ok(coherent_poll(&rings, USED / 8, &used, used >> 16 & 1, LONG));
	assert_ok(coherent_copy_out(&writable, 0, seen, BYTES));
	assert_false(is_all(seen, 0, BYTES));
	assert_no_fault(rng);
	ask_virtio(&rings, registers, 2, coherent_addr(&read_only).raw);
	wait_for_fault(rng, COHERENT_STATE_MEM);
	assert_ok(coherent_copy_out(&read_only, 0, seen, BYTES));
	assert_true(is_all(seen, 0, BYTES));
	coherent_free(&rings);
	coherent_bar_close(registers);
}

/* The last vector of the largest table that MSI-X has, and one behind the first 64. */
static void all_vectors_of_a_model_interrupt(void **state)
{
	static const uint16_t used_vectors[] = { 2047, 64, 0 };
	COHERENT_DEVICE_AUTO(rng);
	COHERENT_AUTO(uint8_t, numbers);
	COHERENT_BAR_AUTO(registers);
	union words rings = COHERENT_EMPTY;
	struct coherent_limits limits;
	struct coherent_irq *none;

	(void)state;
	assert_ok(coherent_device_open(&rng, "qemu:virtio-rng-pci,vectors=2048"));
	assert_ok(coherent_device_limits(rng, &limits));
	assert_int_equal(limits.vectors, 2048);
	assert_err(coherent_irq_open(&none, rng, 2048), -ENODEV);
	assert_ok(coherent_bar_open(&registers, rng, 4));
	assert_ok(coherent_zeroed(&numbers, rng, PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(used_vectors); i++) {
		COHERENT_IRQ_AUTO(irq);
		COHERENT_IRQ_AUTO(other);

		assert_ok(coherent_irq_open(&irq, rng, used_vectors[i]));
		assert_ok(coherent_irq_open(&other, rng, used_vectors[i] ^ 1));
		/* The vectors of a device that was reset work as before. */
		assert_ok(coherent_device_reset(rng));
		assert_ok(coherent_zeroed(&rings, rng, PAGE / 8));
		coherent_bar_write16(registers, QUEUE_VECTOR, used_vectors[i]);
		start_virtio(registers, coherent_addr(&rings).raw);
		ask_virtio(&rings, registers, 1, coherent_addr(&numbers).raw);
		assert_ok(coherent_irq_wait(irq, LONG));
		assert_err(coherent_irq_wait(other, 0), -ETIMEDOUT);
		coherent_free(&rings);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EDU(armed_transfer_is_refused_after_a_fence),
		ON_EDU(freed_addresses_are_not_reused_after_a_fence),
		ON_EDU(each_refused_access_is_a_fault),
		ON_EDU(fault_keeps_the_state_of_its_time),
		ON_EDU(close_reports_faults_that_were_not_read),
		cmocka_unit_test(fence_and_reset_reset_the_model),
		cmocka_unit_test(faults_do_not_use_up_places),
		ON_EDU(registers_are_read_and_written),
		ON_EDU(interrupts_wake),
		ON_EDU(unused_vectors_are_reported),
		cmocka_unit_test(line_interrupts_until_it_is_serviced),
		ON_EDU(failed_unmap_ends_the_device),
		cmocka_unit_test(nvme_driver_reads_blocks),
		cmocka_unit_test(ports_are_registers_as_memory_is),
		cmocka_unit_test(model_may_have_ports_only),
		cmocka_unit_test(virtio_model_is_behind_the_iommu),
		cmocka_unit_test(all_vectors_of_a_model_interrupt),
	};

	return RUN_WITH_QEMU(tests);
}
