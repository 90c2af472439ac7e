// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent selftest: the device itself tries to reach memory, and a table says what happened.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "identify.h"
#include "open.h"
#include "output.h"
#include "selftest.h"

static const struct tester_driver *const drivers[] = {
	[IDENTITY_EDU] = &selftest_edu,
	[IDENTITY_NVME] = &selftest_nvme,
	[IDENTITY_VIRTIO_BLK] = &selftest_blk,
	[IDENTITY_FABRIC] = &selftest_fabric,
};

/* --- Tries --- */

/* A peer that hung up, and a driver that did not start, need a reset. */
static int start(struct tester *tester, bool reset)
{
	int err = 0;

	if (tester->is_started && !reset)
		return 0;
	if (tester->is_started)
		tester->driver->stop(tester);
	tester->is_started = false;
	if (reset)
		err = coherent_device_reset(tester->dev);
	if (err)
		return err;
	tester->is_started = true;
	return tester->driver->start(tester);
}

/* Returns whether the result is as expected. */
static bool add_row(json_t *rows, const struct selftest_try *try, int err, bool reached,
		    const char *reason)
{
	const char *expected = try->may_reach ? "reached" : "refused";
	const char *actual = reached ? "reached" : "refused";
	bool good = reached == try->may_reach;

	if (err == -EOPNOTSUPP) {
		expected = actual = "not offered";
		reason = "the device does not enforce COHERENT_READ_ONLY, so the expose is refused";
		good = true;
	}
	json_array_append_new(rows, json_pack("{ss ss ss sb so}", "try", try->name, "expected",
					      expected, "actual", actual, "good", good, "reason",
					      *reason ? output_text(reason) : json_null()));
	return good;
}

/* Makes one try. Returns an error if it could not be made. */
static int make_try(struct tester *tester, const struct selftest_try *try, json_t *rows, bool *good)
{
	bool reached = false;
	int err;

	tester->reason[0] = '\0';
	err = try->run(tester, &reached);
	/* A device that cannot enforce read-only refuses to expose the object. */
	if (err && err != -ENODEV && (err != -EOPNOTSUPP || !try->is_read_only))
		return err;
	*good &= add_row(rows, try, err, reached, tester->reason);
	return err == -ENODEV ? start(tester, true) : 0;
}

static int make_tries(struct tester *tester, const char *name, json_t *rows, bool *good)
{
	int err = start(tester, false);

	*good = true;
	if (err) {
		fail("selftest: %s: the driver does not start: %s", name,
		     tester->problem ? tester->problem : strerror(-err));
		return err;
	}
	for (const struct selftest_try *try = tester->driver->tries; try->name; try++) {
		err = make_try(tester, try, rows, good);
		if (err) {
			fail("selftest: %s: \"%s\" could not be tried: %s", name, try->name,
			     tester->problem ? tester->problem : strerror(-err));
			return err;
		}
	}
	return 0;
}

/* --- The run --- */

static int test_device(struct opened *opened, json_t *result)
{
	char text[256];
	const enum identity identity = identify(opened->dev, opened->name, text, sizeof(text));
	struct tester tester = { .dev = opened->dev,
				 .name = opened->name,
				 .driver = drivers[identity] };
	json_t *rows = json_array();
	bool good = false;
	int err;

	if (!tester.driver) {
		json_decref(rows);
		return fail(
			"selftest: %s: selftest has no driver for this device%s%s; it has drivers "
			"for edu, NVMe, virtio disks and endpoints of libfabric",
			opened->name, *text ? ": " : "", text);
	}
	err = make_tries(&tester, opened->name, rows, &good);
	if (tester.is_started)
		tester.driver->stop(&tester);
	if (err) {
		json_decref(rows);
		return STATUS_BAD;
	}
	json_object_set_new(result, "device", output_text(opened->name));
	json_object_set_new(result, "id", output_text(text));
	json_object_set_new(result, "level",
			    output_text(level_name(coherent_device_level(opened->dev))));
	json_object_set_new(result, "tries", rows);
	json_object_set_new(result, "good", json_boolean(good));
	return good ? STATUS_GOOD : STATUS_BAD;
}

static int selftest_run(const struct arguments *arguments, json_t *result)
{
	struct opened opened;
	/* Without an IOMMU the tries would damage memory of others. */
	int status = opened_for(&opened, arguments, "selftest", arguments->words[0], COHERENT_PEER);

	if (status)
		return status;
	status = test_device(&opened, result);
	opened_end(&opened);
	return status;
}

static void selftest_print(const json_t *result)
{
	static const struct column columns[] = {
		{ "try", "the device tries to" }, { "expected", "expected" },
		{ "actual", "actual" },		  { "good", "good" },
		{ "reason", "reason" },
	};

	output_line(0, "%s: %s, level %s", output_string(result, "device"),
		    output_string(result, "id"), output_string(result, "level"));
	fputc('\n', stdout);
	output_table(json_object_get(result, "tries"), columns, ARRAY_SIZE(columns), NULL);
	fputc('\n', stdout);
	output_wrapped(json_is_true(json_object_get(result, "good")) ?
			       "All results are as expected." :
			       "Some results are not as expected.",
		       0);
}

static const struct command_option options[] = {
	{ "qemu-arg", "ARG", OPEN_QEMU_ARG_HELP },
	{ NULL, NULL, NULL },
};

const struct command command_selftest = {
	.name = "selftest",
	.summary = "let a device try to reach memory that it may and may not reach",
	.operands = "DEVICE",
	.min = 1,
	.max = 1,
	.help = "Open the DEVICE and let the device itself read and write a mem, its last bytes, the bytes "
		"after it, a box, a read-only mem, a reclaimed mem, and a mem that is reclaimed while the "
		"transfer is on its way. A table shows what was expected and what happened. The contents of "
		"the memory decide that. Where the library knows the reason, the table shows it.\n"
		"\n"
		"It has drivers for edu, NVMe controllers, virtio disks and endpoints of libfabric:\n"
		"\n"
		"  coherent selftest sim:edu\n"
		"  coherent selftest qemu:nvme\n"
		"  coherent selftest vhost-user:/run/disk\n"
		"  coherent selftest vfio:0000:01:00.0\n"
		"  coherent selftest fabric:tcp,node=127.0.0.1\n"
		"\n"
		"An endpoint of libfabric is reached by a second endpoint in the same process, which stands "
		"for the peer on another machine.\n"
		"\n"
		"Nothing on a disk is read or written. An NVMe controller loses its clock: it is 0 "
		"afterwards. A device without an IOMMU is refused, because it would reach memory of other "
		"programs.",
	.statuses =
		"The exit status is 0 if all results are as expected, 1 if not, 2 if an argument is "
		"wrong.",
	.options = options,
	.run = selftest_run,
	.print = selftest_print,
};
