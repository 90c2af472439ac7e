/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Devices in userspace. A driver opens a device by its name, asks what it can
 * do, and fences, resets and closes it. coherent_device_open() lists the kinds of
 * devices. coherent/lookup.h says which of its accesses were refused.
 *
 * In the kernel the bus does all this. There a struct coherent_device is a struct
 * device, and coherent/kernel.h has what is different.
 */
#ifndef COHERENT_DEVICE_H
#define COHERENT_DEVICE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <coherent/detail/device_base.h>
#include <coherent/detail/sim_model.h>
#include <coherent/lookup.h>

COHERENT_C_BEGIN

/**
 * enum coherent_severity - How bad a report is.
 * @COHERENT_ERROR: Something was lost or refused.
 * @COHERENT_WARNING: The program can go on, but not in the way that it asked for.
 * @COHERENT_INFO: Useful to know.
 */
enum coherent_severity {
	COHERENT_ERROR,
	COHERENT_WARNING,
	COHERENT_INFO,
} COHERENT_32_BITS;

struct coherent_event;
/* Types of libfabric, whose headers only a driver needs that hands such objects over. */
struct fi_info;
struct fid_domain;
struct fid_ep;

/**
 * struct coherent_open_options - Options of coherent_device_open().
 * @struct_size: Do not set this. The macro sets it to the size of the struct.
 * @level: The lowest level that the caller accepts; 0 for COHERENT_HIDDEN.
 * @name: The name of the device.
 * @COHERENT_NAMES: Do not set this.
 * @report: A callback that gets each report: one line without a newline. NULL for
 *	no reports. Any thread may call it, and it must not call the library. The
 *	library may call it as long as the device or one of its objects, BARs or
 *	interrupts exists.
 * @report_arg: The first argument of @report.
 * @hugepages: Take memory from hugepages of 2 MiB. If too few are left for a request,
 *	ordinary pages serve it. A later request that is smaller may get hugepages again.
 *	The library reports the first time. On a device with 39 address bits, objects of
 *	2 MiB or more get addresses that are multiples of 2 MiB while there are some, so
 *	that an IOMMU can use large entries. vhost-user:, qemu: and the key files of
 *	vfio-user: refuse @hugepages, @gigapages and @nodes, because files are the memory.
 * @gigapages: The same with hugepages and multiples of 1 GiB. If too few are left and
 *	@hugepages is set, the library tries those of 2 MiB.
 * @bus_master_at_open: Only for vfio:, iommufd: and pci: names, without @container and
 *	@iommufd. The device may use DMA from the open on. Otherwise it becomes bus
 *	master when its first object is exposed, or its first MSI or MSI-X vector is
 *	opened, so that the driver can stop it before.
 * @harden: Find mistakes of the driver, at the cost of time and memory. The
 *	environment variable COHERENT_HARDEN=1 does the same for all devices of a
 *	program, unless the program has raised rights. These accesses raise SIGSEGV:
 *	through a pointer of coherent_box_ptr() after its box was exposed or freed, to a
 *	mem after it was freed, unless it was of a pool, and behind the last page of an
 *	object. The library handles the signal: a line on standard error names the
 *	object, its state, and the lines of the program that allocated, ended and
 *	accessed it. addr2line(1) finds the last two. Then a handler that the program
 *	had set before gets the signal. Under Valgrind, or if the program is built with
 *	-fsanitize=memory, a report says at coherent_expose() how many bytes of a box
 *	the driver never wrote. They are zero, but the tool also reports code that
 *	depends on them. If the driver is built with -DCOHERENT_HARDEN, a report names
 *	both lines that read the same bytes of a mem without an ordering point in
 *	between. Each box of a pool takes two pages, and there are no hugepages.
 *	Pointers into boxes in place are not found.
 * @reserved: Do not set this.
 * @model: Only for sim:custom, which needs it. The device model.
 * @model_arg: The last argument of the model's callbacks.
 * @model_size: Do not set this. The macro sets it to the size of a model.
 * @container: Only for vfio: and pci: names. A VFIO container that already has an IOMMU
 *	(type1v2); 0 for none. The library uses only the named device and the addresses in
 *	@window, and unmaps only these at the close. The caller still owns the
 *	container.
 * @iommufd: Only for iommufd: and pci: names. An iommufd that contains @ioas; 0 for none.
 *	The caller still owns both.
 * @ioas: The ID of an IOAS in @iommufd.
 * @device_fd: Only with @container or @iommufd. The device, already attached to it.
 *	The library uses a copy of the descriptor for registers and interrupts, and the
 *	caller still owns the original. The caller decides whether the device is bus
 *	master. A fence resets the device, also if the caller uses it too. 0 for none:
 *	then a fence does nothing, and coherent_device_reset() returns -EIO.
 * @window: Only with @container or @iommufd. The device addresses that the library
 *	may use, in whole pages. No other program or driver may map there. The first
 *	object is at a random page of the lowest quarter, so the other three quarters
 *	stay in one piece.
 * @window.first: The first address.
 * @window.last: The last address.
 * @socket_fd: Only for the names vhost-user: and vfio-user: without a path. A connected
 *	socket; 0 for none. The caller still owns it, but the connection ends with the
 *	device. The library cannot connect again. So a device of vhost-user: has no
 *	fence and no reset, and one of vfio-user: has none after the peer hung up.
 * @listen_fd: Only for the names vhost-user: and vfio-user: without a path. A listening
 *	socket that the peer connects to; 0 for none. The caller still owns it. The
 *	library makes it non-blocking, so that the timeout holds if somebody else
 *	accepts a connection. It also turns off the socket's SO_PASSRIGHTS (Linux 6.16),
 *	so that a peer cannot send descriptors before the library accepts its connection. Neither is
 *	undone. A connection that the program itself accepts does not get descriptors
 *	either, and the program can turn the option on for it.
 * @nodes: Take memory from these NUMA nodes, one bit for each; 0 for any node. If
 *	they have too little left for a request, the library uses other nodes for it, and
 *	reports the first time. It uses small pages of these nodes before it uses hugepages
 *	of others.
 * @trace: A callback that gets each event of coherent/trace.h. NULL for none. The rules
 *	are those of @report. Calls may overlap, and the event is valid until the
 *	callback returns. The device gets slower: objects of pools have no fast path.
 * @trace_arg: The first argument of @trace.
 * @ledger: A file that records what is exposed to the device, and when. It leaves out
 *	what is exposed to another device .beside it, which needs a .ledger of its own.
 *	Without the option, the environment variable COHERENT_LEDGER names it. In the name,
 *	%p becomes the process ID, and %% becomes %. If it is a ledger already, the new
 *	records follow those that it has. Several devices and programs may write to one
 *	file. If the file cannot be opened, the open of the device fails; with the variable,
 *	a report says so. Each object has its range, its permission, the file and line that
 *	allocated it, the times at which the device could reach it, and the reason of the
 *	end. If the program is killed, its last record may be missing. If the file cannot
 *	grow later, a report says so. Nobody may shorten the file while it is open. A forked
 *	child writes nothing, and a program with raised rights ignores the variable.
 *	"coherent ledger" reads the file. Objects of pools have no fast path.
 * @beside: Only for sim:, vfio:, iommufd: and pci: names. An open device whose address
 *	space this one shares: the VFIO container, the IOAS, or the simulator's IOMMU.
 *	NULL for none. Each of the devices can reach what is exposed to the other one,
 *	with the permission that it was exposed with, but no box. Two functions of one
 *	IOMMU group can be open in one process only like this. The new device gets half
 *	of the largest range of addresses that the others have free, so their objects
 *	never have one address. coherent_device_set_mask() looks for such a range under
 *	the mask. coherent_device_limits() has the ranges of a device. The devices may
 *	be closed in any order, and the last close ends the address space. A device gets
 *	the free addresses of one that is closed. The memory of the first device stays
 *	allocated until all are closed.
 * @qemu_args: Only for qemu: names. Arguments for QEMU, with NULL after the last one: what the
 *	model needs besides itself, such as a network or a disk. Each is -audiodev, -blockdev,
 *	-chardev, -device, -drive, -fsdev, -netdev or -object, and its value follows it.
 *	The strings are used during the open only. NULL for none.
 * @domain: Only for fabric: names, which then name the provider and have no keys. A domain of
 *	libfabric that the caller has opened; NULL for none. The library registers the mems
 *	in it, and opens nothing else. The caller owns the domain and closes it after the
 *	device. The caller opens the endpoints that peers use, makes progress, and transfers
 *	by its own calls of libfabric. coherent_fabric_connect() and
 *	coherent_fabric_progress() return -EOPNOTSUPP. If the domain is not FI_THREAD_SAFE,
 *	no thread uses it during a call that allocates, exposes, reclaims, frees or closes.
 * @endpoint: Only with @domain. An endpoint of it, which stays open until the device is closed, and
 *	which the caller owns. A domain that requires FI_MR_ENDPOINT needs it: only this
 *	endpoint reaches the mems then. Otherwise it only has the name that
 *	coherent_fabric_get_name() returns. NULL for none.
 * @domain_info: Needed with @domain: the struct fi_info that the caller gave to fi_domain(). It is
 *	used during the open only.
 */
