// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Each function initialises its objects, and each does it in another way. No compiler may warn. */
#include "user.h"

static void clear(void *bytes, size_t count)
{
	memset(bytes, 0, count);
}

static void empty(union mem *fresh)
{
	*fresh = (union mem)COHERENT_EMPTY;
}

static int zero_one(struct driver *driver)
{
	union mem *one = &driver->mems[3];

	return coherent_zeroed(one, dev, 1);
}

int with_empty(void);
int with_empty(void)
{
	union box first = COHERENT_EMPTY;
	union mem second = COHERENT_EMPTY;
	int err = coherent_box_zeroed(&first, dev, 4);

	return err ? err : coherent_expose(&first, &second);
}

int lent(void);
int lent(void)
{
	COHERENT_LOAN_AUTO(struct desc, first);
	union loan second = COHERENT_EMPTY;
	int err = coherent_lend(box, &first, COHERENT_TO_DEVICE);

	return err ? err : coherent_take(&second, box);
}

int with_zero(void);
int with_zero(void)
{
	union box first = { 0 };
	union mem second = { 0 };
	int err = coherent_box_zeroed(&first, dev, 4);

	return err ? err : coherent_expose(&first, &second, .permission = COHERENT_READ_ONLY);
}

int with_memset(void);
int with_memset(void)
{
	union box first;
	union mem second;
	int err;

	memset(&first, 0, sizeof(first));
	clear(&second, sizeof(second));
	err = coherent_box_zeroed(&first, dev, 4);
	return err ? err : coherent_expose(&first, &second);
}

int with_a_loop_over_the_bytes(void);
int with_a_loop_over_the_bytes(void)
{
	union mem fresh;

	for (size_t i = 0; i < sizeof(fresh); i++)
		((volatile char *)&fresh)[i] = 0;
	return coherent_zeroed(&fresh, dev, 1);
}

int with_static_storage(void);
int with_static_storage(void)
{
	static _Thread_local union box first;
	static union mem second;
	int err = coherent_box_zeroed(&first, dev, 4);

	return err ? err : coherent_expose(&first, &second);
}

int with_calloc(void);
int with_calloc(void)
{
	struct driver *driver = calloc(1, sizeof(*driver));
	int err;

	if (!driver)
		return -ENOMEM;
	err = coherent_box_zeroed(&driver->box, dev, 4);
	if (!err)
		err = coherent_expose(&driver->box, &driver->mems[2]);
	coherent_free(&driver->mems[2]);
	free(driver);
	return err;
}

int with_malloc_and_memset(void);
int with_malloc_and_memset(void)
{
	union mem *fresh = malloc(sizeof(*fresh));
	int err;

	if (!fresh)
		return -ENOMEM;
	memset(fresh, 0, sizeof(*fresh));
	err = coherent_zeroed(fresh, dev, 1);
	coherent_free(fresh);
	free(fresh);
	return err;
}

int with_auto(void);
int with_auto(void)
{
	COHERENT_BOX_AUTO(struct desc, first);
	COHERENT_AUTO(struct desc, second);
	COHERENT_HANDLE_AUTO(handle);
	int err = coherent_box_zeroed(&first, dev, 4);

	if (!err)
		err = coherent_handle_zeroed(&handle, dev, 4096);
	return err ? err : coherent_expose(&first, &second);
}

int of_the_caller(struct driver *driver, union mem *other);
int of_the_caller(struct driver *driver, union mem *other)
{
	int err = coherent_pool_create(&driver->pool, dev);

	if (!err)
		err = coherent_pool_box(&driver->pool, &driver->box);
	coherent_move(&driver->mems[0], other);
	return err ? err : coherent_expose(&driver->box, driver->mems);
}

int in_a_callee(void);
int in_a_callee(void)
{
	union box first;
	union mem second;

	start_box(&first);
	start_mem(&second);
	return coherent_expose(&first, &second);
}

int in_a_callee_that_is_inlined(void);
int in_a_callee_that_is_inlined(void)
{
	union mem fresh;

	empty(&fresh);
	return coherent_init(&fresh, dev, 4, fill, NULL);
}

int in_a_callee_with_the_whole_struct(void);
int in_a_callee_with_the_whole_struct(void)
{
	struct driver driver;

	start_driver(&driver);
	return coherent_reclaim(&driver.mems[1], &driver.box, .idle = true);
}

int beside_other_members(void);
int beside_other_members(void)
{
	struct driver driver = { .number = 1 };
	int err = coherent_handle_zeroed(&driver.handle, dev, 4096);

	if (!err)
		err = coherent_pool_create(&driver.pool, dev);
	if (!err)
		err = coherent_box_zeroed(&driver.box, dev, 4);
	if (!err)
		err = coherent_expose(&driver.box, &driver.mems[1]);
	return err ? err : zero_one(&driver);
}

int by_assignment(void);
int by_assignment(void)
{
	const struct driver model = { .number = 1 };
	struct driver driver, other;
	int err;

	driver = model;
	other.box = (union box)COHERENT_EMPTY;
	memcpy(&other.mems[0], &(union mem)COHERENT_EMPTY, sizeof(other.mems[0]));
	err = coherent_box_zeroed(&driver.box, dev, 4);
	coherent_move(&driver.box, &other.box);
	return err ? err : coherent_expose(&other.box, &other.mems[0]);
}

int all_elements(int count);
int all_elements(int count)
{
	union mem fresh[8];
	int err = 0, i;

	for (i = 0; i < count && i < 8 && !err; i++) {
		fresh[i] = (union mem)COHERENT_EMPTY;
		err = coherent_zeroed(&fresh[i], dev, 1);
	}
	while (i--)
		coherent_free(&fresh[i]);
	return err;
}

int one_of_two(int second);
int one_of_two(int second)
{
	union box boxes[2] = { COHERENT_EMPTY, COHERENT_EMPTY };
	union mem mems[2] = { COHERENT_EMPTY, COHERENT_EMPTY };
	int err = coherent_box_zeroed(second ? &boxes[1] : &boxes[0], dev, 1);

	if (err)
		return err;
	err = coherent_box_zeroed(second ? boxes : boxes + 1, dev, 1);
	if (err)
		goto free_boxes;
	return coherent_expose_all(COHERENT_EXPOSURE(&boxes[0], &mems[0]),
				   COHERENT_EXPOSURE(&boxes[1], mems + 1,
						     .permission = COHERENT_READ_ONLY));

free_boxes:
	coherent_box_free(&boxes[0]);
	coherent_box_free(&boxes[1]);
	return err;
}

int only_if_it_is_used(int wanted);
int only_if_it_is_used(int wanted)
{
	union mem fresh;
	int err = 0;

	if (wanted)
		empty(&fresh);
	start_driver(NULL);
	if (wanted) {
		err = coherent_zeroed(&fresh, dev, 1);
		coherent_free(&fresh);
	}
	return err;
}

int in_one_of_three_ways(int way);
int in_one_of_three_ways(int way)
{
	union mem fresh;

	switch (way) {
	case 0:
		empty(&fresh);
		break;
	case 1:
		start_mem(&fresh);
		break;
	default:
		return -EINVAL;
	}
	return coherent_zeroed(&fresh, dev, 1);
}
