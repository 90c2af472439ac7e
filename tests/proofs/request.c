// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An allocation that request_check() accepts gives the address space a request that keeps the
 * rules of iova.h, for all values of 64 bits and for pages of 4 and of 64 KiB.
 *
 * The product of count and size is left open: it may be any number, or overflow. That saves a
 * multiplication of 64 bits, which a model checker cannot do in time.
 */
#include "proof.h"
#define __builtin_mul_overflow(a, b, product) (*(product) = any_u64(), any_bool())
#include "memory/request.c"
#undef __builtin_mul_overflow

/* refuse.c has this. It reports and returns the error. */
int refuse(struct object_store *store, int err, const char *at, const char *format, ...)
{
	(void)store;
	(void)at;
	(void)format;
	return err;
}

int main(void)
{
	const struct alloc_request request = {
		.count = any_u64(),
		.size = any_u64(),
		.attrs = any_uint(),
		.align = any_u64(),
		.boundary = any_u64(),
		.level = (enum coherent_level)any_uint(),
	};
	const uint64_t page = any_bool() ? 4096 : 65536;
	struct iova_want want;
	size_t bytes;
	int err = request_check(NULL, &request, &bytes);

	prove(err == 0 || err == -EINVAL || err == -ENOMEM, "an error is one of the contract");
	if (err)
		return 0;
	prove(request.count && request.size, "there is something to allocate");
	prove(bytes <= PTRDIFF_MAX, "the size is that of an object of C");
	prove(!request.align || is_power(request.align), "the alignment is a power of two");
	prove(!request.boundary || is_power(request.boundary), "so is the boundary");
	prove(request.level <= COHERENT_IOMMU, "the level exists");
	/* Count and size are not 0 and the product did not overflow. */
	assume(bytes);
	request_want(&request, bytes, page, &want);
	prove(want.bytes >= bytes && want.bytes - bytes < page, "the size is rounded up to pages");
	prove(want.bytes && !(want.bytes % page), "the size is a multiple of pages");
	prove(is_power(want.align) && want.align >= page, "the alignment is at least a page");
	prove(want.align >= request.align, "the alignment is at least what was asked for");
	prove(!want.boundary || is_power(want.boundary), "the boundary is a power of two");
	prove(!want.boundary || want.boundary >= want.bytes, "the boundary is at least the size");
	prove(!request.boundary || want.boundary == request.boundary ||
		      (request.boundary < page && want.boundary == page),
	      "the boundary is what was asked for, or a page that is within it");
	return 0;
}