struct coherent_open_options {
	uint32_t struct_size;
	enum coherent_level level;
	const char *name;
	COHERENT_NAMES
	void (*report)(void *arg, enum coherent_severity severity, const char *line);
	void *report_arg;
	bool hugepages;
	bool gigapages;
	bool bus_master_at_open;
	bool harden;
	uint8_t reserved[4];
	const struct coherent_sim_model *model;
	void *model_arg;
	size_t model_size;
	int container;
	int iommufd;
	uint32_t ioas;
	int device_fd;
	struct {
		uint64_t first;
		uint64_t last;
	} window;
	int socket_fd;
	int listen_fd;
	uint64_t nodes;
	void (*trace)(void *arg, const struct coherent_event *event);
	void *trace_arg;
	const char *ledger;
	struct coherent_device *beside;
	const char *const *qemu_args;
	struct fid_domain *domain;
	struct fid_ep *endpoint;
	const struct fi_info *domain_info;
};

/**
 * coherent_base_device_open() - coherent_device_open() with its options in a struct.
 * @dev: Set to the device, or to NULL on failure.
 * @options: The name and the options.
 *
 * Return: as coherent_device_open().
 */
COHERENT_MUST_CHECK
int coherent_base_device_open(struct coherent_device **dev,
			      const struct coherent_open_options *options);

