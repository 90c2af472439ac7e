// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A driver for the random number generator of virtio, which is a PCI device. Its capabilities say in
 * which BARs its structures are (virtio 1.2, 4.1.4). It fills one buffer at a time.
 *
 *	rng --device=qemu:virtio-rng-pci 16
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/config.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 4096
_Static_assert(BYTES_MAX == 4096, "the help says so");
#define SECOND UINT64_C(1000000000)
#define DESC_WRITE 2
/* The registers of features have 32 bits, so these are the bits of the upper half. */
#define FEATURES \
	((UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM) >> 32)

/* A queue with one descriptor (virtio 1.2, 2.7). */
struct queue {
	coherent_le64 address;
	coherent_le32 bytes;
	coherent_le16 flags;
	coherent_le16 next;
	struct {
		coherent_le16 flags;
		coherent_le16 index;
		coherent_le16 ring[2];
	} available;
	struct {
		coherent_le16 flags;
		coherent_le16 index;
		coherent_le32 id;
		coherent_le32 bytes;
	} used;
};

/**
 * struct place - A structure in a BAR.
 * @bar: The BAR.
 * @offset: Where the structure begins.
 */
struct place {
	struct coherent_bar *bar;
	uint32_t offset;
};

struct rng {
	struct coherent_device *dev;
	struct place common;
	struct place notify;
	COHERENT(struct queue) queue;
	COHERENT(uint8_t) numbers;
};

/* --- Structures --- */

/* Finds the capability of a structure. */
static int find_capability(struct coherent_device *dev, uint8_t wanted, unsigned int *at)
{
	uint8_t type;
	int err;

	*at = 0;
	do {
		err = coherent_config_find(dev, PCI_CAP_ID_VNDR, at);
		if (!err)
			err = coherent_config_read8(
				dev, *at + offsetof(struct virtio_pci_cap, cfg_type), &type);
	} while (!err && type != wanted);
	return err;
}

static int open_place(struct coherent_device *dev, uint8_t wanted, struct place *place)
{
	unsigned int at;
	uint8_t bar;
	int err = find_capability(dev, wanted, &at);

	if (!err)
		err = coherent_config_read8(dev, at + offsetof(struct virtio_pci_cap, bar), &bar);
	if (!err)
		err = coherent_config_read32(dev, at + offsetof(struct virtio_pci_cap, offset),
					     &place->offset);
	return err ? err : coherent_bar_open(&place->bar, dev, bar);
}

/* The doorbell of a queue has a place of its own. */
static int find_doorbell(struct rng *rng)
{
	const uint16_t index =
		coherent_bar_read16(rng->common.bar, rng->common.offset + VIRTIO_PCI_COMMON_Q_NOFF);
	uint32_t multiplier;
	unsigned int at;
	int err = find_capability(rng->dev, VIRTIO_PCI_CAP_NOTIFY_CFG, &at);

	if (!err)
		err = coherent_config_read32(rng->dev, at + VIRTIO_PCI_NOTIFY_CAP_MULT,
					     &multiplier);
	if (!err)
		rng->notify.offset += index * multiplier;
	return err;
}

/* --- The device --- */

static void set_status(struct rng *rng, uint8_t status)
{
	coherent_bar_write8(rng->common.bar, rng->common.offset + VIRTIO_PCI_COMMON_STATUS, status);
}

static uint8_t status_of(struct rng *rng)
{
	return coherent_bar_read8(rng->common.bar, rng->common.offset + VIRTIO_PCI_COMMON_STATUS);
}

