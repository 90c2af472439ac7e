// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Arrays of devices, BARs and structs around them, which loops open and close. */
#include "../driver.h"
#include <stdbool.h>
struct port {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	union desc_mem mem;
};
struct set {
	unsigned int count;
	struct port ports[4];
};
int open_devices(struct coherent_device **devs, int n)
{
	int i;
	for (i = 0; i < n; i++)
		if (coherent_device_open(&devs[i], "sim:edu"))
			goto fail;
	return 0;
fail:
	while (--i >= 0)
		coherent_device_close(devs[i]);
	return -1;
}
int open_counted(struct coherent_device **devs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (coherent_device_open(&devs[i], "sim:edu")) {
			while (i)
				coherent_device_close(devs[--i]);
			return -1;
		}
	return 0;
}
int open_cleared(struct coherent_device **devs, int n)
{
	int i, err;
	for (i = 0; i < n; i++) {
		err = coherent_device_open(&devs[i], "sim:edu");
		if (err)
			goto fail;
	}
	return 0;
fail:
	while (i--) {
		coherent_device_close(devs[i]);
		devs[i] = NULL;
	}
	return err;
}
int open_ports(struct port *ports, int n, char **names)
{
	int i;
	for (i = 0; i < n; i++) {
		if (coherent_device_open(&ports[i].dev, names[i]))
			break;
		if (coherent_zeroed(&ports[i].mem, ports[i].dev, 4)) {
			coherent_device_close(ports[i].dev);
			break;
		}
	}
	if (i == n)
		return 0;
	while (i--) {
		coherent_free(&ports[i].mem);
		coherent_device_close(ports[i].dev);
	}
	return -1;
}
int open_set(struct set *set, unsigned int n)
{
	for (set->count = 0; set->count < n; set->count++) {
		struct port *port = &set->ports[set->count];
		if (coherent_device_open(&port->dev, "sim:edu"))
			goto fail;
		if (coherent_bar_open(&port->bar, port->dev, 0)) {
			coherent_device_close(port->dev);
			goto fail;
		}
	}
	return 0;
fail:
	while (set->count--) {
		coherent_bar_close(set->ports[set->count].bar);
		coherent_device_close(set->ports[set->count].dev);
	}
	return -1;
}
static void close_set(struct set *set)
{
	while (set->count-- > 0) {
		coherent_bar_close(set->ports[set->count].bar);
		coherent_device_close(set->ports[set->count].dev);
	}
}
int use_set(unsigned int n, union desc_mem *mem)
{
	struct set set = { 0 };
	int err;
	if (open_set(&set, n))
		return -1;
	err = coherent_zeroed(mem, set.ports[n / 2].dev, 3);
	close_set(&set);
	return err;
}
int use_two(union desc_mem *mem)
{
	struct coherent_device *devs[2] = { NULL, NULL };
	int err;
	if (open_devices(devs, 2))
		return -1;
	err = coherent_zeroed(mem, devs[1], 4);
	coherent_device_close(devs[0]);
	coherent_device_close(devs[1]);
	return err;
}
int use_again(union desc_mem *mem)
{
	struct coherent_device *devs[2];
	int err;
	do {
		if (open_devices(devs, 2))
			return -1;
		err = coherent_zeroed(mem, devs[1], 4);
		coherent_device_close(devs[0]);
		coherent_device_close(devs[1]);
	} while (err == -EAGAIN);
	return err;
}
int use_many(union desc_mem *mem, int n)
{
	struct coherent_device *devs[20] = { NULL };
	int err;
	if (open_devices(devs, n))
		return -1;
	err = coherent_zeroed(mem, devs[n - 1], 4);
	for (int i = 0; i < n; i++)
		coherent_device_close(devs[i]);
	return err;
}
int use_one_of_two(int which)
{
	struct coherent_device *devs[2] = { NULL, NULL };
	int err = coherent_device_open(&devs[which], "sim:edu");
	if (err)
		return err;
	if (devs[0])
		coherent_device_close(devs[0]);
	if (devs[1])
		coherent_device_close(devs[1]);
	return 0;
}
int open_if(struct coherent_device **devs, bool two)
{
	int err = coherent_device_open(&devs[0], "sim:edu");
	if (err || !two)
		return err;
	err = coherent_device_open(&devs[1], "sim:edu");
	if (err)
		coherent_device_close(devs[0]);
	return err;
}
static struct coherent_device **alloc_devices(int n)
{
	struct coherent_device **devs = calloc(n, sizeof(*devs));
	int i;
	if (!devs)
		return NULL;
	for (i = 0; i < n; i++)
		if (coherent_device_open(devs + i, "sim:edu")) {
			while (i-- > 0)
				coherent_device_close(devs[i]);
			free(devs);
			return NULL;
		}
	return devs;
}
int use_allocated(int n)
{
	struct coherent_device **devs = alloc_devices(n);
	if (!devs)
		return -1;
	for (int i = 0; i < n; i++)
		coherent_device_close(devs[i]);
	free(devs);
	return 0;
}
int walk_allocated(int n)
{
	struct coherent_device **devs = malloc(n * sizeof(*devs)), **dev;
	int err = 0;
	if (!devs)
		return -1;
	for (dev = devs; dev < devs + n; dev++) {
		err = coherent_device_open(dev, "sim:edu");
		if (err)
			break;
	}
	while (dev-- > devs)
		coherent_device_close(*dev);
	free(devs);
	return err;
}
int walk_ports(int n)
{
	struct port *ports = calloc(n, sizeof(*ports)), *port;
	int err = 0;
	if (!ports)
		return -1;
	for (port = ports; port < ports + n; port++) {
		err = coherent_device_open(&port->dev, "sim:edu");
		if (err)
			break;
		err = coherent_zeroed(&port->mem, port->dev, 1);
		if (err) {
			coherent_device_close(port->dev);
			break;
		}
	}
	while (port-- > ports) {
		coherent_free(&port->mem);
		coherent_device_close(port->dev);
	}
	free(ports);
	return err;
}
