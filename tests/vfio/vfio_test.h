/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tests of VFIO's groups and of iommufd share a device on the mock of the kernel, and tests
 * that run once for each scheme. A file puts its tests into a table of EACH(), ALONE() and
 * ONLY_VFIO(). Each test starts with a mock that has just booted.
 */
#ifndef VFIO_TEST_H
#define VFIO_TEST_H

#include "mock.h"

#define BDF "0000:00:01.0"

/**
 * struct fixture - An open device.
 * @dev: The device.
 * @log: The reports of the library.
 * @before: The counts of blocks, bytes and descriptors before the open.
 */
struct fixture {
	struct coherent_device *dev;
	struct log log;
	struct inject before;
};

/**
 * struct vfio_case - The function of a test and its argument.
 * @of_scheme: The function, if it takes a scheme; otherwise NULL.
 * @alone: The function, if it takes nothing.
 * @scheme: "vfio", "iommufd" or "pci".
 */
struct vfio_case {
	void (*of_scheme)(const char *scheme);
	void (*alone)(void);
	const char *scheme;
};

int boot_mock(void **state);
int halt_mock(void **state);
void run_vfio_case(void **state);

#define VFIO_CASE(title, ...)                                                                    \
	{                                                                                        \
		.name = title, .test_func = run_vfio_case, .setup_func = boot_mock,              \
		.teardown_func = halt_mock, .initial_state = &(struct vfio_case){ __VA_ARGS__ }, \
	}
#define ON(name_of_scheme, fn) \
	VFIO_CASE(name_of_scheme ": " #fn, .of_scheme = fn, .scheme = name_of_scheme)
#define EACH(fn) ON("vfio", fn), ON("iommufd", fn), ON("pci", fn)
#define ONLY_VFIO(fn) VFIO_CASE(#fn, .of_scheme = fn, .scheme = "vfio")
#define ALONE(fn) VFIO_CASE(#fn, .alone = fn)

/* Returns the name of a device. The next call overwrites it. */
const char *name_of(const char *scheme, const char *where);

/* Returns whether 0000:00:01.0 may use DMA. */
bool is_bus_master(void);

/* Opens a device into @fixture. Returns what coherent_device_open() returns. */
int try_open(struct fixture *fixture, const char *name);

/* Opens 0000:00:01.0. The fixture is valid until the next call. */
struct fixture *open_fixture(const char *scheme);

/* Closes the device and checks that nothing of it is left. */
void close_fixture(struct fixture *fixture);

/* Asserts that as many blocks, bytes and descriptors are in use as before, and no mapping. */
void nothing_is_left(const struct fixture *fixture);

/*
 * Returns how many mappings of this process are of the file, or contain the address @at if @file
 * is NULL. If @flag is not NULL, only those with that flag count: " dc" is MADV_DONTFORK.
 */
unsigned int mappings_of(const char *file, uintptr_t at, const char *flag);

#endif
