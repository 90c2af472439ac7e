/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The program counts the reports that are errors. */
#include <coherent.h>

static void count(void *arg, enum coherent_severity severity,
		  const char *line)
{
	(void)line;
	if (severity == COHERENT_ERROR)
		++*(unsigned int *)arg;
}

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	unsigned int errors = 0;
	int err;

	err = coherent_device_open(&dev, "sim:typo", .report = count,
				   .report_arg = &errors);
	return err && errors == 1 ? 0 : 1;
}
