// SPDX-License-Identifier: GPL-2.0-only OR MIT
#define ADOPTED_CALLS_THE_LIBRARY
#include "adopted.h"

#include <string.h>
#include <sys/mman.h>

#include "../test.h"

/* Larger requests are there to fail, and have no memory. */
#define BYTES_MAX ((size_t)1 << 30)

static bool adopts;
static unsigned int taken, back;

/* The size in front of the memory is in a page of its own. */
static void *get_memory(size_t bytes)
{
	const size_t all = PAGE + (bytes + PAGE - 1) / PAGE * PAGE;
	char *memory = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_ok(madvise(memory, all, MADV_DONTFORK));
	memcpy(memory, &all, sizeof(all));
	return memory + PAGE;
}

static void put_memory(void *memory)
{
	char *const first = (char *)memory - PAGE;
	size_t all;

	memcpy(&all, first, sizeof(all));
	assert_ok(munmap(first, all));
}

/* The device must not reach the memory any more: a device that does ends the test. */
static void come_back(void *memory, void *arg)
{
	(void)arg;
	back++;
	put_memory(memory);
}

void adopted_begin(void)
{
	adopts = true;
}

bool adopted_is_back(void)
{
	return taken == back;
}

/* Returns the size of a request that can have memory of the test; otherwise 0. */
static size_t bytes_of(size_t count, size_t size, bool in_place)
{
	size_t bytes;

	if (!adopts || in_place || __builtin_mul_overflow(count, size, &bytes) || bytes > BYTES_MAX)
		return 0;
	return bytes;
}

static int adopt(struct coherent_box *box, struct coherent_device *dev, size_t size,
		 const struct coherent_box_options *options, const char *site)
{
	const struct coherent_adopt_options adopt = {
		COHERENT_SIZED(coherent_adopt_options),
		.count = options->count,
		.attrs = options->attrs,
		.level = options->level,
		.align = options->align,
		.boundary = options->boundary,
		.tail = true,
		.copy = true,
		.release = come_back,
	};
	void *memory = get_memory(options->count * size);
	int err = coherent_base_box_adopt(box, dev, memory, size, &adopt, site);

	taken += !err;
	if (err)
		put_memory(memory);
	return err;
}

int adopted_box_zeroed(struct coherent_box *box, struct coherent_device *dev, size_t size,
		       const struct coherent_box_options *options, const char *site)
{
	return bytes_of(options->count, size, options->in_place) ?
		       adopt(box, dev, size, options, site) :
		       coherent_base_box_zeroed(box, dev, size, options, site);
}

/* Copies without the padding of each element. */
static void fill(char *to, const char *from, const unsigned char *mask, size_t count, size_t size)
{
	for (size_t i = 0; i < count * size; i++)
		to[i] = mask[i % size] ? from[i] : 0;
}

int adopted_box_from(struct coherent_box *box, struct coherent_device *dev, const void *src,
		     const unsigned char *mask, size_t size,
		     const struct coherent_box_options *options, const char *site)
{
	int err;

	if (!src || !bytes_of(options->count, size, options->in_place))
		return coherent_base_box_from(box, dev, src, mask, size, options, site);
	err = adopt(box, dev, size, options, site);
	if (!err)
		fill(box->va, src, mask, options->count, size);
	return err;
}

static struct coherent_box_options box_options(const struct coherent_mem_options *options,
					       size_t count)
{
	return (struct coherent_box_options){
		COHERENT_SIZED(coherent_box_options),
		.count = count,
		.attrs = options->attrs,
		.level = options->level,
		.align = options->align,
		.boundary = options->boundary,
	};
}

static int expose(struct coherent_box *box, struct coherent_mem *mem,
		  const struct coherent_mem_options *options)
{
	const struct coherent_expose_options expose = {
		COHERENT_SIZED(coherent_expose_options), .mem = mem,
		.permission = options->permission,	 .seal = options->seal,
		.seal_arg = options->seal_arg,
	};

	return coherent_base_expose(box, &expose);
}

/* The library checks the permission and the output before it allocates. */
static bool can_adopt(const struct coherent_mem *mem, size_t count, size_t size,
		      const struct coherent_mem_options *options)
{
	return !mem->object && options->permission <= COHERENT_READ_ONLY &&
	       bytes_of(count, size, options->in_place);
}

int adopted_zeroed(struct coherent_mem *mem, struct coherent_device *dev, size_t size,
		   const struct coherent_mem_options *options, const char *site)
{
	const struct coherent_box_options for_box = box_options(options, options->count);
	struct coherent_box box = { .va = NULL };
	int err;

	if (!can_adopt(mem, options->count, size, options))
		return coherent_base_zeroed(mem, dev, size, options, site);
	err = adopt(&box, dev, size, &for_box, site);
	return err ? err : expose(&box, mem, options);
}

int adopted_from(struct coherent_mem *mem, struct coherent_device *dev, const void *src,
		 const unsigned char *mask, size_t size, const struct coherent_mem_options *options,
		 const char *site)
{
	const struct coherent_box_options for_box = box_options(options, options->count);
	struct coherent_box box = { .va = NULL };
	int err;

	if (!src || !can_adopt(mem, options->count, size, options))
		return coherent_base_from(mem, dev, src, mask, size, options, site);
	err = adopted_box_from(&box, dev, src, mask, size, &for_box, site);
	return err ? err : expose(&box, mem, options);
}

int adopted_init_begin(const struct coherent_mem *mem, struct coherent_box *box,
		       struct coherent_device *dev, size_t count, size_t size,
		       const struct coherent_mem_options *options, const char *site)
{
	const struct coherent_box_options for_box = box_options(options, count);

	if (!can_adopt(mem, count, size, options))
		return coherent_base_init_begin(mem, box, dev, count, size, options, site);
	*box = (struct coherent_box){ .va = NULL };
	return adopt(box, dev, size, &for_box, site);
}