/**
 * coherent_base_device_cleanup() - coherent_device_close() at the end of a scope.
 * @dev: The variable.
 */
void coherent_base_device_cleanup(struct coherent_device **dev);

/**
 * coherent_device_open() - Open a device by name.
 * @dev: Set to the device, or to NULL on failure. Close it with coherent_device_close().
 * @...: The name, then options of struct coherent_open_options by name. In C++, such a
 *	struct follows the name, and may be left out.
 *
 * For instance:
 *
 *	err = coherent_device_open(&dev, "sim:edu", .report = coherent_report_stderr);
 *
 * A name is scheme[:target][,key[=value]]... These are examples:
 *
 *	sim:edu			a simulation of QEMU's edu device
 *	sim:ring,mask=40,step	a ring device of 40 address bits, single-stepped
 *	sim:custom		a device model of the program: struct coherent_sim_model
 *	vfio:0000:00:01.0	a PCI device bound to vfio-pci or a variant, by its group
 *	iommufd:0000:00:01.0	the same, by its own node; needs Linux 6.6
 *	pci:0000:00:01.0	iommufd: if the system has it, otherwise vfio:
 *	vhost-user:/run/disk	a virtio device in another process, by its socket
 *	vfio-user:/run/dev	a PCI device in another process, by its socket
 *	qemu:nvme		a device model of an installed QEMU, behind an IOMMU
 *	fabric:tcp		an endpoint of libfabric, for peers on other machines
 *
 * vfio:, iommufd: and pci: open PCI devices. If one does not open, the report names the command
 * that fixes it; the library changes nothing in the system. Faults are only in the kernel's log.
 * The kernel may want the device back, for instance because it is unplugged or unbound. It then
 * waits until the driver closes the device. From that moment coherent_expose() and the calls
 * that wait return -ENODEV, but the memory stays. The calls that wait are coherent_poll(),
 * coherent_bar_poll32() and coherent_irq_wait(). The exposure of an object of a pool, or of one
 * in place, does not ask the device, so it still succeeds. Without an IOMMU, in VFIO's no-IOMMU
 * mode, vfio: opens only with .level = COHERENT_NONE. In this mode the key pages=N sets how many
 * hugepages of 2 MiB hold all memory, from 1 to 8. The default is 1.
 *
 * A PCI device without a reset of its own may still execute commands of its last owner,
 * which was closed or killed. The open of such a device reports a warning. The device
 * is not bus master until its first object is exposed, or its first MSI or MSI-X vector
 * is opened, so the driver stops it before that, through its registers. Its device
 * addresses begin at a random page of the lowest quarter each time, so that commands
 * that go on fault. Addresses in .window always begin at such a page. In no-IOMMU mode
 * they begin at the lowest page, because no access faults there.
 *
 * vhost-user: is COHERENT_PEER. The peer gets the memory that is exposed, as files,
 * and nothing else. BAR 0 has the registers of virtio-mmio, version 2. Vector 0 is
 * the interrupt of all queues. Read-only exposure returns -EOPNOTSUPP. Its keys are:
 *
 *	id=N		the virtio device ID in the registers, because vhost-user has
 *			none; the default is 2, a disk
 *	timeout=N	how many ms to wait for the connection, and then for each
 *			answer of the peer; the default is 10000
 *	table		for a peer whose memory slots do not work: send it whole
 *			tables, which can change only while the device does not run
 *
 * A freed mem keeps its memory slot until coherent_device_fence(); a reclaimed one
 * does not. The fence connects again, which resets the device, as does writing 0 to
 * the status register. Only such a reset stops a queue. A peer hangs up when it ends,
 * or when it finds an address that is not exposed. Then coherent_expose() and the calls
 * that wait return -ENODEV, registers read as all ones, and the memory stays.
 * coherent_device_reset() connects again.
 *
 * vfio-user: is COHERENT_PEER. The peer gets no memory at all: it asks for each transfer,
 * and the library copies, or refuses and leaves a fault that names the object. So
 * an object ends at its last byte, read-only exposure works, and coherent_reclaim() is
 * a fence without .idle. coherent_expose() and coherent_reclaim() send no message.
 * Interrupts are MSI-X, MSI or INTx. If the peer offers no twin socket, the open reports
 * a warning. Some peers then mistake a register access during a transfer for the answer to
 * their request, and hang up. After the peer is lost, all is as for vhost-user:, but
 * boxes can still be exposed. The key timeout=N is that of vhost-user:. With the key files,
 * the peer maps what is exposed, as files, by the rules of vhost-user:. But read-only
 * exposure works from Linux 5.1 on, and if the peer refuses a region, it is -ENOSPC.
 *
 * qemu: is any PCI device model of qemu-system-x86_64, 7.2 or newer. The library
 * starts QEMU without booting a machine, and this process is the driver. The level
 * is COHERENT_PEER: QEMU itself can reach all that is exposed, and its virtio-iommu
 * confines the model to it. Faults name the object. Its keys are:
 *
 *	image=FILE	a raw image, the disk of nvme or virtio-blk-pci; the default is
 *			64 MiB of zeros. For other models see below.
 *	memory=N	MiB of QEMU's memory, from 8 to 2048, of which all but 2 can be
 *			exposed; the default is 64
 *	any other	a property of the model, as in qemu:edu,dma_mask=0xffffffff;
 *			the library sets addr, bus, driver and iommu_platform itself
 *
 * With .qemu_args the model gets what it needs besides itself, and its own name says
 * which. For instance, this network card sends and receives on a UNIX socket:
 *
 *	const char *const args[] = {
 *		"-netdev", "stream,id=n0,server=off,addr.type=unix,addr.path=/tmp/net",
 *		NULL,
 *	};
 *	err = coherent_device_open(&dev, "qemu:e1000e,netdev=n0", .qemu_args = args);
 *
 * A -device of .qemu_args comes after the model, so that a disk can name its bus: the
 * property id of the model names it. So qemu:ich9-ahci,id=hba gets the disk of "-device",
 * "ide-hd,drive=d0,bus=hba.0", and qemu:intel-hda,id=hda "hda-duplex,audiodev=a,bus=hda.0".
 * If the device name mentions the ID of a -device, that one comes first. The driver reaches
 * only the model of the name. The IOMMU refuses what another PCI device does, and
 * coherent_device_next_fault() does not return it. The call refuses a second IOMMU, a loader,
 * and a value that makes QEMU print help. A report quotes what QEMU says about a value.
 *
 * A device name of qemu: is as trusted as a command line, and so are .qemu_args. They
 * choose files and properties for the program qemu-system-x86_64 that PATH names. So a
 * program that is set-user-ID or set-group-ID, has file capabilities, or gets a domain of
 * its own from a security module, gets -EPERM.
 *
 * A BAR of I/O ports is read and written like any other. An access of 8 bytes to it is
 * two of 4. Interrupts are MSI-X, with all vectors of the model, otherwise one vector of
 * MSI, otherwise INTx. The library polls for them. While it polls for an INTx, which
 * takes two commands of QEMU, registers are slower.
 *
 * Unmapping is not a fence. coherent_device_fence() and coherent_device_reset() reset the
 * bus of the model. The model edu has no reset: it keeps its registers, and goes on with
 * a transfer. The transfer can still reach mems that are exposed, but not freed ones,
 * because the library does not reuse the last 4096 freed addresses while others are left.
 * While the library holds back freed addresses, the mask cannot change. When QEMU has
 * ended, calls that ask the device return -ENODEV. The memory stays, and a reclaim with
 * .idle works. QEMU has 30 s to get ready, and 10 s for all that one call asks. Then the
 * library kills it, and the call returns -ETIMEDOUT.
 *
 * fabric: is a provider of an installed libfabric. The level is COHERENT_PEER with tcp, net,
 * sockets and verbs. Others, such as udp, need .level = COHERENT_NONE. The provider sockets may
 * crash the process if a peer sends malformed bytes. Peers call coherent_fabric_read() and
 * coherent_fabric_write() with a key from coherent_remote(). The device has no registers and no
 * interrupts. Only the peer learns of a refused access, so that is not a fault. A fence and a
 * reset end all connections and reopen the endpoint under its name. The keys are:
 *
 *	node=ADDRESS	the address of this machine, as in node=10.0.0.5; without it the
 *			provider chooses one
 *	service=PORT	the port; without it the system chooses one
 *	manual		no thread serves peers, only calls of the driver do
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (the name is malformed, a key is unknown, a value is bad, or an
 * option belongs to another kind of device; the report lists what is valid. Or .ledger
 * names a file that is not a ledger, or that cannot be made there; or .beside is a device
 * of another kind), -ENODEV (there is no such device, or another thread closes the device of
 * .beside), -EOPNOTSUPP (.level, no IOMMU, .hugepages or another choice of memory where
 * memory is a file, .beside where devices do not share an address space, or the peer
 * lacks a feature), -EIO (no address range is under the mask or in .window, or the device
 * refused), -EBUSY (somebody else has the device, another device of its group, or the lock
 * of .ledger; if this program has the other device of the group, .beside opens this one),
 * -ENOSPC (no file descriptor is left, or no room for .ledger), -EACCES, -EPERM (this
 * process may not open a node or a group, or may not run QEMU), -ETIMEDOUT (the peer
 * does not answer, or QEMU is not ready in time), -ENOMEM.
 */
