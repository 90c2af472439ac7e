/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory for other machines. A device of fabric: is an endpoint of libfabric. Peers read and write
 * the mems of this process through it (RDMA), and this process reads and writes theirs.
 *
 *	this process				another process, or another machine
 *
 *	box
 *	 │ expose
 *	 ▼
 *	mem ── coherent_remote() ── struct coherent_remote ──▶ coherent_fabric_read()
 *	 │				(key, address, size)	coherent_fabric_write()
 *	 │ reclaim
 *	 ▼
 *	box, out of reach at once
 *
 * Key. A peer can reach a mem only with its key, which has 64 random bits. coherent_remote() is
 * the only call that gives the key away, and it takes a mem, never a box. The driver sends the
 * struct to the peer by any means. A peer that has the key can pass it on. With verbs the card
 * chooses the key, of 32 bits, and a peer may be able to guess it.
 *
 * Reclaim. libfabric's own fi_close() of a registration is not a fence: a transfer in flight
 * goes on in the memory. coherent_reclaim() and coherent_free() are exact here, without .idle
 * and without help of the peer. The contents of a reclaimed mem move to other pages. Empty
 * pages stay at the old address, and a transfer in flight reads zeros there, or writes there
 * in vain. So coherent_box_ptr() returns another pointer after a reclaim than before the
 * expose. The old address is used again after coherent_device_fence(). The fence closes the
 * endpoint and opens it again with the same name, so all peers lose their connection and must
 * connect again. With verbs the close of a registration is a fence, so the contents stay in place.
 *
 * Reads in flight. libfabric before 1.18 crashes if an endpoint of tcp or net is closed while it
 * receives what this process reads. There coherent_device_fence() and coherent_device_close() wait
 * at most 2 s for the rest. If the rest does not come, the fence returns -ETIMEDOUT. The close then
 * leaves the endpoint open and its memory in use until the process ends.
 *
 * Order. A read is complete when the data is in the mem of the caller. A write is complete when the
 * provider has sent the data. It may still be on its way, and the peer may still refuse it. To know
 * that it has arrived, read a part of it back.
 *
 * Own domain. A program that uses libfabric already hands over its domain by .domain (device.h).
 * Then its own endpoints serve the peers, a fence closes nothing, and only coherent_remote() and
 * coherent_fabric_get_name() work. docs/fabric.md has an example.
 *
 * Trust. The providers tcp, net, sockets and verbs check keys and bounds in this process or in the
 * network card, so the level is COHERENT_PEER. Others need .level = COHERENT_NONE: shm checks no
 * key, and udp ends the process if it gets a malformed datagram. With FI_TCP_ZEROCOPY_SIZE or
 * FI_NET_ZEROCOPY_SIZE in the environment a reclaim is not exact over tcp and net.
 *
 * The provider sockets refuses accesses as the others do, but libfabric has deprecated it. If a
 * peer sends malformed bytes, the provider may crash this process. The open warns of that, unless
 * the driver gives .level = COHERENT_NONE.
 */
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent.h>
#include <coherent/device.h>

#ifdef __KERNEL__
#error "coherent/fabric.h is for userspace: libfabric is a library there"
#endif

#ifndef COHERENT_FABRIC_H
#define COHERENT_FABRIC_H

COHERENT_C_BEGIN

struct coherent_fabric_peer;

/**
 * struct coherent_remote - A mem of another process, as plain data.
 * @key: The key.
 * @address: The address of the first byte, as the provider counts.
 * @bytes: The size, whole pages.
 * @permission: enum coherent_permission. The owner of the mem decides, and not this copy.
 * @check: A checksum, so that a struct that was cut off or changed on its way is refused.
 *
 * All members are little-endian, so that machines can exchange them. A struct is stale when its
 * mem was reclaimed or freed: a transfer then fails.
 *
 * A peer without this library gives le64toh(@address) and le64toh(@key) to fi_read() or fi_write()
 * of libfabric. The bytes from @address on are those of the mem. @check is not needed for that.
 */
struct coherent_remote {
	uint64_t key;
	uint64_t address;
	uint64_t bytes;
	uint32_t permission;
	uint32_t check;
};

/* The longest name that an endpoint can have. */
#define COHERENT_FABRIC_NAME_BYTES 124

/**
 * struct coherent_fabric_name - The name of an endpoint, as plain data.
 * @bytes: How many bytes of @data are used, little-endian.
 * @data: The name, in a format of the provider. With IP it is an address and a port.
 */
struct coherent_fabric_name {
	uint32_t bytes;
	uint8_t data[COHERENT_FABRIC_NAME_BYTES];
};

