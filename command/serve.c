// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * coherent serve: a simulated device at a socket, for other processes and for guests of QEMU.
 */
#include <coherent/serve.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arguments.h"
#include "output.h"

/* The eventfd that ends the server, and whether a line tells why it cannot begin. */
static int stop_fd;
static atomic_bool has_error;

static void stop(int signal)
{
	const int saved = errno;
	const uint64_t one = 1;

	(void)signal;
	/* An eventfd whose counter is full is readable all the same. */
	(void)!write(stop_fd, &one, sizeof(one));
	errno = saved;
}

/* Any thread of the library may report. */
static void report(void *arg, enum coherent_severity severity, const char *line)
{
	(void)arg;
	if (severity == COHERENT_ERROR)
		atomic_store(&has_error, true);
	(void)fail("serve: %s", line);
}

/* Reads a number that an option must not be larger than. Returns whether it is one. */
static bool read_number(const struct arguments *arguments, const char *option, unsigned long max,
			unsigned long *number)
{
	const char *text = arguments_value(arguments, option);
	char *end;

	*number = 0;
	if (!text)
		return true;
	errno = 0;
	*number = strtoul(text, &end, 16);
	if (*text && *text != '-' && *text != '+' && !*end && !errno && *number <= max)
		return true;
	(void)complain("serve: --%s=%s is not a hexadecimal number up to %lx", option, text, max);
	return false;
}

static int listen_for_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction action = { .sa_handler = stop, .sa_flags = SA_RESTART };

	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0)
		return fail("serve: %s", strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
	return STATUS_GOOD;
}

static int serve(const struct coherent_serve_options *options, const char *path)
{
	const int err = coherent_base_sim_serve(path, options);

	if (!err)
		return STATUS_GOOD;
	if (!atomic_load(&has_error))
		(void)fail("serve: %s: %s", options->name, strerror(-err));
	return err == -EINVAL || err == -ENODEV ? STATUS_USAGE : STATUS_BAD;
}

static int serve_run(const struct arguments *arguments, json_t *result)
{
	struct coherent_serve_options options = {
		.struct_size = sizeof(options),
		.name = arguments->words[0],
		.report = report,
		.connections = arguments_value(arguments, "once") ? 1 : 0,
	};
	unsigned long vendor, device, class_code, revision;
	int status;

	if (!read_number(arguments, "vendor", UINT16_MAX, &vendor) ||
	    !read_number(arguments, "device", UINT16_MAX, &device) ||
	    !read_number(arguments, "class", 0xffffff, &class_code) ||
	    !read_number(arguments, "revision", UINT8_MAX, &revision))
		return STATUS_USAGE;
	options.vendor = (uint16_t)vendor;
	options.device = (uint16_t)device;
	options.class_code = (uint32_t)class_code;
	options.revision = (uint8_t)revision;
	status = listen_for_signals();
	if (status)
		return status;
	options.stop_fd = stop_fd;
	status = serve(&options, arguments->words[1]);
	if (status)
		return status;
	json_object_set_new(result, "device", output_text(arguments->words[0]));
	json_object_set_new(result, "socket", output_text(arguments->words[1]));
	return STATUS_GOOD;
}

static void serve_print(const json_t *result)
{
	output_safely(stdout, output_string(result, "device"));
	printf(" is not at ");
	output_safely(stdout, output_string(result, "socket"));
	printf(" any more\n");
}

static const struct command_option options[] = {
	{ "vendor", "HEX", "The vendor ID. Without it the model chooses one." },
	{ "device", "HEX", "The device ID." },
	{ "class", "HEX", "The class, of 24 bits." },
	{ "revision", "HEX", "The revision." },
	{ "once", NULL, "End after the first connection." },
	{ NULL, NULL, NULL },
};

const struct command command_serve = {
	.name = "serve",
	.summary = "offer a simulated device to other processes and to guests",
	.operands = "DEVICE SOCKET",
	.min = 2,
	.max = 2,
	.help = "DEVICE is the name of a simulated device, such as sim:edu. SOCKET is a path, where "
		"the command makes a socket that only this user can connect to. The device is a PCI "
		"device there, by vfio-user. The command serves one connection after another, until "
		"Ctrl-C or SIGTERM, and then removes the socket.\n"
		"\n"
		"A driver opens the device by its socket:\n"
		"\n"
		"  coherent serve sim:edu /run/user/1000/edu &\n"
		"  coherent selftest vfio-user:/run/user/1000/edu\n"
		"\n"
		"A guest of QEMU 11.1 or newer has the device with these arguments. The memory of "
		"the guest must be a file.\n"
		"\n"
		"  -object memory-backend-memfd,id=ram,size=512M,share=on -M q35,memory-backend=ram\n"
		"  -device '{\"driver\":\"vfio-user-pci\",\n"
		"    \"socket\":{\"type\":\"unix\",\"path\":\"/run/user/1000/edu\"}}'\n"
		"\n"
		"A program with a device model of its own calls coherent_sim_serve(3).",
	.options = options,
	.run = serve_run,
	.print = serve_print,
};
