// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Starts QEMU. The name of a device becomes a command line. QEMU inherits its memory and its
 * firmware as files.
 *
 * No function here takes a lock, because the device is not open yet. After an error struct qemu
 * keeps what qemu_start() has made so far, and qemu_close() ends it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys_file.h"
#include "base/sys_process.h"
#include "base/sys_socket.h"
#include "qemu/explain.h"
#include "qemu/extra.h"
#include "qemu/start.h"

/* QEMU refuses firmware whose size is not a multiple of 64 KiB. */
#define BIOS_BYTES 65536
#define HLT 0xf4
/* The arguments that the library adds, and NULL. */
#define ARGUMENTS_MAX 40
/* A device name has at most 255 bytes. "=on" is added to each key without a value. */
#define DEVICE_BYTES 512

/* --- The command line --- */

/* QEMU does not start these models without a disk. */
static bool is_disk_model(const char *model)
{
	return !strncmp(model, "nvme", 4) || !strncmp(model, "virtio-blk", 10);
}

static int add_string(struct qemu *qemu, const char *text)
{
	char **argv = qemu->process.argv;

	while (*argv)
		argv++;
	*argv = strdup(text);
	return *argv ? 0 : -ENOMEM;
}

static int add_argument(struct qemu *qemu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int add_argument(struct qemu *qemu, const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return add_string(qemu, text);
}

static int add_pair(struct qemu *qemu, const char *option, const char *value)
{
	int err = add_string(qemu, option);

	return err ? err : add_string(qemu, value);
}

static int add_machine(struct qemu *qemu)
{
	const uint64_t mib = qemu->keys.memory;
	int err = 0;
	/*
	 * The addresses are those of QEMU_PCI_IOMMU and QEMU_PCI_PORT. QEMU 7.2 of Debian does not
	 * have the accelerator "qtest". By default qtest's log goes to stderr, where explain.c
	 * looks for errors.
	 */
	static const char *const fixed[] = {
		"-M",	       "q35,memory-backend=ram",
		"-accel",      "tcg",
		"-display",    "none",
		"-nodefaults", "-no-user-config",
		"-device",     "virtio-iommu-pci,addr=2,disable-legacy=on",
		"-device",     "pcie-root-port,id=bus,addr=3,chassis=1",
		"-qtest",      "chardev:qtest",
		"-qtest-log",  "/dev/null",
	};

	for (size_t i = 0; !err && i < ARRAY_SIZE(fixed); i++)
		err = add_string(qemu, fixed[i]);
	if (!err)
		err = add_argument(qemu, "-m");
	if (!err)
		err = add_argument(qemu, "%" PRIu64 "M", mib);
	if (!err)
		err = add_argument(qemu, "-object");
	return err ? err :
		     add_argument(qemu,
				  "memory-backend-file,id=ram,share=on,size=%" PRIu64
				  "M,mem-path=/proc/self/fd/%d",
				  mib, qemu->memory);
}

static int add_descriptors(struct qemu *qemu, int bios, int socket)
{
	int err = add_argument(qemu, "-bios");

	if (!err)
		/* The option takes a path, and the file in memory has none but this. */
		err = add_argument(qemu, "/proc/self/fd/%d", bios);
	if (!err)
		err = add_argument(qemu, "-chardev");
	return err ? err : add_argument(qemu, "socket,id=qtest,fd=%d", socket);
}

static int add_disk(struct qemu *qemu)
{
	int err = add_argument(qemu, "-blockdev");

	/* Without read-zeroes, null-co would leave the buffer of a read as it was. */
	if (!err && qemu->keys.image)
		err = add_argument(qemu, "driver=file,node-name=file,filename=%s",
				   qemu->keys.image);
	else if (!err)
		err = add_argument(qemu,
				   "driver=null-co,node-name=file,size=67108864,read-zeroes=on");
	if (!err)
		err = add_argument(qemu, "-blockdev");
	return err ? err : add_argument(qemu, "driver=raw,node-name=disk,file=file");
}

/* Adds the arguments of the driver that QEMU must get before the device, or those after it. */
static int add_extra(struct qemu *qemu, const struct name *name, const char *const *args,
		     bool first)
{
	int err = 0;

	for (; !err && args && *args; args += 2)
		if (qemu_extra_is_first(args[0], args[1], name) == first)
			err = add_pair(qemu, args[0], args[1]);
	return err;
}

static int make_command_line(struct qemu *qemu, const struct name *name, const char *device,
			     const char *const *args)
{
	int err = add_argument(qemu, QEMU_PROGRAM);

	if (!err)
		err = add_machine(qemu);
	if (!err && is_disk_model(name->target))
		err = add_disk(qemu);
	if (!err)
		err = add_extra(qemu, name, args, true);
	if (!err)
		err = add_pair(qemu, "-device", device);
	return err ? err : add_extra(qemu, name, args, false);
}

/* The firmware consists of HLT instructions: the processor does nothing, and time goes on. */
static int make_bios(int *fd)
{
	char hlt[4096];
	int err = sys_memfd("coherent", fd);

	if (err)
		return err;
	memset(hlt, HLT, sizeof(hlt));
	for (uint64_t at = 0; !err && at < BIOS_BYTES; at += sizeof(hlt))
		err = sys_write_more(*fd, at, hlt, sizeof(hlt));
	if (err)
		sys_close(*fd);
	return err;
}

static int make_memory(struct qemu *qemu)
{
	void *ram;
	int err = sys_memfd("coherent", &qemu->memory);

	if (!err)
		/* The file is one hole, which takes no memory until something is written to it. */
		err = sys_truncate(qemu->memory, qemu->keys.memory * QEMU_MIB);
	if (!err)
		err = sys_map_file(qemu->memory, 0, qemu->keys.memory * QEMU_MIB, &ram);
	if (!err)
		qemu->ram = ram;
	if (!err)
		/*
		 * The space is that of the file. q35 has the first 2 GiB of memory at physical
		 * address 0, so an offset in the file is a physical address.
		 */
		err = iova_open(&qemu->space, sys_page_bytes(), 0);
	if (!err)
		err = iova_allow(&qemu->space, QEMU_OBJECTS_AT, qemu->keys.memory * QEMU_MIB - 1);
	return err;
}

static int start_process(struct qemu *qemu, int bios, int socket)
{
	int err = add_descriptors(qemu, bios, socket);

	if (err)
		return err;
	qemu->process.inherited[0] = bios;
	qemu->process.inherited[1] = socket;
	qemu->process.inherited[2] = qemu->memory;
	qemu->process.log = qemu->log;
	err = qemu_process_start(&qemu->process);
	qemu->running = !err;
	return err;
}

/* QEMU has its own descriptors of the firmware and of its end of the socket, so close ours. */
static int spawn_qemu(struct qemu *qemu)
{
	int bios, pair[2], err = make_bios(&bios);

	if (err)
		return err;
	err = sys_socketpair(pair);
	if (err)
		goto close_bios;
	err = start_process(qemu, bios, pair[1]);
	if (err)
		sys_close(pair[0]);
	else
		qemu->qtest.fd = pair[0];
	sys_close(pair[1]);
close_bios:
	sys_close(bios);
	return err;
}

/* --- The device name --- */

static int refuse_key(const struct name *name, const char *key, const char *why,
		      const struct reporter *to)
{
	report(to, COHERENT_ERROR, "device name \"%s\": key \"%s\" %s", name->whole, key, why);
	return -EINVAL;
}

/*
 * Refuses keys that the library sets: with other values the model would be at another place on the
 * bus, or bypass the IOMMU. Refuses keys that make QEMU print help and end.
 */
static int check_keys(const struct name *name, const struct reporter *to)
{
	static const char *const ours[] = { "addr", "bus", "driver", "iommu_platform" };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (name_has_key(name, ours[i]))
			return refuse_key(name, ours[i],
					  "must not be set, because the library sets it", to);
	if (name_has_key(name, "help") || name_has_key(name, "?"))
		return refuse_key(name, "help",
				  "is not a property; " QEMU_PROGRAM
				  " -device MODEL,help lists them",
				  to);
	if (name_has_key(name, "image") && !is_disk_model(name->target))
		return refuse_key(name, "image", "is for nvme and virtio-blk-pci", to);
	return 0;
}

static int check_model(const struct name *name, const struct reporter *to)
{
	if (*name->target && strcmp(name->target, "help") && strcmp(name->target, "?"))
		return 0;
	report(to, COHERENT_ERROR,
	       "%s: which model? Write for example qemu:nvme or qemu:edu; " QEMU_PROGRAM
	       " -device help lists all models",
	       name->whole);
	return -EINVAL;
}

static int append_property(char device[DEVICE_BYTES], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int append_property(char device[DEVICE_BYTES], const char *format, ...)
{
	const size_t used = strlen(device), room = DEVICE_BYTES - used;
	va_list list;
	int bytes;

	va_start(list, format);
	bytes = vsnprintf(device + used, room, format, list);
	va_end(list);
	return (size_t)bytes < room ? 0 : -EINVAL;
}

/* The library reads two keys itself. Every other key is a property of the model. */
static int read_key(struct qemu *qemu, const struct name *name, unsigned int i,
		    char device[DEVICE_BYTES])
{
	static const struct name_key memory = {
		.key = "memory",
		.min = 8,
		.max = QEMU_MEMORY_MAX,
		.offset = offsetof(struct qemu_keys, memory),
	};
	const struct reporter *to = &qemu->backend.dev->reporter;
	const char *key = name->keys[i], *value = name->values[i];

	if (!strcmp(key, memory.key))
		return name_read_key(name, i, &memory, &qemu->keys, to);
	if (strcmp(key, "image"))
		return append_property(device, ",%s=%s", key, value ? value : "on");
	if (!value)
		return refuse_key(name, "image", "takes a file", to);
	qemu->keys.image = value;
	return 0;
}

/* Adds the properties that the model needs and the name does not set. */
static int add_properties(const struct name *name, char device[DEVICE_BYTES])
{
	const char *model = name->target;
	int err = 0;

	/* Without this property a virtio device uses physical addresses and bypasses the IOMMU. */
	if (!strncmp(model, "virtio-", 7) || !strncmp(model, "vhost-", 6))
		err = append_property(device, ",iommu_platform=on");
	/* A controller of a subsystem has its disks as devices of their own. */
	if (!err && is_disk_model(model) && !name_has_key(name, "drive") &&
	    !name_has_key(name, "subsys"))
		err = append_property(device, ",drive=disk");
	if (!err && !strcmp(model, "nvme") && !name_has_key(name, "serial"))
		err = append_property(device, ",serial=coherent");
	return err;
}

/* Writes the argument of -device. */
static int read_name(struct qemu *qemu, const struct name *name, char device[DEVICE_BYTES])
{
	const struct reporter *to = &qemu->backend.dev->reporter;
	int err;

	if (check_model(name, to) || check_keys(name, to))
		return -EINVAL;
	device[0] = '\0';
	err = append_property(device, "%s,bus=bus", name->target);
	for (unsigned int i = 0; !err && i < name->count; i++)
		err = read_key(qemu, name, i, device);
	return err ? err : add_properties(name, device);
}

/* PATH, which the caller of this program set, says which QEMU would get the program's rights. */
static int check_rights(const struct coherent_device *dev)
{
	if (!sys_has_raised_rights())
		return 0;
	report(&dev->reporter, COHERENT_ERROR,
	       "%s: this program has rights that its caller lacks (set-user-ID, set-group-ID, file "
	       "capabilities or a security module), so it must not run the QEMU that PATH names; "
	       "run it without them",
	       dev->name);
	return -EPERM;
}

int qemu_start(struct qemu *qemu, const struct name *name, const char *const *args)
{
	const struct coherent_device *dev = qemu->backend.dev;
	char device[DEVICE_BYTES];
	int err = read_name(qemu, name, device);

	if (!err)
		err = qemu_extra_check(args, name->whole, &dev->reporter);
	if (!err)
		err = check_rights(dev);
	if (err)
		return err;
	qemu->process.argv = calloc(ARGUMENTS_MAX + qemu_extra_count(args), sizeof(char *));
	if (!qemu->process.argv)
		return -ENOMEM;
	err = sys_memfd("coherent", &qemu->log);
	if (!err)
		err = make_memory(qemu);
	if (!err)
		err = make_command_line(qemu, name, device, args);
	if (!err)
		err = spawn_qemu(qemu);
	/* QEMU has ended, so the log has the reason. */
	return err == -ESRCH ? qemu_explain(dev, qemu->log, -1, -EPIPE) :
			       qemu_explain_start(dev, err);
}
