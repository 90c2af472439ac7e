// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Mirrors a log to another node. The follower fetches each line from the memory of the keeper by
 * RDMA, and the CPU of the keeper copies nothing to it. The keeper can take a line back at any time,
 * also in the middle of a read, and then writes to the memory as it likes. The follower notices.
 *
 * mirror.h describes the log. mirror_keep.c is the keeper, and mirror_follow.c the follower.
 *
 *	cc -o mirror mirror*.c $(pkg-config --cflags --libs coherent)
 */
#include "mirror.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: mirror [--reclaim] keep DEVICE ADDRESS PORT LOG\n"
	"       mirror follow DEVICE ADDRESS PORT COPY\n"
	"keep: wait at ADDRESS and PORT for a follower, and let it read each line of the file LOG.\n"
	"With PORT 0 the system chooses the port, and the first line of output has it.\n"
	"follow: connect to a keeper, and write each line to the file COPY.\n"
	"\n"
	"DEVICE is an endpoint of libfabric on this node. For instance, on one machine:\n"
	"  mirror keep fabric:tcp,node=127.0.0.1 127.0.0.1 7000 /var/log/dpkg.log\n"
	"  mirror follow fabric:tcp,node=127.0.0.1 127.0.0.1 7000 /tmp/copy\n"
	"\n"
	"  -r, --reclaim  then reclaim a record of 64 MiB while the follower reads it\n"
	"  -h, --help     print this help\n"
	"\n"
	"Exit status: 0 if all lines were mirrored, 1 if not, 2 if an argument is bad or a device\n"
	"does not open.\n";

/* Says what is wrong with an argument. Returns the exit status for that. */
static int complain(const char *argument, const char *problem)
{
	fprintf(stderr, "mirror: %s: %s; see mirror --help\n", argument, problem);
	return 2;
}

/* Says what went wrong between the nodes. Returns the exit status for that. */
static int explain(int err)
{
	const char *text = err == -EPIPE   ? "the other node is gone" :
			   err == -EPROTO  ? "the other node is not a mirror" :
			   err == -EBADMSG ? "a byte came that is not of the record" :
			   err == -ETIME   ? "each read was over before the reclaim" :
					     strerror(-err);

	fprintf(stderr, "mirror: %s\n", text);
	return 1;
}

/* Prints @text, and fails if it is lost. Returns the exit status. */
static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && !fflush(stdout))
		return 0;
	fprintf(stderr, "mirror: standard output: %s\n", strerror(errno));
	return 1;
}

static int print_result(const struct mirror *mirror, bool keeps)
{
	char text[160];

	snprintf(text, sizeof(text), "mirror: %lu lines, %lu bytes %s%s\n", mirror->records,
		 mirror->bytes, keeps ? "kept" : "followed",
		 mirror->tests_reclaim ? "; a record was reclaimed during its read" : "");
	return print(text);
}

static int run(struct mirror *mirror, bool keeps, char **words)
{
	FILE *file = fopen(words[4], keeps ? "r" : "w");
	int err;

	if (!file)
		return complain(words[4], strerror(errno));
	err = (keeps ? link_accept : link_connect)(&mirror->link, words[2], words[3]);
	if (!err)
		err = keeps ? mirror_keep(mirror, file) : mirror_follow(mirror, file);
	if (mirror->link >= 0)
		close(mirror->link);
	if (fclose(file) && !err)
		err = -errno;
	return err ? explain(err) : print_result(mirror, keeps);
}

static int open_and_run(struct mirror *mirror, bool keeps, char **words)
{
	int status = 2;

	if (!coherent_device_open(&mirror->dev, words[1], .report = coherent_report_stderr,
				  .report_arg = (void *)(uintptr_t) "mirror"))
		status = run(mirror, keeps, words);
	coherent_device_close(mirror->dev);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "reclaim", no_argument, NULL, 'r' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	struct mirror mirror = { .link = -1 };
	bool keeps;
	int option;

	while ((option = getopt_long(argc, argv, "rh", options, NULL)) != -1) {
		if (option == 'h')
			return print(help);
		if (option != 'r')
			return 2;
		mirror.tests_reclaim = true;
	}
	if (argc - optind != 5)
		return complain("arguments", "give a role, a device, an address, a port, a file");
	keeps = !strcmp(argv[optind], "keep");
	if (!keeps && strcmp(argv[optind], "follow") != 0)
		return complain(argv[optind], "the role is neither keep nor follow");
	if (!keeps && mirror.tests_reclaim)
		return complain("--reclaim", "only a keeper reclaims");
	return open_and_run(&mirror, keeps, argv + optind);
}
