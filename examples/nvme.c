// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "nvme.h"

/* The registers, from NVM Express Base Specification 2.0, section 3.1.3. */
enum {
	REG_CAP = 0x00,
	REG_VS = 0x08,
	REG_CC = 0x14,
	REG_CSTS = 0x1c,
	REG_AQA = 0x24,
	REG_ASQ = 0x28,
	REG_ACQ = 0x30,
	REG_DOORBELLS = 0x1000
};
enum { CC_ENABLE = 1, CC_SHUTDOWN = 1 << 14, CC_ENTRIES = 6 << 16 | 4 << 20 };
enum { CSTS_READY = 1, CSTS_FATAL = 2, CSTS_SHUTDOWN = 3 << 2, CSTS_SHUT_DOWN = 2 << 2 };
enum { ADMIN_CREATE_SQ = 0x01, ADMIN_CREATE_CQ = 0x05, ADMIN_IDENTIFY = 0x06 };
enum { IO_FLUSH = 0x00, IO_WRITE = 0x01, IO_READ = 0x02 };
enum { CNS_NAMESPACE = 0, CNS_CONTROLLER = 1 };

#define ADMIN_DEPTH 4
#define NSID 1
#define MS UINT64_C(1000000)
#define CAP_TIMEOUT_NS (500 * MS)
/* Linux waits as long for a command. */
#define COMMAND_TIMEOUT_NS (30000 * MS)

/* The answers of the identify command. Only the fields that this driver uses have names. */
struct nvme_id_controller {
	uint8_t before[24];
	uint8_t model[40];
	uint8_t between[13];
	uint8_t mdts; /* log2 of the most pages of a command; 0 for no limit */
	uint8_t after[NVME_PAGE - 78];
};

struct nvme_id_namespace {
	coherent_le64 size;
	uint8_t between[18];
	uint8_t format;
	uint8_t more[2];
	uint8_t protection;
	uint8_t yet_more[98];
	coherent_le32 formats[16]; /* metadata bytes: bits 0-15; log2 of block bytes: 16-23 */
	uint8_t after[NVME_PAGE - 192];
};

/* --- Queues --- */

static int queue_open(struct nvme_queue *queue, struct nvme *nvme, unsigned int id, uint32_t depth)
{
	int err;

	queue->depth = depth;
	queue->doorbell = REG_DOORBELLS + 2 * id * nvme->stride;
	err = coherent_zeroed(&queue->commands, nvme->dev, depth, .permission = COHERENT_READ_ONLY);
	if (!err)
		err = coherent_zeroed(&queue->completions, nvme->dev, depth);
	if (!err)
		err = coherent_ring(&queue->commands, &queue->sq);
	return err ? err : coherent_ring(&queue->completions, &queue->cq);
}

static void queue_close(struct nvme_queue *queue)
{
	coherent_free(&queue->commands);
	coherent_free(&queue->completions);
}

/*
 * Puts a command into the submission queue and rings the doorbell. The other fields of the entry
 * are zero since the allocation, because no command of this driver sets them. The doorbell is a
 * register, and a register write is ordered after all earlier writes to a mem.
 */
static void queue_put(struct nvme *nvme, struct nvme_queue *queue, uint8_t opcode, uint16_t cid,
		      uint64_t prp1, uint64_t prp2, uint32_t nsid, const uint32_t dw10_12[3])
{
	const uint32_t at = queue->tail++;

	coherent_ring_put(&queue->sq, at, .dw0, opcode | (uint32_t)cid << 16);
	coherent_ring_put(&queue->sq, at, .nsid, nsid);
	coherent_ring_put(&queue->sq, at, .prp1, prp1);
	coherent_ring_put(&queue->sq, at, .prp2, prp2);
	coherent_ring_put(&queue->sq, at, .dw10_15[0], dw10_12[0]);
	coherent_ring_put(&queue->sq, at, .dw10_15[1], dw10_12[1]);
	coherent_ring_put(&queue->sq, at, .dw10_15[2], dw10_12[2]);
	coherent_bar_write32(nvme->bar, queue->doorbell, queue->tail & (queue->depth - 1));
}

/* The controller sets the bit if it failed. A controller that is gone reads as all ones. */
static bool has_failed(struct nvme *nvme)
{
	return coherent_bar_read32(nvme->bar, REG_CSTS) & CSTS_FATAL;
}

/*
 * Takes the next completion. The controller inverts the phase bit on each round through the queue,
 * so an entry is new when its phase is the expected one. coherent_poll() reads the status with
 * acquire order, so the other fields are read after it. Each field is read once, because the
 * controller can change it at any time.
 */
