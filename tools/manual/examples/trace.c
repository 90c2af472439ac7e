/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: COHERENT_DEVICE_AUTO */
/* The program sees each event of a device. */
#include <coherent.h>
#include <stdio.h>

static void print(void *arg, const struct coherent_event *event)
{
	(void)arg;
	if (event->kind == COHERENT_EVENT_EXPOSE)
		printf("%llu bytes allocated at %s are exposed\n",
		       (unsigned long long)event->bytes, event->where);
}

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_AUTO(uint32_t, mem);

	if (coherent_device_open(&dev, "sim:edu", .trace = print))
		return 1;
	return !!coherent_zeroed(&mem, dev, 16);
}
