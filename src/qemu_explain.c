// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Why QEMU does not do what it was asked for: what it wrote, how old it is, which models there
 * are.
 */
#include <stdio.h>
#include <string.h>

#include "qemu_device.h"
#include "size.h"
#include "sys_process.h"

/* Later ones have what is used of virtio-iommu, and of its qtest. */
#define OLDEST_MAJOR 7
#define OLDEST_MINOR 2

/* --- What it wrote --- */

static bool is_error(const char *line)
{
	static const char prefix[] = QEMU_PROGRAM ": ";

	return !strncmp(line, prefix, sizeof(prefix) - 1) &&
	       strncmp(line + sizeof(prefix) - 1, "warning: ", 9) &&
	       strncmp(line + sizeof(prefix) - 1, "info: ", 6);
}

bool qemu_last_error(int log, char *text, size_t size)
{
	char end[4096];
	const uint64_t bytes = sys_file_bytes(log);
	const uint64_t from = bytes < sizeof(end) ? 0 : bytes - sizeof(end) + 1;
	const ssize_t n = sys_read_some_at(log, from, end, sizeof(end) - 1);
	char *rest = end, *line;
	bool found = false;

	end[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		if (!is_error(line))
			continue;
		snprintf(text, size, "%s", line);
		found = true;
	}
	return found;
}

/* --- Why it did not run --- */

int qemu_start_error(const struct coherent_device *dev, int err)
{
	switch (err) {
	case 0:
	case -ENOMEM:
		return err;
	case -EAGAIN:
		return -ENOMEM;
	case -EMFILE:
	case -ENFILE:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no descriptor left for QEMU: raise ulimit -n", dev->name);
		return -ENOSPC;
	case -ENOENT:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: there is no " QEMU_PROGRAM "; as root: apt-get install " QEMU_PACKAGE,
		       dev->name);
		return -ENODEV;
	default:
		report(&dev->reporter, COHERENT_ERROR, "%s: " QEMU_PROGRAM " cannot be run: %s",
		       dev->name, strerror(-err));
		return -ENODEV;
	}
}

/* What the child said that was to become it; 0 if that was nothing. */
static int exec_error(int log)
{
	char text[64] = "";
	int number = 0;

	(void)sys_read_some_at(log, 0, text, sizeof(text) - 1);
	return sscanf(text, SYS_EXEC_FAILED "%d", &number) == 1 ? -number : 0;
}

/* --- How old it is --- */

static bool is_too_old(const struct coherent_device *dev)
{
	char line[128] = "";
	FILE *version = popen(QEMU_PROGRAM " --version 2>/dev/null", "re");
	unsigned int major, minor;
	int n;

	if (!version)
		return false;
	n = fgets(line, sizeof(line), version) ?
		    sscanf(line, "QEMU emulator version %u.%u", &major, &minor) :
		    0;
	pclose(version);
	if (n != 2 || major > OLDEST_MAJOR || (major == OLDEST_MAJOR && minor >= OLDEST_MINOR))
		return false;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: QEMU %u.%u is too old, 7.2 or newer is needed: as root: "
	       "apt-get install " QEMU_PACKAGE,
	       dev->name, major, minor);
	return true;
}

/* --- Models that are none --- */

#define NAME_BYTES 64
#define NEAREST 3

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* How many letters have to be typed, deleted or replaced to make one of the other. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NAME_BYTES + 1];

	for (unsigned int k = 0; k <= NAME_BYTES; k++)
		row[k] = k;
	for (unsigned int i = 0; a[i] && i < NAME_BYTES; i++) {
		unsigned int diagonal = row[0];

		row[0] = i + 1;
		for (unsigned int k = 0; b[k] && k < NAME_BYTES; k++) {
			const unsigned int above = row[k + 1];

			row[k + 1] = least(above + 1, row[k] + 1, diagonal + (a[i] != b[k]));
			diagonal = above;
		}
	}
	return row[strlen(b) < NAME_BYTES ? strlen(b) : NAME_BYTES];
}

static void keep_nearest(char nearest[NEAREST][NAME_BYTES], const char *name, const char *model)
{
	for (unsigned int i = 0; i < NEAREST; i++) {
		if (nearest[i][0] && distance(nearest[i], model) <= distance(name, model))
			continue;
		memmove(nearest + i + 1, nearest + i, (NEAREST - 1 - i) * NAME_BYTES);
		snprintf(nearest[i], NAME_BYTES, "%s", name);
		return;
	}
}

static void report_nearest(const struct coherent_device *dev, const char *model)
{
	char nearest[NEAREST][NAME_BYTES] = { "" };
	char line[256], name[NAME_BYTES];
	FILE *list = popen(QEMU_PROGRAM " -device help 2>/dev/null", "re");

	while (list && fgets(line, sizeof(line), list))
		if (sscanf(line, "name \"%63[^\"]\"", name) == 1 && strstr(line, "bus PCI"))
			keep_nearest(nearest, name, model);
	if (list)
		pclose(list);
	if (nearest[0][0])
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the nearest models are %s, %s, %s; " QEMU_PROGRAM
		       " -device help has all",
		       dev->name, nearest[0], nearest[1], nearest[2]);
}

/* --- All of it --- */

/* What qemu_pci_start() and qemu_iommu_start() found. */
static const struct {
	int err;
	int as;
	const char *text;
} reasons[] = {
	{ -EINVAL, -EINVAL, "a bridge is no device" },
	{ -ENXIO, -ENODEV, "there is no such device on the PCI bus of QEMU" },
	{ -EIO, -EIO, "QEMU's virtio-iommu is none as that of 7.2" },
	{ -ENOSPC, -ENOSPC, "its BARs take more than the 512 MiB that there are for them" },
};

/* QEMU's messages are English. */
static int errno_of(const char *text)
{
	if (strstr(text, "Too many open files"))
		return -ENOSPC;
	return strstr(text, "Cannot allocate memory") ? -ENOMEM : -EINVAL;
}

int qemu_explain(const struct coherent_device *dev, int log, const char *model, int err)
{
	char text[512];
	const bool has_said = qemu_last_error(log, text, sizeof(text));

	if (exec_error(log))
		return qemu_start_error(dev, exec_error(log));
	if (has_said)
		report(&dev->reporter, COHERENT_ERROR, "%s: %s", dev->name, text);
	if (is_too_old(dev))
		return -ENODEV;
	if (has_said && strstr(text, "not a valid device model name")) {
		report_nearest(dev, model);
		return -ENODEV;
	}
	if (has_said)
		return errno_of(text);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].err != err)
			continue;
		report(&dev->reporter, COHERENT_ERROR, "%s: %s", dev->name, reasons[i].text);
		return reasons[i].as;
	}
	return err;
}
