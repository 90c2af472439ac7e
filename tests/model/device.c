// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The devices of the model. They are lazy or not, fail mappings and unmappings or not, and have
 * much or little space for addresses. The model predicts their reports and faults.
 */
#include <coherent/fabric.h>
#include <coherent/serve.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

/* --- Reports and faults --- */

static void count_report(void *arg, enum coherent_severity severity, const char *line)
{
	struct device *device = arg;

	CHECK(*line && !strchr(line, '\n'));
	device->reports[severity]++;
}

void expect_report(struct device *device, enum coherent_severity severity)
{
	device->expected[severity]++;
}

void expect_fault(struct device *device, const struct coherent_fault *fault)
{
	if (device->fault_count == FAULTS) {
		device->first_fault = (device->first_fault + 1) % FAULTS;
		device->fault_count--;
		device->lost++;
	}
	device->faults[(device->first_fault + device->fault_count++) % FAULTS] = *fault;
}

static void check_fault(const struct coherent_fault *fault, const struct coherent_fault *want)
{
	static const char *const words[] = {
		[COHERENT_STATE_NONE] = "no object", [COHERENT_STATE_BOX] = "box, not exposed yet",
		[COHERENT_STATE_MEM] = "read-only",  [COHERENT_STATE_RECLAIMED] = "reclaimed",
		[COHERENT_STATE_FREED] = "freed",
	};

	CHECK(fault->address == want->address && fault->bytes == want->bytes);
	CHECK(fault->access == want->access);
	CHECK(fault->state == want->state);
	CHECK(fault->object_address == want->object_address);
	CHECK(fault->object_bytes == want->object_bytes);
	CHECK(!fault->where == (want->state == COHERENT_STATE_NONE));
	CHECK(strstr(fault->text, *want->text ? want->text : words[want->state]));
}

void device_read_faults(struct device *device)
{
	struct coherent_fault fault;

	while (device->fault_count) {
		EXPECT(coherent_device_next_fault(device->dev, &fault), 0);
		check_fault(&fault, &device->faults[device->first_fault]);
		CHECK(fault.lost == device->lost);
		device->lost = 0;
		device->first_fault = (device->first_fault + 1) % FAULTS;
		device->fault_count--;
	}
	EXPECT(coherent_device_next_fault(device->dev, &fault), -EAGAIN);
	CHECK(!fault.address && !fault.bytes);
}

/* --- Limits and masks --- */

static void use_mask(struct device *device, uint64_t mask)
{
	device->mask = mask;
	device->pages = mask / PAGE;
}

static void check_limits(struct device *device)
{
	struct coherent_limits limits;

	EXPECT(coherent_device_limits(device->dev, &limits), 0);
	CHECK(limits.mask == device->mask && limits.page_bytes == PAGE);
	CHECK(limits.ranges[0].first == PAGE);
	if (device->pages <= SMALL) {
		CHECK(limits.range_count == 1 && limits.ranges[0].last == device->mask);
	} else {
		/* Devices write their interrupts to the addresses between the two ranges. */
		CHECK(limits.range_count == 2 && limits.ranges[0].last == 0xfedfffff);
		CHECK(limits.ranges[1].first == 0xfef00000);
		CHECK(limits.ranges[1].last <= device->mask);
	}
	CHECK(limits.mappings == (device->maps_max ? device->maps_max : SIZE_MAX));
	CHECK(limits.unmap_is_fence == !device->lazy && limits.vectors == CHANNELS);
	CHECK(!memcmp(limits.bar_bytes, engine_model.bar_size, sizeof(limits.bar_bytes)));
}

/* Picks a small or a large space: the model would take long to predict one in between. */
static unsigned int pick_bits(void)
{
	return chance(2) ? 14 + pick(8) : 36 + pick(29);
}

/* Frees all objects of a device. Those that leaked stay. */
static void free_all_objects(unsigned int i)
{
	for (unsigned int k = 0; k < SLOTS; k++)
		if (model.slots[k].kind != EMPTY && model.slots[k].place.dev == i)
			object_free(&model.slots[k]);
	device_fence(i);
}