static int queue_take(struct nvme *nvme, struct nvme_queue *queue, uint16_t *cid, uint16_t *status)
{
	const uint16_t phase = !(queue->head / queue->depth % 2);
	const size_t at = queue->head % queue->depth;
	uint16_t seen;
	int err;

	err = coherent_poll(&queue->completions, at, .status, &seen, (seen & 1) == phase,
			    COMMAND_TIMEOUT_NS);
	if (err)
		return err == -ETIMEDOUT && has_failed(nvme) ? -EIO : err;
	*status = seen >> 1;
	*cid = coherent_ring_get(&queue->cq, at, .cid);
	queue->head++;
	coherent_bar_write32(nvme->bar, queue->doorbell + nvme->stride,
			     queue->head & (queue->depth - 1));
	return 0;
}

/* Sends an admin command and waits for its completion. */
static int admin_command(struct nvme *nvme, uint8_t opcode, coherent_addr_t data, uint32_t nsid,
			 const uint32_t dw10_12[3])
{
	uint16_t cid, status;
	int err;

	queue_put(nvme, &nvme->admin, opcode, 0, data.raw, 0, nsid, dw10_12);
	err = queue_take(nvme, &nvme->admin, &cid, &status);
	return err ? err : cid || status ? -EIO : 0;
}

/* --- The controller --- */

/* Waits in steps of 1 ms, to return early if the controller fails or is gone. */
static int wait_status(struct nvme *nvme, uint32_t mask, uint32_t want)
{
	const uint64_t turns = nvme->timeout_ns / MS;
	int err = -ETIMEDOUT;

	for (uint64_t i = 0; err == -ETIMEDOUT && i < turns; i++) {
		if (has_failed(nvme) && want)
			return -EIO;
		err = coherent_bar_poll32(nvme->bar, REG_CSTS, mask, want, MS);
	}
	return err;
}

static int enable(struct nvme *nvme, bool on)
{
	coherent_bar_write32(nvme->bar, REG_CC, on ? CC_ENTRIES | CC_ENABLE : 0);
	return wait_status(nvme, CSTS_READY, on ? CSTS_READY : 0);
}

/*
 * Returns NULL if this driver can use the controller, otherwise the problem. A controller that is
 * gone reads as all ones. The controller must have the NVM command set and pages of 4 KiB.
 */
static const char *find_problem(struct nvme *nvme, uint64_t cap)
{
	const uint32_t version = coherent_bar_read32(nvme->bar, REG_VS);

	if (cap == UINT64_MAX || version >> 16 < 1 || version >> 16 > 2 || cap >> 56 ||
	    !(cap >> 37 & 1))
		return "the device is not an NVMe controller";
	if (cap >> 48 & 0xf)
		return "the controller does not support pages of 4 KiB";
	return NULL;
}

static int start_controller(struct nvme *nvme)
{
	const uint64_t cap = coherent_bar_read64(nvme->bar, REG_CAP);
	int err;

	nvme->problem = find_problem(nvme, cap);
	if (nvme->problem)
		return -ENODEV;
	nvme->stride = UINT64_C(4) << (cap >> 32 & 0xf);
	nvme->timeout_ns = ((cap >> 24 & 0xff) + 1) * CAP_TIMEOUT_NS;
	/* CAP has the size of the longest queue minus 1. One entry of a queue stays free. */
	if (nvme->depth > (cap & 0xffff))
		nvme->depth = cap & 0xffff ? (unsigned int)(cap & 0xffff) : 1;
	err = enable(nvme, false);
	if (!err)
		err = queue_open(&nvme->admin, nvme, 0, ADMIN_DEPTH);
	if (err)
		return err;
	coherent_bar_write32(nvme->bar, REG_AQA, (ADMIN_DEPTH - 1) << 16 | (ADMIN_DEPTH - 1));
	coherent_bar_write64(nvme->bar, REG_ASQ, coherent_addr(&nvme->admin.commands).raw);
	coherent_bar_write64(nvme->bar, REG_ACQ, coherent_addr(&nvme->admin.completions).raw);
	return enable(nvme, true);
}

