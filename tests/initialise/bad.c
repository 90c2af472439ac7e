// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each function gives an object that was never initialised to a call of the library. The
 * compiler must warn in each one.
 */
#include "user.h"

int box_zeroed(void);
int box_zeroed(void)
{
	union box fresh;

	return coherent_box_zeroed(&fresh, dev, 4);
}

int box_of_its_own_type(void);
int box_of_its_own_type(void)
{
	COHERENT_BOX(uint32_t) fresh;

	return coherent_box_zeroed(&fresh, dev, 4);
}

int box_from(void);
int box_from(void)
{
	union box fresh;

	return coherent_box_from(&fresh, dev, desc, 4);
}

int box_init_at(void);
int box_init_at(void)
{
	union box fresh;

	return coherent_box_init_at(&fresh, 0, fill_one, NULL);
}

int box_free(void);
int box_free(void)
{
	union box fresh;

	coherent_box_free(&fresh);
	return 0;
}

int exposed_box(void);
int exposed_box(void)
{
	union box fresh;

	return coherent_expose(&fresh, mem);
}

int mem_of_expose(void);
int mem_of_expose(void)
{
	union mem fresh;

	return coherent_expose(box, &fresh);
}

int mem_of_expose_with_an_option(void);
int mem_of_expose_with_an_option(void)
{
	union mem fresh;

	return coherent_expose(box, &fresh, .permission = COHERENT_READ_ONLY);
}

int reclaimed_mem(void);
int reclaimed_mem(void)
{
	union mem fresh;

	return coherent_reclaim(&fresh, box);
}

int box_of_reclaim(void);
int box_of_reclaim(void)
{
	union box fresh;

	return coherent_reclaim(mem, &fresh, .idle = true);
}

int mem_zeroed(void);
int mem_zeroed(void)
{
	union mem fresh;

	return coherent_zeroed(&fresh, dev, 4);
}

int mem_from(void);
int mem_from(void)
{
	union mem fresh;

	return coherent_from(&fresh, dev, desc, 4);
}

int mem_init(void);
int mem_init(void)
{
	union mem fresh;

	return coherent_init(&fresh, dev, 4, fill, NULL);
}

int mem_free(void);
int mem_free(void)
{
	union mem fresh;

	coherent_free(&fresh);
	return 0;
}

int target_of_a_move(void);
int target_of_a_move(void)
{
	union mem fresh;

	coherent_move(mem, &fresh);
	return 0;
}

int box_that_is_the_target_of_a_move(void);
int box_that_is_the_target_of_a_move(void)
{
	union box fresh;

	coherent_move(box, &fresh);
	return 0;
}

int source_of_a_move(void);
int source_of_a_move(void)
{
	union mem fresh;

	coherent_move(&fresh, mem);
	return 0;
}

int mem_of_an_exposure(void);
int mem_of_an_exposure(void)
{
	union mem fresh;

	return coherent_expose_all(COHERENT_EXPOSURE(box, mem), COHERENT_EXPOSURE(box + 1, &fresh));
}

int box_of_an_exposure(void);
int box_of_an_exposure(void)
{
	union box fresh;

	return coherent_expose_all(COHERENT_EXPOSURE(box, mem), COHERENT_EXPOSURE(&fresh, mem + 1));
}

int handle_zeroed(void);
int handle_zeroed(void)
{
	struct coherent_handle fresh;

	return coherent_handle_zeroed(&fresh, dev, 4096);
}

int pool_create(void);
int pool_create(void)
{
	union pool fresh;

	return coherent_pool_create(&fresh, dev);
}

int pool_of_a_box(void);
int pool_of_a_box(void)
{
	union pool fresh;

	return coherent_pool_box(&fresh, box);
}

int box_of_a_pool(void);
int box_of_a_pool(void)
{
	union box fresh;

	return coherent_pool_box(pool, &fresh);
}

int from_a_pool(void);
int from_a_pool(void)
{
	union mem fresh;

	return coherent_pool_from(pool, &fresh, &(struct desc){ .a = 1 });
}

int pool_destroy(void);
int pool_destroy(void)
{
	union pool fresh;

	return coherent_pool_destroy(&fresh);
}

int lend_to_a_loan(void);
int lend_to_a_loan(void)
{
	union loan fresh;

	return coherent_lend(box, &fresh, COHERENT_TO_DEVICE);
}

int take_of_a_loan(void);
int take_of_a_loan(void)
{
	union loan fresh;

	return coherent_take(&fresh, box);
}

int member_of_a_struct(void);
int member_of_a_struct(void)
{
	struct driver driver;

	return coherent_expose(box, &driver.mems[1]);
}

int element_of_an_array(void);
int element_of_an_array(void)
{
	union mem fresh[4];

	return coherent_zeroed(&fresh[2], dev, 1);
}

int second_exposure_of_two(void);
int second_exposure_of_two(void)
{
	union mem first = COHERENT_EMPTY, fresh;

	return coherent_expose_all(COHERENT_EXPOSURE(box, &first),
				   COHERENT_EXPOSURE(box + 1, &fresh));
}
