// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A fuzz test for libFuzzer (tools/fuzz). A thread plays QEMU. It gives good and bad answers and
 * writes to the rings of its IOMMU, as the input says, while the library finds a device, maps
 * memory for it and resets it. The library must not crash.
 *
 * The input has a byte for the kind of each answer, then the data of that kind.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/qemu/iommu.h"
#include "../../src/qemu/pci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
	int fd;
	uint8_t *memory;
};

static void take(struct input *input, void *to, size_t bytes)
{
	const size_t n = bytes < input->left ? bytes : input->left;

	memset(to, 0, bytes);
	memcpy(to, input->at, n);
	input->at += n;
	input->left -= n;
}

/* Writes bytes of the rings atomically, as a device does. */
static void write_rings(struct input *input, uint8_t kind)
{
	uint16_t where, value;

	/* The first queue's used index is written always, another place only sometimes. */
	take(input, &value, sizeof(value));
	__atomic_fetch_add((uint16_t *)(void *)(input->memory + 0xa02), 1, __ATOMIC_RELEASE);
	if (!(kind & 0x20))
		return;
	take(input, &where, sizeof(where));
	__atomic_store_n((uint16_t *)(void *)(input->memory + where % QEMU_IOMMU_BYTES / 2 * 2),
			 value, __ATOMIC_RELAXED);
}

static bool answer(struct input *input, const char *line)
{
	const bool reads = line[0] == 'r' || line[0] == 'i';
	uint64_t value = 0;
	char text[128];
	uint8_t kind;
	ssize_t n;

	take(input, &kind, 1);
	if (kind & 0x10)
		write_rings(input, kind);
	take(input, &value, kind & 7);
	if (kind < 0xe0)
		n = snprintf(text, sizeof(text), reads ? "OK 0x%llx\n" : "OK\n",
			     (unsigned long long)value);
	else {
		n = kind % 32 * 4;
		take(input, text, (size_t)n);
	}
	return send(input->fd, text, (size_t)n, MSG_NOSIGNAL) >= 0 && kind != 0xff;
}

static void *run_qemu(void *arg)
{
	struct input *input = arg;
	/* The longest line writes QTEST_WORDS_MAX words of 8 digits. It gets one answer. */
	char line[128 + 8 * QTEST_WORDS_MAX];
	bool goes_on = true;

	while (goes_on) {
		ssize_t n = recv(input->fd, line, sizeof(line), 0);

		goes_on = n > 0 && answer(input, line);
	}
	shutdown(input->fd, SHUT_RDWR);
	return NULL;
}

static void drive(const struct qtest *qtest, uint8_t *memory)
{
	struct qemu_iommu iommu = { .qtest = qtest, .memory = (char *)memory, .endpoint = 0x100 };
	struct qemu_iommu_fault fault;
	struct qemu_pci pci;
	uint64_t value;
	bool is_raised;

	if (qemu_pci_start(&pci, qtest) || pci.vectors > QEMU_PCI_VECTORS_MAX)
		return;
	if (qemu_pci_enable_irqs(&pci, 0xfedf0000) || qemu_pci_reset(&pci))
		return;
	if (qemu_pci_read_line(&pci, &is_raised) || qemu_pci_reg_read(&pci, 0, 0, 8, &value) ||
	    qemu_pci_reg_write(&pci, 0, 0, 8, value))
		return;
	if (qemu_iommu_start(&iommu, QEMU_PCI_IOMMU, QEMU_PCI_IOMMU_BARS))
		return;
	if (!qemu_iommu_map(&iommu, 0x1000, 0x200000, 0x1000, true))
		(void)qemu_iommu_unmap(&iommu, 0x1000, 0x1000);
	for (unsigned int i = 0; i < 4 && !qemu_iommu_next_fault(&iommu, &fault); i++)
		if (!fault.bytes)
			abort();
	(void)qemu_iommu_notify_events(&iommu);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t memory[QEMU_IOMMU_BYTES];
	struct input input = { .at = data, .left = size, .memory = memory };
	struct qtest qtest;
	pthread_t thread;
	int pair[2];

	memset(memory, 0, sizeof(memory));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	qtest = (struct qtest){ .fd = pair[0], .deadline_ns = sys_deadline_ns(20000000) };
	input.fd = pair[1];
	if (pthread_create(&thread, NULL, run_qemu, &input))
		abort();
	drive(&qtest, memory);
	shutdown(pair[0], SHUT_RDWR);
	pthread_join(thread, NULL);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
