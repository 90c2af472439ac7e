# SPDX-License-Identifier: GPL-2.0-only OR MIT
# meson underneath; see README.md.

BUILD = build/demo
export FILE ?= $(BUILD)/examples/edu

all: $(BUILD)/build.ninja
	@ninja --quiet -C $(BUILD)

# A file and a disk image through devices, every byte compared, and what they could not reach.
demo: all
	@tools/demo $(BUILD) "$$FILE"

# All tests: gcc, clang, ASan with UBSan, TSan.
check: deps-check
	@tools/check

# The tests in VMs with other kernels, IOMMUs and architectures; one kernel is built, once.
check-kernels: deps-kernels
	@tools/check kernels

# A line a case, beside peers and floors; build/bench/bench.json has the same.
bench: deps-bench
	@[ -f build/bench/build.ninja ] || \
		meson setup build/bench -Dtests=false -Dbench-peers=enabled >/dev/null
	@ninja --quiet -C build/bench
	@tools/bench host build/bench

# What that measured beside peers, as docs/bench.svg.
bench-chart: deps-bench
	@tools/bench chart build/bench/bench.json docs/bench.svg

# The same in a kernel: VMs, beside the DMA API by hand; build/bench/bench-kernel.json.
bench-kernel: deps-check
	@tools/bench kernel build/bench

# VFIO and an NVMe driver in VMs, beside raw ioctls and raw pointers; build/bench/bench-vfio.json.
bench-vfio: deps-bench deps-check
	@[ -f build/bench/build.ninja ] || \
		meson setup build/bench -Dtests=false -Dbench-peers=enabled >/dev/null
	@ninja --quiet -C build/bench
	@tools/bench vfio build/bench

# Devices in other processes, beside libblkio and what is sent; build/bench/bench-remote.json.
bench-remote: deps-bench deps-demo
	@[ -f build/bench/build.ninja ] || \
		meson setup build/bench -Dtests=false -Dbench-peers=enabled >/dev/null
	@ninja --quiet -C build/bench
	@tools/bench remote build/bench

# Calls of tests/model and answers of a vhost-user peer that libFuzzer makes up; what it learns
# stays in build/fuzz.
FUZZ_SECONDS ?= 60
fuzz: deps-check
	@tools/fuzz $(FUZZ_SECONDS)

# Headers, libraries, pkg-config file, man pages; PREFIX and DESTDIR as usual.
export DESTDIR
PREFIX ?= /usr/local
install: deps-install all
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)) -Dkernel-doc-check=enabled
	@ninja -C $(BUILD) >/dev/null
	@meson install -C $(BUILD) --no-rebuild --quiet
	@[ -n "$$DESTDIR" ] || ldconfig || true

uninstall:
	@ninja -C $(BUILD) --quiet uninstall >/dev/null

# What apt installs for all of these.
deps:
	@tools/deps check

$(BUILD)/build.ninja: | deps-demo
	@meson setup $(BUILD) -Dtests=false >/dev/null

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

.PHONY: all demo check check-kernels bench bench-kernel bench-vfio bench-remote bench-chart fuzz install uninstall clean \
	deps deps-demo deps-install deps-bench deps-check deps-kernels
