/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The parts of linux/vfio.h and linux/iommufd.h that the headers of Debian 12 (Linux 6.1) do not
 * have: the VFIO cdev (6.6) and iommufd (6.2). The layouts are those of the kernel.
 */
#ifndef VFIO_UAPI_H
#define VFIO_UAPI_H

#include <linux/vfio.h>
#include <stdint.h>

struct uapi_bind_iommufd {
	uint32_t argsz;
	uint32_t flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct uapi_attach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pt_id;
};

struct uapi_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_ioas_id;
};

struct uapi_iova_range {
	uint64_t start;
	uint64_t last;
};

struct uapi_ioas_iova_ranges {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas;
	uint32_t reserved;
	uint64_t allowed_iovas;
	uint64_t out_iova_alignment;
};

struct uapi_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t user_va;
	uint64_t length;
	uint64_t iova;
};

struct uapi_ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova;
	uint64_t length;
};

#define UAPI_IOAS_MAP_FIXED_IOVA (1u << 0)
#define UAPI_IOAS_MAP_WRITEABLE (1u << 1)
#define UAPI_IOAS_MAP_READABLE (1u << 2)

#define UAPI_DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#define UAPI_DEVICE_ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
#define UAPI_IOAS_ALLOC _IO(';', 0x81)
#define UAPI_IOAS_IOVA_RANGES _IO(';', 0x84)
#define UAPI_IOAS_MAP _IO(';', 0x85)
#define UAPI_IOAS_UNMAP _IO(';', 0x86)

#endif
