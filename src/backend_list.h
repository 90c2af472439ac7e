/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The backends, in the order in which reports list their schemes. BACKEND(name) stands for
 * "struct backend_ops backend_name". The file that includes this one defines BACKEND(), and may
 * include it more than once.
 */
BACKEND(sim)
BACKEND(vfio)
BACKEND(iommufd)
BACKEND(pci)
BACKEND(vhost_user)
BACKEND(qemu)
