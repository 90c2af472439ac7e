// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <endian.h>

#include "fabric/checksum.h"

uint32_t fabric_checksum(const struct coherent_remote *remote)
{
	/* Any mix of all bits will do: the key is the secret, and not the checksum. */
	uint64_t sum = UINT64_C(0x9e3779b97f4a7c15);
	const uint64_t words[] = { le64toh(remote->key), le64toh(remote->address),
				   le64toh(remote->bytes), le32toh(remote->permission) };

	for (size_t i = 0; i < 4; i++) {
		sum = (sum ^ words[i]) * UINT64_C(0xff51afd7ed558ccd);
		sum ^= sum >> 32;
	}
	return htole32((uint32_t)sum);
}
