# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Shortcuts for meson and the scripts in tools/. README.md describes them.

BUILD = build/demo
export FILE ?= $(BUILD)/examples/edu

# After a reconfiguration ninja reports that it has no work, also with --quiet.
all: $(BUILD)/build.ninja
	@log=$$(ninja --quiet -C $(BUILD) 2>&1); status=$$?; \
		printf '%s\n' "$$log" | grep -v -e '^ninja: no work to do\.$$' -e '^$$'; exit $$status

# Sends a file and a disk image through devices and compares every byte. Then the devices try to
# reach memory that they must not reach.
demo: all
	@tools/demo $(BUILD) "$$FILE"

# Runs all tests: with gcc, clang, ASan with UBSan, and TSan.
check: deps-check
	@tools/check

# Runs the tests in VMs with other kernels and IOMMUs, and on other CPUs. The first run builds a kernel.
check-kernels: deps-kernels
	@tools/check kernels

# Compares the library with other allocators on this machine. Writes build/bench/bench.json.
bench: build-bench
	@tools/bench host build/bench

# Draws the result of make bench as docs/bench.svg.
bench-chart: deps-bench
	@tools/bench chart build/bench/bench.json docs/bench.svg

# Draws the objects of a test driver as docs/map.svg. It needs the build of make check.
picture:
	@tools/picture build/gcc docs/map.svg

# Compares the kernel face with the DMA API and with Rust, in VMs. Writes
# build/bench/bench-kernel.json. The side in Rust needs what deps-kernels installs.
bench-kernel: deps-check
	@mkdir -p build/bench
	@tools/bench kernel build/bench

# Writes docs/rust.md from the result of make bench-kernel.
bench-rust:
	@tools/bench rust build/bench/bench-kernel.json docs

# Compares VFIO with raw ioctls, and an NVMe driver with raw pointers, in VMs. Writes
# build/bench/bench-vfio.json.
bench-vfio: build-bench deps-check
	@tools/bench vfio build/bench

# Compares devices in other processes with libblkio, libfabric and the bare protocol. Writes
# build/bench/bench-remote.json.
bench-remote: build-bench
	@tools/bench remote build/bench

# Writes the kernel face as patches for the kernel's own tree to build/series. The first run downloads
# the source of a kernel.
series: deps-check
	@rm -rf build/series
	@tools/series

# Runs five fuzzers for FUZZ_SECONDS each: the calls of the library, and the messages of a vhost-user
# peer, of a vfio-user peer, of a client of a served device and of a QEMU. build/fuzz keeps their inputs for the next run. Two programs then make
# sequences of calls for as long.
FUZZ_SECONDS ?= 60
fuzz: deps-check
	@tools/fuzz $(FUZZ_SECONDS)

# Installs headers, libraries, man pages, and files for pkg-config and CMake. PREFIX and DESTDIR work as usual.
export DESTDIR
PREFIX ?= /usr/local
install: deps-install all
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)) -Dkernel-doc-check=enabled
	@ninja -C $(BUILD) >/dev/null
	@meson install -C $(BUILD) --no-rebuild --quiet
	@[ -n "$$DESTDIR" ] || ldconfig || true

uninstall:
	@ninja -C $(BUILD) --quiet uninstall >/dev/null

# Installs the packages that demo, install and check need.
deps:
	@tools/deps check

$(BUILD)/build.ninja: | deps-demo
	@meson setup $(BUILD) -Dtests=false >/dev/null

build-bench: deps-bench
	@[ -f build/bench/build.ninja ] || \
		meson setup build/bench -Dtests=false -Dbench-peers=enabled >/dev/null
	@ninja --quiet -C build/bench

deps-demo:
	@tools/deps --missing demo

deps-install:
	@tools/deps --missing install

deps-bench:
	@tools/deps --missing bench

deps-kernels:
	@tools/deps --missing kernels

deps-check:
	@tools/deps --missing check

clean:
	rm -rf build

.PHONY: all demo check check-kernels bench bench-kernel bench-rust bench-vfio bench-remote \
	bench-chart picture series fuzz install uninstall clean build-bench deps deps-demo deps-install \
	deps-bench deps-check deps-kernels
