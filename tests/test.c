// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dirent.h>
#include <unistd.h>

#include "test.h"

static bool has_failed;

int end_of_tests(int failed)
{
	has_failed |= failed;
	return failed;
}

/* LeakSanitizer calls this at the end of the program. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return has_failed;
}

void log_report(void *arg, enum coherent_severity severity, const char *line)
{
	struct log *log = arg;
	size_t used;

	pthread_mutex_lock(&log->mutex);
	used = strlen(log->text);
	snprintf(log->text + used, sizeof(log->text) - used, "%s: %s\n",
		 severity == COHERENT_ERROR ? "error" : "warning", line);
	log->count++;
	pthread_mutex_unlock(&log->mutex);
}

bool log_has(struct log *log, const char *text)
{
	bool has;

	pthread_mutex_lock(&log->mutex);
	has = strstr(log->text, text);
	pthread_mutex_unlock(&log->mutex);
	return has;
}

void log_clear(struct log *log)
{
	pthread_mutex_lock(&log->mutex);
	log->text[0] = '\0';
	log->count = 0;
	pthread_mutex_unlock(&log->mutex);
}

void assert_open_fails(const char *name, int err, const char *says)
{
	struct coherent_device *dev = (void *)1;
	struct log log = LOG_EMPTY;
	int result = coherent_device_open(&dev, name, .report = log_report, .report_arg = &log);

	if (result != err || dev || log.count != 1 || strncmp(log.text, "error: ", 7) ||
	    !log_has(&log, says))
		fail_msg("%s: not %d and \"%s\" but %d and %u reports: %s", name, err, says, result,
			 log.count, log.text);
}

void assert_no_fault(struct coherent_device *dev)
{
	struct coherent_fault fault;

	assert_err(coherent_device_next_fault(dev, &fault), -EAGAIN);
}

void assert_fault(struct coherent_device *dev, enum coherent_state state)
{
	struct coherent_fault fault;

	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.state, state);
}

bool is_all(const void *memory, uint8_t byte, size_t bytes)
{
	const uint8_t *at = memory;

	/* Each byte is like the one before it. A loop would take seconds with sanitizers. */
	return !bytes || (*at == byte && !memcmp(at, at + 1, bytes - 1));
}

int seal_fails(void *elements, size_t count, coherent_addr_t address, void *arg)
{
	(void)elements;
	(void)count;
	*(coherent_addr_t *)arg = address;
	return -ECANCELED;
}

unsigned int open_files(pid_t pid)
{
	unsigned int count = 0;
	char path[64];
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	assert_non_null(fds);
	while (readdir(fds))
		count++;
	closedir(fds);
	return count;
}

pid_t child_process(const char *name)
{
	char path[64], program[32] = "";
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	assert_non_null(proc);
	while ((entry = readdir(proc))) {
		int pid = atoi(entry->d_name), parent = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = pid ? fopen(path, "r") : NULL;
		if (!file)
			continue;
		if (fscanf(file, "%*d (%31[^)]) %*c %d", program, &parent) == 2 &&
		    parent == getpid() && !strncmp(program, name, strlen(name)))
			found = pid;
		fclose(file);
	}
	closedir(proc);
	return found;
}
