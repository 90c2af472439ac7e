/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the mock share: which descriptor is which node, and the ioctls of a node,
 * which return what the kernel returns: negative for an error.
 */
#ifndef MOCK_FILE_H
#define MOCK_FILE_H

#include "mock.h"

#define MOCK_FILES_MAX 1024
/* Where the configuration space is in the file of a device. */
#define CONFIG_OFFSET (VFIO_PCI_CONFIG_REGION_INDEX * MOCK_REGION_BYTES)

enum node { NODE_NONE, NODE_CONTAINER, NODE_GROUP, NODE_DEVICE, NODE_IOMMU, NODE_PAGEMAP };

/**
 * struct mock_file - An open descriptor.
 * @node: Which kind of node it is.
 * @noiommu: A group without an IOMMU, or a container of such a group.
 * @joined: A container has a group.
 * @container: The container of a group; 0 if it has none.
 * @iommu: What VFIO_SET_IOMMU made of a container; 0 before that call.
 * @granted: A device answers: its group gave it out, or it was bound to iommufd.
 */
struct mock_file {
	enum node node;
	bool noiommu;
	bool joined;
	int container;
	unsigned long iommu;
	bool granted;
};

/* By descriptor. */
extern struct mock_file mock_files[MOCK_FILES_MAX];

ssize_t __real_pread64(int fd, void *to, size_t bytes, off_t offset);

int mock_container_ioctl(struct mock_file *container, unsigned long request, void *arg);
int mock_iommu_ioctl(unsigned long request, void *arg);
int mock_device_ioctl(int fd, unsigned long request, void *arg);

#endif
