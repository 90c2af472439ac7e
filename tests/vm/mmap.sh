#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Runs mmap_user.c while the module coherent_mmap is loaded, then again with the other level, if
# there are two. Without an IOMMU a large object may be missing.
level=/sys/module/coherent_mmap/parameters/level
if [ "$(cat $level)" = 4 ]; then
	/mmap_user || exit 1
	rmmod coherent_mmap && insmod /coherent_mmap.ko level=2 || exit 1
	/mmap_user
else
	/mmap_user small
fi