/**
 * struct coherent_fabric_options - Options of coherent_fabric_read() and coherent_fabric_write().
 * @struct_size: See struct coherent_box_options.
 * @reserved: Do not set this.
 * @mem: The mem of the caller.
 * @COHERENT_NAMES: Do not set this.
 * @timeout_ns: How long to wait.
 * @offset: Where in the remote mem to begin, in bytes.
 * @first: The first element of @mem.
 * @count: How many elements; 0 for all from @first on.
 */
struct coherent_fabric_options {
	uint32_t struct_size;
	uint32_t reserved;
	const struct coherent_mem *mem;
	uint64_t timeout_ns;
	COHERENT_NAMES
	uint64_t offset;
	size_t first;
	size_t count;
};

/**
 * coherent_base_remote() - coherent_remote() after the checks of types.
 * @mem: The mem.
 * @remote: Set to what a peer needs.
 *
 * Return: as coherent_remote().
 */
COHERENT_MUST_CHECK
int coherent_base_remote(const struct coherent_mem *mem, struct coherent_remote *remote);

/**
 * coherent_base_fabric_transfer() - The two transfers after the checks of types.
 * @peer: The peer.
 * @remote: The remote mem.
 * @options: The mem and the options.
 * @size: The size of an element.
 * @is_write: It is a write.
 *
 * Return: as coherent_fabric_read().
 */
COHERENT_MUST_CHECK
int coherent_base_fabric_transfer(struct coherent_fabric_peer *peer,
				  const struct coherent_remote *remote,
				  const struct coherent_fabric_options *options, size_t size,
				  bool is_write);

/**
 * coherent_fabric_get_name() - Get the name of an endpoint, to send it to peers.
 * @dev: A device of fabric:.
 * @name: Set to the name. It stays the same until the device is closed.
 *
 * Context: any thread.
 * Return: 0; -EINVAL (another kind of device, @name is NULL), -ENODEV, -EOPNOTSUPP (the device has
 * .domain without .endpoint), -EIO (.endpoint has no name, or a longer one).
 */
COHERENT_MUST_CHECK
int coherent_fabric_get_name(struct coherent_device *dev, struct coherent_fabric_name *name);

/**
 * coherent_fabric_connect() - Name another endpoint, to read and write its mems.
 * @peer: Set to the peer, or to NULL on failure. End it with coherent_fabric_disconnect().
 * @dev: A device of fabric: with the same provider as that endpoint.
 * @name: The name of the endpoint.
 *
 * The call does not ask the node. The provider connects at the first transfer, which fails if the
 * node does not answer. After a transfer returned -ENODEV, coherent_device_reset() of @dev lets the
 * next one connect again. The peer stays valid over that, and also when @dev is closed. Then its
 * transfers return -ENODEV.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (another kind of device, @name is NULL or malformed), -ENODEV (@dev is NULL,
 * closed, or could not open its endpoint again), -EOPNOTSUPP (the device has .domain), -ENOMEM,
 * -EIO (the provider refuses the name).
 */
COHERENT_MUST_CHECK
int coherent_fabric_connect(struct coherent_fabric_peer **peer, struct coherent_device *dev,
			    const struct coherent_fabric_name *name);

/**
 * coherent_fabric_disconnect() - End a peer.
 * @peer: The peer; NULL does nothing. No other thread uses it.
 *
 * Context: any thread.
 */
void coherent_fabric_disconnect(struct coherent_fabric_peer *peer);

/**
 * coherent_fabric_progress() - Let an endpoint serve its peers.
 * @dev: A device of fabric: whose name has the key manual.
 * @timeout_ns: How long to wait for something to do; 0 to return at once.
 *
 * Without the key manual a thread of the library does this. With the key, peers wait until the
 * driver calls this again. A transfer of this process serves peers, too, while it waits.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (another kind of device), -EOPNOTSUPP (the device has .domain), -ENODEV.
 */
COHERENT_MUST_CHECK
int coherent_fabric_progress(struct coherent_device *dev, uint64_t timeout_ns);

COHERENT_C_END

/**
 * coherent_remote() - Get what a peer needs to reach a mem.
 * @mem: A mem of a device of fabric:.
 * @remote: A struct coherent_remote *, set to the key and the place.
 *
 * For instance:
 *
 *	struct coherent_remote remote;
 *
 *	err = coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY);
 *	if (!err)
 *		err = coherent_remote(&mem, &remote);
 *	if (!err)
 *		err = send(socket, &remote, sizeof(remote), 0) == sizeof(remote) ? 0 : -EPIPE;
 *
 * Context: any thread.
 * Return: 0; -EINVAL (@mem is empty or of another kind of device, @remote is NULL), -EOPNOTSUPP (a
 * mem of a pool: the key would open the objects beside it too), -ENODEV (the device is closed).
 */
