/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The program mmap_user.c gives these commands to the driver mmap_pci.c, with ioctl(). The driver has
 * two mems, A and B. A page of the file from MMAP_B on is a page of B, and one from MMAP_BAR on is of
 * the device's registers. All are in one file, and the driver subtracts MMAP_B or MMAP_BAR. So pages of
 * A, B and the registers begin with the same offset in the VMAs.
 */
#ifndef MMAP_CALLS_H
#define MMAP_CALLS_H

#define MMAP_FILE "/dev/coherent_mmap"
#define MMAP_DRIVER "/sys/bus/pci/drivers/coherent_mmap"
#define MMAP_DEVICE "0000:00:01.0"
#define MMAP_B 100000
#define MMAP_B_PAGES 2
#define MMAP_BAR 200000
/* The first register of the device. */
#define MMAP_BAR_ID 0x010000edu
/* The driver fills each page with one byte: these plus the number of the page, modulo 16. */
#define MMAP_A_BYTE 0x10
#define MMAP_B_BYTE 0x20
/* The driver fills the memory of those that get a page after A with this. */
#define MMAP_NEXT_BYTE 0xee
/* MMAP_POKE writes this. */
#define MMAP_POKED 0x77

/*
 * MMAP_NEW makes A with @arg pages, and B. MMAP_NEW_ATOMIC makes A with GFP_ATOMIC. MMAP_PEEK returns
 * the second byte of a page of A, and MMAP_POKE writes it. MMAP_FREE_ATOMIC returns -EIO if A's page belongs to
 * somebody else at once. MMAP_NEXT makes others that may get A's pages, and fills them. MMAP_IS_KEPT
 * returns -EIO if somebody has written to them.
 */
enum mmap_call {
	MMAP_NEW = 0x4d00,
	MMAP_NEW_ATOMIC,
	MMAP_PEEK,
	MMAP_POKE,
	MMAP_FREE,
	MMAP_FREE_ATOMIC,
	MMAP_RECLAIM,
	MMAP_RECLAIM_ATOMIC,
	MMAP_EXPOSE,
	MMAP_MOVE,
	MMAP_MANAGE,
	MMAP_NEXT,
	MMAP_IS_KEPT,
};

#endif
