// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests check that the report of a failed open says what is wrong and what to do.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edu.h"

static void failed_open_gives_the_reason(void **state)
{
	static const struct {
		const char *name;
		int err;
		const char *says;
	} cases[] = {
		{ "qemu:", -EINVAL, "which model?" },
		{ "qemu:nvmee", -ENODEV, "'nvmee' is not a valid device model name" },
		{ "qemu:nvmee", -ENODEV, "qemu-system-x86_64 -device help lists the models" },
		{ "qemu:edu,colour=1", -EINVAL, "Property 'edu.colour' not found" },
		{ "qemu:edu,memory=7", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory=2049", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory=x", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory= 64", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory", -EINVAL, "from 8 to 2048" },
		{ "qemu:edu,memory=64,memory=64", -EINVAL, "is given twice" },
		{ "qemu:edu,bus=other", -EINVAL, "key \"bus\" must not be set" },
		{ "qemu:edu,addr=5", -EINVAL, "key \"addr\" must not be set" },
		{ "qemu:edu,driver=virtio-rng-pci", -EINVAL, "key \"driver\" must not be set" },
		{ "qemu:virtio-rng-pci,iommu_platform=off", -EINVAL, "must not be set" },
		{ "qemu:help", -EINVAL, "-device help lists all models" },
		{ "qemu:nvme,help", -EINVAL, "-device MODEL,help lists them" },
		{ "qemu:nvme,?", -EINVAL, "-device MODEL,help lists them" },
		{ "qemu:nvme,image", -EINVAL, "key \"image\" takes a file" },
		{ "qemu:pcie-root-port", -EINVAL, "a bridge is not a device" },
		{ "qemu:edu,image=x", -EINVAL, "key \"image\" is for nvme" },
		{ "qemu:pci-testdev,membar=1G", -ENOSPC, "more than 512 MiB of memory or 4 KiB" },
		{ "qemu:pci-testdev,membar=8G", -ENOSPC, "more than 512 MiB of memory or 4 KiB" },
		{ "qemu:nvme,image=/nothing", -EINVAL, "Could not open '/nothing'" },
		{ "qemu:nvme,image=/virtio-iommu", -EINVAL, "Could not open '/virtio-iommu'" },
		{ "qemu:virtio-iommu-pcx", -ENODEV, "-device help lists the models" },
	};
	struct coherent_device *none;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_open_fails(cases[i].name, cases[i].err, cases[i].says);
	assert_err(coherent_device_open(&none, "qemu:edu", .level = COHERENT_IOMMU), -EOPNOTSUPP);
	assert_err(coherent_device_open(&none, "qemu:edu", .hugepages = true), -EOPNOTSUPP);
	assert_err(coherent_device_open(&none, "qemu:edu", .gigapages = true), -EOPNOTSUPP);
	assert_err(coherent_device_open(&none, "qemu:edu", .nodes = 1), -EOPNOTSUPP);
}

/* Opens a device with another search path, and so with another QEMU. Checks the report. */
static void open_with_path(const char *path, int err, const char *says, const char *not_says)
{
	char *before = strdup(getenv("PATH"));
	struct coherent_device *none;
	struct log log = LOG_EMPTY;

	setenv("PATH", path, 1);
	assert_err(coherent_device_open(&none, "qemu:edu", .report = log_report,
					.report_arg = &log),
		   err);
	setenv("PATH", before, 1);
	free(before);
	if (!log_has(&log, says) || (not_says && log_has(&log, not_says)))
		fail_msg("%s", log.text);
}

/* Opens a device while a script takes QEMU's place; a file that cannot run, if @script is NULL. */
static void open_with_script(const char *script, int err, const char *says, const char *not_says)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 24], search[128];
	FILE *file;

	assert_non_null(mkdtemp(scratch(dir, "qemu-XXXXXX")));
	snprintf(path, sizeof(path), "%s/qemu-system-x86_64", dir);
	snprintf(search, sizeof(search), script ? "%s:/bin:/usr/bin" : "%s", dir);
	file = fopen(path, "w");
	fprintf(file, "#!/bin/sh\n[ \"$1\" = -M ] || echo started >>%s/more\n%s\n", dir,
		script ? script : "");
	fclose(file);
	if (script)
		assert_ok(chmod(path, 0700));
	open_with_path(search, err, says, not_says);
	assert_ok(unlink(path));
	/* The folder is empty, because the library does not start QEMU again for its report. */
	assert_ok(rmdir(dir));
}

