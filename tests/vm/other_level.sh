#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Loads the test of the kernel face again, with the other level.
rmmod coherent_test && insmod /coherent_test.ko level=2
