// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The flags have a page of their own, because the kernel clears whole pages at a fork. The page is
 * populated at once, so that a lack of memory shows at the open.
 */
#include "base/alive.h"
#include "base/sys.h"

int alive_open(struct alive **alive)
{
	void *page;
	int err;

	/*
	 * madvise(2) wipes only private anonymous memory on a fork, and only whole pages. With
	 * memory of malloc() its neighbours on the page would be wiped too.
	 */
	err = sys_map(sys_page_bytes(), MAP_POPULATE, &page);
	if (err)
		return err;
	err = sys_advise(page, sys_page_bytes(), MADV_WIPEONFORK);
	if (err) {
		sys_unmap(page, sys_page_bytes());
		return err;
	}
	*alive = page;
	atomic_init(&(*alive)->ours, true);
	atomic_init(&(*alive)->open, false);
	return 0;
}

void alive_close(struct alive *alive)
{
	sys_unmap(alive, sys_page_bytes());
}