void device_change_mask(unsigned int i)
{
	struct device *device = &model.devices[i];
	/* A mask of one page has no room for a guard, so that the library refuses it. */
	const uint64_t mask = coherent_mask(chance(4) ? pick(14) : pick_bits());
	int err = 0;

	if (!device->settled && chance(2))
		free_all_objects(i);
	EXPECT(coherent_device_set_mask(device->dev, 0x1230 | 1ull << pick(64)), -EINVAL);
	expect_report(device, COHERENT_ERROR);
	if (!mask)
		err = -EINVAL;
	else if (device->objects)
		err = -EBUSY;
	else if (mask <= 2 * PAGE)
		err = -EIO;
	EXPECT(coherent_device_set_mask(device->dev, mask), err);
	if (err)
		expect_report(device, COHERENT_ERROR);
	if (!err) {
		space_empty_quarantine(device);
		use_mask(device, mask);
	}
	check_limits(device);
}

/* --- Fence and reset --- */

void device_fence(unsigned int i)
{
	struct device *device = &model.devices[i];

	if (chance(4))
		EXPECT(coherent_device_reset(device->dev), 0);
	else
		EXPECT(coherent_device_fence(device->dev), 0);
	CHECK(device->engine.resets == 1);
	device->engine.resets = 0;
	device->held = false;
	space_release(i, false);
}

/* --- Open and close --- */

void device_open(unsigned int i)
{
	struct device *device = &model.devices[i];
	char name[160];
	unsigned int bits;

	memset(device, 0, sizeof(*device));
	bits = pick_bits();
	device->lazy = chance(2);
	device->delay = chance(2) ? 0 : 1 + pick(3);
	device->maps_max = chance(2) ? 0 : 4 + pick(12);
	device->fail_map = chance(2) ? 0 : 1 + pick(200);
	device->fail_unmap = chance(2) ? 0 : 1 + pick(200);
	/* The device is open long enough to fill a quarantine, or only for a short time. */
	device->settled = chance(32);
	device->until = model.step + 1 + (device->settled ? 150000 : pick(2000));
	device->model_mask = coherent_mask(bits);
	use_mask(device, device->model_mask);
	snprintf(name, sizeof(name), "sim:custom,step,mask=%u%s", bits,
		 device->lazy ? ",lazy" : "");
	if (device->delay)
		snprintf(name + strlen(name), 32, ",delay=%u", device->delay);
	if (device->maps_max)
		snprintf(name + strlen(name), 32, ",maps=%u", device->maps_max);
	if (device->fail_map)
		snprintf(name + strlen(name), 32, ",fail-map=%u", device->fail_map);
	if (device->fail_unmap)
		snprintf(name + strlen(name), 32, ",fail-unmap=%u", device->fail_unmap);
	EXPECT(coherent_device_open(&device->dev, name, .model = &engine_model,
				    .model_arg = &device->engine, .report = count_report,
				    .report_arg = device, .level = pick(COHERENT_IOMMU + 1)),
	       0);
	CHECK(device->engine.opened == 1);
	check_limits(device);
}

/* Checks the calls on a device that is NULL, or closed while objects still refer to it. */
static void check_dead(struct coherent_device *dev)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct coherent_handle handle = COHERENT_EMPTY;
	struct coherent_limits limits;
	struct coherent_fault fault;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	uint8_t byte = 1;

	EXPECT(coherent_box_zeroed(&box, dev, 1), -ENODEV);
	EXPECT(coherent_zeroed(&mem, dev, 1), -ENODEV);
	EXPECT(coherent_handle_zeroed(&handle, dev, 1), -ENODEV);
	EXPECT(coherent_device_fence(dev), -ENODEV);
	EXPECT(coherent_device_reset(dev), -ENODEV);
	EXPECT(coherent_device_set_mask(dev, coherent_mask(32)), -ENODEV);
	EXPECT(coherent_device_limits(dev, &limits), -ENODEV);
	CHECK(!limits.mask && !limits.page_bytes);
	EXPECT(coherent_device_next_fault(dev, &fault), -ENODEV);
	EXPECT(coherent_bar_open(&bar, dev, 0), -ENODEV);
	EXPECT(coherent_irq_open(&irq, dev, 0), -ENODEV);
	EXPECT(coherent_sim_step(dev, 1), -ENODEV);
	EXPECT(coherent_sim_try_addr(dev, (coherent_addr_t){ PAGE }, &byte, 1,
				     COHERENT_ACCESS_READ),
	       -ENODEV);
	CHECK(!coherent_device_level(dev) && !bar && !irq && byte == 1);
}

