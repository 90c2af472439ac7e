// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Twins that nobody frees, and twins of mems that are gone. */
#include "../driver.h"

int leaked_twin(union desc_mem *mem, struct coherent_device *other, struct coherent_bar *bar)
{
	union desc_twin twin = COHERENT_EMPTY;
	int err = coherent_share(mem, other, &twin);

	if (err)
		return err;
	coherent_bar_write64(bar, 0, coherent_addr(&twin).raw);
	/* want: twin 'twin' */
	return 0;
}

int shared_after_free(union desc_mem *mem, struct coherent_device *other, union desc_twin *twin)
{
	coherent_free(mem);
	/* want: mem 'mem' is shared here after coherent_free() at line N */
	return coherent_share(mem, other, twin);
}

int twin_after_free(union desc_mem *mem, struct coherent_device *other, union desc_twin *twin)
{
	int err = coherent_share(mem, other, twin);

	if (err)
		return err;
	coherent_free(twin);
	/* want: is used here after coherent_free() at line N */
	return coherent_write(twin, 0, .len, 1);
}
