// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "test.h"

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