static bool is_on(const struct slot *slot, unsigned int i)
{
	return slot->kind != EMPTY && slot->place.dev == i;
}

void device_close(unsigned int i)
{
	struct device *device = &model.devices[i];

	device_read_faults(device);
	driver_keeps_bar(device);
	exposure_replay(true);
	coherent_device_close(device->dev);
	CHECK(device->engine.closed == 1);
	for (unsigned int k = 0; k < SLOTS; k++) {
		/* The close reports each object that is not freed. */
		if (!is_on(&model.slots[k], i))
			continue;
		expect_report(device, COHERENT_WARNING);
		if (model.slots[k].place.reachable)
			exposure_end(&model.slots[k].place);
	}
	space_release(i, true);
	space_empty_quarantine(device);
	check_dead(device->dev);
	for (unsigned int k = 0; k < SLOTS; k++)
		if (is_on(&model.slots[k], i))
			object_after_close(&model.slots[k]);
	driver_after_close(device);
	CHECK(!memcmp(device->reports, device->expected, sizeof(device->expected)));
}

/* --- Queries and misuse --- */

/* Returns the number of mappings that are not mems. A box that leaked counts as a mem. */
static unsigned int boxes_in_place(const struct device *device)
{
	unsigned int count = 0;

	for (unsigned int k = 0; k < SLOTS; k++) {
		const struct place *place = &model.slots[k].place;

		count += model.slots[k].kind == BOX && place->in_place &&
			 device_of(place) == device;
	}
	return count;
}

static void check_stats(const struct device *device)
{
	uint64_t bytes = 0, of_library = 0, live = 0;
	struct coherent_stats stats;

	for (unsigned int k = 0; k < SLOTS; k++) {
		const struct slot *slot = &model.slots[k];

		if (slot->kind == EMPTY || device_of(&slot->place) != device)
			continue;
		live++;
		bytes += slot->place.pages * PAGE;
		if (!slot->place.is_own && (!slot->place.adopted || device->lazy))
			of_library += slot->place.pages * PAGE;
	}
	EXPECT(coherent_device_stats(device->dev, &stats), 0);
	/* A mem that could not be unmapped still counts as mapped. */
	CHECK(stats.objects == device->objects);
	CHECK(stats.mems == device->maps - boxes_in_place(device));
	CHECK(stats.mappings == device->maps + stats.waiting);
	CHECK(stats.mappings == device->maps + stats.waiting);
	CHECK(stats.quarantined == device->retired);
	CHECK(stats.quarantined_bytes == device->retired_pages * PAGE);
	/* Objects that wait for a fence or leaked have pages too. */
	CHECK(stats.objects >= live + stats.waiting && stats.bytes >= bytes);
	CHECK((stats.objects == live) == (stats.bytes == bytes));
	CHECK(stats.objects_max >= stats.objects && stats.bytes_max >= stats.bytes);
	CHECK(stats.mems_max >= stats.mems && stats.memory >= of_library);
}

void device_ask(unsigned int i)
{
	struct device *device = &model.devices[i];

	check_stats(device);

	CHECK(coherent_device_level(device->dev) == COHERENT_IOMMU);
	check_limits(device);
	device_read_faults(device);
}

static int refuse_to_open(struct coherent_sim *sim, void *arg)
{
	(void)sim;
	(void)arg;
	return -EPERM;
}

