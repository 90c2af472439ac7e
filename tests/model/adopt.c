// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Memory of the driver that the model lets the library adopt. Each comes back once.
 */
#include <string.h>
#include <sys/mman.h>

#include "model.h"

/* How much memory the library has. */
static unsigned int out;

uint8_t *adopt_get(const void *contents, size_t bytes)
{
	uint8_t *memory =
		mmap(NULL, BYTES_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	memcpy(memory, contents, bytes);
	out++;
	return memory;
}

void adopt_put(void *memory, void *arg)
{
	(void)arg;
	CHECK(out-- > 0);
	CHECK(!munmap(memory, BYTES_MAX));
}

void adopt_reclaimed(struct slot *slot)
{
	const size_t bytes = slot->count * slot_size(slot);

	if (slot->place.adopted && device_of(&slot->place)->lazy)
		memset(slot->place.bytes + bytes, 0, BYTES_MAX - bytes);
}

void adopt_end(void)
{
	CHECK(!out);
}