#define coherent_remote(mem, remote)					\
	COHERENT_AGAIN(COHERENT_REMOTE)					\
	COHERENT_REMOTE(COHERENT_UNIQUE(x), mem, remote)
#define COHERENT_REMOTE(x, old, remote)					\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, mem), 1, COHERENT_TEXT_MEM)); \
		COHERENT_STRICT COHERENT_ERR(x, coherent_base_remote(COHERENT_CONST_BASE_FOR(x, 1, mem), \
			(remote))) COHERENT_STRICT_END			\
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/**
 * coherent_fabric_read() - Read from a mem of a peer.
 * @peer: The peer.
 * @remote: A const struct coherent_remote * that the peer has sent.
 * @mem: A mem of the device of @peer, which gets the data.
 * @...: How long to wait in ns; then options of struct coherent_fabric_options by name: .offset,
 *	.first, .count.
 *
 * If the peer reclaims or frees its mem during the read, the call may return 0, and the bytes from
 * some place on are zero. So a peer that reclaims says so before, for instance in a descriptor. The
 * reader reads the descriptor again after the data (examples/mirror.h).
 *
 * After -ETIMEDOUT the provider may still write to @mem. A reclaim or a free of @mem ends that as
 * it ends any access.
 *
 * For instance, the second page of the peer:
 *
 *	err = coherent_fabric_read(peer, &remote, &mem, 1000000000, .offset = 4096, .count = 4096);
 *
 * Context: may sleep.
 * Return: 0; -EINVAL (@peer, @remote or @mem is empty, @remote was changed or cut off, @mem is of
 * another device), -ERANGE (past the end of @mem or of @remote), -EIO (the peer refuses: the mem
 * was reclaimed or freed, or the key is wrong), -ENODEV (the device is closed, or the connection
 * broke, which is how some providers refuse), -ETIMEDOUT, -ENOMEM.
 */
#define coherent_fabric_read(peer, remote, mem, ...)			\
	COHERENT_AGAIN(COHERENT_FABRIC_TRANSFER)			\
	COHERENT_FABRIC_TRANSFER(COHERENT_UNIQUE(x), false, peer, remote, mem, __VA_ARGS__, )

/**
 * coherent_fabric_write() - Write to a mem of a peer.
 * @peer: The peer.
 * @remote: A const struct coherent_remote * that the peer has sent.
 * @mem: A mem of the device of @peer, which has the data.
 * @...: How long to wait in ns; then options of struct coherent_fabric_options by name: .offset,
 *	.first, .count.
 *
 * The call returns when the data was sent. It may return 0 although the peer refuses the data
 * later.
 *
 * Context: may sleep.
 * Return: as coherent_fabric_read(), also -EINVAL if @remote is read-only.
 */
#define coherent_fabric_write(peer, remote, mem, ...)			\
	COHERENT_AGAIN(COHERENT_FABRIC_TRANSFER)			\
	COHERENT_FABRIC_TRANSFER(COHERENT_UNIQUE(x), true, peer, remote, mem, __VA_ARGS__, )

#define COHERENT_FABRIC_TRANSFER(x, is_write, peer, remote, old, timeout, ...) \
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) old COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (old) COHERENT_VALUE_END(x, 1)	\
		_Static_assert(COHERENT_FIT_ADDRESS(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_ONCE(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_KIND(x, 1, COHERENT_IS_ARG(x, 1, mem), 1, COHERENT_TEXT_MEM)); \
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_fabric_options, #__VA_ARGS__) \
			.mem = COHERENT_CONST_BASE_FOR(x, 1, mem), .timeout_ns = (timeout), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_STRICT COHERENT_ERR(x, coherent_base_fabric_transfer((peer), (remote), \
			COHERENT_OPTIONS_OF(x), sizeof(COHERENT_T_OF(x, 1)), is_write)) COHERENT_STRICT_END \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

/* With these macros an ignored result does not compile. */
#if !defined(COHERENT_LIBRARY) && !defined(__cplusplus)
#define coherent_fabric_get_name(dev, name) COHERENT_RESULT(, coherent_fabric_get_name(dev, name))
#define coherent_fabric_connect(peer, dev, name)			\
	COHERENT_RESULT(, coherent_fabric_connect(peer, dev, name))
#define coherent_fabric_progress(dev, timeout_ns)			\
	COHERENT_RESULT(, coherent_fabric_progress(dev, timeout_ns))
#endif

#include <coherent/detail/c_only.h>

#endif
