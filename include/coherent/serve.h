/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The server: a simulated device as a PCI device of another process, by vfio-user.
 *
 * The process can be a driver that opens "vfio-user:/path", or QEMU with the device
 * vfio-user-pci, so that a guest has the device. A model runs in all places without a change.
 * It gets no memory of the other process: coherent_sim_dma_read() and
 * coherent_sim_dma_write() become messages, which the other process answers or refuses. If it
 * refuses a part of a large write, an earlier part may have been written. If that process sends
 * the file of its memory, the server reads and writes the file instead. The kernel does not
 * write to files of hugepages (hugetlbfs), so a write to those is a message. The server itself
 * refuses an access to memory that the process did not announce, such as address 0. That process
 * then has no fault, so the server reports the first such access of each connection.
 *
 * The device has a configuration space of 256 bytes with its IDs, BARs of 32 bits and MSI-X. The
 * first BAR that the model does not have holds the MSI-X table. A BAR is at least 16 bytes and a
 * power of two: what is behind the end of the model's BAR reads as all ones. If the model has
 * .config_read, the IDs that no option gives come from it. Its bytes from 0x50 on are part of
 * the configuration space, as are those of .config_write. If all capabilities of the model begin
 * at 0x50 or later, the list has them after MSI-X. Otherwise the client finds none of them, and a
 * report says so. The server reads the IDs and the list once, at the start.
 *
 * QEMU must have its memory in a file, as with -object memory-backend-memfd,share=on. While
 * a guest reads a register, QEMU answers no message. If the model moves data at that moment,
 * each waits for the other one, and QEMU gives up after 5 s.
 */
#ifndef COHERENT_SERVE_H
#define COHERENT_SERVE_H
#if __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <coherent/sim.h>

COHERENT_C_BEGIN

/**
 * struct coherent_serve_options - Options of coherent_sim_serve().
 * @struct_size: Do not set this. The macro sets it to the size of the struct.
 * @connections: How many connections to serve, one after another; 0 for no limit. A connection
 *	that ends without a message does not count.
 * @name: The name of the device. The macro sets it.
 * @COHERENT_NAMES: Do not set this.
 * @report: Called with each report; NULL for none.
 * @report_arg: The first argument of @report.
 * @model: The model of sim:custom; NULL otherwise.
 * @model_arg: The argument of its callbacks.
 * @model_size: Do not set this.
 * @socket_fd: A connected socket to serve instead of a path; 0 for none. It stays open.
 * @listen_fd: A socket that listens, instead of a path; 0 for none. It stays open. The library
 *	makes it non-blocking.
 * @stop_fd: A descriptor that ends the call when it is readable, such as an eventfd; 0 for none.
 *	Leave it readable until the call returns.
 * @class_code: The 24 bits of the class; 0 for that of the model, or 0x00ff00.
 * @vendor: The vendor ID; 0 for that of the model, or 0x1234.
 * @device: The device ID; 0 for that of the model, or 1.
 * @revision: The revision; 0 for that of the model, or 0.
 * @reserved: Do not set this.
 * @timeout_ns: How long an answer of the other process may take; 0 for 10 s.
 */
struct coherent_serve_options {
	uint32_t struct_size;
	uint32_t connections;
	const char *name;
	COHERENT_NAMES
	void (*report)(void *arg, enum coherent_severity severity, const char *line);
	void *report_arg;
	const struct coherent_sim_model *model;
	void *model_arg;
	size_t model_size;
	int socket_fd;
	int listen_fd;
	int stop_fd;
	uint32_t class_code;
	uint16_t vendor;
	uint16_t device;
	uint8_t revision;
	uint8_t reserved[3];
	uint64_t timeout_ns;
};

/**
 * coherent_base_sim_serve() - coherent_sim_serve() with its options in a struct.
 * @path: The path of the socket, or NULL.
 * @options: The name and the options.
 *
 * Return: as coherent_sim_serve().
 */
COHERENT_MUST_CHECK
int coherent_base_sim_serve(const char *path, const struct coherent_serve_options *options);

/**
 * coherent_sim_serve() - Serve a simulated device to other processes.
 * @name: The name of the device, as in "sim:edu" or "sim:custom". The key "step" is refused. The
 *	keys of mappings mean nothing here, and writes are neither torn nor repeated.
 * @...: The path of the socket, or NULL with .socket_fd or .listen_fd; then options of struct
 *	coherent_serve_options by name. In C++, such a struct follows the path.
 *
 * For instance:
 *
 *	err = coherent_sim_serve("sim:custom", "/run/dev", .model = &model);
 *
 * The call makes the socket, which only the user of the process can use, and removes it at
 * the end. It replaces a socket that no process listens to. It serves one connection at a
 * time, and resets the device after each. A client that breaks the protocol loses the
 * connection, and a report says so. The callbacks of the model run in this thread and in one
 * of the simulator, and never at the same time. They may use other devices. If a callback
 * opens the path that its own server serves, coherent_device_open() returns -ETIMEDOUT. A
 * client that sends a file on FUSE decides how long the server waits for that file, also at
 * the end.
 *
 * Context: may sleep; not a callback of a model.
 * Return: 0 (all connections were served, or .stop_fd was readable); -EINVAL (the name, the
 * model or an option is bad, the path is not a socket, or a BAR is too large), -EADDRINUSE
 * (a process listens at the path), -EACCES, -ENOENT or another error of the path, -ENOSPC
 * (no file descriptor or no asynchronous I/O is left), -ENOMEM, or what
 * coherent_device_open() returns.
 */
#define coherent_sim_serve(name, ...)					\
	COHERENT_AGAIN(COHERENT_SIM_SERVE)				\
	COHERENT_SIM_SERVE(COHERENT_UNIQUE(x), name, __VA_ARGS__, )
#define COHERENT_SIM_SERVE(x, name_of, path, ...)			\
	COHERENT_BEGIN_CALL						\
		COHERENT_LET(x, 1) name_of COHERENT_LET_END(x, 1) COHERENT_ARGUMENTS \
		COHERENT_VALUE_OF(x, 1) (name_of) COHERENT_VALUE_END(x, 1) \
		_Static_assert(COHERENT_FIT_NAME(x, 1, 1));		\
		_Static_assert(COHERENT_FIT_OPTIONS(#__VA_ARGS__));		\
		COHERENT_OPTIONS_ARE(x, coherent_serve_options, #__VA_ARGS__) .model_size = sizeof(struct coherent_sim_model), \
			.name = COHERENT_ARG_NAME(x, 1), __VA_ARGS__ COHERENT_OPTIONS_END \
		COHERENT_ERR(x, coherent_base_sim_serve((path), COHERENT_OPTIONS_OF(x))) \
	COHERENT_ARGUMENTS_END COHERENT_END_CALL

#ifdef __cplusplus
#undef coherent_sim_serve
extern "C++" COHERENT_MUST_CHECK inline int
coherent_sim_serve(const char *name, const char *path, coherent_serve_options options = {})
{
	options.struct_size = sizeof(options);
	options.model_size = sizeof(coherent_sim_model);
	options.name = name;
	return coherent_base_sim_serve(path, &options);
}
#endif

COHERENT_C_END

#include <coherent/detail/c_only.h>

#endif
