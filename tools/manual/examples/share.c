/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages: coherent_share_options */
/* A second device reads what the first one wrote, at an address of its own. */
#include <coherent/share.h>
#include <coherent/sim.h>

int main(void)
{
	COHERENT_DEVICE_AUTO(disk);
	COHERENT_DEVICE_AUTO(card);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_TWIN_AUTO(uint8_t, twin);
	uint32_t word = 42;
	uint32_t got = 0;
	int err;

	err = coherent_device_open(&disk, "sim:edu");
	if (!err)
		err = coherent_device_open(&card, "sim:edu");
	if (!err)
		err = coherent_zeroed(&mem, disk, 4096);
	if (!err)
		err = coherent_share(&mem, card, &twin,
				     .permission = COHERENT_READ_ONLY);
	if (!err)
		err = coherent_sim_try_addr(disk, coherent_addr(&mem), &word,
					    sizeof(word),
					    COHERENT_ACCESS_WRITE);
	if (!err)
		err = coherent_sim_try_addr(card, coherent_addr(&twin), &got,
					    sizeof(got), COHERENT_ACCESS_READ);
	return err || got != word;
}