static int identify_controller(struct nvme *nvme)
{
	const uint32_t dw10_12[3] = { CNS_CONTROLLER };
	COHERENT_AUTO(struct nvme_id_controller, id);
	uint8_t mdts;
	int err;

	err = coherent_zeroed(&id, nvme->dev, 1);
	if (!err)
		err = admin_command(nvme, ADMIN_IDENTIFY, coherent_addr(&id), 0, dw10_12);
	if (!err)
		err = coherent_copy_out_field(&id, 0, .model, 0, nvme->model, 40);
	if (!err)
		err = coherent_read(&id, 0, .mdts, &mdts);
	if (err)
		return err;
	for (size_t end = 40; end && nvme->model[end - 1] == ' '; end--)
		nvme->model[end - 1] = '\0';
	nvme->command_bytes = NVME_BYTES_MAX;
	if (mdts && mdts < 5)
		nvme->command_bytes = (size_t)NVME_PAGE << mdts;
	return 0;
}

/* Refuses formats with metadata: they make a block longer, or put a part of it elsewhere. */
static int use_format(struct nvme *nvme, uint8_t which, uint32_t format, uint8_t protection)
{
	const uint32_t shift = format >> 16 & 0xff;

	if (!nvme->blocks)
		nvme->problem = "the controller has no namespace 1";
	else if (format & 0xffff || protection & 7)
		nvme->problem = "its blocks have metadata, which this driver does not support";
	else if (shift < 9 || shift > 12 || which & 0x60)
		nvme->problem = "the size of its blocks is not from 512 to 4096 bytes";
	nvme->block_bytes = 1u << (shift & 0xf);
	return nvme->problem ? -ENODEV : 0;
}

static int identify_namespace(struct nvme *nvme)
{
	const uint32_t dw10_12[3] = { CNS_NAMESPACE };
	COHERENT_AUTO(struct nvme_id_namespace, id);
	COHERENT_VIEW(coherent_le32) formats;
	uint32_t format = 0;
	uint8_t which = 0, protection = 0;
	int err;

	err = coherent_zeroed(&id, nvme->dev, 1);
	if (!err)
		err = admin_command(nvme, ADMIN_IDENTIFY, coherent_addr(&id), NSID, dw10_12);
	if (!err)
		err = coherent_read(&id, 0, .size, &nvme->blocks);
	if (!err)
		err = coherent_read(&id, 0, .format, &which);
	if (!err)
		err = coherent_read(&id, 0, .protection, &protection);
	if (!err)
		err = coherent_view_field(&id, 0, .formats, &formats);
	if (!err)
		err = coherent_read(&formats, which & 0xf, &format);
	return err ? err : use_format(nvme, which, format, protection);
}

/* --- Reads and writes --- */

/*
 * Fills the page lists while they are a box, so the controller never sees a half-filled list. The
 * pages do not move, so the lists never change.
 */
static int fill_lists(struct nvme_list *lists, size_t count, void *arg)
{
	union nvme_pages *data = arg;
	coherent_addr_t address;
	int err = 0;

	for (size_t i = 0; !err && i < count * NVME_PAGES_MAX; i++) {
		err = coherent_addr_at(data, i, &address);
		lists[i / NVME_PAGES_MAX].pages[i % NVME_PAGES_MAX] =
			coherent_cpu_to_le64(address.raw);
	}
	return err;
}

static int create_io_queues(struct nvme *nvme)
{
	const uint32_t size = (nvme->io.depth - 1) << 16 | 1;
	const uint32_t cq[3] = { size, 1 };
	const uint32_t sq[3] = { size, 1 << 16 | 1 };
	int err;

	err = admin_command(nvme, ADMIN_CREATE_CQ, coherent_addr(&nvme->io.completions), 0, cq);
	return err ? err :
		     admin_command(nvme, ADMIN_CREATE_SQ, coherent_addr(&nvme->io.commands), 0, sq);
}

static int start_io(struct nvme *nvme)
{
	uint32_t entries = 2;
	int err;

	while (entries < nvme->depth + 1)
		entries *= 2;
	err = queue_open(&nvme->io, nvme, 1, entries);
	if (!err)
		err = coherent_zeroed(&nvme->data, nvme->dev, (size_t)nvme->depth * NVME_PAGES_MAX);
	if (!err)
		err = coherent_init(&nvme->lists, nvme->dev, nvme->depth, fill_lists, &nvme->data,
				    .permission = COHERENT_READ_ONLY);
	return err ? err : create_io_queues(nvme);
}

int nvme_open(struct nvme *nvme, struct coherent_device *dev, unsigned int depth)
{
	int err;

	*nvme = (struct nvme){ .dev = dev, .depth = depth };
	if (!depth || depth > NVME_DEPTH_MAX)
		return -EINVAL;
	err = coherent_bar_open(&nvme->bar, dev, 0);
	if (!err)
		err = start_controller(nvme);
	if (!err)
		err = identify_controller(nvme);
	if (!err)
		err = identify_namespace(nvme);
	return err ? err : start_io(nvme);
}

