// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The tries of coherent selftest. Whether it reached the memory is judged by the contents,
 * because a real IOMMU tells only the kernel's log.
 */
#include <stdio.h>
#include <string.h>

#include "selftest.h"

#define BYTES_MAX 64
/* A device may be faster than the test, and write before the reclaim. Then the test repeats. */
#define TIMES 200

static bool is_any(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i])
			return true;
	return false;
}

/* Keeps the reason of the first fault, while the object still has the state that it had then. */
static int keep_reason(struct tester *tester, int err)
{
	struct coherent_fault fault;

	/* Read all faults, so that the next try does not find them. */
	while (!coherent_device_next_fault(tester->dev, &fault))
		if (!*tester->reason)
			snprintf(tester->reason, sizeof(tester->reason), "%s", fault.text);
	if (err == -ENODEV && !*tester->reason)
		snprintf(tester->reason, sizeof(tester->reason), "the peer hung up");
	return err;
}

static int store(struct tester *tester, uint64_t to)
{
	const int err = tester->driver->arm(tester, to);

	return keep_reason(tester, err ? err : tester->driver->fire(tester));
}

static int load(struct tester *tester, uint64_t from, bool *reached)
{
	return keep_reason(tester, tester->driver->load(tester, from, reached));
}

static int round_trip(struct tester *tester, uint64_t at, bool *reached)
{
	int err;

	if (tester->driver->round_trip)
		return keep_reason(tester, tester->driver->round_trip(tester, at, reached));
	err = store(tester, at);
	return err ? err : load(tester, at, reached);
}

/* The device writes to a mem of a page. */
static int write_at(struct tester *tester, size_t offset, enum coherent_permission permission,
		    bool *reached)
{
	COHERENT_AUTO(uint8_t, mem);
	uint8_t bytes[BYTES_MAX] = { 0 };
	int err = coherent_zeroed(&mem, tester->dev, SELFTEST_PAGE, .permission = permission);

	if (!err)
		err = store(tester, coherent_addr(&mem).raw + offset);
	if (!err)
		err = coherent_copy_out(&mem, offset, bytes, tester->driver->bytes);
	*reached = is_any(bytes, sizeof(bytes));
	return err;
}

static int write_mem(struct tester *tester, bool *reached)
{
	return write_at(tester, 0, COHERENT_READ_WRITE, reached);
}

static int write_last(struct tester *tester, bool *reached)
{
	return write_at(tester, SELFTEST_PAGE - tester->driver->bytes, COHERENT_READ_WRITE,
			reached);
}

static int access_after(struct tester *tester, bool *reached)
{
	COHERENT_AUTO(uint8_t, mem);
	const int err = coherent_zeroed(&mem, tester->dev, SELFTEST_PAGE);

	return err ? err : round_trip(tester, coherent_addr(&mem).raw + SELFTEST_PAGE, reached);
}

static int read_exposed(struct tester *tester, enum coherent_permission permission, bool *reached)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	int err = coherent_box_zeroed(&box, tester->dev, SELFTEST_PAGE);

	if (err)
		return err;
	tester->driver->prepare(coherent_box_ptr(&box));
	err = coherent_expose(&box, &mem, .permission = permission);
	return err ? err : load(tester, coherent_addr(&mem).raw, reached);
}

static int read_mem(struct tester *tester, bool *reached)
{
	return read_exposed(tester, COHERENT_READ_WRITE, reached);
}

static int read_read_only(struct tester *tester, bool *reached)
{
	return read_exposed(tester, COHERENT_READ_ONLY, reached);
}

static int write_read_only(struct tester *tester, bool *reached)
{
	return write_at(tester, 0, COHERENT_READ_ONLY, reached);
}

/*
 * Lets the device access a box at an address. The device may reach the old pages of a mem until a
 * fence, so a read counts only if the device gets what the CPU wrote to the box just before.
 */