#define coherent_device_open(dev, ...)					\
	COHERENT_AGAIN(COHERENT_DEVICE_OPEN)				\
	COHERENT_DEVICE_OPEN(COHERENT_UNIQUE(x), dev, __VA_ARGS__, )
#define COHERENT_DEVICE_OPEN(x, new, name_of, ...)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) new COHERENT_LET_END(x, 1)		\
		COHERENT_LET(x, 2) name_of COHERENT_LET_END(x, 2) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (new) COHERENT_VALUE_END(x, 1)	\
		COHERENT_VALUE_OF(x, 2) (name_of) COHERENT_VALUE_END(x, 2) \
		_Static_assert(COHERENT_FIT_DEVICE_AT(x, 1));		\
		_Static_assert(COHERENT_FIT_NAME(x, 2, COHERENT_IS(COHERENT_ARG(x, 1), struct coherent_device **))); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_open_options, #__VA_ARGS__) .model_size = sizeof(struct coherent_sim_model), \
			.name = COHERENT_ARG_NAME(x, 2), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_device_open(COHERENT_DEVICE_AT(x, 1), COHERENT_OPTIONS_OF(x))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#ifdef __cplusplus
#undef coherent_device_open
extern "C++" COHERENT_MUST_CHECK inline int
coherent_device_open(coherent_device **dev, const char *name, coherent_open_options options = {})
{
	options.struct_size = sizeof(options);
	options.model_size = sizeof(coherent_sim_model);
	options.name = name;
	return coherent_base_device_open(dev, &options);
}
#endif