/* Agrees on the features. Without VERSION_1 the device has other registers. */
static int agree(struct rng *rng)
{
	struct coherent_bar *bar = rng->common.bar;
	const uint32_t at = rng->common.offset;
	uint32_t offered;

	set_status(rng, 0);
	if (status_of(rng))
		return -EIO;
	set_status(rng, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	coherent_bar_write32(bar, at + VIRTIO_PCI_COMMON_DFSELECT, 1);
	offered = coherent_bar_read32(bar, at + VIRTIO_PCI_COMMON_DF);
	if (!(offered & 1))
		return -EOPNOTSUPP;
	coherent_bar_write32(bar, at + VIRTIO_PCI_COMMON_GFSELECT, 1);
	coherent_bar_write32(bar, at + VIRTIO_PCI_COMMON_GF, offered & (uint32_t)FEATURES);
	set_status(rng, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				VIRTIO_CONFIG_S_FEATURES_OK);
	return status_of(rng) & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : -EOPNOTSUPP;
}

/* The descriptor names the buffer before the device can see it. */
static int make_queue(struct rng *rng)
{
	COHERENT_BOX_AUTO(struct queue, box);
	struct queue *queue;
	int err = coherent_zeroed(&rng->numbers, rng->dev, BYTES_MAX);

	if (!err)
		err = coherent_box_zeroed(&box, rng->dev, 1, .align = 16);
	if (err)
		return err;
	queue = coherent_box_ptr(&box);
	queue->address = coherent_cpu_to_le64(coherent_addr(&rng->numbers).raw);
	queue->flags = coherent_cpu_to_le16(DESC_WRITE);
	return coherent_expose(&box, &rng->queue);
}

static int start(struct rng *rng)
{
	struct coherent_bar *bar = rng->common.bar;
	const uint32_t at = rng->common.offset;
	const uint64_t queue = coherent_addr(&rng->queue).raw;

	coherent_bar_write16(bar, at + VIRTIO_PCI_COMMON_Q_SELECT, 0);
	coherent_bar_write16(bar, at + VIRTIO_PCI_COMMON_Q_SIZE, 1);
	coherent_bar_write64(bar, at + VIRTIO_PCI_COMMON_Q_DESCLO, queue);
	coherent_bar_write64(bar, at + VIRTIO_PCI_COMMON_Q_AVAILLO,
			     queue + offsetof(struct queue, available));
	coherent_bar_write64(bar, at + VIRTIO_PCI_COMMON_Q_USEDLO,
			     queue + offsetof(struct queue, used));
	coherent_bar_write16(bar, at + VIRTIO_PCI_COMMON_Q_ENABLE, 1);
	set_status(rng, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	return find_doorbell(rng);
}

static int rng_open(struct rng *rng, const char *name)
{
	int err = coherent_device_open(&rng->dev, name, .report = coherent_report_stderr);

	if (!err)
		err = open_place(rng->dev, VIRTIO_PCI_CAP_COMMON_CFG, &rng->common);
	if (!err)
		err = open_place(rng->dev, VIRTIO_PCI_CAP_NOTIFY_CFG, &rng->notify);
	if (!err)
		err = agree(rng);
	if (!err)
		err = make_queue(rng);
	return err ? err : start(rng);
}

static void rng_close(struct rng *rng)
{
	coherent_bar_close(rng->common.bar);
	coherent_bar_close(rng->notify.bar);
	coherent_free(&rng->queue);
	coherent_free(&rng->numbers);
	coherent_device_close(rng->dev);
}

/* Asks for the nth time. Returns how many bytes the device wrote, or -errno. */
static int ask(struct rng *rng, uint16_t nth, uint32_t bytes, uint8_t *numbers)
{
	uint16_t index;
	uint32_t got;
	int err = coherent_write(&rng->queue, 0, .bytes, bytes);

	if (!err)
		err = coherent_write_release(&rng->queue, 0, .available.index, nth);
	if (err)
		return err;
	coherent_bar_write16(rng->notify.bar, rng->notify.offset, 0);
	err = coherent_poll(&rng->queue, 0, .used.index, &index, index == nth, 5 * SECOND);
	if (!err)
		err = coherent_read(&rng->queue, 0, .used.bytes, &got);
	if (err)
		return err;
	if (!got || got > bytes)
		return -EIO;
	err = coherent_copy_out(&rng->numbers, 0, numbers, got);
	return err ? err : (int)got;
}

/* --- The program --- */

static int print_numbers(struct rng *rng, uint32_t bytes)
{
	uint8_t numbers[BYTES_MAX];
	uint16_t nth = 0;
	int got = 0;

	for (; bytes; bytes -= (uint32_t)got) {
		got = ask(rng, ++nth, bytes, numbers);
		if (got < 0)
			return got;
		for (int i = 0; i < got; i++)
			printf("%02x", numbers[i]);
	}
	return puts("") < 0 || fflush(stdout) ? -errno : 0;
}

static const char help[] =
	"Usage: rng --device=NAME BYTES\n"
	"Print 1 to 4096 random bytes of a virtio-rng, like qemu:virtio-rng-pci.\n"
	"\n"
	"Exit status: 0 for success, 1 if something failed, 2 if an argument is bad.\n";

static int print_help(void)
{
	return fputs(help, stdout) < 0 || fflush(stdout);
}

int main(int argc, char **argv)
{
	static const char option[] = "--device=";
	const char *name = argc == 3 && !strncmp(argv[1], option, sizeof(option) - 1) ?
				   argv[1] + sizeof(option) - 1 :
				   NULL;
	const unsigned long bytes = name ? strtoul(argv[2], NULL, 10) : 0;
	struct rng rng = { .dev = NULL };
	int err;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return print_help();
	if (!bytes || bytes > BYTES_MAX) {
		fputs("rng: arguments: --device=NAME and 1 to 4096 bytes are needed; see rng --help\n",
		      stderr);
		return 2;
	}
	err = rng_open(&rng, name);
	if (!err)
		err = print_numbers(&rng, (uint32_t)bytes);
	rng_close(&rng);
	if (err)
		fprintf(stderr, "rng: %s: %s\n", name,
			err == -ERANGE ? "it is not a virtio device" : strerror(-err));
	return !!err;
}
