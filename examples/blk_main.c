// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reads and writes a virtio-blk disk that another process has: by default one that QEMU's
 * storage daemon makes of an image, which is started and ended here.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blk.h"
#include "disk.h"

_Static_assert(BLK_BYTES_MAX == DISK_BYTES_MAX, "a slot holds what a request may carry");

#define DAEMON "qemu-storage-daemon"

static const char help[] =
	"Usage: blk --device=NAME|--spawn=IMAGE [--depth=N] info\n"
	"       blk --device=NAME|--spawn=IMAGE [--depth=N] read SECTOR COUNT >FILE\n"
	"       blk --device=NAME|--spawn=IMAGE [--depth=N] write SECTOR FILE\n"
	"       blk --device=NAME|--spawn=IMAGE [--depth=N] copy FILE\n"
	"Use a virtio-blk disk through libcoherent.\n" DISK_COMMANDS_HELP "\n"
	"  -d, --device=NAME  the device, like vhost-user:/run/disk.sock\n"
	"  -s, --spawn=IMAGE  start " DAEMON " with a raw image as the disk, and\n"
	"                     end it\n"
	"  -n, --depth=N      requests at a time, 1 to 32; 8 if not given\n"
	"  -h, --help         this text\n"
	"\n" DISK_STATUS_HELP;

/* --- The daemon --- */

/**
 * struct daemon - A process with a disk.
 * @pid: It; 0 for none.
 * @directory: Where its socket is.
 * @path: The socket.
 */
struct daemon {
	pid_t pid;
	char directory[32];
	char path[64];
};

/* In QEMU's options a comma ends a value unless there are two. */
static void quote(const char *path, char *to, size_t size)
{
	size_t n = 0;

	for (; *path && n + 2 < size; path++) {
		to[n++] = *path;
		if (*path == ',')
			to[n++] = ',';
	}
	to[n] = '\0';
}

/* The child: becomes the daemon, with the socket that listens. */
static void become_daemon(const char *image, int fd, int told)
{
	char file[4200], quoted[4096], export[128];

	quote(image, quoted, sizeof(quoted));
	snprintf(file, sizeof(file), "driver=file,node-name=file,filename=%s", quoted);
	snprintf(export, sizeof(export),
		 "type=vhost-user-blk,id=disk,node-name=disk,writable=on,addr.type=fd,addr.str=%d",
		 fd);
	/* Who was killed ends its daemon too. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	fcntl(fd, F_SETFD, 0);
	execlp(DAEMON, DAEMON, "--blockdev", file, "--blockdev",
	       "driver=raw,node-name=disk,file=file", "--export", export, (char *)NULL);
	if (write(told, &errno, sizeof(errno)) < 0)
		_exit(127);
	_exit(127);
}

static int listen_at(struct daemon *daemon)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	snprintf(daemon->directory, sizeof(daemon->directory), "/tmp/blk-XXXXXX");
	if (!mkdtemp(daemon->directory)) {
		daemon->directory[0] = '\0';
		return -1;
	}
	snprintf(daemon->path, sizeof(daemon->path), "%s/socket", daemon->directory);
	strcpy(address.sun_path, daemon->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !bind(fd, (void *)&address, sizeof(address)) && !listen(fd, 1))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int spawn(struct daemon *daemon, const char *image)
{
	int fd, failed = 0, told[2];

	if (access(image, R_OK | W_OK))
		return disk_complain("blk", image, strerror(errno));
	fd = listen_at(daemon);
	if (fd < 0 || pipe2(told, O_CLOEXEC))
		return disk_fail("blk", "socket", strerror(errno));
	daemon->pid = fork();
	if (!daemon->pid)
		become_daemon(image, fd, told[1]);
	/* With ours closed, a daemon that ends is a socket that nobody listens on. */
	close(fd);
	close(told[1]);
	if (daemon->pid < 0 || read(told[0], &failed, sizeof(failed)) < 0)
		failed = errno;
	close(told[0]);
	if (failed == ENOENT)
		return disk_complain("blk", DAEMON,
				     "not found: apt-get install qemu-system-common");
	return failed ? disk_fail("blk", DAEMON, strerror(failed)) : 0;
}

static void end(struct daemon *daemon)
{
	if (daemon->pid > 0) {
		kill(daemon->pid, SIGTERM);
		waitpid(daemon->pid, NULL, 0);
	}
	if (daemon->path[0])
		unlink(daemon->path);
	if (daemon->directory[0])
		rmdir(daemon->directory);
}

/* --- As a disk --- */

static int fill(void *driver, unsigned int slot, const uint8_t *from, size_t bytes)
{
	return blk_fill(driver, slot, from, bytes);
}

static int take(void *driver, unsigned int slot, uint8_t *to, size_t bytes)
{
	return blk_take(driver, slot, to, bytes);
}

static void start(void *driver, unsigned int slot, bool write, uint64_t block, uint32_t count)
{
	blk_start(driver, slot, write, block, (size_t)count * BLK_SECTOR);
}

static int wait_for(void *driver, unsigned int slot)
{
	return blk_wait(driver, slot);
}

static int flush(void *driver)
{
	return blk_flush(driver);
}

static int use(const char *name, unsigned int depth, struct disk_command *command)
{
	COHERENT_DEVICE_AUTO(dev);
	struct blk blk;
	int status, err;

	if (coherent_device_open(&dev, name, .report = coherent_report_stderr))
		return 2;
	err = blk_open(&blk, dev, depth);
	if (err)
		status = disk_fail("blk", name, blk.problem ? blk.problem : strerror(-err));
	else
		status = disk_run(command, &(struct disk){
						   .model = "virtio-blk",
						   .driver = &blk,
						   .depth = depth,
						   .block_bytes = BLK_SECTOR,
						   .blocks = blk.sectors,
						   .request_bytes = BLK_BYTES_MAX,
						   .fill = fill,
						   .take = take,
						   .start = start,
						   .wait = wait_for,
						   .flush = flush,
					   });
	blk_close(&blk);
	return status;
}

static int spawn_and_use(const char *image, unsigned int depth, struct disk_command *command)
{
	struct daemon daemon = { .pid = 0 };
	char name[96];
	int status = spawn(&daemon, image);

	snprintf(name, sizeof(name), "vhost-user:%s", daemon.path);
	if (!status)
		status = use(name, depth, command);
	end(&daemon);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "spawn", required_argument, NULL, 's' },
		{ "depth", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct disk_command command = { .program = "blk" };
	const char *name = NULL, *image = NULL;
	uint64_t depth = 8;
	int option, status;

	while ((option = getopt_long(argc, argv, "d:s:n:h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return disk_printed("blk", 0);
		}
		if (option == 'd')
			name = optarg;
		else if (option == 's')
			image = optarg;
		else if (option != 'n' || disk_number("blk", optarg, &depth))
			return 2;
	}
	if (!depth || depth > BLK_DEPTH_MAX)
		return disk_complain("blk", "--depth", "from 1 to 32");
	status = disk_parse(&command, argc - optind, argv + optind);
	if (!status && !name == !image)
		status = disk_complain("blk", "--device, --spawn", "one of them is needed");
	if (!status)
		status = image ? spawn_and_use(image, (unsigned int)depth, &command) :
				 use(name, (unsigned int)depth, &command);
	disk_end(&command);
	return status;
}