/**
 * coherent_device_close() - Close a device.
 * @dev: The device. NULL is allowed and does nothing.
 *
 * The device cannot reach any memory afterwards, and threads that wait for it return
 * with -ENODEV. If there are faults that coherent_device_next_fault() did not return, a
 * report counts them and has the text of the first one. A report names each object that
 * still exists, with the place where it was allocated. The driver can read and write its
 * memory until it is freed. A call that changes its state, or waits for it, returns -ENODEV.
 *
 * With .domain, transfers that are in flight go on until the caller closes its endpoints. If
 * there may be such transfers, the process never uses the addresses of the device's memory
 * again. A report says so. To get them back, the caller frees all mems, closes its endpoints
 * and calls coherent_device_fence() before the close.
 *
 * Context: may sleep.
 */
void coherent_device_close(struct coherent_device *dev);

/**
 * coherent_device_fence() - End all commands that are in flight.
 * @dev: The device.
 *
 * When the call returns, the device cannot reach memory that was freed or reclaimed
 * before, and other objects may use this memory again. Only a reset is sure to end a
 * command, so the call leaves the device as coherent_device_reset() does: the driver
 * starts it again, as after the open. Mems keep their addresses and contents. If unmapping
 * is a fence (see coherent_device_limits()), nothing waits for a fence, and a driver does
 * not need this call.
 *
 * A device that the caller handed over by .device_fd is reset too. If .container or
 * .iommufd came without .device_fd, the fence does nothing and returns 0, because
 * unmapping has cut the device off. There coherent_device_reset() returns -EIO.
 *
 * A device with .domain does not own its endpoints, and nothing but their end is sure to end
 * the transfers of peers. So the caller closes them before it calls the fence. The fence then
 * only lets other objects use the old memory. coherent_device_reset() returns -EIO.
 *
 * A PCI device without a reset of its own keeps its registers and its commands. Then the
 * fence succeeds, because unmapping has cut the device off from the old memory. In VFIO's
 * no-IOMMU mode unmapping does not cut the device off, so the fence returns -EIO. A PCI
 * device is bus master afterwards if it was before.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV, -EIO, -ETIMEDOUT, -ENOMEM, -EOPNOTSUPP (the device came with
 * .socket_fd), -EBUSY (a callback of the device's own model called it). A device that
 * connects again also returns the errors of coherent_device_open().
 */
