/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The files of the mock share this table of descriptors and the ioctls of the nodes. An ioctl
 * returns what the kernel returns, which is negative for an error.
 */
#ifndef MOCK_FILE_H
#define MOCK_FILE_H

#include "mock.h"

#define MOCK_FILES_MAX 1024
/* The offset of the configuration space in the file of a device. */
#define CONFIG_OFFSET (VFIO_PCI_CONFIG_REGION_INDEX * MOCK_REGION_BYTES)

enum node { NODE_NONE, NODE_CONTAINER, NODE_GROUP, NODE_DEVICE, NODE_IOMMU, NODE_PAGEMAP };

/**
 * struct mock_file - An open descriptor.
 * @node: The kind of node.
 * @noiommu: Whether it is a group without an IOMMU, or the container of such a group.
 * @joined: Whether a container has a group.
 * @container: The container of a group; 0 if it has none.
 * @iommu: The type that VFIO_SET_IOMMU gave a container; 0 before that call.
 * @granted: Whether a device answers, because its group gave it out or it is bound to iommufd.
 */
struct mock_file {
	enum node node;
	bool noiommu;
	bool joined;
	int container;
	unsigned long iommu;
	bool granted;
};

/* The index is the descriptor. */
extern struct mock_file mock_files[MOCK_FILES_MAX];

ssize_t __real_pread64(int fd, void *to, size_t bytes, off_t offset);

int mock_container_ioctl(struct mock_file *container, unsigned long request, void *arg);
int mock_iommu_ioctl(unsigned long request, void *arg);
int mock_device_ioctl(int fd, unsigned long request, void *arg);

#endif
