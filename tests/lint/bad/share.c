// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Twins that nobody frees or that are freed too late, and twins of mems that are gone. */
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

int reclaimed_before_the_twin_is_freed(union desc_mem *mem, struct coherent_device *other,
				       union desc_box *box)
{
	COHERENT_TWIN_AUTO(struct desc, twin);
	int err = coherent_share(mem, other, &twin);

	if (err)
		return err;
	/* want: mem 'mem' is reclaimed here, but its twin 'twin' from coherent_share() at line N */
	return coherent_reclaim(mem, box);
}

int one_of_two_twins_is_freed(struct driver *from, struct driver *to, struct driver *third)
{
	COHERENT_TWIN_AUTO(struct desc, second);
	COHERENT_TWIN_AUTO(struct desc, twin);
	union desc_mem mem = COHERENT_EMPTY;
	union desc_box box = COHERENT_EMPTY;
	int err;

	err = coherent_zeroed(&mem, from->dev, ENTRIES);
	if (!err)
		err = coherent_share(&mem, to->dev, &twin);
	if (!err)
		err = coherent_share(&mem, third->dev, &second);
	coherent_free(&twin);
	if (!err)
		/* want: mem 'mem' is reclaimed here, but its twin 'second' from coherent_share() */
		err = coherent_reclaim(&mem, &box);
	coherent_free(&mem);
	coherent_box_free(&box);
	return err;
}

/* Closing the device of a twin does not free the twin. */
int both_were_moved(struct coherent_device *dev, struct coherent_device *other, union desc_box *box)
{
	union desc_mem mem = COHERENT_EMPTY, kept_mem = COHERENT_EMPTY;
	union desc_twin twin = COHERENT_EMPTY, kept_twin = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, ENTRIES);

	if (!err)
		err = coherent_share(&mem, other, &twin);
	if (err)
		goto out;
	coherent_move(&mem, &kept_mem);
	coherent_move(&twin, &kept_twin);
	coherent_device_close(other);
	/* want: 'kept_twin' from coherent_share() at line N is not freed; free it first */
	err = coherent_reclaim(&kept_mem, box);
	coherent_free(&kept_twin);
	coherent_free(&kept_mem);
out:
	coherent_free(&mem);
	return err;
}

static int end_sharing(union desc_mem *mem, union desc_box *box, union desc_twin *twin)
{
	/* want: mem 'shared' is reclaimed here, but its twin 'twin' from coherent_share() at line N */
	int err = coherent_reclaim(mem, box);

	coherent_free(twin);
	return err;
}

int freed_in_the_wrong_order(struct driver *driver, struct coherent_device *other,
			     union desc_box *box)
{
	union desc_mem shared = COHERENT_EMPTY;
	union desc_twin twin = COHERENT_EMPTY;
	int err = coherent_zeroed(&shared, driver->dev, ENTRIES);

	if (!err)
		err = coherent_share(&shared, other, &twin);
	if (!err)
		err = end_sharing(&shared, box, &twin);
	coherent_free(&shared);
	return err;
}
