// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver for QEMU's virtio-iommu (Virtual I/O Device 1.2, 5.13), which confines the device model
 * to memory that is mapped. The queues are in QEMU's memory. The driver reaches the registers by
 * qtest.
 *
 * INVARIANT: at most one request is in flight. If a request has no result, the caller treats QEMU
 * as lost and sends no other request. The caller holds the lock of struct qemu.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_iommu.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#include "base/sys.h"
#include "qemu/iommu.h"
#include "qemu/pci.h"

#define ENTRIES 128
#define DOMAIN 1
#define BAR_BYTES_MAX 0x100000
/* Offsets in the memory of the IOMMU: the rings of two queues, a request, its result, events. */
#define RINGS_BYTES 0x1000
#define AVAIL 0x800
#define USED 0xa00
#define REQUEST (2 * RINGS_BYTES)
#define RESULT (REQUEST + 0x800)
#define EVENTS (3 * RINGS_BYTES)
#define EVENT_BYTES 32
/* QEMU repeats an access that the IOMMU refuses in pieces of this many bytes. */
#define PIECE_BYTES 4
#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

/* --- Registers --- */

static int write_common(const struct qemu_iommu *iommu, size_t offset, unsigned int width,
			uint64_t value)
{
	return qtest_write(iommu->qtest, iommu->common + offset, width, value);
}

static int read_common(const struct qemu_iommu *iommu, size_t offset, unsigned int width,
		       uint64_t *value)
{
	return qtest_read(iommu->qtest, iommu->common + offset, width, value);
}

/*
 * Gives each BAR an address. A 64-bit BAR takes two registers, and the second is 0, because all BARs
 * are below 4 GiB.
 */
