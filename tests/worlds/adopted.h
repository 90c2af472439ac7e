/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * With --adopt the objects of the promises have memory of the test, which it adopts. A file that
 * includes this header allocates boxes and mems in this way. Handles, pools and boxes in place are
 * as before, because they have memory of the library.
 */
#ifndef ADOPTED_H
#define ADOPTED_H

#include <coherent.h>

/* Adopts memory from now on. */
void adopted_begin(void);

/* Returns whether all memory that was adopted came back. */
bool adopted_is_back(void);

/* The same calls as those of coherent/detail/base.h. */
int adopted_box_zeroed(struct coherent_box *box, struct coherent_device *dev, size_t size,
		       const struct coherent_box_options *options, const char *site);
int adopted_box_from(struct coherent_box *box, struct coherent_device *dev, const void *src,
		     const unsigned char *mask, size_t size,
		     const struct coherent_box_options *options, const char *site);
int adopted_zeroed(struct coherent_mem *mem, struct coherent_device *dev, size_t size,
		   const struct coherent_mem_options *options, const char *site);
int adopted_from(struct coherent_mem *mem, struct coherent_device *dev, const void *src,
		 const unsigned char *mask, size_t size, const struct coherent_mem_options *options,
		 const char *site);
int adopted_init_begin(const struct coherent_mem *mem, struct coherent_box *box,
		       struct coherent_device *dev, size_t count, size_t size,
		       const struct coherent_mem_options *options, const char *site);

#ifndef ADOPTED_CALLS_THE_LIBRARY
#define coherent_base_box_zeroed(...) adopted_box_zeroed(__VA_ARGS__)
#define coherent_base_box_from(...) adopted_box_from(__VA_ARGS__)
#define coherent_base_zeroed(...) adopted_zeroed(__VA_ARGS__)
#define coherent_base_from(...) adopted_from(__VA_ARGS__)
#define coherent_base_init_begin(...) adopted_init_begin(__VA_ARGS__)
#endif

#endif