COHERENT_MUST_CHECK int coherent_device_fence(struct coherent_device *dev);

/**
 * coherent_device_reset() - Reset the device.
 * @dev: The device.
 *
 * This does what coherent_device_fence() does, to the device and to memory that waits for a
 * fence. But success means that the device was reset. If a PCI device has no reset of its
 * own, this returns -EIO. A fence returns 0 there if unmapping cuts the device off.
 *
 * Context: may sleep.
 * Return: as coherent_device_fence(); also -EIO if the device does not have a reset.
 */
COHERENT_MUST_CHECK int coherent_device_reset(struct coherent_device *dev);

/**
 * coherent_device_set_mask() - Tell the library which addresses the device can use.
 * @dev: The device.
 * @mask: A mask from coherent_mask(). All bytes of every object will be under it.
 *
 * Call this before anything is allocated. A driver of a PCI device with fewer address bits
 * than its IOMMU must call it, because the kernel does not tell how many the device has.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@mask is 0 or not a mask of the lowest bits), -EBUSY (objects
 * exist), -EIO (no address range of the device is under @mask), -ENODEV, -ENOMEM. On
 * failure the mask does not change.
 */
COHERENT_MUST_CHECK int coherent_device_set_mask(struct coherent_device *dev, uint64_t mask);

/**
 * coherent_device_level() - Return what keeps the device from reaching boxes.
 * @dev: The device.
 *
 * Context: any.
 * Return: the level; 0 if @dev is NULL, closed, or a device of the parent process.
 */
enum coherent_level coherent_device_level(const struct coherent_device *dev);

/**
 * struct coherent_limits - What a device can do.
 * @mask: The current DMA mask.
 * @ranges: The ranges of device addresses, in ascending order.
 * @ranges.first: The first address of a range.
 * @ranges.last: The last address of a range, inclusive.
 * @range_count: The number of @ranges. If there are more than 8, the library leaves out the
 *	smallest ones.
 * @vectors: The number of interrupt vectors.
 * @page_bytes: Sizes and device addresses are rounded to multiples of this.
 * @mappings: How many objects and chunks of pools may be exposed; SIZE_MAX for no limit.
 * @unmap_is_fence: True if unmapping an object ends every command that uses the object.
 *	Otherwise coherent_reclaim() needs .idle.
 * @reserved: 0.
 * @bar_bytes: The size of each BAR; 0 if there is no such BAR.
 */