static int place_bars(const struct qemu_iommu *iommu, uint16_t function, uint64_t bar_first,
		      uint64_t bars[6])
{
	bool is_upper = false;
	int err = 0;

	for (unsigned int i = 0; !err && i < 6; i++) {
		const unsigned int offset = PCI_BASE_ADDRESS_0 + 4 * i;
		uint32_t kind;

		/*
		 * No BAR of QEMU's virtio-pci is larger than this, so none is asked for its size.
		 */
		bars[i] = is_upper ? 0 : bar_first + i * BAR_BYTES_MAX;
		err = qtest_config_read(iommu->qtest, function, offset, &kind);
		if (!err)
			err = qtest_config_write(iommu->qtest, function, offset, (uint32_t)bars[i]);
		is_upper = !err && !is_upper &&
			   (kind & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
	}
	return err ? err :
		     qtest_config_write(iommu->qtest, function, PCI_COMMAND,
					PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static int read_capability(struct qemu_iommu *iommu, uint16_t function, unsigned int at,
			   const uint64_t bars[6], unsigned int type)
{
	uint32_t bar, offset, step = 0;
	int err = qtest_config_read(iommu->qtest, function, at + 4, &bar);

	if (!err)
		err = qtest_config_read(iommu->qtest, function, at + 8, &offset);
	if (!err && type == VIRTIO_PCI_CAP_NOTIFY_CFG)
		/* 4.1.4.4: the step between two queues follows this kind of capability. */
		err = qtest_config_read(iommu->qtest, function, at + 16, &step);
	/* 4.1.4: a capability may name BARs 0 to 5. Other numbers are reserved. */
	if (err || (bar & 0xff) > 5)
		return err ? err : -EIO;
	if (type == VIRTIO_PCI_CAP_COMMON_CFG)
		iommu->common = bars[bar & 0xff] + offset;
	else if (type == VIRTIO_PCI_CAP_DEVICE_CFG)
		iommu->config = bars[bar & 0xff] + offset;
	else if (type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
		iommu->notify = bars[bar & 0xff] + offset;
		iommu->notify_step = step;
	}
	return 0;
}

static int find_registers(struct qemu_iommu *iommu, uint16_t function, const uint64_t bars[6])
{
	uint32_t at, head;
	int err = qtest_config_read(iommu->qtest, function, PCI_CAPABILITY_LIST, &at);

	/* A broken device could link its capabilities in a ring, so their number has a limit. */
	for (unsigned int i = 0; !err && i < QEMU_PCI_CAPABILITIES_MAX && (at & 0xfc); i++) {
		err = qtest_config_read(iommu->qtest, function, at & 0xfc, &head);
		if (!err && (head & 0xff) == PCI_CAP_ID_VNDR)
			err = read_capability(iommu, function, at & 0xfc, bars, head >> 24);
		at = head >> 8;
	}
	return err || (iommu->common && iommu->notify && iommu->config) ? err : -EIO;
}

/* --- Queues --- */

static void *shared_at(const struct qemu_iommu *iommu, uint64_t offset)
{
	return iommu->memory + iommu->at + offset;
}

static int start_queue(struct qemu_iommu *iommu, struct qemu_iommu_queue *queue, unsigned int i)
{
	uint64_t notify = 0;
	const uint64_t at = iommu->at + i * RINGS_BYTES;
	int err = write_common(iommu, COMMON(queue_select), 2, i);

	queue->at = i * RINGS_BYTES;
	if (!err)
		/* 4.1.4.3: a driver may make a queue smaller than the device offers. */
		err = write_common(iommu, COMMON(queue_size), 2, ENTRIES);
	if (!err)
		err = write_common(iommu, COMMON(queue_desc_lo), 8, at);
	if (!err)
		err = write_common(iommu, COMMON(queue_avail_lo), 8, at + AVAIL);
	if (!err)
		err = write_common(iommu, COMMON(queue_used_lo), 8, at + USED);
	if (!err)
		err = read_common(iommu, COMMON(queue_notify_off), 2, &notify);
	queue->notify = iommu->notify + notify * iommu->notify_step;
	/* 4.1.4.3.2: a driver sets all other fields before it enables a queue. */
	return err ? err : write_common(iommu, COMMON(queue_enable), 2, 1);
}

static void make_available(struct qemu_iommu *iommu, struct qemu_iommu_queue *queue, uint16_t head)
{
	struct vring_avail *avail = shared_at(iommu, queue->at + AVAIL);

	avail->ring[queue->next++ % ENTRIES] = head;
	/*
	 * ORDER: pairs with QEMU's barrier between its reads of the index and of the entry
	 * (virtqueue_available.litmus).
	 */
	__atomic_store_n(&avail->idx, queue->next, __ATOMIC_RELEASE);
}

static bool is_used(struct qemu_iommu *iommu, const struct qemu_iommu_queue *queue)
{
	const struct vring_used *used = shared_at(iommu, queue->at + USED);

	/*
	 * ORDER: pairs with QEMU's barrier between its write of the result and of the index
	 * (virtqueue_used.litmus).
	 */
	return __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) != queue->seen;
}

/* --- Requests --- */

static int result_of(uint8_t status)
{
	switch (status) {
	case VIRTIO_IOMMU_S_OK:
		return 0;
	case VIRTIO_IOMMU_S_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* @from ends before the tail of the request, because QEMU writes the result to the tail. */
static int send_request(struct qemu_iommu *iommu, const void *from, size_t bytes)
{
	struct vring_desc *desc = shared_at(iommu, iommu->requests.at);
	struct virtio_iommu_req_tail *tail = shared_at(iommu, RESULT);
	int err;

	/* No other request is in flight, so these two places and descriptors 0 and 1 are free. */
	memcpy(shared_at(iommu, REQUEST), from, bytes);
	/* 0xff is not a status of virtio-iommu, so a result that QEMU did not write is an error. */
	*tail = (struct virtio_iommu_req_tail){ .status = 0xff };
	desc[0] = (struct vring_desc){ iommu->at + REQUEST, (uint32_t)bytes, VRING_DESC_F_NEXT, 1 };
	desc[1] = (struct vring_desc){ iommu->at + RESULT, sizeof(*tail), VRING_DESC_F_WRITE, 0 };
	make_available(iommu, &iommu->requests, 0);
	err = qtest_write(iommu->qtest, iommu->requests.notify, 2, 0);
	while (!err && !is_used(iommu, &iommu->requests))
		if (sys_now_ns() >= iommu->qtest->deadline_ns)
			err = -ETIMEDOUT;
	iommu->requests.seen++;
	return err ? err : result_of(tail->status);
}

int qemu_iommu_map(struct qemu_iommu *iommu, uint64_t address, uint64_t physical, uint64_t bytes,
		   bool writable)
{
	const struct virtio_iommu_req_map map = {
		.head.type = VIRTIO_IOMMU_T_MAP,
		.domain = DOMAIN,
		.virt_start = address,
		/* virtio-iommu counts to the last address, not to the end. */
		.virt_end = address + bytes - 1,
		.phys_start = physical,
		.flags = VIRTIO_IOMMU_MAP_F_READ | (writable ? VIRTIO_IOMMU_MAP_F_WRITE : 0),
	};

	return send_request(iommu, &map, offsetof(struct virtio_iommu_req_map, tail));
}

int qemu_iommu_unmap(struct qemu_iommu *iommu, uint64_t address, uint64_t bytes)
{
	const struct virtio_iommu_req_unmap unmap = {
		.head.type = VIRTIO_IOMMU_T_UNMAP,
		.domain = DOMAIN,
		.virt_start = address,
		.virt_end = address + bytes - 1,
	};

	return send_request(iommu, &unmap, offsetof(struct virtio_iommu_req_unmap, tail));
}

static int attach_endpoint(struct qemu_iommu *iommu)
{
	const struct virtio_iommu_req_attach attach = {
		.head.type = VIRTIO_IOMMU_T_ATTACH,
		.domain = DOMAIN,
		.endpoint = iommu->endpoint,
	};

	return send_request(iommu, &attach, offsetof(struct virtio_iommu_req_attach, tail));
}

/* --- Faults --- */

static void give_event(struct qemu_iommu *iommu, uint16_t i)
{
	struct vring_desc *desc = shared_at(iommu, iommu->events.at);

	desc[i] = (struct vring_desc){ iommu->at + EVENTS + i * EVENT_BYTES,
				       sizeof(struct virtio_iommu_fault), VRING_DESC_F_WRITE, 0 };
	make_available(iommu, &iommu->events, i);
}

int qemu_iommu_notify_events(struct qemu_iommu *iommu)
{
	return qtest_write(iommu->qtest, iommu->events.notify, 2, 1);
}

static int give_events(struct qemu_iommu *iommu)
{
	/* QEMU drops a fault that finds no free buffer, so it gets as many as the queue holds. */
	for (uint16_t i = 0; i < ENTRIES; i++)
		give_event(iommu, i);
	return qemu_iommu_notify_events(iommu);
}

/* Copies the next event, leaves it in the queue, and returns the number of its descriptor. */
static uint16_t peek_event(struct qemu_iommu *iommu, struct virtio_iommu_fault *event)
{
	const struct vring_used *used = shared_at(iommu, iommu->events.at + USED);
	/* A broken QEMU must not make this process read past the events. */
	const uint16_t i = used->ring[iommu->events.seen % ENTRIES].id % ENTRIES;

	memcpy(event, shared_at(iommu, EVENTS + i * EVENT_BYTES), sizeof(*event));
	return i;
}

static struct qemu_iommu_fault fault_of(const struct virtio_iommu_fault *event)
{
	return (struct qemu_iommu_fault){
		.address = event->address,
		.read = event->flags & VIRTIO_IOMMU_FAULT_F_READ,
		.write = event->flags & VIRTIO_IOMMU_FAULT_F_WRITE,
	};
}

/*
 * QEMU tries an access in pieces. This joins the pieces to the one access of the device. It skips
 * what other devices of this QEMU did, because no object of the library is theirs.
 */
int qemu_iommu_next_fault(struct qemu_iommu *iommu, struct qemu_iommu_fault *fault)
{
	struct virtio_iommu_fault event;

	fault->bytes = 0;
	while (is_used(iommu, &iommu->events)) {
		const uint16_t i = peek_event(iommu, &event);
		const struct qemu_iommu_fault piece = fault_of(&event);
		const bool is_ours = event.endpoint == iommu->endpoint;

		if (is_ours && !fault->bytes)
			*fault = piece;
		else if (is_ours && (piece.read != fault->read || piece.write != fault->write ||
				     piece.address - fault->address != fault->bytes))
			break;
		fault->bytes += is_ours ? PIECE_BYTES : 0;
		iommu->events.seen++;
		give_event(iommu, i);
	}
	return fault->bytes ? 0 : -EAGAIN;
}

/* --- Start --- */

static int negotiate(struct qemu_iommu *iommu)
{
	const uint64_t wanted = 1 << VIRTIO_IOMMU_F_MAP_UNMAP | 1 << VIRTIO_IOMMU_F_BYPASS_CONFIG;
	uint64_t low = 0, status = 0;
	/* 3.1.1 begins with a reset, and its steps have this order. */
	int err = write_common(iommu, COMMON(device_status), 1, 0);

	if (!err)
		err = write_common(iommu, COMMON(device_status), 1,
				   VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	if (!err)
		err = write_common(iommu, COMMON(device_feature_select), 4, 0);
	if (!err)
		err = read_common(iommu, COMMON(device_feature), 4, &low);
	if (!err && (low & wanted) != wanted)
		err = -EIO;
	if (!err)
		err = write_common(iommu, COMMON(guest_feature_select), 4, 0);
	if (!err)
		err = write_common(iommu, COMMON(guest_feature), 4, wanted);
	if (!err)
		err = write_common(iommu, COMMON(guest_feature_select), 4, 1);
	if (!err)
		err = write_common(iommu, COMMON(guest_feature), 4, 1 << (VIRTIO_F_VERSION_1 - 32));
	if (!err)
		err = write_common(iommu, COMMON(device_status), 1,
				   VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
					   VIRTIO_CONFIG_S_FEATURES_OK);
	if (!err)
		err = read_common(iommu, COMMON(device_status), 1, &status);
	/* 3.1.1: a device that does not accept the features clears this bit. */
	return err || status & VIRTIO_CONFIG_S_FEATURES_OK ? err : -EIO;
}

static int read_range(struct qemu_iommu *iommu)
{
	const uint64_t at = iommu->config + offsetof(struct virtio_iommu_config, input_range);
	int err = qtest_read(iommu->qtest, at, 8, &iommu->first);

	return err ? err : qtest_read(iommu->qtest, at + 8, 8, &iommu->last);
}

int qemu_iommu_start(struct qemu_iommu *iommu, uint16_t function, uint64_t bar_first)
{
	uint64_t bars[6];
	int err = place_bars(iommu, function, bar_first, bars);

	if (!err)
		err = find_registers(iommu, function, bars);
	if (!err)
		err = negotiate(iommu);
	if (!err)
		err = start_queue(iommu, &iommu->requests, 0);
	if (!err)
		err = start_queue(iommu, &iommu->events, 1);
	if (!err)
		err = write_common(iommu, COMMON(device_status), 1,
				   VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
					   VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	if (!err)
		/*
		 * QEMU lets every device bypass its IOMMU until a driver forbids it, so that
		 * firmware can use disks.
		 */
		err = qtest_write(iommu->qtest,
				  iommu->config + offsetof(struct virtio_iommu_config, bypass), 1,
				  0);
	if (!err)
		err = read_range(iommu);
	if (!err)
		err = give_events(iommu);
	/* The device is attached last, when there are buffers for its faults. */
	return err ? err : attach_endpoint(iommu);
}
