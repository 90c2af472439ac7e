// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Explains why QEMU does not do what the library asked for. QEMU explains most errors itself, so
 * a report quotes the last error in QEMU's log and adds what the user can do. These functions have
 * no state and no lock, and start no other program.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/sys_process.h"
#include "base/sys_socket.h"
#include "qemu/explain.h"
#include "qemu/process.h"

#define TEXT_OF(macro) AS_TEXT(macro)
#define AS_TEXT(value) #value
/* Older versions lack parts of virtio-iommu and of qtest. */
#define NEEDED "QEMU 7.2 or newer is needed; " QEMU_PROGRAM " --version shows the version"

/* --- The log of QEMU --- */

static bool is_error(const char *line)
{
	static const char prefix[] = QEMU_PROGRAM ": ";

	/* QEMU ends with such a line if it cannot start a thread, but goes on without a module. */
	if (!strncmp(line, "qemu: ", 6))
		return strncmp(line + 6, "module ", 7);
	/* QEMU's warnings have the same prefix, and QEMU goes on after them. */
	return !strncmp(line, prefix, sizeof(prefix) - 1) &&
	       strncmp(line + sizeof(prefix) - 1, "warning: ", 9) &&
	       strncmp(line + sizeof(prefix) - 1, "info: ", 6);
}

static bool is_text(const char *line)
{
	return *line;
}

/* Finds the last line of a kind. @text stays as it is if there is none. */
static bool find_line(int log, bool (*is_wanted)(const char *line), char *text, size_t size)
{
	char end[4096];
	const uint64_t bytes = sys_file_bytes(log);
	const uint64_t from = bytes < sizeof(end) ? 0 : bytes - sizeof(end) + 1;
	const ssize_t n = sys_read_some_at(log, from, end, sizeof(end) - 1);
	char *rest = end, *line;
	bool found = false;

	end[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		if (!is_wanted(line))
			continue;
		snprintf(text, size, "%s", line);
		found = true;
	}
	return found;
}

/* --- How QEMU ended --- */

static const struct {
	int number;
	const char *name;
} signals[] = {
	{ SIGABRT, " (SIGABRT)" }, { SIGBUS, " (SIGBUS)" },   { SIGFPE, " (SIGFPE)" },
	{ SIGILL, " (SIGILL)" },   { SIGKILL, " (SIGKILL)" }, { SIGSEGV, " (SIGSEGV)" },
	{ SIGSYS, " (SIGSYS)" },   { SIGTERM, " (SIGTERM)" }, { SIGXFSZ, " (SIGXFSZ)" },
};

static const char *name_signal(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i].number == number)
			return signals[i].name;
	return "";
}

/*
 * Writes how QEMU ended, or "" if nobody knows. The kernel closes the socket of QEMU before it has
 * ended the process.
 */
static void describe_end(int pidfd, char *text, size_t size)
{
	int signal, status;

	*text = '\0';
	if (pidfd < 0 || sys_wait_socket(pidfd, POLLIN, sys_deadline_ns(SYS_NS_PER_S)) ||
	    !sys_pidfd_status(pidfd, &signal, &status))
		return;
	if (signal)
		snprintf(text, size, " on signal %d%s", signal, name_signal(signal));
	else
		snprintf(text, size, " with exit status %d", status);
}

/* --- QEMU did not run --- */

int qemu_explain_start(const struct coherent_device *dev, int err)
{
	switch (err) {
	case 0:
		return 0;
	case -ENOMEM:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: this process has too little memory for QEMU's; raise ulimit -v, or "
		       "give a smaller memory=",
		       dev->name);
		return err;
	/* fork() and pthread_create() return EAGAIN for a lack of memory and at a limit. */
	case -EAGAIN:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no thread or process is left for QEMU; raise ulimit -u", dev->name);
		return -ENOMEM;
	case -EMFILE:
	case -ENFILE:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: no file descriptor is left for QEMU; raise ulimit -n", dev->name);
		return -ENOSPC;
	/* The library begins with memfd_create(). A program that must not run is EACCES. */
	case -EPERM:
	case -ENOSYS:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the system refuses memfd_create() or another call that starts QEMU: %s; "
		       "look for a seccomp filter of this process",
		       dev->name, strerror(-err));
		return -ENODEV;
	case -EFBIG:
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: the memory of QEMU is a file, and the limit of files is below it; raise "
		       "ulimit -f, or give a smaller memory=",
		       dev->name);
		return -ENODEV;
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