/* A controller writes its cache to the medium when it is told to shut down. */
static void stop_controller(struct nvme *nvme)
{
	int err;

	coherent_bar_write32(nvme->bar, REG_CC, CC_ENTRIES | CC_ENABLE | CC_SHUTDOWN);
	err = wait_status(nvme, CSTS_SHUTDOWN, CSTS_SHUT_DOWN);
	/* The controller uses its queues until it is disabled or reset. Free them after that. */
	if (enable(nvme, false) || err)
		(void)!coherent_device_reset(nvme->dev);
}

void nvme_close(struct nvme *nvme)
{
	if (!coherent_is_empty(&nvme->admin.commands))
		stop_controller(nvme);
	coherent_free(&nvme->lists);
	coherent_free(&nvme->data);
	queue_close(&nvme->io);
	queue_close(&nvme->admin);
	coherent_bar_close(nvme->bar);
	nvme->bar = NULL;
}

/*
 * A command holds the addresses of two pages, PRP 1 and 2. For three pages or more, PRP 2 is
 * instead the address of a list of all pages but the first.
 */
void nvme_start_at(struct nvme *nvme, unsigned int slot, bool write, uint64_t block, uint32_t count,
		   uint64_t memory, uint64_t list)
{
	const size_t bytes = (size_t)count * nvme->block_bytes;
	const uint32_t dw10_12[3] = { (uint32_t)block, (uint32_t)(block >> 32), count - 1 };
	uint64_t prp2 = 0;

	if (bytes > 2 * NVME_PAGE)
		prp2 = list + sizeof(coherent_le64);
	else if (bytes > NVME_PAGE)
		prp2 = memory + NVME_PAGE;
	nvme->busy |= UINT64_C(1) << slot;
	nvme->failed &= ~(UINT64_C(1) << slot);
	queue_put(nvme, &nvme->io, write ? IO_WRITE : IO_READ, (uint16_t)slot, memory, prp2, NSID,
		  dw10_12);
}

void nvme_start(struct nvme *nvme, unsigned int slot, bool write, uint64_t block, uint32_t count)
{
	nvme_start_at(nvme, slot, write, block, count,
		      coherent_addr(&nvme->data).raw + slot * NVME_BYTES_MAX,
		      coherent_addr(&nvme->lists).raw + slot * sizeof(struct nvme_list));
}

int nvme_wait(struct nvme *nvme, unsigned int slot)
{
	while (nvme->busy >> slot & 1) {
		uint16_t cid, status;
		int err = queue_take(nvme, &nvme->io, &cid, &status);

		if (err)
			return err;
		if (cid >= nvme->depth || !(nvme->busy >> cid & 1))
			return -EIO;
		nvme->busy &= ~(UINT64_C(1) << cid);
		nvme->failed |= status ? UINT64_C(1) << cid : 0;
	}
	return nvme->failed >> slot & 1 ? -EIO : 0;
}

int nvme_flush(struct nvme *nvme)
{
	const uint32_t none[3] = { 0 };

	nvme->busy |= 1;
	nvme->failed &= ~UINT64_C(1);
	queue_put(nvme, &nvme->io, IO_FLUSH, 0, 0, 0, NSID, none);
	return nvme_wait(nvme, 0);
}

/* Finds the page of byte i of a slot, and limits the bytes to this page. */
static int find_page(struct nvme *nvme, unsigned int slot, size_t i, size_t *page, size_t *bytes)
{
	*page = (size_t)slot * NVME_PAGES_MAX + i / NVME_PAGE;
	*bytes = *bytes < NVME_PAGE ? *bytes : NVME_PAGE;
	return slot < nvme->depth && i < NVME_BYTES_MAX ? 0 : -ERANGE;
}

int nvme_fill(struct nvme *nvme, unsigned int slot, const uint8_t *from, size_t bytes)
{
	int err = 0;

	for (size_t i = 0; !err && i < bytes; i += NVME_PAGE) {
		size_t page, n = bytes - i;

		err = find_page(nvme, slot, i, &page, &n);
		if (!err)
			err = coherent_copy_in_field(&nvme->data, page, .bytes, 0, from + i, n);
	}
	return err;
}

int nvme_take(struct nvme *nvme, unsigned int slot, uint8_t *to, size_t bytes)
{
	int err = 0;

	for (size_t i = 0; !err && i < bytes; i += NVME_PAGE) {
		size_t page, n = bytes - i;

		err = find_page(nvme, slot, i, &page, &n);
		if (!err)
			err = coherent_copy_out_field(&nvme->data, page, .bytes, 0, to + i, n);
	}
	return err;
}