typedef int box_access(struct tester *tester, uint8_t *box, uint64_t address, bool *reached);

static int write_to(struct tester *tester, uint8_t *box, uint64_t address, bool *reached)
{
	const int err = store(tester, address);

	*reached = is_any(box, SELFTEST_PAGE);
	return err;
}

static int read_from(struct tester *tester, uint8_t *box, uint64_t address, bool *reached)
{
	tester->driver->prepare(box);
	return load(tester, address, reached);
}

/* The library tells a debugger which address a box would have. The device guesses it here. */
static int access_box(struct tester *tester, box_access *access, bool *reached)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	struct coherent_info info;
	int err = coherent_box_zeroed(&box, tester->dev, SELFTEST_PAGE);

	if (!err)
		err = coherent_find_ptr(tester->dev, coherent_box_ptr(&box), &info);
	return err ? err : access(tester, coherent_box_ptr(&box), info.address, reached);
}

static int access_reclaimed(struct tester *tester, box_access *access, bool *reached)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint64_t address;
	int err = coherent_zeroed(&mem, tester->dev, SELFTEST_PAGE);

	if (err)
		return err;
	address = coherent_addr(&mem).raw;
	err = coherent_reclaim(&mem, &box, .idle = true);
	return err ? err : access(tester, coherent_box_ptr(&box), address, reached);
}

static int write_box(struct tester *tester, bool *reached)
{
	return access_box(tester, write_to, reached);
}

static int read_box(struct tester *tester, bool *reached)
{
	return access_box(tester, read_from, reached);
}

static int write_reclaimed(struct tester *tester, bool *reached)
{
	return access_reclaimed(tester, write_to, reached);
}

static int read_reclaimed(struct tester *tester, bool *reached)
{
	return access_reclaimed(tester, read_from, reached);
}

/*
 * Makes the device write while the mem is reclaimed. Sets @late if the device was faster. A driver must
 * not say .idle here, but a device without an exact unmap takes no reclaim without it.
 */
static int reclaim_armed(struct tester *tester, bool *reached, bool *late)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_limits limits;
	int err = coherent_device_limits(tester->dev, &limits);

	if (!err)
		err = coherent_zeroed(&mem, tester->dev, SELFTEST_PAGE);
	if (!err)
		err = tester->driver->arm(tester, coherent_addr(&mem).raw);
	if (!err)
		err = coherent_reclaim(&mem, &box, .idle = !limits.unmap_is_fence);
	if (err)
		return err;
	*late = tester->driver->is_armed && !tester->driver->is_armed(tester);
	err = keep_reason(tester, tester->driver->fire(tester));
	*reached = is_any(coherent_box_ptr(&box), SELFTEST_PAGE);
	/* If the transfer ended and wrote nothing, the device was refused, so it was not too fast. */
	*late &= *reached;
	return err;
}

static int write_during_reclaim(struct tester *tester, bool *reached)
{
	bool late = true;
	int err = 0;

	for (unsigned int i = 0; !err && late && i < TIMES; i++)
		err = reclaim_armed(tester, reached, &late);
	if (err || !late)
		return err;
	tester->problem = "the device was faster than each reclaim";
	return -ETIMEDOUT;
}

const struct selftest_try selftest_tries[] = {
	{ "write a mem", true, false, write_mem },
	{ "read a mem", true, false, read_mem },
	{ "write the last bytes of a mem", true, false, write_last },
	{ "write and read the bytes after a mem", false, false, access_after },
	{ "write a box", false, false, write_box },
	{ "read a box", false, false, read_box },
	{ "read a read-only mem", true, true, read_read_only },
	{ "write a read-only mem", false, true, write_read_only },
	{ "write a reclaimed mem", false, false, write_reclaimed },
	{ "read a reclaimed mem", false, false, read_reclaimed },
	{ "write a mem that is reclaimed during the transfer", false, false, write_during_reclaim },
	{ NULL, false, false, NULL },
};
