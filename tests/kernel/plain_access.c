// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Sparse refuses the accesses in this file. build.py expects a complaint for each line
 * with a comment that begins with "refused:", and for no other line.
 */
#include <linux/module.h>

#include <coherent.h>

struct element {
	u32 value;
};

/* A driver that was not converted may have this. The variable must have the type of the field. */
struct raw_element {
	__le32 value;
};

COHERENT_TYPE(elements, struct element);
COHERENT_TYPE(raw_elements, struct raw_element);

static u32 plain_load(const union elements *mem)
{
	return coherent_unsafe_ptr(mem)->value; /* refused: dereference of noderef */
}

static void plain_store(const union elements *mem)
{
	coherent_unsafe_ptr(mem)->value = 1; /* refused: dereference of noderef */
}

static const void *plain_pointer(const union elements *mem)
{
	return (const void *)coherent_unsafe_ptr(mem); /* refused: removes address space */
}

static char *base_pointer(const union elements *mem)
{
	return mem->base.va; /* refused: different address spaces */
}

static char *object_pointer(const union elements *mem)
{
	return mem->base.object.va; /* refused: different address spaces */
}

static u32 accessor(const union elements *mem)
{
	u32 value = 0;
	int err = coherent_read(mem, 0, .value, &value);

	return err ? 0 : value;
}

static u32 raw_read(const union raw_elements *mem)
{
	u32 value = 0;
	int err = coherent_read(mem, 0, .value, &value); /* refused: different base types */

	return err ? 0 : value;
}

static u32 raw_poll(const union raw_elements *mem)
{
	u32 value = 0;
	int err = coherent_poll(mem, 0, .value, &value, value & 1, 100); /* refused: base types */

	return err ? 0 : value;
}

static __le32 raw_accessor(const union raw_elements *mem)
{
	__le32 value = 0;
	int err = coherent_read(mem, 0, .value, &value);

	return err ? 0 : value;
}

static int __init plain_access_init(void)
{
	static union elements mem = COHERENT_EMPTY;
	static union raw_elements raw = COHERENT_EMPTY;

	plain_store(&mem);
	return plain_pointer(&mem) || base_pointer(&mem) || object_pointer(&mem) ||
	       plain_load(&mem) + accessor(&mem) || raw_read(&raw) || raw_poll(&raw) ||
	       raw_accessor(&raw);
}
module_init(plain_access_init);

MODULE_LICENSE("Dual MIT/GPL");
