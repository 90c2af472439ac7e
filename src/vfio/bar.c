// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The registers of a PCI device that vfio-pci gives to the process. BARs stay mapped until the
 * close, so they are accessed without a lock. A BAR that the kernel cannot map is accessed through
 * the descriptor, which the lock of struct vfio_pci guards.
 *
 * ORDER: registers are mapped uncached; device/bar.c and device/bar_copy.c have the barriers that
 * order them with DMA (doorbell.litmus, completion.litmus).
 */
#include "base/line.h"
#include "base/sys.h"
#include "vfio/bar.h"

/* --- One access --- */

static uint64_t load_register(const char *at, unsigned int width)
{
	/* A device acts on each access and may ignore another width, so memcpy() will not do. */
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)at;
	case 2:
		return *(const volatile uint16_t *)(const void *)at;
	case 4:
		return *(const volatile uint32_t *)(const void *)at;
	default:
		return *(const volatile uint64_t *)(const void *)at;
	}
}

static void store_register(char *at, unsigned int width, uint64_t value)
{
	switch (width) {
	case 1:
		*(volatile uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)(void *)at = (uint16_t)value;
		break;
	case 4:
		*(volatile uint32_t *)(void *)at = (uint32_t)value;
		break;
	default:
		*(volatile uint64_t *)(void *)at = value;
		break;
	}
}

/* The CPUs of face.h are little-endian: the first bytes of a word are its lowest. */
static uint64_t read_through_fd(struct vfio_pci *pci, uint64_t offset, unsigned int width)
{
	uint64_t value = 0;
	int err = -ENODEV;

	lock_take(&pci->lock);
	if (pci->fd >= 0)
		err = sys_read_at(pci->fd, offset, &value, width);
	lock_drop(&pci->lock);
	return err ? UINT64_MAX : value;
}

uint64_t vfio_bar_read(struct backend *backend, unsigned int index, uint64_t offset,
		       unsigned int width)
{
	struct vfio_pci *pci = vfio_pci_of(backend);
	const struct vfio_pci_bar *bar = &pci->bars[index];
	uint64_t value;

	if (bar->va)
		value = load_register(bar->va + offset, width);
	else
		value = read_through_fd(pci, bar->offset + offset, width);
	/* The test comes after the access, because the memory that replaces a BAR reads as zero. */
	return vfio_pci_is_connected(pci) ? value : UINT64_MAX;
}

void vfio_bar_write(struct backend *backend, unsigned int index, uint64_t offset,
		    unsigned int width, uint64_t value)
{
	struct vfio_pci *pci = vfio_pci_of(backend);
	const struct vfio_pci_bar *bar = &pci->bars[index];

	if (bar->va) {
		/* After a disconnect this writes to private memory, which does no harm. */
		store_register(bar->va + offset, width, value);
		return;
	}
	lock_take(&pci->lock);
	if (pci->fd >= 0)
		(void)sys_write_at(pci->fd, bar->offset + offset, &value, width);
	lock_drop(&pci->lock);
}

/* --- Copies --- */

static size_t load_words(const char *at, char *to, size_t bytes)
{
	size_t done;

	for (done = 0; done + 8 <= bytes; done += 8)
		backend_put_bytes(to + done, load_register(at + done, 8), 8);
	return done;
}

static size_t load_part(const char *at, char *to, unsigned int width)
{
	backend_put_bytes(to, load_register(at, width), width);
	return width;
}

static void load_bytes(const char *at, char *to, size_t bytes)
{
	for (size_t done; bytes; at += done, to += done, bytes -= done) {
		const unsigned int width = backend_copy_width((uintptr_t)at, bytes, 8);

		done = width == 8 ? load_words(at, to, bytes) : load_part(at, to, width);
	}
}

static size_t store_words(char *at, const char *from, size_t bytes)
{
	size_t done;

	for (done = 0; done + 8 <= bytes; done += 8)
		store_register(at + done, 8, backend_get_bytes(from + done, 8));
	return done;
}

static size_t store_part(char *at, const char *from, unsigned int width)
{
	store_register(at, width, backend_get_bytes(from, width));
	return width;
}

static void store_bytes(char *at, const char *from, size_t bytes)
{
	for (size_t done; bytes; at += done, from += done, bytes -= done) {
		const unsigned int width = backend_copy_width((uintptr_t)at, bytes, 8);

		done = width == 8 ? store_words(at, from, bytes) : store_part(at, from, width);
	}
}

/* The kernel makes aligned accesses of up to 4 or 8 bytes, in ascending order. */
static int copy_through_fd(struct vfio_pci *pci, const struct backend_copy *copy)
{
	const uint64_t at = pci->bars[copy->bar].offset + copy->offset;
	int err = -ENODEV;

	lock_take(&pci->lock);
	if (pci->fd >= 0)
		err = copy->from ? sys_write_at(pci->fd, at, copy->from, copy->bytes) :
				   sys_read_at(pci->fd, at, copy->to, copy->bytes);
	lock_drop(&pci->lock);
	return err && err != -ENODEV ? -EIO : err;
}

int vfio_bar_copy(struct backend *backend, const struct backend_copy *copy)
{
	struct vfio_pci *pci = vfio_pci_of(backend);
	char *va = pci->bars[copy->bar].va;

	if (!va)
		return copy_through_fd(pci, copy);
	if (copy->from)
		store_bytes(va + copy->offset, copy->from, copy->bytes);
	else
		load_bytes(va + copy->offset, copy->to, copy->bytes);
	/* The test comes after the accesses, as in vfio_bar_read(). */
	return vfio_pci_is_connected(pci) ? 0 : -ENODEV;
}

int vfio_bar_write_line(struct backend *backend, unsigned int index, uint64_t offset,
			const void *line)
{
	struct vfio_pci *pci = vfio_pci_of(backend);
	char *va = pci->bars[index].va;

	if (!va)
		return -EOPNOTSUPP;
	line_store(va + offset, line);
	return vfio_pci_is_connected(pci) ? 0 : -ENODEV;
}
