// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kinds of options that calls on memory take.
 */
#include <coherent/fabric.h>
#include <coherent/pool.h>
#include <coherent/share.h>

#include "memory/options.h"
#include "memory/refuse.h"

#define KIND(type, positional)                                                \
	{                                                                     \
#type, sizeof(struct type), SIZED_TO(struct type, positional) \
	}

const struct options_kind options_of_box = KIND(coherent_box_options, count);
const struct options_kind options_of_expose = KIND(coherent_expose_options, mem);
const struct options_kind options_of_reclaim = KIND(coherent_reclaim_options, box);
const struct options_kind options_of_mem = KIND(coherent_mem_options, count);
const struct options_kind options_of_handle = KIND(coherent_handle_options, bytes);
const struct options_kind options_of_adopt = KIND(coherent_adopt_options, count);
const struct options_kind options_of_handle_adopt = KIND(coherent_handle_adopt_options, count);
const struct options_kind options_of_share = KIND(coherent_share_options, twin);
const struct options_kind options_of_fabric = KIND(coherent_fabric_options, timeout_ns);
const struct options_kind options_of_pool = KIND(coherent_pool_options, dev);

int options_read(const void *options, void *copy, const struct options_kind *kind,
		 struct object_store *store, const char *at)
{
	const size_t given = *(const uint32_t *)options;
	char reason[SIZED_REASON_BYTES];
	int err;

	err = sized_read(copy, kind->bytes, options, given, kind->least);
	if (!err)
		return 0;
	return refuse(store, err, at, "%s",
		      sized_explain(reason, err, kind->name, given, kind->bytes));
}