struct coherent_limits {
	uint64_t mask;
	struct {
		uint64_t first;
		uint64_t last;
	} ranges[8];
	uint32_t range_count;
	uint32_t vectors;
	size_t page_bytes;
	size_t mappings;
	bool unmap_is_fence;
	uint8_t reserved[7];
	uint64_t bar_bytes[6];
};

/**
 * coherent_device_limits() - Ask what a device can do.
 * @dev: The device.
 * @limits: Filled in; all zero on failure.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV.
 */
COHERENT_MUST_CHECK COHERENT_INLINE int coherent_device_limits(struct coherent_device *dev,
							       struct coherent_limits *limits)
{
	return coherent_base_device_limits(dev, limits, sizeof(*limits));
}

/**
 * struct coherent_stats - The counters of a device.
 * @objects: Boxes, mems and handles that are not freed, objects that wait for a fence, objects
 *	that could not be unmapped, chunks of pools, and copies of lent boxes.
 * @objects_max: The highest value of @objects so far.
 * @bytes: The size of these objects, in bytes of whole pages.
 * @bytes_max: The highest value of @bytes so far.
 * @mems: Objects that the device can reach, and objects that could not be unmapped.
 * @mems_max: The highest value of @mems so far.
 * @waiting: Objects that wait for coherent_device_fence().
 * @quarantined: Device addresses of freed or reclaimed objects, which no object gets for now.
 * @quarantined_bytes: The size of these addresses, with the guard page behind each.
 * @allocated: How many boxes, mems, handles and copies of lent boxes were ever allocated.
 * @reused: How many allocations reused a freed object of the same size.
 * @memory: Bytes from the system for boxes, and for mems that stay in the memory of their box.
 * @mappings: Mappings of the device: @mems, @waiting and boxes in place. The limits have the most.
 */
struct coherent_stats {
	uint64_t objects;
	uint64_t objects_max;
	uint64_t bytes;
	uint64_t bytes_max;
	uint64_t mems;
	uint64_t mems_max;
	uint64_t waiting;
	uint64_t quarantined;
	uint64_t quarantined_bytes;
	uint64_t allocated;
	uint64_t reused;
	uint64_t memory;
	uint64_t mappings;
};

/**
 * coherent_device_stats() - Read the counters of a device.
 * @dev: The device.
 * @stats: Filled in; all zero on failure.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV.
 */
COHERENT_MUST_CHECK COHERENT_INLINE int coherent_device_stats(struct coherent_device *dev,
							      struct coherent_stats *stats)
{
	return coherent_base_device_stats(dev, stats, sizeof(*stats));
}

/**
 * coherent_report_stderr() - Print a report to stderr.
 * @arg: A const char * that is printed before each line, with a colon; NULL for none.
 * @severity: Printed as a word.
 * @line: The report.
 *
 * Pass this function to coherent_device_open() as .report.
 *
 * Context: any thread.
 */
void coherent_report_stderr(void *arg, enum coherent_severity severity, const char *line);

COHERENT_C_END

/**
 * COHERENT_DEVICE_AUTO() - Declare a device pointer that is closed at the end of its scope.
 * @name: The variable. It is initialised as NULL.
 */
#define COHERENT_DEVICE_AUTO(name)					\
	struct coherent_device *name __attribute__((cleanup(coherent_base_device_cleanup))) = NULL

/* With these macros an ignored result does not compile. */
#if !defined(COHERENT_LIBRARY) && !defined(__cplusplus)
#define coherent_device_fence(dev) COHERENT_RESULT(, coherent_device_fence(dev))
#define coherent_device_stats(dev, stats) COHERENT_RESULT(, coherent_device_stats(dev, stats))
#define coherent_device_reset(dev) COHERENT_RESULT(, coherent_device_reset(dev))
#define coherent_device_set_mask(dev, mask)				\
	COHERENT_RESULT(, coherent_device_set_mask(dev, mask))
#define coherent_device_limits(dev, limits)				\
	COHERENT_RESULT(, coherent_device_limits(dev, limits))
#endif

#include <coherent/trace.h>

#endif
