// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * mimalloc. The program loads it, because a linked mimalloc would replace malloc() everywhere.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "peer.h"

static void *(*zalloc_aligned)(size_t bytes, size_t align);

static void *zeroed(size_t bytes)
{
	return zalloc_aligned(bytes, bytes < 4096 ? 64 : 4096);
}

const struct peer *peer_mimalloc(void)
{
	static struct peer peer = { "mi_zalloc_aligned", zeroed, NULL };
	void *library;

	if (peer.free)
		return &peer;
	library = dlopen("libmimalloc.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fputs("bench: skipped mimalloc: libmimalloc2.0 is not installed\n", stderr);
		return NULL;
	}
	*(void **)&zalloc_aligned = dlsym(library, "mi_zalloc_aligned");
	*(void **)&peer.free = dlsym(library, "mi_free");
	return zalloc_aligned && peer.free ? &peer : NULL;
}