static void expect_refusal(const char *name, const struct coherent_sim_model *sim_model,
			   enum coherent_level level, int err)
{
	struct coherent_device *dev = model.devices[0].dev;

	EXPECT(coherent_device_open(&dev, name, .model = sim_model, .level = level), err);
	CHECK(!dev);
}

/* Opens a device, a BAR and an interrupt that end with their scope. */
static void open_in_scope(void)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);
	COHERENT_IRQ_AUTO(irq);

	EXPECT(coherent_device_open(&dev, "sim:edu,step"), 0);
	EXPECT(coherent_bar_open(&bar, dev, 0), 0);
	EXPECT(coherent_irq_open(&irq, dev, 0), 0);
	CHECK(coherent_bar_read32(bar, 0) == 0x010000ed);
}

/* A server would not end, so the model asks for one without a socket. */
static void serve_misuse(void)
{
	EXPECT(coherent_sim_serve("sim:edu", NULL), -EINVAL);
}

/* The model has no endpoint, so each call of coherent/fabric.h is refused. */
static void fabric_misuse(void)
{
	struct coherent_fabric_peer *peer;
	struct coherent_fabric_name name;
	struct coherent_remote remote = { 0 };
	COHERENT_AUTO(uint8_t, mem);

	EXPECT(coherent_fabric_get_name(NULL, &name), -ENODEV);
	EXPECT(coherent_fabric_connect(&peer, NULL, &name), -ENODEV);
	CHECK(!peer);
	coherent_fabric_disconnect(NULL);
	EXPECT(coherent_fabric_progress(NULL, 0), -ENODEV);
	EXPECT(coherent_remote(&mem, &remote), -EINVAL);
	EXPECT(coherent_fabric_read(NULL, &remote, &mem, 0), -EINVAL);
	EXPECT(coherent_fabric_write(NULL, &remote, &mem, 0), -EINVAL);
}

void device_misuse(void)
{
	const struct coherent_sim_model refusing = { .name = "refusing",
						     .mask = UINT64_MAX,
						     .open = refuse_to_open };
	const struct coherent_sim_model nameless = { .mask = UINT64_MAX };

	expect_refusal(NULL, NULL, 0, -EINVAL);
	expect_refusal("sim:edu,", NULL, 0, -EINVAL);
	expect_refusal("sim:edu,maps=0", NULL, 0, -EINVAL);
	expect_refusal("sim:edu,mask=13", NULL, 0, -EIO);
	expect_refusal("sim:edu", NULL, COHERENT_IOMMU + 1, -EINVAL);
	expect_refusal("sim:edu", &engine_model, 0, -EINVAL);
	expect_refusal("sim:custom", NULL, 0, -EINVAL);
	expect_refusal("sim:custom", &nameless, 0, -EINVAL);
	expect_refusal("sim:custom,step", &refusing, 0, -EPERM);
	expect_refusal("sim:abacus", NULL, 0, -ENODEV);
	expect_refusal("abacus:edu", NULL, 0, -ENODEV);
	loan_misuse();
	fabric_misuse();
	serve_misuse();
	check_dead(NULL);
	coherent_device_close(NULL);
	coherent_bar_close(NULL);
	coherent_irq_close(NULL);
	CHECK(coherent_bar_read8(NULL, 0) == UINT8_MAX);
	coherent_bar_write8(NULL, 0, 1);
	EXPECT(coherent_bar_poll32(NULL, 0, 0, 0, 0), -EINVAL);
	EXPECT(coherent_bar_copy_in(NULL, 0, "", 1), -EINVAL);
	EXPECT(coherent_bar_copy_out(NULL, 0, NULL, 1), -EINVAL);
	EXPECT(coherent_bar_write512(NULL, 0, NULL), -EINVAL);
	EXPECT(coherent_irq_wait(NULL, 0), -EINVAL);
	CHECK(coherent_irq_fd(NULL) == -EINVAL);
	open_in_scope();
}
