/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The backends, in the order in which reports list their schemes. BACKEND(folder, name) stands for
 * "struct backend_ops backend_name", which a file in that folder of src/ defines. The file that
 * includes this one defines BACKEND(), and may include it more than once. src/meson.build reads
 * the folders from these lines.
 */
BACKEND(sim, sim)
BACKEND(vfio, vfio)
BACKEND(vfio, iommufd)
BACKEND(vfio, pci)
BACKEND(vhost_user, vhost_user)
BACKEND(vfio_user, vfio_user)
BACKEND(qemu, qemu)
BACKEND(fabric, fabric)