/* Returns the error that sys_spawn() left in the log, or 0 if the program ran. */
static int exec_error(int log)
{
	char text[64] = "";
	int number = 0;

	(void)sys_read_some_at(log, 0, text, sizeof(text) - 1);
	return sscanf(text, SYS_EXEC_FAILED "%d", &number) == 1 ? -number : 0;
}

/* --- QEMU ended or does not have the device --- */

/* If QEMU runs, the error comes from qemu_pci_start(), qemu_iommu_start() or qtest.h. */
static const struct {
	int err;
	int as;
	const char *text;
} reasons[] = {
	{ -EINVAL, -EINVAL, "a bridge is not a device; choose the model of a device" },
	{ -ENXIO, -ENODEV, "QEMU runs, but its PCI bus does not have the device" },
	{ -EIO, -EIO, "the virtio-iommu of this QEMU does not work as that of QEMU 7.2; " NEEDED },
	{ -ENOSPC, -ENOSPC,
	  "the BARs of the model need more than 512 MiB of memory or 4 KiB of I/O ports, which is all "
	  "that qemu: gives them" },
	{ -EPROTO, -EIO, "QEMU sent a malformed reply and was killed" },
	{ -ETIMEDOUT, -ETIMEDOUT,
	  "QEMU was not ready after " TEXT_OF(QEMU_OPEN_S) " s and was killed" },
};

/* Reports QEMU's message, and finds the error code by its words: QEMU does not translate them. */
static int quote_error(const struct coherent_device *dev, const char *text)
{
	/* The library adds this device, so an error about it does not come from the name. */
	static const char iommu[] = QEMU_PROGRAM ": -device virtio-iommu-pci,addr=2";
	const bool is_ours = !strncmp(text, iommu, sizeof(iommu) - 1);
	const bool unknown = !is_ours && strstr(text, "not a valid device model name");
	const bool has_no_thread = strstr(text, "thread_create: Resource temporarily unavailable");

	report(&dev->reporter, COHERENT_ERROR, "%s: %s%s", dev->name, text,
	       unknown	     ? "; " QEMU_PROGRAM " -device help lists the models" :
	       has_no_thread ? "; raise ulimit -u" :
			       "");
	if (unknown)
		return -ENODEV;
	if (has_no_thread)
		return -ENOMEM;
	if (strstr(text, "Too many open files"))
		return -ENOSPC;
	if (strstr(text, "Cannot allocate memory"))
		return -ENOMEM;
	if (is_ours) {
		report(&dev->reporter, COHERENT_ERROR, "%s: " NEEDED, dev->name);
		return -ENODEV;
	}
	return -EINVAL;
}

static int explain_end(const struct coherent_device *dev, int log, const char *how)
{
	char text[512];

	if (find_line(log, is_text, text, sizeof(text)))
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: QEMU ended%s; the last line that it wrote was: %s", dev->name, how,
		       text);
	else
		report(&dev->reporter, COHERENT_ERROR,
		       "%s: QEMU ended%s and did not say why; " NEEDED, dev->name, how);
	return -ENODEV;
}

int qemu_explain(const struct coherent_device *dev, int log, int pidfd, int err)
{
	char text[512], how[64] = "";

	if (err == -EPIPE)
		describe_end(pidfd, how, sizeof(how));
	if (exec_error(log))
		return qemu_explain_start(dev, exec_error(log));
	/* A QEMU that ended wrote the reason. A QEMU that is slow is still running. */
	if (err != -ETIMEDOUT && find_line(log, is_error, text, sizeof(text)))
		return quote_error(dev, text);
	if (err == -EPIPE)
		return explain_end(dev, log, how);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].err != err)
			continue;
		report(&dev->reporter, COHERENT_ERROR, "%s: %s", dev->name, reasons[i].text);
		return reasons[i].as;
	}
	return err;
}

/* --- QEMU is gone --- */

void qemu_explain_loss(const struct coherent_device *dev, int log, int pidfd)
{
	const char *what = "";
	char text[512] = "", how[64];

	describe_end(pidfd, how, sizeof(how));
	/* The last error that QEMU wrote is probably the reason. */
	if (find_line(log, is_error, text, sizeof(text)))
		what = "; its last error was: ";
	else if (find_line(log, is_text, text, sizeof(text)))
		what = "; the last line that it wrote was: ";
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: QEMU is gone%s%s; its mems can be reclaimed with .idle = true, then open the "
	       "device again%s%s",
	       dev->name, *how ? ": it ended" : "", how, what, text);
}