static void missing_or_failing_qemu_is_reported(void **state)
{
	static const char needed[] = "QEMU 7.2 or newer is needed";
	static const char warns[] = "echo 'qemu-system-x86_64: warning: of no import' >&2\n"
				    "echo 'qemu-system-x86_64: -device edu: what it is' >&2\n"
				    "echo 'and a hint' >&2; exit 1";

	(void)state;
	open_with_path("/nothing", -ENODEV, "apt-get install qemu-system-x86", NULL);
	open_with_script(NULL, -ENODEV, "cannot be run: Permission denied", needed);
	open_with_script("exit 1", -ENODEV, needed, NULL);
	open_with_script("exit 3", -ENODEV, "QEMU ended with exit status 3 and did not say why",
			 "QEMU is gone");
	open_with_script("kill -9 $$", -ENODEV,
			 "QEMU ended on signal 9 (SIGKILL) and did not say why", NULL);
	open_with_script("kill -USR1 $$", -ENODEV, "QEMU ended on signal 10 and", NULL);
	/* QEMU writes some errors without its name, and goes on without a module. */
	open_with_script("echo 'audio: Could not init' >&2; exit 1", -ENODEV,
			 "QEMU ended with exit status 1; the last line that it wrote was: audio: "
			 "Could not init",
			 needed);
	open_with_script("echo 'qemu: module x not found' >&2; echo 'audio: no' >&2; exit 1",
			 -ENODEV, "that it wrote was: audio: no", NULL);
	open_with_script(warns, -EINVAL, "-device edu: what it is", "of no import");
	open_with_script(warns, -EINVAL, "-device edu: what it is", needed);
	open_with_script("echo 'qemu-system-x86_64: -device virtio-iommu-pci,addr=2: q35 machine "
			 "fails to create iommu-map device tree bindings' >&2; exit 1",
			 -ENODEV, needed, NULL);
	/* An old QEMU does not have the model of the library's own device. */
	open_with_script("echo \"qemu-system-x86_64: -device virtio-iommu-pci,addr=2: "
			 "'virtio-iommu-pci' is not a valid device model name\" >&2; exit 1",
			 -ENODEV, needed, "-device help lists the models");
	/* The reason comes last, behind more than the library reads at a time. */
	open_with_script("for i in 0 1 2 3 4 5 6 7; do printf '%01000d\\n' $i >&2; done\n"
			 "echo 'qemu-system-x86_64: -device edu: at the end' >&2; exit 1",
			 -EINVAL, "-device edu: at the end", needed);
	open_with_script("echo 'qemu-system-x86_64: x: Cannot allocate memory' >&2; exit 1",
			 -ENOMEM, "Cannot allocate memory", needed);
	open_with_script("echo 'qemu-system-x86_64: /dev/x: Too many open files' >&2; exit 1",
			 -ENOSPC, "Too many open files", needed);
	open_with_script("echo 'qemu: qemu_thread_create: Resource temporarily unavailable' >&2; "
			 "exit 1",
			 -ENOMEM, "unavailable; raise ulimit -u", needed);
}

/* The file for the memory of QEMU has 64 MiB. */
static void limit_of_files_is_explained(void **state)
{
	struct rlimit before, low;

	(void)state;
	assert_ok(getrlimit(RLIMIT_FSIZE, &before));
	low = before;
	low.rlim_cur = 1 << 20;
	assert_ok(setrlimit(RLIMIT_FSIZE, &low));
	assert_open_fails("qemu:edu", -ENODEV, "raise ulimit -f, or give a smaller memory=");
	assert_ok(setrlimit(RLIMIT_FSIZE, &before));
}

/* The process maps the memory of QEMU. The limit lets it map half of that. */
static void limit_of_addresses_is_explained(void **state)
{
	struct rlimit before, low;
	unsigned long pages;
	FILE *statm = fopen("/proc/self/statm", "r");

	(void)state;
	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%lu", &pages), 1);
	assert_ok(fclose(statm));
	assert_ok(getrlimit(RLIMIT_AS, &before));
	low = before;
	low.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)1 << 30);
	assert_ok(setrlimit(RLIMIT_AS, &low));
	assert_open_fails("qemu:edu,memory=2048", -ENOMEM,
			  "raise ulimit -v, or give a smaller memory=");
	assert_ok(setrlimit(RLIMIT_AS, &before));
}

/* Makes memfd_create() fail in this process, as a container may. */
static void refuse_memfd(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		abort();
}

/* A filter stays until the process ends, so a child has it. */
static void filter_of_system_calls_is_explained(void **state)
{
	const pid_t child = fork();
	struct coherent_device *none;
	struct log log = LOG_EMPTY;
	int status;

	(void)state;
	if (!child) {
		refuse_memfd();
		if (coherent_device_open(&none, "qemu:edu", .report = log_report,
					 .report_arg = &log) != -ENODEV)
			_exit(1);
		_exit(!log_has(&log, "refuses memfd_create()"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* A child that ends before its parent looks for it has left the reason, too. */
static void reason_is_known_in_a_program_that_ignores_children(void **state)
{
	(void)state;
	assert_ptr_not_equal(signal(SIGCHLD, SIG_IGN), SIG_ERR);
	for (unsigned int turn = 0; turn < 30; turn++)
		open_with_path("/nothing", -ENODEV, "apt-get install qemu-system-x86", NULL);
	assert_ptr_not_equal(signal(SIGCHLD, SIG_DFL), SIG_ERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_open_gives_the_reason),
		cmocka_unit_test(missing_or_failing_qemu_is_reported),
		cmocka_unit_test(limit_of_files_is_explained),
		cmocka_unit_test(limit_of_addresses_is_explained),
		cmocka_unit_test(filter_of_system_calls_is_explained),
		cmocka_unit_test(reason_is_known_in_a_program_that_ignores_children),
	};

	return RUN_WITH_QEMU(tests);
}
